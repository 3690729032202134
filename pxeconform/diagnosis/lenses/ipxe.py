"""iPXE: net/udp/dhcp.c and net/udp/tftp.c."""

from __future__ import annotations

from pxeconform.diagnosis.lenses.common import (
    acknowledged,
    asks_for,
    error_packet,
    is_proxy,
    listed_servers,
    malformed_options,
    other_item,
    pseudo_id,
    requested,
    wrong_transaction,
)
from pxeconform.diagnosis.lenses.model import Check, Kind, Lens, Sort, Subject
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.registry.dhcp_options import MessageType
from pxeconform.registry.ports import Port
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.sessions.attempts import Role

_DHCP = (Kind.OFFER, Kind.ACK, Kind.PROXY_REPLY, Kind.ITEM_REPLY)
_SOURCE = "IPXE dhcp.c"
_NUMBERS = frozenset({"blksize", "tsize"})
_OPTIONS = {"tsize": range(1), "blksize": range(512, 65465)}


def _not_from_port_67(subject: Subject) -> str | None:
    assert subject.event is not None
    port = subject.event.source[1]
    over_ipv6 = ":" in subject.event.source[0]
    return None if port == Port.DHCP_SERVER or over_ipv6 else f"it comes from port {port}, not from 67"


def _no_offer_by_type(subject: Subject) -> str | None:
    kind = subject.message.type
    return (
        None if kind in (None, MessageType.OFFER) else f"it is a {subject.message.type_name}, no OFFER or BOOTP reply"
    )


def _proxy_without_class(subject: Subject) -> str | None:
    message = subject.message
    return (
        "it offers no address, and its option 60 is not PXEClient" if is_proxy(message) and not message.is_pxe else None
    )


def _ack_of_another(subject: Subject) -> str | None:
    request = subject.asked(Role.REQUEST)
    chosen = request.message.server_identifier if request is not None else None
    if chosen is None or subject.message.server_identifier in (None, chosen):
        return None
    return f"it is from {subject.message.server_identifier}, the client asked {chosen}"


def _not_from_port_4011(subject: Subject) -> str | None:
    assert subject.event is not None
    port = subject.event.source[1]
    return None if port == Port.PXE else f"it comes from port {port}, not from 4011"


def _other_proxy(subject: Subject) -> str | None:
    request = subject.asked(Role.PROXY_REQUEST)
    if request is None or pseudo_id(subject) == request.destination[0]:
        return None
    return f"it is from {pseudo_id(subject)}, the client asked {request.destination[0]}"


def _proxy_reply_without_lead(subject: Subject) -> str | None:
    message = subject.message
    tags = message.vendor_options
    has_menu = tags is not None and PxeTag.BOOT_MENU in tags
    if has_menu or (message.siaddr != NOWHERE and message.boot_file):
        return None
    return "it has neither a boot file with siaddr nor a menu (tag 9)"


def _item_reply_port(subject: Subject) -> str | None:
    assert subject.event is not None
    port = subject.event.source[1]
    return None if port in (Port.DHCP_SERVER, Port.PXE) else f"it comes from port {port}, not from 67 or 4011"


def _item_reply_type(subject: Subject) -> str | None:
    return None if subject.message.type is MessageType.ACK else f"it is a {subject.message.type_name}, no ACK"


def _not_on_the_list(subject: Subject) -> str | None:
    allowed = listed_servers(subject)
    if allowed is None or pseudo_id(subject) in allowed:
        return None
    return f"tag 6 restricts the client to {', '.join(allowed) or 'nobody'}, and this is {pseudo_id(subject)}"


def _no_number(subject: Subject) -> str | None:
    bad = [
        f"{name} {value[:40]!r}" for name, value in acknowledged(subject) if name in _NUMBERS and not value.isdigit()
    ]
    return f"{', '.join(bad)} is no number" if bad else None


def _asks_like_ipxe(subject: Subject) -> bool:
    return asks_for(subject, _OPTIONS) and (subject.transfer is None or "blksize" in requested(subject))


IPXE = Lens(
    "ipxe",
    "iPXE",
    _asks_like_ipxe,
    (
        Sort("proxy offer", is_proxy, "kept beside a DHCP offer; iPXE waits up to two seconds for one", _SOURCE),
        Sort(
            "DHCP and proxy offer in one",
            lambda m: m.is_pxe,
            "taken at once; with a boot file and siaddr, or a menu, port 4011 is not asked",
            _SOURCE,
        ),
        Sort("DHCP offer", lambda m: True, "taken when two seconds brought no proxy offer", _SOURCE),
    ),
    (
        Check(_DHCP, wrong_transaction, "ignores", _SOURCE),
        Check(_DHCP, malformed_options, "rejects", _SOURCE, "possible"),
        Check((Kind.OFFER, Kind.ACK), _not_from_port_67, "ignores", _SOURCE),
        Check((Kind.OFFER,), _no_offer_by_type, "ignores", _SOURCE),
        Check((Kind.OFFER,), _proxy_without_class, "ignores", _SOURCE),
        Check((Kind.ACK,), _ack_of_another, "ignores", _SOURCE),
        Check((Kind.PROXY_REPLY,), _not_from_port_4011, "ignores", _SOURCE),
        Check((Kind.PROXY_REPLY,), _other_proxy, "ignores", _SOURCE),
        Check((Kind.PROXY_REPLY,), _proxy_reply_without_lead, "ignores", _SOURCE),
        Check((Kind.ITEM_REPLY,), _item_reply_port, "ignores", _SOURCE),
        Check((Kind.ITEM_REPLY,), _item_reply_type, "ignores", _SOURCE),
        Check((Kind.ITEM_REPLY,), other_item, "ignores", _SOURCE),
        Check((Kind.ITEM_REPLY,), _not_on_the_list, "ignores", _SOURCE),
        Check((Kind.OACK,), _no_number, "rejects", "IPXE tftp.c", "possible", if_asked=True),
        Check((Kind.ERROR,), error_packet, "rejects", "IPXE tftp.c; 2d12603b seen on iPXE 2019-01", "certain"),
    ),
)
"""By iPXE's source as of 2026-08; its habits as seen on iPXE 2019-01 and 1.21.1."""
