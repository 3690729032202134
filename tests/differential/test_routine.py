"""A transfer that the compiled kernel counted is the same as one of which every packet was looked at."""

from __future__ import annotations

import random
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
            analysis = analyze(path, hash_contents=True)
            found.append(analysis.to_dict())
            for transfer, document in zip(analysis.transfers, found[-1]["transfers"], strict=True):
                document["head"] = bytes(transfer.transfer.content.head)
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

    def __init__(
        self, blocks: int, block_size: int = 512, window: int = 1, writes: bool = False, mode: str = "octet"
    ) -> None:
        self.frames: list[bytes] = []
        self.blocks, self.block_size, self.window, self.writes = blocks, block_size, window, writes
        options = f"blksize\0{block_size}\0windowsize\0{window}\0".encode()
        self.client(struct.pack("!H", 2 if writes else 1) + f"file\0{mode}\0".encode() + options, port=69)
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

    def write(self, path: Path, snap: int = 65535, gap: int = 2 * MILLISECOND) -> Path:
        records = []
        for number, frame in enumerate(self.frames):
            held = frame[:snap]
            stamp = 1_700_000_000_000_000_000 + number * gap
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


def disturbed(number: int) -> tuple[Exchange, int, int]:
    """Exchanges with whatever happens on networks, the same for the same number; with snap length and time between."""
    chance = random.Random(number)
    sizes, windows = chance.choice([(8, 1), (512, 1), (64, 4), (512, 8), (32, 3)]), chance.random() < 0.3
    mode = "netascii" if number % 5 == 4 else "octet"
    exchange = Exchange(chance.randrange(5, 60), sizes[0], sizes[1], windows, mode)
    whole(exchange)
    for _ in range(chance.randrange(3)):
        more = Exchange(chance.randrange(3, 20), sizes[0], sizes[1], writes=chance.random() < 0.3)
        whole(more)
        exchange.frames[chance.randrange(len(exchange.frames)) :] = more.frames
    if chance.random() < 0.3:
        # Two points of one path: each datagram a second time, some later.
        lag = chance.randrange(1, 20)
        doubled = [(at, frame) for at, frame in enumerate(exchange.frames)]
        doubled += [(at + lag, frame) for at, frame in enumerate(exchange.frames)]
        exchange.frames = [frame for _, frame in sorted(doubled, key=lambda each: each[0])]
    for _ in range(chance.randrange(8)):
        at = chance.randrange(1, len(exchange.frames))
        what = chance.randrange(7)
        frames, other = exchange.frames, Exchange(0)
        other.frames.clear()
        if what == 0:
            del frames[at : at + chance.randrange(1, 4)]
        elif what == 1:
            frames.insert(chance.randrange(at, len(frames) + 1), frames[at])
        elif what == 2:
            frames[at - 1], frames[at] = frames[at], frames[at - 1]
        elif what == 3:
            other.server(struct.pack("!HH", chance.choice([3, 4, 5, 6, 9]), at) + bytes(chance.randrange(9)))
        elif what == 4:
            other._add(SERVER, CLIENT, 30001, 20000, struct.pack("!HH", 3, at) + bytes(sizes[0]))
        elif what == 5:
            other.client(struct.pack("!HH", chance.choice([3, 4, 4, 5]), at) + b"\0" * (at % 2))
        else:
            other._add(CLIENT, SERVER, 20000, 30001, struct.pack("!HH", 5, 5) + b"\0")
        frames[at:at] = other.frames
    return exchange, chance.choice([65535, 65535, 65535, 60]), chance.choice([10_000, 100_000, 2 * MILLISECOND])


