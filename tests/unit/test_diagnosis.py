"""Causes: for each a trace that has it, and a near miss that has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from boot_traces import (
    BIOS,
    CLIENT,
    EDK2,
    INTEL,
    IPXE,
    NOBODY,
    PE_ARM64,
    PE_X64,
    PROXY,
    PXE,
    SERVER,
    TFTP,
    Wire,
    menu,
    tags,
)
from credentials_parts import signer_of

from pxeconform.diagnosis.boots import BOOT_RULES
from pxeconform.diagnosis.model import MOST_FRAMES, filled, spread
from pxeconform.diagnosis.stall import Stall, find_stall
from pxeconform.diagnosis.transfers import TRANSFER_RULES, TransferCase, diagnose_transfer
from pxeconform.protocol import tftp
from pxeconform.protocol.certificates import RSA_512_MD5
from pxeconform.protocol.credentials import build_credentials
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.registry.screen_codes import CAUSES
from pxeconform.sessions.sessions import follow

Trace = Callable[[], tuple[Wire, float]]
"""A trace, and how many seconds the capture runs on after it."""


def _ipxe() -> Wire:
    return Wire(IPXE)


def _edk2() -> Wire:
    return Wire(EDK2, arch=7)


def _discovers(wire: Wire, *pauses: float) -> Wire:
    for pause in pauses:
        wire.wait(pause).discover(0)
    return wire


def no_offer() -> tuple[Wire, float]:
    return _discovers(_ipxe(), 0, 1, 2, 4), 1


def offer_comes_late() -> tuple[Wire, float]:
    wire = _discovers(_ipxe(), 0, 1)
    wire.wait(2).offer(file=b"nbp", siaddr=TFTP)
    return wire, 1


def one_discover_at_the_end() -> tuple[Wire, float]:
    return _discovers(_ipxe(), 0), 2


def proxy_only() -> tuple[Wire, float]:
    wire = _ipxe()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).discover()
        wire.proxy_offer(menu())
    return wire, 1


def proxy_and_then_a_server() -> tuple[Wire, float]:
    wire, _ = proxy_only()
    wire.offer()
    return wire, 1


def no_boot_file() -> tuple[Wire, float]:
    wire = _ipxe().lease()
    return wire, 5


def no_boot_file_edk2_never_requests() -> tuple[Wire, float]:
    wire = _edk2()
    for pause in (0, 4, 8):
        wire.wait(pause).discover()
        wire.offer()
    return wire, 16


def offered_file_is_none() -> tuple[Wire, float]:
    """Tag 6 says: take the offered file; there is none."""
    return _edk2().lease(PXE, tags((PxeTag.DISCOVERY_CONTROL, b"\x08"))), 1


def pointer_to_4011_is_a_way() -> tuple[Wire, float]:
    return _edk2().lease(PXE), 0.5


def proxy_silent() -> tuple[Wire, float]:
    wire = _edk2().lease(PXE)
    for pause in (0, 1, 2, 3):
        wire.wait(pause).ask_4011(server=SERVER)
    return wire, 4


def proxy_answers_nothing() -> tuple[Wire, float]:
    wire = _edk2().lease(PXE)
    wire.ask_4011(server=SERVER)
    wire.answer_4011(server=SERVER)
    return wire, 1


def proxy_unreachable() -> tuple[Wire, float]:
    wire = _edk2().lease(PXE)
    wire.ask_4011(server=SERVER)
    wire.unreachable((CLIENT, 4011), (SERVER, 4011), SERVER)
    return wire, 0.5


def proxy_answers() -> tuple[Wire, float]:
    wire = _edk2().lease(PXE)
    wire.ask_4011(server=SERVER)
    wire.wait(1).ask_4011(server=SERVER)
    wire.answer_4011(server=SERVER, file=b"b.efi")
    wire.download("b.efi", PE_X64, server=SERVER)
    return wire, 1


def _to_menu() -> Wire:
    wire = _ipxe()
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    return wire


def boot_server_silent() -> tuple[Wire, float]:
    wire = _to_menu()
    wire.ask_item()
    wire.wait(1).ask_item()
    return wire, 0.1


def boot_server_answers() -> tuple[Wire, float]:
    wire, _ = boot_server_silent()
    wire.answer_item(file=b"nbp")
    return wire, 1


def offers_ignored() -> tuple[Wire, float]:
    wire = _ipxe()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).discover()
        wire.offer(file=b"nbp", siaddr=TFTP)
    return wire, 5


def offer_taken() -> tuple[Wire, float]:
    wire, _ = offers_ignored()
    wire.request()
    return wire, 0.1


def malformed_offer() -> tuple[Wire, float]:
    wire = _ipxe()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).discover()
        wire.offer(file=b"nbp", siaddr=TFTP, identifier=False)
    return wire, 5


def _refused(kind: MessageType) -> Wire:
    wire = _ipxe()
    wire.discover()
    wire.offer(file=b"nbp")
    wire.request()
    wire.from_server(kind, address=NOBODY)
    return wire


def nak() -> tuple[Wire, float]:
    return _refused(MessageType.NAK), 5


def nak_and_then_a_lease() -> tuple[Wire, float]:
    return _refused(MessageType.NAK).lease(file=b"nbp").download("nbp", BIOS), 1


def request_unanswered() -> tuple[Wire, float]:
    wire = _ipxe()
    wire.discover()
    wire.offer(file=b"nbp")
    for pause in (0, 0.25, 0.5, 1, 2, 4):
        wire.wait(pause).request()
    return wire, 1


def request_answered_late() -> tuple[Wire, float]:
    wire, _ = request_unanswered()
    wire.ack(file=b"nbp", siaddr=TFTP)
    return wire, 1


def conflict() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi")
    wire.from_client(MessageType.DECLINE)
    return wire, 5


def arp_unanswered() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi")
    for _ in range(6):
        wire.wait(1).arp(CLIENT, TFTP)
    return wire, 4


def arp_answered() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi")
    wire.arp(CLIENT, TFTP)
    wire.wait(1).arp(CLIENT, TFTP, answered=True)
    return wire, 6


def arp_of_somebody_else() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi")
    for _ in range(6):
        wire.wait(1).arp(CLIENT, "10.1.2.99")
    return wire, 1


def tftp_unreachable() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001)
    wire.unreachable((CLIENT, 2001), (TFTP, 69), TFTP)
    return wire, 0.2


def unreachable_after_the_end() -> tuple[Wire, float]:
    """A server that repeats its last block to a closed port is told so: nothing is wrong."""
    wire = _ipxe().lease(file=b"nbp").download("nbp", BIOS)
    wire.unreachable((TFTP, 40001), (CLIENT, 2001), CLIENT)
    return wire, 1


def tftp_silent() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    for pause in (0, 0.3, 0.5, 1, 2, 4):
        wire.wait(pause).rrq("nbp", 2001)
    return wire, 1


def tftp_slow() -> tuple[Wire, float]:
    wire, _ = tftp_silent()
    wire.download("nbp", BIOS)
    return wire, 1


def data_port_blocked() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    for pause in (0, 0.3, 0.5, 1, 2, 4):
        wire.wait(pause).rrq("nbp", 2001)
        wire.reply(tftp.Data(1, bytes(512)), 2001)
    return wire, 6


def data_port_open() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001)
    wire.wait(0.3).download("nbp", BIOS)
    return wire, 6


def _answered_with(code: int) -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001)
    wire.reply(tftp.Error(code, b"no"), 2001)
    return wire, 1


def loader_looks_for_files() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp").download("nbp", BIOS)
    for port, name in enumerate(("pxelinux.cfg/a", "pxelinux.cfg/b"), 3000):
        wire.rrq(name, port)
        wire.reply(tftp.Error(1, b"no"), port)
    return wire, 1


def option_refused() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi")
    wire.rrq("b.efi", 2001, asked=(("tsize", "0"), ("blksize", "1468")))
    wire.reply(tftp.Oack((("blksize", "9000"),)), 2001)
    wire.tftp_from(tftp.Error(8, b"no"), 2001, (TFTP, 40001))
    return wire, 8


def probe_and_download() -> tuple[Wire, float]:
    wire, _ = option_refused()
    wire.download("b.efi", PE_X64, port=2002)
    return wire, 8


def stalled() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp").download("nbp", BIOS, blocks=2)
    for _ in range(4):
        wire.wait(1).tftp_from(tftp.Ack(2), 2001, (TFTP, 40001))
    return wire, 5


def vanished() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp").download("nbp", BIOS, blocks=2)
    for pause in (0, 1, 2, 4):
        wire.wait(pause).reply(tftp.Data(3, bytes(512)), 2001)
    return wire, 5


def black_hole() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001, asked=(("blksize", "1432"),))
    wire.reply(tftp.Oack((("blksize", "1432"),)), 2001)
    for pause in (0, 0.3, 1, 2, 4):
        wire.wait(pause).tftp_from(tftp.Ack(0), 2001, (TFTP, 40001))
        wire.reply(tftp.Data(1, bytes(1432)), 2001)
    wire.tftp_from(tftp.Ack(0), 2001, (TFTP, 40001))
    return wire, 5


def fragments_lost() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001, asked=(("blksize", "8192"),))
    wire.reply(tftp.Oack((("blksize", "8192"),)), 2001)
    for pause in (0, 1, 2):
        wire.wait(pause).tftp_from(tftp.Ack(0), 2001, (TFTP, 40001))
    return wire, 6


def wrong_architecture() -> tuple[Wire, float]:
    return _edk2().lease(file=b"b.efi").download("b.efi", PE_ARM64), 1


def bios_file_for_uefi() -> tuple[Wire, float]:
    return _edk2().lease(file=b"b.efi").download("b.efi", BIOS), 1


def uefi_file_for_bios() -> tuple[Wire, float]:
    return _ipxe().lease(file=b"b.efi").download("b.efi", PE_X64), 1


def right_architecture() -> tuple[Wire, float]:
    return _edk2().lease(file=b"b.efi").download("b.efi", PE_X64), 1


def not_started() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi").download("b.efi", PE_X64)
    wire.wait(0.1).solicit()
    return wire, 1


def silent_afterwards() -> tuple[Wire, float]:
    return _edk2().lease(file=b"b.efi").download("b.efi", PE_X64), 40


def started_and_then_ipv6() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"b.efi").download("b.efi", PE_X64)
    wire.rrq("grub.cfg", 3001)
    wire.wait(1).solicit()
    return wire, 40


def chain_loop() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"ipxe.efi").download("ipxe.efi", PE_X64).wait(2)
    wire.firmware = IPXE
    wire.lease(file=b"ipxe.efi").download("ipxe.efi", PE_X64, port=2002)
    return wire, 1


def chain_to_another_file() -> tuple[Wire, float]:
    wire = _edk2().lease(file=b"ipxe.efi").download("ipxe.efi", PE_X64).wait(2)
    wire.firmware = IPXE
    wire.lease(file=b"grub.efi").download("grub.efi", PE_X64, port=2002)
    return wire, 1


def _asks_credentials() -> Wire:
    wire = _to_menu()
    wire.ask_item()
    wire.answer_item(file=b"nbp")
    wire.download("nbp", BIOS, server=PROXY)
    wire.ask_item(layer=0x8000)
    return wire


def credentials_missing() -> tuple[Wire, float]:
    wire = _asks_credentials()
    wire.wait(1).ask_item(layer=0x8000)
    return wire, 4


def credentials_there(vouched_for: bytes = BIOS) -> tuple[Wire, float]:
    wire = _asks_credentials()
    wire.answer_item(layer=0x8000, file=b"cred")
    wire.download("cred", build_credentials(vouched_for, signer_of(RSA_512_MD5.name)), port=2005, server=PROXY)
    return wire, 4


def credentials_of_another_file() -> tuple[Wire, float]:
    return credentials_there(BIOS + b"!")


def credentials_that_are_none() -> tuple[Wire, float]:
    wire = _asks_credentials()
    wire.answer_item(layer=0x8000, file=b"cred")
    wire.download("cred", bytes(100), port=2005, server=PROXY)
    return wire, 4


def false_credentials_that_the_client_took() -> tuple[Wire, float]:
    wire, _ = credentials_that_are_none()
    wire.download("kernel", BIOS, port=2006, server=PROXY)
    return wire, 4


def item_reply_to_the_wrong_port() -> tuple[Wire, float]:
    """dnsmasq 2.92 answers to port 68, where EDK2 does not listen."""
    wire = _edk2()
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    for pause in (0, 1, 2, 3):
        wire.wait(pause).ask_item()
        wire.from_server(
            MessageType.ACK,
            PXE,
            tags((PxeTag.BOOT_ITEM, b"\x80\0\0\0")),
            server=PROXY,
            file=b"nbp",
            port=4011,
            to=(CLIENT, 68),
            xid=0x77,
        )
    return wire, 4


def item_reply_to_the_right_port() -> tuple[Wire, float]:
    wire = _edk2()
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    wire.ask_item()
    wire.answer_item(file=b"nbp")
    wire.download("nbp", PE_X64, server=PROXY)
    return wire, 4


def ack_that_the_client_does_not_take() -> tuple[Wire, float]:
    wire = _ipxe()
    wire.discover()
    wire.offer(file=b"nbp", siaddr=TFTP)
    for pause in (0, 0.5, 1, 2):
        wire.wait(pause).request()
        wire.ack(file=b"nbp", siaddr=TFTP, port=6700)
    return wire, 8


def address_asked_for_again() -> tuple[Wire, float]:
    """INIT-REBOOT: no DISCOVER, no server identifier, and nobody answers."""
    wire = _ipxe()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).from_client(MessageType.REQUEST, (Option.REQUESTED_ADDRESS, b"\n\1\2\x32"))
    return wire, 8


def file_never_requested() -> tuple[Wire, float]:
    """The client has all that it needs, is silent, and begins anew: the server's network is none of its own."""
    wire = _edk2().lease(file=b"nbp", siaddr="10.9.9.9")
    wire.wait(30).solicit()
    return wire, 1


