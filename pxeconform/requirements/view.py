"""A trace as rules see it: its sessions, and what ledger and coverage say about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.tftp import Data, Request
from pxeconform.requirements.ledger import LIVENESS, Coverage, KnownFile, Ledger, SocketRecord
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.exchanges import Exchange, exchanges
from pxeconform.sessions.marks import scenario_of, socket_of
from pxeconform.sessions.sessions import Sessions, follow
from pxeconform.sessions.transfers import Sender, Transfer

Endpoint = tuple[str, int]
T = TypeVar("T")

SECOND = 1_000_000_000
_SHORTEST_WINDOW = SECOND // 5
_UNKNOWN_SERVER_WINDOW = SECOND
_KEEP = 4 << 20
"""Octets of each file that a judged trace holds, so that credentials can be verified."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Datagrams in order of time, the ledger, and coverage."""

    datagrams: tuple[Datagram, ...]
    ledger: Ledger = field(default_factory=Ledger)
    coverage: Coverage = field(default_factory=Coverage)

    @classmethod
    def of(cls, datagrams: Iterable[Datagram], ledger: Ledger, coverage: Coverage) -> Trace:
        """Sort by time: sockets are read when a scenario has the time, kernel stamps tell the real order."""
        return cls(tuple(sorted(datagrams, key=lambda d: (d.time, d.frame))), ledger, coverage)


_NO_SCENARIOS: frozenset[str] = frozenset()


