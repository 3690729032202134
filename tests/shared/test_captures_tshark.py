"""Every uncompressed lab capture: our frames equal tshark's, and the truth files' lines.

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

from pxeconform.capture.read import read
from pxeconform.protocol import dhcp

sys.path.append(str(Path(__file__).resolve().parents[1] / "differential"))

from tshark_frames import of_ours, of_tshark

pytestmark = pytest.mark.shared

LAB = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "lab"
NAMED = [
    "01-bios-dnsmasq-ok.pcap",
    "02-bios-isc-dnsmasq-proxy-menu-4011.pcapng",
    "04-uefi-isc-tftpd-hpa.pcap",
    "06-bios-file-not-found.pcap",
    "10-bios-proxy-4011-silent.pcap",
]
CAPTURES = sorted({*NAMED, *(path.name for path in LAB.glob("*") if path.suffix in (".pcap", ".pcapng"))})

SNAPPED = {
    "01d-bios-dnsmasq-ok-snap96.pcap",
    "23c-bios-ipxe-script-tftp-kernel.pcapng",
    "41b-uefi-secureboot-shim.pcap",
}
"""tshark shows no field of a DHCP message that ends before its server name, we show those that are there; and a
request or acknowledgment of which the end is missing we call cut, where tshark shows the half of it."""


@pytest.mark.parametrize("name", CAPTURES)
def test_dhcp_messages_equal_those_of_tshark(name: str) -> None:
    ours, theirs = of_ours(LAB / name)[0], of_tshark(LAB / name)[0]
    if name in SNAPPED:
        known = {frame.frame for frame in theirs}
        assert {frame.frame for frame in ours} > known
        ours = [frame for frame in ours if frame.frame in known]
    assert ours == theirs


@pytest.mark.parametrize("name", [name for name in CAPTURES if name not in SNAPPED])
def test_tftp_packets_equal_those_of_tshark(name: str) -> None:
    ours, theirs = of_ours(LAB / name)[1], of_tshark(LAB / name)[1]
    assert ours == theirs


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
    for datagram in read(capture):
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
        words += [f"file {message.boot_file.decode()}"] if message.boot_file else []
        words += [f"option60 {message.class_identifier.decode()}"] if message.class_identifier else []
        found.append(f"+{(datagram.time - first) / 1e9:.2f} {' '.join(words)}")
    return found


@pytest.mark.parametrize("name", NAMED)
def test_dhcp_messages_equal_the_truth_files(name: str) -> None:
    truth = json.loads((LAB / name).with_suffix(".truth.json").read_text())
    wanted, first = [], None
    for line in truth["steps_from_capture"]:
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
