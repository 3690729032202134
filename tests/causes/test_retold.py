"""The same boot seen otherwise: what changes nothing about the truth must change nothing in the story.

Each capture of `tests/data/causes` is altered in one of these ways: other link types, tags and tunnels, other
addresses, a later time, every frame twice, other stations' traffic among it, frames without a part in it left out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pxeconform
from tests.causes.test_causes import DATA, NAMES, analysis, truth

Frame = tuple[int, bytes]
"""Time in microseconds, octets."""

_ETHERNET, _RAW, _COOKED, _COOKED_2 = 1, 101, 113, 276
_CLIENT = bytes.fromhex("525400770010")
_OTHER = bytes.fromhex("525400abcdef")
_PARTS = 24
"""Each way is tried on some of the captures, so that all captures are tried and it takes seconds."""


def frames_of(path: Path) -> list[Frame]:
    """The frames of one of our captures, which tcpdump wrote (little endian, microseconds, Ethernet)."""
    octets = path.read_bytes()
    if path.suffix == ".xz":
        import lzma

        octets = lzma.decompress(octets)
    found, at = [], 24
    while at + 16 <= len(octets):
        seconds, micros, size, _ = struct.unpack_from("<IIII", octets, at)
        found.append((seconds * 1_000_000 + micros, octets[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def capture(frames: list[Frame], link: int = _ETHERNET) -> bytes:
    """A pcap file of frames that are whole."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)]
    for time, octets in frames:
        parts += [struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(octets), len(octets)), octets]
    return b"".join(parts)


def _each(change: Callable[[bytes], bytes]) -> Callable[[list[Frame]], bytes]:
    return lambda frames: capture([(time, change(octets)) for time, octets in frames])


def _tagged(octets: bytes) -> bytes:
    return octets[:12] + b"\x81\0\0\x2a" + octets[12:]


def _tagged_twice(octets: bytes) -> bytes:
    return octets[:12] + b"\x88\xa8\0\7\x81\0\0\x2a" + octets[12:]


def _in_a_tunnel(octets: bytes) -> bytes:
    """VXLAN (RFC 7348) between two hosts of another network."""
    inner = b"\x08\0\0\0\0\0\x2a\0" + octets
    udp = struct.pack("!HHHH", 49152, 4789, 8 + len(inner), 0) + inner
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc0\0\2\2")
    return bytes.fromhex("020000000001 020000000002 0800") + head + udp


def _cooked(frames: list[Frame]) -> bytes:
    """As `tcpdump -i any` writes them (LINKTYPE_LINUX_SLL)."""
    return capture([(t, b"\0\0\0\1\0\6" + o[6:12] + b"\0\0" + o[12:]) for t, o in frames], _COOKED)


def _cooked_2(frames: list[Frame]) -> bytes:
    return capture([(t, o[12:14] + bytes(6) + b"\0\1\0\6" + o[6:12] + b"\0\0" + o[14:]) for t, o in frames], _COOKED_2)


def _later(frames: list[Frame]) -> bytes:
    return capture([(time + 86_400_000_000 * 200, octets) for time, octets in frames])


def _twice(frames: list[Frame]) -> bytes:
    """A mirror of both directions: each IP packet comes again after some microseconds."""
    again = [(time + 7, octets) for time, octets in frames]
    return capture(sorted([*frames, *again], key=lambda frame: frame[0]))


def _other_station(octets: bytes) -> bytes:
    """The client has another link address; what is inside DHCP has it too."""
    return octets.replace(_CLIENT, _OTHER)


def _among_others(frames: list[Frame]) -> bytes:
    """A neighbour looks up names and speaks to the world all the time."""
    noise = []
    ethernet = bytes.fromhex("020000000099 020000000098 0800")
    for number, (time, _) in enumerate(frames[:200]):
        query = struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 0) + b"\1x\0\0\1\0\1"
        udp = struct.pack("!HHHH", 40000 + number, 53, 8 + len(query), 0) + query
        source, target = b"\x0a\x4d\x00\xc8", b"\x0a\x4d\x00\x35"
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, source, target)
        noise.append((time + 3, ethernet + head + udp))
    return capture(sorted([*frames, *noise], key=lambda frame: frame[0]))


