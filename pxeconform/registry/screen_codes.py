"""What firmware prints when a network boot fails, and the causes behind it.

Beware: Intel's boot ROMs and EDK2 print the same ``PXE-Enn`` form with *different* meanings. ``PXE-E16`` exists only in
EDK2; ``PXE-E21`` is a BIS failure on an Intel ROM and a cancelled boot in EDK2; ``PXE-E23``, ``PXE-E05``, ``PXE-E07``
and ``PXE-E09`` differ as well. Never look a number up without its family. iPXE prints eight hexadecimal digits that
also name the source file and so may change between versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ScreenFamily = Literal["intel", "edk2", "ipxe"]
Evidence = Literal["measured", "documented", "inferred"]
Severity = Literal["fatal", "warning", "info"]


@dataclass(frozen=True, slots=True)
class ScreenCode:
    """One message: ``text`` is what the screen shows beside ``code``, ``trigger`` what makes it appear.

    ``evidence``: *measured* = seen on firmware that was run, *documented* = in a vendor's list or in the source,
    *inferred* = concluded from samples.
    """

    family: ScreenFamily
    code: str
    text: str
    trigger: str
    evidence: Evidence
    source: str


def _by_code(codes: Iterable[ScreenCode]) -> Mapping[str, ScreenCode]:
    return MappingProxyType({entry.code: entry for entry in codes})


def _intel(code: str, text: str, trigger: str) -> ScreenCode:
    return ScreenCode("intel", code, text, trigger, "documented", "ROM-MESSAGES; PXE-2.1 §3.5")


def _intel_tftp(number: int, text: str) -> ScreenCode:
    trigger = f"ERROR {number} from the TFTP server, its own text follows the code; then E36, E3B or E3C"
    return ScreenCode("intel", f"PXE-T{number:02d}", text, trigger, "inferred", "ROM-MESSAGES")


def _edk2(code: str, text: str, trigger: str, evidence: Evidence = "documented") -> ScreenCode:
    source = "EDK2 PxeBcBoot.c" if evidence == "documented" else "OVMF-2022.11; EDK2 PxeBcBoot.c"
    return ScreenCode("edk2", code, text, trigger, evidence, source)


def _ipxe(code: str, text: str, trigger: str) -> ScreenCode:
    return ScreenCode("ipxe", code, text, trigger, "measured", "IPXE-2019.01")


_FIRMWARE = "fault of adapter, ROM or BIOS"
_BIS = "step 8, boot integrity services"
_UNDI = "network adapter or its driver"

INTEL_CODES: Mapping[str, ScreenCode] = _by_code(
    (
        _intel("PXE-E00", "Could not find enough free base memory", "base memory from 480K to 640K in use"),
        _intel("PXE-E01", "PCI Vendor and Device IDs do not match", _FIRMWARE),
        _intel("PXE-E04", "Error reading PCI configuration space", _FIRMWARE),
        _intel("PXE-E05", "EEPROM checksum error", _FIRMWARE),
        _intel("PXE-E06", "Option ROM requires DDIM support", _FIRMWARE),
        _intel("PXE-E07", "PCI BIOS calls not supported", _FIRMWARE),
        _intel("PXE-E08", "Unexpected API error", _FIRMWARE),
        _intel("PXE-E09", "Unexpected UNDI loader error", _FIRMWARE),
        _intel("PXE-E11", "ARP timeout", "four ARP requests for server or router unanswered"),
        _intel("PXE-E20", "BIOS extended memory copy error", _FIRMWARE),
        _intel("PXE-E21", "BIS integrity check failed", _BIS),
        _intel("PXE-E22", "BIS image/credential validation failed", _BIS),
        _intel("PXE-E23", "BIS initialization failed", _BIS),
        _intel("PXE-E24", "BIS shutdown failed", _BIS),
        _intel("PXE-E25", "BIS get boot object authorization check flag failed", _BIS),
        _intel("PXE-E26", "BIS free memory failed", _BIS),
        _intel("PXE-E27", "BIS get signature information failed", _BIS),
        _intel("PXE-E28", "BIS bad entry structure checksum", _BIS),
        _intel("PXE-E32", "TFTP open timeout", "neither DATA nor OACK nor ERROR came for the RRQ"),
        _intel("PXE-E35", "TFTP read timeout", "the next DATA did not come"),
        _intel("PXE-E36", "Error received from TFTP server", "an ERROR other than 1 and 2"),
        _intel("PXE-E38", "TFTP cannot open connection", "sending failed in the client"),
        _intel("PXE-E39", "TFTP cannot read from connection", "sending failed in the client"),
        _intel("PXE-E3A", "TFTP too many packages", "file longer than the buffer, or it grew during the transfer"),
        _intel("PXE-E3B", "TFTP error - File Not found", "ERROR 1 from the TFTP server"),
        _intel("PXE-E3C", "TFTP error - Access violation", "ERROR 2 from the TFTP server"),
        _intel("PXE-E3F", "TFTP packet size is invalid", "DATA of more than 1456 octets"),
        _intel("PXE-E51", "No DHCP or proxyDHCP offers were received", "no acceptable offer in step 2"),
        _intel("PXE-E52", "proxyDHCP offers were received. No DHCP offers were received", "all offers have yiaddr 0"),
        _intel("PXE-E53", "No boot filename received", "an address, but no boot file and no PXE answer"),
        _intel("PXE-E55", "proxyDHCP service did not reply to request on port 4011", "proxy request unanswered"),
        _intel("PXE-E60", "Invalid UNDI API function number", _UNDI),
        _intel("PXE-E61", "Media test failed, check cable", "no link"),
        _intel("PXE-E63", "Error while initializing the NIC", _UNDI),
        _intel("PXE-E64", "Error while initializing the PHY", _UNDI),
        _intel("PXE-E65", "Error while reading the configuration data", _UNDI),
        _intel("PXE-E66", "Error while reading the initialization data", _UNDI),
        _intel("PXE-E67", "Invalid MAC address", _UNDI),
        _intel("PXE-E68", "Invalid EEPROM checksum", _UNDI),
        _intel("PXE-E69", "Error while setting interrupt", _UNDI),
        _intel("PXE-E74", "Bad or missing PXE menu and/or prompt information", "tag 9 or 10 of option 43"),
        _intel("PXE-E76", "Bad or missing multicast discovery address", "multicast allowed by tag 6, no tag 7"),
        _intel("PXE-E77", "Bad or missing discovery server list", "only tag 8 is left by tag 6, and it is no use"),
        _intel("PXE-E78", "Could not locate boot server", "boot server requests unanswered"),
        _intel("PXE-E79", "NBP is too big to fit in free base memory", "boot file too long"),
        _intel("PXE-E7A", "Client could not locate a secure server", "credential requests unanswered"),
        _intel("PXE-E7B", "Missing MTFTP server IP address", "no PXE tags, no proxy offer, and siaddr 0.0.0.0"),
        _intel("PXE-E83", "Invalid DHCP option format", "test programs APITest.0 and DOSUNDI.0"),
        _intel("PXE-E87", "No boot item in the cached reply", "test programs APITest.0 and DOSUNDI.0"),
        _intel("PXE-E88", "Could not locate boot server", "test programs APITest.0 and DOSUNDI.0"),
        _intel("PXE-E89", "Could not download boot image", "test programs APITest.0 and DOSUNDI.0"),
        _intel("PXE-EA0", "Network boot canceled by keystroke", "somebody pressed a key"),
        _intel("PXE-EC1", "Base-code ROM ID structure was not found", _FIRMWARE),
        _intel("PXE-EC3", "Base-code ROM ID structure is invalid", _FIRMWARE),
        _intel("PXE-EC4", "UNDI ROM ID structure was not found", _FIRMWARE),
        _intel("PXE-EC5", "UNDI ROM ID structure is invalid", _FIRMWARE),
        _intel("PXE-EC6", "UNDI driver image is invalid", _FIRMWARE),
        _intel("PXE-EC8", "!PXE structure was not found in UNDI driver code segment", _FIRMWARE),
        _intel("PXE-EC9", "PXENV+ structure was not found in UNDI driver code segment", _FIRMWARE),
        _intel("PXE-M0F", "Exiting PXE ROM", "follows every failure, says nothing of its cause"),
        _intel_tftp(0, "Not defined"),
        _intel_tftp(1, "File not found"),
        _intel_tftp(2, "Access violation"),
        _intel_tftp(3, "Disk full or allocation exceeded"),
        _intel_tftp(4, "Illegal TFTP operation"),
        _intel_tftp(5, "Unknown transfer ID"),
        _intel_tftp(6, "File already exists"),
        _intel_tftp(7, "No such user"),
        _intel_tftp(8, "Option negotiation failed"),
    )
)
"""Boot ROMs made from Intel's development kit, by code. No such ROM was run for this table."""

