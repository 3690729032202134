"""EDK2 and firmware made from it: UefiPxeBcDxe, Dhcp4Dxe, Mtftp4Dxe, HttpBootDxe."""

from __future__ import annotations

from pxeconform.diagnosis.lenses.common import (
    acknowledged,
    asks_for,
    error_packet,
    has_discovery_tags,
    has_mtftp_tags,
    is_proxy,
    listed_servers,
    malformed_options,
    requested,
    wrong_transaction,
)
from pxeconform.diagnosis.lenses.model import Check, Kind, Lens, Sort, Subject
from pxeconform.sessions.attempts import Role
from pxeconform.sessions.transfers import Sender

_DHCP = (Kind.OFFER, Kind.ACK, Kind.PROXY_REPLY, Kind.ITEM_REPLY)
_SORTING = "EDK2 PxeBcDhcp4.c"
_OPTIONS = {"tsize": range(1), "blksize": range(512, 65465), "windowsize": range(1, 65)}
"""What its requests have, and between which limits a platform may set it."""
_NUMERIC = frozenset({"tsize", "blksize", "windowsize", "timeout"})
_PORT_68 = 68


def _is_http_client(subject: Subject) -> bool:
    asked = subject.asked(Role.DISCOVER, Role.REQUEST)
    return asked is not None and asked.message.is_http


def _other_client_class(subject: Subject) -> str | None:
    message = subject.message
    if _is_http_client(subject) and message.is_pxe:
        return "it is for PXEClient, and this client is an HTTPClient"
    if not _is_http_client(subject) and message.is_http:
        return "it is for HTTPClient, and this client is a PXEClient"
    return None


def _http_without_url(subject: Subject) -> str | None:
    if not _is_http_client(subject) or not subject.message.is_http:
        return None
    return (
        None if b"://" in subject.message.boot_file else "it has the class HTTPClient, but no URL in option 67 or file"
    )


def _proxy_without_class(subject: Subject) -> str | None:
    message = subject.message
    plain = is_proxy(message) and not message.is_pxe and not message.is_http
    return "it offers no address, and its option 60 is not PXEClient" if plain else None


def _windows_for_management(subject: Subject) -> str | None:
    message = subject.message
    if has_mtftp_tags(message) and not has_discovery_tags(message):
        return "it has only the multicast tags 1 to 5 (EDK2 calls it WfM 1.1a), and EDK2 has no multicast download"
    return None


def _bootp_without_file(subject: Subject) -> str | None:
    message = subject.message
    return "it is a BOOTP reply without a boot file" if message.type is None and not message.boot_file else None


def _goes_to_other_port(subject: Subject) -> str | None:
    assert subject.event is not None
    request = subject.asked(Role.PROXY_REQUEST, Role.ITEM_REQUEST)
    if request is None or subject.event.destination[1] == request.source[1]:
        return None
    return f"it goes to port {subject.event.destination[1]}, the client listens on {request.source[1]}"


def _offer_to_other_port(subject: Subject) -> str | None:
    assert subject.event is not None
    port = subject.event.destination[1]
    relayed = subject.message.giaddr != "0.0.0.0"
    return (
        None if port == _PORT_68 or relayed or ":" in subject.event.source[0] else f"it goes to port {port}, not to 68"
    )


def _nothing_to_boot(subject: Subject) -> str | None:
    message = subject.message
    if message.boot_file or has_discovery_tags(message):
        return None
    return "it has neither a boot file nor any of the tags 6 to 10"


def _not_on_the_list(subject: Subject) -> str | None:
    allowed = listed_servers(subject)
    if allowed is None or subject.message.siaddr in allowed:
        return None
    return f"tag 6 restricts the client to {', '.join(allowed) or 'nobody'}, and siaddr is {subject.message.siaddr}"


def _item_without_file(subject: Subject) -> str | None:
    return None if subject.message.boot_file else "it names no boot file"


def _unrequested(subject: Subject) -> str | None:
    extra = [name for name, _ in acknowledged(subject) if name not in requested(subject)]
    return f"it acknowledges {', '.join(extra)}, which was not asked for" if extra else None


def _larger(subject: Subject) -> str | None:
    asked = requested(subject)
    for name, value in acknowledged(subject):
        if name in _NUMERIC and not value.isdigit():
            return f"{name} is {value[:40]!r} and no number"
        if name in ("blksize", "windowsize") and asked.get(name, "").isdigit() and int(value) > int(asked[name]):
            return f"{name} {value} is more than the {asked[name]} that were asked for"
        if name == "timeout" and value != asked.get(name):
            return f"timeout {value} is not the {asked.get(name)} that was asked for"
    return None


def _size_missing(subject: Subject) -> str | None:
    if "tsize" not in requested(subject):
        return None
    if "tsize" not in dict(acknowledged(subject)):
        return "its first request is for the size of the file, and the answer does not tell it"
    return None


