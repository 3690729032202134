"""Hostile transfers: rules do about four times the work for four times the packets, counted in lines that were run.

Unlike time, that is the same on every machine. What grows with the square does sixteen times as much in places that
soon outweigh all others; so each line is held against its own count.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from boot_traces import CLIENT, TFTP, Wire

import pxeconform
from pxeconform.protocol import tftp
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.requirements.ledger import Coverage
from pxeconform.requirements.passive import findings
from pxeconform.sessions.sessions import follow

FEW, TIMES, MOST = 30, 4, 7
OFTEN = 2000
"""Runs of a line from which on it is worth a look."""

PACKAGE = str(Path(pxeconform.__file__).parent)
TID = (TFTP, 40001)


def read(wire: Wire) -> None:
    wire.rrq("nbp", 2001)
    wire.reply(tftp.Data(1, bytes(512)), 2001)


def strangers(wire: Wire, count: int) -> None:
    read(wire)
    for number in range(count):
        wire.tftp_from(tftp.Ack(1), 5000 + number, TID)
    wire.tftp_from(tftp.Ack(1), 2001, TID)
    wire.reply(tftp.Data(2, bytes(100)), 2001)
    wire.tftp_from(tftp.Ack(2), 2001, TID)


def strangers_that_are_told(wire: Wire, count: int) -> None:
    read(wire)
    for number in range(count):
        wire.tftp_from(tftp.Ack(1), 5000 + number, TID)
        wire.reply(tftp.Error(5, b""), 5000 + number)


def strangers_and_no_owner(wire: Wire, count: int) -> None:
    read(wire)
    for _ in range(count):
        wire.tftp_from(tftp.Ack(1), 5000, TID)


def errors_of_strangers(wire: Wire, count: int) -> None:
    read(wire)
    for number in range(count):
        wire.tftp_from(tftp.Error(4, b"x"), 5000 + number, TID)
        wire.reply(tftp.Error(5, b""), 5000 + number)


def errors_of_the_client(wire: Wire, count: int) -> None:
    read(wire)
    for _ in range(count):
        wire.tftp_from(tftp.Error(0, b"x"), 2001, TID)
        wire.reply(tftp.Data(2, bytes(512)), 2001)


def refused_requests(wire: Wire, count: int) -> None:
    read(wire)
    for _ in range(count):
        wire.put((CLIENT, 2001), TID, tftp.Request(Opcode.RRQ, b"nbp", "octet").build())
        wire.reply(tftp.Error(4, b"no"), 2001)


def requests_again_and_again(wire: Wire, count: int) -> None:
    for number in range(count):
        wire.rrq("nbp", 2001)
        wire.reply(tftp.Error(1, b"no"), 2001, tid=41000 + number)


def old_acknowledgments(wire: Wire, count: int) -> None:
    wire.rrq("nbp", 2001)
    for number in range(1, count):
        wire.reply(tftp.Data(number, bytes(512)), 2001)
        for block in (number, max(number - 3, 0)):
            wire.tftp_from(tftp.Ack(block), 2001, TID)


def replies_to_nobody(wire: Wire, count: int) -> None:
    for number in range(count):
        wire.rrq(f"nbp{number}", 2001 + number)
        wire.wait(5)
        wire.reply(tftp.Data(1, bytes(10)), 30000)


def lines_run(shape: Callable[[Wire, int], None], count: int) -> Counter[tuple[str, int]]:
    wire, lines = Wire(), Counter[tuple[str, int]]()
    shape(wire, count)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines[frame.f_code.co_filename, frame.f_lineno] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        findings(follow(wire.datagrams), Coverage(layer2=True, last_time=wire.now))
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize(
    "shape",
    [
        strangers,
        strangers_that_are_told,
        strangers_and_no_owner,
        errors_of_strangers,
        errors_of_the_client,
        refused_requests,
        requests_again_and_again,
        old_acknowledgments,
        replies_to_nobody,
    ],
    ids=lambda shape: shape.__name__,
)
def test_work_grows_with_the_packets(shape: Callable[[Wire, int], None]) -> None:
    few, many = lines_run(shape, FEW), lines_run(shape, FEW * TIMES)
    assert sum(many.values()) > OFTEN
    worse = {line: (few[line], runs) for line, runs in many.items() if runs > max(OFTEN, MOST * few[line])}
    assert not {line: runs for line, runs in worse.items() if line[0].startswith(PACKAGE)}


def test_a_master_that_says_nothing() -> None:
    """Its server has the group: whoever was told it may still have sent no acknowledgment."""
    wire = Wire()
    wire.rrq("nbp", 2001, asked=(("multicast", ""),))
    wire.reply(tftp.Oack((("multicast", "239.1.1.1,1758,1"),)), 2001)
    wire.put(TID, ("239.1.1.1", 1758), tftp.Data(1, bytes(512)).build())
    assert findings(follow(wire.datagrams), Coverage(layer2=True, last_time=wire.now))
