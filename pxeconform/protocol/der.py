"""The part of ASN.1 DER that certificates and signature blocks of boot credentials need.

The encoder is a handful of functions that return whole elements (tag, length, content) as bytes.
The decoder is lazy: :func:`decode` opens one element, :meth:`Element.children` opens the next level. So the depth is
that of the caller's own code, and :data:`MAX_DEPTH` bounds it once more. Lengths must be definite and minimal;
tags above 30 do not occur. :class:`DerError` is all that the decoder ever raises.

Source: ITU-T X.690, clauses 8 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
UTF8_STRING: Final = 0x0C
UTC_TIME: Final = 0x17
SEQUENCE: Final = 0x30
SET: Final = 0x31

MAX_DEPTH: Final = 16
MAX_CHILDREN: Final = 1024
# An identifier longer than this names nothing we know, and Python refuses to print integers of thousands of digits.
MAX_IDENTIFIER_OCTETS: Final = 64
_MAX_LENGTH_OCTETS: Final = 4


class DerError(ValueError):
    """The bytes are not the DER that was expected."""


def context_tag(number: int, *, constructed: bool = True) -> int:
    """Return the identifier octet of context tag ``[number]`` (0 to 30)."""
    if not 0 <= number <= 30:
        raise ValueError(f"context tag {number} does not fit one octet")
    return 0x80 | (0x20 if constructed else 0) | number


def encode(tag: int, *parts: bytes) -> bytes:
    """Return one element: identifier octet ``tag``, length and the joined ``parts``."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_integer(value: int) -> bytes:
    """Return an INTEGER in as few octets as its sign allows."""
    magnitude = value if value >= 0 else ~value
    return encode(INTEGER, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER from its dotted form; raise ValueError if that is malformed."""
    arcs = [int(arc) for arc in dotted.split(".")]
    if len(arcs) < 2 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or min(arcs) < 0:
        raise ValueError(f"{dotted!r} is not an object identifier")
    content = bytearray()
    for arc in (40 * arcs[0] + arcs[1], *arcs[2:]):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(septets))
    return encode(OBJECT_IDENTIFIER, bytes(content))


def encode_sequence(*elements: bytes) -> bytes:
    """Return a SEQUENCE of already encoded elements."""
    return encode(SEQUENCE, *elements)


def encode_set(*elements: bytes) -> bytes:
    """Return a SET OF already encoded elements, sorted as DER demands."""
    return encode(SET, *sorted(elements))


def encode_octet_string(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return encode(OCTET_STRING, value)


def encode_bit_string(value: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return encode(BIT_STRING, b"\0", value)


def encode_null() -> bytes:
    """Return NULL."""
    return encode(NULL)


def encode_utc_time(moment: datetime) -> bytes:
    """Return a UTCTime; ``moment`` must be aware and of the years 1950 to 2049 (RFC 5280 4.1.2.5.1)."""
    utc = moment.astimezone(UTC)
    if moment.tzinfo is None or not 1950 <= utc.year <= 2049:
        raise ValueError("UTCTime needs an aware moment between 1950 and 2049")
    return encode(UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode("ascii"))


def encode_context(number: int, *parts: bytes, constructed: bool = True) -> bytes:
    """Return an element with context tag ``[number]`` around the joined ``parts``."""
    return encode(context_tag(number, constructed=constructed), *parts)


@dataclass(frozen=True, slots=True)
class Element:
    """One decoded element: identifier octet, content octets, and the whole encoding as it stood."""

    tag: int
    content: bytes
    raw: bytes
    depth: int = 0

    def expect(self, tag: int) -> Element:
        """Return this element; raise :class:`DerError` unless its identifier octet is ``tag``."""
        if self.tag != tag:
            raise DerError(f"tag 0x{self.tag:02x} where 0x{tag:02x} belongs")
        return self

    def children(self) -> tuple[Element, ...]:
        """Return the elements inside a constructed element."""
        if not self.tag & 0x20:
            raise DerError(f"tag 0x{self.tag:02x} is primitive, nothing is inside")
        if self.depth >= MAX_DEPTH:
            raise DerError(f"nested deeper than {MAX_DEPTH} levels")
        found: list[Element] = []
        offset = 0
        while offset < len(self.content):
            if len(found) == MAX_CHILDREN:
                raise DerError(f"more than {MAX_CHILDREN} elements in one")
            found.append(_element_at(self.content, offset, self.depth + 1))
            offset += len(found[-1].raw)
        return tuple(found)

    def sequence(self, minimum: int = 0) -> tuple[Element, ...]:
        """Return the elements of a SEQUENCE that must have at least ``minimum`` of them."""
        elements = self.expect(SEQUENCE).children()
        if len(elements) < minimum:
            raise DerError(f"a sequence of {len(elements)} elements where {minimum} belong")
        return elements

    def integer(self) -> int:
        """Return the value of an INTEGER."""
        octets = self.expect(INTEGER).content
        if not octets or (len(octets) > 1 and octets[0] in (0x00, 0xFF) and (octets[0] ^ octets[1]) < 0x80):
            raise DerError("INTEGER is empty or not minimal")
        return int.from_bytes(octets, "big", signed=True)

    def oid(self) -> str:
        """Return an OBJECT IDENTIFIER in dotted form."""
        octets = self.expect(OBJECT_IDENTIFIER).content
        if not 0 < len(octets) <= MAX_IDENTIFIER_OCTETS or octets[-1] & 0x80:
            raise DerError("OBJECT IDENTIFIER is empty, cut or too long")
        arcs: list[int] = []
        value, fresh = 0, True
        for octet in octets:
            if fresh and octet == 0x80:
                raise DerError("OBJECT IDENTIFIER has a padded arc")
            value = value << 7 | octet & 0x7F
            fresh = not octet & 0x80
            if fresh:
                arcs.append(value)
                value = 0
        top = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (top, arcs[0] - 40 * top, *arcs[1:]))

    def octet_string(self) -> bytes:
        """Return the octets of an OCTET STRING."""
        return self.expect(OCTET_STRING).content

    def bit_string(self) -> bytes:
        """Return the octets of a BIT STRING that has no unused bits."""
        octets = self.expect(BIT_STRING).content
        if not octets or octets[0]:
            raise DerError("BIT STRING is empty or has unused bits")
        return octets[1:]

    def null(self) -> None:
        """Accept NULL."""
        if self.expect(NULL).content:
            raise DerError("NULL with content")

    def utc_time(self) -> datetime:
        """Return a UTCTime of the form YYMMDDHHMMSSZ; years 50 to 99 belong to the twentieth century."""
        octets = self.expect(UTC_TIME).content
        if len(octets) != 13 or not octets[:12].isdigit() or octets[12:] != b"Z":
            raise DerError("UTCTime is not YYMMDDHHMMSSZ")
        year, month, day, hour, minute, second = (int(octets[at : at + 2]) for at in range(0, 12, 2))
        try:
            return datetime(year + (1900 if year >= 50 else 2000), month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as error:
            raise DerError(f"UTCTime is no date: {error}") from None


def decode(data: bytes) -> Element:
    """Return the one element that ``data`` consists of; raise :class:`DerError` on anything else."""
    element = _element_at(data, 0, 0)
    if len(element.raw) != len(data):
        raise DerError(f"{len(data) - len(element.raw)} octets follow the outermost element")
    return element


def _element_at(data: bytes, offset: int, depth: int) -> Element:
    """Return the element that begins at ``offset``."""
    if len(data) - offset < 2:
        raise DerError("element is cut before its length")
    tag, size = data[offset], data[offset + 1]
    if tag & 0x1F == 0x1F:
        raise DerError("tag number above 30")
    start = offset + 2
    if size & 0x80:
        count = size & 0x7F
        if not count:
            raise DerError("indefinite length")
        if count > _MAX_LENGTH_OCTETS or len(data) - start < count:
            raise DerError("length is cut or too large")
        size = int.from_bytes(data[start : start + count], "big")
        if size < 0x80 or size < 1 << 8 * (count - 1):
            raise DerError("length is not minimal")
        start += count
    if size > len(data) - start:
        raise DerError(f"element claims {size} octets, {len(data) - start} are left")
    return Element(tag, data[start : start + size], data[offset : start + size], depth)
