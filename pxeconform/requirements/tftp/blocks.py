"""Blocks and how they end: RFC 1350 sections 2, 5 and 6.

A file travels in blocks of one size, numbered from 1, one at a time. The first block that is shorter is the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import LAST_BLOCK_NUMBER, Ack, Data, Oack, Request
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
from pxeconform.requirements.tftp.contents import known_size, same_contents, surely_known_size
from pxeconform.requirements.tftp.occasions import describe, is_disturbed
from pxeconform.requirements.tftp.requests import Opening, nothing_came, openings
from pxeconform.requirements.tftp.turns import (
    Turn,
    after_crossing,
    answer_window,
    listened,
    missed,
    reading_turns,
    three_timeouts,
    too_short,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_WITHHELD = SECOND // 5
"""A client that takes that long for its acknowledgment gives the server time to send too much."""

# -- antecedents ------------------------------------------------------------------------------------------------------


def reads(view: View) -> list[tuple[Transfer, list[tuple[Turn, int]]]]:
    """Undisturbed reads of one block at a time that brought a block: their turns, and the block that each asks for."""
    return view.memo(_reads)


def _reads(view: View) -> list[tuple[Transfer, list[tuple[Turn, int]]]]:
    found: dict[int, tuple[Transfer, list[tuple[Turn, int]]]] = {}
    for turn, wanted in reading_turns(view):
        if turn.transfer.data_packets:
            found.setdefault(id(turn.transfer), (turn.transfer, []))[1].append((turn, wanted))
    return [reading for reading in found.values() if not is_disturbed(reading[0])]


def withheld(view: View) -> Iterator[tuple[Transfer, list[tuple[Turn, int]]]]:
    """The client took its time to acknowledge a block, so that more than one may have come."""
    for transfer, its_turns in reads(view):
        slow = [(t, n) for t, n in its_turns if t.data and (_waited(t) >= _WITHHELD or len(t.data) > 1)]
        if slow:
            yield transfer, slow


def _waited(turn: Turn) -> int:
    first = turn.answers[0].time
    return (turn.until - first) if turn.until is not None else _WITHHELD


def _beyond(turn: Turn, wanted: int) -> Event | None:
    """A block behind the one that was asked for, after that one came."""
    due = {wanted, 1} if wanted == 0 else {wanted}
    last = max(due)
    numbers = [cast("Data", e.packet).block for e in turn.data]
    return next((e for e, n in zip(turn.data, numbers, strict=True) if n == last + 1 and due & set(numbers)), None)


def _acknowledged_later(turn: Turn, wanted: int, early: Event) -> bool:
    """The client acknowledged the block that was due when the later one had come: no acknowledgment is missing."""
    return any(e.packet == Ack(wanted) and e.time > early.time for e in turn.transfer.of(Sender.CLIENT))


def ended(view: View) -> Iterator[Turn]:
    """The client acknowledged a block that was shorter than the others."""
    for _, its_turns in reads(view):
        last = _final(its_turns)
        if last is not None:
            yield last


def _final(its_turns: list[tuple[Turn, int]]) -> Turn | None:
    """The turn in which the client acknowledges the first short block."""
    short: set[int] = set()
    for turn, _ in its_turns:
        size = turn.transfer.block_size
        if isinstance(turn.asked.packet, Ack) and turn.asked.packet.block in short:
            return turn
        short |= {e.packet.block for e in turn.answers if isinstance(e.packet, Data) and e.packet.length < size}
    return None


def ended_and_listened(view: View) -> Iterator[Turn | Transfer]:
    """The same, and the client did not stop to listen at once; or something came; or no short block ended a file."""
    yield from _endless(view)
    for turn in ended(view):
        following = _after_the_end(turn)
        if following is not None and _is_cut_short(turn, following, view):
            continue  # The block should not have been short: that is another requirement.
        if following is not None or listened(turn, view, _a_moment(turn, view)):
            yield turn


def _endless(view: View) -> Iterator[Transfer]:
    """Reads that brought more octets than the file is known to have, all in blocks of full size."""
    for transfer, _ in reads(view):
        size = surely_known_size(transfer, view) if transfer.request.mode == "octet" else None
        came = transfer.content
        if size is not None and came.octets > size and came.last_block is None and not came.cut:
            yield transfer


def _a_moment(turn: Turn, view: View) -> int:
    return min(view.window(turn.transfer.server), SECOND)


def ended_and_watched(view: View) -> Iterator[Turn]:
    """The same, and then listened for three of the server's timeouts; or something came."""
    for turn in ended(view):
        window = three_timeouts(turn.transfer, view)
        watched = window is not None and listened(turn, view, window)
        if watched or any(not _is_new(e, turn) for e in after_crossing(turn, view)):
            yield turn


