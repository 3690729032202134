"""Boots out of traces: what is one, its nine steps, offers, servers, firmware, and what was loaded."""

from __future__ import annotations

import dataclasses
import struct

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
    statuses,
    tags,
)
from credentials_parts import signer_of

from pxeconform.protocol import tftp
from pxeconform.protocol.certificates import RSA_512_MD5
from pxeconform.protocol.credentials import build_credentials
from pxeconform.protocol.dhcp import Message, options
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.sessions.boots import BootOutcome
from pxeconform.sessions.firmware import Firmware
from pxeconform.sessions.nbp import Format, Image, examine, matches
from pxeconform.sessions.offers import Lead, OfferKind, lead_of

DONE, FAILED, NOT_NEEDED, NOT_REACHED, NOT_CAPTURED = "done", "failed", "not_needed", "not_reached", "not_captured"


def test_plain_netboot_has_all_its_steps_with_frames() -> None:
    wire = Wire(IPXE)
    wire.lease(file=b"pxelinux.0").download("pxelinux.0", BIOS)
    wire.rrq("pxelinux.cfg/default", 2002)
    (boot,) = wire.boots()
    assert statuses(boot) == [DONE] * 4 + [NOT_NEEDED] * 2 + [DONE, NOT_NEEDED, DONE]
    assert [step.frames for step in boot.steps[:4]] == [(1,), (2,), (2,), (3, 4)]
    assert boot.steps[6].frames[:2] == (5, 6)
    assert boot.steps[8].frames == (len(wire.datagrams),)
    assert boot.outcome is BootOutcome.BOOTED
    assert (boot.client_mac, boot.client_ip, boot.arch, boot.arch_name) == (
        "0a:1b:2c:3d:4e:5f",
        CLIENT,
        0,
        "x86 BIOS",
    )
    assert (boot.dhcp_server, boot.proxy_server, boot.boot_server, boot.boot_file) == (SERVER, None, TFTP, "pxelinux.0")
    assert boot.uuid == "03020100-0504-0706-0809-0a0b0c0d0e0f"
    assert boot.nbp is not None
    assert (boot.nbp.octets, boot.nbp.image.format, boot.nbp.matches_arch) == (len(BIOS), Format.BIOS, True)


def test_proxy_request_to_4011_belongs_to_step_4() -> None:
    wire = Wire(EDK2, arch=7)
    wire.discover(0)
    wire.proxy_offer()
    wire.offer()
    wire.request()
    wire.ack()
    asked = wire.ask_4011()
    answered = wire.answer_4011(file=b"grub.efi")
    wire.download("grub.efi", PE_X64, server=PROXY)
    (boot,) = wire.boots()
    address = boot.step(4)
    assert address.status.value == DONE
    assert {asked, answered} <= set(address.frames)
    assert address.detail["proxy_request"] == {
        "server": PROXY,
        "frames": [asked, answered],
        "answered": True,
        "boot_file": "grub.efi",
    }
    assert statuses(boot)[4:6] == [NOT_NEEDED, NOT_NEEDED]
    assert (boot.proxy_server, boot.boot_server, boot.boot_file) == (PROXY, PROXY, "grub.efi")
    assert [(offer.kind, offer.selected) for offer in boot.offers] == [(OfferKind.PROXY, True), (OfferKind.DHCP, True)]


def test_boot_items_are_steps_5_and_6() -> None:
    wire = Wire(IPXE)
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    asked, answered = wire.ask_item(), wire.answer_item(file=b"nbp.0")
    wire.download("nbp.0", BIOS, server=PROXY)
    (boot,) = wire.boots()
    assert statuses(boot)[:7] == [DONE] * 7
    assert (boot.step(5).frames, boot.step(6).frames) == ((asked,), (answered,))
    assert boot.step(5).detail["type"] == 0x8000
    assert "proxy_request" not in boot.step(4).detail
    assert (boot.boot_file, boot.proxy_server) == ("nbp.0", PROXY)