class View:
    """What a rule may ask."""

    def __init__(self, trace: Trace, sessions: Sessions | None = None) -> None:
        self.trace = trace
        self.ledger = trace.ledger
        self.coverage = trace.coverage
        target = trace.ledger.target
        self.sessions = sessions or follow(
            trace.datagrams,
            tftp_ports={69, target.tftp_port},
            dhcp_ports={target.pxe_port, target.dhcp_port},
            hash_contents=True,
            keep=_KEEP,
        )
        self._marks = {d.frame: scenario_of(d.comment) for d in trace.datagrams}
        self._payloads = {d.frame: d.payload for d in trace.datagrams}
        self._cache: dict[object, object] = {}

    @cached_property
    def transfers(self) -> list[Transfer]:
        """All TFTP transfers by unicast, by the time of their request."""
        return [transfer for transfer in self.sessions.transfers if transfer.group is None]

    @cached_property
    def group_transfers(self) -> list[Transfer]:
        """Those of clients that were told a multicast group: what is owed to a client alone is not owed to them."""
        return [transfer for transfer in self.sessions.transfers if transfer.group is not None]

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """All DHCP exchanges."""
        return self._grouped[0]

    @property
    def orphans(self) -> list[int]:
        """Frames that fit no session: DHCP replies to nobody's request, TFTP packets to nobody's port."""
        return sorted([reply.frame for reply in self._grouped[1]] + [d.frame for d in self.sessions.orphans])

    @cached_property
    def _grouped(self) -> tuple[list[Exchange], list[DhcpEvent]]:
        return exchanges(self.sessions.dhcp, self.sessions.unreachable)

    @cached_property
    def _shares(self) -> dict[str, _Share]:
        return _share_out(self.sessions, *self._grouped)

    def scenario_of(self, frame: int) -> str:
        """The scenario that a frame is marked with."""
        return self._marks.get(frame, "")

    def scenarios_of(self, frames: Iterable[int]) -> frozenset[str]:
        """All scenarios that frames are marked with; nothing is marked in a capture from the field."""
        return frozenset(filter(None, map(self.scenario_of, frames))) if self._marks else _NO_SCENARIOS

    def payload(self, frame: int) -> bytes | None:
        """What a datagram held; `None` where only sessions were kept, as in the analysis of a capture."""
        return self._payloads.get(frame)

    def claims_role(self, role: str) -> bool:
        """Whether the target is said to have that role."""
        return role in (self.ledger.claims.roles or ())

    # -- windows of silence -------------------------------------------------------------------------------------------

    def unwatched(self, endpoint: Endpoint, since: int, until: int) -> str | None:
        """Why silence at an endpoint between two times would prove nothing; `None` when it was watched throughout."""
        records = [s for s in self.ledger.sockets if (s.address, s.port) == endpoint and s.opened <= since]
        if records:
            if self.had_died(records[0].scenario, until):
                return "the target had died"
            closed = max(s.closed for s in records)
            if closed < until:
                return "the socket was closed before the window ended"
            # The kernel stamps and keeps what comes while the tester stands still. But what the tester sent may have
            # left late by as much, and the server may have stood still with it: that time does not count.
            stalls = self.ledger.stalls_between(since, closed)
            stalled = sum(min(end, closed) - max(start, since) for start, end in stalls)
            if closed - stalled < until:
                return "the tester itself stalled in the window"
            if any(s.dropped for s in records):
                return "the kernel dropped datagrams of the socket"
            return None
        if self.ledger.sockets:
            return "no socket of the tester listened there"
        # From here on the trace is somebody else's exchange, seen from somewhere on the path.
        if not self.coverage.complete:
            return "the capture breaks off"
        if self.coverage.last_time is None or self.coverage.last_time < until:
            return "the capture ends before the window does"
        return "nothing proves that what was captured also arrived"

    def had_died(self, scenario: str, time: int) -> bool:
        """The target had died by then (ns), and not in this scenario, nor was it just asked whether it is there."""
        if self._death is None or scenario == self._death[1] or scenario.startswith(LIVENESS):
            return False
        return self._death[0] < time

    @cached_property
    def _death(self) -> tuple[int, str] | None:
        """When the target died (ns), and in which scenario: in the others its silence is nobody's fault."""
        frame = self.ledger.target_died_at
        last = next((d for d in self.trace.datagrams if d.frame == frame), None)
        return None if last is None else (last.time, self.scenario_of(last.frame))

    @cached_property
    def killer(self) -> tuple[int, str] | None:
        """The frame that the target died of, and its scenario; `None` where another one was under way too."""
        frame = self.ledger.target_died_at
        if frame is None or self._death is None:
            return None
        time, scenario = self._death
        others = (record for record in self.ledger.scenarios if record.id != scenario and record.status == "played")
        return None if any(one.started <= time <= one.ended for one in others) else (frame, scenario)

    def listened(self, endpoint: Endpoint, since: int, until: int) -> bool:
        """Whether a socket of the tester was open there all the time, whatever it may have missed."""
        records = (s for s in self.ledger.sockets if (s.address, s.port) == endpoint)
        return any(s.opened <= since and until <= s.closed for s in records)

    def window(self, server: str) -> int:
        """How long silence of a server must last to be silence (ns): five times its slowest first answer."""
        slowest = self.slowest_answer(server)
        return _UNKNOWN_SERVER_WINDOW if slowest is None else max(_SHORTEST_WINDOW, 5 * slowest)

    def slowest_answer(self, server: str) -> int | None:
        """The longest time (ns) that a server took for a first answer in this trace."""
        return self._answers.get(server)

    @cached_property
    def _answers(self) -> dict[str, int]:
        slowest: dict[str, int] = {}
        for exchange in self.exchanges:
            for reply in exchange.replies[:1]:
                asked = max(r.time for r in exchange.requests if r.time <= reply.time)
                slowest[reply.source[0]] = max(slowest.get(reply.source[0], 0), reply.time - asked)
        for transfer in self.transfers:
            reply_event = next(transfer.of(Sender.SERVER), None)
            if reply_event is not None:
                # A request that was repeated may have been answered the second time only.
                before = (e for e in transfer.events if e.time <= reply_event.time and isinstance(e.packet, Request))
                took = reply_event.time - max((e.time for e in before), default=transfer.started)
                slowest[transfer.server] = max(slowest.get(transfer.server, 0), took)
        return slowest

    def retransmission_timer(self, server: str) -> int | None:
        """The shortest time (ns) after which a server sent a block again with nothing from the client between."""
        return self._timers.get(server)

    @cached_property
    def _timers(self) -> dict[str, int]:
        timers: dict[str, int] = {}
        for transfer in self.transfers:
            for earlier, later in zip(transfer.events, transfer.events[1:], strict=False):
                same = isinstance(earlier.packet, Data) and earlier.packet == later.packet
                if same and earlier.sender is later.sender is Sender.SERVER:
                    gap = later.time - earlier.time
                    # Two copies at once are a doubled answer, not a timer.
                    if gap > SECOND // 20:
                        timers[transfer.server] = min(timers.get(transfer.server, gap), gap)
        return timers

    @property
    def patience(self) -> int:
        """How long silence must last (ns) where no timer of the server is known."""
        return int(self.ledger.patience * SECOND)

    # -- facts about files --------------------------------------------------------------------------------------------

    def known_file(self, name: str) -> KnownFile | None:
        """A claimed file that has a digest."""
        return next((f for f in self.ledger.claims.files if f.name == name and f.sha256), None)

    def reference_digest(self, transfer: Transfer) -> tuple[str, str] | None:
        """The SHA-256 that a read should give and where that is known from, else `None`.

        Without a claim, the first whole download of the same name is the reference for those after it: two whole
        downloads that differ are a fact by themselves.
        """
        if transfer.request.mode != "octet":
            return None
        known = self.known_file(transfer.file)
        if known is not None and known.sha256:
            return known.sha256, known.source
        if (transfer.server, transfer.file) in self._written:
            # What was written in between is another file of that name.
            return None
        for other in self.transfers:
            same = (other.server, other.file, other.request.mode) == (transfer.server, transfer.file, "octet")
            if same and other is not transfer and other.delivered and other.content.sha256:
                return other.content.sha256, f"derived from the download that begins in frame {other.request_frames[0]}"
        return None

    @cached_property
    def _written(self) -> frozenset[tuple[str, str]]:
        """Servers and the files that were written to them."""
        return frozenset((t.server, t.file) for t in self.transfers if t.direction == "write")

    # -- evidence that is not whole -----------------------------------------------------------------------------------

    @cached_property
    def damaged_scenarios(self) -> dict[str, str]:
        """Scenarios whose evidence holds fewer datagrams than their sockets counted, with a sentence."""
        present = Counter((scenario_of(d.comment), socket_of(d.comment)) for d in self.trace.datagrams)
        found = {}
        for record in self.ledger.sockets:
            expected = record.sent + record.received
            there = present[(record.scenario, record.name)]
            if there < expected:
                found[record.scenario] = (
                    f"the evidence holds {there} of the {expected} datagrams "
                    f"of socket {record.name} in {record.scenario}"
                )
        return found

    def memo(self, key: Callable[[View], T]) -> T:
        """The result of an antecedent that several rules share, computed once."""
        if key not in self._cache:
            self._cache[key] = key(self)
        return self._cache[key]  # type: ignore[return-value]

    def once(self, of: Callable[[Transfer], T], transfer: Transfer) -> T:
        """What several rules ask of one transfer, computed once."""
        key = of, id(transfer)
        if key not in self._cache:
            self._cache[key] = of(transfer)
        return self._cache[key]  # type: ignore[return-value]

    def sockets_of(self, scenario: str) -> list[SocketRecord]:
        """The tester's sockets in one scenario."""
        return [record for record in self.ledger.sockets if record.scenario == scenario]

    def only(self, server: str) -> View:
        """The same trace, with the sessions of one server alone: what it sent, and what was sent to its address."""
        share = self._shares.get(server, _Share())
        messages = {e.frame: e for x in share.exchanges for e in (*x.requests, *x.replies)}
        messages |= {event.frame: event for event in share.unasked}
        sessions = Sessions(
            transfers=share.transfers,
            dhcp=[messages[frame] for frame in sorted(messages)],
            unreachable=share.unreachable,
            orphans=share.orphans,
        )
        part = View(self.trace, sessions)
        # Whose a reply is does not depend on who else replied, so nothing needs to be grouped again.
        part._grouped = (share.exchanges, share.unasked)
        return part


