"""What a server sent in one transfer, found without going through all of it.

Hostile captures have occasions by the thousand in one transfer, and each asks what the server sent after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from pxeconform.protocol.tftp import Data, Error, Packet
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Endpoint, Event, Sender, Transfer

ANY_ERROR, OTHER_ERROR = "any ERROR", "any ERROR but 5"
Sort = int | str | Packet | None
"""A block of that number, an ERROR, exactly this packet, or whatever it is."""


class Sent:
    """The server's packets by where they went and what they are."""

    def __init__(self, transfer: Transfer) -> None:
        self._events = transfer.events
        self._places: defaultdict[tuple[Endpoint | None, Sort], list[int]] = defaultdict(list)
        for at, event in enumerate(transfer.events):
            if event.sender is Sender.SERVER:
                for sort in _sorts(event.packet):
                    self._places[event.destination, sort].append(at)
                    self._places[None, sort].append(at)

    def after(self, at: int, *sorts: Sort, to: Endpoint | None = None) -> Event | None:
        """The first of these sorts behind the event at that place, to one destination or to any."""
        found: list[int] = []
        for sort in sorts:
            places = self._places.get((to, sort), ())
            found += places[(near := bisect_right(places, at)) : near + 1]
        return self._events[min(found)] if found else None

    def before(self, time: int, packet: Packet) -> int | None:
        """When that packet was sent last before a time (ns)."""
        places = self._places.get((None, packet), ())
        near = bisect_left(places, time, key=lambda place: self._events[place].time)
        return self._events[places[near - 1]].time if near else None


def _sorts(packet: Packet) -> Iterator[Sort]:
    yield None
    yield packet
    if isinstance(packet, Data):
        yield packet.block
    elif isinstance(packet, Error):
        yield ANY_ERROR
        if packet.code != ErrorCode.UNKNOWN_TRANSFER_ID:
            yield OTHER_ERROR


def sent_by_the_server(transfer: Transfer, view: View) -> Sent:
    """The index of a transfer, made once."""
    return view.once(Sent, transfer)
