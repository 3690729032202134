"""The servers of the scenarios, as their packages ship them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.causes.make.stage import Stage

PACKAGES = (
    *("dnsmasq-base", "isc-dhcp-server", "kea-dhcp4-server", "tftpd-hpa", "nginx-light"),
    *("nftables", "tcpdump", "tshark", "ethtool", "iproute2", "pxelinux", "ipxe", "grub-efi-amd64-bin", "grub-common"),
)
"""What all scenarios together need besides their clients."""

_DNSMASQ = (
    "dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --group= --log-facility=- --port=0"
)


def dnsmasq(stage: Stage, host: str, *options: str, tftp: bool = False, ports: tuple[int, ...] = (67,)) -> None:
    """dnsmasq with these options; `tftp` serves the stage's files too."""
    leases = stage.folder / f"dnsmasq-{host}.leases"
    argv = [*_DNSMASQ.split(), f"--dhcp-leasefile={leases}", "--interface=eth0", "--bind-interfaces", "--log-dhcp"]
    argv += [*options, *(["--enable-tftp", f"--tftp-root={stage.files}"] if tftp else [])]
    stage.serve(host, argv, ports=(*ports, *((69,) if tftp else ())))


def isc(stage: Stage, host: str, subnet: str, *, head: str = "", pool: str = "range 10.77.0.100 10.77.0.150;") -> None:
    """ISC dhcpd for the one subnet; `subnet` are lines of its declaration."""
    config, leases = stage.folder / f"dhcpd-{host}.conf", stage.folder / f"dhcpd-{host}.leases"
    config.write_text(
        "authoritative; ping-check false; default-lease-time 600; max-lease-time 7200;\n"
        "option architecture code 93 = unsigned integer 16;\n"
        f"{head}\nsubnet 10.77.0.0 netmask 255.255.255.0 {{\n {pool}\n option routers 10.77.0.1;\n {subnet}\n}}\n"
    )
    leases.touch()
    pid = stage.folder / f"dhcpd-{host}.pid"
    stage.serve(host, ["dhcpd", "-4", "-f", "-d", "-cf", config, "-lf", leases, "-pf", pid, "eth0"], ports=(67,))


def kea(stage: Stage, host: str, **subnet: object) -> None:
    """Kea for the one subnet; the rest are members of its `subnet4`."""
    config = stage.folder / "kea.json"
    whole = {
        "Dhcp4": {
            "interfaces-config": {"interfaces": ["eth0"]},
            "lease-database": {"type": "memfile", "persist": False},
            "valid-lifetime": 600,
            "subnet4": [{"id": 1, "subnet": "10.77.0.0/24", "interface": "eth0", **subnet}],
            "loggers": [{"name": "kea-dhcp4", "output_options": [{"output": "stdout"}], "severity": "INFO"}],
        }
    }
    config.write_text(json.dumps(whole, indent=1))
    os.environ.setdefault("KEA_PIDFILE_DIR", str(stage.folder))
    os.environ.setdefault("KEA_LOCKFILE_DIR", "none")
    stage.serve(host, ["kea-dhcp4", "-c", config], ports=(67,))


def tftpd_hpa(stage: Stage, host: str, *options: str) -> None:
    """tftpd-hpa on the stage's files."""
    argv: list[str | Path] = ["in.tftpd", "--foreground", "--ipv4", "-v", "--user", "root", *options]
    stage.serve(host, [*argv, "--address", ":69", "--secure", stage.files], ports=(69,))


def atftpd(stage: Stage, host: str, *options: str) -> None:
    """atftpd on the stage's files."""
    argv: list[str | Path] = [_unpacked("atftpd"), "--daemon", "--no-fork", "--user", "root.root", "--logfile", "-"]
    argv += [*options, stage.files]
    stage.serve(host, argv, ports=(69,))


def _unpacked(package: str) -> Path:
    """A program of a package that may not be installed beside another: fetched and laid out in a folder."""
    folder = Path(tempfile.gettempdir()) / f"pxeconform-{package}-{os.getuid()}"
    program = folder / "usr" / "sbin" / package
    if not program.exists():
        folder.mkdir(exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, timeout=120)
        (archive,) = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg", "-x", archive, folder], check=True, timeout=60)
    return program


def nginx(stage: Stage, host: str) -> None:
    """nginx on the stage's files."""
    config = stage.folder / "nginx.conf"
    config.write_text(
        f"daemon off; user root; pid {stage.folder}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{\n"
        f" access_log off; client_body_temp_path {stage.folder}; proxy_temp_path {stage.folder};\n"
        f" fastcgi_temp_path {stage.folder}; uwsgi_temp_path {stage.folder}; scgi_temp_path {stage.folder};\n"
        f" server {{ listen 80; root {stage.files}; }}\n}}\n"
    )
    stage.serve(host, ["nginx", "-c", config, "-p", stage.folder], ports=())
