"""The file of waivers (`--waive`): violations that somebody answers for, each until a day."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pxeconform.requirements.ledger import Waiver

_KEYS = ("requirement", "reason", "link", "expires")


class WaiverError(Exception):
    """The file cannot be used; one sentence."""


def load_waivers(path: Path, requirements: frozenset[str]) -> tuple[Waiver, ...]:
    """Tables `[[waive]]`, each with requirement, reason, link and expiry (a day). Raises `WaiverError`.

    `requirements` are those that exist: a waiver of what does not exist would never be missed.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WaiverError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WaiverError(f"{path}: no TOML ({error})") from error
    entries = raw.pop("waive", [])
    if raw or not isinstance(entries, list):
        raise WaiverError(f"{path}: a file of waivers has tables [[waive]] and nothing else")
    waivers = tuple(_waiver(entry, path) for entry in entries)
    if unknown := {waiver.requirement for waiver in waivers} - requirements:
        raise WaiverError(f"{path}: there is no requirement {sorted(unknown)[0]}")
    return waivers


def _waiver(entry: object, path: Path) -> Waiver:
    if not isinstance(entry, Mapping) or set(entry) != set(_KEYS):
        raise WaiverError(f"{path}: each waiver has {', '.join(_KEYS[:-1])} and {_KEYS[-1]}, and nothing else")
    requirement, reason, link = (_text(entry[key], key, path) for key in _KEYS[:-1])
    return Waiver(requirement, reason, link, _day(entry["expires"], path))


def _text(value: Any, key: str, path: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise WaiverError(f"{path}: the {key} of a waiver must be a text that is not empty")
    return value


def _day(value: Any, path: Path) -> str:
    """ISO 8601, from a TOML date or a text."""
    try:
        return (value if type(value) is date else date.fromisoformat(value)).isoformat()
    except (TypeError, ValueError) as error:
        raise WaiverError(f"{path}: {value!r} is no day (like 2027-01-31)") from error
