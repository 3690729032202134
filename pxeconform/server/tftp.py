"""The TFTP service: requests on its port, option negotiation, and the transfers that run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from pxeconform.protocol.tftp import Error, Malformed, Packet, Request, option_number, option_value, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import TFTP_SOCKET, Incoming, Outgoing
from pxeconform.server.files import FileRefused, FileStore, NetasciiReader, NetasciiWriter, Source, Upload
from pxeconform.server.multicast import OPTION as MULTICAST
from pxeconform.server.multicast import GroupTransfer
from pxeconform.server.transfers import (
    ILLEGAL,
    UNKNOWN_TRANSFER,
    Agreement,
    ReadTransfer,
    Transfer,
    WriteTransfer,
)

__all__ = ["Agreement", "ReadTransfer", "TftpServer", "Transfer", "WriteTransfer"]

LONGEST_REQUEST = 512
"""Octets of a request (RFC 2347)."""

MODES = ("netascii", "octet")
"""What is served; mail is obsolete (RFC 1123 section 4.2.2.1)."""


class TftpServer:
    """A core (`datagrams.Core`) that serves the files of a store.

    A subclass may put other state machines into `read_transfer` and `write_transfer`.
    """

    read_transfer: type[ReadTransfer] = ReadTransfer
    write_transfer: type[WriteTransfer] = WriteTransfer
    group_transfer: type[GroupTransfer] = GroupTransfer

    def __init__(self, config: ServerConfig, store: FileStore, log: Callable[[str], None] = lambda text: None) -> None:
        self.config = config
        self.store = store
        self.log = log
        self.transfers: dict[str, Transfer] = {}
        self._opened = 0

    def receive(self, incoming: Incoming, now: float) -> Iterable[Outgoing]:
        """See `Core`."""
        transfer = self.transfer_of(incoming)
        if transfer is None:
            return self.on_request_port(incoming, now) if incoming.socket == TFTP_SOCKET else []
        sent = transfer.receive(incoming, now)
        self._forget_finished()
        return sent

    def transfer_of(self, incoming: Incoming) -> Transfer | None:
        """The transfer whose socket the datagram came to."""
        return self.transfers.get(incoming.socket)

    def tick(self, now: float) -> Iterable[Outgoing]:
        """See `Core`."""
        sent = [outgoing for transfer in list(self.transfers.values()) for outgoing in transfer.tick(now)]
        self._forget_finished()
        return sent

    def deadline(self) -> float | None:
        """See `Core`."""
        return min((t.deadline for t in self.transfers.values() if t.deadline is not None), default=None)

    def sockets(self) -> Collection[str]:
        """See `Core`."""
        return self.transfers.keys()

    def close(self) -> None:
        """See `Core`."""
        for transfer in self.transfers.values():
            transfer.close()
        self.transfers.clear()

    def on_request_port(self, incoming: Incoming, now: float) -> list[Outgoing]:
        """Take what came to the well-known port."""
        # RFC 1123 section 4.2.3.5: no answer, not even an ERROR, to what was sent to all.
        if not incoming.is_unicast or incoming.source[1] == 0:
            return []
        packet = parse(incoming.payload)
        error = self.complaint(packet, incoming)
        if error is not None:
            self.log(f"tftp: {incoming.source[0]} gets ERROR {error.code} {error.text}")
            return [Outgoing(error.build(), incoming.source, self.socket_for_errors(), incoming.local)]
        return self.on_request(packet, incoming, now) if isinstance(packet, Request) else []

    def complaint(self, packet: Packet | None, incoming: Incoming) -> Error | None:
        """The ERROR that a packet on the well-known port deserves; `None` for a request, an ERROR and runts."""
        if isinstance(packet, Request):
            if packet.mode not in MODES:
                return Error(ErrorCode.ILLEGAL_OPERATION, b"Unknown transfer mode")
            if not packet.filename or len(incoming.payload) > LONGEST_REQUEST:
                return ILLEGAL
            return None
        if isinstance(packet, Error) or len(incoming.payload) < 4:
            return None
        if packet is None or (isinstance(packet, Malformed) and packet.opcode in (Opcode.RRQ, Opcode.WRQ)):
            return ILLEGAL
        return UNKNOWN_TRANSFER

    def on_request(self, request: Request, incoming: Incoming, now: float) -> list[Outgoing]:
        """Open a transfer, or refuse it."""
        verb = "read" if request.opcode == Opcode.RRQ else "write"
        name = request.filename.decode("ascii", "backslashreplace")
        try:
            if len(self.transfers) >= self.config.tftp.max_transfers:
                raise FileRefused(ErrorCode.NOT_DEFINED, "Too many transfers, try again later")
            if self.wants_group(request):
                return self.join_group(request, incoming, now)
            transfer = self.open_transfer(request, incoming, self.new_socket())
        except FileRefused as refused:
            self.log(f"tftp: {verb} {name!r} by {incoming.source[0]}: ERROR {int(refused.code)} {refused}")
            error = Error(refused.code, str(refused).encode("ascii", "replace"))
            return [Outgoing(error.build(), incoming.source, self.socket_for_errors(), incoming.local)]
        self.log(f"tftp: {verb} {name!r} by {incoming.source[0]} port {incoming.source[1]}, {request.mode}")
        self.transfers[transfer.socket] = transfer
        sent = transfer.start(now)
        self._forget_finished()
        return sent

    def wants_group(self, request: Request) -> bool:
        """The request may be served to a group (RFC 2090), and groups are configured."""
        asked = option_value(request.options, MULTICAST) == ""
        return bool(self.config.tftp.multicast_group) and asked and request.opcode == Opcode.RRQ

    def join_group(self, request: Request, incoming: Incoming, now: float) -> list[Outgoing]:
        """Begin to send a file to the group, or let one more client listen; raises `FileRefused`."""
        stream, size = self.store.open(request.filename)
        source: Source = NetasciiReader(stream) if request.mode == "netascii" else stream
        others = tuple(
            (name, value) for name, value in request.options if name.lower() not in (MULTICAST, "windowsize")
        )
        agreed = self._negotiate_or_close(replace(request, options=others), size, stream.close)
        key = request.filename, request.mode, agreed.block_size
        asked = next(name for name, _ in request.options if name.lower() == MULTICAST)
        options = (*agreed.options, (asked, ""))
        running = (t for t in self.transfers.values() if isinstance(t, GroupTransfer) and t.key == key)
        transfer = next(running, None)
        if transfer is None:
            settings = self.config.tftp
            group = settings.multicast_group, settings.multicast_port
            transfer = self.group_transfer(key, source, group, self.new_socket(), agreed, settings, incoming.local)
            self.transfers[transfer.socket] = transfer
        else:
            source.close()
        return transfer.join(incoming.source, options, now)

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        """The state machine for a request; raises `FileRefused`."""
        settings = self.config.tftp
        if request.opcode == Opcode.RRQ:
            stream, size = self.store.open(request.filename)
            agreed = self._negotiate_or_close(request, size, stream.close)
            source: Source = NetasciiReader(stream) if request.mode == "netascii" else stream
            return self.read_transfer(source, incoming.source, socket, agreed, settings, incoming.local)
        announced = option_number(request.options, "tsize")
        if announced is not None and announced > self.store.space_left:
            raise FileRefused(ErrorCode.DISK_FULL, "Disk full or allocation exceeded")
        upload: Upload = self.store.create(request.filename)
        agreed = self._negotiate_or_close(request, announced or 0, upload.discard)
        writer = NetasciiWriter(upload) if request.mode == "netascii" else upload
        return self.write_transfer(writer, incoming.source, socket, agreed, settings, incoming.local)

    def _negotiate_or_close(self, request: Request, size: int, close: Callable[[], None]) -> Agreement:
        try:
            return self.negotiate(request, size)
        except Exception:
            close()
            raise

    def new_socket(self) -> str:
        """A name for the socket of a new transfer: the shell gives it a random port."""
        self._opened += 1
        return f"{TFTP_SOCKET}:{self._opened}"

    def socket_for_errors(self) -> str:
        """Where a refusal leaves from: like every first answer, from a port of its own (RFC 1350 section 4)."""
        return self.new_socket()

    # Option negotiation (RFC 2347): what is not understood or out of range is left out, never an ERROR.

    def negotiate(self, request: Request, size: int) -> Agreement:
        """Which options are acknowledged, each in the client's spelling and one time; `size` is the file's."""
        values: dict[str, int] = {}
        spelling: dict[str, str] = {}
        rules: Mapping[str, Callable[[int], int | None]] = {
            "blksize": self.agree_block_size,
            "timeout": self.agree_timeout,
            "windowsize": self.agree_window_size,
            "tsize": lambda value: self.agree_size(request, value, size),
        }
        for name, _ in request.options:
            key = name.lower()
            if key in rules and key not in spelling:
                spelling[key] = name
                asked = option_number(request.options, key)
                agreed = rules[key](asked) if asked is not None else None
                if agreed is not None:
                    values[key] = agreed
        block_size = values.get("blksize", 512)
        if "windowsize" in values:
            fitting = max(1, self.config.tftp.max_flight // block_size)
            values["windowsize"] = min(values["windowsize"], fitting)
        timeout = values.get("timeout")
        return Agreement(
            tuple((spelling[key], str(value)) for key, value in values.items()),
            block_size,
            float(timeout) if timeout is not None else None,
            values.get("windowsize", 1),
        )

    def agree_block_size(self, asked: int) -> int | None:
        """RFC 2348: 8 to 65464, never more than asked."""
        return min(asked, self.config.tftp.max_block_size) if 8 <= asked <= 65464 else None

    def agree_timeout(self, asked: int) -> int | None:
        """RFC 2349: 1 to 255 seconds, as asked or not at all."""
        return asked if 1 <= asked <= 255 else None

    def agree_window_size(self, asked: int) -> int | None:
        """RFC 7440: 1 to 65535 blocks, never more than asked."""
        return min(asked, self.config.tftp.max_window_size) if 1 <= asked <= 65535 else None

    def agree_size(self, request: Request, asked: int, size: int) -> int | None:
        """RFC 2349: the file's size when reading, the client's own number when writing; not known in netascii."""
        if request.mode == "netascii":
            return None
        return size if request.opcode == Opcode.RRQ else asked

    def _forget_finished(self) -> None:
        for socket in [socket for socket, transfer in self.transfers.items() if transfer.finished]:
            del self.transfers[socket]
