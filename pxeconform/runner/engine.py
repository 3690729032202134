"""The engine: plays scenarios, keeps evidence, ledger and coverage, and has no opinion on what it saw.

A run has four parts. The survey finds out what answers. What harms nobody is played together, so that the run takes as
long as its longest wait. What was violated then is played again, alone, before it counts. Last, alone and one after the
other, comes what some servers were seen to die of: options that they have never heard of, and then what is malformed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.judge import judge
from pxeconform.requirements.ledger import Claims, Ledger, ScenarioRecord, Target, Waiver
from pxeconform.requirements.model import AnyRule, Result, Verdict
from pxeconform.runner.folder import Judgement, Results, load_trace, new_repetition, write_results
from pxeconform.runner.play import Facts
from pxeconform.runner.scenario import Scenario
from pxeconform.runner.session import Progress, Session
from pxeconform.sessions.marks import scenario_of

JOBS = 32
"""Most scenarios wait most of their time. dnsmasq serves no more than 50 transfers at once unless told otherwise."""


_QUICK = 10_000_000_000
"""A scenario (ns) that is played again for nothing costs no more."""


class TargetError(Exception):
    """The target cannot be tested; one sentence."""


class PreconditionError(Exception):
    """Something that the run needs cannot be had; one sentence."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play, against whom, and how."""

    target: Target
    scenarios: tuple[Scenario, ...]
    requirements: tuple[str, ...]
    claims: Claims = field(default_factory=Claims)
    patience: float = 60.0
    jobs: int = JOBS
    seed: int = 0
    confirm: int = 1
    try_writing: bool = False
    waivers: tuple[Waiver, ...] = ()
    rules: Sequence[AnyRule] = RULES


class Run:
    """One run into one folder. `stop` may be set from a signal handler: what was played stays, and is judged."""

    def __init__(self, plan: Plan, folder: Path, progress: Progress = lambda record: None) -> None:
        self.plan, self.folder = plan, folder
        self.stop = threading.Event()
        self._progress = progress
        self._facts = Facts(plan.claims)

    def play(self) -> Results:
        """Play everything, then judge the folder. Raises `TargetError`, `PreconditionError`, `OSError`."""
        usual = [s for s in self.plan.scenarios if not s.alone]
        # What some servers die of comes late, and what most of them do, last: malformed datagrams, and then floods.
        alone = sorted(
            (s for s in self.plan.scenarios if s.alone), key=lambda s: (s.disruptive, s.negative, bool(s.turn))
        )
        with Session(self.plan, self.folder, self._facts, self.stop, self._progress) as session:
            session.survey()
            session.together(usual, 1 if self._facts.one_at_a_time else self.plan.jobs)
            if session.died_at is None and self._may_confirm:
                self._confirm(usual, Judgement(self.folder, self.plan.rules))
            session.alone(alone)
        judgement = Judgement(self.folder, self.plan.rules)
        if session.died_at is None and alone and self._may_confirm:
            self._confirm(alone, judgement)
        results = judgement.results()
        write_results(self.folder, results)
        return results

    @property
    def _may_confirm(self) -> bool:
        return bool(self.plan.confirm) and not self.stop.is_set()

    def _confirm(self, scenarios: Sequence[Scenario], judgement: Judgement) -> None:
        """Play again, alone, what was violated, and what remained unclear."""
        suspicions = list(_suspicions(judgement, scenarios))
        for n in range(1, self.plan.confirm + 1):
            pending = suspicions
            while pending and not self.stop.is_set():
                chosen = {s.id: s for suspicion in pending for s in suspicion.groups[0]}
                folder = new_repetition(self.folder, n)
                about = replace(self.plan, requirements=tuple(one.requirement for one in pending))
                with Session(about, folder, self._facts, self.stop, self._progress) as session:
                    session.alone(chosen.values())
                if session.died_at is not None:
                    return
                failed = {v.requirement for v in judge(load_trace(folder), self.plan.rules) if _failed(v)}
                pending = [one.rest for one in pending if one.rest.groups and one.requirement not in failed]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A requirement in doubt, and groups of scenarios that may settle it: a later group only if those before do not."""

    requirement: str
    groups: tuple[tuple[Scenario, ...], ...]

    @property
    def rest(self) -> Suspicion:
        """Without the first group."""
        return Suspicion(self.requirement, self.groups[1:])


def _failed(verdict: Verdict) -> bool:
    return verdict.verdict == Result.FAIL.value


def _suspicions(judgement: Judgement, scenarios: Sequence[Scenario]) -> Iterator[Suspicion]:
    """What is in doubt after these scenarios.

    A violation has come back when one scenario shows it again: the quickest is tried first. What was unclear because
    the tester stood still, or many were played at once, is clear when none of the scenarios leaves it so.
    """
    trace = judgement.view.trace
    known = {scenario.id: scenario for scenario in scenarios}
    marks = {datagram.frame: scenario_of(datagram.comment) for datagram in trace.datagrams}
    records = {record.id: record for record in trace.ledger.scenarios if record.status == "played"}
    played = {record.id for record in records.values() if record.exercises}
    for verdict in judgement.verdicts:
        shown = {marks.get(frame, "") for frame in verdict.frames} & played
        # A violation may lie in the survey, or between the lines: in what no scenario got.
        shown = shown or {s.id for s in scenarios if verdict.requirement in s.exercises}
        names = sorted(shown & known.keys() & played, key=lambda name: records[name].ended - records[name].started)
        there = [known[name] for name in names]
        if _failed(verdict) and there:
            yield Suspicion(verdict.requirement, tuple((scenario,) for scenario in there))
        unclear = verdict.verdict == Result.INCONCLUSIVE.value and len(there) == len(shown)
        if unclear and there and _may_clear([records[s.id] for s in there], trace.ledger):
            yield Suspicion(verdict.requirement, (tuple(there),))


def _may_clear(records: Sequence[ScenarioRecord], ledger: Ledger) -> bool:
    """Playing scenarios again may tell more: the tester stood still in one of them, or they are quickly done."""
    quick = all(record.ended - record.started <= _QUICK for record in records)
    return quick or any(ledger.stalls_between(record.started, record.ended) for record in records)
