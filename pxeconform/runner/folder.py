"""A run's folder: the evidence, the ledger, the coverage, and the verdicts that can be derived from these alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pxeconform import __version__
from pxeconform.capture.datagrams import CaptureError
from pxeconform.capture.read import read
from pxeconform.diagnosis.lenses.effects import effects
from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.judge import confirmed, judge_view, tally
from pxeconform.requirements.ledger import Coverage, Ledger, LedgerError, Waiver
from pxeconform.requirements.model import AnyRule, Result, Verdict
from pxeconform.requirements.timing import timing
from pxeconform.requirements.view import Trace, View

EVIDENCE, LEDGER, COVERAGE, RESULTS = "evidence.pcapng", "ledger.json", "coverage.json", "results.json"
SCHEMA = "pxeconform.results/1"
_REPETITION = "confirm-"


class FolderError(Exception):
    """A folder holds no run that can be judged; one sentence."""


@dataclass(frozen=True, slots=True)
class Results:
    """A run, judged."""

    ledger: Ledger
    verdicts: tuple[Verdict, ...]
    orphans: tuple[int, ...] = ()
    """Frames of the evidence that fit no session."""
    timing: Mapping[str, Any] | None = None
    """What the trace tells of the target's time."""

    def to_dict(self) -> dict[str, Any]:
        """As `results.json` has it."""
        ledger = self.ledger
        return {
            "schema": SCHEMA,
            "target": asdict(ledger.target),
            "tool": {"name": "pxeconform", "version": ledger.version or __version__},
            "seed": ledger.seed,
            "started": iso_time(ledger.started),
            "finished": iso_time(ledger.finished),
            "interrupted": ledger.interrupted,
            "one_at_a_time": ledger.one_at_a_time,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "waivers": [{**asdict(waiver), "state": self._state(waiver)} for waiver in ledger.waivers],
            "scenarios": [
                {
                    "id": record.id,
                    "status": record.status,
                    "seconds": round((record.ended - record.started) / 1e9, 3),
                    "reason": record.reason,
                    "withheld": list(record.withheld),
                }
                for record in ledger.scenarios
            ],
            "orphans": list(self.orphans),
            "timing": self.timing,
            "summary": tally(self.verdicts),
        }

    def _state(self, waiver: Waiver) -> str:
        """`applied` to a violation; `unneeded`, for there is none; `expired` before the run, so it counts no more."""
        if waiver.expires < iso_time(self.ledger.started)[:10]:
            return "expired"
        failed = {v.requirement for v in self.verdicts if v.verdict == Result.FAIL.value}
        return "applied" if waiver.requirement in failed else "unneeded"

    @property
    def exit_code(self) -> int:
        """0 no binding requirement violated but those waived, 1 one is, 3 inconclusive, 4 a scenario broke, 5 none."""
        if not self.verdicts:
            return 5
        if any(v.verdict == Result.ERROR.value for v in self.verdicts):
            return 4
        waived = {w.requirement for w in self.ledger.waivers if self._state(w) == "applied"}
        failed = [v for v in self.verdicts if v.verdict == Result.FAIL.value and v.requirement not in waived]
        if any(v.level in ("MUST", "MUST NOT") for v in failed):
            return 1
        judged = any(v.verdict in ("pass", "fail", "flaky") for v in self.verdicts)
        return 0 if judged and not self.ledger.interrupted else 3


def load_trace(folder: Path) -> Trace:
    """Evidence, ledger and coverage of a folder. Raises `FolderError`."""
    try:
        ledger = Ledger.from_json((folder / LEDGER).read_text(encoding="utf-8"))
        coverage = Coverage.from_json((folder / COVERAGE).read_text(encoding="utf-8"))
        return Trace.of(read(folder / EVIDENCE), ledger, coverage)
    except OSError as error:
        raise FolderError(
            f"{folder} holds no run: {error.strerror or error} ({Path(error.filename or '').name})"
        ) from error
    except LedgerError as error:
        raise FolderError(f"{folder}: {error}") from error
    except (CaptureError, UnicodeDecodeError) as error:
        raise FolderError(str(error)) from error


class Judgement:
    """A run's own trace, judged once; what was played again since is folded in by `results`."""

    def __init__(self, folder: Path, rules: Sequence[AnyRule] = RULES) -> None:
        self._folder, self._rules = folder, rules
        self.view = View(load_trace(folder))
        self.verdicts = judge_view(self.view, rules)

    def results(self) -> Results:
        """The verdicts as they stand. Raises `FolderError`."""
        verdicts = confirmed(self.verdicts, self._rules, _repetitions(self._folder))
        return Results(
            self.view.ledger, tuple(map(self._through_lenses, verdicts)), tuple(self.view.orphans), timing(self.view)
        )

    def _through_lenses(self, verdict: Verdict) -> Verdict:
        """With what clients make of it, if it was violated in the run's own evidence."""
        if verdict.verdict not in (Result.FAIL.value, Result.FLAKY.value) or verdict.capture != EVIDENCE:
            return verdict
        return replace(verdict, lenses=tuple(effects(verdict, self.view).items()))


def judge_folder(folder: Path, rules: Sequence[AnyRule] = RULES) -> Results:
    """Derive the verdicts of a run from its folder alone. Raises `FolderError`."""
    return Judgement(folder, rules).results()


def new_repetition(folder: Path, number: int) -> Path:
    """A new folder for scenarios that are played again: `confirm-1`, then `confirm-1-2`, ... belong together."""
    names = (f"{_REPETITION}{number}", *(f"{_REPETITION}{number}-{part}" for part in range(2, 1000)))
    path = next(folder / name for name in names if not (folder / name).exists())
    path.mkdir()
    return path


def _repetitions(folder: Path) -> list[dict[str, Trace]]:
    """The traces of each repetition, by the name of the evidence, in the order of their numbers."""
    found: dict[int, dict[str, Trace]] = {}
    for path in sorted(folder.glob(f"{_REPETITION}*")):
        number = path.name.removeprefix(_REPETITION).partition("-")[0]
        if path.is_dir() and number.isdecimal() and number.isascii():
            found.setdefault(int(number), {})[f"{path.name}/{EVIDENCE}"] = load_trace(path)
    return [found[number] for number in sorted(found)]


def write_results(folder: Path, results: Results) -> None:
    """Write `results.json`, whole or not at all."""
    text = json.dumps(results.to_dict(), indent=1) + "\n"
    write_whole(folder / RESULTS, text)


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step, so that an interruption leaves the old one."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def iso_time(nanoseconds: int) -> str:
    """A time in UTC, ISO 8601, milliseconds."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