@pytest.mark.parametrize("before", [True, False])
def test_credentials_are_step_8_before_or_after_the_boot_file(before: bool) -> None:
    wire = Wire(INTEL)
    wire.discover()
    wire.proxy_offer(menu())
    wire.offer()
    wire.request()
    wire.ack()
    wire.ask_item()
    wire.answer_item(file=b"nbp.0")
    if not before:
        wire.download("nbp.0", BIOS, server=PROXY)
    asked = wire.ask_item(layer=0x8000)
    answered = wire.answer_item(layer=0x8000, file=b"nbp.cred")
    wire.download("nbp.cred", build_credentials(BIOS, signer_of(RSA_512_MD5.name)), port=2002, server=PROXY)
    if before:
        wire.download("nbp.0", BIOS, server=PROXY)
    (boot,) = wire.boots()
    assert statuses(boot) == [DONE] * 8 + [NOT_CAPTURED]
    assert {asked, answered} <= set(boot.step(8).frames)
    assert boot.step(8).detail["file"] == "nbp.cred"
    assert boot.nbp is not None and boot.nbp.file == "nbp.0"
    assert boot.outcome is BootOutcome.BOOTED


@pytest.mark.parametrize(
    ("pauses", "kept"),
    [
        ((0, 4, 8, 16), ["specification", "edk2"]),
        ((0, 1, 2, 4), ["ipxe"]),
        ((0, 0.25, 0.5, 1, 2, 2, 2), ["u-boot"]),
        ((0, 5, 5), None),
        ((0,), None),
    ],
)
def test_repetitions_tell_whose_timers_they_keep(pauses: tuple[float, ...], kept: list[str] | None) -> None:
    wire = Wire(INTEL)
    for pause in pauses:
        wire.wait(pause).discover()
    (boot,) = wire.boots(1)
    assert boot.step(1).detail.get("timers") == kept


def test_raspberry_pi_is_told_by_what_it_asks_for() -> None:
    wire = Wire(INTEL).lease()
    wire.rrq("bootcode.bin", 2001)
    (boot,) = wire.boots()
    assert boot.firmware is Firmware.RASPBERRY_PI
    assert boot.recognition.confidence == "possible"


def test_size_probe_is_no_failure() -> None:
    wire = Wire(EDK2, arch=7)
    wire.lease(file=b"b.efi")
    wire.rrq("b.efi", 2001, asked=(("tsize", "0"), ("blksize", "1468")))
    wire.reply(tftp.Oack((("tsize", str(len(PE_X64))), ("blksize", "1468"))), 2001)
    wire.tftp_from(tftp.Error(8, b"User aborted the transfer"), 2001, (TFTP, 40001))
    wire.download("b.efi", PE_X64, port=2002)
    (boot,) = wire.boots()
    assert boot.outcome is BootOutcome.BOOTED
    assert boot.step(7).detail["transfers"] == 2
    assert boot.nbp is not None and boot.nbp.matches_arch is True
    assert boot.firmware is Firmware.EDK2


def test_bootp_reply_needs_no_request() -> None:
    wire = Wire(INTEL)
    wire.discover()
    wire.from_server(None, file=b"nbp.0", siaddr=TFTP)
    wire.download("nbp.0", BIOS)
    (boot,) = wire.boots()
    assert [offer.kind for offer in boot.offers] == [OfferKind.BOOTP]
    assert statuses(boot)[:4] == [DONE, DONE, DONE, NOT_NEEDED]
    assert boot.outcome is BootOutcome.BOOTED


def _plain(wire: Wire, *extra: tuple[int, bytes]) -> None:
    """DISCOVER to ACK of a client that has no class of its own, or the one given."""
    for kind, reply in ((MessageType.DISCOVER, MessageType.OFFER), (MessageType.REQUEST, MessageType.ACK)):
        message = Message(
            BootpOp.BOOTREQUEST,
            wire.xid,
            chaddr=wire.mac.ljust(16, b"\0"),
            options=options((Option.MESSAGE_TYPE, bytes((kind,))), *extra),
        )
        wire.put((NOBODY, 68), ("255.255.255.255", 67), message.build(), wire.mac)
        wire.from_server(reply, file=b"image", siaddr=TFTP)


def test_plain_dhcp_client_is_no_boot_even_when_offered_a_file() -> None:
    wire = Wire()
    _plain(wire)
    assert wire.boots(60) == []


def test_plain_client_that_fetches_the_offered_file_is_a_boot() -> None:
    wire = Wire()
    _plain(wire)
    wire.download("image", BIOS)
    (boot,) = wire.boots()
    assert (boot.boot_file, boot.arch, boot.firmware) == ("image", None, Firmware.UNKNOWN)


