"""What a capture may hold any number of, and what is not news, is kept up to a bound."""

from __future__ import annotations

import struct

import pytest

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.sessions import dhcp, sessions, tracker
from pxeconform.sessions.sessions import follow

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
