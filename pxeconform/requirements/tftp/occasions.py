"""When the rules for TFTP transfers bite: the occasions that they share."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Request
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer


def answered(view: View) -> Iterator[Transfer]:
    """A request was answered from some port."""
    return (transfer for transfer in view.transfers if first_reply(transfer) is not None)


@dataclass(frozen=True, slots=True)
class Reply:
    """A request and where the first thing that came of it went."""

    transfer: Transfer
    frame: int
    destination: tuple[str, int]


def replies(view: View) -> Iterator[Reply]:
    """A request was answered: at the port that it came from, or at another port of the same host."""
    for transfer in view.transfers:
        reply = first_reply(transfer)
        if reply is not None:
            yield Reply(transfer, reply.frame, reply.destination)
            continue
        # The same two hosts, soon after, nobody else asked: whoever answered so answered this request.
        key = (transfer.server, transfer.client[0], transfer.events[0].scenario)
        strays = view.memo(_orphans).get(key, [])
        at = bisect_left(strays, transfer.started, key=lambda stray: stray.time)
        if at < len(strays) and strays[at].time <= transfer.started + 2 * SECOND:
            yield Reply(transfer, strays[at].frame, strays[at].receiver)


def _orphans(view: View) -> dict[tuple[str, str, str], list[Datagram]]:
    """Datagrams that fit no transfer, by the two hosts and the scenario, in order of time."""
    found: dict[tuple[str, str, str], list[Datagram]] = {}
    for stray in sorted(view.sessions.orphans, key=lambda stray: stray.time):
        found.setdefault((stray.source, stray.destination, view.scenario_of(stray.frame)), []).append(stray)
    return found


def successive(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """Two transfers of one server follow each other, each answered from an identifier that the server chose."""
    last: dict[str, Transfer] = {}
    for transfer in view.transfers:
        if transfer.server_port in (None, transfer.request_port):
            continue
        if transfer.server in last:
            yield last[transfer.server], transfer
        last[transfer.server] = transfer


@dataclass(frozen=True, slots=True)
class Intrusion:
    """A stranger wrote to the server's identifier of a transfer that was under way."""

    transfer: Transfer
    place: int
    """Where the stranger's datagram stands among the transfer's events."""
    pending: Event
    """The server's packet that waits for the owner's acknowledgment."""
    owner_went_on: Event | None
    """The owner's next packet, after the stranger's."""

    @property
    def stray(self) -> Event:
        """The stranger's datagram."""
        return self.transfer.events[self.place]


def intrusions(view: View) -> Iterator[Intrusion]:
    """A datagram came to a live transfer from a port that is not the client's identifier.

    It was no ERROR, which is owed no ERROR in return, and no garbage.
    """
    return (one for one in view.memo(_intrusions) if isinstance(one.stray.packet, Ack | Data | Oack))


def _intrusions(view: View) -> list[Intrusion]:
    found = []
    for transfer in view.transfers:
        if transfer.server_port in (None, transfer.request_port):
            continue
        pending: Event | None = None
        end = _end(transfer)
        owners = [at for at, event in enumerate(transfer.events) if event.sender is Sender.CLIENT]
        for at, event in enumerate(transfer.events):
            if event.sender is Sender.SERVER and event.destination == transfer.client:
                pending = event if isinstance(event.packet, Data | Oack) else None
            closed = end is not None and end <= event.time
            if event.sender is not Sender.STRANGER or pending is None or closed:
                continue
            following = bisect_right(owners, at)
            owner = transfer.events[owners[following]] if following < len(owners) else None
            found.append(Intrusion(transfer, at, pending, owner))
    return found


def foreign_acknowledgments(view: View) -> Iterator[Intrusion]:
    """The stranger acknowledged the very block that waits for the owner's acknowledgment, one block at a time."""
    for intrusion in intrusions(view):
        stray, pending = intrusion.stray.packet, intrusion.pending.packet
        expected = pending.block if isinstance(pending, Data) else 0
        if isinstance(stray, Ack) and stray.block == expected and intrusion.transfer.window_size == 1:
            yield intrusion


def owner_went_on(view: View) -> Iterator[Intrusion]:
    """After the stranger's datagram the owner acknowledged the block that was pending, and it was not the last."""
    for intrusion in view.memo(_intrusions):
        owner, pending = intrusion.owner_went_on, intrusion.pending.packet
        expected = pending.block if isinstance(pending, Data) else 0
        went_on = owner is not None and isinstance(owner.packet, Ack) and owner.packet.block == expected
        if went_on and not is_last(intrusion.transfer, intrusion.pending):
            yield intrusion


def can_be_compared(transfer: Transfer, view: View) -> bool:
    """What should have come is known: a digest for a whole transfer; and the client did not end a broken one itself."""
    if transfer.delivered:
        return transfer.content.sha256 is not None and view.reference_digest(transfer) is not None
    if transfer.last_acked > transfer.content.blocks:
        # The client acknowledged what is not in the evidence: that is a gap in the evidence, not in the transfer.
        return False
    withheld = transfer.content.blocks > max(transfer.last_acked, 0) or (
        transfer.acknowledged and transfer.last_acked < 0
    )
    if withheld:
        # The server has been waiting for the client.
        return False
    error, asked = transfer.error, last_asked(transfer)
    if is_the_clients_turn(transfer, asked) or transfer.file not in _delivered(view):
        return False
    if error is None or error.sender is Sender.SERVER or port_closed(transfer, asked.time, view) is not None:
        return True
    # A client that gives up because nothing comes any more has not ended anything.
    return error.time - asked.time >= view.window(transfer.server)


