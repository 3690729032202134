"""Every container, link layer and tunnel: tshark and we find the same datagrams, and those that were put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from links import cases

from pxeconform.capture.datagrams import CaptureInfo, Datagram, Kind
from pxeconform.capture.read import read
from pxeconform.sessions import second_opinion

CASES = cases()
DIFFERENT = {"udp-length-4": "tshark stops at a length that is less than the header's own, we read what IP carries"}
"""Where the engines do not agree, and why (docs/differences.md)."""


def told(datagram: Datagram) -> tuple[object, ...]:
    """All that both engines say, what equality of datagrams leaves out too."""
    return datagram, datagram.checksum, datagram.outer, datagram.vlan


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(CASES[name].octets)
    ours, theirs = CaptureInfo(name), CaptureInfo(name)
    datagrams = list(read(path, ours))
    in_file = sorted(datagrams, key=lambda each: each.frame)
    assert [each.payload for each in in_file if each.kind is Kind.UDP] == CASES[name].payloads
    told_by_tshark = list(map(told, second_opinion.read(path, theirs)))
    assert (told_by_tshark == list(map(told, datagrams))) == (name not in DIFFERENT)
    assert (ours.packets, ours.first_time, ours.last_time) == (theirs.packets, theirs.first_time, theirs.last_time)
    missing = [warning for warning in theirs.warnings if "fragments" in warning]
    assert missing == [warning for warning in ours.warnings if "fragments" in warning]
    assert bool(missing) == ("missing" in name)
