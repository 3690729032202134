"""Analysis of captures: boots, transfers and DHCP messages with what is wrong with them, as objects and as data.

    from pxeconform.analysis import analyze
    document = analyze(["boot.pcapng"]).to_dict()

Every capture is analysed on its own; identifiers are unique over all of them.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

from pxeconform import document
from pxeconform.capture.copies import marked, tell_copies
from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Checksum, Datagram
from pxeconform.capture.read import read
from pxeconform.capture.streams import STANDARD_INPUT
from pxeconform.diagnosis.boots import diagnose_boot
from pxeconform.diagnosis.lenses.model import Reading
from pxeconform.diagnosis.model import Diagnosis
from pxeconform.diagnosis.stall import Stall, find_stall
from pxeconform.diagnosis.symptoms import BootCase
from pxeconform.diagnosis.transfers import TransferCase, diagnose_fetch, diagnose_transfer
from pxeconform.extraction import LARGEST, Extracted, Extraction
from pxeconform.registry.screen_codes import ScreenFamily
from pxeconform.requirements.ledger import Coverage
from pxeconform.requirements.passive import Finding, findings
from pxeconform.sessions.boots import Boot, BootOutcome, each_boot
from pxeconform.sessions.content import HEAD
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.dhcp6 import Dhcp6Event
from pxeconform.sessions.http import Fetch
from pxeconform.sessions.routine import TransferSieve
from pxeconform.sessions.sessions import Sessions, follow
from pxeconform.sessions.steps import settled
from pxeconform.sessions.transfers import Outcome, Transfer

SCHEMA = "pxeconform.analysis/1"

_WORTH_PROCESSES = 1 << 25
"""Octets of captures that take longer to read than processes to start and results to hand over."""

_MAC = re.compile(r"[0-9a-f]{12}")

Tables = Iterator[tuple[str, Iterator[document.Record]]]


@dataclass(frozen=True, slots=True)
class DiagnosedBoot:
    """A boot with its identifier, whose turn it was, and why it failed (the cause to act on first)."""

    id: str
    capture: str
    parent: str | None
    boot: Boot
    stall: Stall | None
    diagnosis: tuple[Diagnosis, ...]
    readings: tuple[Reading, ...] | None = None
    """How the firmware of a lens takes what this client was sent; `None` without a lens."""


@dataclass(frozen=True, slots=True)
class DiagnosedTransfer:
    """A transfer with its identifier and that of its boot; `outcome` knows what its client did next."""

    id: str
    capture: str
    boot: str | None
    transfer: Transfer | Fetch
    outcome: Outcome
    diagnosis: tuple[Diagnosis, ...]
    extracted: Extracted | None = None


@dataclass(frozen=True, slots=True)
class CapturedDhcp:
    """A DHCP message with the capture that it is in."""

    capture: str
    event: DhcpEvent | Dhcp6Event


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the captures hold, in the order of the captures and of time within each."""

    captures: tuple[CaptureInfo, ...]
    boots: tuple[DiagnosedBoot, ...]
    transfers: tuple[DiagnosedTransfer, ...]
    dhcp: tuple[CapturedDhcp, ...]
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data with the names of `report/schema/analysis.schema.json`; ready for `json.dump`."""
        return {"schema": SCHEMA, **{name: list(records) for name, records in self.tables()}}

    def tables(self) -> Tables:
        """The same, one table after the other and one record at a time; `schema` is not among them."""
        return _tables(self)


def _tables(found: Analysis | Passing) -> Tables:
    yield "captures", (document.capture(info) for info in found.captures)
    yield (
        "boots",
        (document.boot(b.id, b.capture, b.parent, b.boot, b.stall, b.diagnosis, b.readings) for b in found.boots),
    )
    yield (
        "transfers",
        (
            document.transfer(t.id, t.capture, t.boot, t.transfer, t.outcome, t.diagnosis, t.extracted)
            for t in found.transfers
        ),
    )
    yield "dhcp", (document.dhcp(message.capture, message.event) for message in found.dhcp)
    yield "findings", (finding.to_dict() for finding in found.findings)


def analyze(
    captures: Sequence[str | Path] | str | Path,
    *,
    client: str | None = None,
    hash_contents: bool = False,
    engine: Literal["native", "tshark"] = "native",
    lens: ScreenFamily | None = None,
    extract: Path | None = None,
    jobs: int | None = None,
    every_packet: bool = False,
) -> Analysis:
    """Reconstruct and diagnose what captures (pcap, pcapng; `-` is standard input) show.

    `client` keeps the boots, transfers and DHCP messages of one MAC address. `hash_contents` adds the SHA-256 of every
    file that came whole. `engine` names who decodes the packets: this package, or tshark as a second opinion (slower,
    and a program that must be there: `TsharkError`). `lens` adds how that firmware takes what each client was sent;
    `extract` is a folder for the files that came whole. Several captures that are large are read by `jobs` processes
    (as many as there are processors). `every_packet` keeps all packets of all transfers, those of a large capture too,
    where what is as it should be is else only counted. Raises `CaptureError` with one sentence.
    """
    wanted = _mac(client) if client is not None else None
    paths = [captures] if isinstance(captures, str | Path) else list(captures)
    found = Analysis((), (), (), ())
    keep = HEAD if extract is None else LARGEST
    task = _Task(wanted, hash_contents or extract is not None, engine, keep, every_packet)
    extraction = Extraction(extract) if extract is not None else None
    for part in _parts([str(path) for path in paths], task, jobs):
        part = _renumbered(part, len(found.boots), len(found.transfers))
        part = part if lens is None else replace(part, boots=tuple(_through(part.boots, lens)))
        found = _add(found, part if extraction is None else _extracted(part, extraction))
    left_out = extraction.told() if extraction is not None else None
    if left_out is not None:
        found.captures[-1].warn(left_out)
    return found


def passing(
    capture: str | Path,
    *,
    client: str | None = None,
    hash_contents: bool = False,
    engine: Literal["native", "tshark"] = "native",
    lens: ScreenFamily | None = None,
) -> Passing:
    """The same for one capture, whose records are made one after the other and not kept: for captures of many boots."""
    wanted = _mac(client) if client is not None else None
    found = _read(str(capture), _Task(wanted, hash_contents, engine))
    found.boots = _through(found.boots, lens)
    return found


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done with each capture."""

    client: str | None
    hash_contents: bool
    engine: Literal["native", "tshark"]
    keep: int = HEAD
    every_packet: bool = False


