"""Boot storms: many clients boot at once, as captures; the same seed gives the same octets.

    python -m tests.bench.storm OUT --clients 200 --octets 4000000 --blksize 1468

Every client goes its own pace, so that the packets of all are mixed as in the field: DHCP, ARP, with `--proxy` a
proxyDHCP server and its port 4011, with `--probe` the request for the file's size alone, then the file.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.bench import other
from tests.bench.clients import MOST_CLIENTS, Fleet, Kind, Sort, kinds
from tests.bench.frames import Numbers

_BEGIN = 1_700_000_000 * 1_000_000_000
_MICROSECOND = 1_000
_SPREAD, _ROUND = 5_000_000_000, 2_000_000
"""Nanoseconds over which the machines are switched on; half of what a block takes on average."""

_CHUNK = 8192
_LONGEST_BLOCK = 1468
"""Octets of a block that need no fragments on Ethernet."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is to be generated. `other` is the part of all packets that is no network boot (0 to below 1)."""

    clients: int = 200
    octets: int = 4_000_000
    blksize: int = 1468
    proxy: bool = False
    probe: bool = False
    other: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.clients <= MOST_CLIENTS:
            raise ValueError(f"clients: 1 to {MOST_CLIENTS}")
        if not 0 < self.blksize <= _LONGEST_BLOCK:
            raise ValueError(f"blksize: 1 to {_LONGEST_BLOCK}")
        if not 0 <= self.other < 1:
            raise ValueError("other: from 0 to less than 1")

    @property
    def blocks(self) -> int:
        """DATA packets of one file, the short one at its end included."""
        return self.octets // self.blksize + 1


@dataclass(frozen=True, slots=True)
class Written:
    """What a capture holds."""

    packets: int
    octets: int
    dhcp: int
    tftp: int
    transfers: int


@dataclass(frozen=True, slots=True)
class _Timeline:
    """All frames of a storm in the order of time: when, of which sort, of which client, with which number."""

    times: Numbers
    sorts: npt.NDArray[np.uint8]
    clients: npt.NDArray[np.int32]
    serials: npt.NDArray[np.int32]


def write(path: Path, storm: Storm, *, pcapng: bool = False) -> Written:
    """Generate a capture file, in microseconds (pcap) or nanoseconds (pcapng)."""
    chance = np.random.default_rng(storm.seed)
    fleet = Fleet.drawn(storm.clients, chance)
    made = dict(kinds(fleet, _program(storm.octets, chance), storm.blksize, proxy=storm.proxy))
    shares = other.shares(chance)
    made |= {len(Sort) + number: share.kind for number, share in enumerate(shares)}
    timeline = _timeline(storm, [share.weight for share in shares], chance)
    written = 0
    with path.open("wb", buffering=0) as stream:
        stream.write(_PCAPNG_HEAD if pcapng else _PCAP_HEAD)
        for part in _chunks(timeline, made, pcapng=pcapng):
            stream.write(part)
        written = stream.tell()
    counts = np.bincount(timeline.sorts, minlength=len(Sort))
    return Written(
        packets=len(timeline.times),
        octets=written,
        dhcp=int(counts[list(_DHCP)].sum()),
        tftp=int(counts[Sort.PROBE : len(Sort)].sum()),
        transfers=int(counts[Sort.PROBE] + counts[Sort.READ]),
    )


_DHCP = (
    Sort.DISCOVER,
    Sort.OFFER,
    Sort.PROXY_OFFER,
    Sort.REQUEST,
    Sort.ACK,
    Sort.PROXY_REQUEST,
    Sort.PROXY_ACK,
)


def _program(octets: int, chance: np.random.Generator) -> bytes:
    """An EFI program for x64 as far as anybody looks; the rest is noise."""
    head = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + struct.pack("<H", 0x8664)
    return (head + chance.bytes(max(octets - len(head), 0)))[:octets]


