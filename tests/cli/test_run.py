"""A run from the command line: what it writes, how it ends, what an interruption leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import Pxeconform, call

SCHEMA = Path(__file__).parents[2] / "pxeconform" / "report" / "schema" / "results.schema.json"


Played = tuple[subprocess.CompletedProcess[str], Path]


@pytest.fixture(scope="module")
def played(at_server: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A whole run, and where its files are: it takes as long as the longest silence, so that once is enough."""
    place = tmp_path_factory.mktemp("played")
    asked = ("--file", "even.bin", "--seed", "7", "--json", "-", "--out", "r", "--junit", "junit.xml")
    return call("run", *at_server, *asked, cwd=place), place


def test_json_alone_on_standard_output(played: Played) -> None:
    done, place = played
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "pxeconform.results/1"
    assert document == json.loads((place / "r" / "results.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    words = {v["verdict"] for v in document["verdicts"]}
    assert "pass" in words
    assert not words & {"fail", "flaky", "error"}
    assert "Target 127.0.0.1" in done.stderr


def test_judge_gives_the_same_verdicts(played: Played) -> None:
    _, place = played
    again = call("judge", "r", "--json", "-", cwd=place)
    before = json.loads((place / "r" / "results.json").read_text())
    assert json.dumps(json.loads(again.stdout)["verdicts"]) == json.dumps(before["verdicts"])


def test_junit_counts_every_verdict(played: Played) -> None:
    _, place = played
    cases = list(ET.parse(place / "junit.xml").getroot().iter("testcase"))
    assert len(cases) == len(json.loads((place / "r" / "results.json").read_text())["verdicts"])


def test_the_first_lines_say_what_the_run_does(
    pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path
) -> None:
    done = pxeconform("run", *at_server, "--dry-run", "--out", tmp_path / "r")
    assert done.returncode == 0
    assert "Nothing is written to the target" in " ".join(done.stdout.split())
    assert "tftp/foreign-acknowledgment" in done.stdout
    assert not (tmp_path / "r").exists()


def test_an_interruption_keeps_what_was_judged(at_server: tuple[str, ...], tmp_path: Path) -> None:
    # Boot server scenarios are answered at once, so that enough is judged; TFTP's would wait for this patience.
    options = [*at_server, "--profile", "bootserver", "--patience", "60", "--jobs", "1", "--out", str(tmp_path / "r")]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pxeconform", "run", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    played = (line for line in process.stdout if "played" in line)
    next(played)
    next(played)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 3, (out, err)
    assert "Traceback" not in err
    assert "interrupted" in out
    document = json.loads((tmp_path / "r" / "results.json").read_text())
    assert document["interrupted"] is True
    assert any(v["verdict"] == "pass" for v in document["verdicts"])
    assert any(s["status"] == "skipped" for s in document["scenarios"])
    judged = subprocess.run(
        [sys.executable, "-m", "pxeconform", "judge", str(tmp_path / "r"), "--json", "-"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(judged.stdout)["verdicts"] == document["verdicts"]


def test_evidence_is_marked_and_opens_in_tshark(played: Played) -> None:
    _, place = played
    fields = ["-T", "fields", "-e", "frame.comment", "-e", "udp.srcport", "-e", "frame.interface_name"]
    shown = subprocess.run(
        ["tshark", "-r", str(place / "r" / "evidence.pcapng"), *fields],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert shown
    assert all(line.startswith("scenario=") and "synthetic" in line for line in shown)
    assert any(line.startswith("scenario=tftp/foreign-acknowledgment socket=stranger") for line in shown)
