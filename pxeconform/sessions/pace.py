"""How fast a transfer went, and whom its time was spent on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from pxeconform.protocol.tftp import Ack, Data
from pxeconform.sessions.transfers import Routine, Sender, Transfer

_MOST_EVENTS = 512
"""Datagrams at the beginning of a transfer that delays are measured on: they do not change their nature later."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds. Where the capture was made decides what they hold: beside the server, `server_delay` is the
    server's own and `client_delay` has the way to the client and back in it; beside the client it is the other way.

    `round_trip` is the time of one window with its acknowledgment, `window` how many DATA went by for each.
    """

    round_trip: float
    server_delay: float
    client_delay: float
    longest_pause: float
    pause_after: int
    window: float


def median(values: list[int]) -> float:
    """The middle one, or the mean of the two in the middle; the library's own costs every start two milliseconds."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def measure(transfer: Transfer) -> Pace | None:
    """Delays between DATA and ACK; `None` for a transfer of less than two blocks."""
    if transfer.routine is not None and transfer.routine.sender.turns and transfer.routine.receiver.turns:
        return _of_routine(transfer, transfer.routine)
    data_by = Sender.SERVER if transfer.direction == "read" else Sender.CLIENT
    to_data: list[int] = []
    to_ack: list[int] = []
    packets = acks = 0
    longest, after = 0, 0
    before = None
    for event in islice(transfer.events, _MOST_EVENTS):
        is_data, is_ack = isinstance(event.packet, Data), isinstance(event.packet, Ack)
        packets += is_data
        acks += is_ack
        if before is not None:
            pause = event.time - before.time
            if pause > longest:
                longest, after = pause, before.frame
            if is_data and event.sender is data_by and isinstance(before.packet, Ack):
                to_data.append(pause)
            elif is_ack and isinstance(before.packet, Data):
                to_ack.append(pause)
        before = event
    if not to_data or not to_ack:
        return None
    server, client = median(to_data) / 1e9, median(to_ack) / 1e9
    if data_by is Sender.CLIENT:
        server, client = client, server
    return Pace(server + client, server, client, longest / 1e9, after, packets / max(acks, 1))


def _of_routine(transfer: Transfer, routine: Routine) -> Pace:
    """Means of all that was counted."""
    sender, receiver = routine.sender, routine.receiver
    to_data, to_ack = sender.total / sender.turns / 1e9, receiver.total / receiver.turns / 1e9
    server, client = (to_data, to_ack) if transfer.direction == "read" else (to_ack, to_data)
    longest = max(sender, receiver, key=lambda waits: waits.longest)
    window = routine.blocks / max(routine.acks, 1)
    return Pace(server + client, server, client, longest.longest / 1e9, longest.after, window)
