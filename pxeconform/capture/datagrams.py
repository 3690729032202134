"""What a capture says, one record a packet: the only thing that later rooms see of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class CaptureError(Exception):
    """The input is no capture that can be read; the message is one sentence for the user."""


class Kind(Enum):
    """What a record stands for."""

    UDP = "udp"
    ICMP_ERROR = "icmp"
    ARP = "arp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One packet of interest.

    `time` is in nanoseconds since the epoch, `frame` counts from 1 in the file. `payload` is what is at hand of the
    `length` octets that were on the wire. Of an ICMP error the addresses and ports are those of the datagram that it
    quotes, `reporter` is who sent it and `code` is (type, code). Of ARP `source` asks for (or tells) `destination`.
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
    """Of the IP header; 0 for IPv6, which has none."""
    copy_of: int | None = None
    """The frame that holds the same datagram, when the capture has it twice."""

    @property
    def cut(self) -> bool:
        """The capture holds less of the payload than was sent."""
        return len(self.payload) < self.length

    @property
    def sender(self) -> tuple[str, int]:
        """Address and port that it came from."""
        return self.source, self.source_port

    @property
    def receiver(self) -> tuple[str, int]:
        """Address and port that it went to."""
        return self.destination, self.destination_port


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
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Note a defect once; a broken capture must not fill the memory with its warnings."""
        if text not in self.warnings and len(self.warnings) < 50:
            self.warnings.append(text)
