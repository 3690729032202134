"""`python -m tests.fuzz --mutants 200000 [--first N] [--jobs N]`: a long run of hostile captures (`make fuzz`).

Every mutant has a number; what breaks is told by its number and kept in the folder `--keep`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.fuzz.campaign import run
from tests.fuzz.endure import limit_memory, machine_code, machine_code_that_follows

_CHUNK = 500


def main() -> int:
    """Run, and end with 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after that long")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    asked = parser.parse_args()
    begun, total, broken = time.monotonic(), Counter[str](), list[str]()
    chunks = range(asked.first, asked.first + asked.mutants, _CHUNK)
    # Compiled once, before there are several processes.
    machine_code()
    machine_code_that_follows()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(asked.jobs, context, initializer=limit_memory) as pool:
        # A process that dies (machine code is not checked by anybody) ends the run with an exception.
        waiting = [pool.submit(run, first, _CHUNK, asked.keep) for first in chunks]
        for done in as_completed(waiting):
            outcomes, found = done.result()
            total += outcomes
            broken += found
            print(*found, sep="\n", end="\n" if found else "", flush=True)
            if time.monotonic() - begun > asked.seconds:
                pool.shutdown(wait=True, cancel_futures=True)
                break
    told = ", ".join(f"{count} {name}" for name, count in sorted(total.items()))
    print(f"{total.total()} mutants from {asked.first} in {time.monotonic() - begun:.0f} s: {told}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
