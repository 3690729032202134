"""Lines on a terminal: how wide it is, whether it has colours, and where a paragraph is broken.

Rich knows all of that and more, and takes longer to start than a small capture to be read.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Protocol

from rich.cells import cell_len, chop_cells

Part = tuple[str, str]
"""Text and its style."""

_CODES = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "bold red": "1;31"}
"""Select Graphic Rendition (ECMA-48 section 8.3.117) of each style."""

_WORD = re.compile(r"\s*\S+\s*")
_USUAL_WIDTH = 80


class Surface(Protocol):
    """What is written on; a `rich.console.Console` is one too."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def encoding(self) -> str:
        """Of the characters."""

    @property
    def file(self) -> IO[str]:
        """Where lines go."""

    @property
    def color_system(self) -> str | None:
        """`None` where there are no colours."""


class Screen:
    """A standard stream: with colours when it is a terminal, and as wide as one of them is."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.encoding = str(getattr(file, "encoding", None) or "utf-8").lower()
        plain = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
        coloured = bool(os.environ.get("FORCE_COLOR")) or (file.isatty() and not plain)
        self.color_system = "standard" if coloured and not os.environ.get("NO_COLOR") else None
        self.width = _USUAL_WIDTH if file.isatty() and plain else _columns()


def _columns() -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and (columns := os.get_terminal_size(stream.fileno()).columns):
                return columns
        except (OSError, ValueError):
            # No terminal, or closed.
            continue
    return _USUAL_WIDTH


def painted(parts: Iterable[Part], surface: Surface) -> str:
    """The text, with its styles where the surface has any."""
    if surface.color_system is None:
        return "".join(text for text, _ in parts)
    return "".join(f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text for text, style in parts)


def wrapped(parts: list[Part], width: int) -> Iterator[list[Part]]:
    """The lines of a paragraph that has no line breaks of its own; what is longer than a line is cut up."""
    text = "".join(part for part, _ in parts)
    # Most paragraphs fit.
    breaks = _breaks(text, width) if cell_len(text) > width else []
    for begin, end in zip([0, *breaks], [*breaks, len(text)], strict=True):
        yield list(_between(parts, begin, begin + len(text[begin:end].rstrip())))


def _breaks(text: str, width: int) -> list[int]:
    """Where further lines begin: before the word that does not fit any more."""
    found: list[int] = []
    used = 0
    for match in _WORD.finditer(text):
        word, at = match[0], match.start()
        needed = cell_len(word.rstrip())
        if needed > width:
            pieces = chop_cells(word, width)
            for piece in pieces:
                if at:
                    found.append(at)
                at += len(piece)
            used = cell_len(pieces[-1])
        elif used and used + needed > width:
            found.append(at)
            used = cell_len(word)
        else:
            used += cell_len(word)
    return found


def _between(parts: Iterable[Part], begin: int, end: int) -> Iterator[Part]:
    at = 0
    for text, style in parts:
        inside = text[max(begin - at, 0) : max(end - at, 0)]
        if inside:
            yield inside, style
        at += len(text)
