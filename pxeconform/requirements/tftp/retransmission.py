"""Retransmission: RFC 1350 sections 2 and 6, RFC 1123 section 4.2.3.2.

Who waits for an answer in vain sends its last packet again, each time after a longer wait, and gives up in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Request, option_value
from pxeconform.registry.tftp_codes import OptionName
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
from pxeconform.requirements.tftp.occasions import describe, is_disturbed, is_last
from pxeconform.requirements.tftp.turns import Turn, missed, reading_turns, retransmission_window, turns
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event

_ENOUGH = 4
"""So many gaps say how a timer grows."""
_MOST_COPIES = 25
"""No server that gives up at all was seen to send a block so often."""
_DOUBLED = SECOND // 20
"""Copies that come closer together are a doubled answer, no retransmission."""
_SLACK, _SLACK_TIME = 0.1, SECOND // 20
_ALIKE = 0.2
"""A machine that is busy makes gaps differ by that much, though the timer behind them does not."""
_GROWTH = 1.2
"""The note of the RFC asks for doubling; 1.5 with slack for both clocks."""
_GROWN = 4
"""A timer that has grown by that much may have reached its cap."""

# -- antecedents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A block (or an OACK, or ACK 0) was not acknowledged: its first copy, and those that came after it."""

    turn: Turn
    copies: tuple[Event, ...]

    @property
    def gaps(self) -> list[int]:
        """Times (ns) between neighbouring copies."""
        times = [event.time for event in self.copies]
        return [gap for gap in (later - earlier for earlier, later in pairwise(times)) if gap > _DOUBLED]

    @property
    def frames(self) -> tuple[int, ...]:
        """What the client asked with, and the copies."""
        return self.turn.asked.frame, *(event.frame for event in self.copies)


def waiting(view: View) -> list[Waiting]:
    """Every block that was not acknowledged for a while, or never."""
    return view.memo(_waiting)


def _waiting(view: View) -> list[Waiting]:
    found = []
    disturbed = {id(transfer) for transfer in view.transfers if is_disturbed(transfer)}
    for turn, wanted in reading_turns(view):
        copies = tuple(e for e in turn.data if cast("Data", e.packet).block == wanted)
        if not copies or id(turn.transfer) in disturbed:
            continue
        if turn.error is not None and len(copies) == 1:
            # A server that ends a transfer because nothing came has to have tried again before.
            if turn.error.time - copies[0].time > _DOUBLED:
                found.append(Waiting(turn, copies))
            continue
        waited = None if turn.until is None else turn.until - copies[0].time
        if len(copies) > 1 or waited is None or waited >= retransmission_window(view, turn.transfer.server):
            found.append(Waiting(turn, copies))
    return found


def waiting_for_the_middle(view: View) -> Iterator[Waiting]:
    """A block that is not the last one was not acknowledged for as long as a retransmission takes."""
    return (one for one in waiting(view) if not is_last(one.turn.transfer, one.copies[0]))


def waiting_for_the_end(view: View) -> Iterator[Waiting]:
    """The last block was not acknowledged for as long as a retransmission takes."""
    return (one for one in waiting(view) if is_last(one.turn.transfer, one.copies[0]))


def never_acknowledged(view: View) -> Iterator[Waiting]:
    """What was not acknowledged any more came again, and the client listened to the end, if it ever did."""
    given_up = [*_given_up(waiting(view)), *_given_up(_unanswered_openings(view))]
    return iter([one for one in given_up if _came_to_an_end(one, view)] or given_up)


def _unanswered_openings(view: View) -> Iterator[Waiting]:
    """An OACK, or the ACK 0 of a write, that the client did not go on from."""
    for turn in turns(view):
        if isinstance(turn.asked.packet, Request) and not is_disturbed(turn.transfer):
            copies = tuple(e for e in turn.answers if isinstance(e.packet, Oack) or e.packet == Ack(0))
            if copies and turn.error is None:
                yield Waiting(turn, copies)


def _given_up(waited: Iterable[Waiting]) -> list[Waiting]:
    found = []
    for one in waited:
        following = one.turn.following
        if len(one.copies) > 1 and (following is None or isinstance(following.packet, Error)):
            found.append(one)
    return found


def _came_to_an_end(one: Waiting, view: View) -> bool:
    """An ERROR, or silence for three times the last gap; or so many copies that there is none."""
    if one.turn.error is not None and one.turn.error.time > one.copies[-1].time:
        return True
    until = one.copies[-1].time + min(3 * (one.gaps or [0])[-1], view.patience) * 19 // 20
    listened = one.turn.until is None or one.turn.until >= until
    silent = listened and view.unwatched(one.turn.transfer.client, one.turn.asked.time, until) is None
    return silent or len(one.copies) >= _MOST_COPIES


def timers(view: View) -> Iterator[Waiting]:
    """A block came so often that the gaps can be compared, if one ever did; no timeout was agreed (RFC 2349)."""
    free = [one for one in waiting(view) if option_value(one.turn.transfer.acknowledged, OptionName.TIMEOUT) is None]
    return iter([one for one in free if len(one.gaps) >= _ENOUGH] or _given_up(free))


# -- consequents ------------------------------------------------------------------------------------------------------


