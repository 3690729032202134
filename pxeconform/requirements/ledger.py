"""The ledger: what is claimed, what is known, and what was done. And coverage: what could have been seen.

Both lie beside the evidence as JSON. A field capture has an empty ledger and weaker coverage; rules ask these two, and
never where a trace came from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

LEDGER_SCHEMA = "pxeconform.ledger/1"
COVERAGE_SCHEMA = "pxeconform.coverage/1"
LIVENESS = "liveness-"
"""How the scenarios are named that only ask whether the target is still there."""
_TOO_LARGE = 1 << 63
"""Times are nanoseconds in 64 bit."""


class LedgerError(Exception):
    """A ledger that cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom the run spoke to."""

    address: str = ""
    name: str = ""
    tftp_port: int = 69
    pxe_port: int = 4011
    dhcp_port: int = 67


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that the target serves, and who says so: `claimed`, `offered` by the target itself, or `derived`."""

    name: str
    size: int | None = None
    sha256: str | None = None
    source: str = "claimed"


@dataclass(frozen=True, slots=True)
class BootService:
    """A type of boot server with its layers, from the ICS file."""

    type: int
    layers: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the target is said to do (the ICS file); `None` means that nobody said anything."""

    roles: tuple[str, ...] | None = None
    files: tuple[KnownFile, ...] = ()
    tftp_options: tuple[str, ...] | None = None
    netascii: bool | None = None
    text_file: str | None = None
    """Name of a file that holds line feeds and a bare carriage return."""
    writable: str | None = None
    """New names that begin so may be written; `None` forbids all writing, also to try whether it is refused."""
    overwrite: bool | None = None
    single_port: bool = False
    boot_services: tuple[BootService, ...] | None = None
    boot_files: tuple[tuple[int, str], ...] = ()
    credential_types: tuple[int, ...] | None = None
    trusted_certificate: str | None = None
    """PEM text of the certificate that the client's platform would trust."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A violation that somebody answers for, until a day (ISO 8601)."""

    requirement: str
    reason: str
    link: str
    expires: str


@dataclass(frozen=True, slots=True)
class SocketRecord:
    """One socket of the tester: when it listened (ns), what went through it, what the kernel dropped."""

    scenario: str
    name: str
    address: str
    port: int
    opened: int
    closed: int
    sent: int = 0
    received: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """What a scenario says that it did."""

    id: str
    status: str
    reason: str = ""
    exercises: tuple[str, ...] = ()
    started: int = 0
    ended: int = 0
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known beside the packets."""

    target: Target = field(default_factory=Target)
    claims: Claims = field(default_factory=Claims)
    selection: tuple[str, ...] | None = None
    """The requirements to be judged; `None` for all."""
    scenarios: tuple[ScenarioRecord, ...] = ()
    sockets: tuple[SocketRecord, ...] = ()
    stalls: tuple[tuple[int, int], ...] = ()
    """Spans (ns) in which the tester itself did not run."""
    seed: int = 0
    version: str = ""
    started: int = 0
    finished: int = 0
    interrupted: bool = False
    patience: float = 60.0
    """Seconds after which silence is silence, where the server's own timers say nothing."""
    one_at_a_time: bool = False
    """The target serves no second transfer before the first one has ended, so scenarios were played in turns."""
    waivers: tuple[Waiver, ...] = ()
    target_died_at: int | None = None
    """Frame of the last datagram before the target stopped answering at all."""

    def stalls_between(self, since: int, until: int) -> list[tuple[int, int]]:
        """Those that touch the time between two others (ns)."""
        return [(start, end) for start, end in self.stalls if start < until and end > since]

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"schema": LEDGER_SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """Read it back; raises `LedgerError`."""
        raw = _load(text, LEDGER_SCHEMA)
        if missing := _NEEDED - set(raw):
            raise LedgerError(f"the ledger is damaged (it lacks {', '.join(sorted(missing))})")
        ledger: Ledger = _read(cls, raw, "ledger")
        return ledger


_NEEDED = frozenset({"target", "claims", "selection", "scenarios", "sockets", "stalls"})
"""Without these a folder could acquit for want of what was written down."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the trace was observed."""

    layer2: bool = False
    """Link, IP and UDP headers are the ones of the wire, not invented around a socket's payload."""
    both_directions: bool = True
    complete: bool = True
    snapped: bool = False
    first_time: int | None = None
    last_time: int | None = None

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"schema": COVERAGE_SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Coverage:
        """Read it back; raises `LedgerError`."""
        coverage: Coverage = _read(cls, _load(text, COVERAGE_SCHEMA), "coverage")
        return coverage


def _load(text: str, schema: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"no JSON ({error})") from error
    if not isinstance(raw, dict) or raw.pop("schema", None) != schema:
        raise LedgerError(f"no {schema}")
    return raw


def _read(kind: Any, value: Any, place: str) -> Any:
    """A JSON value as the type that a field is declared with: records, tuples, plain values, or nothing."""
    options = get_args(kind)
    if isinstance(kind, UnionType):
        return None if value is None else _read(next(o for o in options if o is not NoneType), value, place)
    if is_dataclass(kind):
        if not isinstance(value, dict) or (set(value) - {field.name for field in fields(kind)}):
            raise LedgerError(f"{place} is damaged (its entries are not those of {getattr(kind, '__name__', kind)})")
        hints = get_type_hints(kind)
        try:
            return kind(**{name: _read(hints[name], entry, name) for name, entry in value.items()})  # type: ignore[operator]
        except TypeError as error:
            raise LedgerError(f"{place} is damaged ({error})") from error
    if get_origin(kind) is tuple and isinstance(value, list):
        kinds = [options[0]] * len(value) if options[-1] is Ellipsis else list(options)
        if len(kinds) == len(value):
            return tuple(_read(one, entry, place) for one, entry in zip(kinds, value, strict=True))
    elif type(value) is kind and not (kind is int and abs(value) >= _TOO_LARGE):
        return value
    raise LedgerError(f"{place} is damaged (the value has the wrong form)")
