"""pytest as a host for scenarios: `pytest --pxe-target 10.0.0.5 my_suites/`.

A vendor's own suite is one more folder. Each scenario is an item, played alone into a folder of its own and judged by
the same engine; it fails when a requirement that it names is violated, and it is skipped, with the reason, when none
of them could be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pxeconform.requirements.model import Verdict
    from pxeconform.runner.scenario import Scenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plugin; without `--pxe-target` it does nothing."""
    group = parser.getgroup("pxeconform")
    group.addoption("--pxe-target", metavar="ADDR", help="play scenarios against this server")
    group.addoption("--pxe-ics", metavar="FILE.toml", help="what the server claims, and facts about it")
    group.addoption("--pxe-file", metavar="NAME[:SHA256]", action="append", default=[], help="a file that it serves")
    group.addoption("--pxe-ports", metavar="TFTP,PXE,DHCP", default="69,4011,67", help="ports of the server")
    group.addoption("--pxe-patience", metavar="SECONDS", type=float, default=60.0, help="longest wait for silence")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files of scenarios, whatever their name; only with a target."""
    if file_path.suffix != ".py" or not parent.config.getoption("--pxe-target"):
        return None
    if "pxeconform.runner.scenario" not in file_path.read_text(encoding="utf-8", errors="replace"):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a scenario."""
        from pxeconform.runner.scenario import scenarios_in

        for scenario in scenarios_in(self.path, self.path.parent.name):
            yield ScenarioItem.from_parent(self, name=scenario.id, scenario=scenario)


class Violated(Exception):
    """A requirement of the scenario was violated."""


class ScenarioItem(pytest.Item):
    """One scenario, played and judged."""

    def __init__(self, *, scenario: Scenario, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._scenario = scenario

    def runtest(self) -> None:
        """Play it into a folder of its own, and raise for what was violated."""
        verdicts = self._play()
        bad = [v for v in verdicts if v.verdict in ("fail", "flaky", "error")]
        if bad:
            raise Violated("\n".join(_line(verdict) for verdict in bad))
        if not any(v.verdict == "pass" for v in verdicts):
            pytest.skip("; ".join(dict.fromkeys(v.reason for v in verdicts)))

    def _play(self) -> tuple[Verdict, ...]:
        from pxeconform.api import prepare
        from pxeconform.runner.engine import Run
        from pxeconform.runner.selection import Selection

        option = self.config.getoption
        tftp, pxe, dhcp = (int(port) for port in option("--pxe-ports").split(","))
        factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]
        prepared = prepare(
            option("--pxe-target"),
            Selection(self._scenario.exercises, (self._scenario,)),
            ics=option("--pxe-ics"),
            files=option("--pxe-file"),
            tftp_port=tftp,
            pxe_port=pxe,
            dhcp_port=dhcp,
            patience=option("--pxe-patience"),
            out=factory.mktemp("pxeconform"),
        )
        self.add_report_section("call", "evidence", str(prepared.folder))
        return Run(prepared.plan, prepared.folder).play().verdicts

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Violations as sentences, other exceptions as pytest shows them."""
        return str(excinfo.value) if isinstance(excinfo.value, Violated) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where pytest says that the item is."""
        return self.path, None, self.name


def _line(verdict: Verdict) -> str:
    frames = ", ".join(map(str, verdict.frames))
    return (
        f"{verdict.requirement} ({verdict.section}, {verdict.level}) {verdict.verdict}: {verdict.observed} [{frames}]"
    )
