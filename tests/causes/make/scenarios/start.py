"""Steps 8 and 9: the boot file has come, and has to run."""

from __future__ import annotations

from tests.causes.make.clients import AA64, BIOS, IA32, UEFI, UEFI_SECURE
from tests.causes.make.scenarios.common import GRUB_RUNS, ONE, POOL, PXELINUX, SNPONLY, grub, usual_bios, usual_uefi
from tests.causes.make.servers import dnsmasq
from tests.causes.make.stage import Expected, Scenario, Stage


def _bios_file(stage: Stage) -> None:
    usual_uefi(stage, filename="pxelinux.0")
    stage.file("pxelinux.0", PXELINUX)


def _efi_file(stage: Stage) -> None:
    usual_bios(stage, filename="grub.efi")
    grub(stage)


def _by_architecture(stage: Stage) -> None:
    """dnsmasq chooses the boot file by option 93."""
    stage.file("pxelinux.0", PXELINUX)
    grub(stage)
    stage.host("one", ONE)
    dnsmasq(
        *(stage, "one", POOL, "--dhcp-match=set:x64,option:client-arch,7"),
        *("--dhcp-boot=tag:x64,grub.efi", "--dhcp-boot=tag:!x64,pxelinux.0"),
        tftp=True,
    )


def _unsigned(stage: Stage) -> None:
    usual_uefi(stage)


def _loop(stage: Stage) -> None:
    """iPXE is handed to everybody, to iPXE too."""
    stage.file("snponly.efi", SNPONLY)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=snponly.efi", tftp=True)


def _chain(stage: Stage) -> None:
    """iPXE is handed to the firmware, and GRUB to iPXE (which says so by option 175)."""
    stage.file("snponly.efi", SNPONLY)
    grub(stage)
    stage.host("one", ONE)
    dnsmasq(
        *(stage, "one", POOL, "--dhcp-match=set:ipxe,175", "--dhcp-boot=tag:ipxe,grub.efi"),
        "--dhcp-boot=tag:!ipxe,snponly.efi",
        tftp=True,
    )


SCENARIOS = (
    Scenario(
        "nbp-wrong-architecture-uefi",
        "UEFI firmware is given PXELINUX for BIOS",
        *(UEFI, _bios_file),
        Expected("failed", "nbp-wrong-architecture", frames="tftp", near=("nbp-not-started",)),
        until="BdsDxe: (failed|.*Unsupported|.*Not Found)",
    ),
    Scenario(
        "nbp-wrong-architecture-ia32",
        "32-bit UEFI firmware is given a 64-bit program",
        *(IA32, _unsigned),
        Expected("failed", "nbp-wrong-architecture", frames="tftp", near=("nbp-not-started",)),
        until="BdsDxe: (failed|.*Unsupported|.*Not Found)",
    ),
    Scenario(
        "nbp-wrong-architecture-arm64",
        "ARM64 firmware is given a program for x64",
        *(AA64, _unsigned),
        Expected("failed", "nbp-wrong-architecture", frames="tftp", near=("nbp-not-started",)),
        until="BdsDxe: (failed|.*Unsupported|.*Not Found)",
        seconds=150,
    ),
    Scenario(
        "nbp-wrong-architecture-bios",
        "A BIOS client is given a UEFI program",
        *(BIOS, _efi_file),
        Expected("failed", "nbp-wrong-architecture", frames="tftp", near=("nbp-not-started",)),
        until=30.0,
    ),
    Scenario(
        "near-nbp-wrong-architecture-by-option-93",
        "dnsmasq has PXELINUX for BIOS and GRUB for x64, and chooses by option 93",
        *(UEFI, _by_architecture),
        Expected("booted", near=("nbp-wrong-architecture", "nbp-not-started")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "nbp-not-started-secure-boot",
        "Secure Boot refuses a program without a signature; the firmware goes on to the next kind of boot",
        *(UEFI_SECURE, _unsigned),
        Expected("failed", "nbp-not-started", frames="tftp or dhcp or dhcpv6", near=("nbp-wrong-architecture",)),
        until="Access Denied",
        linger=15,
        filters="arp or ip or ip6",
    ),
    Scenario(
        "near-nbp-not-started-runs",
        "The same program without Secure Boot runs, and its own requests follow",
        *(UEFI, _unsigned),
        Expected(
            "booted", near=("nbp-not-started", "tftp-option-refused", "tftp-error", "capture-incomplete", "http-error")
        ),
        until=GRUB_RUNS,
        linger=3,
    ),
    Scenario(
        "chain-load-loop-ipxe",
        "iPXE is the boot file for every client, iPXE too: it loads itself again and again",
        *(UEFI, _loop),
        Expected(
            "failed",
            "chain-load-loop",
            frames="tftp",
            near=("nbp-not-started", "nbp-wrong-architecture"),
            boots=("edk2", "ipxe"),
        ),
        until=45.0,
    ),
    Scenario(
        "near-chain-load-loop-chain",
        "iPXE is handed to the firmware, GRUB to iPXE",
        *(UEFI, _chain),
        Expected("booted", near=("chain-load-loop", "nbp-not-started", "tftp-silent"), boots=("edk2", "ipxe")),
        until=GRUB_RUNS,
        seconds=120,
        linger=3,
    ),
)
