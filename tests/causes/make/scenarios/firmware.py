"""The faults of the other modules with other firmware: later releases, other cards, other architectures."""

from __future__ import annotations

from tests.causes.make.clients import (
    AA64,
    AA64_NEXT,
    BIOS_NEXT,
    IA32,
    UBOOT,
    UEFI_IPXE_ROM,
    UEFI_NEXT,
    Machine,
    bios_with,
)
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    PXELINUX_RUNS,
    TWO,
    grub,
    proxy,
    usual_bios,
    usual_uefi,
)
from tests.causes.make.servers import atftpd, dnsmasq, isc, kea, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage

_EDK2_GIVES_UP = r"PXE-E\d\d"
_REFUSED = "BdsDxe: (failed|.*Unsupported|.*Not Found)"


def _nobody(stage: Stage) -> None:
    stage.host("one", ONE)


def _no_file(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", "")


def _proxy_alone(stage: Stage) -> None:
    stage.host("two", TWO)
    grub(stage)
    proxy(stage, "two", "--pxe-service=X86-64_EFI,Linux,grub.efi", "--pxe-service=x86PC,Linux,pxelinux")


def _proxy_beside_kea(stage: Stage) -> None:
    _proxy_alone(stage)
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    kea(stage, "one", pools=[{"pool": "10.77.0.100 - 10.77.0.150"}])


def _class_without_service(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", 'option vendor-class-identifier "PXEClient";')


def _uefi(stage: Stage) -> None:
    usual_uefi(stage)


def _uefi_dead(stage: Stage) -> None:
    usual_uefi(stage, next_server="10.77.0.9", tftp=False)


def _uefi_no_tftp(stage: Stage) -> None:
    usual_uefi(stage, tftp=False)


def _uefi_firewall(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp dport 69 drop")


def _uefi_data_port(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 drop")


def _uefi_misspelt(stage: Stage) -> None:
    usual_uefi(stage, filename="grub.EFI")


def _uefi_unreadable(stage: Stage) -> None:
    usual_uefi(stage)
    (stage.files / "grub.efi").chmod(0o600)


def _uefi_bios_file(stage: Stage) -> None:
    usual_uefi(stage, filename="pxelinux.0")
    stage.file("pxelinux.0", PXELINUX)


def _uefi_narrow(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("ip length > 1400 drop")


def _pulled(stage: Stage, octets: int = 40_000) -> None:
    def pull(stage: Stage) -> None:
        stage.wait_for_octets(octets)
        stage.wire.ip("link", "set", "to-one", "down")

    stage.later.append(pull)


def _uefi_pulled(stage: Stage) -> None:
    usual_uefi(stage)
    _pulled(stage)


def _uefi_offers_lost(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp sport 67 udp dport 68 drop")


def _uefi_window(stage: Stage, rules: str = "") -> None:
    """atftpd grants the window of four blocks that EDK2 asks for."""
    usual_uefi(stage, tftp=False)
    atftpd(stage, "one")
    if rules:
        stage.obey(rules)


def _uefi_window_loss(stage: Stage) -> None:
    _uefi_window(stage, f"ip saddr {ONE} udp sport 1024-65535 numgen inc mod 25 == 7 drop")


def _uefi_loss(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp sport 1024-65535 udp dport 1024-65535 numgen inc mod 25 == 7 drop")


def _bios(stage: Stage) -> None:
    usual_bios(stage)


def _bios_dnsmasq(stage: Stage) -> None:
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=pxelinux.0", tftp=True)


def _bios_kea(stage: Stage) -> None:
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    kea(
        *(stage, "one"),
        pools=[{"pool": "10.77.0.100 - 10.77.0.150"}],
        **{"next-server": ONE, "boot-file-name": "pxelinux.0"},
    )
    tftpd_hpa(stage, "one")


def _bios_dead(stage: Stage) -> None:
    usual_bios(stage, next_server="10.77.0.9", tftp=False)


def _bios_no_tftp(stage: Stage) -> None:
    usual_bios(stage, tftp=False)


def _bios_firewall(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp dport 69 drop")


def _bios_data_port(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 drop")


def _bios_misspelt(stage: Stage) -> None:
    usual_bios(stage, filename="boot/pxelinux.0")


def _bios_unreadable(stage: Stage) -> None:
    usual_bios(stage)
    (stage.files / "pxelinux.0").chmod(0o600)


def _bios_efi_file(stage: Stage) -> None:
    usual_bios(stage, filename="grub.efi")
    grub(stage)


def _bios_pulled(stage: Stage) -> None:
    usual_bios(stage, filename="large.0")
    stage.file("large.0", PXELINUX.read_bytes() + bytes(4_000_000))
    _pulled(stage, 15_000)


def _bios_request_lost(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp dport 67 @th,1984,24 0x350103 drop")


def _missing(stage: Stage) -> None:
    usual_uefi(stage, filename="bootaa64.efi")


def _fails(
    name: str, title: str, client: Machine, play: object, cause: str, until: str | float, **more: float
) -> Scenario:
    assert callable(play)
    return Scenario(name, title, client, play, Expected("failed", cause), until=until, **more)  # type: ignore[arg-type]


def _boots(name: str, title: str, client: Machine, play: object, until: str, cause: str | None = None) -> Scenario:
    assert callable(play)
    near = ("capture-incomplete", "offers-ignored", "tftp-error", "http-error", "nbp-not-started")
    return Scenario(name, title, client, play, Expected("booted", cause, near=near), until=until, linger=2)


_N, _I, _OLD = UEFI_NEXT, BIOS_NEXT, UEFI_IPXE_ROM

SCENARIOS = (
    _boots("next-uefi-boots", "The usual servers", _N, _uefi, GRUB_RUNS),
    _boots("next-uefi-boots-by-proxy", "Kea, and dnsmasq as proxy", _N, _proxy_beside_kea, GRUB_RUNS),
    _boots("next-uefi-boots-window", "atftpd grants a window of four", _N, _uefi_window, GRUB_RUNS),
    _boots(
        "next-uefi-packet-loss-window", "Blocks of windows are lost", _N, _uefi_window_loss, GRUB_RUNS, "packet-loss"
    ),
    _fails("next-uefi-no-dhcp-offer", "No DHCP server is on the network", _N, _nobody, "no-dhcp-offer", _EDK2_GIVES_UP),
    _fails(
        "next-uefi-proxy-only", "dnsmasq is there as proxyDHCP alone", _N, _proxy_alone, "proxy-only", _EDK2_GIVES_UP
    ),
    _fails("next-uefi-no-boot-file", "No boot file is named", _N, _no_file, "no-boot-file", _EDK2_GIVES_UP),
    _fails(
        "next-uefi-proxy-silent", "Option 60, no port 4011", _N, _class_without_service, "proxy-silent", _EDK2_GIVES_UP
    ),
    _fails("next-uefi-offers-ignored", "Offers are filtered", _N, _uefi_offers_lost, "offers-ignored", _EDK2_GIVES_UP),
    _fails("next-uefi-arp-unanswered", "next-server is not there", _N, _uefi_dead, "arp-unanswered", _EDK2_GIVES_UP),
    _fails(
        "next-uefi-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        _N,
        _uefi_no_tftp,
        "tftp-unreachable",
        _EDK2_GIVES_UP,
    ),
    _fails("next-uefi-tftp-silent", "A firewall before port 69", _N, _uefi_firewall, "tftp-silent", _EDK2_GIVES_UP),
    _fails("next-uefi-data-port", "Data is filtered", _N, _uefi_data_port, "tftp-data-port-blocked", _EDK2_GIVES_UP),
    _fails("next-uefi-not-found", "Upper case in the name", _N, _uefi_misspelt, "tftp-file-not-found", _EDK2_GIVES_UP),
    _fails(
        "next-uefi-access", "The file is not readable", _N, _uefi_unreadable, "tftp-access-violation", _EDK2_GIVES_UP
    ),
    _fails("next-uefi-wrong-file", "A program for BIOS", _N, _uefi_bios_file, "nbp-wrong-architecture", _REFUSED),
    _fails("next-uefi-mtu-black-hole", "Large packets vanish", _N, _uefi_narrow, "mtu-black-hole", _EDK2_GIVES_UP),
    _fails("next-uefi-stalled", "The server's cable is pulled", _N, _uefi_pulled, "tftp-stalled", _EDK2_GIVES_UP),
    _boots("next-ipxe-boots", "The usual servers", _I, _bios, PXELINUX_RUNS),
    _boots("next-ipxe-boots-by-proxy", "Kea, and dnsmasq as proxy", _I, _proxy_beside_kea, PXELINUX_RUNS),
    _fails("next-ipxe-no-dhcp-offer", "No DHCP server is on the network", _I, _nobody, "no-dhcp-offer", IPXE_GIVES_UP),
    _fails("next-ipxe-no-boot-file", "No boot file is named", _I, _no_file, "no-boot-file", IPXE_GIVES_UP),
    _fails(
        "next-ipxe-proxy-silent", "Option 60, no port 4011", _I, _class_without_service, "proxy-silent", IPXE_GIVES_UP
    ),
    _fails("next-ipxe-request", "REQUESTs are lost", _I, _bios_request_lost, "dhcp-request-unanswered", IPXE_GIVES_UP),
    _fails("next-ipxe-arp-unanswered", "next-server is not there", _I, _bios_dead, "arp-unanswered", IPXE_GIVES_UP),
    _fails(
        "next-ipxe-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        _I,
        _bios_no_tftp,
        "tftp-unreachable",
        IPXE_GIVES_UP,
    ),
    _fails("next-ipxe-tftp-silent", "A firewall before port 69", _I, _bios_firewall, "tftp-silent", IPXE_GIVES_UP),
    _fails(
        "next-ipxe-not-found",
        "The name has a folder too many",
        _I,
        _bios_misspelt,
        "tftp-file-not-found",
        IPXE_GIVES_UP,
    ),
    _fails(
        "next-ipxe-access",
        "The TFTP service may not read the file",
        _I,
        _bios_unreadable,
        "tftp-access-violation",
        IPXE_GIVES_UP,
    ),
    _fails("next-ipxe-stalled", "The server's cable is pulled", _I, _bios_pulled, "tftp-stalled", IPXE_GIVES_UP),
    _fails(
        "next-ipxe-wrong-file",
        "A BIOS client is given a UEFI program",
        _I,
        _bios_efi_file,
        "nbp-wrong-architecture",
        30.0,
    ),
    _fails("ipxe-efi-arp-unanswered", "next-server is not there", _OLD, _uefi_dead, "arp-unanswered", IPXE_GIVES_UP),
    _fails(
        "ipxe-efi-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        _OLD,
        _uefi_no_tftp,
        "tftp-unreachable",
        IPXE_GIVES_UP,
    ),
    _fails(
        "ipxe-efi-wrong-file",
        "iPXE for UEFI is given PXELINUX for BIOS",
        _OLD,
        _uefi_bios_file,
        "nbp-wrong-architecture",
        IPXE_GIVES_UP,
    ),
    _fails("ipxe-efi-no-boot-file", "No boot file is named", _OLD, _no_file, "no-boot-file", IPXE_GIVES_UP),
    _fails("ipxe-efi-stalled", "The server's cable is pulled", _OLD, _uefi_pulled, "tftp-stalled", IPXE_GIVES_UP),
    _boots("card-virtio-boots", "dnsmasq does all", bios_with("virtio-net-pci"), _bios_dnsmasq, PXELINUX_RUNS),
    _boots("card-pcnet-boots", "Kea and tftpd-hpa", bios_with("pcnet"), _bios_kea, PXELINUX_RUNS),
    _boots("card-ne2k-boots", "dnsmasq does all", bios_with("ne2k_pci"), _bios_dnsmasq, PXELINUX_RUNS),
    _fails(
        "card-vmxnet3-data-port",
        "The server's data packets are filtered",
        bios_with("vmxnet3"),
        _bios_data_port,
        "tftp-data-port-blocked",
        IPXE_GIVES_UP,
    ),
    _fails(
        "card-pcnet-not-found",
        "The boot file is not there",
        bios_with("pcnet"),
        _bios_misspelt,
        "tftp-file-not-found",
        IPXE_GIVES_UP,
    ),
    _fails(
        "card-ne2k-tftp-silent",
        "A firewall drops what goes to port 69",
        bios_with("ne2k_pci"),
        _bios_firewall,
        "tftp-silent",
        IPXE_GIVES_UP,
    ),
    _fails(
        "card-virtio-proxy-only",
        "dnsmasq is there as proxyDHCP alone",
        bios_with("virtio-net-pci"),
        _proxy_alone,
        "proxy-only",
        IPXE_GIVES_UP,
    ),
    _fails("ia32-not-found", "The boot file is not there", IA32, _uefi_misspelt, "tftp-file-not-found", _EDK2_GIVES_UP),
    _fails("ia32-no-dhcp-offer", "No DHCP server is on the network", IA32, _nobody, "no-dhcp-offer", _EDK2_GIVES_UP),
    _fails("aa64-no-boot-file", "No boot file is named", AA64, _no_file, "no-boot-file", _EDK2_GIVES_UP, seconds=150),
    _fails(
        "aa64-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        AA64,
        _uefi_no_tftp,
        "tftp-unreachable",
        _EDK2_GIVES_UP,
        seconds=150,
    ),
    _fails(
        "next-aa64-not-found",
        "The boot file is not there",
        AA64_NEXT,
        _missing,
        "tftp-file-not-found",
        _EDK2_GIVES_UP,
        seconds=150,
    ),
    _fails(
        "next-aa64-tftp-silent",
        "A firewall drops what goes to port 69",
        AA64_NEXT,
        _uefi_firewall,
        "tftp-silent",
        _EDK2_GIVES_UP,
        seconds=150,
    ),
    _fails("uboot-no-dhcp-offer", "No DHCP server is on the network", UBOOT, _nobody, "no-dhcp-offer", 60.0),
    _fails("uboot-arp-unanswered", "next-server is not there", UBOOT, _uefi_dead, "arp-unanswered", 70.0),
    Scenario(
        "uboot-data-port",
        "Data is filtered: U-Boot asks by two ways, and hears neither ERROR nor DATA",
        *(UBOOT, _uefi_data_port),
        Expected(
            *("failed", "tftp-data-port-blocked"),
            boots=("u-boot", "u-boot"),
            before=(("failed", "tftp-data-port-blocked"),),
        ),
        until=75.0,
    ),
    _fails("uboot-not-found", "The boot file is not there", UBOOT, _uefi_misspelt, "tftp-file-not-found", 60.0),
    _boots("next-uefi-packet-loss", "Every 25th data packet is lost", UEFI_NEXT, _uefi_loss, GRUB_RUNS, "packet-loss"),
    _fails(
        "uboot-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        UBOOT,
        _uefi_no_tftp,
        "tftp-unreachable",
        75.0,
    ),
    _fails(
        "ia32-tftp-unreachable",
        "No TFTP service: ICMP port unreachable",
        IA32,
        _uefi_no_tftp,
        "tftp-unreachable",
        _EDK2_GIVES_UP,
    ),
    _fails(
        "card-vmxnet3-stalled",
        "The server's cable is pulled in mid-transfer",
        bios_with("vmxnet3"),
        _bios_pulled,
        "tftp-stalled",
        IPXE_GIVES_UP,
    ),
    _fails(
        "card-pcnet-no-boot-file",
        "ISC dhcpd names no boot file",
        bios_with("pcnet"),
        _no_file,
        "no-boot-file",
        IPXE_GIVES_UP,
    ),
    _fails(
        "ipxe-efi-proxy-only", "dnsmasq is there as proxyDHCP alone", _OLD, _proxy_alone, "proxy-only", IPXE_GIVES_UP
    ),
    _fails("ipxe-efi-data-port", "Data is filtered", _OLD, _uefi_data_port, "tftp-data-port-blocked", IPXE_GIVES_UP),
    _fails(
        "next-aa64-proxy-silent",
        "Option 60, and nothing on port 4011",
        AA64_NEXT,
        _class_without_service,
        "proxy-silent",
        _EDK2_GIVES_UP,
    ),
)