@dataclass(slots=True)
class _Share:
    """One server's part of the sessions of a trace."""

    transfers: list[Transfer] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    unasked: list[DhcpEvent] = field(default_factory=list)
    """Replies that belong to no exchange."""
    unreachable: list[Datagram] = field(default_factory=list)
    orphans: list[Datagram] = field(default_factory=list)


def _share_out(sessions: Sessions, found: Iterable[Exchange], unasked: Iterable[DhcpEvent]) -> dict[str, _Share]:
    """By address, in one pass: a capture may show thousands of servers. A broadcast is nobody's who does not answer."""
    shares: defaultdict[str, _Share] = defaultdict(_Share)
    for transfer in sessions.transfers:
        if transfer.routine is None and not transfer.headless:
            # Rules look at packets one by one, and at the request that they answer.
            shares[transfer.server].transfers.append(transfer)
    for exchange in found:
        servers = dict.fromkeys(reply.source[0] for reply in exchange.replies)
        servers[exchange.request.destination[0]] = None
        for server in servers:
            shares[server].exchanges.append(_of_server(exchange, server))
    for event in unasked:
        shares[event.source[0]].unasked.append(event)
    for error in sessions.unreachable:
        shares[error.destination].unreachable.append(error)
    for orphan in sessions.orphans:
        for server in {orphan.source, orphan.destination}:
            shares[server].orphans.append(orphan)
    return shares


def _of_server(exchange: Exchange, server: str) -> Exchange:
    """An exchange without what other servers had to do with it."""
    return Exchange(
        exchange.requests,
        [reply for reply in exchange.replies if reply.source[0] == server],
        [error for error in exchange.unreachable if error.destination == server],
    )
