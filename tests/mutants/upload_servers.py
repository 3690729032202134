"""What makes a TFTP server faulty that takes files, or turns texts into netascii."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pxeconform.protocol.tftp import Ack, Data, Packet, Request, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.files import FileRefused, NetasciiReader, NetasciiWriter
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import ReadTransfer, TftpServer, Transfer, WriteTransfer
from pxeconform.server.transfers import Sent
from tests.mutants.arena import Maker
from tests.mutants.servers import with_tftp


def writing(kind: type[WriteTransfer]) -> Maker:
    """A TFTP server whose writings are of that kind."""
    core = type("Mutant", (TftpServer,), {"write_transfer": kind})
    return lambda config: PxeServer(config, tftp=core)


# -- acknowledgments --------------------------------------------------------------------------------------------------


class BeginsWithAck1(WriteTransfer):
    def first_packets(self) -> list[Sent]:
        return [Ack(1)]


class AcknowledgesTheNext(WriteTransfer):
    def acknowledge(self, number: int) -> Ack:
        return super().acknowledge(number + 1)


class AcknowledgesTheOneBefore(WriteTransfer):
    def acknowledge(self, number: int) -> Ack:
        return super().acknowledge(number - 1)


class AcknowledgesTwice(WriteTransfer):
    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        return super().on_block(block, now) * 2


class AcknowledgesUpToThree(WriteTransfer):
    def acknowledge(self, number: int) -> Ack:
        return super().acknowledge(min(number, 3))


class EndsBelow512(WriteTransfer):
    """A block of less than 512 octets is the last one, whatever was agreed."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        if len(block) < 512 and self.agreed.block_size < 512:
            self.agreed = replace(self.agreed, block_size=512)
        return super().on_block(block, now)


class StopsAcknowledging(WriteTransfer):
    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        if isinstance(packet, Data) and packet.block > 1:
            self.deadline = None
            return []
        return super().on_packet(packet, now)


class LongAcknowledgments(WriteTransfer):
    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        outgoing = super().envelope(packet, to)
        return replace(outgoing, payload=outgoing.payload + bytes(4)) if isinstance(packet, Ack) else outgoing


class SilentToRepetitions(WriteTransfer):
    """Neither on a repeated block nor by its timer."""

    def tick(self, now: float) -> list[Outgoing]:
        return super().tick(now) if self.dallying else []

    def on_old_block(self, number: int, is_last: bool) -> list[Outgoing]:
        return [] if not self.dallying else super().on_old_block(number, is_last)


class StoresTwice(WriteTransfer):
    def on_old_block(self, number: int, is_last: bool) -> list[Outgoing]:
        return super().on_old_block(number, is_last)

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        if isinstance(packet, Data) and packet.block == self._received and not self.dallying:
            self._upload.write(packet.data)
        return super().on_packet(packet, now)


class DoesNotDally(WriteTransfer):
    def _dally(self, now: float) -> list[Outgoing]:
        sent = super()._dally(now)
        self.finish(succeeded=True)
        return sent


class DeafWhileDallying(WriteTransfer):
    def on_old_block(self, number: int, is_last: bool) -> list[Outgoing]:
        return [] if self.dallying else super().on_old_block(number, is_last)


class OneChanceToWrite(TftpServer):
    """ACK 0 is sent one time; who asks again is told that the file exists."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        if request.opcode is Opcode.WRQ and any(t.client == incoming.source for t in self.transfers.values()):
            raise FileRefused(ErrorCode.FILE_EXISTS, "File already exists")
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, WriteTransfer):
            transfer.tick = lambda now: []  # type: ignore[method-assign]
        return transfer


class LosesTheLastBlock(WriteTransfer):
    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        if len(block) < self.agreed.block_size:
            block = b""
        return super().on_block(block, now)


class TakesFromStrangers(WriteTransfer):
    """Tells the stranger what it must, and takes its block all the same."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        packet = parse(incoming.payload)
        if isinstance(packet, Data) and not self.is_from_client(incoming):
            return [*super().receive(incoming, now), *self.on_packet(packet, now)]
        return super().receive(incoming, now)


class OneFileForBoth(TftpServer):
    """A repeated write request goes on with the upload of the first one, from its beginning."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        earlier = next((t for t in self.transfers.values() if t.client == incoming.source), None)
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, WriteTransfer) and isinstance(earlier, WriteTransfer):
            earlier._upload.write(b"again")
        return transfer


class WritesTexts(WriteTransfer):
    """Octets are stored as if they were lines."""

    def on_block(self, block: bytes, now: float) -> list[Outgoing]:
        self._upload.write, write = lambda data: write(data.replace(b"\r\n", b"\n")), self._upload.write  # type: ignore[method-assign]
        sent = super().on_block(block, now)
        self._upload.write = write  # type: ignore[method-assign]
        return sent


class NoFileForEither(TftpServer):
    """When the second transfer of a repeated request is refused, the file of the first one goes with it."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        earlier = next((t for t in self.transfers.values() if t.client == incoming.source), None)
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, WriteTransfer) and isinstance(earlier, WriteTransfer):
            earlier._upload.commit = lambda: None  # type: ignore[method-assign]
        return transfer


class NeverGivesUpWrites(WriteTransfer):
    def next_timeout(self) -> float:
        return 0.08 if not self._received else super().next_timeout()

    def tick(self, now: float) -> list[Outgoing]:
        if not self._received:
            self._times_sent = min(self._times_sent, 2)
        return super().tick(now)


# -- texts ------------------------------------------------------------------------------------------------------------


def translating(change: Callable[[bytes], bytes]) -> Maker:
    """Another translation to netascii."""

    class Reader(NetasciiReader):
        def read(self, size: int, /) -> bytes:
            while chunk := self._stream.read(4096):
                self._ready += change(chunk)
            part = bytes(self._ready[:size])
            del self._ready[:size]
            return part

    class Mutant(TftpServer):
        def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
            transfer = super().open_transfer(request, incoming, socket)
            if isinstance(transfer, ReadTransfer) and isinstance(transfer._source, NetasciiReader):
                transfer._source = Reader(transfer._source._stream)
            return transfer

    return with_tftp(Mutant)


class LosesWhatStraddles(TftpServer):
    """The second octet of a pair is lost where the first one ends a block."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer) and isinstance(transfer._source, NetasciiReader):
            source, size = transfer._source, transfer.agreed.block_size

            class Cut:
                def read(self, _: int, /) -> bytes:
                    block = source.read(size)
                    if block.endswith(b"\r") and len(block) == size:
                        source.read(1)
                    return block

                def close(self) -> None:
                    source.close()

            transfer._source = Cut()
        return transfer


def storing(change: Callable[[bytes], bytes]) -> Maker:
    """Another translation from netascii."""

    class Writer(NetasciiWriter):
        def write(self, data: bytes) -> None:
            self._upload.write(change(data))

    class Mutant(TftpServer):
        def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
            transfer = super().open_transfer(request, incoming, socket)
            if isinstance(transfer, WriteTransfer) and isinstance(transfer._upload, NetasciiWriter):
                transfer._upload = Writer(transfer._upload._upload)
            return transfer

    return with_tftp(Mutant)
