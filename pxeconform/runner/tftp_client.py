"""A TFTP client that does exactly what a scenario tells it, right or wrong. Packets are built by Scapy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Data, Error, Oack, Packet
from pxeconform.runner.endpoint import Address, Endpoint
from pxeconform.runner.scenario import Unplayable

_MOST_BLOCKS = 200_000
_GIVE_UP = 8


class Reading:
    """One read, from the request on. `peer` is the server's transfer identifier once it has answered."""

    def __init__(
        self,
        endpoint: Endpoint,
        server: Address,
        name: str,
        options: Mapping[str, str],
        *,
        wait: Callable[[], float],
        noted: Callable[[float], None],
    ) -> None:
        self.endpoint = endpoint
        self.server = server
        self.name = name
        self.peer: Address | None = None
        self.block_size = tftp.DEFAULT_BLOCK_SIZE
        self.ended = False
        """The last block was acknowledged."""
        self.refused = False
        """The server sent an ERROR."""
        self.other_peers: list[Address] = []
        self._options = dict(options)
        self._wait, self._noted = wait, noted

    # -- what is sent -------------------------------------------------------------------------------------------------

    def request(self, mode: str = "octet") -> Reading:
        """Send the read request (again, if it was sent before)."""
        from pxeconform.protocol.layers import tftp_request

        self._asked = time.monotonic()
        self.endpoint.send(bytes(tftp_request(self.name, mode=mode, options=tuple(self._options.items()))), self.server)
        return self

    def acknowledge(self, block: int, through: Endpoint | None = None) -> None:
        """Acknowledge a block, from another socket if one is given."""
        from scapy.layers.tftp import TFTP, TFTP_ACK

        self._send(TFTP() / TFTP_ACK(block=block & 0xFFFF), through)

    def refuse(self, peer: Address, code: int = 5, text: str = "unknown transfer identifier") -> None:
        """Send an ERROR to a peer."""
        from scapy.layers.tftp import TFTP, TFTP_ERROR

        self.endpoint.send(bytes(TFTP() / TFTP_ERROR(errorcode=code, errormsg=text)), peer)

    def _send(self, packet: Any, through: Endpoint | None) -> None:
        if self.peer is None:
            raise Unplayable("the server has no transfer identifier yet")
        (through or self.endpoint).send(bytes(packet), self.peer)

    # -- what comes ---------------------------------------------------------------------------------------------------

    def reply(self) -> Packet:
        """The first packet of the server. Raises `Unplayable` when nothing comes."""
        packet = self.next(self._wait())
        if packet is None:
            host, port = self.server
            closed = "is closed (ICMP unreachable)" if self.endpoint.unreachable else "did not answer a read request"
            raise Unplayable(f"port {port} of {host} {closed}")
        self._noted(time.monotonic() - self._asked)
        if isinstance(packet, Oack):
            self.block_size = packet.value("blksize") or self.block_size
        self.refused = isinstance(packet, Error)
        return packet

    def next(self, timeout: float) -> Packet | None:
        """The next packet of this transfer's server within `timeout` seconds."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            arrival = self.endpoint.receive(left)
            if arrival is None:
                return None
            packet = tftp.parse(arrival.payload)
            if packet is None or arrival.source[0] != self.server[0]:
                continue
            if self.peer is None:
                self.peer = arrival.source
            if arrival.source == self.peer:
                return packet
            if arrival.source not in self.other_peers:
                self.other_peers.append(arrival.source)
        return None

    def block(self, number: int) -> Data | None:
        """Wait for a block; copies of others are let pass."""
        end = time.monotonic() + self._wait()
        while (left := end - time.monotonic()) > 0:
            packet = self.next(left)
            if packet is None or isinstance(packet, Error):
                self.refused = isinstance(packet, Error)
                return None
            if isinstance(packet, Data) and packet.block == number & 0xFFFF:
                return packet
        return None

    def open(self) -> Data:
        """Request, and get the first block. Raises `Unplayable` when the file is refused."""
        packet = self.request().reply()
        if isinstance(packet, Oack):
            self.acknowledge(0)
            packet = self.block(1) or packet
        if isinstance(packet, Error):
            raise Unplayable(f"the target refuses {self.name}: ERROR {packet.code}")
        if not isinstance(packet, Data):
            raise Unplayable(f"the target did not send the first block of {self.name}")
        return packet

    def open_long(self, blocks: int) -> Data:
        """The same, and make sure that a first block of full size came: more will follow."""
        first = self.open()
        if first.length < self.block_size and blocks > 1:
            self.acknowledge(first.block)
            self.ended = True
            raise Unplayable(f"{self.name} has only one block: name a file of at least {blocks} (--file NAME)")
        return first

    def finish(self, at: Data) -> bool:
        """Acknowledge a block and all that follow; tell whether the last one came."""
        following: Data | None = at
        for _ in range(_MOST_BLOCKS):
            if following is None:
                break
            following = self.step(following)
        return self.ended

    def step(self, at: Data) -> Data | None:
        """Acknowledge one block and get the next; `None` after the last one, or when nothing came."""
        self.acknowledge(at.block)
        if at.length < self.block_size:
            self.ended = True
            return None
        return self.block(at.block + 1)

    def fetch(self) -> bool:
        """Read the whole file; tell whether it came."""
        return self.finish(self.open())

    def end(self) -> None:
        """Free the server from a transfer that the scenario left open."""
        if self.peer is not None and not self.ended and not self.refused:
            self.refused = True
            self.refuse(self.peer, 0, "the test has ended")