def whole_blocks(view: View) -> Iterator[Turn]:
    """The client acknowledged the last octets of a file whose size is a multiple of the block size."""
    for transfer, its_turns in reads(view):
        size = known_size(transfer, view)
        if size and size % transfer.block_size == 0:
            number = size // transfer.block_size & 0xFFFF
            lap = size // transfer.block_size <= LAST_BLOCK_NUMBER
            yield from [t for t, _ in its_turns if lap and t.asked.packet == Ack(number)][:1]


def empty_files(view: View) -> Iterator[Opening]:
    """A file that is known to be empty was asked for without options."""
    for opening in openings(view):
        bare = opening.transfer.direction == "read" and not opening.request.options and not opening.request.ragged
        if bare and opening.request.mode == "octet" and known_size(opening.transfer, view) == 0:
            yield opening


def comparable(view: View) -> Iterator[Transfer | Turn]:
    """A file came to its end in octet mode, and what it should hold is known; or one of known size ended too soon."""
    for transfer in view.transfers:
        if _can_be_compared(transfer, view):
            yield transfer
    for transfer, its_turns in reads(view):
        final = _final(its_turns)
        following = _after_the_end(final) if final is not None else None
        octet = transfer.request.mode == "octet" and known_size(transfer, view) is not None
        if octet and final is not None and following is not None and _is_cut_short(final, following, view):
            yield final


def answered_more_than_once(view: View) -> Iterator[Transfer]:
    """The server sent more than one packet of a transfer that was asked for one time."""
    for transfer in view.transfers:
        once = transfer.direction == "read" and len(transfer.request_frames) == 1
        if once and transfer.data_packets + bool(transfer.other_tids) > 1:
            yield transfer


