"""ERROR packets: RFC 1350 sections 2, 5, 7 and appendix, RFC 906.

An ERROR ends what it answers, is sent one time, and is never answered itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import cast

from pxeconform.protocol.tftp import Ack, Error
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
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
from pxeconform.requirements.tftp.knocks import knocks
from pxeconform.requirements.tftp.occasions import describe
from pxeconform.requirements.tftp.requests import Opening, is_missing, openings
from pxeconform.requirements.tftp.sent import ANY_ERROR, OTHER_ERROR, sent_by_the_server
from pxeconform.requirements.tftp.turns import Turn, after_crossing, listened, three_timeouts, too_short, turns
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_LONGEST_WAIT = 30 * SECOND
"""A server that takes an ERROR for a packet to be acknowledged sends it again before that."""
_MOST_AT_ONCE = 16

# -- antecedents ------------------------------------------------------------------------------------------------------


def missing_files(view: View) -> Iterator[Opening]:
    """A file that nobody has was asked for, and an ERROR came."""
    for opening in openings(view):
        error = opening.reply is not None and isinstance(opening.reply.packet, Error)
        if error and opening.request.opcode is Opcode.RRQ and is_missing(opening.transfer.file):
            yield opening


def errors(view: View) -> Iterator[Event]:
    """The server sent an ERROR."""
    for transfer in view.transfers:
        for event in transfer.of(Sender.SERVER):
            if isinstance(event.packet, Error):
                yield event


def errors_and_after(view: View) -> Iterator[Turn]:
    """The server sent an ERROR, and the client listened for half a minute, or as long as the run's patience goes."""
    window = min(_LONGEST_WAIT, view.patience) * 9 // 10
    for turn in turns(view):
        if turn.error is not None and (listened(turn, view, window) or len(_copies(turn)) > 1):
            yield turn


def _copies(turn: Turn) -> list[Event]:
    """The ERROR and its copies, without those that answer what the client sent right before."""
    copies = [event for event in turn.answers if event.packet == cast("Event", turn.error).packet]
    return copies[min(_sent_at_once(turn), len(copies)) - 1 :]


def _sent_at_once(turn: Turn) -> int:
    """How many packets the client sent without waiting for an answer, the last of them the one of this turn."""
    events = turn.transfer.events
    until = bisect_right(events, turn.asked.time, key=lambda event: event.time)
    sent = takewhile(
        lambda event: event.sender is Sender.CLIENT, reversed(events[max(0, until - _MOST_AT_ONCE) : until])
    )
    return max(1, sum(1 for _ in sent))


def aborted(view: View) -> Iterator[Turn]:
    """The client ended a transfer that was under way with an ERROR, and listened for three of the server's timeouts."""
    return (turn for turn in _ends(view) if not _is_surplus(turn))


def refused_by_the_client(view: View) -> Iterator[Turn]:
    """The client answered DATA 1 with ERROR 5, as one does who has taken another server."""
    return (turn for turn in _ends(view) if _is_surplus(turn))


def _ends(view: View) -> Iterator[Turn]:
    for before, turn in pairwise(turns(view)):
        under_way = before.transfer is turn.transfer and bool(before.data or _is_ack(before)) and before.error is None
        if not isinstance(turn.asked.packet, Error) or not under_way or _is_over(before):
            continue
        window = three_timeouts(turn.transfer, view)
        watched = window is not None and listened(turn, view, window)
        if watched or any(not isinstance(e.packet, Error) for e in after_crossing(turn, view)):
            yield turn


def _is_ack(turn: Turn) -> bool:
    return any(isinstance(event.packet, Ack) for event in turn.answers)


def _is_over(before: Turn) -> bool:
    """The last block was acknowledged already."""
    return before.transfer.delivered and not before.data


def _is_surplus(turn: Turn) -> bool:
    packet = cast("Error", turn.asked.packet)
    return packet.code == ErrorCode.UNKNOWN_TRANSFER_ID


@dataclass(frozen=True, slots=True)
class Stray:
    """An ERROR that came to the server, and what came back."""

    frame: int
    answer: Event | None
    reply_frame: int | None
    shown: str
    gap: str | None


def stray_errors(view: View) -> Iterator[Stray]:
    """An ERROR came to the request port, or to a transfer, from its client or from a stranger."""
    for knock in knocks(view):
        if isinstance(knock.packet, Error):
            reply = knock.replies[0] if knock.replies else None
            shown = describe(reply.packet) if reply is not None and reply.packet is not None else "a datagram"
            gap = view.unwatched(knock.source, knock.time, knock.time + view.window(knock.server))
            yield Stray(knock.frame, None, reply.frame if reply else None, shown, gap)
    for transfer in view.transfers:
        yield from _strays_of(transfer, view)


def _strays_of(transfer: Transfer, view: View) -> Iterator[Stray]:
    last: dict[Sender, int] = {}
    next_of_its_sender: dict[int, Event] = {}
    for at, event in enumerate(transfer.events):
        if event.sender in last:
            next_of_its_sender[last[event.sender]] = event
        last[event.sender] = at
    for at, event in enumerate(transfer.events):
        if event.sender is Sender.SERVER or not isinstance(event.packet, Error) or transfer.server_port is None:
            continue
        # A stranger is told that it is one, which section 4 asks for whatever it has sent.
        sort = OTHER_ERROR if event.sender is Sender.STRANGER else ANY_ERROR
        answer = sent_by_the_server(transfer, view).after(at, sort, to=event.source)
        window = view.window(transfer.server)
        gap = view.unwatched(event.source, event.time, event.time + window)
        following = next_of_its_sender.get(at)
        followed = following is not None and following.time < event.time + window
        if answer is not None and answer.time < event.time + SECOND:
            yield Stray(event.frame, answer, answer.frame, describe(answer.packet), None)
        elif gap is None and not followed:
            yield Stray(event.frame, None, None, "", None)


