"""The public functions of the run side; the command line is a thin face of these."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pxeconform.registry.ports import Port
from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.ledger import Claims, KnownFile, ScenarioRecord, Target
from pxeconform.runner.endpoint import local_address
from pxeconform.runner.engine import JOBS, Plan, Run, TargetError
from pxeconform.runner.folder import EVIDENCE, Results, judge_folder
from pxeconform.runner.ics import IcsError, check_sha256, load_ics
from pxeconform.runner.scenario import load
from pxeconform.runner.selection import Selection, choose
from pxeconform.runner.waivers import load_waivers


class OutputError(Exception):
    """The output folder cannot be used; one sentence."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has been checked and can be played."""

    plan: Plan
    selection: Selection
    folder: Path


def run(
    target: str,
    *,
    profile: str | None = None,
    suites: Sequence[str] = (),
    level: str = "may",
    matching: str | None = None,
    ics: Path | str | None = None,
    files: Sequence[str] = (),
    suite_folder: Path | None = None,
    tftp_port: int = 69,
    pxe_port: int = 4011,
    dhcp_port: int = 67,
    patience: float = 60.0,
    jobs: int = JOBS,
    seed: int | None = None,
    confirm: int = 1,
    try_writing: bool = False,
    waive: Path | str | None = None,
    disruptive: bool = False,
    out: Path | str | None = None,
    progress: Callable[[ScenarioRecord], None] = lambda record: None,
) -> Results:
    """Play the selected scenarios against a server and judge what came of it.

    `target` is an IPv4 address or a name. `files` are `NAME` or `NAME:SHA256`. `patience` is in seconds.
    `waive` is a file of waivers; `disruptive` allows floods and what is meant to kill. `out` is the run's folder, by
    default one below `reports/`. Raises `TargetError`, `IcsError`, `SelectionError`, `SuiteError`, `WaiverError`,
    `OutputError`, each with one sentence. A selection that is empty gives results without verdicts.
    """
    prepared = prepare(
        target,
        choose(load(suite_folder), profile=profile, suites=suites, level=level, matching=matching),
        ics=ics,
        files=files,
        tftp_port=tftp_port,
        pxe_port=pxe_port,
        dhcp_port=dhcp_port,
        patience=patience,
        jobs=jobs,
        seed=seed,
        confirm=confirm,
        try_writing=try_writing,
        waive=waive,
        disruptive=disruptive,
        out=out,
    )
    return Run(prepared.plan, prepared.folder, progress).play()


def judge(folder: Path | str) -> Results:
    """Derive the verdicts of a run again from its folder alone. Raises `FolderError`."""
    return judge_folder(Path(folder))


def prepare(
    target: str,
    selection: Selection,
    *,
    ics: Path | str | None = None,
    files: Sequence[str] = (),
    tftp_port: int = 69,
    pxe_port: int = 4011,
    dhcp_port: int = 67,
    patience: float = 60.0,
    jobs: int = JOBS,
    seed: int | None = None,
    confirm: int = 1,
    try_writing: bool = False,
    waive: Path | str | None = None,
    disruptive: bool = False,
    out: Path | str | None = None,
    make_folder: bool = True,
) -> Prepared:
    """Check everything that can be checked before the first datagram is sent, and make the folder."""
    address = _address(target)
    name, claims = load_ics(Path(ics)) if ics is not None else ("", Claims())
    claims = replace(claims, files=(*claims.files, *map(_file, files)))
    plan = Plan(
        target=Target(address, name or target, tftp_port, pxe_port, dhcp_port),
        scenarios=tuple(s for s in selection.scenarios if disruptive or not s.disruptive),
        requirements=selection.requirements,
        claims=claims,
        patience=patience,
        jobs=jobs,
        seed=random.SystemRandom().getrandbits(31) if seed is None else seed,
        confirm=confirm,
        try_writing=try_writing,
        waivers=load_waivers(Path(waive), frozenset(r.requirement.id for r in RULES)) if waive is not None else (),
    )
    folder = Path(out) if out is not None else default_folder(address)
    if make_folder:
        make(folder)
    return Prepared(plan, selection, folder)


def default_folder(subject: str) -> Path:
    """`reports/<UTC time>-<subject>`; the subject's odd characters become dashes."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in subject)[:80]
    return Path("reports") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{safe}"


def make(folder: Path) -> None:
    """Make an output folder that can be written. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".writable"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    if (folder / EVIDENCE).exists():
        raise OutputError(f"{folder} already holds a run")


def _address(target: str) -> str:
    """An IPv4 address of one host. Raises `TargetError`."""
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        try:
            address = ipaddress.ip_address(str(socket.getaddrinfo(target, None, socket.AF_INET)[0][4][0]))
        except (OSError, UnicodeError) as error:
            raise TargetError(f"{target} is neither an address nor a name that can be looked up") from error
    if address.version != 4:
        raise TargetError(f"{target} is an IPv6 address; only IPv4 targets can be tested")
    if address.is_multicast:
        raise TargetError(f"{target} is a multicast address; a run speaks to one server")
    if str(address) == "255.255.255.255":
        raise TargetError(f"{target} is a broadcast address; a run speaks to one server")
    if address.is_unspecified or address.is_reserved:
        raise TargetError(f"{target} is the address of no host")
    try:
        # The kernel knows the broadcast addresses of its networks, and lets nobody speak to them unawares.
        local_address((str(address), Port.TFTP))
    except PermissionError as error:
        raise TargetError(f"{target} is a broadcast address; a run speaks to one server") from error
    except OSError as error:
        raise TargetError(f"{target} cannot be reached from this machine: {error.strerror or error}") from error
    return str(address)


def _file(text: str) -> KnownFile:
    """`NAME` or `NAME:SHA256`."""
    name, colon, digest = text.rpartition(":")
    if not colon or len(digest) != 64:
        return KnownFile(text, source="claimed")
    try:
        return KnownFile(name, sha256=check_sha256(digest))
    except ValueError as error:
        raise IcsError(f"--file {text}: {error}") from error
