"""A server with something of everything, for demonstrations and tests: files in memory, services, credentials."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pxeconform.server.config import DHCP_PORT, BootService, Pool, Prompt, ServerConfig, TftpSettings

if TYPE_CHECKING:
    from pxeconform.protocol.certificates import Signer

BIOS_FILE = "boot/pxe.0"
X64_FILE = "boot/x64.efi"
TEXT_FILE = "text.txt"
EMPTY_FILE = "empty"
EVEN_FILE = "even.bin"
LARGE_FILE = "large.bin"
UPLOAD_PREFIX = "upload/"
MULTICAST_GROUP = "239.255.69.1"
"""For clients that ask for the option multicast; administratively scoped (RFC 2365)."""
CERTIFICATES = "trust.{}.cer"

INSTALL_TYPE = 32769
RESCUE_TYPE = 32770

RELAY_PORT = DHCP_PORT + 1000
CLIENT_PORT = DHCP_PORT + 1001
"""Where a tester without privileges may await what goes to 67 and 68."""

_X64 = 0x8664
_PE32_PLUS = 0x20B
_EFI_APPLICATION = 10


def sample_files() -> dict[str, bytes]:
    """Names to contents; the same bytes every time. Credentials are not among them."""
    return {
        BIOS_FILE: bios_program("pxe.0"),
        X64_FILE: uefi_program("x64.efi"),
        "install/pxe.0": bios_program("install"),
        "install/pxe.1": bios_program("install, layer 1"),
        "install/x64.efi": uefi_program("install"),
        "install/x64.1.efi": uefi_program("install, layer 1"),
        "rescue/pxe.0": bios_program("rescue"),
        "rescue/x64.efi": uefi_program("rescue"),
        # Line feeds, a bare carriage return, a whole CR LF, and a line feed that falls on the edge of a block.
        TEXT_FILE: b"line one\nbare\rreturn\nboth\r\n".ljust(509, b".") + b"\nlast line\n",
        EMPTY_FILE: b"",
        EVEN_FILE: noise("even", 8 * 512),
        LARGE_FILE: noise("large", 100_003),
        "bytes.bin": bytes(range(256)) * 3,
    }


def noise(seed: str, size: int) -> bytes:
    """Octets that do not compress and never change."""
    return hashlib.shake_128(seed.encode()).digest(size)


def bios_program(label: str) -> bytes:
    """A stand-in for a BIOS boot file: a jump to itself and filling."""
    return b"\xeb\xfe" + label.encode() + b"\0" + noise(label, 1500)


def uefi_program(label: str) -> bytes:
    """A stand-in for an x64 UEFI boot file: DOS and PE headers of an EFI application whose code is a return."""
    code = b"\xc3" + label.encode()
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", _X64, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack(
        "<HBBIIIII QII HHHHHH IIII HH QQQQ II",
        *(_PE32_PLUS, 0, 0, 512, 0, 0, 0x1000, 0x1000),
        *(0x400000, 0x1000, 512),
        *(0, 0, 0, 0, 0, 0),
        *(0, 0x2000, 512, 0),
        *(_EFI_APPLICATION, 0),
        *(0, 0, 0, 0),
        *(0, 16),
    ).ljust(240, b"\0")
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", len(code), 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(512, b"\0") + code.ljust(512, b"\0") + noise(label, 700)


def demo_services() -> tuple[BootService, ...]:
    """Two types; the first has two layers, and each has files of its own for BIOS (0) and x64 UEFI (7, 9)."""
    uefi = (7, 9)
    return (
        BootService(INSTALL_TYPE, "Install", ("install/x64.efi", "install/x64.1.efi"), uefi),
        BootService(INSTALL_TYPE, "Install", ("install/pxe.0", "install/pxe.1"), (0,)),
        BootService(RESCUE_TYPE, "Rescue", ("rescue/x64.efi",), uefi),
        BootService(RESCUE_TYPE, "Rescue", ("rescue/pxe.0",), (0,)),
    )


def sample_credentials(
    files: Mapping[str, bytes], signers: Sequence[Signer] = ()
) -> tuple[dict[str, bytes], dict[str, dict[int, str]]]:
    """Credentials for layer 0 of the install service: further files, and `ServerConfig.credentials`.

    Without `signers` a DSA key is made now. Each signer counts for the identifier of its certificate, and the first of
    an algorithm also for 41 or 42, which stand for any. The certificates are files too, named as in `CERTIFICATES`.
    """
    from pxeconform.protocol.certificates import DSA_1024_SHA1, new_signer
    from pxeconform.protocol.credentials import build_credentials

    made: dict[str, bytes] = {}
    known: dict[str, dict[int, str]] = {}
    for signer in signers or (new_signer(DSA_1024_SHA1),):
        suffix = signer.profile.suffix.lower()
        made[CERTIFICATES.format(suffix)] = signer.certificate
        for name in ("install/x64.efi", "install/pxe.0"):
            made[f"{name}.{suffix}.esw"] = build_credentials(files[name], signer)
            for kind in (signer.certificate_id, signer.profile.algorithm_id):
                if kind is not None:
                    known.setdefault(name, {}).setdefault(kind, f"{name}.{suffix}.esw")
    return made, known


def demo_config(*, with_credentials: bool = True, **changes: Any) -> ServerConfig:
    """Everything on loopback and high ports; `changes` are fields of `ServerConfig`."""
    files = sample_files()
    credentials: dict[str, dict[int, str]] = {}
    if with_credentials:
        made, credentials = sample_credentials(files)
        files |= made
    config = ServerConfig(
        mode="dhcp",
        relay_port=RELAY_PORT,
        client_port=CLIENT_PORT,
        pool=Pool("127.77.0.100", "127.77.0.200", "255.0.0.0", routers=("127.0.0.1",), dns_servers=("127.0.0.1",)),
        boot_files={0: BIOS_FILE, 7: X64_FILE, 9: X64_FILE},
        services=demo_services(),
        prompt=Prompt(10, "Press F8 for the menu"),
        credentials=credentials,
        files=files,
        upload_prefix=UPLOAD_PREFIX,
        tftp=TftpSettings(multicast_group=MULTICAST_GROUP),
    )
    return replace(config, **changes)
