"""A transfer that the compiled kernel counted is the same as one of which every packet was looked at."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pxeconform.analysis import analyze
from pxeconform.capture import read as reader
from pxeconform.capture.kernels import Kernels, choose
from pxeconform.capture.records import KERNELS
from pxeconform.sessions.sift import sift

CAPTURES = sorted(
    path for path in (Path(__file__).parents[2] / "captures").iterdir() if path.suffix in (".pcap", ".pcapng")
)
CLIENT, SERVER = (10, 0, 0, 9), (10, 0, 0, 1)
MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def machine_code() -> Kernels:
    kernels = choose((*KERNELS, sift), None)
    assert kernels.compiled
    return kernels


def both(path: Path, machine_code: Kernels, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """The analysis with every packet looked at, and with the routine counted."""
    found = []
    for kernels in (Kernels(), machine_code):
        with monkeypatch.context() as patch:
            patch.setattr(reader, "choose", lambda functions, size, kernels=kernels: kernels)
            found.append(analyze(path, hash_contents=True).to_dict())
    for document in found:
        # Rules judge packets one by one, so they pass over what was counted; delays are measured on a sample or on all.
        del document["findings"]
        for transfer in document["transfers"]:
            del transfer["pace"], transfer["speed_advice"]
    return found[0], found[1]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_samples(path: Path, machine_code: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, counted = both(path, machine_code, monkeypatch)
    assert counted == looked_at


class Exchange:
    """A download, packet by packet, as a capture of Ethernet frames."""

    def __init__(self, blocks: int, block_size: int = 512, window: int = 1, writes: bool = False) -> None:
        self.frames: list[bytes] = []
        self.blocks, self.block_size, self.window, self.writes = blocks, block_size, window, writes
        options = f"blksize\0{block_size}\0windowsize\0{window}\0".encode()
        self.client(struct.pack("!H", 2 if writes else 1) + b"file\0octet\0" + options, port=69)
        self.server(b"\0\6" + options)

    def client(self, payload: bytes, port: int = 30000) -> None:
        self._add(CLIENT, SERVER, 20000, port, payload)

    def server(self, payload: bytes, port: int = 30000) -> None:
        self._add(SERVER, CLIENT, port, 20000, payload)

    def data(self, block: int, size: int | None = None) -> None:
        size = self.block_size if size is None else size
        sent = struct.pack("!HH", 3, block & 0xFFFF) + bytes((block % 251,)) * size
        self.client(sent) if self.writes else self.server(sent)

    def ack(self, block: int) -> None:
        sent = struct.pack("!HH", 4, block & 0xFFFF)
        self.server(sent) if self.writes else self.client(sent)

    def _add(
        self, source: tuple[int, ...], target: tuple[int, ...], source_port: int, port: int, payload: bytes
    ) -> None:
        udp = struct.pack("!HHHH", source_port, port, len(payload) + 8, 0) + payload
        number = len(self.frames) & 0xFFFF
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, number, 0, 64, 17, 0, bytes(source), bytes(target))
        self.frames.append(bytes(12) + b"\x08\0" + head + udp)

    def write(self, path: Path, snap: int = 65535) -> Path:
        records = []
        for number, frame in enumerate(self.frames):
            held = frame[:snap]
            stamp = 1_700_000_000_000_000_000 + number * MILLISECOND * 2
            records.append(struct.pack("<IIII", *divmod(stamp, 1_000_000_000), len(held), len(frame)) + held)
        path.write_bytes(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1) + b"".join(records))
        return path


def whole(exchange: Exchange) -> None:
    """All blocks, one acknowledgment a window, and the short one that ends it."""
    if not exchange.writes:
        exchange.ack(0)
    for block in range(1, exchange.blocks + 1):
        exchange.data(block)
        if block % exchange.window == 0:
            exchange.ack(block)
    exchange.data(exchange.blocks + 1, 7)
    exchange.ack(exchange.blocks + 1)


def plain() -> Exchange:
    exchange = Exchange(300)
    whole(exchange)
    return exchange


def windows() -> Exchange:
    exchange = Exchange(64, window=8)
    whole(exchange)
    return exchange


def upload() -> Exchange:
    exchange = Exchange(40, writes=True)
    whole(exchange)
    return exchange


def wraps() -> Exchange:
    exchange = Exchange(65600, block_size=8)
    whole(exchange)
    return exchange


def repeats() -> Exchange:
    exchange = Exchange(50)
    whole(exchange)
    # A block and an acknowledgment again, each long after the first: retransmissions.
    exchange.frames[31:31] = [exchange.frames[30]]
    exchange.frames[60:60] = [exchange.frames[59]]
    return exchange


def mirrored() -> Exchange:
    exchange = Exchange(50)
    whole(exchange)
    exchange.frames = [frame for frame in exchange.frames for _ in range(2)]
    return exchange


def stranger() -> Exchange:
    exchange = Exchange(30)
    whole(exchange)
    other = Exchange(0)
    other.frames.clear()
    other._add((10, 0, 0, 77), CLIENT, 30000, 20000, struct.pack("!HH", 3, 9) + bytes(512))
    exchange.frames[33:33] = other.frames
    return exchange


def lost() -> Exchange:
    exchange = Exchange(40)
    whole(exchange)
    del exchange.frames[40:44]
    return exchange


def stops() -> Exchange:
    exchange = Exchange(40)
    whole(exchange)
    del exchange.frames[50:]
    return exchange


def again() -> Iterator[bytes]:
    for _ in range(3):
        yield from plain().frames


def three_times() -> Exchange:
    """One client asks three times from one port, and the server answers from one port."""
    exchange = plain()
    exchange.frames = list(again())
    return exchange


@pytest.mark.parametrize("made", [plain, windows, upload, wraps, repeats, mirrored, stranger, lost, stops, three_times])
def test_made(made: Any, machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looked_at, counted = both(made().write(tmp_path / "made.pcap"), machine_code, monkeypatch)
    assert counted == looked_at
    assert looked_at["transfers"]


def test_cut(machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looked_at, counted = both(plain().write(tmp_path / "cut.pcap", snap=96), machine_code, monkeypatch)
    assert counted == looked_at


def test_the_routine_is_counted_and_not_looked_at(
    machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = plain().write(tmp_path / "plain.pcap")
    monkeypatch.setattr(reader, "choose", lambda functions, size: machine_code)
    (transfer,) = (each.transfer for each in analyze(path).transfers)
    assert transfer.routine.blocks >= 299
    assert len(transfer.events) < 12
