"""The one judging engine: rule times trace gives facts, facts give one verdict a requirement. A pure fold.

error > fail > inconclusive > pass. Whoever calls it brings the trace, from a run's folder or from a capture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pxeconform.requirements.ledger import ScenarioRecord
from pxeconform.requirements.model import AnyRule, Fact, Holds, Level, Result, Verdict
from pxeconform.requirements.view import Trace, View

_MOST_WORDS = 3


Repetition = Mapping[str, Trace]
"""What was played again once: evidence files, by their names in the run's folder, and their traces."""


def judge(trace: Trace, rules: Iterable[AnyRule], repetitions: Sequence[Repetition] = ()) -> tuple[Verdict, ...]:
    """One verdict for every selected rule, in the order of the rules.

    In `repetitions` suspect scenarios were played again alone, each for the requirements that its ledger selects. A
    violation that does not come back in each of them that
    exercised the requirement is `flaky`; what was unclear is what the first repetition that is clear says.
    """
    return confirmed(_judge_once(trace, rules), rules, repetitions)


def confirmed(
    verdicts: Sequence[Verdict], rules: Iterable[AnyRule], repetitions: Sequence[Repetition]
) -> tuple[Verdict, ...]:
    """The verdicts over a trace, with what its repetitions say folded in."""
    if not repetitions:
        return tuple(verdicts)
    again = [
        [
            {v.requirement: replace(v, capture=capture) for v in _judge_once(one, rules)}
            for capture, one in repetition.items()
        ]
        for repetition in repetitions
    ]
    return tuple(
        _confirmed(verdict, [[t[verdict.requirement] for t in traces if verdict.requirement in t] for traces in again])
        for verdict in verdicts
    )


def judge_view(view: View, rules: Iterable[AnyRule]) -> tuple[Verdict, ...]:
    """The same for sessions that are already there."""
    facts = {rule.requirement.id: (rule, list(rule.facts(view))) for rule in rules if _selected(rule, view)}
    _charge(facts.values(), view)
    astray = _astray(facts.values())
    return tuple(_verdict(rule, found, astray, view) for rule, found in facts.values())


