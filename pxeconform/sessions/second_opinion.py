"""What tshark's dissectors and our codecs say of the same DHCP messages and TFTP packets, side by side.

With `--engine tshark` the datagrams come from tshark, and whatever it reads in one of them that we do not becomes a
warning of the capture. The frames here are what both are asked for; tests compare them on every capture there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from pxeconform.capture import tshark
from pxeconform.capture.datagrams import CaptureInfo, Datagram, Kind
from pxeconform.capture.tshark import Row, names_of
from pxeconform.protocol import dhcp, tftp
from pxeconform.registry.ports import Port
from pxeconform.registry.tftp_codes import Opcode

_DHCP_PORTS = frozenset({Port.DHCP_SERVER, Port.DHCP_CLIENT, Port.PXE})
_NAMED = (60, 93, 97)
_MOST_NAMED = 10
_STRANGE = re.compile(r"[^ -~]|\\")

DHCP_FIELDS = names_of(
    {
        "dhcp": "type id hw.mac_addr hw.addr ip.client ip.your ip.server ip.relay",
        "dhcp.option": "dhcp type length value",
    }
)
TFTP_FIELDS = names_of(
    {"tftp": "opcode block source_file destination_file type option.name option.value error.code error.message"}
)


@dataclass(frozen=True, slots=True)
class DhcpFrame:
    """One BOOTP or DHCP message; `addresses` are ciaddr, yiaddr, siaddr, giaddr, `options` (code, hexadecimal octets)
    in the order of the packet, `None` where they cannot be told apart."""

    frame: int
    sender: tuple[str, int]
    receiver: tuple[str, int]
    type: int | None
    xid: int
    chaddr: str
    addresses: tuple[str, ...]
    options: tuple[tuple[int, str], ...] | None = field(repr=False)

    @property
    def named(self) -> dict[int, str]:
        """The options that network boot turns on: class identifier, architecture, UUID."""
        return {code: value for code, value in self.options or () if code in _NAMED}


@dataclass(frozen=True, slots=True)
class TftpFrame:
    """One TFTP packet; `data` is the number of octets of file in it."""

    frame: int
    sender: tuple[str, int]
    receiver: tuple[str, int]
    opcode: int
    block: int | None = None
    file: str | None = None
    mode: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    error: tuple[int, str] | None = None
    data: int | None = None


def dhcp_of_tshark(row: Row, datagram: Datagram) -> DhcpFrame | None:
    """The DHCP message that tshark sees in a frame; of one that the capture cut it may show no field at all."""
    if not row["dhcp.id"] or datagram.kind is not Kind.UDP:
        return None
    return DhcpFrame(
        datagram.frame,
        datagram.sender,
        datagram.receiver,
        int(row["dhcp.option.dhcp"][0]) if row["dhcp.option.dhcp"] else None,
        int(row["dhcp.id"][0], 0),
        # A client identifier made of the address gives it a second time.
        (row["dhcp.hw.mac_addr"] or [bytes.fromhex("".join(row["dhcp.hw.addr"][:1])).hex(":")])[0],
        tuple("".join(row[f"dhcp.ip.{name}"][:1]) for name in ("client", "your", "server", "relay")),
        _options(row),
    )


def _options(row: Row) -> tuple[tuple[int, str], ...] | None:
    # END and pads are printed as option 0 without a length, empty options without a value or with this word.
    codes = [int(code) for code in row["dhcp.option.type"] if code != "0"]
    sizes = [int(size) for size in row["dhcp.option.length"]]
    values = iter(value for value in row["dhcp.option.value"] if value != "<MISSING>")
    try:
        return tuple((code, next(values) if size else "") for code, size in zip(codes, sizes, strict=True))
    except (ValueError, StopIteration, RuntimeError):
        return None


def dhcp_of_ours(datagram: Datagram) -> DhcpFrame | None:
    """The DHCP message that our codec sees in a datagram on one of its ports."""
    if datagram.kind is not Kind.UDP or not {datagram.source_port, datagram.destination_port} & _DHCP_PORTS:
        return None
    message = dhcp.parse(datagram.payload, datagram.length)
    if message is None:
        return None
    return DhcpFrame(
        datagram.frame,
        datagram.sender,
        datagram.receiver,
        int(message.type) if message.type is not None else None,
        message.xid,
        message.mac,
        (message.ciaddr, message.yiaddr, message.siaddr, message.giaddr),
        tuple((option.code, option.value.hex()) for option in message.options),
    )


def tftp_of_tshark(row: Row, datagram: Datagram) -> TftpFrame | None:
    """The TFTP packet that tshark sees in a frame: what follows a request to port 69, as far as it can tell."""
    if not row["tftp.opcode"] or datagram.kind is not Kind.UDP:
        return None
    opcode = int(row["tftp.opcode"][0])
    request = opcode in (Opcode.RRQ, Opcode.WRQ)
    error = row["tftp.error.code"]
    return TftpFrame(
        datagram.frame,
        datagram.sender,
        datagram.receiver,
        opcode,
        int(row["tftp.block"][0]) if row["tftp.block"] else None,
        # It repeats the request's names in the packets that follow.
        "".join(row["tftp.source_file"] + row["tftp.destination_file"]) if request else None,
        "".join(row["tftp.type"]).lower() if request else None,
        # Where its only value is empty it prints nothing.
        tuple(zip(row["tftp.option.name"], row["tftp.option.value"] or [""], strict=False)),
        (int(error[0]), "".join(row["tftp.error.message"])) if error else None,
        datagram.length - 4 if opcode == Opcode.DATA else None,
    )


def tftp_of_ours(datagram: Datagram) -> TftpFrame | None:
    """The TFTP packet that our codec sees in a datagram; whether it is one at all is the caller's to know."""
    packet = tftp.parse(datagram.payload, datagram.length) if datagram.kind is Kind.UDP else None
    head = (datagram.frame, datagram.sender, datagram.receiver)
    match packet:
        case tftp.Request():
            return TftpFrame(
                *head, packet.opcode, None, packet.filename.decode("utf-8", "replace"), packet.mode, packet.options
            )
        case tftp.Data():
            return TftpFrame(*head, Opcode.DATA, packet.block, data=packet.length)
        case tftp.Ack():
            return TftpFrame(*head, Opcode.ACK, packet.block)
        case tftp.Error():
            return TftpFrame(*head, Opcode.ERROR, error=(packet.code, packet.text))
        case tftp.Oack():
            return TftpFrame(*head, Opcode.OACK, options=packet.options)
        case tftp.Malformed():
            return TftpFrame(*head, packet.opcode)
        case None:
            return None


