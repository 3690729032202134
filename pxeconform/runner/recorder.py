"""The evidence: every datagram that a scenario sent or got, as pcapng, each marked with its scenario.

Datagrams come from UDP sockets, so their IP and UDP headers are invented; the capture's interface says so by name.
The blocks are written here (draft-ietf-opsawg-pcapng): a transfer past block 65535 has more than a hundred thousand.
"""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

from pxeconform.sessions.marks import mark

INTERFACE = "pxeconform: IP and UDP headers are synthetic"

_RAW_IP = 101
"""Link type: the packet begins with its IP header."""
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _NAME, _RESOLUTION, _END = 1, 2, 9, b"\0\0\0\0"
_UDP, _ICMP = 17, 1


class Recorder:
    """Writes one evidence file; safe to use from several threads, whole after every datagram."""

    def __init__(self, path: Path) -> None:
        self.frames = 0
        self._lock = threading.Lock()
        self._file = path.open("wb")
        self._file.write(_block(_SECTION, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)))
        described = _option(_NAME, INTERFACE.encode()) + _option(_RESOLUTION, b"\x09") + _END
        self._file.write(_block(_INTERFACE, struct.pack("=HHI", _RAW_IP, 0, 0) + described))
        self._file.flush()

    def datagram(
        self,
        scenario: str,
        socket: str,
        source: tuple[str, int],
        destination: tuple[str, int],
        payload: bytes,
        time: int,
    ) -> int:
        """Record one UDP datagram; the time is in ns since the epoch. Gives the frame's number."""
        packet = _ip(source[0], destination[0], _UDP, _udp(source[1], destination[1], payload))
        return self._write(packet, scenario, socket, time)

    def unreachable(
        self,
        scenario: str,
        socket: str,
        reporter: str,
        code: tuple[int, int],
        source: tuple[str, int],
        destination: tuple[str, int],
        payload: bytes,
        time: int,
    ) -> int:
        """Record an ICMP error about a datagram that was sent from `source` to `destination`."""
        quoted = _ip(source[0], destination[0], _UDP, _udp(source[1], destination[1], payload[:64]))
        message = struct.pack("!BBHI", *code, 0, 0) + quoted
        message = message[:2] + struct.pack("!H", _checksum(message)) + message[4:]
        return self._write(_ip(reporter, source[0], _ICMP, message), scenario, socket, time)

    def close(self) -> None:
        """Finish the file. An evidence file without any datagram is still a capture."""
        with self._lock:
            self._file.close()

    def _write(self, packet: bytes, scenario: str, socket: str, time: int) -> int:
        head = struct.pack("=IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
        block = _block(_PACKET, head + _padded(packet) + _option(_COMMENT, mark(scenario, socket).encode()) + _END)
        with self._lock:
            self._file.write(block)
            self._file.flush()
            self.frames += 1
            return self.frames


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("=I", 12 + len(body))
    return struct.pack("=I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("=HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _udp(source: int, destination: int, payload: bytes) -> bytes:
    """Checksum 0: none was computed (RFC 768)."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def _ip(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + addresses
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload


def _checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets[: len(octets) // 2 * 2]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
