"""The kill matrix: which rule convicts which faulty server. `make matrix` computes it and writes docs/kill-matrix.md.

Every faulty server meets the scenarios of its requirement and is judged by all rules; the sound one meets all
scenarios. The exit code is 1 if a fault is not convicted as it must be, or the sound server is not acquitted.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.model import AnyRule, Level
from tests.mutants.every import FAULTS, REPORTED, due_of_the_sound, meet, meet_the_sound, wrong

PAGE = Path(__file__).parents[2] / "docs" / "kill-matrix.md"
_PROCESSES = 4
"""Most of the time a scenario waits, so there may be more of them than processors."""
_AGAIN = 3
"""A machine that is busy makes a verdict inconclusive: such a server is met again."""


@dataclass(frozen=True, slots=True)
class Conviction:
    """What came of one faulty server."""

    name: str
    requirement: str
    convicted: tuple[str, ...]
    observed: str
    complaints: tuple[str, ...]


def convict(number: int) -> Conviction:
    """One faulty server meets its scenarios."""
    fault = FAULTS[number]
    for _ in range(_AGAIN):
        with tempfile.TemporaryDirectory() as folder:
            match = meet(fault, Path(folder) / "run")
        complaints = tuple(wrong(fault, match))
        if not complaints:
            break
    observed = match.verdicts[fault.requirement].observed
    return Conviction(fault.name, fault.requirement, tuple(sorted(match.convicted())), observed, complaints)


def complaints(number: int) -> list[str]:
    """What is wrong about the verdicts on one faulty server, met once."""
    with tempfile.TemporaryDirectory() as folder:
        return list(wrong(FAULTS[number], meet(FAULTS[number], Path(folder) / "run")))


def acquit() -> list[str]:
    """What is wrong about the verdicts on the sound server."""
    for _ in range(_AGAIN):
        with tempfile.TemporaryDirectory() as folder:
            verdicts = meet_the_sound(Path(folder) / "run").verdicts
        due = due_of_the_sound()
        found = [f"{r}: {v.verdict} ({v.reason})" for r, v in verdicts.items() if v.verdict != due[r]]
        if not found:
            break
    return found


def page(convictions: Sequence[Conviction], rules: Iterable[AnyRule] = RULES) -> str:
    """The page of the docs."""
    return "\n".join((*_HEAD, *_by_rule(convictions, rules), "", *_BETWEEN, *_by_server(convictions), ""))


_HEAD = (
    "# The kill matrix",
    "",
    "`make matrix` starts each faulty server below, lets it meet the scenarios of its requirement, judges what came of",
    "it by all rules, and writes this page. A faulty server is the embedded server with one fault, put into it from",
    "outside (`tests/mutants`). `make test` asserts the same one by one, and that the sound server is acquitted by all",
    "rules.",
    "",
    "## By requirement",
    "",
    "| requirement | level | faulty servers that it convicts |",
    "|---|---|---|",
)
_BETWEEN = (
    "## By faulty server",
    "",
    "The first requirement is the one that the fault breaks; those after it fall with it, mostly because the transfer",
    "does not come to its end.",
    "",
    "| faulty server | convicted by | what the verdict says |",
    "|---|---|---|",
)


def _by_rule(convictions: Sequence[Conviction], rules: Iterable[AnyRule]) -> Iterator[str]:
    for rule in rules:
        requirement, level = rule.requirement.id, rule.requirement.level
        killed = [one.name for one in convictions if requirement == one.requirement]
        also = [one.name for one in convictions if requirement in one.convicted and requirement != one.requirement]
        names = "; ".join(killed) + (f" (and {len(also)} more)" if also else "")
        free = level is Level.MAY or requirement == REPORTED
        allowed = "what is only allowed or reported cannot be violated" if free and not killed else ""
        yield f"| {requirement} | {level.value} | {names or allowed} |"


def _by_server(convictions: Iterable[Conviction]) -> Iterator[str]:
    for one in convictions:
        others = [requirement for requirement in one.convicted if requirement != one.requirement]
        observed = re.sub(r"\b127(\.\d+){3}\b", "ADDRESS", one.observed).replace("|", "\\|").replace("\n", " ")
        observed = re.sub(r"\b(port|ports) \d+", r"\1 N", observed)
        yield f"| {one.name} | {', '.join((one.requirement, *others))} | {observed[:160]} |"


def servers_in(text: str) -> list[str]:
    """The faulty servers that a page names."""
    return re.findall(r"^\| (.+?) \| [A-Z0-9, -]+ \| .* \|$", text.partition(_BETWEEN[0])[2], re.MULTILINE)


def requirements_in(text: str) -> list[str]:
    """The requirements that a page names."""
    return re.findall(r"^\| ([A-Z0-9-]+) \|", text.partition(_BETWEEN[0])[0], re.MULTILINE)


def main() -> int:
    """Compute the matrix, write the page, say what is wrong."""
    with ProcessPoolExecutor(_PROCESSES) as pool:
        sound = pool.submit(acquit)
        convictions = []
        for one in pool.map(convict, range(len(FAULTS))):
            convictions.append(one)
            print(f"{'wrong' if one.complaints else 'ok':5} {one.requirement:22} {one.name}", flush=True)
        found = [f"the sound server: {sentence}" for sentence in sound.result()]
    found += [f"{one.name}: {sentence}" for one in convictions for sentence in one.complaints]
    unproven = {r.requirement.id for r in RULES if r.requirement.level is not Level.MAY} - {REPORTED}
    found += [f"{rule}: no faulty server" for rule in sorted(unproven - {one.requirement for one in convictions})]
    PAGE.write_text(page(convictions), encoding="utf-8")
    print("\n".join(found) or f"{len(convictions)} faulty servers convicted, the sound one acquitted: {PAGE}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
