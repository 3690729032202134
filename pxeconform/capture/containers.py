"""pcap and pcapng files to frames (the formats as the pcap-savefile(5) and pcapng drafts describe them).

By content, not by name. A file that breaks off in the middle gives what it holds and a warning; only what is no
capture at all raises `CaptureError`. Records are walked over by kernels; what is rare in a file, headers and odd
blocks, is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

from pxeconform.capture.columns import (
    COUNT,
    DIVIDE,
    INDEX_FULL,
    INTERFACE_COLUMNS,
    INTERFACE_LINK,
    INTERFACE_SNAP,
    LARGEST_FRAME,
    LAST_UNREADABLE,
    LATEST,
    MULTIPLY,
    NANOSECONDS,
    NUMBERS,
    ODD_TIMES,
    OFFSET,
    OTHER_BLOCK,
    REASON,
    SHIFT,
    TOO_LARGE,
    UNREADABLE,
)
from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.capture.kernels import Kernels, integers
from pxeconform.capture.records import nanoseconds, note_frame, walk_pcap, walk_pcapng, word
from pxeconform.capture.window import Window

_MICROSECONDS, _NANOSECONDS, _KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
_PCAP_MAGICS = {_MICROSECONDS: (1000, 16), _NANOSECONDS: (1, 16), _KUZNETZOV: (1000, 24)}
"""Nanoseconds in a tick and the size of a record's header; Kuznetzov's patch added an interface to it."""

_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_NO_PACKETS = frozenset({9, 0x204, 0x216, 0x221, 0x0BAD, 0x40000BAD})
"""Blocks that hold a log entry or anybody's own data: tshark counts them as frames, and frame numbers are its."""
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_OPTION_COMMENT, _OPTION_RESOLUTION, _OPTION_OFFSET = 1, 9, 14
_MOST_INTERFACES = 65536
_LARGEST_BLOCK = 2 * LARGEST_FRAME


class Progress(Enum):
    """What a walk over a window's octets comes to."""

    FULL = auto()
    """The index has no room: look at its frames, then go on."""
    HUNGRY = auto()
    """More octets are needed."""
    DONE = auto()
    """Nothing more can be read."""


class Container(Protocol):
    """Walks over the octets of a window and indexes its frames."""

    def walk(self) -> Progress:
        """Go on as far as the window and its index allow."""

    def finish(self) -> None:
        """The file has no more octets than the window has: say so if that is in the middle of something."""

    def comment(self, octets: memoryview, big: int) -> str:
        """The comment among the options of a frame's block, whose numbers are big-endian or not."""


def open_container(window: Window, info: CaptureInfo, kernels: Kernels) -> Container:
    """Read the head of a capture and tell what it is. Raises `CaptureError` for what is no capture."""
    if not window.has(1):
        raise CaptureError(f"{info.path}: the file is empty")
    if window.has(4):
        magic = bytes(window.octets[:4])
        if struct.unpack("<I", magic)[0] == _SECTION:
            info.format = "pcapng"
            return _Pcapng(window, info, kernels)
        for order in "<>":
            found = _PCAP_MAGICS.get(struct.unpack(f"{order}I", magic)[0])
            if found is not None:
                info.format = "pcap"
                if not window.has(24):
                    raise CaptureError(f"{info.path}: the file ends inside the pcap header")
                return _Pcap(window, info, kernels, order, *found)
    raise CaptureError(f"{info.path}: this is no pcap or pcapng capture")


def _broken(info: CaptureInfo, window: Window, what: str) -> None:
    info.complete = False
    info.warn(f"the capture {what} after frame {window.frames}")


