"""Writing: RFC 1350 sections 2, 4, 5 and 6, with the server as the side that takes blocks and acknowledges them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Packet, Request
from pxeconform.registry.tftp_codes import ErrorCode
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
from pxeconform.requirements.tftp.occasions import describe, has_stranger
from pxeconform.requirements.tftp.requests import OWN, Opening, nothing_came, openings
from pxeconform.requirements.tftp.turns import (
    Turn,
    answer_window,
    missed,
    retransmission_window,
    too_short,
    turns,
    writing_turns,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_AT_ONCE = SECOND // 20
"""Two acknowledgments that come closer together are a doubled one."""

# -- antecedents ------------------------------------------------------------------------------------------------------


def writes(view: View) -> list[tuple[Transfer, list[tuple[Turn, int]]]]:
    """Writes of one block at a time, with their turns and the block that each brings."""
    return view.memo(_writes)


def _writes(view: View) -> list[tuple[Transfer, list[tuple[Turn, int]]]]:
    found: dict[int, tuple[Transfer, list[tuple[Turn, int]]]] = {}
    for turn, number in writing_turns(view):
        if turn.transfer.answered:
            found.setdefault(id(turn.transfer), (turn.transfer, []))[1].append((turn, number))
    return list(found.values())


def permitted_writes(view: View) -> Iterator[Opening]:
    """A new name that may be written was asked for, without options."""
    area = view.ledger.claims.writable
    taken: set[str] = set()
    for opening in openings(view):
        transfer = opening.transfer
        if transfer.direction != "write" or area is None:
            continue
        name = transfer.file
        ours = name.startswith(area) and name.replace("\\", "/").rpartition("/")[2].startswith(OWN)
        if ours and name not in taken and not opening.request.options and opening.request.mode in ("octet", "netascii"):
            yield opening
        taken.add(name)


def blocks_in_order(view: View) -> Iterator[tuple[Transfer, list[tuple[Turn, int]]]]:
    """Writes of which blocks were sent in order, each when the one before was acknowledged or given up."""
    for transfer, its_turns in writes(view):
        fresh = list(_fresh(its_turns))
        hasty = any(isinstance(_packet(turn.following), Data) and not turn.answers for turn, _ in its_turns)
        # What a server makes of a stranger in between is another sentence's.
        if fresh and not hasty and not has_stranger(transfer):
            yield transfer, fresh


def _fresh(its_turns: list[tuple[Turn, int]]) -> Iterator[tuple[Turn, int]]:
    """The turns that bring the block after the one before."""
    before = 0
    for turn, number in its_turns:
        if number == (before + 1) & 0xFFFF:
            before = number
            yield turn, number


def repeated_blocks(view: View) -> Iterator[Turn | tuple[Transfer, Transfer]]:
    """The block that was acknowledged last came again, and was not the last of all; or such a file was read back."""
    repeated = set()
    for transfer, its_turns in writes(view):
        acknowledged = 0
        for turn, number in its_turns:
            if number == acknowledged and not _is_short(turn):
                repeated.add(id(transfer))
                yield turn
            if turn.first(Ack(number)) is not None:
                acknowledged = number
    yield from ((write, read) for write, read in read_back(view) if id(write) in repeated)


def _is_short(turn: Turn) -> bool:
    return cast("Data", turn.asked.packet).length < turn.transfer.block_size


def last_block_again(view: View) -> Iterator[Turn]:
    """The last block was acknowledged, and came again soon."""
    for transfer, its_turns in writes(view):
        done = False
        for turn, number in its_turns:
            if _is_short(turn) and done:
                yield turn
            done |= _is_short(turn) and turn.first(Ack(number)) is not None and transfer.error is None


def _waited_after(turn: Turn, answer: Packet) -> bool:
    """The client's next packet came so long after an answer that the two did not cross."""
    came = turn.first(answer)
    return came is not None and turn.until is not None and turn.until - came.time > SECOND // 10


