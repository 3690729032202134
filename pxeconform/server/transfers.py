"""TFTP transfers as state machines: a datagram and the time go in, packets for the client come out.

RFC 1350 with the repair of RFC 1123 section 4.2.3.1, options of RFC 2347 to 2349, windows of RFC 7440. Block numbers
are counted without bounds inside; the 16 bits on the wire wrap from 65535 to 0, which is custom, not RFC.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pxeconform.protocol.tftp import DEFAULT_BLOCK_SIZE, Ack, Data, Error, Oack, Options, Packet, parse
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.server.config import TftpSettings
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.files import FileRefused, NetasciiWriter, Source, Upload

Sent: TypeAlias = Data | Ack | Error | Oack

UNKNOWN_TRANSFER = Error(ErrorCode.UNKNOWN_TRANSFER_ID, b"Unknown transfer ID")
ILLEGAL = Error(ErrorCode.ILLEGAL_OPERATION, b"Illegal TFTP operation")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was negotiated; `options` is the OACK's list, empty for none. `timeout` counts seconds."""

    options: Options = ()
    block_size: int = DEFAULT_BLOCK_SIZE
    timeout: float | None = None
    window_size: int = 1


class Transfer:
    """What reading and writing have in common: the two transfer identifiers, the timer, the end.

    `client` is the client's transfer identifier, `socket` the name of the socket that is the server's.
    """

    def __init__(
        self, client: Address, socket: str, agreed: Agreement, settings: TftpSettings, local: str = ""
    ) -> None:
        self.client = client
        self.socket = socket
        self.agreed = agreed
        self.settings = settings
        self.local = local
        self.finished = False
        self.succeeded = False
        self.deadline: float | None = None
        self._sent_at: float | None = None
        self._base = settings.first_timeout
        self._times_sent = 0
        self._smoothed: float | None = None
        self._variation = 0.0

    def start(self, now: float) -> list[Outgoing]:
        """The answer to the request."""
        return self._send(self.first_packets(), now)

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        """Take a datagram that came to this transfer's socket."""
        packet = parse(incoming.payload)
        if not self.is_from_client(incoming):
            return self.on_stranger(packet, incoming)
        if self.finished:
            return []
        if isinstance(packet, Error):
            self.finish()
            return []
        return self.on_packet(packet, now)

    def tick(self, now: float) -> list[Outgoing]:
        """Send again, or give up, when the time has come."""
        if self.finished or self.deadline is None or now < self.deadline:
            return []
        if self._times_sent >= self.settings.tries:
            self.finish()
            return []
        return self._send(self.pending_packets(), now, again=True)

    def is_from_client(self, incoming: Incoming) -> bool:
        """RFC 1350 section 4: address and port of the sender must be the client's transfer identifier."""
        return incoming.source == self.client

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        """Tell the sender, leave the transfer alone (RFC 1350 section 4). An ERROR is never answered."""
        if isinstance(packet, Error):
            return []
        return [self.envelope(UNKNOWN_TRANSFER, incoming.source)]

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        """Take a packet of the client that is no ERROR."""
        raise NotImplementedError

    def first_packets(self) -> Iterable[Sent]:
        """What answers the request."""
        raise NotImplementedError

    def pending_packets(self) -> Iterable[Sent]:
        """What is sent again when no answer comes."""
        raise NotImplementedError

    def next_timeout(self) -> float:
        """Seconds to wait for an answer to what was just sent.

        An agreed timeout stays as it is (RFC 2349). Otherwise it follows the measured round trip and doubles with
        each retransmission (RFC 1123 section 4.2.3.2).
        """
        if self.agreed.timeout is not None:
            return self.agreed.timeout
        return float(min(self.settings.longest_timeout, self._base * 2 ** (self._times_sent - 1)))

    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        """Address a packet: to the client unless told otherwise, from the transfer's own socket."""
        return Outgoing(packet.build(), to or self.client, self.socket, self.local)

    def refuse(self, error: Error) -> list[Outgoing]:
        """End with an ERROR; it is sent once and not acknowledged (RFC 1350 section 7)."""
        self.finish()
        return [self.envelope(error)]

    def finish(self, succeeded: bool = False) -> None:
        """End the transfer and let go of its file."""
        self.finished = True
        self.succeeded = self.succeeded or succeeded
        self.deadline = None
        self.close()

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        raise NotImplementedError

    def _send(self, packets: Iterable[Sent], now: float, again: bool = False) -> list[Outgoing]:
        self._times_sent = self._times_sent + 1 if again else 1
        self._sent_at = None if again else now
        self.deadline = None if self.finished else now + self.next_timeout()
        return [self.envelope(packet) for packet in packets]

    def _measure(self, now: float) -> None:
        """An answer came: learn the round trip, but never from what was sent twice (RFC 6298, Karn's rule)."""
        if self._sent_at is None:
            return
        took, self._sent_at = now - self._sent_at, None
        if self._smoothed is None:
            self._smoothed, self._variation = took, took / 2
        else:
            self._variation += (abs(took - self._smoothed) - self._variation) / 4
            self._smoothed += (took - self._smoothed) / 8
        self._base = min(
            max(self.settings.first_timeout, self._smoothed + 4 * self._variation), self.settings.longest_timeout
        )


