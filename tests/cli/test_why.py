"""`why`: a client's story on one screen, and a packet's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Pxeconform

SAMPLES = Path(__file__).resolve().parents[2] / "captures"
NOT_FOUND = SAMPLES / "bios-file-not-found.pcap"
SILENT = SAMPLES / "bios-proxy-4011-silent.pcap"
BOOTS = SAMPLES / "uefi-proxy-boots.pcap"


@pytest.mark.parametrize(
    "capture", [NOT_FOUND, SILENT, BOOTS, SAMPLES / "bios-dnsmasq-boots.pcap"], ids=lambda p: p.name
)
def test_story_fits_one_screen(pxeconform: Pxeconform, capture: Path) -> None:
    done = pxeconform("why", capture, "--client", "52:54:00:77:00:10")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


def test_story_answers_all_that_is_asked_at_two_in_the_morning(pxeconform: Pxeconform) -> None:
    told = " ".join(pxeconform("why", NOT_FOUND).stdout.split())
    for part in (
        "did not boot: 52:54:00:77:00:10, it stopped at step 7 of 9",
        "The TFTP server does not have the requested file.",
        "certain: the packets say so",
        "iPXE: 2d12603b “No such file or directory”",
        "Turn the server's, after frame",
        "Do Compare the boot file's name",
        "Filter tftp && ip.addr == 192.168.77.126",
        "FAILED 7 downloads the boot file",
    ):
        assert part in told


def test_packet_with_its_step_and_every_lens(pxeconform: Pxeconform) -> None:
    told = " ".join(pxeconform("why", BOOTS, "--frame", "3").stdout.split())
    assert "Frame 3: DHCP OFFER" in told
    assert "step 2 of 9: servers offer one, in boot-1 of 52:54:00:77:00:10" in told
    for lens in ("EDK2 (UEFI) ", "iPXE ", "Intel boot ROM "):
        assert lens in told
    assert "frame.number == 3" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((NOT_FOUND, "--client", "00:00:00:00:00:01"), "no boot of 00:00:00:00:00:01 is in"),
        ((NOT_FOUND, "--client", "x"), "x is not a MAC address"),
        ((NOT_FOUND, "--frame", "100000"), "there is no frame 100000"),
        ((NOT_FOUND, "--frame", "1", "--client", "00:00:00:00:00:01"), "not both"),
        (("missing.pcap",), "missing.pcap"),
    ],
)
def test_bad_wishes_are_one_sentence(pxeconform: Pxeconform, arguments: tuple[str | Path, ...], says: str) -> None:
    done = pxeconform("why", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_analysis_through_a_lens(pxeconform: Pxeconform) -> None:
    told = " ".join(pxeconform("analyze", BOOTS, "--no-report", "--lens", "edk2").stdout.split())
    assert "As EDK2 takes it" in told
    assert "offer: accepts as ProxyBinl" in told
    assert pxeconform("analyze", BOOTS, "--lens", "bios").returncode == 2


def test_files_of_a_capture(pxeconform: Pxeconform, tmp_path: Path) -> None:
    done = pxeconform("analyze", BOOTS, "--no-report", "--extract", tmp_path / "files", "--json", "-")
    told = [transfer for transfer in json.loads(done.stdout)["transfers"] if "extracted" in transfer]
    written = sorted(path.name for path in (tmp_path / "files").iterdir())
    assert written == sorted(Path(transfer["extracted"]["path"]).name for transfer in told)
    assert any(name.endswith("-snponly.efi") for name in written)
    for transfer in told:
        octets = Path(tmp_path, transfer["extracted"]["path"]).read_bytes()
        assert len(octets) == transfer["bytes"] == transfer["extracted"]["bytes"]
        assert hashlib.sha256(octets).hexdigest() == transfer["extracted"]["sha256"] == transfer["sha256"]
    assert {transfer["extracted"]["format"] for transfer in told} == {"pe"}
    assert "Files put together: 1" in done.stderr
