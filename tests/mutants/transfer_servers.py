"""What makes a TFTP server faulty: requests, blocks, timers; put into the reference server from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from pxeconform.protocol.tftp import Data, Error, Packet, Request, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig, TftpSettings
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.files import FileRefused, NetasciiReader, Source
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import Agreement, ReadTransfer, TftpServer, Transfer
from pxeconform.server.transfers import ILLEGAL, Sent
from tests.mutants.arena import Maker
from tests.mutants.servers import with_tftp

# -- requests ---------------------------------------------------------------------------------------------------------


def complaining(change: Callable[[Packet | None, Incoming], Error | None]) -> Maker:
    """Complain of packets on the request port that deserve no complaint."""

    class Mutant(TftpServer):
        def complaint(self, packet: Packet | None, incoming: Incoming) -> Error | None:
            return change(packet, incoming) or super().complaint(packet, incoming)

    return with_tftp(Mutant)


def asking_again(change: Callable[[Request], Request]) -> Maker:
    """Take requests for others than they are."""

    class Mutant(TftpServer):
        def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
            packet = parse(incoming.payload)
            if isinstance(packet, Request):
                incoming = replace(incoming, payload=change(packet).build())
            return super().on_request_port(incoming, now)

    return with_tftp(Mutant)


def refusing(reply: Callable[[FileRefused], list[Data | Error]]) -> Maker:
    """Say something else where a file cannot be had."""

    class Mutant(TftpServer):
        def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
            try:
                return super().open_transfer(request, incoming, socket)
            except FileRefused as refused:
                return Refusal(reply(refused), incoming, socket, self.config)

    return with_tftp(Mutant)


class Refusal(Transfer):
    """No transfer: what is said instead of an ERROR."""

    def __init__(self, packets: list[Data | Error], incoming: Incoming, socket: str, config: ServerConfig) -> None:
        super().__init__(incoming.source, socket, Agreement(), config.tftp, incoming.local)
        self._packets = packets

    def start(self, now: float) -> list[Outgoing]:
        sent = [self.envelope(packet) for packet in self._packets]
        self.finish()
        return sent

    def close(self) -> None:
        pass


class ServesEmptiness(TftpServer):
    """What it does not have is empty."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        if request.opcode is Opcode.RRQ and self.store.size(request.filename.decode()) is None:
            return self.read_transfer(BytesIO(), incoming.source, socket, Agreement(), self.config.tftp, incoming.local)
        return super().open_transfer(request, incoming, socket)


def not_in_capitals(packet: Packet | None, incoming: Incoming) -> Error | None:
    return (
        ILLEGAL if isinstance(packet, Request) and packet.mode.encode() not in incoming.payload.split(b"\0") else None
    )


def not_in(mode: str, *, with_options: bool = True) -> Callable[[Packet | None, Incoming], Error | None]:
    def complaint(packet: Packet | None, _: Incoming) -> Error | None:
        served = not isinstance(packet, Request) or packet.mode != mode or not (with_options or not packet.options)
        return None if served else ILLEGAL

    return complaint


def no_strange_options(packet: Packet | None, _: Incoming) -> Error | None:
    strange = isinstance(packet, Request) and any(name.startswith("x-") for name, _ in packet.options)
    return Error(ErrorCode.OPTION_NEGOTIATION_FAILED, b"What option?") if strange else None


class NoEmptyFiles(TftpServer):
    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        if request.opcode is Opcode.RRQ and not self.store.open(request.filename)[1]:
            raise FileRefused(ErrorCode.FILE_NOT_FOUND, "There is nothing in it")
        return super().open_transfer(request, incoming, socket)


# -- blocks -----------------------------------------------------------------------------------------------------------


def with_blocks_of(size: int) -> Maker:
    """Another block size than 512, though nobody asked for it."""

    class Mutant(TftpServer):
        def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
            transfer = super().open_transfer(request, incoming, socket)
            transfer.agreed = replace(transfer.agreed, block_size=size)
            return transfer

    return with_tftp(Mutant)


class TwoAtOnce(TftpServer):
    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        transfer.agreed = replace(transfer.agreed, window_size=2)
        return transfer


class AnotherPortForEachBlock(ReadTransfer):
    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        outgoing = super().envelope(packet, to)
        other = isinstance(packet, Data) and packet.block > 1
        return replace(outgoing, socket=f"{self.socket}:{packet.block}") if other else outgoing


class BeginsAtZero(ReadTransfer):
    def data(self, number: int, block: bytes) -> Data:
        return super().data(number - 1, block)


class SkipsANumber(ReadTransfer):
    def data(self, number: int, block: bytes) -> Data:
        return super().data(number + (number > 1), block)


class StopsInTheMiddle(ReadTransfer):
    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        if number == 1:
            self.deadline = None
            return []
        return super().on_ack(number, now)


class OneBlockTooMany(ReadTransfer):
    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        sent = super().on_ack(number, now)
        return [self.envelope(Data(number + 1, b""))] if self.succeeded else sent