def _padded(octets: bytes) -> bytes:
    """Small frames are filled up, as on a real wire."""
    return octets.ljust(60, b"\0")


def _pcapng(frames: list[Frame]) -> bytes:
    parts = [
        struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
        struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20),
    ]
    for time, octets in frames:
        padded = octets + bytes(-len(octets) % 4)
        size = 32 + len(padded)
        head = struct.pack("<IIIIIII", 6, size, 0, time >> 32, time & 0xFFFFFFFF, len(octets), len(octets))
        parts += [head, padded, struct.pack("<I", size)]
    return b"".join(parts)


WAYS: dict[str, Callable[[list[Frame]], bytes]] = {
    "VLAN": _each(_tagged),
    "two VLANs": _each(_tagged_twice),
    "VXLAN": _each(_in_a_tunnel),
    "any": _cooked,
    "any, second version": _cooked_2,
    "later": _later,
    "mirror": _twice,
    "other address": _each(_other_station),
    "among others": _among_others,
    "padded": _each(_padded),
    "pcapng": _pcapng,
}


_ON_ETHERNET = [name for name in NAMES if "any-" not in name]


def story(document: dict[str, Any], boots: int) -> list[object]:
    """What is told of the first boots: outcome, steps, causes, codes, and who and what."""
    return [
        (
            *(
                boot[key]
                for key in ("outcome", "firmware", "family", "parent", "client_ip", "boot_server", "boot_file")
            ),
            [step["status"] for step in boot["steps"]],
            [(each["cause"], each["severity"], each["codes"]) for each in boot["diagnosis"]],
        )
        for boot in document["boots"][:boots]
    ]


_CASES = [
    (way, name) for number, way in enumerate(WAYS) for place, name in enumerate(NAMES) if (place + number) % _PARTS == 0
]


@pytest.mark.parametrize(("way", "name"), _CASES)
def test_story_stays_the_same(way: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "otherwise.pcap"
    path.write_bytes(WAYS[way](frames_of(DATA / truth(name)["capture"])))
    boots = len(truth(name)["expected"]["boots"])
    assert story(pxeconform.analyze(path).to_dict(), boots) == story(analysis(name), boots)


def _blocks(frames: list[Frame]) -> dict[tuple[bytes, bytes], list[int]]:
    """Where DATA packets of IPv4 stand, by the ports of their transfer."""
    found: dict[tuple[bytes, bytes], list[int]] = {}
    for place, (_, octets) in enumerate(frames):
        if octets[12:14] == b"\x08\0" and octets[23] == 17 and octets[42:44] == b"\0\3":
            found.setdefault((octets[34:36], octets[36:38]), []).append(place)
    return found


_BOOTED = [
    n
    for n in _ON_ETHERNET
    if not truth(n)["expected"].get("before")
    and (truth(n)["expected"]["outcome"], truth(n)["expected"]["first_cause"]) == ("booted", None)
]


@pytest.mark.parametrize("lost", ["last block", "last block and its acknowledgment", "block in the middle"])
@pytest.mark.parametrize("name", [name for name in _BOOTED if "wrap" not in name][::2])
def test_download_of_which_the_capture_lacks_a_packet_is_still_whole(name: str, lost: str, tmp_path: Path) -> None:
    frames = frames_of(DATA / truth(name)["capture"])
    places = max(_blocks(frames).values(), key=len, default=[])
    if len(places) < 20:
        # Over HTTP, or read by a program with its own small files.
        return
    gone = {"block in the middle": {places[len(places) // 2]}}.get(lost, {places[-1]})
    if "acknowledgment" in lost:
        gone |= {next(p for p in range(places[-1], len(frames)) if frames[p][1][42:44] == b"\0\4")}
    path = tmp_path / "lossy.pcap"
    path.write_bytes(capture([frame for place, frame in enumerate(frames) if place not in gone]))
    boots = pxeconform.analyze(path).to_dict()["boots"][: len(truth(name)["expected"]["boots"])]
    nothing_after = "acknowledgment" in lost and not any(o[23] == 17 for _, o in frames[max(gone) + 1 :])
    assert boots[-1]["outcome"] in ({"incomplete", "booted"} if nothing_after else {"booted"})
    assert [each["cause"] for boot in boots for each in boot["diagnosis"] if each["severity"] == "fatal"] == []
