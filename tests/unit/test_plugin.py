"""pytest as a host for a vendor's own scenarios."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pxeconform.server.config import with_ephemeral_ports
from pxeconform.server.demo import demo_config
from pxeconform.server.service import PxeServer

SUITE = '''
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-TID-01")
def asks(play: Play) -> None:
    """Ask for what is there."""
    play.read("even.bin").open()


@scenario("TFTP-1350-TID-09")
def gives_a_reason(play: Play) -> None:
    """Do nothing, and say why."""
    play.because("it is too late for that")


@scenario("TFTP-1350-TID-09")
def forgets(play: Play) -> None:
    """Provoke nothing, and say nothing."""
'''


@pytest.fixture
def outcome(tmp_path: Path) -> str:
    (tmp_path / "vendor.py").write_text(SUITE)
    with PxeServer(with_ephemeral_ports(demo_config(with_credentials=False))) as server:
        ports = f"{server.ports.tftp},{server.ports.pxe},{server.ports.dhcp}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)),
                *("--pxe-target", "127.0.0.1", "--pxe-ports", ports, "--pxe-patience", "0.5", str(tmp_path)),
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    return done.stdout


def test_scenarios_are_items(outcome: str) -> None:
    assert "PASSED" in outcome
    assert "1 failed, 1 passed, 1 skipped" in outcome
    assert "it is too late for that" in outcome
    assert "TFTP-1350-TID-09 (RFC 1350 §4, MUST) error" in outcome
