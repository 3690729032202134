"""Both engines derive the same datagrams, sessions and documents; and what is said where tshark is not."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packets import CLIENT, SERVER, dhcp, ipv4, pcap, udp
from tshark_frames import of_ours, of_tshark

from pxeconform.analysis import analyze
from pxeconform.capture import read as reader
from pxeconform.capture import tshark
from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.capture.kernels import Kernels
from pxeconform.capture.read import read
from pxeconform.sessions import second_opinion

FOLDER = Path(__file__).resolve().parents[2] / "captures"
CAPTURES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".pcap", ".pcapng"))
CAUSES = sorted((FOLDER.parent / "tests" / "data" / "causes").glob("*.pcap*"))
"""Those of tests/data."""
SAMPLE = FOLDER / "bios-proxy-menu-4011-boots.pcapng"
each_capture = pytest.mark.parametrize("capture", CAPTURES, ids=[path.name for path in CAPTURES])


@each_capture
def test_datagrams(capture: Path) -> None:
    theirs, ours = CaptureInfo(str(capture)), CaptureInfo(str(capture))
    assert list(second_opinion.read(capture, theirs)) == list(read(capture, ours))
    assert theirs == ours
    assert theirs.warnings == []


@each_capture
def test_documents(capture: Path) -> None:
    assert analyze(capture, engine="tshark").to_dict() == analyze(capture).to_dict()


@pytest.mark.parametrize("capture", CAUSES, ids=[path.name for path in CAUSES])
def test_captures_of_causes(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real firmware that met real servers: frames, datagrams and the whole story."""
    # Of what the capture cut there is more than one right reading (docs/differences.md).
    whole = {datagram.frame for datagram in read(capture) if not datagram.cut}
    for mine, theirs in zip(of_ours(capture), of_tshark(capture), strict=True):
        assert [each for each in mine if each.frame in whole] == [each for each in theirs if each.frame in whole]
    if len(whole) > 10_000:
        # Two analyses packet by packet would take a minute; `test_routine.py` holds counted transfers against those.
        return
    monkeypatch.setattr(reader, "choose", lambda *_: Kernels())
    told, heard = analyze(capture, engine="tshark").to_dict(), analyze(capture).to_dict()
    assert [warning for warning in told["captures"][0]["warnings"] if "tshark" in warning] == []
    for part in ("boots", "transfers", "dhcp", "findings"):
        assert told[part] == heard[part], part


def test_packed(tmp_path: Path) -> None:
    """tshark itself cannot unpack every kind."""
    packed = tmp_path / "capture"
    packed.write_bytes(lzma.compress(SAMPLE.read_bytes()))
    assert list(tshark.read(packed)) == list(read(SAMPLE))


def test_cut_in_the_last_record(tmp_path: Path) -> None:
    cut, info = tmp_path / "cut.pcapng", CaptureInfo("cut")
    cut.write_bytes(SAMPLE.read_bytes()[:-30])
    assert list(tshark.read(cut, info)) == list(read(cut))
    assert not info.complete
    assert "cut short" in info.warnings[0]
    assert str(tmp_path / "cut.pcapng") in info.warnings[0]


def test_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(CaptureError, match="tshark cannot read it"):
        list(tshark.read(path))


def test_a_difference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If our codec misread every class identifier, the second opinion would name the frames."""
    honest = second_opinion.dhcp.parse

    def misread(payload: bytes, length: int | None = None) -> Any:
        message = honest(payload, length)
        return message.with_options((60, b"Toaster")) if message is not None and 60 in message else message

    monkeypatch.setattr(second_opinion.dhcp, "parse", misread)
    info = CaptureInfo("x")
    list(second_opinion.read(SAMPLE, info))
    assert "frame 2: tshark reads the DHCP message otherwise than we do (options)" in info.warnings


def test_reading_may_stop_early() -> None:
    """Whoever wants no more ends the program that would go on."""
    datagrams = tshark.read(SAMPLE)
    next(datagrams)
    datagrams.close()  # type: ignore[attr-defined]


class TestWithoutTshark:
    """No program of that name on the path."""

    @pytest.mark.parametrize(
        "arguments", [("analyze", "--engine", "tshark", "--no-report"), ("dissect",)], ids=["analyze", "dissect"]
    )
    def test_one_sentence(self, arguments: tuple[str, ...], tmp_path: Path) -> None:
        command = [sys.executable, "-m", "pxeconform", arguments[0], str(SAMPLE), *arguments[1:]]
        command += ["2"] if arguments[0] == "dissect" else []
        done = subprocess.run(
            command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3, done
        assert [line for line in done.stderr.splitlines() if "tshark was not found" in line] == done.stderr.splitlines()
        # What we can say without it is said.
        assert ("DHCP DISCOVER" in done.stdout) == (arguments[0] == "dissect")


def test_messages_with_letters_of_many_tongues(tmp_path: Path) -> None:
    """tshark shows what is not ASCII in its own way; a chaddr of 16 octets without colons."""
    frames = [
        ipv4(CLIENT, SERVER, 17, udp(CLIENT, SERVER, (2070, 69), b"\0\1gr\xfc\xdfe\t\\.efi\0octet\0")),
        ipv4(SERVER, CLIENT, 17, udp(SERVER, CLIENT, (40000, 2070), b"\0\5\0\1Datei f\xfcr \xc3\xa4 fehlt\0")),
        ipv4(SERVER, CLIENT, 17, udp(SERVER, CLIENT, (67, 68), b"\1\0\x10" + dhcp(1, 1)[3:])),
    ]
    path, info = tmp_path / "capture", CaptureInfo("x")
    path.write_bytes(pcap(frames, 101))
    assert len(list(second_opinion.read(path, info))) == 3
    assert info.warnings == []
