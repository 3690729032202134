"""The timeout interval and transfer size options: RFC 2349."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import Data, Error, Oack
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
    unsupported,
)
from pxeconform.requirements.tftp.occasions import describe, first_reply
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    in_range,
    is_not_granted,
    known_size,
    left_out,
    negotiations,
    not_granted,
    nothing_came,
    number,
    unusable,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Outcome, Sender, Transfer

_TIMEOUT, _SIZE = "timeout", "tsize"
_FOUR_GIB = 1 << 32
_ABSURD = 1 << 36
"""Octets that hardly any server has room for."""
_DOUBLED = SECOND // 20
"""Copies closer than this were doubled on the way."""
_DIRECTLY = 5 * SECOND

# -- antecedents ------------------------------------------------------------------------------------------------------


def interval_asked(view: View) -> Iterator[Negotiation]:
    """A timeout from 1 to 255 seconds was asked for, and the request was answered."""
    return (n for n in asking(view, _TIMEOUT) if in_range(_TIMEOUT, cast("str", n.asked(_TIMEOUT))))


def interval_out_of_range(view: View) -> Iterator[Negotiation]:
    """What was asked for is no number from 1 to 255."""
    return unusable(view, _TIMEOUT)


def longest_interval(view: View) -> Iterator[Negotiation]:
    """A timeout of 255 seconds was asked for."""
    return (n for n in interval_asked(view) if number(n.asked(_TIMEOUT)) == 255)


def interval_ran_out(view: View) -> Iterator[tuple[Negotiation, Event, Event | None]]:
    """The timeout was acknowledged, and the client left a packet of the server alone until it came again.

    Or for longer than it may take. Gives the packet and its copy.
    """
    for one in interval_asked(view):
        if one.granted(_TIMEOUT) is None:
            yield one, cast("Event", one.reply), None
            continue
        if one.transfer.window_size > 1:
            # Which of several blocks the timer runs for, nobody can see.
            continue
        _, high = _tolerated(number(one.granted(_TIMEOUT)) or 0)
        for packet, copy, until in _left_alone(one.transfer):
            if copy is not None or until is None or until - packet.time > high:
                yield one, packet, copy


def size_asked(view: View) -> Iterator[Negotiation]:
    """The size of a file was asked for, in octet mode; where it was told, the right one is known."""
    for one in asking(view, _SIZE):
        octet = one.is_read and one.transfer.request.mode == "octet"
        if octet and (one.granted(_SIZE) is None or _octets_of(one, view) is not None):
            yield one


def large_size_asked(view: View) -> Iterator[Negotiation]:
    """The size of a file that is known to be over 4 GiB was asked for."""
    for one in size_asked(view):
        size = known_size(view, one.transfer)
        if size is not None and size[0] >= _FOUR_GIB:
            yield one


def netascii_size_asked(view: View) -> Iterator[Negotiation]:
    """The size of a file was asked for, in netascii."""
    return (n for n in asking(view, _SIZE) if n.is_read and n.transfer.request.mode == "netascii")


def size_announced(view: View) -> Iterator[Negotiation]:
    """A write said how many octets will come, and was not refused."""
    for one in asking(view, _SIZE):
        if not one.is_read and not isinstance(cast("Event", one.reply).packet, Error):
            yield one


def absurd_size_announced(view: View) -> Iterator[Negotiation]:
    """A write said that more octets will come than there can be room for."""
    for one in negotiations(view):
        if not one.is_read and one.reply is not None and (number(one.asked(_SIZE)) or 0) >= _ABSURD:
            yield one


def probes(view: View) -> Iterator[tuple[Transfer, Transfer | None]]:
    """The client asked for the size, ended that with an ERROR, and asked again from the same port."""
    earlier: dict[tuple[str, tuple[str, int]], Transfer] = {}
    for transfer in view.transfers:
        probe = earlier.pop((transfer.server, transfer.client), None)
        if probe is not None and transfer.started - probe.ended < _DIRECTLY:
            yield probe, transfer
        if transfer.outcome() is Outcome.PROBE:
            earlier[transfer.server, transfer.client] = transfer


def _left_alone(transfer: Transfer) -> Iterator[tuple[Event, Event | None, int | None]]:
    """Each packet of the server, its first copy, and when the client went on instead (ns)."""
    pending: Event | None = None
    for event in transfer.events:
        if event.sender is Sender.SERVER and isinstance(event.packet, Data | Oack):
            if pending is not None and event.packet == pending.packet:
                if event.time - pending.time < _DOUBLED:
                    continue
                yield pending, event, None
                return
            pending = event
        elif event.sender is Sender.CLIENT and pending is not None:
            yield pending, None, event.time
            pending = None
    if pending is not None:
        yield pending, None, None


def _tolerated(seconds: int) -> tuple[int, int]:
    """The least and the most that an interval may be (ns): clocks are coarse, machines are busy."""
    return seconds * SECOND * 3 // 4 - SECOND // 4, seconds * SECOND * 13 // 10 + SECOND // 2


# -- consequents ------------------------------------------------------------------------------------------------------


def is_the_same_number(one: Negotiation, view: View) -> Fact:
    """The acknowledged timeout is the requested one."""
    asked, granted = one.asked(_TIMEOUT), one.granted(_TIMEOUT)
    if granted is None:
        return not_granted(one, _TIMEOUT, view)
    if number(granted) == number(asked):
        return kept(f"asked for {asked}, acknowledged {granted}", *one.frames)
    return broken(f"asked for {asked}, acknowledged {granted}", *one.frames)


def is_not_acknowledged(one: Negotiation, view: View) -> Fact:
    """No timeout is in the OACK."""
    asked, granted = one.asked(_TIMEOUT), one.granted(_TIMEOUT)
    if granted is None:
        return is_not_granted(one, _TIMEOUT, view)
    return broken(f"asked for {asked}, acknowledged {granted}", *one.frames)


def is_255_or_left_out(one: Negotiation, view: View) -> Fact:
    """255, or no acknowledgment; no ERROR."""
    reply = cast("Event", one.reply).packet
    if isinstance(reply, Error):
        return broken(f"timeout=255 was answered with {describe(reply)}", *one.frames)
    return is_the_same_number(one, view)


def comes_after_the_interval(occasion: tuple[Negotiation, Event, Event | None], view: View) -> Fact:
    """The copy comes when the agreed time has run out."""
    one, packet, copy = occasion
    if one.granted(_TIMEOUT) is None:
        return left_out(one, _TIMEOUT, view)
    seconds = number(one.granted(_TIMEOUT)) or 0
    low, high = _tolerated(seconds)
    frames = (*one.frames, packet.frame)
    if copy is None:
        return nothing_came(one.transfer, packet, f"nothing came again {seconds} s later", view, *frames, window=high)
    took = copy.time - packet.time
    if low <= took <= high:
        return kept(f"came again after the agreed {seconds} s", *frames, copy.frame)
    if view.ledger.stalls_between(packet.time, copy.time):
        return unclear("the tester itself stalled meanwhile", *frames, copy.frame)
    return broken(f"{seconds} s were agreed, it came again after {took / SECOND:.1f} s", *frames, copy.frame)


def is_the_size_of_the_file(one: Negotiation, view: View) -> Fact:
    """The acknowledged size is a number, the octets of the file."""
    granted, transfer = one.granted(_SIZE), one.transfer
    if granted is None:
        return not_granted(one, _SIZE, view)
    size = cast("tuple[int, str]", _octets_of(one, view))
    ends = (transfer.events[-1].frame,) if size[1] == "counted" else ()
    if number(granted) == size[0]:
        return kept("the size is right", *one.frames, *ends)
    return broken(f"{granted} was acknowledged, the file has {size[0]} octets ({size[1]})", *one.frames, *ends)


def _octets_of(one: Negotiation, view: View) -> tuple[int, str] | None:
    """How many octets the file has, and where that is known from."""
    known = known_size(view, one.transfer)
    if known is None and one.transfer.delivered and not one.transfer.content.lost:
        return one.transfer.content.octets, "counted"
    return known


def is_what_comes_in_netascii(one: Negotiation, view: View) -> Fact:
    """No size, or the octets that come."""
    granted, transfer = one.granted(_SIZE), one.transfer
    if granted is None:
        reply = cast("Event", one.reply).packet
        if isinstance(reply, Error) and reply.code != ErrorCode.OPTION_NEGOTIATION_FAILED:
            return unsupported(f"netascii was answered with {describe(reply)}", *one.frames)
        return kept("no size is acknowledged", *one.frames)
    if not transfer.delivered or transfer.content.lost:
        return unclear(f"{granted} was acknowledged; the file was not read to its end", *one.frames)
    ends = transfer.events[-1].frame
    if number(granted) == transfer.content.octets:
        return kept("the size is that of the translated file", *one.frames, ends)
    return broken(f"{granted} was acknowledged, {transfer.content.octets} octets came", *one.frames, ends)


def is_echoed(one: Negotiation, view: View) -> Fact:
    """The number comes back as it was sent."""
    asked, granted = one.asked(_SIZE), one.granted(_SIZE)
    if granted is None:
        return left_out(one, _SIZE, view)
    if number(granted) == number(asked):
        return kept(f"{asked} octets announced, {granted} acknowledged", *one.frames)
    return broken(f"{asked} octets announced, {granted} acknowledged", *one.frames)


def is_taken_or_refused(one: Negotiation, _: View) -> Fact:
    """Both are right."""
    return kept(
        f"{one.asked(_SIZE)} octets announced, answered with {describe(cast('Event', one.reply).packet)}", *one.frames
    )


def next_request_is_served(pair: tuple[Transfer, Transfer | None], view: View) -> Fact:
    """The second request is answered as if it were the first."""
    probe, following = pair
    following = cast("Transfer", following)
    ended = cast("Event", probe.error)
    frames = (probe.request_frames[0], ended.frame, following.request_frames[0])
    reply = first_reply(following)
    if reply is None:
        return nothing_came(
            following, following.events[0], "the request after the question for the size got no answer", view, *frames
        )
    if isinstance(reply.packet, Error):
        return broken(f"the request after it was answered with {describe(reply.packet)}", *frames, reply.frame)
    failed = following.error
    if failed is not None and failed.sender is Sender.SERVER:
        return broken(f"the transfer after it ended with {describe(failed.packet)}", *frames, failed.frame)
    return kept("the request after it is served", *frames, reply.frame)


# -- the table --------------------------------------------------------------------------------------------------------

_FILE = "a file that the target serves would be needed (--file NAME)"
_WRITABLE = "a place where files may be written would be needed (tftp.writable in the ICS file)"


def _interval(number_: str, level: Level, text: str, clients: str = "", *, derived: bool = False) -> Requirement:
    return Requirement(
        f"TFTP-2349-TMO-{number_}",
        "RFC 2349",
        "Timeout Interval Option",
        level,
        Role.TFTP,
        text,
        derived,
        clients=clients,
    )


def _size(number_: str, level: Level, text: str, clients: str = "", *, derived: bool = False) -> Requirement:
    return Requirement(
        f"TFTP-2349-TSZ-{number_}", "RFC 2349", "Transfer Size Option", level, Role.TFTP, text, derived, clients=clients
    )


RULES: tuple[AnyRule, ...] = (
    Rule(
        _interval(
            "01",
            Level.MUST,
            "The timeout that is acknowledged is the one that was asked for.",
            "EDK2 rejects an OACK with another one.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=interval_asked,
        then=is_the_same_number,
        expected=("the same number", "no acknowledgment, where the ICS does not claim the option"),
        lacking=_FILE,
    ),
    Rule(
        _interval(
            "02",
            Level.SHOULD,
            "A server that has agreed to a timeout sends again when it has run out.",
            "Those on slow paths, which ask for longer ones.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=interval_ran_out,
        then=comes_after_the_interval,
        expected=("the packet again after the agreed time, a quarter less or a third more",),
        lacking="a target that acknowledges a timeout would be needed",
    ),
    Rule(
        _interval(
            "03",
            Level.MUST_NOT,
            "A timeout outside 1 to 255 seconds is not acknowledged.",
            "Few ask so; EDK2 would reject another number than its own.",
            derived=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=interval_out_of_range,
        then=is_not_acknowledged,
        expected=("no timeout in the OACK", "DATA 1", "ERROR 8"),
        lacking=_FILE,
    ),
    Rule(
        _interval("04", Level.MUST, "The longest timeout, 255 seconds, is accepted or left out.", "Few ask so."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=longest_interval,
        then=is_255_or_left_out,
        expected=("255", "no timeout in the OACK"),
        lacking=_FILE,
    ),
    Rule(
        _size(
            "01",
            Level.MUST,
            "A read that asks for the size is told the file's octets.",
            "EDK2 and PXE ROMs ask first, and allocate what they are told: too little, and the file does not fit.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=size_asked,
        then=is_the_size_of_the_file,
        expected=("the octets of the file", "no acknowledgment, where the ICS does not claim the option"),
        lacking=_FILE,
        assumes="the file stays as it is",
    ),
    Rule(
        _size("02", Level.MUST, "A write that announces its size has it echoed.", "All that upload with the option."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=size_announced,
        then=is_echoed,
        expected=("the number that was announced", "no acknowledgment"),
        lacking=_WRITABLE,
    ),
    Rule(
        _size(
            "03",
            Level.MAY,
            "A write that announces too much is refused with ERROR 3.",
            "Those that upload large files.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=absurd_size_announced,
        then=is_taken_or_refused,
        expected=("ERROR 3", "an OACK", "ACK 0"),
        lacking=_WRITABLE,
    ),
    Rule(
        _size(
            "04",
            Level.MUST,
            "A client that asked for the size and then ended with ERROR is served at once when it asks again.",
            "EDK2 and PXE ROMs ask so before every download, some from the same port.",
            derived=True,
        ),
        Kind.OBLIGATION,
        Scope.CLIENT_HISTORY,
        when=probes,
        then=next_request_is_served,
        expected=("DATA 1 or an OACK to the second request",),
        lacking="a target that acknowledges tsize would be needed",
        assumes="nothing: the two requests stand in the trace",
    ),
    Rule(
        _size(
            "05",
            Level.MUST,
            "The size of a file over 4 GiB is told in full.",
            "All that fetch disk images.",
            derived=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=large_size_asked,
        then=is_the_size_of_the_file,
        expected=("all digits of the size", "no acknowledgment"),
        lacking="a file over 4 GiB, with its size in the ICS file (tftp.files), would be needed",
    ),
    Rule(
        _size(
            "06",
            Level.SHOULD,
            "In netascii the size is left out, or is that of the translated file.",
            "A client that allocates what it is told has too little.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=netascii_size_asked,
        then=is_what_comes_in_netascii,
        expected=("no size", "the octets of the translated file", "ERROR 8"),
        lacking="a text file would be needed (tftp.text_file in the ICS file)",
    ),
)
