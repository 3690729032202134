"""Octets of a file into a buffer: when they are asked for, or by a thread while those before are looked at.

Reading and the compiled kernels both leave Python to others, so on two processors the one costs nothing beside the
other. It is a quarter of the time that a large capture takes.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, Protocol


class Source(Protocol):
    """Fills one piece of a buffer at a time."""

    ahead: bool
    """A piece should be asked for before it is needed."""

    def ask(self, room: memoryview) -> None:
        """Have the next octets put there; nobody may touch it until they are taken."""

    def taken(self) -> int:
        """How many octets came, 0 at the end. Raises what the stream raises."""

    def close(self) -> None:
        """Nothing more is wanted."""


class Direct:
    """Reads when the octets are taken."""

    ahead = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._room = memoryview(b"")

    def ask(self, room: memoryview) -> None:
        """See `Source`."""
        self._room = room

    def taken(self) -> int:
        """See `Source`."""
        return self._stream.readinto(self._room) or 0  # type: ignore[attr-defined]

    def close(self) -> None:
        """See `Source`."""


class Ahead:
    """Has a thread that reads; for files, where that does not wait for anybody."""

    ahead = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._asked: SimpleQueue[memoryview | None] = SimpleQueue()
        self._told: SimpleQueue[int | Exception] = SimpleQueue()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while (room := self._asked.get()) is not None:
            try:
                self._told.put(self._stream.readinto(room) or 0)  # type: ignore[attr-defined]
            except Exception as error:
                # Whatever it is, it is raised where the octets are taken.
                self._told.put(error)

    def ask(self, room: memoryview) -> None:
        """See `Source`."""
        self._asked.put(room)

    def taken(self) -> int:
        """See `Source`."""
        told = self._told.get()
        if isinstance(told, Exception):
            raise told
        return told

    def close(self) -> None:
        """See `Source`."""
        self._asked.put(None)
        self._thread.join()
