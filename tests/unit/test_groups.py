"""Multicast transfers: RFC 2090's option, and PXE's MTFTP."""

from __future__ import annotations

import pytest
from boot_traces import BIOS, IPXE, TFTP, Wire

from pxeconform.capture.copies import marked
from pxeconform.capture.datagrams import CaptureInfo
from pxeconform.protocol import tftp
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions.groups import is_group
from pxeconform.sessions.sessions import follow
from pxeconform.sessions.transfers import Outcome, Transfer

GROUP, FIRST, SECOND = ("239.1.1.1", 1758), ("10.1.2.50", 2000), ("10.1.2.51", 2001)
TID = (TFTP, 4000)
PARTS = [bytes([n]) * 512 for n in range(1, 4)] + [b"end"]


def ask(wire: Wire, client: tuple[str, int]) -> None:
    wire.put(client, (TFTP, 69), tftp.Request(Opcode.RRQ, b"f", options=(("multicast", ""),)).build())


def admit(wire: Wire, client: tuple[str, int], option: str) -> None:
    wire.put(TID, client, tftp.Oack((("multicast", option),)).build())


def send(wire: Wire, *numbers: int, master: tuple[str, int] = FIRST) -> None:
    for number in numbers:
        wire.put(TID, GROUP, tftp.Data(number, PARTS[number - 1]).build())
        wire.put(master, TID, tftp.Ack(number).build())


def transfers(wire: Wire) -> list[Transfer]:
    return follow(marked(wire.datagrams, CaptureInfo("")), hash_contents=True).transfers


def two_clients() -> Wire:
    wire = Wire()
    ask(wire, FIRST)
    admit(wire, FIRST, "239.1.1.1,1758,1")
    send(wire, 1, 2)
    ask(wire, SECOND)
    admit(wire, SECOND, "239.1.1.1,1758,0")
    send(wire, 3, 4)
    return wire


def test_member_that_came_late_gets_the_rest_when_it_is_master() -> None:
    wire = two_clients()
    first, second = transfers(wire)
    assert (first.outcome(), first.content.octets) == (Outcome.COMPLETE, 512 * 3 + 3)
    assert first.content.sha256 is not None
    assert second.outcome() is not Outcome.COMPLETE
    assert (second.content.blocks, second.content.missing) == (2, 2)
    admit(wire, SECOND, ",,1")
    send(wire, 1, 2, master=SECOND)
    first, second = transfers(wire)
    assert second.outcome() is Outcome.COMPLETE
    assert (second.content.octets, second.content.missing, second.group) == (512 * 3 + 3, 0, GROUP)
    assert second.content.sha256 is None, "blocks out of order are counted, not put together"
    assert {first.protocol, second.protocol} == {"tftp"}


def test_data_of_another_server_to_the_group_is_not_the_file() -> None:
    wire = two_clients()
    wire.put(("10.1.2.9", 4000), GROUP, tftp.Data(1, bytes(512)).build())
    _, second = transfers(wire)
    assert second.content.blocks == 2


def mtftp() -> Wire:
    """Block 1 comes to the opener and to the group, the rest to the group alone."""
    wire = Wire(IPXE).lease(file=b"nbp")
    client, server = (FIRST[0], 1758), (TFTP, 1759)
    wire.put(client, server, tftp.Request(Opcode.RRQ, b"nbp").build(), wire.mac)
    parts = [BIOS[at : at + 512] for at in range(0, len(BIOS) + 1, 512)]
    for number, part in enumerate(parts, 1):
        for to in (client, GROUP) if number == 1 else (GROUP,):
            wire.put(server, to, tftp.Data(number, part).build())
        wire.put(client, server, tftp.Ack(number).build(), wire.mac)
    return wire


def test_mtftp_delivers_a_boot_file() -> None:
    wire = mtftp()
    (boot,) = wire.boots(1)
    (transfer,) = boot.transfers
    assert (transfer.protocol, transfer.group, transfer.outcome()) == ("mtftp", GROUP, Outcome.COMPLETE)
    assert (boot.outcome.value, wire.causes(1)) == ("booted", [])


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("224.0.0.1", True),
        ("239.255.255.255", True),
        ("240.0.0.1", False),
        ("10.0.0.1", False),
        ("x", False),
        ("", False),
    ],
)
def test_group_addresses(address: str, verdict: bool) -> None:
    assert is_group(address) is verdict
