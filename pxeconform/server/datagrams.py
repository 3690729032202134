"""What goes into a core and what comes out of it, and what a core is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

Address = tuple[str, int]
"""IPv4 address and UDP port."""

DHCP_SOCKET = "dhcp"
PXE_SOCKET = "pxe"
TFTP_SOCKET = "tftp"
"""Names of the sockets on known ports; any other name is a socket on an ephemeral port of its own."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A datagram that arrived on the socket of that name.

    `destination` is the address in its IP header and `local` the server's own address that stands for it: they differ
    for broadcast and multicast. `interface` is the index of the interface it came by, 0 when unknown.
    """

    payload: bytes
    source: Address
    socket: str
    destination: str
    local: str
    interface: int = 0

    @property
    def is_unicast(self) -> bool:
        """It was sent to the server alone."""
        return self.destination == self.local


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram to send from the socket of that name.

    `local` is the source address wanted, "" for any. `hardware_address` is given where the destination cannot answer
    ARP yet (RFC 2131 section 4.1): the shell puts it into the ARP table or broadcasts instead.
    """

    payload: bytes
    destination: Address
    socket: str
    local: str = ""
    interface: int = 0
    hardware_address: bytes = b""


class Core(Protocol):
    """A protocol without sockets. Times are seconds of one monotonic clock."""

    def receive(self, incoming: Incoming, now: float) -> Iterable[Outgoing]:
        """Take a datagram, give the answers."""

    def tick(self, now: float) -> Iterable[Outgoing]:
        """What is due by now, such as retransmissions."""

    def deadline(self) -> float | None:
        """When `tick` wants to be called next; `None` is never."""

    def sockets(self) -> Collection[str]:
        """Names of the ephemeral sockets that are still needed; the shell closes all others."""

    def close(self) -> None:
        """Let go of files and the like."""