def after_an_abort(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A file was read in octet mode after the client had broken off the reading of another one."""
    aborted: dict[str, Transfer] = {}
    for transfer in sorted(view.transfers, key=lambda t: t.started):
        scenario = transfer.events[0].scenario
        before = aborted.get(scenario)
        if before is not None and transfer.file != before.file and _can_be_compared(transfer, view):
            yield before, transfer
            del aborted[scenario]
        if transfer.data_packets and transfer.error is not None and transfer.error.sender is Sender.CLIENT:
            aborted[scenario] = transfer


def _can_be_compared(transfer: Transfer, view: View) -> bool:
    whole = transfer.direction == "read" and transfer.delivered and transfer.content.sha256 is not None
    return whole and view.reference_digest(transfer) is not None


# -- consequents ------------------------------------------------------------------------------------------------------


def numbers_step_by_one(reading: tuple[Transfer, list[tuple[Turn, int]]], view: View) -> Fact:
    """The request draws block 1, each acknowledgment the block after it."""
    transfer, its_turns = reading
    final = _final(its_turns)
    for turn, wanted in its_turns:
        if turn is final:
            break
        fact = _next_block(turn, wanted, view)
        if fact is not None:
            return fact
    ends = [e.frame for _, e in _firsts(its_turns)]
    frames = (transfer.request_frames[0], *ends[:1], *ends[-1:])
    return kept("each block has the number after the one before", *frames)


def _firsts(its_turns: list[tuple[Turn, int]]) -> list[tuple[Turn, Event]]:
    return [(turn, turn.data[0]) for turn, _ in its_turns if turn.data]


def _next_block(turn: Turn, wanted: int, view: View) -> Fact | None:
    """What is wrong about the answer to one acknowledgment; `None` if nothing is."""
    transfer, asked = turn.transfer, turn.asked
    after_wrap = isinstance(asked.packet, Ack) and asked.packet.block == LAST_BLOCK_NUMBER
    for event in turn.data:
        number = cast("Data", event.packet).block
        if number == wanted or (after_wrap and number == 1):
            return None
        behind = (wanted - number) & 0xFFFF
        is_first = isinstance(asked.packet, Request) and not isinstance(asked.packet, Ack)
        if 0 < behind < 0x8000 and not is_first:
            continue
        if number and any(e.packet == Ack(number) for e in transfer.of(Sender.CLIENT) if e.time > event.time):
            return unclear(f"the evidence lacks block {wanted}: the client takes block {number} for it", asked.frame)
        return broken(f"block {number} came where block {wanted} was due", asked.frame, event.frame)
    if turn.until is not None and _acknowledges(transfer, wanted):
        return unclear(f"the evidence lacks block {wanted}, which was acknowledged", asked.frame)
    if not isinstance(asked.packet, Ack) or turn.error is not None:
        return None
    if known_size(transfer, view) == transfer.content.octets:
        return None  # Only the empty block is missing: that is another requirement.
    return missed(f"block {wanted} never came", turn, view, answer_window(view, transfer.server), asked.frame)


def _acknowledges(transfer: Transfer, block: int) -> bool:
    return any(e.packet == Ack(block) for e in transfer.of(Sender.CLIENT))


def one_block_is_under_way(reading: tuple[Transfer, list[tuple[Turn, int]]], view: View) -> Fact:
    """While a block waits for its acknowledgment, no later one comes."""
    _, slow = reading
    for turn, wanted in slow:
        early = _beyond(turn, wanted)
        if early is not None and _acknowledged_later(turn, wanted, early):
            return broken(
                f"{describe(early.packet)} came before block {wanted} was acknowledged",
                turn.asked.frame,
                turn.data[0].frame,
                early.frame,
            )
    turn, wanted = max(slow, key=lambda one: _waited(one[0]))
    gap = too_short(turn, view, turn.data[0].time - turn.asked.time + min(_WITHHELD, _waited(turn)))
    frames = turn.asked.frame, turn.data[0].frame
    if gap is not None:
        return unclear(f"no block came beyond block {wanted}, but {gap}", *frames)
    return kept("no block came before the one under way was acknowledged", *frames)


def blocks_have_the_size(reading: tuple[Transfer, list[tuple[Turn, int]]], view: View) -> Fact:
    """No block is longer than the block size, and only the last one is shorter."""
    transfer, its_turns = reading
    size, request = transfer.block_size, transfer.request_frames[0]
    for turn, _ in its_turns:
        for event in turn.data:
            length = cast("Data", event.packet).length
            if length > size:
                return broken(f"a block of {length} octets, where {size} are agreed", request, event.frame)
    last = _final(its_turns)
    following = _after_the_end(last) if last is not None else None
    if last is not None and following is not None and _is_cut_short(last, following, view):
        number = cast("Ack", last.asked.packet).block
        return broken(f"block {number} is short, and another one follows", request, last.asked.frame, following.frame)
    first = _firsts(its_turns)
    return kept(f"blocks of {size} octets, but for the last one", request, first[0][1].frame, first[-1][1].frame)


def more_than_one(view: View) -> Iterator[tuple[Transfer, list[tuple[Turn, int]]]]:
    """Reads of at least two blocks, without `blksize`."""
    for reading in reads(view):
        transfer, its_turns = reading
        too_long = any(cast("Data", e.packet).length > 512 for turn, _ in its_turns for e in turn.data)
        if transfer.block_size == 512 and (transfer.content.blocks > 1 or too_long):
            yield reading


def _after_the_end(turn: Turn) -> Event | None:
    """A new block in answer to the acknowledgment of a short one."""
    return next((event for event in turn.data if _is_new(event, turn)), None)


def _is_new(event: Event, turn: Turn) -> bool:
    """The block after the one that the turn acknowledges."""
    acknowledged = cast("Ack", turn.asked.packet).block
    return isinstance(event.packet, Data) and event.packet.block == (acknowledged + 1) & 0xFFFF


def _is_cut_short(final: Turn, following: Event, view: View) -> bool:
    """What follows the short block belongs to the file, as far as its size is known."""
    size = known_size(final.transfer, view)
    octets = final.transfer.content.octets - cast("Data", following.packet).length
    return cast("Data", following.packet).length > 0 and (size is None or octets < size)


def nothing_new_follows(turn: Turn | Transfer, view: View) -> Fact:
    """The last octets come in a short block, and after its acknowledgment no further one comes."""
    if isinstance(turn, Transfer):
        last = [e.frame for e in turn.of(Sender.SERVER) if isinstance(e.packet, Data)][-1]
        due = surely_known_size(turn, view)
        observed = f"{turn.content.octets} octets came of a file of {due}, and no short block"
        return broken(observed, turn.request_frames[0], last)
    following = _after_the_end(turn)
    if following is not None:
        return broken(f"{describe(following.packet)} came after the last block", turn.asked.frame, following.frame)
    gap = too_short(turn, view, _a_moment(turn, view))
    if gap is not None:
        return unclear(f"nothing came after the last block, but {gap}", turn.asked.frame)
    return kept("the short block was the last one", turn.asked.frame)


def nothing_follows(turn: Turn, view: View) -> Fact:
    """After the last acknowledgment nothing comes for three timeouts."""
    late = next((e for e in after_crossing(turn, view) if not _is_new(e, turn)), None)
    if late is not None:
        return broken(f"{describe(late.packet)} came after the last acknowledgment", turn.asked.frame, late.frame)
    gap = too_short(turn, view, three_timeouts(turn.transfer, view) or 0)
    if gap is not None:
        return unclear(f"nothing came after the last acknowledgment, but {gap}", turn.asked.frame)
    return kept("nothing came after the last acknowledgment", turn.asked.frame)


def an_empty_block_follows(turn: Turn, view: View) -> Fact:
    """After the last octets an empty block says that this is all."""
    for event in turn.data:
        if _is_new(event, turn):
            length = cast("Data", event.packet).length
            if length == 0:
                return kept("an empty block ends the file", turn.asked.frame, event.frame)
            return broken(f"a block of {length} octets came after the last ones", turn.asked.frame, event.frame)
    if turn.error is not None:
        return broken(f"{describe(turn.error.packet)} came instead", turn.asked.frame, turn.error.frame)
    window = answer_window(view, turn.transfer.server)
    return missed("no empty block came to end the file", turn, view, window, turn.asked.frame)


def one_empty_block(opening: Opening, view: View) -> Fact:
    """An empty file is one empty block."""
    if opening.reply is None:
        return nothing_came(opening, view)
    packet = opening.reply.packet
    if isinstance(packet, Data) and (packet.block, packet.length) == (1, 0):
        return kept("DATA 1 without octets", *opening.frames)
    length = f" of {packet.length} octets" if isinstance(packet, Data) else ""
    return broken(f"answered with {describe(packet)}{length}", *opening.frames)


def octets_are_unchanged(ended: Transfer | Turn, view: View) -> Fact:
    """What came is what the file holds."""
    if isinstance(ended, Turn):
        transfer = ended.transfer
        observed = f"a short block ended the file, of which {known_size(transfer, view)} octets were due"
        return broken(observed, transfer.request_frames[0], ended.asked.frame)
    transfer = ended
    return same_contents(transfer, view, transfer.request_frames[0])


def contents_do_not_leak(pair: tuple[Transfer, Transfer], view: View) -> Fact:
    """What came is what the file holds, whatever was read before."""
    aborted, transfer = pair
    return same_contents(transfer, view, aborted.request_frames[0], transfer.request_frames[0])


def one_identifier(transfer: Transfer, _: View) -> Fact:
    """All packets of the transfer come from one port."""
    server = [e for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Data | Oack)]
    other = next((e for e in server if e.source[1] != transfer.server_port), None)
    if other is not None:
        return broken(
            f"the transfer began from port {transfer.server_port}, and {describe(other.packet)} came from port "
            f"{other.source[1]}",
            server[0].frame,
            other.frame,
        )
    return kept("all blocks came from one port", server[0].frame, server[-1].frame)


# -- the table --------------------------------------------------------------------------------------------------------

_TWO_BLOCKS = "a file of at least two blocks would be needed"


def _rule(requirement: str, section: str, text: str, clients: str) -> Requirement:
    return Requirement(f"TFTP-1350-{requirement}", "RFC 1350", section, Level.MUST, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule(
            "TID-04",
            "4",
            "All packets of a transfer come from the port that its first answer came from.",
            "All: a block from another port is a stranger's.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=answered_more_than_once,
        then=one_identifier,
        expected=("one source port from the first answer to the last block",),
        lacking=_TWO_BLOCKS,
    ),
    Rule(
        _rule(
            "BLK-01",
            "5",
            "Blocks are numbered from 1, and each has the number after the one before.",
            "All: a block with another number is thrown away, and the boot ends with a time-out.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=reads,
        then=numbers_step_by_one,
        expected=("block 1, and after each acknowledgment the block after it",),
        lacking="a file that the target serves would be needed",
    ),
    Rule(
        _rule(
            "BLK-03",
            "2",
            "One block is under way at a time, unless a window was agreed.",
            "Small boot ROMs, which have one buffer.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=withheld,
        then=one_block_is_under_way,
        expected=("no later block before the acknowledgment", "the block under way again, when its timer runs out"),
        lacking=_TWO_BLOCKS,
    ),
    Rule(
        _rule(
            "BLK-04",
            "5",
            "Every block but the last has exactly 512 octets, unless another size was agreed.",
            "All: a shorter block ends the file, a longer one does not fit.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=more_than_one,
        then=blocks_have_the_size,
        expected=("blocks of 512 octets, and a shorter one at the end",),
        lacking=_TWO_BLOCKS,
    ),
    Rule(
        _rule(
            "END-01",
            "6",
            "A block that is shorter than the others ends the transfer.",
            "All: that is how they know that a file is whole.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=ended_and_listened,
        then=nothing_new_follows,
        expected=("the last octets in a block that is shorter, and no further block once it is acknowledged",),
        lacking="no file was read to its end",
    ),
    Rule(
        _rule(
            "END-02",
            "6",
            "A file that is a multiple of the block size ends with an empty block.",
            "All: without it they wait until they give up.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=whole_blocks,
        then=an_empty_block_follows,
        expected=("DATA without octets, with the next number",),
        lacking="a file whose size is a multiple of 512 would be needed (tftp.files with sizes in the ICS file)",
    ),
    Rule(
        _rule(
            "END-03",
            "6",
            "An empty file is one empty block.",
            "Those that read configuration files, which may be empty.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=empty_files,
        then=one_empty_block,
        expected=("DATA 1 without octets",),
        lacking="an empty file would be needed (tftp.files with size 0 in the ICS file)",
    ),
    Rule(
        _rule(
            "END-06",
            "6",
            "Nothing is sent after the last block was acknowledged.",
            "All: a late block meets a client that reads its next file.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=ended_and_watched,
        then=nothing_follows,
        expected=("silence for three of the server's timeouts",),
        lacking="nobody listened long enough after the end of a file",
    ),
    Rule(
        _rule(
            "MODE-04",
            "5",
            "In octet mode the file comes as it is.",
            "All: a program of which one octet differs does not start, or worse.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=comparable,
        then=octets_are_unchanged,
        expected=("exactly the octets of the file",),
        lacking="a file whose contents are known would be needed (a digest, or a second download)",
    ),
    Rule(
        _rule(
            "ISO-01",
            "2",
            "What a broken-off transfer has read never shows in a later one.",
            "All on a server that is shared: they get parts of somebody else's file.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=after_an_abort,
        then=contents_do_not_leak,
        expected=("exactly the octets of the file that was asked for last",),
        lacking="two files would be needed, one of which has known contents",
        assumes="nothing: each download is compared with its own file",
    ),
)