class ReadTransfer(Transfer):
    """The server sends a file (RRQ)."""

    def __init__(
        self,
        source: Source,
        client: Address,
        socket: str,
        agreed: Agreement,
        settings: TftpSettings,
        local: str = "",
    ) -> None:
        super().__init__(client, socket, agreed, settings, local)
        self._source = source
        self._awaits_ack_0 = bool(agreed.options)
        self._acknowledged = 0
        self._blocks: deque[bytes] = deque()
        self._last: int | None = None

    @property
    def highest_sent(self) -> int:
        """The number of the last block that was sent, counted without wrapping."""
        return self._acknowledged + len(self._blocks)

    def first_packets(self) -> Iterable[Sent]:
        """An OACK, or the first window."""
        return [Oack(self.agreed.options)] if self._awaits_ack_0 else self.next_window()

    def pending_packets(self) -> Iterable[Sent]:
        """The OACK, or all blocks after the last acknowledged one (RFC 7440 section 4)."""
        if self._awaits_ack_0:
            return [Oack(self.agreed.options)]
        return [self.data(self._acknowledged + n, block) for n, block in enumerate(self._blocks, 1)]

    def next_window(self) -> list[Sent]:
        """Fill the window with blocks and give those that it then holds."""
        while len(self._blocks) < self.agreed.window_size and self._last is None:
            try:
                block = self._source.read(self.agreed.block_size)
            except OSError:
                self.finish()
                return [Error(ErrorCode.NOT_DEFINED, b"The file cannot be read")]
            self._blocks.append(block)
            # A short block ends the file, so a file of whole blocks ends with an empty one (RFC 1350 section 6).
            if len(block) < self.agreed.block_size:
                self._last = self.highest_sent
        return [self.data(self._acknowledged + n, block) for n, block in enumerate(self._blocks, 1)]

    def data(self, number: int, block: bytes) -> Data:
        """The DATA packet of a block, numbers wrapping to 0."""
        return Data(number & 0xFFFF, block)

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        """Only ACKs are in order here."""
        if not isinstance(packet, Ack):
            return self.refuse(ILLEGAL)
        return self.on_ack(packet.block, now)

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        """Go on behind the acknowledged block; ACKs that were acted on before change nothing."""
        if self._awaits_ack_0:
            if number != 0:
                return []
            self._awaits_ack_0 = False
        else:
            ahead = (number - self._acknowledged) & 0xFFFF
            if not 0 < ahead <= len(self._blocks):
                return self.on_duplicate_ack(number, now)
            for _ in range(ahead):
                self._blocks.popleft()
            self._acknowledged += ahead
        self._measure(now)
        if self._acknowledged == self._last:
            self.finish(succeeded=True)
            return []
        return self._send(self.next_window(), now)

    def on_duplicate_ack(self, number: int, now: float) -> list[Outgoing]:
        """Nothing: to resend here doubles all traffic from then on, the Sorcerer's Apprentice (RFC 1123, 4.2.3.1)."""
        return []

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class WriteTransfer(Transfer):
    """The server takes a file (WRQ); it exists under its name from the last block on."""

    def __init__(
        self,
        upload: Upload | NetasciiWriter,
        client: Address,
        socket: str,
        agreed: Agreement,
        settings: TftpSettings,
        local: str = "",
    ) -> None:
        super().__init__(client, socket, agreed, settings, local)
        self._upload = upload
        self._received = 0
        self._in_window = 0
        self._gap_told = False
        self.dallying = False

    def first_packets(self) -> Iterable[Sent]:
        """An OACK, or ACK 0."""
        return [Oack(self.agreed.options) if self.agreed.options else Ack(0)]

    def pending_packets(self) -> Iterable[Sent]:
        """The answer to the request, or the ACK of the last block in order."""
        self._in_window = 0
        return self.first_packets() if not self._received else [self.acknowledge(self._received)]

    def tick(self, now: float) -> list[Outgoing]:
        """As in every transfer; the end of dallying sends nothing."""
        if self.dallying and self.deadline is not None and now >= self.deadline:
            self.finish(succeeded=True)
            return []
        return super().tick(now)

    def acknowledge(self, number: int) -> Ack:
        """The ACK of a block, numbers wrapping to 0."""
        return Ack(number & 0xFFFF)

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        """Only DATA is in order here."""
        if not isinstance(packet, Data) or len(packet.data) > self.agreed.block_size:
            return [] if self.dallying else self.refuse(ILLEGAL)
        ahead = (packet.block - self._received) & 0xFFFF
        if ahead == 1 and not self.dallying:
            return self.on_block(packet.data, now)
        if ahead == 0 or ahead > 0x8000:
            return self.on_old_block(packet.block, ahead == 0)
        return self.on_gap()

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        """The next block in order."""
        final = len(block) < self.agreed.block_size
        try:
            self._upload.write(block)
            if final:
                self._upload.commit()
        except FileRefused as refused:
            return self.refuse(Error(refused.code, str(refused).encode("ascii", "replace")))
        self._received += 1
        self._in_window += 1
        self._gap_told = False
        if self._in_window == 1:
            self._measure(now)
        if final:
            return self._dally(now)
        if self._in_window < self.agreed.window_size:
            self._times_sent = 1
            self.deadline = now + self.next_timeout()
            return []
        self._in_window = 0
        return self._send([self.acknowledge(self._received)], now)

    def on_old_block(self, number: int, is_last: bool) -> list[Outgoing]:
        """Acknowledge a duplicate again (RFC 1350 section 2), but one time per window that came again."""
        if not self._received:
            return []
        if self.agreed.window_size > 1:
            if not is_last:
                return []
            self._in_window = 0
            return [self.envelope(self.acknowledge(self._received))]
        return [self.envelope(self.acknowledge(number))]

    def on_gap(self) -> list[Outgoing]:
        """A block is missing: say once which one was the last in order (RFC 7440 section 4)."""
        if self.agreed.window_size == 1 or self._gap_told or self.dallying:
            return []
        self._gap_told = True
        self._in_window = 0
        ack = self.acknowledge(self._received)
        return [self.envelope(ack)]

    def close(self) -> None:
        """Drop what was not committed."""
        self._upload.discard()

    def _dally(self, now: float) -> list[Outgoing]:
        """Acknowledge the last block and stay a while, in case that this ACK is lost (RFC 1350 section 6)."""
        self.dallying = True
        sent = self._send([self.acknowledge(self._received)], now)
        self.deadline = now + max(self.settings.dally, 2 * (self.agreed.timeout or 0.0))
        return sent
