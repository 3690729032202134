"""Each faulty server is convicted of its fault, and of nothing else; the sound one is acquitted of everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.model import Level
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import ReadTransfer
from tests.mutants import arena, multicast_faults, option_faults, refusal_faults, transfer_faults, upload_faults
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.mutants.multicast_servers import with_group
from tests.mutants.option_servers import WrapsToOne, large, reading, with_wide_file

ALL_FAULTS = (
    *FAULTS,
    *transfer_faults.FAULTS,
    *upload_faults.FAULTS,
    *refusal_faults.FAULTS,
    *option_faults.FAULTS,
    *multicast_faults.FAULTS,
)

NO_CREDENTIALS = "PXE-21-BIS-11"
"""Silence is owed only by a server that has no credentials."""

READ_ONLY = "TFTP-1350-SEC-02"
"""Refusal is owed only by a server on which nobody has enabled writing."""

OVER_4_GIB = "TFTP-2349-TSZ-05"
AT_THE_WRAP = ("TFTP-1350-BLK-05", "TFTP-1350-BLK-06", "TFTP-1350-BLK-07")
TOO_LARGE = (OVER_4_GIB, *AT_THE_WRAP)
"""What wants a file that is too large for every run."""

GROUPS = frozenset(rule.requirement.id for rule in RULES if rule.requirement.document == "RFC 2090")
ON_WRITES = "TFTP-2090-MC-19"
REPORTED = "TFTP-2090-MC-04"
"""The RFC recommends a port: another one is no violation."""


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_fault_alone_is_convicted(fault: Fault, tmp_path: Path) -> None:
    server = fault.make(fault.config(arena.sound_config()))
    match = arena.run(tmp_path / "run", server, requirements=(fault.requirement,), claims=fault.claims())
    assert fault.guilty <= match.convicted()
    # A transfer that breaks off may break more than one sentence; what it is not about stays whole.
    assert {stray for stray in match.convicted() - fault.guilty if not stray.startswith("TFTP-")} == set()
    broken = {v.requirement: v.reason for v in match.results.verdicts if v.verdict == "error"}
    assert not broken
    verdict = match.verdicts[fault.requirement]
    assert fault.told in verdict.observed
    assert verdict.violations > 0
    assert verdict.frames
    binding = {v.requirement for v in match.results.verdicts if v.level in ("MUST", "MUST NOT")}
    if fault.guilty & binding:
        assert match.results.exit_code == 1


def test_every_rule_has_a_fault() -> None:
    """What is only allowed cannot be violated; what nobody can see from outside cannot be convicted."""
    binding = {rule.requirement.id for rule in RULES if rule.requirement.level is not Level.MAY}
    assert {fault.requirement for fault in ALL_FAULTS} == binding - {REPORTED}


def test_names_are_unique() -> None:
    assert len({fault.name for fault in ALL_FAULTS}) == len(ALL_FAULTS)


def test_the_sound_server_is_acquitted(tmp_path: Path) -> None:
    match = arena.run(tmp_path / "run", PxeServer(arena.sound_config()), patience=2 * arena.PATIENCE)
    words = {requirement: verdict.verdict for requirement, verdict in match.verdicts.items()}
    wanting = (NO_CREDENTIALS, READ_ONLY, *TOO_LARGE)
    plain = dict.fromkeys(arena.ALL, "pass") | dict.fromkeys(wanting, "not_exercised")
    assert words == plain | dict.fromkeys(GROUPS - {ON_WRITES}, "not_supported")
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
