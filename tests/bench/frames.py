"""Many frames of one shape at once: a template, copied, a few fields of each filled in, checksums made right.

A boot storm of a gigabyte is a million frames of some dozen shapes, so a shape is built once with `struct` and all its
frames are rows of one array. Offsets count from the frame's first octet.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

DESTINATION_MAC, SOURCE_MAC = 0, 6
IDENTIFICATION, SOURCE, DESTINATION = 18, 26, 30
SOURCE_PORT, DESTINATION_PORT = 34, 36
PAYLOAD = 42
TCP_SEQUENCE, TCP_PAYLOAD = 38, 54

EVERYBODY = b"\xff" * 6

_SHORTEST = 60
"""Octets of the shortest Ethernet frame without its check sequence: cards pad to it (IEEE 802.3 clause 4.2.3.3)."""

_UDP, _TCP = 17, 6


@dataclass(frozen=True, slots=True)
class Shape:
    """A frame to copy, and what its checksums cover."""

    octets: bytes
    size: int
    """Octets on the wire; `octets` has one more where that is odd, so that rows can be summed by 16 bits."""
    addresses: slice | None = None
    segment: slice | None = None
    length: int = 0
    """Octets of the segment, its header included."""
    checksum: int = 0
    protocol: int = 0
    ipv4: bool = False

    def rows(self, count: int) -> Rows:
        """That many copies."""
        return np.tile(np.frombuffer(self.octets, np.uint8), (count, 1))


def address(text: str) -> bytes:
    """A dotted quad as octets."""
    return socket.inet_aton(text)


def put(rows: Rows, at: int, values: Numbers, width: int) -> None:
    """Write a number into every row, most significant octet first."""
    for octet in range(width):
        rows[:, at + octet] = (values >> (8 * (width - 1 - octet))) & 0xFF


def udp(
    payload: bytes,
    ports: tuple[int, int] = (0, 0),
    addresses: tuple[str, str] = ("0.0.0.0", "0.0.0.0"),
    macs: tuple[bytes, bytes] = (bytes(6), bytes(6)),
    ttl: int = 64,
    dont_fragment: bool = True,
) -> Shape:
    """A UDP datagram over IPv4; pairs are source and destination."""
    segment = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    return _ipv4(segment, addresses, macs, _UDP, ttl, dont_fragment)


def tcp(payload: bytes, ports: tuple[int, int], addresses: tuple[str, str], macs: tuple[bytes, bytes]) -> Shape:
    """A TCP segment over IPv4 with ACK and PSH."""
    segment = struct.pack("!HHIIBBHHH", *ports, 0, 1, 5 << 4, 0x18, 501, 0, 0) + payload
    return _ipv4(segment, addresses, macs, _TCP, 64, True)


def udp6(payload: bytes, ports: tuple[int, int], addresses: tuple[str, str], macs: tuple[bytes, bytes]) -> Shape:
    """A UDP datagram over IPv6."""
    segment = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    ends = b"".join(socket.inet_pton(socket.AF_INET6, each) for each in addresses)
    header = struct.pack("!IHBB", 6 << 28, len(segment), _UDP, 64) + ends
    frame, size = _ethernet(macs, 0x86DD, header + segment)
    end = _even(54 + len(segment))
    return Shape(frame, size, slice(22, 54), slice(54, end), len(segment), 54 + 6, _UDP)


def arp(operation: int, macs: tuple[bytes, bytes]) -> Shape:
    """ARP with everything but the addresses (RFC 826)."""
    frame, size = _ethernet(macs, 0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + bytes(20))
    return Shape(frame, size)


def _ipv4(
    segment: bytes,
    addresses: tuple[str, str],
    macs: tuple[bytes, bytes],
    protocol: int,
    ttl: int,
    dont_fragment: bool,
) -> Shape:
    ends = tuple(address(each) for each in addresses)
    flags = 0x4000 if dont_fragment else 0
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, flags, ttl, protocol, 0, *ends)
    frame, size = _ethernet(macs, 0x0800, header + segment)
    checksum = SOURCE_PORT + (6 if protocol == _UDP else 16)
    end = _even(SOURCE_PORT + len(segment))
    ends_at, covered = slice(SOURCE, SOURCE_PORT), slice(SOURCE_PORT, end)
    return Shape(frame, size, ends_at, covered, len(segment), checksum, protocol, ipv4=True)


def _ethernet(macs: tuple[bytes, bytes], kind: int, packet: bytes) -> tuple[bytes, int]:
    frame = macs[1] + macs[0] + struct.pack("!H", kind) + packet
    size = max(len(frame), _SHORTEST)
    return frame.ljust(_even(size), b"\0"), size


def _even(size: int) -> int:
    return size + size % 2


def seal(rows: Rows, shape: Shape) -> None:
    """Make the checksums of all rows right (RFC 1071); fields of the rows may have been changed at will."""
    if shape.addresses is None or shape.segment is None:
        return
    if shape.ipv4:
        rows[:, 24:26] = 0
        _write(rows, 24, _sum(rows[:, 14:34]))
    rows[:, shape.checksum : shape.checksum + 2] = 0
    pseudo = socket.htons(shape.protocol) + socket.htons(shape.length)
    _write(
        rows,
        shape.checksum,
        _sum(rows[:, shape.addresses]) + _sum(rows[:, shape.segment]) + pseudo,
        never_zero=shape.protocol == _UDP,
    )


def _sum(part: Rows) -> npt.NDArray[np.uint32]:
    """Sums of 16-bit words as the machine reads them: the checksum does not mind the order of octets."""
    words: npt.NDArray[Any] = np.ascontiguousarray(part).view(np.uint16)
    return words.sum(axis=1, dtype=np.uint32)


def _write(rows: Rows, at: int, sums: npt.NDArray[np.uint32], *, never_zero: bool = False) -> None:
    sums = (sums & 0xFFFF) + (sums >> 16)
    sums = (sums & 0xFFFF) + (sums >> 16)
    checksums = (~sums & 0xFFFF).astype(np.uint16)
    if never_zero:
        # Zero stands for "none" (RFC 768).
        checksums[checksums == 0] = 0xFFFF
    rows[:, at : at + 2] = checksums.view(np.uint8).reshape(-1, 2)
