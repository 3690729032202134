"""The tables of a report as files: CSV for spreadsheets, Parquet for everything else. DuckDB writes both kinds.

In Parquet the types are kept: times are nanoseconds in UTC (a timestamp without a zone), frames a list of integers. CSV
has times in ISO 8601 with nine digits, frames parted by blanks, and text that no spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from pxeconform.report import frames
from pxeconform.report.safe import csv_cell

_TYPES: Final[Mapping[frames.ColumnKind, str]] = MappingProxyType(
    {
        "text": "VARCHAR",
        "int": "BIGINT",
        "float": "DOUBLE",
        "bool": "BOOLEAN",
        "time": "TIMESTAMP_NS",
        "frames": "BIGINT[]",
    }
)
ANALYSIS_TABLES: Final = ("boots", "steps", "offers", "transfers", "dhcp", "diagnosis", "findings")
"""The tables of an analysis, which are also the names of its files."""


def write_analysis_tables(analysis: frames.Dict, folder: Path) -> list[Path]:
    """Write all tables of an analysis into a folder that exists, each as CSV and as Parquet."""
    made = {
        "boots": frames.boots_frame(analysis),
        "steps": frames.steps_frame(analysis),
        "offers": frames.offers_frame(analysis),
        "transfers": frames.transfers_frame(analysis),
        "dhcp": frames.dhcp_frame(analysis),
        "diagnosis": frames.diagnosis_frame(analysis),
        "findings": frames.findings_frame(analysis),
    }
    written = []
    for name in ANALYSIS_TABLES:
        written.append(write_csv(made[name], frames.TABLES[name], folder / f"{name}.csv"))
        written.append(write_parquet(made[name], frames.TABLES[name], folder / f"{name}.parquet"))
    return written


def write_csv(frame: pd.DataFrame, columns: Sequence[frames.Column], path: Path) -> Path:
    """Write a table as CSV (RFC 4180, UTF-8); text is escaped, numbers are not."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in columns])
        cells = [[_cell(value, column.kind) for value in frame[column.name]] for column in columns]
        writer.writerows(zip(*cells, strict=True))
    return path


def _cell(value: Any, kind: frames.ColumnKind) -> str:
    if kind == "frames":
        return " ".join(map(str, value))
    if pd.isna(value):
        return ""
    if kind == "text":
        return csv_cell(value)
    if kind == "time":
        return f"{value.strftime('%Y-%m-%dT%H:%M:%S')}.{value.value % 1_000_000_000:09d}Z"
    if kind == "bool":
        return "true" if value else "false"
    return str(value)


def write_parquet(frame: pd.DataFrame, columns: Sequence[frames.Column], path: Path) -> Path:
    """Write a table as Parquet, with the types of its columns."""
    import duckdb

    plain = frame.copy()
    for column in columns:
        if column.kind == "time":
            plain[column.name] = plain[column.name].dt.tz_convert(None)
        elif column.kind == "text":
            plain[column.name] = plain[column.name].astype(object).where(plain[column.name].notna(), None)
        elif column.kind == "frames":
            plain[column.name] = [list(value) for value in plain[column.name]]
    casts = ", ".join(f'CAST("{column.name}" AS {_TYPES[column.kind]}) AS "{column.name}"' for column in columns)
    target = str(path).replace("'", "''")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        # Types are not guessed from the first rows: objects come as text, and the casts make of it what it is.
        connection.execute("SET pandas_analyze_sample = 0")
        connection.register("made", plain)
        connection.execute(f"COPY (SELECT {casts} FROM made) TO '{target}' (FORMAT parquet)")
    return path
