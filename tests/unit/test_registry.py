"""The registry: complete tables, values of the specifications, and a known document behind every source."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from enum import Enum
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from pxeconform.registry import (
    architectures,
    dhcp_options,
    ports,
    pxe_tags,
    screen_codes,
    sources,
    tftp_codes,
    timers,
)

MODULES = (architectures, dhcp_options, ports, pxe_tags, screen_codes, sources, tftp_codes, timers)
NAMES = [module.__name__.rpartition(".")[2] for module in MODULES]

# The public slugs of analysis.json, written out: a renamed or lost slug must fail here.
CONTRACT_CAUSES = [
    "no-dhcp-offer",
    "proxy-only",
    "no-boot-file",
    "proxy-silent",
    "boot-server-silent",
    "offers-ignored",
    "dhcp-request-unanswered",
    "dhcp-nak",
    "address-conflict",
    "arp-unanswered",
    "tftp-unreachable",
    "tftp-silent",
    "tftp-data-port-blocked",
    "tftp-file-not-found",
    "tftp-access-violation",
    "tftp-error",
    "tftp-option-refused",
    "tftp-stalled",
    "mtu-black-hole",
    "fragments-lost",
    "block-wrap-disagreement",
    "nbp-wrong-architecture",
    "nbp-not-started",
    "chain-load-loop",
    "credentials-missing",
    "credentials-invalid",
    "conflicting-dhcp-servers",
    "conflicting-proxies",
    "malformed-reply",
    "late-link",
    "packet-loss",
    "client-vanished",
    "http-error",
    "capture-incomplete",
]


def enums() -> list[type[Enum]]:
    return [
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module.__name__
    ]


def test_ports() -> None:
    assert {port.name: int(port) for port in ports.Port} == {
        "DHCP_SERVER": 67,
        "DHCP_CLIENT": 68,
        "TFTP": 69,
        "DHCPV6_CLIENT": 546,
        "DHCPV6_SERVER": 547,
        "MTFTP_CLIENT": 1758,
        "MTFTP_SERVER": 1759,
        "PXE": 4011,
    }
    assert set(ports.PORT_SOURCES) == set(ports.Port)


def test_every_registered_architecture_is_there() -> None:
    assert list(architectures.ARCHITECTURES) == list(range(42))
    for code, entry in architectures.ARCHITECTURES.items():
        assert entry.code == code
        assert entry.name
    assert len({entry.name for entry in architectures.ARCHITECTURES.values()}) == 42


def test_http_set_is_what_transports_and_names_say() -> None:
    by_transport = {c for c, e in architectures.ARCHITECTURES.items() if e.transport == "http"}
    by_name = {c for c, e in architectures.ARCHITECTURES.items() if e.name.endswith("from http")}
    assert architectures.HTTP_ARCHITECTURES == by_transport == by_name
    assert len(architectures.HTTP_ARCHITECTURES) == 13


def test_deprecated_architectures() -> None:
    assert {c for c, e in architectures.ARCHITECTURES.items() if e.deprecated} == {1, 3, 4, 5, 8}


@pytest.mark.parametrize(
    ("tftp", "http"),
    [
        (0, 20),
        (6, 15),
        (7, 16),
        (9, 17),
        (10, 18),
        (11, 19),
        (21, 23),
        (22, 24),
        (25, 26),
        (27, 28),
        (29, 30),
        (37, 38),
        (39, 40),
    ],
)
def test_tftp_and_http_twins_agree(tftp: int, http: int) -> None:
    one, other = architectures.ARCHITECTURES[tftp], architectures.ARCHITECTURES[http]
    assert (one.family, one.machine) == (other.family, other.machine)
    assert (one.transport, other.transport) == ("tftp", "http")


def test_seven_and_nine() -> None:
    x64, byte_code = architectures.ARCHITECTURES[7], architectures.ARCHITECTURES[9]
    assert (x64.name, x64.machine) == ("x64 UEFI", "x86_64")
    assert (byte_code.name, byte_code.machine) == ("EBC", "ebc")
    assert "swapped" in x64.note
    assert "swapped" in byte_code.note


def test_architecture_name() -> None:
    assert architectures.architecture_name(0) == "x86 BIOS"
    assert architectures.architecture_name(41) == "arm rpiboot"
    assert architectures.architecture_name(42) == "unknown (42)"
    assert architectures.architecture_name(-1) == "unknown (-1)"


def test_machines_of_architectures_are_machines_of_images() -> None:
    machines = {entry.machine for entry in architectures.ARCHITECTURES.values()} - {None}
    assert machines == set(architectures.PE_MACHINES.values())


def test_machine_codes() -> None:
    expected = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64", 0xEBC: "ebc", 0x200: "ia64", 0x5064: "riscv64"}
    assert expected.items() <= architectures.PE_MACHINES.items()
    assert {architectures.PE_MACHINES[code] for code in (0x1C0, 0x1C2, 0x1C4)} == {"arm"}
    assert {3: "i386", 62: "x86_64", 183: "aarch64", 40: "arm"}.items() <= architectures.ELF_MACHINES.items()
    for (machine, width), name in architectures.ELF_CLASS_MACHINES.items():
        assert name == f"{architectures.ELF_MACHINES[machine]}{32 * width}"
        assert name in architectures.PE_MACHINES.values()


@pytest.mark.parametrize("enum", enums(), ids=lambda enum: enum.__name__)
def test_enum_values_are_unique(enum: type[Enum]) -> None:
    # __members__ holds aliases too, iteration does not: a repeated value shows as a difference.
    assert len(enum.__members__) == len(list(enum))


def test_enums_were_found() -> None:
    assert {"Port", "Option", "MessageType", "PxeTag", "Opcode", "ErrorCode"} <= {enum.__name__ for enum in enums()}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SUBNET_MASK", 1),
        ("BOOT_FILE_SIZE", 13),
        ("VENDOR_SPECIFIC", 43),
        ("REQUESTED_ADDRESS", 50),
        ("OPTION_OVERLOAD", 52),
        ("MESSAGE_TYPE", 53),
        ("SERVER_IDENTIFIER", 54),
        ("PARAMETER_REQUEST_LIST", 55),
        ("MAXIMUM_MESSAGE_SIZE", 57),
        ("CLASS_IDENTIFIER", 60),
        ("CLIENT_IDENTIFIER", 61),
        ("TFTP_SERVER_NAME", 66),
        ("BOOT_FILE_NAME", 67),
        ("USER_CLASS", 77),
        ("RELAY_AGENT_INFORMATION", 82),
        ("CLIENT_ARCHITECTURE", 93),
        ("CLIENT_NDI", 94),
        ("CLIENT_UUID", 97),
        ("TFTP_SERVER_ADDRESS", 150),
        ("IPXE_ENCAPSULATED", 175),
        ("PXELINUX_PATH_PREFIX", 210),
        ("END", 255),
    ],
)
def test_option_codes(name: str, code: int) -> None:
    assert dhcp_options.Option[name] == code


def test_every_option_has_facts() -> None:
    assert set(dhcp_options.OPTIONS) == {int(option) for option in dhcp_options.Option}
    assert set(dhcp_options.OPTION_NAMES) == set(dhcp_options.OPTIONS)
    assert len(set(dhcp_options.OPTION_NAMES.values()) - {"Classless static route"}) == len(dhcp_options.Option) - 1
    for code, fact in dhcp_options.OPTIONS.items():
        assert fact.option == code
        assert re.fullmatch(r"-|\d+n?|\d+\+|\d+\.\.\d+", fact.length)
        assert (fact.length == "-") == (code in (0, 255))


def test_option_lengths() -> None:
    lengths = {code: dhcp_options.OPTIONS[code].length for code in (53, 54, 57, 93, 94, 97, 150, 208, 211)}
    assert lengths == {53: "1", 54: "4", 57: "2", 93: "2n", 94: "3", 97: "17", 150: "4n", 208: "4", 211: "4"}


def test_message_types() -> None:
    first = ["DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM", "FORCERENEW", "LEASEQUERY"]
    assert [dhcp_options.MessageType(number).name for number in range(1, 11)] == first
    assert [int(op) for op in dhcp_options.BootpOp] == [1, 2]
    assert dhcp_options.BootpOp(1).name == "BOOTREQUEST"


def test_header_and_class_constants() -> None:
    assert list(dhcp_options.MAGIC_COOKIE) == [99, 130, 83, 99]
    assert len("PXEClient:Arch:00000:UNDI:002001") == dhcp_options.PXE_CLASS_OCTETS
    assert len(dhcp_options.PXE_CLIENT_CLASS) == len(dhcp_options.PXE_SERVER_CLASS) == 9
    assert {1, 3, 43, 60, 128, 135} <= set(dhcp_options.PXE_REQUESTED_OPTIONS)
    assert dhcp_options.Overload.FILE | dhcp_options.Overload.SNAME == 3
    assert (3, 16) in dhcp_options.UNDI_REVISIONS
    assert dhcp_options.IpxeOption(0xB0).name == "NO_PROXY_DHCP"


def test_pxe_tags() -> None:
    assert [int(tag) for tag in pxe_tags.PxeTag] == [*range(13), 71, 255]
    assert pxe_tags.PxeTag(8).name == "BOOT_SERVERS"
    assert set(pxe_tags.TAGS) == {int(tag) for tag in pxe_tags.PxeTag}
    assert {tag for tag, fact in pxe_tags.TAGS.items() if fact.byte_order == "little"} == {2, 3}
    required = {tag for tag, fact in pxe_tags.TAGS.items() if fact.level == "required"}
    assert required == {6, 8, 9, 10, 12, 71, 255}
    assert {tag: pxe_tags.TAGS[tag].length for tag in (1, 2, 4, 6, 7, 11, 12, 71)} == {
        1: "4",
        2: "2",
        4: "1",
        6: "1",
        7: "4",
        11: "8",
        12: "4n",
        71: "4",
    }
    assert {int(tag) for tag in pxe_tags.MTFTP_TAGS} == {1, 2, 3, 4, 5}
    assert {int(tag) for tag in pxe_tags.DISCOVERY_TAGS} == {6, 7, 8, 9, 10}


def test_tag_ranges_cover_the_octet() -> None:
    numbers = [*range(13), *pxe_tags.RESERVED_TAGS, *pxe_tags.LOADER_TAGS, *pxe_tags.VENDOR_TAGS, 255]
    assert numbers == list(range(256))


def test_discovery_control() -> None:
    control = pxe_tags.DiscoveryControl
    assert (control.BROADCAST_DISABLED, control.MULTICAST_DISABLED) == (1, 2)
    assert (control.USE_BOOT_SERVERS_LIST, control.DOWNLOAD_OFFERED_FILE) == (4, 8)
    every = 0
    for bit in control:
        every |= bit
    assert every | pxe_tags.DISCOVERY_CONTROL_RESERVED == 0xFF
    assert every & pxe_tags.DISCOVERY_CONTROL_RESERVED == 0


def test_credentials() -> None:
    assert pxe_tags.CREDENTIAL_LAYER_BIT == 0x8000
    assert (pxe_tags.CERTIFICATE_ID_DSA, pxe_tags.CERTIFICATE_ID_RSA_MD5) == (41, 42)
    assert pxe_tags.CERTIFICATE_ID_MASK == 0xFF7F7FFF
    assert pxe_tags.CREDENTIAL_TYPES_MAXIMUM == 255 // 4


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "PXE bootstrap server"),
        (3, "DOS/UNDI boot server"),
        (12, "reserved (12)"),
        (17, "reserved (17)"),
        (32767, "reserved (32767)"),
        (32768, "vendor (32768)"),
        (65534, "vendor (65534)"),
        (65535, "PXE API test server"),
        (65536, "invalid (65536)"),
        (-1, "invalid (-1)"),
    ],
)
def test_boot_server_type_name(number: int, name: str) -> None:
    assert pxe_tags.boot_server_type_name(number) == name


def test_tftp_codes() -> None:
    assert [opcode.name for opcode in tftp_codes.Opcode] == ["RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK"]
    assert [int(opcode) for opcode in tftp_codes.Opcode] == [1, 2, 3, 4, 5, 6]
    assert [int(code) for code in tftp_codes.ErrorCode] == list(range(9))
    assert set(tftp_codes.ERROR_MEANINGS) == set(tftp_codes.ErrorCode)
    assert tftp_codes.ERROR_MEANINGS[tftp_codes.ErrorCode(5)] == "unknown transfer identifier"


def test_tftp_options() -> None:
    assert set(tftp_codes.OPTION_RANGES) == set(tftp_codes.OptionName)
    names = {str(name) for name in tftp_codes.STANDARD_OPTIONS}
    assert names == {"blksize", "timeout", "tsize", "windowsize", "multicast"}
    bounds = {str(n): (r.minimum, r.maximum, r.default) for n, r in tftp_codes.OPTION_RANGES.items()}
    assert bounds["blksize"] == (8, 65464, 512)
    assert bounds["timeout"] == (1, 255, None)
    assert bounds["windowsize"] == (1, 65535, 1)
    assert tftp_codes.OPTION_RANGES[tftp_codes.OptionName.TIMEOUT].reply == "equal to the request"
    assert tftp_codes.OPTION_RANGES[tftp_codes.OptionName.BLKSIZE].reply == "at most the request"


def test_the_causes_are_those_of_the_contract_in_its_order() -> None:
    assert list(screen_codes.CAUSES) == CONTRACT_CAUSES
    assert list(screen_codes.CAUSE_MEANINGS) == CONTRACT_CAUSES
    assert set(screen_codes.CAUSE_CODES) == set(CONTRACT_CAUSES)
    for meaning in screen_codes.CAUSE_MEANINGS.values():
        assert meaning[0].isupper()
        assert meaning.endswith(".")
        assert meaning.count(".") == 1
    assert screen_codes.SEVERITIES == ("fatal", "warning", "info")


def test_the_codes_of_causes_exist() -> None:
    for codes in screen_codes.CAUSE_CODES.values():
        assert codes.intel is None or codes.intel in screen_codes.INTEL_CODES
        assert codes.edk2 is None or codes.edk2 in screen_codes.EDK2_CODES
        assert codes.ipxe is None or codes.ipxe in screen_codes.IPXE_CODES
    for variant in screen_codes.CODE_VARIANTS:
        assert variant.cause in screen_codes.CAUSES
        assert variant.code in screen_codes.CODES[variant.family]
        assert variant.code != getattr(screen_codes.CAUSE_CODES[variant.cause], variant.family)


def test_screen_tables_are_keyed_by_their_code_and_family() -> None:
    form = {"intel": r"PXE-[EMT][0-9A-F]{2}", "edk2": r"PXE-E\d\d", "ipxe": r"[0-9a-f]{8}"}
    for family, table in screen_codes.CODES.items():
        for code, entry in table.items():
            assert entry.code == code
            assert entry.family == family
            assert re.fullmatch(form[family], code)
            assert entry.text
            assert entry.trigger
    # A literal that a duplicate key would have swallowed.
    assert (len(screen_codes.EDK2_CODES), len(screen_codes.IPXE_CODES)) == (11, 10)
    assert {f"PXE-T0{code}" for code in range(9)} <= set(screen_codes.INTEL_CODES)


@pytest.mark.parametrize(
    ("cause", "codes"),
    [
        ("no-dhcp-offer", ("PXE-E51", "PXE-E18", "040ee119")),
        ("proxy-only", ("PXE-E52", "PXE-E16", "040ee119")),
        ("no-boot-file", ("PXE-E53", "PXE-E16", "2d03e13b")),
        ("proxy-silent", ("PXE-E55", "PXE-E16", "2d03e13b")),
        ("tftp-unreachable", ("PXE-E32", "PXE-E99", "4c126035")),
        ("tftp-file-not-found", ("PXE-T01", "PXE-E23", "2d12603b")),
        ("nbp-wrong-architecture", (None, None, "2e008001")),
        ("packet-loss", (None, None, None)),
    ],
)
def test_codes_of_causes(cause: str, codes: tuple[str | None, str | None, str | None]) -> None:
    assert dataclasses.astuple(screen_codes.CAUSE_CODES[cause]) == codes


def test_one_number_two_meanings() -> None:
    both = set(screen_codes.INTEL_CODES) & set(screen_codes.EDK2_CODES)
    assert {"PXE-E05", "PXE-E07", "PXE-E09", "PXE-E21", "PXE-E22", "PXE-E23", "PXE-E53"} == both
    assert {c for c in both if screen_codes.INTEL_CODES[c].text == screen_codes.EDK2_CODES[c].text} == {"PXE-E53"}
    assert "PXE-E16" not in screen_codes.INTEL_CODES


def test_evidence_is_honest() -> None:
    assert {entry.evidence for entry in screen_codes.INTEL_CODES.values()} == {"documented", "inferred"}
    assert {c for c, e in screen_codes.INTEL_CODES.items() if e.evidence == "inferred"} == {
        f"PXE-T0{n}" for n in range(9)
    }
    measured = {c for c, e in screen_codes.EDK2_CODES.items() if e.evidence == "measured"}
    assert measured == {"PXE-E16", "PXE-E18", "PXE-E21", "PXE-E23", "PXE-E99"}


def test_specified_timers_and_their_offsets_agree() -> None:
    assert timers.DISCOVER_RETRIES == (4, 8, 16, 32)
    assert timers.BOOT_SERVER_RETRIES == (1, 2, 3, 4)
    gaps = {
        "discover": timers.DISCOVER_RETRIES,
        "boot server request": timers.BOOT_SERVER_RETRIES,
        "tftp open": (timers.TFTP_OPEN_SECONDS,) * timers.TFTP_OPEN_RETRIES,
    }
    assert {schedule.phase for schedule in timers.SPECIFIED_SCHEDULES} == set(gaps)
    for schedule in timers.SPECIFIED_SCHEDULES:
        *offsets, end = accumulate(gaps[schedule.phase], initial=0.0)
        assert schedule.offsets == tuple(offsets)
        assert schedule.gives_up == end


def test_schedules_rise_from_zero() -> None:
    every = timers.SPECIFIED_SCHEDULES + timers.CLIENT_SCHEDULES + timers.SERVER_SCHEDULES
    for schedule in every:
        assert schedule.offsets[0] == 0
        assert all(one < other for one, other in pairwise(schedule.offsets))
        assert schedule.gives_up is None or schedule.gives_up > schedule.offsets[-1]
    assert len({(schedule.firmware, schedule.phase) for schedule in every}) == len(every)


def all_sources() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [(repr(port), source) for port, source in ports.PORT_SOURCES.items()]
    tables: list[object] = [
        *architectures.ARCHITECTURES.values(),
        *dhcp_options.OPTIONS.values(),
        *pxe_tags.TAGS.values(),
        *tftp_codes.OPTION_RANGES.values(),
        *(entry for table in screen_codes.CODES.values() for entry in table.values()),
        *timers.SPECIFIED_SCHEDULES,
        *timers.CLIENT_SCHEDULES,
        *timers.SERVER_SCHEDULES,
    ]
    for entry in tables:
        source = getattr(entry, "source", None)
        assert isinstance(source, str), entry
        found.append((repr(entry), source))
    return found


def test_every_source_names_a_known_document() -> None:
    found = all_sources()
    assert len(found) > 200
    for entry, source in found:
        for reference in source.split("; "):
            assert reference.split(" ")[0] in sources.DOCUMENTS, entry


def test_documents() -> None:
    for key, document in sources.DOCUMENTS.items():
        assert document.key == key
        assert " " not in key
        assert document.title
        assert re.fullmatch(r"|\d{4}(-\d{2}(-\d{2})?)?", document.date)
    assert sources.DOCUMENTS["PXE-2.1"].date == "1999-09-20"
    assert sources.DOCUMENTS["RFC4578"].date == "2006-11"


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        architectures.ARCHITECTURES[99] = architectures.ARCHITECTURES[0]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        pxe_tags.TAGS[6].length = "2"  # type: ignore[misc]


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_keys_of_literal_tables_are_not_repeated(module: object) -> None:
    # Python keeps the last of two equal keys without a word, so look at the source.
    path = Path(str(getattr(module, "__file__", "")))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            keys = [ast.unparse(key) for key in node.keys if key is not None]
            assert len(keys) == len(set(keys))


def test_the_registry_imports_nothing_of_the_other_rooms() -> None:
    code = (
        "import sys\n"
        f"import {', '.join(module.__name__ for module in MODULES)}\n"
        "heavy = ('scapy', 'pandas', 'numpy', 'matplotlib', 'cryptography', 'duckdb', 'pyshark')\n"
        "names = [n for n in sys.modules if n.split('.')[0] in heavy]\n"
        "names += [n for n in sys.modules if n.startswith('pxeconform.') and n.split('.')[1] != 'registry']\n"
        "print(names)\n"
    )
    # From the folder that holds the package, so that it is found whether it is installed or not.
    root = Path(ports.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
