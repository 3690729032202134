"""The sockets of the reference server: one thread, one selector, the cores do the thinking."""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pxeconform.server.answers import Answers
from pxeconform.server.bootserver import BootServer
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import DHCP_SOCKET, PXE_SOCKET, TFTP_SOCKET, Core, Incoming, Outgoing
from pxeconform.server.dhcp import DhcpServer
from pxeconform.server.files import FileStore
from pxeconform.server.tftp import TftpServer

_RECEIVE_SIZE = 65536
_BURST = 64
"""Datagrams taken from one socket before the others have their turn."""

_PKTINFO = struct.Struct("@i4s4s")
_IP_PKTINFO: int = getattr(socket, "IP_PKTINFO", 8)
_SO_BINDTODEVICE: int = getattr(socket, "SO_BINDTODEVICE", 25)
_SIOCSARP = 0x8955
_ATF_COM = 2


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that were bound; 0 for a service that is off."""

    dhcp: int
    pxe: int
    tftp: int


@dataclass(frozen=True, slots=True)
class _Listener:
    """A socket and what datagrams on it are: the core's name for it."""

    socket: socket.socket
    name: str
    core: Core


class PxeServer:
    """DHCP or proxyDHCP, boot server and TFTP on the sockets of one thread.

    Use it as a context manager, or call `start` and `stop`. The cores are made by `make_tftp`, `make_boot_server` and
    `make_dhcp`, or given as classes: `PxeServer(config, tftp=MyTftpServer)`. What went wrong inside a core is in
    `failures` (the datagram is dropped, the server goes on); on a sound server it stays empty.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        tftp: type[TftpServer] = TftpServer,
        boot_server: type[BootServer] = BootServer,
        dhcp: type[DhcpServer] = DhcpServer,
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.config = config
        self.log = log
        self.store = FileStore(config)
        self.answers = Answers(config, self.store)
        self.tftp = tftp(config, self.store, log)
        self.boot_server = boot_server(self.answers, log)
        self.dhcp = dhcp(self.answers, self.boot_server, log) if config.mode != "off" else None
        self.failures: list[str] = []
        self._selector: selectors.BaseSelector | None = None
        self._listeners: list[_Listener] = []
        self._by_name: dict[str, _Listener] = {}
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.ports = Ports(0, 0, 0)

    def start(self) -> Self:
        """Bind and serve; raises `OSError`, which names the port, if one cannot be had."""
        if self._thread is not None:
            raise RuntimeError("the server runs already")
        self._stopping.clear()
        self._selector = selectors.DefaultSelector()
        try:
            self._bind()
            self._wake = socket.socketpair()
            self._wake[0].setblocking(False)
            self._selector.register(self._wake[0], selectors.EVENT_READ, None)
        except OSError:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, name="pxeconform-server", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread and close all sockets; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        if self._wake is not None:
            self._wake[1].send(b"\0")
        thread.join(5.0)
        self._close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def cores(self) -> list[Core]:
        """All that run."""
        return [self.tftp, self.boot_server, *((self.dhcp,) if self.dhcp is not None else ())]

    # Binding

    def _bind(self) -> None:
        config = self.config
        tftp = self._listen(TFTP_SOCKET, self.tftp, config.address, config.tftp_port)
        pxe = self._listen(PXE_SOCKET, self.boot_server, config.address, config.pxe_port)
        if config.multicast_address:
            if config.address != "0.0.0.0":
                self._listen(PXE_SOCKET, self.boot_server, config.multicast_address, pxe, shared=True)
            self._join(config.multicast_address, pxe)
        dhcp = 0
        if self.dhcp is not None:
            dhcp = self._listen(DHCP_SOCKET, self.dhcp, config.address, config.dhcp_port)
            if config.address != "0.0.0.0":
                # A socket bound to one address does not hear broadcasts, so they get one each.
                for address in self._broadcast_addresses():
                    self._listen(DHCP_SOCKET, self.dhcp, address, dhcp, shared=True)
        self.ports = Ports(dhcp, pxe, tftp)

    def _broadcast_addresses(self) -> list[str]:
        found = [self.config.broadcast_address]
        if self.config.pool is not None:
            found.append(str(self.config.pool.network.broadcast_address))
        return list(dict.fromkeys(found)) if sys.platform == "linux" else []

    def _listen(self, name: str, core: Core, address: str, port: int, shared: bool = False) -> int:
        listener = _Listener(self._open(address, port, shared), name, core)
        self._listeners.append(listener)
        self._by_name.setdefault(name, listener)
        assert self._selector is not None
        self._selector.register(listener.socket, selectors.EVENT_READ, listener)
        bound: int = listener.socket.getsockname()[1]
        return bound

    def _open(self, address: str, port: int, shared: bool) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if shared:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sys.platform == "linux":
                opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
                if self.config.interface:
                    opened.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self.config.interface.encode() + b"\0")
            opened.bind((address, port))
        except OSError as error:
            opened.close()
            raise OSError(error.errno, f"cannot bind {address} port {port}: {error.strerror}") from None
        return opened

    def _join(self, group: str, port: int) -> None:
        listener = self._listeners[-1]
        request = socket.inet_aton(group) + socket.inet_aton(self.config.address)
        listener.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        self.log(f"pxe: listening to {group} port {port}")

    def _close(self) -> None:
        for listener in {id(entry): entry for entry in (*self._listeners, *self._by_name.values())}.values():
            listener.socket.close()
        self._listeners.clear()
        self._by_name.clear()
        for core in self.cores:
            core.close()
        if self._wake is not None:
            for end in self._wake:
                end.close()
            self._wake = None
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    # The loop

    def _run(self) -> None:
        assert self._selector is not None
        while not self._stopping.is_set():
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    continue
                self._drain(key.data)
            for core in self.cores:
                now = time.monotonic()
                self._guarded(core, lambda core=core, now=now: core.tick(now))  # type: ignore[misc]
            self._drop_unneeded()

    def _patience(self) -> float:
        due = min((d for core in self.cores if (d := core.deadline()) is not None), default=None)
        return 60.0 if due is None else min(60.0, max(0.0, due - time.monotonic()))

    def _drain(self, listener: _Listener) -> None:
        for _ in range(_BURST):
            if listener.socket.fileno() < 0 or self._stopping.is_set():
                return
            try:
                incoming = self._receive(listener)
            except BlockingIOError:
                return
            except OSError as error:
                self.log(f"{listener.name}: {error}")
                return
            if incoming is not None:
                now = time.monotonic()
                self._guarded(listener.core, lambda: listener.core.receive(incoming, now))  # noqa: B023

    def _receive(self, listener: _Listener) -> Incoming | None:
        if sys.platform == "linux":
            payload, control, _, source = listener.socket.recvmsg(_RECEIVE_SIZE, 64)
        else:
            payload, source = listener.socket.recvfrom(_RECEIVE_SIZE)
            control = []
        own = listener.socket.getsockname()[0]
        for level, kind, octets in control:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(octets) >= _PKTINFO.size:
                interface, local, destination = _PKTINFO.unpack_from(octets)
                address, to = socket.inet_ntoa(local), socket.inet_ntoa(destination)
                if self.config.address != "0.0.0.0":
                    if own != to or (own != self.config.address and not self._is_ours(address)):
                        return None
                    address = self.config.address
                return Incoming(payload, source, listener.name, to, address, interface)
        return Incoming(payload, source, listener.name, own, self.config.address)

    def _is_ours(self, local: str) -> bool:
        """A broadcast or multicast came by the server's own interface: sockets for these hear all interfaces."""
        loopback = self.config.broadcast_address != "255.255.255.255"
        return loopback or bool(self.config.interface) or local == self.config.address

    def _guarded(self, core: Core, step: Callable[[], Iterable[Outgoing]]) -> None:
        """Run one step of a core and send what it gives; a defect in it costs one datagram, not the server."""
        try:
            for outgoing in step():
                self._send(core, outgoing)
        except Exception:
            text = traceback.format_exc()
            self.log(text)
            if len(self.failures) < 100:
                self.failures.append(text)

    def _send(self, core: Core, outgoing: Outgoing) -> None:
        try:
            listener = self._by_name.get(outgoing.socket) or self._open_ephemeral(core, outgoing)
            address, port = outgoing.destination
            if outgoing.hardware_address and not self._reachable(outgoing, listener.socket):
                address = self.config.broadcast_address
            if address == "255.255.255.255":
                address = self.config.broadcast_address
            control = []
            if sys.platform == "linux" and outgoing.local:
                broadcast = address == self.config.broadcast_address
                info = _PKTINFO.pack(outgoing.interface if broadcast else 0, socket.inet_aton(outgoing.local), bytes(4))
                control.append((socket.IPPROTO_IP, _IP_PKTINFO, info))
            listener.socket.sendmsg([outgoing.payload], control, 0, (address, port))
        except OSError as error:
            # Full buffers and unreachable clients are loss, and loss is what the timers are for.
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                self.log(f"{outgoing.socket}: to {outgoing.destination[0]} port {outgoing.destination[1]}: {error}")

    def _open_ephemeral(self, core: Core, outgoing: Outgoing) -> _Listener:
        """A socket for a name that is not open yet; the kernel draws its port at random."""
        local = outgoing.local if outgoing.local else self.config.address
        listener = _Listener(self._open(local, 0, shared=False), outgoing.socket, core)
        self._by_name[outgoing.socket] = listener
        assert self._selector is not None
        self._selector.register(listener.socket, selectors.EVENT_READ, listener)
        return listener

    def _drop_unneeded(self) -> None:
        needed = {DHCP_SOCKET, PXE_SOCKET, TFTP_SOCKET}.union(*(core.sockets() for core in self.cores))
        assert self._selector is not None
        for name in self._by_name.keys() - needed:
            listener = self._by_name.pop(name)
            self._selector.unregister(listener.socket)
            listener.socket.close()

    def _reachable(self, outgoing: Outgoing, through: socket.socket) -> bool:
        """Make a client known to ARP that has no address yet; it takes privileges that a server may lack."""
        if self.config.broadcast_address != "255.255.255.255":
            return True
        if sys.platform != "linux" or len(outgoing.hardware_address) > 14:
            return False
        try:
            name = self.config.interface or socket.if_indextoname(outgoing.interface)
            protocol = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(outgoing.destination[0]))
            hardware = struct.pack("=H14s", 1, outgoing.hardware_address)
            entry = protocol + hardware + struct.pack("=i16x16s", _ATF_COM, name.encode())
            import fcntl

            fcntl.ioctl(through.fileno(), _SIOCSARP, entry)
        except (OSError, ValueError):
            return False
        return True


def serve(config: ServerConfig, log: Callable[[str], None]) -> None:
    """Serve until interrupted; what `pxeconform serve` does."""
    with PxeServer(config, log=log) as server, suppress(KeyboardInterrupt):
        ports = server.ports
        log(f"serving on {config.address}: dhcp {ports.dhcp or 'off'}, pxe {ports.pxe}, tftp {ports.tftp}")
        threading.Event().wait()
