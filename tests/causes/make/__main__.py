"""`python -m tests.causes.make`: play scenarios and write their captures."""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.causes.make import later
from tests.causes.make.clients import Machine
from tests.causes.make.scenarios import ALL
from tests.causes.make.servers import PACKAGES
from tests.causes.make.stage import DATA, Scenario, make, retell


def main() -> int:
    """Play what the command line names; 1 if one of them went otherwise than planned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["*"], help="names or patterns of scenarios")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--out", type=Path, default=DATA)
    parser.add_argument("--missing", action="store_true", help="only those that are not there yet")
    parser.add_argument("--retell", action="store_true", help="write truth files again, without playing anything")
    parser.add_argument("--install", action="store_true", help="install the Debian packages that are missing")
    parser.add_argument("--keep", type=Path, help="keep what the programs wrote below this folder")
    asked = parser.parse_args()
    chosen = [s for s in ALL if any(fnmatch.fnmatch(s.name, pattern) for pattern in asked.names)]
    if asked.missing:
        chosen = [s for s in chosen if not (asked.out / f"{s.name}.truth.json").exists()]
    if asked.retell:
        for scenario in chosen:
            if (asked.out / f"{scenario.name}.truth.json").exists():
                retell(scenario, asked.out)
        return 0
    if asked.list:
        print("\n".join(f"{s.name}: {s.title}" for s in chosen))
        return 0
    lacking = missing({package for scenario in chosen for package in (*scenario.client.packages, *PACKAGES)})
    if lacking and asked.install:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *lacking], check=True)
    elif lacking:
        print(f"not installed: {' '.join(lacking)}", file=sys.stderr)
        return 2
    if any(str(later.ROOT) in f"{s.client.code} {s.client.device}" for s in chosen if isinstance(s.client, Machine)):
        later.lay_out()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="causes-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with ThreadPoolExecutor(asked.jobs) as pool:
        went = list(pool.map(lambda scenario: _one(scenario, folder, asked.out), chosen))
    if asked.keep is None:
        shutil.rmtree(folder)
    return 0 if all(went) else 1


def missing(packages: set[str]) -> list[str]:
    """Those that are not installed."""
    argv = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\\n", *packages]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return sorted(packages - {line.split()[1] for line in said.splitlines() if line.startswith("ii")})


def _one(scenario: Scenario, folder: Path, out: Path) -> bool:
    began = time.monotonic()
    run = folder / scenario.name
    shutil.rmtree(run, ignore_errors=True)
    try:
        truth = make(scenario, run, out)
    except Exception:
        print(f"{scenario.name}: not made\n{traceback.format_exc()}", flush=True)
        return False
    size = (out / truth["capture"]).stat().st_size
    print(f"{scenario.name}: {time.monotonic() - began:.0f} s, {size} octets, {truth['screen_codes']}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
