"""The files of a report, all of them, into a folder that exists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Dict = Mapping[str, Any]


def json_lines(document: Iterable[tuple[str, object]]) -> Iterator[str]:
    """A document's JSON piece by piece, each record of a list on a line of its own.

    A list may be any iterable: its records are taken one at a time, so that a document of any size needs little memory.
    """
    yield "{"
    for number, (name, value) in enumerate(document):
        yield f"{',' if number else ''}\n{json.dumps(name)}: "
        if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
            yield json.dumps(value)
            continue
        empty = True
        for record in value:
            yield f"{'[' if empty else ','}\n {json.dumps(record)}"
            empty = False
        yield "[]" if empty else "\n]"
    yield "\n}\n"


def write_analysis_report(analysis: Dict, folder: Path) -> list[Path]:
    """Write `analysis.json`, `report.html` and the tables; gives the paths, those two first.

    `analysis` is the contract's dict. A file that is there already is replaced whole. Raises `OSError`.
    """
    from pxeconform.report.html import analysis_html
    from pxeconform.report.tables import write_analysis_tables

    document = _write(folder / "analysis.json", "".join(json_lines(analysis.items())))
    page = _write(folder / "report.html", analysis_html(analysis))
    return [document, page, *write_analysis_tables(analysis, folder)]


def write_run_report(results: Dict, folder: Path, junit_path: Path | None = None) -> list[Path]:
    """Write `results.html` and `verdicts.csv`, and JUnit XML where a path is given; gives the paths.

    `results` is the contract's dict; `results.json` is the runner's to write. Raises `OSError`.
    """
    from pxeconform.report.frames import TABLES, verdicts_frame
    from pxeconform.report.html import results_html
    from pxeconform.report.junit import junit
    from pxeconform.report.tables import write_csv

    written = [
        _write(folder / "results.html", results_html(results)),
        write_csv(verdicts_frame(results), TABLES["verdicts"], folder / "verdicts.csv"),
    ]
    return written if junit_path is None else [*written, _write(junit_path, junit(results))]


def _write(path: Path, text: str) -> Path:
    """In one step, so that an interruption leaves the old file."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
