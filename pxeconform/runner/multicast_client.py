"""A client of the multicast option (RFC 2090): it asks by unicast, and hears DATA at the group that it is told."""

from __future__ import annotations

import time
from collections.abc import Callable

from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Data, Oack, option_value
from pxeconform.runner.endpoint import Endpoint
from pxeconform.runner.scenario import Unplayable
from pxeconform.runner.tftp_client import Reading

_MOST_BLOCKS = 2000


class Member:
    """One client of a group. `reading` is its unicast side; all members of a scenario listen through one socket."""

    def __init__(self, reading: Reading, listen: Callable[[str, int], Endpoint]) -> None:
        self.reading = reading
        self._listen = listen
        self._group: Endpoint | None = None

    def join(self) -> Member:
        """Ask, and listen to the group. Raises `Unplayable` when there is none."""
        self.reading.request().reply()
        address, port, _ = (*(option_value(self.reading.agreed, "multicast") or "").split(","), "", "")[:3]
        if not port.strip().isdigit():
            raise Unplayable("the target does not acknowledge multicast")
        self._group = self._listen(address.strip(), int(port))
        return self

    def acknowledge(self, block: int) -> None:
        """As master: ask for the block behind this one. As another: confirm, or leave with the last one."""
        self.reading.acknowledge(block)

    def heard(self, block: int, timeout: float) -> Data | None:
        """Wait for a block at the group (or by unicast, which is allowed too)."""
        end = time.monotonic() + timeout
        while self._group is not None and (left := end - time.monotonic()) > 0:
            arrival = self._group.receive(min(left, 0.05))
            found = None if arrival is None else tftp.parse(arrival.payload)
            if arrival is not None and arrival.source != self.reading.peer:
                continue
            found = found or self.reading.next(0.001)
            if isinstance(found, Data) and found.block == block:
                return found
        return None

    def read_on(self, after: int, timeout: float) -> int:
        """As master, read from the block behind one to the end; gives the last block that came."""
        for _ in range(_MOST_BLOCKS):
            self.acknowledge(after)
            data = self.heard(after + 1, timeout)
            if data is None:
                return after
            after += 1
            if data.length < self.reading.block_size:
                self.acknowledge(after)
                self.reading.ended = True
                return after
        return after

    def promoted(self, timeout: float) -> bool:
        """Wait to be told that this client is master now."""

        def is_promotion(packet: tftp.Packet) -> bool:
            value = option_value(packet.options, "multicast") if isinstance(packet, Oack) else None
            return value is not None and value.replace(" ", "").endswith(",1")

        return self.reading.until(is_promotion, timeout) is not None

    def leave(self) -> None:
        """End it with an ERROR."""
        self.reading.abort(0, "that is enough")
