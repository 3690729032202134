"""All faulty servers, and what the judge must say of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pxeconform.requirements.catalogue import RULES
from pxeconform.server.service import PxeServer
from tests.mutants import arena, faults, multicast_faults, option_faults, refusal_faults, transfer_faults, upload_faults
from tests.mutants.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *transfer_faults.FAULTS,
    *upload_faults.FAULTS,
    *refusal_faults.FAULTS,
    *option_faults.FAULTS,
    *multicast_faults.FAULTS,
    *faults.FAULTS,
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
"""What a server owes that serves files to groups: the sound one of most tests does not."""
ON_WRITES = "TFTP-2090-MC-19"
REPORTED = "TFTP-2090-MC-04"
"""The RFC recommends a port: another one is no violation."""


def due_of_the_sound() -> dict[str, str]:
    """The verdicts that the sound server must get."""
    wanting = (NO_CREDENTIALS, READ_ONLY, *TOO_LARGE)
    plain = dict.fromkeys(arena.ALL, "pass") | dict.fromkeys(wanting, "not_exercised")
    return plain | dict.fromkeys(GROUPS - {ON_WRITES}, "not_supported")


def meet(fault: Fault, folder: Path) -> arena.Match:
    """The faulty server meets the scenarios of its requirement, and is judged by all rules."""

    def once(place: Path) -> arena.Match:
        server = fault.make(fault.config(arena.sound_config()))
        asked = (fault.requirement,)
        return arena.run(place, server, requirements=asked, claims=fault.claims(), patience=fault.patience)

    return _undisturbed(once, folder)


def meet_the_sound(folder: Path) -> arena.Match:
    """The sound server meets all scenarios."""
    patience = 2 * arena.PATIENCE
    return _undisturbed(lambda place: arena.run(place, PxeServer(arena.sound_config()), patience=patience), folder)


def _undisturbed(once: Callable[[Path], arena.Match], folder: Path) -> arena.Match:
    """A tester that stood still itself, on a machine that is busy, proves nothing: it plays again."""
    match = once(folder)
    for n in range(2, 5):
        if not match.results.ledger.stalls:
            break
        match = once(folder.with_name(f"{folder.name}-{n}"))
    return match


def wrong(fault: Fault, match: arena.Match) -> list[str]:
    """What is wrong about the verdicts on a faulty server, in sentences; none if it is convicted as it must."""
    found = []
    verdict, convicted = match.verdicts[fault.requirement], match.convicted()
    if missed := fault.guilty - convicted:
        found.append(f"not convicted by {', '.join(sorted(missed))}: {verdict.verdict}, {verdict.reason}")
    # A transfer that breaks off may break more than one sentence; what it is not about stays whole.
    if strays := {stray for stray in convicted - fault.guilty if not stray.startswith("TFTP-")}:
        found.append(f"convicted by {', '.join(sorted(strays))} too")
    if fault.told not in verdict.observed:
        found.append(f"{fault.told!r} is not in what was observed: {verdict.observed}")
    if not verdict.frames or not (verdict.violations or not fault.guilty):
        found.append("the verdict stands on no frames")
    found += [f"{v.requirement} broke: {v.reason}" for v in match.results.verdicts if v.verdict == "error"]
    binding = {v.requirement for v in match.results.verdicts if v.level in ("MUST", "MUST NOT")}
    if fault.guilty & binding and match.results.exit_code != 1:
        found.append(f"exit code {match.results.exit_code}")
    return found
