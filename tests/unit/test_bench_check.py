"""The benchmark's own judge: a fast reader that loses something must be found out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pxeconform.analysis import analyze
from tests.bench import check, page, storm
from tests.bench.check import Expected
from tests.bench.parts import Goal
from tests.bench.processes import BenchError, pxeconform, rival, run, tshark
from tests.bench.storm import Storm

STORM = Storm(clients=3, octets=5_000, proxy=True, probe=True)


def lose_a_boot(document: dict[str, Any]) -> None:
    document["boots"].pop()


def lose_a_message(document: dict[str, Any]) -> None:
    document["dhcp"].pop()


def lose_an_octet(document: dict[str, Any]) -> None:
    document["transfers"][-1]["bytes"] -= 1


def lose_a_block(document: dict[str, Any]) -> None:
    document["transfers"][-1]["data_packets"] -= 1


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Expected]:
    capture = tmp_path_factory.mktemp("bench") / "storm.pcap"
    written = storm.write(capture, STORM)
    expected = Expected(3, 5_000, written.packets, written.dhcp, written.transfers)
    return capture, analyze(capture).to_dict(), expected


def sentences(told: tuple[Path, dict[str, Any], Expected], document: dict[str, Any]) -> dict[str, list[str]]:
    capture, _, expected = told
    path, said = capture.with_name("document.json"), capture.with_name("said")
    path.write_text(json.dumps(document))
    found = {"storm": check.against_storm(path, json.dumps(asdict(expected)))}
    run(tshark(capture), said)
    found["tshark"] = check.against_tshark(path, str(said))
    run(rival("scapy", capture), said)
    found["counts"] = check.against_counts(path, str(said))
    return found


def test_the_whole_story_passes(told: tuple[Path, dict[str, Any], Expected]) -> None:
    assert sentences(told, told[1]) == {"storm": [], "tshark": [], "counts": []}


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (lose_a_boot, {"storm"}),
        (lose_a_message, {"storm", "tshark", "counts"}),
        (lose_an_octet, {"storm", "tshark"}),
        (lose_a_block, {"tshark", "counts"}),
    ],
)
def test_what_is_lost_is_noticed(
    told: tuple[Path, dict[str, Any], Expected], spoil: Callable[[dict[str, Any]], None], noticed: set[str]
) -> None:
    document = json.loads(json.dumps(told[1]))
    spoil(document)
    assert {name for name, found in sentences(told, document).items() if found} == noticed


def test_a_command_that_fails_is_no_time() -> None:
    with pytest.raises(BenchError, match="ended with 2: "):
        run(pxeconform("analyze", "--no-report", "/nonexistent/capture"))


def test_peak_memory_is_that_of_the_process() -> None:
    assert run([sys.executable, "-c", "bytes(b'x' * 200_000_000)"]).peak > 200_000_000


def test_goals_know_their_direction() -> None:
    assert Goal("faster", 18.0, 18, "x", at_least=True).met
    assert not Goal("faster", 17.9, 18, "x", at_least=True).met
    assert Goal("memory", 400.0, 400, "MB").met
    assert not Goal("memory", 400.1, 400, "MB").met


def test_the_page_tells_goals_times_and_what_was_wrong(tmp_path: Path) -> None:
    run_ = {"seconds": [1.0], "median": 1.0, "processor": 0.5, "peak": 50_000_000}
    capture = {"octets": 2_000_000, "packets": 10, "clients": 1, "runs": {"pxeconform": run_}, "estimates": {"x": 3.0}}
    part = {"captures": {"c": capture}, "goals": [Goal("g", 1, 2, "s").to_dict()], "wrong": ["1 boot is lost"]}
    about = {"measured": "today", "load": 0.1}
    results = {"machine": {"CPU": "c"}, "command": "make bench", "parts": {"p": part | about}}
    document = tmp_path / "page.md"
    document.write_text("Before\n<!-- measured -->\nold\n<!-- end of what was measured -->\nAfter\n")
    page.into(document, results)
    text = document.read_text()
    assert text.startswith("Before\n")
    assert text.endswith("\nAfter\n")
    assert "old" not in text
    assert "| g | at most 2 s | 1 s | met |" in text
    assert "| c | 2 | 10 | 1 | pxeconform | 1 | 0.5 | 10 | 2 | 50 |" in text
    assert "- WRONG: 1 boot is lost" in text
