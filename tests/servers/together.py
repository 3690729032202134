"""The whole suite against tftpd-hpa, one scenario at a time and as many at once as a run takes by itself.

python -m tests.servers.together [--keep DIR]

Both must give the same verdicts, and the second must take about as long as its longest scenario. Exit code 1 if not.
`make matrix` runs it; `make test` compares a quarter of the scenarios.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers import lab
from tests.servers.certifying import Certified, certify_program
from tests.servers.programs import PROGRAMS

_FACTOR, _SECONDS = 1.3, 10.0
"""What a run may take: its longest scenario that often, and so much more."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    folder = parser.parse_args().keep or Path(tempfile.mkdtemp(prefix="pxeconform-together-"))
    folder.chmod(0o755)
    program = PROGRAMS["tftpd-hpa"]
    with ThreadPoolExecutor() as pool:
        alone = pool.submit(certify_program, program, folder / "alone", "--jobs", "1")
        together = pool.submit(certify_program, program, folder / "together")
        problems = list(_problems(alone.result(), together.result()))
    print("\n".join(problems) or f"the same verdicts: {folder}")
    return 1 if problems else 0


def took(run: lab.Certification) -> float:
    """Seconds from a run's beginning to its end."""
    began, ended = (lab.seconds(run.results[key]) for key in ("started", "finished"))
    return ended - began


def allowed(run: lab.Certification) -> float:
    """Seconds that a run may take."""
    return _FACTOR * max(scenario["seconds"] for scenario in run.results["scenarios"]) + _SECONDS


def stalled(run: lab.Certification) -> float:
    """Seconds in which the machine did not let the tester run."""
    stalls = json.loads((run.folder / "ledger.json").read_text(encoding="utf-8"))["stalls"]
    return sum(end - start for start, end in stalls) / 1e9


def _problems(alone: Certified, together: Certified) -> Iterator[str]:
    for name, one in (("one at a time", alone), ("together", together)):
        print(f"{name}: {took(one.run):.0f} s, {one.run.results['summary']}")
    print(f"longest scenario allows {allowed(together.run):.0f} s")
    if took(together.run) > allowed(together.run):
        yield f"together it took {took(together.run):.0f} s, allowed are {allowed(together.run):.0f} s"
    for requirement, verdict in alone.run.verdicts.items():
        if (other := together.run.verdicts[requirement]) != verdict:
            reasons = (one.run.verdict(requirement)["reason"] for one in (alone, together))
            yield f"{requirement}: {verdict} one at a time, {other} together ({'; '.join(reasons)})"


if __name__ == "__main__":
    sys.exit(main())
