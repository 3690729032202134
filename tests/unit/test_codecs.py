"""The plain codecs: what they build they read again, and no octets of a stranger make them raise."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxeconform.protocol import dhcp, tftp, vendor_options
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.tftp_codes import Opcode

if TYPE_CHECKING:
    from uuid import UUID

BOUNDED = settings(max_examples=100, deadline=None)

byte, short, word = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
address = st.ip_addresses(v=4).map(str)
no_nul = st.characters(min_codepoint=1, max_codepoint=255)
OTHER_CODES = st.integers(1, 254).filter(lambda code: code != Option.OPTION_OVERLOAD)
"""Without option 52: what it moves to other fields has tests of its own."""

MESSAGES = st.builds(
    dhcp.Message,
    op=st.sampled_from([1, 2]),
    xid=word,
    htype=byte,
    hlen=byte,
    hops=byte,
    secs=short,
    flags=short,
    ciaddr=address,
    yiaddr=address,
    siaddr=address,
    giaddr=address,
    chaddr=st.binary(min_size=16, max_size=16),
    sname=st.binary(max_size=64).map(lambda name: name.rstrip(b"\0")),
    file=st.binary(max_size=128).map(lambda name: name.rstrip(b"\0")),
    options=st.lists(st.builds(dhcp.RawOption, OTHER_CODES, st.binary(max_size=40)), max_size=6).map(tuple),
)


def everything(thing: Any) -> list[Any]:
    """Ask for every public property: none may raise."""
    return [getattr(thing, name) for name in dir(type(thing)) if isinstance(getattr(type(thing), name), property)]


@BOUNDED
@given(MESSAGES)
def test_dhcp_messages_survive_build_and_parse(message: dhcp.Message) -> None:
    octets = message.build()
    assert len(octets) >= 300
    parsed = dhcp.parse(octets)
    assert parsed == message
    assert parsed.problems == ()
    assert parsed.build() == octets
    everything(parsed)


@BOUNDED
@given(MESSAGES, st.binary(max_size=40), st.binary(max_size=40))
def test_overloaded_fields_survive_build_and_parse(message: dhcp.Message, one: bytes, other: bytes) -> None:
    overloaded = replace(
        message,
        file=b"",
        sname=b"",
        options=(
            *message.without(150, 151).options,
            dhcp.RawOption(Option.OPTION_OVERLOAD, b"\x03"),
            dhcp.RawOption(150, one, dhcp.Place.FILE),
            dhcp.RawOption(151, other, dhcp.Place.SNAME),
        ),
    )
    octets = overloaded.build()
    parsed = dhcp.parse(octets)
    assert parsed is not None
    assert parsed.options == overloaded.options
    assert (parsed.get(150), parsed.get(151), parsed.overload) == (one, other, 3)
    assert parsed.build() == octets


def test_the_boot_file_is_not_read_from_an_overloaded_field() -> None:
    named = dhcp.Message(op=2, file=b"in-header", options=dhcp.options((Option.BOOT_FILE_NAME, b"in-option\0x")))
    assert named.boot_file == b"in-option"
    assert named.without(Option.BOOT_FILE_NAME).boot_file == b"in-header"
    overloaded = named.without(Option.BOOT_FILE_NAME).with_options((Option.OPTION_OVERLOAD, b"\x01"))
    assert overloaded.boot_file == b""


@pytest.mark.parametrize("size", [0, 1, 255, 256, 510, 600])
def test_long_options_are_split_and_put_together(size: int) -> None:
    value = bytes(n % 251 for n in range(size))
    parsed = dhcp.parse(dhcp.Message(op=2, options=dhcp.options((43, value))).build())
    assert parsed is not None
    assert parsed.get(43) == value
    assert len(parsed.options) == max(1, -(-size // 255))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"file": bytes(129)}, "file"), ({"sname": bytes(65)}, "sname"), ({"chaddr": bytes(17)}, "chaddr")],
)
def test_long_fields_are_refused(fields: dict[str, bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        dhcp.Message(op=1, **fields).build()  # type: ignore[arg-type]


@BOUNDED
@given(st.binary(max_size=700), st.integers(0, 2000))
def test_no_octets_make_dhcp_raise(octets: bytes, more: int) -> None:
    for payload in (octets, b"\1" + octets, bytes((2,)) + octets.ljust(235, b"\0") + dhcp.MAGIC_COOKIE + octets):
        message = dhcp.parse(payload, len(payload) + more)
        if message is not None:
            everything(message)
            assert message.cut == (more > 0)
            message.build()


@BOUNDED
@given(MESSAGES, st.data())
def test_a_cut_dhcp_message_gives_what_is_left(message: dhcp.Message, data: st.DataObject) -> None:
    octets = message.build()
    at = data.draw(st.integers(0, len(octets) - 1))
    parsed = dhcp.parse(octets[:at], len(octets))
    assert (parsed is None) == (at < 44)
    if parsed is not None:
        assert parsed.cut
        assert (parsed.xid, parsed.yiaddr, parsed.chaddr) == (message.xid, message.yiaddr, message.chaddr)
        assert message.options[: len(parsed.options)] == parsed.options


@BOUNDED
@given(st.sampled_from(list(MessageType)), st.lists(short, max_size=5), st.uuids(), st.binary(max_size=20))
def test_what_the_properties_say(kind: MessageType, numbers: list[int], identity: UUID, vendor: bytes) -> None:
    message = dhcp.Message(
        op=1,
        options=dhcp.options(
            (Option.MESSAGE_TYPE, bytes((kind,))),
            (Option.CLASS_IDENTIFIER, b"PXEClient"),
            (Option.CLIENT_ARCHITECTURE, struct.pack(f"!{len(numbers)}H", *numbers)),
            (Option.CLIENT_UUID, b"\0" + identity.bytes_le),
            (Option.VENDOR_SPECIFIC, vendor),
        ),
    )
    assert (message.type, message.type_name) == (kind, kind.name)
    assert message.architectures == tuple(numbers)
    assert message.uuid == identity
    assert message.is_pxe
    assert not message.is_http
    assert message.vendor_options == vendor_options.parse(vendor)
    assert message.without(Option.CLASS_IDENTIFIER).vendor_options is None


TFTP_OPTIONS = st.lists(st.tuples(st.text(no_nul, max_size=9), st.text(no_nul, max_size=9)), max_size=4).map(tuple)
NAMES = st.binary(max_size=30).map(lambda name: name.replace(b"\0", b""))
PACKETS = st.one_of(
    st.builds(
        tftp.Request,
        st.sampled_from([Opcode.RRQ, Opcode.WRQ]),
        NAMES,
        st.sampled_from(["octet", "netascii", "mail", ""]),
        TFTP_OPTIONS,
    ),
    st.builds(tftp.Data, short, st.binary(max_size=100)),
    st.builds(tftp.Ack, short),
    st.builds(tftp.Error, short, NAMES),
    st.builds(tftp.Oack, TFTP_OPTIONS),
)


@BOUNDED
@given(PACKETS)
def test_tftp_packets_survive_build_and_parse(packet: tftp.Request | tftp.Data | tftp.Ack | tftp.Error) -> None:
    assert tftp.parse(packet.build()) == packet


@BOUNDED
@given(st.binary(max_size=100), st.integers(0, 8), st.integers(0, 1500))
def test_no_octets_make_tftp_raise(octets: bytes, opcode: int, more: int) -> None:
    for payload in (octets, struct.pack("!H", opcode) + octets):
        packet = tftp.parse(payload, len(payload) + more)
        if packet is not None and not isinstance(packet, tftp.Malformed):
            everything(packet)
            packet.build()
        if isinstance(packet, tftp.Data):
            assert packet.length == len(packet.data) + more


@BOUNDED
@given(PACKETS, st.data())
def test_a_cut_tftp_packet_is_no_defect_of_its_sender(packet: Any, data: st.DataObject) -> None:
    octets = packet.build()
    at = data.draw(st.integers(0, len(octets) - 1))
    parsed = tftp.parse(octets[:at], len(octets))
    assert (parsed is None) == (at < 2)
    if isinstance(parsed, tftp.Malformed):
        assert "capture" in parsed.reason


@pytest.mark.parametrize(
    ("value", "number"),
    [("0", 0), ("1456", 1456), ("-1", None), ("+1", None), ("²", None), ("", None), (" 1", None), ("9" * 5000, None)],
)
def test_option_numbers_are_plain_decimals(value: str, number: int | None) -> None:
    assert tftp.option_number((("BlkSize", value),), "blksize") == number
    assert tftp.Oack((("blksize", value),)).value("blksize") == number


TAGS = st.lists(st.tuples(st.integers(1, 254), st.binary(max_size=60)), max_size=8).map(tuple)


@BOUNDED
@given(TAGS, st.booleans())
def test_pxe_tags_survive_build_and_parse(tags: tuple[tuple[int, bytes], ...], end: bool) -> None:
    octets = vendor_options.build(tags, end=end)
    assert vendor_options.parse(octets) == vendor_options.VendorOptions(tags, end)
    everything(vendor_options.parse(octets))


@BOUNDED
@given(st.binary(max_size=300))
def test_no_octets_make_vendor_options_raise(octets: bytes) -> None:
    parsed = vendor_options.parse(octets)
    everything(parsed)
    assert vendor_options.parse(vendor_options.build(parsed.tags)).tags == parsed.tags


def test_every_value_of_every_tag_can_be_asked_for() -> None:
    for tag in range(1, 255):
        for size in range(10):
            everything(vendor_options.VendorOptions(((tag, b"\xff" * size),)))


def test_long_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 255"):
        vendor_options.build([(9, bytes(256))])
