"""A transfer as turns: a packet of the client, and what the server sent until the client's next one.

RFC 1350 is a game of turns (section 2: one packet is under way at any time), so most of its sentences are about one
turn: what was asked, what came of it, and how long was listened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Packet, Request
from pxeconform.requirements.model import Fact, broken, unclear
from pxeconform.requirements.tftp.occasions import port_closed
from pxeconform.requirements.tftp.sent import sent_by_the_server
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_LONGEST_TIMER = 20 * SECOND
"""A server that waits for an acknowledgment sends again before that, whatever its timer."""
_USUAL_TIMER = 6 * SECOND
"""Many servers wait five seconds: a run that is less patient cannot tell that one never sends again."""
_LONGEST_ANSWER = 4 * SECOND
_IN_FLIGHT = SECOND // 10
"""What the server sent so soon after a packet of ours may have crossed it on the way."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, up to the client's `following` packet, `None` when it sent none any more."""

    transfer: Transfer
    asked: Event
    answers: tuple[Event, ...]
    following: Event | None

    @property
    def until(self) -> int | None:
        """When the client's next packet ended it (ns)."""
        return None if self.following is None else self.following.time

    @property
    def data(self) -> list[Event]:
        """The DATA among the answers."""
        return [event for event in self.answers if isinstance(event.packet, Data)]

    @property
    def error(self) -> Event | None:
        """The first ERROR among the answers."""
        return next((event for event in self.answers if isinstance(event.packet, Error)), None)

    def first(self, packet: Packet) -> Event | None:
        """The first answer that is that packet."""
        return next((event for event in self.answers if event.packet == packet), None)


def turns(view: View) -> Sequence[Turn]:
    """All turns of all transfers, in the order of the transfers."""
    return view.memo(_turns)


def turns_of(transfer: Transfer) -> Iterator[Turn]:
    """The turns of one transfer; what strangers sent, and what other identifiers of the server sent, is left out."""
    asked: Event | None = None
    answers: list[Event] = []
    for event in transfer.events:
        if event.sender is Sender.CLIENT:
            if isinstance(event.packet, Request) or event.destination[1] not in transfer.other_tids:
                if asked is not None:
                    yield Turn(transfer, asked, tuple(answers), event)
                asked, answers = event, []
        elif event.destination == transfer.client and event.source == (transfer.server, transfer.server_port):
            answers.append(event)
    if asked is not None:
        yield Turn(transfer, asked, tuple(answers), None)


def _turns(view: View) -> list[Turn]:
    return [turn for transfer in view.transfers for turn in turns_of(transfer)]


def reading_turns(view: View) -> Iterator[tuple[Turn, int]]:
    """Turns in which the client asks for a block, one at a time, and the number of the block that it asks for.

    The request asks for block 1 unless options are agreed; then the acknowledgment of the OACK does.
    """
    for turn in turns(view):
        transfer, asked = turn.transfer, turn.asked.packet
        if transfer.direction != "read" or transfer.window_size != 1:
            continue
        if isinstance(asked, Ack):
            yield turn, (asked.block + 1) & 0xFFFF
        elif isinstance(asked, Request) and not any(isinstance(e.packet, Oack) for e in turn.answers):
            yield turn, 1


def writing_turns(view: View) -> Iterator[tuple[Turn, int]]:
    """Turns in which the client sends a block, one at a time, and that block's number."""
    for turn in turns(view):
        transfer, asked = turn.transfer, turn.asked.packet
        if transfer.direction == "write" and transfer.window_size == 1 and isinstance(asked, Data):
            yield turn, asked.block


# -- how long was listened --------------------------------------------------------------------------------------------


def too_short(turn: Turn, view: View, window: int) -> str | None:
    """Why silence after the client's packet proves nothing; `None` when it was listened for `window` ns."""
    if turn.until is not None and turn.until - turn.asked.time < window:
        return "the client went on too soon to tell"
    return view.unwatched(turn.transfer.client, turn.asked.time, turn.asked.time + window)


def listened(turn: Turn, view: View, window: int) -> bool:
    """The client did nothing but listen for `window` ns after its packet."""
    since, until = turn.asked.time, turn.asked.time + window
    return (turn.until is None or turn.until >= until) and view.listened(turn.transfer.client, since, until)


def answer_window(view: View, server: str) -> int:
    """How long an owed answer may take (ns)."""
    return max(view.window(server), _nearly(min(_LONGEST_ANSWER, view.patience)))


def retransmission_window(view: View, server: str) -> int:
    """How long it may take (ns) until a server sends again what was not acknowledged."""
    timer = view.retransmission_timer(server)
    least = _USUAL_TIMER if timer is None else 3 * timer
    return max(least, _nearly(min(_LONGEST_TIMER, view.patience)))


def three_timeouts(transfer: Transfer, view: View) -> int | None:
    """Three times the transfer's own timer (ns), else the server's shortest one; `None` when neither was seen."""
    timer = own_timer(transfer, view) or view.retransmission_timer(transfer.server)
    return None if timer is None else _nearly(3 * timer)


def own_timer(transfer: Transfer, view: View) -> int | None:
    """After how long (ns) a transfer's server first sent a packet again with nothing from the client between."""
    return view.once(_own_timer, transfer)


def _own_timer(transfer: Transfer) -> int | None:
    for turn in turns_of(transfer):
        sent: dict[Packet, int] = {}
        for event in turn.answers:
            gap = event.time - sent.setdefault(event.packet, event.time)
            if gap > SECOND // 20:
                return gap
    return None


def after_crossing(turn: Turn, view: View) -> list[Event]:
    """The answers that cannot have crossed the client's packet on the way.

    What crosses it is a copy that the server's timer sent, soon after the client's packet left.
    """
    sent = sent_by_the_server(turn.transfer, view)
    timer = own_timer(turn.transfer, view) or 0
    found = []
    for event in turn.answers:
        soon = event.time - turn.asked.time <= _IN_FLIGHT
        before = sent.before(turn.asked.time, event.packet) if soon else None
        by_timer = before is not None and event.time - before >= timer // 2
        if not (soon and by_timer):
            found.append(event)
    return found


def _nearly(window: int) -> int:
    """A tester that waits for exactly that long listens a little less."""
    return window * 19 // 20


def missed(what: str, turn: Turn, view: View, window: int, *frames: int) -> Fact:
    """An answer that was owed did not come: a violation, if that can be told."""
    transfer, since = turn.transfer, turn.asked.time
    closed = port_closed(transfer, since, view)
    if closed is not None:
        return broken(f"{what}: the port is closed", *frames, closed)
    gap = too_short(turn, view, window)
    return unclear(f"{what}, but {gap}", *frames) if gap is not None else broken(what, *frames)