def late_writers(view: View) -> Iterator[tuple[Turn, Turn | None]]:
    """The client acted as if ACK 0 were lost: it waited, and asked again where nothing came."""
    asked: dict[int, Turn] = {}
    for turn in turns(view):
        transfer = turn.transfer
        if transfer.direction != "write" or transfer.request.options or not isinstance(turn.asked.packet, Request):
            continue
        before = asked.pop(id(transfer), None)
        if before is not None:
            yield before, turn
        elif turn.first(Ack(0)) is not None:
            if isinstance(_packet(turn.following), Request):
                # Two requests at once are no request that is repeated for want of an answer.
                if _waited_after(turn, Ack(0)):
                    asked[id(transfer)] = turn
            elif len([e for e in turn.answers if e.packet == Ack(0)]) > 1:
                yield turn, None


def _packet(event: Event | None) -> object:
    return None if event is None else event.packet


def read_back(view: View) -> list[tuple[Transfer, Transfer]]:
    """A file was written whole, and then read whole in octet mode, or not found any more: the two transfers."""
    return view.memo(_read_back)


def _read_back(view: View) -> list[tuple[Transfer, Transfer]]:
    found, written = [], dict[str, Transfer]()
    for transfer in sorted(view.transfers, key=lambda t: t.started):
        whole = transfer.delivered and transfer.content.sha256 is not None
        if whole and transfer.direction == "write":
            written[transfer.file] = transfer
        elif transfer.file in written and transfer.request.mode == "octet" and (whole or _is_not_found(transfer)):
            found.append((written[transfer.file], transfer))
    # Where nothing that was written can be read, that is how the server is set up.
    return found if any(read.delivered for _, read in found) else []


def _is_not_found(transfer: Transfer) -> bool:
    error = None if transfer.error is None else transfer.error.packet
    return isinstance(error, Error) and error.code == ErrorCode.FILE_NOT_FOUND and not transfer.data_packets


