"""Frames that are held back for later, older ones never keep the rest of a capture from being read."""

from __future__ import annotations

import struct
from pathlib import Path

from pxeconform.capture.datagrams import CaptureInfo, Datagram
from pxeconform.capture.kernels import Kernels
from pxeconform.capture.read import read

MICROSECOND = 1_000
SECOND = 1_000_000_000


def frame(size: int) -> bytes:
    """A UDP datagram in an Ethernet frame."""
    udp = struct.pack("!HHHH", 1000, 2000, size + 8, 0) + bytes(size)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return bytes(12) + b"\x08\0" + head + udp


def pcap(times: list[int], size: int) -> bytes:
    octets = frame(size)
    records = (struct.pack("<IIII", *divmod(time, SECOND), len(octets), len(octets)) + octets for time in times)
    return struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records)


def block(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def packet(number: int, options: bytes = b"") -> bytes:
    octets = frame(98)
    assert len(octets) % 4 == 0
    return block(6, struct.pack("<IIIII", 0, 0, number, len(octets), len(octets)) + octets + options)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))


def found(path: Path, octets: bytes) -> list[Datagram]:
    path.write_bytes(octets)
    info = CaptureInfo(str(path))
    datagrams = list(read(path, info, kernels=Kernels()))
    assert info.complete, info.warnings
    return datagrams


def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    times = [2000 * SECOND] + [1000 * SECOND + number * MICROSECOND for number in range(4500)]
    datagrams = found(tmp_path / "back.pcap", pcap(times, 1400))
    assert len(datagrams) == len(times)
    # The one from the future is passed by no more frames than may stand out of order.
    assert [each.frame for each in datagrams] == [*range(2, 66), 1, *range(66, 4502)]


def test_large_blocks_between_frames_that_wait(tmp_path: Path) -> None:
    for between in (block(0x0BAE, bytes(8 << 20)), block(0x0BAE, bytes(1 << 20)) * 6):
        datagrams = found(tmp_path / "blocks.pcapng", SECTION + packet(2) + between + packet(1))
        assert [each.frame for each in datagrams] == [2, 1]


def test_large_options_of_frames_that_wait(tmp_path: Path) -> None:
    large = struct.pack("<HH", 2988, 60000) + bytes(60000)
    told = struct.pack("<HH", 1, 4) + b"told"
    frames = (packet(number, large * 20 + told) for number in range(20))
    datagrams = found(tmp_path / "options.pcapng", SECTION + b"".join(frames))
    assert [each.comment for each in datagrams] == ["told"] * 20
