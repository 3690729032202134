"""Where output goes: people read the terminal, programs the JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pxeconform.cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

STANDARD_OUTPUT = "-"


def consoles(json_to: str | None) -> Console:
    """The console for people: standard error when standard output holds the JSON."""
    from rich.console import Console

    return Console(stderr=json_to == STANDARD_OUTPUT)


def write_json(document: dict[str, object], json_to: str | None) -> None:
    """Write the document where it was asked for, if it was."""
    if json_to is None:
        return
    text = json.dumps(document, indent=1) + "\n"
    if json_to == STANDARD_OUTPUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        Path(json_to).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{json_to} cannot be written: {error.strerror or error}") from error
