"""Rows that a kernel left, as datagrams; what takes memory of more than one frame: fragments."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from sys import intern

from pxeconform.capture.columns import (
    ARP,
    CHECKSUM,
    DESTINATION,
    DESTINATION_MAC,
    DESTINATION_PORT,
    FAMILY,
    FLAGS,
    FRAGMENT,
    FRAGMENT_OFFSET,
    ICMP,
    IDENTIFICATION,
    KIND,
    MORE_FRAGMENTS,
    OUTER_DESTINATION,
    OUTER_FAMILY,
    OUTER_SOURCE,
    PAYLOAD,
    PAYLOAD_HAVE,
    PAYLOAD_LENGTH,
    PROTOCOL,
    ROW_COLUMNS,
    SOURCE,
    SOURCE_MAC,
    SOURCE_PORT,
    TCP,
    UDP,
    VLAN,
)
from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.capture.dissect import FROM_NETWORK, FROM_TRANSPORT, dissect
from pxeconform.capture.fragments import Reassembler
from pxeconform.capture.kernels import integers

_ROW = struct.Struct(f"={ROW_COLUMNS}q")
_NETWORK_TYPES = {4: 0x0800, 6: 0x86DD}
_ICMP_PROTOCOL, _UDP_PROTOCOL, _ICMPV6_PROTOCOL = 1, 17, 58
_ICMP_ERRORS = {1: frozenset({3, 4, 5, 11, 12}), 58: frozenset({1, 2, 3, 4})}
"""Messages that quote the datagram that they are about (RFC 792, RFC 4443), by protocol."""
_NEIGHBOUR = {135: 1, 136: 2}
"""Neighbour solicitation and advertisement (RFC 4861 sections 4.3 and 4.4) by the ARP operation that they stand for."""
_ARP_OF_IPV4 = b"\x00\x01\x08\x00\x06\x04"

Row = tuple[int, ...]


class Datagrams:
    """Makes datagrams of rows; holds only the fragments that still wait for others."""

    def __init__(self) -> None:
        self._fragments = Reassembler()
        self._row = integers(ROW_COLUMNS)

    @property
    def fragments_missing(self) -> int:
        """Packets of which some fragments never came."""
        return self._fragments.waiting

    def of(
        self, rows: memoryview, number: int, octets: memoryview, frame: int, time: int, comment: str
    ) -> Datagram | None:
        """The datagram that a row tells of (or completes), or `None` when there is none in it."""
        row = _ROW.unpack_from(rows, number * _ROW.size)
        if row[KIND] == FRAGMENT:
            return self._fragment(row, octets, frame, time, comment)
        return _datagram(row, octets, frame, time, comment, _outer(row, octets))

    def _fragment(self, row: Row, octets: memoryview, frame: int, time: int, comment: str) -> Datagram | None:
        addresses = (_address(octets, row[SOURCE], row[FAMILY]), _address(octets, row[DESTINATION], row[FAMILY]))
        payload = bytes(octets[row[PAYLOAD] : row[PAYLOAD] + row[PAYLOAD_HAVE]])
        whole = self._fragments.add(
            (*addresses, row[PROTOCOL], row[IDENTIFICATION]),
            row[FRAGMENT_OFFSET],
            payload,
            last=not row[MORE_FRAGMENTS],
            time=time,
            whole=len(payload) == row[PAYLOAD_LENGTH],
        )
        if whole is None:
            return None
        # The kernel goes on with what was put together, behind a head that holds what it has learned so far.
        head = socket.inet_pton(_socket_family(row[FAMILY]), addresses[0])
        head += socket.inet_pton(_socket_family(row[FAMILY]), addresses[1])
        macs = _mac(octets, row[SOURCE_MAC]) + _mac(octets, row[DESTINATION_MAC])
        packet = memoryview(head + macs + whole)
        begin = len(head) + len(macs)
        again = self._row
        again[:] = memoryview(_ROW.pack(*row)).cast("B").cast("q")
        again[SOURCE], again[DESTINATION] = 0, len(head) // 2
        if len(macs) == 12:
            again[SOURCE_MAC], again[DESTINATION_MAC] = len(head), len(head) + 6
        else:
            again[SOURCE_MAC] = again[DESTINATION_MAC] = -1
        outer = _outer(row, octets)
        again[OUTER_FAMILY] = 0
        size = len(packet)
        if not dissect(packet, begin, size, size, FROM_TRANSPORT, row[PROTOCOL], again, 0) or again[KIND] == FRAGMENT:
            return None
        found = tuple(again)
        return _datagram(found, packet, frame, time, comment, outer or _outer(found, packet))


def _datagram(
    row: Row, octets: memoryview, frame: int, time: int, comment: str, outer: tuple[str, str] | None
) -> Datagram | None:
    kind = row[KIND]
    at = row[PAYLOAD]
    payload = bytes(octets[at : at + row[PAYLOAD_HAVE]])
    source_mac, destination_mac = _mac(octets, row[SOURCE_MAC]), _mac(octets, row[DESTINATION_MAC])
    vlan = row[VLAN] if row[VLAN] >= 0 else None
    if kind == ARP:
        return _arp(payload, frame, time, source_mac, destination_mac, comment, vlan)
    if kind == ICMP:
        return _icmp_error(row, payload, octets, frame, time, source_mac, destination_mac, comment, outer, vlan)
    return Datagram(
        frame,
        time,
        _address(octets, row[SOURCE], row[FAMILY]),
        _address(octets, row[DESTINATION], row[FAMILY]),
        row[SOURCE_PORT],
        row[DESTINATION_PORT],
        payload,
        row[PAYLOAD_LENGTH],
        Kind.UDP if kind == UDP else Kind.TCP,
        None,
        (row[FLAGS], 0) if kind == TCP else None,
        source_mac,
        destination_mac,
        comment,
        row[IDENTIFICATION],
        None,
        row[CHECKSUM] if kind == UDP else None,
        outer,
        vlan,
    )


def _icmp_error(
    row: Row,
    payload: bytes,
    octets: memoryview,
    frame: int,
    time: int,
    source_mac: bytes,
    destination_mac: bytes,
    comment: str,
    outer: tuple[str, str] | None,
    vlan: int | None,
) -> Datagram | None:
    """What an ICMP error quotes: at least the header and eight octets (RFC 792, RFC 1122 section 3.2.2)."""
    if row[PROTOCOL] == _ICMPV6_PROTOCOL and payload[0] in _NEIGHBOUR:
        return _neighbour(row, payload, octets, frame, time, source_mac, destination_mac, comment, outer, vlan)
    if payload[0] not in _ICMP_ERRORS[row[PROTOCOL]]:
        return None
    quoted = memoryview(payload)[8:]
    found = integers(ROW_COLUMNS)
    size = len(quoted)
    family = _NETWORK_TYPES[4 if row[PROTOCOL] == _ICMP_PROTOCOL else 6]
    kind = dissect(quoted, 0, size, size, FROM_NETWORK, family, found, 0)
    if kind == FRAGMENT:
        # Only the first fragment of a datagram has ports.
        if found[FRAGMENT_OFFSET] or found[PROTOCOL] != _UDP_PROTOCOL:
            return None
        found[OUTER_FAMILY] = 0
        kind = dissect(quoted, found[PAYLOAD], size, size, FROM_TRANSPORT, _UDP_PROTOCOL, found, 0)
    if kind != UDP:
        return None
    inside = bytes(quoted[found[PAYLOAD] : found[PAYLOAD] + found[PAYLOAD_HAVE]])
    return Datagram(
        frame,
        time,
        _address(quoted, found[SOURCE], found[FAMILY]),
        _address(quoted, found[DESTINATION], found[FAMILY]),
        found[SOURCE_PORT],
        found[DESTINATION_PORT],
        inside,
        len(inside),
        Kind.ICMP_ERROR,
        _address(octets, row[SOURCE], row[FAMILY]),
        (payload[0], payload[1]),
        source_mac,
        destination_mac,
        comment,
        outer=outer,
        vlan=vlan,
    )


def _neighbour(
    row: Row,
    payload: bytes,
    octets: memoryview,
    frame: int,
    time: int,
    source_mac: bytes,
    destination_mac: bytes,
    comment: str,
    outer: tuple[str, str] | None,
    vlan: int | None,
) -> Datagram | None:
    """Neighbour discovery in the words of ARP: a solicitation asks for its target, an advertisement tells of it."""
    if len(payload) < 24:
        return None
    target = socket.inet_ntop(socket.AF_INET6, payload[8:24])
    asks = _NEIGHBOUR[payload[0]] == 1
    return Datagram(
        frame,
        time,
        _address(octets, row[SOURCE], row[FAMILY]) if asks else target,
        target if asks else _address(octets, row[DESTINATION], row[FAMILY]),
        kind=Kind.ARP,
        code=(_NEIGHBOUR[payload[0]], 0),
        source_mac=source_mac,
        destination_mac=destination_mac,
        comment=comment,
        outer=outer,
        vlan=vlan,
    )


def _arp(
    body: bytes, frame: int, time: int, source_mac: bytes, destination_mac: bytes, comment: str, vlan: int | None
) -> Datagram | None:
    if body[:6] != _ARP_OF_IPV4:
        return None
    return Datagram(
        frame,
        time,
        intern(socket.inet_ntoa(body[14:18])),
        intern(socket.inet_ntoa(body[24:28])),
        kind=Kind.ARP,
        code=(struct.unpack_from("!H", body, 6)[0], 0),
        source_mac=body[8:14],
        destination_mac=destination_mac,
        comment=comment,
        vlan=vlan,
    )


def _outer(row: Row, octets: memoryview) -> tuple[str, str] | None:
    family = row[OUTER_FAMILY]
    if not family:
        return None
    return _address(octets, row[OUTER_SOURCE], family), _address(octets, row[OUTER_DESTINATION], family)


def _socket_family(family: int) -> socket.AddressFamily:
    return socket.AF_INET if family == 4 else socket.AF_INET6


def _address(octets: memoryview, at: int, family: int) -> str:
    """Equal addresses are one object: each comes in many packets."""
    if family == 4:
        return intern(socket.inet_ntoa(octets[at : at + 4]))
    return intern(socket.inet_ntop(socket.AF_INET6, octets[at : at + 16]))


def _mac(octets: memoryview, at: int) -> bytes:
    return _same(bytes(octets[at : at + 6])) if at >= 0 else b""


@lru_cache(1024)
def _same(mac: bytes) -> bytes:
    """One object for equal link addresses."""
    return mac
