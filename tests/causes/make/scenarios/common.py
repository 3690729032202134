"""What most scenarios have in common: the usual servers and the usual boot files."""

from __future__ import annotations

from pathlib import Path

from tests.causes.make.servers import dnsmasq, isc, tftpd_hpa
from tests.causes.make.stage import Stage
from tests.causes.make.wire import run_text

PXELINUX = Path("/usr/lib/PXELINUX/pxelinux.0")
SNPONLY = Path("/usr/lib/ipxe/snponly.efi")
PXELINUX_RUNS = "ldlinux.c32"
"""On the screen: PXELINUX runs, and looks for its second part, which is not there. Its requests are the proof."""
IPXE_GIVES_UP = "No more network devices"
GRUB_RUNS = "started.mod|grub rescue"

ONE, TWO, THREE = "10.77.0.1", "10.77.0.2", "10.77.0.3"
POOL = "--dhcp-range=10.77.0.100,10.77.0.150,10m"


def grub(stage: Stage, name: str = "grub.efi", platform: str = "x86_64-efi") -> None:
    """A small GRUB that asks the TFTP server for a module as soon as it runs."""
    config, image = stage.folder / "early.cfg", stage.folder / "image.efi"
    config.write_text("insmod (pxe)/started.mod\n")
    said = run_text(["grub-mkimage", "-O", platform, "-o", image, "-c", config, "-p", "(pxe)/grub", "efinet", "tftp"])
    assert image.exists(), said
    stage.file(name, image)


def usual_bios(stage: Stage, *, filename: str = "pxelinux.0", next_server: str = ONE, tftp: bool = True) -> None:
    """ISC dhcpd and tftpd-hpa on one host, PXELINUX as boot file."""
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    isc(stage, "one", f'filename "{filename}"; next-server {next_server};')
    if tftp:
        tftpd_hpa(stage, "one")


def usual_uefi(stage: Stage, *, filename: str = "grub.efi", next_server: str = ONE, tftp: bool = True) -> None:
    """The same with GRUB."""
    grub(stage)
    stage.host("one", ONE)
    isc(stage, "one", f'filename "{filename}"; next-server {next_server};')
    if tftp:
        tftpd_hpa(stage, "one")


def proxy(stage: Stage, host: str, *options: str) -> None:
    """dnsmasq as proxyDHCP on a host that is there, with its TFTP service."""
    dnsmasq(stage, host, "--dhcp-range=10.77.0.0,proxy", *options, tftp=True, ports=(67, 4011))