def _parts(paths: Sequence[str], task: _Task, jobs: int | None) -> Iterator[Analysis]:
    """The analysis of each capture, in their order; side by side where starting processes is worth it."""
    workers = min(jobs or os.cpu_count() or 1, len(paths))
    large = sum(Path(path).stat().st_size for path in paths if Path(path).is_file()) >= _WORTH_PROCESSES
    if workers < 2 or not large or STANDARD_INPUT in paths:
        yield from (_one(path, task) for path in paths)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_one, paths, repeat(task))


def _renumbered(part: Analysis, boots: int, transfers: int) -> Analysis:
    """Go on counting where the captures before ended."""
    if not boots and not transfers:
        return part
    names = {each.id: f"boot-{boots + number}" for number, each in enumerate(part.boots, 1)}

    def named(name: str | None) -> str | None:
        return names.get(name) if name is not None else None

    return replace(
        part,
        boots=tuple(replace(each, id=names[each.id], parent=named(each.parent)) for each in part.boots),
        transfers=tuple(
            replace(each, id=f"transfer-{transfers + number}", boot=named(each.boot))
            for number, each in enumerate(part.transfers, 1)
        ),
    )


def _through(boots: Iterable[DiagnosedBoot], lens: ScreenFamily | None) -> Iterator[DiagnosedBoot]:
    if lens is None:
        yield from boots
        return
    from pxeconform.diagnosis.lenses.table import readings

    for each in boots:
        yield replace(each, readings=readings(each.boot, lens))


def _extracted(part: Analysis, extraction: Extraction) -> Analysis:
    written = (replace(t, extracted=extraction.write(t.transfer, t.id, t.outcome)) for t in part.transfers)
    return replace(part, transfers=tuple(written))


def _add(whole: Analysis, part: Analysis) -> Analysis:
    return Analysis(
        whole.captures + part.captures,
        whole.boots + part.boots,
        whole.transfers + part.transfers,
        whole.dhcp + part.dhcp,
        whole.findings + part.findings,
    )


def _mac(text: str) -> str:
    """A MAC address in any usual notation, to lower case with colons."""
    digits = re.sub(r"[-:. ]", "", text.lower())
    if not _MAC.fullmatch(digits):
        raise CaptureError(f"{text} is not a MAC address")
    return bytes.fromhex(digits).hex(":")


def _second_opinion(path: str, info: CaptureInfo) -> Iterator[Datagram]:
    from pxeconform.sessions import second_opinion

    return second_opinion.read(path, info)


def _one(path: str, task: _Task) -> Analysis:
    """One capture, all of it at hand."""
    found = _read(path, task)
    return Analysis(
        found.captures, tuple(found.boots), tuple(found.transfers), tuple(found.dhcp), tuple(found.findings)
    )


