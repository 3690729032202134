"""A small capture of every container, link layer, tunnel and disorder that field captures come in."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from packets import (
    CLIENT,
    CLIENT6,
    CLIENT_MAC,
    RRQ,
    SERVER,
    SERVER6,
    START,
    Frame,
    Pcapng,
    dhcp,
    ethernet,
    exchange,
    fragments,
    fragments6,
    ipv4,
    ipv6,
    packets,
    pcap,
    udp,
)


@dataclass(frozen=True)
class Case:
    """A capture, and the payloads that are to be found in it, in the order of the file."""

    octets: bytes
    payloads: list[bytes]


PAYLOADS = [payload for *_, payload in exchange()]
OUTER, INNER_MAC = ("10.88.0.1", "10.88.0.2"), bytes.fromhex("020000880001")
IPV4, IPV6 = 0x0800, 0x86DD


def _through(wrap: Callable[[bytes], bytes], link: int = 1, *, six: bool = False) -> Case:
    return Case(pcap([wrap(packet) for packet in packets(six=six)], link), PAYLOADS)


def _bare(packet: bytes) -> bytes:
    return ethernet(IPV6 if packet[0] >> 4 == 6 else IPV4, packet)


def _tags(*tags: tuple[int, int]) -> Callable[[bytes], bytes]:
    def wrap(packet: bytes) -> bytes:
        frame = _bare(packet)
        return frame[:12] + b"".join(struct.pack("!HH", kind, tag) for kind, tag in tags) + frame[12:]

    return wrap


def _kind(packet: bytes) -> int:
    return IPV6 if packet[0] >> 4 == 6 else IPV4


def _sll(packet: bytes) -> bytes:
    return struct.pack("!HHH6sxxH", 0, 1, 6, CLIENT_MAC, _kind(packet)) + packet


def _sll2(packet: bytes) -> bytes:
    return struct.pack("!HHIHBB6sxx", _kind(packet), 0, 3, 1, 0, 6, CLIENT_MAC) + packet


def _mpls(*labels: int) -> bytes:
    return b"".join(struct.pack("!I", label << 12 | (n == len(labels) - 1) << 8 | 64) for n, label in enumerate(labels))


def _outer(protocol: int, payload: bytes, number: int = 1) -> bytes:
    return ethernet(IPV4, ipv4(*OUTER, protocol, payload, number=number), source=INNER_MAC)


def _vxlan(frame: bytes) -> bytes:
    return udp(*OUTER, (50000, 4789), bytes.fromhex("0800000000004d00") + frame, sum_=0)


def _geneve(frame: bytes, kind: int = 0x6558, options: bytes = b"") -> bytes:
    head = struct.pack("!BBHI", len(options) // 4, 0, kind, 77 << 8)
    return udp(*OUTER, (50000, 6081), head + options + frame, sum_=0)


def _gre(kind: int, payload: bytes, *, flags: int = 0) -> bytes:
    fields = b"".join(bytes(3) + b"\1" for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
    return struct.pack("!HH", flags, kind) + fields + payload


def _erspan2(frame: bytes) -> bytes:
    return _gre(0x88BE, struct.pack("!II", 1 << 28 | 101 << 16 | 100, 0) + frame, flags=0x1000)


def _erspan3(frame: bytes, *, platform: bool = False) -> bytes:
    # Version 2 is what ERSPAN III writes; the last bit announces the platform's own eight octets.
    head = struct.pack("!III", 2 << 28 | 101 << 16 | 100, 12345, int(platform)) + (bytes(8) if platform else b"")
    return _gre(0x22EB, head + frame, flags=0x1000)


def _extended(*headers: int) -> Callable[[bytes], bytes]:
    """IPv6 with these extension headers before the payload."""

    def wrap(packet: bytes) -> bytes:
        chain, following = b"", packet[6]
        for header in reversed(headers):
            body = bytes([1, 4]) + bytes(4) if header != 43 else bytes([0, 0]) + bytes(4)
            chain = bytes([following, 0]) + body + chain
            following = header
        source, destination = packet[8:24], packet[24:40]
        size = struct.pack("!HBB", len(chain) + len(packet) - 40, following, 64)
        return ethernet(IPV6, packet[:4] + size + source + destination + chain + packet[40:])

    return wrap


def _links() -> dict[str, Case]:
    cases = {
        "ethernet": _through(_bare),
        "ethernet-ipv6": _through(_bare, six=True),
        "802.1q": _through(_tags((0x8100, 101))),
        "802.1q-priority": _through(_tags((0x8100, 0xE000))),
        "802.1ad": _through(_tags((0x88A8, 100), (0x8100, 101))),
        "802.1q-three": _through(_tags((0x8100, 1), (0x8100, 2), (0x8100, 3))),
        "qinq-9100": _through(_tags((0x9100, 100), (0x8100, 101))),
        "llc-snap": _through(lambda p: _bare(p)[:12] + struct.pack("!H", 8 + len(p)) + b"\xaa\xaa\x03\0\0\0\x08\0" + p),
        "sll": _through(_sll, 113),
        "sll-ipv6": _through(_sll, 113, six=True),
        "sll-vlan": _through(lambda p: _sll(p)[:14] + b"\x81\0\0\x65\x08\0" + p, 113),
        "sll2": _through(_sll2, 276),
        "sll2-ipv6": _through(_sll2, 276, six=True),
        "null-little": _through(lambda p: b"\2\0\0\0" + p, 0),
        "null-big": _through(lambda p: b"\0\0\0\2" + p, 0),
        "loop": _through(lambda p: b"\0\0\0\2" + p, 108),
        "raw": _through(bytes, 101),
        "raw-ipv6": _through(bytes, 101, six=True),
        "raw-bsd": _through(bytes, 12),
        "ipv4-link": _through(bytes, 228),
        "ipv6-link": _through(bytes, 229, six=True),
        "ppp": _through(lambda p: b"\xff\3\0\x21" + p, 9),
        "ppp-ipv6": _through(lambda p: b"\xff\3\0\x57" + p, 9, six=True),
        "ppp-compressed": _through(lambda p: b"\x21" + p, 9),
        "ppp-hdlc": _through(lambda p: b"\xff\3\0\x21" + p, 50),
        "cisco-hdlc": _through(lambda p: b"\x0f\0\x08\0" + p, 104),
        "pppoe": _through(lambda p: ethernet(0x8864, struct.pack("!BBHHH", 0x11, 0, 7, 2 + len(p), 0x21) + p)),
        "pppoe-vlan": _through(
            lambda p: ethernet(0x8100, b"\0\x65\x88\x64" + struct.pack("!BBHHH", 0x11, 0, 7, 2 + len(p), 0x21) + p)
        ),
        "802.1ah": _through(lambda p: ethernet(0x88E7, bytes.fromhex("00012345") + _bare(p))),
        "mpls": _through(lambda p: ethernet(0x8847, _mpls(16001) + p)),
        "mpls-three": _through(lambda p: ethernet(0x8847, _mpls(100, 200, 16001) + p)),
        "mpls-ipv6": _through(lambda p: ethernet(0x8847, _mpls(16001) + p), six=True),
        "mpls-multicast": _through(lambda p: ethernet(0x8848, _mpls(16001) + p)),
        "mpls-ethernet": _through(lambda p: ethernet(0x8847, _mpls(16001) + bytes(4) + _bare(p))),
    }
    for family in (24, 28, 30):
        cases[f"null-ipv6-{family}"] = _through(lambda p, f=family: struct.pack("<I", f) + p, 0, six=True)  # type: ignore[misc]
    return cases


def _tunnels() -> dict[str, Case]:
    vlan = _tags((0x8100, 101))
    options = bytes.fromhex("0102800100000001")
    six = ("2001:db8:88::1", "2001:db8:88::2")
    cases = {
        "vxlan": _through(lambda p: _outer(17, _vxlan(_bare(p)))),
        "vxlan-vlan": _through(lambda p: _outer(17, _vxlan(vlan(p)))),
        "vxlan-ipv6": _through(lambda p: _outer(17, _vxlan(_bare(p))), six=True),
        "vxlan-over-ipv6": _through(
            lambda p: ethernet(
                IPV6, ipv6(*six, 17, udp(*six, (5000, 4789), bytes.fromhex("0800000000004d00") + _bare(p)))
            )
        ),
        "geneve": _through(lambda p: _outer(17, _geneve(_bare(p)))),
        "geneve-options": _through(lambda p: _outer(17, _geneve(_bare(p), options=options))),
        "geneve-ipv4": _through(lambda p: _outer(17, _geneve(p, kind=IPV4))),
        "gre": _through(lambda p: _outer(47, _gre(IPV4, p))),
        "gre-ipv6": _through(lambda p: _outer(47, _gre(IPV6, p)), six=True),
        "gre-ethernet": _through(lambda p: _outer(47, _gre(0x6558, _bare(p)))),
        "gre-key": _through(lambda p: _outer(47, _gre(IPV4, p, flags=0x2000))),
        "gre-sequence": _through(lambda p: _outer(47, _gre(IPV4, p, flags=0x1000))),
        "gre-all": _through(lambda p: _outer(47, _gre(IPV4, p, flags=0xB000))),
        "gre-mpls": _through(lambda p: _outer(47, _gre(0x8847, _mpls(16001) + p))),
        "eoip": _through(lambda p: _outer(47, struct.pack("!HHH", 0x2001, 0x6400, 14 + len(p)) + b"\x4d\0" + _bare(p))),
        "erspan-1": _through(lambda p: _outer(47, _gre(0x88BE, _bare(p)))),
        "erspan-2": _through(lambda p: _outer(47, _erspan2(_bare(p)))),
        "erspan-2-vlan": _through(lambda p: _outer(47, _erspan2(vlan(p)))),
        "erspan-3": _through(lambda p: _outer(47, _erspan3(_bare(p)))),
        "erspan-3-platform": _through(lambda p: _outer(47, _erspan3(_bare(p), platform=True))),
        "ip-in-ip": _through(lambda p: _outer(4, p)),
        "6in4": _through(lambda p: _outer(41, p), six=True),
        "4in6": _through(lambda p: ethernet(IPV6, ipv6(*six, 4, p))),
        "6in6": _through(lambda p: ethernet(IPV6, ipv6(*six, 41, p)), six=True),
        "ip-in-ip-twice": _through(lambda p: _outer(4, ipv4("10.1.0.1", "10.1.0.2", 4, p))),
        "mpls-in-vlan-in-vxlan": _through(
            lambda p: _outer(17, _vxlan(ethernet(0x8100, b"\0\x65\x88\x47" + _mpls(16001) + p)))
        ),
        "vxlan-in-gre": _through(
            lambda p: _outer(47, _gre(IPV4, ipv4(*OUTER, 17, _vxlan(_bare(p))))),
        ),
        "sll-vxlan": _through(lambda p: _sll(ipv4(*OUTER, 17, _vxlan(_bare(p)))), 113),
    }
    # Tunnels make packets too big, so it is the outer packet that comes in fragments.
    pieces: list[bytes] = []
    for n, packet in enumerate(packets()):
        pieces += [
            ethernet(IPV4, piece) for piece in fragments(ipv4(*OUTER, 17, _vxlan(_bare(packet))), 200, number=n + 1)
        ]
    cases["vxlan-in-fragments"] = Case(pcap(pieces), PAYLOADS)
    inner = [_outer(17, _vxlan(_bare(piece))) for packet in packets()[:2] for piece in fragments(packet, 104)]
    inner = [_outer(47, _erspan2(_bare(piece))) for piece in fragments(packets()[0], 104)]
    cases["fragments-in-erspan"] = Case(pcap(inner), PAYLOADS[:1])
    return cases


def _internet() -> dict[str, Case]:
    cases = {
        "ipv4-options": Case(
            pcap(
                [
                    _bare(ipv4(s, d, 17, udp(s, d, ports, payload), options=b"\x94\4\0\0" + bytes(4)))
                    for s, d, ports, payload in exchange()
                ]
            ),
            PAYLOADS,
        ),
        "ipv6-hop-by-hop": _through(_extended(0), six=True),
        "ipv6-routing": _through(_extended(43), six=True),
        "ipv6-destination": _through(_extended(60), six=True),
        "ipv6-all": _through(_extended(0, 60, 43, 60), six=True),
        "ethernet-trailer": _through(lambda p: _bare(p) + b"trailer!"),
        "checksum-absent": _exchange_with(sum_=0),
        "checksum-wrong": _exchange_with(sum_=0x1234),
    }
    # A network card that segments by itself is handed a packet of length 0.
    cases["length-of-offloading"] = _through(lambda p: _bare(p[:2] + b"\0\0" + p[4:]))
    atomic = [
        _bare(p[:4] + struct.pack("!HBB", len(p) - 32, 44, 64) + p[8:40] + bytes([17, 0, 0, 0]) + bytes(4) + p[40:])
        for p in packets(six=True)
    ]
    cases["ipv6-atomic-fragment"] = Case(pcap(atomic), PAYLOADS)
    return cases


def _exchange_with(*, sum_: int) -> Case:
    frames = [_bare(ipv4(s, d, 17, udp(s, d, ports, payload, sum_=sum_))) for s, d, ports, payload in exchange()]
    return Case(pcap(frames), PAYLOADS)


def _fragmented() -> dict[str, Case]:
    data = b"\0\3\0\1" + bytes(n % 251 for n in range(4000))
    request = ipv4(CLIENT, SERVER, 17, udp(CLIENT, SERVER, (2070, 69), RRQ))
    whole = ipv4(SERVER, CLIENT, 17, udp(SERVER, CLIENT, (40000, 2070), data))
    other = ipv4(SERVER, "192.0.2.51", 17, udp(SERVER, "192.0.2.51", (40001, 2071), data[:3000]))
    pieces, others = fragments(whole, 1480), fragments(other, 1480)
    small = fragments(whole, 200)
    chance = random.Random(7)

    def case(frames: list[bytes], *payloads: bytes) -> Case:
        return Case(pcap([_bare(request), *map(_bare, frames)]), [RRQ, *payloads])

    shuffled = chance.sample(small, len(small))
    # One that reaches eight octets into the next, with the same octets.
    longer = ipv4(SERVER, CLIENT, 17, whole[20 : 20 + 1488], number=0x4242, place=0x2000)
    return {
        "fragments": case(pieces, data),
        "fragments-backwards": case(pieces[::-1], data),
        "fragments-shuffled": case(shuffled, data),
        "fragments-overlap": case([longer, *pieces[1:]], data),
        # A mirror port's second copies come at once.
        "fragments-twice": Case(
            pcap([Frame(_bare(pieces[n]), time=START + 10 * m) for m, n in enumerate((0, 0, 1, 2, 1))]), [data]
        ),
        "fragments-interleaved": case(
            [p for pair in zip(pieces, [*others, b""], strict=False) for p in pair if p], data, data[:3000]
        ),
        "fragments-missing": case([pieces[0], pieces[2]]),
        "fragments-missing-first": case(pieces[1:]),
        "fragments-missing-last": case(pieces[:-1]),
        "fragments-of-ipv6": Case(
            pcap(
                [
                    _bare(piece)
                    for piece in fragments6(ipv6(SERVER6, CLIENT6, 17, udp(SERVER6, CLIENT6, (69, 2070), data)), 1440)[
                        ::-1
                    ]
                ]
            ),
            [data],
        ),
        "fragments-of-ipv6-interleaved": Case(
            pcap(
                [
                    _bare(piece)
                    for pair in zip(
                        fragments6(ipv6(SERVER6, CLIENT6, 17, udp(SERVER6, CLIENT6, (69, 2070), data)), 1440, number=1),
                        fragments6(ipv6(SERVER6, CLIENT6, 17, udp(SERVER6, CLIENT6, (69, 2071), data)), 1440, number=2),
                        strict=True,
                    )
                    for piece in pair
                ]
            ),
            [data, data],
        ),
    }


def _errors() -> dict[str, Case]:
    """ICMP errors; their quotations are no payloads of UDP."""
    quoted = packets()[2]
    quoted6 = packets(six=True)[2]

    def error(kind: int, code: int, quote: bytes) -> bytes:
        return _bare(ipv4(SERVER, CLIENT, 1, struct.pack("!BBHI", kind, code, 0, 0) + quote))

    def error6(kind: int, code: int, quote: bytes) -> bytes:
        return _bare(ipv6(SERVER6, CLIENT6, 58, struct.pack("!BBHI", kind, code, 0, 0) + quote))

    options = ipv4(CLIENT, SERVER, 17, udp(CLIENT, SERVER, (2070, 69), RRQ), options=b"\x94\4\0\0")
    last = fragments(packets()[0], 104)[-1]
    cases = {
        "icmp-port": [error(3, 3, quoted)],
        "icmp-shortest-quote": [error(3, 3, quoted[:28])],
        "icmp-too-big": [error(3, 4, packets()[3][:28])],
        "icmp-time": [error(11, 0, quoted)],
        "icmp-of-options": [error(3, 1, options)],
        "icmp-of-a-later-fragment": [error(3, 3, last)],
        "icmp-of-icmp": [error(3, 1, ipv4(CLIENT, SERVER, 1, struct.pack("!BBHI", 3, 3, 0, 0) + quoted))],
        "icmp-echo": [_bare(ipv4(CLIENT, SERVER, 1, b"\x08\0\0\0\0\1\0\1" + bytes(32)))],
        "icmpv6-port": [error6(1, 4, quoted6)],
        "icmpv6-too-big": [error6(2, 0, packets(six=True)[3][:300])],
        "icmp-in-vxlan": [_outer(17, _vxlan(error(3, 3, quoted)))],
    }
    return {name: Case(pcap([_bare(quoted), *frames]), [RRQ]) for name, frames in cases.items()}


def _arp() -> dict[str, Case]:
    body = bytes.fromhex("0001080006040001") + CLIENT_MAC + bytes([192, 0, 2, 50]) + bytes(6) + bytes([192, 0, 2, 1])
    answer = body[:7] + b"\2" + body[8:]
    asked = ethernet(0x0806, body)
    return {
        "arp": Case(pcap([asked, ethernet(0x0806, answer), ethernet(0x0806, body + bytes(18))]), []),
        "arp-vlan": Case(pcap([asked[:12] + b"\x81\0\0\x65" + asked[12:]]), []),
        "arp-in-vxlan": Case(pcap([_outer(17, _vxlan(asked))]), []),
        "arp-sll": Case(pcap([struct.pack("!HHH6sxxH", 1, 1, 6, CLIENT_MAC, 0x0806) + body], 113), []),
    }


def _cut() -> dict[str, Case]:
    """Snap lengths: every frame with only its first octets."""
    cases = {}
    for snap in (*range(10, 60, 3), 64, 96, 128, 200):
        frames = [Frame(_bare(packet)[:snap], len(_bare(packet))) for packet in packets()]
        held = [payload[: max(snap - 42, 0)] for payload in PAYLOADS] if snap >= 42 else []
        cases[f"snap-{snap}"] = Case(pcap(frames), held)
    return cases


def _pcaps() -> dict[str, Case]:
    frames = [_bare(packet) for packet in packets()]
    return {
        "pcap-big": Case(pcap(frames, order=">"), PAYLOADS),
        "pcap-nanoseconds": Case(pcap(frames, magic=0xA1B23C4D), PAYLOADS),
        "pcap-nanoseconds-big": Case(pcap(frames, magic=0xA1B23C4D, order=">"), PAYLOADS),
        "pcap-modified": Case(pcap(frames, magic=0xA1B2CD34, extra=8), PAYLOADS),
        "pcap-empty": Case(pcap([]), []),
    }


def _pcapngs() -> dict[str, Case]:
    frames, little, big = [_bare(packet) for packet in packets()], Pcapng("<"), Pcapng(">")

    def file(kind: Pcapng = little, *, options: bytes = b"", unit: int = 1) -> bytes:
        blocks = [kind.enhanced(frame, (START + n) * unit) for n, frame in enumerate(frames)]
        return kind.section() + kind.interface(options=options) + b"".join(blocks)

    def resolution(value: int) -> bytes:
        return little.option(9, bytes([value]))

    seconds = START // 1_000_000
    raw = [little.enhanced(packet, START, interface=1) for packet in packets()]
    odd = (
        little.block(4, bytes(8))
        + little.block(5, struct.pack("<III", 0, 0, 0))
        + little.block(0x0BAD, struct.pack("<I", 32473) + b"note")
        + little.block(0x40000BAD, struct.pack("<I", 32473) + b"note")
        + little.block(0x0ABCDEF0, b"nobody knows")
    )
    comment = little.option(1, b"a comment") + little.option(0, b"")
    return {
        "pcapng": Case(file(), PAYLOADS),
        "pcapng-big": Case(file(big), PAYLOADS),
        "pcapng-nanoseconds": Case(file(options=resolution(9), unit=1000), PAYLOADS),
        "pcapng-binary-ticks": Case(
            little.section()
            + little.interface(options=resolution(0x8A))
            + b"".join(little.enhanced(frame, seconds * 1024 + 512) for frame in frames),
            PAYLOADS,
        ),
        "pcapng-seconds": Case(
            little.section()
            + little.interface(options=resolution(0))
            + b"".join(little.enhanced(frame, seconds) for frame in frames),
            PAYLOADS,
        ),
        "pcapng-offset": Case(
            little.section()
            + little.interface(options=little.option(14, struct.pack("<q", seconds)))
            + b"".join(little.enhanced(frame, n) for n, frame in enumerate(frames)),
            PAYLOADS,
        ),
        "pcapng-two-interfaces": Case(
            little.section()
            + little.interface()
            + little.interface(101, options=resolution(9))
            + little.enhanced(frames[0], START)
            + b"".join(raw),
            [PAYLOADS[0], *PAYLOADS],
        ),
        "pcapng-sections": Case(file() + file(big) + file(), PAYLOADS * 3),
        "pcapng-section-length": Case(little.section(len(little.interface())) + little.interface() + file(), PAYLOADS),
        "pcapng-simple": Case(
            little.section()
            + little.interface(snap=100)
            + little.simple(frames[2])
            + little.simple(frames[3][:100], 246),
            [RRQ, PAYLOADS[3][:58]],
        ),
        "pcapng-obsolete": Case(
            little.section() + little.interface() + b"".join(little.obsolete(frame, START) for frame in frames),
            PAYLOADS,
        ),
        "pcapng-comment": Case(
            little.section() + little.interface() + little.enhanced(frames[0], START, options=comment), PAYLOADS[:1]
        ),
        "pcapng-other-blocks": Case(
            little.section() + little.interface() + odd + little.enhanced(frames[0], START) + odd, PAYLOADS[:1]
        ),
        "pcapng-no-packets": Case(little.section() + little.interface(), []),
    }


def _lies() -> dict[str, Case]:
    """Lengths that do not agree."""
    message = dhcp(1, 1, pad=60)
    datagram = udp("0.0.0.0", "255.255.255.255", (68, 67), message)

    def case(datagram: bytes, payload: bytes | None, size: int = 0) -> Case:
        packet = ipv4("0.0.0.0", "255.255.255.255", 17, datagram)
        packet = packet[:2] + struct.pack("!H", size or len(packet)) + packet[4:]
        return Case(pcap([_bare(packet)]), [] if payload is None else [payload])

    return {
        "udp-shorter-than-ip": case(datagram[:4] + struct.pack("!H", len(datagram) - 50) + datagram[6:], message[:-50]),
        "udp-longer-than-frame": case(datagram[:4] + struct.pack("!H", len(datagram) + 50) + datagram[6:], message),
        "udp-length-4": case(datagram[:4] + b"\0\4" + datagram[6:], message),
    }


def cases() -> dict[str, Case]:
    """All of them, by name."""
    return {
        **_links(),
        **_tunnels(),
        **_internet(),
        **_fragmented(),
        **_errors(),
        **_arp(),
        **_cut(),
        **_pcaps(),
        **_pcapngs(),
        **_lies(),
    }
