"""The engine: plays scenarios, keeps evidence, ledger and coverage, and has no opinion on what it saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pxeconform import __version__
from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.ledger import Claims, Coverage, Ledger, ScenarioRecord, SocketRecord, Target
from pxeconform.requirements.model import AnyRule, Result
from pxeconform.runner.endpoint import Interrupted, hardware_address, local_address
from pxeconform.runner.folder import (
    COVERAGE,
    EVIDENCE,
    LEDGER,
    Results,
    judge_folder,
    write_results,
    write_whole,
)
from pxeconform.runner.play import Facts, Play, Setting
from pxeconform.runner.recorder import Recorder
from pxeconform.runner.scenario import Scenario, Unplayable
from pxeconform.runner.survey import survey

_BEAT = 0.05
_STALL = 0.25
"""A heartbeat (s) that comes this late says that the tester itself stood still."""

SURVEY = "survey"
_INTERRUPTED = "the run was interrupted"


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
    jobs: int = 8
    seed: int = 0
    confirm: int = 1
    try_writing: bool = False
    rules: Sequence[AnyRule] = RULES


Progress = Callable[[ScenarioRecord], None]


class _Heartbeat:
    """Notices when this process did not run: its time stamps and windows are worth nothing then."""

    def __init__(self) -> None:
        self.stalls: list[tuple[int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> _Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        before = time.time_ns()
        while not self._stop.wait(_BEAT):
            now = time.time_ns()
            if now - before > (_BEAT + _STALL) * 1e9:
                self.stalls.append((before, now))
            before = now


class Run:
    """One run into one folder. `stop` may be set from a signal handler: what was played stays, and is judged."""

    def __init__(self, plan: Plan, folder: Path, progress: Progress = lambda record: None) -> None:
        self.plan, self.folder = plan, folder
        self.stop = threading.Event()
        self._progress = progress

    def play(self) -> Results:
        """Play everything, then judge the folder. Raises `TargetError`, `PreconditionError`, `OSError`."""
        plan = self.plan
        facts = Facts(plan.claims)
        ledger = _Session(self, self.folder, facts).play(plan.scenarios, with_survey=True)
        results = judge_folder(self.folder, plan.rules)
        failed = {v.requirement for v in results.verdicts if v.verdict == Result.FAIL.value}
        suspects = tuple(s for s in plan.scenarios if failed & set(s.exercises))
        # A failure beside other scenarios is played again alone before it counts.
        if suspects and not ledger.interrupted:
            for n in range(1, plan.confirm + 1):
                again = self.folder / f"confirm-{n}"
                again.mkdir()
                _Session(self, again, facts, jobs=1).play(suspects, with_survey=False)
                if self.stop.is_set():
                    break
            results = judge_folder(self.folder, plan.rules)
        write_results(self.folder, results)
        return results


class _Session:
    """One trace in the making."""

    def __init__(self, run: Run, folder: Path, facts: Facts, jobs: int | None = None) -> None:
        self._run, self._plan, self._folder, self._facts = run, run.plan, folder, facts
        self._jobs = jobs or run.plan.jobs
        self._records: list[ScenarioRecord] = []
        self._sockets: list[SocketRecord] = []
        self._lock = threading.Lock()
        self._started = time.time_ns()
        self._died_at: int | None = None
        self._stalls: list[tuple[int, int]] = []

    def play(self, scenarios: Sequence[Scenario], *, with_survey: bool) -> Ledger:
        recorder = Recorder(self._folder / EVIDENCE)
        self._setting = _setting(self._plan, recorder, self._run.stop, self._facts)
        try:
            with _Heartbeat() as heartbeat:
                self._stalls = heartbeat.stalls
                self._write()
                if with_survey:
                    self._play_one(Scenario(SURVEY, "What the target answers at all", (), survey))
                self._play_all([s for s in scenarios if not s.may_kill])
                for scenario in (s for s in scenarios if s.may_kill):
                    self._play_one(scenario)
                    self._check_alive(recorder)
        finally:
            recorder.close()
            ledger = self._write()
        return ledger

    def _play_all(self, scenarios: Iterable[Scenario]) -> None:
        chains: dict[str, list[Scenario]] = {}
        for scenario in scenarios:
            chains.setdefault(scenario.turn or scenario.id, []).append(scenario)
        # Those that take turns begin first: together they take longest.
        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            for done in [pool.submit(self._play_chain, c) for c in sorted(chains.values(), key=len, reverse=True)]:
                done.result()

    def _play_chain(self, chain: Iterable[Scenario]) -> None:
        for scenario in chain:
            self._play_one(scenario)

    def _play_one(self, scenario: Scenario) -> None:
        play = Play(self._setting, scenario.id, self._plan.seed)
        started = time.time_ns()
        status, reason = "played", ""
        if self._died_at is not None:
            status, reason = "skipped", f"target died at frame {self._died_at}"
        elif self._run.stop.is_set():
            status, reason = "skipped", _INTERRUPTED
        else:
            try:
                scenario.body(play)
                reason = play.reason
            except Unplayable as unplayable:
                reason = play.reason or str(unplayable)
            except Interrupted:
                status, reason = "skipped", _INTERRUPTED
            except Exception as error:  # A broken scenario is reported, and ends neither the run nor the others.
                status, reason = "error", f"{type(error).__name__}: {error}"
        sockets = self._close(play)
        record = ScenarioRecord(
            scenario.id, status, reason, scenario.exercises, started, time.time_ns(), tuple(play.withheld)
        )
        with self._lock:
            self._records.append(record)
            self._sockets += sockets
            self._write()
        self._run._progress(record)

    @staticmethod
    def _close(play: Play) -> list[SocketRecord]:
        try:
            return play.close()
        except Interrupted:
            return play.close()

    def _check_alive(self, recorder: Recorder) -> None:
        """After what may kill: does the target still answer the survey's first question?"""
        last = recorder.frames
        before = set(self._facts.roles)
        self._facts.roles.clear()
        self._play_one(Scenario(f"liveness-{last}", "Is the target still there", (), survey))
        if before and not self._facts.roles and not self._run.stop.is_set():
            self._died_at = last
        self._facts.roles.update(before)

    def _write(self) -> Ledger:
        """Ledger and coverage as of now: a run that is killed leaves what it had."""
        order = {scenario.id: n for n, scenario in enumerate(self._plan.scenarios)}
        claims = self._plan.claims
        ledger = Ledger(
            target=self._plan.target,
            claims=claims,
            selection=self._plan.requirements,
            scenarios=tuple(sorted(self._records, key=lambda r: (order.get(r.id, -1), r.id))),
            sockets=tuple(sorted(self._sockets, key=lambda s: (s.scenario, s.name))),
            stalls=tuple(self._stalls),
            seed=self._plan.seed,
            version=__version__,
            started=self._started,
            finished=time.time_ns(),
            interrupted=self._run.stop.is_set(),
            patience=self._plan.patience,
            target_died_at=self._died_at,
        )
        write_whole(self._folder / LEDGER, ledger.to_json())
        coverage = Coverage(first_time=ledger.started, last_time=ledger.finished)
        write_whole(self._folder / COVERAGE, coverage.to_json())
        return ledger


def _setting(plan: Plan, recorder: Recorder, stop: threading.Event, facts: Facts) -> Setting:
    local = local_address((plan.target.address, plan.target.pxe_port))
    # On loopback there is no real hardware address; this one is locally administered, so it is nobody's.
    mac = hardware_address(local) or b"\x02\x50\x58\x45" + (plan.seed & 0xFFFF).to_bytes(2)
    return Setting(plan.target, local, mac, recorder, stop, facts, plan.patience, plan.try_writing)
