"""All rules, in the order in which they are listed and reported."""

from __future__ import annotations

from pxeconform.requirements.model import AnyRule
from pxeconform.requirements.pxe import boot_server, credentials
from pxeconform.requirements.tftp import apprentice, identifiers, negotiation

RULES: tuple[AnyRule, ...] = (
    *identifiers.RULES,
    *apprentice.RULES,
    *negotiation.RULES,
    *boot_server.RULES,
    *credentials.RULES,
)


def find(requirement: str) -> AnyRule | None:
    """The rule of a requirement id, in any spelling of case."""
    return next((rule for rule in RULES if rule.requirement.id.lower() == requirement.lower()), None)
