"""DHCP: options, message types and constants of the header that network boot uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class BootpOp(IntEnum):
    """First octet of every BOOTP and DHCP message (RFC 951 §3)."""

    BOOTREQUEST = 1
    BOOTREPLY = 2


class MessageType(IntEnum):
    """Values of option 53 (1-8: RFC 2132 §9.6; 9: RFC 3203; 10-13: RFC 4388; 14-15: RFC 6926; 16-18: RFC 7724)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8
    FORCERENEW = 9
    LEASEQUERY = 10
    LEASEUNASSIGNED = 11
    LEASEUNKNOWN = 12
    LEASEACTIVE = 13
    BULKLEASEQUERY = 14
    LEASEQUERYDONE = 15
    ACTIVELEASEQUERY = 16
    LEASEQUERYSTATUS = 17
    TLS = 18


class Option(IntEnum):
    """DHCPv4 option codes; names follow the RFC that defines them, see :data:`OPTIONS` for length and source."""

    PAD = 0
    SUBNET_MASK = 1
    TIME_OFFSET = 2
    ROUTER = 3
    TIME_SERVER = 4
    DOMAIN_NAME_SERVER = 6
    LOG_SERVER = 7
    HOST_NAME = 12
    BOOT_FILE_SIZE = 13
    DOMAIN_NAME = 15
    SWAP_SERVER = 16
    ROOT_PATH = 17
    EXTENSIONS_PATH = 18
    INTERFACE_MTU = 26
    BROADCAST_ADDRESS = 28
    STATIC_ROUTE = 33
    NIS_DOMAIN = 40
    NIS_SERVERS = 41
    NTP_SERVERS = 42
    VENDOR_SPECIFIC = 43
    NETBIOS_NAME_SERVER = 44
    NETBIOS_NODE_TYPE = 46
    NETBIOS_SCOPE = 47
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OPTION_OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_IDENTIFIER = 54
    PARAMETER_REQUEST_LIST = 55
    MESSAGE = 56
    MAXIMUM_MESSAGE_SIZE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    CLASS_IDENTIFIER = 60
    CLIENT_IDENTIFIER = 61
    TFTP_SERVER_NAME = 66
    BOOT_FILE_NAME = 67
    USER_CLASS = 77
    RELAY_AGENT_INFORMATION = 82
    AUTHENTICATION = 90
    CLIENT_LAST_TRANSACTION_TIME = 91
    ASSOCIATED_ADDRESS = 92
    CLIENT_ARCHITECTURE = 93
    CLIENT_NDI = 94
    CLIENT_UUID = 97
    SUBNET_SELECTION = 118
    DOMAIN_SEARCH = 119
    CLASSLESS_STATIC_ROUTE = 121
    VENDOR_IDENTIFYING_CLASS = 124
    VENDOR_IDENTIFYING_SPECIFIC = 125
    PXE_OPAQUE_128 = 128
    PXE_OPAQUE_129 = 129
    PXE_OPAQUE_130 = 130
    PXE_OPAQUE_131 = 131
    PXE_OPAQUE_132 = 132
    PXE_OPAQUE_133 = 133
    PXE_OPAQUE_134 = 134
    PXE_OPAQUE_135 = 135
    TFTP_SERVER_ADDRESS = 150
    IPXE_ENCAPSULATED = 175
    ISCSI_INITIATOR_NAME = 203
    PXELINUX_MAGIC = 208
    PXELINUX_CONFIGURATION_FILE = 209
    PXELINUX_PATH_PREFIX = 210
    PXELINUX_REBOOT_TIME = 211
    MICROSOFT_CLASSLESS_STATIC_ROUTE = 249
    WDS_BOOT_PROGRAM = 250
    WEB_PROXY_AUTODISCOVERY = 252
    END = 255


@dataclass(frozen=True, slots=True)
class OptionFact:
    """Name, legal length and source of an option.

    ``length`` counts octets of the value: ``"4"`` exactly, ``"4n"`` a multiple (at least one), ``"2+"`` at least,
    ``"1..2"`` a range, ``"-"`` for PAD and END, which have no length octet.
    """

    option: Option
    name: str
    length: str
    source: str


