"""Which packets of a window are looked at more closely: here all of them.

A sieve runs a kernel over the frames of a window and leaves rows, one a packet. Rooms that know what they look for
bring their own.
"""

from __future__ import annotations

from typing import Protocol

from pxeconform.capture.columns import AT, FRAME, FRAME_COLUMNS, HAVE, LINK, ROW_COLUMNS, WIRE, Kernel
from pxeconform.capture.dissect import FROM_LINK, dissect
from pxeconform.capture.kernels import Kernels, integers
from pxeconform.capture.window import Window

Octets = memoryview
Columns = memoryview

_ROWS = 512


class Sieve(Protocol):
    """Runs over frames until it is full or wants its rows to be seen."""

    kernel: Kernel
    rows: memoryview

    def begin(self, kernels: Kernels) -> None:
        """Take the kernel as it is to be run on this capture."""

    def run(self, window: Window, first: int, count: int) -> tuple[int, int]:
        """Go on at a frame of the index; gives the next one to go on at, and how many rows there are."""


def every_packet(
    data: Octets, index: Columns, first: int, count: int, rows: Columns, capacity: int, found: Columns
) -> int:
    """Dissect frames into rows; gives the first frame that was not looked at."""
    taken = 0
    while first < count and taken < capacity:
        base = first * FRAME_COLUMNS
        at = index[base + AT]
        row = taken * ROW_COLUMNS
        if dissect(
            data, at, at + index[base + HAVE], at + index[base + WIRE], FROM_LINK, index[base + LINK], rows, row
        ):
            rows[row + FRAME] = first
            taken += 1
        first += 1
    found[0] = taken
    return first


class EveryPacket:
    """Each datagram, TCP segment, ICMP message, ARP packet and fragment."""

    kernel = staticmethod(every_packet)

    def __init__(self) -> None:
        self.rows = integers(_ROWS * ROW_COLUMNS)
        self._found = integers(1)
        self._run: Kernel = every_packet

    def begin(self, kernels: Kernels) -> None:
        """See `Sieve`."""
        self._run = kernels[every_packet]

    def run(self, window: Window, first: int, count: int) -> tuple[int, int]:
        """See `Sieve`."""
        following = self._run(window.octets, window.index, first, count, self.rows, _ROWS, self._found)
        return following, self._found[0]