def read(path: str | Path, info: CaptureInfo | None = None) -> Iterator[Datagram]:
    """The datagrams that tshark decodes; where it reads a message otherwise than our codecs, `info` is told."""
    info = info if info is not None else CaptureInfo(str(path))
    told = _Differences(info)
    yield from tshark.in_order(tshark.read(path, info, also=(*DHCP_FIELDS, *TFTP_FIELDS), heed=told.heed))
    told.sum_up()


def _differ(theirs: object, ours: object) -> bool:
    """What tshark cannot say is no difference, nor is how it shows characters that are no plain ASCII, nor the order:
    overloaded fields it shows where option 52 stands."""
    if theirs is None:
        return False
    if isinstance(theirs, tuple) and isinstance(ours, tuple):
        pairs = zip(sorted(theirs, key=repr), sorted(ours, key=repr), strict=False)
        return len(theirs) != len(ours) or any(_differ(*pair) for pair in pairs)
    if isinstance(theirs, str) and isinstance(ours, str):
        return theirs != ours and not _STRANGE.search(theirs + ours)
    return theirs != ours


class _Differences:
    """Tells the first frames one by one, of the others how many there are."""

    def __init__(self, info: CaptureInfo) -> None:
        self._info = info
        self._frames = 0

    def heed(self, row: Row, datagram: Datagram) -> None:
        """Compare one frame. What the capture cut can be read in more than one right way."""
        if datagram.cut:
            return
        theirs = dhcp_of_tshark(row, datagram)
        if theirs is not None:
            self._compare("DHCP message", theirs, dhcp_of_ours(datagram))
        theirs_of_tftp = tftp_of_tshark(row, datagram)
        if theirs_of_tftp is not None:
            self._compare("TFTP packet", theirs_of_tftp, tftp_of_ours(datagram))

    def _compare(self, what: str, theirs: DhcpFrame | TftpFrame, ours: DhcpFrame | TftpFrame | None) -> None:
        if ours is None:
            self._tell(theirs.frame, f"tshark sees a {what}, we see none")
            return
        names = [each.name for each in fields(theirs) if _differ(getattr(theirs, each.name), getattr(ours, each.name))]
        if names:
            self._tell(theirs.frame, f"tshark reads the {what} otherwise than we do ({', '.join(names)})")

    def _tell(self, frame: int, sentence: str) -> None:
        self._frames += 1
        if self._frames <= _MOST_NAMED:
            self._info.warn(f"frame {frame}: {sentence}")

    def sum_up(self) -> None:
        """To be called after the last frame."""
        if self._frames > _MOST_NAMED:
            self._info.warn(f"tshark reads {self._frames} frames otherwise than we do; the first are named")
