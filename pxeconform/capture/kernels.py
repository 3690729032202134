"""Kernels as they stand, or compiled: which of the two a capture is worth.

A kernel is a Python function over octets (`memoryview` of bytes) and columns (`memoryview` of 64 bit integers). A small
capture is read by calling it. A large one is read by the same function compiled to machine code; the code is kept
beside the module's byte code, or in the user's cache folder, so that only the first large capture waits for the
compiler.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pxeconform.capture.columns import Kernel

SMALL = 1 << 18
"""Octets up to which starting the compiled code costs more than it gains."""

WORTH_COMPILING = 1 << 24
"""Octets from which on even compiling pays."""

_PREFIX = "kernels-"

_UNUSABLE = (ImportError, OSError, RuntimeError, LookupError)
"""How numba and LLVM say that they are missing, are of another version, or cannot make code for this machine."""


class Kernels:
    """Looks kernels up; one that was not compiled is the function itself."""

    def __init__(self, compiled: dict[str, Kernel] | None = None) -> None:
        self._compiled = compiled or {}

    @property
    def compiled(self) -> bool:
        """Machine code is at hand."""
        return bool(self._compiled)

    def __getitem__(self, kernel: Kernel) -> Kernel:
        return self._compiled.get(kernel.__name__, kernel)


def choose(functions: Sequence[Kernel], size: int | None) -> Kernels:
    """Kernels for a capture of so many octets; `None` is a stream that goes on beyond what is small."""
    if size is not None and size < SMALL:
        return Kernels()
    compiled = load(functions)
    if compiled is None and (size is None or size >= WORTH_COMPILING):
        compiled = build(functions)
    return Kernels(compiled)


def load(functions: Sequence[Kernel]) -> dict[str, Kernel] | None:
    """Machine code of an earlier day; `None` where there is none, or none for this processor and this source."""
    try:
        from pxeconform.capture.machine_code import link, processor

        name = _name(functions, processor())
        for folder in _folders():
            code = _read(folder / name)
            if code is not None:
                return link(code, functions)
    except _UNUSABLE:
        # The functions run as they stand.
        return None
    return None


def build(functions: Sequence[Kernel]) -> dict[str, Kernel] | None:
    """Compile, keep the machine code for the next time, and give it; `None` where this machine cannot."""
    try:
        from pxeconform.capture.machine_code import link, processor, translate

        code = translate(functions)
        name = _name(functions, processor())
        for folder in _folders():
            if _write(folder, name, code):
                break
        return link(code, functions)
    except _UNUSABLE:
        return None


def _name(functions: Sequence[Kernel], processor: str) -> str:
    """A file's name that changes with everything that the machine code depends on."""
    from hashlib import sha256

    digest = sha256(processor.encode())
    digest.update(sys.version.encode())
    modules = {Path(function.__code__.co_filename) for function in functions}
    modules |= {Path(__file__).with_name(name) for name in ("columns.py", "dissect.py", "machine_code.py")}
    for path in sorted(modules):
        digest.update(path.read_bytes())
    for function in functions:
        digest.update(function.__name__.encode())
    return f"{_PREFIX}{digest.hexdigest()[:24]}.o"


def _folders() -> Iterator[Path]:
    yield Path(__file__).parent / "__pycache__"
    # A relative path is ignored (XDG Base Directory Specification): code is not taken from where one happens to be.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # Without HOME and without an entry for the user the name stays as it is.
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    if named.is_absolute():
        yield named / "pxeconform"
    elif home.is_absolute():
        yield home / ".cache" / "pxeconform"


def _digest(code: bytes) -> bytes:
    from hashlib import sha256

    return sha256(code).digest()


def _read(path: Path) -> bytes | None:
    """The code of a file that is whole and that nobody else could have written."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid not in (os.getuid(), 0) or about.st_mode & 0o022:
                return None
            octets = file.read()
    except OSError:
        return None
    code = octets[32:]
    return code if code and _digest(code) == octets[:32] else None


def _write(folder: Path, name: str, code: bytes) -> bool:
    """Keep the code; another process that does the same at the same time does no harm."""
    trial = folder / f"{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(_digest(code) + code)
        trial.chmod(0o644)
        trial.replace(folder / name)
    except OSError:
        with suppress(OSError):
            trial.unlink()
        return False
    return True


def integers(count: int) -> memoryview:
    """A column of so many 64 bit integers, all 0."""
    return memoryview(bytearray(count * 8)).cast("q")
