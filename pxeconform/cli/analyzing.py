"""`analyze`."""

from __future__ import annotations

from collections import deque
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pxeconform.cli.output import screen, write_json

if TYPE_CHECKING:
    from pxeconform.analysis import Tables
    from pxeconform.registry.screen_codes import ScreenFamily


def analyze_command(
    captures: list[str],
    *,
    client: str | None,
    hash_contents: bool,
    engine: Literal["native", "tshark"] = "native",
    lens: ScreenFamily | None = None,
    extract: Path | None = None,
    jobs: int | None = None,
    strict: bool,
    report: bool,
    out: Path | None,
    json_to: str | None,
) -> int:
    """Read, reconstruct, diagnose, report; gives the exit code."""
    from pxeconform.analysis import analyze, passing
    from pxeconform.report.terminal import Page, timeline

    surface = screen(json_to)
    if report or extract is not None or len(captures) > 1:
        analysis = analyze(
            captures,
            client=client,
            hash_contents=hash_contents,
            engine=engine,
            lens=lens,
            extract=extract,
            jobs=jobs,
        )
        tables = analysis.tables()
    else:
        (capture,) = captures
        tables = passing(capture, client=client, hash_contents=hash_contents, engine=engine, lens=lens).tables()
    if report:
        document = analysis.to_dict()
        write_json(document, json_to)
    else:
        document = _streamed(tables, json_to)
    timeline(document, surface)
    if extract is not None:
        written = sum(transfer.extracted is not None for transfer in analysis.transfers)
        Page(surface).say(f"Files put together: {written}, in {extract}")
    if report:
        from pxeconform.api import default_folder, make
        from pxeconform.report.write import write_analysis_report

        folder = out or default_folder(Path(captures[0]).name)
        make(folder)
        paths = write_analysis_report(document, folder)
        shown = next((path for path in paths if path.suffix == ".html"), folder)
        Page(surface).say(f"Report: {shown}")
    failed = any(boot["outcome"] == "failed" for boot in document["boots"])
    return 1 if strict and failed else 0


def _streamed(tables: Tables, json_to: str | None) -> dict[str, Any]:
    """Write the JSON record by record; gives what the terminal shows of it."""
    from pxeconform.analysis import SCHEMA
    from pxeconform.report.excerpt import Excerpt

    excerpt = Excerpt()
    tables = excerpt.of(tables)
    if json_to is not None:
        write_json(chain([("schema", SCHEMA)], tables), json_to)
    for _, records in tables:
        deque(records, maxlen=0)
    return excerpt.document
