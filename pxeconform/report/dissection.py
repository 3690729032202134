"""One datagram decoded by name, as lines of text: our half of `dissect`. Strings are as in the packet; the caller
escapes them for the place where they are shown."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from uuid import UUID

from pxeconform.capture.datagrams import Checksum, Datagram, Kind
from pxeconform.protocol import dhcp, dhcp6, tftp, vendor_options
from pxeconform.protocol.dhcp import Message, Place
from pxeconform.protocol.dhcp6 import Message6
from pxeconform.registry.architectures import architecture_name
from pxeconform.registry.dhcp_options import OPTION_NAMES, BootpOp, Dhcpv6Option, MessageType, Option
from pxeconform.registry.ports import Port
from pxeconform.registry.pxe_tags import PxeTag, boot_server_type_name
from pxeconform.registry.tftp_codes import ERROR_MEANINGS, Opcode

_DHCP_PORTS = frozenset({Port.DHCP_SERVER, Port.DHCP_CLIENT, Port.PXE})
_DHCPV6_PORTS = frozenset({Port.DHCPV6_SERVER, Port.DHCPV6_CLIENT})
_MOST_OCTETS = 64
"""Octets of a value without a text of its own that are shown."""

_CHECKSUMS = {
    Checksum.RIGHT: "right",
    Checksum.WRONG: "wrong, hosts drop it",
    Checksum.ABSENT: "none",
    Checksum.OFFLOADED: "left to the network card (offloading)",
}

_O = Option
_ADDRESSES = frozenset(
    {_O.SUBNET_MASK, _O.ROUTER, _O.TIME_SERVER, _O.DOMAIN_NAME_SERVER, _O.LOG_SERVER, _O.SWAP_SERVER}
    | {_O.BROADCAST_ADDRESS, _O.NIS_SERVERS, _O.NTP_SERVERS, _O.NETBIOS_NAME_SERVER, _O.REQUESTED_ADDRESS}
    | {_O.SERVER_IDENTIFIER, _O.ASSOCIATED_ADDRESS, _O.SUBNET_SELECTION, _O.TFTP_SERVER_ADDRESS}
)
_NUMBERS = frozenset(
    {_O.TIME_OFFSET, _O.BOOT_FILE_SIZE, _O.INTERFACE_MTU, _O.LEASE_TIME, _O.OPTION_OVERLOAD, _O.MAXIMUM_MESSAGE_SIZE}
    | {_O.RENEWAL_TIME, _O.REBINDING_TIME, _O.CLIENT_LAST_TRANSACTION_TIME, _O.PXELINUX_REBOOT_TIME}
)
_TEXTS = frozenset(
    {_O.HOST_NAME, _O.DOMAIN_NAME, _O.ROOT_PATH, _O.EXTENSIONS_PATH, _O.NIS_DOMAIN, _O.MESSAGE, _O.CLASS_IDENTIFIER}
    | {_O.TFTP_SERVER_NAME, _O.BOOT_FILE_NAME, _O.USER_CLASS, _O.ISCSI_INITIATOR_NAME, _O.WEB_PROXY_AUTODISCOVERY}
    | {_O.PXELINUX_CONFIGURATION_FILE, _O.PXELINUX_PATH_PREFIX}
)


def lines(datagram: Datagram, *, is_tftp: bool = False) -> Iterator[str]:
    """What a datagram says, indented by two spaces a level; `is_tftp` tells that its ports belong to a transfer."""
    moment = datetime.fromtimestamp(datagram.time // 1_000_000_000, UTC)
    yield f"Frame {datagram.frame}, {moment:%Y-%m-%d %H:%M:%S}.{datagram.time % 1_000_000_000:09d} UTC"
    if datagram.source_mac:
        yield f"  {datagram.source_mac.hex(':')} to {datagram.destination_mac.hex(':') or 'an address not captured'}"
    if datagram.vlan is not None:
        yield f"  VLAN {datagram.vlan}"
    if datagram.outer is not None:
        yield f"  in a tunnel from {datagram.outer[0]} to {datagram.outer[1]}"
    if datagram.kind is Kind.ARP:
        verb = {1: "asks for", 2: "tells"}.get((datagram.code or (0, 0))[0], "speaks of its address to")
        word = "neighbour discovery" if ":" in datagram.source else "ARP"
        yield f"  {word}: {datagram.source} {verb} {datagram.destination}"
        return
    where = f"{datagram.source}:{datagram.source_port} to {datagram.destination}:{datagram.destination_port}"
    if datagram.kind is Kind.TCP:
        yield f"  TCP {where}, flags 0x{(datagram.code or (0, 0))[0]:02x}, {datagram.length} octets"
        return
    if datagram.kind is Kind.ICMP_ERROR:
        kind, code = datagram.code or (0, 0)
        yield f"  ICMP error, type {kind} code {code}, from {datagram.reporter}; it quotes:"
    cut = f", of which the capture holds {len(datagram.payload)}" if datagram.cut else ""
    yield f"  UDP {where}, {datagram.length} octets{cut}"
    if datagram.checksum_state is not Checksum.UNKNOWN:
        yield f"  UDP checksum 0x{datagram.checksum:04x}: {_CHECKSUMS[datagram.checksum_state]}"
    if datagram.copy_of is not None:
        yield f"  a copy of frame {datagram.copy_of}: one datagram, captured twice"
    yield from (f"  {line}" for line in _payload(datagram, is_tftp))


def _payload(datagram: Datagram, is_tftp: bool) -> Iterator[str]:
    ports = {datagram.source_port, datagram.destination_port}
    message = dhcp.parse(datagram.payload, datagram.length) if ports & _DHCP_PORTS else None
    message6 = dhcp6.parse(datagram.payload, datagram.length) if ports & _DHCPV6_PORTS else None
    if message is not None:
        yield from _dhcp(message)
    elif message6 is not None:
        yield from _dhcp6(message6)
    elif is_tftp or Port.TFTP in ports:
        yield from _tftp(tftp.parse(datagram.payload, datagram.length))
    else:
        yield "nothing that network boot knows by its ports"


def _dhcp(message: Message) -> Iterator[str]:
    yield f"DHCP {message.type_name}"
    op = BootpOp(message.op).name
    yield f"  op {message.op} ({op}), htype {message.htype}, hlen {message.hlen}, hops {message.hops}"
    broadcast = " (broadcast)" if message.flags & dhcp.BROADCAST_FLAG else ""
    yield f"  xid 0x{message.xid:08x}, secs {message.secs}, flags 0x{message.flags:04x}{broadcast}"
    yield f"  ciaddr {message.ciaddr}, yiaddr {message.yiaddr}, siaddr {message.siaddr}, giaddr {message.giaddr}"
    yield f"  chaddr {message.mac}"
    for name, octets, bit in (("sname", message.sname, 2), ("file", message.file, 1)):
        if message.overload & bit:
            yield f"  {name} holds options (52)"
        elif octets:
            yield f"  {name} {_text(octets)}"
    for option in message.options:
        name = OPTION_NAMES.get(option.code, "unknown")
        place = f" [in {option.place.value}]" if option.place is not Place.OPTIONS else ""
        if option.code == Option.VENDOR_SPECIFIC and message.is_pxe:
            yield f"  option 43, {name}{place}: PXE tags"
            yield from (f"    {line}" for line in _tags(option.value))
        else:
            yield f"  option {option.code}, {name}{place}: {_option(option.code, option.value)}"
    if message.cut:
        yield "  the capture ends here"
    elif not message.cookie:
        yield "  no magic cookie: a BOOTP message"
    elif not message.ended:
        yield "  no END option"
    yield from (f"  {problem}" for problem in message.problems)


def _option(code: int, value: bytes) -> str:
    if code in _ADDRESSES and value and len(value) % 4 == 0:
        return ", ".join(socket.inet_ntoa(value[at : at + 4]) for at in range(0, len(value), 4))
    if code in _NUMBERS and value:
        return str(int.from_bytes(value, "big"))
    if code in _TEXTS:
        return _text(value)
    if code == Option.MESSAGE_TYPE and len(value) == 1:
        return _name(MessageType, value[0])
    if code == Option.PARAMETER_REQUEST_LIST:
        return ", ".join(map(str, value))
    if code == Option.CLIENT_ARCHITECTURE and value and len(value) % 2 == 0:
        numbers = (int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value), 2))
        return ", ".join(f"{number} ({architecture_name(number)})" for number in numbers)
    if code == Option.CLIENT_UUID and len(value) == 17 and value[0] == 0:
        return str(UUID(bytes_le=value[1:]))
    return _octets(value)


def _tags(value: bytes) -> Iterator[str]:
    tags = vendor_options.parse(value)
    for code, octets in tags.tags:
        name = _name(PxeTag, code)
        one = vendor_options.VendorOptions(((code, octets),))
        told = _octets(octets)
        if code == PxeTag.DISCOVERY_CONTROL and one.discovery_control is not None:
            told = f"0x{octets[0]:02x}"
        elif code == PxeTag.BOOT_SERVERS:
            told = "; ".join(f"{boot_server_type_name(s.type)} {', '.join(s.addresses)}" for s in one.boot_servers)
        elif code == PxeTag.BOOT_MENU:
            told = "; ".join(f"{item.type} {_text(item.description)}" for item in one.boot_menu)
        elif code == PxeTag.MENU_PROMPT and one.menu_prompt is not None:
            told = f"{one.menu_prompt.timeout} s {_text(one.menu_prompt.text)}"
        elif code == PxeTag.BOOT_ITEM and one.boot_item is not None:
            told = str(one.boot_item)
        elif code in (PxeTag.MTFTP_IP, PxeTag.DISCOVERY_MULTICAST_ADDRESS) and len(octets) == 4:
            told = socket.inet_ntoa(octets)
        yield f"tag {code}, {name}: {told}"
    yield from tags.problems


def _dhcp6(message: Message6) -> Iterator[str]:
    yield f"DHCPv6 {message.type.name}, xid 0x{message.xid:06x}"
    if message.relay is not None:
        yield f"  through the relay {message.relay}"
    for code, value in message.options:
        name = _name(Dhcpv6Option, code)
        told = _text(value) if code == Dhcpv6Option.BOOTFILE_URL else _octets(value)
        yield f"  option {code}, {name}: {told}"
    if message.cut:
        yield "  the capture ends here"
    yield from (f"  {problem}" for problem in message.problems)


def _tftp(packet: tftp.Packet | None) -> Iterator[str]:
    match packet:
        case None:
            yield "no TFTP packet: its opcode is none"
        case tftp.Request():
            yield f"TFTP {packet.opcode.name} of {_text(packet.filename)}, mode {packet.mode}"
            yield from (f"  option {name} {value}" for name, value in packet.options)
        case tftp.Data():
            yield f"TFTP DATA, block {packet.block}, {packet.length} octets"
        case tftp.Ack():
            yield f"TFTP ACK, block {packet.block}"
        case tftp.Error():
            meaning = next((text for code, text in ERROR_MEANINGS.items() if code == packet.code), "unknown")
            yield f"TFTP ERROR {packet.code} ({meaning}): {packet.text}"
        case tftp.Oack():
            yield "TFTP OACK"
            yield from (f"  option {name} {value}" for name, value in packet.options)
        case tftp.Malformed():
            yield f"TFTP {_name(Opcode, packet.opcode)}, malformed: {packet.reason}"


def _name(facts: type[IntEnum], code: int) -> str:
    return next((fact.name for fact in facts if fact == code), f"unknown ({code})")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _octets(octets: bytes) -> str:
    shown = octets[:_MOST_OCTETS].hex(" ")
    return f"{shown} ... ({len(octets)} octets)" if len(octets) > _MOST_OCTETS else shown or "empty"
