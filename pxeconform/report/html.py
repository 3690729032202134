"""The HTML reports: one file each, nothing loaded from anywhere.

Every string is made visible and then escaped, whatever it is. Should that ever fail, the page's own content security
policy still lets no script run but ours, which it knows by its hash, and lets nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from pxeconform import __version__
from pxeconform.report import words
from pxeconform.report.safe import NAME_LIMIT, visible

Dict = Mapping[str, Any]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_TEXT_LIMIT: Final = 2000
_BOOTS_LIMIT: Final = 200
_CHARTS_LIMIT: Final = 40
_ROWS_LIMIT: Final = 500


def analysis_html(analysis: Dict) -> str:
    """`report.html`: what happened to each boot, why it failed, and what was transferred."""
    from pxeconform.report.charts import timeline_chart, transfer_chart

    boots = list(analysis.get("boots") or ())
    transfers = list(analysis.get("transfers") or ())
    shown = _worth_showing(boots)
    charts = {index: Markup(timeline_chart(boots[index]).decode()) for index in shown[:_CHARTS_LIMIT]}
    moved = any(transfer.get("throughput") for transfer in transfers)
    known = {boot.get("id") for boot in boots}
    return _render(
        "report.html.j2",
        analysis=analysis,
        boots=boots,
        shown=sorted(shown),
        charts=charts,
        transfers=transfers[:_ROWS_LIMIT],
        transfers_left_out=max(len(transfers) - _ROWS_LIMIT, 0),
        transfers_of=_by_boot(transfers),
        strays=[t for t in transfers if t.get("boot") not in known and t.get("diagnosis")][:_BOOTS_LIMIT],
        transfer_chart=Markup(transfer_chart(transfers).decode()) if moved else "",
        findings=sorted(analysis.get("findings") or (), key=lambda finding: finding.get("verdict") != "fail"),
        boot_links={boot.get("id"): index + 1 for index, boot in enumerate(boots)},
    )


def results_html(results: Dict) -> str:
    """`results.html`: every verdict with what was expected, what was observed, and the frames that show it."""
    from pxeconform.report.charts import transfer_chart

    verdicts = list(results.get("verdicts") or ())
    timing = results.get("timing") or {}
    rates = [
        {**entry, "file": f"blksize {entry.get('blksize')}, windowsize {entry.get('windowsize')}", **_whole(entry)}
        for entry in timing.get("throughput") or ()
    ]
    numbered = [{"number": number, "known": words.known(v), **v} for number, v in enumerate(verdicts, 1)]
    return _render(
        "results.html.j2",
        results=results,
        verdicts=numbered,
        roles=words.by_role(numbered),
        summary=words.verdict_summary(results),
        breakdown=words.breakdown(verdicts),
        attention=[v for v in numbered if v.get("verdict") in ("error", "fail", "flaky")],
        seen=[state for state in words.VERDICT_WORDS if any(v.get("verdict") == state for v in verdicts)],
        timing=timing,
        speed_chart=Markup(transfer_chart(rates).decode()) if rates else "",
        levels=[level for level in words.LEVELS if any(v.get("level") == level for v in verdicts)],
    )


def _whole(entry: Dict) -> dict[str, object]:
    """A line of the timing as the chart of transfers has it: whole, and as long as its octets took."""
    return {
        "outcome": "complete",
        "duration": entry["bytes"] / entry["throughput"] if entry.get("throughput") else None,
    }


def _worth_showing(boots: Sequence[Dict]) -> list[int]:
    """Which boots are shown in full, where there are too many: those that failed go first."""
    order = sorted(range(len(boots)), key=lambda index: boots[index].get("outcome") != "failed")
    return order[:_BOOTS_LIMIT]


def _by_boot(transfers: Sequence[Dict]) -> dict[object, list[Dict]]:
    groups: dict[object, list[Dict]] = {}
    for transfer in transfers:
        groups.setdefault(transfer.get("boot"), []).append(transfer)
    return groups


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["words"] = words
    environment.filters["name"] = lambda value: visible(value, NAME_LIMIT) if value else "–"
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "filter.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        **values,
    )


def _shown(value: object) -> object:
    """What an expression of a template becomes, before it is escaped."""
    if isinstance(value, Markup):
        return value
    return "" if value is None else visible(value, _TEXT_LIMIT)