def dhcp_alone_was_captured() -> tuple[Wire, float]:
    return _edk2().lease(file=b"nbp"), 600


def dhcp_alone_of_two_days() -> tuple[Wire, float]:
    """A filter left everything but DHCP out, and the machine is started again the day after."""
    wire = _edk2().lease(file=b"nbp")
    wire.wait(86400).lease(file=b"nbp")
    return wire, 600


def edk2_link_late() -> tuple[Wire, float]:
    wire = _edk2()
    for pause in (0, 4):
        wire.wait(pause).discover(0)
    wire.offer(file=b"nbp", siaddr=TFTP)
    wire.request()
    wire.ack(file=b"nbp", siaddr=TFTP)
    return wire.download("nbp", PE_X64), 1


def two_servers_disagree() -> tuple[Wire, float]:
    wire = _ipxe()
    wire.discover()
    wire.offer(server="10.1.2.9")
    wire.offer(file=b"nbp", siaddr=TFTP)
    wire.request()
    wire.ack(file=b"nbp", siaddr=TFTP)
    return wire.download("nbp", BIOS), 1


def two_servers_agree() -> tuple[Wire, float]:
    wire = _ipxe()
    wire.discover()
    wire.offer(server="10.1.2.9", file=b"nbp", siaddr=TFTP, address="10.1.2.77")
    wire.offer(file=b"nbp", siaddr=TFTP)
    wire.request()
    wire.ack(file=b"nbp", siaddr=TFTP)
    return wire.download("nbp", BIOS), 1


