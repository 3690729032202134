from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from report_samples import HOSTILE, analysis, poisoned, results, unseen

from pxeconform.report import frames
from pxeconform.report.tables import ANALYSIS_TABLES, write_analysis_tables, write_csv, write_parquet

MAKERS: Mapping[str, Callable[[Mapping[str, Any]], pd.DataFrame]] = {
    "boots": frames.boots_frame,
    "steps": frames.steps_frame,
    "offers": frames.offers_frame,
    "transfers": frames.transfers_frame,
    "dhcp": frames.dhcp_frame,
    "diagnosis": frames.diagnosis_frame,
    "findings": frames.findings_frame,
    "verdicts": frames.verdicts_frame,
}
DTYPES = {
    "text": "string",
    "int": "Int64",
    "float": "Float64",
    "bool": "boolean",
    "time": "datetime64[ns, UTC]",
    "frames": "object",
}
SQL_TYPES = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "time": "TIMESTAMP_NS",
    "frames": "BIGINT[]",
}


def source(name: str) -> dict[str, Any]:
    return results() if name == "verdicts" else analysis()


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("full", [True, False])
def test_columns_and_dtypes_are_always_the_same(name: str, full: bool) -> None:
    frame = MAKERS[name](source(name) if full else {})
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in frames.TABLES[name]
    }
    assert bool(len(frame)) is full


def test_all_tables_have_a_maker() -> None:
    assert set(MAKERS) == set(frames.TABLES) == {*ANALYSIS_TABLES, "verdicts"}


def test_boots() -> None:
    frame = frames.boots_frame(analysis()).set_index("id")
    assert frame.loc["boot-2", "cause"] == "tftp-file-not-found"
    assert frame.loc["boot-2", "failed_step"] == 7
    assert frame.loc["boot-1", "nbp_bytes"] == 173792
    assert bool(frame.loc["boot-1", "nbp_matches_arch"]) is True
    assert frame.loc["boot-1", "failed_step"] is pd.NA
    assert frame.loc["boot-2", "waiting_for"] == "server"
    assert frame.loc["boot-2", "owed_since"] == 304
    assert frame.loc["boot-1", "started"] == pd.Timestamp("2024-05-01T10:00:00Z")


def test_steps_are_nine_a_boot_and_times_are_exact() -> None:
    document = analysis()
    document["boots"][0]["steps"][0]["started"] = 1714557600_123456789
    frame = frames.steps_frame(document)
    assert list(frame["step"]) == [*range(1, 10), *range(1, 10)]
    assert frame["started"].iloc[0].value == 1714557600_123456789
    assert frame["frames"].iloc[1] == (3, 6)
    assert frame["seconds"].iloc[1] == pytest.approx(0.974)
    assert frame["detail"].iloc[1] == '{"offers": 2}'
    assert frame["started"].isna().sum() == 7


def test_causes_of_boots_and_of_transfers() -> None:
    frame = frames.diagnosis_frame(analysis())
    assert list(frame["cause"]) == ["late-link", "tftp-file-not-found", "mtu-black-hole"]
    assert list(frame["code_edk2"].fillna("none")) == ["none", "PXE-E23", "PXE-E18"]
    assert list(frame["transfer"].fillna("none")) == ["none", "none", "4"]
    assert list(frame["position"]) == [1, 1, 1]


def test_verdicts() -> None:
    frame = frames.verdicts_frame(results()).set_index("requirement")
    assert frame.loc["TFTP-1350-TID-06", "frames"] == (12, 15, 21, 22)
    assert frame["exercised"].sum() == sum(v["exercised"] for v in results()["verdicts"])


def test_wrong_types_become_missing() -> None:
    document = {
        "transfers": [
            {
                "id": 7,
                "bytes": "many",
                "duration": "x",
                "started": "now",
                "blocks": 2**80,
                "file": ["a"],
                "blksize": True,
            },
            "nonsense",
        ],
        "boots": [{"id": None, "nbp": [], "stall": 3, "steps": None, "nbp_matches_arch": "x", "diagnosis": ["x"]}],
        "findings": [{"frames": "12"}, {"frames": [1, "x", None, 2]}],
    }
    transfers = frames.transfers_frame(document)
    assert transfers[["bytes", "duration", "started", "blocks", "blksize"]].isna().all(axis=None)
    assert list(transfers["id"]) == ["7"]
    assert list(transfers["file"]) == ['["a"]']
    assert frames.boots_frame(document)["nbp_matches_arch"].isna().all()
    assert list(frames.findings_frame(document)["frames"]) == [(), (1, 2)]


