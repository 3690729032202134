"""The Scapy layers: octets written out by hand, round trips without Scapy's cache, and our plain codec's opinion."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import UDP
from scapy.layers.tftp import TFTP, TFTP_ACK, TFTP_DATA, TFTP_ERROR, TFTP_RRQ
from scapy.packet import Packet, Raw

from pxeconform.protocol import dhcp, layers, tftp, vendor_options
from pxeconform.protocol.layers import (
    PXEBootItem,
    PXEBootMenu,
    PXEBootServer,
    PXEBootServers,
    PXECredentialTypes,
    PXEDiscoveryControl,
    PXEDiscoveryMulticastAddress,
    PXEEnd,
    PXEMenuItem,
    PXEMenuPrompt,
    PXEMTFTPAddress,
    PXEMTFTPClientPort,
    PXEMTFTPDelay,
    PXEMTFTPServerPort,
    PXEMTFTPTimeout,
    PXEMulticastAllocation,
    PXEPad,
    PXETag,
    PXEVendorOptions,
    dhcp_packet,
)
from pxeconform.registry.pxe_tags import PxeTag

BOUNDED = settings(max_examples=60, deadline=None)
ROOT = Path(__file__).resolve().parents[2]

byte, short, word = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
address = st.ip_addresses(v=4).map(str)

TAGS = st.one_of(
    st.just(PXEPad).map(lambda layer: layer()),
    st.builds(PXEMTFTPAddress, address=address),
    st.builds(PXEMTFTPClientPort, port=short),
    st.builds(PXEMTFTPServerPort, port=short),
    st.builds(PXEMTFTPTimeout, seconds=byte),
    st.builds(PXEMTFTPDelay, seconds=byte),
    st.builds(PXEDiscoveryControl, control=byte),
    st.builds(PXEDiscoveryMulticastAddress, address=address),
    st.builds(
        PXEBootServers,
        servers=st.lists(st.builds(PXEBootServer, type=short, addresses=st.lists(address, max_size=5)), max_size=4),
    ),
    st.builds(
        PXEBootMenu,
        items=st.lists(st.builds(PXEMenuItem, type=short, description=st.binary(max_size=20)), max_size=4),
    ),
    st.builds(PXEMenuPrompt, timeout=byte, text=st.binary(max_size=40)),
    st.builds(PXEMulticastAllocation, base=address, block=short, range=short),
    st.builds(PXECredentialTypes, types=st.lists(word, max_size=5)),
    st.builds(PXEBootItem, type=short, credentials=st.integers(0, 1), layer=st.integers(0, 0x7FFF)),
    st.builds(PXETag, tag=st.integers(64, 254).filter(lambda tag: tag != 71), value=st.binary(max_size=30)),
)


def rebuilt(packet: Any) -> bytes:
    """The octets as the fields give them, not as Scapy remembers them."""
    packet.clear_cache()
    return bytes(packet)


@pytest.mark.parametrize(
    ("layer", "octets"),
    [
        (PXEPad(), "00"),
        (PXEEnd(), "ff"),
        (PXEMTFTPAddress(address="239.1.2.3"), "0104ef010203"),
        (PXEMTFTPClientPort(port=1758), "0202de06"),
        (PXEMTFTPServerPort(port=1759), "0302df06"),
        (PXEMTFTPTimeout(seconds=2), "040102"),
        (PXEMTFTPDelay(seconds=3), "050103"),
        (PXEDiscoveryControl(control=0x0B), "06010b"),
        (PXEDiscoveryControl(control="broadcast_disabled+download_at_once"), "060109"),
        (PXEDiscoveryMulticastAddress(address="224.0.1.2"), "0704e0000102"),
        (
            PXEBootServers(
                servers=[PXEBootServer(type=0x8000, addresses=["10.0.0.1", "10.0.0.2"]), PXEBootServer(type=1)]
            ),
            "080e8000020a0000010a000002000100",
        ),
        (PXEBootMenu(items=[PXEMenuItem(type=0, description="disk"), PXEMenuItem(type=3)]), "090a0000046469736b000300"),
        (PXEMenuPrompt(timeout=255, text="F8"), "0a03ff4638"),
        (PXEMulticastAllocation(base="239.0.0.0", block=256, range=16), "0b08ef00000001000010"),
        (PXECredentialTypes(types=[41, 0x7F7F7FFF]), "0c08000000297f7f7fff"),
        (PXEBootItem(type=0x8001, layer=2), "470480010002"),
        (PXEBootItem(type=0x8001, layer=2, credentials=1), "470480018002"),
        (PXETag(tag=200, value=b"ab"), "c8026162"),
    ],
)
def test_every_tag_as_table_2_1_lays_it_out(layer: Any, octets: str) -> None:
    assert bytes(layer).hex() == octets
    (parsed,) = PXEVendorOptions(bytes.fromhex(octets)).tags
    assert type(parsed) is type(layer)
    assert rebuilt(parsed).hex() == octets


def test_tag_numbers_agree_with_the_registry() -> None:
    assert {*layers.TAG_NAMES} == {int(tag) for tag in PxeTag}
    for layer, _ in layers._OF_ONE_LENGTH.values():
        assert layer().tag in layers.TAG_NAMES


def test_no_field_is_hidden_by_an_attribute_of_scapy() -> None:
    for layer in vars(layers).values():
        if isinstance(layer, type) and issubclass(layer, Packet) and layer.__name__.startswith("PXE"):
            assert not {field.name for field in layer.fields_desc} & set(dir(Packet))


@BOUNDED
@given(st.lists(TAGS, max_size=6), st.booleans(), st.binary(max_size=8))
def test_tags_survive_build_and_parse(tags: list[Any], end: bool, behind: bytes) -> None:
    octets = bytes(PXEVendorOptions(tags=[*tags, PXEEnd()] if end else tags) / Raw(behind if end else b""))
    parsed = PXEVendorOptions(octets)
    assert [type(tag) for tag in parsed.tags] == [type(tag) for tag in tags] + [PXEEnd] * end
    assert rebuilt(parsed) == octets


@BOUNDED
@given(st.binary(max_size=255))
def test_any_octets_survive_parse_and_build(octets: bytes) -> None:
    assert rebuilt(PXEVendorOptions(octets)) == octets


@pytest.mark.parametrize(
    "octets",
    ["0602030", "0803800003", "0904000105", "0a00", "0c03000000", "47050000000000", "0203010203", "c8"],
)
def test_what_fits_no_layer_exactly_stays_octets(octets: str) -> None:
    raw = bytes.fromhex(octets[: len(octets) // 2 * 2])
    parsed = PXEVendorOptions(raw)
    assert all(type(tag) in (PXETag, PXEPad) for tag in parsed.tags)
    assert rebuilt(parsed) == raw


def test_a_flood_of_pads_is_bounded() -> None:
    octets = bytes(5000)
    parsed = PXEVendorOptions(octets)
    assert len(parsed.tags) < 1100
    assert rebuilt(parsed) == octets


def test_wrong_lengths_can_be_sent_on_purpose() -> None:
    assert bytes(PXEBootItem(length=9)).hex() == "470900000000"
    with pytest.raises(ValueError, match="at most 255"):
        bytes(PXETag(tag=200, value=bytes(256)))


@BOUNDED
@given(st.lists(TAGS, max_size=6))
def test_the_plain_codec_reads_what_the_layers_build(tags: list[Any]) -> None:
    plain = vendor_options.parse(bytes(PXEVendorOptions(tags=[*tags, PXEEnd()])))
    assert plain.ended
    assert plain.problems == ()
    assert [code for code, _ in plain.tags] == [tag.tag for tag in tags if tag.tag]
    first: dict[int, Any] = {}
    for tag in tags:
        first.setdefault(tag.tag, tag)
    assert plain.discovery_control == (first[6].control if 6 in first else None)
    assert plain.multicast_address == (first[7].address if 7 in first else None)
    servers = first[8].servers if 8 in first else []
    assert plain.boot_servers == tuple(vendor_options.BootServers(s.type, tuple(s.addresses)) for s in servers)
    items = first[9].items if 9 in first else []
    assert plain.boot_menu == tuple(vendor_options.MenuItem(item.type, item.description) for item in items)
    prompt = first.get(10)
    assert plain.menu_prompt == (vendor_options.MenuPrompt(prompt.timeout, prompt.text) if prompt else None)
    assert plain.credential_types == (tuple(first[12].types) if 12 in first else None)
    item = first.get(71)
    if item is None:
        assert plain.boot_item is None
    else:
        assert plain.boot_item == vendor_options.BootItem(item.type, item.layer | item.credentials << 15)
        assert plain.boot_item.wants_credentials == bool(item.credentials)


@BOUNDED
@given(
    short,
    short,
    st.lists(address, max_size=3),
    st.lists(st.binary(min_size=1, max_size=9), max_size=3),
    byte,
    st.binary(max_size=20),
)
def test_the_layers_read_what_the_plain_codec_builds(
    kind: int, layer: int, addresses: list[str], menu: list[bytes], timeout: int, text: bytes
) -> None:
    items = [vendor_options.MenuItem(kind, description) for description in menu]
    tags = [
        (71, vendor_options.BootItem(kind, layer).encode()),
        (8, vendor_options.BootServers(kind, tuple(addresses)).encode()),
        (9, b"".join(item.encode() for item in items)),
        (10, vendor_options.MenuPrompt(timeout, text).encode()),
    ]
    parsed = PXEVendorOptions(vendor_options.build(tags))
    item = parsed.tag(71)
    assert (item.type, item.credentials, item.layer) == (kind, layer >> 15, layer & 0x7FFF)
    assert [(entry.type, entry.addresses) for entry in parsed.tag(8).servers] == [(kind, addresses)]
    assert [(entry.type, entry.description) for entry in parsed.tag(9).items] == [(kind, each) for each in menu]
    assert (parsed.tag(10).timeout, parsed.tag(10).text) == (timeout, text)
    assert parsed.tag(6) is None


IDENTITY = UUID("11223344-5566-7788-99aa-bbccddeeff00")


def test_dhcp_packet_is_what_the_specifications_lay_out() -> None:
    packet = dhcp_packet(
        op=1,
        xid=0x01020304,
        chaddr="52:54:00:12:34:56",
        ciaddr="10.0.0.9",
        message_type="request",
        server_id="10.0.0.1",
        param_req_list=[1, 3, 43],
        vendor_class_id="PXEClient:Arch:00007:UNDI:003016",
        pxe_client_architecture=(7, 9),
        pxe_client_network_interface=(1, 3, 16),
        pxe_client_machine_identifier=IDENTITY,
        vendor_specific=[PXEBootItem(type=0x8000)],
        more={175: b"\xb0\x01\x01"},
    )
    octets = bytes(packet)
    assert octets[:12].hex() == "01010600" + "01020304" + "00000000"
    assert octets[28:44] == bytes.fromhex("525400123456") + bytes(10)
    wanted = (
        "63825363 350103 36040a000001 370301032b 3c20"
        + b"PXEClient:Arch:00007:UNDI:003016".hex()
        + "5d0400070009 5e03010310 61110044332211665588 7799aabbccddeeff00 2b07470480000000ff af03b00101 ff"
    )
    assert octets[236:].rstrip(b"\0").hex() == wanted.replace(" ", "")
    assert packet[DHCP].getopt("message-type") == 3
    message = dhcp.parse(octets)
    assert message is not None
    assert (message.type_name, message.mac, message.xid) == ("REQUEST", "52:54:00:12:34:56", 0x01020304)
    assert message.architectures == (7, 9)
    assert message.uuid == IDENTITY
    assert message.server_identifier == "10.0.0.1"
    assert message.vendor_options is not None
    assert message.vendor_options.boot_item == vendor_options.BootItem(0x8000)


def test_dhcp_packet_follows_its_switches() -> None:
    assert len(dhcp_packet(op=1, message_type=1)) == 300
    bare = dhcp_packet(op=1, message_type=8, end=False, shortest=0)
    assert bytes(bare)[236:].hex() == "63825363350108"
    bootp = bytes(dhcp_packet(op=1, with_cookie=False, chaddr=bytes(range(16)), htype=0))
    assert bootp[2] == 16
    assert bootp[28:44] == bytes(range(16))
    assert bootp[44:] == bytes(256)
    long = dhcp.parse(bytes(dhcp_packet(op=2, vendor_specific=bytes(300))))
    assert long is not None
    assert [len(option.value) for option in long.options] == [255, 45]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"no_such_option": b""}, TypeError),
        ({"siaddr": "example.com"}, ValueError),
        ({"server_id": "example.com"}, ValueError),
        ({"server_id": 7}, ValueError),
        ({"pxe_client_architecture": 70000}, ValueError),
        ({"pxe_client_network_interface": (1, 2, 300)}, ValueError),
        ({"pxe_client_machine_identifier": 5}, ValueError),
        ({"user_class": 5}, ValueError),
        ({"message_type": 300}, ValueError),
        ({"message_type": "no such type"}, ValueError),
        ({"max_dhcp_size": 1 << 16}, ValueError),
        ({"chaddr": bytes(17)}, ValueError),
        ({"chaddr": b"0000000000000041"}, ValueError),
        ({"file": bytes(129)}, ValueError),
        ({"more": {255: b""}}, ValueError),
        ({"with_cookie": False, "message_type": 1}, ValueError),
    ],
)
def test_dhcp_packet_refuses_what_does_not_fit(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        dhcp_packet(op=1, **fields)


@BOUNDED
@given(
    xid=word,
    flags=st.sampled_from([0, 0x8000]),
    secs=short,
    chaddr=st.binary(min_size=6, max_size=6),
    yiaddr=address,
    siaddr=address,
    file=st.binary(max_size=128).map(lambda name: name.rstrip(b"\0")),
    architectures=st.lists(short, min_size=1, max_size=4),
    identity=st.uuids(),
    kind=st.integers(1, 8),
    lease=word,
    user_class=st.binary(max_size=300),
)
def test_dhcp_messages_mean_the_same_to_both_codecs(
    xid: int,
    flags: int,
    secs: int,
    chaddr: bytes,
    yiaddr: str,
    siaddr: str,
    file: bytes,
    architectures: list[int],
    identity: UUID,
    kind: int,
    lease: int,
    user_class: bytes,
) -> None:
    built = dhcp_packet(
        op=2,
        xid=xid,
        flags=flags,
        secs=secs,
        chaddr=chaddr,
        yiaddr=yiaddr,
        siaddr=siaddr,
        file=file,
        message_type=kind,
        lease_time=lease,
        user_class=user_class,
        pxe_client_architecture=architectures,
        pxe_client_machine_identifier=identity,
    )
    octets = bytes(built)
    plain = dhcp.parse(octets)
    assert plain is not None
    assert plain.problems == ()
    assert (plain.xid, plain.flags, plain.secs, plain.hardware_address) == (xid, flags, secs, chaddr)
    assert (plain.yiaddr, plain.siaddr, plain.file, plain.uuid) == (yiaddr, siaddr, file, identity)
    assert plain.architectures == tuple(architectures)
    assert plain.type == kind
    assert (plain.get(51), plain.get(77)) == (lease.to_bytes(4, "big"), user_class)
    # And back: the plain codec's octets, read by Scapy, built by Scapy from its fields.
    assert plain.build() == octets
    scapys = BOOTP(plain.build())
    assert (scapys.xid, int(scapys.flags), scapys.secs, scapys.yiaddr) == (xid, flags, secs, yiaddr)
    assert scapys[DHCP].getopt("message-type") == kind
    assert scapys[DHCP].getopt("lease_time") == lease
    assert rebuilt(scapys) == octets


text = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=12)
pairs = st.lists(st.tuples(text, text), max_size=4)


@BOUNDED
@given(text, st.sampled_from(["octet", "netascii", "mail"]), pairs, st.booleans())
def test_tftp_requests_mean_the_same_to_both_codecs(
    name: str, mode: str, options: list[tuple[str, str]], write: bool
) -> None:
    built = bytes(layers.tftp_request(name, mode, options, write=write))
    plain = tftp.parse(built)
    assert plain == tftp.Request(2 if write else 1, name.encode("latin-1"), mode, tuple(options))  # type: ignore[arg-type]
    assert isinstance(plain, tftp.Request)
    assert plain.build() == built
    scapys = layers.read_tftp(built)
    assert rebuilt(scapys) == built
    wanted: dict[str, str] = {}
    for key, value in options:
        wanted.setdefault(key.lower(), value)
    assert layers.tftp_options(scapys) == wanted


@BOUNDED
@given(pairs)
def test_option_acknowledgments_mean_the_same_to_both_codecs(options: list[tuple[str, str]]) -> None:
    built = bytes(layers.tftp_option_acknowledgment(options))
    assert tftp.parse(built) == tftp.Oack(tuple(options))
    assert tftp.Oack(tuple(options)).build() == built
    assert rebuilt(layers.read_tftp(built)) == built


@BOUNDED
@given(short, st.binary(max_size=40), st.binary(max_size=20).map(lambda message: message.replace(b"\0", b"")))
def test_other_tftp_packets_mean_the_same_to_both_codecs(number: int, data: bytes, message: bytes) -> None:
    assert tftp.parse(bytes(TFTP(op=3) / TFTP_DATA(block=number) / Raw(data))) == tftp.Data(number, data)
    assert tftp.parse(bytes(TFTP(op=4) / TFTP_ACK(block=number))) == tftp.Ack(number)
    error = bytes(TFTP(op=5) / TFTP_ERROR(errorcode=number, errormsg=message))
    assert tftp.parse(error) == tftp.Error(number, message)
    assert tftp.Error(number, message).build() == error


def test_a_request_that_does_not_end() -> None:
    whole = layers.tftp_request("f", options=[("BLKSIZE", "512"), ("tsize", "0")])
    broken = layers.tftp_request("f", options=[("BLKSIZE", "512"), ("tsize", "0")], terminated=False)
    assert bytes(broken) == bytes(whole)[:-1]
    assert layers.tftp_options(layers.read_tftp(bytes(whole))) == {"blksize": "512", "tsize": "0"}
    assert layers.tftp_options(layers.read_tftp(bytes(broken))) == {"blksize": "512"}
    assert isinstance(
        tftp.parse(bytes(layers.tftp_option_acknowledgment([("a", "1")], terminated=False))), tftp.Malformed
    )


def test_mtftp_is_tftp_on_other_ports_without_a_global_binding() -> None:
    packet = layers.mtftp_request("file", client_port=1758, server_port=1759)
    assert bytes(packet)[:4] == bytes.fromhex("06de06df")
    again = UDP(bytes(packet))
    assert TFTP not in again
    assert layers.read_tftp(again)[TFTP_RRQ].filename == b"file"
    assert layers.read_tftp(b"\0\7x") is None
    assert layers.read_tftp(b"\0") is None


def test_scapy_is_imported_by_the_layers_alone() -> None:
    users = set()
    for module in (ROOT / "pxeconform" / "protocol").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == "scapy" for name in names):
                users.add(module.name)
    assert users == {"layers.py"}


WATCHED_IMPORT = """
import socket, sys

def watch(event, args):
    wire = event == "socket.__new__" and args[1] in (socket.AF_PACKET, socket.AF_INET, socket.AF_INET6) \
        and args[2] & 0xFF == socket.SOCK_RAW
    if wire or event in ("socket.connect", "socket.sendto", "socket.sendmsg", "subprocess.Popen", "os.system"):
        raise AssertionError(f"{event} {args}")

sys.addaudithook(watch)
import pxeconform.protocol.layers
"""


def test_the_import_is_silent_and_sends_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WATCHED_IMPORT],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
