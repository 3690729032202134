"""Whether the timed command told the whole story: against what was generated, and against tshark's frames.

A reader that is fast and wrong has no speed. Everything here gives sentences about what differs; none is good.
Run as `python -m tests.bench.check NAME ARGUMENT...` it prints them as a JSON list, in a process of its own: a document
of ten thousand boots must not count as memory of what the benchmark starts afterwards.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import FIELDS

_TYPES = {
    "1": "DISCOVER",
    "2": "OFFER",
    "3": "REQUEST",
    "4": "DECLINE",
    "5": "ACK",
    "6": "NAK",
    "7": "RELEASE",
    "8": "INFORM",
}
_DATA, _REQUESTS = "3", ("1", "2")
_MOST_SENTENCES = 10


@dataclass(frozen=True, slots=True)
class Expected:
    """What a generated capture must come to."""

    clients: int
    octets: int
    packets: int
    dhcp: int
    transfers: int


def against_storm(document: Path, expected: str) -> list[str]:
    """Every client booted, every file came whole, no packet and no message is missing; `Expected` comes as JSON."""
    return _against_storm(json.loads(document.read_bytes()), Expected(**json.loads(expected)))


def _against_storm(found: dict[str, Any], expected: Expected) -> list[str]:
    whole = [t for t in found["transfers"] if (t["outcome"], t["bytes"]) == ("complete", expected.octets)]
    clients = {boot["client_mac"] for boot in found["boots"] if boot["outcome"] == "booted"}
    counted = {
        "booted clients": (len(clients), expected.clients),
        "boots": (len(found["boots"]), expected.clients),
        f"complete transfers of {expected.octets} octets": (len(whole), expected.clients),
        "boots with such a transfer": (len({t["boot"] for t in whole}), expected.clients),
        "transfers": (len(found["transfers"]), expected.transfers),
        "lost or repeated blocks": (sum(t["lost_blocks"] + t["retransmitted_blocks"] for t in whole), 0),
        "packets": (sum(capture["packets"] for capture in found["captures"]), expected.packets),
        "DHCP messages": (len(found["dhcp"]), expected.dhcp),
    }
    return [f"{what}: {got} instead of {wanted}" for what, (got, wanted) in counted.items() if got != wanted]


def against_tshark(document: Path, fields: str) -> list[str]:
    """The DHCP messages one by one, and of each transfer its frames, DATA packets and octets, as tshark has them."""
    found = json.loads(document.read_bytes())
    messages, transfers = _by_tshark(Path(fields))
    ours = {(m["frame"], m["type"], m["xid"], m["chaddr"]) for m in found["dhcp"]}
    wrong = [f"only {who} has the DHCP message {message}" for who, message in _either(ours, messages)]
    followed = {
        (t["client"], t["client_port"], t["file"], t["first_frame"], t["last_frame"], t["data_packets"], t["bytes"])
        for t in found["transfers"]
    }
    wrong += [f"only {who} has the transfer {transfer}" for who, transfer in _either(followed, transfers)]
    return wrong[:_MOST_SENTENCES]


def _either(ours: set[Any], theirs: set[Any]) -> Iterator[tuple[str, Any]]:
    yield from (("pxeconform", each) for each in sorted(ours - theirs, key=repr))
    yield from (("tshark", each) for each in sorted(theirs - ours, key=repr))


def _by_tshark(fields: Path) -> tuple[set[Any], set[Any]]:
    messages: set[Any] = set()
    transfers: dict[tuple[str, str], list[Any]] = {}
    with fields.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            row = dict(zip(FIELDS, line.rstrip("\n").split("\t"), strict=True))
            if row["dhcp.option.dhcp"]:
                kind = _TYPES.get(row["dhcp.option.dhcp"], row["dhcp.option.dhcp"])
                messages.add((int(row["frame.number"]), kind, int(row["dhcp.id"], 0), row["dhcp.hw.mac_addr"]))
            elif row["tftp.opcode"]:
                _follow(row, transfers)
    return messages, {(client, int(port), *found) for (client, port), found in transfers.items()}


def _follow(row: dict[str, str], transfers: dict[tuple[str, str], list[Any]]) -> None:
    source, destination = (row["ip.src"], row["udp.srcport"]), (row["ip.dst"], row["udp.dstport"])
    frame, opcode = int(row["frame.number"]), row["tftp.opcode"]
    if opcode in _REQUESTS:
        transfers[source] = [row["tftp.source_file"], frame, frame, 0, 0]
    found = transfers.get(source) or transfers.get(destination)
    if found is None:
        return
    found[2] = frame
    if opcode == _DATA:
        found[3] += 1
        found[4] += int(row["udp.length"]) - 12


def against_counts(document: Path, counts: str) -> list[str]:
    """DHCP messages by type and DATA packets, as another library counted them."""
    found, theirs = json.loads(document.read_bytes()), Counter(json.loads(Path(counts).read_text()))
    ours = Counter(message["type"] for message in found["dhcp"])
    named = Counter({_TYPES[key.split()[1]]: n for key, n in theirs.items() if key.startswith("dhcp ")})
    wrong = [] if ours == named else [f"DHCP messages: {dict(ours)} instead of {dict(named)}"]
    data = sum(transfer["data_packets"] for transfer in found["transfers"])
    return wrong if data == theirs["tftp 3"] else [*wrong, f"DATA packets: {data} instead of {theirs['tftp 3']}"]


CHECKS = {"storm": against_storm, "tshark": against_tshark, "counts": against_counts}


def main() -> int:
    """The command line: name of the check, the document, what it is held against."""
    name, document, other = sys.argv[1:]
    print(json.dumps(CHECKS[name](Path(document), other)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
