"""DHCP exchanges: a request, its repetitions, and the replies that belong to it.

A reply is attributed by evidence in layers: the socket that it came to, then any two of transaction id, hardware
address, UUID and client address, then time. Never by one field alone: a reply with a wrong transaction id is a wrong
reply, not silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.sessions.dhcp import DhcpEvent

_LONGEST_WAIT = 60 * 1_000_000_000
_REPETITION = 20 * 1_000_000_000


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
    for event in events:
        if event.from_client:
            running = next((e for e in reversed(found[-50:]) if _repeats(event, e.requests[-1])), None)
            if running is not None:
                running.requests.append(event)
            else:
                found.append(Exchange([event]))
            continue
        best = max(
            (e for e in found[-200:] if 0 <= event.time - e.request.time <= _LONGEST_WAIT),
            key=lambda e: (_likeness(event, e.requests[-1]), e.request.time),
            default=None,
        )
        if best is not None and _likeness(event, best.requests[-1]) >= 2:
            best.replies.append(event)
        else:
            orphans.append(event)
    for error in unreachable:
        fitting = [
            e
            for e in found
            if any(
                r.source == error.sender and r.destination == error.receiver and r.time <= error.time
                for r in e.requests
            )
        ]
        if fitting:
            fitting[-1].unreachable.append(error)
    return found, orphans


def _repeats(event: DhcpEvent, earlier: DhcpEvent) -> bool:
    """The same question again: only `secs` may differ."""
    new, old = event.message, earlier.message
    return (
        event.time - earlier.time <= _REPETITION
        and (event.scenario, event.source, event.destination) == (earlier.scenario, earlier.source, earlier.destination)
        and (new.xid, new.chaddr, new.ciaddr, new.options) == (old.xid, old.chaddr, old.ciaddr, old.options)
    )


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
    points = 2 if own_socket and request.source[0] not in ("0.0.0.0", "255.255.255.255") else 0
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
