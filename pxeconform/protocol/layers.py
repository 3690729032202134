"""Scapy layers for what Scapy lacks, to build the packets that a scenario sends.

The numbers in here are written down again from PXE 2.1 Table 2-1 and not taken from the registry: these layers and
the plain codec check each other. Of this room this module alone imports Scapy. The import needs no privileges and
sends nothing; Scapy reads the routing table over netlink and keeps a cache of names below the user's home.

What is Scapy's own and used as it is: `BOOTP`, `DHCP` (options as name and value pairs) and the TFTP packets
(`TFTP`, `TFTP_RRQ`, `TFTP_WRQ`, `TFTP_DATA`, `TFTP_ACK`, `TFTP_ERROR`, `TFTP_OACK`, `TFTP_Options`, `TFTP_Option`).
What is added:

- option 43 as PXE tags (`PXEVendorOptions` and a layer for each tag that Table 2-1 defines);
- `dhcp_packet`, since Scapy takes options 43, 93, 94 and 97 as plain octets and turns anything else silently into
  its Python spelling, and refuses values over 255 octets;
- TFTP options: building from pairs, a tail without its final NUL, and reading with lower-case names (Scapy keeps the
  sender's spelling and takes an unfinished option for a whole one);
- TFTP on other ports (MTFTP, PXE 2.1 section 2.4.10; transfer identifiers): Scapy knows port 69 alone, and binding
  more ports would change how every packet of the process is read. `read_tftp` and `mtftp_request` do without.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

for _name in ("scapy", "scapy.loading", "scapy.runtime"):
    # No interface, no route or no libpcap is nothing to tell somebody who only builds packets.
    logging.getLogger(_name).setLevel(logging.CRITICAL)

from scapy.fields import (  # noqa: E402
    BitField,
    ByteEnumField,
    ByteField,
    FieldLenField,
    FieldListField,
    FlagsField,
    IntField,
    IPField,
    LEShortField,
    PacketListField,
    ShortField,
    StrLenField,
)
from scapy.layers.dhcp import BOOTP, DHCP, DHCPOptions, DHCPRevOptions  # noqa: E402
from scapy.layers.inet import UDP  # noqa: E402
from scapy.layers.tftp import TFTP, TFTP_OACK, TFTP_RRQ, TFTP_WRQ, TFTP_Option, TFTP_Options  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

_PAD, _END = 0, 255
_MOST_TAGS = 1024
"""Tags (pads count) that one option 43 is taken apart into; what follows stays octets."""

TAG_NAMES = {
    0: "PXE_PAD",
    1: "PXE_MTFTP_IP",
    2: "PXE_MTFTP_CPORT",
    3: "PXE_MTFTP_SPORT",
    4: "PXE_MTFTP_TMOUT",
    5: "PXE_MTFTP_DELAY",
    6: "PXE_DISCOVERY_CONTROL",
    7: "DISCOVERY_MCAST_ADDR",
    8: "PXE_BOOT_SERVERS",
    9: "PXE_BOOT_MENU",
    10: "PXE_MENU_PROMPT",
    11: "PXE_MCAST_ADDRS_ALLOC",
    12: "PXE_CREDENTIAL_TYPES",
    71: "PXE_BOOT_ITEM",
    255: "PXE_END",
}
"""The names that PXE 2.1 Table 2-1 prints."""

DISCOVERY_FLAGS = [
    "broadcast_disabled",
    "multicast_disabled",
    "listed_servers_only",
    "download_at_once",
    *(f"reserved{bit}" for bit in range(4, 8)),
]
"""Bits of tag 6 from the least significant (PXE 2.1 Table 2-1)."""


class _Inner(Packet):
    """A packet within a list: what follows belongs to the next one."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class _Tag(_Inner):
    """Tag, length, value; the length is filled in unless it was given (also a wrong one, which is then sent)."""

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            size = len(pkt) - 2
            if size > 255:
                raise ValueError(f"the value of PXE tag {self.tag} has {size} octets, at most 255 fit")
            pkt = pkt[:1] + bytes((size,)) + pkt[2:]
        return pkt + pay


def _head(tag: int) -> list[Any]:
    return [ByteEnumField("tag", tag, TAG_NAMES), ByteField("length", None)]


class PXEPad(_Inner):
    """PXE_PAD: one octet, no length."""

    fields_desc: ClassVar[list[Any]] = [ByteEnumField("tag", _PAD, TAG_NAMES)]


class PXEEnd(_Inner):
    """PXE_END: one octet, no length."""

    fields_desc: ClassVar[list[Any]] = [ByteEnumField("tag", _END, TAG_NAMES)]


class PXETag(_Tag):
    """Any tag, with its value as octets; parsing gives it for what no other layer fits exactly."""

    fields_desc: ClassVar[list[Any]] = [*_head(128), StrLenField("value", b"", length_from=lambda tag: tag.length)]