EDK2_CODES: Mapping[str, ScreenCode] = _by_code(
    (
        _edk2("PXE-E05", "Buffer size is smaller than the requested file", "file longer than announced"),
        _edk2("PXE-E07", "Network device error", _UNDI),
        _edk2("PXE-E09", "Could not allocate I/O buffers", "out of memory"),
        _edk2("PXE-E12", "Could not detect network connection", "no link"),
        _edk2(
            "PXE-E16", "No valid offer received", "only unusable offers, or the proxy request unanswered", "measured"
        ),
        _edk2("PXE-E18", "Server response timeout", "no DHCP, boot server, ARP or TFTP answer in time", "measured"),
        _edk2(
            "PXE-E21",
            "Remote boot cancelled",
            "a key, local boot chosen, DHCPv6 without option 59, or tag 6 bit 3 without boot file and menu",
            "measured",
        ),
        _edk2("PXE-E22", "Client received ICMP error from server", "ICMP error for TFTP or port 4011 (by the source)"),
        _edk2("PXE-E23", "Client received TFTP error from server", "any ERROR packet", "measured"),
        _edk2("PXE-E53", "No boot filename received", "nothing found to load"),
        _edk2("PXE-E99", "Unexpected network error", "any other status; ICMP port unreachable for TFTP", "measured"),
    )
)
"""EDK2 and firmware built from it, by code. HTTP boot prints ``Error: ...`` lines without numbers."""

