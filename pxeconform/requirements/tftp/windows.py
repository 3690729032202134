"""The window size option: RFC 7440.

The sender sends as many blocks in a row as were agreed, then waits for the acknowledgment of the last one. An
acknowledgment of an earlier block says that those after it are lost: the next window begins behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    unclear,
)
from pxeconform.requirements.tftp.occasions import describe, last_asked
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    in_range,
    is_at_most,
    is_not_granted,
    known_size,
    left_out,
    nothing_came,
    number,
    patience_of,
    unusable,
)
from pxeconform.requirements.tftp.window_turns import (
    BEHIND,
    WINDOWSIZE,
    Turn,
    of_windows,
    turns,
    windows,
    without_windows,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_DOUBLED = SECOND // 20
"""Copies closer than this were doubled on the way, or drawn by something; a timer takes longer."""
_MOST_COPIES = 20
"""Whoever sends a window so many times has no limit."""


# -- antecedents ------------------------------------------------------------------------------------------------------


def asked_in_numbers(view: View) -> Iterator[Negotiation]:
    """A window size was asked for, a number, and the request was answered."""
    return (n for n in asking(view, WINDOWSIZE) if number(n.asked(WINDOWSIZE)) is not None)


def asked_out_of_range(view: View) -> Iterator[Negotiation]:
    """What was asked for is no number from 1 to 65535."""
    return unusable(view, WINDOWSIZE)


def single_blocks(view: View) -> Iterator[Negotiation | Turn]:
    """A window of one block was asked for, and the client waited after an acknowledgment."""
    for one in asking(view, WINDOWSIZE):
        if one.is_read and number(one.asked(WINDOWSIZE)) == 1 and one.granted(WINDOWSIZE) is None:
            yield one
    for turn in turns(view):
        if number(turn.one.asked(WINDOWSIZE)) == 1 and turn.blocks and (len(turn.blocks) > 1 or turn.watched(view)):
            yield turn


def left_alone(view: View) -> Iterator[Negotiation | Turn]:
    """A whole window came, and the client left it alone until blocks came again, or should have."""
    yield from without_windows(view)
    for turn in turns(view):
        whole = len(set(turn.ahead)) >= turn.one.transfer.window_size > 1
        until = turn.ack.time + patience_of(view, turn.one.transfer.server)
        if whole and (_resent(turn) is not None or turn.until is None or turn.until.time >= until):
            yield turn


def gaps(view: View) -> Iterator[Negotiation | Turn]:
    """A whole window came, and the client acknowledged a block inside it."""
    yield from without_windows(view)
    yield from (turn for turn in turns(view) if turn.within)


def short_windows(view: View) -> Iterator[Negotiation]:
    """The blocks of the file do not fill the last window; the client read to the end, or as far as it could."""
    yield from without_windows(view)
    for one in _agreed(view):
        transfer = one.transfer
        size = known_size(view, transfer)
        blocks = transfer.content.last_block if size is None else size[0] // transfer.block_size + 1
        partial = blocks is not None and transfer.window_size > 1 and blocks % transfer.window_size
        if partial and (transfer.delivered or _gave_up(transfer, view)):
            yield one


def never_acknowledged(view: View) -> Iterator[Negotiation | Turn]:
    """A window was sent again and again, never acknowledged, until silence fell or no end was in sight."""
    yield from without_windows(view)
    for turn in turns(view):
        copies = _copies(turn)
        if turn.one.transfer.window_size == 1 or len(copies) < 2:
            continue
        gap = copies[-1].time - copies[-2].time
        silence = min(3 * gap, max(view.patience, gap * 3 // 2))
        until = turn.until
        if until is None:
            over = view.unwatched(turn.one.transfer.client, copies[-1].time, copies[-1].time + silence) is None
        else:
            over = isinstance(until.packet, Error) and until.time - copies[-1].time > silence * 19 // 20
        if over or len(copies) > _MOST_COPIES or _ended_by_server(turn.one.transfer):
            yield turn


def both_options(view: View) -> Iterator[Negotiation | Turn]:
    """Block size and window size are agreed, and the client waited for a window."""
    for turn in windows(view):
        one = turn if isinstance(turn, Negotiation) else turn.one
        if one.asked("blksize") is not None and (isinstance(turn, Negotiation) or one.granted("blksize") is not None):
            yield turn


def _agreed(view: View) -> Iterator[Negotiation]:
    for one in asking(view, WINDOWSIZE):
        if one.is_read and one.is_legal and number(one.granted(WINDOWSIZE)):
            yield one


def _resent(turn: Turn) -> tuple[Event, Data, int] | None:
    """The first block that came a second time, once the whole window had come, and after a pause."""
    seen: dict[int, int] = {}
    for event, packet, distance in turn.blocks:
        if len(seen) >= turn.one.transfer.window_size and event.time - seen.get(distance, 0) > _DOUBLED:
            return event, packet, distance
        if 0 < distance < BEHIND:
            seen.setdefault(distance, event.time)
    return None


def _copies(turn: Turn) -> list[Event]:
    """The first block of the window, each time that it came."""
    found: list[Event] = []
    for event, _, distance in turn.blocks:
        if distance == 1 and (not found or event.time - found[-1].time > _DOUBLED):
            found.append(event)
    return found


def _ended_by_server(transfer: Transfer) -> bool:
    return transfer.error is not None and transfer.error.sender is Sender.SERVER


def _gave_up(transfer: Transfer, view: View) -> bool:
    """The client waited in vain for the next window."""
    asked = last_asked(transfer)
    error = transfer.error
    if transfer.last_acked < transfer.content.blocks:
        return False
    return error is None or error.sender is Sender.SERVER or error.time - asked.time >= view.window(transfer.server)


# -- consequents ------------------------------------------------------------------------------------------------------


def is_not_above_the_request(one: Negotiation, view: View) -> Fact:
    """What is acknowledged is a number from 1 up to what was asked for."""
    granted = number(one.granted(WINDOWSIZE))
    if granted is not None and granted < 1:
        return broken(f"asked for {one.asked(WINDOWSIZE)}, acknowledged {one.granted(WINDOWSIZE)}", *one.frames)
    return is_at_most(one, WINDOWSIZE, view)


def is_in_range(one: Negotiation, view: View) -> Fact:
    """Whatever number is acknowledged lies from 1 to 65535."""
    granted, asked = one.granted(WINDOWSIZE), one.asked(WINDOWSIZE)
    if granted is None:
        return is_not_granted(one, WINDOWSIZE, view)
    if in_range(WINDOWSIZE, granted):
        return kept(f"asked for {asked}, acknowledged {granted}", *one.frames)
    return broken(f"asked for {asked}, acknowledged {granted}", *one.frames)


def fills_the_window(turn: Negotiation | Turn, view: View) -> Fact:
    """As many blocks as were agreed follow each other, and no more before they are acknowledged."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    size, transfer = turn.one.transfer.window_size, turn.one.transfer
    frames = {0: turn.ack.frame}
    for event, packet, distance in turn.blocks:
        frames.setdefault(distance, event.frame)
        if size < distance < BEHIND:
            told = f"{describe(packet)} came after ACK {turn.acknowledged}, {size} blocks were agreed"
            return broken(told, turn.ack.frame, event.frame)
    came = sorted(set(turn.ahead))
    if came == list(range(1, size + 1)):
        return kept(f"{size} blocks, as agreed", *frames.values())
    if turn.final and came == list(range(1, len(came) + 1)):
        return kept("blocks up to the last one", *frames.values())
    what = f"{len(came)} of {size} blocks came after ACK {turn.acknowledged}"
    return nothing_came(transfer, turn.ack, what, view, *frames.values())


