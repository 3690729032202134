"""DHCP and BOOTP messages (RFC 2131 section 2, RFC 2132, RFC 3396 for long options).

`parse` never raises. Options are kept as they lie on the wire, with the field that they were found in, so that a rule
can judge the encoding and not only the meaning.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from sys import intern
from uuid import UUID

from pxeconform.protocol import vendor_options
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option

MAGIC_COOKIE = b"\x63\x82\x53\x63"
BROADCAST_FLAG = 0x8000
NOWHERE = "0.0.0.0"

_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s")
_FILE_END = _FIXED.size + 64 + 128
_SHORTEST = 300
"""RFC 1542 section 2.1: some BOOTP clients and relays drop what is shorter."""

_PAD, _END = int(Option.PAD), int(Option.END)
_MOST_SHARED = 512
"""Equal options and fields that are kept once: what a fleet has in common, not what each client has alone."""
_LONGEST_SHARED = 1024
"""Octets of options up to which that is done."""


def _address(octets: bytes) -> str:
    """A dotted quad; equal ones are one object."""
    return intern(socket.inet_ntoa(octets))


@lru_cache(_MOST_SHARED)
def _field(octets: bytes) -> bytes:
    """A field without the NULs that fill it; equal ones are one object."""
    return octets.rstrip(b"\0")


@lru_cache(_MOST_SHARED)
def _same(octets: bytes) -> bytes:
    """One object for equal octets."""
    return octets


class Place(Enum):
    """The field of the packet that an option lies in (RFC 2132 section 9.3, option overload)."""

    OPTIONS = "options"
    FILE = "file"
    SNAME = "sname"


@dataclass(frozen=True, slots=True)
class RawOption:
    """One code, length, value triple as it was sent."""

    code: int
    value: bytes
    place: Place = Place.OPTIONS

    def __hash__(self) -> int:
        """Without the place: it tells hardly any two apart, and hashes slowly."""
        return hash((self.code, self.value))


@dataclass(frozen=True, slots=True)
class Message:
    """One BOOTP or DHCP message. Addresses are dotted quads, `chaddr` has all its 16 octets."""

    op: int
    xid: int = 0
    htype: int = 1
    hlen: int = 6
    hops: int = 0
    secs: int = 0
    flags: int = 0
    ciaddr: str = NOWHERE
    yiaddr: str = NOWHERE
    siaddr: str = NOWHERE
    giaddr: str = NOWHERE
    chaddr: bytes = bytes(16)
    sname: bytes = b""
    file: bytes = b""
    options: tuple[RawOption, ...] = ()
    ended: bool = True
    cookie: bool = True
    cut: bool = field(default=False, compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    def get(self, code: int) -> bytes | None:
        """An option's value; instances of the same code are put together (RFC 3396)."""
        found: bytes | None = None
        for option in self.options:
            if option.code == code:
                found = option.value if found is None else found + option.value
        return found

    def __contains__(self, code: int) -> bool:
        return any(option.code == code for option in self.options)

    @property
    def type(self) -> MessageType | None:
        """Option 53; `None` for BOOTP and for values that the registry does not know."""
        value = self.get(Option.MESSAGE_TYPE)
        try:
            return MessageType(value[0]) if value and len(value) == 1 else None
        except ValueError:
            return None

    @property
    def type_name(self) -> str:
        """The message type in one word, BOOTREQUEST and BOOTREPLY included."""
        kind = self.type
        if kind is not None:
            return kind.name
        return "BOOTREQUEST" if self.op == BootpOp.BOOTREQUEST else "BOOTREPLY"

    @property
    def hardware_address(self) -> bytes:
        """The octets of `chaddr` that count."""
        return self.chaddr[: min(self.hlen, 16)]

    @property
    def mac(self) -> str:
        """The same with colons, as people write it."""
        return self.hardware_address.hex(":")

    @property
    def server_identifier(self) -> str | None:
        """Option 54."""
        return self.address(Option.SERVER_IDENTIFIER)

    @property
    def class_identifier(self) -> bytes | None:
        """Option 60."""
        return self.get(Option.CLASS_IDENTIFIER)

    @property
    def is_pxe(self) -> bool:
        """Option 60 begins with PXEClient: only then option 43 holds PXE tags (PXE 2.1 section 2.2.3)."""
        return (self.class_identifier or b"").startswith(b"PXEClient")

    @property
    def is_http(self) -> bool:
        """Option 60 begins with HTTPClient (UEFI HTTP boot)."""
        return (self.class_identifier or b"").startswith(b"HTTPClient")

    @property
    def architectures(self) -> tuple[int, ...]:
        """Option 93: a list of 16 bit numbers (RFC 4578 section 2.1)."""
        value = self.get(Option.CLIENT_ARCHITECTURE) or b""
        return struct.unpack(f"!{len(value) // 2}H", value[: len(value) // 2 * 2])

    @property
    def uuid(self) -> UUID | None:
        """Option 97, type 0; the first three fields are little-endian as in SMBIOS."""
        value = self.get(Option.CLIENT_UUID)
        return UUID(bytes_le=value[1:]) if value is not None and len(value) == 17 and value[0] == 0 else None

    @property
    def vendor_options(self) -> vendor_options.VendorOptions | None:
        """Option 43 as PXE tags, if option 60 of this message says so."""
        value = self.get(Option.VENDOR_SPECIFIC)
        return vendor_options.parse(value) if value is not None and self.is_pxe else None

    @property
    def overload(self) -> int:
        """Option 52: which of file (1) and sname (2) hold options."""
        value = next((o.value for o in self.options if o.code == Option.OPTION_OVERLOAD), b"")
        return value[0] & 3 if len(value) == 1 else 0

    @property
    def boot_file(self) -> bytes:
        """The boot file's name: option 67 before `file`, which counts only if it is not overloaded. NULs are cut."""
        named = (self.get(Option.BOOT_FILE_NAME) or b"").split(b"\0", 1)[0]
        if named or self.overload & 1:
            return named
        return self.file.split(b"\0", 1)[0]

    def address(self, code: int) -> str | None:
        """An option that holds one IPv4 address."""
        value = self.get(code)
        return _address(value) if value is not None and len(value) == 4 else None

    def with_options(self, *options: tuple[int, bytes]) -> Message:
        """A copy with options set: those of the same code give way."""
        codes = {code for code, _ in options}
        kept = tuple(option for option in self.options if option.code not in codes)
        return replace(self, options=kept + tuple(RawOption(code, value) for code, value in options))

    def without(self, *codes: int) -> Message:
        """A copy that lacks these options."""
        return replace(self, options=tuple(option for option in self.options if option.code not in codes))

    def build(self, shortest: int = _SHORTEST) -> bytes:
        """The octets, padded to `shortest`. Long options are split (RFC 3396); raises `ValueError` for long fields."""
        file, sname = self.file, self.sname
        for place in (Place.FILE, Place.SNAME):
            inside = _build_options(option for option in self.options if option.place is place)
            if inside:
                inside += bytes((Option.END,))
                file, sname = (inside, sname) if place is Place.FILE else (file, inside)
        if len(sname) > 64 or len(file) > 128 or len(self.chaddr) > 16:
            raise ValueError("sname has at most 64 octets, file 128, chaddr 16")
        fixed = _FIXED.pack(
            self.op,
            self.htype,
            self.hlen,
            self.hops,
            self.xid,
            self.secs,
            self.flags,
            *(socket.inet_aton(address) for address in (self.ciaddr, self.yiaddr, self.siaddr, self.giaddr)),
            self.chaddr,
        )
        tail = _build_options(option for option in self.options if option.place is Place.OPTIONS)
        packet = fixed + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + (MAGIC_COOKIE if self.cookie else b"") + tail
        return (packet + (bytes((Option.END,)) if self.ended else b"")).ljust(shortest, b"\0")


def options(*pairs: tuple[int, bytes]) -> tuple[RawOption, ...]:
    """Code and value pairs as options of the options field."""
    return tuple(RawOption(code, value) for code, value in pairs)


def parse(payload: bytes, length: int | None = None) -> Message | None:
    """Read one UDP payload as a BOOTP message.

    `None` is returned for what cannot be one. A payload that a capture cut (`length` is more than what is there)
    gives the fields that are left, and `cut`.
    """
    length = len(payload) if length is None else length
    if len(payload) < _FIXED.size or length < _FILE_END:
        return None
    op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr = _FIXED.unpack_from(payload)
    if op not in (BootpOp.BOOTREQUEST, BootpOp.BOOTREPLY):
        return None
    sname, file = payload[44:108], payload[108:236]
    tail = payload[_FILE_END:]
    cookie = tail.startswith(MAGIC_COOKIE)
    read = _read_options if len(tail) <= _LONGEST_SHARED else _parse_options
    found, ended, problems = read(tail[4:]) if cookie else ((), True, ())
    overload = next((o.value[0] for o in found if o.code == Option.OPTION_OVERLOAD and len(o.value) == 1), 0)
    for bit, octets, place in ((1, file, Place.FILE), (2, sname, Place.SNAME)):
        if overload & bit:
            more, _, wrong = _parse_options(octets, place)
            found, problems = found + more, problems + wrong
    return Message(
        op=op,
        xid=xid,
        htype=htype,
        hlen=hlen,
        hops=hops,
        secs=secs,
        flags=flags,
        ciaddr=_address(ciaddr),
        yiaddr=_address(yiaddr),
        siaddr=_address(siaddr),
        giaddr=_address(giaddr),
        chaddr=_same(chaddr),
        sname=_field(sname),
        file=_field(file),
        options=found,
        ended=ended,
        cookie=cookie,
        cut=len(payload) < length,
        problems=problems,
    )


def _parse_options(octets: bytes, place: Place = Place.OPTIONS) -> tuple[tuple[RawOption, ...], bool, tuple[str, ...]]:
    """The options of one field, whether END closed it, and what is wrong with them."""
    found: list[RawOption] = []
    at = 0
    while at < len(octets):
        code = octets[at]
        at += 1
        if code == _PAD:
            continue
        if code == _END:
            return tuple(found), True, ()
        if at >= len(octets) or at + 1 + octets[at] > len(octets):
            return tuple(found), False, (f"option {code} in {place.value} runs past the end of the field",)
        length = octets[at]
        value = octets[at + 1 : at + 1 + length]
        found.append(_option(code, value) if place is Place.OPTIONS else RawOption(code, value, place))
        at += 1 + length
    return tuple(found), False, ()


_read_options = lru_cache(_MOST_SHARED)(_parse_options)
"""The same, once for equal fields: a server tells all clients the same."""


@lru_cache(_MOST_SHARED)
def _option(code: int, value: bytes) -> RawOption:
    """One object for equal options: those of a fleet's messages are, but for a few."""
    return RawOption(code, value)


def _build_options(found: Iterable[RawOption]) -> bytes:
    parts = []
    for option in found:
        chunks: Sequence[bytes] = [option.value[n : n + 255] for n in range(0, len(option.value), 255)] or [b""]
        parts += [bytes((option.code, len(chunk))) + chunk for chunk in chunks]
    return b"".join(parts)
