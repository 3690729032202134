from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import pytest
from report_samples import HOSTILE, analysis, poisoned, unseen

from pxeconform.report.charts import timeline_chart, transfer_chart

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_timeline_names_all_steps() -> None:
    shown = texts(timeline_chart(analysis()["boots"][1]))
    for label in ("1  discover", "5  boot server discovery", "9  execute", "not reached", "100 ms, FAILED", "390 ms"):
        assert label in shown or label.replace("  ", " ") in shown
    assert "seconds since the first packet of this boot" in shown


def test_transfers_that_moved_nothing_are_left_out() -> None:
    shown = texts(transfer_chart(analysis()["transfers"]))
    assert "snponly.efi" in shown
    assert "images/vmlinuz" in shown
    assert "pxelinux.0" not in shown
    assert "233 kB/s  (1.049 MB in 4.5 s), STALLED" in shown or "233 kB/s (1.049 MB in 4.5 s), STALLED" in shown


def test_a_chart_of_many_transfers_is_bounded() -> None:
    one = analysis()["transfers"][1]
    many = [{**one, "file": f"file-{n:03}", "bytes": 1000 + n} for n in range(500)]
    shown = [text for text in texts(transfer_chart(many)) if text.startswith("file-")]
    assert shown == [f"file-{n:03}" for n in range(475, 500)]


def test_the_same_data_gives_the_same_bytes() -> None:
    boot, transfers = analysis()["boots"][0], analysis()["transfers"]
    assert timeline_chart(boot) == timeline_chart(boot)
    assert transfer_chart(transfers) == transfer_chart(transfers)
    assert b"dc:date" not in timeline_chart(boot)


def test_ids_are_unique_over_charts_and_all_references_hold() -> None:
    seen: set[str] = set()
    for boot in analysis()["boots"]:
        svg = timeline_chart(boot).decode()
        ids = re.findall(r'\bid="([^"]+)"', svg)
        used = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
        assert len(ids) == len(set(ids))
        assert set(ids) == used
        assert not seen & used
        seen |= used


def test_colours_follow_the_page() -> None:
    svg = timeline_chart(analysis()["boots"][1]).decode()
    assert "var(--bad, #b3261e)" in svg
    assert "var(--ink, #1d2733)" in svg


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_labels_stay_labels(text: str) -> None:
    document = poisoned(analysis(), text)
    for svg in (*map(timeline_chart, document["boots"]), transfer_chart(document["transfers"])):
        tree = ElementTree.fromstring(svg)
        names = {element.tag.removeprefix(SVG) for element in tree.iter()}
        assert names <= {"svg", "defs", "g", "path", "text", "tspan", "use", "clipPath", "rect", "pattern"}
        assert not any(key.startswith("on") for element in tree.iter() for key in element.attrib)
        references = [v for e in tree.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert all(value.startswith("#") for value in references)
        assert not unseen("".join(tree.itertext()))
        assert len(svg) < 60_000


def test_a_dollar_is_a_dollar() -> None:
    document = analysis()
    document["transfers"][1]["file"] = "$x^2$ and \\alpha"
    assert "$x^2$ and \\alpha" in texts(transfer_chart(document["transfers"]))


def test_odd_times_draw_something() -> None:
    assert texts(timeline_chart({}))
    assert texts(transfer_chart([]))
    same = {"started": 5, "steps": [{"step": 1, "name": "discover", "status": "done", "started": 5, "ended": 5}]}
    assert texts(timeline_chart(same))
    back = {"started": 9, "steps": [{"step": 1, "name": "offer", "status": "done", "started": 9, "ended": 5}]}
    assert texts(timeline_chart(back))
    absurd = [{"file": "a", "bytes": 1, "throughput": 1e-9}, {"file": "b", "bytes": 1, "throughput": 1e300}]
    assert texts(transfer_chart(absurd))
    endless = [{"file": "a", "bytes": 1, "throughput": float("inf")}, {"file": "b", "bytes": 1, "throughput": -1.0}]
    assert "a" not in texts(transfer_chart(endless))


def test_nothing_is_left_changed() -> None:
    before = dict(matplotlib.rcParams)
    timeline_chart(analysis()["boots"][0])
    assert dict(matplotlib.rcParams) == before
