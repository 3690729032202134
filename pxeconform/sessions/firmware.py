"""Who is booting, told by what it sends: no string in a packet says "EDK2", habits do.

The habits are those of EDK2's and iPXE's DHCP clients, of ROMs made from Intel's development kit (PXE 2.1 Table 2-1)
and of PXELINUX (RFC 5071). They are evidence and no proof, so whatever fits none of them is `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from pxeconform.protocol.dhcp import BROADCAST_FLAG, Message
from pxeconform.registry.architectures import ARCHITECTURES
from pxeconform.registry.dhcp_options import Option

Signature = tuple[bytes, bytes, bool, tuple[int, ...]]
"""Class identifier, user class, whether iPXE's options are there, architectures: one program keeps them all."""

_LOADER_CLASSES = (b"iPXE", b"gPXE")
_NETBOOT_CLASSES = (b"PXEClient", b"HTTPClient", b"U-Boot")
_LEGACY_UNDI = b":UNDI:002"
_EDK2_LARGEST_MESSAGE = 1472
_UBOOT_LARGEST_MESSAGE = 576


class Firmware(Enum):
    """The program that plays the client."""

    EDK2 = "edk2"
    IPXE = "ipxe"
    INTEL = "intel"
    PXELINUX = "pxelinux"
    UNKNOWN = "unknown"


def signature(message: Message) -> Signature:
    """What changes when another program takes over on the same adapter (a loader after a ROM)."""
    return (
        message.class_identifier or b"",
        message.get(Option.USER_CLASS) or b"",
        Option.IPXE_ENCAPSULATED in message,
        message.architectures,
    )


def wants_to_boot(message: Message) -> bool:
    """The message is of a client that boots from the network, and not of any DHCP client."""
    return (
        (message.class_identifier or b"").startswith(_NETBOOT_CLASSES)
        or Option.CLIENT_ARCHITECTURE in message
        or is_ipxe(message)
    )


def is_ipxe(message: Message) -> bool:
    """iPXE or gPXE: their own encapsulated options, or their name as user class."""
    user_class = message.get(Option.USER_CLASS) or b""
    return Option.IPXE_ENCAPSULATED in message or any(name in user_class for name in _LOADER_CLASSES)


def is_uboot(message: Message) -> bool:
    """U-Boot: its own class, or the small message size that its EFI boot keeps under the name PXEClient."""
    return (message.class_identifier or b"").startswith(b"U-Boot") or (
        _largest_message(message) == _UBOOT_LARGEST_MESSAGE and bool(set(message.architectures) - {0})
    )


def _largest_message(message: Message) -> int:
    return int.from_bytes(message.get(Option.MAXIMUM_MESSAGE_SIZE) or b"", "big")


def _is_pxelinux(message: Message) -> bool:
    asked = message.get(Option.PARAMETER_REQUEST_LIST) or b""
    return Option.PXELINUX_CONFIGURATION_FILE in asked and Option.PXELINUX_PATH_PREFIX in asked


def _is_edk2(message: Message) -> bool:
    families = {entry.family for code in message.architectures if (entry := ARCHITECTURES.get(code))}
    return (
        families == {"uefi"}
        and _largest_message(message) >= _EDK2_LARGEST_MESSAGE
        and bool(message.flags & BROADCAST_FLAG or message.ciaddr != "0.0.0.0")
    )


def _is_intel(message: Message) -> bool:
    return message.is_pxe and 0 in message.architectures and _LEGACY_UNDI in (message.class_identifier or b"")


HABITS: tuple[tuple[Firmware, Callable[[Message], bool]], ...] = (
    (Firmware.IPXE, is_ipxe),
    (Firmware.PXELINUX, _is_pxelinux),
    (Firmware.UNKNOWN, is_uboot),
    (Firmware.EDK2, _is_edk2),
    (Firmware.INTEL, _is_intel),
)
"""Asked in this order: iPXE announces itself as PXEClient like everybody, so what is special goes first."""


def recognise(message: Message) -> Firmware:
    """The firmware that sent a message."""
    return next((firmware for firmware, habit in HABITS if habit(message)), Firmware.UNKNOWN)
