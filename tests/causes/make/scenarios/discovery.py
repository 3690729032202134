"""Port 4011: the proxy request and boot server discovery; and several proxies at once."""

from __future__ import annotations

from tests.causes.make.clients import BIOS, UEFI, UEFI_IPXE_ROM
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    PXELINUX,
    PXELINUX_RUNS,
    THREE,
    TWO,
    grub,
    proxy,
)
from tests.causes.make.servers import isc, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage

PXE_SPACE = """
option space PXE;
option PXE.discovery-control code 6 = unsigned integer 8;
option PXE.discover-multicast code 7 = ip-address;
option PXE.boot-servers code 8 = string;
option PXE.boot-menu code 9 = string;
option PXE.menu-prompt code 10 = string;
"""


def menu(*types: int, server: str) -> str:
    """Lines of ISC dhcpd: discovery by unicast only, one server for each type, the first item after no time."""
    octets = server.replace(".", " ").split()
    address = "".join(f":{int(n):02x}" for n in octets)
    servers = ":".join(f"{t >> 8:02x}:{t & 255:02x}:01{address}" for t in types)
    menu = ":".join(f"{t >> 8:02x}:{t & 255:02x}:05:4c:69:6e:75:78" for t in types)
    return (
        'option vendor-class-identifier "PXEClient"; vendor-option-space PXE; option PXE.discovery-control 7;\n'
        f" option PXE.boot-servers {servers}; option PXE.boot-menu {menu}; option PXE.menu-prompt 00:42:6f:6f:74;"
    )


def _menu_and_nobody(stage: Stage, item: int = 0x8001) -> None:
    stage.host("one", ONE)
    stage.host("two", TWO)
    isc(stage, "one", menu(item, server=TWO), head=PXE_SPACE)


def _menu_and_firewall(stage: Stage) -> None:
    _menu_and_nobody(stage)
    stage.obey("udp dport 4011 drop")


def _menu_second_request(stage: Stage) -> None:
    """dnsmasq on the second host is the boot server that the first host's menu leads to; its offers are kept away."""
    stage.file("pxelinux.0", PXELINUX)
    _menu_and_nobody(stage, 0x8000)
    proxy(stage, "two", "--pxe-service=x86PC,Linux,pxelinux")
    first_lost = f"ip daddr {TWO} udp dport 4011 numgen inc mod 100000 < 1 drop"
    stage.obey(f"ip saddr {TWO} udp sport 67 drop\n{first_lost}")


def _class_without_service(stage: Stage) -> None:
    """ISC dhcpd names itself a PXE server by option 60, and nothing listens on its port 4011."""
    grub(stage)
    stage.host("one", ONE)
    isc(stage, "one", 'option vendor-class-identifier "PXEClient";')
    tftpd_hpa(stage, "one")


def _class_and_firewall(stage: Stage) -> None:
    _class_without_service(stage)
    stage.obey("udp dport 4011 drop")


def _class_and_file(stage: Stage) -> None:
    """The same with a boot file and tag 6 bit 3: there is nothing to ask for on port 4011."""
    grub(stage)
    stage.host("one", ONE)
    lines = 'option vendor-class-identifier "PXEClient"; vendor-option-space PXE; option PXE.discovery-control 8;'
    isc(stage, "one", f'{lines} filename "grub.efi"; next-server {ONE};', head=PXE_SPACE)
    tftpd_hpa(stage, "one")


def _proxy_answers_second(stage: Stage) -> None:
    """dnsmasq's proxy offer leads to its port 4011; the first request there is lost."""
    grub(stage)
    stage.host("one", ONE)
    stage.host("two", TWO)
    isc(stage, "one", "")
    proxy(stage, "two", "--pxe-service=X86-64_EFI,Linux,grub.efi")
    stage.obey("udp dport 4011 numgen inc mod 100000 < 1 drop")


