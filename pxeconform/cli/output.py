"""Where output goes: people read the terminal, programs the JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pxeconform.cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from pxeconform.report.screen import Screen

STANDARD_OUTPUT = "-"


def consoles(json_to: str | None) -> Console:
    """The console for people: standard error when standard output holds the JSON."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            # Rich would end with 1, which is a boot that failed.
            raise BrokenPipeError

    return Screen(stderr=json_to == STANDARD_OUTPUT)


def screen(json_to: str | None) -> Screen:
    """The same for commands that write pages and nothing else: Rich, which they do not need, takes long to start."""
    from pxeconform.report.screen import Screen

    return Screen(sys.stderr if json_to == STANDARD_OUTPUT else sys.stdout)


def write_json(document: Mapping[str, object] | Iterable[tuple[str, object]], json_to: str | None) -> None:
    """Write the document where it was asked for, if it was: a dict, or its parts one after the other."""
    if json_to is None:
        return
    from pxeconform.report.write import json_lines

    lines = json_lines(document.items() if isinstance(document, Mapping) else document)
    if json_to == STANDARD_OUTPUT:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
        return
    try:
        with Path(json_to).open("w", encoding="utf-8") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise UsageError(f"{json_to} cannot be written: {error.strerror or error}") from error