class PXEMTFTPAddress(_Tag):
    """Tag 1: the multicast address of the boot file's group."""

    fields_desc: ClassVar[list[Any]] = [*_head(1), IPField("address", "0.0.0.0")]


class PXEMTFTPClientPort(_Tag):
    """Tag 2: the port that clients listen on. Intel order, i.e. the low octet first."""

    fields_desc: ClassVar[list[Any]] = [*_head(2), LEShortField("port", 1758)]


class PXEMTFTPServerPort(_Tag):
    """Tag 3: the port of the MTFTP server. Intel order, i.e. the low octet first."""

    fields_desc: ClassVar[list[Any]] = [*_head(3), LEShortField("port", 1759)]


class PXEMTFTPTimeout(_Tag):
    """Tag 4: seconds to listen before a transfer is opened."""

    fields_desc: ClassVar[list[Any]] = [*_head(4), ByteField("seconds", 1)]


class PXEMTFTPDelay(_Tag):
    """Tag 5: seconds of silence before a transfer is opened again."""

    fields_desc: ClassVar[list[Any]] = [*_head(5), ByteField("seconds", 1)]


class PXEDiscoveryControl(_Tag):
    """Tag 6: how boot servers may be looked for; bits as `DISCOVERY_FLAGS` names them."""

    fields_desc: ClassVar[list[Any]] = [*_head(6), FlagsField("control", 0, 8, DISCOVERY_FLAGS)]


class PXEDiscoveryMulticastAddress(_Tag):
    """Tag 7: the group for boot server discovery."""

    fields_desc: ClassVar[list[Any]] = [*_head(7), IPField("address", "0.0.0.0")]


class PXEBootServer(_Inner):
    """One entry of tag 8: the boot servers of one type; no address means any server of that type."""

    fields_desc: ClassVar[list[Any]] = [
        ShortField("type", 0),
        FieldLenField("number", None, count_of="addresses", fmt="B"),
        FieldListField("addresses", [], IPField("", "0.0.0.0"), count_from=lambda entry: entry.number, max_count=255),
    ]


class PXEBootServers(_Tag):
    """Tag 8: boot servers by type."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(8),
        PacketListField("servers", [], PXEBootServer, length_from=lambda tag: tag.length),
    ]


class PXEMenuItem(_Inner):
    """One entry of tag 9: a boot server type and its description; type 0 boots locally."""

    fields_desc: ClassVar[list[Any]] = [
        ShortField("type", 0),
        FieldLenField("size", None, length_of="description", fmt="B"),
        StrLenField("description", b"", length_from=lambda entry: entry.size),
    ]


class PXEBootMenu(_Tag):
    """Tag 9: the boot menu, in the order of the screen."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(9),
        PacketListField("items", [], PXEMenuItem, length_from=lambda tag: tag.length),
    ]


class PXEMenuPrompt(_Tag):
    """Tag 10: seconds until the first item is taken (0 at once, 255 never) and the text of the prompt."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(10),
        ByteField("timeout", 0),
        StrLenField("text", b"", length_from=lambda tag: tag.length - 1),
    ]


class PXEMulticastAllocation(_Tag):
    """Tag 11: multicast addresses that a boot server may take; for boot servers, never for clients (Table 2-8)."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(11),
        IPField("base", "0.0.0.0"),
        ShortField("block", 0),
        ShortField("range", 0),
    ]


class PXECredentialTypes(_Tag):
    """Tag 12: certificate identifiers, 32 bits each (Note 5)."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(12),
        FieldListField("types", [], IntField("", 0), length_from=lambda tag: tag.length),
    ]


class PXEBootItem(_Tag):
    """Tag 71: type of boot server, and layer; the layer's top bit asks for the credentials of that layer (Note 6)."""

    fields_desc: ClassVar[list[Any]] = [
        *_head(71),
        ShortField("type", 0),
        BitField("credentials", 0, 1),
        BitField("layer", 0, 15),
    ]


def _whole_entries(value: bytes, unit: int) -> bool:
    """Whether entries of type (2), count (1) and count times `unit` octets fill the value to its end."""
    at = 0
    while at + 3 <= len(value):
        at += 3 + unit * value[at + 2]
    return at == len(value)


_OF_ONE_LENGTH: dict[int, tuple[type[_Tag], int]] = {
    1: (PXEMTFTPAddress, 4),
    2: (PXEMTFTPClientPort, 2),
    3: (PXEMTFTPServerPort, 2),
    4: (PXEMTFTPTimeout, 1),
    5: (PXEMTFTPDelay, 1),
    6: (PXEDiscoveryControl, 1),
    7: (PXEDiscoveryMulticastAddress, 4),
    11: (PXEMulticastAllocation, 8),
    71: (PXEBootItem, 4),
}


