"""A capture's octets, whatever they are packed in: plain files, gzip, xz, bzip2, Zstandard, LZ4, standard input.

By content, not by name. Nothing is held but the window that a decompressor needs, however large the file and whatever
it claims. What breaks off or is damaged gives the octets before that and a warning.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from pxeconform.capture.datagrams import CaptureError, CaptureInfo

STANDARD_INPUT = "-"

_LONGEST_MAGIC = 6
_BUFFER = 1 << 16
_STEP = 1 << 12
"""Octets handed to a decompressor at once: what it made of the step that breaks is lost, so steps are small."""
_MEMORY = 1 << 27
"""The largest window that a packed file may ask for, in octets: what `xz -9` and `zstd --ultra -22` take fit in."""
_UNSUSPECTED = 1 << 26
_MOST_EXPANSION = 1000
"""Packets differ in their headers, so no capture beyond the first octets packs as well as that; a bomb does."""


class _Decompressor(Protocol):
    """What bz2, lzma, Zstandard and LZ4 have in common: one member of a file, as much of it as is asked for."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib in the shape of the others."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._filled = False

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        # With no input left, zlib may still hold octets that did not fit into the last answer.
        return not (self._inflate.unconsumed_tail or self._filled)

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        octets = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self._filled = len(octets) == max_length
        return octets


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)


def _zstd() -> _Decompressor:
    from backports.zstd import DecompressionParameter, ZstdDecompressor

    return ZstdDecompressor(options={DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1})


def _lz4() -> _Decompressor:
    from lz4.frame import LZ4FrameDecompressor

    return cast(_Decompressor, LZ4FrameDecompressor())


_FORMATS: tuple[tuple[bytes, str, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b\x08", "gzip", _Gzip),
    (b"\xfd7zXZ\x00", "xz", _xz),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\x28\xb5\x2f\xfd", "Zstandard", _zstd),
    (b"\x04\x22\x4d\x18", "LZ4", _lz4),
    # Frames that hold no data, but what parallel packers note for themselves; both of the last formats have them.
    *((bytes([0x50 + n]) + b"\x2a\x4d\x18", "Zstandard", _zstd) for n in range(16)),
)
"""How members begin: RFC 1952 section 2.3.1, RFC 8878 section 3.1, the file formats of xz, bzip2 and LZ4."""


def open_stream(path: str | Path, info: CaptureInfo | None = None) -> BinaryIO:
    """The unpacked octets of a capture; `-` is standard input. To be closed by the caller (a context manager).

    `read(n)` and `readinto` give less than they were asked for only at the end. Of a plain file `readinto` fills the
    caller's buffer directly. Packed members may follow each other, as after `cat a.gz b.gz`. `info` takes what there
    is to say once a packed file turns out to be damaged. Raises `CaptureError`, at once or while reading, with one
    sentence when not an octet can be had; `OSError` when a medium fails in mid-reading.
    """
    info = info if info is not None else CaptureInfo(str(path))
    if str(path) == STANDARD_INPUT:
        return _unpacked(_Rejoined(_standard_input()), info)
    try:
        file: io.BufferedReader = io.BufferedReader(io.FileIO(path), _BUFFER)
    except (OSError, ValueError) as error:
        # A ValueError is a name that no file can have, with a NUL in it.
        raise CaptureError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return _unpacked(_Rejoined(file, owned=True), info)
    return _unpacked(file, info)


def _standard_input() -> io.BufferedReader:
    if sys.stdin is None or sys.stdin.closed:
        raise CaptureError("standard input is closed")
    if sys.stdin.isatty():
        raise CaptureError("standard input is a terminal, not a capture")
    return cast(io.BufferedReader, sys.stdin.buffer)


def _unpacked(file: io.BufferedReader | _Rejoined, info: CaptureInfo) -> BinaryIO:
    try:
        magic = file.peek(_LONGEST_MAGIC)
    except OSError as error:
        file.close()
        raise CaptureError(f"{info.path}: {error.strerror or error}") from error
    if _format(magic) is not None:
        return io.BufferedReader(_Unpacked(file, info), _BUFFER)
    return file if isinstance(file, io.BufferedReader) else io.BufferedReader(file, _BUFFER)


def _format(octets: bytes) -> tuple[str, Callable[[], _Decompressor]] | None:
    return next(((name, make) for magic, name, make in _FORMATS if octets.startswith(magic)), None)


class _Rejoined(io.RawIOBase):
    """A pipe of which the first octets were looked at: they come once more, then the rest."""

    def __init__(self, file: io.BufferedReader, *, owned: bool = False) -> None:
        self._file = file
        self._owned = owned
        self._head = b""

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """Wait for so many octets, or the end; they stay to be read. Only before anything was read."""
        self._head = self._file.read(size)
        return self._head

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        if not self._head:
            return self._file.readinto(buffer)
        given = self._head[: len(buffer)]
        buffer[: len(given)] = given
        self._head = self._head[len(given) :]
        return len(given)

    def close(self) -> None:
        if self._owned:
            self._file.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """The members of a packed file, one after the other."""

    def __init__(self, file: io.BufferedReader | _Rejoined, info: CaptureInfo) -> None:
        self._file = file
        self._info = info
        self._packed = b""
        """What was read from the file and no decompressor has taken yet."""
        self._taken = self._given = 0
        """Octets read from the file, and unpacked."""
        self._name = ""
        self._member: _Decompressor | None = None
        self._finished = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        if not len(buffer):
            return 0
        octets = b""
        while not octets and not self._finished:
            if self._member is None and not self._begin():
                break
            octets = self._step(len(buffer))
        self._given += len(octets)
        if self._given > max(_UNSUSPECTED, _MOST_EXPANSION * self._taken):
            self._end(f"unpack to more than {_MOST_EXPANSION} times their size, as no capture does")
        buffer[: len(octets)] = octets
        return len(octets)

    def _begin(self) -> bool:
        """Start on the next member, past the padding that tapes leave; false at the end of all."""
        while len(self._packed) < _LONGEST_MAGIC and self._more():
            if self._name:
                self._packed = self._packed.lstrip(b"\0")
        found = _format(self._packed)
        if found is None:
            if self._packed:
                self._info.warn(f"after the {self._name} data come octets of another kind; they are left out")
            self._finished = True
            return False
        self._name, make = found
        self._member = make()
        return True

    def _step(self, size: int) -> bytes:
        member = self._member
        assert member is not None
        if member.needs_input and not self._packed and not self._more():
            self._end("end in the middle")
            return b""
        packed = b""
        if member.needs_input:
            packed, self._packed = self._packed, b""
        try:
            octets = member.decompress(packed, size)
        except Exception as error:
            # Each library has an exception of its own, and nothing but the packed octets can be the reason.
            greedy = isinstance(error, MemoryError) or "memory" in str(error).lower()
            self._end("ask for more memory than a capture is worth" if greedy else "are damaged")
            return b""
        if member.eof:
            self._packed = (member.unused_data or b"").lstrip(b"\0") + self._packed
            self._member = None
        return octets

    def _more(self) -> bool:
        packed = self._file.read(_STEP) or b""
        self._packed += packed
        self._taken += len(packed)
        return bool(packed)

    def _end(self, what: str) -> None:
        self._finished = True
        self._info.complete = False
        if not self._given:
            raise CaptureError(f"{self._info.path}: the {self._name} data {what}")
        self._info.warn(f"the {self._name} data {what}")

    def close(self) -> None:
        self._file.close()
        super().close()
