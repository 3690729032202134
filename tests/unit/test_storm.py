"""The generator of boot storms: what the benchmark measures must be real boots."""

import subprocess
from pathlib import Path

import pytest

from pxeconform.analysis import analyze
from tests.bench import storm
from tests.bench.storm import Storm

SMALL = Storm(clients=4, octets=10_000, proxy=True, probe=True, other=0.5)


def test_same_seed_gives_the_same_octets(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        storm.write(tmp_path / name, Storm(clients=4, octets=10_000, other=0.5, seed=seed))
    first, again, different = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != different


@pytest.mark.parametrize("pcapng", [False, True])
def test_every_client_boots_and_gets_its_file(tmp_path: Path, pcapng: bool) -> None:
    capture = tmp_path / "storm"
    written = storm.write(capture, SMALL, pcapng=pcapng)
    assert written.octets == capture.stat().st_size
    found = analyze(capture).to_dict()
    assert [boot["outcome"] for boot in found["boots"]] == ["booted"] * 4
    assert {boot["proxy_server"] for boot in found["boots"]} == {"10.77.0.2"}
    ended = sorted((transfer["outcome"], transfer["bytes"]) for transfer in found["transfers"])
    assert ended == [("complete", 10_000)] * 4 + [("probe", 0)] * 4
    assert (found["captures"][0]["packets"], len(found["dhcp"])) == (written.packets, written.dhcp)


@pytest.mark.parametrize("octets", [1, 1467, 1468, 2936, 2937])
def test_files_of_whole_blocks_end_with_an_empty_one(tmp_path: Path, octets: int) -> None:
    capture = tmp_path / "storm"
    storm.write(capture, Storm(clients=1, octets=octets))
    (transfer,) = analyze(capture).to_dict()["transfers"]
    assert (transfer["outcome"], transfer["bytes"], transfer["blocks"]) == ("complete", octets, octets // 1468 + 1)


def test_tshark_finds_no_fault(tmp_path: Path) -> None:
    capture = tmp_path / "storm"
    written = storm.write(capture, SMALL, pcapng=True)
    checked = [f"-o{layer}.check_checksum:TRUE" for layer in ("ip", "udp", "tcp")]
    fields = ("ip.checksum.status", "udp.checksum.status", "tcp.checksum.status", "_ws.malformed", "dhcp", "tftp")
    shown = subprocess.run(
        ["tshark", "-r", capture, "-n", *checked, "-T", "fields", *(f"-e{name}" for name in fields)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    rows = [line.split("\t") for line in shown]
    assert {row[0] for row in rows} | {row[1] for row in rows} | {row[2] for row in rows} <= {"1", ""}
    assert not any(row[3] for row in rows)
    assert (sum(bool(row[4]) for row in rows), sum(bool(row[5]) for row in rows)) == (written.dhcp, written.tftp)
