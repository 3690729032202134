"""Waivers: what a file of them may say, and what it does to a run's end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.requirements.ledger import Ledger, Waiver
from pxeconform.requirements.model import Verdict
from pxeconform.runner.folder import Results
from pxeconform.runner.waivers import WaiverError, load_waivers

KNOWN = frozenset({"TFTP-1350-TID-06"})
GOOD = """
[[waive]]
requirement = "TFTP-1350-TID-06"
reason = "fixed in the next release"
link = "https://example.org/1"
expires = 2030-01-31
"""
WAIVER = Waiver("TFTP-1350-TID-06", "fixed in the next release", "https://example.org/1", "2030-01-31")
FAILED = Verdict("TFTP-1350-TID-06", "MUST", "tftp", "fail", 1, 1, "", (), "", (), (1,), "")
NOON_2029, NOON_2031 = 1_877_000_000_000_000_000, 1_940_000_000_000_000_000


def test_a_file_of_waivers(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(GOOD)
    assert load_waivers(path, KNOWN) == (WAIVER,)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("2030-01-31", '"soon"'),
        GOOD.replace('link = "https://example.org/1"\n', ""),
        GOOD.replace("fixed in the next release", " "),
        GOOD.replace("TID-06", "TID-99"),
        GOOD + 'more = "1"\n',
        "x = 1\n",
        "waive = [",
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(text)
    with pytest.raises(WaiverError) as refused:
        load_waivers(path, KNOWN)
    assert "\n" not in str(refused.value).strip()


@pytest.mark.parametrize(
    ("started", "verdict", "state", "exit_code"),
    [
        (NOON_2029, "fail", "applied", 0),
        (NOON_2029, "pass", "unneeded", 0),
        (NOON_2031, "fail", "expired", 1),
    ],
)
def test_what_a_waiver_does(started: int, verdict: str, state: str, exit_code: int) -> None:
    passed = replace(FAILED, requirement="TFTP-1350-TID-01", verdict="pass")
    results = Results(Ledger(started=started, waivers=(WAIVER,)), (replace(FAILED, verdict=verdict), passed))
    assert [waiver["state"] for waiver in results.to_dict()["waivers"]] == [state]
    assert results.exit_code == exit_code
