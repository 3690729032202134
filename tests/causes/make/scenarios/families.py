"""IPv6 and UEFI HTTP boot."""

from __future__ import annotations

from pathlib import Path

from tests.causes.make.clients import (
    UEFI,
    UEFI_6,
    UEFI_HTTP,
    UEFI_NEXT_6,
    UEFI_NEXT_HTTP,
)
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    ONE,
    POOL,
    PXELINUX,
    grub,
    usual_uefi,
)
from tests.causes.make.servers import dnsmasq, nginx
from tests.causes.make.stage import Expected, Scenario, Stage

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
    more = [*([named] if file else []), *(_tftp(stage) if tftp else ())]
    dnsmasq(stage, "one", *options, *more, ports=())


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


def _six_data_port(stage: Stage) -> None:
    _six(stage)
    stage.obey(f"ip6 saddr {SIX} udp sport 1024-65535 drop")


def _six_narrow(stage: Stage) -> None:
    _six(stage)
    stage.obey("ip6 length > 1000 drop")


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
    Scenario(
        "ipv6-next-boots",
        "DHCPv6 and TFTP by dnsmasq",
        UEFI_NEXT_6,
        _six_good,
        _HAPPENED,
        "GRUB|grub",
        filters=_V6,
        linger=4,
    ),
    Scenario(
        "ipv6-no-boot-file",
        "DHCPv6 gives addresses, and no option 59",
        UEFI_6,
        _six_no_url,
        _failed("no-boot-file"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "ipv6-not-found",
        "The file of option 59 is not there",
        UEFI_6,
        _six_missing,
        _failed("tftp-file-not-found"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "ipv6-next-not-found",
        "The file of option 59 is not there",
        UEFI_NEXT_6,
        _six_missing,
        _failed("tftp-file-not-found"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "ipv6-tftp-silent",
        "A firewall drops what goes to port 69",
        UEFI_6,
        _six_firewall,
        _failed("tftp-silent"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "ipv6-tftp-unreachable",
        "No TFTP service: ICMPv6 port unreachable",
        UEFI_6,
        _six_no_tftp,
        _failed("tftp-unreachable"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "ipv6-arp-unanswered",
        "The URL names a host that is not there",
        UEFI_6,
        _six_dead,
        _failed("arp-unanswered"),
        _EDK2_GIVES_UP,
        filters=_V6,
        seconds=190,
    ),
    Scenario(
        "ipv6-next-arp-unanswered",
        "The URL names a host that is not there",
        UEFI_NEXT_6,
        _six_dead,
        _failed("arp-unanswered"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        *("ipv6-reply-lost", "REPLYs are lost behind the capture point", UEFI_6, _six_reply_lost),
        *(_failed("dhcp-request-unanswered"), _EDK2_GIVES_UP),
        filters=_V6,
    ),
    Scenario(
        "ipv6-wrong-file",
        "UEFI firmware is given PXELINUX for BIOS",
        UEFI_6,
        _six_wrong,
        _failed("nbp-wrong-architecture"),
        _REFUSED,
        filters=_V6,
    ),
    Scenario(
        "ipv6-stalled",
        "The server's cable is pulled in mid-transfer",
        UEFI_6,
        _six_pulled,
        _failed("tftp-stalled"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        "http-next-boots",
        "nginx serves what option 67 names",
        UEFI_NEXT_HTTP,
        _web_good,
        _HAPPENED,
        GRUB_RUNS + "|GRUB",
        linger=3,
    ),
    Scenario(
        "http-next-missing",
        "The web server answers with status 404",
        UEFI_NEXT_HTTP,
        _web_missing,
        _failed("http-error"),
        _HTTP_GIVES_UP,
    ),
    Scenario(
        "http-forbidden",
        "The URL is a folder: status 403",
        UEFI_HTTP,
        _web_forbidden,
        _failed("http-error"),
        _HTTP_GIVES_UP,
    ),
    Scenario(
        "http-firewall",
        "SYNs are dropped",
        UEFI_HTTP,
        _web_firewall,
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=150,
    ),
    Scenario(
        "http-dead-host",
        "The URL names a host that is not there",
        UEFI_HTTP,
        _web_dead,
        _failed("arp-unanswered"),
        _HTTP_GIVES_UP,
        seconds=150,
    ),
    Scenario(
        "http-breaks",
        "Stops in the middle",
        UEFI_HTTP,
        _web_breaks,
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=150,
        linger=20,
        filters=_ALL,
    ),
    Scenario(
        "http-name",
        "The name server is down",
        UEFI_HTTP,
        _web_name,
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=150,
        linger=20,
        filters=_ALL,
    ),
    Scenario(
        "http-no-url",
        "The server knows PXE alone: a file name and no URL",
        UEFI_HTTP,
        _web_by_pxe_server,
        _failed("no-boot-file"),
        _HTTP_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        "http-no-dhcp-offer",
        "No DHCP server is on the network",
        UEFI_NEXT_HTTP,
        _web_unanswered,
        _failed("no-dhcp-offer"),
        _HTTP_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        *("then-http-boots", "PXE finds no file, HTTP boot does", UEFI, _tftp_missing_then_web),
        Expected("booted", near=_NEAR, boots=("edk2", "edk2"), before=(("failed", "tftp-file-not-found"),)),
        *(GRUB_RUNS + "|GRUB",),
        seconds=150,
        linger=3,
    ),
    Scenario(
        *("ipv6-next-no-boot-file", "DHCPv6 gives addresses, and no option 59", UEFI_NEXT_6, _six_no_url),
        _failed("no-boot-file"),
        _EDK2_GIVES_UP,
        filters=_V6,
        linger=7,
    ),
    Scenario(
        *("ipv6-data-port", "Data is filtered", UEFI_6, _six_data_port),
        _failed("tftp-data-port-blocked"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        *("ipv6-next-unreachable", "No TFTP service: ICMPv6 port unreachable", UEFI_NEXT_6, _six_no_tftp),
        _failed("tftp-unreachable"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        *("ipv6-mtu-black-hole", "Large packets vanish", UEFI_NEXT_6, _six_narrow),
        _failed("mtu-black-hole"),
        _EDK2_GIVES_UP,
        filters=_V6,
    ),
    Scenario(
        *("http-next-firewall", "SYNs are dropped", UEFI_NEXT_HTTP, _web_firewall),
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=120,
    ),
    Scenario(
        *("http-next-breaks", "Stops in the middle", UEFI_NEXT_HTTP, _web_breaks),
        _failed("http-error"),
        _HTTP_GIVES_UP,
        seconds=150,
    ),
)
