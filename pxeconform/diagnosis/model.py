"""What a diagnosis is, and the shape of the rules that make one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pxeconform.registry.screen_codes import CAUSE_CODES, CauseCodes, Severity

Confidence = Literal["certain", "likely", "possible"]
"""certain = the packets say so; likely = it explains them best; possible = something else explains them as well."""

MOST_FRAMES = 50
"""Frames that one diagnosis names at most."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One cause with what the screen showed, in whose words, and what to do about it.

    `display_filter` shows its packets in Wireshark; `advice` ends with it too.
    """

    cause: str
    severity: Severity
    codes: CauseCodes
    summary: str
    advice: str
    confidence: Confidence
    frames: tuple[int, ...]
    display_filter: str = "frame"


@dataclass(frozen=True, slots=True)
class Symptom:
    """What a rule saw. `codes`, `severity`, `confidence` and `advice` stand where they differ from the usual."""

    summary: str
    frames: tuple[int, ...] = ()
    confidence: Confidence = "certain"
    codes: CauseCodes | None = None
    severity: Severity | None = None
    advice: str | None = None


Case = TypeVar("Case")


@dataclass(frozen=True, slots=True)
class Rule(Generic[Case]):
    """A cause, how it looks on the wire, and the advice for it.

    `advice` and `display_filter` are templates: `{mac}`, `{client}`, `{server}`, `{boot_server}` and `{port}` are
    filled in from the case. In advice, what is not known is `?`; a filter's terms that need it are left out.
    """

    cause: str
    severity: Severity
    look: Callable[[Case], Symptom | None]
    advice: str
    display_filter: str


def diagnoses(rules: Iterable[Rule[Case]], case: Case, names: dict[str, str]) -> list[Diagnosis]:
    """What the rules find in a case, in their order."""
    seen = [(rule, symptom) for rule in rules if (symptom := rule.look(case)) is not None]
    return [_told(rule, symptom, names) for rule, symptom in seen]


def _told(rule: Rule[Case], symptom: Symptom, names: dict[str, str]) -> Diagnosis:
    shown = filled(rule.display_filter, names)
    return Diagnosis(
        rule.cause,
        symptom.severity or rule.severity,
        symptom.codes or CAUSE_CODES[rule.cause],
        symptom.summary,
        f"{symptom.advice or rule.advice.format_map(names)} Wireshark: {shown}",
        symptom.confidence,
        spread(symptom.frames),
        shown,
    )


_OVER_IPV6 = {
    "dhcp": "dhcpv6",
    "dhcp.hw.mac_addr == {mac}": "eth.addr == {mac}",
    "dhcp.option.client_system_architecture": "dhcpv6",
    "dhcp.option.user_class": "dhcpv6",
    "icmp.type == 3": "icmpv6.type == 1",
    "arp": "icmpv6",
}
"""What takes the place of a term of a filter over IPv6."""


def filled(template: str, names: dict[str, str]) -> str:
    """A display filter with its names filled in; terms joined by `&&` that need an unknown one are left out."""
    terms = [
        term for term in template.split(" && ") if not any(f"{{{n}}}" in term and v == "?" for n, v in names.items())
    ]
    if names.get("family") == "ipv6" or ":" in names.get("client", ""):
        terms = [_OVER_IPV6.get(term, term.replace("ip.addr", "ipv6.addr")) for term in terms]
    return " && ".join(terms).format_map(names) or "frame"


def spread(frames: Iterable[int]) -> tuple[int, ...]:
    """Frames in order, without repetition; of very many the first and the last."""
    found = sorted(set(frames))
    half = MOST_FRAMES // 2
    return tuple(found if len(found) <= MOST_FRAMES else found[:half] + found[-half:])
