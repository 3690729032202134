"""One trace in the making: plays scenarios into a folder of evidence, ledger and coverage."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pxeconform import __version__
from pxeconform.capture.datagrams import Kind
from pxeconform.requirements.ledger import LIVENESS, Coverage, Ledger, ScenarioRecord, SocketRecord
from pxeconform.requirements.view import Trace, View
from pxeconform.runner.endpoint import Interrupted, hardware_address, local_address
from pxeconform.runner.folder import COVERAGE, EVIDENCE, LEDGER, load_trace, write_whole
from pxeconform.runner.heartbeat import Heartbeat
from pxeconform.runner.play import Facts, Play, Setting
from pxeconform.runner.recorder import Recorder
from pxeconform.runner.scenario import Scenario, Unplayable
from pxeconform.runner.survey import look, survey
from pxeconform.sessions.marks import scenario_of

if TYPE_CHECKING:
    from pxeconform.runner.engine import Plan

SURVEY = "survey"
_INTERRUPTED = "the run was interrupted"

Progress = Callable[[ScenarioRecord], None]


class Session:
    """A context manager: while it lasts, evidence is written; each scenario that ends is in the ledger at once."""

    def __init__(self, plan: Plan, folder: Path, facts: Facts, stop: threading.Event, progress: Progress) -> None:
        self._plan, self._folder, self._facts, self._stop, self._progress = plan, folder, facts, stop, progress
        self._records: list[ScenarioRecord] = []
        self._sockets: list[SocketRecord] = []
        self._lock = threading.Lock()
        self._started = time.time_ns()
        self.died_at: int | None = None
        """The frame that the target's death is charged to."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._recorder = Recorder(self._folder / EVIDENCE)
            stack.callback(self._recorder.close)
            self._setting = _setting(self._plan, self._recorder, self._stop, self._facts)
            self._stalls = stack.enter_context(Heartbeat()).stalls
            self.write()
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
        self.write()

    def survey(self) -> None:
        """Find out what the target answers at all."""
        self._play(Scenario(SURVEY, "What the target answers at all", (), survey))

    def together(self, scenarios: Iterable[Scenario], jobs: int) -> None:
        """Play scenarios beside each other, those that wait first; those of one turn one after the other.

        Then look whether the target is still there. If not, nobody can tell for sure which of them it died of: its
        death is charged to the first request after the last one that it answered.
        """
        chains: dict[str, list[Scenario]] = {}
        for scenario in scenarios:
            chains.setdefault(scenario.turn or scenario.id, []).append(scenario)
        longest_first = sorted(chains.values(), key=lambda c: (any(s.waiting for s in c), len(c)), reverse=True)
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for done in [pool.submit(self._chain, chain) for chain in longest_first]:
                done.result()
        if chains and not self._is_alive():
            self._died(_first_unanswered(load_trace(self._folder)))

    def alone(self, scenarios: Iterable[Scenario]) -> None:
        """Play scenarios one after the other, and look after each that is played alone whether the target is there."""
        for scenario in scenarios:
            self._await_turn()
            play = self._play(scenario)
            last = self._recorder.frames if play.silent_since is None else play.silent_since
            if self.died_at is None and scenario.alone and not self._is_alive():
                self._died(_last_sent(load_trace(self._folder), scenario.id, last))

    def write(self) -> Ledger:
        """Write ledger and coverage as of now: a run that is killed leaves what it had."""
        order = {scenario.id: n for n, scenario in enumerate(self._plan.scenarios)}
        ledger = Ledger(
            target=self._plan.target,
            claims=self._plan.claims,
            selection=self._plan.requirements,
            scenarios=tuple(sorted(self._records, key=lambda r: (order.get(r.id, -1), r.id))),
            sockets=tuple(sorted(self._sockets, key=lambda s: (s.scenario, s.name))),
            stalls=tuple(self._stalls),
            seed=self._plan.seed,
            version=__version__,
            started=self._started,
            finished=time.time_ns(),
            interrupted=self._stop.is_set(),
            patience=self._plan.patience,
            one_at_a_time=self._facts.one_at_a_time,
            target_died_at=self.died_at,
            waivers=self._plan.waivers,
        )
        write_whole(self._folder / LEDGER, ledger.to_json())
        coverage = Coverage(first_time=ledger.started, last_time=ledger.finished)
        write_whole(self._folder / COVERAGE, coverage.to_json())
        return ledger

    def _chain(self, chain: Iterable[Scenario]) -> None:
        for scenario in chain:
            self._await_turn()
            self._play(scenario)

    def _play(self, scenario: Scenario) -> Play:
        play = Play(self._setting, scenario.id, self._plan.seed, careful=scenario.alone)
        started = time.time_ns()
        status, reason = "played", ""
        if self.died_at is not None:
            status, reason = "skipped", f"target died at frame {self.died_at}"
        elif self._stop.is_set():
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
        sockets = _closed(play)
        record = ScenarioRecord(
            scenario.id, status, reason, scenario.exercises, started, time.time_ns(), tuple(play.withheld)
        )
        with self._lock:
            self._records.append(record)
            self._sockets += sockets
            self.write()
        self._progress(record)
        return play

    def _await_turn(self) -> None:
        """A server that serves one transfer at a time may still be at one whose client has gone: wait until it is not.

        The question is a scenario of its own, so what comes of it is nobody else's.
        """
        if self._facts.one_at_a_time and self.died_at is None and not self._stop.is_set():
            self._is_alive()

    def _is_alive(self) -> bool:
        """Does the target still answer? One that never did, or was interrupted, is not said to have died."""
        if not self._facts.roles or self._stop.is_set() or self.died_at is not None:
            return True
        with self._lock:
            name = f"{LIVENESS}{self._recorder.frames}"
        play = self._play(Scenario(name, "Is the target still there", (), look))
        return play.silent_since is None or self._stop.is_set()

    def _died(self, frame: int) -> None:
        """Charge the death to a frame. Scenarios that were under way get that as their reason."""
        self.died_at = frame
        died = next((d.time for d in load_trace(self._folder).datagrams if d.frame == frame), time.time_ns())
        reason = f"target died at frame {frame}"
        with self._lock:
            self._records = [
                replace(record, reason=reason) if record.ended > died and not record.reason else record
                for record in self._records
            ]
            self.write()


