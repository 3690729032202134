"""Real firmware on a wire of its own: QEMU with SeaBIOS and iPXE or with OVMF, a bridge, tcpdump and the server.

Two of `tests/servers/netns.py`'s namespaces are used: the server's, and the client's, where a bridge joins the cable
with the tap device of the virtual machine.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers.netns import CLIENT_ADDRESS, Namespace, Network, Service, call

QEMU = "qemu-system-x86_64"
SEABIOS_ROM = Path("/usr/lib/ipxe/qemu/pxe-e1000.rom")
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")

MAC = "52:54:00:77:00:10"
UUID = "11223344-5566-7788-99aa-bbccddeeff00"

_CABLE, _BRIDGE, _TAP = "pxeclient0", "pxebridge0", "pxetap0"
_PATIENCE = 10.0
_BEAT = 0.05


def missing(*needed: str | Path) -> str:
    """The programs and files of these that are not here, in words; empty if all are."""
    return ", ".join(
        str(each) for each in needed if not (shutil.which(each) if isinstance(each, str) else each.exists())
    )


def join_tap(client: Namespace) -> None:
    """A bridge between the cable and a new tap device, where the virtual machine is the only host."""
    for line in (
        f"address del {CLIENT_ADDRESS}/24 dev {_CABLE}",
        # No spanning tree and no learning delay: the firmware's first broadcast has to come through.
        f"link add {_BRIDGE} type bridge forward_delay 0 mcast_snooping 0",
        f"link set {_CABLE} master {_BRIDGE}",
        f"tuntap add dev {_TAP} mode tap",
        f"link set {_TAP} master {_BRIDGE}",
        f"link set {_TAP} up",
        f"link set {_BRIDGE} up",
    ):
        done = call(client, "ip", *line.split(), timeout=_PATIENCE)
        assert done.returncode == 0, f"ip {line}: {done.stderr}"


def bios_machine(serial: Path) -> list[str]:
    """SeaBIOS and, for the network card, iPXE; all text goes to the serial port."""
    return [
        *(QEMU, "-accel", "tcg", "-m", "256", "-smp", "1", "-nodefaults", "-display", "none"),
        *("-machine", "graphics=off", "-vga", "none", "-uuid", UUID, "-monitor", "none", "-no-reboot"),
        *("-netdev", f"tap,id=wire,ifname={_TAP},script=no,downscript=no"),
        *("-device", f"e1000,netdev=wire,mac={MAC},bootindex=1"),
        *("-device", "virtio-rng-pci", "-serial", f"file:{serial}"),
    ]


def uefi_machine(serial: Path, variables: Path) -> list[str]:
    """OVMF with its own network stack: the card has no ROM. Boots over IPv4 only."""
    shutil.copyfile(OVMF_VARIABLES, variables)
    return [
        *(QEMU, "-accel", "tcg", "-machine", "q35", "-m", "512", "-smp", "1", "-nodefaults", "-display", "none"),
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}"),
        *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
        *("-uuid", UUID, "-monitor", "none", "-no-reboot"),
        *("-netdev", f"tap,id=wire,ifname={_TAP},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=wire,mac={MAC},bootindex=1,romfile="),
        *("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=no"),
        *("-device", "virtio-rng-pci", "-serial", f"file:{serial}"),
    ]


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot left behind."""

    capture: Path
    screen: str
    served: str
    """What the server printed."""


def boot(
    network: Network,
    config: Path,
    machine: Callable[[Path], Sequence[str]],
    expected: str,
    folder: Path,
    seconds: float,
) -> Boot:
    """Start the server, then the machine, and wait until its screen shows `expected` or the time is over."""
    capture, serial = folder / "boot.pcap", folder / "serial.txt"
    end = time.monotonic() + seconds
    serve = [sys.executable, "-m", "pxeconform", "serve", "--config", config]
    # As root tcpdump would become another user, whom a user namespace does not know.
    dump = ["tcpdump", "-i", _TAP, "-n", "-U", "--immediate-mode", "-Z", "root", "-w", capture, "arp or ip"]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Service(network.server, serve, ports=(67, 69, 4011), log=folder / "server.txt"))
        recorder = stack.enter_context(Service(network.client, dump, ports=(), log=folder / "tcpdump.txt"))
        _wait_for(lambda: "listening on" in recorder.said(), time.monotonic() + _PATIENCE)
        stack.enter_context(Service(network.client, machine(serial), ports=(), log=folder / "qemu.txt"))
        _wait_for(lambda: expected in screen(serial), end)
        # The last packets of the program that has just spoken.
        time.sleep(1.0)
    return Boot(capture, screen(serial), server.said())


def screen(serial: Path) -> str:
    """What the serial console showed so far, without the codes that move the cursor and colour the text."""
    if not serial.exists():
        return ""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", serial.read_text(encoding="utf-8", errors="replace"))


def _wait_for(ready: Callable[[], bool], end: float) -> None:
    while not ready() and time.monotonic() < end:
        time.sleep(_BEAT)
