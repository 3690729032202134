"""Other networks: relays and routers, chains of loaders, two cards, other capture points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.causes.make.clients import (
    BIOS,
    BIOS_NEXT,
    UEFI,
    UEFI_HTTP,
    UEFI_NEXT,
)
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    PXELINUX_RUNS,
    SNPONLY,
    THREE,
    TWO,
    grub,
    proxy,
    usual_bios,
    usual_uefi,
)
from tests.causes.make.scenarios.discovery import PXE_SPACE, menu
from tests.causes.make.servers import dnsmasq, isc, kea, nginx, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage
from tests.causes.make.wire import BRIDGE

_EDK2_GIVES_UP = r"PXE-E\d\d"
_REFUSED = "BdsDxe: (failed|.*Unsupported|.*Not Found)"
_HTTP_GIVES_UP = "Error: |BdsDxe: (failed|No boot)"
_MODULES = Path("/usr/lib/syslinux/modules/bios")
_MEMDISK = Path("/usr/lib/syslinux/memdisk")
SIX = "fd00:77::1"


# Relays, routers and firewalls on the way


def _forwarding(stage: Stage, name: str) -> None:
    stage.wire.run(stage.wire.hosts[name], "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def _far(stage: Stage, *, tftp: bool = True) -> None:
    """A server in another subnet behind a router, which is its relay too."""
    stage.file("pxelinux.0", PXELINUX)
    grub(stage)
    stage.host("router", ONE)
    stage.wire.ip("address", "add", "10.79.0.2/24", "dev", "eth0", host=stage.wire.hosts["router"])
    _forwarding(stage, "router")
    stage.host("far", "10.79.0.1", gateway="10.79.0.2")
    if tftp:
        tftpd_hpa(stage, "far")
    stage.obey('oifname "to-far" ether daddr ff:ff:ff:ff:ff:ff udp dport 67 drop')


def _relayed(stage: Stage, filename: str = "pxelinux.0", *, server: bool = True, tftp: bool = True) -> None:
    _far(stage, tftp=tftp)
    if server:
        head = "subnet 10.79.0.0 netmask 255.255.255.0 {}"
        isc(stage, "far", f'filename "{filename}"; next-server 10.79.0.1;', head=head)
    argv = ["dhcrelay", "-4", "-d", "--no-pid", "-i", "eth0", "10.79.0.1"]
    stage.serve("router", argv, ports=(67,))


def _relayed_uefi(stage: Stage) -> None:
    _relayed(stage, "grub.efi")


def _relay_without_server(stage: Stage) -> None:
    _relayed(stage, server=False)


def _relayed_no_tftp(stage: Stage) -> None:
    _relayed(stage, "grub.efi", tftp=False)


def _relayed_missing(stage: Stage) -> None:
    _relayed(stage, "linux/pxelinux.0")


def _no_route(stage: Stage) -> None:
    """next-server is in a network that the router does not know: it answers with ICMP net unreachable."""
    usual_uefi(stage, next_server="192.0.2.1", tftp=False)
    _forwarding(stage, "one")


def _prohibited(stage: Stage) -> None:
    rules = "table inet guard { chain input { type filter hook input priority 0; "
    rules += "udp dport 69 reject with icmp type host-prohibited; }; }"
    stage.wire.run(stage.wire.hosts["one"], "nft", rules)


def _prohibited_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    _prohibited(stage)


def _prohibited_bios(stage: Stage) -> None:
    usual_bios(stage)
    _prohibited(stage)


def _menu_to_nobody(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", menu(0x8001, server="10.77.0.9"), head=PXE_SPACE)


def _no_next_server(stage: Stage) -> None:
    """Kea names a boot file and no server; the TFTP service is on another host."""
    grub(stage)
    stage.host("one", ONE)
    stage.host("two", TWO)
    kea(stage, "one", pools=[{"pool": "10.77.0.100 - 10.77.0.150"}], **{"boot-file-name": "grub.efi"})
    tftpd_hpa(stage, "two")


def _second_server_without_file(stage: Stage) -> None:
    """The client hears only the home router, which knows nothing of booting."""
    usual_bios(stage)
    stage.obey(f"ip saddr {ONE} udp sport 67 drop")
    stage.host("two", TWO)
    dnsmasq(stage, "two", "--dhcp-range=10.77.0.160,10.77.0.170,10m", "--no-ping", "--dhcp-option=3,10.77.0.2")


def _proxy_missing(stage: Stage) -> None:
    """The proxy names a file that its TFTP service does not have."""
    stage.host("one", ONE)
    kea(stage, "one", pools=[{"pool": "10.77.0.100 - 10.77.0.150"}])
    stage.host("two", TWO)
    proxy(stage, "two", "--pxe-service=X86-64_EFI,Linux,gone.efi", "--pxe-service=x86PC,Linux,gone")


def _spanning_tree(stage: Stage) -> None:
    usual_uefi(stage)
    for words in (("stp_state", "1"), ("forward_delay", "500")):
        stage.wire.ip("link", "set", BRIDGE, "type", "bridge", *words)


# Boot files that cannot run


def _truncated(stage: Stage) -> None:
    usual_uefi(stage, filename="half.efi")
    stage.file("half.efi", (stage.files / "grub.efi").read_bytes()[:50_000])


def _page(stage: Stage) -> None:
    """Somebody saved the error page of a web server under the loader's name."""
    usual_uefi(stage, filename="loader.efi")
    stage.file("loader.efi", b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>\n" * 40)


def _empty(stage: Stage) -> None:
    usual_uefi(stage, filename="empty.efi")
    stage.file("empty.efi", b"")


# Chains


def _script(stage: Stage, text: str, *, web: bool) -> None:
    stage.file("boot.ipxe", text.encode())
    stage.file("memdisk", _MEMDISK)
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    where = f"http://{ONE}/boot.ipxe" if web else "boot.ipxe"
    dnsmasq(stage, "one", POOL, f"--dhcp-boot={where}", tftp=not web)
    if web:
        nginx(stage, "one")


def _script_tftp(stage: Stage) -> None:
    _script(stage, "#!ipxe\nkernel memdisk\ninitrd pxelinux.0\nboot\n", web=False)


def _script_web(stage: Stage) -> None:
    _script(stage, "#!ipxe\nkernel memdisk\ninitrd pxelinux.0\nboot\n", web=True)


def _script_gone(stage: Stage) -> None:
    _script(stage, "", web=True)
    (stage.files / "boot.ipxe").unlink()


def _script_closed(stage: Stage) -> None:
    _script(stage, "", web=True)
    stage.stop("nginx", "one")


def _page_bios(stage: Stage) -> None:
    """iPXE looks into what it got, and finds neither program nor script."""
    usual_bios(stage, filename="loader")
    stage.file("loader", b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>\n" * 9000)


def _gateway_deaf(stage: Stage) -> None:
    _relayed(stage, "grub.efi")
    stage.obey('oifname "to-client" arp operation reply drop')


def _proxies(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", "")
    stage.host("two", TWO)
    grub(stage)
    proxy(stage, "two", "--pxe-service=X86-64_EFI,Linux,grub.efi")
    stage.host("three", THREE)
    proxy(stage, "three", "--pxe-service=x86PC,Linux,other")


def _loader_nothing(stage: Stage) -> None:
    stage.file("snponly.efi", SNPONLY)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-match=set:ipxe,175", "--dhcp-boot=tag:!ipxe,snponly.efi", tftp=True)


def _loader(stage: Stage, second: str, *, web: bool = True) -> None:
    """iPXE for UEFI by TFTP, and what it loads then."""
    stage.file("snponly.efi", SNPONLY)
    grub(stage)
    stage.file("boot.ipxe", f"#!ipxe\nchain http://{ONE}/grub.efi\n".encode())
    stage.host("one", ONE)
    boot = ("--dhcp-match=set:ipxe,175", f"--dhcp-boot=tag:ipxe,{second}", "--dhcp-boot=tag:!ipxe,snponly.efi")
    dnsmasq(stage, "one", POOL, *boot, tftp=True)
    if web:
        nginx(stage, "one")


def _loader_web(stage: Stage) -> None:
    _loader(stage, f"http://{ONE}/grub.efi")


def _loader_script(stage: Stage) -> None:
    _loader(stage, f"http://{ONE}/boot.ipxe")


def _loader_web_gone(stage: Stage) -> None:
    _loader(stage, f"http://{ONE}/gone.efi")


def _loader_web_closed(stage: Stage) -> None:
    _loader(stage, f"http://{ONE}/grub.efi", web=False)


def _loader_tftp_gone(stage: Stage) -> None:
    _loader(stage, "gone.efi", web=False)


def _web_loader(stage: Stage) -> None:
    """UEFI HTTP boot loads iPXE, and iPXE loads GRUB over HTTP."""
    stage.file("snponly.efi", SNPONLY)
    grub(stage)
    stage.host("one", ONE)
    dnsmasq(
        *(stage, "one", POOL, "--dhcp-match=set:ipxe,175", "--dhcp-vendorclass=set:http,HTTPClient"),
        *(f"--dhcp-boot=tag:ipxe,http://{ONE}/grub.efi", f"--dhcp-boot=tag:http,http://{ONE}/snponly.efi"),
        "--dhcp-option-force=tag:http,60,HTTPClient",
    )
    nginx(stage, "one")


def _linux(stage: Stage, kernel: str, loader: str = "pxelinux.0") -> None:
    usual_bios(stage, filename=loader)
    stage.file("lpxelinux.0", PXELINUX.with_name("lpxelinux.0"))
    stage.file("memdisk", _MEMDISK)
    stage.file("ldlinux.c32", _MODULES / "ldlinux.c32")
    stage.file("pxelinux.cfg/default", f"DEFAULT x\nPROMPT 0\nLABEL x\n KERNEL {kernel}\n".encode())


def _linux_tftp(stage: Stage) -> None:
    _linux(stage, "memdisk")


def _linux_web(stage: Stage) -> None:
    _linux(stage, f"http://{ONE}/memdisk", "lpxelinux.0")
    nginx(stage, "one")


# Cards and capture points


def _spare_card(stage: Stage) -> None:
    """The first card's port is in a network without a DHCP server."""
    stage.wire.tap("spare")
    usual_bios(stage)
    stage.obey('iifname "to-spare" drop\noifname "to-spare" drop')


_SPARE = "tap,id=spare,ifname=to-spare,script=no,downscript=no"
_TWO_CARDS = replace(
    BIOS,
    told=f"{BIOS.told}, two cards",
    board=(*BIOS.board, "-netdev", _SPARE, "-device", "e1000,netdev=spare,mac=52:54:00:77:00:11,bootindex=0"),
)


def _firewall_bios(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp dport 69 drop")


def _data_port_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 drop")


def _good_bios(stage: Stage) -> None:
    usual_bios(stage)


def _good_uefi(stage: Stage) -> None:
    usual_uefi(stage)


def _missing_uefi(stage: Stage) -> None:
    usual_uefi(stage, filename="bootx64.efi")


_NEAR = ("capture-incomplete", "offers-ignored", "tftp-error", "nbp-not-started", "tftp-stalled")
_HAPPENED = Expected("booted", near=_NEAR)
_THEN_IPXE = ("edk2", "ipxe")
_V6 = "ip6"
_ALL = "arp or ip or ip6"


def _failed(cause: str, *boots: str, **more: object) -> Expected:
    return Expected("failed", cause, boots=boots, **more)  # type: ignore[arg-type]


SCENARIOS = (
    Scenario("relay-boots", "The DHCP server is behind a relay (dhcrelay)", BIOS, _relayed, _HAPPENED, PXELINUX_RUNS),
    Scenario(
        "relay-uefi-boots",
        "The DHCP server is behind a relay (dhcrelay)",
        UEFI_NEXT,
        _relayed_uefi,
        _HAPPENED,
        GRUB_RUNS,
    ),
    Scenario(
        "relay-no-server",
        "The relay forwards, and no server is there",
        BIOS,
        _relay_without_server,
        _failed("no-dhcp-offer"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        "relay-tftp-unreachable",
        "Behind a router, no TFTP service runs",
        UEFI,
        _relayed_no_tftp,
        _failed("tftp-unreachable"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        "relay-not-found",
        "Behind a router, the file is not there",
        BIOS_NEXT,
        _relayed_missing,
        _failed("tftp-file-not-found"),
        IPXE_GIVES_UP,
    ),
    Scenario("router-no-route", "ICMP net unreachable", UEFI, _no_route, _failed("tftp-unreachable"), _EDK2_GIVES_UP),
    Scenario(
        "prohibited-uefi", "ICMP host prohibited", UEFI, _prohibited_uefi, _failed("tftp-unreachable"), _EDK2_GIVES_UP
    ),
    Scenario(
        "prohibited-bios", "ICMP host prohibited", BIOS, _prohibited_bios, _failed("tftp-unreachable"), IPXE_GIVES_UP
    ),
    Scenario(
        "menu-to-nobody-bios",
        "The menu's boot server is not there",
        BIOS,
        _menu_to_nobody,
        _failed("arp-unanswered"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        "menu-to-nobody-uefi",
        "The menu's boot server is not there",
        UEFI,
        _menu_to_nobody,
        _failed("arp-unanswered"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        "no-next-server-uefi",
        "Kea names a file and no server, and has no TFTP",
        UEFI,
        _no_next_server,
        _failed("tftp-unreachable"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        "second-server-no-file",
        "The client hears only a server that names no file",
        BIOS,
        _second_server_without_file,
        _failed("no-boot-file", also=("conflicting-dhcp-servers",)),
        IPXE_GIVES_UP,
    ),
    Scenario(
        "proxy-file-missing-uefi",
        "The proxy's file is not there",
        UEFI,
        _proxy_missing,
        _failed("tftp-file-not-found"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        "proxy-file-missing-bios",
        "The proxy's file is not there",
        BIOS_NEXT,
        _proxy_missing,
        _failed("tftp-file-not-found"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        *(
            "late-link-uefi",
            "Spanning tree blocks the port for ten seconds",
            UEFI,
            _spanning_tree,
            Expected("booted", "late-link"),
            GRUB_RUNS,
        ),
        point="client",
    ),
    Scenario(
        "truncated-loader",
        "The boot file is cut off in its middle",
        UEFI,
        _truncated,
        _failed("nbp-not-started"),
        _REFUSED,
        linger=12,
    ),
    Scenario(
        "page-as-loader",
        "The boot file is a web page",
        UEFI_NEXT,
        _page,
        _failed("nbp-wrong-architecture"),
        _REFUSED,
        linger=12,
    ),
    Scenario(
        "empty-loader",
        "The boot file is empty",
        UEFI,
        _empty,
        _failed("tftp-option-refused"),
        rf"{_REFUSED}|{_EDK2_GIVES_UP}",
        linger=12,
    ),
    Scenario("script-tftp-boots", "iPXE runs a script that it got by TFTP", BIOS, _script_tftp, _HAPPENED, "MEMDISK"),
    Scenario(
        "script-http-boots", "iPXE runs a script that it got by HTTP", BIOS_NEXT, _script_web, _HAPPENED, "MEMDISK"
    ),
    Scenario(
        "script-http-gone",
        "The script's URL gives status 404",
        BIOS,
        _script_gone,
        _failed("http-error"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        "loader-http-boots",
        "iPXE by TFTP, then GRUB by HTTP",
        UEFI,
        _loader_web,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS,
        seconds=120,
        linger=3,
    ),
    Scenario(
        "loader-script-boots",
        "iPXE by TFTP, then a script by HTTP",
        UEFI,
        _loader_script,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS,
        seconds=120,
        linger=3,
    ),
    Scenario(
        "loader-http-gone",
        "iPXE by TFTP, then status 404",
        UEFI,
        _loader_web_gone,
        _failed("http-error", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "loader-http-closed",
        "iPXE by TFTP, then no web server",
        UEFI,
        _loader_web_closed,
        _failed("http-error", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "loader-tftp-gone",
        "iPXE by TFTP, then a file that is not there",
        UEFI,
        _loader_tftp_gone,
        _failed("tftp-file-not-found", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "http-loader-boots",
        "UEFI HTTP boot of iPXE, then GRUB by HTTP",
        UEFI_HTTP,
        _web_loader,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS + "|GRUB",
        seconds=150,
        linger=3,
    ),
    Scenario("pxelinux-kernel-boots", "PXELINUX loads a kernel by TFTP", BIOS, _linux_tftp, _HAPPENED, "MEMDISK"),
    Scenario("lpxelinux-http-boots", "LPXELINUX loads a kernel by HTTP", BIOS, _linux_web, _HAPPENED, "MEMDISK"),
    Scenario(
        *("two-cards", "The first card's network has no DHCP server", _TWO_CARDS, _spare_card),
        Expected("booted", near=_NEAR, boots=("ipxe", "ipxe"), before=(("failed", "no-dhcp-offer"),)),
        PXELINUX_RUNS,
        seconds=150,
    ),
    Scenario("any-boots", "Captured on all interfaces", UEFI, _good_uefi, _HAPPENED, GRUB_RUNS, point="any"),
    Scenario("any-bios-boots", "Captured on all interfaces", BIOS, _good_bios, _HAPPENED, PXELINUX_RUNS, point="any"),
    Scenario(
        "any-not-found",
        "The boot file is not there, on all interfaces",
        UEFI,
        _missing_uefi,
        _failed("tftp-file-not-found"),
        _EDK2_GIVES_UP,
        point="any",
    ),
    Scenario(
        "server-side-boots",
        "Captured at the server's port",
        BIOS_NEXT,
        _good_bios,
        _HAPPENED,
        PXELINUX_RUNS,
        point="to-one",
    ),
    Scenario(
        "server-side-data-port",
        "Data is filtered behind the server's port",
        UEFI,
        _data_port_uefi,
        _failed("tftp-data-port-blocked"),
        _EDK2_GIVES_UP,
        point="to-one",
    ),
    Scenario(
        "client-side-tftp-silent",
        "A firewall, seen at the client's port",
        BIOS,
        _firewall_bios,
        _failed("tftp-silent"),
        IPXE_GIVES_UP,
        point="client",
    ),
    Scenario(
        "client-side-data-port",
        "Seen at the client",
        UEFI,
        _data_port_uefi,
        _failed("tftp-silent"),
        _EDK2_GIVES_UP,
        point="client",
    ),
    Scenario(
        "begins-late",
        "tcpdump is stopped after five packets",
        BIOS,
        _good_bios,
        Expected("incomplete", "capture-incomplete"),
        PXELINUX_RUNS,
        count=5,
    ),
    Scenario(
        *("script-http-closed", "iPXE is sent to a web server that is not there", BIOS, _script_closed),
        _failed("http-error"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        *("script-next-http-gone", "The script's URL gives status 404", BIOS_NEXT, _script_gone),
        _failed("http-error"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        *("loader-nothing", "iPXE is loaded, and no file is named for it", UEFI_NEXT, _loader_nothing),
        _failed("no-boot-file", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
        linger=16,
    ),
    Scenario(
        *("relay-dead-gateway", "The router answers DHCP's relay and no ARP", UEFI, _gateway_deaf),
        _failed("arp-unanswered"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        *("next-menu-to-nobody", "The menu's boot server is not there", BIOS_NEXT, _menu_to_nobody),
        _failed("arp-unanswered"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        *("next-prohibited", "ICMP host prohibited", UEFI_NEXT, _prohibited_uefi),
        _failed("tftp-unreachable"),
        _EDK2_GIVES_UP,
    ),
    Scenario(
        *("next-page", "The boot file is a web page", BIOS, _page_bios),
        _failed("nbp-wrong-architecture"),
        IPXE_GIVES_UP,
    ),
    Scenario(
        *("two-proxies-one-empty", "The firmware follows that of two proxies which has nothing for it", UEFI, _proxies),
        *(_failed("no-boot-file", also=("conflicting-proxies",)), _EDK2_GIVES_UP),
    ),
    Scenario(
        *("next-relay-boots-any", "Captured on all interfaces", BIOS_NEXT, _relayed),
        _HAPPENED,
        PXELINUX_RUNS,
        point="any",
    ),
)
