"""Step 7, once the first block has come: what may happen in the middle of a transfer."""

from __future__ import annotations

import time

from tests.causes.make.clients import BIOS, BIOS_REALTEK, UEFI, dhcp_then
from tests.causes.make.scenarios.common import GRUB_RUNS, ONE, POOL, PXELINUX, PXELINUX_RUNS, usual_bios, usual_uefi
from tests.causes.make.servers import dnsmasq
from tests.causes.make.stage import Expected, Scenario, Stage

_DATA = f"ip saddr {ONE} udp sport 1024-65535"
_TRANSFER = "tftp or (icmp.type == 3)"


def _server_dies_uefi(stage: Stage) -> None:
    """Server and all its children are killed, and the host with them: nothing says so on the wire."""
    usual_uefi(stage)

    def kill(stage: Stage) -> None:
        stage.wait_for_octets(60_000)
        stage.wire.ip("link", "set", "to-one", "down")

    stage.later.append(kill)


def _after(stage: Stage, octets: int) -> None:
    stage.obey(f"{_DATA} quota over {octets} bytes drop")


def _link_of_server_fails(stage: Stage) -> None:
    usual_bios(stage)

    def pull(stage: Stage) -> None:
        stage.wait_for_octets(20_000)
        stage.wire.ip("link", "set", "to-one", "down")

    stage.later.append(pull)


def _service_killed(stage: Stage) -> None:
    """The TFTP service is killed in mid-transfer; its kernel answers the next ACK with ICMP unreachable."""
    usual_uefi(stage)

    def kill(stage: Stage) -> None:
        stage.wait_for_octets(60_000)
        stage.stop("in.tftpd", "one")

    stage.later.append(kill)


def _pause(stage: Stage) -> None:
    """The wire is cut for about three seconds in mid-transfer."""
    usual_uefi(stage)

    def cut(stage: Stage) -> None:
        stage.wait_for_octets(60_000)
        stage.wire.ip("link", "set", "to-one", "down")
        time.sleep(3)
        stage.wire.ip("link", "set", "to-one", "up")

    stage.later.append(cut)


def _narrow(stage: Stage) -> None:
    """A tunnel on the way carries 1400 octets, and nobody says so."""
    usual_bios(stage)
    stage.obey("ip length > 1400 drop")


def _narrow_uefi(stage: Stage) -> None:
    usual_uefi(stage)
    stage.obey("ip length > 1400 drop")


def _narrow_small_blocks(stage: Stage) -> None:
    """The same tunnel, and a server that does not negotiate the block size: 512 octets fit."""
    stage.file("pxelinux.0", PXELINUX)
    stage.host("one", ONE)
    dnsmasq(stage, "one", POOL, "--dhcp-boot=pxelinux.0", "--tftp-no-blocksize", tftp=True)
    stage.obey("ip length > 1400 drop")


