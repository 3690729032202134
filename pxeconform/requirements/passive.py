"""The rules of the catalogue over a capture from the field: what each server that was seen kept and violated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.judge import judge_view
from pxeconform.requirements.ledger import Coverage, Ledger
from pxeconform.requirements.model import AnyRule, Result, Verdict
from pxeconform.requirements.view import Trace, View
from pxeconform.sessions.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement's verdict over one server's sessions in a capture."""

    server: str
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """As `analysis.json` has it."""
        verdict = self.verdict
        return {
            "requirement": verdict.requirement,
            "level": verdict.level,
            "server": self.server,
            "verdict": verdict.verdict,
            "exercised": verdict.exercised,
            "violations": verdict.violations,
            "frames": list(verdict.frames),
            "summary": verdict.observed or verdict.reason,
        }


def findings(sessions: Sessions, coverage: Coverage, rules: Sequence[AnyRule] = RULES) -> tuple[Finding, ...]:
    """Judge every server of a capture; requirements that never came up are left out."""
    view = View(Trace((), Ledger(), coverage), sessions)
    servers = {t.server for t in sessions.transfers if t.answered}
    servers |= {event.source[0] for event in sessions.dhcp if not event.from_client}
    found: list[Finding] = []
    for server in sorted(servers):
        judged = judge_view(view.only(server), rules)
        found += [Finding(server, v) for v in judged if v.verdict != Result.NOT_EXERCISED.value]
    return tuple(found)
