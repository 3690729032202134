"""The scenarios, a module for each part of the way a boot goes."""

from __future__ import annotations

from tests.causes.make.scenarios import address, discovery, download, families, firmware, networks, odd, start, transfer
from tests.causes.make.stage import Scenario

ALL: tuple[Scenario, ...] = (
    *address.SCENARIOS,
    *discovery.SCENARIOS,
    *download.SCENARIOS,
    *transfer.SCENARIOS,
    *start.SCENARIOS,
    *odd.SCENARIOS,
    *families.SCENARIOS,
    *firmware.SCENARIOS,
    *networks.SCENARIOS,
)
