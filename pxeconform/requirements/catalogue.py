"""All rules, in the order in which they are listed and reported."""

from __future__ import annotations

from pxeconform.requirements.model import AnyRule
from pxeconform.requirements.pxe import boot_server, credentials
from pxeconform.requirements.tftp import (
    access,
    apprentice,
    block_size,
    block_wrap,
    blocks,
    errors,
    identifiers,
    interval_and_size,
    malformed,
    multicast,
    negotiation,
    netascii,
    option_acknowledgment,
    requests,
    retransmission,
    window_writes,
    windows,
    writing,
)

_AREAS = (
    identifiers,
    requests,
    blocks,
    retransmission,
    block_wrap,
    apprentice,
    writing,
    netascii,
    errors,
    malformed,
    access,
    option_acknowledgment,
    negotiation,
    block_size,
    interval_and_size,
    windows,
    window_writes,
    multicast,
    boot_server,
    credentials,
)
"""An area is a module: its requirements stand in one part of a document, and its scenarios in `testsuites`."""

RULES: tuple[AnyRule, ...] = tuple(rule for area in _AREAS for rule in area.RULES)


def find(requirement: str) -> AnyRule | None:
    """The rule of a requirement id, in any spelling of case."""
    return next((rule for rule in RULES if rule.requirement.id.lower() == requirement.lower()), None)