class FillsTheLastBlock(ReadTransfer):
    """Every block has the full size: the last one is filled up, and nothing says that it is the last."""

    def next_window(self) -> list[Sent]:
        sent = super().next_window()
        if self._last is not None and self._blocks and self._blocks[-1]:
            self._blocks[-1] = self._blocks[-1].ljust(self.agreed.block_size, b"\0")
            sent[-1] = self.data(self.highest_sent, self._blocks[-1])
        return sent


class SevenBits(TftpServer):
    """What is longer than a few blocks is taken for a text."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer) and request.opcode is Opcode.RRQ:
            octets = self.store.open(request.filename)[0].read()
            if request.mode == "octet" and len(octets) > 10_000:
                transfer._source = BytesIO(bytes(octet & 0x7F for octet in octets))
        return transfer


class NoEmptyBlock(ReadTransfer):
    def next_window(self) -> list[Sent]:
        packets = super().next_window()
        if self._last is not None and self._last > 1 and self._blocks and not self._blocks[-1]:
            self.finish()
            return []
        return packets


class CarriesOn(ReadTransfer):
    """Sends its last block one more time, after that was acknowledged."""

    carried_on = False

    def on_ack(self, number: int, now: float) -> list[Outgoing]:
        if self._last is not None and number == self._last & 0xFFFF and not self.carried_on:
            self.carried_on = True
            return []
        return super().on_ack(number, now)

    def tick(self, now: float) -> list[Outgoing]:
        sent = super().tick(now)
        if sent and self.carried_on:
            self.finish()
        return sent


class ActsOnOldAcknowledgments(ReadTransfer):
    """Not the block before, which is the apprentice's; but what is older draws the pending block again."""

    def on_duplicate_ack(self, number: int, now: float) -> list[Outgoing]:
        return self._send(self.pending_packets(), now) if number == self._acknowledged - 1 else []


def leaking() -> Maker:
    """What a broken-off reading had in its buffer comes first in the next one."""
    left: list[bytes] = []

    class Leaky(ReadTransfer):
        def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
            if isinstance(parse(incoming.payload), Error) and self._blocks:
                left[:] = [self._blocks[0]]
            return super().receive(incoming, now)

        def next_window(self) -> list[Sent]:
            packets = super().next_window()
            if left and self._acknowledged == 0 and len(self._blocks[0]) == 512:
                self._blocks[0] = left.pop().ljust(512, b"\0")[:512]
                return [self.data(1, self._blocks[0])]
            return packets

    return lambda config: PxeServer(config, tftp=type("Mutant", (TftpServer,), {"read_transfer": Leaky}))


class Translates(TftpServer):
    """Octet mode is served like netascii."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer) and request.mode == "octet":
            source: Source = NetasciiReader(transfer._source)
            transfer._source = source
        return transfer


# -- timers -----------------------------------------------------------------------------------------------------------


class NeverAgain(ReadTransfer):
    """What is not the last block is sent one time only."""

    def tick(self, now: float) -> list[Outgoing]:
        if self.deadline is not None and now >= self.deadline and self._last is None:
            self.deadline = None
        return super().tick(now)


class LastOnce(ReadTransfer):
    def tick(self, now: float) -> list[Outgoing]:
        if self.deadline is not None and now >= self.deadline and self._last is not None:
            self.deadline = None
        return super().tick(now)


class EndsInsteadOfTryingAgain(ReadTransfer):
    """The first time that nothing comes is the last one."""

    def tick(self, now: float) -> list[Outgoing]:
        due = self.deadline is not None and now >= self.deadline and not self._awaits_ack_0
        return self.refuse(Error(ErrorCode.NOT_DEFINED, b"Time-out")) if due else super().tick(now)


class NeverGivesUpTheLast(ReadTransfer):
    def next_timeout(self) -> float:
        return 0.08 if self._last is not None else super().next_timeout()

    def tick(self, now: float) -> list[Outgoing]:
        if self._last is not None and not self._awaits_ack_0:
            self._times_sent = min(self._times_sent, 2)
        return super().tick(now)


class NeverGivesUpOptions(ReadTransfer):
    def next_timeout(self) -> float:
        return 0.08 if self._awaits_ack_0 else super().next_timeout()

    def tick(self, now: float) -> list[Outgoing]:
        if self._awaits_ack_0:
            self._times_sent = min(self._times_sent, 2)
        return super().tick(now)


class Garbles(ReadTransfer):
    """Sends other octets the second time."""

    def pending_packets(self) -> list[Sent]:
        return [self.data(self._acknowledged + 1, self._blocks[0][::-1])]


def with_timers(*seconds: float, tries: int = 7) -> Maker:
    """These gaps, the last one for ever."""

    class Mutant(ReadTransfer):
        def next_timeout(self) -> float:
            return seconds[min(self._times_sent, len(seconds)) - 1]

    def make(config: ServerConfig) -> PxeServer:
        core = type("Mutant", (TftpServer,), {"read_transfer": Mutant})
        return PxeServer(replace(config, tftp=TftpSettings(tries=tries)), tftp=core)

    return make
