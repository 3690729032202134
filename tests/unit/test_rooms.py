"""The house: rooms in a row, each of which knows only those before it (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pxeconform

HOUSE = Path(pxeconform.__file__).parent
ROOMS = (
    "registry", "protocol", "capture", "sessions", "requirements", "diagnosis", "runner", "server", "report",
)  # fmt: skip
FACES = frozenset({"__init__", "__main__", "analysis", "api", "cli", "document", "extraction", "pytest_plugin"})
"""What stands before the rooms and uses them."""

APART = frozenset({("server", "runner"), ("report", "runner"), ("report", "server")})
"""Neighbours that nothing binds: a server is judged by its packets, and a report reads what was written."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names if node.module == "pxeconform")
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _known(room: str) -> set[str]:
    return {
        name.split(".")[1]
        for path in (HOUSE / room).rglob("*.py")
        for name in _imports(path)
        if name.startswith("pxeconform.") and name != "pxeconform.__version__"
    } - {room}


def test_each_room_knows_only_those_before_it() -> None:
    for at, room in enumerate(ROOMS):
        assert _known(room) <= set(ROOMS[:at]), room


def test_neighbours_that_nothing_binds_do_not_know_each_other() -> None:
    for room, other in APART:
        assert other not in _known(room), room


def test_every_module_is_in_a_room_or_a_face() -> None:
    here = {path.stem if path.is_file() else path.name for path in HOUSE.iterdir() if path.suffix in ("", ".py")}
    assert here - {"__pycache__"} == FACES | set(ROOMS)
