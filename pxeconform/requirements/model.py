"""The words of judging: requirement, occasion, fact, rule, verdict.

A rule is one requirement, written once: an antecedent (`when` the requirement bites) and a consequent (what `then` is
owed). Rules see sessions and a `View`; they never learn whether a trace was made by a run or captured in the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pxeconform.requirements.view import View


class Level(Enum):
    """How strongly the document asks for it (RFC 2119 words; derived ones for documents that predate them)."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"

    @property
    def binding(self) -> bool:
        """Whether a violation makes the run fail."""
        return self in (Level.MUST, Level.MUST_NOT)


class Role(Enum):
    """What the server is, where the requirement binds it."""

    TFTP = "tftp"
    DHCP = "dhcp"
    PROXY_DHCP = "proxydhcp"
    BOOT_SERVER = "bootserver"
    BIS = "bis"
    MTFTP = "mtftp"


class Kind(Enum):
    """What a verdict may stand on."""

    SELF_EVIDENT = "self-evident"
    """The server's packet is right or wrong by itself, or against the request that it answers."""
    OBLIGATION = "obligation"
    """An answer was owed, or silence was: bites only where the window was watched to its end."""


class Scope(Enum):
    """How much of a trace one occasion may span."""

    DATAGRAM = "datagram"
    SESSION = "session"
    CLIENT_HISTORY = "client history"
    TRACE = "trace"


class Holds(Enum):
    """What one occasion says of the requirement."""

    KEPT = "kept"
    BROKEN = "broken"
    UNCLEAR = "unclear"
    UNSUPPORTED = "unsupported"


class Result(Enum):
    """What the whole trace says of the requirement."""

    PASS = "pass"
    FAIL = "fail"
    FLAKY = "flaky"
    INCONCLUSIVE = "inconclusive"
    NOT_SUPPORTED = "not_supported"
    NOT_EXERCISED = "not_exercised"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a document, in our words."""

    id: str
    document: str
    section: str
    level: Level
    role: Role
    text: str
    derived: bool = False
    """No single sentence of the document says it: the level is our reading."""
    unconfirmed: bool = False
    """No server or client of the field was at hand to confirm how it is read."""
    clients: str = ""
    """Which clients notice a violation, and how."""
    unseen: str = ""
    """What of it cannot be observed from outside, and why."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What one occasion showed, and the frames that it stands on."""

    holds: Holds
    frames: tuple[int, ...]
    observed: str
    scenarios: frozenset[str] = frozenset()


OccasionT = TypeVar("OccasionT")


@dataclass(frozen=True, slots=True)
class Rule(Generic[OccasionT]):
    """A requirement as a pair of functions.

    `when` finds the occasions on which the requirement bites, `then` says whether what was owed was done. `expected`
    lists every acceptable outcome. `lacking` says what would be needed where no occasion came up. A rule of wide scope
    says in `assumes` which state of the server it takes for granted at the start of the trace.
    """

    requirement: Requirement
    kind: Kind
    scope: Scope
    when: Callable[[View], Iterable[OccasionT]]
    then: Callable[[OccasionT, View], Fact]
    expected: tuple[str, ...]
    lacking: str
    assumes: str = ""

    def facts(self, view: View) -> Iterator[Fact]:
        """One fact for each occasion."""
        for occasion in self.when(view):
            fact = self.then(occasion, view)
            yield Fact(fact.holds, tuple(sorted(set(fact.frames))), fact.observed, view.scenarios_of(fact.frames))


AnyRule = Rule[Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One requirement's verdict over a whole trace, as `results.json` has it."""

    requirement: str
    level: str
    role: str
    verdict: str
    exercised: int
    violations: int
    reason: str
    expected: tuple[str, ...]
    observed: str
    scenarios: tuple[str, ...]
    frames: tuple[int, ...]
    section: str
    capture: str = "evidence.pcapng"
    """The file, in the run's folder, whose frames these are."""
    lenses: tuple[tuple[str, str], ...] = ()
    """What clients make of a violation: a firmware, and `rejects`, `accepts` or `unreachable`."""

    def to_dict(self) -> dict[str, object]:
        """In the contract's form."""
        return {
            "requirement": self.requirement,
            "level": self.level,
            "role": self.role,
            "section": self.section,
            "verdict": self.verdict,
            "exercised": self.exercised,
            "violations": self.violations,
            "reason": self.reason,
            "expected": list(self.expected),
            "observed": self.observed,
            "scenarios": list(self.scenarios),
            "evidence": {"capture": self.capture, "frames": list(self.frames)},
            "lenses": dict(self.lenses),
        }


def kept(observed: str, *frames: int) -> Fact:
    """The requirement was met on this occasion."""
    return Fact(Holds.KEPT, frames, observed)


def broken(observed: str, *frames: int) -> Fact:
    """It was violated."""
    return Fact(Holds.BROKEN, frames, observed)


def unclear(observed: str, *frames: int) -> Fact:
    """The occasion came up, but what followed cannot be told."""
    return Fact(Holds.UNCLEAR, frames, observed)


def unsupported(observed: str, *frames: int) -> Fact:
    """The server never claimed what the occasion asks for, and does not have it."""
    return Fact(Holds.UNSUPPORTED, frames, observed)
