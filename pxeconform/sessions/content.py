"""The octets that a transfer carried, put together while its blocks go by."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pxeconform.protocol.tftp import DEFAULT_BLOCK_SIZE, LAST_BLOCK_NUMBER, Data

if TYPE_CHECKING:
    import hashlib

HEAD = 8192
"""Octets kept of every file: enough to tell its format, and for credentials."""

_MOST_PENDING = 128
"""Blocks that may wait for an earlier one; beyond it the gap counts as lost."""

_NONE: dict[int, Data] = {}
"""Contents whose blocks come in order share this."""


@dataclass(slots=True)
class Content:
    """In-order contents of a file, by block numbers that count on past 65535.

    `octets` counts what is in order; `head` holds its beginning, all of it when `keep` says so. `sha256` is there only
    with `hashed`, and only while no block is missing.
    """

    hashed: bool = False
    block_size: int = DEFAULT_BLOCK_SIZE
    keep: int = HEAD
    octets: int = 0
    blocks: int = 0
    begins: int = 0
    """Blocks before the first one that the capture has, where it begins in the middle."""
    retransmitted: int = 0
    cut: bool = False
    last_block: int | None = None
    highest: int = 0
    ends_at: int | None = None
    """The number of a block that was not full, whether or not all before it came by."""
    lost: int = 0
    """Blocks that were given up: later ones came, these never did."""
    zero_acknowledged: bool = False
    """Block 0 was acknowledged after 65535, whether or not the capture has it."""
    head: bytearray | bytes = field(default_factory=bytearray)
    _pending: dict[int, Data] = field(default_factory=lambda: _NONE)
    _lap: int = LAST_BLOCK_NUMBER + 1
    """Block numbers until they begin again."""
    _hash: hashlib._Hash | str | None = None

    def __getstate__(self) -> tuple[Any, ...]:
        """What another process gets: the digest in place of the state that goes on."""
        digest = self.sha256
        return tuple(digest if f.name == "_hash" else getattr(self, f.name) for f in fields(self))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """See `__getstate__`."""
        for each, value in zip(fields(self), state, strict=True):
            setattr(self, each.name, value)

    def __post_init__(self) -> None:
        if self.hashed:
            from hashlib import sha256

            self._hash = sha256()

    @property
    def missing(self) -> int:
        """Blocks below the highest one that have not come by, those given up included."""
        return self.lost + self.highest - self.blocks - len(self._pending)

    @property
    def sha256(self) -> str | None:
        """The digest, when all octets up to the last block are known."""
        whole = self.last_block is not None and self.blocks == self.last_block and not self.cut
        if self._hash is None or not whole:
            return None
        return self._hash if isinstance(self._hash, str) else self._hash.hexdigest()

    def index_of(self, block: int, near: int) -> int:
        """A block number as a count from 1 that does not wrap, by what is nearest to `near`."""
        if near < self._lap // 2 and block <= self._lap // 2 + near:
            return block
        lap = near // self._lap
        candidates = (block + n * self._lap for n in (lap - 1, lap, lap + 1) if n >= 0)
        return min(candidates, key=lambda index: abs(index - near))

    def add(self, packet: Data, *, whole: bool) -> None:
        """Take one DATA packet, in whatever order it comes."""
        begins_again = packet.block == 1 and self.highest == LAST_BLOCK_NUMBER and not self._pending
        if begins_again and not self.zero_acknowledged:
            # Most wrap from 65535 to 0, some to 1: then a lap has one number less.
            self._lap = LAST_BLOCK_NUMBER
        index = self.index_of(packet.block, self.highest)
        if index <= self.blocks or index in self._pending:
            self.retransmitted += 1
            return
        self.cut |= not whole
        self.highest = max(self.highest, index)
        if index == self.blocks + 1 and not self._pending:
            self._take(packet)
            return
        self._pending = self._pending or {}
        self._pending[index] = packet
        if packet.length < self.block_size:
            self.ends_at = index
        while (following := self._pending.pop(self.blocks + 1, None)) is not None:
            self._take(following)
        if len(self._pending) > _MOST_PENDING:
            self._skip_gap()

    @property
    def in_order(self) -> bool:
        """Nothing waits for an earlier block."""
        return not self._pending and self.blocks == self.highest

    def number_of(self, index: int) -> int:
        """The number that a block has in its packets."""
        return index % self._lap if self._lap > LAST_BLOCK_NUMBER else (index - 1) % self._lap + 1

    def distance(self, earlier: int, later: int) -> int:
        """By how many blocks one number is ahead of another, where the file is not longer than a lap between them."""
        return (later - earlier) % self._lap

    def take_blocks(self, blocks: int, *, cut: bool) -> None:
        """Count blocks of full size that came in order; their octets, if wanted, went to `keep_octets`."""
        self.blocks += blocks
        self.highest += blocks
        self.octets += blocks * self.block_size
        self.cut |= cut

    def keep_octets(self, octets: memoryview) -> None:
        """Octets of the file that follow those that are known."""
        if self._hash is not None and not isinstance(self._hash, str):
            self._hash.update(octets)
        if len(self.head) < self.keep:
            self.head += octets[: self.keep - len(self.head)]
            if len(self.head) == self.keep and len(self.head) <= HEAD:
                self.head = _once(bytes(self.head))

    def _take(self, packet: Data) -> None:
        self.blocks += 1
        self.octets += packet.length
        if self._hash is not None and not isinstance(self._hash, str):
            self._hash.update(packet.data)
        # Octets after a cut packet would stand at the wrong place.
        if len(self.head) < self.keep and len(self.head) == self.octets - packet.length:
            self.head += packet.data[: self.keep - len(self.head)]
            if len(self.head) == self.keep or packet.length < self.block_size:
                self.head = _once(bytes(self.head)) if len(self.head) <= HEAD else self.head
        if packet.length < self.block_size:
            self.last_block = self.blocks

    def _skip_gap(self) -> None:
        """Give up a gap that does not fill: the capture lost those blocks."""
        self.cut = True
        self.lost = self.missing
        for index in sorted(self._pending):
            packet = self._pending.pop(index)
            self.octets += packet.length
            if packet.length < self.block_size:
                self.last_block = self.highest
        self.blocks = self.highest


@lru_cache(256)
def _once(head: bytes) -> bytes:
    """One object for equal beginnings: a thousand clients fetch the same few files."""
    return head
