"""Real firmware boots from the embedded server, over boot server discovery on port 4011.

The best test of a server is a client that nobody here wrote. And the capture of it is one that `analyze` must tell
right, without a finding against the server.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import pxeconform
from tests.firmware import machine
from tests.servers.netns import SERVER_ADDRESS, Network, network_or_reason

pytestmark = pytest.mark.firmware

PXELINUX = Path("/usr/lib/PXELINUX/pxelinux.0")
LDLINUX = Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
IPXE = Path("/usr/lib/ipxe/snponly.efi")

CONFIG = f"""
address = "{SERVER_ADDRESS}"
dhcp_port = 67
pxe_port = 4011
tftp_port = 69
mode = "dhcp"
root = "root"
[pool]
first = "10.77.0.100"
last = "10.77.0.150"
[prompt]
timeout = 0
text = "Booting"
[[services]]
type = 32769
description = "BIOS"
files = ["pxelinux.0"]
architectures = [0]
[[services]]
type = 32769
description = "UEFI"
files = ["snponly.efi"]
architectures = [7]
"""


@pytest.fixture
def network() -> Iterator[Network]:
    with network_or_reason() as network:
        if isinstance(network, str):
            pytest.skip(network)
        machine.join_tap(network.client)
        yield network


def configured(folder: Path, *files: Path) -> Path:
    """The server's configuration, with these files in its root."""
    root = folder / "root"
    (root / "pxelinux.cfg").mkdir(parents=True)
    (root / "pxelinux.cfg" / "default").write_text("SERIAL 0\nSAY STARTED-FROM-THE-NETWORK\nPROMPT 1\nTIMEOUT 0\n")
    for file in files:
        shutil.copy(file, root / file.name)
    (folder / "serve.toml").write_text(CONFIG)
    return folder / "serve.toml"


def check(
    network: Network, config: Path, how: Callable[[Path], Sequence[str]], expected: str, folder: Path
) -> dict[str, object]:
    """Boot, and give the first boot of the analysis."""
    boot = machine.boot(network, config, how, expected, folder, 90.0)
    assert expected in boot.screen
    document = pxeconform.analyze(boot.capture).to_dict()
    assert [f for f in document["findings"] if f["verdict"] == "fail"] == []
    first: dict[str, object] = document["boots"][0]
    steps = {step["step"]: step["status"] for step in document["boots"][0]["steps"]}
    assert [steps[n] for n in range(1, 8)] == ["done"] * 7
    assert (first["client_mac"], first["outcome"], first["diagnosis"]) == (machine.MAC, "booted", [])
    return first


def test_bios(network: Network, tmp_path: Path) -> None:
    lacking = machine.missing(machine.QEMU, machine.SEABIOS_ROM, PXELINUX, LDLINUX, "tcpdump")
    if lacking:
        pytest.skip(f"not installed: {lacking}")
    config = configured(tmp_path, PXELINUX, LDLINUX)
    boot = check(network, config, machine.bios_machine, "STARTED-FROM-THE-NETWORK", tmp_path)
    assert (boot["firmware"], boot["boot_file"], boot["arch"]) == ("ipxe", "pxelinux.0", 0)


def test_uefi(network: Network, tmp_path: Path) -> None:
    lacking = machine.missing(machine.QEMU, machine.OVMF_CODE, machine.OVMF_VARIABLES, IPXE, "tcpdump")
    if lacking:
        pytest.skip(f"not installed: {lacking}")
    config = configured(tmp_path, IPXE)
    how = functools.partial(machine.uefi_machine, variables=tmp_path / "variables.fd")
    boot = check(network, config, how, "iPXE initialising devices", tmp_path)
    assert (boot["firmware"], boot["boot_file"], boot["arch"]) == ("edk2", "snponly.efi", 7)
