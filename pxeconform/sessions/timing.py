"""Whose timers a client's repetitions keep: those of the specification, or an implementation's own."""

from __future__ import annotations

from collections.abc import Sequence

from pxeconform.registry.timers import CLIENT_SCHEDULES, SPECIFIED_SCHEDULES, Phase, Schedule

_SLACK_SECONDS, _SLACK = 0.35, 0.1
"""How far a try may lie from its schedule: a third of a second, and a tenth of its offset (random jitter, load)."""

_SAME_TRY = 0.1
"""Copies that follow within this time (relays, mirrors) are no further try."""


def schedules(times: Sequence[int], phase: Phase) -> tuple[str, ...]:
    """Schedules that tries at these times (ns) keep: `specification`, then firmware; none for fewer than two tries."""
    offsets: list[float] = []
    for time in times:
        offset = (time - times[0]) / 1e9
        if not offsets or offset - offsets[-1] > _SAME_TRY:
            offsets.append(offset)
    if len(offsets) < 2:
        return ()
    known = (*SPECIFIED_SCHEDULES, *CLIENT_SCHEDULES)
    return tuple(s.firmware for s in known if s.phase == phase and _keeps(offsets, s))


def _keeps(offsets: Sequence[float], schedule: Schedule) -> bool:
    due = list(schedule.offsets)
    while schedule.then_every and len(due) < len(offsets):
        due.append(due[-1] + schedule.then_every)
    if len(offsets) > len(due):
        return False
    return all(abs(seen - at) <= max(_SLACK_SECONDS, at * _SLACK) for seen, at in zip(offsets, due, strict=False))
