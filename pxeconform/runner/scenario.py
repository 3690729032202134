"""Scenarios: what a client does to provoke what a requirement is about. No verdict is made here.

A scenario is a function in a file below `testsuites/`. It names the requirements that it exists to exercise; leaving
one unexercised without a reason is an error of the scenario, never a pass.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pxeconform.runner.play import Play

Body = Callable[["Play"], None]


class Unplayable(Exception):
    """A scenario cannot provoke what it is for; the message is the reason that the verdict will give."""


class SuiteError(Exception):
    """A file of scenarios cannot be loaded, or a name does not exist; one sentence."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. Those that share a `turn` never run at the same time."""

    id: str
    title: str
    exercises: tuple[str, ...]
    body: Body
    turn: str | None = None
    disruptive: bool = False
    negative: bool = False
    waiting: bool = False
    """It spends many seconds listening, so it begins before those that do not."""
    novel: bool = False
    """It asks for what old servers have never heard of: that is legal, and some were seen to die of it."""

    @property
    def alone(self) -> bool:
        """Played after the others with none beside it, and followed by a look whether the target is still there."""
        return self.disruptive or self.negative or self.novel


@dataclass(frozen=True, slots=True)
class _Declared:
    exercises: tuple[str, ...]
    turn: str | None
    disruptive: bool
    negative: bool
    waiting: bool
    novel: bool


_ATTRIBUTE = "__pxeconform_scenario__"


def scenario(
    *exercises: str,
    turn: str | None = None,
    disruptive: bool = False,
    negative: bool = False,
    waiting: bool = False,
    novel: bool = False,
) -> Callable[[Body], Body]:
    """Declare a function to be a scenario for these requirements.

    Its docstring's first line is its title. `turn` names something that only one scenario at a time may use. A
    `negative` one sends single malformed datagrams, a `disruptive` one floods or means to kill (`--disruptive`); a
    `waiting` one listens for long, and begins early; a `novel` one asks for what old servers have never heard of,
    and is played between those that are played together and those that may kill.
    """

    def declare(body: Body) -> Body:
        setattr(body, _ATTRIBUTE, _Declared(exercises, turn, disruptive, negative, waiting, novel))
        return body

    return declare


def default_suites() -> Path:
    """The folder of the scenarios that come with the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "testsuites"
    return inside if inside.is_dir() else package.parent / "testsuites"


def load(folder: Path | None = None) -> tuple[Scenario, ...]:
    """All scenarios below a folder, in the order of files and of the functions in them. Raises `SuiteError`."""
    folder = folder or default_suites()
    found: list[Scenario] = []
    for path in sorted(folder.rglob("*.py")):
        if path.name != "__init__.py":
            found += scenarios_in(path, path.relative_to(folder).parts[0].removesuffix(".py"))
    if not found:
        raise SuiteError(f"{folder} holds no scenarios")
    names = Counter(scenario.id for scenario in found)
    if doubled := [name for name, count in names.items() if count > 1]:
        raise SuiteError(f"{folder} has two scenarios {doubled[0]}: their evidence could not be told apart")
    return tuple(found)


def scenarios_in(path: Path, suite: str) -> list[Scenario]:
    """The scenarios of one file; their ids are `suite/function-name`."""
    module = _import(path)
    found = []
    for name, body in vars(module).items():
        declared = getattr(body, _ATTRIBUTE, None)
        if isinstance(declared, _Declared) and body.__module__ == module.__name__:
            title = (body.__doc__ or name).strip().splitlines()[0]
            identifier = f"{suite}/{name.replace('_', '-')}"
            found.append(
                Scenario(
                    identifier,
                    title,
                    declared.exercises,
                    body,
                    declared.turn,
                    declared.disruptive,
                    declared.negative,
                    declared.waiting,
                    declared.novel,
                )
            )
    return found


def select(scenarios: Iterable[Scenario], requirements: Iterable[str]) -> tuple[Scenario, ...]:
    """The scenarios that exercise at least one of these requirements."""
    wanted = set(requirements)
    return tuple(s for s in scenarios if wanted & set(s.exercises))


def _import(path: Path) -> ModuleType:
    name = f"pxeconform_suite_{abs(hash(str(path)))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SuiteError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SuiteError(f"{path} cannot be loaded: {error}") from error
    return module
