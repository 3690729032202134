"""The ledger: what is claimed, what is known, and what was done. And coverage: what could have been seen.

Both lie beside the evidence as JSON. A field capture has an empty ledger and weaker coverage; rules ask these two, and
never where a trace came from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")

LEDGER_SCHEMA = "pxeconform.ledger/1"
COVERAGE_SCHEMA = "pxeconform.coverage/1"


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
    single_port: bool = False
    boot_services: tuple[BootService, ...] | None = None
    boot_files: tuple[tuple[int, str], ...] = ()
    credential_types: tuple[int, ...] | None = None
    trusted_certificate: str | None = None
    """PEM text of the certificate that the client's platform would trust."""


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
    target_died_at: int | None = None
    """Frame of the last datagram before the target stopped answering at all."""

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"schema": LEDGER_SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        """Read it back; raises `LedgerError`."""
        raw = _load(text, LEDGER_SCHEMA)
        try:
            claims = raw.pop("claims")
            services = claims.pop("boot_services")
            return cls(
                target=Target(**raw.pop("target")),
                claims=Claims(
                    files=tuple(KnownFile(**file) for file in claims.pop("files")),
                    boot_services=None
                    if services is None
                    else tuple(BootService(item["type"], tuple(item["layers"])) for item in services),
                    boot_files=tuple((code, name) for code, name in claims.pop("boot_files")),
                    roles=_tuple(claims.pop("roles")),
                    tftp_options=_tuple(claims.pop("tftp_options")),
                    credential_types=_tuple(claims.pop("credential_types")),
                    **claims,
                ),
                selection=_tuple(raw.pop("selection")),
                scenarios=tuple(
                    ScenarioRecord(
                        **{**item, "exercises": tuple(item["exercises"]), "withheld": tuple(item["withheld"])}
                    )
                    for item in raw.pop("scenarios")
                ),
                sockets=tuple(SocketRecord(**item) for item in raw.pop("sockets")),
                stalls=tuple((start, end) for start, end in raw.pop("stalls")),
                **raw,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"the ledger is damaged ({error})") from error


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
        raw = _load(text, COVERAGE_SCHEMA)
        if unknown := set(raw) - {item.name for item in fields(cls)}:
            raise LedgerError(f"the coverage has unknown entries: {', '.join(sorted(unknown))}")
        return cls(**raw)


def _load(text: str, schema: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise LedgerError(f"no JSON ({error})") from error
    if not isinstance(raw, dict) or raw.pop("schema", None) != schema:
        raise LedgerError(f"no {schema}")
    return raw


def _tuple(value: list[_T] | None) -> tuple[_T, ...] | None:
    return None if value is None else tuple(value)
