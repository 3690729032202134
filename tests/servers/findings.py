"""What was said of the servers before this suite existed, and what came of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "findings.toml"
REPRODUCED, LEGAL, REFUTED, NOT_TRIED = "reproduced", "legal", "refuted", "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about some servers. `requirements` are violated if it was reproduced, else they are not."""

    said: str
    servers: tuple[str, ...]
    came: str
    requirements: tuple[str, ...] = ()
    note: str = ""

    @property
    def verdict(self) -> str:
        """What came of it, in one line."""
        violated = ", ".join(self.requirements) if self.came == REPRODUCED else ""
        return "; ".join(filter(None, (": ".join(filter(None, (self.came, violated))), self.note)))


def findings() -> tuple[Finding, ...]:
    """All of them, in the order of the file."""
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))["finding"]
    return tuple(
        Finding(
            one["said"], tuple(one["servers"]), one["came"], tuple(one.get("requirements", ())), one.get("note", "")
        )
        for one in written
    )
