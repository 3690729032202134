"""A UDP socket of the tester, every datagram of which becomes evidence.

The socket stays open until its scenario ends, read or unread: a closed port would make our own kernel send ICMP
errors, the server would stop, and a rule would praise it for that. Destination address, kernel time stamp, drop count
and ICMP errors come as ancillary data (Linux: ip(7), socket(7)).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import ipaddress
import os
import select
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass

from pxeconform.requirements.ledger import SocketRecord
from pxeconform.runner.recorder import Recorder

_IP_PKTINFO, _IP_RECVERR = 8, 11
_SO_TIMESTAMPNS, _SO_RXQ_OVFL = 35, 40
_LARGEST = 65535
_SLICE = 0.2
"""Seconds after which a waiting socket looks whether the run was interrupted."""

Address = tuple[str, int]


class Interrupted(Exception):
    """The run was told to stop."""


class Unbindable(Exception):
    """A local port cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram that came: where from, when (ns), and what."""

    source: Address
    time: int
    payload: bytes


class Endpoint:
    """One socket of one scenario."""

    def __init__(
        self,
        recorder: Recorder,
        stop: threading.Event,
        scenario: str,
        name: str,
        local: Address,
        *,
        secret: bool = False,
        broadcast: bool = False,
        group: str | None = None,
    ) -> None:
        self.scenario, self.name = scenario, name
        self._secret = secret
        self._recorder, self._stop = recorder, stop
        self._sent = self._received = self._dropped = 0
        self._waiting: deque[Arrival] = deque()
        self.unreachable = False
        """An ICMP error came for where the last datagram went."""
        self._last_to: Address | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for level, option, value in (
            (socket.IPPROTO_IP, _IP_PKTINFO, 1),
            (socket.IPPROTO_IP, _IP_RECVERR, 1),
            (socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1),
            (socket.SOL_SOCKET, _SO_RXQ_OVFL, 1),
            (socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20),
        ):
            self._socket.setsockopt(level, option, value)
        if broadcast:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            if group is not None:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                joined = socket.inet_aton(group) + socket.inet_aton(local[0])
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
                local = group, local[1]
            self._socket.bind(local)
        except OSError as error:
            self._socket.close()
            raise Unbindable(f"port {local[1]} on {local[0]} cannot be bound: {error.strerror}") from error
        self._socket.setblocking(False)
        self.address: Address = self._socket.getsockname()
        self._opened = time.time_ns()

    def send(self, payload: bytes, to: Address) -> None:
        """Send one datagram; it is evidence once the kernel has taken it."""
        if self._stop.is_set():
            raise Interrupted
        # The stamp is taken before the call: on loopback the answer may be there before the call returns.
        now = time.time_ns()
        for attempt in (1, 2):
            try:
                self._socket.sendto(payload, to)
                break
            except OSError as error:
                # A pending ICMP error of an earlier datagram is reported here, and this one is not sent.
                if attempt == 2 or error.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    raise
                self._read_errors()
        if to != self._last_to:
            self._last_to, self.unreachable = to, False
        self._recorder.datagram(self.scenario, self.name, self.address, to, payload, now)
        self._sent += 1

    def receive(self, timeout: float) -> Arrival | None:
        """The next datagram, or `None` after `timeout` seconds or when the destination turned out unreachable."""
        end = time.monotonic() + timeout
        while not self._waiting:
            if self._stop.is_set():
                raise Interrupted
            left = end - time.monotonic()
            self._drain()
            if self._waiting or left <= 0 or self.unreachable:
                break
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.poll(min(left, _SLICE) * 1000)
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> SocketRecord:
        """Read what still waits, close the socket, and say what went through it."""
        self._drain()
        closed = time.time_ns()
        self._socket.close()
        return SocketRecord(
            self.scenario,
            self.name,
            *self.address,
            self._opened,
            closed,
            self._sent,
            self._received,
            self._dropped,
        )

    def _drain(self) -> None:
        self._read_errors()
        while True:
            try:
                payload, ancillary, _, source = self._socket.recvmsg(_LARGEST, 512)
            except BlockingIOError:
                return
            except OSError:
                self._read_errors()
                return
            stamp, destination = self._ancillary(ancillary)
            kept = redacted(payload) if self._secret else payload
            self._recorder.datagram(self.scenario, self.name, source, (destination, self.address[1]), kept, stamp)
            self._received += 1
            self._waiting.append(Arrival(source, stamp, payload))

    def _ancillary(self, ancillary: list[tuple[int, int, bytes]]) -> tuple[int, str]:
        stamp, destination = time.time_ns(), self.address[0]
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= 16:
                seconds, nanoseconds = struct.unpack("qq", data[:16])
                stamp = seconds * 1_000_000_000 + nanoseconds
            elif (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL) and len(data) >= 4:
                (self._dropped,) = struct.unpack("I", data[:4])
            elif (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(data) >= 12:
                destination = socket.inet_ntoa(data[8:12])
        return stamp, destination

    def _read_errors(self) -> None:
        """ICMP errors wait in a queue of their own (ip(7), IP_RECVERR)."""
        while True:
            try:
                payload, ancillary, _, destination = self._socket.recvmsg(_LARGEST, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for level, kind, data in ancillary:
                if (level, kind) != (socket.IPPROTO_IP, _IP_RECVERR) or len(data) < 24:
                    continue
                origin, icmp_type, icmp_code = data[4], data[5], data[6]
                if origin != 2:  # SO_EE_ORIGIN_ICMP
                    continue
                reporter = socket.inet_ntoa(data[20:24])
                self._recorder.unreachable(
                    self.scenario,
                    self.name,
                    reporter,
                    (icmp_type, icmp_code),
                    self.address,
                    destination,
                    payload,
                    self._ancillary(ancillary)[0],
                )
                self._received += 1
                # Another port of the server that is closed says nothing of the one that is spoken to.
                self.unreachable |= destination == self._last_to


def redacted(payload: bytes) -> bytes:
    """DATA whose octets are nobody's business: their digest and NULs, in the same length; other packets as they are."""
    if payload[:2] != b"\0\3":
        return payload
    return payload[:4] + hashlib.sha256(payload[4:]).digest().ljust(len(payload) - 4, b"\0")[: len(payload) - 4]


def local_address(target: Address) -> str:
    """The address from which this machine would speak to a target; raises `OSError` when there is no route.

    A target on loopback is spoken to from a loopback address that is this process's own: where tester and target share
    one address, a port that one has left may become the other's, and the trace could not be told apart.
    """
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        # The kernel refuses broadcast addresses, those of loopback too.
        probe.connect(target)
        own = str(probe.getsockname()[0])
    if ipaddress.ip_address(target[0]).is_loopback:
        process = os.getpid()
        own = f"127.{64 + (process >> 16) % 64}.{process >> 8 & 0xFF}.{process & 0xFF}"
    return own


def hardware_address(address: str) -> bytes | None:
    """The MAC of the interface that has an address, `None` where it has none (loopback).

    Servers on Linux write chaddr into their neighbour table for a client's address, so it has to be the real one.
    """
    from fcntl import ioctl

    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                found = socket.inet_ntoa(ioctl(probe, 0x8915, request)[20:24])  # SIOCGIFADDR
                mac = ioctl(probe, 0x8927, request)[18:24]  # SIOCGIFHWADDR
            except OSError:
                continue
            if found == address:
                return bytes(mac) if any(mac) else None
    return None
