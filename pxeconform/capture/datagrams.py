"""What a capture says, one record a packet: the only thing that later rooms see of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache


class CaptureError(Exception):
    """The input is no capture that can be read; the message is one sentence for the user."""


class Kind(Enum):
    """What a record stands for."""

    UDP = "udp"
    ICMP_ERROR = "icmp"
    ARP = "arp"
    TCP = "tcp"


class Checksum(Enum):
    """What the UDP checksum of a datagram is worth (RFC 768, RFC 8200 section 8.1).

    `OFFLOADED` holds only the sum of the pseudo header: the sender's network card fills in the rest after the capture
    was taken.
    """

    RIGHT = "right"
    WRONG = "wrong"
    ABSENT = "absent"
    OFFLOADED = "offloaded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One packet of interest.

    `time` is in nanoseconds since the epoch, `frame` counts from 1 in the file. `payload` is what is at hand of the
    `length` octets that were on the wire. Of an ICMP error the addresses and ports are those of the datagram that it
    quotes, `reporter` is who sent it and `code` is (type, code). Of ARP `source` asks for (1, in `code`) or tells (2)
    `destination`; IPv6's neighbour discovery is told in the same words.
    """

    frame: int
    time: int
    source: str
    destination: str
    source_port: int = 0
    destination_port: int = 0
    payload: bytes = b""
    length: int = 0
    kind: Kind = Kind.UDP
    reporter: str | None = None
    code: tuple[int, int] | None = None
    source_mac: bytes = b""
    destination_mac: bytes = b""
    comment: str = ""
    identification: int = 0
    """Of the IPv4 header or the IPv6 fragment header; 0 for whole IPv6 packets, which have none."""
    copy_of: int | None = None
    """The frame that holds the same datagram, when the capture has it twice."""
    checksum: int | None = field(default=None, compare=False)
    """Of the UDP header, when there is one."""
    outer: tuple[str, str] | None = field(default=None, compare=False)
    """Source and destination of the outermost IP header, when the packet came through a tunnel."""
    vlan: int | None = field(default=None, compare=False)
    """The innermost VLAN tag's number."""

    @property
    def cut(self) -> bool:
        """The capture holds less of the payload than was sent."""
        return len(self.payload) < self.length

    @property
    def sender(self) -> tuple[str, int]:
        """Address and port that it came from."""
        return _endpoint(self.source, self.source_port)

    @property
    def receiver(self) -> tuple[str, int]:
        """Address and port that it went to."""
        return _endpoint(self.destination, self.destination_port)

    @property
    def checksum_state(self) -> Checksum:
        """Whether the UDP checksum is right; `UNKNOWN` where octets or the header are missing."""
        if self.kind is not Kind.UDP or self.checksum is None or self.cut:
            return Checksum.UNKNOWN
        if self.checksum == 0:
            return Checksum.ABSENT
        six = ":" in self.source
        family = socket.AF_INET6 if six else socket.AF_INET
        addresses = socket.inet_pton(family, self.source) + socket.inet_pton(family, self.destination)
        size = self.length + 8
        pseudo = _ones_sum(addresses) + 17 + size
        if self.checksum == _folded(pseudo):
            return Checksum.OFFLOADED
        whole = pseudo + self.source_port + self.destination_port + size + self.checksum + _ones_sum(self.payload)
        return Checksum.RIGHT if _folded(whole) == 0xFFFF else Checksum.WRONG


@lru_cache(1024)
def _endpoint(address: str, port: int) -> tuple[str, int]:
    """One object for equal ends, of which sessions keep many."""
    return address, port


def _ones_sum(octets: bytes) -> int:
    """The sum of 16 bit words in network byte order, but for carries (RFC 1071 section 1)."""
    if len(octets) % 2:
        octets += b"\0"
    # Words of a number to the base of 65536 add up to it modulo 65535.
    return int.from_bytes(octets, "big") % 0xFFFF


def _folded(value: int) -> int:
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


@dataclass(slots=True)
class CaptureInfo:
    """What is known of a capture once it was read; filled while it is read."""

    path: str
    format: str = "unknown"
    link_types: list[str] = field(default_factory=list)
    packets: int = 0
    first_time: int | None = None
    last_time: int | None = None
    complete: bool = True
    synthetic: bool = False
    snapped: int = 0
    copies: int = 0
    """Datagrams that are second copies of others."""
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Note a defect once; a broken capture must not fill the memory with its warnings."""
        if text not in self.warnings and len(self.warnings) < 50:
            self.warnings.append(text)
