"""What is streamed: the file holds everything, the terminal shows the same as of the whole document."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from pxeconform.analysis import analyze
from pxeconform.report.excerpt import IN_FULL, IN_SUMMARY, Excerpt
from pxeconform.report.terminal import timeline
from pxeconform.report.write import json_lines
from tests.bench import storm
from tests.bench.storm import Storm

CLIENTS = 2 * IN_SUMMARY


def document_of(folder: Path, failed: set[int]) -> dict[str, Any]:
    storm.write(folder / "storm", Storm(clients=CLIENTS, octets=1000, probe=True))
    document = {name: list(records) for name, records in analyze(folder / "storm").tables()}
    for number in failed:
        document["boots"][number]["outcome"] = "failed"
    document["transfers"][7]["boot"] = None
    document["findings"] += [dict(document["findings"][0], verdict="fail")]
    return document


def shown(document: dict[str, Any]) -> str:
    stream = io.StringIO()
    timeline(document, Console(file=stream, width=100))
    return stream.getvalue()


def streamed(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    excerpt = Excerpt()
    text = "".join(json_lines(excerpt.of(document.items())))
    return json.loads(text), excerpt.document


def test_the_screen_shows_the_same_whether_streamed_or_not(tmp_path: Path) -> None:
    for failed in (set[int](), {CLIENTS - 1, CLIENTS - 3}, set(range(IN_FULL // 2, CLIENTS, 2))):
        document = document_of(tmp_path, failed)
        written, excerpt = streamed(document)
        assert written == document
        assert shown(excerpt) == shown(document)


def test_what_is_not_shown_is_only_counted(tmp_path: Path) -> None:
    _, excerpt = streamed(document_of(tmp_path, set()))
    assert len(excerpt["boots"]) == CLIENTS
    assert sum("steps" in boot for boot in excerpt["boots"]) == IN_SUMMARY
    assert not excerpt["dhcp"]


def test_json_is_a_record_a_line_and_empty_lists_stay_lists() -> None:
    document = {"schema": "s/1", "boots": [{"id": "a\n\x1b"}, {"id": "ü"}], "dhcp": [], "summary": {"pass": 1}}
    text = "".join(json_lines(document.items()))
    assert json.loads(text) == document
    assert sum(line.startswith(" {") for line in text.splitlines()) == 2
