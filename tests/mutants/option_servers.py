"""What makes a server faulty with options: negotiations, readings and writings, put into the reference server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Options, Packet, Request, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.demo import noise
from pxeconform.server.files import FileRefused
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import Agreement, ReadTransfer, TftpServer, Transfer, WriteTransfer
from pxeconform.server.transfers import Sent
from tests.mutants.arena import Maker
from tests.mutants.servers import with_tftp

Change = Callable[[Request, Agreement], Agreement]
"""A request and what was agreed to what the faulty server agrees to."""


def agreeing(change: Change, *, of: Opcode = Opcode.RRQ) -> Maker:
    """Change what is negotiated for reads, or for writes."""

    class Mutant(TftpServer):
        def negotiate(self, request: Request, size: int) -> Agreement:
            agreed = super().negotiate(request, size)
            return change(request, agreed) if request.opcode is of else agreed

    return with_tftp(Mutant)


def acknowledging(change: Callable[[Options], Options]) -> Maker:
    """Change the options in the OACK of a read alone: the transfer keeps to what a sound server agrees to."""
    return agreeing(lambda _, agreed: replace(agreed, options=change(agreed.options)) if agreed.options else agreed)


def granting(option: str, value: str | Callable[[str], str | None]) -> Maker:
    """Acknowledge an option of a read, whenever it is asked for, with this value, or with what comes of what is asked;
    `None` leaves it out. The transfer keeps to what a sound server agrees to."""

    def change(request: Request, agreed: Agreement) -> Agreement:
        asked = next((text for name, text in request.options if name.lower() == option), None)
        if asked is None:
            return agreed
        granted = value if isinstance(value, str) else value(asked)
        others = tuple((name, text) for name, text in agreed.options if name.lower() != option)
        return replace(agreed, options=others if granted is None else (*others, (option, granted)))

    return agreeing(change)


def sending(change: Callable[[bytes], bytes]) -> Maker:
    """Change the octets of each OACK of a read."""

    class Mutant(ReadTransfer):
        def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
            outgoing = super().envelope(packet, to)
            return replace(outgoing, payload=change(outgoing.payload)) if isinstance(packet, Oack) else outgoing

    return reading(Mutant)


def reading(kind: type[ReadTransfer]) -> Maker:
    return with_tftp(type("Mutant", (TftpServer,), {"read_transfer": kind}))


def writing(kind: type[WriteTransfer]) -> Maker:
    return with_tftp(type("Mutant", (TftpServer,), {"write_transfer": kind}))


def asking(change: Callable[[Request], Request]) -> Maker:
    """A server that understands requests otherwise than they are."""

    class Mutant(TftpServer):
        def on_request(self, request: Request, incoming: Incoming, now: float) -> list[Outgoing]:
            return super().on_request(change(request), incoming, now)

    return with_tftp(Mutant)


def refusing(bad: Callable[[Request, bytes], bool], error: Error | None) -> Maker:
    """Requests of that kind, known by their options or octets, get an ERROR, or nothing at all."""

    class Mutant(TftpServer):
        def on_request(self, request: Request, incoming: Incoming, now: float) -> list[Outgoing]:
            if not bad(request, incoming.payload):
                return super().on_request(request, incoming, now)
            if error is None:
                return []
            return [Outgoing(error.build(), incoming.source, self.socket_for_errors(), incoming.local)]

    return with_tftp(Mutant)


# -- the OACK ---------------------------------------------------------------------------------------------------------


class DataWithTheOack(ReadTransfer):
    """DATA 1 goes out behind the OACK, without waiting."""

    def first_packets(self) -> Iterable[Sent]:
        if not self._awaits_ack_0:
            return super().first_packets()
        self._awaits_ack_0 = False
        return [Oack(self.agreed.options), *self.next_window()]


class OackAfterData(DataWithTheOack):
    """The other way round."""

    def first_packets(self) -> Iterable[Sent]:
        return reversed(list(super().first_packets()))


class NoDataAfterTheOack(ReadTransfer):
    """ACK 0 is waited for, and then nothing happens."""

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        if not self._awaits_ack_0:
            return super().on_ack(number, now)
        self.deadline = None
        return []


class BeginsWithBlock2(ReadTransfer):
    """ACK 0 is taken for an acknowledgment of the first block."""

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        if self._awaits_ack_0 and number == 0:
            self._awaits_ack_0 = False
            self.next_window()
            return super().on_ack(1, now)
        return super().on_ack(number, now)


class IgnoresTheAgreedSize(ReadTransfer):
    """Blocks are as long as they can be, whatever was agreed."""

    def next_window(self) -> list[Sent]:
        if self.agreed.options:
            self.agreed = replace(self.agreed, block_size=2048)
        return super().next_window()


class DeafToErrors(ReadTransfer):
    """A client's ERROR ends nothing."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        return [] if isinstance(parse(incoming.payload), Error) else super().receive(incoming, now)


