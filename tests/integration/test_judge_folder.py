"""What a folder says is what the run said; and every frame that a verdict cites is one that it stands on."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.capture.datagrams import Kind
from pxeconform.protocol.dhcp import Message
from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.judge import judge
from pxeconform.requirements.ledger import (
    Claims,
    Ledger,
    Target,
)
from pxeconform.requirements.model import Verdict
from pxeconform.requirements.view import Trace
from pxeconform.runner.folder import (
    COVERAGE,
    EVIDENCE,
    LEDGER,
    RESULTS,
    FolderError,
    judge_folder,
    load_trace,
)
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import Body, Scenario
from pxeconform.server.bootserver import BootServer
from pxeconform.server.datagrams import Incoming, Outgoing
from pxeconform.server.service import PxeServer
from pxeconform.sessions.marks import scenario_of, socket_of
from tests.mutants import arena
from tests.mutants.faults import FAULTS

SOUND, BARE = "sound", "bare"
MUTANTS = (
    "ended by strangers",
    "vanishes on strangers",
    "moved by strangers",
    "drops the first transfer",
    "sorcerer's apprentice",
    "answers for others",
    "another transaction",
    "names a file it lacks",
    "another program",
)
OWING = ("deaf to REQUEST", "falls silent on strangers", "silent to strangers", "stalls the first transfer")
"""Mutants that are convicted of what they did not send."""
RUNS = (SOUND, BARE, *MUTANTS, *OWING)
SILENCES = {"PXE-21-DISC-13", "PXE-21-DISC-22", "PXE-21-BIS-02"}
"""Requirements that ask for silence, and whose verdicts stand on a watched window alone."""
COUNTING = ("TFTP-7440-WIN-", "TFTP-1350-BLK-", "TFTP-2348-BLK-", "TFTP-1350-END-", "TFTP-2090-")
"""Rules that count blocks: how many a window has, how large they are, and whether one that is acknowledged was sent is
no more to be seen when one of them is missing. A socket that lost a datagram says so in the ledger."""
MOST_REMOVED = 60
"""Cited frames that are taken away one by one in each run."""
ENHANCED_PACKET = 6
"""The block type of a packet in pcapng."""

Defect = Callable[[Ledger], Ledger]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, arena.Match]:
    base = tmp_path_factory.mktemp("runs")
    config = arena.sound_config()
    played = {
        SOUND: arena.run(base / SOUND, PxeServer(config)),
        BARE: arena.run(
            base / BARE,
            PxeServer(arena.without_credentials(config)),
            requirements=("PXE-21-BIS-11", "PXE-21-BIS-01"),
            claims=arena.claims_without_credentials(),
        ),
    }
    for fault in (fault for fault in FAULTS if fault.name in (*MUTANTS, *OWING)):
        server = fault.make(fault.config(config))
        folder = base / re.sub(r"\W", "-", fault.name)
        played[fault.name] = arena.run(folder, server, requirements=(fault.requirement,), claims=fault.claims())
        assert fault.guilty <= played[fault.name].convicted()
    return played


def by_requirement(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    return {verdict.requirement: verdict for verdict in verdicts}


def octets(verdicts: Iterable[Verdict]) -> bytes:
    return json.dumps([verdict.to_dict() for verdict in verdicts], indent=1).encode()


@pytest.mark.parametrize("name", RUNS)
def test_the_folder_alone_gives_the_same_verdicts(runs: dict[str, arena.Match], name: str, tmp_path: Path) -> None:
    match = runs[name]
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    for file in (EVIDENCE, LEDGER, COVERAGE):
        shutil.copy(match.folder / file, alone)
    assert octets(judge_folder(alone).verdicts) == octets(match.results.verdicts)
    written = json.loads((match.folder / RESULTS).read_text(encoding="utf-8"))
    assert json.dumps(written["verdicts"], indent=1).encode() == octets(match.results.verdicts)


# -- a frame less -----------------------------------------------------------------------------------------------------


def without(trace: Trace, frame: int) -> Trace:
    """The trace as if that datagram had never been: the socket that sent or got it counts one less."""
    gone = next(d for d in trace.datagrams if d.frame == frame)
    place = scenario_of(gone.comment), socket_of(gone.comment)
    sockets = []
    for record in trace.ledger.sockets:
        if (record.scenario, record.name) == place:
            was_sent = gone.kind is Kind.UDP and gone.sender == (record.address, record.port)
            record = replace(record, sent=record.sent - was_sent, received=record.received - (not was_sent))
        sockets.append(record)
    left = tuple(d for d in trace.datagrams if d is not gone)
    return replace(trace, datagrams=left, ledger=replace(trace.ledger, sockets=tuple(sockets)))


def differs(before: Verdict, after: Verdict) -> bool:
    """More has changed than that the frame is no longer in the list."""
    said = [(v.verdict, v.exercised, v.violations, v.observed) for v in (before, after)]
    return said[0] != said[1] or bool(set(after.frames) - set(before.frames))


@pytest.mark.parametrize("name", RUNS)
def test_no_cited_frame_is_needless(runs: dict[str, arena.Match], name: str) -> None:
    trace = load_trace(runs[name].folder)
    verdicts = by_requirement(judge(trace, RULES))
    known = {datagram.frame for datagram in trace.datagrams}
    cited = {frame for verdict in verdicts.values() for frame in verdict.frames}
    assert cited
    assert cited <= known
    needless = []
    # Every one would take minutes; a step that differs from run to run comes by all of them in the end.
    for frame in sorted(cited)[:: max(1, len(cited) // MOST_REMOVED)]:
        after = by_requirement(judge(without(trace, frame), RULES))
        needless += [
            (requirement, frame, verdict.observed)
            for requirement, verdict in verdicts.items()
            if frame in verdict.frames and not differs(verdict, after[requirement])
        ]
    assert not needless


@pytest.mark.parametrize("name", [SOUND, BARE])
def test_a_frame_that_nobody_cites_convicts_nobody_by_its_absence(runs: dict[str, arena.Match], name: str) -> None:
    trace = load_trace(runs[name].folder)
    cited = {frame for verdict in judge(trace, RULES) for frame in verdict.frames}
    for datagram in trace.datagrams:
        if datagram.frame not in cited and datagram.frame % 4 == 0:
            after = judge(without(trace, datagram.frame), RULES)
            failed = {verdict.requirement for verdict in after if verdict.verdict == "fail"}
            assert not {name for name in failed if not name.startswith(COUNTING)}, datagram


def rewrite_without(evidence: Path, frame: int) -> None:
    """Take one packet block out of a pcapng file."""
    data = evidence.read_bytes()
    kept, number, at = bytearray(), 0, 0
    while at < len(data):
        kind, length = (int.from_bytes(data[at + n : at + n + 4], "little") for n in (0, 4))
        number += kind == ENHANCED_PACKET
        if (kind, number) != (ENHANCED_PACKET, frame):
            kept += data[at : at + length]
        at += length
    assert len(kept) < len(data)
    evidence.write_bytes(bytes(kept))


@pytest.mark.parametrize("name", RUNS)
def test_evidence_that_lost_a_frame_acquits_nobody(runs: dict[str, arena.Match], name: str, tmp_path: Path) -> None:
    folder = runs[name].folder
    before = by_requirement(judge_folder(folder).verdicts)
    sample = {f for v in before.values() for f in (*v.frames[:1], *v.frames[len(v.frames) // 2 :][:1], *v.frames[-1:])}
    for frame in sorted(sample):
        copy = tmp_path / str(frame)
        shutil.copytree(folder, copy)
        rewrite_without(copy / EVIDENCE, frame)
        after = by_requirement(judge_folder(copy).verdicts)
        assert not {r for r, v in after.items() if v.verdict == "pass"}
        for requirement, verdict in before.items():
            if verdict.verdict == "pass" and frame in verdict.frames:
                assert after[requirement].verdict in ("inconclusive", "error", "fail")
        lost = [v for v in after.values() if v.verdict == "inconclusive"]
        assert any("the evidence holds" in v.reason for v in lost)


# -- windows that were not watched ------------------------------------------------------------------------------------


def stalled(ledger: Ledger) -> Ledger:
    return replace(ledger, stalls=((ledger.started, ledger.finished),))


def dropped(ledger: Ledger) -> Ledger:
    return replace(ledger, sockets=tuple(replace(s, dropped=1) for s in ledger.sockets))


def closed_early(ledger: Ledger) -> Ledger:
    return replace(ledger, sockets=tuple(replace(s, closed=s.opened + 1) for s in ledger.sockets))


DEFECTS: dict[Defect, str] = {stalled: "stalled", dropped: "dropped", closed_early: "closed before"}
BY_DEFECT = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)


def judged_with(defect: Defect, match: arena.Match) -> dict[str, Verdict]:
    trace = load_trace(match.folder)
    return by_requirement(judge(replace(trace, ledger=defect(trace.ledger)), RULES))


@BY_DEFECT
@pytest.mark.parametrize(("name", "silences"), [(SOUND, SILENCES), (BARE, {"PXE-21-BIS-11"})])
def test_silence_that_was_not_watched_acquits_nobody(
    runs: dict[str, arena.Match], name: str, silences: set[str], defect: Defect
) -> None:
    before, after = runs[name].verdicts, judged_with(defect, runs[name])
    for requirement in silences:
        assert before[requirement].verdict == "pass"
        assert after[requirement].verdict == "inconclusive"
        assert DEFECTS[defect] in after[requirement].reason
    # What the server's own packets show needs no window.
    for requirement in ("TFTP-1350-TID-01", "TFTP-1350-TID-03", "PXE-21-DISC-08", "PXE-21-DISC-18"):
        assert after[requirement] == before[requirement]


@BY_DEFECT
@pytest.mark.parametrize("name", OWING)
def test_silence_that_was_not_watched_convicts_nobody(runs: dict[str, arena.Match], name: str, defect: Defect) -> None:
    requirement = next(fault.requirement for fault in FAULTS if fault.name == name)
    assert runs[name].verdicts[requirement].verdict == "fail"
    after = judged_with(defect, runs[name])
    assert after[requirement].verdict == "inconclusive"
    assert DEFECTS[defect] in after[requirement].reason
    assert runs[name].results.exit_code == (0 if requirement == "TFTP-1350-TID-05" else 1)


# -- runs that prove nothing ------------------------------------------------------------------------------------------


def nothing(play: Play) -> None:
    """Provoke nothing."""


def nothing_with_a_reason(play: Play) -> None:
    play.because("the moon is full")


def breaks(play: Play) -> None:
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("body", "word", "reason", "code"),
    [
        (nothing, "error", "left it unexercised and gave no reason", 4),
        (breaks, "error", "the scenario x/body broke: ZeroDivisionError: oh", 4),
        (nothing_with_a_reason, "not_exercised", "the moon is full", 3),
    ],
)
def test_a_scenario_that_provokes_nothing_is_no_pass(
    tmp_path: Path, body: Body, word: str, reason: str, code: int
) -> None:
    requirement = "TFTP-1350-TID-05"
    scenario = Scenario("x/body", "A body", (requirement,), body)
    server = PxeServer(arena.sound_config())
    match = arena.run(tmp_path / "run", server, scenarios=(scenario,), judged=(requirement,))
    (verdict,) = match.results.verdicts
    assert (verdict.requirement, verdict.verdict) == (requirement, word)
    assert reason in verdict.reason
    assert verdict.scenarios == ("x/body",)
    assert match.results.exit_code == code


def test_a_target_that_does_not_answer_is_inconclusive(tmp_path: Path) -> None:
    # Nobody serves on an address of the loopback network that is this process's own.
    target = Target(arena.HERE, "nobody", 20069, 24011, 20067)
    results = arena.play(tmp_path / "run", target, arena.ALL, None, Claims())
    assert {v.verdict for v in results.verdicts} == {"not_exercised"}
    assert all(v.reason for v in results.verdicts)
    assert results.exit_code == 3
    assert any(datagram.kind is Kind.ICMP_ERROR for datagram in load_trace(tmp_path / "run").datagrams)


def test_an_empty_selection_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    server = PxeServer(arena.sound_config())
    match = arena.run(tmp_path / "run", server, scenarios=(), judged=())
    assert match.results.verdicts == ()
    assert match.results.exit_code == 5


# -- played again -----------------------------------------------------------------------------------------------------


class OnceWithoutIdentifier(BootServer):
    """Its very first answer lacks option 54."""

    answered = 0

    def send(self, answer: Message, request: Message, incoming: Incoming) -> list[Outgoing]:
        self.answered += 1
        return super().send(answer.without(54) if self.answered == FIRST_WITH_ITEM else answer, request, incoming)


FIRST_WITH_ITEM = 3
"""The survey asks twice without a boot item before it asks with one."""


def test_a_violation_that_does_not_come_back_is_flaky(tmp_path: Path) -> None:
    server = PxeServer(arena.sound_config(), boot_server=OnceWithoutIdentifier)
    match = arena.run(tmp_path / "run", server, requirements=("PXE-21-DISC-08",), confirm=2)
    verdict = match.verdicts["PXE-21-DISC-08"]
    assert verdict.verdict == "flaky"
    assert "repeated 0 of 2 times" in verdict.reason
    assert verdict.violations == 1
    assert not match.convicted()
    assert match.results.exit_code == 0
    assert (match.folder / "confirm-2" / EVIDENCE).exists()
    assert octets(judge_folder(match.folder).verdicts) == octets(match.results.verdicts)


def test_a_violation_that_comes_back_is_none(tmp_path: Path) -> None:
    fault = next(fault for fault in FAULTS if fault.name == "wrong option 54")
    match = arena.run(tmp_path / "run", fault.make(arena.sound_config()), requirements=(fault.requirement,), confirm=2)
    verdict = match.verdicts[fault.requirement]
    assert verdict.verdict == "fail"
    assert "repeated 2 of 2 times" in verdict.reason
    assert match.results.exit_code == 1
    assert octets(judge_folder(match.folder).verdicts) == octets(match.results.verdicts)


# -- folders that are damaged -----------------------------------------------------------------------------------------


DAMAGES: dict[str, Callable[[Path], None]] = {
    "no ledger": lambda folder: (folder / LEDGER).unlink(),
    "no coverage": lambda folder: (folder / COVERAGE).unlink(),
    "no evidence": lambda folder: (folder / EVIDENCE).unlink(),
    "nothing": shutil.rmtree,
    "ledger is a folder": lambda folder: _folder_instead(folder / LEDGER),
    "ledger is empty": lambda folder: _write(folder / LEDGER, b""),
    "ledger is cut": lambda folder: _write(folder / LEDGER, (folder / LEDGER).read_bytes()[:-40]),
    "ledger is no text": lambda folder: _write(folder / LEDGER, b"\xff\xfe\0"),
    "ledger is a list": lambda folder: _write(folder / LEDGER, b"[]"),
    "ledger nests": lambda folder: _write(folder / LEDGER, b"[" * 100_000),
    "ledger of the future": lambda folder: _enter(folder / LEDGER, schema="pxeconform.ledger/99"),
    "ledger with more": lambda folder: _enter(folder / LEDGER, surplus=1),
    "ledger with less": lambda folder: _write(folder / LEDGER, b'{"schema": "pxeconform.ledger/1"}'),
    "claims are text": lambda folder: _enter(folder / LEDGER, claims="all"),
    "claims are nothing": lambda folder: _enter(folder / LEDGER, claims=None),
    "claims are a list": lambda folder: _enter(folder / LEDGER, claims=[]),
    "target is a list": lambda folder: _enter(folder / LEDGER, target=[1]),
    "scenarios are numbers": lambda folder: _enter(folder / LEDGER, scenarios=[1, 2]),
    "sockets are text": lambda folder: _enter(folder / LEDGER, sockets="abc"),
    "stalls are single": lambda folder: _enter(folder / LEDGER, stalls=[1]),
    "stalls are text": lambda folder: _enter(folder / LEDGER, stalls=[["a", "b"]]),
    "selection is a number": lambda folder: _enter(folder / LEDGER, selection=5),
    "start is beyond all time": lambda folder: _enter(folder / LEDGER, started=10**400),
    "a socket without a port": lambda folder: _enter(folder / LEDGER, sockets=[{"scenario": "x", "name": "y"}]),
    "start is text": lambda folder: _enter(folder / LEDGER, started="yesterday"),
    "coverage is cut": lambda folder: _write(folder / COVERAGE, (folder / COVERAGE).read_bytes()[:-10]),
    "coverage with more": lambda folder: _enter(folder / COVERAGE, surplus=1),
    "coverage of text": lambda folder: _enter(folder / COVERAGE, last_time="later"),
    "coverage is a number": lambda folder: _write(folder / COVERAGE, b"7"),
    "evidence is empty": lambda folder: _write(folder / EVIDENCE, b""),
    "evidence is no capture": lambda folder: _write(folder / EVIDENCE, b"once upon a time" * 100),
    "evidence is a folder": lambda folder: _folder_instead(folder / EVIDENCE),
}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _enter(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | entries), encoding="utf-8")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_in_one_sentence(runs: dict[str, arena.Match], damage: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs["answers for others"].folder, copy)
    DAMAGES[damage](copy)
    with pytest.raises(FolderError) as refused:
        judge_folder(copy)
    sentence = str(refused.value)
    assert sentence
    assert "\n" not in sentence
    assert len(sentence) < 400


def test_evidence_that_breaks_off_acquits_nobody(runs: dict[str, arena.Match], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[SOUND].folder, copy)
    evidence = copy / EVIDENCE
    evidence.write_bytes(evidence.read_bytes()[: evidence.stat().st_size // 2])
    words = {verdict.verdict for verdict in judge_folder(copy).verdicts}
    assert "pass" not in words
    assert "inconclusive" in words
