"""Many mutants one after the other."""

from __future__ import annotations

import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.endure import CHECKS, TooSlow, as_the_command, endure
from tests.fuzz.mutants import mutant, seeds

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
WHOLE_EVERY = 25
"""How often the command with its terminal output is run, and not only the analysis."""
_IN_MEMORY = Path("/dev/shm")


def run(first: int, count: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Each mutant of these numbers goes through one check; gives how they ended, and what broke (number, reason)."""
    good, outcomes, broken = seeds(CAPTURES), Counter[str](), []
    with tempfile.NamedTemporaryFile(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as file:
        path = Path(file.name)
        for number in range(first, first + count):
            octets = mutant(number, good)
            path.write_bytes(octets)
            try:
                check = as_the_command if number % WHOLE_EVERY == 0 else CHECKS[number % len(CHECKS)]
                outcomes[endure(path, check)] += 1
            except (Exception, TooSlow) as error:
                outcomes["broken"] += 1
                where = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip().replace("\n", " ")
                broken.append(f"mutant {number}: {type(error).__name__}: {error} {where}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"mutant-{number}").write_bytes(octets)
    return outcomes, broken
