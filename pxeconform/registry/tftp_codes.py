"""TFTP: opcodes, error codes, negotiated options and the values they may have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


class Opcode(IntEnum):
    """Packet types (RFC 1350 §5; OACK: RFC 2347)."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """Codes of ERROR packets (RFC 1350 appendix; 8: RFC 2347)."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER_ID = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_NEGOTIATION_FAILED = 8


ERROR_MEANINGS: Mapping[ErrorCode, str] = MappingProxyType(
    {
        ErrorCode.NOT_DEFINED: "not defined, the message text may tell",
        ErrorCode.FILE_NOT_FOUND: "file not found",
        ErrorCode.ACCESS_VIOLATION: "access violation",
        ErrorCode.DISK_FULL: "disk full or allocation exceeded",
        ErrorCode.ILLEGAL_OPERATION: "illegal TFTP operation",
        ErrorCode.UNKNOWN_TRANSFER_ID: "unknown transfer identifier",
        ErrorCode.FILE_EXISTS: "file already exists",
        ErrorCode.NO_SUCH_USER: "no such user",
        ErrorCode.OPTION_NEGOTIATION_FAILED: "option negotiation failed",
    }
)
"""What each error code says (RFC 1350 appendix, RFC 2347)."""


class Mode(StrEnum):
    """Transfer modes in lower case; they are compared without regard to case (RFC 1350 §1, §5)."""

    NETASCII = "netascii"
    OCTET = "octet"
    MAIL = "mail"


class OptionName(StrEnum):
    """Negotiated options in lower case; they are compared without regard to case (RFC 2347).

    The last four belong to single implementations: ``blksize2``, ``utimeout`` and ``rollover`` to tftp-hpa,
    ``msftwindow`` to Microsoft's deployment services.
    """

    BLKSIZE = "blksize"
    TIMEOUT = "timeout"
    TSIZE = "tsize"
    WINDOWSIZE = "windowsize"
    MULTICAST = "multicast"
    BLKSIZE2 = "blksize2"
    UTIMEOUT = "utimeout"
    ROLLOVER = "rollover"
    MSFTWINDOW = "msftwindow"


ReplyRule = Literal[
    "at most the request",
    "equal to the request",
    "size of the file",
    "address,port,master",
    "power of two, at most the request",
    "not published",
]


@dataclass(frozen=True, slots=True)
class OptionRange:
    """What a request may ask and what the OACK may answer.

    ``minimum`` and ``maximum`` bound the number in a request, None where there is no number or no bound. ``default`` is
    what holds without the option, None where the implementation decides. A write's ``tsize`` is echoed instead of
    answered with a size. ``standard`` is False for options of one implementation.
    """

    option: OptionName
    minimum: int | None
    maximum: int | None
    unit: str
    default: int | None
    reply: ReplyRule
    standard: bool
    source: str


_RANGES: tuple[OptionRange, ...] = (
    OptionRange(OptionName.BLKSIZE, 8, 65464, "octets", 512, "at most the request", True, "RFC2348"),
    OptionRange(OptionName.TIMEOUT, 1, 255, "seconds", None, "equal to the request", True, "RFC2349"),
    OptionRange(OptionName.TSIZE, 0, None, "octets", None, "size of the file", True, "RFC2349"),
    OptionRange(OptionName.WINDOWSIZE, 1, 65535, "blocks", 1, "at most the request", True, "RFC7440 §3"),
    # The request's value is empty: the server alone names the group.
    OptionRange(OptionName.MULTICAST, None, None, "", None, "address,port,master", True, "RFC2090"),
    OptionRange(
        OptionName.BLKSIZE2, 8, None, "octets", 512, "power of two, at most the request", False, "TFTP-HPA tftpd.c"
    ),
    OptionRange(
        OptionName.UTIMEOUT,
        10_000,
        255_000_000,
        "microseconds",
        None,
        "equal to the request",
        False,
        "TFTP-HPA tftpd.c",
    ),
    OptionRange(OptionName.ROLLOVER, 0, 65535, "block number", 0, "equal to the request", False, "TFTP-HPA tftpd.c"),
    OptionRange(OptionName.MSFTWINDOW, None, None, "", None, "not published", False, "FIELD"),
)

OPTION_RANGES: Mapping[OptionName, OptionRange] = MappingProxyType({entry.option: entry for entry in _RANGES})
"""Value rules of every option by its name."""

STANDARD_OPTIONS: frozenset[OptionName] = frozenset(entry.option for entry in _RANGES if entry.standard)
"""Options that an RFC defines."""

DEFAULT_BLKSIZE = 512
"""Octets of a full block when ``blksize`` is not agreed (RFC 1350 §2)."""

MAXIMUM_REQUEST_OCTETS = 512
"""Longest RRQ or WRQ with its options (RFC 2347)."""

MAXIMUM_BLOCK_NUMBER = 65535
"""Block numbers have 16 bits (RFC 1350 §5); what follows the last one is in no RFC, 0 is usual and 1 is seen."""

MULTICAST_PORT = 1758
"""Port that RFC 2090 recommends for multicast data."""
