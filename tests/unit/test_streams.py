"""The octets of a capture, whatever they are packed in, and what becomes of those that are damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.capture.streams import open_stream


def plain(octets: bytes) -> bytes:
    return octets


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "Zstandard": zstd.compress,
    "LZ4": lz4.frame.compress,
}
each_packer = pytest.mark.parametrize("name", PACKERS)
SAMPLE = b"".join(n.to_bytes(4, "big") * (n % 7) for n in range(60_000))
"""Some 720,000 octets that pack, but not to nothing."""
in_a_loop = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def unpacked(path: Path, info: CaptureInfo | None = None) -> bytes:
    with open_stream(path, info) as stream:
        return stream.read()


class TestWhole:
    @pytest.mark.parametrize("pack", [plain, *PACKERS.values()])
    @pytest.mark.parametrize("octets", [b"", b"\xd4", SAMPLE], ids=["empty", "one", "many"])
    def test_content_and_not_the_name_tells(
        self, tmp_path: Path, pack: Callable[[bytes], bytes], octets: bytes
    ) -> None:
        path, info = tmp_path / "capture.gz", CaptureInfo("x")
        path.write_bytes(pack(octets))
        assert unpacked(path, info) == octets
        assert (info.complete, info.warnings) == (True, [])

    @in_a_loop
    @given(st.lists(st.tuples(st.sampled_from(sorted(PACKERS)), st.binary(max_size=3000)), min_size=1, max_size=6))
    def test_members_follow_each_other(self, tmp_path: Path, members: list[tuple[str, bytes]]) -> None:
        path, info = tmp_path / "capture", CaptureInfo("x")
        path.write_bytes(b"".join(PACKERS[name](octets) for name, octets in members))
        assert unpacked(path, info) == b"".join(octets for _, octets in members)
        assert info.warnings == []

    @in_a_loop
    @given(
        st.sampled_from(["plain", *sorted(PACKERS)]),
        st.lists(st.one_of(st.integers(1, 40), st.just(200_000)), min_size=1, max_size=30),
    )
    def test_readinto_falls_short_only_at_the_end(self, tmp_path: Path, name: str, sizes: list[int]) -> None:
        path = tmp_path / "capture"
        path.write_bytes(PACKERS.get(name, plain)(SAMPLE))
        found, left = bytearray(), len(SAMPLE)
        with open_stream(path) as stream:
            for size in sizes:
                buffer = bytearray(size)
                count = stream.readinto(buffer)  # type: ignore[attr-defined]
                assert count == min(size, left)
                left -= count
                found += buffer[:count]
            assert bytes(found) + stream.read() == SAMPLE

    def test_padding_of_tapes_is_no_damage(self, tmp_path: Path) -> None:
        path, info = tmp_path / "capture", CaptureInfo("x")
        path.write_bytes(gzip.compress(b"one") + bytes(10_000) + gzip.compress(b"two") + bytes(10_240))
        assert unpacked(path, info) == b"onetwo"
        assert info.warnings == []

    def test_frames_that_hold_notes_of_the_packer(self, tmp_path: Path) -> None:
        note = b"\x53\x2a\x4d\x18\x04\0\0\0note"
        for name in ("Zstandard", "LZ4"):
            path, info = tmp_path / name, CaptureInfo("x")
            path.write_bytes(note + PACKERS[name](b"one") + note + PACKERS[name](b"two") + note)
            assert unpacked(path, info) == b"onetwo"
            assert info.warnings == []

    def test_a_plain_file_is_read_without_a_detour(self, tmp_path: Path) -> None:
        path = tmp_path / "capture"
        path.write_bytes(SAMPLE)
        with open_stream(path) as stream:
            assert isinstance(stream, io.BufferedReader)
            assert isinstance(stream.raw, io.FileIO)
            assert stream.seekable()
            assert stream.tell() == 0

    @pytest.mark.parametrize("pack", [plain, *PACKERS.values()])
    def test_a_pipe_that_trickles(self, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
        path, packed = tmp_path / "pipe", pack(SAMPLE)
        os.mkfifo(path)

        def write() -> None:
            with path.open("wb", 0) as pipe:
                for octet in packed[:9]:
                    pipe.write(bytes([octet]))
                for at in range(9, len(packed), 5000):
                    pipe.write(packed[at : at + 5000])

        writer = threading.Thread(target=write)
        writer.start()
        assert unpacked(path) == SAMPLE
        writer.join()

    @pytest.mark.parametrize("pack", [plain, *PACKERS.values()])
    @pytest.mark.parametrize("piped", [True, False])
    def test_standard_input(self, tmp_path: Path, pack: Callable[[bytes], bytes], piped: bool) -> None:
        path = tmp_path / "capture"
        path.write_bytes(pack(SAMPLE))
        script = "import sys, hashlib; from pxeconform.capture.streams import open_stream as o; "
        script += "s = o('-'); sys.stdout.buffer.write(s.read()); s.close(); assert not sys.stdin.closed"
        with path.open("rb") as file:
            given_by = {"input": file.read()} if piped else {"stdin": file}
            done = subprocess.run(
                [sys.executable, "-c", script], capture_output=True, timeout=60, check=True, **given_by
            )  # type: ignore[call-overload]
        assert done.stdout == SAMPLE


class TestDamaged:
    @each_packer
    def test_what_breaks_off_gives_what_it_holds(self, tmp_path: Path, name: str) -> None:
        path, packed = tmp_path / "capture", PACKERS[name](SAMPLE)
        # bzip2 packs 900,000 octets at once: of its first block nothing can be had before it is whole.
        packed = packed if name != "bzip2" else bz2.compress(SAMPLE, 1)
        for keep in (len(packed) // 2, len(packed) - 1):
            path.write_bytes(packed[:keep])
            info = CaptureInfo(str(path))
            octets = unpacked(path, info)
            assert SAMPLE.startswith(octets)
            assert len(octets) > len(SAMPLE) // 4
            assert (info.complete, info.warnings) == (False, [f"the {name} data end in the middle"])

    @each_packer
    def test_nothing_that_can_be_had_is_one_sentence(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "capture"
        path.write_bytes(PACKERS[name](SAMPLE)[:7])
        with pytest.raises(CaptureError, match=f"capture: the {name} data end in the middle$"):
            unpacked(path)

    @each_packer
    def test_octets_of_another_kind_behind_it(self, tmp_path: Path, name: str) -> None:
        path, info = tmp_path / "capture", CaptureInfo("x")
        path.write_bytes(PACKERS[name](b"capture") + b"something else")
        assert unpacked(path, info) == b"capture"
        assert info.warnings == [f"after the {name} data come octets of another kind; they are left out"]

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from(sorted(PACKERS)),
        st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8),
        st.integers(0, 1 << 20),
    )
    def test_hostile_octets(self, name: str, changes: list[tuple[int, int]], cut: int) -> None:
        packed = bytearray(PACKERS[name](SAMPLE[:50_000]))
        for at, value in changes:
            packed[at % len(packed)] = value
        del packed[len(packed) - cut % len(packed) :]
        read, write = os.pipe()
        with os.fdopen(write, "wb") as pipe:
            # Some packed samples are larger than the pipe: then its end is what is missing.
            os.set_blocking(write, False)
            pipe.raw.write(bytes(packed))  # type: ignore[attr-defined]
        try:
            unpacked(Path(f"/dev/fd/{read}"))
        except CaptureError as error:
            assert str(error).count("\n") == 0
        finally:
            os.close(read)


class TestGreedy:
    @pytest.mark.parametrize("name", ["xz", "bzip2", "Zstandard"])
    def test_a_bomb_is_no_capture(self, tmp_path: Path, name: str) -> None:
        path, info = tmp_path / "bomb", CaptureInfo("x")
        path.write_bytes(PACKERS[name](bytes(200_000_000)))
        given, largest = 0, 0
        with open_stream(path, info) as stream:
            for octets in iter(lambda: stream.read(1 << 20), b""):
                given, largest = given + len(octets), max(largest, len(octets))
        assert given < 100_000_000
        assert largest <= 1 << 20
        assert not info.complete
        assert "1000 times their size" in info.warnings[0]

    def test_many_captures_of_the_same_file_are_no_bomb(self, tmp_path: Path) -> None:
        path, info = tmp_path / "capture.zst", CaptureInfo("x")
        block = os.urandom(1400)
        storm = b"".join(b"%08d" % n + block for n in itertools.islice(itertools.count(), 80_000))
        path.write_bytes(zstd.compress(storm, 3))
        with open_stream(path, info) as stream:
            assert sum(len(octets) for octets in iter(lambda: stream.read(1 << 20), b"")) == len(storm)
        assert info.warnings == []

    def test_windows_beyond_all_measure(self, tmp_path: Path) -> None:
        # A Zstandard frame header that asks for a window of 2 GiB, and an xz stream with a dictionary of 1.5 GiB.
        for name, packed in {
            "zst": b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x15\x00\x00aa",
            "xz": lzma.compress(b"a", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]),
        }.items():
            path = tmp_path / name
            path.write_bytes(packed if name == "zst" else _with_dictionary(packed))
            with pytest.raises(CaptureError, match="more memory than a capture is worth"):
                unpacked(path)


def _with_dictionary(stream: bytes) -> bytes:
    """The xz stream with the largest dictionary that its block header can claim (section 5.3.1 of its format)."""
    import zlib

    at = 12
    size = (stream[at] + 1) * 4
    block = bytearray(stream[at : at + size - 4])
    assert bytes(block[2:4]) == b"\x21\x01"
    block[4] = 39
    return stream[:at] + bytes(block) + zlib.crc32(block).to_bytes(4, "little") + stream[at + size :]


class TestCannotBeOpened:
    def test_sentences(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for path, words in {tmp_path: "Is a directory", tmp_path / "none": "No such file", "a\0b": "null"}.items():
            with pytest.raises(CaptureError, match=words):
                open_stream(path)
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(CaptureError, match="standard input is closed"):
            open_stream("-")

    def test_nobody_types_a_capture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parent, child = os.openpty()
        with os.fdopen(child, "r") as terminal, os.fdopen(parent, "rb"):
            monkeypatch.setattr(sys, "stdin", terminal)
            with pytest.raises(CaptureError, match="is a terminal"):
                open_stream("-")


def test_nothing_is_imported_that_is_not_used() -> None:
    script = "import sys, pxeconform.capture.streams; print(sorted({'lz4', 'backports.zstd'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
