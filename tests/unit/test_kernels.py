"""Machine code is taken from nobody else, and wherever there is none the functions run as they stand."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pxeconform.capture import kernels
from pxeconform.capture.kernels import choose, load
from pxeconform.capture.records import KERNELS

LARGE = 1 << 30


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder that machine code may come from; it holds a good file under the name that is looked for."""
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "_folders", lambda: iter((tmp_path,)))
        assert choose(KERNELS, LARGE).compiled
        yield tmp_path


def kept(cache: Path) -> Path:
    (path,) = cache.iterdir()
    return path


def test_kept_code_is_loaded(cache: Path) -> None:
    assert load(KERNELS) is not None
    assert kept(cache).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_what_others_may_write_is_not_loaded(cache: Path, mode: int) -> None:
    kept(cache).chmod(mode)
    assert load(KERNELS) is None


def test_damaged_code_is_not_loaded(cache: Path) -> None:
    good = kept(cache).read_bytes()
    for damaged in (b"", good[:20], good[:32], good[:-1], good[:-1] + bytes((good[-1] ^ 1,))):
        kept(cache).write_bytes(damaged)
        assert load(KERNELS) is None


def test_code_that_lacks_a_kernel_is_not_loaded(cache: Path) -> None:
    def walk_other(number: int) -> int:
        return number

    code = kept(cache).read_bytes()
    name = kernels._name((*KERNELS, walk_other), _processor())
    (cache / name).write_bytes(code)
    assert load((*KERNELS, walk_other)) is None


def test_without_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("llvmlite", "llvmlite.binding", "numba", "pxeconform.capture.machine_code"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not choose(KERNELS, LARGE).compiled


def test_with_a_broken_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("could not find the shared library")

    monkeypatch.setattr("pxeconform.capture.machine_code.processor", broken)
    monkeypatch.setattr("pxeconform.capture.machine_code.translate", lambda functions: b"code")
    assert not choose(KERNELS, LARGE).compiled


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert len(list(kernels._folders())) == 1


def test_code_is_not_taken_from_where_one_happens_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert all(folder.is_absolute() for folder in kernels._folders())


def test_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(kernels, "_folders", lambda: iter((tmp_path / "file" / "folder",)))
    assert choose(KERNELS, LARGE).compiled


def _processor() -> str:
    from pxeconform.capture.machine_code import processor

    return processor()