@pytest.mark.parametrize("full", [True, False])
def test_tables_come_back_as_they_were(tmp_path: Path, database: duckdb.DuckDBPyConnection, full: bool) -> None:
    document = analysis() if full else {}
    written = write_analysis_tables(document, tmp_path)
    assert {path.name for path in written} == {f"{n}.{e}" for n in ANALYSIS_TABLES for e in ("csv", "parquet")}
    for name in ANALYSIS_TABLES:
        columns = frames.TABLES[name]
        made = MAKERS[name](document)
        path = str(tmp_path / f"{name}.parquet")
        described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
        assert [(row[0], row[1]) for row in described] == [(c.name, SQL_TYPES[c.kind]) for c in columns]
        back = database.execute("SELECT * FROM read_parquet(?)", [path]).df()
        assert len(back) == len(made)
        for column in columns:
            ours, theirs = made[column.name], back[column.name]
            if column.kind == "time":
                assert list(ours.dropna().astype("int64")) == list(theirs.dropna().astype("int64"))
            elif column.kind == "frames":
                assert [list(v) for v in ours] == [list(v) for v in theirs]
            else:
                assert list(ours.dropna()) == list(theirs.dropna())
            if column.kind != "frames":
                assert list(ours.isna()) == list(theirs.isna())
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == [column.name for column in columns]
        assert len(rows) == len(made) + 1


def test_duckdb_reads_the_csv_too(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    write_analysis_tables(analysis(), tmp_path)
    query = "SELECT id, bytes, throughput, epoch_ns(started) FROM read_csv(?) ORDER BY id"
    rows = database.execute(query, [str(tmp_path / "transfers.csv")]).fetchall()
    assert [row[1] for row in rows] == [0, 173792, 0, 1048576]
    assert rows[1][2] == pytest.approx(analysis()["transfers"][1]["throughput"])
    assert "2024-05-01T10:00:04.834669000Z" in (tmp_path / "transfers.csv").read_text(encoding="utf-8")


def test_types_do_not_hang_on_the_first_rows(tmp_path: Path, database: duckdb.DuckDBPyConnection) -> None:
    steps: list[dict[str, Any]] = [{"step": 1} for _ in range(3000)]
    steps.append({"step": 2, "name": "[1, 2]", "frames": [5, 2**40], "started": 1714557600_123456789})
    frame = frames.steps_frame({"boots": [{"id": "b", "steps": steps}]})
    path = write_parquet(frame, frames.TABLES["steps"], tmp_path / "it's.parquet")
    query = "SELECT name, frames, epoch_ns(started) FROM read_parquet(?) WHERE step = 2"
    rows = database.execute(query, [str(path)]).fetchall()
    assert rows == [("[1, 2]", [5, 2**40], 1714557600_123456789)]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_in_tables(tmp_path: Path, database: duckdb.DuckDBPyConnection, text: str) -> None:
    write_analysis_tables(poisoned(analysis(), text), tmp_path)
    write_csv(frames.verdicts_frame(poisoned(results(), text)), frames.TABLES["verdicts"], tmp_path / "verdicts.csv")
    # A cell may join many strings, each of them long.
    before = csv.field_size_limit(1 << 20)
    for path in tmp_path.glob("*.csv"):
        content = path.read_text(encoding="utf-8")
        assert not unseen(content.replace("\r\n", "\n"))
        for row in csv.reader(content.splitlines(keepends=True)):
            assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)
    csv.field_size_limit(before)
    # Parquet is data: it holds what the packet held, only that it can be encoded.
    path = str(tmp_path / "transfers.parquet")
    rows = database.execute("SELECT DISTINCT file FROM read_parquet(?)", [path]).fetchall()
    assert rows == [(text.replace("\ud800", "<U+D800>"),)]


def test_numbers_are_not_taken_for_formulas(tmp_path: Path) -> None:
    document = analysis()
    document["transfers"] = [{**document["transfers"][0], "duration": -0.5, "file": "-0.5"}]
    path = write_csv(frames.transfers_frame(document), frames.TABLES["transfers"], tmp_path / "t.csv")
    row = next(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert row["duration"] == "-0.5"
    assert row["file"] == "'-0.5"
