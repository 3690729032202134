"""The public surface, and what importing it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import pxeconform

HEAVY = ("scapy", "pandas", "matplotlib", "cryptography", "duckdb", "pyshark", "jinja2", "numpy")


def test_exported_names() -> None:
    assert pxeconform.__all__ == ["Analysis", "Results", "__version__", "analyze", "judge", "run"]
    for name in pxeconform.__all__:
        assert getattr(pxeconform, name) is not None


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pxeconform.nonsense  # type: ignore[attr-defined]


def test_run_takes_the_options_of_the_command_line() -> None:
    parameters = inspect.signature(pxeconform.run).parameters
    assert {"target", "profile", "suites", "level", "ics", "files", "patience", "jobs", "seed", "out"} <= set(
        parameters
    )


def _modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import pxeconform",
        "import pxeconform.cli.app",
        "import pxeconform.pytest_plugin",
        "import pxeconform.requirements.catalogue",
        "from pxeconform.analysis import analyze",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str) -> None:
    loaded = {name.partition(".")[0] for name in _modules_after(code)}
    assert not loaded & set(HEAVY)