def _two_proxies(stage: Stage, other: str) -> None:
    stage.file("pxelinux.0", PXELINUX)
    stage.file("other.0", PXELINUX)
    stage.host("one", ONE)
    isc(stage, "one", "")
    for name, address, file in (("two", TWO, "pxelinux"), ("three", THREE, other)):
        stage.host(name, address)
        proxy(stage, name, f"--pxe-service=x86PC,Linux,{file}", "--log-queries")


def _proxies_differ(stage: Stage) -> None:
    _two_proxies(stage, "other")


def _one_proxy_twice(stage: Stage) -> None:
    """One proxy whose offers come twice: the switch is asked by two DISCOVERs."""
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    isc(stage, "one", "")
    stage.host("two", TWO)
    proxy(stage, "two", "--pxe-service=x86PC,Linux,pxelinux")


_TO_4011 = "udp.dstport == 4011 and not icmp"
_ABOUT_4011 = f"({_TO_4011}) or (icmp and udp.dstport == 4011)"
_PROXY_OFFER = "dhcp.option.dhcp == 2"

SCENARIOS = (
    Scenario(
        "boot-server-silent-bios-firewall",
        "The menu leads to a boot server behind a firewall that drops port 4011",
        *(BIOS, _menu_and_firewall),
        Expected("failed", "boot-server-silent", frames=_ABOUT_4011, near=("proxy-silent", "arp-unanswered")),
        until="4c106035",
    ),
    Scenario(
        "boot-server-silent-uefi-icmp",
        "The menu leads to a host without a boot server, which answers with ICMP unreachable",
        *(UEFI, _menu_and_nobody),
        Expected("failed", "boot-server-silent", frames=_ABOUT_4011, near=("proxy-silent", "arp-unanswered")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-boot-server-silent-second-request",
        "The first boot server request is lost, its repetition is answered by dnsmasq",
        *(BIOS, _menu_second_request),
        Expected("booted", near=("boot-server-silent", "proxy-silent")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "proxy-silent-uefi-icmp",
        "Option 60 says PXEClient, but nothing listens on port 4011",
        *(UEFI, _class_without_service),
        Expected("failed", "proxy-silent", frames=_ABOUT_4011, near=("boot-server-silent", "no-boot-file")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "proxy-silent-uefi-firewall",
        "Option 60 says PXEClient, and a firewall drops port 4011",
        *(UEFI, _class_and_firewall),
        Expected("failed", "proxy-silent", frames=_ABOUT_4011, near=("boot-server-silent", "no-boot-file")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-proxy-silent-nothing-to-ask",
        "Option 60 says PXEClient, and the offer has the boot file and tag 6 bit 3: port 4011 is not needed",
        *(UEFI, _class_and_file),
        Expected("booted", near=("proxy-silent", "boot-server-silent", "no-boot-file")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "near-proxy-silent-second-request",
        "The first request to the proxy's port 4011 is lost, the second one is answered",
        *(UEFI, _proxy_answers_second),
        Expected("booted", near=("proxy-silent", "boot-server-silent")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "conflicting-proxies-bios",
        "Two dnsmasq as proxyDHCP with different boot files",
        *(BIOS, _proxies_differ),
        Expected("booted", "conflicting-proxies", frames=_PROXY_OFFER, near=("conflicting-dhcp-servers",)),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "near-conflicting-proxies-one-of-each",
        "One DHCP server and one proxy: two servers answer, and nothing is in conflict",
        *(BIOS, _one_proxy_twice),
        Expected("booted", near=("conflicting-proxies", "conflicting-dhcp-servers")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "proxy-silent-bios",
        "iPXE meets a proxy whose port 4011 is dropped by a firewall, and goes on with nothing to boot",
        *(BIOS, _class_and_firewall),
        Expected("failed", "proxy-silent", frames=_ABOUT_4011, near=("boot-server-silent", "no-boot-file")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "proxy-silent-ipxe-efi",
        "iPXE as UEFI ROM meets a proxy whose port 4011 is dropped by a firewall",
        *(UEFI_IPXE_ROM, _class_and_firewall),
        Expected("failed", "proxy-silent", frames=_ABOUT_4011, near=("boot-server-silent",)),
        until=IPXE_GIVES_UP,
    ),
)
