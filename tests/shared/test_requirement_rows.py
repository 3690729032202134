"""The list of rows in the repository is the one of the specification's tables."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

SPEC = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "spec"
ROWS = Path(__file__).parent.parent / "data" / "tftp_requirements.txt"


@pytest.mark.shared
def test_the_rows_are_those_of_the_tables() -> None:
    asked = set()
    for name in ("requirements.csv", "requirements-extra.csv"):
        with (SPEC / name).open(encoding="utf-8", newline="") as table:
            asked |= {f"{row['id']} {row['level']}" for row in csv.DictReader(table) if row["role"] == "tftp"}
    assert set(ROWS.read_text(encoding="utf-8").splitlines()) == asked
