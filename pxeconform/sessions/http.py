"""HTTP requests of boot clients, as far as plain TCP shows them (RFC 9110; UEFI 2.10 section 24.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pxeconform.capture.datagrams import Datagram

_METHODS = (b"GET ", b"HEAD ")


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
    frames: list[int] = field(default_factory=list)
    head: bytearray = field(default_factory=bytearray)

    @property
    def complete(self) -> bool:
        """A good status and as many octets as the header announced."""
        good = self.status is not None and 200 <= self.status < 300
        return good and (self.method == "HEAD" or self.length is None or self.octets >= self.length)


def find_fetches(segments: Iterable[Datagram]) -> list[Fetch]:
    """Requests by GET and HEAD with their responses, in the order of the trace."""
    found: list[Fetch] = []
    open_: dict[tuple[str, int, str, int], Fetch] = {}
    for segment in segments:
        payload = segment.payload
        if not payload:
            continue
        if payload.startswith(_METHODS):
            words = payload.split(b"\r\n", 1)[0].split(b" ")
            fetch = Fetch(
                segment.source,
                segment.source_port,
                segment.destination,
                segment.destination_port,
                words[0].decode("ascii"),
                words[1][:2048].decode("latin-1") if len(words) > 1 else "",
                segment.frame,
                segment.time,
                segment.frame,
                segment.time,
                frames=[segment.frame],
            )
            open_[(*segment.sender, *segment.receiver)] = fetch
            found.append(fetch)
            continue
        answered = open_.get((*segment.receiver, *segment.sender))
        if answered is not None:
            _response(answered, segment)
    return found


def _response(fetch: Fetch, segment: Datagram) -> None:
    payload = segment.payload
    fetch.last_frame, fetch.ended = segment.frame, segment.time
    if fetch.status is None and payload.startswith(b"HTTP/"):
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
        if len(fetch.head) < 65536:
            fetch.head += payload
