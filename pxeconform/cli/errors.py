"""Errors as one sentence and the contract's exit code, never a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

P = ParamSpec("P")

OK, VIOLATED, USAGE, INCONCLUSIVE, DEFECT, NOTHING = 0, 1, 2, 3, 4, 5


class UsageError(Exception):
    """What the user asked for cannot be done as asked."""


def sentences(command: Callable[P, int]) -> Callable[P, None]:
    """Turn the exceptions that have a sentence into it, and what a command returns into its exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = _say("interrupted", INCONCLUSIVE)
        except BrokenPipeError:
            # Whoever read the output has seen enough; nothing more may be written, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = OK
        except typer.Exit:
            raise
        except Exception as error:
            code = _code_of(error)
            if code == DEFECT and os.environ.get("PXECONFORM_TRACEBACK"):
                raise
            _say(str(error) if code != DEFECT else _defect(error), code)
        raise typer.Exit(code)

    return wrapped


def _say(sentence: str, code: int) -> int:
    from pxeconform.report.safe import for_terminal

    typer.echo(f"pxeconform: {for_terminal(sentence)}", err=True)
    return code


def _defect(error: Exception) -> str:
    return f"a defect of pxeconform: {type(error).__name__}: {error} (set PXECONFORM_TRACEBACK=1 to see where)"


def _code_of(error: Exception) -> int:
    """By name, so that no room has to be imported only to be told that it failed."""
    name = type(error).__name__
    if name in _USAGE_ERRORS or isinstance(error, UsageError):
        return USAGE
    return INCONCLUSIVE if name in _LACKS else DEFECT


_USAGE_ERRORS = frozenset(
    {
        "CaptureError",
        "ConfigError",
        "FolderError",
        "IcsError",
        "OutputError",
        "SelectionError",
        "SuiteError",
        "TargetError",
        "WaiverError",
    }
)
_LACKS = frozenset({"PreconditionError", "TsharkError"})