_O = Option
_FACTS: tuple[OptionFact, ...] = (
    OptionFact(_O.PAD, "Pad", "-", "RFC2132 §3.1"),
    OptionFact(_O.SUBNET_MASK, "Subnet mask", "4", "RFC2132 §3.3"),
    OptionFact(_O.TIME_OFFSET, "Time offset", "4", "RFC2132 §3.4"),
    OptionFact(_O.ROUTER, "Router", "4n", "RFC2132 §3.5"),
    OptionFact(_O.TIME_SERVER, "Time server", "4n", "RFC2132 §3.6"),
    OptionFact(_O.DOMAIN_NAME_SERVER, "Domain name server", "4n", "RFC2132 §3.8"),
    OptionFact(_O.LOG_SERVER, "Log server", "4n", "RFC2132 §3.9"),
    OptionFact(_O.HOST_NAME, "Host name", "1+", "RFC2132 §3.14"),
    OptionFact(_O.BOOT_FILE_SIZE, "Boot file size (blocks of 512 octets)", "2", "RFC2132 §3.15"),
    OptionFact(_O.DOMAIN_NAME, "Domain name", "1+", "RFC2132 §3.17"),
    OptionFact(_O.SWAP_SERVER, "Swap server", "4", "RFC2132 §3.18"),
    OptionFact(_O.ROOT_PATH, "Root path", "1+", "RFC2132 §3.19"),
    OptionFact(_O.EXTENSIONS_PATH, "Extensions path", "1+", "RFC2132 §3.20"),
    OptionFact(_O.INTERFACE_MTU, "Interface MTU", "2", "RFC2132 §5.1"),
    OptionFact(_O.BROADCAST_ADDRESS, "Broadcast address", "4", "RFC2132 §5.3"),
    OptionFact(_O.STATIC_ROUTE, "Static route", "8n", "RFC2132 §5.8"),
    OptionFact(_O.NIS_DOMAIN, "NIS domain", "1+", "RFC2132 §8.1"),
    OptionFact(_O.NIS_SERVERS, "NIS servers", "4n", "RFC2132 §8.2"),
    OptionFact(_O.NTP_SERVERS, "NTP servers", "4n", "RFC2132 §8.3"),
    OptionFact(_O.VENDOR_SPECIFIC, "Vendor specific information", "1+", "RFC2132 §8.4; PXE-2.1 Table 2-1"),
    OptionFact(_O.NETBIOS_NAME_SERVER, "NetBIOS name server", "4n", "RFC2132 §8.5"),
    OptionFact(_O.NETBIOS_NODE_TYPE, "NetBIOS node type", "1", "RFC2132 §8.7"),
    OptionFact(_O.NETBIOS_SCOPE, "NetBIOS scope", "1+", "RFC2132 §8.8"),
    OptionFact(_O.REQUESTED_ADDRESS, "Requested IP address", "4", "RFC2132 §9.1"),
    OptionFact(_O.LEASE_TIME, "IP address lease time", "4", "RFC2132 §9.2"),
    OptionFact(_O.OPTION_OVERLOAD, "Option overload", "1", "RFC2132 §9.3"),
    OptionFact(_O.MESSAGE_TYPE, "DHCP message type", "1", "RFC2132 §9.6"),
    OptionFact(_O.SERVER_IDENTIFIER, "Server identifier", "4", "RFC2132 §9.7"),
    OptionFact(_O.PARAMETER_REQUEST_LIST, "Parameter request list", "1+", "RFC2132 §9.8"),
    OptionFact(_O.MESSAGE, "Message", "1+", "RFC2132 §9.9"),
    OptionFact(_O.MAXIMUM_MESSAGE_SIZE, "Maximum DHCP message size", "2", "RFC2132 §9.10"),
    OptionFact(_O.RENEWAL_TIME, "Renewal (T1) time", "4", "RFC2132 §9.11"),
    OptionFact(_O.REBINDING_TIME, "Rebinding (T2) time", "4", "RFC2132 §9.12"),
    OptionFact(_O.CLASS_IDENTIFIER, "Vendor class identifier", "1+", "RFC2132 §9.13; PXE-2.1 Table 2-1"),
    OptionFact(_O.CLIENT_IDENTIFIER, "Client identifier", "2+", "RFC2132 §9.14; RFC6842 §3"),
    OptionFact(_O.TFTP_SERVER_NAME, "TFTP server name", "1+", "RFC2132 §9.4"),
    OptionFact(_O.BOOT_FILE_NAME, "Boot file name", "1+", "RFC2132 §9.5"),
    OptionFact(_O.USER_CLASS, "User class", "1+", "RFC3004 §4; IPXE dhcp.c"),
    OptionFact(_O.RELAY_AGENT_INFORMATION, "Relay agent information", "2+", "RFC3046 §2.0"),
    OptionFact(_O.AUTHENTICATION, "Authentication", "11+", "RFC3118 §2"),
    OptionFact(_O.CLIENT_LAST_TRANSACTION_TIME, "Client last transaction time", "4", "RFC4388 §6.1"),
    OptionFact(_O.ASSOCIATED_ADDRESS, "Associated IP addresses", "4n", "RFC4388 §6.1"),
    OptionFact(_O.CLIENT_ARCHITECTURE, "Client system architecture", "2n", "RFC4578 §2.1; PXE-2.1 Table 2-1"),
    OptionFact(_O.CLIENT_NDI, "Client network device interface", "3", "RFC4578 §2.2; PXE-2.1 Table 2-1"),
    OptionFact(_O.CLIENT_UUID, "Client machine identifier (UUID)", "17", "RFC4578 §2.3; PXE-2.1 Table 2-1"),
    OptionFact(_O.SUBNET_SELECTION, "Subnet selection", "4", "RFC3011 §2"),
    OptionFact(_O.DOMAIN_SEARCH, "Domain search", "1+", "RFC3397 §2"),
    OptionFact(_O.CLASSLESS_STATIC_ROUTE, "Classless static route", "5+", "RFC3442"),
    OptionFact(_O.VENDOR_IDENTIFYING_CLASS, "Vendor-identifying vendor class", "5+", "RFC3925 §3"),
    OptionFact(_O.VENDOR_IDENTIFYING_SPECIFIC, "Vendor-identifying vendor information", "5+", "RFC3925 §4"),
    *(
        OptionFact(_O(code), f"PXE, for the boot program ({code})", "1+", "RFC4578 §2.4; PXE-2.1 Table 2-1")
        for code in range(128, 136)
    ),
    OptionFact(_O.TFTP_SERVER_ADDRESS, "TFTP server address", "4n", "RFC5859 §3"),
    OptionFact(_O.IPXE_ENCAPSULATED, "iPXE encapsulated options", "1+", "IPXE include/ipxe/dhcp.h"),
    OptionFact(_O.ISCSI_INITIATOR_NAME, "iSCSI initiator name (iPXE)", "1+", "IPXE include/ipxe/dhcp.h"),
    OptionFact(_O.PXELINUX_MAGIC, "PXELINUX magic", "4", "RFC5071 §3"),
    OptionFact(_O.PXELINUX_CONFIGURATION_FILE, "PXELINUX configuration file", "1+", "RFC5071 §4"),
    OptionFact(_O.PXELINUX_PATH_PREFIX, "PXELINUX path prefix", "1+", "RFC5071 §5"),
    OptionFact(_O.PXELINUX_REBOOT_TIME, "PXELINUX reboot time (seconds)", "4", "RFC5071 §6"),
    OptionFact(_O.MICROSOFT_CLASSLESS_STATIC_ROUTE, "Classless static route (Microsoft)", "5+", "FIELD"),
    OptionFact(_O.WDS_BOOT_PROGRAM, "Microsoft network boot program, private", "1+", "FIELD"),
    OptionFact(_O.WEB_PROXY_AUTODISCOVERY, "Web proxy autodiscovery", "1+", "FIELD"),
    OptionFact(_O.END, "End", "-", "RFC2132 §3.2"),
)

