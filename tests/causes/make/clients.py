"""Who boots: virtual machines with real firmware, and for what no firmware does, Debian's DHCP and TFTP clients."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.causes.make import later

MAC = "52:54:00:77:00:10"
UUID = "11223344-5566-7788-99aa-bbccddeeff00"

_OVMF = Path("/usr/share/OVMF")
_AAVMF = Path("/usr/share/AAVMF")
_ONLY = "name=opt/org.tianocore/{}PXESupport,string=no"


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine; `told` names its firmware in words. `packages` are Debian's."""

    told: str
    firmware: str
    """As analyses name it."""
    arch: int
    packages: tuple[str, ...]
    emulator: str = "qemu-system-x86_64"
    board: tuple[str, ...] = ()
    code: Path | None = None
    variables: Path | None = None
    device: str = "virtio-net-pci,romfile="
    left_out: tuple[str, ...] = ()
    """Kinds of network boot that are switched off in its setup."""

    def argv(self, folder: Path, tap: str, serial: Path, mac: str = MAC, uuid: str = UUID) -> list[str | Path]:
        """The command that switches it on."""
        argv: list[str | Path] = [self.emulator, "-accel", "tcg", "-smp", "1", "-nodefaults", "-display", "none"]
        argv += ["-monitor", "none", "-no-reboot", *self.board]
        if self.code is not None and self.variables is not None:
            mine = folder / "variables.fd"
            shutil.copyfile(self.variables, mine)
            argv += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={self.code}"]
            argv += ["-drive", f"if=pflash,format=raw,unit=1,file={mine}"]
        argv += ["-uuid", uuid, "-netdev", f"tap,id=wire,ifname={tap},script=no,downscript=no"]
        argv += ["-device", f"{self.device},netdev=wire,mac={mac},bootindex=1", "-device", "virtio-rng-pci"]
        for kind in self.left_out:
            argv += ["-fw_cfg", _ONLY.format(kind)]
        return [*argv, "-serial", f"file:{serial}"]


_PC = ("-machine", "graphics=off", "-vga", "none", "-m", "256")
_Q35 = ("-machine", "q35", "-m", "512")

BIOS = Machine(
    "SeaBIOS 1.16 with QEMU's iPXE ROM (2019)", "ipxe", 0, ("qemu-system-x86", "ipxe-qemu"), board=_PC, device="e1000"
)
BIOS_REALTEK = Machine(
    "SeaBIOS 1.16 with QEMU's iPXE ROM (2019) for a Realtek card",
    *("ipxe", 0, ("qemu-system-x86", "ipxe-qemu")),
    board=_PC,
    device="rtl8139",
)
UEFI = Machine(
    "OVMF 2022.11 (edk2), x64",
    *("edk2", 7, ("qemu-system-x86", "ovmf")),
    board=_Q35,
    code=_OVMF / "OVMF_CODE_4M.fd",
    variables=_OVMF / "OVMF_VARS_4M.fd",
    left_out=("IPv6",),
)
UEFI_6 = Machine(
    "OVMF 2022.11 (edk2), x64, IPv6 only",
    *("edk2", 7, ("qemu-system-x86", "ovmf")),
    board=_Q35,
    code=_OVMF / "OVMF_CODE_4M.fd",
    variables=_OVMF / "OVMF_VARS_4M.fd",
    left_out=("IPv4",),
)
UEFI_HTTP = Machine(
    "OVMF 2022.11 (edk2), x64, HTTP boot only",
    *("edk2", 16, ("qemu-system-x86", "ovmf")),
    board=_Q35,
    code=_OVMF / "OVMF_CODE_4M.fd",
    variables=_OVMF / "OVMF_VARS_4M.fd",
    left_out=("IPv4", "IPv6"),
)
UEFI_SECURE = Machine(
    "OVMF 2022.11 (edk2), x64, Secure Boot with Microsoft's keys",
    *("edk2", 7, ("qemu-system-x86", "ovmf")),
    board=(
        *("-machine", "q35,smm=on", "-m", "512"),
        *("-global", "driver=cfi.pflash01,property=secure,value=on"),
    ),
    code=_OVMF / "OVMF_CODE_4M.ms.fd",
    variables=_OVMF / "OVMF_VARS_4M.ms.fd",
    left_out=("IPv6",),
)
UEFI_IPXE_ROM = Machine(
    "OVMF 2022.11 with QEMU's iPXE EFI ROM (2019)",
    *("ipxe", 7, ("qemu-system-x86", "ovmf", "ipxe-qemu")),
    board=_Q35,
    code=_OVMF / "OVMF_CODE_4M.fd",
    variables=_OVMF / "OVMF_VARS_4M.fd",
    device="virtio-net-pci",
)
IA32 = Machine(
    "OVMF32 2022.11 (edk2), ia32",
    *("edk2", 6, ("qemu-system-x86", "ovmf-ia32")),
    board=("-machine", "q35,smm=on", "-m", "512", "-global", "driver=cfi.pflash01,property=secure,value=on"),
    code=_OVMF / "OVMF32_CODE_4M.secboot.fd",
    variables=_OVMF / "OVMF32_VARS_4M.fd",
    left_out=("IPv6",),
)
AA64 = Machine(
    "AAVMF (edk2), arm64",
    *("edk2", 11, ("qemu-system-arm", "qemu-efi-aarch64")),
    emulator="qemu-system-aarch64",
    board=("-M", "virt", "-cpu", "max", "-m", "512"),
    code=_AAVMF / "AAVMF_CODE.fd",
    variables=_AAVMF / "AAVMF_VARS.fd",
    left_out=("IPv6",),
)
UBOOT = Machine(
    "U-Boot 2023.01, arm64",
    *("u-boot", 22, ("qemu-system-arm", "u-boot-qemu")),
    emulator="qemu-system-aarch64",
    board=("-M", "virt", "-cpu", "cortex-a57", "-m", "512", "-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"),
)