class _Pcap:
    def __init__(
        self, window: Window, info: CaptureInfo, kernels: Kernels, order: str, unit: int, header_size: int
    ) -> None:
        header = bytes(window.take(24))
        major, minor, link_type = struct.unpack(f"{order}4xHH12xI", header)
        self._window, self._info = window, info
        self._big = int(order == ">")
        self._unit, self._header_size = unit, header_size
        # The upper six bits tell of frame check sequences.
        self._link_type = link_type & 0x03FFFFFF
        # Files from before version 2.3 (and those of a vendor that counted 543) have the lengths the other way round.
        old = major == 543 or (major == 2 and minor < 3)
        self._swapped = 1 if old else 2 if (major, minor) == (2, 3) else 0
        self._walk = kernels[walk_pcap]

    def walk(self) -> Progress:
        window = self._window
        self._walk(
            window.octets,
            window.begin,
            window.end,
            self._big,
            self._unit,
            self._header_size,
            self._swapped,
            self._link_type,
            window.index,
            window.capacity,
            window.state,
        )
        window.walked()
        reason = window.state[REASON]
        if reason == TOO_LARGE:
            head = window.octets[window.begin : window.begin + 16]
            claimed = word(head, 12 if self._swapped == 1 else 8, self._big)
            _broken(self._info, window, f"holds a record that claims {claimed} octets")
            return Progress.DONE
        return Progress.FULL if reason == INDEX_FULL else Progress.HUNGRY

    def finish(self) -> None:
        rest = self._window.end - self._window.begin
        if rest:
            where = "inside a record header" if rest < self._header_size else "inside a packet"
            _broken(self._info, self._window, f"ends {where}")

    def comment(self, octets: memoryview, big: int) -> str:
        return ""


