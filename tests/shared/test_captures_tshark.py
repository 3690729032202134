"""Every lab capture: our frames equal tshark's, but for what docs/differences.md lists, and the truth files' lines.

The folder is named by the environment variable PXECONFORM_SHARED.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pxeconform.analysis import analyze
from pxeconform.capture.datagrams import CaptureInfo
from pxeconform.capture.read import read
from pxeconform.protocol import dhcp
from pxeconform.sessions import second_opinion

sys.path.append(str(Path(__file__).resolve().parents[1] / "differential"))

from tshark_frames import of_ours, of_tshark

pytestmark = pytest.mark.shared

LAB = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "lab"
CAPTURES = sorted(path.name for path in LAB.glob("*.pcap*"))
NAMED = [
    "01-bios-dnsmasq-ok.pcap",
    "02-bios-isc-dnsmasq-proxy-menu-4011.pcapng",
    "04-uefi-isc-tftpd-hpa.pcap",
    "06-bios-file-not-found.pcap",
    "10-bios-proxy-4011-silent.pcap",
]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
each_capture = pytest.mark.parametrize("name", CAPTURES)


def listed() -> dict[str, set[str]]:
    """Of each lab capture in the document: whether messages or packets differ, in frames that were cut."""
    text = DOCUMENT.read_text().partition("## Lab captures")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(.+?)` \| cut \| (.+?) \| .{5,} \|$", text, re.MULTILINE)
    return {name: set(what.split(", ")) for name, what in lines}


def test_the_list_names_captures_that_are_there() -> None:
    assert set(listed()) <= set(CAPTURES)
    assert len(CAPTURES) >= 70


@each_capture
def test_frames_equal_those_of_tshark(name: str) -> None:
    differ = {
        what
        for what, mine, theirs in zip(("message", "packet"), of_ours(LAB / name), of_tshark(LAB / name), strict=True)
        if mine != theirs
    }
    assert differ == listed().get(name, set())
    whole = {datagram.frame for datagram in read(LAB / name) if not datagram.cut}
    for mine, theirs in zip(of_ours(LAB / name), of_tshark(LAB / name), strict=True):
        assert [each for each in mine if each.frame in whole] == [each for each in theirs if each.frame in whole]


@each_capture
def test_both_engines_agree(name: str) -> None:
    mine, theirs = CaptureInfo(name), CaptureInfo(name)
    ours = {each.frame: each for each in read(LAB / name, mine)}
    expected = {each.frame: each for each in second_opinion.read(LAB / name, theirs)}
    assert {frame for frame in {*ours, *expected} if ours.get(frame) != expected.get(frame)} == set()
    assert (mine.packets, mine.first_time, mine.last_time) == (theirs.packets, theirs.first_time, theirs.last_time)
    assert [warning for warning in theirs.warnings if "tshark" in warning] == []


@pytest.mark.parametrize("name", [name for name in CAPTURES if (LAB / name).stat().st_size < 1_000_000])
def test_both_engines_tell_the_same_story(name: str) -> None:
    mine, theirs = (analyze(LAB / name, engine=engine, every_packet=True).to_dict() for engine in ("native", "tshark"))
    for part in ("boots", "transfers", "dhcp", "findings"):
        assert mine[part] == theirs[part], part


@pytest.mark.parametrize("name", NAMED)
def test_the_named_captures_hold_what_network_boot_turns_on(name: str) -> None:
    frames = of_ours(LAB / name)[0]
    requests = [frame for frame in frames if frame.receiver[1] == 67]
    assert requests
    for frame in requests:
        assert {*frame.named} == {60, 93, 97}
        assert bytes.fromhex(frame.named[60]).startswith(b"PXEClient:Arch:%05d:" % int(frame.named[93], 16))


def lines(capture: Path) -> list[str]:
    """Our DHCP messages, each in the words of the truth files."""
    found, first = [], None
    for datagram in sorted(read(capture), key=lambda each: each.frame):
        message = None
        if {datagram.source_port, datagram.destination_port} & {67, 68, 4011}:
            message = dhcp.parse(datagram.payload, datagram.length)
        if message is None:
            continue
        first = datagram.time if first is None else first
        words = [
            f"DHCP {message.type_name} {datagram.source}:{datagram.source_port}",
            f"-> {datagram.destination}:{datagram.destination_port}",
            f"chaddr {message.mac} yiaddr {message.yiaddr} siaddr {message.siaddr}",
        ]
        words += [f"giaddr {message.giaddr}"] if message.giaddr != dhcp.NOWHERE else []
        words += [f"file {message.boot_file.decode()}"] if message.boot_file else []
        words += [f"option60 {message.class_identifier.decode()}"] if message.class_identifier else []
        found.append(f"+{(datagram.time - first) / 1e9:.2f} {' '.join(words)}")
    return found


def _truth(name: str) -> list[str]:
    truth = json.loads((LAB / f"{name.partition('.')[0]}.truth.json").read_text())
    # Of the probes and the burst only a part is told there.
    return [] if re.match("dprobe|25-", name) else list(truth.get("steps_from_capture", []))


@pytest.mark.parametrize("name", [name for name in CAPTURES if _truth(name) and name not in listed()])
def test_dhcp_messages_equal_the_truth_files(name: str) -> None:
    wanted, first = [], None
    for line in _truth(name):
        match = re.fullmatch(r"t=([0-9.]+) (DHCP .*)", line)
        if match:
            moment = float(match[1])
            first = moment if first is None else first
            wanted.append((moment - first, match[2]))
    ours = [line.split(" ", 1) for line in lines(LAB / name)]
    assert [text for _, text in ours] == [text for _, text in wanted]
    for (told, _), (moment, _) in zip(ours, wanted, strict=True):
        assert abs(float(told) - moment) < 0.02


def test_the_lab_was_in_this_century() -> None:
    """Times are nanoseconds since the epoch in every container."""
    for name in NAMED:
        first = next(iter(read(LAB / name))).time
        assert datetime.fromtimestamp(first / 1e9, UTC).year in range(2020, 2040)