def _tag_layer(tag: int, value: bytes) -> type[_Tag]:
    """The layer that holds this value without loss."""
    layer, size = _OF_ONE_LENGTH.get(tag, (PXETag, -1))
    if len(value) == size:
        return layer
    if tag == 8 and _whole_entries(value, 4):
        return PXEBootServers
    if tag == 9 and _whole_entries(value, 1):
        return PXEBootMenu
    if tag == 10 and value:
        return PXEMenuPrompt
    if tag == 12 and len(value) % 4 == 0:
        return PXECredentialTypes
    return PXETag


def _next_tag(_packet: Any, before: list[Any], last: Any, rest: bytes) -> type[Packet] | None:
    """What comes next in a list of tags; `None` leaves the rest as payload: after END, and where a tag breaks off."""
    if not rest or isinstance(last, PXEEnd) or len(before) >= _MOST_TAGS - 1:
        return None
    if rest[0] in (_PAD, _END):
        return PXEPad if rest[0] == _PAD else PXEEnd
    if len(rest) < 2 or len(rest) < 2 + rest[1]:
        return None
    return _tag_layer(rest[0], rest[2 : 2 + rest[1]])


class PXEVendorOptions(Packet):
    """The value of option 43 where option 60 says PXEClient: tags, and what lies behind them as payload.

    END is a tag like others (`PXEEnd`), so that it can be left out.
    """

    fields_desc: ClassVar[list[Any]] = [PacketListField("tags", [], next_cls_cb=_next_tag, max_count=_MOST_TAGS)]

    def tag(self, number: int) -> Any:
        """The first tag of that number, or `None`."""
        return next((tag for tag in self.tags if getattr(tag, "tag", None) == number), None)


def dhcp_packet(**fields: Any) -> Any:
    """A DHCP message as Scapy's `BOOTP` / `DHCP`.

    Names are those of Scapy: BOOTP's fields (`xid`, `chaddr`, `ciaddr`, ...) and DHCP options with `-` written `_`
    (`message_type`, `server_id`, `vendor_class_id`, ...), which are sent in the order given. Besides what Scapy takes

    - `chaddr` may be octets of any length up to 16 or a MAC address with colons (`hlen` follows it unless given);
    - `message_type` may be a number;
    - `pxe_client_architecture` (93) is a number or several (16 bits each, RFC 4578 section 2.1);
    - `pxe_client_network_interface` (94) is (type, major, minor) (section 2.2);
    - `pxe_client_machine_identifier` (97) is a UUID, sent as type 0 with its first three fields low octet first
      (section 2.3);
    - `vendor_specific` (43) is a `PXEVendorOptions` or a list of its tags, to which END is added;
    - octets are sent as they are, for every option.

    `more` holds further options: code to octets, or pairs of them. `end` (default true) sends END, `shortest`
    (default 300, RFC 1542 section 2.1) is the length to fill up to with pads, and `with_cookie` (default true) set to
    false leaves a BOOTP packet without magic cookie or options. Values over 255 octets are split (RFC 3396).

    Raises `TypeError` for names that are unknown, `ValueError` for values that do not fit; no name is looked up.
    """
    more = fields.pop("more", ())
    end, shortest, cookie = fields.pop("end", True), fields.pop("shortest", 300), fields.pop("with_cookie", True)
    header = {name: fields.pop(name) for name in list(fields) if name in _BOOTP_FIELDS}
    options: list[Any] = []
    for name, value in fields.items():
        code = _OPTION_CODES.get(name)
        if code is None:
            raise TypeError(f"neither a BOOTP field nor a DHCP option of Scapy: {name}")
        options += _split(code, _option_value(code, name, value))
    for code, value in more.items() if isinstance(more, Mapping) else more:
        options += _split(code, bytes(value))
    packet = _bootp(header)
    if cookie:
        packet /= DHCP(options=[*options, "end"] if end else options)
    elif options:
        raise ValueError("options follow the magic cookie")
    # Read again, Scapy shows its names and typed values instead of the codes and octets that went in.
    return BOOTP(bytes(packet).ljust(shortest, b"\0"))


def _bootp(header: dict[str, Any]) -> Any:
    hardware = header.get("chaddr", b"")
    if isinstance(hardware, str):
        hardware = bytes.fromhex(hardware.replace(":", ""))
    if len(hardware) > 16:
        raise ValueError("chaddr has at most 16 octets")
    for name, size in (("sname", 64), ("file", 128)):
        if len(header.get(name, b"")) > size:
            raise ValueError(f"{name} has at most {size} octets")
    for name in ("ciaddr", "yiaddr", "siaddr", "giaddr"):
        _check_address(header.get(name, "0.0.0.0"))
    header.setdefault("hlen", len(hardware) or 6)
    bootp = BOOTP(**{**header, "chaddr": hardware.ljust(16, b"\0")})
    if bytes(bootp)[28:44] != hardware.ljust(16, b"\0"):
        raise ValueError("Scapy takes this chaddr for a MAC address in text")
    return bootp


