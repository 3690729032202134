"""The command line: each command is a thin face of a public function."""

from __future__ import annotations

_COLLECTED_AFTER = 100_000
"""Objects made until the collector looks at them, instead of the usual 700."""


def main() -> None:
    """Run the command line (the entry point of the `pxeconform` script)."""
    import gc

    # Modules and sessions are many objects and hardly any cycles: looking for those again and again costs a third.
    gc.set_threshold(_COLLECTED_AFTER)
    from pxeconform.cli.app import app

    app()


__all__ = ["main"]