def last_asked(transfer: Transfer) -> Event:
    """The client's last acknowledgment, or its request: what the server owed an answer to."""
    asked = (e for e in reversed(transfer.events) if e.sender is Sender.CLIENT and isinstance(e.packet, Ack | Request))
    return next(asked, transfer.events[0])


def _delivered(view: View) -> frozenset[str]:
    """Names of files that came whole at least once: the server can."""
    return view.memo(_names_delivered)


def _names_delivered(view: View) -> frozenset[str]:
    return frozenset(t.file for t in view.transfers if t.direction == "read" and t.delivered)


def is_the_clients_turn(transfer: Transfer, asked: Event) -> bool:
    """The server answered what was asked last: if nothing follows, the client stopped."""
    due = (asked.packet.block + 1) & 0xFFFF if isinstance(asked.packet, Ack) else 1
    answers = (
        e.packet for e in transfer.of(Sender.SERVER) if e.time >= asked.time and e.destination == transfer.client
    )
    return any(isinstance(packet, Data) and packet.block == due for packet in answers)


def duplicated_requests(view: View) -> Iterator[Transfer]:
    """One request came twice from one port, and the client then kept to one transfer until it ended."""
    for transfer in view.transfers:
        went_on = any(isinstance(e.packet, Ack) and e.packet.block for e in transfer.of(Sender.CLIENT))
        twice = len(transfer.request_frames) > 1 and transfer.request.opcode is Opcode.RRQ
        if twice and transfer.answered and went_on and can_be_compared(transfer, view):
            yield transfer


def parallel_reads(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A read that was under way while another one of the same server, from another port, moved data."""
    under_way: list[Transfer] = []
    paired: set[int] = set()
    for transfer in sorted(view.transfers, key=lambda t: t.started):
        if transfer.direction != "read" or transfer.data_packets < 2 or is_disturbed(transfer):
            continue
        if not can_be_compared(transfer, view):
            continue
        under_way = [t for t in under_way if t.ended > transfer.started]
        for other in under_way:
            if other.server == transfer.server and other.client != transfer.client:
                yield transfer, other
                if id(other) not in paired:
                    yield other, transfer
                paired |= {id(other), id(transfer)}
                break
        under_way.append(transfer)


# -- what may be said of an event ------------------------------------------------------------------------------------


def describe(packet: tftp.Packet) -> str:
    """A packet in a few words."""
    match packet:
        case Data(block=block):
            return f"DATA {block}"
        case Ack(block=block):
            return f"ACK {block}"
        case Error(code=code):
            return f"ERROR {code}"
        case Oack():
            return "OACK"
        case Request(opcode=opcode):
            return opcode.name
        case Malformed(opcode=opcode):
            return f"a malformed packet (opcode {opcode})"


def first_reply(transfer: Transfer) -> Event | None:
    """The first packet that came back to the client."""
    return next((e for e in transfer.of(Sender.SERVER) if e.destination == transfer.client), None)


def events_after(transfer: Transfer, event: Event) -> Iterator[Event]:
    """The events that follow one (several datagrams may share a time stamp, so the order counts)."""
    events = transfer.events
    # Big transfers have occasions by the thousand: what came before is skipped by its time.
    near = bisect_left(events, event.time, key=lambda earlier: earlier.time)
    places = chain(range(near, len(events)), range(near))
    at = next((place for place in places if events[place] is event), len(events))
    return map(events.__getitem__, range(at + 1, len(events)))


def _end(transfer: Transfer) -> int | None:
    """When a transfer ended (ns), by an ERROR or by its last acknowledgment."""
    ends = [event.time for event in transfer.of(Sender.CLIENT) if is_last_block(transfer, event.packet)]
    ends += [transfer.error.time] if transfer.error is not None else []
    return min(ends, default=None)


def is_disturbed(transfer: Transfer) -> bool:
    """Something odd was done to the transfer: another rule says what is owed then."""
    if transfer.duplicate_acks or transfer.other_tids or len(transfer.request_frames) > 1:
        return True
    return any(e.sender is Sender.STRANGER or (e.sender is Sender.CLIENT and not _is_plain(e)) for e in transfer.events)


def _is_plain(event: Event) -> bool:
    return isinstance(event.packet, Request | Ack | Error)


def has_stranger(transfer: Transfer) -> bool:
    """Somebody else wrote to it."""
    return any(event.sender is Sender.STRANGER for event in transfer.events)


def port_closed(transfer: Transfer, since: int, view: View) -> int | None:
    """The frame of an ICMP error, from that time on, which says that the server's identifier is no more.

    What comes after the transfer was ended by an ERROR says nothing, nor does it once the whole server had died.
    """
    for error in transfer.unreachable:
        ended = transfer.error is not None and transfer.error.time < error.time
        there = error.destination_port == transfer.server_port and error.time >= since
        if there and not ended and not view.had_died(transfer.events[0].scenario, error.time):
            return error.frame
    return None


def is_last(transfer: Transfer, pending: Event) -> bool:
    """The pending block is the last one: it is shorter than the block size."""
    return isinstance(pending.packet, Data) and pending.packet.length < transfer.block_size


def is_last_block(transfer: Transfer, packet: tftp.Packet) -> bool:
    """The packet acknowledges the last block."""
    last = transfer.content.last_block
    return isinstance(packet, Ack) and last is not None and packet.block == last & 0xFFFF
