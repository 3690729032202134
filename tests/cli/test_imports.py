"""No command imports what it does not use: what is heavy is loaded by those that need it, and by them alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CAPTURE = Path(__file__).parents[2] / "captures" / "bios-file-not-found.pcap"

HEAVY = frozenset(
    {"cryptography", "duckdb", "jinja2", "lxml", "matplotlib", "numba", "numpy", "pandas", "pyshark", "pytest", "scapy"}
)
REPORT = frozenset({"duckdb", "jinja2", "matplotlib", "numpy", "pandas"})
PYSHARK = frozenset({"lxml", "pyshark"})

COMMANDS: dict[str, frozenset[str]] = {
    "--help": frozenset(),
    "--version": frozenset(),
    "analyze --help": frozenset(),
    "run --help": frozenset(),
    f"analyze --no-report {CAPTURE}": frozenset(),
    f"analyze --no-report --json document.json --hash {CAPTURE}": frozenset(),
    f"analyze --no-report --engine tshark {CAPTURE}": PYSHARK,
    f"analyze --out report {CAPTURE}": REPORT,
    f"dissect {CAPTURE} 1": frozenset(),
    "list": frozenset(),
    "list --scenarios": frozenset(),
    "explain TFTP-1350-TID-01": frozenset(),
    "explain tftp/reply-port": frozenset(),
    "run --target 127.0.0.1 --list": frozenset(),
    "run --target 127.0.0.1 --dry-run": frozenset(),
    "doctor": frozenset(),
}

LOADED = """
import sys
from pxeconform.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded(folder: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(("command", "used"), COMMANDS.items(), ids=lambda value: str(value).replace(str(CAPTURE), "C"))
def test_a_command_loads_what_it_uses(tmp_path: Path, command: str, used: frozenset[str]) -> None:
    assert loaded(tmp_path, *command.split()) & HEAVY == used


def test_a_run_that_is_judged_again_builds_no_packets_and_no_tables(tmp_path: Path, at_server: tuple[str, ...]) -> None:
    played = loaded(tmp_path, "run", *at_server, "--profile", "tftp", "-k", "reply-port", "--out", "r")
    assert played & HEAVY <= {"cryptography", "jinja2", "matplotlib", "numpy", "pandas", "scapy"}
    assert not loaded(tmp_path, "judge", "r") & HEAVY


def test_help_comes_at_once() -> None:
    """At most 0.3 s on an idle machine; the processor's time, so that a busy one changes nothing."""
    spent = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource, subprocess, sys;"
            "subprocess.run([sys.executable, '-m', 'pxeconform', '--help'], stdout=subprocess.DEVNULL, check=True);"
            "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(used.ru_utime + used.ru_stime)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert float(spent.stdout) < 0.3
