"""The work grows with the trace and no faster, whatever its shape: four times the packets, about four times the work.

Measured in the processor's time, the best of three, so that a busy machine changes nothing; what grows with the square
takes sixteen times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from boot_traces import CLIENT, IPXE, SECOND, SERVER, TFTP, Wire

from pxeconform.capture.copies import marked
from pxeconform.capture.datagrams import CaptureInfo
from pxeconform.diagnosis.boots import diagnose_boot
from pxeconform.diagnosis.symptoms import BootCase
from pxeconform.protocol import tftp
from pxeconform.registry.dhcp_options import MessageType
from pxeconform.requirements.ledger import Coverage
from pxeconform.requirements.passive import findings
from pxeconform.sessions.boots import find_boots
from pxeconform.sessions.sessions import follow

FEW, TIMES, MOST = 300, 4, 9


def discovers(wire: Wire, count: int) -> None:
    for _ in range(count):
        wire.discover()
        wire.offer()
        wire.wait(4)


def proxy_requests(wire: Wire, count: int) -> None:
    wire.lease()
    for number in range(count):
        wire.ask_4011(xid=number)
        wire.answer_4011(xid=number)
        wire.wait(1)


def boot_items(wire: Wire, count: int) -> None:
    wire.lease()
    for number in range(count):
        wire.mac = number.to_bytes(6, "big")
        wire.ask_item(xid=number)
        wire.answer_item()


def downloads_of_one_client(wire: Wire, count: int) -> None:
    wire.lease(file=b"nbp")
    for number in range(count):
        wire.download("nbp", b"MZ", port=1024 + number)


def many_servers(wire: Wire, count: int) -> None:
    for number in range(count):
        wire.mac, wire.xid = number.to_bytes(6, "big"), number
        wire.discover()
        wire.offer(server=f"10.9.{number >> 8}.{number & 255}")


def clients_at_once(wire: Wire, count: int) -> None:
    for part in (wire.discover, wire.offer, wire.request, wire.ack):
        for number in range(count):
            wire.mac, wire.xid = number.to_bytes(6, "big"), number
            part()


def every_block_acknowledged_twice(wire: Wire, count: int) -> None:
    wire.rrq("nbp", 2001)
    for number in range(1, count + 1):
        wire.reply(tftp.Data(number, bytes(512)), 2001)
        for _ in range(2):
            wire.tftp_from(tftp.Ack(number), 2001, (TFTP, 40001))


def unreachable_ports(wire: Wire, count: int) -> None:
    wire.lease()
    for number in range(count):
        wire.ask_4011(xid=number)
        wire.unreachable((CLIENT, 68), (SERVER, 4011), SERVER)


SHAPES = (
    discovers,
    proxy_requests,
    boot_items,
    downloads_of_one_client,
    many_servers,
    clients_at_once,
    every_block_acknowledged_twice,
    unreachable_ports,
)


def work(shape: Callable[[Wire, int], None], count: int) -> float:
    wire = Wire(firmware=IPXE)
    shape(wire, count)
    datagrams = [replace(datagram, identification=datagram.frame & 0xFFFF) for datagram in wire.datagrams]
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        info = CaptureInfo("", last_time=wire.now + SECOND)
        sessions = follow(marked(datagrams, info))
        for boot in find_boots(sessions, wire.now + SECOND):
            diagnose_boot(BootCase(boot, None))
        findings(sessions, Coverage(layer2=True, last_time=wire.now))
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_four_times_the_packets_take_about_four_times_as_long(shape: Callable[[Wire, int], None]) -> None:
    few = work(shape, FEW)
    many = work(shape, FEW * TIMES)
    assert many / few < MOST, f"{FEW}: {few:.3f} s, {FEW * TIMES}: {many:.3f} s"


def test_messages_have_types() -> None:
    """The shapes above are what they say."""
    wire = Wire()
    clients_at_once(wire, 2)
    sessions = follow(marked(wire.datagrams, CaptureInfo("")))
    kinds = [MessageType.DISCOVER, MessageType.OFFER, MessageType.REQUEST, MessageType.ACK]
    assert [event.message.type for event in sessions.dhcp] == [kind for kind in kinds for _ in range(2)]
