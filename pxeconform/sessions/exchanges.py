"""DHCP exchanges: a request, its repetitions, and the replies that belong to it.

A reply is attributed by evidence in layers: the socket that it came to, then any two of transaction id, hardware
address, UUID and client address, then time. Never by one field alone: a reply with a wrong transaction id is a wrong
reply, not silence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.sessions.dhcp import DhcpEvent, Endpoint

_LONGEST_WAIT = 60 * 1_000_000_000
_REPETITION = 20 * 1_000_000_000
_ENOUGH = 2
_MOST_ALIKE = 64
"""Exchanges of one transaction identifier, UUID or socket that may still be answered: hostile input is bounded."""

_NOBODY = ("0.0.0.0", "255.255.255.255")
"""Addresses that are no client's own."""


@dataclass(slots=True)
class Exchange:
    """One question to a server and what came of it."""

    requests: list[DhcpEvent]
    replies: list[DhcpEvent] = field(default_factory=list)
    unreachable: list[Datagram] = field(default_factory=list)
    """ICMP errors that quote one of the requests."""

    @property
    def request(self) -> DhcpEvent:
        """The first of the requests."""
        return self.requests[0]

    @property
    def item(self) -> BootItem | None:
        """The boot item that it asks for (option 43 tag 71)."""
        tags = self.request.message.vendor_options
        return tags.boot_item if tags is not None else None


def exchanges(
    events: Iterable[DhcpEvent], unreachable: Iterable[Datagram] = ()
) -> tuple[list[Exchange], list[DhcpEvent]]:
    """Group events into exchanges; replies that fit none come back as orphans."""
    found: list[Exchange] = []
    orphans: list[DhcpEvent] = []
    latest: dict[tuple[object, ...], Exchange] = {}
    questions = _Questions()
    for event in events:
        if event.from_client:
            question = _question(event)
            running = latest.get(question)
            if running is not None and event.time - running.requests[-1].time <= _REPETITION:
                running.requests.append(event)
            else:
                found.append(Exchange([event]))
                latest[question] = found[-1]
                questions.add(found[-1])
            continue
        best = questions.answered_by(event)
        if best is not None:
            best.replies.append(event)
        else:
            orphans.append(event)
    _quote(found, unreachable)
    return found, orphans


def _question(event: DhcpEvent) -> tuple[object, ...]:
    """What stays the same when a client asks the same again: only `secs` may differ."""
    message = event.message
    place = (event.scenario, event.source, event.destination)
    return (*place, message.xid, message.chaddr, message.ciaddr, message.options)


class _Questions:
    """Exchanges by what a reply can share with their request: thousands of clients may be asking at once."""

    def __init__(self) -> None:
        self._by: defaultdict[tuple[object, ...], list[tuple[int, Exchange]]] = defaultdict(list)
        self._count = 0

    def add(self, exchange: Exchange) -> None:
        """A new exchange; it comes after all others."""
        self._count += 1
        request = exchange.request
        entry = (self._count, exchange)
        for key in _shared(request, request.source):
            alike = self._by[key]
            alike.append(entry)
            if len(alike) > _MOST_ALIKE:
                del alike[0]

    def answered_by(self, reply: DhcpEvent) -> Exchange | None:
        """The exchange that a reply belongs to: the likeliest, of those the latest."""
        alike = {n: e for key in _shared(reply, reply.destination) for n, e in self._by.get(key, ())}
        best = max(
            (
                (_likeness(reply, exchange.requests[-1]), exchange.request.time, -number, exchange)
                for number, exchange in alike.items()
                if 0 <= reply.time - exchange.request.time <= _LONGEST_WAIT
            ),
            key=lambda rated: rated[:3],
            default=None,
        )
        return best[3] if best is not None and best[0] >= _ENOUGH else None


def _shared(event: DhcpEvent, client: Endpoint) -> list[tuple[object, ...]]:
    """What request and reply may have in common that is the client's alone; see `_likeness`."""
    uuid = event.message.get(Option.CLIENT_UUID)
    keys: list[tuple[object, ...]] = [(event.scenario, "xid", event.message.xid)]
    if uuid is not None:
        keys.append((event.scenario, "uuid", uuid))
    if client[0] not in _NOBODY:
        keys.append((event.scenario, "socket", client))
    return keys


def _quote(found: Iterable[Exchange], unreachable: Iterable[Datagram]) -> None:
    """Give every ICMP error to the last exchange that had sent what it quotes."""
    sent: defaultdict[tuple[Endpoint, Endpoint], list[Exchange]] = defaultdict(list)
    for exchange in found:
        sent[exchange.request.source, exchange.request.destination].append(exchange)
    for error in unreachable:
        asked = sent.get((error.sender, error.receiver), [])
        at = bisect_right(asked, error.time, key=lambda exchange: exchange.request.time)
        if at:
            asked[at - 1].unreachable.append(error)


def _likeness(reply: DhcpEvent, request: DhcpEvent) -> int:
    """How much speaks for this reply belonging to that request; two points are needed.

    Hardware address and client address name the host: clients that share both (a tester's scenarios do) are told apart
    only by socket, transaction id and UUID, so one of these must be among the evidence.
    """
    if reply.scenario != request.scenario:
        return 0
    answer, question = reply.message, request.message
    uuid = question.get(Option.CLIENT_UUID)
    own_socket = reply.destination == request.source
    # A message to an address of the client's own is more than one to a port that everybody shares.
    points = 2 if own_socket and request.source[0] not in _NOBODY else 0
    points += answer.xid == question.xid
    points += uuid is not None and answer.get(Option.CLIENT_UUID) == uuid
    if not points:
        return 0
    points += answer.chaddr == question.chaddr
    points += question.ciaddr != "0.0.0.0" and question.ciaddr in (answer.yiaddr, answer.ciaddr, reply.destination[0])
    return points


def is_boot_server_request(event: DhcpEvent) -> bool:
    """A REQUEST or INFORM from a PXE client that names a boot item (PXE 2.1 Table 2-4)."""
    tags = event.message.vendor_options
    return (
        event.from_client
        and event.message.type in (MessageType.REQUEST, MessageType.INFORM)
        and tags is not None
        and tags.boot_item is not None
    )