# -- consequents ------------------------------------------------------------------------------------------------------


def code_is_1(opening: Opening, _: View) -> Fact:
    """The code is 1, file not found."""
    packet = cast("Error", cast("Event", opening.reply).packet)
    if packet.code == ErrorCode.FILE_NOT_FOUND:
        return kept("ERROR 1", *opening.frames)
    return broken(f"ERROR {packet.code} for a file that is not there", *opening.frames)


def message_is_terminated(event: Event, _: View) -> Fact:
    """One NUL ends the message, and the packet."""
    ending = cast("Error", event.packet).ending
    if ending == b"\0":
        return kept("one NUL ends the message", event.frame)
    if not ending:
        return broken("the message has no final NUL", event.frame)
    return broken(f"{len(ending) - 1} more octets follow the message's NUL", event.frame)


def comes_once(turn: Turn, view: View) -> Fact:
    """No copy of the ERROR follows."""
    copies = _copies(turn)
    if len(copies) > 1:
        return broken(f"the same ERROR came {len(copies)} times", turn.asked.frame, *(e.frame for e in copies))
    gap = too_short(turn, view, min(_LONGEST_WAIT, view.patience) * 9 // 10)
    if gap is not None:
        return unclear(f"one ERROR came, but {gap}", turn.asked.frame, copies[0].frame)
    return kept("one ERROR came", turn.asked.frame, copies[0].frame)


def nothing_more_comes(turn: Turn, view: View) -> Fact:
    """No DATA, ACK or OACK for three timeouts."""
    late = next((e for e in after_crossing(turn, view) if not isinstance(e.packet, Error)), None)
    if late is not None:
        return broken(f"{describe(late.packet)} came after the client's ERROR", turn.asked.frame, late.frame)
    gap = too_short(turn, view, three_timeouts(turn.transfer, view) or 0)
    if gap is not None:
        return unclear(f"nothing came after the client's ERROR, but {gap}", turn.asked.frame)
    return kept("nothing came after the client's ERROR", turn.asked.frame)


def nothing_comes_back(stray: Stray, _: View) -> Fact:
    """An ERROR draws no answer."""
    if stray.reply_frame is not None:
        return broken(f"{stray.shown} came in answer to an ERROR", stray.frame, stray.reply_frame)
    if stray.gap is not None:
        return unclear(f"nothing came in answer to an ERROR, but {stray.gap}", stray.frame)
    return kept("nothing came in answer to an ERROR", stray.frame)


# -- the table --------------------------------------------------------------------------------------------------------


def _rule(
    requirement: str, section: str, text: str, clients: str, level: Level = Level.MUST, document: str = "RFC 1350"
) -> Requirement:
    return Requirement(f"TFTP-{requirement}", document, section, level, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule(
            "1350-ERR-01",
            "Appendix",
            "A file that is not there is refused with error code 1.",
            "PXELINUX and GRUB, which try one name after the other and give up on other codes.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=missing_files,
        then=code_is_1,
        expected=("ERROR with code 1",),
        lacking="a file that nobody has was not asked for, or no ERROR came",
    ),
    Rule(
        _rule(
            "1350-ERR-05",
            "5",
            "The message of an ERROR ends with one NUL, and so does the packet.",
            "Boot ROMs, which show the message as text.",
        ),
        Kind.SELF_EVIDENT,
        Scope.DATAGRAM,
        when=errors,
        then=message_is_terminated,
        expected=("a message, perhaps an empty one, and one NUL",),
        lacking="no ERROR came",
    ),
    Rule(
        _rule(
            "1350-ERR-06",
            "7",
            "An ERROR is sent one time; it is neither acknowledged nor repeated.",
            "All: a late ERROR meets a client that asks for its next file.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=errors_and_after,
        then=comes_once,
        expected=("one ERROR, and silence",),
        lacking="nobody listened long enough after an ERROR",
    ),
    Rule(
        _rule(
            "1350-ERR-07",
            "7",
            "An ERROR of the client ends the transfer at once.",
            "All that ask for the size first and break off, as UEFI does: their next read meets late blocks.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=aborted,
        then=nothing_more_comes,
        expected=("silence for three of the server's timeouts",),
        lacking="a file of at least two blocks would be needed",
    ),
    Rule(
        _rule(
            "906-02",
            "An Example Implementation",
            "ERROR 5 in answer to the first block ends the transfer.",
            "Those that ask several servers at once, and send the surplus ones away.",
            Level.SHOULD,
            "RFC 906",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=refused_by_the_client,
        then=nothing_more_comes,
        expected=("silence for three of the server's timeouts",),
        lacking="a file that the target serves would be needed",
    ),
    Rule(
        _rule(
            "1350-ERR-08",
            "2",
            "An ERROR is never answered.",
            "All: two sides that answer each other's ERRORs never end.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=stray_errors,
        then=nothing_comes_back,
        expected=("silence", "ERROR 5 to a stranger, who is told so whatever it sends (section 4)"),
        lacking="no ERROR was sent to the server",
    ),
)
