"""The kernel that finds a packet in a frame: link layers, tags, tunnels, IP, UDP, TCP, ICMP, ARP.

Written once for one frame or millions: see `records.py` for what a kernel may use. Every read stands behind a look at
the end of what is at hand; what is too short, or of no interest, is `NOTHING`.

Sources: the registry of link types of libpcap; IEEE 802.1Q, 802.1ad, 802.1ah; RFC 791, RFC 8200 (extension headers),
RFC 4302 (AH), RFC 3032 (MPLS), RFC 4448 (its control word), RFC 2516 (PPPoE), RFC 1661 and 1662 (PPP), RFC 2784 and
2890 (GRE), RFC 2003 and 2473 (IP in IP), RFC 7348 (VXLAN), RFC 8926 (GENEVE), draft-foschiano-erspan-03 (ERSPAN II and
III).
"""

from __future__ import annotations

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
    NOTHING,
    OUTER_DESTINATION,
    OUTER_FAMILY,
    OUTER_SOURCE,
    PAYLOAD,
    PAYLOAD_HAVE,
    PAYLOAD_LENGTH,
    PROTOCOL,
    SOURCE,
    SOURCE_MAC,
    SOURCE_PORT,
    TCP,
    UDP,
    VLAN,
)

Octets = memoryview
Columns = memoryview

FROM_LINK, FROM_NETWORK, FROM_TRANSPORT = 0, 1, 2
"""Where to begin: with a link type, an EtherType, or an IP protocol."""

_NULL, _ETHERNET, _RAW_BSD, _RAW_OPENBSD, _PPP, _PPP_HDLC, _PPP_ETHER = 0, 1, 12, 14, 9, 50, 51
_RAW, _C_HDLC, _LOOP, _SLL, _IPV4_LINK, _IPV6_LINK, _SLL2 = 101, 104, 108, 113, 228, 229, 276
_IPV4, _IPV6, _ARP, _MPLS, _MPLS_MULTICAST = 0x0800, 0x86DD, 0x0806, 0x8847, 0x8848
_VLAN, _PROVIDER, _OLD_PROVIDER, _OLDER_PROVIDER, _PPPOE = 0x8100, 0x88A8, 0x9100, 0x9200, 0x8864
_BRIDGED, _ETHERNET_OVER_IP, _ERSPAN_2, _ERSPAN_3, _PPP_IN_GRE = 0x6558, 0x6400, 0x88BE, 0x22EB, 0x880B
_BACKBONE = 0x88E7
_PPP_IPV4, _PPP_IPV6, _PPP_MPLS = 0x21, 0x57, 0x281
_ICMP_IP, _IPV4_IP, _TCP_IP, _UDP_IP, _IPV6_IP, _GRE_IP, _AH_IP, _ICMPV6_IP = 1, 4, 6, 17, 41, 47, 51, 58
_HOP_BY_HOP, _ROUTING, _FRAGMENT_HEADER, _DESTINATION_OPTIONS, _MOBILITY = 0, 43, 44, 60, 135
_VXLAN_PORT, _OLD_VXLAN_PORT, _GENEVE_PORT = 4789, 8472, 6081
_GRE_CHECKSUM, _GRE_ROUTING, _GRE_KEY, _GRE_SEQUENCE, _GRE_ACKNOWLEDGMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
_DEEPEST = 24
"""Headers of link and network layers in one frame; tunnels in tunnels end here."""
_LARGEST_TYPE_AS_LENGTH = 1500


def pair(data: Octets, at: int) -> int:
    """An unsigned number of 16 bits in network byte order."""
    return (data[at] << 8) | data[at + 1]


def _ip_type(data: Octets, at: int, end: int) -> int:
    """The EtherType of a bare IP packet by its version; 0 when it is none."""
    if at < end and data[at] >> 4 == 4:
        return _IPV4
    if at < end and data[at] >> 4 == 6:
        return _IPV6
    return 0


