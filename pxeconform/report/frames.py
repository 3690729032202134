"""An analysis or a run as typed pandas tables.

Every function takes the contract's dict (`Analysis.to_dict()`, `Results.to_dict()`) and gives a `DataFrame` with the
columns of its table below, whatever the dict holds: what is missing is `NA`, what has the wrong type too. The types are

=========  ==========================  ======================================================================
kind       dtype                       meaning
=========  ==========================  ======================================================================
`text`     `string`                    as it came; only lone surrogates are written out
`int`      `Int64`                     a count, a number, a port, octets
`float`    `Float64`                   seconds, octets per second
`bool`     `boolean`
`time`     `datetime64[ns, UTC]`       a moment
`frames`   `object` (tuples of int)    frame numbers, counted from 1 in the capture
=========  ==========================  ======================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import pandas as pd

from pxeconform.report.safe import unicode_text

ColumnKind = Literal["text", "int", "float", "bool", "time", "frames"]
Dict = Mapping[str, Any]

_DTYPES: Final[Mapping[ColumnKind, str]] = MappingProxyType(
    {"text": "string", "int": "Int64", "float": "Float64", "bool": "boolean", "frames": "object"}
)
_INT64: Final = 2**63


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name is the contract's, except where a record is nested (`nbp_format`, `code_edk2`)."""

    name: str
    kind: ColumnKind


def _columns(**kinds: ColumnKind) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in kinds.items())


TABLES: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "boots": _columns(
            id="text",
            capture="text",
            client_mac="text",
            uuid="text",
            arch="int",
            arch_name="text",
            firmware="text",
            family="text",
            parent="text",
            client_ip="text",
            dhcp_server="text",
            proxy_server="text",
            boot_server="text",
            boot_file="text",
            started="time",
            ended="time",
            outcome="text",
            failed_step="int",
            cause="text",
            nbp_bytes="int",
            nbp_sha256="text",
            nbp_format="text",
            nbp_machine="text",
            nbp_matches_arch="bool",
            waiting_for="text",
            owed="text",
            owed_since="int",
        ),
        "steps": _columns(
            boot="text",
            step="int",
            name="text",
            status="text",
            started="time",
            ended="time",
            seconds="float",
            frames="frames",
            detail="text",
        ),
        "offers": _columns(
            boot="text",
            capture="text",
            frame="int",
            time="time",
            server="text",
            kind="text",
            selected="bool",
            address="text",
            next_server="text",
            boot_file="text",
            leads_to="text",
        ),
        "transfers": _columns(
            id="text",
            capture="text",
            boot="text",
            protocol="text",
            direction="text",
            client="text",
            client_port="int",
            server="text",
            server_port="int",
            request_port="int",
            file="text",
            mode="text",
            options_requested="text",
            options_acknowledged="text",
            blksize="int",
            windowsize="int",
            bytes="int",
            blocks="int",
            first_frame="int",
            last_frame="int",
            started="time",
            ended="time",
            duration="float",
            throughput="float",
            data_packets="int",
            retransmitted_blocks="int",
            duplicate_acks="int",
            lost_blocks="int",
            outcome="text",
            error_code="int",
            error_message="text",
            sha256="text",
        ),
        "dhcp": _columns(
            capture="text",
            frame="int",
            time="time",
            type="text",
            op="int",
            xid="int",
            chaddr="text",
            src="text",
            sport="int",
            dst="text",
            dport="int",
            ciaddr="text",
            yiaddr="text",
            siaddr="text",
            giaddr="text",
            server_id="text",
            vendor_class="text",
            arch="int",
            uuid="text",
            user_class="text",
            boot_file="text",
            pxe="text",
        ),
        "diagnosis": _columns(
            boot="text",
            transfer="text",
            position="int",
            cause="text",
            severity="text",
            confidence="text",
            code_intel="text",
            code_edk2="text",
            code_ipxe="text",
            summary="text",
            advice="text",
            frames="frames",
        ),
        "findings": _columns(
            requirement="text",
            level="text",
            server="text",
            verdict="text",
            exercised="int",
            violations="int",
            frames="frames",
            summary="text",
        ),
        "verdicts": _columns(
            requirement="text",
            level="text",
            role="text",
            section="text",
            verdict="text",
            exercised="int",
            violations="int",
            reason="text",
            expected="text",
            observed="text",
            scenarios="text",
            capture="text",
            frames="frames",
        ),
    }
)
"""Columns of every table, in their order."""


