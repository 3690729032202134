"""Octets of packets and containers, put together by hand: what no capture at hand holds, and Scapy would put right."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CLIENT, SERVER = "192.0.2.50", "192.0.2.1"
CLIENT6, SERVER6 = "2001:db8::50", "2001:db8::1"
CLIENT_MAC, SERVER_MAC = bytes.fromhex("525400770010"), bytes.fromhex("020000770001")
START = 1_795_452_320_000_000
"""Microseconds since the epoch."""


@dataclass(frozen=True)
class Frame:
    """Octets of one frame; `wire` is their number on the wire where the capture cut it, `time` in microseconds."""

    octets: bytes
    wire: int | None = None
    time: int | None = None
    interface: int = 0


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(source: str, destination: str, ports: tuple[int, int], payload: bytes, *, sum_: int | None = None) -> bytes:
    """A UDP datagram with the right checksum, or the one that is given."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    size = 8 + len(payload)
    head = struct.pack("!HHHH", *ports, size & 0xFFFF, 0)
    pseudo = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    right = checksum(pseudo + struct.pack("!II", size, 17) + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", right if sum_ is None else sum_) + payload


def ipv4(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    number: int = 1,
    place: int = 0,
    options: bytes = b"",
) -> bytes:
    """An IPv4 packet; `place` is the field of flags and fragment offset."""
    size = 20 + len(options) + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, size, number, place, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source: str, destination: str, following: int, payload: bytes) -> bytes:
    """An IPv6 packet."""
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + addresses + payload


def ethernet(kind: int, payload: bytes, *, source: bytes = CLIENT_MAC, destination: bytes = SERVER_MAC) -> bytes:
    """A frame of Ethernet II."""
    return destination + source + struct.pack("!H", kind) + payload


def dhcp(op: int, kind: int, *, xid: int = 0x3903F326, yiaddr: str = "0.0.0.0", pad: int = 0) -> bytes:
    """A DHCP message of a PXE client or server."""
    head = struct.pack("!BBBBIHH", op, 1, 6, 0, xid, 4, 0x8000) + bytes(4) + socket.inet_aton(yiaddr) + bytes(8)
    head += CLIENT_MAC.ljust(16, b"\0") + bytes(64 + 128) + b"\x63\x82\x53\x63"
    options = [(53, bytes([kind])), (60, b"PXEClient:Arch:00007:UNDI:003016"), (93, b"\0\x07"), (97, b"\0" + bytes(16))]
    return head + b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff" + bytes(pad)


RRQ = b"\0\x01grubx64.efi\0octet\0blksize\x001468\0"
Datagram = tuple[str, str, tuple[int, int], bytes]


def exchange(*, six: bool = False) -> list[Datagram]:
    """DISCOVER, OFFER, a request for a file, its first block and the acknowledgment."""
    client, server = (CLIENT6, SERVER6) if six else (CLIENT, SERVER)
    nobody, all_ = (CLIENT6, "ff02::1") if six else ("0.0.0.0", "255.255.255.255")
    return [
        (nobody, all_, (68, 67), dhcp(1, 1)),
        (server, all_, (67, 68), dhcp(2, 2, yiaddr=CLIENT)),
        (client, server, (2070, 69), RRQ),
        (server, client, (40000, 2070), b"\0\x03\0\x01" + bytes(range(200))),
        (client, server, (2070, 40000), b"\0\x04\0\x01"),
    ]


def packets(*, six: bool = False) -> list[bytes]:
    """The exchange as IP packets."""
    if six:
        return [ipv6(s, d, 17, udp(s, d, ports, payload)) for s, d, ports, payload in exchange(six=True)]
    found = enumerate(exchange(), 100)
    return [ipv4(s, d, 17, udp(s, d, ports, payload), number=n) for n, (s, d, ports, payload) in found]


def fragments(packet: bytes, size: int, *, number: int = 0x4242) -> list[bytes]:
    """An IPv4 packet in fragments of `size` octets (a multiple of 8), without options."""
    source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    payload, found = packet[20:], []
    for at in range(0, len(payload), size):
        place = at // 8 | (0x2000 if at + size < len(payload) else 0)
        found.append(ipv4(source, destination, packet[9], payload[at : at + size], number=number, place=place))
    return found


def fragments6(packet: bytes, size: int, *, number: int = 0x42424242) -> list[bytes]:
    """An IPv6 packet in fragments, each behind a fragment header."""
    source, destination = (socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]) for at in (8, 24))
    payload, found = packet[40:], []
    for at in range(0, len(payload), size):
        more = int(at + size < len(payload))
        header = struct.pack("!BBHI", packet[6], 0, at | more, number)
        found.append(ipv6(source, destination, 44, header + payload[at : at + size]))
    return found


# Containers


def _frames(frames: Iterable[Frame | bytes]) -> list[Frame]:
    return [frame if isinstance(frame, Frame) else Frame(frame) for frame in frames]


def pcap(
    frames: Sequence[Frame | bytes], link: int = 1, *, order: str = "<", magic: int = 0xA1B2C3D4, extra: int = 0
) -> bytes:
    """A pcap file; `extra` octets follow each record's header, as in the modified format."""
    unit = 1000 if magic == 0xA1B23C4D else 1
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)]
    for n, frame in enumerate(_frames(frames)):
        time = frame.time if frame.time is not None else START + n * 100_000
        wire = frame.wire if frame.wire is not None else len(frame.octets)
        seconds, micro = divmod(time, 1_000_000)
        parts.append(struct.pack(f"{order}IIII", seconds, micro * unit, len(frame.octets), wire) + bytes(extra))
        parts.append(frame.octets)
    return b"".join(parts)


@dataclass(frozen=True)
class Pcapng:
    """Blocks of a pcapng file in one byte order."""

    order: str = "<"

    def block(self, kind: int, body: bytes) -> bytes:
        """Any block."""
        body += bytes(-len(body) % 4)
        size = struct.pack(f"{self.order}I", len(body) + 12)
        return struct.pack(f"{self.order}I", kind) + size + body + size

    def option(self, code: int, value: bytes) -> bytes:
        """One option, padded."""
        return struct.pack(f"{self.order}HH", code, len(value)) + value + bytes(-len(value) % 4)

    def section(self, length: int = -1) -> bytes:
        """Section header block."""
        return self.block(0x0A0D0D0A, struct.pack(f"{self.order}IHHq", 0x1A2B3C4D, 1, 0, length))

    def interface(self, link: int = 1, *, snap: int = 0, options: bytes = b"") -> bytes:
        """Interface description block."""
        return self.block(1, struct.pack(f"{self.order}HHI", link, 0, snap) + options)

    def enhanced(self, frame: bytes, stamp: int, *, interface: int = 0, wire: int = 0, options: bytes = b"") -> bytes:
        """Enhanced packet block; `stamp` in units of the interface."""
        head = struct.pack(
            f"{self.order}IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), wire or len(frame)
        )
        return self.block(6, head + frame + bytes(-len(frame) % 4) + options)

    def simple(self, frame: bytes, wire: int = 0) -> bytes:
        """Simple packet block: of the first interface, without a time."""
        return self.block(3, struct.pack(f"{self.order}I", wire or len(frame)) + frame)

    def obsolete(self, frame: bytes, stamp: int, *, interface: int = 0) -> bytes:
        """The packet block of old."""
        head = struct.pack(f"{self.order}HHIIII", interface, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        return self.block(2, head + frame)