class _Pcapng:
    def __init__(self, window: Window, info: CaptureInfo, kernels: Kernels) -> None:
        self._window, self._info = window, info
        self._order = "<"
        self._interfaces = integers(INTERFACE_COLUMNS)
        self._known = 0
        self._passing = 0
        """Octets of a block that is of no interest and too large for the window."""
        self._walk = kernels[walk_pcapng]

    def walk(self) -> Progress:
        window = self._window
        while True:
            if self._passing:
                passed = min(self._passing, window.end - window.begin)
                window.take(passed)
                self._passing -= passed
                if self._passing:
                    return Progress.HUNGRY
            self._walk(
                window.octets,
                window.begin,
                window.end,
                int(self._order == ">"),
                self._interfaces,
                self._known,
                window.index,
                window.capacity,
                window.state,
            )
            window.walked()
            self._tell_damage()
            reason = window.state[REASON]
            if reason != OTHER_BLOCK:
                return Progress.FULL if reason == INDEX_FULL else Progress.HUNGRY
            if window.state[COUNT] >= window.capacity:
                return Progress.FULL
            progress = self._other_block()
            if progress is not None:
                return progress

    def _other_block(self) -> Progress | None:
        """A section, an interface, or a packet as older writers store it; `None` when the walk can go on."""
        window, order = self._window, self._order
        head = bytes(window.octets[window.begin : window.begin + 12])
        kind, size = struct.unpack(f"{order}II", head[:8])
        if kind == _SECTION:
            found = _BYTE_ORDERS.get(head[8:])
            if found is None:
                _broken(self._info, window, "holds a section whose byte order cannot be told")
                return Progress.DONE
            self._order = order = found
            size = struct.unpack(f"{order}I", head[4:8])[0]
            self._known = 0
        if size < (16 if kind == _SECTION else 12) or size % 4:
            _broken(self._info, window, f"holds a block that claims {size} octets")
            return Progress.DONE
        if size > _LARGEST_BLOCK:
            if kind in (_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED):
                _broken(self._info, window, f"holds a block that claims {size} octets")
                return Progress.DONE
            self._passing = size
            return None
        if window.end - window.begin < size:
            return Progress.HUNGRY
        at = window.begin + 8
        body = window.take(size)[8:-4]
        if kind == _INTERFACE and len(body) >= 8 and self._known < _MOST_INTERFACES:
            self._interface(bytes(body))
        elif kind == _SIMPLE:
            self._simple(body, at)
        elif kind == _OBSOLETE:
            self._obsolete(body, at)
        elif kind in _NO_PACKETS:
            window.state[NUMBERS] += 1
        return None

    def _interface(self, body: bytes) -> None:
        link_type, snap_length = struct.unpack_from(f"{self._order}HxxI", body)
        multiply, divide, shift, offset = 1000, 1, 0, 0
        for code, value in _options(body[8:], self._order):
            if code == _OPTION_RESOLUTION and len(value) == 1:
                exponent = value[0] & 0x7F
                if value[0] & 0x80:
                    multiply, divide, shift = NANOSECONDS, 1, exponent
                else:
                    multiply, divide, shift = 10 ** max(9 - exponent, 0), 10 ** min(max(exponent - 9, 0), 18), 0
            elif code == _OPTION_OFFSET and len(value) == 8:
                offset = struct.unpack(f"{self._order}q", value)[0] * NANOSECONDS
        if shift > 62:
            # Stamps of 64 bits that count parts so small are all within the first moment.
            multiply, divide, shift = 1, LATEST, 0
        if self._known * INTERFACE_COLUMNS == len(self._interfaces):
            grown = integers(2 * len(self._interfaces))
            grown[: len(self._interfaces)] = self._interfaces
            self._interfaces = grown
        base = self._known * INTERFACE_COLUMNS
        self._interfaces[base + INTERFACE_LINK] = link_type
        self._interfaces[base + INTERFACE_SNAP] = snap_length
        self._interfaces[base + MULTIPLY] = multiply
        self._interfaces[base + DIVIDE] = divide
        self._interfaces[base + SHIFT] = shift
        self._interfaces[base + OFFSET] = max(-LATEST, min(offset, LATEST))
        self._known += 1

    def _simple(self, body: memoryview, at: int) -> None:
        """A simple packet block has neither an interface nor a time: it belongs to the first interface."""
        if len(body) < 4 or not self._known:
            self._unreadable("its block is too short or names no interface")
            return
        wire = struct.unpack_from(f"{self._order}I", body)[0]
        have = min(wire, self._interfaces[INTERFACE_SNAP] or wire, len(body) - 4)
        if have > LARGEST_FRAME:
            self._unreadable("its block claims too much")
            return
        link = self._interfaces[INTERFACE_LINK]
        note_frame(self._window.index, self._window.state, at + 4, have, wire, 0, link, 0, 0, int(self._order == ">"))

    def _obsolete(self, body: memoryview, at: int) -> None:
        if len(body) < 20:
            self._unreadable("its block is too short")
            return
        index, high, low, have, wire = struct.unpack_from(f"{self._order}HxxIIII", body)
        if index >= self._known or have > min(len(body) - 20, LARGEST_FRAME):
            self._unreadable("it names an unknown interface or claims octets that are not there")
            return
        base = index * INTERFACE_COLUMNS
        time = nanoseconds(high, low, self._interfaces, base)
        if time < 0:
            self._window.state[ODD_TIMES] += 1
            time = 0
        options = at + 20 + have + (-have & 3)
        note_frame(
            self._window.index,
            self._window.state,
            at + 20,
            have,
            wire,
            time,
            self._interfaces[base + INTERFACE_LINK],
            options,
            at + len(body),
            int(self._order == ">"),
        )

    def _unreadable(self, why: str, *, counted: bool = False) -> None:
        state = self._window.state
        if not counted:
            state[NUMBERS] += 1
            state[LAST_UNREADABLE] = state[NUMBERS]
        self._info.warn(f"frame {state[LAST_UNREADABLE]} cannot be read: {why}")

    def _tell_damage(self) -> None:
        state = self._window.state
        if state[UNREADABLE]:
            state[UNREADABLE] = 0
            self._unreadable("it names an unknown interface or claims octets that are not there", counted=True)
        if state[ODD_TIMES]:
            state[ODD_TIMES] = 0
            self._info.warn("the capture holds times that no clock shows; they are read as 0")

    def finish(self) -> None:
        rest = self._window.end - self._window.begin
        if rest or self._passing:
            where = "inside a block header" if 0 < rest < 12 and not self._passing else "inside a block"
            _broken(self._info, self._window, f"ends {where}")

    def comment(self, octets: memoryview, big: int) -> str:
        if not len(octets):
            return ""
        return "\n".join(
            value.decode("utf-8", "replace")
            for code, value in _options(bytes(octets), ">" if big else "<")
            if code == _OPTION_COMMENT
        )


def _options(octets: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(f"{order}HH", octets, at)
        at += 4
        if code == 0 or at + length > len(octets):
            return
        yield code, octets[at : at + length]
        at += length + (-length % 4)
