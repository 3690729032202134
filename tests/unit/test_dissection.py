"""One datagram decoded by name: every kind of packet, and whatever octets it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol.dhcp import Message, options
from pxeconform.report.dissection import lines

BASE = Datagram(
    7,
    1_795_452_323_408_749_001,
    "192.0.2.1",
    "192.0.2.50",
    40000,
    2070,
    b"\0\3\0\1" + bytes(100),
    104,
    source_mac=bytes.fromhex("020000770001"),
    destination_mac=bytes.fromhex("525400770010"),
)


def told(datagram: Datagram, *, is_tftp: bool = True) -> str:
    return "\n".join(lines(datagram, is_tftp=is_tftp))


def test_frame_addresses_tags_and_tunnels() -> None:
    text = told(replace(BASE, vlan=101, outer=("10.88.0.1", "10.88.0.2"), copy_of=6))
    assert text.startswith("Frame 7, 2026-11-23 16:45:23.408749001 UTC\n  02:00:00:77:00:01 to 52:54:00:77:00:10\n")
    for words in ("VLAN 101", "in a tunnel from 10.88.0.1 to 10.88.0.2", "a copy of frame 6"):
        assert f"  {words}" in text
    assert "UDP 192.0.2.1:40000 to 192.0.2.50:2070, 104 octets\n" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "TFTP DATA, block 1, 100 octets"),
        ({"payload": b"\0\4\0\2", "length": 4}, "TFTP ACK, block 2"),
        (
            {"payload": b"\0\1a.efi\0octet\0tsize\0000\0", "length": 22},
            "TFTP RRQ of a.efi, mode octet\n    option tsize 0",
        ),
        ({"payload": b"\0\6blksize\x001468\0", "length": 15}, "TFTP OACK\n    option blksize 1468"),
        ({"payload": b"\0\5\0\1nope\0", "length": 9}, "TFTP ERROR 1 (file not found): nope"),
        ({"payload": b"\0\5\1\1nope\0", "length": 9}, "TFTP ERROR 257 (unknown): nope"),
        ({"payload": b"\0\1a.efi", "length": 7}, "TFTP RRQ, malformed: "),
        ({"payload": b"\7\7", "length": 2}, "no TFTP packet"),
        ({"length": 1472}, "1472 octets, of which the capture holds 104"),
        ({"kind": Kind.ARP, "code": (1, 0)}, "ARP: 192.0.2.1 asks for 192.0.2.50"),
        ({"kind": Kind.TCP, "code": (2, 0)}, "TCP 192.0.2.1:40000 to 192.0.2.50:2070, flags 0x02"),
        (
            {"kind": Kind.ICMP_ERROR, "code": (3, 3), "reporter": "192.0.2.9"},
            "ICMP error, type 3 code 3, from 192.0.2.9",
        ),
        ({"checksum": 0}, "UDP checksum 0x0000: none"),
        ({"checksum": 1}, "UDP checksum 0x0001: wrong, hosts drop it"),
        (
            {"destination_port": 547, "payload": b"\1\xab\xcd\xef\0\x3b\0\3tft", "length": 11},
            "DHCPv6 SOLICIT, xid 0xabcdef\n    option 59, BOOTFILE_URL: tft",
        ),
    ],
)
def test_kinds_of_packets(changes: dict[str, object], words: str) -> None:
    assert words in told(replace(BASE, **changes))  # type: ignore[arg-type]


def test_ports_that_mean_nothing() -> None:
    assert "nothing that network boot knows by its ports" in told(BASE, is_tftp=False)


def test_options_of_dhcp_by_name() -> None:
    message = Message(
        2,
        xid=0x3903F326,
        flags=0x8000,
        yiaddr="192.0.2.50",
        file=b"pxelinux.0",
        options=options(
            (53, b"\2"),
            (54, bytes((192, 0, 2, 1))),
            (51, b"\0\0\x0e\x10"),
            (55, b"\1\3\x43"),
            (60, b"PXEClient"),
            (93, b"\0\7"),
            (97, b"\0" + bytes(16)),
            (43, b"\6\1\7\x08\7\x80\0\1\xc0\0\2\1\x09\7\x80\0\4Boot\x0a\3\0Go\x47\4\x80\0\0\0\xff"),
            (250, bytes(100)),
        ),
    )
    payload = message.build()
    text = told(replace(BASE, source_port=67, payload=payload, length=len(payload)))
    for words in (
        "DHCP OFFER",
        "xid 0x3903f326, secs 0, flags 0x8000 (broadcast)",
        "yiaddr 192.0.2.50",
        "file pxelinux.0",
        "DHCP message type: OFFER",
        "Server identifier: 192.0.2.1",
        "lease time: 3600",
        "list: 1, 3, 67",
        "Vendor class identifier: PXEClient",
        "architecture: 7 (",
        "(UUID): 00000000-0000-0000-0000-000000000000",
        "tag 6, DISCOVERY_CONTROL: 0x07",
        "tag 8, BOOT_SERVERS: vendor (32768) 192.0.2.1",
        "tag 9, BOOT_MENU: 32768 Boot",
        "tag 10, MENU_PROMPT: 0 s Go",
        "tag 71, BOOT_ITEM: type 32768 layer 0",
        "00 ... (100 octets)",
    ):
        assert words in text


@given(
    st.binary(max_size=600),
    st.sampled_from([67, 68, 69, 546, 547, 4011, 2070]),
    st.sampled_from(Kind),
    st.integers(0, 2**63 - 1),
    st.integers(0, 400),
)
def test_hostile_octets(payload: bytes, port: int, kind: Kind, time: int, missing: int) -> None:
    datagram = replace(
        BASE, payload=payload, length=len(payload) + missing, source_port=port, kind=kind, code=(1, 2), time=time
    )
    assert told(datagram)
