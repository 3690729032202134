"""Whole processes, timed side by side.

Peaks of memory are the kernel's (`ru_maxrss`). A process inherits the peak of the one that starts it, so whatever is
big (generating, drawing) runs in processes of its own, and this one stays small.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 900
"""Seconds after which a process is given up."""


class BenchError(Exception):
    """A process failed; the message says which and what it wrote."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What one run took."""

    seconds: float
    processor: float
    """Seconds that processors worked for it: what a busy machine does not change much."""
    peak: int
    """Octets of resident memory at most."""


@dataclass(slots=True)
class Contestant:
    """A command and what its counted runs took."""

    name: str
    command: Sequence[str | Path]
    runs: list[Finished] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """The highest of all runs."""
        return max(run.peak for run in self.runs)

    def to_dict(self) -> dict[str, object]:
        """Plain data; seconds of every run, the median, octets."""
        return {
            "seconds": [round(run.seconds, 4) for run in self.runs],
            "median": round(self.seconds, 4),
            "processor": round(statistics.median(run.processor for run in self.runs), 4),
            "peak": self.peak,
        }


def run(command: Sequence[str | Path], output: Path | None = None) -> Finished:
    """Run a command to its end; its output goes to a file, or nowhere. Raises `BenchError`."""
    words = [str(word) for word in command]
    with (output or Path(os.devnull)).open("wb") as stream:
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=stream, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{' '.join(words)} ended with {process.returncode}: {said.decode(errors='replace')[-500:]}")
    return Finished(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def in_turns(contestants: Sequence[Contestant], rounds: int) -> None:
    """A B C, A B C: what else the machine does then hits all alike."""
    for _ in range(rounds):
        for contestant in contestants:
            contestant.runs.append(run(contestant.command))


def pxeconform(*words: str | Path) -> list[str | Path]:
    """The installed command beside this interpreter."""
    return [Path(sys.executable).with_name("pxeconform"), *words]


def analyze(capture: Path, document: Path, *words: str) -> list[str | Path]:
    """The command that is timed: the whole story of the capture as JSON."""
    return pxeconform("analyze", "--no-report", *words, "--json", document, capture)


FIELDS = (
    "frame.number",
    "ip.src",
    "udp.srcport",
    "ip.dst",
    "udp.dstport",
    "udp.length",
    "dhcp.option.dhcp",
    "dhcp.id",
    "dhcp.hw.mac_addr",
    "tftp.opcode",
    "tftp.block",
    "tftp.source_file",
    "tftp.error.code",
)


def tshark(capture: Path) -> list[str | Path]:
    """The same packets by tshark, names not looked up."""
    return ["tshark", "-n", "-r", capture, "-T", "fields", *(f"-e{name}" for name in FIELDS)]


def rival(name: str, capture: Path) -> list[str | Path]:
    """Another Python library on the same packets."""
    return [sys.executable, "-m", "tests.bench.rivals", name, capture]
