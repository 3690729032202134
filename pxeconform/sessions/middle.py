"""Transfers that a capture begins in the middle of: DATA and its ACK between two ports that nobody asked from."""

from __future__ import annotations

from collections import OrderedDict

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.tftp import Ack, Data

Endpoint = tuple[str, int]

_MOST_WAITING = 1024


class Middles:
    """Remembers the last DATA between two endpoints until its acknowledgment proves that it was one."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[Endpoint, Endpoint], tuple[Datagram, Data]] = OrderedDict()

    def take(self, datagram: Datagram, packet: Data | Ack) -> tuple[Datagram, Data] | None:
        """The DATA that an ACK acknowledges, with its datagram; `None` as long as nothing is proved."""
        if isinstance(packet, Data):
            self._waiting[datagram.sender, datagram.receiver] = (datagram, packet)
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)
            return None
        data = self._waiting.pop((datagram.receiver, datagram.sender), None)
        return data if data is not None and packet.block and data[1].block == packet.block else None
