"""Each capture of `tests/data/causes` gets the outcome, the first cause, its code and frames; a near miss does not.

What is expected comes from how the capture was made, the frames from tshark, the code from the firmware's own screen:
all of it stands in the truth files that `python -m tests.causes.make` wrote beside the captures.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pxeconform.registry.screen_codes import CAUSES
from tests.causes import accuracy
from tests.causes.accuracy import PAGE, page

DATA = Path(__file__).resolve().parents[1] / "data" / "causes"
NAMES = sorted(path.name.removesuffix(".truth.json") for path in DATA.glob("*.truth.json"))
MOST_OCTETS = 9_500_000


@cache
def truth(name: str) -> dict[str, Any]:
    """What the truth file says."""
    told: dict[str, Any] = json.loads((DATA / f"{name}.truth.json").read_text("utf-8"))
    return told


def analysis(name: str) -> dict[str, Any]:
    """What `analyze` says."""
    return accuracy.analysis(str(truth(name)["capture"]))


def of_client(name: str) -> list[dict[str, Any]]:
    """The boots that the truth speaks of: firmware that failed tries the next kind of boot, which may be cut."""
    return list(analysis(name)["boots"][: len(truth(name)["expected"]["boots"])])


@pytest.mark.parametrize("name", NAMES)
def test_outcome_and_first_cause(name: str) -> None:
    expected = truth(name)["expected"]
    boots = of_client(name)
    assert len(boots) == len(expected["boots"])
    for boot, firmware in zip(boots, expected["boots"], strict=True):
        # A program that poses as firmware may be taken for any.
        assert firmware in (boot["firmware"], "unknown")
    if expected["outcome"] is None:
        assert not boots
        return
    last = boots[-1]
    causes = [diagnosis["cause"] for diagnosis in last["diagnosis"]]
    assert last["outcome"] == expected["outcome"]
    assert causes[:1] == ([expected["first_cause"]] if expected["first_cause"] else [])
    assert causes[1:] == expected["also"]
    before = expected.get("before") or [["booted", None]] * (len(boots) - 1)
    for former, (outcome, cause) in zip(boots[:-1], before, strict=True):
        assert former["outcome"] == outcome
        assert [diagnosis["cause"] for diagnosis in former["diagnosis"]] == ([cause] if cause else [])


@pytest.mark.parametrize("name", [name for name in NAMES if truth(name)["expected"]["frames"]])
def test_frames(name: str) -> None:
    """A cause cites frames, and only such as tshark finds by the filter of its symptom."""
    expected = truth(name)["expected"]
    (cited,) = (
        diagnosis["frames"]
        for diagnosis in (of_client(name) or analysis(name)["transfers"])[-1]["diagnosis"]
        if diagnosis["cause"] == expected["first_cause"]
    )
    assert cited
    assert set(cited) <= set(expected["frames"])


@pytest.mark.parametrize("name", [name for name in NAMES if truth(name)["screen_codes"]])
def test_code_on_the_screen(name: str) -> None:
    """The code that is told for the cause is the one that the firmware printed."""
    told = truth(name)
    (code,) = {diagnosis["codes"][told["client"]["firmware"]] for diagnosis in of_client(name)[-1]["diagnosis"][:1]}
    assert code in told["screen_codes"]


@pytest.mark.parametrize("name", [name for name in NAMES if truth(name)["expected"]["absent"]])
def test_near_misses(name: str) -> None:
    """What the capture only looks like is no cause of any boot or transfer in it."""
    document = analysis(name)
    given = {
        diagnosis["cause"]
        for record in (*of_client(name), *document["transfers"])
        for diagnosis in record["diagnosis"]
        if diagnosis["severity"] != "info"
    }
    assert not given & set(truth(name)["expected"]["absent"])


def test_every_cause_has_a_capture_and_a_near_miss() -> None:
    shown = {truth(name)["expected"]["first_cause"] for name in NAMES}
    near = {cause for name in NAMES for cause in truth(name)["expected"]["absent"]}
    assert set(CAUSES) - shown == set()
    assert set(CAUSES) - near == set()


def test_page_of_accuracy_is_what_the_captures_give() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_truth_tells_no_place_of_one_machine() -> None:
    for path in DATA.glob("*.truth.json"):
        assert ".venv" not in path.read_text(encoding="utf-8"), path.name


def test_captures_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < MOST_OCTETS