OPTIONS: Mapping[int, OptionFact] = MappingProxyType({int(fact.option): fact for fact in _FACTS})
"""Facts of every option by its code."""

OPTION_NAMES: Mapping[int, str] = MappingProxyType({code: fact.name for code, fact in OPTIONS.items()})
"""Readable name of every option by its code."""


class Overload(IntFlag):
    """Value of option 52: which header fields carry options (RFC 2132 §9.3). Zero is no legal value."""

    FILE = 1
    SNAME = 2


class RelaySuboption(IntEnum):
    """Sub-options of option 82 (1, 2: RFC 3046 §3; 5: RFC 3527; 10: RFC 5010; 11: RFC 5107)."""

    CIRCUIT_ID = 1
    REMOTE_ID = 2
    LINK_SELECTION = 5
    FLAGS = 10
    SERVER_IDENTIFIER_OVERRIDE = 11


class Dhcpv6MessageType(IntEnum):
    """DHCPv6 message types (RFC 8415 §7.3)."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    RECONFIGURE = 10
    INFORMATION_REQUEST = 11
    RELAY_FORW = 12
    RELAY_REPL = 13


class Dhcpv6Option(IntEnum):
    """DHCPv6 options of network boot (1-25: RFC 8415 §21, 23: RFC 3646; 59-62: RFC 5970 §3)."""

    CLIENTID = 1
    SERVERID = 2
    IA_NA = 3
    IAADDR = 5
    ORO = 6
    PREFERENCE = 7
    ELAPSED_TIME = 8
    RELAY_MSG = 9
    STATUS_CODE = 13
    RAPID_COMMIT = 14
    USER_CLASS = 15
    VENDOR_CLASS = 16
    VENDOR_OPTS = 17
    DNS_SERVERS = 23
    BOOTFILE_URL = 59
    BOOTFILE_PARAM = 60
    CLIENT_ARCH_TYPE = 61
    NII = 62


MAGIC_COOKIE = b"\x63\x82\x53\x63"
"""First four octets of the options field (RFC 2131 §3)."""

BROADCAST_FLAG = 0x8000
"""Bit of ``flags`` by which a client asks for broadcast replies (RFC 2131 §2)."""

FIXED_HEADER_OCTETS = 236
"""Octets before the magic cookie (RFC 2131 §2)."""

MINIMUM_BOOTP_OCTETS = 300
"""UDP payload of a BOOTP message; receivers may drop shorter ones (RFC 1542 §2.1)."""

MINIMUM_ACCEPTED_DATAGRAM = 576
"""IP datagram that every DHCP client must accept, least legal value of option 57 (RFC 2131 §2, RFC 2132 §9.10)."""

MAXIMUM_HOPS = 16
"""Limit of ``hops`` at which a relay discards (RFC 1542 §4.1.1)."""

PXE_CLIENT_CLASS = b"PXEClient"
"""Option 60 of PXE replies, prefix of PXE requests; case matters, no NUL (PXE-2.1 Table 2-1)."""

PXE_SERVER_CLASS = b"PXEServer"
"""Option 60 of a boot server that configures itself (PXE-2.1 §2.5.3)."""

HTTP_CLIENT_CLASS = b"HTTPClient"
"""Prefix of option 60 in UEFI HTTP boot, both ways (UEFI, HTTP boot; EDK2 HttpBootDhcp4.c)."""

PXE_CLASS_OCTETS = 32
"""Length of a PXE client's class identifier ``PXEClient:Arch:xxxxx:UNDI:yyyzzz`` (PXE-2.1 Table 2-2)."""

