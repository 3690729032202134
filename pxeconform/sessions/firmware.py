"""Who is booting, told by what it sends: no string in a packet says "EDK2", habits do.

The habits are those of EDK2's and iPXE's DHCP clients, of ROMs made from Intel's development kit (PXE 2.1 Table 2-1)
and of PXELINUX (RFC 5071). They are evidence and no proof, so whatever fits none of them is `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from pxeconform.protocol.dhcp import BROADCAST_FLAG, NOWHERE, Message
from pxeconform.registry.architectures import ARCHITECTURES
from pxeconform.registry.dhcp_options import Option
from pxeconform.sessions.transfers import Transfer

Signature = tuple[bytes, bytes, bool, tuple[int, ...]]
"""Class identifier, user class, whether iPXE's options are there, architectures: one program keeps them all."""

_LOADER_CLASSES = (b"iPXE", b"gPXE")
_NETBOOT_CLASSES = (b"PXEClient", b"HTTPClient", b"U-Boot")
_LEGACY_UNDI = b":UNDI:002"
_EDK2_LARGEST_MESSAGE = 1472
_UBOOT_LARGEST_MESSAGE = 576
_WDS_OPTION = 250
_ARCHITECTURE_RASPBERRY = 41
_RASPBERRY_ADDRESSES = frozenset({"28cdc1", "2ccf67", "b827eb", "d83add", "dca632", "e45f01"})
"""Ethernet prefixes of the Raspberry Pi foundation and company (registry of the IEEE)."""

_RASPBERRY_FILES = frozenset({"bootcode.bin", "bootsig.bin", "start.elf", "start4.elf", "recovery.elf"})
"""What the boot ROM and the first stages ask for (Raspberry Pi documentation, network boot)."""


class Firmware(Enum):
    """The program that plays the client."""

    EDK2 = "edk2"
    IPXE = "ipxe"
    INTEL = "intel"
    PXELINUX = "pxelinux"
    UBOOT = "u-boot"
    RASPBERRY_PI = "raspberry-pi"
    WINDOWS = "windows"
    UNKNOWN = "unknown"


Confidence = Literal["certain", "likely", "possible"]


@dataclass(frozen=True, slots=True)
class Recognition:
    """Who it is, and the signs that gave it away. `possible` = from documents alone, no capture shows it here."""

    firmware: Firmware = Firmware.UNKNOWN
    confidence: Confidence = "possible"
    signs: tuple[str, ...] = ()


NOBODY = Recognition()


@dataclass(frozen=True, slots=True)
class Habit:
    """A sign, and whose it is."""

    firmware: Firmware
    sign: str
    confidence: Confidence
    shows: Callable[[Message], bool]


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


def _is_uefi(message: Message) -> bool:
    families = {entry.family for code in message.architectures if (entry := ARCHITECTURES.get(code))}
    return families == {"uefi"}


def _wants_pxelinux_options(message: Message) -> bool:
    asked = message.get(Option.PARAMETER_REQUEST_LIST) or b""
    return Option.PXELINUX_CONFIGURATION_FILE in asked and Option.PXELINUX_PATH_PREFIX in asked


def _is_edk2(message: Message) -> bool:
    return (
        _is_uefi(message)
        and _largest_message(message) >= _EDK2_LARGEST_MESSAGE
        and bool(message.flags & BROADCAST_FLAG or message.ciaddr != NOWHERE)
    )


def _is_edk2_over_ipv6(message: Message) -> bool:
    own_class = message.is_pxe or message.is_http
    over_ipv6 = not message.cookie
    return over_ipv6 and own_class and _is_uefi(message) and Option.USER_CLASS not in message


def _is_intel(message: Message) -> bool:
    return message.is_pxe and 0 in message.architectures and _LEGACY_UNDI in (message.class_identifier or b"")


def _is_raspberry(message: Message) -> bool:
    return b"RPi" in (message.get(Option.CLIENT_UUID) or b"") or _ARCHITECTURE_RASPBERRY in message.architectures


