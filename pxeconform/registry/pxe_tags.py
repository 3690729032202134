"""PXE tags inside option 43, discovery control bits, boot server types and certificate identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


class PxeTag(IntEnum):
    """Tags of option 43 when option 60 of the same packet begins with ``PXEClient`` (PXE 2.1 Table 2-1).

    The table's names without their ``PXE_`` prefix; abbreviations written out.
    """

    PAD = 0
    MTFTP_IP = 1
    MTFTP_CLIENT_PORT = 2
    MTFTP_SERVER_PORT = 3
    MTFTP_TIMEOUT = 4
    MTFTP_DELAY = 5
    DISCOVERY_CONTROL = 6
    DISCOVERY_MULTICAST_ADDRESS = 7
    BOOT_SERVERS = 8
    BOOT_MENU = 9
    MENU_PROMPT = 10
    MULTICAST_ADDRESSES_ALLOCATION = 11
    CREDENTIAL_TYPES = 12
    BOOT_ITEM = 71
    END = 255


TagLevel = Literal["required", "recommended", "optional", ""]
TagSender = Literal[
    "any", "boot server", "redirection service", "redirection service to boot server", "client and boot server"
]


@dataclass(frozen=True, slots=True)
class TagFact:
    """One row of Table 2-1.

    ``length`` counts octets of the value as in :class:`~pxeconform.registry.dhcp_options.OptionFact`. ``level`` is the
    table's column, empty where it is blank. ``sent_by`` names the services; "redirection service" includes a DHCP
    server that carries PXE tags itself. ``byte_order`` is that of multi-octet numbers in the value.
    """

    tag: PxeTag
    length: str
    level: TagLevel
    sent_by: TagSender
    meaning: str
    byte_order: Literal["big", "little"] = "big"
    source: str = "PXE-2.1 Table 2-1"


_T = PxeTag
_REDIRECTION: TagSender = "redirection service"
_TAGS: tuple[TagFact, ...] = (
    TagFact(_T.PAD, "-", "", "any", "filler without a length octet"),
    TagFact(_T.MTFTP_IP, "4", "recommended", "boot server", "multicast group of the boot file; 0.0.0.0 means none"),
    # "Intel order" in the table; the text of §2.4.10 swaps the names of 2 and 3, and of 4 and 5. The table is right.
    TagFact(_T.MTFTP_CLIENT_PORT, "2", "", "boot server", "port on which clients listen for multicast data", "little"),
    TagFact(_T.MTFTP_SERVER_PORT, "2", "", "boot server", "port of the MTFTP server", "little"),
    TagFact(_T.MTFTP_TIMEOUT, "1", "", "boot server", "seconds of listening before a transfer is opened"),
    TagFact(_T.MTFTP_DELAY, "1", "", "boot server", "seconds of silence before a transfer is opened again"),
    TagFact(_T.DISCOVERY_CONTROL, "1", "required", _REDIRECTION, "which ways of discovery are allowed, see its bits"),
    TagFact(
        _T.DISCOVERY_MULTICAST_ADDRESS,
        "4",
        "recommended",
        _REDIRECTION,
        "group for boot server discovery; needed while bit 1 of tag 6 is clear",
    ),
    TagFact(
        _T.BOOT_SERVERS,
        "3+",
        "required",
        _REDIRECTION,
        "entries of type (2), count (1) and that many addresses; count 0 accepts any server of the type",
    ),
    TagFact(
        _T.BOOT_MENU,
        "4+",
        "required",
        _REDIRECTION,
        "entries of type (2), length (1, never 0) and description, in menu order; type 0 boots locally",
    ),
    TagFact(
        _T.MENU_PROMPT,
        "1+",
        "required",
        _REDIRECTION,
        "seconds (1) and prompt: 0 takes the first item at once, 255 shows the menu and waits for ever",
    ),
    TagFact(
        _T.MULTICAST_ADDRESSES_ALLOCATION,
        "8",
        "recommended",
        "redirection service to boot server",
        "first address (4), size of the block (2), most addresses for one boot server (2)",
    ),
    TagFact(
        _T.CREDENTIAL_TYPES,
        "4n",
        "required",
        "client and boot server",
        "certificate identifiers that the client takes (at most 63); the server answers with exactly one of them",
    ),
    TagFact(
        _T.BOOT_ITEM,
        "4",
        "required",
        "client and boot server",
        "boot server type (2) and layer (2); the top bit of the layer asks for credentials",
    ),
    TagFact(_T.END, "-", "required", "any", "end of the tags, without a length octet"),
)

TAGS: Mapping[int, TagFact] = MappingProxyType({int(fact.tag): fact for fact in _TAGS})
"""Facts of every tag by its number."""

RESERVED_TAGS = range(13, 64)
"""Reserved for PXE (Table 2-1)."""

LOADER_TAGS = range(64, 128)
"""Left to boot servers and loaders; only 71 has a meaning in PXE (Table 2-1)."""

VENDOR_TAGS = range(128, 255)
"""Left to the network boot program's vendor (Table 2-1)."""

