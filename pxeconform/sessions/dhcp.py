"""DHCP and BOOTP messages of a trace, by what they carry and not by the port alone (RFC 2131 section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol import dhcp
from pxeconform.protocol.dhcp import Message
from pxeconform.registry.dhcp_options import BootpOp
from pxeconform.registry.ports import Port
from pxeconform.sessions.marks import scenario_of

Endpoint = tuple[str, int]

_PORTS = frozenset({Port.DHCP_SERVER, Port.DHCP_CLIENT, Port.PXE})
_MOST_UNREACHABLE = 100_000


@dataclass(frozen=True, slots=True)
class DhcpEvent:
    """One message with where it was seen."""

    frame: int
    time: int
    source: Endpoint
    destination: Endpoint
    message: Message
    scenario: str = ""
    source_mac: bytes = b""

    @property
    def from_client(self) -> bool:
        """A request; relays pass requests on without making them replies."""
        return self.message.op == BootpOp.BOOTREQUEST

    @property
    def server(self) -> str:
        """Of a reply: option 54, else the address that it came from."""
        return self.message.server_identifier or self.source[0]


class DhcpTracker:
    """Collects the messages, and the ICMP errors that quote one."""

    def __init__(self, extra_ports: frozenset[int] = frozenset()) -> None:
        self.events: list[DhcpEvent] = []
        self.unreachable: list[Datagram] = []
        """ICMP errors about datagrams on a DHCP or PXE port, in order."""
        self._ports = _PORTS | extra_ports
        self._asked_from: set[Endpoint] = set()
        """Other ports that requests came from: what is sent there is a reply, from whatever port."""

    def feed(self, datagram: Datagram) -> bool:
        """Take one datagram; tell whether it is DHCP."""
        on_port = (
            datagram.source_port in self._ports
            or datagram.destination_port in self._ports
            or datagram.receiver in self._asked_from
        )
        if not on_port:
            return False
        if datagram.kind is Kind.ICMP_ERROR:
            if len(self.unreachable) < _MOST_UNREACHABLE:
                self.unreachable.append(datagram)
            return True
        message = dhcp.parse(datagram.payload, datagram.length) if datagram.kind is Kind.UDP else None
        if message is None:
            return False
        if message.op == BootpOp.BOOTREQUEST and datagram.source_port not in self._ports:
            self._asked_from.add(datagram.sender)
        self.events.append(
            DhcpEvent(
                datagram.frame,
                datagram.time,
                datagram.sender,
                datagram.receiver,
                message,
                scenario_of(datagram.comment),
                datagram.source_mac,
            )
        )
        return True
