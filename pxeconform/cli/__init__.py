"""The command line: each command is a thin face of a public function."""

from __future__ import annotations


def main() -> None:
    """Run the command line (the entry point of the `pxeconform` script)."""
    from pxeconform.cli.app import app

    app()


__all__ = ["main"]
