"""What is known of a TFTP transfer (RFC 1350): its datagrams, what they delivered, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Packet, Request
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.sessions.content import Content

Endpoint = tuple[str, int]

_PROBE_ERRORS = frozenset({ErrorCode.NOT_DEFINED, ErrorCode.OPTION_NEGOTIATION_FAILED})


class Sender(Enum):
    """Whose datagram it is, seen from the transfer."""

    CLIENT = "client"
    SERVER = "server"
    STRANGER = "stranger"


class Outcome(Enum):
    """How a transfer ended."""

    COMPLETE = "complete"
    PROBE = "probe"
    ABORTED_BY_CLIENT = "aborted_by_client"
    REFUSED = "refused"
    ERROR = "error"
    STALLED = "stalled"
    INCOMPLETE_CAPTURE = "incomplete_capture"


@dataclass(frozen=True, slots=True)
class Event:
    """One datagram of a transfer. The octets of DATA are not kept here: `Transfer.content` has them."""

    frame: int
    time: int
    sender: Sender
    source: Endpoint
    destination: Endpoint
    packet: Packet
    scenario: str = ""


Spare = tuple[Datagram, Packet, Event]

_NONE: dict[int, Spare | None] = {}
"""Nearly all transfers have no other ports, and share this."""


@lru_cache(256)
def block_of(number: int, length: int) -> Data:
    """A block without its octets; one object for equal ones, as thousands of clients fetch the same file."""
    return Data(number, b"", length)


_ack = lru_cache(256)(Ack)


@dataclass(slots=True)
class Heard:
    """The blocks of a file that one member of a group has heard."""

    blocks: set[int] = field(default_factory=set)
    last: int | None = None

    @property
    def whole(self) -> bool:
        """Every block from the first to the last."""
        return self.last is not None and len(self.blocks) == self.last


@dataclass(slots=True)
class Waits:
    """How often one side was waited for, and how long: nanoseconds in all and at most."""

    turns: int = 0
    total: int = 0
    longest: int = 0
    after: int = 0
    """The frame before the longest wait."""

    def add(self, turns: int, total: int, longest: int, after: int) -> None:
        """Take others of the same side."""
        self.turns += turns
        self.total += total
        if longest > self.longest:
            self.longest, self.after = longest, after


@dataclass(slots=True)
class Routine:
    """Packets of a large capture that were what was due, counted and not kept as events."""

    blocks: int = 0
    acks: int = 0
    sender: Waits = field(default_factory=Waits)
    """From an acknowledgment to the block after it."""
    receiver: Waits = field(default_factory=Waits)
    """From a block to its acknowledgment."""


@dataclass(slots=True)
class Transfer:
    """One TFTP transfer; complete once the tracker has seen the whole trace."""

    request: Request
    client: Endpoint
    server: str
    request_port: int
    events: list[Event] = field(default_factory=list)
    request_frames: list[int] = field(default_factory=list)
    server_port: int | None = None
    """The server's transfer identifier, from its first reply on."""
    other_tids: dict[int, Spare | None] = field(default_factory=lambda: _NONE)
    """Further ports that the server answered from: one for each duplicate of the request.

    With the first datagram from there, as long as the client may still go on with that one.
    """
    taken_up: bool = False
    """The client has answered to `server_port`."""
    acknowledged: tftp.Options = ()
    content: Content = field(default_factory=Content)
    data_packets: int = 0
    duplicate_acks: int = 0
    unreachable: tuple[Datagram, ...] = ()
    """ICMP errors that quote a datagram of this transfer."""
    error: Event | None = None
    """The ERROR that ended it."""
    answered: bool = False
    last_acked: int = -1
    closed: bool = False
    client_mac: bytes = b""
    """Link address that the first request came from; a router's, where one lies between."""
    progressed: int = 0
    """Time of the last datagram that brought something new, ns: repetitions do not count."""
    group: Endpoint | None = None
    """The multicast group that DATA goes to."""
    heard: Heard | None = None
    """What came by the group."""
    headless: bool = False
    """The capture begins in the middle of it: neither its file nor its options are known."""
    flow: int = -1
    """Its number with the one who follows it, -1 as long as nobody does."""
    routine: Routine | None = None
    """What was counted only; `None` where every datagram is among the events."""

    def take_stretch(
        self,
        blocks: int,
        acks: int,
        acked: int,
        data: tuple[int, int] | None,
        ack: tuple[int, int] | None,
        *,
        cut: bool,
    ) -> Routine:
        """Count blocks and acknowledgments that were what was due.

        `data` and `ack` are frame and time of the last of each: these two become events. `acked` is the highest block
        that was acknowledged.
        """
        self.routine = self.routine or Routine()
        self.routine.blocks += blocks
        self.routine.acks += acks
        self.content.take_blocks(blocks, cut=cut)
        self.data_packets += blocks
        self.answered = True
        if acks:
            self.last_acked = acked
        server = next((e.source for e in self.events[:2] if e.sender is Sender.SERVER), self.client)
        if server != (self.server, self.server_port):
            server = (self.server, self.server_port or 0)
        ends = ((Sender.SERVER, server), (Sender.CLIENT, self.client))
        (sends, source), (receives, sink) = ends if self.direction == "read" else ends[::-1]
        last: list[Event] = []
        if data is not None:
            packet = block_of(self.content.number_of(self.content.blocks), self.content.block_size)
            last.append(Event(*data, sends, source, sink, packet))
        if ack is not None:
            acknowledgment = _ack(self.content.number_of(acked) if acked else 0)
            last.append(Event(*ack, receives, sink, source, acknowledgment))
        if self.content.blocks != acked:
            # The last thing was a block that is still to be acknowledged.
            last.reverse()
        self.events += last
        self.progressed = max((self.progressed, *(event.time for event in last)))
        return self.routine

    @property
    def direction(self) -> str:
        """`read` or `write`."""
        return "read" if self.request.opcode is Opcode.RRQ else "write"

    @property
    def protocol(self) -> str:
        """`tftp`, or `mtftp` where a group is used that no option of TFTP told."""
        told = tftp.option_value(self.acknowledged, "multicast") is not None
        return "mtftp" if self.group is not None and not told else "tftp"

    @property
    def file(self) -> str:
        """The file's name as text; what is no ASCII is kept as Latin-1."""
        return self.request.filename.decode("latin-1")

    @property
    def block_size(self) -> int:
        """Octets in every block but the last: 512 unless the server acknowledged another (RFC 2348)."""
        if self.headless:
            return self.content.block_size
        return tftp.option_number(self.acknowledged, "blksize") or tftp.DEFAULT_BLOCK_SIZE

    @property
    def window_size(self) -> int:
        """Blocks that are sent before an acknowledgment is due (RFC 7440)."""
        return tftp.option_number(self.acknowledged, "windowsize") or 1

    @property
    def requests(self) -> list[Event]:
        """The request and its repetitions."""
        frames = set(self.request_frames)
        return [event for event in self.events if event.frame in frames]

    @property
    def started(self) -> int:
        """Time of the first request, ns."""
        return self.events[0].time

    @property
    def ended(self) -> int:
        """Time of the last datagram that belongs to it, ns; a capture may hold datagrams without a time."""
        return max(self.events[-1].time, self.progressed)

    @property
    def delivered(self) -> bool:
        """Every block came, and the last one was acknowledged; who only listens to a group acknowledges nothing."""
        if self.heard is not None and self.heard.whole:
            return True
        last = self.content.last_block
        return last is not None and self.last_acked >= last

    @property
    def told_size(self) -> int | None:
        """The file's octets, as the server gave them (RFC 2349)."""
        return tftp.option_number(self.acknowledged, "tsize")

    def acknowledged_to_its_end(self, size: int | None) -> bool:
        """The client acknowledged the last block, though the capture may lack some of what it acknowledged.

        Which block is the last tells one that is not full, or the `size` of the file.
        """
        last = self.content.ends_at or (size // self.block_size + 1 if size is not None else None)
        return self.direction == "read" and last is not None and self.last_acked >= last

    def of(self, sender: Sender) -> Iterator[Event]:
        """The events of one side."""
        return (event for event in self.events if event.sender is sender)

    def outcome(self, capture_end: int | None = None, patience: int = 5_000_000_000) -> Outcome:
        """How it ended; a transfer that just stops is cut by the capture if that ends within `patience` ns.

        Repetitions do not lengthen the wait: what counts is the time since the last thing that was new.
        """
        if self.headless and self.error is None:
            return Outcome.INCOMPLETE_CAPTURE
        if self.delivered:
            return Outcome.COMPLETE
        if self.error is not None:
            packet = self.error.packet
            code = packet.code if isinstance(packet, Error) else 0
            if self.error.sender is Sender.SERVER:
                return Outcome.ERROR if self._begun_before(self.error) else Outcome.REFUSED
            asked_size = tftp.option_value(self.request.options, "tsize") is not None
            is_probe = asked_size and code in _PROBE_ERRORS and not self.data_packets
            return Outcome.PROBE if is_probe else Outcome.ABORTED_BY_CLIENT
        if any((d.source, d.source_port) == (self.server, self.server_port) for d in self.unreachable):
            # The client's host says that nobody listens there any more.
            return Outcome.STALLED
        if capture_end is not None and capture_end - self.progressed < patience:
            return Outcome.INCOMPLETE_CAPTURE
        return Outcome.STALLED

    def _begun_before(self, error: Event) -> bool:
        for event in self.of(Sender.SERVER):
            if event is error:
                return False
            if isinstance(event.packet, Data | Oack | Ack):
                return True
        return False
