"""A capture file to a stream of datagrams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pxeconform.capture.columns import (
    BIG_ENDIAN,
    FIRST_TIME,
    FRAME,
    FRAME_COLUMNS,
    LAST_TIME,
    LINK_COUNT,
    LINKS,
    NUMBER,
    OPTIONS,
    OPTIONS_END,
    ROW_COLUMNS,
    SNAPPED,
    TIME,
)
from pxeconform.capture.containers import Progress, open_container
from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Datagram
from pxeconform.capture.kernels import SMALL, Kernels, choose
from pxeconform.capture.links import LINK_NAMES
from pxeconform.capture.records import KERNELS
from pxeconform.capture.rows import Datagrams
from pxeconform.capture.sieves import EveryPacket, Sieve
from pxeconform.capture.streams import open_stream
from pxeconform.capture.window import Window


def read(
    path: str | Path, info: CaptureInfo | None = None, *, sieve: Sieve | None = None, kernels: Kernels | None = None
) -> Iterator[Datagram]:
    """The datagrams of a capture, in the order of time; `-` reads standard input.

    Frames that stand a little out of order are put right. `info` is filled while the stream is consumed. `sieve`, if
    there is one, picks the packets when the capture is large enough for compiled kernels. Raises `CaptureError` with
    one sentence when the input cannot be read as a capture at all; a capture that breaks off gives what it holds and a
    warning in `info`.
    """
    info = info if info is not None else CaptureInfo(str(path))
    try:
        with open_stream(path, info) as stream:
            yield from _datagrams(stream, info, sieve, kernels, _size(path))
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error


def _datagrams(
    stream: BinaryIO,
    info: CaptureInfo,
    sieve: Sieve | None = None,
    kernels: Kernels | None = None,
    size: int | None = None,
) -> Iterator[Datagram]:
    head = _beginning(stream)
    every = EveryPacket()
    if kernels is None:
        chosen = sieve or every
        kernels = choose((*KERNELS, chosen.kernel), len(head) if len(head) < SMALL else size)
    sieve = sieve if sieve is not None and kernels.compiled else every
    sieve.begin(kernels)
    window = Window(stream, head, kernels)
    container = open_container(window, info, kernels)
    made = Datagrams()
    while True:
        progress = container.walk()
        if progress is Progress.HUNGRY and window.finished:
            container.finish()
            progress = Progress.DONE
        taken = window.ripe(progress is Progress.DONE)
        _note(window, info)
        first = 0
        while first < taken:
            first, found = sieve.run(window, first, taken)
            for number in range(found):
                base = sieve.rows[number * ROW_COLUMNS + FRAME] * FRAME_COLUMNS
                options = window.octets[window.index[base + OPTIONS] : window.index[base + OPTIONS_END]]
                datagram = made.of(
                    sieve.rows,
                    number,
                    window.octets,
                    window.index[base + NUMBER],
                    window.index[base + TIME],
                    container.comment(options, window.index[base + BIG_ENDIAN]),
                )
                if datagram is not None:
                    yield datagram
        window.drop(taken)
        if progress is Progress.DONE:
            break
        if progress is Progress.HUNGRY:
            window.fill()
    _conclude(info, made)


def _size(path: str | Path) -> int | None:
    """Octets of a file, packed as it may be; `None` for what has no size, like a pipe."""
    try:
        return Path(path).stat().st_size or None
    except OSError:
        return None


def _beginning(stream: BinaryIO) -> bytes:
    """As much of a stream as tells a small capture from a large one."""
    parts: list[bytes] = []
    missing = SMALL
    while missing:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _note(window: Window, info: CaptureInfo) -> None:
    info.packets = window.frames
    if window.state[FIRST_TIME] >= 0:
        info.first_time, info.last_time = window.state[FIRST_TIME], window.state[LAST_TIME]
    info.snapped = window.state[SNAPPED]
    for number in range(len(info.link_types), window.state[LINK_COUNT]):
        link = window.state[LINKS + number]
        info.link_types.append(LINK_NAMES.get(link, f"link type {link}"))
        if link not in LINK_NAMES:
            info.warn(f"frames of link type {link} cannot be read")


def _conclude(info: CaptureInfo, made: Datagrams) -> None:
    if info.snapped:
        info.warn(f"{info.snapped} frames were cut by the snap length")
    if made.fragments_missing:
        info.warn(f"of {made.fragments_missing} IP packets some fragments are missing")
