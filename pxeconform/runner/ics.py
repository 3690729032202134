"""The ICS file: what a target claims to support, and facts about it (TOML)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pxeconform.requirements.ledger import BootService, Claims, KnownFile
from pxeconform.requirements.model import Role

_KEYS: Mapping[str, frozenset[str]] = {
    "target": frozenset({"name", "roles"}),
    "tftp": frozenset(
        {"files", "text_file", "writable", "overwrite", "options", "netascii", "single_port"},
    ),
    "dhcp": frozenset({"pool", "may_decline", "bootp", "lease_time"}),
    "pxe": frozenset({"boot_files", "boot_servers", "discovery", "multicast_address"}),
    "bis": frozenset({"credential_types", "trust"}),
    "mtftp": frozenset({"address", "client_port", "server_port"}),
}


class IcsError(Exception):
    """The ICS file cannot be used; one sentence."""


def load_ics(path: Path) -> tuple[str, Claims]:
    """The target's name and its claims. Raises `IcsError`."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IcsError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise IcsError(f"{path}: no TOML ({error})") from error
    for section, entries in raw.items():
        if section not in _KEYS or not isinstance(entries, dict):
            raise IcsError(f"{path}: there is no section [{section}] in an ICS file")
        if unknown := set(entries) - _KEYS[section]:
            raise IcsError(f"{path}: [{section}] has no key {sorted(unknown)[0]}")
    try:
        return _claims(raw, path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IcsError(f"{path}: a value has the wrong form ({error})") from error


def _claims(raw: Mapping[str, Any], path: Path) -> tuple[str, Claims]:
    target, tftp, pxe, bis = (raw.get(section, {}) for section in ("target", "tftp", "pxe", "bis"))
    roles = target.get("roles")
    if roles is not None:
        known = {role.value for role in Role}
        if unknown := set(roles) - known:
            raise ValueError(f"{sorted(unknown)[0]} is no role; roles are {', '.join(sorted(known))}")
    trust = bis.get("trust")
    return str(target.get("name", "")), Claims(
        roles=None if roles is None else tuple(roles),
        files=tuple(_file(entry) for entry in tftp.get("files", ())),
        tftp_options=tuple(tftp["options"]) if "options" in tftp else None,
        netascii=_flag(tftp, "netascii", None),
        text_file=_text(tftp, "text_file"),
        writable=_text(tftp, "writable"),
        overwrite=_flag(tftp, "overwrite", None),
        single_port=bool(_flag(tftp, "single_port", False)),
        boot_services=tuple(
            BootService(int(entry["type"]), tuple(int(layer) for layer in entry.get("layers", (0,))))
            for entry in pxe["boot_servers"]
        )
        if "boot_servers" in pxe
        else None,
        boot_files=tuple((int(code), str(name)) for code, name in pxe.get("boot_files", {}).items()),
        credential_types=tuple(int(kind) for kind in bis["credential_types"]) if "credential_types" in bis else None,
        trusted_certificate=_certificate(path.parent / trust) if trust else None,
    )


def _flag(table: Mapping[str, Any], key: str, absent: bool | None) -> bool | None:
    value = table.get(key, absent)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{key} is true or false")
    return value


def _text(table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is a string")
    return value


def _file(entry: Mapping[str, Any]) -> KnownFile:
    size, digest = entry.get("size"), entry.get("sha256")
    return KnownFile(
        str(entry["name"]), None if size is None else int(size), None if digest is None else check_sha256(digest)
    )


def check_sha256(digest: str) -> str:
    """A SHA-256 digest in lower case; raises `ValueError` for what is none."""
    if len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
        raise ValueError(f"{digest} is no SHA-256 digest")
    return digest.lower()


def _certificate(path: Path) -> str:
    """PEM text, from PEM or DER."""
    import ssl

    from pxeconform.protocol.certificates import certificate_der

    try:
        return ssl.DER_cert_to_PEM_cert(certificate_der(path.read_bytes()))
    except OSError as error:
        raise IcsError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise IcsError(f"{path}: {error}") from error