def _fragments(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("ip frag-off & 0x1fff != 0 drop")


def _one_fragment(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("ip frag-off & 0x1fff != 0 numgen inc mod 100000 < 1 drop")


def _whole_fragments(stage: Stage) -> None:
    usual_bios(stage)


def _loss(stage: Stage) -> None:
    """Every twentieth packet of the transfer is lost, in both directions."""
    usual_uefi(stage)
    stage.obey("udp sport 1024-65535 udp dport 1024-65535 numgen inc mod 20 == 7 drop")


def _loss_bios(stage: Stage) -> None:
    usual_bios(stage)
    stage.obey("udp sport 1024-65535 udp dport 1024-65535 numgen inc mod 6 == 3 drop")


def _noise(stage: Stage) -> None:
    """One block is lost, and only one."""
    usual_uefi(stage)
    stage.obey(f"{_DATA} numgen inc mod 100000 == 60 drop")


def _switched_off(stage: Stage) -> None:
    """The machine is switched off in mid-transfer."""
    usual_uefi(stage)

    def off(stage: Stage) -> None:
        stage.wait_for_octets(60_000)
        stage.running["client"].close()

    stage.later.append(off)


def _switched_off_bios(stage: Stage) -> None:
    """The boot file is large enough for the hand to reach the switch in time."""
    usual_bios(stage, filename="large.0")
    stage.file("large.0", PXELINUX.read_bytes() + bytes(16_000_000))

    def off(stage: Stage) -> None:
        stage.wait_for_octets(20_000)
        stage.running["client"].close()

    stage.later.append(off)


def _cut(stage: Stage) -> None:
    usual_uefi(stage)


_FRAGMENTED = dhcp_then(
    "curl with blksize 8192",
    "timeout 25 curl -s --max-time 22 --tftp-blksize 8192 -o got tftp://10.77.0.1/pxelinux.0",
    packages=("curl",),
)

SCENARIOS = (
    Scenario(
        "tftp-stalled-uefi-host-dies",
        "The server's host falls off the network in mid-transfer",
        *(UEFI, _server_dies_uefi),
        Expected("failed", "tftp-stalled", frames="tftp", near=("client-vanished", "packet-loss", "mtu-black-hole")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "tftp-stalled-bios-cable",
        "The server's cable is pulled in mid-transfer",
        *(BIOS, _link_of_server_fails),
        Expected("failed", "tftp-stalled", frames="tftp", near=("client-vanished", "packet-loss", "mtu-black-hole")),
        until="4c126035",
    ),
    Scenario(
        "tftp-stalled-uefi-service-killed",
        "The TFTP service is killed in mid-transfer; the kernel there answers with ICMP unreachable",
        *(UEFI, _service_killed),
        Expected("failed", "tftp-stalled", frames=_TRANSFER, near=("client-vanished", "tftp-unreachable")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-tftp-stalled-pause",
        "The wire is cut for three seconds in mid-transfer, then the transfer goes on",
        *(UEFI, _pause),
        Expected("booted", near=("tftp-stalled", "client-vanished", "packet-loss")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "mtu-black-hole-bios",
        "A tunnel drops packets of more than 1400 octets without a word; blksize is 1432",
        *(BIOS, _narrow),
        Expected("failed", "mtu-black-hole", frames="tftp", near=("tftp-stalled", "fragments-lost", "packet-loss")),
        until="4c126035",
    ),
    Scenario(
        "mtu-black-hole-uefi",
        "A tunnel drops packets of more than 1400 octets without a word; blksize is 1468",
        *(UEFI, _narrow_uefi),
        Expected("failed", "mtu-black-hole", frames="tftp", near=("tftp-stalled", "fragments-lost", "packet-loss")),
        until=r"PXE-E\d\d",
    ),
    Scenario(
        "near-mtu-black-hole-small-blocks",
        "The same tunnel; dnsmasq keeps to blocks of 512 octets (--tftp-no-blocksize)",
        *(BIOS, _narrow_small_blocks),
        Expected("booted", near=("mtu-black-hole", "tftp-stalled", "packet-loss")),
        until=PXELINUX_RUNS,
    ),
    Scenario(
        "fragments-lost",
        "blksize 8192 makes fragments, and a firewall drops all but the first of each packet",
        *(_FRAGMENTED, _fragments),
        Expected(
            "failed",
            "fragments-lost",
            frames="udp or ip.frag_offset > 0 or ip.flags.mf == 1",
            near=("mtu-black-hole", "tftp-stalled"),
        ),
        until=0,
    ),
    Scenario(
        "fragments-lost-client-side",
        "The same seen at the client's port: of each packet only the first fragment comes",
        *(_FRAGMENTED, _fragments),
        Expected("failed", "fragments-lost", frames="tftp", near=("mtu-black-hole", "tftp-stalled")),
        until=0,
        point="to-client",
    ),
    Scenario(
        "near-fragments-lost-one",
        "blksize 8192 makes fragments; one is lost, the block is sent again and comes through",
        *(_FRAGMENTED, _one_fragment),
        Expected("booted", near=("fragments-lost", "mtu-black-hole", "tftp-stalled")),
        until=0,
    ),
    Scenario(
        "near-fragments-lost-none",
        "blksize 8192 makes fragments, and all of them arrive",
        *(_FRAGMENTED, _whole_fragments),
        Expected("booted", near=("fragments-lost", "mtu-black-hole", "tftp-stalled", "packet-loss")),
        until=0,
    ),
    Scenario(
        "packet-loss-uefi",
        "Every twentieth packet of the transfer is lost",
        *(UEFI, _loss),
        Expected("booted", "packet-loss", frames="tftp", near=("tftp-stalled",)),
        until=GRUB_RUNS,
        seconds=150,
    ),
    Scenario(
        "packet-loss-bios",
        "Every sixth packet of the transfer is lost",
        *(BIOS_REALTEK, _loss_bios),
        Expected("booted", "packet-loss", frames="tftp", near=("tftp-stalled",)),
        until=PXELINUX_RUNS,
        seconds=150,
    ),
    Scenario(
        "near-packet-loss-one-block",
        "One single block is lost and sent again",
        *(UEFI, _noise),
        Expected("booted", near=("packet-loss", "tftp-stalled")),
        until=GRUB_RUNS,
    ),
    Scenario(
        "client-vanished-uefi",
        "The machine is switched off in mid-transfer; the server sends its block again",
        *(UEFI, _switched_off),
        Expected(
            "failed", "client-vanished", frames="tftp or icmp", near=("tftp-stalled", "packet-loss", "mtu-black-hole")
        ),
        until=0.0,
        linger=20,
    ),
    Scenario(
        "client-vanished-bios",
        "The machine is switched off in mid-transfer; the server sends its block again",
        *(BIOS, _switched_off_bios),
        Expected(
            "failed", "client-vanished", frames="tftp or icmp", near=("tftp-stalled", "packet-loss", "mtu-black-hole")
        ),
        until=0.0,
        linger=20,
    ),
    Scenario(
        "capture-incomplete-ends",
        "tcpdump is stopped after 60 packets, in mid-transfer",
        *(UEFI, _cut),
        Expected("incomplete", "capture-incomplete", near=("tftp-stalled", "client-vanished")),
        until=GRUB_RUNS,
        count=60,
    ),
)
