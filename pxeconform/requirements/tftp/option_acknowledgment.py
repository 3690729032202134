"""The option acknowledgment: RFC 2347.

The server answers a request with the options that it accepts, in an OACK of its own, and the client confirms it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Request
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
from pxeconform.requirements.tftp.apprentice import Repeat, one_block_is_sent, repeated_acknowledgments
from pxeconform.requirements.tftp.occasions import describe, events_after
from pxeconform.requirements.tftp.options import (
    Negotiation,
    is_oack,
    negotiations,
    nothing_came,
    patience_of,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_IN_FLIGHT = SECOND // 10
"""What comes this soon after an ERROR may have crossed it on the way."""
_HESITATION = SECOND // 5


# -- antecedents ------------------------------------------------------------------------------------------------------


def answered(view: View) -> Iterator[Negotiation]:
    """A well-formed request was answered, and it had options, or the answer has."""
    return (n for n in negotiations(view) if n.reply is not None and not n.transfer.request.ragged)


def read_acknowledged(view: View) -> Iterator[Negotiation]:
    """A read with options, each legal, was answered with an OACK."""
    return (n for n in negotiations(view) if n.is_read and n.oack is not None and n.is_legal)


def hesitation(view: View) -> Iterator[Negotiation]:
    """The client took its time with ACK 0, or DATA came before it."""
    for one in read_acknowledged(view):
        reply, first = cast("Event", one.reply), _first_of_client(one)
        early = any(isinstance(e.packet, Data) for e in until(one.transfer, first))
        if early or first is None or first.time - reply.time >= _HESITATION:
            yield one


def confirmed(view: View) -> Iterator[tuple[Negotiation, Event]]:
    """The client acknowledged the OACK of a read with ACK 0, and did not end the transfer with it."""
    for one in read_acknowledged(view):
        first = _first_of_client(one)
        if first is not None and first.packet == Ack(0):
            yield one, first


def written(view: View) -> Iterator[Negotiation]:
    """A write with legal options was taken on, and the client sent its first block."""
    for one in negotiations(view):
        accepted = one.reply is not None and isinstance(one.reply.packet, Oack | Ack)
        sent = any(isinstance(e.packet, Data) for e in one.transfer.of(Sender.CLIENT))
        if not one.is_read and one.is_legal and accepted and sent:
            yield one


def declined(view: View) -> Iterator[tuple[Negotiation, Event]]:
    """The client answered the OACK of a read with ERROR 8."""
    for one in read_acknowledged(view):
        first = _first_of_client(one)
        packet = None if first is None else first.packet
        if isinstance(packet, Error) and packet.code == ErrorCode.OPTION_NEGOTIATION_FAILED:
            yield one, cast("Event", first)


def unconfirmed(view: View) -> Iterator[tuple[Negotiation, int]]:
    """The client left an OACK without its ACK 0 for well over twice the server's timer, or until it came again."""
    for one in read_acknowledged(view):
        reply, first = cast("Event", one.reply), _first_of_client(one)
        until = reply.time + patience_of(view, one.transfer.server)
        again = any(e.sender is Sender.SERVER and is_oack(e) for e in _before(one, first))
        if again or first is None or first.time >= until:
            yield one, until


def twice_confirmed(view: View) -> Iterator[Repeat]:
    """The client sent ACK 0 twice."""
    return (r for r in repeated_acknowledgments(view) if r.first.packet == Ack(0) and r.transfer.acknowledged)


def _first_of_client(one: Negotiation) -> Event | None:
    """What the client said to the OACK."""
    after = events_after(one.transfer, cast("Event", one.reply))
    return next((e for e in after if e.sender is Sender.CLIENT and not isinstance(e.packet, Request)), None)


def _before(one: Negotiation, end: Event | None) -> Iterator[Event]:
    """What happened between the OACK and an event."""
    return takewhile(lambda event: event is not end, events_after(one.transfer, cast("Event", one.reply)))


def until(transfer: Transfer, end: Event | None) -> Iterator[Event]:
    """What happened before an event; everything if there is none."""
    return takewhile(lambda event: event is not end, transfer.events)


# -- consequents ------------------------------------------------------------------------------------------------------


def names_only_what_was_asked(one: Negotiation, _: View) -> Fact:
    """Every option in the OACK is in the request."""
    if one.oack is None:
        return unsupported("no option was acknowledged", *one.frames)
    # An empty name is no option, but a NUL too many (OACK-02).
    foreign = [name for name, _ in one.oack.options if name and name.lower() not in one.names]
    if foreign:
        return broken(f"asked for {listed(one.names)}, acknowledged {listed(foreign)}", *one.frames)
    return kept("only what was asked for is acknowledged", *one.frames)


