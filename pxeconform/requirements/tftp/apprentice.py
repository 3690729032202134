"""The Sorcerer's Apprentice: RFC 1123 section 4.2.3.1.

Each side once answered every packet, a delayed copy too; from then on everything was sent twice. So the sender of DATA
never answers the second acknowledgment of one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Packet
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


def single_repeats(view: View) -> Iterator[Repeat]:
    """A block was acknowledged twice, and it was not the last one; not one block after the other."""
    many = {id(transfer) for transfer, _ in doubled_transfers(view)}
    return (repeat for repeat in repeated_acknowledgments(view) if id(repeat.transfer) not in many)


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


@dataclass(frozen=True, slots=True)
class Old:
    """While a block waited for its acknowledgment, the client acknowledged an earlier one again."""

    transfer: Transfer
    pending: Event
    again: Event


def old_acknowledgments(view: View) -> Iterator[Old]:
    """An earlier block was acknowledged again when the block after it had come, one block at a time."""
    many = {id(transfer) for transfer, _ in doubled_transfers(view)}
    for transfer in view.transfers:
        single = transfer.direction == "read" and transfer.window_size == 1 and transfer.server_port is not None
        if not single or id(transfer) in many:
            continue
        pending: Event | None = None
        acknowledged: dict[Packet, int] = {}
        for event in transfer.events:
            if event.sender is Sender.SERVER and isinstance(event.packet, Data):
                newer = pending is None or _behind(event.packet, pending.packet) <= 0
                pending = event if newer else pending
            to_server = event.destination == (transfer.server, transfer.server_port)
            asked = event.sender is Sender.CLIENT and to_server and isinstance(event.packet, Ack)
            old = asked and pending is not None and _behind(event.packet, pending.packet) >= 1
            first = acknowledged.setdefault(event.packet, event.time) if event.sender is Sender.CLIENT else event.time
            if old and pending is not None and first < event.time:
                yield Old(transfer, pending, event)


def _behind(packet: Packet, pending: Packet) -> int:
    """By how many blocks a number is behind another, negative when it is ahead."""
    ahead = (cast("Data | Ack", pending).block - cast("Data | Ack", packet).block) & 0xFFFF
    return ahead if ahead < 0x8000 else ahead - 0x10000


def nothing_is_sent(old: Old, view: View) -> Fact:
    """No DATA but what the timer sends."""
    transfer, again = old.transfer, old.again
    timer = view.retransmission_timer(transfer.server)
    span = _PROVOKED if timer is None else min(_PROVOKED, timer // 2)
    following = next((e for e in events_after(transfer, again) if e.sender is Sender.CLIENT), None)
    end = again.time + span if following is None else min(again.time + span, following.time)
    frames = old.pending.frame, again.frame
    for event in takewhile(lambda event: event.time <= end, events_after(transfer, again)):
        if event.sender is Sender.SERVER and isinstance(event.packet, Data):
            if timer is not None and event.time - old.pending.time > timer * 4 // 5:
                return kept("what came is what the timer sends", again.frame, event.frame)
            return broken(f"an old acknowledgment drew block {event.packet.block}", *frames, event.frame)
    gap = view.unwatched(transfer.client, again.time, end)
    if gap is None and end - again.time < span:
        gap = "the client went on too soon to tell"
    if gap is not None:
        return unclear(f"nothing came on an old acknowledgment, but {gap}", *frames)
    return kept("an old acknowledgment drew nothing", again.frame)


_MANY = 20
"""So many doubled acknowledgments say whether all that follows is doubled too."""


def doubled_transfers(view: View) -> Iterator[tuple[Transfer, int]]:
    """The client acknowledged block after block twice; how many of them."""
    doubled: dict[int, tuple[Transfer, int]] = {}
    for repeat in repeated_acknowledgments(view):
        transfer, count = doubled.get(id(repeat.transfer), (repeat.transfer, 0))
        doubled[id(transfer)] = transfer, count + 1
    return ((transfer, count) for transfer, count in doubled.values() if count >= _MANY)


def blocks_are_not_doubled(doubled: tuple[Transfer, int], view: View) -> Fact:
    """As many DATA as there are blocks."""
    transfer, count = doubled
    sent: dict[int, Event] = {}
    copies: list[Event] = []
    timer = view.retransmission_timer(transfer.server)
    span = _PROVOKED if timer is None else min(_PROVOKED, timer // 2)
    for event in transfer.of(Sender.SERVER):
        if isinstance(event.packet, Data):
            first = sent.setdefault(event.packet.block, event)
            if first is not event and event.time - first.time < span:
                copies.append(event)
    frames = (transfer.request_frames[0],)
    if len(copies) > count // 4:
        observed = f"{len(copies)} blocks came twice, after {count} doubled acknowledgments"
        return broken(observed, *frames, *(event.frame for event in copies[:3]))
    if copies:
        return unclear(f"{len(copies)} blocks came twice", *frames, copies[0].frame)
    return kept(f"{len(sent)} blocks came one time each", *frames)


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
        when=single_repeats,
        then=one_block_is_sent,
        expected=("one copy of the next block", "one copy, and another when its timer runs out"),
        lacking="a file of at least three blocks would be needed",
    ),
    Rule(
        Requirement(
            "TFTP-1123-SAS-02",
            "RFC 1123",
            "4.2.3.1",
            Level.MUST_NOT,
            Role.TFTP,
            "Acknowledgments that come twice do not double the blocks of a transfer.",
            clients="All on a path that delays or repeats: a boot takes twice the traffic, and a storm of them more.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=doubled_transfers,
        then=blocks_are_not_doubled,
        expected=("each block one time", "a block again when its timer runs out"),
        lacking="a file of at least 50 blocks would be needed",
    ),
    Rule(
        Requirement(
            "TFTP-1123-SAS-03",
            "RFC 1123",
            "4.2.3.1",
            Level.MUST_NOT,
            Role.TFTP,
            "A late acknowledgment of an earlier block draws nothing.",
            clients="All on a path that delays: each late packet would begin another round of copies.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=old_acknowledgments,
        then=nothing_is_sent,
        expected=("silence", "the pending block again, when its timer runs out"),
        lacking="a file of at least three blocks would be needed",
    ),
)
