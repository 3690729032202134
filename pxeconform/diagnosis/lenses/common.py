"""Checks that several firmwares share."""

from __future__ import annotations

from collections.abc import Mapping

from pxeconform.diagnosis.lenses.model import Subject
from pxeconform.protocol.dhcp import NOWHERE, Message
from pxeconform.protocol.tftp import Error, Oack
from pxeconform.registry.pxe_tags import DISCOVERY_TAGS, MTFTP_TAGS, DiscoveryControl
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions.attempts import Role


def has_discovery_tags(message: Message) -> bool:
    """Any of the tags 6 to 10."""
    tags = message.vendor_options
    return tags is not None and any(tag in tags for tag in DISCOVERY_TAGS)


def has_mtftp_tags(message: Message) -> bool:
    """All of the tags 1 to 5."""
    tags = message.vendor_options
    return tags is not None and all(tag in tags for tag in MTFTP_TAGS)


def is_proxy(message: Message) -> bool:
    """It offers no address."""
    return message.yiaddr == NOWHERE


def wrong_transaction(subject: Subject) -> str | None:
    """Another transaction identifier than the client's."""
    if subject.boot is not None:
        known = subject.boot.evidence.attempt.xids
    else:
        known = {subject.request.message.xid} if subject.request is not None else set()
    return (
        None
        if not known or subject.message.xid in known
        else f"its transaction identifier 0x{subject.message.xid:08x} is not the client's"
    )


def malformed_options(subject: Subject) -> str | None:
    """Options that run out of their field."""
    return subject.message.problems[0] if subject.message.problems else None


def pseudo_id(subject: Subject) -> str:
    """Who the server is: option 54, else siaddr, else the sender."""
    message = subject.message
    assert subject.event is not None
    own = message.siaddr if message.siaddr != NOWHERE else subject.event.source[0]
    return message.server_identifier or own


def listed_servers(subject: Subject) -> tuple[str, ...] | None:
    """The servers that the client must keep to (bit 2 of tag 6), for the type that it asked for; else `None`."""
    request = subject.asked(Role.ITEM_REQUEST)
    if subject.boot is None or request is None:
        return None
    tags = request.message.vendor_options
    item = tags.boot_item if tags is not None else None
    for offer in subject.boot.offers:
        told = offer.event.message.vendor_options
        control = told.discovery_control if told is not None else None
        if told is None or control is None or not control & DiscoveryControl.USE_BOOT_SERVERS_LIST:
            continue
        found = [e for e in told.boot_servers if item is None or e.type == item.type]
        return tuple(address for entry in found for address in entry.addresses)
    return None


def other_item(subject: Subject) -> str | None:
    """A reply for another boot item than the client asked for."""
    request = subject.asked(Role.ITEM_REQUEST)
    wanted = request.message.vendor_options if request is not None else None
    got = subject.message.vendor_options
    if wanted is None or wanted.boot_item is None:
        return None
    item = got.boot_item if got is not None else None
    if item is not None and item.type == wanted.boot_item.type:
        return None
    told = "no boot item (tag 71)" if item is None else f"boot server type {item.type}"
    return f"it has {told}, the client asked for type {wanted.boot_item.type}"


def acknowledged(subject: Subject) -> tuple[tuple[str, str], ...]:
    """Options of an OACK, names in lower case."""
    packet = subject.packet.packet if subject.packet is not None else None
    return tuple((name.lower(), value) for name, value in packet.options) if isinstance(packet, Oack) else ()


def requested(subject: Subject) -> dict[str, str]:
    """Options of the request, names in lower case."""
    assert subject.transfer is not None
    return {name.lower(): value for name, value in subject.transfer.request.options}


def asks_for(subject: Subject, allowed: Mapping[str, range]) -> bool:
    """A client that sends these options alone, with values in these ranges, sends a request like this one.

    Of DHCP: a PXE client's request that is whole.
    """
    if subject.transfer is None:
        asked = subject.asked()
        return asked is not None and asked.message.is_pxe and not asked.message.problems
    request = subject.transfer.request
    plain = request.opcode is Opcode.RRQ and request.mode == "octet" and not request.ragged
    names = [name for name, _ in request.options]
    fits = all(value.isdecimal() and int(value) in allowed.get(name, ()) for name, value in request.options)
    return plain and fits and len(names) == len(set(names))


def error_packet(subject: Subject) -> str | None:
    """The server's ERROR ends the transfer."""
    packet = subject.packet.packet if subject.packet is not None else None
    return f"ERROR {packet.code} ends the transfer" if isinstance(packet, Error) else None