PXE_REQUESTED_OPTIONS: tuple[int, ...] = (1, 3, 43, 60, *range(128, 136))
"""Least parameter request list of a PXE client (PXE-2.1 Table 2-1; 128 to 135 also RFC4578 §2.4)."""

DHCPV6_PXE_ENTERPRISE = 343
"""Enterprise number (Intel) in the DHCPv6 vendor class of PXE and HTTP boot clients (EDK2 PxeBcDhcp6.c)."""

PXELINUX_MAGIC_VALUE = b"\xf1\x00\x74\x7e"
"""Value of option 208 (RFC 5071 §3)."""

PXELINUX_DEFAULT_REBOOT_SECONDS = 300
"""PXELINUX's reboot time without option 211; 0 in the option means never (RFC 5071 §6.2)."""

IPXE_USER_CLASS = b"iPXE"
"""iPXE's option 77: bare, without the length octets of RFC 3004 (IPXE dhcp.c)."""

GPXE_USER_CLASS = b"gPXE"
"""The same of iPXE's predecessor."""


class IpxeOption(IntEnum):
    """Encapsulated in option 175: features that iPXE announces and orders that it takes (IPXE features.h, dhcp.h)."""

    PXE_EXTENSIONS = 0x10
    ISCSI = 0x11
    AOE = 0x12
    HTTP = 0x13
    HTTPS = 0x14
    TFTP = 0x15
    FTP = 0x16
    DNS = 0x17
    BZIMAGE = 0x18
    MULTIBOOT = 0x19
    SLAM = 0x1A
    SRP = 0x1B
    NBI = 0x20
    PXE = 0x21
    ELF = 0x22
    COMBOOT = 0x23
    EFI = 0x24
    FCOE = 0x25
    VLAN = 0x26
    MENU = 0x27
    SDI = 0x28
    NFS = 0x29
    NO_PROXY_DHCP = 0xB0
    BUS_ID = 0xB1
    VERSION = 0xEB


UNDI_REVISIONS: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (2, 0): "first generation, PXENV+ entry point",
        (2, 1): "second generation, !PXE entry point",
        (3, 0): "32/64-bit alpha, EFI boot services driver",
        (3, 0x10): "32/64-bit beta, EFI runtime driver",
        (3, 0x20): "32/64-bit release",
    }
)
"""(major, minor) of option 94 to what RFC 4578 §2.2 says of that revision.

Revision 3.10 has the minor octet 0x10: the class identifier, which is decimal, then ends in ``UNDI:003016``.
"""
