"""Which addresses a client asked for by ARP, and whether anybody answered (RFC 826)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram

_REQUEST, _REPLY = 1, 2


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

    _asked: dict[str, list[Datagram]] = field(default_factory=lambda: defaultdict(list))
    _answered: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    _sought: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def asked_between(self, since: int, until: int, target: str) -> bool:
        """Somebody looked for an address then: a server that tests whether it is free got the client's DISCOVER."""
        return any(since <= time <= until for time in self._sought.get(target, ()))

    def heard(self, client: str, since: int) -> bool:
        """The client itself asked for somebody after that time."""
        return any(datagram.time > since for datagram in self._asked.get(client, ()))

    def unanswered(self, client: str, since: int, until: int) -> list[Unanswered]:
        """Addresses that `client` asked for between two times (ns) without any reply, in the order of asking."""
        asked: dict[str, list[Datagram]] = {}
        for datagram in self._asked.get(client, ()):
            if since <= datagram.time <= until and datagram.destination != client:
                asked.setdefault(datagram.destination, []).append(datagram)
        return [
            Unanswered(target, tuple(d.frame for d in requests), requests[0].time, requests[-1].time)
            for target, requests in asked.items()
            if not any(since <= time for time in self._answered.get((target, client), ()))
        ]


def neighbours(datagrams: Iterable[Datagram]) -> Neighbours:
    """Sort the ARP packets of a trace."""
    found = Neighbours()
    for datagram in datagrams:
        operation = datagram.code[0] if datagram.code is not None else 0
        if operation == _REQUEST:
            found._asked[datagram.source].append(datagram)
            found._sought[datagram.destination].append(datagram.time)
        elif operation == _REPLY:
            found._answered[datagram.source, datagram.destination].append(datagram.time)
    return found