def _proxies(*servers: str) -> Wire:
    wire = _ipxe()
    wire.discover()
    for server in servers:
        wire.proxy_offer(menu(server), server=server)
        wire.proxy_offer(menu(server), server=server)
    wire.offer()
    wire.request()
    wire.ack()
    wire.ask_item()
    wire.answer_item(file=b"nbp")
    return wire.download("nbp", BIOS, server=PROXY)


def two_proxies() -> tuple[Wire, float]:
    return _proxies(PROXY, "10.1.2.8"), 1


def one_proxy_twice() -> tuple[Wire, float]:
    return _proxies(PROXY), 1


def _boots_on(wire: Wire) -> Wire:
    wire.offer(file=b"nbp", siaddr=TFTP)
    wire.request()
    wire.ack(file=b"nbp", siaddr=TFTP)
    return wire.download("nbp", PE_X64 if wire.firmware == EDK2 else BIOS)


def late_link() -> tuple[Wire, float]:
    wire = _discovers(_edk2(), 0, 4, 8)
    return _boots_on(wire), 1


def late_by_its_own_count() -> tuple[Wire, float]:
    wire = _ipxe()
    wire.discover(secs=12)
    return _boots_on(wire), 1


def server_tests_its_address_first() -> tuple[Wire, float]:
    wire = _discovers(_edk2(), 0, 1, 2)
    wire.now -= 2 * 1_000_000_000
    wire.arp(SERVER, CLIENT)
    wire.now += 2 * 1_000_000_000
    wire.discover(0)
    return _boots_on(wire), 1


