"""Results on a terminal: the answer first, readable at 80 columns, without colour, and in plain ASCII."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from pxeconform.registry.measured import violators
from pxeconform.report import words
from pxeconform.report.excerpt import IN_FULL, IN_SUMMARY
from pxeconform.report.safe import for_terminal
from pxeconform.report.screen import Surface, painted, wrapped
from pxeconform.report.words import Dict

if TYPE_CHECKING:
    from pxeconform.requirements.model import AnyRule

_GLYPHS = {"good": "✔", "bad": "✘", "warn": "○", "quiet": "·"}
_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "quiet": "dim"}
_LONGEST = 800
_INDENT = 2
_LABEL = 15
_UNJUDGED = ("not_exercised", "not_supported", "skipped", "inconclusive")


class Page:
    """Writes lines to a surface; every string passes through here and is made harmless."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.width = max(surface.width, 40)

    def safe(self, value: object, limit: int | None = None) -> str:
        """What a terminal can be shown."""
        return for_terminal(value, self._surface.encoding, limit)

    def fit(self, value: object, width: int, *, middle: bool = True) -> str:
        """Exactly `width` cells: filled up, or without what does not fit, in the middle or at the end."""
        text = self.safe(value)
        if cell_len(text) > width:
            tail = max(width - 3, 2) // 3 if middle else 0
            text = f"{set_cell_size(text, max(width - 3, 2) - tail)}...{text[len(text) - tail :]}"
        return set_cell_size(text, width)

    def blank(self) -> None:
        """An empty line."""
        self._surface.file.write("\n")

    def line(self, *parts: tuple[object, str] | str, indent: int = 0, hang: int = 0, lead: str = "") -> None:
        """One paragraph of (text, style) parts; further lines are indented by `hang` more, the first begins so."""
        given = ((part, "") if isinstance(part, str) else part for part in parts)
        safe = [(self.safe(text, _LONGEST), style) for text, style in given]
        for at, line in enumerate(wrapped(safe, self.width - indent - hang)):
            margin = [(" " * (indent + hang), "")] if at else [(" " * indent, ""), (lead, "dim")]
            self._surface.file.write(f"{painted([*margin, *line], self._surface)}\n")

    def say(self, text: str) -> None:
        """A line that may be copied: a path is not broken."""
        self._surface.file.write(f"{self.safe(text)}\n")

    def field(self, label: str, value: object, style: str = "", *, indent: int = _INDENT, width: int = _LABEL) -> None:
        """A label, and a value that wraps beside it."""
        self.line((value, style), indent=indent, hang=width, lead=f"{label:<{width}}")

    def title(self, text: str) -> None:
        """A heading of its own."""
        self.blank()
        self.line((text, "bold"))

    def rule(self, left: str, right: str, style: str) -> None:
        """A heading that spans the page."""
        right = f" {right} ──"
        left = self.fit(left, min(cell_len(left), self.width - len(right) - 6))
        self.blank()
        self.line((f"── {left} {'─' * (self.width - len(right) - cell_len(left) - 4)}", "bold"), (right, style))

    def state(self, state: str, table: Dict) -> tuple[str, str]:
        """Glyph and word, and the style."""
        tone = words.tone(state)
        return f"{_GLYPHS[tone]} {table.get(state, state)}", _STYLES[tone]


# -- analyze ----------------------------------------------------------------------------------------------------------


def timeline(analysis: Dict, surface: Surface, *, limit: int | None = IN_FULL) -> None:
    """An analysis (the contract's dict): a line for each boot, then each boot in full, those that failed first.

    `limit` is the number of boots shown in full; None for all.
    """
    page = Page(surface)
    boots = list(analysis.get("boots") or ())
    transfers = list(analysis.get("transfers") or ())
    _extent(page, analysis, boots, transfers)
    for boot in boots[:IN_SUMMARY]:
        _boot_line(page, boot)
    if len(boots) > IN_SUMMARY:
        page.line((f"… and {words.counted(len(boots) - IN_SUMMARY, 'more boot')}", "dim"), indent=_INDENT)
    shown = sorted(boots, key=lambda boot: boot.get("outcome") != "failed")[:limit]
    for boot in shown:
        boot_page(boot, transfers, surface)
    if len(shown) < len(boots):
        page.blank()
        page.line((f"{words.counted(len(boots) - len(shown), 'boot')} not shown in full here", "dim"))
    known = {boot.get("id") for boot in boots}
    strays = [transfer for transfer in transfers if transfer.get("boot") not in known]
    if strays:
        page.title("Transfers that belong to no boot")
        _transfers(page, strays)
        _diagnoses(page, [d for transfer in strays for d in transfer.get("diagnosis") or ()], None)
    _findings(page, [f for f in analysis.get("findings") or () if f.get("verdict") == "fail"])


