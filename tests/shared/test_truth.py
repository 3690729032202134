"""Captures made by others: what we read equals the truth files beside them, but for what docs/differences.md lists."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pxeconform.capture import tshark
from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Kind
from pxeconform.capture.read import read
from pxeconform.registry.ports import Port
from pxeconform.sessions import second_opinion
from pxeconform.sessions.second_opinion import DhcpFrame, TftpFrame

pytestmark = pytest.mark.shared

FOLDER = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "public"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
NAMES = sorted(str(path.relative_to(FOLDER)).removesuffix(".truth.json") for path in FOLDER.glob("*/*.truth.json"))

Differences = dict[int, set[str]]
"""Frame to what differs in it."""


@cache
def listed() -> dict[str, tuple[str, set[str]]]:
    """Of each capture in the document's first table: its frames and what differs."""
    text = DOCUMENT.read_text().partition("## Collected captures")[2].partition("## Lab")[0]
    lines = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.{5,}) \|$", text, re.MULTILINE)
    return {name: (frames, set(what.split(", "))) for name, frames, what, _ in lines}


def ours(path: Path) -> tuple[dict[int, DhcpFrame], dict[int, TftpFrame]]:
    messages, packets, clients = {}, {}, set[tuple[str, int]]()
    for datagram in read(path, CaptureInfo(str(path))):
        message = second_opinion.dhcp_of_ours(datagram)
        if message is not None:
            messages[datagram.frame] = message
        if datagram.kind is not Kind.UDP:
            continue
        if datagram.destination_port == Port.TFTP:
            clients.add(datagram.sender)
        elif not {datagram.sender, datagram.receiver} & clients:
            continue
        packet = second_opinion.tftp_of_ours(datagram)
        if packet is not None:
            packets[datagram.frame] = packet
    return messages, packets


def _ends(told: dict[str, Any]) -> tuple[tuple[str, int], tuple[str, int]]:
    return (told["src"], told["sport"]), (told["dst"], told["dport"])


def _dhcp(message: DhcpFrame | None, told: dict[str, Any] | None) -> set[str]:
    if told is None:
        return {"one message too many"}
    if message is None:
        return {"no message"}
    raw = told.get("raw_options", {})
    named = {code: "".join(raw[str(code)]).replace(":", "") for code in (60, 93, 97) if str(code) in raw}
    pairs = {
        "type": (message.type, told.get("msg_type")),
        "xid": (message.xid, int(told["xid"], 0) if "xid" in told else None),
        "chaddr": (message.chaddr, told.get("chaddr")),
        "yiaddr": (message.addresses[1], told.get("yiaddr")),
        "siaddr": (message.addresses[2], told.get("siaddr")),
        "options": (message.named, named),
        "ends": ((message.sender, message.receiver), _ends(told)),
    }
    return {name for name, (mine, theirs) in pairs.items() if mine != theirs}


def _tftp(packet: TftpFrame | None, told: dict[str, Any] | None) -> set[str]:
    if told is None:
        return {"one packet too many"}
    if packet is None:
        return {"no packet"}
    # The names are told again in the packets that follow the request.
    file = (told.get("source_file") or told.get("dest_file") or "") if packet.opcode in (1, 2) else None
    pairs = {
        "opcode": (packet.opcode, told["opcode"]),
        "block": (packet.block, told.get("block")),
        "file": (packet.file, file),
        "error": (packet.error[0] if packet.error else None, told.get("error_code")),
        "ends": ((packet.sender, packet.receiver), _ends(told)),
    }
    return {name for name, (mine, theirs) in pairs.items() if mine != theirs}


def differences(path: Path) -> Differences:
    truth = json.loads(Path(f"{path}.truth.json").read_text())
    messages, packets = ours(path)
    found: Differences = defaultdict(set)
    told = {each["frame"]: each for each in truth["dhcp"] if not each.get("inside_icmp")}
    for frame in {*messages, *told}:
        found[frame] |= _dhcp(messages.get(frame), told.get(frame))
    told = {each["frame"]: each for each in truth["tftp"] if not each.get("inside_icmp")}
    for frame in {*packets, *told}:
        found[frame] |= _tftp(packets.get(frame), told.get(frame))
    return {frame: what for frame, what in found.items() if what}


def test_the_list_names_captures_that_are_there() -> None:
    assert set(listed()) <= set(NAMES)
    assert len(NAMES) > 100


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_the_truth(name: str) -> None:
    frames, what = listed().get(name, ("", set()))
    if what == {"not read"}:
        with pytest.raises(CaptureError):
            ours(FOLDER / name)
        return
    found = differences(FOLDER / name)
    if frames != "all":
        assert sorted(found) == [int(number) for number in frames.split(", ") if number]
    assert set().union(*found.values()) == what, found
    assert bool(found) == bool(what)


@cache
def foreign() -> frozenset[str]:
    """tshark's names of the layers that we do not look into."""
    text = DOCUMENT.read_text().partition("## Layers")[2].partition("##")[0]
    return frozenset(re.findall(r"^\| `(\S+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("name", [name for name in NAMES if listed().get(name, ("",))[0] != "all"])
def test_both_engines_agree(name: str) -> None:
    """Not only about DHCP and TFTP: all datagrams are the same, but inside of what we do not look into."""
    theirs, mine = CaptureInfo(name), CaptureInfo(name)
    strange = {
        int(row["frame.number"][0])
        for row in tshark.rows(FOLDER / name, ["frame.number", "frame.protocols"])
        if foreign().intersection(row["frame.protocols"][0].split(":"))
    }
    expected = {each.frame: each for each in second_opinion.read(FOLDER / name, theirs) if each.frame not in strange}
    found = {each.frame: each for each in read(FOLDER / name, mine) if each.frame not in strange}
    assert {frame for frame in {*expected, *found} if expected.get(frame) != found.get(frame)} == set()
    assert (mine.packets, mine.snapped, mine.first_time) == (theirs.packets, theirs.snapped, theirs.first_time)
