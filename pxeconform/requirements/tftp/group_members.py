"""When the rules for the multicast option (RFC 2090) bite: who is in a group, who is master, what came to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, option_value, parse
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    negotiation_of,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.groups import is_group
from pxeconform.sessions.transfers import Event, Sender, Transfer

OPTION = "multicast"

_LEAST_PATIENCE = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Grant:
    """The value of `multicast` in an OACK: address, port, master; the first two may be left out later."""

    event: Event
    text: str

    @property
    def parts(self) -> list[str]:
        """Without the blanks that the RFC's drawing has and its example has not."""
        return [part.strip() for part in self.text.split(",")]

    @property
    def is_master(self) -> bool:
        """The client is made master."""
        return self.parts[-1] == "1"

    @property
    def is_whole(self) -> bool:
        """A group, a port, and 0 or 1."""
        parts = self.parts
        right = len(parts) == 3 and is_group(parts[0]) and parts[1].isdigit() and parts[2] in ("0", "1")
        return right and 0 < int(parts[1]) < 0x10000


@dataclass(frozen=True, slots=True)
class Member:
    """A client that was told a group."""

    one: Negotiation
    grants: tuple[Grant, ...]

    @property
    def transfer(self) -> Transfer:
        """Its read."""
        return self.one.transfer

    @property
    def group(self) -> tuple[str, int]:
        """Where DATA goes."""
        address, port, _ = self.grants[0].parts
        return address, int(port)

    @property
    def joined(self) -> int:
        """When it was let in, ns."""
        return self.grants[0].event.time

    def acks(self) -> Iterator[Event]:
        """What it acknowledged."""
        return (e for e in self.transfer.of(Sender.CLIENT) if isinstance(e.packet, Ack))

    def heard(self) -> Iterator[tuple[Event, Data]]:
        """DATA at the group, from the port of this transfer."""
        for event in self.transfer.events:
            if isinstance(event.packet, Data) and event.destination == self.group:
                yield event, event.packet

    def last_block(self) -> int | None:
        """The number of the last block, if it came."""
        size = self.transfer.block_size
        return next((packet.block for _, packet in self.heard() if packet.length < size), None)

    def left(self) -> Event | None:
        """How it ended: its ERROR, or its ACK of the last block."""
        last = self.last_block()
        for event in self.transfer.of(Sender.CLIENT):
            if isinstance(event.packet, Error) or (last is not None and event.packet == Ack(last & 0xFFFF)):
                return event
        return None

    def is_in(self, time: int) -> bool:
        """It had been let in, and had not ended."""
        end = self.left()
        return self.joined <= time and (end is None or end.time > time)


def members(view: View) -> Sequence[Member]:
    """All clients that were told a group, by the time when they were."""
    return cast("Sequence[Member]", view.memo(_members))


def _members(view: View) -> list[Member]:
    found = []
    for transfer in view.group_transfers:
        one = negotiation_of(transfer)
        grants = tuple(grants_of(one)) if one is not None and one.is_read and OPTION in one.names else ()
        if one is not None and grants and grants[0].is_whole:
            found.append(Member(one, grants))
    return sorted(found, key=lambda member: member.joined)


def grants_of(one: Negotiation) -> Iterator[Grant]:
    """What each OACK to the client says of groups."""
    for event in one.transfer.of(Sender.SERVER):
        if isinstance(event.packet, Oack) and event.destination == one.transfer.client:
            value = option_value(event.packet.options, OPTION)
            if value is not None:
                yield Grant(event, value)


def companions(member: Member, view: View) -> Iterator[Member]:
    """The other members of the same transfer, in order of their age."""
    for other in members(view):
        same = (other.transfer.server, other.transfer.server_port, other.group)
        if other is not member and same == (member.transfer.server, member.transfer.server_port, member.group):
            yield other


# -- antecedents ------------------------------------------------------------------------------------------------------


def asked(view: View) -> Iterator[Negotiation]:
    """A read asked for multicast, and was answered."""
    yield from without(view)
    yield from (member.one for member in members(view))


