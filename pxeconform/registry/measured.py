"""Which servers were measured to violate which requirement, by runs of this program against real servers.

A row is a fact about one version as it was started; other versions and configurations may differ. The rows stand in
`measured.csv`, which is written from the reviewed expectations of the server tests (`python -m tests.servers.table`);
each of those names the packets that show it, and is held against a run.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True, slots=True)
class Measured:
    """One server that violates a requirement, and what it did."""

    requirement: str
    server: str
    observed: str


@functools.cache
def measured() -> tuple[Measured, ...]:
    """All rows, by server."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(Measured(**row) for row in csv.DictReader(lines))


def violators(requirement: str) -> tuple[Measured, ...]:
    """The servers that were measured to violate a requirement."""
    return tuple(row for row in measured() if row.requirement == requirement)
