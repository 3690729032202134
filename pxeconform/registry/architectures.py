"""Client system architectures (option 93, DHCPv6 option 61) and the machine codes of boot files."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Family = Literal["bios", "uefi", "uboot", "openfirmware", "other"]
Transport = Literal["tftp", "http"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One processor architecture type.

    ``name`` is the registry's name. ``transport`` is how the client fetches its boot file, None where no document says.
    ``machine`` is the PE or ELF machine that the boot file must have *if it is such a file* (a name of
    :data:`PE_MACHINES`), None where unknown or where boot files carry no machine code (BIOS).
    """

    code: int
    name: str
    family: Family
    transport: Transport | None
    machine: str | None
    deprecated: bool
    note: str
    source: str


_IANA = "IANA-DHCPV6 Processor Architecture Types"
_IANA_4578 = _IANA + "; RFC4578 §2.1"

_SWAP_7_9 = (
    "7 and 9 are swapped between documents: RFC 4578 as printed calls 7 byte code and 9 x64; its erratum of 2016, IANA "
    "and EDK2 have 7 x64 and 9 byte code. Old configurations still give x64 files for 9."
)


def _arch(
    code: int,
    name: str,
    family: Family,
    transport: Transport | None,
    machine: str | None = None,
    *,
    deprecated: bool = False,
    note: str = "",
) -> Architecture:
    source = _IANA_4578 if code <= 9 else _IANA
    return Architecture(code, name, family, transport, machine, deprecated, note, source)


# Types 0 to 9 are those of RFC 4578, whose clients are PXE clients and hence load by TFTP.
_ARCHITECTURES: tuple[Architecture, ...] = (
    _arch(0, "x86 BIOS", "bios", "tftp", note="A boot file is a raw real-mode image without a machine code."),
    _arch(1, "NEC/PC98", "other", "tftp", deprecated=True),
    _arch(2, "Itanium", "uefi", "tftp", "ia64"),
    _arch(3, "DEC Alpha", "other", "tftp", deprecated=True),
    _arch(4, "Arc x86", "other", "tftp", deprecated=True),
    _arch(5, "Intel Lean Client", "other", "tftp", deprecated=True, note="The last type that PXE 2.1 itself lists."),
    _arch(6, "x86 UEFI", "uefi", "tftp", "i386"),
    _arch(7, "x64 UEFI", "uefi", "tftp", "x86_64", note=_SWAP_7_9),
    _arch(8, "EFI Xscale", "uefi", "tftp", deprecated=True),
    _arch(9, "EBC", "uefi", "tftp", "ebc", note=_SWAP_7_9),
    _arch(10, "ARM 32-bit UEFI", "uefi", "tftp", "arm"),
    _arch(11, "ARM 64-bit UEFI", "uefi", "tftp", "aarch64", note="U-Boot's EFI boot announces it too."),
    _arch(12, "PowerPC Open Firmware", "openfirmware", None),
    _arch(13, "PowerPC ePAPR", "other", None),
    _arch(14, "POWER OPAL v3", "other", None),
    _arch(15, "x86 uefi boot from http", "uefi", "http", "i386"),
    _arch(16, "x64 uefi boot from http", "uefi", "http", "x86_64"),
    _arch(17, "ebc boot from http", "uefi", "http", "ebc"),
    _arch(18, "arm uefi 32 boot from http", "uefi", "http", "arm"),
    _arch(19, "arm uefi 64 boot from http", "uefi", "http", "aarch64"),
    _arch(20, "pc/at bios boot from http", "bios", "http"),
    _arch(21, "arm 32 uboot", "uboot", "tftp", "arm", note="Scripts and raw kernels are boot files as well."),
    _arch(22, "arm 64 uboot", "uboot", "tftp", "aarch64", note="Scripts and raw kernels are boot files as well."),
    _arch(23, "arm uboot 32 boot from http", "uboot", "http", "arm"),
    _arch(24, "arm uboot 64 boot from http", "uboot", "http", "aarch64"),
    _arch(25, "RISC-V 32-bit UEFI", "uefi", "tftp", "riscv32"),
    _arch(26, "RISC-V 32-bit UEFI boot from http", "uefi", "http", "riscv32"),
    _arch(27, "RISC-V 64-bit UEFI", "uefi", "tftp", "riscv64"),
    _arch(28, "RISC-V 64-bit UEFI boot from http", "uefi", "http", "riscv64"),
    _arch(29, "RISC-V 128-bit UEFI", "uefi", "tftp", "riscv128"),
    _arch(30, "RISC-V 128-bit UEFI boot from http", "uefi", "http", "riscv128"),
    _arch(31, "s390 Basic", "other", None),
    _arch(32, "s390 Extended", "other", None),
    _arch(33, "MIPS 32-bit UEFI", "uefi", "tftp"),
    _arch(34, "MIPS 64-bit UEFI", "uefi", "tftp"),
    _arch(35, "Sunway 32-bit UEFI", "uefi", "tftp"),
    _arch(36, "Sunway 64-bit UEFI", "uefi", "tftp"),
    _arch(37, "LoongArch 32-bit UEFI", "uefi", "tftp", "loongarch32"),
    _arch(38, "LoongArch 32-bit UEFI boot from http", "uefi", "http", "loongarch32"),
    _arch(39, "LoongArch 64-bit UEFI", "uefi", "tftp", "loongarch64"),
    _arch(40, "LoongArch 64-bit UEFI boot from http", "uefi", "http", "loongarch64"),
    _arch(41, "arm rpiboot", "other", None, note="Highest type known; read second hand, not in the registry itself."),
)

ARCHITECTURES: Mapping[int, Architecture] = MappingProxyType({entry.code: entry for entry in _ARCHITECTURES})
"""All registered types by number."""

HTTP_ARCHITECTURES: frozenset[int] = frozenset({15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40})
"""Types whose clients load by HTTP (option 60 ``HTTPClient``)."""


def architecture_name(code: int) -> str:
    """Return the registry's name of a type, ``"unknown (n)"`` when it is not listed."""
    entry = ARCHITECTURES.get(code)
    return entry.name if entry is not None else f"unknown ({code})"


PE_MACHINES: Mapping[int, str] = MappingProxyType(
    {
        0x014C: "i386",
        0x01C0: "arm",
        0x01C2: "arm",
        0x01C4: "arm",
        0x0200: "ia64",
        0x0EBC: "ebc",
        0x5032: "riscv32",
        0x5064: "riscv64",
        0x5128: "riscv128",
        0x6232: "loongarch32",
        0x6264: "loongarch64",
        0x8664: "x86_64",
        0xAA64: "aarch64",
    }
)
"""Machine field of a PE/COFF header to machine name (PE-COFF, machine types; UEFI §2.1.1)."""

ELF_MACHINES: Mapping[int, str] = MappingProxyType(
    {
        3: "i386",
        8: "mips",
        20: "ppc",
        21: "ppc64",
        22: "s390",
        40: "arm",
        50: "ia64",
        62: "x86_64",
        183: "aarch64",
        243: "riscv",
        258: "loongarch",
    }
)
"""``e_machine`` of an ELF header to machine name (ELF); RISC-V and LoongArch have one number for every width."""

ELF_CLASS_MACHINES: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (243, 1): "riscv32",
        (243, 2): "riscv64",
        (258, 1): "loongarch32",
        (258, 2): "loongarch64",
    }
)
"""(``e_machine``, ``EI_CLASS``: 1 = 32 bit, 2 = 64 bit) to machine name, where ``e_machine`` alone does not tell."""
