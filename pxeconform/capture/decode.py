"""One frame to one datagram: link layer, IPv4 or IPv6, UDP; ICMP errors with what they quote; ARP."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from pxeconform.capture.containers import Frame
from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.capture.fragments import Reassembler

_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_TCP, _UDP, _ICMP, _ICMPV6, _FRAGMENT = 6, 17, 1, 58, 44
_IPV6_EXTENSIONS = frozenset({0, 43, 60, 135})
_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
_ICMPV6_ERRORS = frozenset({1, 2, 3, 4})


@dataclass(frozen=True, slots=True)
class LinkLayer:
    """How frames of one link type begin."""

    name: str
    payload: Callable[[bytes], tuple[int, int] | None]
    """Octets of a frame to (EtherType, where the network layer begins)."""
    has_macs: bool = False


def _ethernet(octets: bytes) -> tuple[int, int] | None:
    return _skip_tags(octets, 12)


def _skip_tags(octets: bytes, at: int) -> tuple[int, int] | None:
    """EtherType at an offset, past any stack of VLAN tags."""
    while at + 2 <= len(octets):
        (kind,) = struct.unpack_from("!H", octets, at)
        if kind not in _VLAN_TAGS:
            return kind, at + 2
        at += 4
    return None


def _cooked(octets: bytes) -> tuple[int, int] | None:
    return _skip_tags(octets, 14)


def _cooked2(octets: bytes) -> tuple[int, int] | None:
    if len(octets) < 20:
        return None
    (kind,) = struct.unpack_from("!H", octets)
    # The type stands first here; of a tagged frame the tag and the type that it covers follow the header.
    return _skip_tags(octets, 22) if kind in _VLAN_TAGS else (kind, 20)


def _raw(octets: bytes) -> tuple[int, int] | None:
    kind = {4: _IPV4, 6: _IPV6}.get(octets[0] >> 4) if octets else None
    return (kind, 0) if kind is not None else None


def _loopback(octets: bytes) -> tuple[int, int] | None:
    found = _raw(octets[4:])
    return (found[0], 4) if found is not None else None


LINK_LAYERS = {
    0: LinkLayer("NULL", _loopback),
    1: LinkLayer("EN10MB", _ethernet, has_macs=True),
    12: LinkLayer("RAW", _raw),
    101: LinkLayer("RAW", _raw),
    108: LinkLayer("LOOP", _loopback),
    113: LinkLayer("LINUX_SLL", _cooked),
    228: LinkLayer("IPV4", _raw),
    229: LinkLayer("IPV6", _raw),
    276: LinkLayer("LINUX_SLL2", _cooked2),
}
"""By the number in the file (the registry of link types that libpcap and the pcapng draft share)."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """The network layer of one frame, fragments put together."""

    protocol: int
    source: str
    destination: str
    payload: bytes
    length: int
    identification: int = 0


class Decoder:
    """Turns frames into datagrams; holds only the fragments that still wait for others."""

    def __init__(self) -> None:
        self._fragments = Reassembler()

    @property
    def fragments_missing(self) -> int:
        """Packets of which some fragments never came."""
        return self._fragments.waiting

    def decode(self, frame: Frame) -> Datagram | None:
        """The datagram that a frame carries (or completes), or `None` when it holds nothing of interest."""
        link = LINK_LAYERS.get(frame.link_type)
        found = link.payload(frame.octets) if link is not None else None
        if link is None or found is None:
            return None
        kind, at = found
        macs = (frame.octets[6:12], frame.octets[:6]) if link.has_macs else (b"", b"")
        if kind == _ARP:
            return _arp(frame, at, macs)
        if kind == _IPV4:
            packet = self._ipv4(frame, at)
        elif kind == _IPV6:
            packet = self._ipv6(frame, at)
        else:
            return None
        return None if packet is None else _transport(frame, packet, macs)

    def _ipv4(self, frame: Frame, at: int) -> _Packet | None:
        octets = frame.octets
        if len(octets) < at + 20 or octets[at] >> 4 != 4:
            return None
        header = (octets[at] & 15) * 4
        total, identification, offset, protocol = struct.unpack_from("!xxHHHxB", octets, at)
        source, destination = socket.inet_ntoa(octets[at + 12 : at + 16]), socket.inet_ntoa(octets[at + 16 : at + 20])
        # Network cards that segment by themselves (offloading) are handed packets of length 0.
        total = total or frame.length - at
        if header < 20 or total < header:
            return None
        payload = octets[at + header : at + total]
        length = total - header
        if offset & 0x3FFF:
            whole = self._fragments.add(
                (source, destination, protocol, identification),
                (offset & 0x1FFF) * 8,
                payload,
                last=not offset & 0x2000,
                time=frame.time,
                whole=len(payload) == length,
            )
            if whole is None:
                return None
            payload, length = whole, len(whole)
        return _Packet(protocol, source, destination, payload, length, identification)

    def _ipv6(self, frame: Frame, at: int) -> _Packet | None:
        octets = frame.octets
        if len(octets) < at + 40 or octets[at] >> 4 != 6:
            return None
        size, protocol = struct.unpack_from("!4xHB", octets, at)
        source = socket.inet_ntop(socket.AF_INET6, octets[at + 8 : at + 24])
        destination = socket.inet_ntop(socket.AF_INET6, octets[at + 24 : at + 40])
        end = at + 40 + size
        at += 40
        while protocol in _IPV6_EXTENSIONS or protocol == _FRAGMENT:
            if len(octets) < at + 8:
                return None
            following = octets[at]
            if protocol == _FRAGMENT:
                offset, identification = struct.unpack_from("!xxHI", octets, at)
                at += 8
                if offset & 0xFFF9:
                    payload = octets[at:end]
                    whole = self._fragments.add(
                        (source, destination, following, identification),
                        offset & 0xFFF8,
                        payload,
                        last=not offset & 1,
                        time=frame.time,
                        whole=len(payload) == end - at,
                    )
                    return None if whole is None else _Packet(following, source, destination, whole, len(whole))
            else:
                at += 8 * (octets[at + 1] + 1)
            protocol = following
        return _Packet(protocol, source, destination, octets[at:end], max(end - at, 0))


def _transport(frame: Frame, packet: _Packet, macs: tuple[bytes, bytes]) -> Datagram | None:
    payload = packet.payload
    if packet.protocol == _UDP and len(payload) >= 8:
        source_port, destination_port, size = struct.unpack_from("!HHH", payload)
        # A length below 8 or beyond the packet is damage (0 is a jumbogram's); what IP says then counts.
        size = size if 8 <= size <= packet.length else packet.length
        return Datagram(
            frame.number,
            frame.time,
            packet.source,
            packet.destination,
            source_port,
            destination_port,
            payload[8:size],
            size - 8,
            source_mac=macs[0],
            destination_mac=macs[1],
            comment=frame.comment,
            identification=packet.identification,
        )
    if packet.protocol == _TCP and len(payload) >= 20:
        source_port, destination_port = struct.unpack_from("!HH", payload)
        header = max((payload[12] >> 4) * 4, 20)
        return Datagram(
            frame.number,
            frame.time,
            packet.source,
            packet.destination,
            source_port,
            destination_port,
            payload[header:],
            max(packet.length - header, 0),
            Kind.TCP,
            code=(payload[13], 0),
            source_mac=macs[0],
            destination_mac=macs[1],
            comment=frame.comment,
        )
    errors = {_ICMP: _ICMP_ERRORS, _ICMPV6: _ICMPV6_ERRORS}.get(packet.protocol)
    if errors is not None and len(payload) >= 8 and payload[0] in errors:
        return _icmp_error(frame, packet, macs)
    return None


def _icmp_error(frame: Frame, packet: _Packet, macs: tuple[bytes, bytes]) -> Datagram | None:
    """What an ICMP error quotes: at least the header and eight octets (RFC 792, RFC 1122 section 3.2.2)."""
    quoted = packet.payload[8:]
    if len(quoted) >= 20 and quoted[0] >> 4 == 4:
        header, protocol = (quoted[0] & 15) * 4, quoted[9]
        if header < 20 or struct.unpack_from("!H", quoted, 6)[0] & 0x1FFF:
            # Only the first fragment of a datagram has ports.
            return None
        source, destination = socket.inet_ntoa(quoted[12:16]), socket.inet_ntoa(quoted[16:20])
    elif len(quoted) >= 40 and quoted[0] >> 4 == 6:
        header, protocol = 40, quoted[6]
        source = socket.inet_ntop(socket.AF_INET6, quoted[8:24])
        destination = socket.inet_ntop(socket.AF_INET6, quoted[24:40])
    else:
        return None
    if protocol != _UDP or len(quoted) < header + 4:
        return None
    source_port, destination_port = struct.unpack_from("!HH", quoted, header)
    return Datagram(
        frame.number,
        frame.time,
        source,
        destination,
        source_port,
        destination_port,
        quoted[header + 8 :],
        len(quoted[header + 8 :]),
        Kind.ICMP_ERROR,
        packet.source,
        (packet.payload[0], packet.payload[1]),
        macs[0],
        macs[1],
        frame.comment,
    )


def _arp(frame: Frame, at: int, macs: tuple[bytes, bytes]) -> Datagram | None:
    body = frame.octets[at : at + 28]
    if len(body) < 28 or body[:6] != b"\x00\x01\x08\x00\x06\x04":
        return None
    return Datagram(
        frame.number,
        frame.time,
        socket.inet_ntoa(body[14:18]),
        socket.inet_ntoa(body[24:28]),
        kind=Kind.ARP,
        code=(struct.unpack_from("!H", body, 6)[0], 0),
        source_mac=body[8:14],
        destination_mac=macs[1],
        comment=frame.comment,
    )
