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

from tests.cli.conftest import Pxeconform

SCHEMA = Path(__file__).parents[2] / "pxeconform" / "report" / "schema" / "results.schema.json"


def test_json_alone_on_standard_output(pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path) -> None:
    done = pxeconform(
        "run", *at_server, "--profile", "tftp", "--json", "-", "--out", tmp_path / "r", "--file", "even.bin"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "pxeconform.results/1"
    assert document == json.loads((tmp_path / "r" / "results.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    words = {v["verdict"] for v in document["verdicts"]}
    assert "pass" in words
    assert not words & {"fail", "flaky", "error"}
    assert "Target 127.0.0.1" in done.stderr


def test_judge_gives_the_same_verdicts(pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path) -> None:
    pxeconform("run", *at_server, "--out", tmp_path / "r", "--seed", "7")
    again = pxeconform("judge", tmp_path / "r", "--json", "-")
    before = json.loads((tmp_path / "r" / "results.json").read_text())
    assert json.dumps(json.loads(again.stdout)["verdicts"]) == json.dumps(before["verdicts"])


def test_junit_counts_every_verdict(pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path) -> None:
    pxeconform("run", *at_server, "--profile", "tftp", "--out", tmp_path / "r", "--junit", tmp_path / "junit.xml")
    cases = list(ET.parse(tmp_path / "junit.xml").getroot().iter("testcase"))
    assert len(cases) == len(json.loads((tmp_path / "r" / "results.json").read_text())["verdicts"])


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


def test_evidence_is_marked_and_opens_in_tshark(
    pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path
) -> None:
    pxeconform("run", *at_server, "--suite", "tftp", "--out", tmp_path / "r")
    fields = ["-T", "fields", "-e", "frame.comment", "-e", "udp.srcport", "-e", "frame.interface_name"]
    shown = subprocess.run(
        ["tshark", "-r", str(tmp_path / "r" / "evidence.pcapng"), *fields],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert shown
    assert all(line.startswith("scenario=") and "synthetic" in line for line in shown)
    assert any(line.startswith("scenario=tftp/foreign-acknowledgment socket=stranger") for line in shown)
