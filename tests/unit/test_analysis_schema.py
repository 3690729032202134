"""`analysis.json`: the schema is one, what `analyze` gives obeys it, and identifiers hold together."""

from __future__ import annotations

import copy
import hashlib
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from boot_traces import BIOS, CLIENT, EDK2, IPXE, MAC, PE_X64, PROXY, TFTP, Wire, menu
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from pxeconform.analysis import SCHEMA, analyze
from pxeconform.capture.datagrams import CaptureError, Datagram
from pxeconform.protocol import tftp
from pxeconform.registry.screen_codes import CAUSES


def _schema() -> dict[str, Any]:
    text = files("pxeconform.report").joinpath("schema/analysis.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


VALIDATOR = Draft202012Validator(_schema())


def _frame(datagram: Datagram) -> bytes:
    """An Ethernet frame for a UDP datagram."""
    udp = struct.pack("!HHHH", datagram.source_port, datagram.destination_port, 8 + len(datagram.payload), 0)
    addresses = bytes(map(int, datagram.source.split("."))) + bytes(map(int, datagram.destination.split(".")))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(datagram.payload), 0, 0, 64, 17, 0) + addresses
    return bytes(6) + (datagram.source_mac or bytes(6)) + b"\x08\0" + ip + udp + datagram.payload


