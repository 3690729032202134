"""Traffic that has nothing to do with network boot: what most packets of a mirror port are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench import frames
from tests.bench.clients import Kind
from tests.bench.frames import Numbers, Rows, Shape

_HOSTS = 500
_IPV4 = ("10.99.0.0", "10.98.0.10")
_IPV6 = ("2001:db8:99::", "2001:db8:98::10")
_MACS = (bytes.fromhex("02ee00000000"), bytes.fromhex("02ee0000ffff"))
_QUERY = b"\0\0\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"
_ANSWER = _QUERY[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + _QUERY[12:] + b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\xc0\0\2\1"


@dataclass(frozen=True, slots=True)
class Share:
    """One sort of other frame, and its part of all of them."""

    kind: Kind
    weight: float


def shares(chance: np.random.Generator) -> list[Share]:
    """HTTPS over both families, DNS, QUIC, NTP, syslog: about the mix of an office."""

    def noise(octets: int) -> bytes:
        return b"\x17\3\3" + chance.bytes(octets - 3)

    down, up = ("10.98.0.10", "10.99.0.0"), _IPV4
    back = _MACS[::-1]
    return [
        Share(_kind(frames.tcp(noise(1446), (443, 40000), down, back), sequence=True), 0.34),
        Share(_kind(frames.tcp(b"", (40000, 443), up, _MACS), sequence=True), 0.30),
        Share(_kind(frames.udp6(noise(1200), (443, 50000), _IPV6[::-1], back)), 0.10),
        Share(_kind(frames.udp(noise(1252), (443, 51000), down, back)), 0.10),
        Share(_kind(frames.udp(_QUERY, (45000, 53), up, _MACS)), 0.05),
        Share(_kind(frames.udp(_ANSWER, (53, 45000), down, back)), 0.05),
        Share(_kind(frames.udp(b"<30>Nov 14 22:13:20 host daemon[1]: all is well", (514, 514), up, _MACS)), 0.04),
        Share(_kind(frames.udp(b"\x23" + bytes(47), (123, 123), up, _MACS)), 0.02),
    ]


def _kind(shape: Shape, *, sequence: bool = False) -> Kind:
    """Frames of `_HOSTS` hosts, by number: the host's end has its low octets in the address and the MAC."""
    outward = shape.octets[6:12] == _MACS[0]

    def stamp(hosts: Numbers, serials: Numbers) -> Rows:
        rows = shape.rows(len(hosts))
        host = hosts % _HOSTS + 1
        frames.put(rows, (frames.SOURCE_MAC if outward else frames.DESTINATION_MAC) + 4, host, 2)
        if shape.ipv4:
            frames.put(rows, (frames.SOURCE if outward else frames.DESTINATION) + 2, host, 2)
            frames.put(rows, frames.IDENTIFICATION, serials & 0xFFFF, 2)
        else:
            frames.put(rows, (22 if outward else 38) + 14, host, 2)
        if sequence:
            frames.put(rows, frames.TCP_SEQUENCE, (serials * 1446) & 0xFFFF_FFFF, 4)
        frames.seal(rows, shape)
        return rows

    return Kind(shape.size, stamp)