def _extent(page: Page, analysis: Dict, boots: Sequence[Dict], transfers: Sequence[Dict]) -> None:
    captures = list(analysis.get("captures") or ())
    packets = sum(capture.get("packets") or 0 for capture in captures)
    page.line(
        (words.outcomes(boots), "bold"),
        f" - {words.counted(len(transfers), 'transfer')}, {words.counted(packets, 'packet')}"
        f" in {words.counted(len(captures), 'capture')}",
    )
    for capture in captures:
        for warning in (capture.get("warnings") or ())[:5]:
            page.line(("warning: ", "yellow"), f"{page.safe(capture.get('path'), 60)}: {warning}", indent=_INDENT)


def _boot_line(page: Page, boot: Dict) -> None:
    word, style = page.state(str(boot.get("outcome")), words.OUTCOME_WORDS)
    name = page.fit(words.client(boot), 18)
    page.line(
        (f"{word:<13}", style), f"{name} ", page.fit(words.answer(boot), max(page.width - 34, 20)).rstrip(), indent=2
    )


def boot_page(boot: Dict, transfers: Iterable[Dict], surface: Surface) -> None:
    """One boot in full: who and what, the nine steps, its transfers, and why it failed."""
    page = Page(surface)
    word, style = page.state(str(boot.get("outcome")), words.OUTCOME_WORDS)
    page.rule(f"{words.boot_name(boot.get('id'))}: {page.safe(words.client(boot), 40)}", word, style)
    page.field("UUID", boot.get("uuid") or "not announced")
    signs = "; ".join(boot.get("firmware_signs") or ())
    page.field("Client", words.architecture(boot) + (f" ({boot.get('firmware_confidence')}: {signs})" if signs else ""))
    page.field("Address", f"{boot.get('client_ip') or 'none'}{' (IPv6)' if boot.get('family') == 'ipv6' else ''}")
    page.field("Servers", words.servers(boot))
    page.field("Boot file", words.boot_file(boot))
    began = boot.get("started")
    page.field("Began", f"{words.utc(began)}, took {words.length(boot)}")
    if boot.get("parent") is not None:
        page.field("Started by", f"{words.boot_name(boot['parent'])}, whose boot file does DHCP again")
    page.title("Steps")
    for step in boot.get("steps") or ():
        _step(page, step, began)
    own = [transfer for transfer in transfers if transfer.get("boot") == boot.get("id")]
    if own:
        page.title("Transfers")
        _transfers(page, own)
    if boot.get("lens"):
        _lens(page, boot["lens"])
    causes = list(boot.get("diagnosis") or ())
    if causes or boot.get("stall"):
        page.title("Diagnosis")
        _diagnoses(page, causes, boot.get("firmware"))
        if owed := words.stall(boot):
            page.field("Whose turn", owed)


def _lens(page: Page, readings: Sequence[Dict], limit: int = 20) -> None:
    """How one firmware takes what the client was sent."""
    page.title(f"As {words.LENS_NAMES.get(str(readings[0].get('lens')), 'a lens')} takes it")
    for reading in readings[:limit]:
        refused = reading.get("verdict") != "accepts"
        glyph, style = ("✘", "bold red") if refused else ("✔", "green")
        sort = f" as {reading['sort']}" if reading.get("sort") else ""
        page.line(
            (f"{glyph} frame {reading.get('frame')}", style),
            f" {reading.get('kind')}: {reading.get('verdict')}{sort}",
            indent=_INDENT,
        )
        if refused:
            meets = "yes" if reading.get("can_meet") else "no"
            page.line(f"{reading.get('reason')}; can such a client meet it: {meets}", indent=_INDENT + 2)
        if reading.get("then"):
            page.line((str(reading["then"]), "dim"), indent=_INDENT + 2)
        sure = f"{reading.get('confidence')} ({reading.get('source')})" if reading.get("source") else ""
        page.line((sure, "dim"), indent=_INDENT + 2)
    if len(readings) > limit:
        page.line((f"… and {len(readings) - limit} more packets", "dim"), indent=_INDENT)


