"""Files out of captures: put together, named harmlessly, told by their format; and what would load them faster."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from boot_traces import BIOS, PE_X64, TFTP, Wire
from hypothesis import given
from hypothesis import strategies as st

from pxeconform.capture.copies import marked
from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.diagnosis.speed import WHOLE_FRAME, advise
from pxeconform.extraction import Extraction, safe_name
from pxeconform.protocol import tftp
from pxeconform.sessions.nbp import Format, examine, matches
from pxeconform.sessions.pace import measure
from pxeconform.sessions.sessions import follow
from pxeconform.sessions.transfers import Outcome, Transfer


def transfer_of(wire: Wire, keep: int = 1 << 20) -> Transfer:
    (found,) = follow(marked(wire.datagrams, CaptureInfo("")), keep=keep).transfers
    return found


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("boot/x.efi", "t-x.efi"),
        ("../../etc/passwd", "t-passwd"),
        ("C:\\boot\\bootmgr.exe", "t-bootmgr.exe"),
        ("..", "t-file"),
        ("", "t-file"),
        (".bashrc", "t-bashrc"),
        ("a\0b\x1b[31m", "t-a_b_31m"),
        ("x" * 300, "t-" + "x" * 100),
    ],
)
def test_names_out_of_packets(name: str, safe: str) -> None:
    assert safe_name("t", name) == safe


@given(st.text(max_size=200))
def test_no_name_leaves_the_folder(name: str) -> None:
    safe = safe_name("transfer-1", name)
    assert Path(safe).name == safe
    assert safe.startswith("transfer-1-")
    assert len(safe) <= 120


def test_whole_file_is_written_with_its_digest_and_format(tmp_path: Path) -> None:
    found = Extraction(tmp_path / "new").write(
        transfer_of(Wire().download("a/../x.efi", PE_X64)), "t", Outcome.COMPLETE
    )
    assert found is not None
    assert (tmp_path / "new" / "t-x.efi").read_bytes() == PE_X64
    assert (found.sha256, found.octets) == (hashlib.sha256(PE_X64).hexdigest(), len(PE_X64))
    assert (found.image.format, found.image.machine) == (Format.PE, "x86_64")


def test_what_is_not_whole_is_not_written(tmp_path: Path) -> None:
    cut_off = transfer_of(Wire().download("x", BIOS, blocks=1))
    too_long = transfer_of(Wire().download("x", BIOS), keep=10)
    for transfer, outcome in ((cut_off, Outcome.STALLED), (too_long, Outcome.COMPLETE)):
        assert Extraction(tmp_path).write(transfer, "t", outcome) is None
    assert list(tmp_path.iterdir()) == []


def test_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "t-x").symlink_to(victim)
    with pytest.raises(CaptureError, match="cannot be written"):
        Extraction(folder).write(transfer_of(Wire().download("x", BIOS)), "t", Outcome.COMPLETE)
    assert victim.read_text() == "mine"


def portable(subsystem: int, certificate: tuple[int, int], machine: int = 0x8664) -> bytes:
    optional = bytearray(240)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<H", optional, 68, subsystem)
    struct.pack_into("<II", optional, 144, *certificate)
    header = b"PE\0\0" + struct.pack("<H", machine) + bytes(18)
    return b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + header + bytes(optional)


def test_subsystem_and_signature_of_a_pe_file() -> None:
    signed, plain = examine(portable(10, (4096, 2000))), examine(portable(10, (0, 0)))
    assert (signed.subsystem, signed.signed, plain.signed) == ("efi application", True, False)
    assert matches(signed, 7, loader=False) is True
    assert matches(examine(portable(3, (0, 0))), 7, loader=False) is False, "a console program of Windows"


@pytest.mark.parametrize(
    ("head", "kernel", "found"),
    [
        (bytes(0x202) + b"HdrS", True, Format.BIOS),
        (b"MZ" + bytes(0x36) + b"ARM\x64" + bytes(100), True, Format.UNKNOWN),
        (b"MSWIM\0\0\0" + bytes(100), False, Format.WIM),
    ],
)
def test_kernels_and_images(head: bytes, kernel: bool, found: Format) -> None:
    image = examine(head)
    assert (image.kernel, image.format) == (kernel, found)


def slow(blksize: int, asked: tftp.Options, count: int = 300, lossy: bool = False) -> Transfer:
    """A download of many blocks over a way of ten milliseconds."""
    wire = Wire()
    wire.rrq("f", 2001, asked=asked)
    wire.reply(tftp.Oack((("blksize", str(blksize)),)), 2001)
    wire.tftp_from(tftp.Ack(0), 2001, (TFTP, 40001))
    for number in range(1, count + 1):
        for _ in range(2 if lossy and number % 20 == 0 else 1):
            wire.wait(0.005).reply(tftp.Data(number, bytes(blksize if number < count else 1)), 2001)
        wire.wait(0.005).tftp_from(tftp.Ack(number), 2001, (TFTP, 40001))
    return transfer_of(wire)


def test_pace_is_that_of_the_wire() -> None:
    pace = measure(slow(512, (("blksize", "512"),)))
    assert pace is not None
    assert pace.round_trip == pytest.approx(0.012, rel=0.1)
    assert pace.server_delay == pytest.approx(pace.client_delay, rel=0.1)
    assert pace.window == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("blksize", "asked", "better", "says"),
    [
        (512, (("blksize", "1468"),), (WHOLE_FRAME, 1), "let the server grant blksize 1468 instead of 512"),
        (512, (("blksize", "512"),), (WHOLE_FRAME, 1), "let the client ask for blksize 1468"),
        (1468, (("blksize", "1468"),), (WHOLE_FRAME, 8), "use a client that asks for windowsize 8"),
        (1468, (("blksize", "1468"), ("windowsize", "4")), (WHOLE_FRAME, 8), "let the server grant windowsize 8"),
    ],
)
def test_advice_on_speed(blksize: int, asked: tftp.Options, better: tuple[int, int], says: str) -> None:
    transfer = slow(blksize, asked)
    advice = advise(transfer)
    assert advice is not None
    assert (advice.blksize, advice.windowsize) == better
    assert says in advice.text
    assert "without fragments" in advice.text
    assert advice.seconds < (transfer.ended - transfer.started) / 1e9 * 0.7


def test_no_advice_where_it_would_gain_nothing() -> None:
    assert advise(transfer_of(Wire().download("f", BIOS))) is None, "short"
    assert advise(slow(512, (("blksize", "512"),), lossy=True)) is None, "loss costs the time, not the round trip"


def test_all_files_together_have_a_limit(tmp_path: Path) -> None:
    extraction = Extraction(tmp_path, left=len(BIOS) + 1)
    first = extraction.write(transfer_of(Wire().download("x", BIOS)), "a", Outcome.COMPLETE)
    assert first is not None
    assert extraction.told() is None
    assert extraction.write(transfer_of(Wire().download("y", BIOS)), "b", Outcome.COMPLETE) is None
    assert [path.name for path in tmp_path.iterdir()] == ["a-x"]
    assert str(extraction.told()).startswith("1 files were not put together")
