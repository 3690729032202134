"""How fast captures are read, beside others, in one run: `make bench`, or `make bench QUICK=1` while developing.

Whole processes in turns, warm page cache, medians. Absolute times say little on a shared machine, ratios do. Goals that
are missed are told; only wrong results make the run fail.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import machine, page
from tests.bench.parts import PARTS, Bench
from tests.bench.processes import BenchError, run

_DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """The command line; 1 when a result was wrong, 2 when the benchmark could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks of reading captures.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="captures of a hundredth of the size, two rounds")
    parser.add_argument("--folder", type=Path, help="where captures are made and deleted (9 GB at most)")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="where JSON, tables and chart go")
    parser.add_argument("--rounds", type=int, default=5, help="counted runs at most; what takes long has fewer")
    parser.add_argument("--docs", action="store_true", help="put the results into docs/performance.md")
    parser.add_argument("--lock", type=Path, help="a file that is locked while a part runs")
    wanted = parser.parse_args()
    # Whoever ends it must not be left with gigabytes of captures.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if unknown := set(wanted.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if wanted.docs and wanted.quick:
        parser.error("figures of small captures do not belong into the documentation")
    wanted.out.mkdir(parents=True, exist_ok=True)
    written = wanted.out / "bench.json"
    results = {
        "schema": "pxeconform.bench/1",
        "quick": wanted.quick,
        "command": "make bench QUICK=1" if wanted.quick else "make bench",
        "machine": machine.description(),
        "parts": _earlier(written, quick=wanted.quick) if wanted.parts else {},
    }
    with tempfile.TemporaryDirectory(prefix="pxeconform-bench-", dir=wanted.folder) as folder:
        bench = Bench(Path(folder), quick=wanted.quick, rounds=wanted.rounds)
        for name in wanted.parts or PARTS:
            try:
                with _locked(wanted.lock):
                    about = {"measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "load": round(os.getloadavg()[0], 1)}
                    results["parts"][name] = PARTS[name](bench).to_dict() | about
            except BenchError as error:
                print(f"bench: {name}: {error}", file=sys.stderr)
                return 2
            # Written after every part: who ends it half way keeps what was measured.
            results["parts"] = {name: results["parts"][name] for name in PARTS if name in results["parts"]}
            written.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            print(f"{name}: done", file=sys.stderr, flush=True)
    code = _report(results, written)
    if wanted.docs:
        page.into(_DOCS / "performance.md", results)
        shutil.copyfile(written.with_suffix(".svg"), _DOCS / "performance.svg")
    return code


def _earlier(path: Path, *, quick: bool) -> dict[str, Any]:
    """Results of the parts that are not run now, if they are of the same kind."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    parts: dict[str, Any] = found["parts"] if found.get("quick") is quick else {}
    return parts


@contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _report(results: dict[str, Any], written: Path) -> int:
    written.with_suffix(".md").write_text(page.markdown(results), encoding="utf-8")
    run([sys.executable, "-m", "tests.bench.chart", written, written.with_suffix(".svg")])
    print(page.plain(page.times(results)), end="\n\n")
    print(page.plain(page.goals(results)))
    if results["quick"]:
        print("These captures are small: the goals are for a hundred times their size.")
    wrong = [sentence for part in results["parts"].values() for sentence in part["wrong"]]
    print("".join(f"WRONG: {sentence}\n" for sentence in wrong) or "Every result was right.")
    print(f"Written: {written}, and .md and .svg beside it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
