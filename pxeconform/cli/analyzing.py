"""`analyze`."""

from __future__ import annotations

from pathlib import Path

from pxeconform.cli.output import consoles, write_json


def analyze_command(
    captures: list[str],
    *,
    client: str | None,
    hash_contents: bool,
    strict: bool,
    report: bool,
    out: Path | None,
    json_to: str | None,
) -> int:
    """Read, reconstruct, diagnose, report; gives the exit code."""
    from pxeconform.analysis import analyze
    from pxeconform.report.terminal import timeline

    console = consoles(json_to)
    document = analyze(captures, client=client, hash_contents=hash_contents).to_dict()
    timeline(document, console)
    if report:
        from pxeconform.api import default_folder, make
        from pxeconform.report.write import write_analysis_report

        folder = out or default_folder(Path(captures[0]).name)
        make(folder)
        written = write_analysis_report(document, folder)
        shown = next((path for path in written if path.suffix == ".html"), folder)
        console.print(f"Report: {shown}", highlight=False, soft_wrap=True)
    write_json(document, json_to)
    failed = any(boot["outcome"] == "failed" for boot in document["boots"])
    return 1 if strict and failed else 0
