"""Step 7: finding the server, and the download up to its first block."""

from __future__ import annotations

from tests.causes.make.clients import AA64, BIOS, BIOS_REALTEK, UBOOT, UEFI, UEFI_HTTP, UEFI_IPXE_ROM
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    PXELINUX_RUNS,
    grub,
    usual_bios,
    usual_uefi,
)
from tests.causes.make.servers import dnsmasq, isc, nginx, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage

_RRQ = "tftp.opcode == 1 and not icmp"
_ERROR = f"({_RRQ}) or tftp.opcode == 5"
_ARP = "arp.opcode == 1 and arp.src.hw_mac == 52:54:00:77:00:10"


def _dead_server_bios(stage: Stage) -> None:
    usual_bios(stage, next_server="10.77.0.9", tftp=False)


def _dead_server_uefi(stage: Stage) -> None:
    usual_uefi(stage, next_server="10.77.0.9", tftp=False)


def _dead_gateway(stage: Stage) -> None:
    """The server is on another subnet, and the router of option 3 is not there."""
    grub(stage)
    stage.host("one", "10.77.0.2")
    isc(stage, "one", 'filename "grub.efi"; next-server 192.0.2.1;')


def _arp_late(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey(f"arp operation reply arp saddr ip {ONE} numgen inc mod 100000 < 1 drop")


def _no_tftp_bios(stage: Stage) -> None:
    usual_bios(stage, tftp=False)


def _no_tftp_uefi(stage: Stage) -> None:
    usual_uefi(stage, tftp=False)


def _tftp_comes(stage: Stage) -> None:
    """The TFTP service starts just after the client was told that there is none."""
    usual_bios(stage, tftp=False)

    def start(stage: Stage) -> None:
        stage.wait_for("icmp.type == 3")
        tftpd_hpa(stage, "one")

    stage.later.append(start)


def _firewall_bios(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp dport 69 drop")


def _firewall_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp dport 69 drop")


def _uboot_firewall(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp dport 69 drop")


def _first_request_lost(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp dport 69 numgen inc mod 100000 < 1 drop")


def _data_port_bios(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 drop")


def _data_port_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 drop")


def _first_answer_lost(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 numgen inc mod 100000 < 1 drop")


def _misspelt_bios(stage: Stage) -> None:
    usual_bios(stage, filename="pxelinux.O")


def _misspelt_uefi(stage: Stage) -> None:
    usual_uefi(stage, filename="EFI/BOOT/grub.efi")


def _unreadable(stage: Stage) -> None:
    usual_bios(stage)
    (stage.files / "pxelinux.0").chmod(0o600)


def _unreadable_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    (stage.files / "grub.efi").chmod(0o600)


def _through_a_file(stage: Stage) -> None:
    """dnsmasq is asked for a file "in" a file; it says so with error 0."""
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=pxelinux.0/pxelinux.0", tftp=True)


def _web(stage: Stage, url: str, *, server: bool = True) -> None:
    grub(stage)
    stage.host("one", ONE)
    # Option 60 = HTTPClient and a URL as boot file: UEFI HTTP boot (UEFI 2.10, section 24.7).
    dnsmasq(
        stage,
        "one",
        POOL,
        "--dhcp-vendorclass=set:http,HTTPClient",
        f"--dhcp-boot=tag:http,{url}",
        "--dhcp-option-force=tag:http,60,HTTPClient",
    )
    if server:
        nginx(stage, "one")


def _web_missing(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/missing.efi")


def _web_closed(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/grub.efi", server=False)


def _web_good(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/grub.efi")


SCENARIOS = (
    Scenario(
        "arp-unanswered-bios",
        "next-server is an address of the subnet that nobody has",
        *(BIOS, _dead_server_bios),
        Expected("failed", "arp-unanswered", frames=_ARP, near=("tftp-silent", "tftp-unreachable")),
        until="4c126035",
    ),
    Scenario(
        "arp-unanswered-uefi",
        "next-server is an address of the subnet that nobody has",
        *(UEFI, _dead_server_uefi),
        Expected("failed", "arp-unanswered", frames=_ARP, near=("tftp-silent", "tftp-unreachable")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "arp-unanswered-gateway",
        "next-server is elsewhere, and the router that option 3 names is not there",
        *(UEFI, _dead_gateway),
        Expected("failed", "arp-unanswered", frames=_ARP, near=("tftp-silent", "tftp-unreachable")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-arp-unanswered-once",
        "The server's first ARP reply is lost, a later one comes through",
        *(UEFI, _arp_late),
        Expected("booted", near=("arp-unanswered", "tftp-silent")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "tftp-unreachable-bios",
        "The server runs no TFTP service; its kernel answers with ICMP unreachable",
        *(BIOS, _no_tftp_bios),
        Expected("failed", "tftp-unreachable", frames=f"({_RRQ}) or icmp.type == 3", near=("tftp-silent",)),
        until="4c126035",
    ),
    Scenario(
        "tftp-unreachable-uefi",
        "The server runs no TFTP service; its kernel answers with ICMP unreachable",
        *(UEFI, _no_tftp_uefi),
        Expected("failed", "tftp-unreachable", frames=f"({_RRQ}) or icmp.type == 3", near=("tftp-silent",)),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-tftp-unreachable-service-starts",
        "The first request meets ICMP unreachable; then the TFTP service starts, and the next one is served",
        *(BIOS, _tftp_comes),
        Expected("booted", near=("tftp-unreachable", "tftp-silent")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "tftp-silent-bios",
        "A firewall before the TFTP server drops every request",
        *(BIOS, _firewall_bios),
        Expected("failed", "tftp-silent", frames=_RRQ, near=("tftp-data-port-blocked", "arp-unanswered")),
        until="4c126035",
    ),
    Scenario(
        "tftp-silent-uefi",
        "A firewall before the TFTP server drops every request",
        *(UEFI, _firewall_uefi),
        Expected("failed", "tftp-silent", frames=_RRQ, near=("tftp-data-port-blocked", "arp-unanswered")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "tftp-silent-uboot",
        "A firewall before the TFTP server drops every request of U-Boot",
        *(UBOOT, _uboot_firewall),
        Expected("failed", "tftp-silent", frames=_RRQ, near=("tftp-data-port-blocked", "arp-unanswered", "late-link")),
        until="[Rr]etry count exceeded",
        seconds=120,
    ),
    Scenario(
        "near-tftp-silent-first-request-lost",
        "The first read request is lost, its repetition is served",
        *(BIOS, _first_request_lost),
        Expected("booted", near=("tftp-silent", "packet-loss")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "tftp-data-port-blocked-bios",
        "A firewall lets port 69 through, and drops what the server sends from its transfer port",
        *(BIOS, _data_port_bios),
        Expected(
            "failed",
            "tftp-data-port-blocked",
            frames=f"({_RRQ}) or tftp.opcode == 6",
            near=("tftp-silent", "tftp-stalled"),
        ),
        until="4c126035",
    ),
    Scenario(
        "tftp-data-port-blocked-uefi",
        "A firewall lets port 69 through, and drops what the server sends from its transfer port",
        *(UEFI, _data_port_uefi),
        Expected(
            "failed",
            "tftp-data-port-blocked",
            frames=f"({_RRQ}) or tftp.opcode == 6",
            near=("tftp-silent", "tftp-stalled"),
        ),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-tftp-data-port-blocked-once",
        "Only the first answer from the transfer port is lost",
        *(BIOS, _first_answer_lost),
        Expected("booted", near=("tftp-data-port-blocked", "tftp-silent")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "tftp-file-not-found-bios",
        "The boot file's name ends in the letter O in place of a zero",
        *(BIOS_REALTEK, _misspelt_bios),
        Expected("failed", "tftp-file-not-found", frames=_ERROR, near=("tftp-access-violation", "tftp-error")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "tftp-file-not-found-uefi",
        "The boot file is in another folder",
        *(UEFI, _misspelt_uefi),
        Expected("failed", "tftp-file-not-found", frames=_ERROR, near=("tftp-access-violation", "tftp-error")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "tftp-access-violation-bios",
        "tftpd-hpa serves only files that everybody may read, and this one is not",
        *(BIOS, _unreadable),
        Expected("failed", "tftp-access-violation", frames=_ERROR, near=("tftp-file-not-found", "tftp-error")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "tftp-access-violation-uefi",
        "tftpd-hpa serves only files that everybody may read, and this one is not",
        *(UEFI, _unreadable_uefi),
        Expected("failed", "tftp-access-violation", frames=_ERROR, near=("tftp-file-not-found", "tftp-error")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "tftp-file-not-found-ipxe-efi",
        "The boot file is in another folder; the client is an iPXE for UEFI",
        *(UEFI_IPXE_ROM, _misspelt_uefi),
        Expected("failed", "tftp-file-not-found", frames=_ERROR, near=("tftp-access-violation", "tftp-error")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "tftp-access-violation-ipxe-efi",
        "tftpd-hpa serves only files that everybody may read; the client is an iPXE for UEFI",
        *(UEFI_IPXE_ROM, _unreadable_uefi),
        Expected("failed", "tftp-access-violation", frames=_ERROR, near=("tftp-file-not-found", "tftp-error")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "tftp-silent-ipxe-efi",
        "A firewall before the TFTP server drops every request of an iPXE for UEFI",
        *(UEFI_IPXE_ROM, _firewall_uefi),
        Expected("failed", "tftp-silent", frames=_RRQ, near=("tftp-data-port-blocked", "arp-unanswered")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "tftp-error-bios",
        "dnsmasq is asked for a path that goes through a file, and answers with error 0",
        *(BIOS, _through_a_file),
        Expected("failed", "tftp-error", frames=_ERROR, near=("tftp-file-not-found", "tftp-access-violation")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "http-error-missing",
        "UEFI HTTP boot: nginx has no such file",
        *(UEFI_HTTP, _web_missing),
        Expected("failed", "http-error", frames="http", near=("tftp-file-not-found", "no-boot-file")),
        until="Error: |Not Found",
        filters="arp or ip",
    ),
    Scenario(
        "http-error-closed",
        "UEFI HTTP boot: nothing listens on port 80",
        *(UEFI_HTTP, _web_closed),
        Expected("failed", "http-error", frames="tcp", near=("arp-unanswered", "no-boot-file")),
        until="Error: |Not Found",
    ),
    Scenario(
        "near-http-error-boots",
        "UEFI HTTP boot: HEAD and GET are answered, and the boot file runs",
        *(UEFI_HTTP, _web_good),
        Expected("booted", near=("http-error", "nbp-not-started")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "aa64-file-not-found",
        "ARM64: the boot file is in another folder",
        *(AA64, _misspelt_uefi),
        Expected("failed", "tftp-file-not-found", frames=_ERROR, near=("tftp-access-violation", "tftp-error")),
        until=r"PXE-E\d\d",
        seconds=150,
    ),
)
