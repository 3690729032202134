"""An analysis and a run as dicts, and strings that nobody wants on a screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"

HOSTILE = {
    "script": "</script><script>window.broken = 1</script>\"'><img src=x onerror='window.broken=1'>",
    "ansi": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b31m\r\nnext line\x00",
    "formula": "=cmd|' /C calc'!A0",
    "mathtext": "$x^2$ $\\frac{1}{0 \\undefined{$",
    "override": "boot\u202egpj.exe\u2066\u200b\u2028\U000e0041",
    "markup": "[bold red]loud[/bold red][link=http://example.org]x[/link]\\",
    "jinja": "{{ 7 * 7 }}{% raw %}",
    "cdata": "]]></failure><testcase/>&amp;&#0;\ufffe",
    "long": "A" * 10_000,
    "long and wide": "漢字🖥" * 3_000,
    "stacked": "e" + "\u0301" * 500,
    "surrogate": "half \ud800 of a pair",
}


def analysis() -> dict[str, Any]:
    return _load("report_analysis.json")


def results() -> dict[str, Any]:
    return _load("report_results.json")


def _load(name: str) -> dict[str, Any]:
    document = json.loads((DATA / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def poisoned(document: Any, text: str) -> Any:
    """The same document with every string replaced."""
    if isinstance(document, dict):
        return {key: poisoned(value, text) for key, value in document.items()}
    if isinstance(document, list):
        return [poisoned(value, text) for value in document]
    return text if isinstance(document, str) else document


def unseen(text: str) -> set[str]:
    """Characters of a text that nobody can see, beside the line feed."""
    return {character for character in text if not character.isprintable() and character != "\n"}
