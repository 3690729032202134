"""What is selected, and that catalogue and suites fit together."""

from __future__ import annotations

import pytest

from pxeconform.requirements.catalogue import RULES, find
from pxeconform.runner.scenario import SuiteError, load, scenarios_in, select
from pxeconform.runner.selection import PROFILES, SelectionError, choose

SCENARIOS = load()


def test_every_requirement_is_exercised_by_some_scenario() -> None:
    exercised = {requirement for scenario in SCENARIOS for requirement in scenario.exercises}
    assert exercised == {rule.requirement.id for rule in RULES}


def test_ids_are_unique() -> None:
    assert len({rule.requirement.id for rule in RULES}) == len(RULES)
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)


def test_every_rule_says_what_it_needs_and_accepts() -> None:
    for rule in RULES:
        assert rule.expected
        assert rule.lacking
        assert rule.requirement.text.endswith(".")
        assert rule.requirement.clients
        assert rule.when.__doc__
        assert rule.then.__doc__


def test_find_ignores_case() -> None:
    rule = find("tftp-1350-tid-05")
    assert rule is not None
    assert rule.requirement.id == "TFTP-1350-TID-05"
    assert find("TFTP-1350-TID-99") is None


def test_profile_keeps_its_role() -> None:
    chosen = choose(SCENARIOS, profile="bis")
    assert chosen.requirements
    assert all(identifier.startswith("PXE-21-BIS-") for identifier in chosen.requirements)
    assert {scenario.id.partition("/")[0] for scenario in chosen.scenarios} == {"bis"}


def test_pxe_is_all_but_tftp() -> None:
    everything, tftp = set(choose(SCENARIOS).requirements), set(choose(SCENARIOS, profile="tftp").requirements)
    assert set(choose(SCENARIOS, profile="pxe").requirements) == everything - tftp
    assert tftp


def test_level_must_drops_should() -> None:
    chosen = choose(SCENARIOS, level="must").requirements
    assert "TFTP-1350-TID-06" in chosen
    assert "TFTP-1350-TID-05" not in chosen
    assert "TFTP-1350-TID-05" in choose(SCENARIOS, level="should").requirements


def test_matching_a_requirement_selects_only_it() -> None:
    chosen = choose(SCENARIOS, matching="tid-05")
    assert chosen.requirements == ("TFTP-1350-TID-05",)
    assert all("TFTP-1350-TID-05" in scenario.exercises for scenario in chosen.scenarios)


def test_matching_a_scenario_selects_what_it_exercises() -> None:
    chosen = choose(SCENARIOS, matching="duplicate-acknowledgment or reply-port")
    assert chosen.requirements == ("TFTP-1350-TID-01", "TFTP-1350-TID-02", "TFTP-1123-SAS-01")
    assert [scenario.id for scenario in chosen.scenarios] == ["tftp/duplicate-acknowledgment", "tftp/reply-port"]


def test_nothing_matches() -> None:
    assert choose(SCENARIOS, matching="nonsense").scenarios == ()


@pytest.mark.parametrize("wrong", [{"profile": "nope"}, {"suites": ["nope"]}, {"level": "nope"}])
def test_unknown_names(wrong: dict[str, object]) -> None:
    with pytest.raises(SelectionError, match="nope"):
        choose(SCENARIOS, **wrong)  # type: ignore[arg-type]


def test_profiles_are_the_contract_s() -> None:
    assert set(PROFILES) == {"tftp", "dhcp", "proxydhcp", "bootserver", "bis", "mtftp", "pxe"}


def test_a_folder_without_scenarios(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(SuiteError, match="no scenarios"):
        load(Path(str(tmp_path)))


def test_a_file_that_does_not_load(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "broken.py"
    path.write_text("import nothing_of_that_name")
    with pytest.raises(SuiteError, match=r"broken\.py cannot be loaded"):
        scenarios_in(path, "mine")


def test_select_by_requirement() -> None:
    assert {s.id for s in select(SCENARIOS, ["TFTP-1350-TID-09"])} == {"tftp/parallel-transfers"}