IPXE_CODES: Mapping[str, ScreenCode] = _by_code(
    (
        _ipxe("040ee119", "No configuration methods succeeded", "no offer with an address, proxy offers or not"),
        _ipxe(
            "2d03e13b",
            "Nothing to boot: No such file or directory",
            "an address, but no boot file, or no answer on port 4011",
        ),
        _ipxe("4c106035", "Connection timed out", "boot server request to port 4011 unanswered, ICMP or not"),
        _ipxe("2d12603b", "No such file or directory", "the TFTP server refuses the file"),
        _ipxe("0212603c", "Permission denied", "ERROR 2 from the TFTP server"),
        _ipxe("3c126003", "Operation not supported", "another ERROR from the TFTP server (0 was tried)"),
        _ipxe("4c126035", "Connection timed out", "no TFTP answer: ARP, route, port, ICMP or a dead server"),
        _ipxe("2d0c613b", "No such file or directory", "the HTTP server answers with status 404"),
        _ipxe("0f0a6039", "Connection reset", "the HTTP server refuses the connection"),
        _ipxe("2e008001", "Exec format error", "boot file of another architecture or format"),
    )
)
"""iPXE, by the digits at the end of its ``http://ipxe.org/`` address."""

IPXE_HTTP_NOT_FOUND, IPXE_HTTP_REFUSED = "2d0c613b", "0f0a6039"