def octet_read_back(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A file was written and read back, both in octet mode, and nothing odd happened meanwhile."""
    for write, read in read_back(view):
        strange = any(e.sender is Sender.STRANGER for e in write.events) or len(write.request_frames) > 1
        if write.request.mode == "octet" and not write.content.retransmitted and not strange:
            yield write, read


def intruded_writes(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A stranger sent a block to a write that was under way, and the file was read back."""
    for write, read in read_back(view):
        if any(e.sender is Sender.STRANGER and isinstance(e.packet, Data) for e in write.events):
            yield write, read


def doubled_requests(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A write was asked for twice from one port, went on as one, and the file was read back."""
    return ((write, read) for write, read in read_back(view) if len(write.request_frames) > 1)


# -- consequents ------------------------------------------------------------------------------------------------------


def begins_with_ack_0(opening: Opening, view: View) -> Fact:
    """The first packet that comes is ACK 0."""
    if opening.reply is None:
        return nothing_came(opening, view)
    packet = opening.reply.packet
    if packet == Ack(0):
        return kept("answered with ACK 0", *opening.frames)
    if isinstance(packet, Error) and packet.code in (0, 3):
        return unclear(f"refused with {describe(packet)}, which may pass", *opening.frames)
    return broken(f"answered with {describe(packet)}", *opening.frames)


def each_is_acknowledged(writing: tuple[Transfer, list[tuple[Turn, int]]], view: View) -> Fact:
    """Each block draws the acknowledgment with its own number, in four octets."""
    fresh = writing[1]
    doubles: list[tuple[Turn, list[Event]]] = []
    for turn, number in fresh:
        for event in turn.answers:
            if not isinstance(event.packet, Ack):
                continue
            ahead = 0 < (event.packet.block - number) & 0xFFFF < 0x8000
            if ahead:
                return broken(f"block {number} drew ACK {event.packet.block}", turn.asked.frame, event.frame)
            octets = view.payload(event.frame)
            if octets is not None and len(octets) != 4:
                return broken(f"an ACK of {len(octets)} octets", turn.asked.frame, event.frame)
        doubled = [e for e in turn.answers if e.packet == Ack(number) and e.time - turn.answers[0].time < _AT_ONCE]
        if len(doubled) > 1 and turn is not fresh[-1][0]:
            doubles.append((turn, doubled))
        if turn.first(Ack(number)) is None:
            fact = _not_acknowledged(turn, number, view)
            if fact is not None:
                return fact
    if len(doubles) > max(1, len(fresh) // 2):
        turn, copies = doubles[0]
        observed = f"{len(doubles)} of {len(fresh)} blocks drew two acknowledgments at once"
        return broken(observed, turn.asked.frame, *(event.frame for event in copies))
    first, last = fresh[0][0], fresh[-1][0]
    answers = [turn.answers[0].frame for turn in (first, last) if turn.answers]
    return kept("each block drew its own number", first.asked.frame, last.asked.frame, *answers)


def _not_acknowledged(turn: Turn, number: int, view: View) -> Fact | None:
    wrong = next((e for e in turn.answers if isinstance(e.packet, Ack)), None)
    if turn.error is not None:
        refused = cast("Error", turn.error.packet)
        if refused.code == 3:
            return unclear("the disk is full", turn.asked.frame, turn.error.frame)
        return broken(f"block {number} drew {describe(refused)}", turn.asked.frame, turn.error.frame)
    window = answer_window(view, turn.transfer.server)
    if wrong is not None:
        return missed(
            f"block {number} drew {describe(wrong.packet)}", turn, view, window, turn.asked.frame, wrong.frame
        )
    return missed(f"block {number} was not acknowledged", turn, view, window, turn.asked.frame)


def is_acknowledged_again(occasion: Turn | tuple[Transfer, Transfer], view: View) -> Fact:
    """The same acknowledgment again; and the block counts one time in the file."""
    if isinstance(occasion, tuple):
        return _same(occasion)
    number = cast("Data", occasion.asked.packet).block
    answer = occasion.first(Ack(number))
    if answer is not None:
        return kept("the block was acknowledged again", occasion.asked.frame, answer.frame)
    if occasion.error is not None:
        observed = f"block {number} came again and drew {describe(occasion.error.packet)}"
        return broken(observed, occasion.asked.frame, occasion.error.frame)
    what = f"block {number} came again and was not acknowledged"
    return missed(what, occasion, view, answer_window(view, occasion.transfer.server), occasion.asked.frame)


def the_server_dallies(turn: Turn, view: View) -> Fact:
    """The last acknowledgment again."""
    number = cast("Data", turn.asked.packet).block
    answer = turn.first(Ack(number))
    if answer is not None:
        return kept("the last block was acknowledged again", turn.asked.frame, answer.frame)
    if turn.error is not None:
        return broken(f"the last block drew {describe(turn.error.packet)}", turn.asked.frame, turn.error.frame)
    window = view.window(turn.transfer.server)
    return missed("the last block was not acknowledged again", turn, view, window, turn.asked.frame)


def the_write_goes_on(waited: tuple[Turn, Turn | None], view: View) -> Fact:
    """ACK 0 comes again, by itself or on the repeated request."""
    first, again = waited
    if again is None:
        copies = [e.frame for e in first.answers if e.packet == Ack(0)]
        return kept("ACK 0 came again by itself", first.asked.frame, *copies[:2])
    later = [e for e in again.transfer.of(Sender.SERVER) if e.time >= again.asked.time]
    # From whatever port: the server may take the repeated request for a new one.
    answer = next((e for e in later if e.packet == Ack(0)), None)
    error = next((e for e in later if isinstance(e.packet, Error)), None)
    frames = first.asked.frame, again.asked.frame
    if answer is not None:
        return kept("ACK 0 came again on the repeated request", *frames, answer.frame)
    if error is not None:
        return broken(f"the repeated request drew {describe(error.packet)}", *frames, error.frame)
    gap = too_short(first, view, retransmission_window(view, first.transfer.server))
    if gap is not None:
        return unclear(f"ACK 0 did not come again, but {gap}", *frames)
    window = answer_window(view, first.transfer.server)
    return missed("ACK 0 did not come again, not even on the repeated request", again, view, window, *frames)


def same_file(pair: tuple[Transfer, Transfer], _: View) -> Fact:
    """What is read is what was written."""
    return _same(pair)


def _same(pair: tuple[Transfer, Transfer]) -> Fact:
    write, read = pair
    frames = write.request_frames[0], read.request_frames[0]
    if read.error is not None and not read.delivered:
        observed = f"what was written and acknowledged is not there: {describe(read.error.packet)}"
        return broken(observed, *frames, read.error.frame)
    if write.content.sha256 == read.content.sha256:
        return kept("what was read is what was written", *frames)
    octets = f"{write.content.octets} octets were written, {read.content.octets} read"
    return broken(f"what was read differs from what was written ({octets})", *frames)


# -- the table --------------------------------------------------------------------------------------------------------

_AREA = "a writable area would be needed (tftp.writable in the ICS file)"


def _rule(number: str, section: str, text: str, clients: str, level: Level = Level.MUST) -> Requirement:
    return Requirement(f"TFTP-1350-{number}", "RFC 1350", section, level, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule(
            "OPEN-02",
            "4",
            "A write request that is let in is answered with ACK 0, where no options were asked for.",
            "All that save a configuration: this is how every upload begins.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=permitted_writes,
        then=begins_with_ack_0,
        expected=("ACK with block number 0",),
        lacking=_AREA,
    ),
    Rule(
        _rule(
            "BLK-02",
            "5",
            "Each block is acknowledged with its own number.",
            "All that write: another number is no acknowledgment, and the upload ends with a time-out.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=blocks_in_order,
        then=each_is_acknowledged,
        expected=("an ACK with the block's number, four octets long",),
        lacking=_AREA,
    ),
    Rule(
        _rule(
            "RTX-03",
            "2",
            "A block that comes again is acknowledged again, and stored one time.",
            "All on a network that loses packets: else one lost acknowledgment ends the upload, or spoils the file.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=repeated_blocks,
        then=is_acknowledged_again,
        expected=("the same ACK again", "a file in which the block stands one time"),
        lacking=_AREA,
    ),
    Rule(
        _rule(
            "RTX-04",
            "2",
            "A lost ACK 0 does not end a write: it comes again by itself, or on the repeated request.",
            "All on a network that loses packets.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=late_writers,
        then=the_write_goes_on,
        expected=("ACK 0 again, when the server's timer runs out", "ACK 0 in answer to the repeated request"),
        lacking=_AREA,
    ),
    Rule(
        _rule(
            "END-05",
            "6",
            "The server stays a while after the last acknowledgment, in case that it is lost.",
            "All on a network that loses packets: else an upload fails that is whole.",
            Level.SHOULD,
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=last_block_again,
        then=the_server_dallies,
        expected=("the last ACK again, when the last block comes again",),
        lacking=_AREA,
    ),
    Rule(
        Requirement(
            "TFTP-1350-TID-10",
            "RFC 1350",
            "4",
            Level.MUST,
            Role.TFTP,
            "A block from a wrong port does not get into the file that is written.",
            derived=True,
            clients="All that write: anybody who guesses a port could put octets into their file.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=intruded_writes,
        then=same_file,
        expected=("the octets that the owner wrote",),
        lacking=_AREA,
        assumes="nobody else writes to the same name",
    ),
    Rule(
        Requirement(
            "TFTP-1350-TID-11",
            "RFC 1350",
            "4",
            Level.MUST,
            Role.TFTP,
            "A write request that arrives twice does not spoil the file.",
            derived=True,
            clients="All on a network that repeats datagrams.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=doubled_requests,
        then=same_file,
        expected=("the octets that were written by the transfer that the client kept to",),
        lacking=_AREA,
        assumes="nobody else writes to the same name",
    ),
    Rule(
        _rule(
            "MODE-05",
            "5",
            "What is written in octet mode is what is read in octet mode.",
            "All that save what they read later.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=octet_read_back,
        then=same_file,
        expected=("the same octets",),
        lacking=_AREA,
        assumes="nobody else writes to the same name",
    ),
)