def _read(path: str, task: _Task) -> Passing:
    info = CaptureInfo(path)
    sieve = TransferSieve() if task.engine == "native" and not task.every_packet else None
    datagrams = read(path, info, sieve=sieve) if task.engine == "native" else _second_opinion(path, info)
    sessions = follow(marked(datagrams, info), hash_contents=task.hash_contents, keep=task.keep, sieve=sieve)
    tell_copies(info, sieve.copies if sieve is not None else 0)
    if sessions.wrong:
        count, frames = sessions.checksums[Checksum.WRONG], ", ".join(map(str, sessions.wrong))
        info.warn(f"{count} DHCP or TFTP datagrams have a wrong UDP checksum, so hosts drop them: frames {frames}")
    return Passing(info, sessions, task.client)


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the boot that a transfer belongs to says about it."""

    boot: str
    wanted: bool
    outcome: Outcome
    harmless: bool


class Passing:
    """What one capture holds as it passes by: boots are made when they are asked for, and kept by nobody.

    The tables have the names and the order of `Analysis`; each can be gone through once. Ten thousand boots then need
    no more memory than their packets.
    """

    def __init__(self, info: CaptureInfo, sessions: Sessions, client: str | None = None) -> None:
        self.captures = (info,)
        self._sessions, self._client, self._end = sessions, client, info.last_time or 0
        self._endings: dict[int, _Ending] = {}
        self._fetches: list[Fetch] = []
        self.boots = self._boots()
        self.transfers = self._transfers()
        self.dhcp = self._dhcp()
        self.findings = self._findings()

    def tables(self) -> Tables:
        """The tables of `Analysis.tables`, each to be gone through before the next."""
        return _tables(self)

    def _boots(self) -> Iterator[DiagnosedBoot]:
        for boot, parent in each_boot(self._sessions, self._end):
            wanted = self._client in (None, boot.client_mac)
            name = _boot_name(boot)
            self._fetches += boot.evidence.fetches
            owns: list[Transfer | Fetch] = [*boot.transfers, *boot.evidence.fetches]
            for owned in owns:
                if id(owned) not in self._endings:
                    self._endings[id(owned)] = _Ending(name, wanted, *_ended(owned, boot, self._end))
            if wanted:
                began_by = _boot_name(parent) if parent is not None else None
                causes = diagnose_boot(BootCase(boot, parent))
                yield DiagnosedBoot(name, self.captures[0].path, began_by, boot, find_stall(boot), causes)

    def _transfers(self) -> Iterator[DiagnosedTransfer]:
        # Whose they are is known once all boots have passed.
        deque(self.boots, maxlen=0)
        carried: list[Transfer | Fetch] = [*self._sessions.transfers, *self._fetches]
        carried.sort(key=lambda each: each.started)
        for number, each in enumerate(carried, 1):
            ending = self._endings.get(id(each)) or self._of_no_boot(each)
            if ending.wanted:
                name, path = f"transfer-{number}", self.captures[0].path
                yield DiagnosedTransfer(name, path, ending.boot or None, each, ending.outcome, _causes(each, ending))
        self._endings.clear()

    def _of_no_boot(self, carried: Transfer | Fetch) -> _Ending:
        if isinstance(carried, Fetch):
            return _Ending("", self._client is None, _fetch_outcome(carried, self._end), harmless=False)
        wanted = self._client in (None, carried.client_mac.hex(":"))
        return _Ending("", wanted, carried.outcome(self._end), harmless=False)

    def _dhcp(self) -> Iterator[CapturedDhcp]:
        spoken: list[DhcpEvent | Dhcp6Event] = [*self._sessions.dhcp, *self._sessions.dhcp6]
        spoken.sort(key=lambda event: event.time)
        path = self.captures[0].path
        return (CapturedDhcp(path, event) for event in spoken if self._client in (None, _mac_of(event)))

    def _findings(self) -> Iterator[Finding]:
        (info,) = self.captures
        coverage = Coverage(
            layer2=True,
            complete=info.complete and not info.snapped,
            snapped=bool(info.snapped),
            first_time=info.first_time,
            last_time=info.last_time,
        )
        yield from findings(self._sessions, coverage)


def _boot_name(boot: Boot) -> str:
    return f"boot-{boot.number}"


def _mac_of(event: DhcpEvent | Dhcp6Event) -> str:
    return event.message.mac if isinstance(event, DhcpEvent) else event.client.hex(":")


def _ended(carried: Transfer | Fetch, boot: Boot, end: int) -> tuple[Outcome, bool]:
    """How a transfer of a boot ended, and whether that did the boot no harm."""
    if isinstance(carried, Fetch):
        return _fetch_outcome(carried, end), False
    own = any(carried is each for each in boot.evidence.downloads)
    # A probe that no download follows is a refusal; others of the boot's own transfers stay what they are.
    as_told = not own or carried is boot.evidence.download
    outcome = settled(boot.evidence, carried) if as_told else carried.outcome(end)
    return outcome, not own and boot.outcome is BootOutcome.BOOTED


def _causes(carried: Transfer | Fetch, ending: _Ending) -> tuple[Diagnosis, ...]:
    if isinstance(carried, Fetch):
        return diagnose_fetch(carried, ending.outcome)
    return diagnose_transfer(TransferCase(carried, ending.outcome), harmless=ending.harmless)


def _fetch_outcome(fetch: Fetch, end: int) -> Outcome:
    if fetch.complete:
        return Outcome.PROBE if fetch.method == "HEAD" else Outcome.COMPLETE
    if fetch.refused or (fetch.status is not None and fetch.status >= 400):
        return Outcome.REFUSED
    late = fetch.given_up or end - fetch.waited_since >= 5_000_000_000
    return Outcome.STALLED if late else Outcome.INCOMPLETE_CAPTURE
