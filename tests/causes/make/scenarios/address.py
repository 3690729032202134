"""Steps 1 to 4: from the first DISCOVER to an address of the client's own."""

from __future__ import annotations

from tests.causes.make.clients import BIOS, UBOOT, UEFI, UEFI_6, UEFI_IPXE_ROM, dhcp_then
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    PXELINUX_RUNS,
    TWO,
    proxy,
    usual_bios,
    usual_uefi,
)
from tests.causes.make.servers import dnsmasq, isc, kea, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage
from tests.causes.make.wire import BRIDGE

_DISCOVER, _OFFER, _REQUEST, _ACK, _DECLINE, _NAK = (f"dhcp.option.dhcp == {n}" for n in (1, 2, 3, 5, 4, 6))

# The first option of all these messages is their type. It begins 8 + 240 octets behind the IP header.
_IS_REQUEST, _IS_ACK = "@th,1984,24 0x350103", "@th,1984,24 0x350105"


def _nobody(stage: Stage) -> None:
    stage.host("one", ONE)
    tftpd_hpa(stage, "one")


def _pool_empty(stage: Stage) -> None:
    stage.host("one", ONE)
    kea(
        stage,
        "one",
        pools=[{"pool": "10.77.0.100 - 10.77.0.100"}],
        reservations=[{"hw-address": "52:54:00:99:99:99", "ip-address": "10.77.0.100"}],
    )


