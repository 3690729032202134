"""Boots and transfers of the lab captures: what the firmware's own screen and tshark say of them.

The folder is named by the environment variable PXECONFORM_SHARED.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pxeconform.analysis import analyze

pytestmark = pytest.mark.shared

LAB = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "lab"
SCHEMA = Path(__file__).resolve().parents[2] / "pxeconform" / "report" / "schema" / "analysis.schema.json"

BIOS_OK = "01-bios-dnsmasq-ok.pcap"
PROXY_MENU = "02-bios-isc-dnsmasq-proxy-menu-4011.pcapng"
UEFI_OK = "04-uefi-isc-tftpd-hpa.pcap"
NOT_FOUND = "06-bios-file-not-found.pcap"
SILENT = "10-bios-proxy-4011-silent.pcap"

BOOTED = ["done"] * 4 + ["not_needed"] * 2 + ["done", "not_needed", "done"]

BOOTS: dict[str, dict[str, Any]] = {
    BIOS_OK: {
        "arch": 0,
        "firmware": "ipxe",
        "client_ip": "192.168.77.126",
        "servers": ("192.168.77.1", None, "192.168.77.1"),
        "boot_file": "pxelinux.0",
        "outcome": "booted",
        "status": BOOTED,
        "frames": {1: [2, 8], 2: [12, 13], 4: [14, 15], 7: [23, 24, 85], 9: [86]},
        "nbp": ("bios", None, 42430, True),
    },
    PROXY_MENU: {
        "arch": 0,
        "firmware": "ipxe",
        "client_ip": "192.168.77.50",
        "servers": ("192.168.77.1", "192.168.77.2", "192.168.77.2"),
        "boot_file": "pxelinux.0",
        "outcome": "booted",
        "status": ["done"] * 7 + ["not_needed", "done"],
        "frames": {1: [2], 2: [4, 8], 4: [9, 10], 5: [23], 6: [24], 7: [25, 26, 87], 9: [88]},
        "nbp": ("bios", None, 42430, True),
    },
    UEFI_OK: {
        "arch": 7,
        "firmware": "edk2",
        "client_ip": "192.168.77.50",
        "servers": ("192.168.77.1", None, "192.168.77.2"),
        "boot_file": "grubnetx64.efi",
        "outcome": "booted",
        "status": BOOTED,
        "frames": {1: [2], 2: [5], 4: [9, 10], 7: [13, 14, 15, 16, 17, 5256], 9: [5259]},
        "nbp": ("pe", "x86_64", 3843520, True),
    },
    NOT_FOUND: {
        "arch": 0,
        "firmware": "ipxe",
        "client_ip": "192.168.77.126",
        "servers": ("192.168.77.1", None, "192.168.77.1"),
        "boot_file": "pxelinux.O",
        "outcome": "failed",
        "status": ["done"] * 4 + ["not_needed"] * 2 + ["failed"] + ["not_reached"] * 2,
        "frames": {1: [2, 7], 2: [4, 8], 4: [10, 11], 7: [19, 20]},
        "nbp": ("unknown", None, 0, None),
    },
    SILENT: {
        "arch": 0,
        "firmware": "ipxe",
        "client_ip": "192.168.77.50",
        "servers": ("192.168.77.1", "192.168.77.2", "192.168.77.2"),
        "boot_file": None,
        "outcome": "failed",
        "status": ["done"] * 5 + ["failed"] + ["not_reached"] * 3,
        "frames": {1: [2, 8], 2: [5, 9, 10], 4: [11, 12], 5: [25, 26], 6: []},
        "nbp": None,
    },
}

# What ended each boot (the last one of a chain that was captured whole), or disturbed it. The truth files tell it in
# words; where they have the slug, a test below compares it.
CAUSES: dict[str, tuple[str, list[str]]] = {
    "03-uefi-dnsmasq-pxe-service.pcapng": ("failed", ["proxy-silent"]),
    "03b-uefi-dnsmasq-pxe-service-arch-mismatch.pcap": ("failed", ["no-boot-file"]),
    NOT_FOUND: ("failed", ["tftp-file-not-found"]),
    "07-bios-no-dhcp.pcap": ("failed", ["no-dhcp-offer"]),
    "08-bios-proxy-only.pcap": ("failed", ["proxy-only"]),
    "09-bios-dhcp-no-bootfile.pcap": ("failed", ["no-boot-file"]),
    SILENT: ("failed", ["boot-server-silent"]),
    "11-bios-tftp-port-unreachable.pcap": ("failed", ["tftp-unreachable"]),
    "11c-uefi-next-server-no-arp.pcap": ("failed", ["arp-unanswered"]),
    "12-uefi-gets-bios-nbp.pcap": ("failed", ["nbp-wrong-architecture"]),
    "13-uefi-loss5.pcap": ("booted", ["packet-loss"]),
    "14-uefi-two-dhcp-rogue.pcap": ("booted", ["conflicting-dhcp-servers"]),
    "15-bios-two-proxies.pcap": ("booted", ["conflicting-proxies"]),
    "23b-uefi-ipxe-chain-loop.pcap": ("failed", ["chain-load-loop"]),
    "33-bios-mtu-blackhole.pcap": ("failed", ["mtu-black-hole"]),
    "35-uefi-tftp-server-dies.pcap": ("failed", ["tftp-stalled"]),
    "42b-bios-late-forwarding-2s.pcap": ("booted", ["late-link"]),
}

TUNNELS = ("91-vxlan", "92-erspan")


def _captures() -> list[str]:
    there = {path.name for path in LAB.glob("*") if path.suffix in (".pcap", ".pcapng")}
    left_out = ("dprobe-", *TUNNELS)
    return sorted({*BOOTS, *(name for name in there if not name.startswith(left_out))})


@cache
def _analysis(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(analyze(LAB / name).to_dict()))
    return document


def _truth(name: str) -> dict[str, Any]:
    path = LAB / f"{name.partition('.')[0]}.truth.json"
    truth: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return truth


@pytest.mark.parametrize("name", BOOTS)
def test_boot_with_its_nine_steps(name: str) -> None:
    expected = BOOTS[name]
    (boot,) = _analysis(name)["boots"]
    client = _truth(name)["client"]
    assert (boot["client_mac"], boot["uuid"]) == (client["mac"], client["uuid"])
    for key in ("arch", "firmware", "client_ip", "boot_file", "outcome"):
        assert boot[key] == expected[key], key
    assert (boot["dhcp_server"], boot["proxy_server"], boot["boot_server"]) == expected["servers"]
    assert [step["status"] for step in boot["steps"]] == expected["status"]
    assert {n: boot["steps"][n - 1]["frames"] for n in expected["frames"]} == expected["frames"]
    found = boot["nbp"] and tuple(boot["nbp"][key] for key in ("format", "machine", "bytes", "matches_arch"))
    assert found == expected["nbp"]
    if name not in CAUSES:
        assert (boot["diagnosis"], boot["stall"]) == ([], None)


@pytest.mark.parametrize("name", _captures())
def test_outcome_and_first_cause(name: str) -> None:
    boots = _analysis(name)["boots"]
    expected = _truth(name)["expected_diagnosis"]
    ended = [boot for boot in boots if boot["outcome"] != "incomplete"] or boots
    if "outcome" in expected:
        outcome = {"no-boot": None, "unknown": "incomplete"}.get(expected["outcome"], expected["outcome"])
        causes = [] if expected["first_cause"] == "none" else [expected["first_cause"]]
    elif name in CAUSES:
        outcome, causes = CAUSES[name]
    else:
        assert expected["verdict"] != "fail", "a capture of a failed boot needs its cause here"
        assert not boots or boots[0]["outcome"] == "booted"
        assert not boots or boots[0]["diagnosis"] == []
        return
    if outcome is None:
        assert boots == []
        return
    assert ended[-1]["outcome"] == outcome
    assert [diagnosis["cause"] for diagnosis in ended[-1]["diagnosis"]] == causes


@pytest.mark.parametrize("name", CAUSES)
def test_code_on_the_screen(name: str) -> None:
    """The code that the firmware printed is the one that the cause tells for it."""
    truth = _truth(name)
    printed = truth.get("codes_observed_on_console") or []
    # Firmware goes on to IPv6 where IPv4 failed; the capture ends soon after.
    boot = [boot for boot in _analysis(name)["boots"] if boot["outcome"] != "incomplete"][-1]
    codes = {diagnosis["codes"][boot["firmware"]] for diagnosis in boot["diagnosis"]}
    assert set(printed) <= codes


@pytest.mark.parametrize("name", _captures())
def test_document_obeys_the_schema(name: str) -> None:
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(_analysis(name))


@dataclass
class Seen:
    """What tshark shows of one transfer."""

    file: str
    frames: list[int] = field(default_factory=list)
    blocks: dict[int, int] = field(default_factory=dict)


def _tshark(name: str) -> list[Seen]:
    """Transfers by the client's address and port from each request on."""
    wanted = "frame.number ip.src udp.srcport ip.dst udp.dstport tftp.opcode tftp.source_file tftp.block udp.length"
    fields = [part for each in wanted.split() for part in ("-e", each)]
    command = ["tshark", "-r", str(LAB / name), "-Y", "tftp && !icmp", "-T", "fields", "-E", "occurrence=f", *fields]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.splitlines()
    found: list[Seen] = []
    by_client: dict[tuple[str, str], Seen] = {}
    for line in lines:
        number, source, sport, destination, dport, opcode, file, block, length = line.split("\t")
        if opcode == "1":
            by_client[source, sport] = Seen(file)
            found.append(by_client[source, sport])
        seen = by_client.get((source, sport)) or by_client.get((destination, dport))
        assert seen is not None
        seen.frames.append(int(number))
        if opcode == "3":
            seen.blocks[int(block)] = int(length) - 8 - 4
    return found


@pytest.mark.parametrize("name", BOOTS)
def test_transfers_agree_with_tshark(name: str) -> None:
    ours = _analysis(name)["transfers"]
    theirs = _tshark(name)
    assert [(t["file"], t["first_frame"], t["last_frame"], t["blocks"], t["bytes"]) for t in ours] == [
        (seen.file, seen.frames[0], seen.frames[-1], len(seen.blocks), sum(seen.blocks.values())) for seen in theirs
    ]
    boots = {boot["id"] for boot in _analysis(name)["boots"]}
    assert {transfer["boot"] for transfer in ours} <= boots


def test_transfers_of_the_whole_lab_are_numbered_once() -> None:
    names = _captures()
    document = analyze([LAB / name for name in names]).to_dict()
    counted: dict[str, int] = defaultdict(int)
    for kind in ("boots", "transfers"):
        for record in document[kind]:
            counted[record["id"]] += 1
    assert len(counted) > len(names)
    assert set(counted.values()) == {1}
