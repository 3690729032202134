"""Captures of every kind to datagrams: written here, partly by Scapy and partly octet by octet."""

from __future__ import annotations

import io
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pxeconform.protocol.layers  # noqa: F401  (quiets Scapy before it is imported below)
from pxeconform.capture.copies import marked, tell_copies
from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Datagram, Kind
from pxeconform.capture.fragments import Reassembler
from pxeconform.capture.read import read

# The link layers have to know each other, so this comes first among Scapy's.
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment  # isort: skip
from scapy.layers.inet6 import (  # isort: skip
    ICMPv6DestUnreach,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import ARP, SNAP, CookedLinux, CookedLinuxV2, Dot1Q, Ether  # isort: skip
from scapy.packet import Packet, Raw  # isort: skip
from scapy.utils import PcapNgWriter, PcapWriter  # isort: skip

if TYPE_CHECKING:
    from pathlib import Path

CLIENT, SERVER = "52:54:00:12:34:56", "02:00:00:00:00:01"
# Both addresses always stand there: Scapy would ask the network for those that are missing.
ETHER = Ether(src=CLIENT, dst=SERVER)
V4 = IP(src="10.0.0.9", dst="10.0.0.1")
V6 = IPv6(src="fd00::9", dst="fd00::1")
REQUEST = UDP(sport=40000, dport=69) / Raw(b"\0\1file\0octet\0")
SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND + 123_456_789


def pcap(*packets: bytes, order: str = "<", nano: bool = False, link: int = 1, snap: int = 65535) -> bytes:
    """A pcap file; the frames come one second after the other from NOW on."""
    unit = 1 if nano else 1000
    parts = [struct.pack(f"{order}IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for number, packet in enumerate(packets):
        seconds, fraction = divmod(NOW + number * SECOND, SECOND)
        held = packet[:snap]
        parts.append(struct.pack(f"{order}IIII", seconds, fraction // unit, len(held), len(packet)) + held)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block with its two lengths."""
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(*options: bytes, link: int = 1, snap: int = 0, order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + b"".join(options), order)


def enhanced(stamp: int, packet: bytes, *options: bytes, index: int = 0, order: str = "<") -> bytes:
    head = struct.pack(f"{order}IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(packet), len(packet))
    return block(6, head + packet + bytes(-len(packet) % 4) + b"".join(options), order)


def decoded(octets: bytes, path: str = "test") -> tuple[list[Datagram], CaptureInfo]:
    """What `read` makes of a file's octets, through the same two stages but without the file."""
    from pxeconform.capture.read import _datagrams

    info = CaptureInfo(path)
    return list(_datagrams(io.BytesIO(octets), info)), info


def one(packet: Packet, link: int = 1) -> Datagram:
    (datagram,), info = decoded(pcap(bytes(packet), link=link))
    assert info.warnings == []
    return datagram


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_byte_orders_and_units(order: str, nano: bool) -> None:
    octets = bytes(ETHER / V4 / REQUEST)
    (first, second), info = decoded(pcap(octets, octets, order=order, nano=nano))
    assert first.time == (NOW if nano else NOW // 1000 * 1000)
    assert (first.frame, second.frame, second.time - first.time) == (1, 2, SECOND)
    assert (first.sender, first.receiver) == (("10.0.0.9", 40000), ("10.0.0.1", 69))
    assert (first.payload, first.length, first.cut, first.kind) == (REQUEST.load, len(REQUEST.load), False, Kind.UDP)
    assert (first.source_mac.hex(":"), first.destination_mac.hex(":")) == (CLIENT, SERVER)
    assert (info.format, info.link_types, info.packets, info.complete) == ("pcap", ["EN10MB"], 2, True)
    assert (info.first_time, info.last_time) == (first.time, second.time)


@pytest.mark.parametrize("bits", [0x04000000, 0x14000000, 0xF4000000])
def test_bits_about_checksums_are_no_part_of_the_link_type(bits: int) -> None:
    assert one(ETHER / V4 / REQUEST, link=bits | 1).payload == REQUEST.load


@pytest.mark.parametrize("nano", [False, True])
def test_what_scapy_writes_as_pcap(tmp_path: Path, nano: bool) -> None:
    path = tmp_path / "no-suffix"
    packet = ETHER / V4 / REQUEST
    packet.time = 1_700_000_000.5
    with PcapWriter(str(path), nano=nano, linktype=1) as writer:
        writer.write(packet)
    (datagram,) = read(path)
    assert (datagram.time, datagram.payload) == (1_700_000_000_500_000_000, REQUEST.load)


def test_what_scapy_writes_as_pcapng(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    packet = ETHER / V4 / REQUEST
    packet.time = 1_700_000_000.5
    packet.comments = [b"one", "zwei ü".encode()]
    with PcapNgWriter(str(path)) as writer:
        writer.write(packet)
    info = CaptureInfo(str(path))
    (datagram,) = read(path, info)
    assert (datagram.time, datagram.comment) == (1_700_000_000_500_000_000, "one\nzwei ü")
    assert (info.format, info.warnings) == ("pcapng", [])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "offset", "stamp", "wanted"),
    [
        (None, None, NOW // 1000, NOW // 1000 * 1000),
        (9, None, NOW, NOW),
        (0, None, 1_700_000_000, 1_700_000_000 * SECOND),
        (0x80 | 10, None, 1_700_000_000 * 1024 + 512, 1_700_000_000 * SECOND + SECOND // 2),
        (9, 1_700_000_000, 5, 1_700_000_000 * SECOND + 5),
        (12, None, 5_000_999, 5_000),
    ],
)
def test_pcapng_times(order: str, resolution: int | None, offset: int | None, stamp: int, wanted: int) -> None:
    options = [] if resolution is None else [option(9, bytes((resolution,)), order)]
    options += [] if offset is None else [option(14, struct.pack(f"{order}q", offset), order)]
    octets = bytes(ETHER / V4 / REQUEST)
    packet = enhanced(stamp, octets, option(1, b"why", order), order=order)
    (datagram,), info = decoded(section(order) + interface(*options, order=order) + packet)
    assert (datagram.time, datagram.comment, info.warnings) == (wanted, "why", [])


@pytest.mark.parametrize(("resolution", "stamp"), [(0, 2**64 - 1), (0x80, 2**62), (9, 2**64 - 1)])
def test_times_that_no_column_holds_are_told_and_read_as_0(resolution: int, stamp: int) -> None:
    octets = section() + interface(option(9, bytes((resolution,)))) + enhanced(stamp, bytes(ETHER / V4 / REQUEST))
    (datagram,), info = decoded(octets)
    assert datagram.time == 0
    assert "no clock shows" in info.warnings[0]


def test_sections_interfaces_and_old_blocks() -> None:
    ethernet, bare = bytes(ETHER / V4 / REQUEST), bytes(V4 / REQUEST)
    octets = (
        section()
        # Anybody's own block counts as a frame, as tshark counts; one of a kind that nobody knows does not.
        + block(0x0BAD, bytes(4) + b"note")
        + block(0x0ABCDEF0, b"unknown!")
        + interface(link=1)
        + interface(link=101)
        + enhanced(1, bare, index=1)
        + block(3, struct.pack("<I", len(ethernet)) + ethernet)
        + block(2, struct.pack("<HHIIII", 1, 0, 0, 7, len(bare), len(bare)) + bare)
        + enhanced(1, bare, index=2)
        + section(">")
        + interface(link=101, order=">")
        + enhanced(8, bare, order=">")
    )
    datagrams, info = decoded(octets)
    assert [(each.frame, each.time) for each in datagrams] == [(2, 1000), (3, 0), (4, 7000), (6, 8000)]
    assert len(info.warnings) == 1
    assert "frame 5" in info.warnings[0]
    assert info.link_types == ["RAW", "EN10MB"]


def test_a_simple_packet_ends_at_the_snap_length() -> None:
    whole = bytes(ETHER / V4 / REQUEST)
    (datagram,), info = decoded(
        section() + interface(snap=48) + block(3, struct.pack("<I", len(whole)) + whole[:48] + bytes(0))
    )
    assert (datagram.cut, len(datagram.payload)) == (True, 6)
    assert info.snapped == 1


@pytest.mark.parametrize(
    "head",
    [
        ETHER / Dot1Q(vlan=120),
        Ether(src=CLIENT, dst=SERVER, type=0x88A8) / Dot1Q(vlan=1) / Dot1Q(vlan=2),
        Ether(src=CLIENT, dst=SERVER, type=0x9100) / Dot1Q(vlan=1) / Dot1Q(vlan=2),
    ],
)
def test_vlan_tags(head: Packet) -> None:
    assert one(head / V4 / REQUEST).payload == REQUEST.load
    assert one(head / V6 / REQUEST).sender == ("fd00::9", 40000)


@pytest.mark.parametrize(
    ("head", "link"),
    [
        (CookedLinux(proto=0x0800), 113),
        (CookedLinux(proto=0x8100) / Dot1Q(vlan=7), 113),
        (CookedLinuxV2(proto=0x0800), 276),
        (CookedLinuxV2(proto=0x8100) / Dot1Q(vlan=7), 276),
        (Raw(b"\2\0\0\0"), 0),
        (Raw(b"\0\0\0\2"), 0),
        (Raw(b"\0\0\0\2"), 108),
        (Raw(b""), 12),
        (Raw(b""), 101),
        (Raw(b""), 228),
    ],
)
def test_other_link_layers(head: Packet, link: int) -> None:
    datagram = one(head / V4 / REQUEST, link)
    assert (datagram.sender, datagram.payload) == (("10.0.0.9", 40000), REQUEST.load)
    assert datagram.source_mac == b""


def test_ipv6_with_and_without_extension_headers() -> None:
    assert one(V6 / REQUEST, link=229).receiver == ("fd00::1", 69)
    for headers in (IPv6ExtHdrHopByHop(), IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment()):
        datagram = one(ETHER / V6 / headers / REQUEST)
        assert (datagram.receiver, datagram.payload, datagram.cut) == (("fd00::1", 69), REQUEST.load, False)


def test_ip_options_padding_and_checksums_do_not_matter() -> None:
    packet = ETHER / IP(src="10.0.0.9", dst="10.0.0.1", options=[b"\x01" * 8]) / REQUEST
    assert one(packet / Raw(b"")).payload == REQUEST.load
    assert one(Raw(bytes(ETHER / V4 / UDP(sport=1, dport=2) / b"xy") + bytes(16))).payload == b"xy"
    offloaded = bytearray(bytes(ETHER / V4 / REQUEST))
    offloaded[16:18] = b"\0\0"
    assert one(Raw(bytes(offloaded))).payload == REQUEST.load


@pytest.mark.parametrize("claimed", [0, 7, 9999])
def test_udp_lengths_that_lie(claimed: int) -> None:
    datagram = one(ETHER / V4 / UDP(sport=1, dport=2, len=claimed, chksum=0) / b"abc")
    assert (datagram.payload, datagram.length) == (b"abc", 3)


def big(size: int = 5000) -> bytes:
    return bytes(number % 251 for number in range(size))


def pieces(version: int) -> list[Packet]:
    if version == 4:
        return [ETHER / each for each in fragment(V4 / UDP(sport=1, dport=2) / Raw(big()), fragsize=1480)]  # type: ignore[no-untyped-call]
    packet = V6 / IPv6ExtHdrFragment(id=9) / UDP(sport=1, dport=2) / Raw(big())
    return [ETHER / each for each in fragment6(packet, 1500)]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (0, 0, 1, 2, 1, 3)])
def test_fragments_in_any_order(version: int, order: tuple[int, ...]) -> None:
    parts = pieces(version)
    assert len(parts) == 4
    (datagram,), info = decoded(pcap(*(bytes(parts[number]) for number in order)))
    assert (datagram.payload, datagram.length, datagram.source_port) == (big(), len(big()), 1)
    assert datagram.frame == len(order)
    assert info.warnings == []


@pytest.mark.parametrize("version", [4, 6])
def test_missing_and_cut_fragments_are_told(version: int) -> None:
    parts = [bytes(part) for part in pieces(version)]
    for octets in (pcap(*parts[:-1]), pcap(*parts[1:]), pcap(*parts, snap=600)):
        datagrams, info = decoded(octets)
        assert datagrams == []
        assert "of 1 IP packets some fragments are missing" in info.warnings


def test_a_mirrored_fragment_is_neither_missing_nor_a_second_packet() -> None:
    reassembler = Reassembler()
    key = ("a", "b", 17, 1)
    for moment in (0, 100):
        assert reassembler.add(key, 0, b"12345678", last=False, time=moment, whole=True) is None
    assert reassembler.add(key, 8, b"90", last=True, time=200, whole=True) == b"1234567890"
    assert reassembler.add(key, 8, b"90", last=True, time=300, whole=True) is None
    assert reassembler.waiting == 0
    # The same identification a second later is another packet, also with the same octets.
    assert reassembler.add(key, 8, b"90", last=True, time=SECOND, whole=True) is None
    assert reassembler.add(key, 0, b"12345678", last=False, time=SECOND, whole=True) == b"1234567890"


def test_an_overlap_does_not_rewrite_what_came_before() -> None:
    reassembler = Reassembler()
    key = ("a", "b", 17, 1)
    assert reassembler.add(key, 0, b"AAAAAAAA", last=False, time=0, whole=True) is None
    assert reassembler.add(key, 0, b"BBBBBBBBBBBBBBBB", last=False, time=0, whole=True) is None
    assert reassembler.add(key, 16, b"C", last=True, time=0, whole=True) == b"AAAAAAAABBBBBBBBC"


def test_hostile_fragments_cost_little() -> None:
    reassembler = Reassembler()
    began = time.process_time()
    for number in range(3000):
        reassembler.add(("a", "b", 17, number), 65000, b"x", last=True, time=0, whole=True)
    assert len(reassembler._packets) <= 1024
    for number in range(8000):
        reassembler.add(("c", "d", 17, 1), (number * 16) % 65000, b"12345678", last=False, time=0, whole=True)
    for number in range(4000):
        reassembler.add(("c", "d", 17, 2), 65528, b"1", last=True, time=0, whole=True)
        reassembler.add(("c", "d", 17, 2), number * 8, b"12345678" * 2, last=False, time=0, whole=True)
    assert reassembler.add(("c", "d", 17, 3), 65528, b"12345678", last=True, time=0, whole=True) is None
    assert time.process_time() - began < 5


def test_an_identification_used_again_later_is_another_packet() -> None:
    reassembler = Reassembler()
    key = ("a", "b", 17, 1)
    reassembler.add(key, 0, b"OLDOLDOL", last=False, time=0, whole=True)
    assert reassembler.add(key, 8, b"new", last=True, time=60 * SECOND, whole=True) is None
    assert reassembler.add(key, 0, b"NEWNEWNE", last=False, time=60 * SECOND, whole=True) == b"NEWNEWNEnew"
    assert reassembler.waiting == 1


@pytest.mark.parametrize(("kind", "code"), [(3, 3), (3, 4), (5, 1), (11, 0), (12, 0)])
def test_icmp_errors_speak_of_the_datagram_that_they_quote(kind: int, code: int) -> None:
    error = Ether(src=SERVER, dst=CLIENT) / IP(src="10.0.0.254", dst="10.0.0.9") / ICMP(type=kind, code=code)
    datagram = one(error / V4 / REQUEST)
    assert (datagram.kind, datagram.code, datagram.reporter) == (Kind.ICMP_ERROR, (kind, code), "10.0.0.254")
    assert (datagram.sender, datagram.receiver) == (("10.0.0.9", 40000), ("10.0.0.1", 69))
    assert datagram.payload == REQUEST.load


def test_icmp_of_ipv6() -> None:
    datagram = one(ETHER / IPv6(src="fd00::1", dst="fd00::9") / ICMPv6DestUnreach(code=4) / V6 / REQUEST)
    assert (datagram.kind, datagram.code, datagram.reporter) == (Kind.ICMP_ERROR, (1, 4), "fd00::1")
    assert datagram.sender == ("fd00::9", 40000)


@pytest.mark.parametrize(
    "packet",
    [
        IP() / ICMP(type=8) / b"ping of twenty octets and more, not an error",
        IP() / ICMP(type=3, code=3) / V4 / TCP(),
        IP() / ICMP(type=3, code=3) / IP(src="1.2.3.4", dst="1.2.3.5", frag=100, proto=17) / b"no ports here at all",
        IP() / ICMP(type=3, code=3) / Raw(b"\x40" + bytes(8) + b"\x11" + bytes(30)),
        IP() / ICMP(type=3, code=3) / Raw(b"\x45"),
    ],
)
def test_icmp_that_says_nothing_of_a_datagram(packet: Packet) -> None:
    assert decoded(pcap(bytes(ETHER / packet)))[0] == []


@pytest.mark.parametrize("operation", [1, 2])
def test_arp(operation: int) -> None:
    datagram = one(ETHER / ARP(op=operation, hwsrc=CLIENT, psrc="10.0.0.9", pdst="10.0.0.1"))
    assert (datagram.kind, datagram.code) == (Kind.ARP, (operation, 0))
    assert (datagram.source, datagram.destination, datagram.source_mac.hex(":")) == ("10.0.0.9", "10.0.0.1", CLIENT)


def test_tcp() -> None:
    datagram = one(ETHER / V4 / TCP(sport=5, dport=80, flags="PA", options=[("NOP", None)] * 4) / b"GET /")
    assert (datagram.kind, datagram.code, datagram.payload) == (Kind.TCP, (0x18, 0), b"GET /")
    short = bytearray(bytes(ETHER / V4 / TCP(sport=5, dport=80) / b"GET /"))
    short[46] = 0
    assert one(Raw(bytes(short))).payload == b"GET /"


@pytest.mark.parametrize(
    "packet",
    [
        Ether(src=CLIENT, dst=SERVER, type=0x88CC) / Raw(b"a neighbour"),
        Ether(src=CLIENT, dst=SERVER, type=0x8100) / Raw(b"\0"),
        ETHER / SNAP() / b"old style",
        ETHER / IP(src="1.2.3.4", dst="1.2.3.5", proto=89) / b"routing",
        ETHER / IP(ihl=3) / b"short header",
        ETHER / V4 / UDP(sport=1, dport=2) / b"",
        Raw(b"123"),
        Raw(b""),
    ],
)
def test_frames_of_no_interest_or_too_short(packet: Packet) -> None:
    datagrams, info = decoded(pcap(bytes(packet)))
    assert [each.payload for each in datagrams] in ([], [b""])
    assert (info.packets, info.warnings) == (1, [])


def test_an_unknown_link_layer_is_told_once() -> None:
    octets = bytes(ETHER / V4 / REQUEST)
    datagrams, info = decoded(pcap(octets, octets, link=147))
    assert datagrams == []
    assert info.warnings == ["frames of link type 147 cannot be read"]


def test_a_snap_length_cuts_and_says_so() -> None:
    octets = bytes(ETHER / V4 / UDP(sport=1, dport=2) / big(400))
    (datagram,), info = decoded(pcap(octets, snap=96))
    assert (datagram.payload, datagram.length, datagram.cut) == (big(54), 400, True)
    assert (info.snapped, info.warnings) == (1, ["1 frames were cut by the snap length"])


def test_every_place_where_a_file_may_break_off() -> None:
    octets = bytes(ETHER / V4 / REQUEST)
    for whole in (pcap(octets, octets), section() + interface() + enhanced(1, octets) + enhanced(2, octets)):
        assert len(decoded(whole)[0]) == 2
        for at in range(len(whole)):
            try:
                datagrams, info = decoded(whole[:at])
            except CaptureError as error:
                assert str(error)
                assert at < 24
                continue
            assert len(datagrams) < 2
            assert info.complete == (not info.warnings)


@pytest.mark.parametrize("octets", [b"", b"\xd4", b"garbage of any kind", b"\x1f\x8b\x08\0", bytes(100)])
def test_what_is_no_capture(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.pcap"
    path.write_bytes(octets)
    with pytest.raises(CaptureError, match=r"file\.pcap: \w+"):
        list(read(path))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CaptureError):
            list(read(path))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pcap(bytes(ETHER / V4 / REQUEST)))))
    assert [each.receiver for each in read("-")] == [("10.0.0.1", 69)]


def test_a_record_that_claims_gigabytes_ends_the_reading() -> None:
    octets = pcap() + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)
    datagrams, info = decoded(octets)
    assert (datagrams, info.complete) == ([], False)
    datagrams, info = decoded(section() + struct.pack("<II", 6, 0xFFFFFFFC))
    assert (datagrams, info.complete) == ([], False)


def test_warnings_are_bounded() -> None:
    octets = section() + interface() + (enhanced(1, b"x", index=9) + block(0x0BAD, b"")) * 500
    _, info = decoded(octets)
    assert len(info.warnings) == 50


def sample() -> bytes:
    """A small capture with something of everything."""
    packets: list[Any] = [
        ETHER / V4 / REQUEST,
        ETHER / Dot1Q(vlan=3) / V6 / IPv6ExtHdrHopByHop() / REQUEST,
        ETHER / ARP(psrc="10.0.0.9", pdst="10.0.0.1", hwsrc=CLIENT),
        ETHER / V4 / ICMP(type=3, code=3) / V4 / REQUEST,
        ETHER / V6 / ICMPv6DestUnreach() / V6 / REQUEST,
        ETHER / V4 / TCP(sport=1, dport=80) / b"GET",
        *pieces(4)[-2:],
        *pieces(6)[-2:],
    ]
    return pcap(*(bytes(packet)[:200] for packet in packets))


SAMPLE = sample()
SAMPLE_NG = (
    section()
    + interface(option(9, b"\x09"), option(14, bytes(8)))
    + enhanced(NOW, bytes(ETHER / V4 / REQUEST), option(1, b"comment"))
    + block(3, struct.pack("<I", 60) + bytes(ETHER / V4 / REQUEST))
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([SAMPLE, SAMPLE_NG]),
    st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.none() | st.integers(0, len(SAMPLE)),
)
def test_flipped_octets_raise_nothing_else(octets: bytes, flips: list[tuple[int, int]], end: int | None) -> None:
    damaged = bytearray(octets)
    for at, value in flips:
        damaged[at % len(damaged)] = value
    try:
        datagrams, info = decoded(bytes(damaged[:end]))
    except CaptureError:
        return
    assert len(datagrams) <= info.packets
    for each in datagrams:
        assert len(each.payload) <= each.length
        assert 0 <= each.time < 2**63
        assert 0 <= each.source_port < 65536
        socket.inet_pton(socket.AF_INET6 if ":" in each.source else socket.AF_INET, each.source)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 9999]), st.binary(max_size=120))
