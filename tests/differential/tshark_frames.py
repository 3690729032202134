"""The DHCP and TFTP frames of a capture, once as tshark reads them and once as we do, to be compared.

Ours come from our own reader and codecs, theirs from tshark's decoding of the packets and its own dissectors.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pxeconform.capture import tshark
from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.capture.read import read
from pxeconform.capture.tshark import Row
from pxeconform.sessions import second_opinion
from pxeconform.sessions.second_opinion import DHCP_FIELDS, TFTP_FIELDS, DhcpFrame, TftpFrame

TFTP_PORT = 69


@cache
def of_tshark(capture: Path) -> tuple[list[DhcpFrame], list[TftpFrame]]:
    """What tshark dissects as DHCP and TFTP, but not what an ICMP error quotes."""
    messages: list[DhcpFrame] = []
    packets: list[TftpFrame] = []

    def heed(row: Row, datagram: Datagram) -> None:
        message = second_opinion.dhcp_of_tshark(row, datagram)
        packet = second_opinion.tftp_of_tshark(row, datagram)
        messages.extend([message] if message is not None else [])
        packets.extend([packet] if packet is not None else [])

    for _ in tshark.read(capture, also=(*DHCP_FIELDS, *TFTP_FIELDS), heed=heed):
        pass
    return messages, packets


@cache
def of_ours(capture: Path) -> tuple[list[DhcpFrame], list[TftpFrame]]:
    """The same from us. TFTP is what goes to port 69, and all to and from where that came from."""
    messages: list[DhcpFrame] = []
    packets: list[TftpFrame] = []
    clients: set[tuple[str, int]] = set()
    for datagram in read(capture):
        message = second_opinion.dhcp_of_ours(datagram)
        if message is not None:
            messages.append(message)
        if datagram.kind is not Kind.UDP:
            continue
        if datagram.destination_port == TFTP_PORT:
            clients.add(datagram.sender)
        elif not {datagram.sender, datagram.receiver} & clients:
            continue
        packet = second_opinion.tftp_of_ours(datagram)
        packets.extend([packet] if packet is not None else [])
    # We put frames in order of time, tshark leaves them in that of the file.
    return sorted(messages, key=lambda each: each.frame), sorted(packets, key=lambda each: each.frame)


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
