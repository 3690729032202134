"""Other networks: IPv6, UEFI HTTP boot, relays and routers, chains of loaders, two cards, other capture points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.causes.make.clients import (
    BIOS,
    BIOS_NEXT,
    UEFI,
    UEFI_6,
    UEFI_HTTP,
    UEFI_NEXT,
    UEFI_NEXT_6,
    UEFI_NEXT_HTTP,
)
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    PXELINUX_RUNS,
    SNPONLY,
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


# IPv6


def _six(stage: Stage, *options: str, file: str = "grub.efi", tftp: bool = True, url: str = "") -> None:
    """dnsmasq with router advertisements, DHCPv6 and TFTP."""
    grub(stage)
    stage.host("one", f"{SIX}/64")
    options = ("--dhcp-range=fd00:77::100,fd00:77::1ff,64,10m", "--enable-ra", *options)
    named = f"--dhcp-option=option6:bootfile-url,{url or f'tftp://[{SIX}]/{file}'}"
    dnsmasq(stage, "one", *options, *([named] if file else []), ports=())
    if tftp:
        stage.stop("dnsmasq", "one")
        dnsmasq(stage, "one", *options, *([named] if file else []), *_tftp(stage), ports=())


def _tftp(stage: Stage) -> tuple[str, str]:
    return "--enable-tftp", f"--tftp-root={stage.files}"


def _six_good(stage: Stage) -> None:
    _six(stage)


def _six_no_url(stage: Stage) -> None:
    _six(stage, file="")


def _six_missing(stage: Stage) -> None:
    _six(stage, file="missing.efi")


def _six_firewall(stage: Stage) -> None:
    _six(stage)
    stage.obey("udp dport 69 drop")


def _six_no_tftp(stage: Stage) -> None:
    _six(stage, tftp=False)


def _six_dead(stage: Stage) -> None:
    _six(stage, url="tftp://[fd00:77::9]/grub.efi")


def _six_reply_lost(stage: Stage) -> None:
    _six(stage)
    stage.obey("udp sport 547 @th,64,8 7 drop")


def _six_wrong(stage: Stage) -> None:
    _six(stage, file="pxelinux.0")
    stage.file("pxelinux.0", PXELINUX)


def _six_pulled(stage: Stage) -> None:
    _six(stage)

    def pull(stage: Stage) -> None:
        stage.wait_for_octets(40_000)
        stage.wire.ip("link", "set", "to-one", "down")

    stage.later.append(pull)


# UEFI HTTP boot


def _web(stage: Stage, url: str, *options: str, server: bool = True) -> None:
    grub(stage)
    stage.host("one", ONE)
    dnsmasq(
        *(stage, "one", POOL, "--dhcp-vendorclass=set:http,HTTPClient", f"--dhcp-boot=tag:http,{url}"),
        *("--dhcp-option-force=tag:http,60,HTTPClient", *options),
    )
    if server:
        nginx(stage, "one")


def _web_good(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/grub.efi")


def _web_missing(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/boot/grub.efi")


def _web_forbidden(stage: Stage) -> None:
    (stage.files / "loader").mkdir()
    _web(stage, f"http://{ONE}/loader/")


def _web_firewall(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/grub.efi")
    stage.obey("tcp dport 80 drop")


def _web_dead(stage: Stage) -> None:
    _web(stage, "http://10.77.0.9/grub.efi", server=False)


def _web_breaks(stage: Stage) -> None:
    _web(stage, f"http://{ONE}/grub.efi")
    stage.obey("tcp sport 80 quota over 60000 bytes drop")


def _web_name(stage: Stage) -> None:
    """The URL has a name, and the name server of option 6 does not run."""
    _web(stage, "http://boot.example/grub.efi", f"--dhcp-option=6,{ONE}")


def _web_by_pxe_server(stage: Stage) -> None:
    """A server for PXE alone: a file name, and no class HTTPClient."""
    usual_uefi(stage)


def _web_unanswered(stage: Stage) -> None:
    stage.host("one", ONE)


def _tftp_missing_then_web(stage: Stage) -> None:
    """PXE over IPv4 finds no file; the next way to boot, HTTP, works."""
    _web(stage, f"http://{ONE}/grub.efi", "--dhcp-boot=tag:!http,missing.efi", *_tftp(stage))


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
    Scenario(
        "ipv6-boots", "DHCPv6 and TFTP by dnsmasq", UEFI_6, _six_good, _HAPPENED, "GRUB|grub", filters=_V6, linger=4
    ),
    Scenario("ipv6-next-boots", "The same", UEFI_NEXT_6, _six_good, _HAPPENED, "GRUB|grub", filters=_V6, linger=4),
    Scenario(
        "ipv6-no-boot-file", "No option 59", UEFI_6, _six_no_url, _failed("no-boot-file"), _EDK2_GIVES_UP, filters=_V6
    ),
    Scenario(
        "ipv6-not-found", "Missing", UEFI_6, _six_missing, _failed("tftp-file-not-found"), _EDK2_GIVES_UP, filters=_V6
    ),
    Scenario(
        "ipv6-next-not-found",
        "",
        UEFI_NEXT_6,
        _six_missing,
        _failed("tftp-file-not-found"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario("ipv6-tftp-silent", "", UEFI_6, _six_firewall, _failed("tftp-silent"), _EDK2_GIVES_UP, filters=_V6),
    Scenario(
        "ipv6-tftp-unreachable", "", UEFI_6, _six_no_tftp, _failed("tftp-unreachable"), _EDK2_GIVES_UP, filters=_V6
    ),
    Scenario("ipv6-arp-unanswered", "", UEFI_6, _six_dead, _failed("arp-unanswered"), _EDK2_GIVES_UP, filters=_V6),
    Scenario(
        "ipv6-next-arp-unanswered", "", UEFI_NEXT_6, _six_dead, _failed("arp-unanswered"), _EDK2_GIVES_UP, filters=_V6
    ),
    Scenario(
        *("ipv6-reply-lost", "REPLYs are lost behind the capture point", UEFI_6, _six_reply_lost),
        *(_failed("dhcp-request-unanswered"), _EDK2_GIVES_UP),
        filters=_V6,
    ),
    Scenario("ipv6-wrong-file", "", UEFI_6, _six_wrong, _failed("nbp-wrong-architecture"), _REFUSED, filters=_V6),
    Scenario("ipv6-stalled", "", UEFI_6, _six_pulled, _failed("tftp-stalled"), _EDK2_GIVES_UP, filters=_V6),
    Scenario("http-next-boots", "nginx", UEFI_NEXT_HTTP, _web_good, _HAPPENED, GRUB_RUNS + "|GRUB", linger=3),
    Scenario("http-next-missing", "404", UEFI_NEXT_HTTP, _web_missing, _failed("http-error"), _HTTP_GIVES_UP),
    Scenario("http-forbidden", "403", UEFI_HTTP, _web_forbidden, _failed("http-error"), _HTTP_GIVES_UP),
    Scenario(
        "http-firewall",
        "SYNs are dropped",
        UEFI_HTTP,
        _web_firewall,
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=150,
    ),
    Scenario("http-dead-host", "", UEFI_HTTP, _web_dead, _failed("arp-unanswered"), _HTTP_GIVES_UP, seconds=150),
    Scenario(
        "http-breaks", "Stops in the middle", UEFI_HTTP, _web_breaks, _failed("http-error"), _HTTP_GIVES_UP, seconds=150
    ),
    Scenario(
        "http-name", "The name server is down", UEFI_HTTP, _web_name, _failed("http-error"), _HTTP_GIVES_UP, seconds=150
    ),
    Scenario("http-no-url", "", UEFI_HTTP, _web_by_pxe_server, _failed("no-boot-file"), _HTTP_GIVES_UP, seconds=120),
    Scenario(
        "http-no-dhcp-offer", "", UEFI_NEXT_HTTP, _web_unanswered, _failed("no-dhcp-offer"), _HTTP_GIVES_UP, seconds=120
    ),
    Scenario(
        *("then-http-boots", "PXE finds no file, HTTP boot does", UEFI, _tftp_missing_then_web),
        Expected("booted", near=_NEAR, boots=("edk2", "edk2"), before=(("failed", "tftp-file-not-found"),)),
        *(GRUB_RUNS + "|GRUB",),
        seconds=150,
        linger=3,
    ),
    Scenario("relay-boots", "dhcrelay", BIOS, _relayed, _HAPPENED, PXELINUX_RUNS),
    Scenario("relay-uefi-boots", "dhcrelay", UEFI_NEXT, _relayed_uefi, _HAPPENED, GRUB_RUNS),
    Scenario("relay-no-server", "", BIOS, _relay_without_server, _failed("no-dhcp-offer"), IPXE_GIVES_UP),
    Scenario("relay-tftp-unreachable", "", UEFI, _relayed_no_tftp, _failed("tftp-unreachable"), _EDK2_GIVES_UP),
    Scenario("relay-not-found", "", BIOS_NEXT, _relayed_missing, _failed("tftp-file-not-found"), IPXE_GIVES_UP),
    Scenario("router-no-route", "ICMP net unreachable", UEFI, _no_route, _failed("tftp-unreachable"), _EDK2_GIVES_UP),
    Scenario(
        "prohibited-uefi", "ICMP host prohibited", UEFI, _prohibited_uefi, _failed("tftp-unreachable"), _EDK2_GIVES_UP
    ),
    Scenario(
        "prohibited-bios", "ICMP host prohibited", BIOS, _prohibited_bios, _failed("tftp-unreachable"), IPXE_GIVES_UP
    ),
    Scenario("menu-to-nobody-bios", "", BIOS, _menu_to_nobody, _failed("arp-unanswered"), IPXE_GIVES_UP),
    Scenario("menu-to-nobody-uefi", "", UEFI, _menu_to_nobody, _failed("arp-unanswered"), _EDK2_GIVES_UP),
    Scenario("no-next-server-uefi", "", UEFI, _no_next_server, _failed("tftp-unreachable"), _EDK2_GIVES_UP),
    Scenario(
        "second-server-no-file",
        "",
        BIOS,
        _second_server_without_file,
        _failed("no-boot-file", also=("conflicting-dhcp-servers",)),
        IPXE_GIVES_UP,
    ),
    Scenario("proxy-file-missing-uefi", "", UEFI, _proxy_missing, _failed("tftp-file-not-found"), _EDK2_GIVES_UP),
    Scenario("proxy-file-missing-bios", "", BIOS_NEXT, _proxy_missing, _failed("tftp-file-not-found"), IPXE_GIVES_UP),
    Scenario(
        *("late-link-uefi", "Spanning tree", UEFI, _spanning_tree, Expected("booted", "late-link"), GRUB_RUNS),
        point="client",
    ),
    Scenario("truncated-loader", "", UEFI, _truncated, _failed("nbp-not-started"), _REFUSED, linger=12),
    Scenario("page-as-loader", "", UEFI_NEXT, _page, _failed("nbp-not-started"), _REFUSED, linger=12),
    Scenario("empty-loader", "", UEFI, _empty, _failed("nbp-not-started"), rf"{_REFUSED}|{_EDK2_GIVES_UP}", linger=12),
    Scenario("script-tftp-boots", "", BIOS, _script_tftp, _HAPPENED, "MEMDISK"),
    Scenario("script-http-boots", "", BIOS_NEXT, _script_web, _HAPPENED, "MEMDISK"),
    Scenario("script-http-gone", "", BIOS, _script_gone, _failed("http-error"), IPXE_GIVES_UP),
    Scenario(
        "loader-http-boots",
        "",
        UEFI,
        _loader_web,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS,
        seconds=120,
        linger=3,
    ),
    Scenario(
        "loader-script-boots",
        "",
        UEFI,
        _loader_script,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS,
        seconds=120,
        linger=3,
    ),
    Scenario(
        "loader-http-gone", "", UEFI, _loader_web_gone, _failed("http-error", *_THEN_IPXE), IPXE_GIVES_UP, seconds=120
    ),
    Scenario(
        "loader-http-closed",
        "",
        UEFI,
        _loader_web_closed,
        _failed("http-error", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "loader-tftp-gone",
        "",
        UEFI,
        _loader_tftp_gone,
        _failed("tftp-file-not-found", *_THEN_IPXE),
        IPXE_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "http-loader-boots",
        "",
        UEFI_HTTP,
        _web_loader,
        Expected("booted", near=_NEAR, boots=_THEN_IPXE),
        GRUB_RUNS + "|GRUB",
        seconds=150,
        linger=3,
    ),
    Scenario("pxelinux-kernel-boots", "", BIOS, _linux_tftp, _HAPPENED, "MEMDISK"),
    Scenario("lpxelinux-http-boots", "", BIOS, _linux_web, _HAPPENED, "MEMDISK"),
    Scenario(
        *("two-cards", "The first card's network has no DHCP server", _TWO_CARDS, _spare_card),
        Expected("booted", near=_NEAR, boots=("ipxe", "ipxe"), before=(("failed", "no-dhcp-offer"),)),
        PXELINUX_RUNS,
        seconds=150,
    ),
    Scenario("any-boots", "Captured on all interfaces", UEFI, _good_uefi, _HAPPENED, GRUB_RUNS, point="any"),
    Scenario("any-bios-boots", "Captured on all interfaces", BIOS, _good_bios, _HAPPENED, PXELINUX_RUNS, point="any"),
    Scenario("any-not-found", "", UEFI, _missing_uefi, _failed("tftp-file-not-found"), _EDK2_GIVES_UP, point="any"),
    Scenario("server-side-boots", "", BIOS_NEXT, _good_bios, _HAPPENED, PXELINUX_RUNS, point="to-one"),
    Scenario(
        "server-side-data-port",
        "",
        UEFI,
        _data_port_uefi,
        _failed("tftp-data-port-blocked"),
        _EDK2_GIVES_UP,
        point="to-one",
    ),
    Scenario(
        "client-side-tftp-silent", "", BIOS, _firewall_bios, _failed("tftp-silent"), IPXE_GIVES_UP, point="client"
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
    Scenario("begins-late", "", BIOS, _good_bios, Expected("incomplete", "capture-incomplete"), PXELINUX_RUNS, count=5),
)
