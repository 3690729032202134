"""The command line as its users meet it: a process with arguments, two streams and an exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pxeconform.server.config import with_ephemeral_ports
from pxeconform.server.demo import demo_config
from pxeconform.server.service import Ports, PxeServer

Pxeconform = Callable[..., subprocess.CompletedProcess[str]]


def call(*arguments: str | Path, cwd: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """One process, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "pxeconform", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=90,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def pxeconform(tmp_path: Path) -> Pxeconform:
    return partial(call, cwd=tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Ports]:
    with PxeServer(with_ephemeral_ports(demo_config())) as running:
        yield running.ports


@pytest.fixture(scope="session")
def at_server(server: Ports) -> tuple[str, ...]:
    """The options that lead a run to the embedded server."""
    return (
        *("--target", "127.0.0.1", "--tftp-port", str(server.tftp)),
        *("--pxe-port", str(server.pxe), "--dhcp-port", str(server.dhcp), "--patience", "1"),
    )