def tally(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many verdicts of each kind."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    return {result.value: counts[result.value] for result in Result}


def _judge_once(trace: Trace, rules: Iterable[AnyRule]) -> tuple[Verdict, ...]:
    return judge_view(View(trace), rules)


def _selected(rule: AnyRule, view: View) -> bool:
    selection = view.ledger.selection
    return selection is None or rule.requirement.id in selection


def _charge(judged: Iterable[tuple[AnyRule, list[Fact]]], view: View) -> None:
    """A target that died of what was played for some requirements broke them, unless a rule says which one."""
    if view.killer is None:
        return
    frame, scenario = view.killer
    exercised = {r for record in view.ledger.scenarios if record.id == scenario for r in record.exercises}
    concerned = [(rule, found) for rule, found in judged if rule.requirement.id in exercised]
    if any(fact.holds is Holds.BROKEN and scenario in fact.scenarios for _, found in concerned for fact in found):
        return
    for rule, found in concerned:
        if rule.requirement.level is not Level.MAY:
            found.append(Fact(Holds.BROKEN, (frame,), "the target answered nobody any more", frozenset({scenario})))


def _astray(judged: Iterable[tuple[AnyRule, list[Fact]]]) -> dict[str, str]:
    """Scenarios in which the target broke a requirement, and which one: what they left unexercised has a reason."""
    broken = ((s, rule) for rule, facts in judged for f in facts if f.holds is Holds.BROKEN for s in f.scenarios)
    return {scenario: rule.requirement.id for scenario, rule in broken if rule.requirement.level is not Level.MAY}


def _verdict(rule: AnyRule, found: list[Fact], astray: Mapping[str, str], view: View) -> Verdict:
    requirement = rule.requirement
    records = [_excused(r, astray, view) for r in view.ledger.scenarios if requirement.id in r.exercises]
    facts = found + _damage(view)
    result, reason, shown = _fold(rule, facts, records, view)
    frames = sorted({frame for fact in shown for frame in fact.frames})
    return Verdict(
        requirement=requirement.id,
        level=requirement.level.value,
        role=requirement.role.value,
        verdict=result.value,
        exercised=sum(fact.holds in (Holds.KEPT, Holds.BROKEN) for fact in facts),
        violations=sum(fact.holds is Holds.BROKEN for fact in facts),
        reason=reason,
        expected=rule.expected,
        observed=_observed(shown),
        scenarios=tuple(sorted({record.id for record in records}.union(*(fact.scenarios for fact in shown)))),
        frames=tuple(frames),
        section=f"{requirement.document} §{requirement.section}",
    )


def _excused(record: ScenarioRecord, astray: Mapping[str, str], view: View) -> ScenarioRecord:
    """A scenario plays against a server that keeps the rules: where one is broken, it need not come to its point.

    Nor where the tester itself stood still meanwhile.
    """
    if record.reason:
        return record
    if view.ledger.stalls_between(record.started, record.ended):
        return replace(record, reason=f"the tester itself stalled while {record.id} was played")
    if record.id not in astray:
        return record
    return replace(record, reason=f"in {record.id} the target broke {astray[record.id]}")


def _damage(view: View) -> list[Fact]:
    """Evidence that lost datagrams acquits nobody: what is missing may be the violation, or what excuses it."""
    return [
        Fact(Holds.UNCLEAR, (), sentence, frozenset({scenario}))
        for scenario, sentence in view.damaged_scenarios.items()
    ]


def _fold(
    rule: AnyRule, facts: list[Fact], records: list[ScenarioRecord], view: View
) -> tuple[Result, str, list[Fact]]:
    """The verdict, its reason in one sentence, and the facts that it stands on."""
    by_holds = {holds: [fact for fact in facts if fact.holds is holds] for holds in Holds}
    for record in records:
        if record.status == "error":
            return Result.ERROR, f"the scenario {record.id} broke: {record.reason}", []
        if record.status == "played" and not record.reason and not _spoken_for(record, facts):
            return Result.ERROR, f"the scenario {record.id} left it unexercised and gave no reason", []
    if by_holds[Holds.BROKEN]:
        violations = by_holds[Holds.BROKEN]
        if rule.requirement.level is Level.MAY:
            return Result.PASS, "a MAY never fails; this is what was observed", violations
        return Result.FAIL, f"violated on {len(violations)} of {_counted(facts)}", violations
    if by_holds[Holds.UNCLEAR]:
        return Result.INCONCLUSIVE, by_holds[Holds.UNCLEAR][0].observed, by_holds[Holds.UNCLEAR]
    if by_holds[Holds.KEPT]:
        return Result.PASS, f"no violation on {_counted(facts)}", by_holds[Holds.KEPT]
    if by_holds[Holds.UNSUPPORTED]:
        return Result.NOT_SUPPORTED, by_holds[Holds.UNSUPPORTED][0].observed, by_holds[Holds.UNSUPPORTED]
    if view.ledger.target_died_at is not None and any(record.status == "skipped" for record in records):
        return Result.SKIPPED, f"target died at frame {view.ledger.target_died_at}", []
    reasons = [record.reason for record in records if record.reason]
    return Result.NOT_EXERCISED, reasons[0] if reasons else rule.lacking, []


def _spoken_for(record: ScenarioRecord, facts: list[Fact]) -> bool:
    return any(record.id in fact.scenarios for fact in facts)


def _counted(facts: list[Fact]) -> str:
    count = sum(fact.holds in (Holds.KEPT, Holds.BROKEN) for fact in facts)
    return f"{count} occasion{'' if count == 1 else 's'}"


def _observed(facts: list[Fact]) -> str:
    """What was seen, most frequent first, in one line."""
    counts = Counter(fact.observed for fact in facts)
    parts = [text if n == 1 else f"{text} ({n} times)" for text, n in counts.most_common(_MOST_WORDS)]
    more = len(counts) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def _confirmed(verdict: Verdict, again: Sequence[Sequence[Verdict]]) -> Verdict:
    """Fold what each repetition says into the verdict."""
    clear = list(filter(None, map(_clear, again)))
    if verdict.verdict == Result.INCONCLUSIVE.value and clear:
        return replace(clear[0], reason=f"{clear[0].reason}; played alone, as it was unclear beside other scenarios")
    if verdict.verdict != Result.FAIL.value:
        return verdict
    failures = sum(one.verdict == Result.FAIL.value for one in clear)
    if not clear:
        return replace(verdict, reason=f"{verdict.reason}; could not be repeated")
    if failures == len(clear):
        return replace(verdict, reason=f"{verdict.reason}; repeated {failures} of {failures} times")
    return replace(
        verdict,
        verdict=Result.FLAKY.value,
        reason=f"{verdict.reason}; repeated {failures} of {len(clear)} times when played alone",
    )


def _clear(repetition: Sequence[Verdict]) -> Verdict | None:
    """What a repetition says: it fails if one of its traces does."""
    by_result = {verdict.verdict: verdict for verdict in reversed(repetition)}
    return by_result.get(Result.FAIL.value) or by_result.get(Result.PASS.value)
