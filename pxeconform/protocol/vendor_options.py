"""Option 43 as PXE reads it (PXE 2.1 Table 2-1): tags, boot items, menus, server lists.

Octets are PXE tags only where option 60 of the same packet says PXEClient; that is the caller's to check. Parsing
never raises: what breaks off is kept as far as it goes and told in `problems`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pxeconform.registry.pxe_tags import CREDENTIAL_LAYER_BIT, DiscoveryControl, PxeTag

_LONGEST_VALUE = 255


@dataclass(frozen=True, slots=True)
class BootItem:
    """PXE_BOOT_ITEM (tag 71): the type of boot server and the layer, i.e. which of its files."""

    type: int
    layer: int = 0

    @property
    def wants_credentials(self) -> bool:
        """The most significant bit of the layer asks for the credentials of the file (Note 6)."""
        return bool(self.layer & CREDENTIAL_LAYER_BIT)

    def with_credentials(self) -> BootItem:
        """The item that names the credentials of this item's file."""
        return BootItem(self.type, self.layer | CREDENTIAL_LAYER_BIT)

    def encode(self) -> bytes:
        """Four octets, network byte order."""
        return struct.pack("!HH", self.type, self.layer)

    def __str__(self) -> str:
        return f"type {self.type} layer {self.layer & ~CREDENTIAL_LAYER_BIT}" + (
            " credentials" if self.wants_credentials else ""
        )


@dataclass(frozen=True, slots=True)
class BootServers:
    """One entry of PXE_BOOT_SERVERS (tag 8); no address means: any server of that type."""

    type: int
    addresses: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Type, count, addresses."""
        return struct.pack("!HB", self.type, len(self.addresses)) + b"".join(map(socket.inet_aton, self.addresses))


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of PXE_BOOT_MENU (tag 9); type 0 boots locally."""

    type: int
    description: bytes

    def encode(self) -> bytes:
        """Type, length, description."""
        return struct.pack("!HB", self.type, len(self.description)) + self.description


@dataclass(frozen=True, slots=True)
class MenuPrompt:
    """PXE_MENU_PROMPT (tag 10): seconds until the first item is taken (0 at once, 255 never) and the text."""

    timeout: int
    text: bytes

    def encode(self) -> bytes:
        """Timeout, text."""
        return bytes((self.timeout,)) + self.text


@dataclass(frozen=True, slots=True)
class VendorOptions:
    """The tags of one option 43, in order."""

    tags: tuple[tuple[int, bytes], ...] = ()
    ended: bool = True
    problems: tuple[str, ...] = ()

    def get(self, tag: int) -> bytes | None:
        """The first value of a tag."""
        return next((value for code, value in self.tags if code == tag), None)

    def __contains__(self, tag: int) -> bool:
        return any(code == tag for code, _ in self.tags)

    @property
    def discovery_control(self) -> DiscoveryControl | None:
        """Tag 6, or `None` when it is absent; absent means that all bits are 0."""
        value = self.get(PxeTag.DISCOVERY_CONTROL)
        return DiscoveryControl(value[0]) if value and len(value) == 1 else None

    @property
    def multicast_address(self) -> str | None:
        """Tag 7: the group for boot server discovery."""
        return _address(self.get(PxeTag.DISCOVERY_MULTICAST_ADDRESS))

    @property
    def boot_servers(self) -> tuple[BootServers, ...]:
        """Tag 8; an entry that breaks off ends the list."""
        found = []
        value = self.get(PxeTag.BOOT_SERVERS) or b""
        at = 0
        while at + 3 <= len(value):
            kind, count = struct.unpack_from("!HB", value, at)
            at += 3
            if at + 4 * count > len(value):
                break
            found.append(
                BootServers(kind, tuple(socket.inet_ntoa(value[at + 4 * n : at + 4 * n + 4]) for n in range(count)))
            )
            at += 4 * count
        return tuple(found)

    @property
    def boot_menu(self) -> tuple[MenuItem, ...]:
        """Tag 9; an entry that breaks off ends the list."""
        found = []
        value = self.get(PxeTag.BOOT_MENU) or b""
        at = 0
        while at + 3 <= len(value):
            kind, length = struct.unpack_from("!HB", value, at)
            at += 3
            if at + length > len(value):
                break
            found.append(MenuItem(kind, value[at : at + length]))
            at += length
        return tuple(found)

    @property
    def menu_prompt(self) -> MenuPrompt | None:
        """Tag 10."""
        value = self.get(PxeTag.MENU_PROMPT)
        return MenuPrompt(value[0], value[1:]) if value else None

    @property
    def boot_item(self) -> BootItem | None:
        """Tag 71, if it has its four octets."""
        value = self.get(PxeTag.BOOT_ITEM)
        return BootItem(*struct.unpack("!HH", value)) if value is not None and len(value) == 4 else None

    @property
    def credential_types(self) -> tuple[int, ...] | None:
        """Tag 12: certificate ids, or `None` when it is absent or no list of 32 bit numbers."""
        value = self.get(PxeTag.CREDENTIAL_TYPES)
        if value is None or len(value) % 4:
            return None
        return struct.unpack(f"!{len(value) // 4}I", value)

    @property
    def offers_discovery(self) -> bool:
        """Any of the tags 6 to 10: what EDK2 takes for a PXE 1.0 offer."""
        return any(PxeTag.DISCOVERY_CONTROL <= code <= PxeTag.MENU_PROMPT for code, _ in self.tags)


def parse(octets: bytes) -> VendorOptions:
    """Read the value of option 43."""
    tags: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        code = octets[at]
        at += 1
        if code == PxeTag.PAD:
            continue
        if code == PxeTag.END:
            return VendorOptions(tuple(tags), True)
        if at >= len(octets):
            return VendorOptions(tuple(tags), False, (f"tag {code} has no length",))
        length = octets[at]
        at += 1
        if at + length > len(octets):
            problem = f"tag {code} claims {length} octets, {len(octets) - at} are left"
            return VendorOptions(tuple(tags), False, (problem,))
        tags.append((code, octets[at : at + length]))
        at += length
    return VendorOptions(tuple(tags), False)


def build(tags: Iterable[tuple[int, bytes]], *, end: bool = True) -> bytes:
    """The value of option 43; raises `ValueError` for a value over 255 octets."""
    parts = []
    for code, value in tags:
        if len(value) > _LONGEST_VALUE:
            raise ValueError(f"the value of PXE tag {code} has {len(value)} octets, at most {_LONGEST_VALUE} fit")
        parts.append(bytes((code, len(value))) + value)
    return b"".join(parts) + (bytes((PxeTag.END,)) if end else b"")


def _address(value: bytes | None) -> str | None:
    return socket.inet_ntoa(value) if value is not None and len(value) == 4 else None