class AnswersErrors(ReadTransfer):
    """A client's ERROR is answered with another one."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        awaits = self._awaits_ack_0
        sent = super().receive(incoming, now)
        if awaits and isinstance(parse(incoming.payload), Error):
            return [*sent, self.envelope(Error(ErrorCode.NOT_DEFINED, b"pardon"))]
        return sent


class OackOnce(ReadTransfer):
    """The OACK is never sent again."""

    def pending_packets(self) -> Iterable[Sent]:
        return [] if self._awaits_ack_0 else super().pending_packets()


class OackThenData(ReadTransfer):
    """What is sent again is another OACK."""

    def pending_packets(self) -> Iterable[Sent]:
        return [Oack(self.agreed.options[:1])] if self._awaits_ack_0 else super().pending_packets()


class RepeatsBlock1(ReadTransfer):
    """A second ACK 0 draws a second DATA 1."""

    def on_duplicate_ack(self, number: int, now: float) -> list[Outgoing]:
        return [self.envelope(packet) for packet in self.pending_packets()] if number == 0 else []


class OackAndAck0(WriteTransfer):
    def first_packets(self) -> Iterable[Sent]:
        return [*super().first_packets(), Ack(0)] if self.agreed.options else super().first_packets()


class NoAckAfterTheOack(WriteTransfer):
    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        return [] if self.agreed.options else super().on_packet(packet, now)


# -- requests ---------------------------------------------------------------------------------------------------------


def unknown(request: Request) -> bool:
    return any(name.startswith("x-") for name, _ in request.options)


def only_lower_case(request: Request) -> Request:
    return replace(request, options=tuple((name, value) for name, value in request.options if name == name.lower()))


def without(option: str) -> Callable[[Request], Request]:
    """As if the option were not known."""

    def change(request: Request) -> Request:
        return replace(request, options=tuple(pair for pair in request.options if pair[0].lower() != option))

    return change


def only_the_first(request: Request) -> Request:
    return replace(request, options=request.options[:1])


def up_to_the_unknown(request: Request) -> Request:
    known: list[tuple[str, str]] = []
    for name, value in request.options:
        if name.startswith("x-"):
            break
        known.append((name, value))
    return replace(request, options=tuple(known))


class EchoesEverything(TftpServer):
    """What it does not know it acknowledges as it was asked."""

    def negotiate(self, request: Request, size: int) -> Agreement:
        agreed = super().negotiate(request, size)
        echoed = tuple(pair for pair in request.options if pair[0].startswith("x-"))
        return replace(agreed, options=(*agreed.options, *echoed)) if agreed.options else agreed


class EmptyOack(TftpServer):
    """Options in the request are answered with an OACK, though there be nothing in it."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer) and request.options:
            transfer._awaits_ack_0 = True
        return transfer


class DoublesOptions(TftpServer):
    """Each option of the request is acknowledged for itself."""

    def negotiate(self, request: Request, size: int) -> Agreement:
        agreed = super().negotiate(request, size)
        values = {name.lower(): value for name, value in agreed.options}
        each = tuple((name, values[name.lower()]) for name, _ in request.options if name.lower() in values)
        return replace(agreed, options=each)


