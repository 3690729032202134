"""All sessions of a trace, from one pass over its datagrams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Checksum, Datagram, Kind
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.registry.ports import Port
from pxeconform.sessions.content import HEAD
from pxeconform.sessions.dhcp import DhcpEvent, DhcpTracker
from pxeconform.sessions.dhcp6 import Dhcp6Event, Dhcp6Tracker
from pxeconform.sessions.neighbours import ArpPackets
from pxeconform.sessions.routine import TransferSieve
from pxeconform.sessions.tracker import TransferTracker
from pxeconform.sessions.transfers import Transfer

_MOST_NAMED = 10


@dataclass(slots=True)
class Sessions:
    """What one pass found. Lists are in the order of the trace."""

    transfers: list[Transfer] = field(default_factory=list)
    dhcp: list[DhcpEvent] = field(default_factory=list)
    unreachable: list[Datagram] = field(default_factory=list)
    """ICMP errors that quote a DHCP or PXE datagram; those about transfers are in the transfer."""
    arp: ArpPackets = field(default_factory=ArpPackets)
    """ARP packets; at most the first hundred thousand."""
    tcp: list[Datagram] = field(default_factory=list)
    """TCP segments that open a connection or carry data, for HTTP boot; at most the first hundred thousand."""
    dhcp6: list[Dhcp6Event] = field(default_factory=list)
    """DHCPv6 messages."""
    orphans: list[Datagram] = field(default_factory=list)
    """Datagrams on a port of this field that fit no session."""
    checksums: Counter[Checksum] = field(default_factory=Counter)
    """UDP checksums of DHCP messages and of TFTP packets other than DATA and ACK."""
    wrong: list[int] = field(default_factory=list)
    """Frames of those that are wrong, at most the first ten."""

    def note_checksum(self, datagram: Datagram) -> None:
        """Look at a checksum: hosts drop a datagram whose is wrong, so it may be why nothing went on."""
        if datagram.kind is not Kind.UDP:
            return
        state = datagram.checksum_state
        self.checksums[state] += 1
        if state is Checksum.WRONG and len(self.wrong) < _MOST_NAMED:
            self.wrong.append(datagram.frame)


_MOST_TCP = 100_000
_MOST_ARP = 100_000
_BLOCKS = (b"\0\3", b"\0\4")


def follow(
    datagrams: Iterable[Datagram],
    *,
    tftp_ports: Iterable[int] = (Port.TFTP,),
    dhcp_ports: Iterable[int] = (),
    hash_contents: bool = False,
    keep: int = HEAD,
    sieve: TransferSieve | None = None,
) -> Sessions:
    """Sort every datagram into its session; `keep` is how many octets of each file are held.

    `sieve` is the one that the datagrams are read through, if there is one.
    """
    transfers = TransferTracker(tftp_ports, hash_contents=hash_contents, keep=keep, follower=sieve)
    dhcp = DhcpTracker(frozenset(dhcp_ports))
    dhcp6 = Dhcp6Tracker()
    found = Sessions(transfers.transfers, dhcp.events, dhcp.unreachable, dhcp6=dhcp6.events, orphans=transfers.orphans)
    for datagram in datagrams:
        if datagram.kind is Kind.ARP:
            if len(found.arp) < _MOST_ARP:
                found.arp.add(datagram)
        elif datagram.kind is Kind.TCP:
            if len(found.tcp) < _MOST_TCP:
                found.tcp.append(datagram)
        elif dhcp.feed(datagram):
            found.note_checksum(datagram)
            if sieve is not None:
                _watch_clients(sieve, dhcp.events[-1:])
        elif dhcp6.feed(datagram):
            if sieve is not None:
                for address in (address for event in dhcp6.events[-1:] for address in event.message.addresses):
                    sieve.watch(address)
        elif transfers.feed(datagram) and not datagram.payload.startswith(_BLOCKS):
            found.note_checksum(datagram)
    if sieve is not None:
        sieve.settle_all()
    return found


def _watch_clients(sieve: TransferSieve, events: Iterable[DhcpEvent]) -> None:
    """A client's address may come to speak HTTP; a port that asked for DHCP gets its answer from any other."""
    for event in events:
        if event.from_client:
            sieve.watch(*event.source)
        for address in (event.message.yiaddr, event.message.ciaddr):
            if address != NOWHERE:
                sieve.watch(address)
