"""Somebody reads the first lines and goes: that is no failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CAPTURE = Path(__file__).parents[2] / "captures" / "bios-file-not-found.pcap"


@pytest.mark.parametrize(
    "words", [("analyze", "--no-report", str(CAPTURE)), ("analyze", "--no-report", "--json", "-", str(CAPTURE))]
)
def test_a_reader_that_goes_is_no_failure(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pxeconform", *words],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
