"""`dissect`: one frame, ours and tshark's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Pxeconform
from tests.cli.test_bad_input import fails_with

SAMPLE = Path(__file__).parents[2] / "captures" / "bios-proxy-menu-4011-boots.pcapng"


def halves(pxeconform: Pxeconform, capture: Path, frame: int) -> tuple[str, str]:
    done = pxeconform("dissect", capture, str(frame))
    assert done.returncode == 0, done
    assert max(map(len, done.stdout.splitlines())) <= 80
    ours, line, theirs = done.stdout.partition("tshark ----")
    assert ours.startswith("pxeconform ----")
    assert line
    return ours, theirs


def test_dhcp_by_name(pxeconform: Pxeconform) -> None:
    ours, theirs = halves(pxeconform, SAMPLE, 2)
    for words in (
        "UDP 0.0.0.0:68 to 255.255.255.255:67",
        "DHCP DISCOVER",
        "option 60, Vendor class identifier: PXEClient:Arch:00000:UNDI:002001",
        "option 93, Client system architecture: 0 (",
        "option 97, Client machine identifier (UUID): ",
    ):
        assert words in ours.replace("\n       ", "")
    assert "Dynamic Host Configuration Protocol (Discover)" in theirs


def test_pxe_tags_by_name(pxeconform: Pxeconform) -> None:
    text = ""
    for frame in range(1, 30):
        text += halves(pxeconform, SAMPLE, frame)[0] if "BOOT_MENU" not in text else ""
    assert "tag 9, BOOT_MENU: " in text
    assert "tag 6, DISCOVERY_CONTROL: 0x" in text


def test_a_block_of_a_transfer(pxeconform: Pxeconform) -> None:
    """A data packet has no port that tells what it is; the request before it does."""
    found = [halves(pxeconform, SAMPLE, frame) for frame in (40, 41, 42)]
    assert any("TFTP DATA, block" in ours and "Trivial File Transfer Protocol" in theirs for ours, theirs in found)


def test_strings_of_packets_are_escaped(pxeconform: Pxeconform, tmp_path: Path) -> None:
    name = b"pxelinux.0"
    octets = SAMPLE.read_bytes()
    assert name in octets
    hostile = tmp_path / "hostile.pcapng"
    hostile.write_bytes(octets.replace(name, b"\x1b[31m\x1b[2J!"))
    frame = next(n for n in range(1, 60) if "U+001B" in halves(pxeconform, hostile, n)[0])
    assert "\x1b" not in "".join(halves(pxeconform, hostile, frame))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [((SAMPLE, "100000"), "no frame 100000"), (("nowhere.pcap", "1"), "nowhere.pcap"), (("-", "1"), "standard input")],
)
def test_bad_input(pxeconform: Pxeconform, arguments: tuple[str, str], word: str) -> None:
    fails_with(pxeconform("dissect", *arguments), 2, word)
