"""`list` and `explain`."""

from __future__ import annotations

import inspect

from pxeconform.cli.errors import UsageError
from pxeconform.cli.output import consoles


def list_command(profile: str | None, level: str, scenarios: bool) -> int:
    """A line for each requirement or scenario."""
    from pxeconform.requirements.catalogue import find
    from pxeconform.runner.scenario import load
    from pxeconform.runner.selection import choose

    console = consoles(None)
    selection = choose(load(), profile=profile, level=level)
    if scenarios:
        for scenario in selection.scenarios:
            console.print(f"[bold]{scenario.id}[/]  {scenario.title}", highlight=False, soft_wrap=True)
        return 0 if selection.scenarios else 5
    for identifier in selection.requirements:
        rule = find(identifier)
        if rule is not None:
            requirement = rule.requirement
            unseen = f" (unseen from outside: {requirement.unseen})" if requirement.unseen else ""
            console.print(
                f"[bold]{identifier:20}[/] {requirement.level.value:8} {requirement.role.value:10} "
                f"{requirement.document} §{requirement.section}: {requirement.text}{unseen}",
                highlight=False,
                soft_wrap=True,
            )
    return 0 if selection.requirements else 5


def explain_command(identifier: str) -> int:
    """One requirement, or the requirements of one scenario, in full."""
    from pxeconform.report.terminal import requirement_page
    from pxeconform.requirements.catalogue import find
    from pxeconform.runner.scenario import load

    console = consoles(None)
    scenarios = load()
    scenario = next((s for s in scenarios if s.id == identifier.lower()), None)
    rule = find(identifier)
    if scenario is not None:
        console.print(f"[bold]{scenario.id}[/]: {scenario.title}", highlight=False)
        console.print(inspect.getsource(scenario.body), markup=False, highlight=False)
        console.print("Exercises: " + ", ".join(scenario.exercises), highlight=False)
        return 0
    if rule is None:
        raise UsageError(f"there is no requirement or scenario {identifier}; pxeconform list shows them all")
    provoking = [(s.id, s.title, inspect.getsource(s.body)) for s in scenarios if rule.requirement.id in s.exercises]
    requirement_page(rule, console, provoking)
    return 0
