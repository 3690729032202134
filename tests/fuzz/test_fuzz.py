"""A small, fixed run of hostile captures; `make fuzz` is the long one. What ever broke is kept and tried again."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pxeconform.capture.columns import (
    DIVIDE,
    FRAME_COLUMNS,
    KIND,
    MULTIPLY,
    NOTHING,
    PAYLOAD,
    PAYLOAD_HAVE,
    ROW_COLUMNS,
    STATE_COLUMNS,
)
from pxeconform.capture.dissect import FROM_LINK, dissect
from pxeconform.capture.kernels import integers
from pxeconform.capture.links import LINK_NAMES
from pxeconform.capture.records import walk_pcap, walk_pcapng
from pxeconform.protocol import dhcp
from tests.fuzz import campaign
from tests.fuzz.endure import CHECKS, MEMORY, TooSlow, as_the_command, endure, in_time
from tests.fuzz.mutants import mutant, octets_of_frames, seeds

ROOT = Path(__file__).resolve().parents[2]
KEPT = sorted((ROOT / "tests" / "data" / "fuzz").iterdir())
BUDGET = 3000


def test_a_fixed_run() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--first", "0", "--mutants", str(BUDGET), "--seconds", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(tuple("0123456789")), done.stdout
    assert "broken" not in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY


@pytest.mark.parametrize("check", [*CHECKS, as_the_command])
def test_what_once_broke(check: Callable[[Path], dict[str, Any]]) -> None:
    assert len(KEPT) >= 3
    for path in KEPT:
        assert endure(path, check) in ("result", "warnings", "refused"), path.name


class TestTheRunItself:
    """It has to find what it looks for."""

    def test_numbers_are_the_same_captures_everywhere(self) -> None:
        good = seeds(campaign.CAPTURES)
        assert [mutant(n, good) for n in range(40)] == [mutant(n, seeds(campaign.CAPTURES)) for n in range(40)]
        assert len({mutant(n, good) for n in range(200)}) > 180

    def test_most_mutants_get_past_the_container(self) -> None:
        outcomes, broken = campaign.run(5000, 300)
        assert broken == []
        assert outcomes["refused"] < 150

    def test_a_defect_far_inside_is_found(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A codec that trusts the length of option 53."""
        honest = dhcp.parse

        def trusting(payload: bytes, length: int | None = None) -> dhcp.Message | None:
            message = honest(payload, length)
            if message is not None and 53 in message:
                assert (message.get(53) or b"")[0] < 200
            return message

        monkeypatch.setattr(dhcp, "parse", trusting)
        outcomes, broken = campaign.run(0, 1500, tmp_path / "kept")
        assert broken
        assert outcomes["broken"] == len(broken) == len(list((tmp_path / "kept").iterdir()))

    def test_a_hang_is_found(self) -> None:
        with pytest.raises(TooSlow), in_time(0.05):
            while True:
                pass


class TestReadsStayInside:
    """Machine code looks nowhere: so the same source may never read beyond the octets that it is told of."""

    def test_frames(self) -> None:
        good, chance = seeds(campaign.CAPTURES), random.Random(1)
        row = integers(ROW_COLUMNS)
        for number in range(4000):
            for octets in octets_of_frames(number, good):
                cut = octets[: chance.randrange(len(octets) + 1)]
                for link in (chance.choice(tuple(LINK_NAMES)), 1):
                    dissect(memoryview(cut), 0, len(cut), len(octets), FROM_LINK, link, row, 0)
                    assert row[KIND] == NOTHING or 0 <= row[PAYLOAD] <= row[PAYLOAD] + row[PAYLOAD_HAVE] <= len(cut)

    def test_records(self) -> None:
        good = seeds(campaign.CAPTURES)
        for number in range(3000):
            octets = memoryview(mutant(number, good))
            for big in (0, 1):
                index, state = integers(FRAME_COLUMNS * 64), integers(STATE_COLUMNS)
                walk_pcap(octets, min(24, len(octets)), len(octets), big, 1000, 16, 0, 1, index, 64, state)
                index, state, interfaces = integers(FRAME_COLUMNS * 64), integers(STATE_COLUMNS), integers(8)
                interfaces[MULTIPLY], interfaces[DIVIDE] = 1000, 1
                for at in range(0, min(len(octets), 200), 4):
                    walk_pcapng(octets, at, len(octets), big, interfaces, 1, index, 64, state)