def test_server_that_sends_its_class_to_everybody_makes_no_boot() -> None:
    wire = Wire()
    message = Message(BootpOp.BOOTREQUEST, 5, chaddr=wire.mac.ljust(16, b"\0"), options=options((53, b"\x01")))
    wire.put((NOBODY, 68), ("255.255.255.255", 67), message.build(), wire.mac)
    wire.offer(PXE, xid=5)
    assert wire.boots(60) == []


def test_uboot_is_a_boot() -> None:
    wire = Wire()
    _plain(wire, (Option.CLASS_IDENTIFIER, b"U-Boot"))
    wire.download("image", BIOS)
    (boot,) = wire.boots()
    assert boot.vendor_class == "U-Boot"
    assert boot.firmware is Firmware.UBOOT


def test_dhcp_of_the_operating_system_after_the_boot_is_none() -> None:
    wire = Wire(IPXE)
    wire.lease(file=b"nbp").download("nbp", BIOS).wait(5)
    _plain(wire)
    (boot,) = wire.boots(30)
    assert boot.outcome is BootOutcome.BOOTED
    assert len(boot.offers) == 1


def test_reply_to_an_earlier_transaction_of_uboot_is_accepted() -> None:
    wire = Wire(IPXE)
    for xid in (1, 2, 3):
        wire.from_client(MessageType.DISCOVER, xid=xid)
    wire.offer(xid=1, file=b"nbp", siaddr=TFTP)
    wire.from_client(MessageType.REQUEST, (54, bytes(map(int, SERVER.split(".")))), xid=1)
    wire.ack(xid=1, file=b"nbp", siaddr=TFTP)
    (boot,) = wire.boots()
    assert boot.step(1).frames == (1, 2, 3)
    assert statuses(boot)[:4] == [DONE] * 4


def test_loader_does_dhcp_again_as_child_of_the_firmware() -> None:
    wire = Wire(EDK2, arch=7)
    wire.lease(file=b"ipxe.efi").download("ipxe.efi", PE_X64).wait(2)
    wire.firmware, wire.xid = IPXE, 0x5678
    wire.lease(file=b"script.ipxe").download("script.ipxe", b"#!ipxe\nboot\n", port=2002)
    first, second = wire.boots()
    assert (first.firmware, second.firmware) == (Firmware.EDK2, Firmware.IPXE)
    assert (first.parent, second.parent) == (None, first.number)
    assert first.step(9).status.value == DONE
    assert second.nbp is not None and second.nbp.image.format is Format.SCRIPT
    assert second.outcome is BootOutcome.BOOTED


def test_reset_of_the_machine_is_a_new_attempt_without_parent() -> None:
    wire = Wire(EDK2, arch=7)
    wire.lease(file=b"b.efi").download("b.efi", PE_X64).wait(300)
    wire.xid = 0x5678
    wire.lease(file=b"b.efi").download("b.efi", PE_X64, port=2002)
    boots = wire.boots()
    assert [(boot.parent, boot.outcome) for boot in boots] == [(None, BootOutcome.BOOTED)] * 2


def test_pause_divides_attempts_and_retransmission_does_not() -> None:
    wire = Wire(EDK2, arch=7)
    for pause in (0, 4, 8, 16):
        wire.wait(pause).discover()
    assert len(wire.boots()) == 1
    wire.wait(90).discover()
    assert len(wire.boots()) == 2


def test_two_clients_at_once_do_not_mix() -> None:
    one, two = Wire(IPXE), Wire(INTEL, mac=bytes.fromhex("0a0000000002"), xid=0x1234)
    one.discover()
    two.datagrams, two.now = one.datagrams, one.now
    two.discover()
    two.offer(address="10.1.2.51", file=b"two")
    one.now = two.now
    one.offer(file=b"one")
    first, second = one.boots()
    assert [offer.boot_file for offer in first.offers] == ["one"]
    assert [offer.boot_file for offer in second.offers] == ["two"]


def test_capture_that_begins_after_the_offers() -> None:
    wire = Wire(IPXE)
    wire.request()
    wire.ack(file=b"nbp", siaddr=TFTP)
    wire.download("nbp", BIOS)
    (boot,) = wire.boots()
    assert statuses(boot)[:4] == [NOT_CAPTURED, NOT_CAPTURED, DONE, DONE]
    assert boot.outcome is BootOutcome.BOOTED


def test_capture_that_ends_in_the_transfer_is_incomplete() -> None:
    wire = Wire(IPXE)
    wire.lease(file=b"nbp").download("nbp", BIOS, blocks=2)
    (boot,) = wire.boots()
    assert boot.outcome is BootOutcome.INCOMPLETE
    assert boot.step(7).status.value == NOT_CAPTURED
    (stalled,) = wire.boots(10)
    assert stalled.outcome is BootOutcome.FAILED


