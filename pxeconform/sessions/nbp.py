"""What kind of program a boot file is, from its first octets, and whether the client could run it.

PE and ELF files carry their machine in the header (PE-COFF section 3, ELF header); a BIOS boot file is a raw image that
is entered at its first octet (PXE 2.1 section 4.4.5) and has no mark of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from pxeconform.registry.architectures import ARCHITECTURES, ELF_CLASS_MACHINES, ELF_MACHINES, PE_MACHINES

# First octets of real-mode code that loaders begin with: jumps, calls, cli, cld, nop, pushes, moves, xor, the
# signature of a Linux kernel's boot sector is told apart by its header.
_CODE = frozenset(
    b"\xea\xeb\xe9\xe8\xfa\xfc\x90\x31\x33\x29\x2b\x06\x0e\x16\x1e\x60\x66\x9c\x50\x51\x52\x53\x54\x55\x56\x57"
    b"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\x88\x89\x8a\x8b\x8c\x8e\xbf"
)
_KERNEL_HEADER_AT = 0x202
_OTHER_KERNEL_AT = 0x38
_OTHER_KERNELS = (b"ARM\x64", b"RSC\x05")
"""Magic numbers of the Linux kernel for ARM64 and RISC-V (its boot documents)."""

_WIM = b"MSWIM\0\0\0"
_PE32_PLUS = 0x20B
_OPTIONAL_HEADER = 24
"""Octets from the signature of a PE file to its optional header."""

_SUBSYSTEM = 68
_SECURITY_DIRECTORY = {0x10B: 128, _PE32_PLUS: 144}
"""Where the optional header of PE32 and PE32+ tells the certificate table (PE-COFF section 3)."""

_SUBSYSTEMS = {
    1: "native",
    2: "windows",
    3: "console",
    10: "efi application",
    11: "efi boot service driver",
    12: "efi runtime driver",
    13: "efi rom",
    16: "windows boot application",
}
_OF_AN_OPERATING_SYSTEM = frozenset({"native", "windows", "console"})
_SCRIPTS = (b"#!", b"#cloud-config")
_TEXT = frozenset(b"\t\n\r") | frozenset(range(32, 127))
_BYTE_CODE = "ebc"
_ARCHITECTURE_BYTE_CODE = 9


class Format(Enum):
    """What the first octets tell."""

    PE = "pe"
    ELF = "elf"
    BIOS = "bios"
    WIM = "wim"
    SCRIPT = "script"
    TEXT = "text"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Image:
    """Format and, where the file has one, machine; `kernel` is the header of a Linux kernel (with PE: an EFI stub).

    Of PE files `subsystem` says what starts them, and `signed` whether they carry a signature (for Secure Boot; whether
    it is good is not tested).
    """

    format: Format
    machine: str | None = None
    kernel: bool = False
    subsystem: str | None = None
    signed: bool | None = None


@dataclass(frozen=True, slots=True)
class Nbp:
    """A network boot program as it was delivered; `octets` counts what came in order."""

    file: str
    octets: int
    sha256: str | None
    image: Image
    matches_arch: bool | None


def examine(head: bytes) -> Image:
    """Tell the format of a file from its beginning (512 octets are enough for all but odd PE files)."""
    real_mode = head[_KERNEL_HEADER_AT : _KERNEL_HEADER_AT + 4] == b"HdrS"
    kernel = real_mode or head[_OTHER_KERNEL_AT : _OTHER_KERNEL_AT + 4] in _OTHER_KERNELS
    if head.startswith(b"MZ") and len(head) >= 0x40:
        (at,) = struct.unpack_from("<I", head, 0x3C)
        if head[at : at + 4] == b"PE\0\0" and len(head) >= at + 6:
            (machine,) = struct.unpack_from("<H", head, at + 4)
            return Image(Format.PE, PE_MACHINES.get(machine, f"0x{machine:04x}"), kernel, *_optional_header(head, at))
    if head.startswith(b"\x7fELF") and len(head) >= 20 and head[5] in (1, 2):
        (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
        name = ELF_CLASS_MACHINES.get((machine, head[4])) or ELF_MACHINES.get(machine, f"0x{machine:04x}")
        return Image(Format.ELF, name, kernel)
    if head.startswith(_WIM):
        return Image(Format.WIM)
    if head.startswith(_SCRIPTS):
        return Image(Format.SCRIPT)
    if len(head) >= 64 and _TEXT.issuperset(head[:512]):
        return Image(Format.TEXT)
    if real_mode or (not kernel and len(head) >= 64 and head[0] in _CODE and _is_binary(head[:512])):
        return Image(Format.BIOS, kernel=kernel)
    return Image(Format.UNKNOWN, kernel=kernel)


def _optional_header(head: bytes, at: int) -> tuple[str | None, bool | None]:
    """Subsystem, and whether there is a certificate table; `None` where the header is not there."""
    at += _OPTIONAL_HEADER
    if len(head) < at + _SUBSYSTEM + 2:
        return None, None
    (magic,) = struct.unpack_from("<H", head, at)
    (number,) = struct.unpack_from("<H", head, at + _SUBSYSTEM)
    table = at + _SECURITY_DIRECTORY.get(magic, len(head))
    signed = None
    if len(head) >= table + 8:
        offset, size = struct.unpack_from("<II", head, table)
        signed = bool(offset and size)
    return _SUBSYSTEMS.get(number, str(number) if number else None), signed


def _is_binary(octets: bytes) -> bool:
    return sum(octet < 9 or octet > 126 for octet in octets) * 10 > len(octets)


def matches(image: Image, architecture: int | None, *, loader: bool) -> bool | None:
    """Whether a client of that architecture (option 93) can start the file; `None` where nothing tells.

    `loader` is iPXE or another program that runs more than its platform's firmware does: scripts, kernels, ELF.
    """
    entry = ARCHITECTURES.get(architecture) if architecture is not None else None
    if entry is None or entry.family not in ("bios", "uefi"):
        same = entry is not None and entry.machine == image.machine and image.machine is not None
        differs = entry is not None and image.format is Format.PE and entry.machine not in (None, image.machine)
        return True if same else False if differs else None
    if loader and image.format is Format.SCRIPT:
        return True
    if entry.family == "bios":
        if loader and image.kernel and image.machine in (None, "i386", "x86_64"):
            return True
        return {
            Format.BIOS: True,
            Format.PE: image.kernel and None,
            Format.ELF: None if loader else False,
            Format.TEXT: False,
        }.get(image.format)
    if image.format is Format.PE:
        if image.subsystem in _OF_AN_OPERATING_SYSTEM:
            return False
        if image.machine == _BYTE_CODE or architecture == _ARCHITECTURE_BYTE_CODE:
            return image.machine in (_BYTE_CODE, "x86_64")
        return None if entry.machine is None else image.machine == entry.machine
    # UEFI firmware runs PE images and nothing else; a loader may take what is not known here.
    return None if loader and image.format is Format.UNKNOWN else False