def loss() -> tuple[Wire, float]:
    wire = _ipxe().lease(file=b"nbp")
    wire.rrq("nbp", 2001)
    for block in range(1, 11):
        for _ in range(2):
            wire.wait(0.5).reply(tftp.Data(block, bytes(512) if block < 10 else b"end"), 2001)
        wire.tftp_from(tftp.Ack(block), 2001, (TFTP, 40001))
    return wire, 1


def mirror() -> tuple[Wire, float]:
    """Every packet twice within microseconds: a mirror port, not loss."""
    wire = _ipxe().lease(file=b"nbp").download("nbp", BIOS)
    doubled = Wire(IPXE)
    for datagram in wire.datagrams:
        for later in (0, 5_000):
            doubled.put(datagram.sender, datagram.receiver, datagram.payload, datagram.source_mac)
            doubled.now -= 1_000_000 - later
        doubled.now += 1_000_000
    return doubled, 1


def cut_in_the_transfer() -> tuple[Wire, float]:
    return _ipxe().lease(file=b"nbp").download("nbp", BIOS, blocks=2), 0.1


def data_port_blocked_new_port_each_time() -> tuple[Wire, float]:
    """Some ROMs take a new port for every try."""
    wire = _ipxe().lease(file=b"nbp")
    for number, pause in enumerate((0, 4, 4, 4)):
        wire.wait(pause).rrq("nbp", 2001 + number)
        wire.reply(tftp.Data(1, bytes(512)), 2001 + number, tid=40001 + number)
    return wire, 8