def _last_sent(trace: Trace, scenario: str, until: int) -> int:
    """The frame of the last datagram that a scenario sent before a frame; `until` where it sent none."""
    target = trace.ledger.target.address
    sent = (
        d.frame
        for d in trace.datagrams
        if d.frame <= until and d.destination == target and d.kind is Kind.UDP and scenario_of(d.comment) == scenario
    )
    return max(sent, default=until)


def _first_unanswered(trace: Trace) -> int:
    """The frame of the first request that came after the last one that was answered."""
    transfers = sorted(View(trace).transfers, key=lambda transfer: transfer.started)
    answered = max((n for n, transfer in enumerate(transfers) if transfer.answered), default=-1)
    first = transfers[answered + 1 :]
    return first[0].request_frames[0] if first else max((d.frame for d in trace.datagrams), default=0)


def _closed(play: Play) -> list[SocketRecord]:
    try:
        return play.close()
    except Interrupted:
        return play.close()


def _setting(plan: Plan, recorder: Recorder, stop: threading.Event, facts: Facts) -> Setting:
    local = local_address((plan.target.address, plan.target.pxe_port))
    # On loopback there is no real hardware address; this one is locally administered, so it is nobody's.
    mac = hardware_address(local) or b"\x02\x50\x58\x45" + (plan.seed & 0xFFFF).to_bytes(2)
    return Setting(plan.target, local, mac, recorder, stop, facts, plan.patience, plan.try_writing)
