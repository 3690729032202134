"""What larger blocks or a window would gain a download, by the round trip that was measured (RFC 2348, RFC 7440)."""

from __future__ import annotations

from dataclasses import dataclass

from pxeconform.protocol.tftp import option_number
from pxeconform.sessions.pace import measure
from pxeconform.sessions.transfers import Transfer

WHOLE_FRAME = 1468
"""Largest block that needs no IP fragments on Ethernet: 1500 less IP, UDP and TFTP headers."""

WHOLE_FRAME_IPV6 = 1448
"""The same over IPv6, whose header is 20 octets longer."""

_WINDOW = 8
_WORTH_IT = 0.7
"""Advice is given for what would leave at most this part of the time."""

_SHORT = 1.0
_LOSSY = 0.01


@dataclass(frozen=True, slots=True)
class SpeedAdvice:
    """What to change, and how many seconds the download would then take by the measured round trip."""

    text: str
    blksize: int
    windowsize: int
    seconds: float


def advise(transfer: Transfer) -> SpeedAdvice | None:
    """Advice for a download that took more than a second; `None` where nothing would gain much, or loss is at fault."""
    seconds = (transfer.ended - transfer.started) / 1e9
    octets, blksize, window = transfer.content.octets, transfer.block_size, transfer.window_size
    pace = measure(transfer) if transfer.direction == "read" and seconds >= _SHORT else None
    if pace is None or not octets:
        return None
    if transfer.content.retransmitted > transfer.content.blocks * _LOSSY:
        return None
    largest = WHOLE_FRAME_IPV6 if ":" in transfer.server else WHOLE_FRAME
    asked = option_number(transfer.request.options, "blksize") or 512
    better = max(min(largest, max(asked, blksize)), blksize)
    asks_window = option_number(transfer.request.options, "windowsize") is not None
    # Beside the wait for each window only the server's sending takes time, and that stays.
    waits = octets / (blksize * window)
    rest = max(seconds - waits * pace.round_trip, 0)
    for size, width in ((better, window), (max(better, largest), window), (max(better, largest), _WINDOW)):
        then = octets / (size * width) * pace.round_trip + rest
        if then <= seconds * _WORTH_IT and (size, width) != (blksize, window):
            return SpeedAdvice(_words(transfer, size, width, pace.round_trip, then, asks_window), size, width, then)
    return None


def _words(transfer: Transfer, size: int, width: int, round_trip: float, then: float, asks_window: bool) -> str:
    now = (transfer.ended - transfer.started) / 1e9
    change = []
    if size != transfer.block_size:
        asked = option_number(transfer.request.options, "blksize")
        who = "let the server grant" if asked is not None and asked >= size else "let the client ask for"
        change.append(f"{who} blksize {size} instead of {transfer.block_size}")
    if width != transfer.window_size:
        who = "let the server grant" if asks_window else "use a client that asks for"
        change.append(f"{who} windowsize {width} (RFC 7440) instead of {transfer.window_size}")
    path = "one Ethernet frame carries it without fragments" if size <= WHOLE_FRAME else "it needs IP fragments"
    times = f"{round_trip * 1e3:.3g} ms a round trip: about {then:.3g} s instead of {now:.3g} s"
    return f"{' and '.join(change)}; {path}. By {times}."
