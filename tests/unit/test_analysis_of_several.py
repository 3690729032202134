"""Several captures at once: one after the other or side by side, the analysis is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from pxeconform import analysis
from pxeconform.analysis import analyze
from pxeconform.capture.datagrams import CaptureError

CAPTURES = Path(__file__).parents[2] / "captures"
SEVERAL = [CAPTURES / name for name in ("uefi-proxy-boots.pcap", "bios-file-not-found.pcap", "uefi-proxy-boots.pcap")]


def test_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = analyze(SEVERAL, hash_contents=True, jobs=1).to_dict()
    monkeypatch.setattr(analysis, "_WORTH_PROCESSES", 0)
    assert analyze(SEVERAL, hash_contents=True, jobs=2).to_dict() == alone


def test_identifiers_go_on() -> None:
    document = analyze(SEVERAL).to_dict()
    for table, prefix in (("boots", "boot"), ("transfers", "transfer")):
        names = [record["id"] for record in document[table]]
        assert names == [f"{prefix}-{number}" for number in range(1, len(names) + 1)]
    boots = {boot["id"]: boot for boot in document["boots"]}
    for transfer in document["transfers"]:
        assert transfer["boot"] is None or boots[transfer["boot"]]["capture"] == transfer["capture"]
    # A chain-loaded boot stays with the one that loaded it.
    for boot in boots.values():
        assert boot["parent"] is None or boots[boot["parent"]]["capture"] == boot["capture"]


def test_one_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(analysis, "_WORTH_PROCESSES", 0)
    broken = tmp_path / "text"
    broken.write_text("no capture")
    with pytest.raises(CaptureError, match="no pcap or pcapng"):
        analyze([SEVERAL[0], broken], jobs=2)
