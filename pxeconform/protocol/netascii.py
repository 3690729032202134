"""Netascii (RFC 1350 section 1: the ASCII of Telnet, RFC 764): a line ends with CR LF, a bare CR is CR NUL."""

from __future__ import annotations

import re


def encode(text: bytes) -> bytes:
    """Octets of a local file whose lines end with LF, as they travel in netascii."""
    return text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def decode(octets: bytes) -> bytes:
    """The way back: CR LF becomes LF, CR NUL becomes CR; what else follows a CR is kept, and so is the CR."""
    return re.sub(rb"\r([\n\0])", lambda found: b"\n" if found[1] == b"\n" else b"\r", octets)
