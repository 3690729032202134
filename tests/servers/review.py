"""Certify the TFTP servers and print what was found, for whoever reviews an expectation file.

python -m tests.servers.review [NAME...] [--keep DIR] [--jobs N]
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers.certifying import Certified, certify_program
from tests.servers.programs import PROGRAMS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(PROGRAMS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--jobs", type=int, default=4)
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="pxeconform-review-"))
    with ThreadPoolExecutor(asked.jobs) as pool:
        for certified in pool.map(lambda name: certify_program(PROGRAMS[name], folder / name), asked.names):
            show(certified)
    print(folder)


def show(certified: Certified) -> None:
    results = certified.run.results
    print(f"== {certified.program.name} {results['summary']} exit {certified.run.exit_code}, {certified.seconds:.0f} s")
    for verdict in results["verdicts"]:
        if verdict["verdict"] in ("pass", "not_exercised", "not_supported"):
            continue
        print(f"  {verdict['verdict']:12} {verdict['requirement']} ({verdict['level']}, {verdict['section']})")
        print(f"      {verdict['observed']}")
        print(f"      {verdict['reason']}")
        print(f"      {certified.cited(verdict['requirement'])[:12]}")


if __name__ == "__main__":
    main()
