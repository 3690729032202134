"""One datagram captured twice is no retransmission: mirror ports copy both directions, `any` sees a bridge twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pxeconform.capture.datagrams import CaptureInfo, Datagram, Kind

SPAN = 1_000_000
"""Nanoseconds within which the same IP identification and octets are one datagram. A repetition takes longer."""

_MOST_WAITING = 4096

_Key = tuple[int, tuple[str, int], tuple[str, int], int, bytes]


def marked(datagrams: Iterable[Datagram], info: CaptureInfo) -> Iterator[Datagram]:
    """The same datagrams; those that are copies name the frame of the first one in `copy_of`."""
    recent: dict[_Key, tuple[int, int]] = {}
    order: deque[tuple[int, _Key]] = deque()
    for datagram in datagrams:
        if datagram.kind is not Kind.UDP:
            yield datagram
            continue
        while order and (datagram.time - order[0][0] > SPAN or len(order) > _MOST_WAITING):
            time, old = order.popleft()
            if recent.get(old, (0, time))[1] == time:
                recent.pop(old, None)
        key = (datagram.identification, datagram.sender, datagram.receiver, datagram.length, datagram.payload)
        first = recent.get(key)
        if first is not None and abs(datagram.time - first[1]) <= SPAN:
            info.copies += 1
            yield replace(datagram, copy_of=first[0])
            continue
        recent[key] = (datagram.frame, datagram.time)
        order.append((datagram.time, key))
        yield datagram


def tell_copies(info: CaptureInfo, more: int = 0) -> None:
    """Say how many copies there were; `more` are those that others than `marked` saw."""
    info.copies += more
    if info.copies:
        info.warn(f"{info.copies} datagrams were captured twice (a mirror port, or several points of one path)")