def _has_raspberry_address(message: Message) -> bool:
    return _is_intel(message) and message.hardware_address[:3].hex() in _RASPBERRY_ADDRESSES


def _is_windows(message: Message) -> bool:
    return message.class_identifier == b"PXEClient" and _WDS_OPTION in message


HABITS: tuple[Habit, ...] = (
    Habit(Firmware.IPXE, "option 175, iPXE's own options", "certain", lambda m: Option.IPXE_ENCAPSULATED in m),
    Habit(
        Firmware.IPXE,
        "user class iPXE or gPXE (option 77, over IPv6 15)",
        "certain",
        lambda m: any(name in (m.get(Option.USER_CLASS) or b"") for name in _LOADER_CLASSES),
    ),
    Habit(Firmware.PXELINUX, "asks for options 209 and 210 (RFC 5071)", "likely", _wants_pxelinux_options),
    Habit(Firmware.WINDOWS, "class PXEClient without architecture, and option 250", "possible", _is_windows),
    Habit(
        Firmware.UBOOT,
        "class U-Boot",
        "certain",
        lambda m: (m.class_identifier or b"").startswith(b"U-Boot"),
    ),
    Habit(Firmware.UBOOT, "takes 576 octets at most (option 57)", "likely", is_uboot),
    Habit(Firmware.RASPBERRY_PI, "a UUID that spells RPi, or architecture 41", "possible", _is_raspberry),
    Habit(Firmware.RASPBERRY_PI, "an Ethernet address of Raspberry Pi", "possible", _has_raspberry_address),
    Habit(
        Firmware.EDK2,
        "UEFI architecture, takes 1472 octets or more (option 57), broadcast flag or own address",
        "likely",
        _is_edk2,
    ),
    Habit(Firmware.EDK2, "UEFI architecture and vendor class in DHCPv6, no user class", "likely", _is_edk2_over_ipv6),
    Habit(Firmware.INTEL, "class PXEClient with UNDI 2, architecture 0, nothing of a loader", "likely", _is_intel),
)
"""Asked in this order: iPXE announces itself as PXEClient like everybody, so what is special goes first."""


def recognise(message: Message) -> Recognition:
    """The firmware that sent a message, with all signs that speak for it."""
    first = next((habit for habit in HABITS if habit.shows(message)), None)
    if first is None:
        return NOBODY
    signs = tuple(habit.sign for habit in HABITS if habit.firmware is first.firmware and habit.shows(message))
    return Recognition(first.firmware, first.confidence, signs)


def recognise_requests(transfers: Iterable[Transfer]) -> Recognition:
    """The firmware by its first TFTP request, for captures that cut the options of DHCP off.

    EDK2 asks for a window of 4 and aborts its first, which is for the size; iPXE asks for blocks of 1432 octets;
    U-Boot sends its time-out (options as seen on OVMF 2022.11, iPXE 2019-01 and U-Boot 2023.01).
    """
    known = list(transfers)
    if not known:
        return NOBODY
    first = known[0]
    if any(transfer.file.rpartition("/")[2].lower() in _RASPBERRY_FILES for transfer in known):
        return Recognition(Firmware.RASPBERRY_PI, "possible", ("asks for the files of a Raspberry Pi's firmware",))
    asked = {name.lower(): value for name, value in first.request.options}
    if asked.get("windowsize") == "4" and asked.get("blksize") in ("1468", "1228") and "tsize" in asked:
        return Recognition(Firmware.EDK2, "likely", ("TFTP request with tsize, a full frame and a window of 4",))
    if asked.get("blksize") == "1432" and "tsize" in asked:
        return Recognition(Firmware.IPXE, "likely", ("TFTP request with tsize and blocks of 1432 octets",))
    if "timeout" in asked and asked.get("blksize") == "1468" and "tsize" not in asked:
        return Recognition(Firmware.UBOOT, "likely", ("TFTP request with a time-out and blocks of 1468 octets",))
    return NOBODY