CASES: tuple[tuple[str, Trace, Trace], ...] = (
    ("tftp-data-port-blocked", data_port_blocked_new_port_each_time, probe_and_download),
    ("no-dhcp-offer", no_offer, offer_comes_late),
    ("no-dhcp-offer", no_offer, one_discover_at_the_end),
    ("no-dhcp-offer", no_offer, proxy_only),
    ("proxy-only", proxy_only, proxy_and_then_a_server),
    ("no-boot-file", no_boot_file, pointer_to_4011_is_a_way),
    ("no-boot-file", no_boot_file_edk2_never_requests, offers_ignored),
    ("no-boot-file", offered_file_is_none, proxy_answers_nothing),
    ("proxy-silent", proxy_silent, proxy_answers),
    ("proxy-silent", proxy_unreachable, boot_server_silent),
    ("proxy-silent", proxy_answers_nothing, offered_file_is_none),
    ("boot-server-silent", boot_server_silent, boot_server_answers),
    ("boot-server-silent", boot_server_silent, proxy_silent),
    ("offers-ignored", offers_ignored, offer_taken),
    ("offers-ignored", offers_ignored, no_boot_file_edk2_never_requests),
    ("malformed-reply", malformed_offer, offers_ignored),
    ("dhcp-nak", nak, nak_and_then_a_lease),
    ("dhcp-request-unanswered", request_unanswered, request_answered_late),
    ("address-conflict", conflict, nak),
    ("arp-unanswered", arp_unanswered, arp_answered),
    ("arp-unanswered", arp_unanswered, arp_of_somebody_else),
    ("tftp-unreachable", tftp_unreachable, tftp_silent),
    ("tftp-unreachable", tftp_unreachable, unreachable_after_the_end),
    ("tftp-silent", tftp_silent, tftp_slow),
    ("tftp-silent", tftp_silent, tftp_unreachable),
    ("tftp-data-port-blocked", data_port_blocked, data_port_open),
    ("tftp-data-port-blocked", data_port_blocked, stalled),
    ("tftp-file-not-found", lambda: _answered_with(1), loader_looks_for_files),
    ("tftp-access-violation", lambda: _answered_with(2), lambda: _answered_with(1)),
    ("tftp-error", lambda: _answered_with(0), lambda: _answered_with(1)),
    ("tftp-option-refused", option_refused, probe_and_download),
    ("tftp-stalled", stalled, vanished),
    ("tftp-stalled", stalled, cut_in_the_transfer),
    ("client-vanished", vanished, stalled),
    ("mtu-black-hole", black_hole, stalled),
    ("fragments-lost", fragments_lost, black_hole),
    ("nbp-wrong-architecture", wrong_architecture, right_architecture),
    ("nbp-wrong-architecture", bios_file_for_uefi, right_architecture),
    ("nbp-wrong-architecture", uefi_file_for_bios, mirror),
    ("nbp-not-started", not_started, wrong_architecture),
    ("nbp-not-started", silent_afterwards, started_and_then_ipv6),
    ("chain-load-loop", chain_loop, chain_to_another_file),
    ("credentials-missing", credentials_missing, credentials_there),
    ("credentials-missing", credentials_missing, credentials_that_are_none),
    ("credentials-invalid", credentials_that_are_none, false_credentials_that_the_client_took),
    ("credentials-invalid", credentials_of_another_file, credentials_there),
    ("malformed-reply", item_reply_to_the_wrong_port, item_reply_to_the_right_port),
    ("malformed-reply", ack_that_the_client_does_not_take, request_answered_late),
    ("dhcp-request-unanswered", address_asked_for_again, ack_that_the_client_does_not_take),
    ("arp-unanswered", file_never_requested, dhcp_alone_was_captured),
    ("arp-unanswered", file_never_requested, dhcp_alone_of_two_days),
    ("late-link", edk2_link_late, tftp_slow),
    ("conflicting-dhcp-servers", two_servers_disagree, two_servers_agree),
    ("conflicting-proxies", two_proxies, one_proxy_twice),
    ("late-link", late_link, offer_comes_late),
    ("late-link", late_by_its_own_count, server_tests_its_address_first),
    ("packet-loss", loss, mirror),
    ("capture-incomplete", cut_in_the_transfer, stalled),
    ("capture-incomplete", one_discover_at_the_end, no_offer),
)