IPXE_EFI_CODES: Mapping[str, str] = MappingProxyType(
    {
        "040ee119": "040ee186",
        "2d03e13b": "2d03e18e",
        "2d12603b": "2d12608e",
        "0212603c": "0212608f",
        "4c126035": "4c126092",
        "2d0c613b": "2d0c618e",
        "0f0a6039": "0f0a6095",
        "2e008001": "2e008081",
    }
)
"""What iPXE shows under UEFI for the same: the last two digits are the platform's own error (IPXE-2019.01, seen)."""

IPXE_LATER_CODES: Mapping[str, str] = MappingProxyType({"2d12603b": "2d12613b"})
"""What an iPXE later than that of 2019 shows for the same: a newer source, other digits (IPXE-1.21.1, seen)."""

CODES: Mapping[ScreenFamily, Mapping[str, ScreenCode]] = MappingProxyType(
    {"intel": INTEL_CODES, "edk2": EDK2_CODES, "ipxe": IPXE_CODES}
)
"""The three tables by family."""

EDK2_DOWNLOADED_TEXT = "NBP file downloaded successfully."
"""EDK2 prints it before the boot file is started; a refusal follows as a line of ``BdsDxe`` (OVMF-2022.11)."""

EDK2_HTTP_TEXT = "Error: ... (in words and without a number, as Could not retrieve NBP file size from HTTP server)"
"""UEFI HTTP boot prints a line or two that begin so, whatever failed (OVMF-2022.11)."""

EDK2_WRONG_ARCHITECTURE_TEXT = "Not Found"
"""Status at the end of ``BdsDxe: failed to load`` for a file of another architecture (OVMF-2022.11)."""

EDK2_SECURE_BOOT_TEXT = "Access Denied"
"""Status at the end of ``BdsDxe: failed to load`` when Secure Boot refuses the file (OVMF-2022.11)."""

UBOOT_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "Retry time exceeded": "DHCP unanswered",
        "Retry count exceeded": "TFTP unanswered",
        "ARP Retry count exceeded": "ARP unanswered",
        "TFTP error: 'File not found' (1)": "ERROR 1 from the TFTP server",
        "serverip not set": "no TFTP server known",
        "Config file not found": "no configuration file of the boot menu",
        "Machine type 0x8664 is not supported": "boot file of another architecture",
        "No more bootdevs": "nothing left to boot from",
    }
)
"""U-Boot has no codes; these texts were seen (U-BOOT)."""

SCREEN_TEXTS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (
            "nbp-wrong-architecture",
            "edk2",
        ): f"{EDK2_DOWNLOADED_TEXT} Then BdsDxe: failed to load ... Not Found, Unsupported",
        (
            "nbp-not-started",
            "edk2",
        ): f"{EDK2_DOWNLOADED_TEXT} Then BdsDxe: failed to load ... Access Denied or Not Found",
        ("http-error", "edk2"): EDK2_HTTP_TEXT,
        ("no-dhcp-offer", "u-boot"): "Retry time exceeded",
        ("tftp-silent", "u-boot"): "Retry count exceeded",
        ("tftp-unreachable", "u-boot"): "Retry count exceeded",
        ("tftp-data-port-blocked", "u-boot"): "Retry count exceeded",
        ("arp-unanswered", "u-boot"): "ARP Retry count exceeded",
        ("tftp-file-not-found", "u-boot"): "TFTP error: 'File not found' (1)",
        ("nbp-wrong-architecture", "u-boot"): "Machine type ... is not supported",
    }
)
"""What firmware shows where it shows no code, by cause and firmware (OVMF-2022.11, U-BOOT; http-error: EDK2 source)."""

SEVERITIES: tuple[Severity, ...] = ("fatal", "warning", "info")
"""Severities of a diagnosis, worst first."""

