"""Real servers, how they are started, and how pxeconform is let loose on them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.servers.netns import NETWORK, SERVER_ADDRESS, Network, Service, call
from tests.servers.programs import REPOSITORY, Program, dnsmasq

TFTP, PXE, DHCP = 69, 4011, 67
_RUN_SECONDS = 1200.0
"""A run takes far less; this only keeps a hang from lasting forever."""

BOOT_FILES: Mapping[str, bytes] = {
    "pxelinux.0": b"first item" * 200,
    "memtest.0": b"second item" * 200,
    "bootx64.efi": b"UEFI item" * 200,
}
BIOS_TYPES = (0x8000, 0x8001)
"""dnsmasq numbers its services from there, in the order of its configuration."""
UEFI_TYPE = 0x8002


@dataclass(frozen=True, slots=True)
class Certification:
    """One run as its user sees it: the exit code, what it said, and its folder."""

    exit_code: int
    said: str
    folder: Path
    results: Mapping[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        """Requirement -> verdict."""
        return {v["requirement"]: v["verdict"] for v in self.results["verdicts"]}

    def of(self, verdict: str) -> set[str]:
        """The requirements with that verdict."""
        return {requirement for requirement, its in self.verdicts.items() if its == verdict}

    def verdict(self, requirement: str) -> Mapping[str, Any]:
        """One requirement's verdict in full."""
        return next(v for v in self.results["verdicts"] if v["requirement"] == requirement)

    def evidence(self, *fields: str, only: str = "", capture: str = "evidence.pcapng") -> list[list[str]]:
        """What tshark reads in the evidence: one row a frame, one entry a field."""
        argv = ["tshark", "-n", "-r", str(self.folder / capture), "-T", "fields"]
        # Every port but that of boot servers may be a transfer's here, and that of a stranger too.
        argv += ["-d", "udp.port==1024-4010,tftp", "-d", "udp.port==4012-65535,tftp"]
        argv += [part for field in fields for part in ("-e", field)]
        done = subprocess.run(
            [*argv, *(["-Y", only] if only else [])], capture_output=True, text=True, timeout=60, check=True
        )
        return [line.split("\t") for line in done.stdout.splitlines()]


def certify(network: Network, folder: Path, *options: str | Path) -> Certification:
    """Run pxeconform in the client's namespace against the server in the other one."""
    done = call(
        network.client,
        *(sys.executable, "-W", "error", "-m", "pxeconform", "run", "--target", SERVER_ADDRESS),
        *("--out", folder, "--seed", "1", *options),
        timeout=_RUN_SECONDS,
        environment={"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    written = folder / "results.json"
    assert written.exists(), f"exit code {done.returncode}: {done.stderr}"
    return Certification(done.returncode, done.stdout + done.stderr, folder, json.loads(written.read_text()))


def serve_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files where a server can read them, whoever it runs as."""
    folder.mkdir()
    folder.chmod(0o755)
    for name, contents in files.items():
        path = folder / name
        path.write_bytes(contents)
        path.chmod(0o644)
    return folder


def start(program: Program, network: Network, root: Path, log: Path) -> Service:
    """One of the TFTP servers, serving a folder."""
    return Service(
        network.server, program.command(root), ports=(TFTP,), log=log, folder=root if program.inside else None
    )


def dnsmasq_proxy(network: Network, served: Path, log: Path) -> Service:
    """dnsmasq as proxyDHCP and boot server: a menu of two BIOS items and one for UEFI, and their files by TFTP."""
    argv = [
        *dnsmasq(served),
        *(f"--dhcp-range={NETWORK},proxy", f"--dhcp-leasefile={log.with_suffix('.leases')}", "--log-dhcp"),
        "--pxe-prompt=Choose,3",
        "--pxe-service=x86PC,First,pxelinux",
        "--pxe-service=x86PC,Second,memtest",
        "--pxe-service=X86-64_EFI,UEFI,bootx64.efi",
    ]
    return Service(network.server, argv, ports=(TFTP, DHCP, PXE), log=log)


def dnsmasq_version() -> str:
    """The version of the installed dnsmasq."""
    said = subprocess.run(["/usr/sbin/dnsmasq", "--version"], capture_output=True, text=True, timeout=10, check=True)
    return said.stdout.split()[2]


def seconds(iso: str) -> float:
    """A time of `results.json`, in seconds."""
    return datetime.fromisoformat(iso).timestamp()
