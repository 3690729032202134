"""What a capture may hold any number of, and what is not news, is kept up to a bound."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest

from pxeconform.capture.columns import LATEST
from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.capture.kernels import integers
from pxeconform.protocol.tftp import Request
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions import dhcp, sessions, tracker
from pxeconform.sessions.flows import FLOW_COLUMNS, LONGEST_CHAIN, SENDER_TURNS, WAIT_COLUMNS
from pxeconform.sessions.routine import TransferSieve
from pxeconform.sessions.sessions import follow
from pxeconform.sessions.sift import endpoint, note_wait
from pxeconform.sessions.transfers import Transfer

CLIENT, SERVER = "10.0.0.9", "10.0.0.1"
REQUEST = Datagram(1, 1, CLIENT, SERVER, 2000, 69, b"\0\1f\0octet\0", 10)
BLOCK = Datagram(2, 2, SERVER, CLIENT, 3000, 2000, struct.pack("!HH", 3, 1) + bytes(512), 516)


def test_arp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MOST_ARP", 20)
    found = follow(Datagram(n, n, CLIENT, SERVER, kind=Kind.ARP, code=(1, 0)) for n in range(50))
    assert [each.frame for each in found.arp] == list(range(20))


def test_icmp_errors_about_a_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "_MOST_UNREACHABLE", 20)
    errors = (Datagram(n, n, SERVER, CLIENT, 3000, 2000, kind=Kind.ICMP_ERROR, code=(3, 3)) for n in range(3, 53))
    (transfer,) = follow([REQUEST, BLOCK, *errors]).transfers
    assert [each.frame for each in transfer.unreachable] == list(range(3, 23))


def test_icmp_errors_about_dhcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dhcp, "_MOST_UNREACHABLE", 20)
    found = follow(Datagram(n, n, SERVER, CLIENT, 67, 68, kind=Kind.ICMP_ERROR, code=(3, 3)) for n in range(50))
    assert len(found.unreachable) == 20


def test_flows_whose_hashes_are_chosen_to_be_the_same() -> None:
    """Whoever makes the capture can make a chain as long as he likes; it is followed up to a bound."""
    sieve = TransferSieve()
    asked = Request(Opcode.RRQ, b"f", "octet")
    followed, hashes = 0, set()
    for port in range(1, 300):
        address = str(IPv4Address(0x0A000000 ^ (port << 9) ^ port))
        hashes.add(endpoint(memoryview(IPv4Address(address).packed), 0, 4, port))
        transfer = Transfer(asked, (address, port), SERVER, 69, server_port=3000)
        sieve.arm(transfer)
        followed += transfer.flow >= 0
    assert (len(hashes), followed) == (1, LONGEST_CHAIN)
    other = Transfer(asked, (CLIENT, 2000), SERVER, 69, server_port=3000)
    sieve.arm(other)
    assert other.flow >= 0


def test_waits_of_absurd_length() -> None:
    flows = integers(FLOW_COLUMNS)
    for _ in range(3):
        note_wait(flows, SENDER_TURNS, LATEST, 7)
    note_wait(flows, SENDER_TURNS, -LATEST, 8)
    assert list(flows[SENDER_TURNS : SENDER_TURNS + WAIT_COLUMNS]) == [4, LATEST, LATEST, 7]