def is_one_block(turn: Negotiation | Turn, view: View) -> Fact:
    """One block for each acknowledgment."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    over = next(((e, p) for e, p, distance in turn.blocks if 1 < distance < BEHIND), None)
    if over is not None:
        return broken(f"{describe(over[1])} came after ACK {turn.acknowledged}", turn.ack.frame, over[0].frame)
    return kept("one block for each acknowledgment", turn.ack.frame)


def begins_behind_the_last_ack(turn: Negotiation | Turn, view: View) -> Fact:
    """What is sent again begins with the block behind the acknowledged one."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    again = _resent(turn)
    first = turn.blocks[0][0].frame
    if again is None:
        window = patience_of(view, turn.one.transfer.server)
        what = f"nothing came again after ACK {turn.acknowledged}"
        return nothing_came(turn.one.transfer, turn.ack, what, view, turn.ack.frame, first, window=window)
    event, packet, distance = again
    if distance == 1:
        return kept("the window came again from its first block", turn.ack.frame, first, event.frame)
    told = f"{describe(packet)} came again first, ACK {turn.acknowledged} was the last"
    return broken(told, turn.ack.frame, event.frame)


def begins_behind_the_gap(turn: Negotiation | Turn, view: View) -> Fact:
    """The next window begins with the block behind the acknowledged one."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    if turn.blocks:
        event, packet, distance = turn.blocks[0]
        if distance == 1:
            return kept("a new window behind the acknowledged block", turn.ack.frame, event.frame)
        told = f"ACK {turn.acknowledged} inside a window was followed by {describe(packet)}"
        return broken(told, turn.ack.frame, event.frame)
    if turn.until is not None and isinstance(turn.until.packet, Ack):
        return unclear("the client went on before a block came", turn.ack.frame, turn.until.frame)
    window = patience_of(view, turn.one.transfer.server)
    what = f"nothing came after ACK {turn.acknowledged} inside a window"
    return nothing_came(turn.one.transfer, turn.ack, what, view, turn.ack.frame, window=window)


def ends_all_the_same(one: Negotiation, view: View) -> Fact:
    """The blocks of the last, partial window come, and their acknowledgment ends the transfer."""
    if one.granted(WINDOWSIZE) is None:
        return left_out(one, WINDOWSIZE, view)
    transfer = one.transfer
    asked = last_asked(transfer)
    frames = (*one.frames, asked.frame)
    if transfer.error is not None and transfer.error.sender is Sender.SERVER:
        told = f"{describe(transfer.error.packet)} came before the end"
        return broken(told, *frames, transfer.error.frame)
    if not transfer.delivered:
        return nothing_came(transfer, asked, "the last window did not come", view, *frames)
    size = known_size(view, transfer)
    if size is not None and transfer.content.octets != size[0]:
        return broken(f"{transfer.content.octets} octets came, the file has {size[0]} ({size[1]})", *frames)
    return kept("the file came to its end with a partial window", *frames)


def gives_up(turn: Negotiation | Turn, view: View) -> Fact:
    """After some tries the window is sent no more."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    copies = _copies(turn)
    frames = (turn.ack.frame, *(event.frame for event in copies))
    if len(copies) > _MOST_COPIES:
        return broken(f"the same window came {len(copies)} times, and more were to come", *frames)
    return kept(f"given up after {len(copies)} tries", *frames)


