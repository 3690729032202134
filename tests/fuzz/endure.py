"""What a hostile capture may come to: a result, perhaps with warnings, or one sentence. Nothing else, and soon."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from pxeconform import analysis
from pxeconform.analysis import analyze
from pxeconform.capture import read as reader
from pxeconform.capture.datagrams import CaptureError, CaptureInfo
from pxeconform.capture.kernels import Kernels, choose
from pxeconform.capture.read import read
from pxeconform.capture.records import KERNELS
from pxeconform.capture.sieves import every_packet
from pxeconform.cli.analyzing import analyze_command
from pxeconform.sessions.sift import sift

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


@cache
def machine_code_that_follows() -> Kernels:
    """Likewise those that follow transfers."""
    kernels = choose((*KERNELS, sift), None)
    assert kernels.compiled
    return kernels


def judged(path: Path) -> dict[str, Any]:
    """The whole analysis, with the rules, which take most of the time."""
    return analyze(path).to_dict()


def told(path: Path) -> dict[str, Any]:
    """All of it but the rules."""
    with patch.object(analysis, "findings", lambda *_: ()):
        return analyze(path, hash_contents=True).to_dict()


def read_by_machine_code(path: Path) -> dict[str, Any]:
    """Compiled kernels find the same datagrams, and say the same of the capture."""
    heard = []
    for kernels in (Kernels(), machine_code()):
        info = CaptureInfo(str(path))
        found = [(each, each.checksum, each.outer, each.vlan) for each in read(path, info, kernels=kernels)]
        heard.append((found, info))
    assert heard[0] == heard[1], "the compiled kernels differ"
    return {}


def followed_by_machine_code(path: Path) -> dict[str, Any]:
    """Transfers that were counted tell the same story as those that were looked at packet by packet."""
    document = told(path)
    with patch.object(reader, "choose", lambda *_: machine_code_that_follows()):
        counted = told(path)
    assert _story(document) == _story(counted), "what was counted differs"
    return document


def as_the_command(path: Path) -> dict[str, Any]:
    """`pxeconform analyze`, with what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = analyze_command(
            [str(path)], client=None, hash_contents=True, strict=False, report=False, out=None, json_to=os.devnull
        )
    assert code == 0, code
    assert "\x1b" not in out.getvalue()
    return {}


CHECKS = (judged, read_by_machine_code, followed_by_machine_code, told)


def _story(document: dict[str, Any]) -> list[list[Any]]:
    return [
        [[boot[name] for name in ("client_mac", "outcome", "boot_file", "nbp")] for boot in document["boots"]],
        [
            [
                transfer[name]
                for name in ("client", "client_port", "server", "file", "bytes", "blocks", "outcome", "sha256")
            ]
            for transfer in document["transfers"]
        ],
    ]


def endure(path: Path, check: Callable[[Path], dict[str, Any]]) -> str:
    """Put a capture through a check; gives "result", "warnings" or "refused". Anything else is an exception."""
    with in_time():
        try:
            document = check(path)
        except CaptureError as error:
            sentence = str(error)
            assert "\n" not in sentence, sentence
            assert 10 < len(sentence) < 500 + len(str(path)), sentence
            return "refused"
        json.dumps(document, allow_nan=False)
    return "warnings" if document and document["captures"][0]["warnings"] else "result"
