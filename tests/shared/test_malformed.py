"""Captures that fuzzers and other projects broke: a result with warnings, or exit code 2 with one sentence."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

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