def keeps_to_both(turn: Negotiation | Turn, view: View) -> Fact:
    """As many blocks as were agreed, each as long as was agreed."""
    if isinstance(turn, Negotiation):
        return left_out(turn, WINDOWSIZE, view)
    size = turn.one.transfer.block_size
    highest = max(turn.ahead, default=0)
    for event, packet, distance in turn.blocks:
        if packet.length > size or (packet.length < size and 0 < distance < highest < BEHIND):
            told = f"{describe(packet)} in a window has {packet.length} octets, {size} were agreed"
            return broken(told, turn.ack.frame, event.frame)
    return fills_the_window(turn, view)


# -- the table --------------------------------------------------------------------------------------------------------

_FILE = "a file that the target serves would be needed (--file NAME)"


_AGREED = "a file of several windows, and a target that acknowledges window sizes, would be needed"
_NOT_CLAIMED = "no acknowledgment, where the ICS does not claim the option"


RULES: tuple[AnyRule, ...] = (
    Rule(
        of_windows(
            "01",
            "3",
            Level.MUST,
            "The window size that is acknowledged is at most the one that was asked for.",
            "EDK2 rejects an OACK with a larger one.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_in_numbers,
        then=is_not_above_the_request,
        expected=("a number from 1 to the one asked for", _NOT_CLAIMED),
        lacking=_FILE,
    ),
    Rule(
        of_windows(
            "02", "3", Level.MUST, "No window size outside 1 to 65535 is acknowledged.", "Few ask so.", derived=True
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_out_of_range,
        then=is_in_range,
        expected=("no acknowledgment", "ERROR 8", "a number from 1 to 65535"),
        lacking=_FILE,
    ),
    Rule(
        of_windows(
            "03",
            "4",
            Level.MUST,
            "As many blocks as were agreed are sent in a row; then the sender waits for the ACK of the last.",
            "Those that asked for windows: with fewer they wait for a time-out at each, with more they lose blocks.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=windows,
        then=fills_the_window,
        expected=("exactly the agreed number of blocks", "fewer, if the last block is among them"),
        lacking=_AGREED,
    ),
    Rule(
        of_windows(
            "04",
            "4",
            Level.MUST,
            "With a window of one block the traffic is that of RFC 1350.",
            "Those that ask for 1.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=single_blocks,
        then=is_one_block,
        expected=("one block for each ACK",),
        lacking=_FILE,
    ),
    Rule(
        of_windows(
            "05",
            "4",
            Level.MUST,
            "After a time-out the window begins behind the block that was acknowledged last.",
            "All on a network that loses datagrams.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=left_alone,
        then=begins_behind_the_last_ack,
        expected=("the blocks again, from the one behind the last ACK",),
        lacking=_AGREED,
    ),
    Rule(
        of_windows(
            "06",
            "4",
            Level.MUST,
            "After an ACK inside a window the next window begins behind the acknowledged block.",
            "All on a network that loses datagrams: it is how they report a lost block.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=gaps,
        then=begins_behind_the_gap,
        expected=("the block behind the acknowledged one comes first",),
        lacking=_AGREED,
    ),
    Rule(
        of_windows(
            "07",
            "3",
            Level.MUST,
            "The last window may be short: its ACK ends the transfer.",
            "All that asked for windows.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=short_windows,
        then=ends_all_the_same,
        expected=("the whole file",),
        lacking="a file whose blocks do not fill the last window would be needed",
    ),
    Rule(
        of_windows(
            "10",
            "6",
            Level.SHOULD,
            "A window that is never acknowledged is given up after some tries.",
            "None.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=never_acknowledged,
        then=gives_up,
        expected=("silence after some tries", "an ERROR"),
        lacking=_AGREED,
    ),
    Rule(
        of_windows(
            "11",
            "3",
            Level.MUST,
            "Window size and block size hold together.",
            "All that ask for both.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=both_options,
        then=keeps_to_both,
        expected=("the agreed number of blocks, each of the agreed size",),
        lacking=_AGREED,
    ),
)