def _first_offer_lost(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp sport 67 udp dport 68 numgen inc mod 100000 < 1 drop")


def _proxy_only(stage: Stage) -> None:
    stage.host("two", TWO)
    stage.file("pxelinux.0", PXELINUX)
    proxy(stage, "two", "--pxe-service=x86PC,Linux,pxelinux", "--pxe-service=X86-64_EFI,Linux,grub.efi")


def _proxy_first(stage: Stage) -> None:
    """The proxy is there at once, the DHCP server's first answers are lost."""
    _proxy_only(stage)
    stage.host("one", ONE)
    isc(stage, "one", "")
    stage.obey(f"ip saddr {ONE} udp sport 67 numgen inc mod 100000 < 1 drop")


def _no_file(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", "")


def _no_file_but_proxy(stage: Stage) -> None:
    _no_file(stage)
    _proxy_only(stage)


def _no_file_kea(stage: Stage) -> None:
    stage.host("one", ONE)
    kea(stage, "one", pools=[{"pool": "10.77.0.100 - 10.77.0.150"}])


def _uboot_no_file(stage: Stage) -> None:
    _no_file(stage)
    tftpd_hpa(stage, "one")


def _uboot_own_name(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", f"next-server {ONE};")
    tftpd_hpa(stage, "one")


def _nobody_ipv6(stage: Stage) -> None:
    stage.host("one", "fd00:77::1/64")


def _offers_dropped(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("udp sport 67 udp dport 68 drop")


def _acks_dropped(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"udp dport 67 {_IS_REQUEST} drop")


def _first_request_lost(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey(f"udp dport 67 {_IS_REQUEST} numgen inc mod 100000 < 1 drop")


def _two_servers(stage: Stage, rules: str) -> None:
    """The second server believes to be alone, and refuses what the first one offered."""
    usual_bios(stage)
    stage.host("two", TWO)
    dnsmasq(stage, "two", "--dhcp-range=10.77.0.200,static", "--dhcp-authoritative")
    stage.obey(rules)


def _nak(stage: Stage) -> None:
    _two_servers(stage, f'oifname "to-one" udp dport 67 {_IS_REQUEST} drop')


def _nak_then_again(stage: Stage) -> None:
    _two_servers(stage, f'oifname "to-one" udp dport 67 {_IS_REQUEST} numgen inc mod 100000 < 1 drop')


def _acks_lost(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"udp sport 67 {_IS_ACK} drop")


def _taken(stage: Stage) -> None:
    stage.host("one", ONE)
    isc(stage, "one", 'filename "pxelinux.0"; next-server 10.77.0.1;', pool="range 10.77.0.100 10.77.0.101;")
    stage.host("squatter", "10.77.0.100")
    stage.host("squatter2", "10.77.0.101")


def _someone_else(stage: Stage) -> None:
    usual_bios(stage)
    stage.host("neighbour", "10.77.0.99")


def _rogue(stage: Stage) -> None:
    usual_uefi(stage)
    stage.host("two", TWO)
    dnsmasq(
        stage, "two", "--dhcp-range=10.77.0.160,10.77.0.170,10m", "--dhcp-option=3,10.77.0.2", "--dhcp-boot=evil.efi"
    )


def _failover(stage: Stage) -> None:
    """Two servers share the work: other addresses, the same terms."""
    usual_uefi(stage)
    stage.host("two", TWO)
    isc(stage, "two", f'filename "grub.efi"; next-server {ONE};', pool="range 10.77.0.160 10.77.0.170;")


def _spanning_tree(stage: Stage) -> None:
    """The client's port has to listen and learn for some seconds before it forwards."""
    usual_bios(stage)
    for words in (("stp_state", "1"), ("forward_delay", "400")):
        stage.wire.ip("link", "set", BRIDGE, "type", "bridge", *words)


def _pings_first(stage: Stage) -> None:
    """dnsmasq looks for seconds whether an address is in use, before it offers it."""
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=pxelinux.0", tftp=True)


_FETCH = "busybox tftp -g -r pxelinux.0 -l got 10.77.0.1"
_UDHCPC_ARP = dhcp_then("busybox tftp", _FETCH, "-a2000")

SCENARIOS = (
    Scenario(
        "no-dhcp-offer-bios",
        "No DHCP server is on the network",
        *(BIOS, _nobody),
        Expected("failed", "no-dhcp-offer", frames=_DISCOVER, near=("proxy-only", "late-link")),
        until="040ee119",
    ),
    Scenario(
        "no-dhcp-offer-uefi-pool-empty",
        "The only address of Kea's pool is reserved for another client, so Kea stays silent",
        *(UEFI, _pool_empty),
        Expected("failed", "no-dhcp-offer", frames=_DISCOVER, near=("proxy-only", "late-link")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "no-dhcp-offer-ipxe-efi",
        "No DHCP server is on the network of an iPXE for UEFI",
        *(UEFI_IPXE_ROM, _nobody),
        Expected("failed", "no-dhcp-offer", frames=_DISCOVER, near=("proxy-only", "late-link")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "near-no-dhcp-offer-first-offer-lost",
        "The first offer is lost; a later one comes through, and the client boots",
        *(BIOS, _first_offer_lost),
        Expected("booted", near=("no-dhcp-offer", "offers-ignored", "late-link")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "proxy-only-bios",
        "dnsmasq is there as proxyDHCP, but no server that gives addresses",
        *(BIOS, _proxy_only),
        Expected("failed", "proxy-only", frames=f"{_DISCOVER} or {_OFFER}", near=("no-dhcp-offer", "proxy-silent")),
        until="040ee119",
    ),
    Scenario(
        "proxy-only-uefi",
        "The same with UEFI firmware",
        *(UEFI, _proxy_only),
        Expected("failed", "proxy-only", frames=f"{_DISCOVER} or {_OFFER}", near=("no-dhcp-offer", "proxy-silent")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-proxy-only-offer-late",
        "The proxy's offer comes at once, the DHCP server's first one is lost and its second one comes through",
        *(BIOS, _proxy_first),
        Expected("booted", near=("proxy-only", "no-boot-file", "late-link")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "no-boot-file-bios",
        "ISC dhcpd gives addresses, and names no boot file",
        *(BIOS, _no_file),
        Expected("failed", "no-boot-file", frames=f"{_OFFER} or {_ACK}", near=("offers-ignored", "proxy-silent")),
        until="2d03e13b",
    ),
    Scenario(
        "no-boot-file-uefi-kea",
        "Kea gives addresses, and names no boot file",
        *(UEFI, _no_file_kea),
        Expected("failed", "no-boot-file", frames=f"{_OFFER} or {_ACK}", near=("offers-ignored", "proxy-silent")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-no-boot-file-proxy-has-it",
        "ISC dhcpd names no boot file, dnsmasq as proxyDHCP does",
        *(BIOS, _no_file_but_proxy),
        Expected("booted", near=("no-boot-file", "conflicting-dhcp-servers")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "offers-ignored-uefi",
        "The offers lack nothing, but the switch filters them before the client's port",
        *(UEFI, _offers_dropped),
        Expected("failed", "offers-ignored", frames=f"{_DISCOVER} or {_OFFER}", near=("no-dhcp-offer", "no-boot-file")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "dhcp-request-unanswered-bios",
        "REQUESTs are lost on their way to the server",
        *(BIOS, _acks_dropped),
        Expected("failed", "dhcp-request-unanswered", frames=_REQUEST, near=("dhcp-nak", "offers-ignored")),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "dhcp-request-unanswered-acks-lost",
        "Each REQUEST is answered, and every ACK is lost behind the capture point",
        *(BIOS, _acks_lost),
        Expected(
            "failed", "dhcp-request-unanswered", frames=f"{_REQUEST} or {_ACK}", near=("dhcp-nak", "offers-ignored")
        ),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "near-dhcp-request-unanswered-once",
        "The first REQUEST is lost, its repetition is answered",
        *(UEFI, _first_request_lost),
        Expected("booted", near=("dhcp-request-unanswered",)),
        until=GRUB_RUNS,
    ),
    Scenario(
        "dhcp-nak-bios",
        "A second, authoritative server (dnsmasq) refuses each REQUEST for the first one's offer, whom none reaches",
        *(BIOS, _nak),
        Expected("failed", "dhcp-nak", frames=f"{_REQUEST} or {_NAK}", near=("dhcp-request-unanswered",)),
        until=IPXE_GIVES_UP,
    ),
    Scenario(
        "near-dhcp-nak-boots-anyway",
        "A second, authoritative server refuses the REQUESTs; the second of them reaches the first server too",
        *(BIOS, _nak_then_again),
        Expected("booted", near=("dhcp-nak", "dhcp-request-unanswered")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "address-conflict",
        "The addresses that the server gives are in use; the client probes them by ARP and declines",
        *(_UDHCPC_ARP, _taken),
        Expected("failed", "address-conflict", frames=f"{_ACK} or {_DECLINE}", near=("dhcp-nak",)),
        until=0,
    ),
    Scenario(
        "near-address-conflict-free",
        "The same client probes its address; another station has its neighbour, so it keeps it",
        *(_UDHCPC_ARP, _someone_else),
        Expected("booted", near=("address-conflict", "arp-unanswered")),
        until=0,
    ),
    Scenario(
        "conflicting-dhcp-servers-uefi",
        "A second DHCP server offers another router and another boot file",
        *(UEFI, _rogue),
        Expected("booted", "conflicting-dhcp-servers", frames=_OFFER),
        until=GRUB_RUNS,
    ),
    Scenario(
        "near-conflicting-dhcp-servers-same-terms",
        "Two ISC dhcpd with their own parts of the pool and otherwise the same configuration",
        *(UEFI, _failover),
        Expected("booted", near=("conflicting-dhcp-servers",)),
        until=GRUB_RUNS,
    ),
    Scenario(
        "late-link-bios",
        "The switch port runs a spanning tree and forwards nothing for its first seconds",
        *(BIOS, _spanning_tree),
        Expected("booted", "late-link", frames=f"{_DISCOVER} or {_OFFER}"),
        until=PXELINUX_RUNS,
        point="client",
    ),
    Scenario(
        "near-late-link-server-pings",
        "dnsmasq pings the address for three seconds, so its offer follows the client's third DISCOVER at once",
        *(BIOS, _pings_first),
        Expected("booted", near=("late-link", "no-dhcp-offer", "offers-ignored")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "no-boot-file-uboot",
        "U-Boot is given neither a boot file nor a server",
        *(UBOOT, _uboot_no_file),
        Expected("failed", "no-boot-file", frames=f"{_OFFER} or {_ACK}", near=("offers-ignored", "late-link")),
        until=60.0,
    ),
    Scenario(
        "no-dhcp-offer-uefi-ipv6",
        "No DHCPv6 server is on the network",
        *(UEFI_6, _nobody_ipv6),
        Expected("failed", "no-dhcp-offer", frames="dhcpv6.msgtype == 1", near=("proxy-only", "no-boot-file")),
        until=r"PXE-E\d\d",
        filters="ip6",
    ),
    Scenario(
        "near-no-boot-file-uboot-makes-a-name",
        "U-Boot is given a server and no boot file, and asks for a name that it makes from its address",
        *(UBOOT, _uboot_own_name),
        Expected("failed", "tftp-file-not-found", near=("no-boot-file", "late-link")),
        until=60.0,
    ),
)
