"""Ledger and coverage as JSON: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pxeconform.requirements.ledger import (
    BootService,
    Claims,
    Coverage,
    KnownFile,
    Ledger,
    LedgerError,
    ScenarioRecord,
    SocketRecord,
    Target,
)

TEXT = st.text(max_size=12)
NUMBER = st.integers(0, 2**63 - 1)
NAMES = st.lists(TEXT, max_size=3).map(tuple)
CLAIMS = st.builds(
    Claims,
    roles=st.none() | NAMES,
    files=st.lists(
        st.builds(KnownFile, TEXT, st.none() | NUMBER, st.none() | TEXT, st.sampled_from(["claimed", "offered"])),
        max_size=3,
    ).map(tuple),
    tftp_options=st.none() | NAMES,
    single_port=st.booleans(),
    boot_services=st.none()
    | st.lists(st.builds(BootService, NUMBER, st.lists(NUMBER, max_size=3).map(tuple)), max_size=3).map(tuple),
    boot_files=st.lists(st.tuples(NUMBER, TEXT), max_size=3).map(tuple),
    credential_types=st.none() | st.lists(NUMBER, max_size=3).map(tuple),
    trusted_certificate=st.none() | TEXT,
)
LEDGERS = st.builds(
    Ledger,
    target=st.builds(Target, TEXT, TEXT, NUMBER, NUMBER, NUMBER),
    claims=CLAIMS,
    selection=st.none() | NAMES,
    scenarios=st.lists(st.builds(ScenarioRecord, TEXT, TEXT, TEXT, NAMES, NUMBER, NUMBER, NAMES), max_size=3).map(
        tuple
    ),
    sockets=st.lists(
        st.builds(SocketRecord, TEXT, TEXT, TEXT, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER), max_size=3
    ).map(tuple),
    stalls=st.lists(st.tuples(NUMBER, NUMBER), max_size=3).map(tuple),
    seed=NUMBER,
    version=TEXT,
    started=NUMBER,
    finished=NUMBER,
    interrupted=st.booleans(),
    target_died_at=st.none() | NUMBER,
)
COVERAGES = st.builds(
    Coverage, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.none() | NUMBER, st.none() | NUMBER
)


@given(LEDGERS)
def test_a_ledger_survives_json(ledger: Ledger) -> None:
    assert Ledger.from_json(ledger.to_json()) == ledger


@given(COVERAGES)
def test_coverage_survives_json(coverage: Coverage) -> None:
    assert Coverage.from_json(coverage.to_json()) == coverage


@given(st.recursive(st.none() | st.booleans() | NUMBER | TEXT, lambda inner: st.lists(inner, max_size=3)), st.data())
def test_a_ledger_with_any_entry_replaced_is_read_or_refused(value: object, data: st.DataObject) -> None:
    raw = json.loads(Ledger().to_json())
    raw[data.draw(st.sampled_from(sorted(raw.keys() - {"schema"})))] = value
    try:
        Ledger.from_json(json.dumps(raw))
    except LedgerError as error:
        assert "\n" not in str(error)
