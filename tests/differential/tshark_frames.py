"""What tshark and we say of the DHCP and TFTP frames of a capture, in the same words, to be compared.

tshark is the Debian package of that name. It runs without name resolution and without anybody's preferences.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.capture.read import read
from pxeconform.protocol import dhcp, tftp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DHCP_PORTS = frozenset({67, 68, 4011})
TFTP_PORT = 69
_BETWEEN = "\x1f"
"""Separates values of one field: no text in a packet of these captures holds it."""


def fields(capture: Path, select: str, names: Iterable[str]) -> Iterator[dict[str, list[str]]]:
    """Each frame that a display filter selects, as field names to their values; empty fields give no value."""
    names = list(names)
    command = ["tshark", "-n", "-r", str(capture), "-Y", select, "-T", "fields", "-E", "separator=/t"]
    command += ["-E", f"aggregator={_BETWEEN}", *(part for name in names for part in ("-e", name))]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "TZ": "UTC"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"tshark: {done.stderr.strip()}")
    for line in done.stdout.splitlines():
        yield {
            name: value.split(_BETWEEN) if value else [] for name, value in zip(names, line.split("\t"), strict=True)
        }


@dataclass(frozen=True)
class DhcpFrame:
    """One BOOTP or DHCP message; options as (code, octets) in the order of the packet, in hexadecimal, addresses as
    ciaddr, yiaddr, siaddr, giaddr."""

    frame: int
    sender: tuple[str, int]
    receiver: tuple[str, int]
    type: int | None
    xid: int
    chaddr: str
    addresses: tuple[str, ...]
    options: tuple[tuple[int, str], ...] = field(repr=False)

    @property
    def named(self) -> dict[int, str]:
        """The options that network boot turns on: class identifier, architecture, UUID."""
        return {code: value for code, value in self.options if code in (60, 93, 97)}


def _number(texts: list[str]) -> int | None:
    return int(texts[0], 0) if texts else None


def dhcp_of_tshark(capture: Path) -> list[DhcpFrame]:
    """What tshark dissects as DHCP, but not what an ICMP error quotes."""
    names = ["frame.number", "ip.src", "ip.dst", "udp.srcport", "udp.dstport", "dhcp.id", "dhcp.hw.mac_addr"]
    names += [f"dhcp.ip.{name}" for name in ("client", "your", "server", "relay")]
    names += ["dhcp.option.dhcp", "dhcp.option.type", "dhcp.option.length", "dhcp.option.value"]
    found = []
    for row in fields(capture, "dhcp && !icmp", names):
        if not row["dhcp.id"]:
            # Of a message that the capture cut it shows nothing but that it is one.
            continue
        # END and pads are printed as option 0 without a length, empty options without a value.
        codes = [int(code) for code in row["dhcp.option.type"] if code != "0"]
        values = iter(row["dhcp.option.value"])
        sizes = [int(size) for size in row["dhcp.option.length"]]
        options = tuple((code, next(values) if size else "") for code, size in zip(codes, sizes, strict=True))
        addresses = tuple("".join(row[f"dhcp.ip.{name}"]) for name in ("client", "your", "server", "relay"))
        found.append(
            DhcpFrame(
                int(row["frame.number"][0]),
                # Of a tunnelled frame all layers are printed, the innermost last.
                (row["ip.src"][-1], int(row["udp.srcport"][-1])),
                (row["ip.dst"][-1], int(row["udp.dstport"][-1])),
                _number(row["dhcp.option.dhcp"]),
                int(row["dhcp.id"][0], 0),
                # A client identifier made of the address gives it a second time.
                "".join(row["dhcp.hw.mac_addr"][:1]),
                addresses,
                options,
            )
        )
    return found


def dhcp_of_ours(capture: Path) -> list[DhcpFrame]:
    """The same from our own reader and codec."""
    found = []
    for datagram in read(capture):
        if datagram.kind is not Kind.UDP or not {datagram.source_port, datagram.destination_port} & DHCP_PORTS:
            continue
        message = dhcp.parse(datagram.payload, datagram.length)
        if message is not None:
            options = tuple((option.code, option.value.hex()) for option in message.options)
            addresses = (message.ciaddr, message.yiaddr, message.siaddr, message.giaddr)
            found.append(
                DhcpFrame(
                    datagram.frame,
                    datagram.sender,
                    datagram.receiver,
                    int(message.type) if message.type is not None else None,
                    message.xid,
                    message.mac,
                    addresses,
                    options,
                )
            )
    return found


@dataclass(frozen=True)
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


def tftp_of_tshark(capture: Path) -> list[TftpFrame]:
    """What tshark dissects as TFTP, but not what an ICMP error quotes."""
    wanted = "opcode block source_file destination_file type option.name option.value error.code error.message"
    names = ["frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "udp.length"]
    names += [*(f"tftp.{name}" for name in wanted.split())]
    found = []
    for row in fields(capture, "tftp && !icmp", names):
        opcode = int(row["tftp.opcode"][0])
        block = _number(row["tftp.block"])
        code = _number(row["tftp.error.code"])
        found.append(
            TftpFrame(
                int(row["frame.number"][0]),
                ((row["ip.src"] + row["ipv6.src"])[-1], int(row["udp.srcport"][-1])),
                ((row["ip.dst"] + row["ipv6.dst"])[-1], int(row["udp.dstport"][-1])),
                opcode,
                block,
                # It repeats the request's names in the packets that follow.
                "".join(row["tftp.source_file"] + row["tftp.destination_file"]) if opcode in (1, 2) else None,
                "".join(row["tftp.type"]).lower() if opcode in (1, 2) else None,
                tuple(zip(row["tftp.option.name"], row["tftp.option.value"], strict=True)),
                None if code is None else (code, "".join(row["tftp.error.message"])),
                int(row["udp.length"][-1]) - 12 if opcode == 3 else None,
            )
        )
    return found


def tftp_of_ours(capture: Path) -> list[TftpFrame]:
    """The same from our own reader and codec: what goes to port 69, and all to and from where that came from."""
    clients: set[tuple[str, int]] = set()
    found = []
    for datagram in read(capture):
        if datagram.kind is not Kind.UDP:
            continue
        if datagram.destination_port == TFTP_PORT:
            clients.add(datagram.sender)
        elif not {datagram.sender, datagram.receiver} & clients:
            continue
        packet = tftp.parse(datagram.payload, datagram.length)
        if packet is not None:
            found.append(_tftp(datagram, packet))
    return found


def _tftp(datagram: Datagram, packet: tftp.Packet) -> TftpFrame:
    head = (datagram.frame, datagram.sender, datagram.receiver)
    if isinstance(packet, tftp.Request):
        return TftpFrame(*head, packet.opcode, None, packet.filename.decode(), packet.mode, packet.options)
    if isinstance(packet, tftp.Data):
        return TftpFrame(*head, 3, packet.block, data=packet.length)
    if isinstance(packet, tftp.Ack):
        return TftpFrame(*head, 4, packet.block)
    if isinstance(packet, tftp.Error):
        return TftpFrame(*head, 5, error=(packet.code, packet.text))
    if isinstance(packet, tftp.Oack):
        return TftpFrame(*head, 6, options=packet.options)
    raise AssertionError(f"frame {datagram.frame}: {packet.reason}")


def transfers(frames: list[TftpFrame]) -> list[dict[str, Any]]:
    """Requests with what followed between the same two machines and the client's port, as the truth files list them.

    Blocks are counted once, however often they came; nothing here wraps.
    """
    found: list[dict[str, Any]] = []
    blocks: dict[tuple[str, int], dict[int, int]] = {}
    for frame in frames:
        if frame.opcode in (1, 2):
            blocks[frame.sender] = {}
            found.append(
                {
                    "file": frame.file,
                    "request_frame": frame.frame,
                    "client": list(frame.sender),
                    "server": [frame.receiver[0], None],
                    "blocks": 0,
                    "bytes": 0,
                    "error": None,
                }
            )
            continue
        for client, server in ((frame.sender, frame.receiver), (frame.receiver, frame.sender)):
            transfer = next((each for each in reversed(found) if each["client"] == list(client)), None)
            if transfer is None:
                continue
            transfer["server"][1] = server[1]
            if frame.error is not None:
                transfer["error"] = frame.error[0]
            if frame.block is not None and frame.data is not None:
                blocks[client].setdefault(frame.block, frame.data)
                transfer["blocks"], transfer["bytes"] = len(blocks[client]), sum(blocks[client].values())
    return found