def _step(page: Page, step: Dict, origin: int | None) -> None:
    word, style = page.state(str(step.get("status")), words.STATUS_WORDS)
    name = words.STEP_NAMES.get(str(step.get("name")), str(step.get("name")))
    frames = words.frame_list(step.get("frames") or (), 4)
    head = f"{step.get('step')} {name:<22}{words.offset(step.get('started'), origin):>11}  {frames}".rstrip()
    detail = words.detail_line(step.get("detail"))
    room = page.width - _INDENT - 16 - len(head) - 3
    beside = bool(detail) and len(detail) <= room
    page.line((f"{word:<16}", style), head, (f" · {detail}" if beside else "", "dim"), indent=_INDENT)
    if detail and not beside:
        page.line((page.fit(detail, page.width - 20, middle=False).rstrip(), "dim"), indent=_INDENT + 18)


def _transfers(page: Page, transfers: Sequence[Dict], limit: int = 30) -> None:
    room = max(page.width - 57, 16)
    for transfer in transfers[:limit]:
        word, style = page.state(str(transfer.get("outcome")), words.TRANSFER_WORDS)
        verb = "" if transfer.get("direction") != "write" else "write "
        figures = (words.octets(transfer.get("bytes")), words.duration(transfer.get("duration")))
        speed = words.rate(transfer.get("throughput")) if transfer.get("throughput") else ""
        size, time = (f"{figure:>10}" for figure in figures)
        page.line(
            (f"{word:<21}", style),
            page.fit(f"{verb}{transfer.get('file') or '?'}", room),
            f"{size}{time}{speed:>13}",
            indent=_INDENT,
        )
        page.line((words.transfer_notes(transfer), "dim"), indent=_INDENT + 2, hang=2)
    if len(transfers) > limit:
        page.line((f"… and {words.counted(len(transfers) - limit, 'more transfer')}", "dim"), indent=_INDENT)


def _diagnoses(page: Page, causes: Sequence[Dict], firmware: str | None) -> None:
    for cause in causes:
        severity = str(cause.get("severity"))
        glyph, style = page.state(severity, {})
        page.line(
            (f"{glyph[0]} {cause.get('cause')}", style),
            f" ({severity}, {cause.get('confidence', 'possible')})",
            indent=_INDENT,
        )
        page.line(str(cause.get("summary") or ""), indent=_INDENT + 2)
        for at, screen in enumerate(words.screens(cause, firmware)):
            text = f" “{screen.text}”" if screen.text else ""
            mine = "  <- this client" if screen.own else ""
            page.field("On the screen" if at == 0 else "", f"{screen.family}: {screen.code}{text}{mine}", indent=4)
        if cause.get("advice"):
            page.field("What to do", cause["advice"], "bold", indent=4)
        if cause.get("frames"):
            page.field("Seen in", words.frame_list(cause["frames"]), indent=4)


def _findings(page: Page, broken: Sequence[Dict], limit: int = 20) -> None:
    if not broken:
        return
    page.title(f"Violations of the documents seen in this capture: {len(broken)}")
    for finding in broken[:limit]:
        page.line(
            (f"✘ {finding.get('requirement')}", "bold red"),
            f" {finding.get('level')}, by {finding.get('server') or 'a server'}",
            indent=_INDENT,
        )
        frames = words.frame_list(finding.get("frames") or ())
        page.line(" ".join(filter(None, (finding.get("summary"), frames and f"({frames})"))), indent=_INDENT + 2)
    if len(broken) > limit:
        page.line((f"… and {len(broken) - limit} more", "dim"), indent=_INDENT)


# -- run --------------------------------------------------------------------------------------------------------------


def verdict_table(results: Dict, surface: Surface) -> None:
    """The verdicts of a run (the contract's dict): a line each by role, what was violated, what could not be judged.

    The last line is the sentence that the run ends with.
    """
    page = Page(surface)
    verdicts: list[Dict] = list(results.get("verdicts") or ())
    width = max((len(str(v.get("requirement"))) for v in verdicts), default=0)
    marks: dict[str, None] = {}
    for role, group in words.by_role(verdicts).items():
        page.title(f"{words.ROLE_NAMES.get(role, role)}: {words.breakdown(group)}")
        for verdict in group:
            marks |= dict.fromkeys(_verdict_line(page, verdict, width))
    _unjudged(page, [v for v in verdicts if v.get("verdict") in _UNJUDGED])
    for title, states in (("Broke", ("error",)), ("Not the same each time", ("flaky",)), ("Violated", ("fail",))):
        shown = [v for v in verdicts if v.get("verdict") in states]
        if shown:
            page.title(f"{title}: {len(shown)}")
        for verdict in shown:
            _violation(page, verdict)
    page.blank()
    if marks:
        page.line((f"* {'; '.join(marks)}: see pxeconform explain ID", "dim"))
    if verdicts:
        page.line((words.breakdown(verdicts), "dim"))
    bad = any(v.get("verdict") in ("fail", "error") for v in verdicts)
    page.line((words.verdict_summary(results), "bold red" if bad else "bold"))


