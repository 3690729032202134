"""The captures that the project ships: our frames equal tshark's, and so do the truth files beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tshark_frames import of_ours, of_tshark, transfers

from pxeconform.capture import tshark
from pxeconform.capture.datagrams import CaptureInfo, Kind
from pxeconform.capture.read import read

CAPTURES = sorted(
    path for path in (Path(__file__).resolve().parents[2] / "captures").iterdir() if path.suffix in (".pcap", ".pcapng")
)
each_capture = pytest.mark.parametrize("capture", CAPTURES, ids=[path.name for path in CAPTURES])


def test_there_are_captures_and_each_is_described() -> None:
    assert len(CAPTURES) >= 5
    readme = (CAPTURES[0].parent / "README.md").read_text()
    for capture in CAPTURES:
        assert f"`{capture.name}`" in readme
        assert capture.stat().st_size < 200_000
        assert capture.with_suffix(".truth.json").is_file()


@each_capture
def test_dhcp_messages(capture: Path) -> None:
    assert of_ours(capture)[0]
    assert of_ours(capture)[0] == of_tshark(capture)[0]


@each_capture
def test_tftp_packets(capture: Path) -> None:
    assert of_ours(capture)[1] == of_tshark(capture)[1]


@each_capture
def test_frames_times_and_arp(capture: Path) -> None:
    info = CaptureInfo(str(capture))
    datagrams = {datagram.frame: datagram for datagram in read(capture, info)}
    fields = ["frame.number", "frame.time_epoch", "udp.srcport", "arp.opcode", "icmpv6.type"]
    rows = list(tshark.rows(capture, fields))
    assert (info.packets, info.warnings, info.complete) == (len(rows), [], True)
    for row in rows:
        datagram = datagrams.get(int(row["frame.number"][0]))
        seconds, fraction = row["frame.time_epoch"][0].split(".")
        if datagram is not None:
            assert datagram.time == int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))
        # Neighbour discovery is IPv6's ARP.
        asks_for_address = bool(row["arp.opcode"]) or bool({"135", "136"} & set(row["icmpv6.type"]))
        assert asks_for_address == (datagram is not None and datagram.kind is Kind.ARP)
        assert bool(row["udp.srcport"]) == (datagram is not None and datagram.kind in (Kind.UDP, Kind.ICMP_ERROR))


@each_capture
def test_truth_files(capture: Path) -> None:
    text = capture.with_suffix(".truth.json").read_text()
    truth = json.loads(text)
    assert truth["capture"] == capture.name
    assert truth["transfers"] == transfers(of_tshark(capture)[1])
    messages = of_tshark(capture)[0]
    first = messages[0]
    assert first.chaddr == truth["client"]["mac"]
    assert int(first.named[93], 16) == truth["client"]["arch"]
    addresses = {server["address"] for server in truth["servers"]}
    answering = {frame.sender[0] for frame in messages if frame.type in (2, 5)}
    assert answering == addresses
    expected = truth["expected"]
    assert {expected["dhcp_server"], expected["proxy_server"], expected["boot_server"]} - {None} == addresses
    assert (expected["outcome"] == "booted") == (expected["cause"] is None)
    delivered = {transfer["file"] for transfer in truth["transfers"] if transfer["bytes"] and transfer["error"] is None}
    assert (expected["boot_file"] in delivered) == (expected["outcome"] == "booted")
    assert not re.search(r"/(?:home|root|work|tmp)\b", text)