def test_options_that_the_capture_cut_still_give_a_boot() -> None:
    wire = Wire(IPXE)
    wire.lease(file=b"nbp").download("nbp", BIOS)
    cut = [
        dataclasses.replace(d, payload=d.payload[:54]) if 67 in (d.source_port, d.destination_port) else d
        for d in wire.datagrams
    ]
    wire.datagrams = cut
    (boot,) = wire.boots()
    assert boot.outcome is BootOutcome.BOOTED
    assert statuses(boot)[:4] == [DONE] * 4
    assert (boot.arch, boot.boot_file, boot.client_ip) == (None, "nbp", CLIENT)


def test_attempts_of_one_flooding_client_take_linear_time() -> None:
    wire = Wire(IPXE)
    for _ in range(20_000):
        wire.discover()
    (boot,) = wire.boots(30)
    assert boot.step(1).detail["tries"] == 20_000


@pytest.mark.parametrize(
    ("extra", "file", "lead"),
    [
        ((), b"", Lead.NOWHERE),
        ((), b"nbp", Lead.FILE),
        ((PXE,), b"", Lead.PROXY),
        ((PXE,), b"nbp", Lead.FILE),
        ((PXE, menu()), b"", Lead.DISCOVERY),
        ((PXE, tags((PxeTag.DISCOVERY_CONTROL, b"\x08"))), b"", Lead.NOWHERE),
        ((PXE, tags((PxeTag.DISCOVERY_CONTROL, b"\x00"))), b"", Lead.DISCOVERY),
        ((PXE, tags((PxeTag.DISCOVERY_CONTROL, b"\x03"))), b"", Lead.NOWHERE),
        ((menu(),), b"", Lead.NOWHERE),
    ],
)
def test_where_a_reply_leads(extra: tuple[tuple[int, bytes], ...], file: bytes, lead: Lead) -> None:
    assert lead_of(Message(BootpOp.BOOTREPLY, file=file, options=options(*extra))) is lead


@pytest.mark.parametrize(
    ("head", "image"),
    [
        (PE_X64, Image(Format.PE, "x86_64")),
        (PE_ARM64, Image(Format.PE, "aarch64")),
        (b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 62) + bytes(40), Image(Format.ELF, "x86_64")),
        (b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 243) + bytes(40), Image(Format.ELF, "riscv64")),
        (b"#!ipxe\n", Image(Format.SCRIPT)),
        (BIOS, Image(Format.BIOS)),
        (b"MZ" + bytes(58) + b"\xff\xff\xff\xff", Image(Format.UNKNOWN)),
        (b"\x7fELF", Image(Format.UNKNOWN)),
        (b"default linux\nlabel linux\n" * 30, Image(Format.TEXT)),
        (b"", Image(Format.UNKNOWN)),
    ],
)
def test_format_of_a_boot_file(head: bytes, image: Image) -> None:
    assert examine(head) == image


@pytest.mark.parametrize(
    ("image", "arch", "loader", "fits"),
    [
        (Image(Format.PE, "x86_64"), 7, False, True),
        (Image(Format.PE, "aarch64"), 7, False, False),
        (Image(Format.PE, "i386"), 6, False, True),
        (Image(Format.PE, "x86_64"), 16, False, True),
        (Image(Format.PE, "x86_64"), 9, False, True),
        (Image(Format.PE, "ebc"), 11, False, True),
        (Image(Format.PE, "x86_64"), 0, True, False),
        (Image(Format.PE, "x86_64", kernel=True), 0, True, True),
        (Image(Format.BIOS), 0, False, True),
        (Image(Format.BIOS), 7, False, False),
        (Image(Format.SCRIPT), 7, True, True),
        (Image(Format.SCRIPT), 7, False, False),
        (Image(Format.UNKNOWN), 0, False, None),
        (Image(Format.PE, "aarch64"), 22, True, True),
        (Image(Format.PE, "x86_64"), 22, True, False),
        (Image(Format.UNKNOWN), 22, True, None),
        (Image(Format.PE, "x86_64"), None, False, None),
    ],
)
def test_whether_a_client_can_run_it(image: Image, arch: int | None, loader: bool, fits: bool | None) -> None:
    assert matches(image, arch, loader=loader) is fits