def _verdict_line(page: Page, verdict: Dict, width: int) -> tuple[str, ...]:
    """One verdict; returns the marks that its asterisk stands for."""
    word, style = page.state(str(verdict.get("verdict")), words.VERDICT_WORDS)
    known = words.known(verdict)
    level = f"{verdict.get('level')}{'*' if known.marks else ''}"
    head = f"{page.fit(verdict.get('requirement'), width)}  {level:<12}{words.times(verdict)}"
    room = page.width - _INDENT - 16 - len(head) - 3
    more = verdict.get("observed") or verdict.get("reason")
    beside = f"  {page.fit(more, room, middle=False)}".rstrip() if more and room >= 30 else ""
    page.line((f"{word:<16}", style), head, (beside, "dim"), indent=_INDENT)
    return known.marks


def _unjudged(page: Page, verdicts: Sequence[Dict]) -> None:
    """What could not be judged, by reason: often one missing fact stands behind many of them."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        key = (str(verdict.get("verdict")), str(verdict.get("reason") or "no reason given"))
        reasons.setdefault(key, []).append(str(verdict.get("requirement")))
    if reasons:
        page.title(f"Not judged, and why: {len(verdicts)}")
    for (state, reason), identifiers in reasons.items():
        page.line((f"{words.VERDICT_WORDS.get(state, state)}: ", "dim"), reason, indent=_INDENT, hang=2)
        page.line((", ".join(identifiers), "dim"), indent=_INDENT + 4)


def _violation(page: Page, verdict: Dict) -> None:
    word, style = page.state(str(verdict.get("verdict")), words.VERDICT_WORDS)
    page.line((f"{word} {verdict.get('requirement')}", style), f"  {verdict.get('level')}", indent=_INDENT)
    if text := words.known(verdict).text:
        page.line(text, indent=_INDENT + 2)
    expected = " / or ".join(map(str, verdict.get("expected") or ()))
    evidence: Dict = verdict.get("evidence") or {}
    frames = words.frame_list(evidence.get("frames") or ())
    rows = (
        ("expected", expected),
        ("observed", verdict.get("observed")),
        ("verdict", verdict.get("reason")),
        ("clients", words.lenses(verdict)),
        ("see", f"{frames} of {evidence.get('capture') or 'the evidence'}" if frames else ""),
    )
    for label, value in rows:
        if value:
            page.field(label, value, indent=_INDENT + 2, width=10)


# -- explain ----------------------------------------------------------------------------------------------------------


def requirement_page(rule: AnyRule, surface: Surface, scenarios: Sequence[tuple[str, str, str]] = ()) -> None:
    """One requirement in full. `scenarios` are those that provoke it: (id, title, source text)."""
    page = Page(surface)
    requirement = rule.requirement
    page.line((requirement.id, "bold"), f"  {requirement.level.value}  {words.ROLE_NAMES[requirement.role.value]}")
    page.line(requirement.text, indent=_INDENT)
    page.blank()
    page.field("Document", f"{requirement.document}, section {requirement.section}")
    if requirement.derived:
        page.field("Level", "derived: no single sentence of the document says it, the level is our reading")
    if requirement.unconfirmed:
        page.field("Unconfirmed", "no server or client of the field was at hand to confirm how it is read")
    if requirement.unseen:
        page.field("Unseen", f"from outside it does not show {requirement.unseen}")
    page.field("Bites when", meaning(rule.when))
    page.field("Then owed", meaning(rule.then))
    for at, outcome in enumerate(rule.expected):
        page.field("Passes with" if at == 0 else "", f"{'or ' if at else ''}{outcome}")
    page.field("Clients", requirement.clients or "nothing is known of who notices")
    page.field("Kind", f"{rule.kind.value}, over one {rule.scope.value}")
    if rule.assumes:
        page.field("Assumes", rule.assumes)
    page.field("If not seen", rule.lacking)
    for at, row in enumerate(violators(requirement.id)):
        page.field("" if at else "Violated by", f"{row.server}: {row.observed}")
    page.title("How it is provoked")
    if not scenarios:
        page.line("by no scenario here: it is judged where it comes up, in runs and in captures", indent=_INDENT)
    for identifier, title, source in scenarios:
        page.line((identifier, "bold"), f"  {title}", indent=_INDENT)
        for line in source.expandtabs(4).splitlines():
            page.line((line, "dim"), indent=_INDENT + 2, hang=8) if line.strip() else page.blank()


def meaning(function: Callable[..., Any]) -> str:
    """What a rule's function says of itself: its docstring's first line."""
    return (function.__doc__ or "not described").strip().splitlines()[0]