class DeafAfterHalfAnOption(TftpServer):
    """A request that ends behind the name of an option hangs the server."""

    deaf = False

    def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
        packet = parse(incoming.payload)
        self.deaf |= isinstance(packet, Request) and packet.ragged
        return [] if self.deaf else super().on_request_port(incoming, now)


class AcknowledgesMissingFiles(TftpServer):
    """Options are agreed to before the file is looked for."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        try:
            return super().open_transfer(request, incoming, socket)
        except FileRefused:
            agreed = self.negotiate(request, 0)
            if request.opcode is not Opcode.RRQ or not agreed.options:
                raise
            stream, _ = self.store.open(b"empty")
            return self.read_transfer(stream, incoming.source, socket, agreed, self.config.tftp, incoming.local)


class OtherErrorWithOptions(TftpServer):
    """A refusal of a request with options blames the options."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        try:
            return super().open_transfer(request, incoming, socket)
        except FileRefused as refused:
            if not request.options:
                raise
            raise FileRefused(ErrorCode.OPTION_NEGOTIATION_FAILED, "options") from refused


def silently(agreed: Agreement) -> Agreement:
    """The options are honoured, and not acknowledged."""
    return replace(agreed, options=())


def plain(config: ServerConfig) -> PxeServer:
    return PxeServer(config)


# -- block sizes, sizes, timeouts -------------------------------------------------------------------------------------


def with_size(octets: Callable[[int], int]) -> Maker:
    """The block size that is agreed to is acknowledged, another one is used."""
    return agreeing(lambda _, agreed: replace(agreed, block_size=octets(agreed.block_size)))


def any_block_size(config: ServerConfig) -> PxeServer:
    """Whatever number is asked for is agreed to, and used as far as it can be."""

    class Mutant(TftpServer):
        def agree_block_size(self, asked: int) -> int | None:
            return asked

    return PxeServer(config, tftp=Mutant)


class NoEmptyBlock(ReadTransfer):
    """A file of whole blocks just ends, where a block size was agreed."""

    def next_window(self) -> list[Sent]:
        window = super().next_window()
        if self.agreed.options and self._blocks and not self._blocks[-1] and self.highest_sent > 1:
            self.finish()
            return []
        return window


class TwoBlocksForSmallFiles(ReadTransfer):
    """A file that fits into one block is followed by an empty one."""

    def next_window(self) -> list[Sent]:
        window = super().next_window()
        if self._last == 1 and self.agreed.options and self._blocks:
            return [*window, self.data(2, b"")]
        return window


class ForgetsTheTail(WriteTransfer):
    """Where a block size was agreed, 512 octets of each block are stored."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        if not self.agreed.options or len(block) < self.agreed.block_size:
            return super().on_block(block, now)
        whole, write = block, self._upload.write
        self._upload.write = lambda data: write(data[:512])  # type: ignore[method-assign]
        try:
            return super().on_block(whole, now)
        finally:
            self._upload.write = write  # type: ignore[method-assign]


class RefusesLongBlocks(WriteTransfer):
    """The block size is acknowledged, and from the second on blocks over 512 octets are refused."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        if len(block) > 512 and self._received:
            return self.refuse(Error(ErrorCode.ILLEGAL_OPERATION, b"too long"))
        return super().on_block(block, now)


class OwnTimer(ReadTransfer):
    """The timeout is acknowledged, and the server's own is used."""

    def next_timeout(self) -> float:
        self.agreed = replace(self.agreed, timeout=None)
        return super().next_timeout()


class NeverAgain(ReadTransfer):
    """Where a timeout was agreed, nothing is sent again at all."""

    def pending_packets(self) -> Iterable[Sent]:
        return [] if self.agreed.timeout is not None else super().pending_packets()


class RemembersProbes(TftpServer):
    """A client that ended a transfer with an ERROR gets nothing more on that port."""

    def on_request(self, request: Request, incoming: Incoming, now: float) -> list[Outgoing]:
        ended = self.__dict__.setdefault("ended", set())
        if incoming.source in ended:
            return self.refusal(incoming)
        ended.add(incoming.source)
        return super().on_request(request, incoming, now)

    def refusal(self, incoming: Incoming) -> list[Outgoing]:
        return []


