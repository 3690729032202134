"""DHCPv6: its messages, and the boots that they make (RFC 8415, RFC 5970)."""

from __future__ import annotations

import socket
import struct
from uuid import UUID as Uuid

import pytest
from boot_traces import MAC, PE_X64, UUID, Wire, statuses
from hypothesis import given
from hypothesis import strategies as st

from pxeconform.diagnosis.boots import diagnose_boot
from pxeconform.diagnosis.symptoms import BootCase
from pxeconform.protocol import dhcp6, tftp
from pxeconform.registry.dhcp_options import Dhcpv6MessageType as Type
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions.boots import Boot, BootOutcome
from pxeconform.sessions.firmware import Firmware

LINK, EVERY_SERVER, SERVER, CLIENT = "fe80::81b:2cff:fe3d:4e5f", "ff02::1:2", "fe80::1", "2001:db8::50"
URL = b"tftp://[2001:db8::1]/boot/x.efi"
EDK2_CLASS, IPXE_CLASS = b"PXEClient:Arch:00007:UNDI:003000", b"iPXE"


def option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def prefixed(text: bytes) -> bytes:
    return struct.pack("!H", len(text)) + text


def association(address: str | None, status: int = 0) -> bytes:
    inner = option(5, socket.inet_pton(socket.AF_INET6, address) + bytes(8)) if address else b""
    return option(3, bytes(12) + inner + (option(13, struct.pack("!H", status)) if status else b""))


class Wire6(Wire):
    """A wire with DHCPv6 on it."""

    def say(self, kind: Type, *options: bytes, xid: int = 7, ipxe: bool = False) -> int:
        duid = b"\0\4" + (Uuid(bytes_le=UUID).bytes if ipxe else UUID)
        own = option(1, duid) + option(61, b"\0\7") + option(16, struct.pack("!I", 343) + prefixed(EDK2_CLASS))
        own += option(15, prefixed(IPXE_CLASS)) if ipxe else b""
        payload = bytes((kind,)) + xid.to_bytes(3, "big") + own + b"".join(options)
        return self.put((LINK, 546), (EVERY_SERVER, 547), payload, MAC)

    def hear(self, kind: Type, *options: bytes, xid: int = 7) -> int:
        own = option(1, b"\0\4" + UUID) + option(2, b"\0\3\0\1abcdef")
        payload = bytes((kind,)) + xid.to_bytes(3, "big") + own + b"".join(options)
        return self.put((SERVER, 547), (LINK, 546), payload, b"abcdef")

    def bind(self, *more: bytes) -> Wire6:
        self.say(Type.SOLICIT, xid=7)
        self.hear(Type.ADVERTISE, association(CLIENT), *more, xid=7)
        self.say(Type.REQUEST, association(CLIENT), xid=8)
        self.hear(Type.REPLY, association(CLIENT), *more, xid=8)
        return self

    def fetch(self, name: bytes, body: bytes) -> Wire6:
        client, server = (CLIENT, 3001), ("2001:db8::1", 69)
        self.put(client, server, tftp.Request(Opcode.RRQ, name).build(), MAC)
        for number, at in enumerate(range(0, len(body) + 1, 512), 1):
            self.put(("2001:db8::1", 4001), client, tftp.Data(number, body[at : at + 512]).build())
            self.put(client, ("2001:db8::1", 4001), tftp.Ack(number).build(), MAC)
        return self

    def causes_of(self, boot: Boot) -> list[str]:
        return [found.cause for found in diagnose_boot(BootCase(boot, None))]


def solicits(wire: Wire6, *pauses: float) -> Wire6:
    for pause in pauses:
        wire.wait(pause).say(Type.SOLICIT)
    return wire


def test_boot_over_ipv6_has_its_nine_steps() -> None:
    wire = Wire6().bind(option(59, URL)).fetch(b"boot/x.efi", PE_X64)
    (boot,) = wire.boots()
    assert statuses(boot)[:7] == ["done"] * 4 + ["not_needed"] * 2 + ["done"]
    assert (boot.family, boot.outcome, boot.firmware) == ("ipv6", BootOutcome.BOOTED, Firmware.EDK2)
    assert (boot.client_ip, boot.dhcp_server, boot.boot_server) == (CLIENT, SERVER, "2001:db8::1")
    assert (boot.boot_file, boot.client_mac, boot.uuid) == ("boot/x.efi", MAC.hex(":"), str(Uuid(bytes_le=UUID)))
    assert boot.nbp is not None
    assert boot.nbp.matches_arch is True
    assert wire.causes_of(boot) == []


def test_loader_over_ipv6_is_the_child_of_what_loaded_it() -> None:
    wire = Wire6().bind(option(59, URL)).fetch(b"boot/x.efi", PE_X64)
    wire.wait(2).say(Type.SOLICIT, xid=20, ipxe=True)
    first, second = wire.boots()
    assert (second.parent, second.firmware, second.uuid) == (first.number, Firmware.IPXE, first.uuid)


