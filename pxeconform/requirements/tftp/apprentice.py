"""The Sorcerer's Apprentice: RFC 1123 section 4.2.3.1.

Each side once answered every packet, a delayed copy too; from then on everything was sent twice. So the sender of DATA
never answers the second acknowledgment of one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import cast

from pxeconform.protocol.tftp import Ack, Data
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Requirement,
    Role,
    Rule,
    Scope,
    broken,
    kept,
    unclear,
)
from pxeconform.requirements.tftp.occasions import events_after, is_last_block
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_PROVOKED = SECOND // 4
"""A copy that comes this soon after a repeated acknowledgment was drawn by it, unless the server's timer is faster."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The client acknowledged one block twice."""

    transfer: Transfer
    first: Event
    second: Event
    until: int
    """When the client's next acknowledgment ends the occasion (ns)."""


def repeated_acknowledgments(view: View) -> Iterator[Repeat]:
    """The same block was acknowledged twice, one block at a time, and it was not the last one."""
    for transfer in view.transfers:
        if transfer.direction != "read" or transfer.window_size != 1 or transfer.server_port is None:
            continue
        own = [e for e in transfer.of(Sender.CLIENT) if e.destination == (transfer.server, transfer.server_port)]
        for first, second, after in zip(own, own[1:], [*own[2:], None], strict=False):
            same = isinstance(first.packet, Ack) and first.packet == second.packet
            if same and second.time - first.time <= _PROVOKED and not is_last_block(transfer, first.packet):
                yield Repeat(transfer, first, second, transfer.ended if after is None else after.time)


def one_block_is_sent(repeat: Repeat, view: View) -> Fact:
    """Exactly one copy of the next block, and nothing beyond it, until the client acknowledges it."""
    transfer = repeat.transfer
    acknowledged = cast("Ack", repeat.first.packet).block
    following = (acknowledged + 1) & 0xFFFF
    timer = view.retransmission_timer(transfer.server)
    span = _PROVOKED if timer is None else min(_PROVOKED, timer // 2)
    end = min(repeat.until, repeat.second.time + span)
    sent = [
        event
        for event in takewhile(lambda event: event.time <= end, events_after(transfer, repeat.first))
        if event.sender is Sender.SERVER and isinstance(event.packet, Data)
    ]
    copies = [e for e in sent if cast("Data", e.packet).block == following]
    beyond = [e for e in sent if cast("Data", e.packet).block == (following + 1) & 0xFFFF]
    frames = (repeat.first.frame, repeat.second.frame)
    if len(copies) > 1:
        return broken(f"{len(copies)} copies of a block for two acknowledgments", *frames, *(e.frame for e in copies))
    if beyond:
        return broken("the second acknowledgment of a block drew the block after next", *frames, beyond[0].frame)
    if not copies:
        return unclear("the next block never came", *frames)
    gap = view.unwatched(transfer.client, repeat.first.time, end)
    if gap is None and end - repeat.second.time < min(span, SECOND // 20):
        gap = "the client went on too soon to tell"
    if gap is not None:
        return unclear(f"one block came, but {gap}", *frames, copies[0].frame)
    return kept("one block for two acknowledgments", *frames, copies[0].frame)


RULES: tuple[AnyRule, ...] = (
    Rule(
        Requirement(
            "TFTP-1123-SAS-01",
            "RFC 1123",
            "4.2.3.1",
            Level.MUST_NOT,
            Role.TFTP,
            "A second acknowledgment of the same block draws no second copy of the next block.",
            clients="All on a path that delays: every block is then sent twice until the end of the file.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=repeated_acknowledgments,
        then=one_block_is_sent,
        expected=("one copy of the next block", "one copy, and another when its timer runs out"),
        lacking="a file of at least three blocks would be needed",
    ),
)
