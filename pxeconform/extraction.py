"""Files out of a capture: each whole transfer put together again, under a name that can harm nobody."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pxeconform.capture.datagrams import CaptureError
from pxeconform.sessions.http import Fetch
from pxeconform.sessions.nbp import Image, examine
from pxeconform.sessions.transfers import Outcome, Transfer

LARGEST = 256 << 20
"""Octets of a file that are held in memory to be put together; longer ones are not extracted."""

MOST = 2 << 30
"""Octets of all files together that are written."""

_LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file that was written, with what it is."""

    path: str
    octets: int
    sha256: str
    image: Image


def safe_name(identifier: str, name: str) -> str:
    """A file name from a packet's: no folder, no hidden file, nothing but letters, digits, dots and dashes."""
    last = re.split(r"[/\\]", name.strip("/\\"))[-1]
    plain = _UNSAFE.sub("_", last).strip("._-")[-_LONGEST_NAME:]
    return f"{identifier}-{plain or 'file'}"


@dataclass(slots=True)
class Extraction:
    """Writes the files of one or several captures into a folder, as far as all of them together are not too large."""

    folder: Path
    left: int = MOST
    """Octets that may still be written."""
    too_large: int = 0
    """Files that were left out for their size, or for that of all."""

    def write(self, transfer: Transfer | Fetch, identifier: str, outcome: Outcome) -> Extracted | None:
        """Write what a transfer carried; `None` unless all of it is at hand. Raises `CaptureError` with a sentence."""
        if not isinstance(transfer, Transfer) or outcome is not Outcome.COMPLETE:
            return None
        content = transfer.content
        if content.cut or content.missing or content.octets > len(content.head) < LARGEST:
            return None
        if content.octets > min(self.left, len(content.head)):
            self.too_large += 1
            return None
        self.left -= content.octets
        return _written(bytes(content.head), safe_name(identifier, transfer.file), self.folder)

    def told(self) -> str | None:
        """What was left out, in a sentence."""
        if not self.too_large:
            return None
        sizes = f"{LARGEST >> 20} MiB a file, {MOST >> 30} GiB all together"
        return f"{self.too_large} files were not put together: no more than {sizes} are written"


def _written(octets: bytes, name: str, folder: Path) -> Extracted:
    """Links are not followed, and what lies there under that name is replaced."""
    path = folder / name
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o644), "wb") as stream:
            stream.write(octets)
    except OSError as error:
        raise CaptureError(f"{path} cannot be written: {error.strerror or error}") from error
    from hashlib import sha256

    return Extracted(str(path), len(octets), sha256(octets).hexdigest(), examine(octets[:65536]))