def _name(case: tuple[str, Trace, Trace]) -> str:
    return f"{case[0]}:{case[1].__name__}"


@pytest.mark.parametrize(("cause", "has", "near_miss"), CASES, ids=map(_name, CASES))
def test_cause_and_near_miss(cause: str, has: Trace, near_miss: Trace) -> None:
    wire, runs_on = has()
    (first, *_), *_ = (found for found in reversed(wire.diagnoses(runs_on)))
    assert first.cause == cause
    assert first.frames, "a cause names the frames that it stands on"
    assert set(first.frames) <= {datagram.frame for datagram in wire.datagrams}
    assert "Wireshark: " in first.advice and "{" not in first.advice
    wire, runs_on = near_miss()
    assert all(cause != found.cause for of_boot in wire.diagnoses(runs_on) for found in of_boot)


HEALTHY = (
    proxy_answers,
    tftp_slow,
    data_port_open,
    nak_and_then_a_lease,
    loader_looks_for_files,
    unreachable_after_the_end,
    probe_and_download,
    right_architecture,
    credentials_there,
    false_credentials_that_the_client_took,
    item_reply_to_the_right_port,
    two_servers_agree,
    one_proxy_twice,
    mirror,
    started_and_then_ipv6,
)


@pytest.mark.parametrize("trace", HEALTHY, ids=lambda trace: trace.__name__)
def test_boot_that_went_well_has_no_cause(trace: Trace) -> None:
    wire, runs_on = trace()
    (boot,) = wire.boots(runs_on)
    assert boot.outcome.value == "booted"
    assert wire.causes(runs_on) == []
    assert find_stall(boot) is None


def test_every_rule_speaks_of_a_known_cause_and_is_tested() -> None:
    ruled = {rule.cause for rule in BOOT_RULES} | {rule.cause for rule in TRANSFER_RULES}
    assert ruled <= set(CAUSES)
    # An HTTP answer and a wrap at block 65535 need long traces; they have tests of their own.
    assert ruled - {cause for cause, _, _ in CASES} == {"http-error", "block-wrap-disagreement"}


def test_code_of_a_cause_depends_on_its_variant() -> None:
    wire, runs_on = offered_file_is_none()
    ((first, *_),) = wire.diagnoses(runs_on)
    assert first.codes.edk2 == "PXE-E21"
    wire, runs_on = no_boot_file()
    ((first, *_),) = wire.diagnoses(runs_on)
    assert (first.codes.intel, first.codes.edk2) == ("PXE-E53", "PXE-E16")