def _timeline(storm: Storm, weights: list[float], chance: np.random.Generator) -> _Timeline:
    """When everything is sent: each step of a client some time after the one before."""
    left_out = set()
    if not storm.proxy:
        left_out |= {Sort.PROXY_OFFER, Sort.PROXY_REQUEST, Sort.PROXY_ACK}
    if not storm.probe:
        left_out |= {Sort.PROBE, Sort.PROBE_OACK, Sort.PROBE_ERROR}
    head = [sort for sort in Sort if sort < Sort.BLOCK_ACK and sort not in left_out]
    steps = np.empty(len(head) + 2 * storm.blocks + 1, np.uint8)
    steps[: len(head)] = head
    steps[len(head) :: 2] = Sort.BLOCK_ACK
    steps[len(head) + 1 :: 2] = Sort.BLOCK
    steps[-2] = Sort.LAST_BLOCK
    numbers = np.zeros(len(steps), np.int32)
    numbers[len(head) :: 2] = np.arange(storm.blocks + 1)
    numbers[len(head) + 1 :: 2] = np.arange(1, storm.blocks + 1)
    # The server answers at once, the client thinks; 50 microseconds at least keep both in order.
    gaps = chance.integers(50 * _MICROSECOND, 2 * _ROUND, (storm.clients, len(steps)))
    gaps[:, 0] = chance.integers(0, _SPREAD, storm.clients)
    gaps[:, head.index(Sort.REQUEST)] += 1_000_000_000
    times = np.cumsum(gaps, axis=1, out=gaps).ravel()
    sorts = np.tile(steps, storm.clients)
    clients = np.repeat(np.arange(storm.clients, dtype=np.int32), len(steps))
    serials = np.tile(numbers, storm.clients)
    if storm.other:
        count = int(len(times) * storm.other / (1 - storm.other))
        times = np.concatenate((times, chance.integers(0, times.max(), count)))
        kind = len(Sort) + chance.choice(len(weights), count, p=np.array(weights) / sum(weights))
        sorts = np.concatenate((sorts, kind.astype(np.uint8)))
        clients = np.concatenate((clients, chance.integers(0, 1 << 20, count, dtype=np.int32)))
        serials = np.concatenate((serials, np.arange(count, dtype=np.int32)))
    order = np.argsort(times, kind="stable")
    return _Timeline(_BEGIN + times[order], sorts[order], clients[order], serials[order])


_PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
_PCAPNG_HEAD = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack(
    "<IIHHIHHB3xHHI", 1, 32, 1, 0, 65535, 9, 1, 9, 0, 0, 32
)
"""The section, and an interface whose clock counts nanoseconds (option 9, `if_tsresol`)."""


def _chunks(timeline: _Timeline, made: dict[int, Kind], *, pcapng: bool) -> Iterator[bytes]:
    for begin in range(0, len(timeline.times), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        sorts = timeline.sorts[part]
        times, clients = timeline.times[part], timeline.clients[part].astype(np.int64)
        serials = timeline.serials[part].astype(np.int64)
        records: list[bytes] = [b""] * len(sorts)
        for sort in np.unique(sorts).tolist():
            at = np.flatnonzero(sorts == sort)
            kind = made[sort]
            octets = kind.stamp(clients[at], serials[at])[:, : kind.size]
            whole = (_blocks if pcapng else _records)(octets, times[at])
            width, data = whole.shape[1], whole.tobytes()
            for number, position in enumerate(at.tolist()):
                records[position] = data[number * width : (number + 1) * width]
        yield b"".join(records)


def _records(octets: npt.NDArray[np.uint8], times: Numbers) -> npt.NDArray[np.uint8]:
    """Frames with the header of a pcap record before each."""
    count, size = octets.shape
    whole = np.empty((count, 16 + size), np.uint8)
    head = np.empty((count, 4), "<u4")
    head[:, 0], head[:, 1] = times // 1_000_000_000, times % 1_000_000_000 // _MICROSECOND
    head[:, 2:] = size
    whole[:, :16] = head.view(np.uint8)
    whole[:, 16:] = octets
    return whole


def _blocks(octets: npt.NDArray[np.uint8], times: Numbers) -> npt.NDArray[np.uint8]:
    """Frames as enhanced packet blocks of pcapng."""
    count, size = octets.shape
    padded = size + -size % 4
    whole = np.zeros((count, 32 + padded), np.uint8)
    head = np.empty((count, 7), "<u4")
    head[:, 0], head[:, 1], head[:, 2] = 6, 32 + padded, 0
    head[:, 3], head[:, 4] = times >> 32, times & 0xFFFF_FFFF
    head[:, 5:] = size
    whole[:, :28] = head.view(np.uint8)
    whole[:, 28 : 28 + size] = octets
    whole[:, -4:] = np.full((count, 1), 32 + padded, "<u4").view(np.uint8)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storm", description="Generate a boot storm.")
    parser.add_argument("out", type=Path)
    for name in ("clients", "octets", "blksize", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Storm(), name))
    parser.add_argument("--other", type=float, default=0.0, help="part of the packets that is other traffic")
    parser.add_argument("--proxy", action="store_true", help="a proxyDHCP server, asked on port 4011")
    parser.add_argument("--probe", action="store_true", help="a request for the size before the file")
    parser.add_argument("--pcapng", action="store_true")
    wanted = vars(parser.parse_args(arguments))
    path, pcapng = wanted.pop("out"), wanted.pop("pcapng")
    print(json.dumps(asdict(write(path, Storm(**wanted), pcapng=pcapng))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
