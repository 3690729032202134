"""Writes in windows: RFC 7440.

The server acknowledges the last block of each window, or the last one before a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pxeconform.protocol.tftp import Ack, Data, Error
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Rule,
    Scope,
    broken,
    kept,
)
from pxeconform.requirements.tftp.occasions import describe, events_after
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    left_out,
    nothing_came,
)
from pxeconform.requirements.tftp.window_turns import (
    BEHIND,
    WINDOWSIZE,
    of_windows,
)
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event, Sender


def written(view: View) -> Iterator[Negotiation]:
    """A file was written with windows, no block missing."""
    for one in asking(view, WINDOWSIZE):
        sent = [p.block for e in one.transfer.of(Sender.CLIENT) if isinstance(p := e.packet, Data)]
        in_order = sent == [n & 0xFFFF for n in range(1, len(sent) + 1)]
        windowed = one.granted(WINDOWSIZE) is not None and one.transfer.window_size > 1
        if not one.is_read and one.is_legal and ((sent and in_order) or not windowed):
            yield one


@dataclass(frozen=True, slots=True)
class Gap:
    """A client that writes left out a block, and went on."""

    one: Negotiation
    last: int
    """The last block in order."""
    beyond: Event
    """The first block behind the gap."""


def gaps_in_writes(view: View) -> Iterator[Negotiation | Gap]:
    """Inside a window that is written a block is missing."""
    for one in asking(view, WINDOWSIZE):
        if one.is_read or not one.is_legal:
            continue
        if one.granted(WINDOWSIZE) is None:
            yield one
        elif one.transfer.window_size > 1:
            last = 0
            sent = [(e, e.packet.block) for e in one.transfer.of(Sender.CLIENT) if isinstance(e.packet, Data)]
            for at, (event, number_) in enumerate(sent):
                if 1 < (number_ - last) & 0xFFFF < BEHIND:
                    # A block that is acknowledged, and was never sent, is missing in the evidence alone.
                    if one.transfer.last_acked <= last or last + 1 in (n for _, n in sent[at:]):
                        yield Gap(one, last, event)
                    break
                last = number_


def acknowledges_windows(one: Negotiation, view: View) -> Fact:
    """One ACK for each window, of its last block."""
    if one.granted(WINDOWSIZE) is None:
        return left_out(one, WINDOWSIZE, view)
    transfer, size = one.transfer, one.transfer.window_size
    highest, acked, last_sent = 0, 0, transfer.events[0]
    for event in transfer.events:
        packet = event.packet
        if event.sender is Sender.CLIENT and isinstance(packet, Data):
            highest, last_sent = packet.block, event
        elif event.sender is Sender.SERVER and isinstance(packet, Ack) and packet.block != acked:
            full = packet.block - acked == size or packet.block == transfer.content.last_block
            if not full and event.time - last_sent.time < view.window(transfer.server):
                told = f"ACK {packet.block} came inside a window of {size} blocks"
                return broken(told, *one.frames, last_sent.frame, event.frame)
            acked = packet.block
        elif event.sender is Sender.SERVER and isinstance(packet, Error):
            return broken(f"{describe(packet)} came", *one.frames, last_sent.frame, event.frame)
    ends = [e.frame for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Ack)]
    owed = highest - acked >= size or (highest and highest == transfer.content.last_block)
    if acked < highest and owed:
        return nothing_came(
            transfer, last_sent, f"no ACK came for the window that ends with block {highest}", view, last_sent.frame
        )
    return kept("one ACK for each window", *one.frames, *ends)


def is_told(gap: Negotiation | Gap, view: View) -> Fact:
    """The last block in order is acknowledged."""
    if isinstance(gap, Negotiation):
        return left_out(gap, WINDOWSIZE, view)
    transfer, frames = gap.one.transfer, (*gap.one.frames, gap.beyond.frame)
    for event in events_after(transfer, gap.beyond):
        packet = event.packet
        if isinstance(packet, Data) and (packet.block - gap.last) & 0xFFFF == 1:
            # The client closed the gap without having been told.
            break
        if event.sender is not Sender.SERVER:
            continue
        if packet == Ack(gap.last):
            return kept("the last block in order was acknowledged", *frames, event.frame)
        return broken(f"a gap was answered with {describe(packet)}", *frames, event.frame)
    return nothing_came(transfer, gap.beyond, "a gap was not answered", view, *frames)


_WRITABLE = "a place where files may be written would be needed (tftp.writable in the ICS file)"


RULES: tuple[AnyRule, ...] = (
    Rule(
        of_windows(
            "08",
            "4",
            Level.MUST,
            "A server that takes a file acknowledges the last block of each window.",
            "All that upload with windows.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=written,
        then=acknowledges_windows,
        expected=("one ACK for each window, with the number of its last block",),
        lacking=_WRITABLE,
    ),
    Rule(
        of_windows(
            "09",
            "4",
            Level.SHOULD,
            "A server that misses a block of a window acknowledges the last one before it.",
            "All that upload on a network that loses datagrams.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=gaps_in_writes,
        then=is_told,
        expected=("an ACK of the last block in order",),
        lacking=_WRITABLE,
    ),
)