def boots_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each boot; `cause` is the one to act on first, `failed_step` 1 to 9, `nbp_bytes` octets."""
    return _frame("boots", (_boot(boot) for boot in _records(analysis, "boots")))


def steps_frame(analysis: Dict) -> pd.DataFrame:
    """Nine rows for each boot; `seconds` from the step's first packet to its last, `detail` is JSON."""
    return _frame(
        "steps",
        (
            {**step, "boot": boot.get("id"), "seconds": _seconds(step)}
            for boot in _records(analysis, "boots")
            for step in _records(boot, "steps")
        ),
    )


def offers_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each offer that a boot's client got."""
    return _frame(
        "offers",
        (
            {"capture": boot.get("capture"), **offer, "boot": boot.get("id")}
            for boot in _records(analysis, "boots")
            for offer in _records(boot, "offers")
        ),
    )


def transfers_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each transfer; `bytes` octets, `duration` seconds, `throughput` octets per second, options JSON."""
    return _frame("transfers", _records(analysis, "transfers"))


def dhcp_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each DHCP or BOOTP message; `pxe` is JSON."""
    return _frame("dhcp", _records(analysis, "dhcp"))


def diagnosis_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each cause of a boot or of a transfer; `position` counts from 1, the first is the one to act on."""
    return _frame("diagnosis", _causes(analysis))


def findings_frame(analysis: Dict) -> pd.DataFrame:
    """A row for each requirement and server that the capture says something about."""
    return _frame("findings", _records(analysis, "findings"))


def verdicts_frame(results: Dict) -> pd.DataFrame:
    """A row for each requirement of a run; several expected outcomes are parted by ` | `."""
    return _frame("verdicts", (_verdict(verdict) for verdict in _records(results, "verdicts")))


# -- rows -------------------------------------------------------------------------------------------------------------


def _records(holder: Dict, key: str) -> Iterator[Dict]:
    return (item for item in holder.get(key) or () if isinstance(item, Mapping))


def _nested(holder: Dict, key: str) -> Dict:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _boot(boot: Dict) -> dict[str, object]:
    nbp, stall = _nested(boot, "nbp"), _nested(boot, "stall")
    failed = next((step.get("step") for step in _records(boot, "steps") if step.get("status") == "failed"), None)
    return {
        **boot,
        "failed_step": failed,
        "cause": next((cause.get("cause") for cause in _records(boot, "diagnosis")), None),
        **{f"nbp_{key}": nbp.get(key) for key in ("bytes", "sha256", "format", "machine", "matches_arch")},
        "waiting_for": stall.get("waiting_for"),
        "owed": stall.get("owed"),
        "owed_since": stall.get("since"),
    }


def _seconds(step: Dict) -> float | None:
    started, ended = _int(step.get("started")), _int(step.get("ended"))
    return None if started is None or ended is None else (ended - started) / 1e9


def _causes(analysis: Dict) -> Iterator[dict[str, object]]:
    for owner, table in (("boot", "boots"), ("transfer", "transfers")):
        for holder in _records(analysis, table):
            for position, cause in enumerate(_records(holder, "diagnosis"), 1):
                codes = _nested(cause, "codes")
                shown = {f"code_{family}": codes.get(family) for family in ("intel", "edk2", "ipxe")}
                of_boot = {"boot": holder.get("boot")} if owner == "transfer" else {}
                yield {**cause, **shown, **of_boot, owner: holder.get("id"), "position": position}


def _verdict(verdict: Dict) -> dict[str, object]:
    evidence = _nested(verdict, "evidence")
    return {
        **verdict,
        "expected": " | ".join(map(str, verdict.get("expected") or ())),
        "scenarios": " ".join(map(str, verdict.get("scenarios") or ())),
        "capture": evidence.get("capture"),
        "frames": evidence.get("frames"),
    }


# -- columns ----------------------------------------------------------------------------------------------------------


def _frame(table: str, rows: Iterable[Dict]) -> pd.DataFrame:
    kept = list(rows)
    return pd.DataFrame({c.name: _series([row.get(c.name) for row in kept], c.kind) for c in TABLES[table]})


def _series(values: list[object], kind: ColumnKind) -> pd.Series[Any]:
    if kind == "time":
        moments = pd.array([_int(value) for value in values], dtype="Int64")
        return pd.Series(pd.to_datetime(pd.Series(moments), unit="ns", utc=True)).astype("datetime64[ns, UTC]")
    plain = [_CONVERTERS[kind](value) for value in values]
    return pd.Series(plain, dtype=_DTYPES[kind])


def _text(value: object) -> str | None:
    if value is None:
        return None
    return unicode_text(value if isinstance(value, str) else json.dumps(value, default=str))


def _int(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and -_INT64 < value < _INT64
    return int(value) if fits and isinstance(value, int) else None


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(n for n in map(_int, value) if n is not None) if isinstance(value, list | tuple) else ()


_CONVERTERS = {"text": _text, "int": _int, "float": _float, "bool": _bool, "frames": _numbers}