_CAUSES: tuple[tuple[str, str], ...] = (
    ("no-dhcp-offer", "The client asked for an address and neither an address nor a proxy offer came back."),
    ("proxy-only", "Proxy offers came, but no DHCP server offered an address."),
    ("no-boot-file", "There is an address, but nothing names a boot file or a service to ask for one."),
    ("proxy-silent", "The proxy announced itself and then gave nothing to boot on port 4011."),
    ("boot-server-silent", "No boot server answered the request for the chosen boot item."),
    ("offers-ignored", "Offers with all that is needed came, and the client requested none of them."),
    ("dhcp-request-unanswered", "The client requested the address that it was offered and got no answer."),
    ("dhcp-nak", "The server refused the address that the client requested."),
    ("address-conflict", "The client declined its address because another station has it."),
    ("arp-unanswered", "Nobody answered for the link address of the boot server or the gateway."),
    ("tftp-unreachable", "An ICMP unreachable came back for the read request."),
    ("tftp-silent", "The read request was repeated and nothing came back."),
    ("tftp-data-port-blocked", "The server answers from its transfer port, and the client never sees it."),
    ("tftp-file-not-found", "The TFTP server does not have the requested file."),
    ("tftp-access-violation", "The TFTP server may not or will not give the requested file."),
    ("tftp-error", "The TFTP server ended the transfer with another error."),
    ("tftp-option-refused", "The client rejected what the server acknowledged of its options."),
    ("tftp-stalled", "The transfer began and stopped in its middle."),
    ("mtu-black-hole", "Small packets pass, packets of full size vanish on the way."),
    ("fragments-lost", "Datagrams are fragmented and some fragments never arrive."),
    ("block-wrap-disagreement", "Client and server disagree on the block number that follows 65535."),
    ("nbp-wrong-architecture", "The boot file is built for another architecture than the client's."),
    ("nbp-not-started", "The boot file arrived whole, and the firmware did not run it."),
    ("chain-load-loop", "A boot loader is handed the same boot loader again and again."),
    ("credentials-missing", "The client wants signed credentials for the boot file and nobody supplies them."),
    ("credentials-invalid", "The credentials of the boot file do not stand the test."),
    ("conflicting-dhcp-servers", "Several DHCP servers offer different things to the same client."),
    ("conflicting-proxies", "Several proxies offer different things to the same client."),
    ("malformed-reply", "A reply is built in a way that clients must or do reject."),
    ("late-link", "The network began to forward only after the client's first tries were lost."),
    ("packet-loss", "Packets are lost more than usual, yet the transfer completes."),
    ("client-vanished", "The client fell silent in mid-transfer while the server went on."),
    ("http-error", "The HTTP server answered with an error or not at all."),
    ("capture-incomplete", "Part of the story lies before the first or after the last captured frame."),
)

CAUSES: tuple[str, ...] = tuple(slug for slug, _ in _CAUSES)
"""Slugs of all causes, in the order of a boot's steps; the public names of ``diagnosis[].cause``."""

CAUSE_MEANINGS: Mapping[str, str] = MappingProxyType(dict(_CAUSES))
"""What each cause means, in one sentence."""


@dataclass(frozen=True, slots=True)
class CauseCodes:
    """The code that each family shows for a cause, None where it shows none or none is known."""

    intel: str | None
    edk2: str | None
    ipxe: str | None


_NO_CODE = CauseCodes(None, None, None)

