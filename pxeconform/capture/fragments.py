"""IP fragments put together again (RFC 791 section 3.2, RFC 8200 section 4.5), in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

_MOST_WAITING = 1024
_MOST_HOLES = 256
"""Gaps that one packet may have at a time; no network reorders like that, and each fragment looks at every gap."""
_LARGEST = 65535
_PATIENCE = 30 * 1_000_000_000
"""Nanoseconds after which a fragment's identification may belong to another packet (RFC 791 allows 15 s and more)."""
_MOST_REMEMBERED = 16
_DUPLICATE = 1_000_000
"""Nanoseconds within which the same octets at the same place are a mirror port's second copy of a fragment."""

Key = tuple[str, str, int, int]


@dataclass(slots=True)
class _Waiting:
    """A packet in the making: its octets, and which are not there yet (RFC 815 calls them holes)."""

    time: int
    octets: bytearray = field(default_factory=bytearray)
    holes: list[tuple[int, int]] = field(default_factory=lambda: [(0, _LARGEST + 1)])
    end: int | None = None

    def fill(self, offset: int, payload: bytes) -> None:
        """Put a fragment into the holes that it covers: the first copy of an octet counts."""
        end = offset + len(payload)
        self.octets.extend(bytes(max(0, end - len(self.octets))))
        holes = []
        for start, stop in self.holes:
            low, high = max(start, offset), min(stop, end)
            if low >= high:
                holes.append((start, stop))
                continue
            self.octets[low:high] = payload[low - offset : high - offset]
            holes += [hole for hole in ((start, low), (high, stop)) if hole[0] < hole[1]]
        self.holes = holes

    def close(self, end: int) -> None:
        """The last fragment tells where the packet ends; a second one that tells otherwise is not heard."""
        if self.end is None:
            self.end = end
            self.holes = [(start, min(stop, end)) for start, stop in self.holes if start < end]


class Reassembler:
    """Collects fragments by source, destination, protocol and identification."""

    def __init__(self) -> None:
        self._packets: OrderedDict[Key, _Waiting] = OrderedDict()
        self._finished: OrderedDict[Key, tuple[int, bytes]] = OrderedDict()
        self._given_up = 0

    @property
    def waiting(self) -> int:
        """Packets that are not whole, those given up included."""
        return len(self._packets) + self._given_up

    def add(self, key: Key, offset: int, payload: bytes, *, last: bool, time: int, whole: bool) -> bytes | None:
        """Take one fragment; give the packet's payload when it was the one that was missing.

        A fragment that the capture cut (`whole` is false) can never complete its packet.
        """
        waiting = self._packets.get(key)
        if waiting is None and self._is_copy(key, offset, payload, time):
            return None
        if waiting is None or time - waiting.time > _PATIENCE:
            if waiting is not None:
                self._give_up(key)
            waiting = self._packets[key] = _Waiting(time)
            if len(self._packets) > _MOST_WAITING:
                self._give_up(next(iter(self._packets)))
        if not whole or offset + len(payload) > _LARGEST:
            return None
        waiting.fill(offset, payload)
        if last:
            waiting.close(offset + len(payload))
        if len(waiting.holes) > _MOST_HOLES:
            self._give_up(key)
            return None
        if waiting.holes:
            return None
        del self._packets[key]
        packet = bytes(waiting.octets[: waiting.end])
        self._finished.pop(key, None)
        self._finished[key] = (time, packet)
        if len(self._finished) > _MOST_REMEMBERED:
            self._finished.popitem(last=False)
        return packet

    def _is_copy(self, key: Key, offset: int, payload: bytes, time: int) -> bool:
        finished, packet = self._finished.get(key, (0, b""))
        return key in self._finished and abs(time - finished) <= _DUPLICATE and packet[offset:].startswith(payload)

    def _give_up(self, key: Key) -> None:
        del self._packets[key]
        self._given_up += 1