class RefusesAfterProbes(RemembersProbes):
    def refusal(self, incoming: Incoming) -> list[Outgoing]:
        error = Error(ErrorCode.NOT_DEFINED, b"you did not want it")
        return [Outgoing(error.build(), incoming.source, self.socket_for_errors(), incoming.local)]


# -- a file that nobody could hold ------------------------------------------------------------------------------------

LARGE_NAME = "image.iso"
LARGE_SIZE = 4_300_000_000


class _Large(TftpServer):
    """One more file, over 4 GiB, of which only the size is ever asked."""

    modulus = 1 << 64

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        if request.filename != LARGE_NAME.encode():
            return super().open_transfer(request, incoming, socket)
        stream, _ = self.store.open(b"empty")
        agreed = self.negotiate(request, LARGE_SIZE % self.modulus)
        return self.read_transfer(stream, incoming.source, socket, agreed, self.config.tftp, incoming.local)


class _LargeModulo(_Large):
    modulus = 1 << 32


large = with_tftp(_Large)
size_modulo = with_tftp(_LargeModulo)


class SizeInNetascii(TftpServer):
    """The size of the file is told whatever the mode."""

    def agree_size(self, request: Request, asked: int, size: int) -> int | None:
        return size if request.opcode is Opcode.RRQ else asked


# -- windows ----------------------------------------------------------------------------------------------------------


def with_window(blocks: Callable[[int], int]) -> Maker:
    """The window size that is agreed to is acknowledged, another one is used."""
    return agreeing(lambda _, agreed: replace(agreed, window_size=blocks(agreed.window_size)))


def any_window_size(config: ServerConfig) -> PxeServer:
    """Whatever number is asked for is agreed to."""

    class Mutant(TftpServer):
        def agree_window_size(self, asked: int) -> int | None:
            return asked

    return PxeServer(config, tftp=Mutant)


class ResendsTheLastBlock(ReadTransfer):
    """Of a window that is not acknowledged only the last block comes again."""

    def pending_packets(self) -> Iterable[Sent]:
        return list(super().pending_packets())[-1:]


class GoesOnAfterATimeout(ReadTransfer):
    """A window that is not acknowledged is taken for acknowledged."""

    def tick(self, now: float) -> list[Outgoing]:
        if self.deadline is None or now < self.deadline or self._awaits_ack_0 or self.agreed.window_size == 1:
            return super().tick(now)
        return self.on_ack(self.highest_sent & 0xFFFF, now)


class NoResendOfWindows(ReadTransfer):
    def pending_packets(self) -> Iterable[Sent]:
        return super().pending_packets() if self.agreed.window_size == 1 or self._awaits_ack_0 else []


class IgnoresGaps(ReadTransfer):
    """An acknowledgment inside a window is ignored; the whole window comes again after the time-out."""

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        ahead = (number - self._acknowledged) & 0xFFFF
        inside = not self._awaits_ack_0 and 0 < ahead < len(self._blocks)
        return [] if inside else super().on_ack(number, now)


class TakesGapsForTheEnd(ReadTransfer):
    """An acknowledgment inside a window is taken for that of the whole window."""

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        ahead = (number - self._acknowledged) & 0xFFFF
        inside = not self._awaits_ack_0 and 0 < ahead < len(self._blocks)
        return super().on_ack(self.highest_sent & 0xFFFF if inside else number, now)


class SlidesOn(ReadTransfer):
    """After an acknowledgment inside a window only blocks that are new are sent."""

    def next_window(self) -> list[Sent]:
        before = self.highest_sent
        return [packet for packet in super().next_window() if isinstance(packet, Data) and packet.block > before]


class FullWindowsOnly(ReadTransfer):
    """Blocks that do not fill a window stay where they are."""

    def next_window(self) -> list[Sent]:
        window = super().next_window()
        return window if len(window) >= self.agreed.window_size else []

    def pending_packets(self) -> Iterable[Sent]:
        pending = list(super().pending_packets())
        return pending if self._awaits_ack_0 or len(pending) >= self.agreed.window_size else []


