"""Captures that fuzzers and other projects broke: a result with warnings, or exit code 2 with one sentence."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.sessions import second_opinion

pytestmark = pytest.mark.shared

FOLDER = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "malformed"
CAPTURES = sorted(path for path in FOLDER.glob("*/*") if path.is_file())


def test_they_are_there() -> None:
    assert len(CAPTURES) > 150


@pytest.mark.parametrize("path", CAPTURES, ids=[f"{path.parent.name}/{path.name}" for path in CAPTURES])
def test_analyze(path: Path) -> None:
    command = [sys.executable, "-m", "pxeconform", "analyze", "--hash", "--no-report", "--json", os.devnull, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode in (0, 2), done
    assert "Traceback" not in done.stdout + done.stderr
    if done.returncode == 2:
        assert done.stderr.startswith("pxeconform: ")
        assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20


def test_the_second_opinion_endures_them_too() -> None:
    """tshark itself ends with an error on some; that is a warning or a sentence, too."""
    refused = 0
    for path in CAPTURES:
        info = CaptureInfo(str(path))
        try:
            for _ in second_opinion.read(path, info):
                pass
        except CaptureError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused < len(CAPTURES) // 4