def is_a_list_of_pairs(one: Negotiation, view: View) -> Fact:
    """Opcode 6, then names and values, each with its NUL, and nothing else."""
    reply = cast("Event", one.reply)
    if not is_oack(reply):
        return unsupported("no option was acknowledged", *one.frames)
    packet = reply.packet
    if isinstance(packet, Malformed):
        if view.coverage.snapped:
            return unclear("the OACK is malformed, or cut in the capture", *one.frames)
        return broken(f"the OACK is malformed: {packet.reason}", *one.frames)
    if any(not name for name, _ in cast("Oack", packet).options):
        return broken("the OACK has NULs behind its options", *one.frames)
    return kept("an OACK of names and values", *one.frames)


def data_waits_for_ack_0(one: Negotiation, view: View) -> Fact:
    """No DATA before the client's ACK 0, and none before the OACK."""
    transfer, reply, first = one.transfer, cast("Event", one.reply), _first_of_client(one)
    for event in until(transfer, first):
        if event.sender is Sender.SERVER and isinstance(event.packet, Data):
            return broken(f"{describe(event.packet)} came before ACK 0", *one.frames, event.frame)
    if first is None:
        gap = view.unwatched(transfer.client, reply.time, reply.time + view.window(transfer.server))
        return unclear(f"no DATA before ACK 0, but {gap}", *one.frames) if gap else kept("no DATA", *one.frames)
    return kept("no DATA before ACK 0", *one.frames, first.frame)


def data_1_follows(occasion: tuple[Negotiation, Event], view: View) -> Fact:
    """ACK 0 draws DATA 1, of at most the agreed block size."""
    one, ack = occasion
    transfer, frames = one.transfer, (*one.frames, ack.frame)
    early = next((e for e in until(transfer, ack) if isinstance(e.packet, Data)), None)
    if early is not None:
        return unclear("DATA came before ACK 0", *frames, early.frame)
    for event in events_after(transfer, ack):
        if event.sender is not Sender.SERVER or event.destination != transfer.client:
            continue
        packet = event.packet
        if isinstance(packet, Data):
            if packet.block != 1:
                return broken(f"ACK 0 was answered with {describe(packet)}", *frames, event.frame)
            if packet.length > transfer.block_size:
                return broken(
                    f"DATA 1 has {packet.length} octets, {transfer.block_size} were agreed", *frames, event.frame
                )
            return kept("DATA 1 followed", *frames, event.frame)
        if isinstance(packet, Error):
            return broken(f"ACK 0 was answered with {describe(packet)}", *frames, event.frame)
    ended = next((e for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Error)), None)
    if ended is not None and ended.time - ack.time < view.window(transfer.server):
        return unclear("the client ended the transfer before DATA 1 came", *frames, ended.frame)
    return nothing_came(transfer, ack, "no DATA came after ACK 0", view, *frames)


def write_begins(one: Negotiation, view: View) -> Fact:
    """An OACK, or a plain ACK 0, not both; and the first block is acknowledged."""
    transfer, reply = one.transfer, cast("Event", one.reply)
    sent = next(e for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Data))
    answers = [e for e in transfer.of(Sender.SERVER) if e.destination == transfer.client]
    both = next((e for e in answers if e.packet == Ack(0)), None)
    if one.oack is not None and both is not None:
        return broken("both an OACK and an ACK 0 came", *one.frames, both.frame)
    acked = next((e for e in answers if isinstance(e.packet, Ack) and e.packet.block), None)
    if acked is not None:
        how = "OACK" if one.oack is not None else "ACK 0"
        return kept(f"{how}, and the first block was acknowledged", *one.frames, sent.frame, acked.frame)
    failed = next((e for e in answers if isinstance(e.packet, Error)), None)
    if failed is not None:
        return broken(f"the first block was answered with {describe(failed.packet)}", *one.frames, failed.frame)
    return nothing_came(transfer, sent, "the first block was not acknowledged", view, reply.frame, sent.frame)


def nothing_follows(occasion: tuple[Negotiation, Event], view: View) -> Fact:
    """Neither the OACK again nor DATA nor an ERROR comes after the client's ERROR 8."""
    one, error = occasion
    transfer, frames = one.transfer, (*one.frames, error.frame)
    for event in events_after(transfer, error):
        crossed = is_oack(event) and event.time - error.time < _IN_FLIGHT
        if event.sender is Sender.SERVER and event.destination == transfer.client and not crossed:
            return broken(f"{describe(event.packet)} came after ERROR 8", *frames, event.frame)
    gap = view.unwatched(transfer.client, error.time, error.time + patience_of(view, transfer.server))
    return unclear(f"nothing came after ERROR 8, but {gap}", *frames) if gap else kept("nothing more came", *frames)


