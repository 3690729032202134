"""DHCPv6 messages of a trace, and the same told in the words of DHCPv4.

SOLICIT, ADVERTISE, REQUEST and REPLY take the places of the four messages of DHCPv4 (RFC 8415 section 5), the boot
file's URL that of its name, the vendor class that of option 60. So one machine rebuilds the boots of both families.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol import dhcp6
from pxeconform.protocol.dhcp import NOWHERE, Message, options
from pxeconform.protocol.dhcp6 import Message6
from pxeconform.registry.dhcp_options import BootpOp, Dhcpv6MessageType, MessageType, Option
from pxeconform.registry.ports import Port
from pxeconform.sessions.dhcp import DhcpEvent, Endpoint
from pxeconform.sessions.marks import scenario_of

_PORTS = frozenset({Port.DHCPV6_CLIENT, Port.DHCPV6_SERVER})

_TYPES = {
    Dhcpv6MessageType.SOLICIT: MessageType.DISCOVER,
    Dhcpv6MessageType.ADVERTISE: MessageType.OFFER,
    Dhcpv6MessageType.REQUEST: MessageType.REQUEST,
    Dhcpv6MessageType.REPLY: MessageType.ACK,
    Dhcpv6MessageType.DECLINE: MessageType.DECLINE,
    Dhcpv6MessageType.RELEASE: MessageType.RELEASE,
    Dhcpv6MessageType.INFORMATION_REQUEST: MessageType.REQUEST,
}

_ASKING_FOR_MORE = frozenset(
    {Dhcpv6MessageType.SOLICIT, Dhcpv6MessageType.REQUEST, Dhcpv6MessageType.INFORMATION_REQUEST}
)
"""What a REPLY may belong to that leads on to a boot: one that confirms a RELEASE does not."""


@dataclass(frozen=True, slots=True)
class Dhcp6Event:
    """One message with where it was seen."""

    frame: int
    time: int
    source: Endpoint
    destination: Endpoint
    message: Message6
    scenario: str = ""
    source_mac: bytes = b""
    destination_mac: bytes = b""

    @property
    def client(self) -> bytes:
        """The client's link address: the frame's, or what relays and identifiers tell; else its identifier."""
        message = self.message
        told = message.link_address
        own = self.source_mac if message.from_client else self.destination_mac
        group = bool(own and own[0] & 1)
        return own if own and not group and message.relay is None else told or (message.client_duid or b"")[:16]


class Dhcp6Tracker:
    """Collects the messages."""

    def __init__(self) -> None:
        self.events: list[Dhcp6Event] = []

    def feed(self, datagram: Datagram) -> bool:
        """Take one datagram; tell whether it is DHCPv6."""
        if datagram.kind is not Kind.UDP or not {datagram.source_port, datagram.destination_port} & _PORTS:
            return False
        message = dhcp6.parse(datagram.payload, datagram.length)
        if message is None:
            return False
        if datagram.copy_of is None:
            self.events.append(
                Dhcp6Event(
                    datagram.frame,
                    datagram.time,
                    datagram.sender,
                    datagram.receiver,
                    message,
                    scenario_of(datagram.comment),
                    datagram.source_mac,
                    datagram.destination_mac,
                )
            )
        return True


def retold(events: Iterable[Dhcp6Event]) -> list[DhcpEvent]:
    """The messages that lead to a boot, as those of DHCPv4 that they stand for."""
    asked: dict[tuple[bytes, int], Dhcpv6MessageType] = {}
    found: list[DhcpEvent] = []
    for event in events:
        message = event.message
        key = (message.client_duid or b"", message.xid)
        if message.from_client:
            asked[key] = message.type
        elif message.type is Dhcpv6MessageType.REPLY and asked.get(key, Dhcpv6MessageType.REQUEST) not in (
            _ASKING_FOR_MORE
        ):
            continue
        if message.type in _TYPES:
            found.append(_retold(event))
    return found


def _retold(event: Dhcp6Event) -> DhcpEvent:
    message = event.message
    kind = _TYPES[message.type]
    address = next(iter(message.addresses), NOWHERE)
    if kind is MessageType.ACK and address == NOWHERE and message.status:
        kind = MessageType.NAK
    client = event.client
    told: list[tuple[int, bytes]] = [(Option.MESSAGE_TYPE, bytes((kind,)))]
    if message.vendor_class is not None:
        told.append((Option.CLASS_IDENTIFIER, message.vendor_class))
    if message.user_class is not None:
        told.append((Option.USER_CLASS, message.user_class))
    if message.architectures:
        codes = message.architectures
        told.append((Option.CLIENT_ARCHITECTURE, struct.pack(f"!{len(codes)}H", *codes)))
    uuid = message.uuid if message.from_client else None
    if uuid is not None:
        told.append((Option.CLIENT_UUID, b"\0" + uuid.bytes_le))
    if message.boot_file_url:
        told.append((Option.BOOT_FILE_NAME, message.boot_file_url))
    return DhcpEvent(
        event.frame,
        event.time,
        event.source,
        event.destination,
        Message(
            op=BootpOp.BOOTREQUEST if message.from_client else BootpOp.BOOTREPLY,
            xid=message.xid,
            hlen=min(len(client), 16),
            secs=math.floor(message.elapsed),
            yiaddr=NOWHERE if message.from_client else address,
            chaddr=client.ljust(16, b"\0"),
            options=options(*told),
            cookie=False,
            cut=message.cut,
            problems=message.problems,
        ),
        event.scenario,
        event.source_mac,
    )
