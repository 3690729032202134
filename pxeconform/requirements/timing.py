"""What a trace tells of a TFTP server's time: reported, not judged.

First answers, how it sends again what nobody acknowledges, and how fast it is with each block size and window size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any

from pxeconform.protocol.tftp import Data, Oack
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_TOO_SOON = SECOND // 20
"""Two copies within that time (ns) are a doubled answer, not a timer."""
_LEAST_OCTETS = 8192
"""A transfer of fewer says nothing about speed."""


def timing(view: View) -> dict[str, Any]:
    """`first_answer`, `retransmission` and `throughput`, as `results.json` has them; times are in seconds."""
    return {
        "first_answer": _first_answer(view),
        "retransmission": _retransmission(view),
        "throughput": list(_throughput(view)),
    }


def _first_answer(view: View) -> dict[str, Any] | None:
    """How long requests waited for their first answer; `None` when none was answered."""
    replies = ((t, next(t.of(Sender.SERVER), None)) for t in view.transfers)
    waits = [(reply.time - t.started) / SECOND for t, reply in replies if reply is not None]
    if not waits:
        return None
    return {"count": len(waits), "median": round(median(waits), 6), "longest": round(max(waits), 6)}


def _retransmission(view: View) -> dict[str, Any] | None:
    """The longest series of copies that nobody acknowledged; `None` when nothing was sent again."""
    found = [series for transfer in view.transfers for series in _series(transfer)]
    longest = max(found, key=len, default=[])
    if len(longest) < 2:
        return None
    gaps = [(later.time - earlier.time) / SECOND for earlier, later in pairwise(longest)]
    packet = longest[0].packet
    return {
        "packet": f"DATA {packet.block}" if isinstance(packet, Data) else "OACK",
        "tries": len(longest),
        "gaps": [round(gap, 3) for gap in gaps],
        "back_off": round(median(b / a for a, b in pairwise(gaps)), 2) if len(gaps) > 1 else None,
        "scenario": longest[0].scenario,
        "frames": [event.frame for event in longest],
    }


def _series(transfer: Transfer) -> Iterator[list[Event]]:
    """Copies of one packet of the server with nothing of the client between them."""
    series: list[Event] = []
    for event in transfer.events:
        again = bool(series) and event.sender is Sender.SERVER and event.packet == series[-1].packet
        if again and event.time - series[-1].time > _TOO_SOON:
            series.append(event)
        elif event.sender is Sender.CLIENT or (event.sender is Sender.SERVER and not again):
            if len(series) > 1:
                yield series
            is_sent = event.sender is Sender.SERVER and isinstance(event.packet, Data | Oack)
            series = [event] if is_sent else []
    if len(series) > 1:
        yield series


def _throughput(view: View) -> Iterator[dict[str, Any]]:
    """The fastest whole read for each block size and window size."""
    rates: defaultdict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    for transfer in view.transfers:
        took = transfer.ended - transfer.started
        if transfer.direction == "read" and transfer.delivered and took > 0 and not transfer.other_tids:
            octets = transfer.content.octets
            if octets >= _LEAST_OCTETS:
                rates[transfer.block_size, transfer.window_size].append((octets * SECOND / took, octets))
    for (block_size, window_size), seen in sorted(rates.items()):
        rate, octets = max(seen)
        yield {
            "blksize": block_size,
            "windowsize": window_size,
            "transfers": len(seen),
            "bytes": octets,
            "throughput": round(rate),
        }
