"""The command line as its users meet it: a process with arguments, two streams and an exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pxeconform.server.config import with_ephemeral_ports
from pxeconform.server.demo import demo_config
from pxeconform.server.service import Ports, PxeServer

Pxeconform = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pxeconform(tmp_path: Path) -> Pxeconform:
    def call(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pxeconform", *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def server() -> Iterator[Ports]:
    with PxeServer(with_ephemeral_ports(demo_config())) as running:
        yield running.ports


@pytest.fixture
def at_server(server: Ports) -> tuple[str, ...]:
    """The options that lead a run to the embedded server."""
    return (
        *("--target", "127.0.0.1", "--tftp-port", str(server.tftp)),
        *("--pxe-port", str(server.pxe), "--dhcp-port", str(server.dhcp), "--patience", "1"),
    )
