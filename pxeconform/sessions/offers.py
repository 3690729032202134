"""Offers as the client sorts them: who offers an address, who only tells what to boot (PXE 2.1 section 2.2.3)."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import Enum

from pxeconform.protocol.dhcp import NOWHERE, Message
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import DiscoveryControl, PxeTag
from pxeconform.sessions.dhcp import DhcpEvent


class OfferKind(Enum):
    """What an offer gives: an address, boot instructions, or both."""

    DHCP = "dhcp"
    PROXY = "proxydhcp"
    COMBINED = "combined"
    BOOTP = "bootp"


class Lead(Enum):
    """Where a reply leads a client that wants to boot."""

    NOWHERE = "nowhere"
    FILE = "file"
    PROXY = "proxy"
    DISCOVERY = "discovery"


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer; `server` is option 54 or else the sender. `selected` is what the client acted on."""

    frame: int
    time: int
    server: str
    kind: OfferKind
    selected: bool
    address: str
    next_server: str | None
    boot_file: str
    lead: Lead
    event: DhcpEvent

    @property
    def gives_address(self) -> bool:
        """Not only boot instructions."""
        return self.kind is not OfferKind.PROXY

    @property
    def is_of_use(self) -> bool:
        """It gives an address or tells a boot client something; servers that have run out of addresses do neither."""
        return self.gives_address or self.lead is not Lead.NOWHERE or self.event.message.is_pxe


def text(octets: bytes) -> str:
    """A name from a packet as text; what is no ASCII is kept as Latin-1."""
    return octets.decode("latin-1")


def kind_of(message: Message) -> OfferKind:
    """Sort an offer by its address, its class and its message type."""
    if message.yiaddr == NOWHERE:
        return OfferKind.PROXY
    if message.type is None and not message.cut:
        return OfferKind.BOOTP
    return OfferKind.COMBINED if message.is_pxe or message.is_http else OfferKind.DHCP


def next_server(event: DhcpEvent) -> str | None:
    """Where the boot file is: siaddr, else option 66 or sname when it is an address, else the server itself.

    EDK2 asks the server of option 54 when siaddr is zero, so that is what is expected last. A URL tells it by itself.
    """
    message = event.message
    host = host_of(text(message.boot_file))
    if host is not None:
        return host or None
    if message.siaddr != NOWHERE:
        return message.siaddr
    named = (message.get(Option.TFTP_SERVER_NAME) or b"").split(b"\0", 1)[0]
    if not named and not message.overload & 2:
        named = message.sname.split(b"\0", 1)[0]
    try:
        return socket.inet_ntoa(socket.inet_aton(named.decode("ascii"))) if named.count(b".") == 3 else event.server
    except (OSError, UnicodeDecodeError):
        return event.server


def host_of(name: str) -> str | None:
    """The host of a URL as an address, empty when it is a name; `None` for what is no URL."""
    scheme, separator, rest = name.partition("://")
    if not separator or not scheme.isalnum():
        return None
    authority = rest.partition("/")[0].rpartition("@")[2]
    family = socket.AF_INET6 if authority.startswith("[") else socket.AF_INET
    host = authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, host))
    except (OSError, ValueError):
        return ""


def lead_of(message: Message) -> Lead:
    """What a client can do with a reply (PXE 2.1 section 2.4.1 and tag 6 of Table 2-1).

    A PXE reply without a boot file and without tags 6 to 10 points to port 4011; one with tags leads to discovery if
    they leave a way: a menu, a list of servers, a group, or broadcast.
    """
    if message.boot_file:
        return Lead.FILE
    if not message.is_pxe:
        return Lead.NOWHERE
    tags = message.vendor_options
    if tags is None or not tags.offers_discovery:
        return Lead.PROXY
    control = tags.discovery_control or DiscoveryControl(0)
    if any(tag in tags for tag in (PxeTag.BOOT_SERVERS, PxeTag.BOOT_MENU, PxeTag.DISCOVERY_MULTICAST_ADDRESS)):
        return Lead.DISCOVERY
    if control & (DiscoveryControl.DOWNLOAD_OFFERED_FILE | DiscoveryControl.BROADCAST_DISABLED):
        return Lead.NOWHERE
    return Lead.DISCOVERY


def read_offer(event: DhcpEvent, *, selected: bool) -> Offer:
    """An offer from the message that makes it."""
    message = event.message
    return Offer(
        event.frame,
        event.time,
        event.server,
        kind_of(message),
        selected,
        message.yiaddr,
        next_server(event),
        text(message.boot_file),
        lead_of(message),
        event,
    )


def defects(offer: Offer, xids: frozenset[int]) -> tuple[str, ...]:
    """Why clients must or do reject an offer (RFC 2131 Table 3; EDK2 and iPXE look at the same fields)."""
    message = offer.event.message
    found = list(message.problems)
    if message.xid not in xids:
        found.append("its transaction identifier is not the client's")
    if message.cut:
        return tuple(found)
    over_ipv6 = ":" in offer.event.source[0]
    unnamed = message.type is MessageType.OFFER and message.server_identifier is None and offer.gives_address
    if unnamed and not over_ipv6:
        found.append("it has no server identifier (option 54)")
    if not message.ended:
        found.append("its options have no END")
    return tuple(found)
