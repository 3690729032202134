"""Which addresses a client asked for by ARP, and whether anybody answered (RFC 826)."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram

_REQUEST, _REPLY = 1, 2


@dataclass(frozen=True, slots=True)
class Arp:
    """One ARP packet: who asks for (or tells) whom."""

    frame: int
    time: int
    operation: int
    source: str
    destination: str


class ArpPackets:
    """Many of them, in columns: each boot has some, and they are looked at once."""

    def __init__(self) -> None:
        self._numbers = array("q")
        """Frame, time and operation of each."""
        self._ends: list[str] = []

    def add(self, datagram: Datagram) -> None:
        """Take what matters of a packet."""
        operation = datagram.code[0] if datagram.code is not None else 0
        self._numbers.extend((datagram.frame, datagram.time, operation))
        self._ends += datagram.source, datagram.destination

    def __len__(self) -> int:
        return len(self._ends) // 2

    def __iter__(self) -> Iterator[Arp]:
        numbers, ends = iter(self._numbers), iter(self._ends)
        return (
            Arp(frame, time, operation, source, destination)
            for frame, time, operation, source, destination in zip(numbers, numbers, numbers, ends, ends, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Requests for one address that brought no reply."""

    target: str
    frames: tuple[int, ...]
    first: int
    last: int


@dataclass(slots=True)
class Neighbours:
    """ARP of a trace, by who asks."""

    _asked: dict[str, list[Arp]] = field(default_factory=lambda: defaultdict(list))
    _answered: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    _sought: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def asked_between(self, since: int, until: int, target: str) -> bool:
        """Somebody looked for an address then: a server that tests whether it is free got the client's DISCOVER."""
        return any(since <= time <= until for time in self._sought.get(target, ()))

    def heard(self, client: str, since: int) -> bool:
        """The client itself asked for somebody after that time."""
        return any(request.time > since for request in self._asked.get(client, ()))

    def unanswered(self, client: str, since: int, until: int) -> list[Unanswered]:
        """Addresses that `client` asked for between two times (ns) without any reply, in the order of asking."""
        asked: dict[str, list[Arp]] = {}
        for request in self._asked.get(client, ()):
            if since <= request.time <= until and request.destination != client:
                asked.setdefault(request.destination, []).append(request)
        return [
            Unanswered(target, tuple(request.frame for request in requests), requests[0].time, requests[-1].time)
            for target, requests in asked.items()
            if not any(since <= time for time in self._answered.get((target, client), ()))
        ]


def neighbours(packets: Iterable[Arp]) -> Neighbours:
    """Sort the ARP packets of a trace."""
    found = Neighbours()
    for packet in packets:
        if packet.operation == _REQUEST:
            found._asked[packet.source].append(packet)
            found._sought[packet.destination].append(packet.time)
        elif packet.operation == _REPLY:
            found._answered[packet.source, packet.destination].append(packet.time)
    return found