def _data_without_options(subject: Subject) -> str | None:
    transfer, packet = subject.transfer, subject.packet
    if transfer is None or packet is None or "tsize" not in requested(subject):
        return None
    first = next(transfer.of(Sender.SERVER), None)
    return "DATA came for its request for the size: the server knows no options" if first is packet else None


def asks_like_edk2(subject: Subject) -> bool:
    """The request is one that EDK2 sends: blksize always, tsize only in the probe, windowsize since 2021."""
    return asks_for(subject, _OPTIONS) and (subject.transfer is None or "blksize" in requested(subject))


EDK2 = Lens(
    "edk2",
    "EDK2 (UEFI)",
    asks_like_edk2,
    (
        Sort(
            "HTTP boot offer",
            lambda m: m.is_http,
            "HTTP boot takes it if it has a URL; PXE leaves it alone",
            "EDK2 HttpBootDhcp4.c",
        ),
        Sort("BOOTP", lambda m: m.type is None, "taken last, and only with a boot file (order 8 of 8)", _SORTING),
        Sort(
            "ProxyPxe10",
            lambda m: is_proxy(m) and has_discovery_tags(m),
            "taken together with a plain DHCP offer (order 3); of several only the first is kept",
            _SORTING,
        ),
        Sort(
            "ProxyWfm11a",
            lambda m: is_proxy(m) and has_mtftp_tags(m),
            "left: multicast download is not there",
            _SORTING,
        ),
        Sort(
            "ProxyBinl",
            lambda m: is_proxy(m) and m.is_pxe,
            "taken together with a plain DHCP offer (order 6); then it must answer a request on port 4011, "
            "whether or not it named a boot file",
            _SORTING,
        ),
        Sort("no PXE proxy", is_proxy, "left", _SORTING),
        Sort("DhcpPxe10", lambda m: has_discovery_tags(m), "taken before all others (order 1)", _SORTING),
        Sort(
            "DhcpWfm11a",
            lambda m: m.is_pxe and has_mtftp_tags(m),
            "left: multicast download is not there",
            _SORTING,
        ),
        Sort(
            "DhcpBinl",
            lambda m: m.is_pxe,
            "taken fifth; then its server must answer a request on port 4011, even if the offer named a boot file; "
            "without an answer the screen shows PXE-E16",
            _SORTING,
        ),
        Sort(
            "DhcpOnly",
            lambda m: True,
            "taken with a proxy offer (order 3 and 6), else only with a boot file of its own (order 7)",
            _SORTING,
        ),
    ),
    (
        Check(_DHCP, wrong_transaction, "ignores", "EDK2 Dhcp4Io.c"),
        Check(_DHCP, malformed_options, "ignores", "EDK2 Dhcp4Option.c"),
        Check((Kind.OFFER, Kind.ACK), _offer_to_other_port, "ignores", "EDK2 Dhcp4Io.c"),
        Check((Kind.OFFER,), _other_client_class, "ignores", "EDK2 HttpBootDhcp4.c, PxeBcDhcp4.c"),
        Check((Kind.OFFER,), _http_without_url, "ignores", "EDK2 HttpBootDhcp4.c"),
        Check((Kind.OFFER,), _proxy_without_class, "ignores", _SORTING),
        Check((Kind.OFFER,), _windows_for_management, "ignores", _SORTING),
        Check((Kind.OFFER,), _bootp_without_file, "ignores", _SORTING),
        Check((Kind.PROXY_REPLY, Kind.ITEM_REPLY), _goes_to_other_port, "ignores", "EDK2 PxeBcDhcp4.c, dnsmasq 2.92"),
        Check((Kind.PROXY_REPLY,), _nothing_to_boot, "rejects", _SORTING),
        Check((Kind.ITEM_REPLY,), _not_on_the_list, "ignores", _SORTING),
        Check((Kind.ITEM_REPLY,), _item_without_file, "rejects", _SORTING),
        Check((Kind.OACK,), _unrequested, "rejects", "EDK2 Mtftp4Rrq.c", if_asked=True),
        Check((Kind.OACK,), _larger, "rejects", "EDK2 Mtftp4Rrq.c", if_asked=True),
        Check((Kind.OACK,), _size_missing, "rejects", "EDK2 PxeBcMtftp.c", "possible", if_asked=True),
        Check((Kind.DATA,), _data_without_options, "rejects", "EDK2 PxeBcMtftp.c", "possible", if_asked=True),
        Check((Kind.ERROR,), error_packet, "rejects", "EDK2 Mtftp4Rrq.c; PXE-E23 seen on OVMF 2022.11", "certain"),
    ),
)
"""By EDK2's source as of 2026-08; its habits as seen on OVMF 2022.11."""
