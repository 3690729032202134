"""What no server here does by itself: replies that the wire alters, and credentials, which no client here asks for."""

from __future__ import annotations

import sys

from tests.causes.make.clients import BIOS, UEFI, Programs, dhcp_then
from tests.causes.make.scenarios.common import (
    GRUB_RUNS,
    IPXE_GIVES_UP,
    ONE,
    POOL,
    PXELINUX,
    usual_bios,
    usual_uefi,
)
from tests.causes.make.servers import dnsmasq, tftpd_hpa
from tests.causes.make.stage import Expected, Scenario, Stage
from tests.causes.make.wire import HERE

_ALTERED = "real programs; the wire (nftables) alters the server's reply, as no server here makes this mistake"
_EMBEDDED = "pxeconform's embedded server and a client written for this, since no program here does BIS"
_OFFER_PACKET = "udp sport 67 @th,1984,24 0x350102"
_NO_CHECKSUM = "udp checksum set 0"
"""The alteration would make the checksum wrong, and that is not the fault to be shown."""


def _other_transaction(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey(f"{_OFFER_PACKET} @th,96,32 set 0xdeadbeef {_NO_CHECKSUM}")


def _no_server_identifier(stage: Stage) -> None:
    """Option 54, which follows option 53 in the offers of ISC dhcpd, becomes a private option."""
    usual_uefi(stage)
    stage.obey(f"{_OFFER_PACKET} @th,2008,8 set 224 {_NO_CHECKSUM}")


def _odd_but_legal(stage: Stage) -> None:
    """Hops and secs of the offers are changed: clients do not look at them."""
    usual_uefi(stage)
    stage.obey(f"{_OFFER_PACKET} @th,88,8 set 3 @th,128,16 set 9 {_NO_CHECKSUM}")


def _greedy_oack(stage: Stage) -> None:
    """The OACK of `blksize 1468` says 9468: more than was asked for (RFC 2348)."""
    usual_uefi(stage)
    oack = f"ip saddr {ONE} udp sport 1024-65535 @th,64,16 6"
    # EDK2 takes no offence in the probe (tsize, blksize), so the answer to its second request (blksize) is altered.
    stage.obey(f"{oack} @th,80,32 0x626c6b73 @th,144,8 set 0x39 {_NO_CHECKSUM}")


def _wraps_to_one(stage: Stage) -> None:
    """The block after 65535 has the number 1 in place of 0, as with servers that leave 0 out."""
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=big.bin")
    stage.file("big.bin", bytes(8 * 65_560))
    tftpd_hpa(stage, "one")
    stage.obey(f"ip saddr {ONE} udp sport 1024-65535 @th,64,32 0x00030000 @th,80,16 set 1 {_NO_CHECKSUM}")


def _wraps_to_zero(stage: Stage) -> None:
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=big.bin")
    stage.file("big.bin", bytes(8 * 65_560))
    tftpd_hpa(stage, "one")


def _embedded(stage: Stage, *, credentials: str = "", of: bytes = b"", group: str = "") -> None:
    # A program that is small enough for the analysis to hold it whole, as it must to hold it against its credentials.
    program = PXELINUX.read_bytes()[:6000]
    stage.file("pxelinux.0", program)
    lines = [
        f'address = "{ONE}"',
        'interface = "eth0"\nmode = "dhcp"\ndhcp_port = 67\npxe_port = 4011\ntftp_port = 69',
        f'root = "{stage.files}"',
        '[pool]\nfirst = "10.77.0.100"\nlast = "10.77.0.150"',
        '[prompt]\ntimeout = 0\ntext = "Booting"',
        '[[services]]\ntype = 32769\ndescription = "BIOS"\nfiles = ["pxelinux.0"]\narchitectures = [0]',
    ]
    if credentials:
        from pxeconform.protocol.certificates import DSA_1024_SHA1, new_signer
        from pxeconform.protocol.credentials import build_credentials

        stage.file(credentials, build_credentials(of or program, new_signer(DSA_1024_SHA1)))
        lines.append(f'[credentials."pxelinux.0"]\n41 = "{credentials}"')
    if group:
        lines.append(f'[tftp]\nmulticast_group = "{group}"')
    config = stage.folder / "serve.conf"
    config.write_text("\n".join(lines) + "\n")
    stage.host("one", ONE)
    stage.serve("one", [sys.executable, "-m", "pxeconform", "serve", "--config", config], ports=(67, 69, 4011))


def _none(stage: Stage) -> None:
    _embedded(stage)


def _sound(stage: Stage) -> None:
    _embedded(stage, credentials="pxelinux.0.esw")


def _of_another_program(stage: Stage) -> None:
    _embedded(stage, credentials="pxelinux.0.esw", of=b"another program")


def _to_a_group(stage: Stage) -> None:
    _embedded(stage, group="239.77.0.1")


def _group_is_lost(stage: Stage) -> None:
    """The switch takes the OACK through, and nothing that goes to the group."""
    _embedded(stage, group="239.77.0.1")
    stage.obey("ip daddr 239.77.0.1 drop")


_BIS = dhcp_then(
    "a client for credentials",
    f"cd {HERE} && {sys.executable} -m tests.causes.make.bis_client $ip {ONE} 52:54:00:77:00:10",
)
_SMALL_BLOCKS: Programs = dhcp_then(
    "curl with blksize 8",
    "timeout 100 curl -s --max-time 95 --tftp-blksize 8 -o got tftp://10.77.0.1/big.bin",
    packages=("curl",),
)
_GROUP_CLIENT = dhcp_then(
    "atftp with the multicast option",
    "ip route add 224.0.0.0/4 dev eth0; timeout 40 atftp --option 'multicast' -g -r pxelinux.0 -l got 10.77.0.1",
    packages=("atftp",),
)
_GROUP = "the multicast option of pxeconform's embedded server (RFC 2090), fetched by atftp"
_CREDENTIAL_PACKETS = "dhcp or tftp"

SCENARIOS = (
    Scenario(
        "malformed-reply-bios-transaction",
        "The offers carry the identifier of another transaction",
        *(BIOS, _other_transaction),
        Expected("failed", "malformed-reply", frames="dhcp", near=("offers-ignored", "no-dhcp-offer"), made=_ALTERED),
        until=IPXE_GIVES_UP,
        point="client",
    ),
    Scenario(
        "malformed-reply-uefi-no-server-identifier",
        "The offers lack the server identifier (option 54)",
        *(UEFI, _no_server_identifier),
        Expected("failed", "malformed-reply", frames="dhcp", near=("offers-ignored", "no-dhcp-offer"), made=_ALTERED),
        until=r"PXE-E\d\d",
        point="client",
    ),
    Scenario(
        "near-malformed-reply-odd-but-legal",
        "The offers tell hops and seconds that make no sense, and nothing depends on them",
        *(UEFI, _odd_but_legal),
        Expected("booted", near=("malformed-reply", "offers-ignored"), made=_ALTERED),
        until=GRUB_RUNS,
        point="client",
    ),
    Scenario(
        "tftp-option-refused-uefi",
        "The OACK grants a larger block size than the client asked for",
        *(UEFI, _greedy_oack),
        Expected(
            "failed",
            "tftp-option-refused",
            frames="tftp",
            near=("tftp-error", "tftp-stalled", "tftp-data-port-blocked"),
            made=_ALTERED,
        ),
        until=r"PXE-E\d\d",
        point="client",
    ),
    Scenario(
        "block-wrap-disagreement",
        "After block 65535 comes block 1, and curl waits for block 0",
        *(_SMALL_BLOCKS, _wraps_to_one),
        Expected(
            "failed",
            "block-wrap-disagreement",
            frames="tftp",
            near=("tftp-stalled", "client-vanished", "mtu-black-hole"),
            made=_ALTERED,
        ),
        until=0,
        point="to-client",
        seconds=150,
        snap=96,
    ),
    Scenario(
        "near-block-wrap-disagreement-agreed",
        "After block 65535 comes block 0, as curl expects",
        *(_SMALL_BLOCKS, _wraps_to_zero),
        Expected("booted", near=("block-wrap-disagreement", "tftp-stalled", "packet-loss")),
        until=0,
        seconds=150,
        snap=96,
    ),
    Scenario(
        "credentials-missing",
        "The client asks for the credentials of its boot file, and the boot server has none",
        *(_BIS, _none),
        Expected(
            "failed",
            "credentials-missing",
            frames=_CREDENTIAL_PACKETS,
            near=("credentials-invalid", "boot-server-silent"),
            made=_EMBEDDED,
        ),
        until=0,
    ),
    Scenario(
        "credentials-invalid",
        "The credentials were made for another program than the one that is served",
        *(_BIS, _of_another_program),
        Expected(
            "failed", "credentials-invalid", frames=_CREDENTIAL_PACKETS, near=("credentials-missing",), made=_EMBEDDED
        ),
        until=0,
    ),
    Scenario(
        "near-credentials-sound",
        "The credentials vouch for the program that is served",
        *(_BIS, _sound),
        Expected("booted", near=("credentials-missing", "credentials-invalid"), made=_EMBEDDED),
        until=0,
    ),
    Scenario(
        "near-tftp-stalled-group",
        "The file goes to a multicast group (RFC 2090), and arrives",
        *(_GROUP_CLIENT, _to_a_group),
        Expected("booted", near=("tftp-stalled", "tftp-data-port-blocked", "client-vanished"), made=_GROUP),
        until=0,
    ),
    Scenario(
        "tftp-stalled-group",
        "The file goes to a multicast group (RFC 2090), whose packets the switch drops behind the capture point",
        *(_GROUP_CLIENT, _group_is_lost),
        Expected("failed", "tftp-stalled", near=("client-vanished",), made=_GROUP),
        until=0,
        linger=8,
    ),
)
