"""All sessions of a trace, from one pass over its datagrams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.registry.ports import Port
from pxeconform.sessions.content import HEAD
from pxeconform.sessions.dhcp import DhcpEvent, DhcpTracker
from pxeconform.sessions.dhcp6 import Dhcp6Event, Dhcp6Tracker
from pxeconform.sessions.transfers import Transfer, TransferTracker


@dataclass(slots=True)
class Sessions:
    """What one pass found. Lists are in the order of the trace."""

    transfers: list[Transfer] = field(default_factory=list)
    dhcp: list[DhcpEvent] = field(default_factory=list)
    unreachable: list[Datagram] = field(default_factory=list)
    """ICMP errors that quote a DHCP or PXE datagram; those about transfers are in the transfer."""
    arp: list[Datagram] = field(default_factory=list)
    tcp: list[Datagram] = field(default_factory=list)
    """TCP segments that open a connection or carry data, for HTTP boot; at most the first hundred thousand."""
    dhcp6: list[Dhcp6Event] = field(default_factory=list)
    """DHCPv6 messages."""
    orphans: list[Datagram] = field(default_factory=list)
    """Datagrams on a port of this field that fit no session."""


_MOST_TCP = 100_000


def follow(
    datagrams: Iterable[Datagram],
    *,
    tftp_ports: Iterable[int] = (Port.TFTP,),
    dhcp_ports: Iterable[int] = (),
    hash_contents: bool = False,
    keep: int = HEAD,
) -> Sessions:
    """Sort every datagram into its session; `keep` is how many octets of each file are held."""
    transfers = TransferTracker(tftp_ports, hash_contents=hash_contents, keep=keep)
    dhcp = DhcpTracker(frozenset(dhcp_ports))
    dhcp6 = Dhcp6Tracker()
    found = Sessions(transfers.transfers, dhcp.events, dhcp.unreachable, dhcp6=dhcp6.events, orphans=transfers.orphans)
    for datagram in datagrams:
        if datagram.kind is Kind.ARP:
            found.arp.append(datagram)
        elif datagram.kind is Kind.TCP:
            if len(found.tcp) < _MOST_TCP:
                found.tcp.append(datagram)
        elif not dhcp.feed(datagram) and not dhcp6.feed(datagram):
            transfers.feed(datagram)
    return found