MTFTP_TAGS: frozenset[PxeTag] = frozenset(PxeTag(number) for number in range(1, 6))
"""Tags that describe a multicast download."""

DISCOVERY_TAGS: frozenset[PxeTag] = frozenset(PxeTag(number) for number in range(6, 11))
"""Tags that steer discovery and menu; any of them makes an offer a full PXE offer for EDK2 (EDK2 PxeBcDhcp4.c)."""


class DiscoveryControl(IntFlag):
    """Bits of tag 6 (PXE 2.1 Table 2-1); an absent tag is no bit set, bits 4 to 7 must be zero."""

    BROADCAST_DISABLED = 0x01
    MULTICAST_DISABLED = 0x02
    USE_BOOT_SERVERS_LIST = 0x04
    DOWNLOAD_OFFERED_FILE = 0x08


DISCOVERY_CONTROL_RESERVED = 0xF0
"""Bits of tag 6 that must be zero."""

MENU_PROMPT_AT_ONCE = 0
"""Prompt timeout that takes the first item without showing anything (PXE-2.1 Table 2-1)."""

MENU_PROMPT_FOREVER = 255
"""Prompt timeout that never selects by itself (PXE-2.1 Table 2-1)."""

CREDENTIAL_LAYER_BIT = 0x8000
"""Bit of a boot item's layer that means the credentials of the file at the layer without it (PXE-2.1 Table 2-1)."""

CREDENTIAL_TYPES_MAXIMUM = 63
"""Most identifiers that one instance of tag 12 holds (PXE-2.1 Table 2-1)."""

CERTIFICATE_ID_DSA = 41
"""Identifier for DSA with SHA-1 when no certificate is installed (EFI-1.10 §15.5)."""

CERTIFICATE_ID_RSA_MD5 = 42
"""Identifier for RSA with MD5 when no certificate is installed (EFI-1.10 §15.5)."""

CERTIFICATE_ID_MASK = 0xFF7F7FFF
"""Mask over the first four octets of a certificate's SHA-1, read little-endian (EFI-1.10 §15.5)."""

CERTIFICATE_ID_NAMES: Mapping[int, str] = MappingProxyType(
    {CERTIFICATE_ID_DSA: "DSA with SHA-1", CERTIFICATE_ID_RSA_MD5: "RSA with MD5"}
)
"""Names of the identifiers that stand for an algorithm instead of a certificate."""

BOOT_SERVER_TYPES: Mapping[int, str] = MappingProxyType(
    {
        0: "PXE bootstrap server",
        1: "Microsoft Windows NT boot server",
        2: "Intel LCM boot server",
        3: "DOS/UNDI boot server",
        4: "NEC ESMPRO boot server",
        5: "IBM WSoD boot server",
        6: "IBM LCCM boot server",
        7: "CA Unicenter TNG boot server",
        8: "HP OpenView boot server",
        9: "Altiris boot server (9)",
        10: "Altiris boot server (10)",
        11: "Altiris boot server (11)",
        13: "Red Hat installation server",
        14: "Red Hat boot server",
        15: "Rembo boot server",
        16: "BeoBoot boot server",
        65535: "PXE API test server",
    }
)
"""Boot server types: 0 to 8 and 65535 by PXE-2.1 Table 2-1; 9 to 16 by EDK2 PxeBaseCode.h, reserved in PXE 2.1."""

BOOT_SERVER_LOCAL_BOOT = 0
"""Type that means local boot when it stands in the boot menu (PXE-2.1 Table 2-1)."""

BOOT_SERVER_RESERVED_TYPES = range(9, 32768)
"""Reserved by PXE-2.1 Table 2-1."""

BOOT_SERVER_VENDOR_TYPES = range(32768, 65535)
"""Vendors' own by PXE-2.1 Table 2-1 (EDK2 PxeBaseCode.h ends them at 65279)."""


def boot_server_type_name(number: int) -> str:
    """Return the name of a boot server type; ``"reserved (n)"``, ``"vendor (n)"`` or ``"invalid (n)"`` for the rest."""
    name = BOOT_SERVER_TYPES.get(number)
    if name is not None:
        return name
    if number in BOOT_SERVER_RESERVED_TYPES:
        return f"reserved ({number})"
    if number in BOOT_SERVER_VENDOR_TYPES:
        return f"vendor ({number})"
    return f"invalid ({number})"