def save(wire: Wire, path: Path) -> Path:
    """The trace as a pcap file with nanoseconds."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    for datagram in wire.datagrams:
        octets = _frame(datagram)
        parts.append(struct.pack("<IIII", *divmod(datagram.time, 1_000_000_000), len(octets), len(octets)) + octets)
    path.write_bytes(b"".join(parts))
    return path


def _boots() -> Wire:
    """EDK2 loads iPXE, which loads a script, with a proxy beside; and one that fails."""
    wire = Wire(EDK2, arch=7)
    wire.lease(file=b"ipxe.efi").download("ipxe.efi", PE_X64).wait(1)
    wire.firmware = IPXE
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    wire.ask_item()
    wire.answer_item(file=b"boot\x01.ipxe")
    wire.rrq("boot\x01.ipxe", 2002, PROXY, (("BLKSIZE", "1000"),))
    wire.reply(tftp.Oack((("BLKSIZE", "1000"),)), 2002, server=PROXY)
    wire.reply(tftp.Error(2, b"<b>no\xff"), 2002, server=PROXY)
    return wire


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return save(_boots(), tmp_path / "boots.pcap")


def _document(*paths: Path, **how: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(analyze(paths, **how).to_dict(), allow_nan=False))
    return document


def test_schema_is_one_and_knows_all_causes() -> None:
    Draft202012Validator.check_schema(_schema())
    assert _schema()["$defs"]["cause"]["enum"] == list(CAUSES)
    assert _schema()["properties"]["schema"]["const"] == SCHEMA


def test_document_obeys_the_schema(capture: Path) -> None:
    document = _document(capture, hash_contents=True)
    VALIDATOR.validate(document)
    first, second = document["boots"]
    assert (first["outcome"], second["outcome"]) == ("booted", "failed")
    assert second["parent"] == first["id"]
    assert second["diagnosis"][0]["cause"] == "tftp-access-violation"
    assert [transfer["boot"] for transfer in document["transfers"]] == [first["id"], second["id"]]
    assert len(document["dhcp"]) == 4 + 7
    assert document["dhcp"][-1]["pxe"]["boot_item"] == {"type": 0x8000, "layer": 0}


def test_transfer_has_its_figures(capture: Path) -> None:
    transfer, refused = _document(capture, hash_contents=True)["transfers"]
    blocks = len(PE_X64) // 512 + 1
    assert (transfer["bytes"], transfer["blocks"], transfer["data_packets"]) == (len(PE_X64), blocks, blocks)
    assert transfer["sha256"] == hashlib.sha256(PE_X64).hexdigest()
    assert (transfer["client"], transfer["server"], transfer["server_port"]) == (CLIENT, TFTP, 40001)
    assert transfer["throughput"] == pytest.approx(transfer["bytes"] / transfer["duration"])
    assert refused["options_requested"] == refused["options_acknowledged"] == {"blksize": "1000"}
    assert (refused["error_code"], refused["error_message"]) == (2, "<b>no\xff")


def test_hashes_only_when_asked_for(capture: Path) -> None:
    document = _document(capture)
    assert {transfer["sha256"] for transfer in document["transfers"]} == {None}
    assert document["boots"][0]["nbp"]["sha256"] is None


def test_identifiers_are_unique_over_captures(capture: Path, tmp_path: Path) -> None:
    other = save(_boots(), tmp_path / "other.pcap")
    document = _document(capture, other)
    VALIDATOR.validate(document)
    for kind in ("boots", "transfers"):
        identifiers = [record["id"] for record in document[kind]]
        assert len(set(identifiers)) == len(identifiers) == 4
    boots = {boot["id"]: boot for boot in document["boots"]}
    assert all(boots[t["boot"]]["capture"] == t["capture"] for t in document["transfers"])
    assert [entry["path"] for entry in document["captures"]] == [str(capture), str(other)]


def test_one_client_out_of_many(tmp_path: Path) -> None:
    wire = _boots()
    wire.mac = bytes.fromhex("0a00000000ff")
    wire.discover()
    path = save(wire, tmp_path / "two.pcap")
    everything, one = _document(path), _document(path, client=MAC.hex("-").upper())
    VALIDATOR.validate(one)
    assert len(everything["boots"]) == 3
    assert [boot["client_mac"] for boot in one["boots"]] == [MAC.hex(":")] * 2
    assert {message["chaddr"] for message in one["dhcp"]} == {MAC.hex(":")}
    assert one["boots"] == everything["boots"][:2]


def test_client_that_is_no_address_is_one_sentence(capture: Path) -> None:
    with pytest.raises(CaptureError, match="not a MAC address"):
        analyze(capture, client="pc17")


def test_capture_without_a_boot(tmp_path: Path) -> None:
    document = _document(save(Wire(), tmp_path / "empty.pcap"))
    VALIDATOR.validate(document)
    assert document["boots"] == document["transfers"] == document["dhcp"] == []


def test_packets_out_of_order_are_put_right(tmp_path: Path) -> None:
    wire = Wire(IPXE)
    wire.lease(file=b"nbp").download("nbp", BIOS)
    expected = _document(save(wire, tmp_path / "order.pcap"))
    swapped = wire.datagrams
    for at in range(0, len(swapped) - 1, 2):
        swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    found = _document(save(wire, tmp_path / "disorder.pcap"))
    for document in (expected, found):
        assert document["boots"][0]["outcome"] == "booted"
        assert document["transfers"][0]["bytes"] == len(BIOS)
        assert document["transfers"][0]["retransmitted_blocks"] == 0


def _changes() -> Iterator[tuple[str, Callable[[dict[str, Any]], object]]]:
    yield "schema", lambda d: d.update(schema="pxeconform.analysis/2")
    yield "missing list", lambda d: d.pop("findings")
    yield "missing field", lambda d: d["boots"][0].pop("boot_file")
    yield "unknown outcome", lambda d: d["boots"][0].update(outcome="ok")
    yield "unknown firmware", lambda d: d["boots"][0].update(firmware="ami")
    yield "eight steps", lambda d: d["boots"][0]["steps"].pop()
    yield "steps in disorder", lambda d: d["boots"][0]["steps"].reverse()
    yield "frame 0", lambda d: d["boots"][0]["steps"][0]["frames"].append(0)
    yield "unknown cause", lambda d: d["boots"][1]["diagnosis"][0].update(cause="bad luck")
    yield "no advice", lambda d: d["boots"][1]["diagnosis"][0].pop("advice")
    yield "unknown end of a transfer", lambda d: d["transfers"][0].update(outcome="done")
    yield "time as text", lambda d: d["transfers"][0].update(started="2024")
    yield "a port too high", lambda d: d["dhcp"][0].update(sport=65536)


@pytest.mark.parametrize(
    ("name", "change"), list(_changes()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_schema_is_strict(capture: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(_document(capture))
    change(document)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document)


def test_fields_may_be_added(capture: Path) -> None:
    document = _document(capture)
    document["more"] = document["boots"][0]["more"] = document["transfers"][0]["more"] = 1
    VALIDATOR.validate(document)


def test_analysis_imports_nothing_heavy() -> None:
    code = "import sys, pxeconform.analysis; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"pandas", "scapy", "matplotlib", "duckdb", "pyshark", "numpy"} & set(loaded.stdout.split())