@pytest.mark.parametrize(
    ("trace", "stall"),
    [
        (no_offer, Stall("server", "DHCPOFFER with an address", 4)),
        (offers_ignored, Stall("client", "DHCPREQUEST for one of the offers", 8)),
        (request_unanswered, Stall("server", "DHCPACK", 8)),
        (proxy_silent, Stall("server", "reply to the request on port 4011", 8)),
        (boot_server_silent, Stall("server", "DHCPACK of the boot server with a boot file", 7)),
        (arp_unanswered, Stall("server", f"ARP reply from {TFTP}", 4)),
        (tftp_silent, Stall("server", "first packet of nbp", 10)),
        (stalled, Stall("server", "DATA block 3 of nbp", 13)),
        (vanished, Stall("client", "ACK of block 3", 13)),
        (no_boot_file, Stall("server", "name of a boot file", 4)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_whose_turn_it_was(trace: Trace, stall: Stall) -> None:
    wire, runs_on = trace()
    found = find_stall(wire.boots(runs_on)[-1])
    assert found is not None
    assert found.waited is not None and found.waited >= runs_on
    assert replace(found, waited=None) == stall


def test_transfer_without_a_boot_is_diagnosed_by_itself() -> None:
    wire = Wire(INTEL)
    wire.rrq("gone", 2001)
    wire.reply(tftp.Error(1, b"File not found"), 2001)
    (transfer,) = follow(wire.datagrams).transfers
    (found,) = diagnose_transfer(TransferCase(transfer, transfer.outcome(wire.now)))
    assert (found.cause, found.severity, found.frames) == ("tftp-file-not-found", "fatal", (1, 2))
    (harmless,) = diagnose_transfer(TransferCase(transfer, transfer.outcome(wire.now)), harmless=True)
    assert harmless.severity == "info"


def test_transfer_that_stops_at_the_wrap() -> None:
    wire = Wire(INTEL)
    wire.rrq("big", 2001, asked=(("blksize", "8"),))
    wire.reply(tftp.Oack((("blksize", "8"),)), 2001)
    for block in range(1, 65536):
        wire.reply(tftp.Data(block, bytes(8)), 2001)
        wire.tftp_from(tftp.Ack(block), 2001, (TFTP, 40001))
    (transfer,) = follow(wire.datagrams).transfers
    found = diagnose_transfer(TransferCase(transfer, transfer.outcome(wire.now + 9_000_000_000)))
    assert [diagnosis.cause for diagnosis in found] == ["block-wrap-disagreement"]


def test_error_at_the_wrap_is_about_the_wrap() -> None:
    wire = Wire(IPXE)
    wire.rrq("nbp", 2001)
    for block in range(1, 65536):
        wire.reply(tftp.Data(block, b"x" * 512), 2001)
        wire.tftp_from(tftp.Ack(block), 2001, (TFTP, 40001))
    wire.tftp_from(tftp.Error(0, b"block"), 2001, (TFTP, 40001))
    (transfer,) = follow(wire.datagrams).transfers
    found = diagnose_transfer(TransferCase(transfer, transfer.outcome()))
    assert [each.cause for each in found] == ["block-wrap-disagreement"]


def test_offer_of_another_transaction_is_a_malformed_reply() -> None:
    wire = _ipxe()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).discover()
        wire.offer((Option.SUBNET_MASK, b"\xff\xff\xff\0"), file=b"nbp", xid=0xBAD)
    assert wire.causes(5)[0] == "malformed-reply"


def test_display_filter_leaves_out_what_is_not_known() -> None:
    names = {"mac": "0a:00:00:00:00:01", "client": "?"}
    assert filled("udp.port == 4011 && ip.addr == {client}", names) == "udp.port == 4011"
    assert filled("eth.addr == {mac}", names) == "eth.addr == 0a:00:00:00:00:01"
    assert filled("ip.addr == {client}", names) == "frame"


def test_frames_of_a_diagnosis_are_bounded() -> None:
    assert spread((3, 1, 3, 2)) == (1, 2, 3)
    many = spread(range(1, 10_001))
    assert len(many) == MOST_FRAMES
    assert (many[0], many[-1]) == (1, 10_000)