def comes_again(one: Waiting, view: View) -> Fact:
    """The same block, octet for octet."""
    number = cast("Data", one.copies[0].packet).block
    original = view.payload(one.copies[0].frame)
    for copy in one.copies[1:]:
        same = view.payload(copy.frame) == original and copy.packet == one.copies[0].packet
        if not same:
            return broken(f"block {number} came again with other octets", *one.frames[:2], copy.frame)
    if len(one.copies) > 1:
        return kept("the block came again", *one.frames[:3])
    if one.turn.error is not None:
        observed = f"{describe(one.turn.error.packet)} came, and block {number} not once again"
        return broken(observed, *one.frames, one.turn.error.frame)
    window = retransmission_window(view, one.turn.transfer.server)
    return missed(f"block {number} did not come again", one.turn, view, window, *one.frames)


def stops_at_last(one: Waiting, view: View) -> Fact:
    """Silence for three times the last gap, in the end."""
    last = one.copies[-1]
    frames = one.frames[0], one.frames[1], last.frame
    if len(one.copies) >= _MOST_COPIES:
        span = _seconds(last.time - one.copies[0].time)
        return broken(f"{len(one.copies)} copies within {span}, and no end", *frames)
    if _came_to_an_end(one, view):
        return kept(f"silent after {len(one.copies)} copies", *frames)
    return unclear(f"{len(one.copies)} copies had come when nobody listened any more", *frames)


def interval_adapts(one: Waiting, view: View) -> Fact:
    """The gaps are not all the same."""
    gaps = one.gaps[:_ENOUGH]
    shown = ", ".join(map(_seconds, gaps))
    if len(gaps) < _ENOUGH:
        return unclear(f"only {len(gaps)} gaps were seen ({shown})", *one.frames)
    middle = sorted(gaps)[len(gaps) // 2]
    if all(abs(gap - middle) <= max(_ALIKE * middle, _SLACK_TIME) for gap in gaps):
        return broken(f"the gaps between copies are all the same ({shown})", *one.frames)
    return kept(f"the gaps between copies change ({shown})", *one.frames)


def interval_grows(one: Waiting, view: View) -> Fact:
    """Each gap is at least half as long again as the one before, until a cap is reached."""
    gaps = one.gaps[:_ENOUGH]
    shown = ", ".join(map(_seconds, gaps))
    if len(gaps) < _ENOUGH:
        return unclear(f"only {len(gaps)} gaps were seen ({shown})", *one.frames)
    for earlier, later in pairwise(gaps):
        if later < _GROWTH * earlier - min(_SLACK * earlier, _SLACK_TIME) and earlier < _GROWN * gaps[0] * 0.8:
            return broken(f"the gaps between copies do not grow exponentially ({shown})", *one.frames)
    steps = [later - earlier for earlier, later in pairwise(gaps)]
    if max(steps) - min(steps) <= _SLACK * gaps[0] + _SLACK_TIME:
        return broken(f"the gaps between copies grow by the same step each time ({shown})", *one.frames)
    return kept(f"the gaps between copies grow ({shown})", *one.frames)


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / SECOND:.2f} s"


# -- the table --------------------------------------------------------------------------------------------------------

_A_FILE = "a file that the target serves would be needed, and a client that does not acknowledge it"


def _rule(
    requirement: str, section: str, level: Level, text: str, clients: str, *, derived: bool = False
) -> Requirement:
    document = "RFC 1350" if "-1350-" in requirement else "RFC 1123"
    return Requirement(requirement, document, section, level, Role.TFTP, text, derived=derived, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule(
            "TFTP-1350-RTX-01",
            "2",
            Level.MUST,
            "A block that is not acknowledged is sent again, the same octets under the same number.",
            "All on a network that loses packets.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=waiting_for_the_middle,
        then=comes_again,
        expected=("the same DATA again before the run's patience is at its end",),
        lacking="a file of at least two blocks would be needed",
    ),
    Rule(
        _rule(
            "TFTP-1350-RTX-02",
            "2",
            Level.MUST,
            "A server gives up a client that does not answer any more.",
            "None; but anybody who forges an address could have a server send to it for ever.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=never_acknowledged,
        then=stops_at_last,
        expected=("some copies of what was not acknowledged, then silence for three times the last gap",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1350-END-04",
            "6",
            Level.MUST,
            "The last block is sent again until it is acknowledged.",
            "All on a network that loses packets: else the last one fails although all is well but for one packet.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=waiting_for_the_end,
        then=comes_again,
        expected=("the same DATA again before the run's patience is at its end",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1123-TMO-01",
            "4.2.3.2",
            Level.MUST,
            "The time after which a block is sent again adapts; it is not always the same.",
            "All on slow or crowded networks, which a fixed timer floods.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=timers,
        then=interval_adapts,
        expected=("gaps that differ by more than a fifth", "any gaps, once a timeout was agreed (RFC 2349)"),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1123-TMO-02",
            "4.2.3.2",
            Level.SHOULD,
            "The time after which a block is sent again grows exponentially.",
            "All on crowded networks.",
            derived=True,
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=timers,
        then=interval_grows,
        expected=("each gap at least half as long again as the one before", "the same, up to a cap of four first gaps"),
        lacking=_A_FILE,
    ),
)
