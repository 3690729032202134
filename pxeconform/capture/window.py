"""A window of octets that moves over a capture file, with the index of the frames in it.

The file is read in pieces into one buffer, so memory does not grow with it. Kernels see plain octets and integers:
`Window` owns them.
"""

from __future__ import annotations

from mmap import mmap
from typing import BinaryIO

from pxeconform.capture.columns import (
    AT,
    COUNT,
    FIRST_TIME,
    FRAME_COLUMNS,
    HAVE,
    LARGEST_FRAME,
    LAST_LINK,
    LAST_TIME,
    NUMBERS,
    OPTIONS,
    OPTIONS_END,
    STATE_COLUMNS,
    STOP,
)
from pxeconform.capture.kernels import Kernels, integers
from pxeconform.capture.records import count_ripe, move_back, put_in_order

PIECE = 1 << 20
"""Octets that are read at a time; a few pieces stay in the processor's cache while they are looked at."""

REORDERED = 64
"""Packets that a capture may hold out of the order of time: several queues write into one file."""

_HELD_BACK = 1 << 20
"""Octets of frames at most that wait for later ones that may be older."""
_CAPACITY = 3 * LARGEST_FRAME + _HELD_BACK + PIECE
_MOST_FRAMES = 1 << 14


class Window:
    """The octets from `begin` to `end` of the buffer are not indexed yet; those before belong to indexed frames."""

    def __init__(self, stream: BinaryIO, head: bytes, kernels: Kernels) -> None:
        # Nothing of it takes memory before it is used.
        self.octets = memoryview(mmap(-1, _CAPACITY))
        self.index = integers(_MOST_FRAMES * FRAME_COLUMNS)
        self.state = integers(STATE_COLUMNS)
        self.state[FIRST_TIME] = self.state[LAST_TIME] = self.state[LAST_LINK] = -1
        self.capacity = _MOST_FRAMES
        self.octets[: len(head)] = head
        self.begin, self.end = 0, len(head)
        self.finished = False
        self._stream = stream
        self._put_in_order = kernels[put_in_order]
        self._move_back = kernels[move_back]
        self._count_ripe = kernels[count_ripe]
        self._held = 0

    @property
    def frames(self) -> int:
        """Frames that the file held so far."""
        return self.state[NUMBERS]

    def fill(self) -> bool:
        """Read on; the frames that were taken make room. Tells whether anything came."""
        start = self._move_back(self.index, self._held, self.begin)
        if start:
            self.octets[: self.end - start] = self.octets[start : self.end]
            self.begin -= start
            self.end -= start
        if len(self.octets) - self.end < PIECE:
            self._close_gaps()
        room = min(PIECE, len(self.octets) - self.end)
        taken = self._stream.readinto(self.octets[self.end : self.end + room])  # type: ignore[attr-defined]
        self.end += taken or 0
        self.finished = not taken
        return bool(taken)

    def _close_gaps(self) -> None:
        """Put the frames that are held back side by side: blocks without packets between them are in the way."""
        index, to = self.index, 0
        for base in sorted(range(0, self._held * FRAME_COLUMNS, FRAME_COLUMNS), key=lambda base: index[base + AT]):
            begin = index[base + AT]
            end = max(begin + index[base + HAVE], index[base + OPTIONS_END])
            self.octets[to : to + end - begin] = self.octets[begin:end]
            for column in (AT, OPTIONS, OPTIONS_END):
                index[base + column] -= begin - to
            to += end - begin
        self.octets[to : to + self.end - self.begin] = self.octets[self.begin : self.end]
        self.begin, self.end = to, to + self.end - self.begin

    def has(self, octets: int) -> bool:
        """Whether so many octets are there to be looked at, after reading on as far as it takes."""
        while self.end - self.begin < octets:
            if octets > 2 * LARGEST_FRAME + 12 or not self.fill():
                return False
        return True

    def take(self, octets: int) -> memoryview:
        """The next octets, which are there; they count as read."""
        self.begin += octets
        return self.octets[self.begin - octets : self.begin]

    def skip(self, octets: int) -> bool:
        """Pass over octets, however many; false when the file ends before that."""
        while octets > self.end - self.begin:
            octets -= self.end - self.begin
            self.begin = self.end
            if not self.fill():
                return False
        self.begin += octets
        return True

    def ripe(self, last: bool) -> int:
        """Put the frames of the index in order of time; how many of them no later one can come before."""
        count = self.state[COUNT]
        self._put_in_order(self.index, self._held, count, REORDERED)
        if last:
            return count
        return self._count_ripe(self.index, count, REORDERED, _HELD_BACK)

    def drop(self, taken: int) -> None:
        """Forget frames that were looked at; the rest is held back."""
        count = self.state[COUNT]
        rest = self.index[taken * FRAME_COLUMNS : count * FRAME_COLUMNS]
        self.index[: len(rest)] = rest
        self.state[COUNT] = self._held = count - taken

    def walked(self) -> None:
        """A kernel indexed frames: go on behind them."""
        self.begin = self.state[STOP]
