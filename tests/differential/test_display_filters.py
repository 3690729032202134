"""Every display filter that a diagnosis tells is one that Wireshark takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pxeconform.diagnosis.boots import BOOT_RULES
from pxeconform.diagnosis.model import filled
from pxeconform.diagnosis.transfers import TRANSFER_RULES

SAMPLE = Path(__file__).resolve().parents[2] / "captures" / "bios-file-not-found.pcap"
KNOWN = {"mac": "52:54:00:77:00:10", "client": "10.0.0.1", "server": "10.0.0.2", "proxy": "10.0.0.2", "port": "2070"}
UNKNOWN = dict.fromkeys(KNOWN, "?")
OVER_IPV6 = {**KNOWN, "client": "fd77::1", "server": "fd77::2", "family": "ipv6"}
FILTERS = sorted({rule.display_filter for rule in (*BOOT_RULES, *TRANSFER_RULES)})


@pytest.mark.parametrize("template", FILTERS)
@pytest.mark.parametrize("names", [KNOWN, UNKNOWN, OVER_IPV6], ids=["known", "unknown", "ipv6"])
def test_wireshark_takes_the_filter(template: str, names: dict[str, str]) -> None:
    names = {"boot_server": names["server"], **names}
    done = subprocess.run(
        ["tshark", "-r", str(SAMPLE), "-Y", filled(template, names)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