def comes_again(occasion: tuple[Negotiation, int], view: View) -> Fact:
    """The same OACK comes again."""
    one, until = occasion
    transfer, reply = one.transfer, cast("Event", one.reply)
    for event in _before(one, _first_of_client(one)):
        if event.sender is not Sender.SERVER or not is_oack(event) or event.source != reply.source:
            continue
        if event.packet == reply.packet:
            return kept("the OACK came again", *one.frames, event.frame)
        return broken("another OACK came instead of the same again", *one.frames, event.frame)
    return nothing_came(transfer, reply, "the OACK never came again", view, *one.frames, window=until - reply.time)


def listed(names: object) -> str:
    """Names of options in one line."""
    return ", ".join(sorted(cast("set[str]", names))) or "nothing"


# -- the table --------------------------------------------------------------------------------------------------------

_FILE = "a file that the target serves would be needed (--file NAME)"


_WRITABLE = "a place where files may be written would be needed (tftp.writable in the ICS file)"


_EDK2 = "EDK2 rejects an OACK with an option that it did not ask for."


def of_negotiation(
    group: str, level: Level, text: str, clients: str = "", *, formats: bool = False, derived: bool = False
) -> Requirement:
    """A requirement of RFC 2347."""
    section = "Packet Formats" if formats else "Negotiation Protocol"
    return Requirement(f"TFTP-2347-{group}", "RFC 2347", section, level, Role.TFTP, text, derived, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        of_negotiation("OACK-01", Level.MUST_NOT, "An OACK names no option that the request did not ask for.", _EDK2),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=answered,
        then=names_only_what_was_asked,
        expected=("an OACK whose options are all in the request", "no OACK"),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OACK-02",
            Level.MUST,
            "An OACK is opcode 6 and pairs of a name and a value, each ended by a NUL, and nothing behind them.",
            "Cisco's and U-Boot's clients reject octets behind the options.",
            formats=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=answered,
        then=is_a_list_of_pairs,
        expected=("00 06, then an even number of strings, each with its NUL", "no OACK"),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OACK-03",
            Level.MUST,
            "Data is sent only once the client has confirmed the OACK with ACK 0.",
            "A client that wants to reject the options would have to throw data away.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=hesitation,
        then=data_waits_for_ack_0,
        expected=("no DATA before ACK 0", "the OACK again, when its timer runs out"),
        lacking="a file, and an option that the target acknowledges, would be needed",
    ),
    Rule(
        of_negotiation(
            "OACK-04",
            Level.MUST,
            "ACK 0 confirms the OACK: DATA 1 follows, with the agreed block size.",
            "All that send options.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=confirmed,
        then=data_1_follows,
        expected=("DATA 1, not longer than the agreed block size",),
        lacking="a file, and an option that the target acknowledges, would be needed",
    ),
    Rule(
        of_negotiation(
            "OACK-05",
            Level.MUST,
            "On a write the OACK takes the place of ACK 0, and the client goes on with DATA 1.",
            "All that upload with options.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=written,
        then=write_begins,
        expected=("an OACK, then an ACK for the first block (or window)", "ACK 0 if no option is acknowledged"),
        lacking=_WRITABLE,
    ),
    Rule(
        of_negotiation(
            "OACK-06",
            Level.MUST,
            "A client that rejects the OACK with ERROR 8 ends the transfer.",
            "EDK2 and PXE ROMs end their question for the size so; what still comes disturbs their next request.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=declined,
        then=nothing_follows,
        expected=("nothing more, for well over twice the server's own timer",),
        lacking="a file, and an option that the target acknowledges, would be needed",
    ),
    Rule(
        of_negotiation(
            "OACK-07",
            Level.MUST,
            "An OACK that is not confirmed is sent again.",
            "All on a network that loses datagrams.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unconfirmed,
        then=comes_again,
        expected=("the same OACK again, within well over twice the server's own timer",),
        lacking="a file, and an option that the target acknowledges, would be needed",
    ),
    Rule(
        of_negotiation(
            "OACK-08",
            Level.MUST,
            "A second ACK 0 draws no second DATA 1 (RFC 1123 section 4.2.3.1).",
            "All on a path that delays: every block is then sent twice until the end of the file.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=twice_confirmed,
        then=one_block_is_sent,
        expected=("one copy of DATA 1", "one copy, and another when its timer runs out"),
        lacking="a file, and an option that the target acknowledges, would be needed",
    ),
)
