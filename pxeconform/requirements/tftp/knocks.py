"""What came to the request port and is no request: runts, other opcodes, requests that break off.

Such a datagram begins no transfer, so it is an orphan of the sessions; what came back to its sender belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Packet, Request
from pxeconform.registry.ports import Port
from pxeconform.requirements.model import Fact, broken, unclear
from pxeconform.requirements.view import Endpoint, View
from pxeconform.sessions.transfers import Transfer


@dataclass(frozen=True, slots=True)
class Answer:
    """A datagram that came back; `packet` is `None` when it is no TFTP."""

    frame: int
    time: int
    packet: Packet | None


@dataclass(slots=True)
class Knock:
    """One datagram to the request port that is no well-formed request, the first one of its socket."""

    frame: int
    time: int
    source: Endpoint
    server: str
    octets: bytes
    packet: Packet | None
    replies: list[Answer] = field(default_factory=list)

    @property
    def opcode(self) -> int | None:
        """The first two octets, if there are two."""
        return int.from_bytes(self.octets[:2]) if len(self.octets) >= 2 else None

    @property
    def served(self) -> Answer | None:
        """A reply that begins a transfer."""
        return next((a for a in self.replies if isinstance(a.packet, Data | Ack | Oack)), None)

    @property
    def shown(self) -> str:
        """What was sent, in a few words."""
        match self.packet:
            case Malformed(reason=reason):
                return f"a request that breaks off ({reason})"
            case Data() | Ack() | Error() | Oack():
                return f"a stray {type(self.packet).__name__.upper()}"
        if len(self.octets) < 4:
            return f"a datagram of {len(self.octets)} octets"
        return f"a datagram with opcode {self.opcode}"


def knocks(view: View) -> list[Knock]:
    """All of them, in order of time."""
    return view.memo(_knocks)


def _knocks(view: View) -> list[Knock]:
    ports = {int(Port.TFTP), view.ledger.target.tftp_port}
    found: dict[Endpoint, Knock] = {}
    clients = {transfer.client for transfer in view.transfers}
    for datagram in view.trace.datagrams or view.sessions.orphans:
        if datagram.kind is not Kind.UDP:
            continue
        packet = tftp.parse(datagram.payload, datagram.length)
        if datagram.receiver in found:
            found[datagram.receiver].replies.append(Answer(datagram.frame, datagram.time, packet))
        elif _is_knock(datagram, packet, ports, clients):
            found[datagram.sender] = Knock(
                datagram.frame, datagram.time, datagram.sender, datagram.destination, datagram.payload, packet
            )
    # Who never answered anybody is not there: its silence says nothing.
    return [knock for knock in found.values() if view.slowest_answer(knock.server) is not None]


def _is_knock(datagram: Datagram, packet: Packet | None, ports: set[int], clients: set[Endpoint]) -> bool:
    known = datagram.sender in clients or isinstance(packet, Request)
    return datagram.destination_port in ports and not known


def next_request(knock_frame: int, time: int, source: Endpoint, view: View) -> Transfer | None:
    """The next request in the same scenario from another socket: does the server still live?"""
    scenario = view.scenario_of(knock_frame)
    later = (t for t in view.transfers if scenario and t.events[0].scenario == scenario and t.started >= time)
    return next((transfer for transfer in later if transfer.client != source), None)


def death(what: str, frame: int, time: int, source: Endpoint, view: View) -> Fact | None:
    """A violation if the server answers nobody any more; `None` if it does, or nobody asked."""
    asked = next_request(frame, time, source, view)
    if asked is None or asked.answered or not _had_lived(view, asked.server, time):
        return None
    begin = asked.started
    closed = next((u.frame for u in asked.unreachable if u.time >= begin), None)
    if closed is not None:
        return broken(f"after {what} the server is gone: its port is closed", frame, asked.request_frames[0], closed)
    gap = view.unwatched(asked.client, begin, begin + view.window(asked.server))
    if gap is not None:
        return unclear(f"after {what} a request was not answered, but {gap}", frame, asked.request_frames[0])
    return broken(f"after {what} the server answers nobody any more", frame, asked.request_frames[0])


def _had_lived(view: View, server: str, time: int) -> bool:
    return any(t.answered and t.server == server and t.started < time for t in view.transfers)
