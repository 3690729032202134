"""A faulty server: the reference server with exactly one fault.

Each fault breaks one requirement. Where a second one must fall with it, the reason stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pxeconform.requirements.ledger import Claims
from pxeconform.server.config import ServerConfig
from tests.mutants.arena import PATIENCE, Maker, sound_claims


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, the requirement that it breaks, and whom the judge has before it."""

    name: str
    requirement: str
    make: Maker
    told: str
    """What the verdict must say of it, at least."""
    claims: Callable[[], Claims] = sound_claims
    config: Callable[[ServerConfig], ServerConfig] = lambda config: config
    patience: float = PATIENCE
    """Seconds; longer where only long silence says something."""
    falls_with: Mapping[str, str] = field(default_factory=dict)
    """Further requirements that must fail, each with the reason why this cannot be otherwise."""

    @property
    def guilty(self) -> set[str]:
        """All requirements that must fail."""
        return {self.requirement, *self.falls_with}