_NEXT_OVMF, _NEXT_AAVMF = (later.ROOT / "usr" / "share" / name for name in ("OVMF", "AAVMF"))
_NEXT_ROMS = later.ROOT / "usr" / "share" / "qemu"

UEFI_NEXT = replace(
    UEFI,
    told="OVMF 2025.02 (edk2), x64",
    packages=("qemu-system-x86",),
    code=_NEXT_OVMF / "OVMF_CODE_4M.fd",
    variables=_NEXT_OVMF / "OVMF_VARS_4M.fd",
)
UEFI_NEXT_6 = replace(UEFI_NEXT, told="OVMF 2025.02 (edk2), x64, IPv6 only", left_out=("IPv4",))
UEFI_NEXT_HTTP = replace(UEFI_NEXT, told="OVMF 2025.02 (edk2), x64, HTTP boot only", arch=16, left_out=("IPv4", "IPv6"))
AA64_NEXT = replace(
    AA64,
    told="AAVMF 2025.02 (edk2), arm64",
    packages=("qemu-system-arm",),
    code=_NEXT_AAVMF / "AAVMF_CODE.no-secboot.fd",
    variables=_NEXT_AAVMF / "AAVMF_VARS.fd",
)
BIOS_NEXT = replace(
    BIOS,
    told="SeaBIOS 1.16 with iPXE 1.21.1 as ROM",
    packages=("qemu-system-x86",),
    device=f"e1000,romfile={_NEXT_ROMS / 'pxe-e1000.rom'}",
)


def bios_with(card: str) -> Machine:
    """The same PC with another network card, and QEMU's iPXE ROM for it."""
    return replace(BIOS, told=f"{BIOS.told} for {card}", device=card)


@dataclass(frozen=True, slots=True)
class Programs:
    """Not firmware: a DHCP client that says it is one, and then a TFTP client; or the latter alone.

    `script` runs with `sh` in the client's namespace, whose link is `eth0`; `{mac}` is its address.
    """

    told: str
    script: str
    packages: tuple[str, ...]
    firmware: str = "unknown"
    arch: int | None = 0


_PXE_CLIENT = "-V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000 -x 0x5e:010201 -O 66 -O 67"


def dhcp_then(told: str, then: str, *options: str, packages: Sequence[str] = ()) -> Programs:
    """udhcpc as a PXE client; `then` is a line of its script once it has an address."""
    script = f"""
cat > bound.sh <<'END'
#!/bin/sh
case $1 in bound)
  ip address add $ip/24 dev eth0
  {then}
esac
END
chmod +x bound.sh
timeout 60 busybox udhcpc -i eth0 -f -n -q -t 4 -T 3 {" ".join(options)} {_PXE_CLIENT} -s ./bound.sh
"""
    return Programs(f"busybox udhcpc as a PXE client, then {told}", script, ("busybox-static", *packages))
