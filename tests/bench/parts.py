"""The parts of the benchmark: each makes its captures, times its contestants in turns, and says what was reached."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.check import Expected
from tests.bench.processes import BenchError, Contestant, analyze, in_turns, pxeconform, rival, run, tshark

MEGABYTE = 1_000_000
_PCAP_HEAD, _RECORD_HEAD = 24, 16
_HEADERS = 160
"""Octets of a capture for each block of a file, beyond the block: its headers and its acknowledgment, about."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was wanted; `at_least` tells in which direction."""

    name: str
    measured: float
    wanted: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "measured": round(self.measured, 3), "met": self.met}


@dataclass(slots=True)
class Part:
    """What one part found: times by capture and contestant, goals, and what was wrong."""

    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"captures": self.captures, "goals": [goal.to_dict() for goal in self.goals], "wrong": self.wrong}


@dataclass(frozen=True, slots=True)
class Capture:
    """A generated file and what must be found in it."""

    name: str
    path: Path
    octets: int
    expected: Expected

    def described(self, contestants: list[Contestant]) -> dict[str, Any]:
        """Plain data: the file, and what everybody took for it."""
        return {
            "octets": self.octets,
            "packets": self.expected.packets,
            "clients": self.expected.clients,
            "runs": {contestant.name: contestant.to_dict() for contestant in contestants},
        }


