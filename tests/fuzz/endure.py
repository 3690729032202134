"""What a hostile capture may come to: a result, perhaps with warnings, or one sentence. Nothing else, and soon."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType

from pxeconform.analysis import analyze
from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.capture.kernels import Kernels, choose
from pxeconform.capture.read import read
from pxeconform.capture.records import KERNELS
from pxeconform.capture.sieves import every_packet
from pxeconform.cli.analyzing import analyze_command

SECONDS = 10
MEMORY = 1 << 30


class TooSlow(BaseException):
    """No handler of exceptions may hide it."""


def limit_memory() -> None:
    """The whole process, libraries included, gets a GiB; what asks for more gets a MemoryError."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + _mapped(), -1))


def _mapped() -> int:
    """Octets of address space that are taken before the first capture is read (most of it never touched)."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Raises `TooSlow` in the middle of whatever takes longer."""

    def ring(signum: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def machine_code() -> Kernels:
    """The kernels compiled, as they run on large captures."""
    kernels = choose((*KERNELS, every_packet), None)
    assert kernels.compiled
    return kernels


def same_by_machine_code(path: Path) -> None:
    """Compiled kernels find the same datagrams, and say the same of the capture."""
    told = []
    for kernels in (Kernels(), machine_code()):
        info = CaptureInfo(str(path))
        found = [(each, each.checksum, each.outer, each.vlan) for each in read(path, info, kernels=kernels)]
        told.append((found, info))
    assert told[0] == told[1], "the compiled kernels differ"


def endure(path: Path, *, whole: bool = False) -> str:
    """Analyze a capture, with `whole` as the command does it; gives "result", "warnings" or "refused".

    Anything but these comes out as an exception.
    """
    with in_time():
        try:
            if whole:
                out, err = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    code = analyze_command(
                        [str(path)],
                        client=None,
                        hash_contents=True,
                        strict=False,
                        report=False,
                        out=None,
                        json_to=os.devnull,
                    )
                assert code == 0, code
                assert "\x1b" not in out.getvalue()
                return "result"
            document = analyze(path).to_dict()
            same_by_machine_code(path)
        except CaptureError as error:
            sentence = str(error)
            assert "\n" not in sentence, sentence
            assert 10 < len(sentence) < 500 + len(str(path)), sentence
            return "refused"
        json.dumps(document, allow_nan=False)
        return "warnings" if document["captures"][0]["warnings"] else "result"
