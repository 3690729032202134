"""Boot ROMs made from Intel's PXE development kit. No such ROM was at hand: all of it is from documents."""

from __future__ import annotations

from pxeconform.diagnosis.lenses.common import (
    asks_for,
    error_packet,
    has_discovery_tags,
    is_proxy,
    other_item,
    wrong_transaction,
)
from pxeconform.diagnosis.lenses.model import Check, Kind, Lens, Sort, Subject
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.protocol.tftp import Data
from pxeconform.registry.dhcp_options import PXE_CLIENT_CLASS
from pxeconform.registry.pxe_tags import DiscoveryControl, PxeTag

_DHCP = (Kind.OFFER, Kind.ACK, Kind.PROXY_REPLY, Kind.ITEM_REPLY)
_LEADING = (Kind.OFFER, Kind.PROXY_REPLY)
_LARGEST_DATA = 1456
_OPTIONS = {"tsize": range(1), "blksize": range(512, _LARGEST_DATA + 1)}


def _has_nul(subject: Subject) -> str | None:
    value = subject.message.class_identifier or b""
    odd = value.startswith(PXE_CLIENT_CLASS) and value != PXE_CLIENT_CLASS
    return f"option 60 is {value[:40]!r}, and a server's is PXEClient alone" if odd else None


def _proxy_without_class(subject: Subject) -> str | None:
    message = subject.message
    return (
        "it offers no address, and its option 60 is not PXEClient" if is_proxy(message) and not message.is_pxe else None
    )


def _control(subject: Subject) -> DiscoveryControl | None:
    """Tag 6 where discovery is what the message leads to."""
    message = subject.message
    tags = message.vendor_options
    if tags is None or not has_discovery_tags(message):
        return None
    control = tags.discovery_control or DiscoveryControl(0)
    direct = control & DiscoveryControl.DOWNLOAD_OFFERED_FILE and message.boot_file
    return None if direct else control


def _menu_missing(subject: Subject) -> str | None:
    tags = subject.message.vendor_options
    if _control(subject) is None or tags is None:
        return None
    lacking = [tag for tag in (PxeTag.BOOT_MENU, PxeTag.MENU_PROMPT) if tag not in tags]
    return f"tag {' and '.join(str(int(t)) for t in lacking)} of option 43 is missing (PXE-E74)" if lacking else None


def _group_missing(subject: Subject) -> str | None:
    control, tags = _control(subject), subject.message.vendor_options
    if control is None or tags is None or control & DiscoveryControl.MULTICAST_DISABLED or tags.multicast_address:
        return None
    return "tag 6 allows discovery by multicast, and tag 7 names no group (PXE-E76)"


def _list_missing(subject: Subject) -> str | None:
    control, tags = _control(subject), subject.message.vendor_options
    if control is None or tags is None or tags.boot_servers:
        return None
    closed = DiscoveryControl.BROADCAST_DISABLED | DiscoveryControl.MULTICAST_DISABLED
    only_list = control & closed == closed or control & DiscoveryControl.USE_BOOT_SERVERS_LIST
    return "tag 6 leaves only the list of servers, and tag 8 has none (PXE-E77)" if only_list else None


def _no_server_of_file(subject: Subject) -> str | None:
    message = subject.message
    plain = not message.is_pxe and bool(message.boot_file) and message.siaddr == NOWHERE and not is_proxy(message)
    return "it names a boot file, but siaddr is 0.0.0.0 (PXE-E7B)" if plain else None


def _nothing_to_boot(subject: Subject) -> str | None:
    message = subject.message
    return None if message.boot_file or has_discovery_tags(message) else "it gives nothing to boot"


def _large_data(subject: Subject) -> str | None:
    packet = subject.packet.packet if subject.packet is not None else None
    large = isinstance(packet, Data) and packet.length > _LARGEST_DATA
    return f"DATA of more than {_LARGEST_DATA} octets (PXE-E3F)" if large else None


def _asks_within_its_limit(subject: Subject) -> bool:
    """A ROM that takes 1456 octets at most asks for no more."""
    return asks_for(subject, _OPTIONS)


INTEL = Lens(
    "intel",
    "Intel boot ROM",
    _asks_within_its_limit,
    (
        Sort(
            "proxy offer", is_proxy, "kept beside a DHCP offer; goes before what the DHCP server says", "PXE-2.1 §2.2.2"
        ),
        Sort(
            "DHCP and proxy offer in one",
            lambda m: m.is_pxe and (has_discovery_tags(m) or bool(m.boot_file)),
            "goes before plain DHCP offers",
            "PXE-2.1 §2.2.2",
        ),
        Sort(
            "DHCP offer that points to port 4011",
            lambda m: m.is_pxe,
            "its server must answer a request on port 4011, else the screen shows PXE-E55",
            "PXE-2.1 §2.2.3; ROM-MESSAGES",
        ),
        Sort(
            "plain DHCP offer",
            lambda m: True,
            "taken when the waits of 4 and 8 seconds brought no PXE offer",
            "PXE-2.1 §2.2.2",
        ),
    ),
    (
        Check(_DHCP, wrong_transaction, "ignores", "RFC2131 §4.4.1", "possible"),
        Check((Kind.OFFER,), _proxy_without_class, "ignores", "PXE-2.1 Table 2-3", "possible"),
        Check(_LEADING, _has_nul, "ignores", "PXE-2.1 Table 2-1", "possible"),
        Check(_LEADING, _menu_missing, "rejects", "ROM-MESSAGES", "possible"),
        Check(_LEADING, _group_missing, "rejects", "ROM-MESSAGES", "possible"),
        Check(_LEADING, _list_missing, "rejects", "ROM-MESSAGES", "possible"),
        Check((Kind.OFFER,), _no_server_of_file, "rejects", "ROM-MESSAGES", "possible"),
        Check((Kind.PROXY_REPLY, Kind.ITEM_REPLY), _nothing_to_boot, "rejects", "PXE-2.1 §2.5.3", "possible"),
        Check((Kind.ITEM_REPLY,), other_item, "ignores", "PXE-2.1 §2.4.5", "possible"),
        Check((Kind.DATA,), _large_data, "rejects", "ROM-MESSAGES", "possible", if_asked=True),
        Check((Kind.ERROR,), error_packet, "rejects", "ROM-MESSAGES", "possible"),
    ),
    knows_ipv6=False,
)
"""By PXE 2.1 and the vendors' lists of messages."""
