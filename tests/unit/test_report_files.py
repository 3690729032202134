"""What is written: HTML, CSV, Parquet, SVG, JUnit. Strings from packets do no harm in any of them."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from report_samples import HOSTILE, analysis, poisoned, results

from pxeconform.report import frames
from pxeconform.report.charts import timeline_chart, transfer_chart
from pxeconform.report.html import analysis_html, results_html
from pxeconform.report.junit import junit
from pxeconform.report.write import write_analysis_report, write_run_report

SCHEMAS = Path(frames.__file__).parent / "schema"
TEXTS = [pytest.param(text, id=name) for name, text in HOSTILE.items()]


def with_hostile_names(text: str) -> dict[str, Any]:
    """The sample analysis, with a name in every place that a packet or a path fills."""
    document = analysis()
    for boot in document["boots"]:
        boot["boot_file"] = text
        boot["nbp"] = {**(boot["nbp"] or {}), "file": text}
        for diagnosis in boot["diagnosis"]:
            diagnosis["summary"] = text
    for transfer in document["transfers"]:
        transfer["file"] = transfer["error_message"] = text
    for capture in document["captures"]:
        capture["path"] = text
    return document


class TestHtml:
    @pytest.mark.parametrize("text", TEXTS)
    def test_no_string_becomes_markup(self, text: str) -> None:
        for page in (analysis_html(with_hostile_names(text)), results_html(poisoned_reasons(text))):
            assert "<script>window.broken" not in page
            assert "<img src=x" not in page
            assert "49" not in re.sub(r"[^{}7*49 ]", "", page) or "{{ 7 * 7 }}" in page or text != HOSTILE["jinja"]
            assert "\x1b" not in page
            assert "\u202e" not in page

    @pytest.mark.parametrize("page", [analysis_html(analysis()), results_html(results())], ids=["analysis", "run"])
    def test_the_page_needs_nobody(self, page: str) -> None:
        assert "Content-Security-Policy" in page
        assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)[^"']+""", page)
        assert "@import" not in page

    def test_every_verdict_is_on_the_page(self) -> None:
        page = results_html(results())
        for verdict in results()["verdicts"]:
            assert verdict["requirement"] in page


def poisoned_reasons(text: str) -> dict[str, Any]:
    document = results()
    for verdict in document["verdicts"]:
        verdict["reason"] = verdict["observed"] = text
    document["target"]["name"] = text
    return document


class TestTables:
    def test_csv_and_parquet_hold_the_same_rows(self, tmp_path: Path) -> None:
        document = analysis()
        written = {path.name for path in write_analysis_report(document, tmp_path)}
        for name, rows in (
            ("boots", document["boots"]),
            ("transfers", document["transfers"]),
            ("dhcp", document["dhcp"]),
        ):
            assert {f"{name}.csv", f"{name}.parquet"} <= written
            with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
                assert len(list(csv.DictReader(stream))) == len(rows)
            stored = duckdb.sql(f"select count(*) from '{tmp_path}/{name}.parquet'").fetchall()
            assert stored == [(len(rows),)]

    @pytest.mark.parametrize("text", TEXTS)
    def test_no_cell_is_a_formula(self, text: str, tmp_path: Path) -> None:
        write_analysis_report(with_hostile_names(text), tmp_path)
        for path in tmp_path.glob("*.csv"):
            with path.open(encoding="utf-8", newline="") as stream:
                for row in csv.reader(stream):
                    for cell in row:
                        number = re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", cell)
                        assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))

    def test_times_are_times(self) -> None:
        frame = frames.transfers_frame(analysis())
        assert str(frame["started"].dtype) == "datetime64[ns, UTC]"
        assert str(frame["bytes"].dtype).lower().startswith("int")
        assert len(frame) == len(analysis()["transfers"])

    def test_an_analysis_without_boots(self, tmp_path: Path) -> None:
        empty = {**analysis(), "boots": [], "transfers": [], "dhcp": [], "findings": []}
        written = write_analysis_report(empty, tmp_path)
        assert {"report.html", "boots.parquet"} <= {path.name for path in written}


class TestCharts:
    @pytest.mark.parametrize("text", TEXTS)
    def test_labels_are_text(self, text: str) -> None:
        document = with_hostile_names(text)
        for svg in (timeline_chart(document["boots"][0]), transfer_chart(document["transfers"])):
            root = ET.fromstring(svg)
            assert root.tag.endswith("svg")
            assert not [e for e in root.iter() if e.tag.endswith(("script", "image", "foreignObject"))]

    def test_the_same_picture_every_time(self) -> None:
        boot = analysis()["boots"][0]
        assert timeline_chart(boot) == timeline_chart(boot)


class TestJunit:
    def test_counts(self) -> None:
        document = results()
        root = ET.fromstring(junit(document))
        words = [verdict["verdict"] for verdict in document["verdicts"]]
        assert len(list(root.iter("testcase"))) == len(words)
        assert len(list(root.iter("failure"))) == words.count("fail")
        assert len(list(root.iter("error"))) == words.count("error")

    @pytest.mark.parametrize("text", TEXTS)
    def test_hostile_strings_leave_it_valid(self, text: str) -> None:
        root = ET.fromstring(junit(poisoned_reasons(text)))
        assert len(list(root.iter("testcase"))) == len(results()["verdicts"])


class TestSchemas:
    def test_the_sample_run_fits(self) -> None:
        definition = json.loads((SCHEMAS / "results.schema.json").read_text())
        jsonschema.validate(results(), definition, cls=jsonschema.Draft202012Validator)

    def test_what_is_written_is_what_was_found(self, tmp_path: Path) -> None:
        write_analysis_report(analysis(), tmp_path)
        assert json.loads((tmp_path / "analysis.json").read_text()) == analysis()

    @pytest.mark.parametrize("key", ["verdicts", "summary", "schema", "scenarios"])
    def test_results_without_a_part_do_not_fit(self, key: str) -> None:
        definition = json.loads((SCHEMAS / "results.schema.json").read_text())
        lacking = {name: value for name, value in results().items() if name != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(lacking, definition, cls=jsonschema.Draft202012Validator)


def test_a_run_report(tmp_path: Path) -> None:
    written = {path.name for path in write_run_report(results(), tmp_path)}
    assert "results.html" in written
    assert poisoned(results(), "x")["schema"] == "x"
