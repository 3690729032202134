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

    def asked_between(self, since: int, until: int, target: str | None) -> bool:
        """Somebody looked for an address then: a server that does so got the client's DISCOVER."""
        return any(
            since <= datagram.time <= until
            for asked in self._asked.values()
            for datagram in asked
            if target is None or datagram.destination == target
        )

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
        elif operation == _REPLY:
            found._answered[datagram.source, datagram.destination].append(datagram.time)
    return found