class AcknowledgesEachBlock(WriteTransfer):
    """Windows are agreed to, and each block is acknowledged."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        self._in_window = self.agreed.window_size
        return super().on_block(block, now)


class NeverAcknowledgesWindows(WriteTransfer):
    """Only the last block of a file is acknowledged."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        self._in_window = -1
        return super().on_block(block, now)

    def pending_packets(self) -> Iterable[Sent]:
        return []


class SilentOnGaps(WriteTransfer):
    """Blocks behind a gap get no answer, and none comes of itself."""

    def on_gap(self) -> list[Outgoing]:
        self.deadline = None
        return []


class TakesBlocksBehindGaps(WriteTransfer):
    """A gap is not noticed: the block behind it is acknowledged."""

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        if isinstance(packet, Data) and (packet.block - self._received) & 0xFFFF == 2:
            return [self.envelope(Ack(packet.block))]
        return super().on_packet(packet, now)


class NeverGivesUp(ReadTransfer):
    """Windows are sent again, soon and for ever."""

    def tick(self, now: float) -> list[Outgoing]:
        self._times_sent = min(self._times_sent, 1)
        return super().tick(now)

    def next_timeout(self) -> float:
        return 0.08


class ShortensBlocksInWindows(ReadTransfer):
    """Where windows are agreed, blocks lack their last octet."""

    def data(self, number: int, block: bytes) -> Data:
        return super().data(number, block[:-1] if self.agreed.window_size > 1 else block)


# -- block 65535 ------------------------------------------------------------------------------------------------------


class StopsAtTheLastNumber(ReadTransfer):
    """There is no block after 65535."""

    def next_window(self) -> list[Sent]:
        if self._acknowledged + self.agreed.window_size > 0xFFFF:
            self.finish()
            return []
        return super().next_window()


class FailsAtTheLastNumber(StopsAtTheLastNumber):
    """The same, with an ERROR."""

    def next_window(self) -> list[Sent]:
        window = super().next_window()
        return [Error(ErrorCode.NOT_DEFINED, b"too long")] if self.finished else window


class CountsInFifteenBits(ReadTransfer):
    """Block numbers have a sign, and no block has a number below zero."""

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        if self.highest_sent + self.agreed.window_size > 0x7FFF:
            return self.refuse(Error(ErrorCode.NOT_DEFINED, b"too long"))
        return super().on_ack(number, now)


class WrapsToTwo(ReadTransfer):
    """0 and 1 are left out."""

    def data(self, number: int, block: bytes) -> Data:
        return super().data(number if number <= 0xFFFF else number + 2, block)


class OtherOctetsAfterTheWrap(ReadTransfer):
    """The place in the file is counted in 16 bits."""

    def data(self, number: int, block: bytes) -> Data:
        return super().data(number, block if number <= 0xFFFF else bytes(len(block)))


class WrapsToOne(ReadTransfer):
    """Sound: some servers do so."""

    def data(self, number: int, block: bytes) -> Data:
        return super().data((number - 1) % 0xFFFF + 1, block)

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        for index in range(self._acknowledged + 1, self.highest_sent + 1):
            if (index - 1) % 0xFFFF + 1 == number:
                return super().on_ack(index & 0xFFFF, now)
        return super().on_ack(number, now)


WIDE_NAME = "wide.bin"
WIDE = noise("wide", 8 * 65_600 + 3)


def with_wide_file(config: ServerConfig) -> ServerConfig:
    """One more file, of more blocks than there are numbers."""
    return replace(config, files={**config.files, WIDE_NAME: WIDE})


def hanging_on(option: str, value: str) -> Maker:
    """One value of one option, and the server answers nothing any more."""

    class Mutant(TftpServer):
        deaf = False

        def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
            packet = parse(incoming.payload)
            self.deaf |= isinstance(packet, Request) and (option, value) in packet.options
            return [] if self.deaf else super().on_request_port(incoming, now)

    return with_tftp(Mutant)
