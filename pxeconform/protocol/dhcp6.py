"""DHCPv6 messages as far as network boot needs them (RFC 8415 sections 8, 9 and 21; RFC 5970; RFC 6939).

`parse` never raises, and unwraps what relays put around a message.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from uuid import UUID

from pxeconform.registry.dhcp_options import DHCPV6_PXE_ENTERPRISE, Dhcpv6MessageType, Dhcpv6Option

_MOST_RELAYS = 32
"""RFC 8415 section 7.6: HOP_COUNT_LIMIT is 8, older relays had 32."""

_RELAYED = frozenset({Dhcpv6MessageType.RELAY_FORW, Dhcpv6MessageType.RELAY_REPL})
_REPLIES = frozenset({Dhcpv6MessageType.ADVERTISE, Dhcpv6MessageType.REPLY, Dhcpv6MessageType.RECONFIGURE})
_CLIENT_LINK_LAYER_ADDRESS = 79
_DUID_LLT, _DUID_LL, _DUID_UUID = 1, 3, 4
_ETHERNET = 1


@dataclass(frozen=True, slots=True)
class Message6:
    """One DHCPv6 message, relays taken off; options are (code, value) in the order of the wire."""

    type: Dhcpv6MessageType
    xid: int
    options: tuple[tuple[int, bytes], ...] = ()
    relay: str | None = None
    """Link address of the relay nearest to the client, if one carried the message."""
    relay_options: tuple[tuple[int, bytes], ...] = ()
    cut: bool = field(default=False, compare=False)
    problems: tuple[str, ...] = field(default=(), compare=False)

    def get(self, code: int) -> bytes | None:
        """The first option of that code."""
        return next((value for each, value in self.options if each == code), None)

    @property
    def from_client(self) -> bool:
        """A message that clients send."""
        return self.type not in _REPLIES

    @property
    def elapsed(self) -> float:
        """Seconds that the client has been trying (option 8, hundredths on the wire)."""
        value = self.get(Dhcpv6Option.ELAPSED_TIME)
        return int.from_bytes(value, "big") / 100 if value is not None and len(value) == 2 else 0.0

    @property
    def boot_file_url(self) -> bytes:
        """Option 59, without the NUL that some servers add (RFC 5970 section 3.1)."""
        return (self.get(Dhcpv6Option.BOOTFILE_URL) or b"").rstrip(b"\0")

    @property
    def boot_file_parameters(self) -> tuple[bytes, ...]:
        """Option 60 (RFC 5970 section 3.2)."""
        return _prefixed(self.get(Dhcpv6Option.BOOTFILE_PARAM) or b"")

    @property
    def architectures(self) -> tuple[int, ...]:
        """Option 61 (RFC 5970 section 3.3)."""
        value = self.get(Dhcpv6Option.CLIENT_ARCH_TYPE) or b""
        return struct.unpack(f"!{len(value) // 2}H", value[: len(value) // 2 * 2])

    @property
    def vendor_class(self) -> bytes | None:
        """Option 16: the class of Intel's enterprise number if it is there, else the first one."""
        classes = [
            (int.from_bytes(value[:4], "big"), _prefixed(value[4:]))
            for code, value in self.options
            if code == Dhcpv6Option.VENDOR_CLASS and len(value) >= 4
        ]
        classes.sort(key=lambda each: each[0] != DHCPV6_PXE_ENTERPRISE)
        return next((texts[0] for _, texts in classes if texts), None)

    @property
    def user_class(self) -> bytes | None:
        """Option 15: its first class; iPXE sends its name there."""
        value = self.get(Dhcpv6Option.USER_CLASS)
        return None if value is None else next(iter(_prefixed(value)), value)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses in the identity associations (options 3 and 5)."""
        found: list[str] = []
        for code, value in self.options:
            if code == Dhcpv6Option.IA_NA and len(value) >= 12:
                inner, _ = _options(value[12:])
                found += [
                    socket.inet_ntop(socket.AF_INET6, octets[:16])
                    for each, octets in inner
                    if each == Dhcpv6Option.IAADDR and len(octets) >= 24
                ]
        return tuple(found)

    @property
    def status(self) -> int:
        """Status code (option 13) of the message or of one of its associations; 0 is success."""
        values = [self.get(Dhcpv6Option.STATUS_CODE)]
        for code, value in self.options:
            if code == Dhcpv6Option.IA_NA and len(value) >= 12:
                values += [octets for each, octets in _options(value[12:])[0] if each == Dhcpv6Option.STATUS_CODE]
        codes = [int.from_bytes(value[:2], "big") for value in values if value is not None and len(value) >= 2]
        return next((code for code in codes if code), 0)

    @property
    def client_duid(self) -> bytes | None:
        """Option 1."""
        return self.get(Dhcpv6Option.CLIENTID)

    @property
    def uuid(self) -> UUID | None:
        """The UUID of a client identifier of type 4 (RFC 6355); EDK2 leaves its first fields little-endian."""
        duid = self.client_duid
        if duid is None or len(duid) != 18 or int.from_bytes(duid[:2], "big") != _DUID_UUID:
            return None
        return UUID(bytes=duid[2:]) if self.user_class is not None else UUID(bytes_le=duid[2:])

    @property
    def link_address(self) -> bytes | None:
        """The client's Ethernet address, where a relay (RFC 6939) or the client identifier has it."""
        told = next((value for code, value in self.relay_options if code == _CLIENT_LINK_LAYER_ADDRESS), b"")
        if len(told) == 8:
            return told[2:]
        duid = self.client_duid or b""
        kind, hardware = int.from_bytes(duid[:2], "big"), int.from_bytes(duid[2:4], "big")
        if hardware != _ETHERNET:
            return None
        if kind == _DUID_LLT and len(duid) == 14:
            return duid[8:]
        return duid[4:] if kind == _DUID_LL and len(duid) == 10 else None


def parse(payload: bytes, length: int | None = None) -> Message6 | None:
    """Read one UDP payload; `None` for what is no DHCPv6 message."""
    cut = length is not None and len(payload) < length
    relay: str | None = None
    outer: tuple[tuple[int, bytes], ...] = ()
    problems: tuple[str, ...] = ()
    for _ in range(_MOST_RELAYS):
        if len(payload) < 4:
            return None
        try:
            kind = Dhcpv6MessageType(payload[0])
        except ValueError:
            return None
        if kind not in _RELAYED:
            options, bad = _options(payload[4:])
            return Message6(kind, int.from_bytes(payload[1:4], "big"), options, relay, outer, cut, problems + bad)
        if len(payload) < 34:
            return None
        relay = socket.inet_ntop(socket.AF_INET6, payload[2:18])
        outer, bad = _options(payload[34:])
        problems += bad
        payload = next((value for code, value in outer if code == Dhcpv6Option.RELAY_MSG), b"")
    return None


def _options(octets: bytes) -> tuple[tuple[tuple[int, bytes], ...], tuple[str, ...]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(octets):
        code, size = struct.unpack_from("!HH", octets, at)
        at += 4
        if at + size > len(octets):
            return tuple(found), (f"option {code} runs past the end of the message",)
        found.append((code, octets[at : at + size]))
        at += size
    return tuple(found), ()


def _prefixed(octets: bytes) -> tuple[bytes, ...]:
    """Strings that each follow their length in two octets."""
    found: list[bytes] = []
    at = 0
    while at + 2 <= len(octets):
        size = int.from_bytes(octets[at : at + 2], "big")
        if at + 2 + size > len(octets):
            break
        found.append(octets[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(found)
