"""Each faulty server is convicted of its fault, and of nothing else; the sound one is acquitted of everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.model import Level
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import ReadTransfer
from tests.mutants import arena, matrix, option_faults
from tests.mutants.every import (
    AT_THE_WRAP,
    FAULTS,
    GROUPS,
    NO_CREDENTIALS,
    OVER_4_GIB,
    READ_ONLY,
    REPORTED,
    due_of_the_sound,
    meet_the_sound,
)
from tests.mutants.multicast_servers import with_group
from tests.mutants.option_servers import WrapsToOne, large, reading, with_wide_file


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: FAULTS[number].name.replace(" ", "-"))
def test_the_fault_is_convicted(number: int, complaint: Callable[[int], list[str]]) -> None:
    assert complaint(number) == []


def test_every_rule_has_a_fault() -> None:
    """What is only allowed cannot be violated; what nobody can see from outside cannot be convicted."""
    binding = {rule.requirement.id for rule in RULES if rule.requirement.level is not Level.MAY}
    assert {fault.requirement for fault in FAULTS} == binding - {REPORTED}


def test_the_matrix_in_the_docs_is_of_these_servers_and_rules() -> None:
    """`make matrix` writes it; what it says of each is tested above."""
    page = matrix.PAGE.read_text(encoding="utf-8")
    assert {fault.name for fault in FAULTS} == set(matrix.servers_in(page))
    assert {rule.requirement.id for rule in RULES} == set(matrix.requirements_in(page))


def test_names_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_the_sound_server_is_acquitted(tmp_path: Path) -> None:
    match = meet_the_sound(tmp_path / "run")
    words = {requirement: verdict.verdict for requirement, verdict in match.verdicts.items()}
    assert words == due_of_the_sound()
    assert all(v.exercised and not v.violations for v in match.results.verdicts if v.verdict == "pass")
    assert match.results.exit_code == 0


def test_a_sound_server_with_a_large_file_is_acquitted(tmp_path: Path) -> None:
    match = arena.run(
        tmp_path / "run",
        large(arena.sound_config()),
        requirements=(OVER_4_GIB,),
        claims=option_faults.claiming_a_large_file(),
    )
    assert match.verdicts[OVER_4_GIB].verdict == "pass"
    assert not match.convicted()


@pytest.mark.parametrize("kind", [ReadTransfer, WrapsToOne])
def test_a_sound_server_is_acquitted_at_the_wrap(kind: type[ReadTransfer], tmp_path: Path) -> None:
    server = reading(kind)(with_wide_file(arena.sound_config()))
    claims = option_faults.claiming_a_wide_file()
    match = arena.run(tmp_path / "run", server, requirements=AT_THE_WRAP, claims=claims)
    assert {match.verdicts[requirement].verdict for requirement in AT_THE_WRAP} == {"pass"}
    assert not match.convicted()


def test_a_sound_server_with_groups_is_acquitted(tmp_path: Path) -> None:
    match = arena.run(tmp_path / "run", PxeServer(with_group(arena.sound_config())), requirements=GROUPS)
    assert {requirement: match.verdicts[requirement].verdict for requirement in GROUPS} == dict.fromkeys(GROUPS, "pass")
    assert not match.convicted()


def test_a_sound_server_without_credentials_is_acquitted(tmp_path: Path) -> None:
    server = PxeServer(arena.without_credentials(arena.sound_config()))
    match = arena.run(
        tmp_path / "run", server, requirements=(NO_CREDENTIALS,), claims=arena.claims_without_credentials()
    )
    words = {v.verdict for r, v in match.verdicts.items() if "-BIS-" in r and r != NO_CREDENTIALS}
    assert words <= {"not_supported", "not_exercised"}
    assert match.verdicts[NO_CREDENTIALS].verdict == "pass"
    assert match.results.exit_code == 0


def test_a_sound_server_that_is_not_written_to_is_acquitted(tmp_path: Path) -> None:
    server = PxeServer(replace(arena.sound_config(), upload_prefix=""))
    claims = replace(arena.sound_claims(), writable=None)
    match = arena.run(tmp_path / "run", server, requirements=(READ_ONLY, "TFTP-1350-OPEN-02"), claims=claims)
    assert match.verdicts[READ_ONLY].verdict == "pass"
    assert match.verdicts["TFTP-1350-OPEN-02"].verdict == "not_exercised"
    assert "tftp.writable" in match.verdicts["TFTP-1350-OPEN-02"].reason
    assert match.results.exit_code == 0
