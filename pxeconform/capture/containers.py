"""pcap and pcapng files to frames (the formats as the pcap-savefile(5) and pcapng drafts describe them).

By content, not by name. A file that breaks off in the middle gives what it holds and a warning; only what is no
capture at all raises `CaptureError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pxeconform.capture.datagrams import CaptureError, CaptureInfo

_LARGEST_FRAME = 262144 * 4
"""A record that claims more octets than this is damage, not a packet (libpcap stops at 262144, for most links)."""

_NANOSECONDS = 1_000_000_000
_LATEST = 2**63 - 1
"""Times are nanoseconds since the epoch and must fit a signed 64 bit column."""
_MOST_INTERFACES = 65536

_PCAP_MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_PACKETS = {_OBSOLETE: "HxxIIII", _ENHANCED: "IIIII"}
"""Blocks that hold a packet and how they begin: interface, time (two halves), octets at hand, length on the wire."""
_OPTION_COMMENT, _OPTION_RESOLUTION, _OPTION_OFFSET = 1, 9, 14


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame: number from 1, time in ns, link type, octets at hand, length on the wire."""

    number: int
    time: int
    link_type: int
    octets: bytes
    length: int
    comment: str = ""


def frames(stream: IO[bytes], info: CaptureInfo) -> Iterator[Frame]:
    """All frames of a capture, in the order of the file; `info` is filled on the way."""
    magic = stream.read(4)
    if not magic:
        raise CaptureError(f"{info.path}: the file is empty")
    if len(magic) == 4:
        if struct.unpack("<I", magic)[0] == _SECTION_HEADER:
            info.format = "pcapng"
            return _pcapng(stream, info)
        for order in "<>":
            unit = _PCAP_MAGICS.get(struct.unpack(f"{order}I", magic)[0])
            if unit is not None:
                info.format = "pcap"
                return _pcap(stream, info, order, unit)
    raise CaptureError(f"{info.path}: this is no pcap or pcapng capture")


def _pcap(stream: IO[bytes], info: CaptureInfo, order: str, unit: int) -> Iterator[Frame]:
    header = stream.read(20)
    if len(header) < 20:
        raise CaptureError(f"{info.path}: the file ends inside the pcap header")
    # The upper six bits tell of frame check sequences.
    link_type = struct.unpack(f"{order}I", header[16:20])[0] & 0x03FFFFFF
    record = struct.Struct(f"{order}IIII")
    number = 0
    while head := stream.read(record.size):
        if len(head) < record.size:
            _broken(info, number, "ends inside a record header")
            return
        seconds, fraction, captured, length = record.unpack(head)
        if captured > _LARGEST_FRAME:
            _broken(info, number, f"holds a record that claims {captured} octets")
            return
        octets = stream.read(captured)
        if len(octets) < captured:
            _broken(info, number, "ends inside a packet")
            return
        number += 1
        yield Frame(number, seconds * _NANOSECONDS + fraction * unit, link_type, octets, max(length, captured))


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    snap_length: int
    ticks: int = 1_000_000
    offset: int = 0

    def nanoseconds(self, stamp: int) -> int:
        return (stamp * _NANOSECONDS) // self.ticks + self.offset * _NANOSECONDS


def _pcapng(stream: IO[bytes], info: CaptureInfo) -> Iterator[Frame]:
    order, interfaces, number = "<", list[_Interface](), 0
    head = struct.pack("<I", _SECTION_HEADER) + stream.read(4)
    while head:
        if len(head) < 8:
            _broken(info, number, "ends inside a block header")
            return
        kind, size = struct.unpack(f"{order}II", head)
        taken = 8
        start = b""
        if kind == _SECTION_HEADER:
            start = stream.read(4)
            taken = 12
            if len(start) < 4 or start not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                _broken(info, number, "holds a section whose byte order cannot be told")
                return
            order = "<" if start == b"\x4d\x3c\x2b\x1a" else ">"
            size = struct.unpack(f"{order}I", head[4:])[0]
            interfaces = []
        if size < taken + 4 or size % 4 or size > _LARGEST_FRAME * 2:
            _broken(info, number, f"holds a block that claims {size} octets")
            return
        body = stream.read(size - taken)
        if len(body) < size - taken:
            _broken(info, number, "ends inside a block")
            return
        body = start + body[:-4]
        if kind == _INTERFACE and len(body) >= 8 and len(interfaces) < _MOST_INTERFACES:
            interfaces.append(_interface(body, order))
        elif kind == _SIMPLE or kind in _PACKETS:
            frame = _packet(kind, body, order, interfaces, number + 1, info)
            number += 1
            if frame is not None:
                yield frame
        head = stream.read(8)


def _interface(body: bytes, order: str) -> _Interface:
    link_type, snap_length = struct.unpack_from(f"{order}HxxI", body)
    ticks, offset = 1_000_000, 0
    for code, value in _options(body[8:], order):
        if code == _OPTION_RESOLUTION and len(value) == 1:
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** min(value[0], 18)
        elif code == _OPTION_OFFSET and len(value) == 8:
            offset = struct.unpack(f"{order}q", value)[0]
    return _Interface(link_type, snap_length, ticks, offset)


def _packet(
    kind: int, body: bytes, order: str, interfaces: list[_Interface], number: int, info: CaptureInfo
) -> Frame | None:
    if kind == _SIMPLE:
        # A simple packet block has neither an interface nor a time: it belongs to the first interface.
        if len(body) < 4 or not interfaces:
            info.warn(f"frame {number} cannot be read: its block is too short or names no interface")
            return None
        length = struct.unpack_from(f"{order}I", body)[0]
        snap = interfaces[0].snap_length or length
        return Frame(number, 0, interfaces[0].link_type, body[4 : 4 + min(length, snap)], length)
    if len(body) < 20:
        info.warn(f"frame {number} cannot be read: its block is too short")
        return None
    index, high, low, captured, length = struct.unpack_from(order + _PACKETS[kind], body)
    if index >= len(interfaces) or captured > len(body) - 20:
        info.warn(f"frame {number} cannot be read: it names an unknown interface or claims octets that are not there")
        return None
    comments = [
        value.decode("utf-8", "replace")
        for code, value in _options(body[20 + captured + (-captured % 4) :], order)
        if code == _OPTION_COMMENT
    ]
    interface = interfaces[index]
    time = interface.nanoseconds((high << 32) | low)
    if not 0 <= time <= _LATEST:
        info.warn("the capture holds times that no clock shows; they are read as 0")
        time = 0
    return Frame(
        number,
        time,
        interface.link_type,
        body[20 : 20 + captured],
        max(length, captured),
        "\n".join(comments),
    )


def _options(octets: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(f"{order}HH", octets, at)
        at += 4
        if code == 0 or at + length > len(octets):
            return
        yield code, octets[at : at + length]
        at += length + (-length % 4)


def _broken(info: CaptureInfo, number: int, what: str) -> None:
    info.complete = False
    info.warn(f"the capture {what} after frame {number}")