def dissect(data: Octets, at: int, end: int, wire: int, stage: int, code: int, row: Columns, base: int) -> int:
    """Find the innermost packet between two offsets and write its columns into a row that begins at `base`.

    `end` is where the octets at hand end, `wire` where the frame ended before it was cut. Gives the row's kind.
    """
    if stage != FROM_TRANSPORT:
        row[base + FAMILY] = 0
        row[base + OUTER_FAMILY] = 0
        row[base + SOURCE_MAC] = -1
        row[base + DESTINATION_MAC] = -1
        row[base + VLAN] = -1
        row[base + IDENTIFICATION] = 0
    row[base + KIND] = NOTHING
    for _ in range(_DEEPEST):
        if stage == FROM_LINK:
            if code == _ETHERNET:
                if at + 14 > end:
                    return NOTHING
                row[base + DESTINATION_MAC] = at
                row[base + SOURCE_MAC] = at + 6
                code = pair(data, at + 12)
                at += 14
            elif code == _SLL:
                if at + 16 > end:
                    return NOTHING
                if pair(data, at + 4) == 6:
                    row[base + SOURCE_MAC] = at + 6
                code = pair(data, at + 14)
                at += 16
            elif code == _SLL2:
                if at + 20 > end:
                    return NOTHING
                if data[at + 11] == 6:
                    row[base + SOURCE_MAC] = at + 12
                code = pair(data, at)
                at += 20
            elif code in (_NULL, _LOOP):
                at += 4
                code = _ip_type(data, at, end)
            elif code in (_RAW, _RAW_BSD, _RAW_OPENBSD, _IPV4_LINK, _IPV6_LINK):
                code = _ip_type(data, at, end)
            elif code in (_PPP, _PPP_HDLC):
                code = _PPP_IN_GRE
            elif code == _PPP_ETHER:
                code = _PPPOE
            elif code == _C_HDLC:
                if at + 4 > end:
                    return NOTHING
                code = pair(data, at + 2)
                at += 4
            else:
                return NOTHING
            stage = FROM_NETWORK
            continue

        if stage == FROM_NETWORK:
            if code in (_VLAN, _PROVIDER, _OLD_PROVIDER, _OLDER_PROVIDER):
                if at + 4 > end:
                    return NOTHING
                row[base + VLAN] = pair(data, at) & 0x0FFF
                code = pair(data, at + 2)
                at += 4
                continue
            if code in (_MPLS, _MPLS_MULTICAST):
                if at + 4 > end:
                    return NOTHING
                bottom = data[at + 2] & 1
                at += 4
                if not bottom:
                    continue
                code = _ip_type(data, at, end)
                if code == 0:
                    # A pseudowire: an Ethernet frame, behind a control word that begins with four zero bits.
                    if at < end and data[at] >> 4 == 0:
                        at += 4
                    stage = FROM_LINK
                    code = _ETHERNET
                continue
            if code == _BACKBONE:
                # The service's number, and then the customer's whole frame.
                at += 4
                stage = FROM_LINK
                code = _ETHERNET
                continue
            if code == _PPPOE:
                if at + 6 > end or data[at + 1] != 0:
                    return NOTHING
                wire = min(wire, at + 6 + pair(data, at + 4))
                at += 6
                code = _PPP_IN_GRE
                continue
            if code == _PPP_IN_GRE:
                # Address and control (RFC 1662) are there or not.
                if at + 2 <= end and data[at] == 0xFF and data[at + 1] == 3:
                    at += 2
                if at + 2 > end:
                    return NOTHING
                # The protocol field may be compressed to one octet, which then is odd (RFC 1661 section 6.5).
                code = data[at]
                at += 1
                if code & 1 == 0:
                    code = (code << 8) | data[at]
                    at += 1
                if code == _PPP_IPV4:
                    code = _IPV4
                elif code == _PPP_IPV6:
                    code = _IPV6
                elif code == _PPP_MPLS:
                    code = _MPLS
                else:
                    return NOTHING
                continue
            if code <= _LARGEST_TYPE_AS_LENGTH:
                # IEEE 802.3: a length stands here, and LLC with SNAP tells the type (RFC 1042).
                if at + 8 > end or data[at] != 0xAA or data[at + 1] != 0xAA or data[at + 2] != 3:
                    return NOTHING
                if data[at + 3] or data[at + 4] or (data[at + 5] and data[at + 5] != 0xF8):
                    return NOTHING
                code = pair(data, at + 6)
                if code <= _LARGEST_TYPE_AS_LENGTH:
                    return NOTHING
                at += 8
                continue
            if code == _ARP:
                if at + 28 > end:
                    return NOTHING
                row[base + PAYLOAD] = at
                row[base + PAYLOAD_HAVE] = 28
                row[base + PAYLOAD_LENGTH] = 28
                row[base + KIND] = ARP
                return ARP
            if code != _IPV4 and code != _IPV6:
                return NOTHING
            if row[base + FAMILY] and not row[base + OUTER_FAMILY]:
                row[base + OUTER_FAMILY] = row[base + FAMILY]
                row[base + OUTER_SOURCE] = row[base + SOURCE]
                row[base + OUTER_DESTINATION] = row[base + DESTINATION]
            if code == _IPV4:
                if at + 20 > end or data[at] >> 4 != 4:
                    return NOTHING
                header = (data[at] & 15) * 4
                total = pair(data, at + 2)
                # Network cards that segment by themselves (offloading) are handed packets of length 0.
                if total == 0:
                    total = wire - at
                if header < 20 or total < header:
                    return NOTHING
                wire = at + total
                end = min(end, wire)
                row[base + FAMILY] = 4
                row[base + SOURCE] = at + 12
                row[base + DESTINATION] = at + 16
                row[base + IDENTIFICATION] = pair(data, at + 4)
                code = data[at + 9]
                fragment = pair(data, at + 6)
                at += header
                if fragment & 0x3FFF:
                    return _fragment(row, base, at, end, wire, code, (fragment & 0x1FFF) * 8, fragment & 0x2000)
            else:
                if at + 40 > end or data[at] >> 4 != 6:
                    return NOTHING
                wire = at + 40 + pair(data, at + 4)
                end = min(end, wire)
                row[base + FAMILY] = 6
                row[base + SOURCE] = at + 8
                row[base + DESTINATION] = at + 24
                row[base + IDENTIFICATION] = 0
                code = data[at + 6]
                at += 40
            stage = FROM_TRANSPORT
            continue

        # From here on `code` is an IP protocol: headers that lie between, tunnels, and what ends the search.
        if code in (_HOP_BY_HOP, _ROUTING, _DESTINATION_OPTIONS, _MOBILITY):
            if at + 8 > end or row[base + FAMILY] != 6:
                return NOTHING
            code = data[at]
            at += 8 * (data[at + 1] + 1)
            continue
        if code == _FRAGMENT_HEADER:
            if at + 8 > end or row[base + FAMILY] != 6:
                return NOTHING
            code = data[at]
            fragment = pair(data, at + 2)
            row[base + IDENTIFICATION] = (pair(data, at + 4) << 16) | pair(data, at + 6)
            at += 8
            if fragment & 0xFFF9:
                return _fragment(row, base, at, end, wire, code, fragment & 0xFFF8, fragment & 1)
            row[base + IDENTIFICATION] = 0
            continue
        if code == _AH_IP:
            if at + 12 > end:
                return NOTHING
            code = data[at]
            at += 4 * (data[at + 1] + 2)
            continue
        if code == _UDP_IP:
            if at + 8 > end:
                return NOTHING
            size = pair(data, at + 4)
            # A length below 8 or beyond the packet is damage (0 is a jumbogram's); what IP says then counts.
            if size < 8 or size > wire - at:
                size = wire - at
            port = pair(data, at + 2)
            if port in (_VXLAN_PORT, _OLD_VXLAN_PORT):
                if at + 16 <= end and data[at + 8] & 8 and data[at + 9] == 0 and data[at + 15] == 0:
                    at += 16
                    stage = FROM_LINK
                    code = _ETHERNET
                    continue
            elif port == _GENEVE_PORT and at + 16 <= end and data[at + 8] >> 6 == 0:
                inner = pair(data, at + 10)
                if inner in (_BRIDGED, _IPV4, _IPV6):
                    at += 16 + 4 * (data[at + 8] & 0x3F)
                    stage = FROM_NETWORK
                    code = inner
                    if inner == _BRIDGED:
                        stage = FROM_LINK
                        code = _ETHERNET
                    continue
            row[base + SOURCE_PORT] = pair(data, at)
            row[base + DESTINATION_PORT] = port
            row[base + CHECKSUM] = pair(data, at + 6)
            row[base + PAYLOAD] = at + 8
            row[base + PAYLOAD_HAVE] = max(0, min(end, at + size) - at - 8)
            row[base + PAYLOAD_LENGTH] = size - 8
            row[base + KIND] = UDP
            return UDP
        if code == _TCP_IP:
            if at + 20 > end:
                return NOTHING
            header = max((data[at + 12] >> 4) * 4, 20)
            row[base + SOURCE_PORT] = pair(data, at)
            row[base + DESTINATION_PORT] = pair(data, at + 2)
            row[base + FLAGS] = data[at + 13]
            row[base + PAYLOAD] = min(at + header, end)
            row[base + PAYLOAD_HAVE] = max(0, end - at - header)
            row[base + PAYLOAD_LENGTH] = max(0, wire - at - header)
            row[base + KIND] = TCP
            return TCP
        if code in (_ICMP_IP, _ICMPV6_IP):
            if at + 8 > end:
                return NOTHING
            row[base + PROTOCOL] = code
            row[base + PAYLOAD] = at
            row[base + PAYLOAD_HAVE] = end - at
            row[base + PAYLOAD_LENGTH] = wire - at
            row[base + KIND] = ICMP
            return ICMP
        stage = FROM_NETWORK
        if code == _IPV4_IP:
            code = _IPV4
            continue
        if code == _IPV6_IP:
            code = _IPV6
            continue
        if code != _GRE_IP or at + 4 > end:
            return NOTHING
        flags = pair(data, at)
        code = pair(data, at + 2)
        version = flags & 7
        if version > 1 or flags & _GRE_ROUTING:
            return NOTHING
        at += 4
        if flags & _GRE_CHECKSUM:
            at += 4
        if flags & _GRE_KEY:
            at += 4
        if flags & _GRE_SEQUENCE:
            at += 4
        if version == 1 and flags & _GRE_ACKNOWLEDGMENT:
            at += 4
        if code in (_BRIDGED, _ETHERNET_OVER_IP):
            stage = FROM_LINK
            code = _ETHERNET
        elif code == _ERSPAN_2:
            # Type I has neither a sequence number nor a header of its own.
            if flags & _GRE_SEQUENCE:
                at += 8
            stage = FROM_LINK
            code = _ETHERNET
        elif code == _ERSPAN_3:
            if at + 12 > end:
                return NOTHING
            # The last bit tells of eight octets more, for the platform's use.
            if data[at + 11] & 1:
                at += 8
            at += 12
            stage = FROM_LINK
            code = _ETHERNET
    return NOTHING


def _fragment(row: Columns, base: int, at: int, end: int, wire: int, protocol: int, offset: int, more: int) -> int:
    """A fragment of an IP packet, unless nothing of interest can be in it."""
    if protocol == _TCP_IP:
        return NOTHING
    row[base + PROTOCOL] = protocol
    row[base + FRAGMENT_OFFSET] = offset
    row[base + MORE_FRAGMENTS] = more
    row[base + PAYLOAD] = min(at, end)
    row[base + PAYLOAD_HAVE] = max(0, end - at)
    row[base + PAYLOAD_LENGTH] = max(0, wire - at)
    row[base + KIND] = FRAGMENT
    return FRAGMENT
