"""The tables of a benchmark, for the terminal and for the documentation: `python -m tests.bench.page RESULTS`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Results = dict[str, Any]
Row = Sequence[str]

_MEGABYTE = 1_000_000
_BEGIN, _END = "<!-- measured -->", "<!-- end of what was measured -->"


def goals(results: Results) -> Iterator[Row]:
    """What was wanted, what was measured."""
    yield ("goal", "wanted", "measured", "")
    for part in results["parts"].values():
        for goal in part["goals"]:
            bound = "at least" if goal["at_least"] else "at most"
            unit = goal["unit"]
            met = "met" if goal["met"] else "NOT MET"
            yield (goal["name"], f"{bound} {goal['wanted']:g} {unit}", f"{goal['measured']:.3g} {unit}", met)


def times(results: Results) -> Iterator[Row]:
    """Every capture with everybody who read it."""
    yield ("capture", "MB", "packets", "clients", "who", "median s", "processor s", "packets/s", "MB/s", "peak MB")
    for part in results["parts"].values():
        for name, capture in part["captures"].items():
            about = (name, f"{capture['octets'] / _MEGABYTE:.0f}", f"{capture['packets']}", f"{capture['clients']}")
            for who, run in capture["runs"].items():
                yield (
                    *about,
                    who,
                    *_speeds(capture, run["median"], run.get("processor")),
                    f"{run['peak'] / _MEGABYTE:.0f}",
                )
                about = ("", "", "", "")
            for who, seconds in capture.get("estimates", {}).items():
                yield (*about, f"{who} (from a slice)", *_speeds(capture, seconds), "")


def _speeds(capture: dict[str, Any], seconds: float, processor: float | None = None) -> Row:
    rates = (capture["packets"] / seconds, capture["octets"] / _MEGABYTE / seconds)
    worked = "" if processor is None else _figure(processor)
    return (_figure(seconds), worked, f"{rates[0]:.3g}", f"{rates[1]:.3g}")


def _figure(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"


def markdown(results: Results) -> str:
    """The part of the documentation that a run writes."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    lines = [f"Machine: {machine}.", "", f"Command: `{results['command']}`.", ""]
    lines += [*_table(goals(results)), "", *_table(times(results)), "", _conditions(results)]
    wrong = [sentence for part in results["parts"].values() for sentence in part["wrong"]]
    lines += ["", *(f"- WRONG: {sentence}" for sentence in wrong)] if wrong else ["", "Every result was right."]
    return "\n".join(lines) + "\n"


def _conditions(results: Results) -> str:
    """When each part was measured, and how many processes wanted the processors just before."""
    said = [f"{name} at {part['measured']} UTC (load before {part['load']})" for name, part in results["parts"].items()]
    return f"Measured: {', '.join(said)}."


def into(document: Path, results: Results) -> None:
    """Put the measured part between the two marks of a document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    document.write_text(f"{before}{_BEGIN}\n{markdown(results)}{_END}{after}", encoding="utf-8")


def _table(rows: Iterator[Row]) -> Iterator[str]:
    head = next(rows)
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def plain(rows: Iterator[Row]) -> str:
    """Columns for a terminal."""
    cells = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def main() -> int:
    """The command line."""
    print(markdown(json.loads(Path(sys.argv[1]).read_text())), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
