"""`run` and `judge`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pxeconform.cli.errors import NOTHING
from pxeconform.cli.output import consoles, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from pxeconform.api import Prepared
    from pxeconform.requirements.ledger import ScenarioRecord
    from pxeconform.runner.engine import Plan
    from pxeconform.runner.folder import Results
    from pxeconform.runner.selection import Selection


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `run`."""

    target: str
    suites: tuple[str, ...] = ()
    matching: str | None = None
    level: str = "may"
    profile: str | None = None
    files: tuple[str, ...] = ()
    ics: Path | None = None
    tftp_port: int = 69
    pxe_port: int = 4011
    dhcp_port: int = 67
    patience: float = 60.0
    jobs: int = 32
    seed: int | None = None
    confirm: int = 1
    try_writing: bool = False
    waive: Path | None = None
    disruptive: bool = False
    suites_folder: Path | None = None
    out: Path | None = None
    json_to: str | None = None
    junit: Path | None = None
    list_only: bool = False
    dry_run: bool = False


def run_command(wishes: Wishes) -> int:
    """Play, judge, report; gives the exit code."""
    from pxeconform.runner.scenario import load
    from pxeconform.runner.selection import choose

    console = consoles(wishes.json_to)
    selection = choose(
        load(wishes.suites_folder),
        profile=wishes.profile,
        suites=wishes.suites,
        level=wishes.level,
        matching=wishes.matching,
    )
    if not selection.scenarios:
        console.print("Nothing is selected: no scenario exercises such a requirement.")
        return NOTHING
    if wishes.list_only:
        _list(selection, console)
        return 0
    prepared = _prepare(wishes, selection)
    _announce(prepared, console, wishes.dry_run)
    if wishes.dry_run:
        _list(selection, console)
        return 0
    return play_and_report(prepared, console, wishes.json_to, wishes.junit)


def play_and_report(prepared: Prepared, console: Console, json_to: str | None = None, junit: Path | None = None) -> int:
    """Play what was prepared, show the verdicts, write the reports; gives the exit code."""
    return _report(_play(prepared, console), prepared.folder, console, json_to, junit)


def judge_command(folder: Path, json_to: str | None, junit: Path | None) -> int:
    """Judge a folder again; nothing in it is changed."""
    from pxeconform.report.terminal import verdict_table
    from pxeconform.runner.folder import judge_folder

    console = consoles(json_to)
    results = judge_folder(folder)
    document = results.to_dict()
    verdict_table(document, console)
    write_json(document, json_to)
    _write_junit(document, junit)
    return results.exit_code


def _prepare(wishes: Wishes, selection: Selection) -> Prepared:
    from pxeconform.api import prepare

    return prepare(
        wishes.target,
        selection,
        ics=wishes.ics,
        files=wishes.files,
        tftp_port=wishes.tftp_port,
        pxe_port=wishes.pxe_port,
        dhcp_port=wishes.dhcp_port,
        patience=wishes.patience,
        jobs=wishes.jobs,
        seed=wishes.seed,
        confirm=wishes.confirm,
        try_writing=wishes.try_writing,
        waive=wishes.waive,
        disruptive=wishes.disruptive,
        out=wishes.out,
        make_folder=not wishes.dry_run,
    )


def _announce(prepared: Prepared, console: Console, dry: bool) -> None:
    """What the run is about to do to the target, before it does it."""
    target, plan = prepared.plan.target, prepared.plan
    console.print(
        f"Target {target.address}: TFTP port {target.tftp_port}, boot server port {target.pxe_port}. Seed {plan.seed}.",
        highlight=False,
    )
    console.print(" ".join(_may_do(plan)), highlight=False, markup=False)
    if not dry:
        console.print(f"Evidence goes to {prepared.folder}.", highlight=False)


def _may_do(plan: Plan) -> Iterator[str]:
    """What the run may do to the target, a sentence each."""
    yield (
        f"{len(plan.scenarios)} scenarios for {len(plan.requirements)} requirements will read files and ask the boot "
        f"server, up to {plan.jobs} at the same time. No lease is taken, and nothing is sent to anybody else."
    )
    if plan.claims.writable is None and plan.try_writing:
        yield "One write is tried, which leaves an empty file named pxeconform-... where it is let in."
    elif plan.claims.writable is None:
        yield "Nothing is written to the target."
    else:
        emptied = "emptied" if plan.claims.overwrite else "left there: TFTP cannot delete"
        yield f"Files named {plan.claims.writable}pxeconform-... are written, and in the end {emptied}."
    negative = sum(s.negative for s in plan.scenarios)
    disruptive = sum(s.disruptive for s in plan.scenarios)
    if negative:
        yield f"{negative} scenarios send single malformed datagrams, last and alone: a weak server may die of them."
    if disruptive:
        yield f"{disruptive} scenarios flood the target or mean to kill it (--disruptive)."
    else:
        yield "No flood is sent."


def _list(selection: Selection, console: Console) -> None:
    for scenario in selection.scenarios:
        console.print(f"[bold]{scenario.id}[/]  {scenario.title}", highlight=False)
        console.print(f"    {' '.join(scenario.exercises)}", style="dim", highlight=False)


def _play(prepared: Prepared, console: Console) -> Results:
    from pxeconform.report.safe import for_terminal
    from pxeconform.runner.engine import Run

    def progress(record: ScenarioRecord) -> None:
        reason = f": {for_terminal(record.reason)}" if record.reason else ""
        seconds = (record.ended - record.started) / 1e9
        console.print(f"  {record.status:8} {record.id} ({seconds:.1f} s){reason}", markup=False, highlight=False)

    run = Run(prepared.plan, prepared.folder, progress)

    def interrupt(*_: object) -> None:
        run.stop.set()
        # A second signal ends the process at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run.play()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(results: Results, folder: Path, console: Console, json_to: str | None, junit: Path | None) -> int:
    from pxeconform.report.terminal import verdict_table
    from pxeconform.report.write import write_run_report

    document = results.to_dict()
    verdict_table(document, console)
    if results.exit_code == 3 and not results.ledger.interrupted:
        answered = [r.reason for r in results.ledger.scenarios if r.reason]
        console.print(f"Nothing could be judged: {answered[0] if answered else 'the target is silent'}.", markup=False)
    if results.ledger.interrupted:
        console.print("The run was interrupted; this is what was judged so far.")
    written = write_run_report(document, folder)
    console.print(
        f"Report: {next((p for p in written if p.suffix == '.html'), folder)}", highlight=False, soft_wrap=True
    )
    write_json(document, json_to)
    _write_junit(document, junit)
    return results.exit_code


def _write_junit(document: dict[str, object], path: Path | None) -> None:
    if path is not None:
        from pxeconform.report.junit import junit
        from pxeconform.runner.folder import write_whole

        write_whole(path, junit(document))
