"""Reads in windows (RFC 7440), cut into turns: what the server sent between two acknowledgments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from pxeconform.protocol.tftp import Ack, Data
from pxeconform.requirements.model import (
    Level,
    Requirement,
    Role,
)
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    number,
)
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event, Sender

WINDOWSIZE = "windowsize"
ENOUGH = 20
BEHIND = 0x8000


@dataclass(frozen=True, slots=True)
class Turn:
    """What a server sent of a file between two acknowledgments of its client."""

    one: Negotiation
    ack: Event
    """The acknowledgment, ACK 0 for the first window."""
    blocks: tuple[tuple[Event, Data, int], ...]
    """The blocks that came, and how far behind the acknowledged one each is."""
    until: Event | None
    """The client's next packet."""
    within: bool
    """The acknowledged block lay inside the window before, all of which had come."""

    @property
    def acknowledged(self) -> int:
        """The number of the block that was acknowledged."""
        return cast("Ack", self.ack.packet).block

    @property
    def ahead(self) -> list[int]:
        """How far behind the acknowledged block each block is, without those that came before it."""
        return [distance for _, _, distance in self.blocks if 0 < distance < BEHIND]

    @property
    def final(self) -> bool:
        """The last block of the file is among them."""
        return any(packet.length < self.one.transfer.block_size for _, packet, _ in self.blocks)

    def watched(self, view: View) -> bool:
        """The client waited long enough for more to come."""
        transfer = self.one.transfer
        if self.until is not None:
            return self.until.time - self.ack.time >= view.window(transfer.server)
        return view.unwatched(transfer.client, self.ack.time, self.ack.time + view.window(transfer.server)) is None


def turns(view: View) -> Sequence[Turn]:
    """All turns of reads with an agreed window."""
    return cast("Sequence[Turn]", view.memo(_turns))


def _turns(view: View) -> list[Turn]:
    found: list[Turn] = []
    for one in asking(view, WINDOWSIZE):
        if one.is_read and one.is_legal and number(one.granted(WINDOWSIZE)):
            found += _turns_of(one)
    return found


def _turns_of(one: Negotiation) -> Iterator[Turn]:
    transfer, ack = one.transfer, None
    blocks: list[tuple[Event, Data, int]] = []
    within = False
    for event in transfer.events:
        packet = event.packet
        if event.sender is Sender.CLIENT and event.destination[1] == transfer.server_port:
            if ack is not None:
                turn = Turn(one, ack, tuple(blocks), event, within)
                yield turn
                distance = transfer.content.distance(turn.acknowledged, packet.block) if isinstance(packet, Ack) else 0
                whole = len(set(turn.ahead)) >= transfer.window_size
                within = whole and 0 < distance < transfer.window_size
            ack, blocks = (event if isinstance(packet, Ack) else None), []
        elif ack is not None and isinstance(packet, Data) and event.source[1] == transfer.server_port:
            before = cast("Ack", ack.packet).block
            blocks.append((event, packet, transfer.content.distance(before, packet.block)))
    if ack is not None:
        yield Turn(one, ack, tuple(blocks), None, within)


def windows(view: View) -> Iterator[Negotiation | Turn]:
    """The client acknowledged a whole window, or ACK 0, and waited for the next; or windows are not acknowledged.

    Of each transfer the first windows are enough, and all that are not as they must be.
    """
    yield from without_windows(view)
    sound: Counter[int] = Counter()
    for turn in turns(view):
        size, came = turn.one.transfer.window_size, set(turn.ahead)
        if size == 1 or turn.within:
            continue
        over = any(distance > size for distance in came)
        whole = not over and (len(came) >= size or turn.final)
        sound[id(turn.one)] += whole
        if over or (whole and sound[id(turn.one)] <= ENOUGH) or (came and not whole and turn.watched(view)):
            yield turn


def without_windows(view: View) -> Iterator[Negotiation]:
    """Reads that asked for windows and got none."""
    return (n for n in asking(view, WINDOWSIZE) if n.is_read and n.is_legal and n.granted(WINDOWSIZE) is None)


def of_windows(
    group: str, section: str, level: Level, text: str, clients: str = "", *, derived: bool = False
) -> Requirement:
    """A requirement of RFC 7440."""
    return Requirement(f"TFTP-7440-WIN-{group}", "RFC 7440", section, level, Role.TFTP, text, derived, clients=clients)
