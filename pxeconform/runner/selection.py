"""Which requirements a run is about, and which scenarios exercise them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.model import AnyRule, Level, Role
from pxeconform.runner.scenario import Scenario

PROFILES: Mapping[str, frozenset[Role]] = {
    "tftp": frozenset({Role.TFTP}),
    "dhcp": frozenset({Role.DHCP}),
    "proxydhcp": frozenset({Role.PROXY_DHCP}),
    "bootserver": frozenset({Role.BOOT_SERVER}),
    "bis": frozenset({Role.BIS}),
    "mtftp": frozenset({Role.MTFTP}),
    "pxe": frozenset(Role) - {Role.TFTP},
}

_LEVELS: Mapping[str, frozenset[Level]] = {
    "must": frozenset({Level.MUST, Level.MUST_NOT}),
    "should": frozenset({Level.MUST, Level.MUST_NOT, Level.SHOULD, Level.SHOULD_NOT}),
    "may": frozenset(Level),
}


_T = TypeVar("_T")


class SelectionError(Exception):
    """A name in the selection does not exist; one sentence."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Requirement ids in the catalogue's order, and the scenarios for them."""

    requirements: tuple[str, ...]
    scenarios: tuple[Scenario, ...]


def choose(
    scenarios: Iterable[Scenario],
    *,
    profile: str | None = None,
    suites: Sequence[str] = (),
    level: str = "may",
    matching: str | None = None,
    rules: Sequence[AnyRule] = RULES,
) -> Selection:
    """Narrow rules and scenarios down. Raises `SelectionError`.

    `level` keeps what is at least that strong. `matching` is a part of a scenario's or requirement's id; several stand
    side by side with `or`.
    """
    available = tuple(scenarios)
    roles = _lookup(PROFILES, profile, "profile") if profile is not None else frozenset(Role)
    levels = _lookup(_LEVELS, level, "level")
    names = {s.id.partition("/")[0] for s in available}
    if unknown := set(suites) - names:
        raise SelectionError(f"there is no suite {sorted(unknown)[0]}; there are {', '.join(sorted(names))}")
    if suites:
        available = tuple(s for s in available if s.id.partition("/")[0] in suites)
    wanted = {r.requirement.id for r in rules if r.requirement.role in roles and r.requirement.level in levels}
    if suites:
        wanted &= {requirement for s in available for requirement in s.exercises}
    if matching is not None:
        parts = [part.strip().lower() for part in matching.split(" or ") if part.strip()]
        named = {s.id for s in available if _matches(s.id, parts)}
        wanted &= {r for s in available for r in s.exercises if s.id in named or _matches(r, parts)}
        available = tuple(s for s in available if s.id in named or any(_matches(r, parts) for r in s.exercises))
    return Selection(
        tuple(rule.requirement.id for rule in rules if rule.requirement.id in wanted),
        tuple(s for s in available if wanted & set(s.exercises)),
    )


def _matches(identifier: str, parts: Iterable[str]) -> bool:
    return any(part in identifier.lower() for part in parts)


def _lookup(table: Mapping[str, frozenset[_T]], key: str, what: str) -> frozenset[_T]:
    found = table.get(key)
    if found is None:
        raise SelectionError(f"there is no {what} {key}; there are {', '.join(table)}")
    return found