def test_random_frames_raise_nothing(link: int, octets: bytes) -> None:
    head = {0: b"\2\0\0\0", 108: bytes(4), 1: bytes(12) + b"\x08\0", 113: bytes(14) + b"\x08\0"}.get(link, b"")
    for packet in (
        octets,
        head + octets,
        head + b"\x45" + octets,
        head + b"\x45\0\0\x40" + bytes(5) + b"\x11" + octets,
    ):
        for datagram in decoded(pcap(packet, link=link))[0]:
            assert len(datagram.payload) <= datagram.length


def test_frames_a_little_out_of_order_are_put_right() -> None:
    """Several queues of a network card write into one file; frame numbers stay those of the file."""
    octets = bytes(ETHER / V4 / REQUEST)
    order = [10, 11, 15, 13, 14, 16, *range(20, 120), 12]
    datagrams, info = decoded(section() + interface() + b"".join(enhanced(stamp, octets) for stamp in order))
    times = [datagram.time // 1000 for datagram in datagrams]
    assert times[:6] == [10, 11, 13, 14, 15, 16]
    assert [datagram.frame for datagram in datagrams][:6] == [1, 2, 4, 5, 3, 6]
    # What is farther away comes 64 places nearer; nothing is lost.
    assert (sorted(times), times.index(12)) == (sorted(order), len(order) - 1 - 64)
    assert info.packets == len(order)


def test_comments_stay_with_their_frames_when_the_window_moves() -> None:
    octets = bytes(ETHER / V4 / REQUEST)
    count = 3000
    frames = [enhanced(n + 1, octets, option(1, str(n + 1).encode())) for n in range(count)]
    datagrams, _ = decoded(section() + interface() + b"".join(frames))
    assert [datagram.comment for datagram in datagrams] == [str(n + 1) for n in range(count)]


def test_comments_at_a_seam_between_byte_orders() -> None:
    """Frames wait for older ones that may follow: the next section has begun when they are looked at."""
    octets = bytes(ETHER / V4 / REQUEST)
    halves = [
        section(order=order)
        + interface(order=order)
        + b"".join(enhanced(n, octets, option(1, str(n).encode(), order=order), order=order) for n in numbers)
        for order, numbers in (("<", range(1, 40)), (">", range(40, 70)), ("<", range(70, 75)))
    ]
    datagrams, _ = decoded(b"".join(halves))
    assert [datagram.comment for datagram in datagrams] == [str(n) for n in range(1, 75)]


class TestCopies:
    """Design: the same IP identification and octets within a millisecond are one datagram."""

    @staticmethod
    def datagram(frame: int, time: int, payload: bytes = b"\0\4\0\1", identification: int = 7) -> Datagram:
        return Datagram(
            frame, time, "10.0.0.1", "10.0.0.2", 2000, 3000, payload, len(payload), identification=identification
        )

    def test_a_copy_names_the_first_frame(self) -> None:
        info = CaptureInfo("x")
        pair = [self.datagram(1, 0), self.datagram(2, 900_000)]
        assert [d.copy_of for d in marked(pair, info)] == [None, 1]
        tell_copies(info)
        assert info.warnings == ["1 datagrams were captured twice (a mirror port, or several points of one path)"]

    def test_later_other_or_renumbered_datagrams_are_no_copies(self) -> None:
        info = CaptureInfo("x")
        others = [
            self.datagram(1, 0),
            self.datagram(2, 10, payload=b"\0\4\0\2"),
            self.datagram(3, 20, identification=8),
            self.datagram(4, 1_100_000),
        ]
        assert [d.copy_of for d in marked(others, info)] == [None] * 4
        assert info.warnings == []