def _option_value(code: int, name: str, value: Any) -> bytes:
    """The octets of one option."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if code == 43:
        tags = value if isinstance(value, PXEVendorOptions) else PXEVendorOptions(tags=[*value, PXEEnd()])
        return bytes(tags)
    try:
        if code == 93:
            numbers = (value,) if isinstance(value, int) else tuple(value)
            return struct.pack(f"!{len(numbers)}H", *numbers)
        if code == 94:
            return bytes(value)
        if code == 97 and isinstance(value, UUID):
            return b"\0" + value.bytes_le
        if code == 53 and isinstance(value, int):
            return bytes((value,))
        field: Any = DHCPOptions[code]
        if isinstance(field, str):
            if not isinstance(value, str):
                raise ValueError(f"{name} wants octets or text")
            return value.encode("latin-1")
        if isinstance(field, FieldListField):
            return bytes(value)
        values = value if isinstance(value, list | tuple) else (value,)
        if isinstance(field, IPField):
            for address in values:
                _check_address(address)
        return b"".join(field.addfield(None, b"", field.any2i(None, each)) for each in values)
    except (struct.error, TypeError, KeyError, UnicodeEncodeError) as error:
        raise ValueError(f"{name} cannot be {value!r}") from error


def _check_address(address: str) -> None:
    # Scapy would ask the resolver for whatever is no dotted quad.
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, TypeError) as error:
        raise ValueError(f"{address!r} is no IPv4 address") from error


def _split(code: int, value: bytes) -> list[tuple[int, bytes]]:
    if not 0 < code < 255:
        raise ValueError(f"{code} is no option that has a value")
    return [(code, value[at : at + 255]) for at in range(0, len(value), 255)] or [(code, b"")]


_BOOTP_FIELDS = frozenset(field.name for field in BOOTP.fields_desc) - {"options"}
_OPTION_CODES = {name.replace("-", "_"): code for name, (code, _) in DHCPRevOptions.items() if 0 < code < 255}

TFTPPairs = Iterable[tuple[str | bytes, str | bytes]]
"""Option names and values, in the order of the packet."""


def tftp_request(
    filename: bytes | str,
    mode: bytes | str = "octet",
    options: TFTPPairs = (),
    *,
    write: bool = False,
    terminated: bool = True,
) -> Any:
    """A read or write request (RFC 1350 section 5, RFC 2347); without `terminated` its last NUL is left out."""
    head = TFTP(op=2 if write else 1) / (TFTP_WRQ if write else TFTP_RRQ)(
        filename=_octets(filename), mode=_octets(mode)
    )
    return _with_options(head, options, terminated)


def tftp_option_acknowledgment(options: TFTPPairs, *, terminated: bool = True) -> Any:
    """An OACK (RFC 2347); without `terminated` its last NUL is left out."""
    return _with_options(TFTP(op=6) / TFTP_OACK(), options, terminated)


def _with_options(head: Any, options: TFTPPairs, terminated: bool) -> Any:
    if not terminated:
        tail = bytes(head) + b"".join(_octets(name) + b"\0" + _octets(value) + b"\0" for name, value in options)
        return Raw(tail[:-1])
    pairs = [TFTP_Option(oname=_octets(name), value=_octets(value)) for name, value in options]
    return head / TFTP_Options(options=pairs) if pairs else head


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def tftp_options(packet: Any) -> dict[str, str]:
    """The options of a request or an OACK by lower-case name (RFC 2347: case is ignored); of equals the first counts.

    An option whose value or final NUL is missing is left out.
    """
    layer = packet.getlayer(TFTP_Options)
    if layer is None:
        return {}
    fields = bytes(layer).split(b"\0")[:-1]
    found: dict[str, str] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def read_tftp(packet: Any) -> Any:
    """The TFTP packet in a UDP packet of any port, or in octets; `None` where no TFTP opcode stands first.

    MTFTP and a server's transfer identifier use other ports than 69. The packet given is not changed.
    """
    octets = packet if isinstance(packet, bytes) else bytes(packet[UDP].payload)
    if len(octets) < 2 or not 1 <= int.from_bytes(octets[:2], "big") <= 6:
        return None
    return TFTP(octets)


def mtftp_request(filename: bytes | str, *, client_port: int, server_port: int) -> Any:
    """UDP / TFTP: a read request from tag 2's port to tag 3's, mode octet, no options (PXE 2.1 section 2.4.10)."""
    return UDP(sport=client_port, dport=server_port) / tftp_request(filename)
