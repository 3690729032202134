"""What makes a TFTP server faulty that has to refuse: ERRORs, malformed datagrams, names, broadcasts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Packet, Request, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import TFTP_SOCKET, Incoming, Outgoing
from pxeconform.server.files import FileRefused, FileStore, MemoryUpload, Upload
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import Agreement, ReadTransfer, TftpServer, Transfer
from tests.mutants.arena import BOOT_FILE, Maker
from tests.mutants.servers import with_tftp
from tests.mutants.transfer_servers import Refusal

# -- ERRORs -----------------------------------------------------------------------------------------------------------


def answering_errors(change: Callable[[bytes], bytes]) -> Maker:
    """Change the octets of every ERROR from the request port."""

    class Mutant(TftpServer):
        def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
            sent = super().on_request_port(incoming, now)
            return [replace(one, payload=change(one.payload)) if one.payload[:2] == b"\0\5" else one for one in sent]

    return with_tftp(Mutant)


def with_code(code: int, instead_of: ErrorCode) -> Maker:
    """Another error code for one that is right."""

    def change(octets: bytes) -> bytes:
        return octets[:2] + code.to_bytes(2) + octets[4:] if octets[2:4] == int(instead_of).to_bytes(2) else octets

    return answering_errors(change)


class RepeatsErrors(TftpServer):
    """A refusal is a transfer that waits for its acknowledgment."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        try:
            return super().open_transfer(request, incoming, socket)
        except FileRefused as refused:
            return _Repeated([Error(refused.code, b"no")], incoming, socket, self.config)


class _Repeated(Refusal):
    def start(self, now: float) -> list[Outgoing]:
        return self._send(self._packets, now)

    def tick(self, now: float) -> list[Outgoing]:
        if self.deadline is None or now < self.deadline:
            return []
        self.finish()
        return [self.envelope(packet) for packet in self._packets]


class IgnoresErrors(ReadTransfer):
    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        packet = parse(incoming.payload)
        ended = isinstance(packet, Error) and packet.code != ErrorCode.UNKNOWN_TRANSFER_ID
        return [] if ended else super().receive(incoming, now)


class IgnoresError5(ReadTransfer):
    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        packet = parse(incoming.payload)
        surplus = isinstance(packet, Error) and packet.code == ErrorCode.UNKNOWN_TRANSFER_ID
        return [] if surplus else super().receive(incoming, now)


class AnswersErrors(ReadTransfer):
    """Its client's ERROR is answered with one of its own."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        sent = super().receive(incoming, now)
        answer = Error(ErrorCode.NOT_DEFINED, b"as you like")
        return [self.envelope(answer, incoming.source)] if isinstance(parse(incoming.payload), Error) else sent


class AnswersStrayErrors(TftpServer):
    def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
        if isinstance(parse(incoming.payload), Error):
            error = Error(ErrorCode.ILLEGAL_OPERATION, b"what error?")
            return [Outgoing(error.build(), incoming.source, self.socket_for_errors(), incoming.local)]
        return super().on_request_port(incoming, now)


# -- malformed datagrams ----------------------------------------------------------------------------------------------


def dying_of(kills: Callable[[bytes], bool]) -> Maker:
    """From one such datagram on the server answers nobody any more."""

    class Mutant(TftpServer):
        dead = False

        def receive(self, incoming: Incoming, now: float) -> Iterable[Outgoing]:
            self.dead |= incoming.socket == TFTP_SOCKET and kills(incoming.payload)
            return [] if self.dead else super().receive(incoming, now)

    return with_tftp(Mutant)


def answering(reply: Callable[[bytes], Data | Ack | Error | None]) -> Maker:
    """Answer datagrams on the request port that begin nothing."""

    class Mutant(TftpServer):
        def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
            packet = reply(incoming.payload)
            if packet is None:
                return super().on_request_port(incoming, now)
            return [Outgoing(packet.build(), incoming.source, self.socket_for_errors(), incoming.local)]

    return with_tftp(Mutant)


class ReadsHalfTheOpcode(TftpServer):
    """The first octet of an opcode does not matter."""

    def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
        return super().on_request_port(replace(incoming, payload=b"\0" + incoming.payload[1:]), now)


class CompletesRequests(TftpServer):
    """What lacks its last NUL gets one."""

    def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
        packet = parse(incoming.payload)
        if isinstance(packet, Malformed) and packet.opcode in (Opcode.RRQ, Opcode.WRQ):
            incoming = replace(incoming, payload=incoming.payload + b"\0")
        return super().on_request_port(incoming, now)


class ServesTheNameless(TftpServer):
    def complaint(self, packet: Packet | None, incoming: Incoming) -> Error | None:
        nameless = isinstance(packet, Request) and not packet.filename
        return None if nameless else super().complaint(packet, incoming)

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        name = request.filename or BOOT_FILE.encode()
        return super().open_transfer(replace(request, filename=name), incoming, socket)


# -- names ------------------------------------------------------------------------------------------------------------


def giving(secret: Callable[[bytes], bool]) -> Maker:
    """What lies outside the root is given."""

    class Mutant(TftpServer):
        def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
            from io import BytesIO

            if secret(request.filename):
                source = BytesIO(b"root:x:0:0:root:/root:/bin/sh\n")
                settings = self.config.tftp
                return self.read_transfer(source, incoming.source, socket, Agreement(), settings, incoming.local)
            return super().open_transfer(request, incoming, socket)

    return with_tftp(Mutant)


class _Overwritable(FileStore):
    def _refuse_existing(self, parts: tuple[str, ...]) -> None:
        pass


class _Open(_Overwritable):
    def create(self, name: bytes) -> Upload:
        return MemoryUpload(self, (name.decode(),))


class LetsAnybodyWrite(TftpServer):
    def __init__(self, config: ServerConfig, store: FileStore, log: Callable[[str], None] = lambda text: None) -> None:
        super().__init__(config, _Open(config), log)


class Overwrites(TftpServer):
    def __init__(self, config: ServerConfig, store: FileStore, log: Callable[[str], None] = lambda text: None) -> None:
        super().__init__(config, _Overwritable(config), log)


class AnswersBroadcasts(PxeServer):
    """Says that it has no such file, to whomever asks everybody."""

    def __enter__(self) -> Self:
        entered = super().__enter__()
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._ear.settimeout(0.1)
        self._ear.bind(("127.255.255.255", self.ports.tftp))
        self._silent = threading.Event()
        self._listener = threading.Thread(target=self._answer)
        self._listener.start()
        return entered

    def _answer(self) -> None:
        while not self._silent.is_set():
            try:
                _, source = self._ear.recvfrom(600)
            except TimeoutError:
                continue
            self._ear.sendto(Error(ErrorCode.FILE_NOT_FOUND, b"not here").build(), source)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._silent.set()
        self._listener.join()
        self._ear.close()
        super().__exit__(kind, error, trace)
