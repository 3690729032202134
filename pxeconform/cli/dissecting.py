"""`dissect`: tshark's full dissection of a frame below ours."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from pxeconform.capture.datagrams import CaptureInfo, Datagram, Kind
from pxeconform.cli.errors import UsageError
from pxeconform.registry.ports import Port

_WIDTH = 80
_MOST_CLIENTS = 1 << 16


def dissect_command(capture: str, frame: int) -> int:
    """Print both readings of one frame, 80 columns wide; gives the exit code."""
    from pxeconform.capture.tshark import dissection

    if capture == "-":
        raise UsageError("dissect reads its capture twice; give it a file, not standard input")
    _print("pxeconform", _ours(capture, frame))
    _print("tshark", dissection(capture, frame))
    return 0


def _ours(capture: str, frame: int) -> Iterable[str]:
    from pxeconform.capture.copies import marked
    from pxeconform.capture.read import read
    from pxeconform.report.dissection import lines

    info = CaptureInfo(capture)
    clients: set[tuple[str, int]] = set()
    for datagram in marked(read(capture, info), info):
        if datagram.frame == frame:
            return list(lines(datagram, is_tftp=bool({datagram.sender, datagram.receiver} & clients)))
        if _asks_for_a_file(datagram) and len(clients) < _MOST_CLIENTS:
            clients.add(datagram.sender)
    if frame > info.packets:
        raise UsageError(f"{capture} has {info.packets} frames; there is no frame {frame}")
    return [f"Frame {frame} completes no datagram: it is a fragment, or of no interest to network boot."]


def _asks_for_a_file(datagram: Datagram) -> bool:
    return datagram.kind is Kind.UDP and datagram.destination_port == Port.TFTP


def _print(title: str, lines: Iterable[str]) -> None:
    from pxeconform.report.safe import for_terminal

    print(f"{title} {'-' * (_WIDTH - len(title) - 1)}")
    for line in lines:
        text = for_terminal(line)
        indent = len(text) - len(text.lstrip(" "))
        for part in textwrap.wrap(
            text, _WIDTH, subsequent_indent=" " * min(indent + 4, _WIDTH // 2), drop_whitespace=False
        ) or [""]:
            print(part.rstrip())
    print()
