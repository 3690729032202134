"""The catalogue is complete: every TFTP requirement that was asked for has a rule of its level."""

from __future__ import annotations

from pathlib import Path

from pxeconform.registry.measured import measured
from pxeconform.requirements.catalogue import RULES, find
from pxeconform.runner.scenario import load

ROWS = Path(__file__).parent.parent / "data" / "tftp_requirements.txt"


def test_every_row_has_a_rule() -> None:
    asked = dict(line.split(" ", 1) for line in ROWS.read_text(encoding="utf-8").splitlines())
    there = {rule.requirement.id: rule.requirement.level.value for rule in RULES}
    assert len(asked) == 130
    assert {row: there.get(row) for row in asked} == asked


def test_identifiers_are_unique() -> None:
    assert len({rule.requirement.id for rule in RULES}) == len(RULES)


def test_what_was_measured_is_about_rules_that_exist() -> None:
    assert all(find(row.requirement) is not None and row.server and row.observed for row in measured())
    assert len(set(measured())) == len(measured()) > 100


def test_every_scenario_names_requirements_that_exist() -> None:
    known = {rule.requirement.id for rule in RULES}
    assert {requirement for scenario in load() for requirement in scenario.exercises} <= known
