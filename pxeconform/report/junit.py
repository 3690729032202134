"""A run as JUnit XML (the xunit2 form that Jenkins, GitLab and GitHub actions read).

A requirement is a test case, its role the class. `fail` is a failure at whatever level; the level is its type. What
was not judged is skipped, with the reason: a CI system must not show it as passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from pxeconform.report import words
from pxeconform.report.safe import xml_text

Dict = Mapping[str, Any]

_TEXT_LIMIT: Final = 4000
_JUDGED: Final = ("pass", "fail", "error")


def junit(results: Dict) -> str:
    """The document's text, to be written as UTF-8."""
    verdicts = list(results.get("verdicts") or ())
    seconds = sum(float(scenario.get("seconds") or 0) for scenario in results.get("scenarios") or ())
    counts = {
        "tests": len(verdicts),
        "failures": sum(v.get("verdict") == "fail" for v in verdicts),
        "errors": sum(v.get("verdict") == "error" for v in verdicts),
        "skipped": sum(v.get("verdict") not in _JUDGED for v in verdicts),
    }
    numbers = {key: str(value) for key, value in counts.items()} | {"time": f"{seconds:.3f}"}
    root = Element("testsuites", _clean({"name": "pxeconform"} | numbers))
    target: Dict = results.get("target") or {}
    started = str(results.get("started") or "")[:19]
    about = {"timestamp": started, "hostname": str(target.get("address") or "")}
    suite = SubElement(root, "testsuite", _clean({"name": "pxeconform"} | numbers | about))
    tool: Dict = results.get("tool") or {}
    _properties(suite, {"target": target.get("name"), "version": tool.get("version"), "seed": results.get("seed")})
    for verdict in verdicts:
        _case(suite, verdict)
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(suite: Element, verdict: Dict) -> None:
    names = {"classname": str(verdict.get("role")), "name": str(verdict.get("requirement")), "time": "0.000"}
    case = SubElement(suite, "testcase", _clean(names))
    document, _, section = str(verdict.get("section") or "").partition(" §")
    facts = {"document": document, "section": section, "level": verdict.get("level"), "verdict": verdict.get("verdict")}
    counts = {"exercised": verdict.get("exercised"), "violations": verdict.get("violations")}
    marks = ", ".join(words.known(verdict).marks)
    _properties(case, facts | counts | {"marks": marks or None})
    state, reason = str(verdict.get("verdict")), str(verdict.get("reason") or "")
    if state == "fail":
        violated = {"message": reason, "type": f"violated {verdict.get('level')}"}
        SubElement(case, "failure", _clean(violated)).text = _details(verdict)
    elif state == "error":
        SubElement(case, "error", _clean({"message": reason, "type": "error"})).text = _details(verdict)
    elif state != "pass":
        word = words.VERDICT_WORDS.get(state, state).lower()
        skipped = SubElement(case, "skipped", _clean({"message": f"{word}: {reason}"}))
        if state == "flaky":
            skipped.text = _details(verdict)


def _details(verdict: Dict) -> str:
    evidence: Dict = verdict.get("evidence") or {}
    frames = evidence.get("frames") or ()
    lines = [words.known(verdict).text]
    lines += [f"expected: {outcome}" for outcome in verdict.get("expected") or ()]
    lines.append(f"observed: {verdict.get('observed') or 'nothing that bears on it'}")
    if frames:
        lines.append(f"see {words.frame_list(frames, 20)} of {evidence.get('capture')}")
        lines.append(f"tshark -r {evidence.get('capture')} -Y '{words.tshark_filter(frames)}'")
    return "\n".join(xml_text(line)[:_TEXT_LIMIT] for line in lines if line)


def _properties(parent: Element, values: Mapping[str, object]) -> None:
    holder = SubElement(parent, "properties")
    for name, value in values.items():
        if value not in (None, ""):
            SubElement(holder, "property", _clean({"name": name, "value": str(value)}))


def _clean(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: xml_text(value)[:_TEXT_LIMIT] for name, value in attributes.items()}
