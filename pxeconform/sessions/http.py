"""HTTP requests of boot clients, as far as plain TCP shows them (RFC 9110; UEFI 2.10 section 24.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram
from pxeconform.sessions.content import HEAD

_METHODS = (b"GET ", b"HEAD ")
_HANDSHAKE = b"\x16\x03"
"""A TLS record of type handshake (RFC 8446 section 5.1)."""

_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_LONGEST_PATH = 2048

CONNECT, ENCRYPTED = "CONNECT", "TLS"
"""In place of a method: a connection that came to no request, and one whose requests are encrypted."""

_Connection = tuple[str, int, str, int]


@dataclass(slots=True)
class Fetch:
    """One request and its response; `octets` counts the body, repeated segments included."""

    client: str
    client_port: int
    server: str
    server_port: int
    method: str
    path: str
    first_frame: int
    started: int
    last_frame: int = 0
    ended: int = 0
    status: int | None = None
    length: int | None = None
    octets: int = 0
    refused: bool = False
    """The server reset the connection before it answered."""
    given_up: bool = False
    """The client reset the connection before all had come."""
    frames: list[int] = field(default_factory=list)
    head: bytearray = field(default_factory=bytearray)

    @property
    def complete(self) -> bool:
        """A good status and as many octets as the header announced."""
        good = self.status is not None and 200 <= self.status < 300
        return good and (self.method == "HEAD" or self.length is None or self.octets >= self.length)

    @property
    def awaited(self) -> bool:
        """Neither all of it nor an error has come."""
        return self.status is None or (self.status < 300 and not self.complete)

    @property
    def waited_since(self) -> int:
        """From when on nothing new came: trying to connect again and again is nothing new."""
        return self.started if self.method == CONNECT else self.ended

    @property
    def is_request(self) -> bool:
        """It got as far as a request that can be read."""
        return self.method not in (CONNECT, ENCRYPTED)


def find_fetches(segments: Iterable[Datagram]) -> list[Fetch]:
    """Requests by GET and HEAD with their responses, and connections that came to none, in the order of the trace."""
    found: list[Fetch] = []
    bare: dict[_Connection, Fetch] = {}
    open_: dict[_Connection, Fetch] = {}
    for segment in segments:
        flags = segment.code[0] if segment.code is not None else _ACK
        own = (*segment.sender, *segment.receiver)
        if flags & (_SYN | _ACK) == _SYN:
            fetch = bare.get(own) or _begun(segment, CONNECT, "")
            fetch.frames.append(segment.frame)
            fetch.last_frame, fetch.ended = segment.frame, segment.time
            bare[own] = open_[own] = fetch
        elif segment.payload.startswith(_METHODS) or (own in bare and segment.payload.startswith(_HANDSHAKE)):
            bare.pop(own, None)
            open_[own] = _request(segment)
            found.append(open_[own])
        else:
            answered = open_.get((*segment.receiver, *segment.sender))
            if answered is not None:
                _response(answered, segment, reset=bool(flags & _RST))
            elif flags & _RST and own in open_ and open_[own].awaited:
                open_[own].given_up = True
                open_[own].frames.append(segment.frame)
    return sorted([*found, *bare.values()], key=lambda fetch: fetch.started)


def _request(segment: Datagram) -> Fetch:
    if segment.payload.startswith(_HANDSHAKE):
        return _begun(segment, ENCRYPTED, "")
    words = segment.payload.split(b"\r\n", 1)[0].split(b" ")
    path = words[1][:_LONGEST_PATH].decode("latin-1") if len(words) > 1 else ""
    return _begun(segment, words[0].decode("ascii"), path)


def _begun(segment: Datagram, method: str, path: str) -> Fetch:
    return Fetch(
        *segment.sender,
        *segment.receiver,
        method,
        path,
        segment.frame,
        segment.time,
        segment.frame,
        segment.time,
        frames=[segment.frame],
    )


def _response(fetch: Fetch, segment: Datagram, *, reset: bool) -> None:
    payload = segment.payload
    if reset and not payload:
        fetch.refused |= fetch.status is None
        fetch.frames.append(segment.frame)
        if fetch.refused:
            fetch.last_frame, fetch.ended = segment.frame, segment.time
        return
    if not payload or fetch.method == CONNECT:
        return
    fetch.last_frame, fetch.ended = segment.frame, segment.time
    if fetch.method != ENCRYPTED and fetch.status is None and payload.startswith(b"HTTP/"):
        header, _, body = payload.partition(b"\r\n\r\n")
        words = header.split(b" ", 2)
        fetch.status = int(words[1]) if len(words) > 1 and words[1].isdigit() and len(words[1]) == 3 else 0
        for line in header.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value) < 20:
                fetch.length = int(value.strip())
        fetch.frames.append(segment.frame)
        fetch.octets += max(segment.length - len(payload), 0) + len(body)
        fetch.head += body
    else:
        fetch.octets += segment.length
        if len(fetch.head) < HEAD:
            fetch.head += payload
