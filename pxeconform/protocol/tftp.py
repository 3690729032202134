"""TFTP packets (RFC 1350 section 5, RFC 2347 for option acknowledgments).

`parse` never raises: what is no TFTP packet is `None`, what begins like one and breaks off is `Malformed`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pxeconform.registry.tftp_codes import Opcode

Options = tuple[tuple[str, str], ...]
"""Option names and values in the order of the packet, in the sender's spelling."""

DEFAULT_BLOCK_SIZE = 512
"""RFC 1350 section 2: octets of data in every block but the last, unless `blksize` was agreed."""

LAST_BLOCK_NUMBER = 65535
"""Block numbers have 16 bits; what follows the last one is in no RFC."""

_MOST_REMEMBERED = 4096
"""Answers about options that are kept: a fleet asks for the same ones."""

_SHORT = 256
"""Octets of a packet that is worth being remembered."""


@dataclass(frozen=True, slots=True)
class Request:
    """A read (RRQ) or write (WRQ) request; `mode` is lower case as the comparison ignores case (RFC 1350 section 5)."""

    opcode: Opcode
    filename: bytes
    mode: str = "octet"
    options: Options = ()
    ragged: bool = False
    """Behind the mode stand octets that are no list of options."""

    def build(self) -> bytes:
        """The packet's octets."""
        return b"".join(
            (struct.pack("!H", self.opcode), self.filename, b"\0", self.mode.encode("latin-1"), b"\0")
        ) + _build_options(self.options)


@dataclass(frozen=True, slots=True)
class Data:
    """One block of the file; `length` is what was sent, `data` what is at hand (less, in a cut capture)."""

    block: int
    data: bytes
    length: int = -1

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.data))

    def build(self) -> bytes:
        """The packet's octets."""
        return struct.pack("!HH", Opcode.DATA, self.block) + self.data


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledgment of a block; block 0 answers a WRQ or an OACK."""

    block: int

    def build(self) -> bytes:
        """The packet's octets."""
        return struct.pack("!HH", Opcode.ACK, self.block)


@dataclass(frozen=True, slots=True)
class Error:
    """An ERROR: it ends a transfer, except for code 5 (RFC 1350 section 2)."""

    code: int
    message: bytes = b""
    ending: bytes = b"\0"
    """What follows the message: one NUL, unless the packet is wrong (RFC 1350 section 5)."""

    @property
    def text(self) -> str:
        """The message for people; control characters are still in it."""
        return self.message.decode("latin-1")

    def build(self) -> bytes:
        """The packet's octets."""
        return struct.pack("!HH", Opcode.ERROR, self.code) + self.message + self.ending


@dataclass(frozen=True, slots=True)
class Oack:
    """Option acknowledgment (RFC 2347)."""

    options: Options

    def build(self) -> bytes:
        """The packet's octets."""
        return struct.pack("!H", Opcode.OACK) + _build_options(self.options)

    def value(self, name: str) -> int | None:
        """The option as a number; `None` when it is absent or no number."""
        return option_number(self.options, name)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A packet with a TFTP opcode that breaks off or does not end as it must."""

    opcode: int
    reason: str


Packet = Request | Data | Ack | Error | Oack | Malformed


def parse(payload: bytes, length: int | None = None) -> Packet | None:
    """Read one UDP payload as a TFTP packet.

    `length` is the payload's length on the wire where a capture cut it short. `None` is returned for what has no
    TFTP opcode at all.
    """
    length = len(payload) if length is None else length
    # Blocks differ, everything else is the same for all clients of a fleet.
    alike = len(payload) <= _SHORT and payload[:2] != b"\0\3"
    packet = _parse_alike(payload, length) if alike else _parse(payload, length)
    if isinstance(packet, Malformed) and len(payload) < length:
        return Malformed(packet.opcode, f"the capture holds {len(payload)} of {length} octets")
    return packet


def _parse(payload: bytes, length: int) -> Packet | None:
    if len(payload) < 2:
        return None
    (opcode,) = struct.unpack_from("!H", payload)
    if opcode in (Opcode.DATA, Opcode.ACK, Opcode.ERROR):
        if len(payload) < 4:
            return Malformed(opcode, "shorter than its four octet header")
        (number,) = struct.unpack_from("!H", payload, 2)
        if opcode == Opcode.DATA:
            return Data(number, payload[4:], length - 4)
        if opcode == Opcode.ACK:
            return Ack(number)
        message, _, _ = payload[4:].partition(b"\0")
        whole = len(payload) == length
        return Error(number, message, payload[4 + len(message) :] if whole else b"\0")
    if opcode == Opcode.OACK:
        options = _parse_options(payload[2:])
        return Malformed(opcode, "an option without its value or final NUL") if options is None else Oack(options)
    if opcode in (Opcode.RRQ, Opcode.WRQ):
        return _parse_request(Opcode(opcode), payload)
    return None


_parse_alike = lru_cache(256)(_parse)
"""The same, with one object for equal packets."""


def _parse_request(opcode: Opcode, payload: bytes) -> Request | Malformed:
    filename, found, rest = payload[2:].partition(b"\0")
    if not found:
        return Malformed(opcode, "the file name has no final NUL")
    mode, found, rest = rest.partition(b"\0")
    if not found:
        return Malformed(opcode, "the mode has no final NUL")
    # A tail that is no list of options belongs to a request that is complete without it (RFC 1785: old servers
    # ignored all tails), so it is dropped rather than making the request malformed.
    options = _parse_options(rest)
    return Request(opcode, filename, mode.decode("latin-1").lower(), options or (), options is None)


def _parse_options(octets: bytes) -> Options | None:
    if not octets:
        return ()
    if not octets.endswith(b"\0"):
        return None
    fields = octets[:-1].split(b"\0")
    if len(fields) % 2:
        return None
    texts = [field.decode("latin-1") for field in fields]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def _build_options(options: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}\0{value}\0".encode("latin-1") for name, value in options)


@lru_cache(_MOST_REMEMBERED)
def option_value(options: Options, name: str) -> str | None:
    """The value of the first option of that name; names ignore case (RFC 2347)."""
    return next((value for key, value in options if key.lower() == name), None)


@lru_cache(_MOST_REMEMBERED)
def option_number(options: Options, name: str) -> int | None:
    """The same as a non-negative decimal number, or `None`."""
    value = option_value(options, name)
    # isdigit() alone accepts superscripts, and int() refuses very long digit strings.
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) <= 20 else None