# What was measured goes before what documents say (tftp-unreachable: E99 was seen where the source says E22).
# iPXE has one timer for a transfer, so every kind of silence of a TFTP server ends in the same code; for
# tftp-silent and fragments-lost that is inferred, for the others it was measured.
CAUSE_CODES: Mapping[str, CauseCodes] = MappingProxyType(
    {
        "no-dhcp-offer": CauseCodes("PXE-E51", "PXE-E18", "040ee119"),
        "proxy-only": CauseCodes("PXE-E52", "PXE-E16", "040ee119"),
        "no-boot-file": CauseCodes("PXE-E53", "PXE-E16", "2d03e13b"),
        "proxy-silent": CauseCodes("PXE-E55", "PXE-E16", "2d03e13b"),
        "boot-server-silent": CauseCodes("PXE-E78", "PXE-E18", "4c106035"),
        "offers-ignored": CauseCodes("PXE-E51", "PXE-E18", "040ee119"),
        "dhcp-request-unanswered": CauseCodes("PXE-E51", "PXE-E18", "040ee119"),
        "dhcp-nak": CauseCodes("PXE-E51", None, "040ee119"),
        "address-conflict": CauseCodes("PXE-E51", None, None),
        "arp-unanswered": CauseCodes("PXE-E11", "PXE-E18", "4c126035"),
        "tftp-unreachable": CauseCodes("PXE-E32", "PXE-E99", "4c126035"),
        "tftp-silent": CauseCodes("PXE-E32", "PXE-E18", "4c126035"),
        "tftp-data-port-blocked": CauseCodes("PXE-E32", "PXE-E18", "4c126035"),
        "tftp-file-not-found": CauseCodes("PXE-T01", "PXE-E23", "2d12603b"),
        "tftp-access-violation": CauseCodes("PXE-T02", "PXE-E23", "0212603c"),
        "tftp-error": CauseCodes("PXE-E36", "PXE-E23", "3c126003"),
        "tftp-option-refused": CauseCodes("PXE-E36", "PXE-E23", None),
        "tftp-stalled": CauseCodes("PXE-E35", "PXE-E18", "4c126035"),
        "mtu-black-hole": CauseCodes("PXE-E35", "PXE-E18", "4c126035"),
        "fragments-lost": CauseCodes("PXE-E35", "PXE-E18", "4c126035"),
        "block-wrap-disagreement": _NO_CODE,
        "nbp-wrong-architecture": CauseCodes(None, None, "2e008001"),
        "nbp-not-started": _NO_CODE,
        "chain-load-loop": _NO_CODE,
        "credentials-missing": CauseCodes("PXE-E7A", None, None),
        "credentials-invalid": CauseCodes("PXE-E22", None, None),
        "conflicting-dhcp-servers": _NO_CODE,
        "conflicting-proxies": _NO_CODE,
        "malformed-reply": _NO_CODE,
        "late-link": _NO_CODE,
        "packet-loss": _NO_CODE,
        "client-vanished": _NO_CODE,
        "http-error": _NO_CODE,
        "capture-incomplete": _NO_CODE,
    }
)
"""The code that each family shows for each cause; the usual case, see :data:`CODE_VARIANTS` for others."""


@dataclass(frozen=True, slots=True)
class CodeVariant:
    """Another code that a family shows for a cause, and when."""

    cause: str
    family: ScreenFamily
    code: str
    when: str


CODE_VARIANTS: tuple[CodeVariant, ...] = (
    CodeVariant("no-dhcp-offer", "edk2", "PXE-E16", "no answer by DHCPv6"),
    CodeVariant("no-boot-file", "edk2", "PXE-E21", "DHCPv6 without option 59"),
    CodeVariant("no-boot-file", "edk2", "PXE-E21", "tag 6 has bit 3 set, and there is neither a boot file nor a menu"),
    CodeVariant("tftp-stalled", "edk2", "PXE-E99", "ICMP unreachable in mid-transfer: the service ended"),
    CodeVariant("tftp-unreachable", "edk2", "PXE-E22", "by the source; OVMF 2022.11 showed PXE-E99"),
    CodeVariant("tftp-file-not-found", "intel", "PXE-E3B", "the line after PXE-T01"),
    CodeVariant("tftp-access-violation", "intel", "PXE-E3C", "the line after PXE-T02"),
)
"""Codes beside those of :data:`CAUSE_CODES`."""