class Bench:
    """Where captures are made, how big they are (`quick`: a hundredth), and how often everything is run."""

    def __init__(self, folder: Path, *, quick: bool, rounds: int = 5) -> None:
        self.folder = folder
        self.quick = quick
        self.rounds = min(rounds, 2) if quick else rounds

    def few(self, rounds: int) -> int:
        """Rounds where one takes long."""
        return min(self.rounds, rounds)

    @contextmanager
    def storm(
        self, name: str, clients: int, octets: int, blksize: int = 1468, *words: str, probe: bool = False
    ) -> Iterator[Capture]:
        """A boot storm that is there for a while; `words` are further options of the generator."""
        path = self.folder / f"{name}.pcap"
        size = clients * (octets + (octets // blksize + 20) * _HEADERS)
        _make_room(self.folder, size * (25 if "--other" in words else 1))
        command = [sys.executable, "-m", "tests.bench.storm", path, "--clients", clients, "--octets", octets]
        said = self.folder / "generated.json"
        try:
            run([str(w) for w in (*command, "--blksize", blksize, *words, *(["--probe"] if probe else []))], said)
            written = json.loads(said.read_text())
            expected = Expected(clients, octets, written["packets"], written["dhcp"], written["transfers"])
            yield Capture(name, path, written["octets"], expected)
        finally:
            path.unlink(missing_ok=True)

    def sized(self, megabytes: int) -> int:
        """Octets, or a hundredth in the quick mode."""
        return megabytes * MEGABYTE // (100 if self.quick else 1)

    def check(self, name: str, document: Path, other: Path | str) -> list[str]:
        """What one of the checks has to say."""
        said = self.folder / "said.json"
        run([sys.executable, "-m", "tests.bench.check", name, document, str(other)], said)
        sentences: list[str] = json.loads(said.read_text())
        return sentences

    def told(self, capture: Capture, document: Path) -> list[str]:
        """Whether a document tells what was generated."""
        wrong = self.check("storm", document, json.dumps(asdict(capture.expected)))
        return [f"{capture.name}: {sentence}" for sentence in wrong]


def _make_room(folder: Path, octets: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < octets + 2_000 * MEGABYTE:
        raise BenchError(f"{folder} has {free // MEGABYTE} MB left, {octets // MEGABYTE + 2000} MB are needed")


# -- storms -----------------------------------------------------------------------------------------------------------


def storm(bench: Bench) -> Part:
    """The storm of large blocks: everybody runs, whole process."""
    part = Part()
    with bench.storm("storm-1468", 200, bench.sized(4), 1468) as capture:
        ours = _beside(bench, part, capture, with_dpkt=True)
        estimates = {name: _extrapolated(bench, capture, name) for name in ("scapy", "pyshark")}
    part.captures[capture.name]["estimates"] = estimates
    times = {name: each.seconds for name, each in ours.items()}
    part.goals += [
        _ratio("whole process, 0.9 GB: times faster than tshark", times["tshark"] / times["pxeconform"], 18),
        _ratio("whole process, 0.9 GB: times faster than dpkt", times["dpkt"] / times["pxeconform"], 10),
        _ratio("whole process, 0.9 GB: times faster than Scapy", estimates["scapy"] / times["pxeconform"], 500),
    ]
    return part


def small_blocks(bench: Bench) -> Part:
    """The storm of 512 octets a block: three times the packets."""
    part = Part()
    with bench.storm("storm-512", 200, bench.sized(4), 512) as capture:
        _beside(bench, part, capture, rounds=2)
    return part


def mixed(bench: Bench) -> Part:
    """A mirror port: 95 % of the packets are other traffic."""
    part = Part()
    with bench.storm("mixed", 100, bench.sized(40) // 100, 1468, "--other", "0.95") as capture:
        _beside(bench, part, capture, rounds=3)
    return part


def _ratio(name: str, measured: float, wanted: float) -> Goal:
    return Goal(name, measured, wanted, "x", at_least=True)


def _beside(
    bench: Bench, part: Part, capture: Capture, *, with_dpkt: bool = False, rounds: int = 5
) -> dict[str, Contestant]:
    """Everybody on one capture, after a first run of each that is checked and not counted."""
    document, said = bench.folder / "document.json", bench.folder / "fields.txt"
    contestants = [
        Contestant("pxeconform", analyze(capture.path, document)),
        Contestant("tshark", tshark(capture.path)),
        Contestant("cat", ["cat", capture.path]),
        Contestant("pxeconform --hash", analyze(capture.path, bench.folder / "hashed.json", "--hash")),
    ]
    run(contestants[0].command)
    part.wrong += bench.told(capture, document)
    run(contestants[1].command, said)
    part.wrong += [f"{capture.name}: {sentence}" for sentence in bench.check("tshark", document, said)]
    run(contestants[3].command)
    part.wrong += bench.told(capture, bench.folder / "hashed.json")
    if with_dpkt:
        contestants.append(Contestant("dpkt", rival("dpkt", capture.path)))
        run(contestants[-1].command, said)
        part.wrong += [f"{capture.name}: {sentence}" for sentence in bench.check("counts", document, said)]
    said.unlink()
    in_turns(contestants, bench.few(rounds))
    part.wrong += bench.told(capture, document)
    part.captures[capture.name] = capture.described(contestants)
    return {contestant.name: contestant for contestant in contestants}


_SLICES = {"scapy": (2_000, 20_000), "pyshark": (200, 1_000)}
"""Packets: two slices tell start-up from speed."""


def _extrapolated(bench: Bench, capture: Capture, name: str) -> float:
    """Seconds that a slow library would take for the whole capture, by two slices of its beginning."""
    slices = []
    for packets in _SLICES[name]:
        path = bench.folder / f"slice-{packets}.pcap"
        _cut(capture.path, path, packets)
        slices.append(Contestant(name, rival(name, path)))
    in_turns(slices, bench.few(3))
    (few, many), (short, long) = _SLICES[name], (each.seconds for each in slices)
    return short + (long - short) / (many - few) * max(capture.expected.packets - few, 0)


def _cut(source: Path, target: Path, packets: int) -> None:
    """The first packets of a pcap file."""
    with source.open("rb") as whole, target.open("wb") as part:
        part.write(whole.read(_PCAP_HEAD))
        for _ in range(packets):
            head = whole.read(_RECORD_HEAD)
            if len(head) < _RECORD_HEAD:
                break
            part.write(head + whole.read(int.from_bytes(head[8:12], "little")))


# -- marginal rate ----------------------------------------------------------------------------------------------------


def marginal(bench: Bench) -> Part:
    """What 2.7 GB more of the same clients' files cost, start-up taken off."""
    return _marginal(bench, "bigger files", (200, bench.sized(4)), (200, bench.sized(164) // 10))


def marginal_clients(bench: Bench) -> Part:
    """What 2.7 GB of more clients cost: 620 boots with all that is told of each."""
    return _marginal(bench, "more clients", (200, bench.sized(4)), (820, bench.sized(4)))


def _marginal(bench: Bench, kind: str, small: tuple[int, int], big: tuple[int, int]) -> Part:
    part = Part()
    with bench.storm(f"small, {kind}", *small) as first, bench.storm(f"big, {kind}", *big) as second:
        runs: dict[str, list[Contestant]] = {}
        for capture in (first, second):
            document = bench.folder / f"document-{capture.expected.clients}-{capture.expected.octets}.json"
            runs[capture.name] = [
                Contestant("pxeconform", analyze(capture.path, document)),
                Contestant("tshark", tshark(capture.path)),
                Contestant("cat", ["cat", capture.path]),
            ]
            run(runs[capture.name][0].command)
            part.wrong += bench.told(capture, document)
            run(runs[capture.name][2].command)
        # tshark takes a minute for the big one; the others get more turns.
        in_turns([each for pair in zip(*runs.values(), strict=True) for each in pair], bench.few(2))
        quick = [each for pair in zip(*runs.values(), strict=True) for each in pair if each.name != "tshark"]
        in_turns(quick, bench.few(3))
    more = {small.name: big.seconds - small.seconds for small, big in zip(*runs.values(), strict=True)}
    for capture in (first, second):
        part.captures[capture.name] = capture.described(runs[capture.name])
    part.captures[second.name]["marginal"] = {name: round(seconds, 4) for name, seconds in more.items()}
    part.goals += [
        _ratio(f"2.7 GB more ({kind}): times faster than tshark", more["tshark"] / more["pxeconform"], 40),
        Goal(f"2.7 GB more ({kind}): times the time of cat", more["pxeconform"] / more["cat"], 4, "x"),
    ]
    return part


# -- memory -----------------------------------------------------------------------------------------------------------


def memory(bench: Bench) -> Part:
    """Peaks for 1, 4 and 8 GB: by bigger files of as many clients, and by more clients."""
    part = Part()
    for kind in ("bigger files", "more clients"):
        peaks = []
        for gigabytes in (1, 4, 8):
            # 200 clients with 4.57 MB each make about 1 GB with headers and acknowledgments.
            octets = bench.sized(457) // 100
            clients, octets = (200, octets * gigabytes) if kind == "bigger files" else (200 * gigabytes, octets)
            with bench.storm(f"{gigabytes} GB, {kind}", clients, octets) as capture:
                document = bench.folder / "document.json"
                contestant = Contestant("pxeconform", analyze(capture.path, document))
                in_turns([contestant], 1)
                part.wrong += bench.told(capture, document)
            part.captures[capture.name] = capture.described([contestant])
            peaks.append(contestant.peak)
            peak = contestant.peak / MEGABYTE
            part.goals.append(Goal(f"resident memory at most, {capture.name}", peak, 400, "MB"))
        growth = (peaks[-1] / peaks[0] - 1) * 100
        part.goals.append(Goal(f"growth of memory from 1 to 8 GB, {kind}", growth, 10, "%"))
    return part


# -- small captures ---------------------------------------------------------------------------------------------------


def small(bench: Bench) -> Part:
    """A capture of 30 packets to the terminal, beside `tshark -r`; and `--help`."""
    part = Part()
    with bench.storm("30 packets", 1, 8 * 1468 + 100, 1468, "--proxy") as capture:
        contestants = [
            Contestant("pxeconform", pxeconform("analyze", "--no-report", capture.path)),
            Contestant("tshark", ["tshark", "-r", capture.path]),
            Contestant("pxeconform --help", pxeconform("--help")),
        ]
        in_turns(contestants, 1)
        for contestant in contestants:
            contestant.runs.clear()
        in_turns(contestants, 10)
    part.captures[capture.name] = capture.described(contestants)
    ours, theirs, helping = (contestant.seconds for contestant in contestants)
    part.goals += [
        Goal("30 packets to the terminal: times the time of tshark -r", ours / theirs, 1.5, "x"),
        Goal("pxeconform --help", helping, 0.3, "s"),
    ]
    if capture.expected.packets != 30:
        part.wrong.append(f"{capture.name}: {capture.expected.packets} packets were generated")
    return part


# -- many clients -----------------------------------------------------------------------------------------------------


def linear(bench: Bench) -> Part:
    """100, 1,000 and 10,000 clients at once, with proxy, port 4011 and probes: the time must grow with the clients."""
    part = Part()
    counts = [count // 10 for count in (100, 1_000, 10_000)] if bench.quick else [100, 1_000, 10_000]
    contestants: list[tuple[Capture, Contestant]] = []
    with _storms(bench, counts) as captures:
        for capture in captures:
            document = bench.folder / f"document-{capture.expected.clients}.json"
            contestants.append((capture, Contestant("pxeconform", analyze(capture.path, document))))
            run(contestants[-1][1].command)
            part.wrong += bench.told(capture, document)
        in_turns([contestant for _, contestant in contestants], bench.few(3))
    for capture, contestant in contestants:
        part.captures[capture.name] = capture.described([contestant])
    few, some, many = (contestant.seconds for _, contestant in contestants)
    expected = (some - few) * (counts[2] - counts[0]) / (counts[1] - counts[0])
    name = f"{counts[2]} clients at once: times what {counts[0]} and {counts[1]} let expect"
    part.goals.append(Goal(name, (many - few) / expected, 1.25, "x"))
    part.captures[f"{counts[2]} clients"]["each"] = round((many - few) / (counts[2] - counts[0]), 6)
    return part


@contextmanager
def _storms(bench: Bench, counts: list[int]) -> Iterator[list[Capture]]:
    if not counts:
        yield []
        return
    with (
        bench.storm(f"{counts[0]} clients", counts[0], 10_000, 1468, "--proxy", probe=True) as first,
        _storms(bench, counts[1:]) as rest,
    ):
        yield [first, *rest]


PARTS: dict[str, Callable[[Bench], Part]] = {
    "storm": storm,
    "small-blocks": small_blocks,
    "mixed": mixed,
    "marginal": marginal,
    "marginal-clients": marginal_clients,
    "memory": memory,
    "small": small,
    "linear": linear,
}
