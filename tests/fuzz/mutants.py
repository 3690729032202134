"""Hostile captures made from good ones: one number, one mutant, the same on every machine.

A blind mutator is stopped by the first length field. So half of the mutants are made of frames: their headers are
damaged, wrapped into tunnels, cut into fragments, put out of order, and written as a container of a random kind. Then
octets may be damaged anywhere, and the whole may be packed and damaged once more.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

Frames = list[tuple[int, bytes]]
"""Times in microseconds and octets."""

_MOST_FRAMES = 40
_LINKS = (0, 1, 1, 1, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 228, 229, 276, 65535)
_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 63, 64, 127, 128, 255, 256, 1500, 4095, 32767, 32768, 65534, 65535)
_LARGE = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, 262144, 262145, 1 << 20, 1 << 24)

_WRAPPERS: dict[str, bytes] = {
    "vlan": bytes.fromhex("ffffffffffff0200000000018100 0065".replace(" ", "")),
    "qinq": bytes.fromhex("ffffffffffff02000000000188a80064810000650800"),
    "mpls": bytes.fromhex("ffffffffffff0200000000018847 000640ff 000121ff".replace(" ", "")),
    "pppoe": bytes.fromhex("ffffffffffff0200000000018864 1100 0001 0040 0021".replace(" ", "")),
}
_PACKERS: tuple[Callable[[bytes], bytes], ...] = (partial(gzip.compress, mtime=0), bz2.compress, lzma.compress)
"""Without the time of day, which gzip notes: a number is the same mutant tomorrow."""
_OUTER = bytes.fromhex("ffffffffffff0200000000010800")


def seeds(folder: Path) -> list[Frames]:
    """The frames of good captures, of each the first and last ones."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".pcap", ".pcapng"):
            frames = _frames(path.read_bytes())
            found.append(frames[: _MOST_FRAMES // 2] + frames[-_MOST_FRAMES // 2 :])
    return found


def _frames(octets: bytes) -> Frames:
    """Of the plain little-endian captures that the project ships."""
    found: Frames = []
    if octets[:4] == b"\xd4\xc3\xb2\xa1":
        at = 24
        while at < len(octets):
            seconds, micro, have, _ = struct.unpack_from("<IIII", octets, at)
            found.append((seconds * 1_000_000 + micro, octets[at + 16 : at + 16 + have]))
            at += 16 + have
        return found
    at = 0
    while at < len(octets):
        kind, size = struct.unpack_from("<II", octets, at)
        if kind == 6:
            _, high, low, have, _ = struct.unpack_from("<IIIII", octets, at + 8)
            found.append(((high << 32) | low, octets[at + 28 : at + 28 + have]))
        at += size
    return found


def octets_of_frames(number: int, seeds: Sequence[Frames]) -> list[bytes]:
    """A few hostile frames without a container."""
    chance = random.Random(number)
    frames = chance.choice(seeds)
    start = chance.randrange(len(frames))
    frames = frames[start : start + 3]
    for _ in range(chance.choice((1, 2, 4, 8))):
        frames = chance.choice(_OF_FRAMES)(frames, chance) or frames
    return [octets for _, octets in frames]


def mutant(number: int, seeds: Sequence[Frames]) -> bytes:
    """The capture of that number."""
    chance = random.Random(number)
    frames = list(chance.choice(seeds))
    if chance.random() < 0.3:
        frames = frames[: chance.randrange(1, len(frames))]
    for _ in range(chance.choice((0, 1, 1, 2, 4, 16))):
        frames = chance.choice(_OF_FRAMES)(frames, chance) or frames
    octets = chance.choice((_pcap, _pcap, _pcapng))(frames, chance)
    if chance.random() < 0.5:
        octets = _damaged(octets, chance)
    if chance.random() < 0.05:
        octets = chance.choice(_PACKERS)(octets)
        if chance.random() < 0.7:
            octets = _damaged(octets, chance)
    return octets


# What happens to frames


def _header(frames: Frames, chance: random.Random) -> Frames:
    """Damage one field near the beginning of a frame, where the headers are."""
    n = chance.randrange(len(frames))
    frames = list(frames)
    time, octets = frames[n]
    frames[n] = (time, _field(octets, chance, min(len(octets), chance.choice((20, 50, 80, 400)))))
    return frames


def _field(octets: bytes, chance: random.Random, end: int) -> bytes:
    if end < 4:
        return octets + bytes(4)
    changed, at = bytearray(octets), chance.randrange(end)
    width = chance.choice((1, 1, 2, 2, 4))
    value = chance.choice(_NUMBERS + _LARGE) if chance.random() < 0.7 else chance.getrandbits(32)
    part = (value & ((1 << 8 * width) - 1)).to_bytes(width, chance.choice(("big", "little")))
    changed[at : at + width] = part
    return bytes(changed)


def _cut(frames: Frames, chance: random.Random) -> Frames:
    n = chance.randrange(len(frames))
    time, octets = frames[n]
    return [*frames[:n], (time, octets[: chance.randrange(len(octets) + 1)]), *frames[n + 1 :]]


def _again(frames: Frames, chance: random.Random) -> Frames:
    n = chance.randrange(len(frames))
    return frames[: n + 1] + [frames[n]] * chance.choice((1, 1, 2, 50)) + frames[n + 1 :]


def _shuffled(frames: Frames, chance: random.Random) -> Frames:
    frames = list(frames)
    chance.shuffle(frames)
    return frames


def _without(frames: Frames, chance: random.Random) -> Frames:
    n = chance.randrange(len(frames))
    return frames[:n] + frames[n + 1 :]


def _when(frames: Frames, chance: random.Random) -> Frames:
    n = chance.randrange(len(frames))
    moment = chance.choice((0, 1, (1 << 32) * 1_000_000 - 1, frames[n][0] + chance.randrange(-(10**10), 10**10)))
    return [*frames[:n], (max(moment, 0), frames[n][1]), *frames[n + 1 :]]


def _wrapped(frames: Frames, chance: random.Random) -> Frames:
    """Put a frame into a tunnel or behind tags, several times over."""
    n = chance.randrange(len(frames))
    time, octets = frames[n]
    for _ in range(chance.choice((1, 1, 2, 3, 30))):
        octets = _wrap(octets, chance)[:65000]
    return [*frames[:n], (time, octets), *frames[n + 1 :]]


def _wrap(octets: bytes, chance: random.Random) -> bytes:
    kind = chance.choice(("vlan", "qinq", "mpls", "pppoe", "udp", "gre", "erspan2", "erspan3", "ipip", "icmp", "ipv6"))
    network = octets[14:]
    if kind == "vlan":
        return octets[:12] + b"\x81\0\0\x65" + octets[12:]
    if kind in _WRAPPERS:
        return _WRAPPERS[kind] + network
    if kind == "udp":
        port, head = chance.choice(
            ((4789, "0800000000004d00"), (6081, "0000655800004d00"), (6081, "0200655800004d000102030405060708"))
        )
        payload = bytes.fromhex(head) + octets
        return _ip(17, struct.pack("!HHHH", 5000, port, 8 + len(payload) & 0xFFFF, 0) + payload, chance)
    if kind == "gre":
        return _ip(
            47,
            bytes.fromhex(
                chance.choice(("00006558", "b000655800000000000000010000000200", "20000800 00000001".replace(" ", "")))
            )
            + octets,
            chance,
        )
    if kind == "erspan2":
        return _ip(47, bytes.fromhex("100088be00000001 1001000100000000".replace(" ", "")) + octets, chance)
    if kind == "erspan3":
        return _ip(47, bytes.fromhex("100022eb00000001 20010001 00000000 00000001".replace(" ", "")) + octets, chance)
    if kind == "ipip":
        return _ip(chance.choice((4, 41)), network, chance)
    if kind == "icmp":
        return _ip(1, bytes([chance.choice((3, 11)), chance.randrange(16)]) + bytes(6) + network, chance)
    chain = b"".join(
        bytes([chance.choice((0, 43, 44, 60, 51)), chance.randrange(3)]) + bytes(6) for _ in range(chance.randrange(5))
    )
    six = b"\x60\0\0\0" + struct.pack("!HBB", len(chain) + len(network) & 0xFFFF, chance.choice((0, 4, 44, 60)), 64)
    return _OUTER[:12] + b"\x86\xdd" + six + bytes(15) + b"\1" + bytes(15) + b"\2" + chain + network


def _ip(protocol: int, payload: bytes, chance: random.Random) -> bytes:
    size = 20 + len(payload) & 0xFFFF
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, chance.getrandbits(16), 0, 64, protocol, 0)
    return _OUTER + head + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + payload


def _fragmented(frames: Frames, chance: random.Random) -> Frames:
    """Cut an IPv4 packet into fragments; some overlap, some are lost, some come out of order."""
    n = chance.randrange(len(frames))
    time, octets = frames[n]
    if octets[12:14] != b"\x08\0" or len(octets) < 50:
        return frames
    head, payload, step = octets[14:34], octets[34:], chance.choice((8, 16, 64, 256))
    pieces: Frames = []
    for offset in range(0, min(len(payload), 64 * step), step):
        piece = payload[offset : offset + step + chance.choice((0, 0, 0, 8))]
        more = 0x2000 if offset + step < len(payload) else 0
        place = more | (offset // 8 + chance.choice((0,) * 30 + (1, 8000)))
        fixed = head[:2] + struct.pack("!HHH", 20 + len(piece), 0x1234, place & 0xFFFF) + head[8:]
        pieces.append((time, octets[:14] + fixed + piece))
    if chance.random() < 0.5:
        chance.shuffle(pieces)
    if chance.random() < 0.3 and len(pieces) > 1:
        pieces.pop(chance.randrange(len(pieces)))
    return frames[:n] + pieces + frames[n + 1 :]


_OF_FRAMES: tuple[Callable[[Frames, random.Random], Frames], ...] = (
    *(_header,) * 5,
    _cut,
    _again,
    _shuffled,
    _without,
    _when,
    *(_wrapped,) * 3,
    *(_fragmented,) * 2,
)


# What they are written as


def _lengths(octets: bytes, chance: random.Random) -> tuple[int, int]:
    """Octets at hand and on the wire, at times a lie."""
    have = len(octets) if chance.random() < 0.99 else chance.choice(_NUMBERS + _LARGE)
    wire = len(octets) if chance.random() < 0.9 else chance.choice(_NUMBERS + _LARGE)
    return have, wire


def _link(chance: random.Random) -> int:
    return 1 if chance.random() < 0.8 else chance.choice(_LINKS)


def _pcap(frames: Frames, chance: random.Random) -> bytes:
    order = chance.choice("<<>")
    magic = chance.choice((0xA1B2C3D4, 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0xA1E2CB12))
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, chance.choice((4, 4, 3, 2)), 0, 0, 65535, _link(chance))]
    for time, octets in frames:
        have, wire = _lengths(octets, chance)
        parts.append(struct.pack(f"{order}IIII", time // 1_000_000 & 0xFFFFFFFF, time % 1_000_000, have, wire))
        parts.append((bytes(8) if magic == 0xA1B2CD34 else b"") + octets)
    return b"".join(parts)


def _pcapng(frames: Frames, chance: random.Random) -> bytes:
    order = chance.choice("<<>")

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = len(body) + 12
        return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)

    def section() -> bytes:
        return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, chance.choice((-1, -1, 0, 64))))

    def interface() -> bytes:
        options = b""
        if chance.random() < 0.4:
            options += option(9, bytes([chance.choice((0, 3, 6, 9, 12, 18, 19, 63, 127, 128, 138, 191, 192, 255))]))
        if chance.random() < 0.3:
            options += option(
                14, struct.pack(f"{order}q", chance.choice((-1, 0, 1, 1 << 40, -(1 << 62), (1 << 63) - 1)))
            )
        if chance.random() < 0.2:
            options += option(chance.getrandbits(16), bytes(chance.randrange(20)))
        return block(1, struct.pack(f"{order}HHI", _link(chance), 0, chance.choice((0, 65535, 96, 1))) + options)

    parts = [section(), interface()]
    for time, octets in frames:
        have, wire = _lengths(octets, chance)
        kind = chance.choice((6, 6, 6, 6, 3, 2, 5, 4, 0xBAD, 9))
        number = 0 if chance.random() < 0.95 else chance.choice(_NUMBERS + _LARGE)
        stamp = (time >> 32) & 0xFFFFFFFF, time & 0xFFFFFFFF
        padded = octets + bytes(-len(octets) % 4)
        if kind == 6:
            comment = option(1, octets[:20]) + option(0, b"") if chance.random() < 0.1 else b""
            parts.append(block(6, struct.pack(f"{order}IIIII", number, *stamp, have, wire) + padded + comment))
        elif kind == 2:
            parts.append(block(2, struct.pack(f"{order}HHIIII", number & 0xFFFF, 0, *stamp, have, wire) + padded))
        elif kind == 3:
            parts.append(block(3, struct.pack(f"{order}I", wire) + padded))
        else:
            parts.append(block(kind, padded[:40]))
        if chance.random() < 0.02:
            order = chance.choice("<>")
            parts.append(section())
        if chance.random() < 0.05:
            parts.append(interface())
    return b"".join(parts)


def _damaged(octets: bytes, chance: random.Random) -> bytes:
    """Damage anywhere: fields, bits, what is cut out, put in, or missing at the end."""
    for _ in range(chance.choice((1, 1, 2, 3, 10))):
        if not octets:
            break
        at = chance.randrange(len(octets)) if chance.random() < 0.6 else chance.randrange(min(len(octets), 300))
        kind = chance.randrange(6)
        if kind == 0:
            octets = octets[:at] + bytes([octets[at] ^ 1 << chance.randrange(8)]) + octets[at + 1 :]
        elif kind == 1:
            octets = octets[: at - at % 4] + _field(octets[at - at % 4 :], chance, 4)
        elif kind == 2:
            octets = octets[:at] + octets[at + chance.choice((1, 2, 4, 16, 100)) :]
        elif kind == 3:
            octets = octets[:at] + chance.randbytes(chance.choice((1, 2, 4, 16))) + octets[at:]
        elif kind == 4 and chance.random() < 0.3:
            octets = octets[:at]
        else:
            octets = octets[: at - at % 4] + _field(octets[at - at % 4 :], chance, min(40, len(octets)))
    return octets