def test_url_is_missing() -> None:
    wire = Wire6().bind()
    (boot,) = wire.boots(20)
    (found,) = diagnose_boot(BootCase(boot, None))
    assert (found.cause, found.codes.edk2) == ("no-boot-file", "PXE-E21")


def test_nobody_answers() -> None:
    (boot,) = solicits(Wire6(), 0, 1, 2, 4).boots(1)
    assert wire_causes(boot) == ["no-dhcp-offer"]


def test_one_solicit_at_the_end_is_no_silence() -> None:
    (boot,) = solicits(Wire6(), 0).boots(1)
    assert wire_causes(boot) == ["capture-incomplete"]


def test_server_has_no_address_left() -> None:
    wire = Wire6()
    for pause in (0, 1, 2, 4):
        wire.wait(pause).say(Type.SOLICIT)
        wire.hear(Type.ADVERTISE, association(None, 2))
    (boot,) = wire.boots(1)
    assert wire_causes(boot) == ["no-dhcp-offer"]


def wire_causes(boot: Boot) -> list[str]:
    return [found.cause for found in diagnose_boot(BootCase(boot, None))]


def test_release_and_its_reply_are_no_lease() -> None:
    wire = Wire6().bind(option(59, URL)).fetch(b"boot/x.efi", PE_X64)
    wire.say(Type.RELEASE, xid=9)
    last = wire.hear(Type.REPLY, xid=9)
    (boot,) = wire.boots()
    assert boot.client_ip == CLIENT
    assert not any(last in step.frames for step in boot.steps)


def test_address_for_the_host_between_the_messages_of_a_boot() -> None:
    """EDK2 configures its network stack while PXE waits with an offer in its hand."""
    wire = Wire6()
    own = option(1, b"\0\4" + UUID) + association(None)
    wire.say(Type.SOLICIT, xid=7)
    wire.hear(Type.ADVERTISE, association(CLIENT), option(59, URL), xid=7)
    wire.put((LINK, 546), (EVERY_SERVER, 547), b"\1\0\0\x30" + own, MAC)
    wire.hear(Type.ADVERTISE, association("2001:db8::99"), xid=0x30)
    wire.put((LINK, 546), (EVERY_SERVER, 547), b"\3\0\0\x31" + own, MAC)
    wire.hear(Type.REPLY, association("2001:db8::99"), xid=0x31)
    wire.say(Type.REQUEST, association(CLIENT), xid=8)
    wire.hear(Type.REPLY, association(CLIENT), option(59, URL), xid=8)
    (boot,) = wire.fetch(b"boot/x.efi", PE_X64).boots()
    assert (boot.outcome, boot.client_ip) == (BootOutcome.BOOTED, CLIENT)
    assert [offer.address for offer in boot.offers] == [CLIENT]


def test_plain_client_is_no_boot() -> None:
    wire = Wire6()
    wire.put((LINK, 546), (EVERY_SERVER, 547), b"\1\0\0\7" + option(1, b"\0\4" + UUID) + association(None), MAC)
    assert wire.boots(60) == []


def test_relay_tells_the_link_address_of_the_client() -> None:
    inner = b"\1\0\0\7" + option(1, b"\0\4" + UUID) + option(61, b"\0\7")
    outer = bytes((12, 0)) + socket.inet_pton(socket.AF_INET6, "2001:db8::ff") + bytes(16)
    message = dhcp6.parse(outer + option(79, b"\0\1" + MAC) + option(9, inner))
    assert message is not None
    assert (message.type, message.relay, message.link_address) == (Type.SOLICIT, "2001:db8::ff", MAC)
    assert message.architectures == (7,)


@pytest.mark.parametrize(
    ("duid", "address"),
    [(b"\0\1\0\1timeabcdef", b"abcdef"), (b"\0\3\0\1abcdef", b"abcdef"), (b"\0\3\0\x20abcdef", None), (b"\0\2x", None)],
)
def test_identifier_that_holds_the_link_address(duid: bytes, address: bytes | None) -> None:
    message = dhcp6.parse(b"\1\0\0\7" + option(1, duid))
    assert message is not None
    assert message.link_address == address


@given(st.binary(max_size=300))
def test_any_octets_can_be_read(octets: bytes) -> None:
    message = dhcp6.parse(octets)
    if message is None:
        return
    for kind in (message.addresses, message.boot_file_parameters, message.architectures):
        assert isinstance(kind, tuple)
    assert message.status >= 0
    assert message.elapsed >= 0
    assert message.link_address is None or len(message.link_address) == 6
    assert message.uuid is None or message.uuid.int >= 0


def test_relays_within_relays_are_bounded() -> None:
    message = b"\1\0\0\7"
    for _ in range(40):
        message = bytes((12, 0)) + bytes(32) + option(9, message)
    assert dhcp6.parse(message) is None
