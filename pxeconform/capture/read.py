"""A capture file to a stream of datagrams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pxeconform.capture.containers import frames
from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Datagram
from pxeconform.capture.decode import LINK_LAYERS, Decoder

STANDARD_INPUT = "-"


def read(path: str | Path, info: CaptureInfo | None = None) -> Iterator[Datagram]:
    """The datagrams of a capture, in the order of the file; `-` reads standard input.

    `info` is filled while the stream is consumed. Raises `CaptureError` with one sentence when the input cannot be
    read as a capture at all; a capture that breaks off gives what it holds and a warning in `info`.
    """
    info = info if info is not None else CaptureInfo(str(path))
    if str(path) == STANDARD_INPUT:
        yield from _datagrams(sys.stdin.buffer, info)
        return
    try:
        with Path(path).open("rb") as stream:
            yield from _datagrams(stream, info)
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error


def _datagrams(stream: IO[bytes], info: CaptureInfo) -> Iterator[Datagram]:
    decoder = Decoder()
    known: dict[int, str] = {}
    for frame in frames(stream, info):
        info.packets += 1
        if frame.link_type not in known:
            link = LINK_LAYERS.get(frame.link_type)
            known[frame.link_type] = link.name if link else f"link type {frame.link_type}"
            info.link_types.append(known[frame.link_type])
            if link is None:
                info.warn(f"frames of {known[frame.link_type]} cannot be read")
        info.first_time = frame.time if info.first_time is None else min(info.first_time, frame.time)
        info.last_time = frame.time if info.last_time is None else max(info.last_time, frame.time)
        info.snapped += len(frame.octets) < frame.length
        datagram = decoder.decode(frame)
        if datagram is not None:
            yield datagram
    if info.snapped:
        info.warn(f"{info.snapped} frames were cut by the snap length")
    if decoder.fragments_missing:
        info.warn(f"of {decoder.fragments_missing} IP packets some fragments are missing")
