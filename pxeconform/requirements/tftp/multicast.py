"""The multicast option: RFC 2090 (experimental).

DATA goes to a group that the OACK names. One client is the master: its ACK n asks for block n+1. When it is done, the
next oldest client is made master by another OACK, and asks for what it missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, option_value
from pxeconform.registry.tftp_codes import MULTICAST_PORT
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
from pxeconform.requirements.tftp.group_members import (
    OPTION,
    Grant,
    Member,
    acknowledged_by_listener,
    asked,
    asked_by_master,
    at_group,
    begun,
    companions,
    different_files,
    fell_silent,
    finished,
    granted,
    joined_later,
    left_early,
    long_wait,
    members,
    passed_over,
    plain_beside,
    promoted_in_vain,
    spelled,
    waiting_beside,
    with_data,
    written,
)
from pxeconform.requirements.tftp.occasions import describe, events_after, first_reply
from pxeconform.requirements.tftp.options import (
    Negotiation,
    left_out,
    not_granted,
    nothing_came,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_CROSSED = SECOND // 20
"""What comes this soon after an acknowledgment may have been sent before it."""

# -- consequents ------------------------------------------------------------------------------------------------------


def _or_left_out(then: Callable[..., Fact]) -> Callable[[object, View], Fact]:
    """A consequent for those that were told a group; for the others the option is left out."""

    @wraps(then)
    def consequent(occasion: object, view: View) -> Fact:
        return then(occasion, view) if not isinstance(occasion, Negotiation) else left_out(occasion, OPTION, view)

    return consequent


def tells_a_group(one: Negotiation, view: View) -> Fact:
    """Address, port, and 0 or 1."""
    text = one.granted(OPTION)
    if text is not None:
        grant = Grant(cast("Event", one.reply), text)
        if grant.is_whole:
            return kept("a group, a port, and who is master", *one.frames)
        return broken(f"multicast={text} was acknowledged", *one.frames)
    if any(member.transfer.server == one.transfer.server for member in members(view)):
        return kept("multicast was left out", *one.frames)
    return not_granted(one, OPTION, view)


def only_the_first_is_master(pair: tuple[Member, Member], _: View) -> Fact:
    """The older client is master, the younger one is not."""
    older, younger = pair
    frames = (older.grants[0].event.frame, younger.grants[0].event.frame)
    if younger.grants[0].is_master:
        return broken("a second client was made master beside the first", *frames)
    if not any(grant.is_master for grant in older.grants):
        return broken("the first client was not made master", *frames)
    return kept("the first client is master, the second is not", *frames)


def is_1758(member: Member, _: View) -> Fact:
    """The recommended port, or another one: both are reported."""
    port = member.group[1]
    told = "as recommended" if port == MULTICAST_PORT else f"recommended is {MULTICAST_PORT}"
    return kept(f"port {port}, {told}", *member.one.frames)


def data_1_comes(occasion: tuple[Member, Event], view: View) -> Fact:
    """DATA 1 at the group (a lone client may get it by unicast)."""
    member, ack = occasion
    frames = (*member.one.frames, ack.frame)
    for event in events_after(member.transfer, ack):
        if isinstance(event.packet, Data):
            if event.packet.block == 1:
                way = "at the group" if event.destination == member.group else "by unicast"
                return kept(f"DATA 1 came {way}", *frames, event.frame)
            return broken(f"{describe(event.packet)} came after ACK 0", *frames, event.frame)
        if event.sender is Sender.SERVER and isinstance(event.packet, Error):
            return broken(f"{describe(event.packet)} came after ACK 0", *frames, event.frame)
    return _nothing(member, ack, "no DATA came after ACK 0", view, *frames)


def comes_from_one_port(member: Member, view: View) -> Fact:
    """DATA at the group comes from the port that the OACK came from."""
    for frame, port, block in at_group(member, view):
        if port != member.transfer.server_port:
            told = f"DATA {block} came from port {port}, the OACK from port {member.transfer.server_port}"
            return broken(told, *member.one.frames, frame)
    return kept("OACK and DATA come from one port", *member.one.frames, at_group(member, view)[0][0])


def ports_differ(pair: tuple[Member, Member], _: View) -> Fact:
    """Each transfer has a port of its own."""
    one, other = pair
    frames = (one.grants[0].event.frame, other.grants[0].event.frame)
    if one.transfer.server_port != other.transfer.server_port:
        return kept("a port for each transfer", *frames)
    return broken(f"two files at once come from port {one.transfer.server_port}", *frames)


def is_sent_next(occasion: tuple[Member, Event, Event | None], view: View) -> Fact:
    """The block behind the acknowledged one comes."""
    member, ack, following = occasion
    wanted = cast("Ack", ack.packet).block + 1
    for event in events_after(member.transfer, ack):
        if event is following:
            break
        if not isinstance(event.packet, Data):
            continue
        if event.packet.block == wanted & 0xFFFF:
            return kept("the block behind the acknowledged one came", ack.frame, event.frame)
        if event.time - ack.time > _CROSSED:
            return broken(f"ACK {wanted - 1} was followed by {describe(event.packet)}", ack.frame, event.frame)
    if following is not None and following.time - ack.time < view.window(member.transfer.server):
        return unclear("the master went on before a block came", ack.frame, following.frame)
    return _nothing(member, ack, f"no block came after ACK {wanted - 1}", view, ack.frame)


def next_is_promoted(occasion: tuple[Member, Event], view: View) -> Fact:
    """A waiting client is made master."""
    member, end = occasion
    waiting = [other for other in companions(member, view) if other.is_in(end.time)]
    for other in waiting:
        for grant in other.grants[1:]:
            if grant.is_master and grant.event.time > end.time:
                return kept("the next client is made master", end.frame, grant.event.frame)
    return nothing_came(waiting[0].transfer, end, "no waiting client was made master", view, end.frame)


def next_takes_over(occasion: tuple[Member, Event], view: View) -> Fact:
    """Another client is made master in the end."""
    member, data = occasion
    waiting = list(waiting_beside(member, data.time, view))
    for other in waiting:
        for grant in other.grants[1:]:
            if grant.is_master and grant.event.time > data.time:
                return kept("another client is made master", data.frame, grant.event.frame)
    told = "no other client was made master"
    return nothing_came(waiting[0].transfer, data, told, view, data.frame, window=long_wait(view))


def another_is_promoted(occasion: tuple[Member, Grant], view: View) -> Fact:
    """Another waiting client is made master."""
    member, grant = occasion
    others = list(waiting_beside(member, grant.event.time, view))
    for other in others:
        for later in other.grants[1:]:
            if later.is_master and later.event.time > grant.event.time:
                return kept("another client is made master", grant.event.frame, later.event.frame)
    told = "the silent client was not passed over"
    return nothing_came(others[0].transfer, grant.event, told, view, grant.event.frame, window=long_wait(view))


def is_tried_again(occasion: tuple[Member, Event], view: View) -> Fact:
    """The client that was passed over is made master once more."""
    member, end = occasion
    for grant in member.grants:
        if grant.is_master and grant.event.time > end.time:
            return kept("it is made master once more", end.frame, grant.event.frame)
    return nothing_came(member.transfer, end, "it was not made master again", view, end.frame)


def is_told_so(occasion: tuple[Member, Event], view: View) -> Fact:
    """An OACK says that the client is not master; nothing is sent for its ACK."""
    member, ack = occasion
    wanted = cast("Ack", ack.packet).block + 1
    others = list(companions(member, view))
    for event in events_after(member.transfer, ack):
        packet = event.packet
        if event.sender is Sender.SERVER and event.destination == member.transfer.client:
            value = option_value(packet.options, OPTION) if isinstance(packet, Oack) else None
            if value is not None and not Grant(event, value).is_master:
                return kept("an OACK says that it is not master", ack.frame, event.frame)
            if value is not None:
                late = event.time - ack.time > view.window(member.transfer.server)
                told = "it was not told that it is not master"
                return (broken if late else unclear)(f"{told} before it was", ack.frame, event.frame)
            return broken(f"{describe(packet)} came instead of an OACK with 0", ack.frame, event.frame)
        masters = any(e.packet == ack.packet and e.time < event.time for o in others for e in o.acks())
        if isinstance(packet, Data) and packet.block == wanted & 0xFFFF and not masters:
            return broken(f"its ACK drew {describe(packet)}", ack.frame, event.frame)
    return nothing_came(member.transfer, ack, "it was not told that it is not master", view, ack.frame)


def is_not_promoted(occasion: tuple[Member, Event], _: View) -> Fact:
    """It is never made master afterwards."""
    member, end = occasion
    for grant in member.grants:
        if grant.is_master and grant.event.time > end.time + 2 * _CROSSED:
            return broken("a client that had left was made master", end.frame, grant.event.frame)
    return kept("a client that left is left alone", end.frame)


def is_reported(occasion: tuple[Member, Event], view: View) -> Fact:
    """What the promotion says of address and port."""
    member, end = occasion
    for other in companions(member, view):
        for grant in other.grants[1:]:
            if grant.is_master and grant.event.time > end.time:
                return kept(f"the promotion says {grant.text}", end.frame, grant.event.frame)
    return unclear("nobody was promoted", end.frame)


def what_insistence_gets(occasion: tuple[Member, Event], _: View) -> Fact:
    """An OACK each time, or an ERROR."""
    member, ack = occasion
    error = member.transfer.error
    if error is not None and error.sender is Sender.SERVER:
        return kept(f"{describe(error.packet)} in the end", ack.frame, error.frame)
    return kept("no ERROR", ack.frame)


def way_of_data(occasion: tuple[Member, Event], view: View) -> Fact:
    """To the group, or by unicast."""
    member, ack = occasion
    data = next((e for e in events_after(member.transfer, ack) if isinstance(e.packet, Data)), None)
    if data is None:
        return unclear("no DATA came", ack.frame)
    return kept("to the group" if data.destination == member.group else "by unicast", ack.frame, data.frame)


def is_granted_too(one: Negotiation, view: View) -> Fact:
    """It is acknowledged as in lower case."""
    if one.granted(OPTION) is not None:
        return kept("acknowledged", *one.frames)
    if any(member.transfer.server == one.transfer.server for member in members(view)):
        return broken("multicast is acknowledged, in capitals it is not", *one.frames)
    return unsupported("multicast is not acknowledged", *one.frames)


def is_served_alone(occasion: tuple[Member, Transfer], view: View) -> Fact:
    """It gets the file by unicast."""
    member, plain = occasion
    frames = (member.one.reply.frame, plain.request_frames[0]) if member.one.reply else (plain.request_frames[0],)
    reply = first_reply(plain)
    if reply is None:
        return nothing_came(plain, plain.events[0], "the plain request got no answer", view, *frames)
    if not isinstance(reply.packet, Data):
        return broken(f"the plain request was answered with {describe(reply.packet)}", *frames, reply.frame)
    failed = plain.error
    if failed is not None and failed.sender is Sender.SERVER:
        return broken(f"the plain read ended with {describe(failed.packet)}", *frames, failed.frame)
    return kept("served by unicast", *frames, reply.frame)


def is_ignored(one: Negotiation, _: View) -> Fact:
    """The option is not in the answer."""
    reply = cast("Event", one.reply)
    if isinstance(reply.packet, Error):
        return unsupported(f"the write was refused with {describe(reply.packet)}", *one.frames)
    if one.granted(OPTION) is not None:
        return broken(f"multicast={one.granted(OPTION)} was acknowledged on a write", *one.frames)
    return kept(f"answered with {describe(reply.packet)}", *one.frames)


def _nothing(member: Member, asked: Event, told: str, view: View, *frames: int) -> Fact:
    """Nothing came, neither at the group nor by unicast."""
    gap = view.unwatched(member.group, asked.time, asked.time + view.window(member.transfer.server))
    return unclear(f"{told}, but {gap}", *frames) if gap else nothing_came(member.transfer, asked, told, view, *frames)


# -- the table --------------------------------------------------------------------------------------------------------

_GROUP = "a file, and a target that acknowledges multicast, would be needed"
_WRITABLE = "a place where files may be written would be needed (tftp.writable in the ICS file)"


def _rule(
    number: str,
    section: str,
    level: Level,
    text: str,
    when: Callable[[View], Iterator[object]],
    then: Callable[..., Fact],
    *expected: str,
    kind: Kind = Kind.OBLIGATION,
    scope: Scope = Scope.TRACE,
    lacking: str = _GROUP,
    derived: bool = False,
) -> AnyRule:
    names = {"DT": "Data Transfer", "OS": "Multicast Option Specification", "MO": "Multicast Option"}
    requirement = Requirement(
        f"TFTP-2090-MC-{number}",
        "RFC 2090",
        names.get(section, section),
        level,
        Role.TFTP,
        text,
        derived,
        unconfirmed=True,
        clients="Few: those that load many machines at once by this option.",
    )
    assumes = "the members of a group are those of one run" if scope is Scope.TRACE else ""
    return Rule(requirement, kind, scope, when, then, expected, lacking, assumes)


_MUST, _SHOULD, _MAY = Level.MUST, Level.SHOULD, Level.MAY

RULES: tuple[AnyRule, ...] = (
    _rule(
        "01",
        "OS",
        _MUST,
        "The OACK's value of multicast is address, port and master: a group, 1 to 65535, 0 or 1.",
        asked,
        tells_a_group,
        "addr,port,mc",
        "no acknowledgment, where the ICS does not claim the option",
        kind=Kind.SELF_EVIDENT,
        scope=Scope.SESSION,
    ),
    _rule(
        "02",
        "MO",
        _SHOULD,
        "Only one client at a time is master, the oldest first.",
        joined_later,
        _or_left_out(only_the_first_is_master),
        "1 for the first client, 0 for those after it",
        derived=True,
    ),
    _rule(
        "03",
        "MO",
        _SHOULD,
        "A master that stops answering is replaced.",
        fell_silent,
        _or_left_out(next_takes_over),
        "an OACK with 1 to another client",
        derived=True,
    ),
    _rule(
        "04",
        "OS",
        _SHOULD,
        "The port of the group is 1758; this is reported only.",
        granted,
        _or_left_out(is_1758),
        "1758",
        "another port",
        kind=Kind.SELF_EVIDENT,
        scope=Scope.SESSION,
    ),
    _rule(
        "05",
        "DT",
        _MUST,
        "ACK 0 of the master starts the data.",
        begun,
        _or_left_out(data_1_comes),
        "DATA 1 at the announced group and port",
        "DATA 1 by unicast to a lone client",
        scope=Scope.SESSION,
    ),
    _rule(
        "06",
        "DT",
        _MUST,
        "DATA for the group comes from the address and port that the OACK came from.",
        with_data,
        _or_left_out(comes_from_one_port),
        "one source port",
        kind=Kind.SELF_EVIDENT,
        scope=Scope.SESSION,
    ),
    _rule(
        "07",
        "DT",
        _MUST,
        "Each transfer has a port of its own.",
        different_files,
        _or_left_out(ports_differ),
        "two source ports for two files",
        kind=Kind.SELF_EVIDENT,
    ),
    _rule(
        "08",
        "DT",
        _MUST,
        "The master's ACK n asks for block n+1, whichever came before.",
        asked_by_master,
        _or_left_out(is_sent_next),
        "the block behind the acknowledged one",
        scope=Scope.SESSION,
    ),
    _rule(
        "09",
        "DT",
        _MUST,
        "When the master is done, the next client is made master.",
        finished,
        _or_left_out(next_is_promoted),
        "an OACK with 1 to a waiting client",
    ),
    _rule(
        "10",
        "DT",
        _MAY,
        "A later OACK may leave address and port empty.",
        finished,
        _or_left_out(is_reported),
        ",,1",
        "address and port again",
        kind=Kind.SELF_EVIDENT,
    ),
    _rule(
        "11",
        "DT",
        _MUST,
        "A client that does not answer when it is made master is passed over.",
        promoted_in_vain,
        _or_left_out(another_is_promoted),
        "an OACK with 1 to another waiting client",
    ),
    _rule(
        "12",
        "DT",
        _MUST,
        "A client that was passed over is tried again when the other one is done.",
        passed_over,
        _or_left_out(is_tried_again),
        "another OACK with 1 to it",
    ),
    _rule(
        "13",
        "DT",
        _MUST,
        "A client that acknowledges without being master is told so.",
        acknowledged_by_listener,
        _or_left_out(is_told_so),
        "an OACK with 0 to it, and no DATA for its ACK",
    ),
    _rule(
        "14",
        "DT",
        _MAY,
        "A client that goes on acknowledging without being master may be sent an ERROR.",
        acknowledged_by_listener,
        _or_left_out(what_insistence_gets),
        "an OACK each time",
        "an ERROR",
    ),
    _rule(
        "15",
        "DT",
        _MUST,
        "A client that has left is not made master.",
        left_early,
        _or_left_out(is_not_promoted),
        "no OACK with 1 to it",
    ),
    _rule(
        "16",
        "DT",
        _MAY,
        "A client that is alone may be served by unicast.",
        begun,
        _or_left_out(way_of_data),
        "DATA to the group",
        "DATA by unicast",
        scope=Scope.SESSION,
    ),
    _rule(
        "17",
        "OS",
        _MUST,
        "The option's name is compared without regard to case.",
        spelled,
        is_granted_too,
        "acknowledged as in lower case",
        kind=Kind.SELF_EVIDENT,
    ),
    _rule(
        "18",
        "Conclusion",
        _MUST,
        "Clients that do not know the option are served as ever.",
        plain_beside,
        _or_left_out(is_served_alone),
        "DATA 1 by unicast",
    ),
    _rule(
        "19",
        "OS",
        _SHOULD,
        "On a write the option is not acknowledged.",
        written,
        is_ignored,
        "ACK 0",
        "an OACK without it",
        kind=Kind.SELF_EVIDENT,
        scope=Scope.SESSION,
        lacking=_WRITABLE,
    ),
)