def without(view: View) -> Iterator[Negotiation]:
    """A read asked for multicast and was told no group."""
    return (n for n in asking(view, OPTION) if n.is_read)


def granted(view: View) -> Iterator[Negotiation | Member]:
    """A client was told a group."""
    yield from without(view)
    yield from members(view)


def joined_later(view: View) -> Iterator[Negotiation | tuple[Member, Member]]:
    """A client was let in while an older one had not ended."""
    yield from without(view)
    for member in members(view):
        older = next((o for o in companions(member, view) if o.joined < member.joined and o.is_in(member.joined)), None)
        if older is not None:
            yield older, member


def begun(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """A client that is master from the beginning sent ACK 0."""
    yield from without(view)
    for member in members(view):
        first = next(member.acks(), None)
        if not member.grants[0].is_master or first is None or first.packet != Ack(0):
            continue
        if not any(_asked_for_more(other, first.time) for other in companions(member, view)):
            yield member, first


def _asked_for_more(member: Member, since: int) -> bool:
    """It acknowledged a block at that time, or soon after: what then comes to the group may be its doing."""
    soon = (ack for ack in member.acks() if 0 <= ack.time - since <= SECOND // 10)
    return any(ack.packet != Ack(0) for ack in soon)


def with_data(view: View) -> Iterator[Negotiation | Member]:
    """DATA came to the group that a client was told."""
    yield from without(view)
    yield from (member for member in members(view) if at_group(member, view))


def different_files(view: View) -> Iterator[Negotiation | tuple[Member, Member]]:
    """Two files were sent to groups at the same time."""
    yield from without(view)
    found = members(view)
    for at, member in enumerate(found):
        for other in found[:at]:
            same = (other.transfer.server, other.transfer.file) != (member.transfer.server, member.transfer.file)
            if same and other.transfer.server == member.transfer.server and other.is_in(member.joined):
                yield other, member
                break


def asked_by_master(view: View) -> Iterator[Negotiation | tuple[Member, Event, Event | None]]:
    """The master acknowledged a block that is not the last one. Gives its next packet too."""
    yield from without(view)
    for member in members(view):
        last = member.last_block()
        own = [e for e in member.transfer.of(Sender.CLIENT) if isinstance(e.packet, Ack | Error)]
        for event, following in zip_longest(own, own[1:]):
            told = [grant for grant in member.grants if grant.event.time <= event.time]
            block = event.packet.block if isinstance(event.packet, Ack) else None
            if block is not None and told and told[-1].is_master and (last is None or block < last):
                yield member, event, following


def finished(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """The master acknowledged the last block, and another client was waiting."""
    yield from without(view)
    for member in members(view):
        end = member.left()
        done = end is not None and isinstance(end.packet, Ack) and was_master(member, end.time)
        if end is not None and done and any(other.is_in(end.time) for other in companions(member, view)):
            yield member, end


def fell_silent(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """The master said nothing more in the middle of the file, and another client waited to take its place."""
    yield from without(view)
    for member in members(view):
        acks = list(member.acks()) if member.grants[0].is_master else []
        copies = [e for e, _ in member.heard() if acks and e.time >= acks[-1].time]
        end = member.left()
        if len(copies) < 2 or (end is not None and isinstance(end.packet, Ack)):
            continue
        waiting = list(waiting_beside(member, acks[-1].time, view))
        promoted = any(g.is_master and g.event.time > copies[0].time for o in waiting for g in o.grants[1:])
        if promoted or (waiting and (end is None or end.time - copies[0].time >= long_wait(view))):
            yield member, copies[0]


def promoted_in_vain(view: View) -> Iterator[Negotiation | tuple[Member, Grant]]:
    """A client that was made master later did not answer, and another one was waiting."""
    yield from without(view)
    for member in members(view):
        for grant in member.grants[1:]:
            answered = any(e.time > grant.event.time for e in member.acks())
            if (
                grant.is_master
                and not answered
                and next(waiting_beside(member, grant.event.time, view), None) is not None
            ):
                yield member, grant
                break


def passed_over(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """The client that took the turn of a silent one is done."""
    yield from without(view)
    for occasion in promoted_in_vain(view):
        if isinstance(occasion, Negotiation):
            continue
        member, grant = occasion
        for other in companions(member, view):
            turn = [g for g in other.grants[1:] if g.is_master and g.event.time > grant.event.time]
            end = other.left()
            if turn and end is not None and end.time > turn[0].event.time and isinstance(end.packet, Ack):
                yield member, end
                break


def acknowledged_by_listener(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """A client that is not master acknowledged a block, beyond its answer to the OACK."""
    yield from without(view)
    for member in members(view):
        for event in list(member.acks())[1:]:
            last = member.last_block()
            if not was_master(member, event.time) and event.packet != Ack((last or 0) & 0xFFFF):
                yield member, event
                break


def left_early(view: View) -> Iterator[Negotiation | tuple[Member, Event]]:
    """A client that was not master left, and the others went on."""
    yield from without(view)
    for member in members(view):
        end = member.left()
        if end is None or was_master(member, end.time):
            continue
        others = list(companions(member, view))
        if any(g.is_master and g.event.time > end.time for o in others for g in o.grants):
            yield member, end


def spelled(view: View) -> Iterator[Negotiation]:
    """The option's name was not written in lower case."""
    for one in asked(view):
        if any(name != OPTION and name.lower() == OPTION for name, _ in one.transfer.request.options):
            yield one


def plain_beside(view: View) -> Iterator[Negotiation | tuple[Member, Transfer]]:
    """A file was asked for without the option while it went to a group."""
    yield from without(view)
    for member in members(view):
        for transfer in view.transfers:
            same = (transfer.server, transfer.file) == (member.transfer.server, member.transfer.file)
            plain = not transfer.request.options and not transfer.request.ragged and transfer.request.mode == "octet"
            together = transfer.events[0].scenario == member.one.request.scenario
            if same and plain and together and member.is_in(transfer.started):
                yield member, transfer


def written(view: View) -> Iterator[Negotiation]:
    """A write asked for multicast."""
    for transfer in view.sessions.transfers:
        one = negotiation_of(transfer)
        if one is not None and not one.is_read and one.reply is not None and OPTION in one.names:
            yield one


def was_master(member: Member, time: int) -> bool:
    """The client had been told that it is master."""
    told = [grant for grant in member.grants if grant.event.time <= time]
    return bool(told) and told[-1].is_master


def waiting_beside(member: Member, time: int, view: View) -> Iterator[Member]:
    """Other members of the transfer that were in at that time, and have not been master yet."""
    for other in companions(member, view):
        if other.is_in(time) and not any(g.is_master and g.event.time <= time for g in other.grants):
            yield other


def long_wait(view: View) -> int:
    """How long a server may take to give a silent client up (ns): the RFC does not say, so an impatient run cannot."""
    return min(view.patience * 27 // 10, 110 * SECOND) if view.patience >= _LEAST_PATIENCE else 110 * SECOND


def at_group(member: Member, view: View) -> list[tuple[int, int, int]]:
    """Frame, source port and block of each DATA at the member's group while it was in, from any port of the server."""
    if not view.trace.datagrams:
        return [(e.frame, e.source[1], packet.block) for e, packet in member.heard()]
    scenario = member.one.request.scenario
    found = []
    others = {m.transfer.server_port for m in members(view)} - {member.transfer.server_port}
    for datagram in view.trace.datagrams:
        if datagram.receiver == member.group and datagram.source == member.transfer.server:
            packet = parse(datagram.payload, datagram.length)
            ours = datagram.time >= member.joined and view.scenario_of(datagram.frame) == scenario
            if ours and isinstance(packet, Data) and datagram.source_port not in others:
                found.append((datagram.frame, datagram.source_port, packet.block))
    return found