def test_disturbed(machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in range(100):
        exchange, snap, gap = disturbed(number)
        looked_at, counted = both(exchange.write(tmp_path / "made.pcap", snap, gap), machine_code, monkeypatch)
        assert counted == looked_at, number


def of_ipv6(frame: bytes) -> list[bytes]:
    """The same datagram between the same hosts by IPv6."""
    ends = (bytes.fromhex("20010db8") + bytes(8) + frame[at : at + 4] for at in (26, 30))
    return [frame[:12] + struct.pack("!HIHBB", 0x86DD, 6 << 28, len(frame) - 34, 17, 64) + b"".join(ends) + frame[34:]]


def tagged(frame: bytes) -> list[bytes]:
    """In two VLANs, one in the other."""
    return [frame[:12] + bytes.fromhex("88a8000781000005") + frame[12:]]


def in_vxlan(frame: bytes) -> list[bytes]:
    """Through a tunnel."""
    body = struct.pack("!HHHHII", 50000, 4789, len(frame) + 16, 0, 0x08000000, 5 << 8) + frame
    head = struct.pack("!BBHHHBBH", 0x45, 0, len(body) + 20, 1, 0, 64, 17, 0) + bytes((192, 0, 2, 1, 192, 0, 2, 2))
    return [bytes(12) + b"\x08\0" + head + body]


def in_fragments(frame: bytes) -> list[bytes]:
    """In two pieces, where it is large enough for that."""
    head, body = frame[14:34], frame[34:]
    if len(body) < 60:
        return [frame]
    cut = len(body) // 16 * 8
    first = head[:2] + struct.pack("!H", cut + 20) + head[4:6] + b"\x20\0" + head[8:]
    second = head[:2] + struct.pack("!HHH", len(body) - cut + 20, *struct.unpack("!H", head[4:6]), cut // 8) + head[8:]
    return [frame[:14] + first + body[:cut], frame[:14] + second + body[cut:]]


def as_it_is(frame: bytes) -> list[bytes]:
    return [frame]


def two_interfaces(frames: list[bytes], gap: int, snap: int) -> bytes:
    """A pcapng capture of Ethernet in nanoseconds and of plain IP in microseconds, now by one and now by the other."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    blocks = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    blocks.append(block(1, struct.pack("<HHIHHB3xHH", 1, 0, snap, 9, 1, 9, 0, 0)))
    blocks.append(block(1, struct.pack("<HHI", 101, 0, snap - 14)))
    for number, frame in enumerate(frames):
        of_ip = number % 3 == 2
        stamp = 1_700_000_000_000_000_000 + number * gap
        high, low = divmod(stamp // 1000 if of_ip else stamp, 1 << 32)
        octets = frame[14:] if of_ip else frame
        # Both cut a datagram at the same place.
        held = octets[: snap - 14 * of_ip]
        blocks.append(block(6, struct.pack("<IIIII", int(of_ip), high, low, len(held), len(octets)) + held))
    return b"".join(blocks)


@pytest.mark.parametrize("dressed", [as_it_is, of_ipv6, tagged, in_vxlan, in_fragments], ids=lambda d: d.__name__)
def test_disturbed_on_other_paths(
    dressed: Any, machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever carries the datagrams, and by one interface or by two of different kinds."""
    path = tmp_path / "made.pcap"
    for number in range(200, 224):
        exchange, snap, gap = disturbed(number)
        exchange.frames = [piece for frame in exchange.frames for piece in dressed(frame)]
        if number % 2 and dressed is not tagged:
            path.write_bytes(two_interfaces(exchange.frames, gap, snap))
        else:
            exchange.write(path, snap, gap)
        looked_at, counted = both(path, machine_code, monkeypatch)
        assert counted == looked_at, number
        # What is cut after 60 octets may have no TFTP left in it.
        assert looked_at["transfers"] or snap == 60, number


def test_the_routine_is_counted_and_not_looked_at(
    machine_code: Kernels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = plain().write(tmp_path / "plain.pcap")
    monkeypatch.setattr(reader, "choose", lambda functions, size: machine_code)
    (transfer,) = (each.transfer for each in analyze(path).transfers)
    assert transfer.routine.blocks >= 299
    assert len(transfer.events) < 12
