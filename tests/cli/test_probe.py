"""`probe` against the embedded server, and against nobody."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Pxeconform


def test_what_the_embedded_server_offers(pxeconform: Pxeconform, at_server: tuple[str, ...], tmp_path: Path) -> None:
    options = [part for part in at_server if part != "--dhcp-port"]
    del options[options.index("--patience") - 1]
    done = pxeconform("probe", *options, "--file", "even.bin", "--json", "-", "--out", tmp_path / "p")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [service["answers"] for service in found["services"]] == [True, True]
    assert {o["option"]: o["value"] for o in found["options"]}["blksize"] == "1428"
    files = {entry["architecture"]: entry["file"] for entry in found["boot_files"]}
    assert files[0] == "boot/pxe.0"
    assert files[7] == "boot/x64.efi"
    assert not found["one_at_a_time"]
    assert (tmp_path / "p" / "evidence.pcapng").exists()


def test_nobody_answers(pxeconform: Pxeconform) -> None:
    done = pxeconform("probe", "--target", "127.0.0.1", "--tftp-port", "9", "--pxe-port", "19", "--patience", "0.3")
    assert done.returncode == 3
    assert "silent" in done.stdout
    assert "--file" not in done.stdout
