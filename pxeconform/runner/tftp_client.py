"""A TFTP client that does exactly what a scenario tells it, right or wrong. Packets are built by Scapy.

`Conversation` is what one socket and the server say to each other about one request, well formed or not; `Reading` and
`Writing` know how a file goes through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Options, Packet
from pxeconform.runner.endpoint import Address, Endpoint
from pxeconform.runner.scenario import Unplayable

_MOST_BLOCKS = 200_000
_MOST_PACKETS = 2 * _MOST_BLOCKS
_LONGEST_TIMER = 19.5
"""Seconds in which a server that waits for an acknowledgment sends again, whatever its timer.

No timer in use has this as a multiple: what the client does next shall not race with the server's next copy.
"""
_MOST_COPIES = 30
_PACED = 100
"""So many blocks say how fast a server is."""
_SHORTEST_SILENCE = 0.2


class Conversation:
    """One request and what comes of it. `peer` is the server's transfer identifier once it has answered."""

    def __init__(
        self,
        endpoint: Endpoint,
        server: Address,
        *,
        patience: float,
        wait: Callable[[], float],
        noted: Callable[[float], None],
        because: Callable[[str], None],
    ) -> None:
        self.endpoint = endpoint
        self.server = server
        self.peer: Address | None = None
        self.ended = False
        """Nothing is owed any more: the last block was acknowledged."""
        self.refused = False
        """An ERROR ended it."""
        self.before: Address | None = None
        """The server's identifier of an earlier conversation from the same port: what it still says is no answer."""
        self.other_peers: list[Address] = []
        self._arrived = 0
        """When the peer's last packet came (ns)."""
        self.options: Options = ()
        """Those that are asked for."""
        self.agreed: Options = ()
        """What the server's OACK says."""
        self.block_size = tftp.DEFAULT_BLOCK_SIZE
        self.window_size = 1
        self._patience, self._wait, self._noted, self._because = patience, wait, noted, because

    # -- what is sent -------------------------------------------------------------------------------------------------

    def ask(self, payload: bytes) -> None:
        """Send octets to the port that takes requests."""
        self._asked = time.monotonic()
        self.endpoint.send(payload, self.server)

    def send(self, packet: Any, through: Endpoint | None = None) -> None:
        """Send octets, or what gives octets, to the server's identifier; from another socket if one is given."""
        if self.peer is None:
            raise Unplayable("the server has no transfer identifier yet")
        (through or self.endpoint).send(bytes(packet), self.peer)

    def refuse(self, peer: Address, code: int = 5, text: str = "unknown transfer identifier") -> None:
        """Send an ERROR to a peer."""
        from scapy.layers.tftp import TFTP, TFTP_ERROR

        self.endpoint.send(bytes(TFTP() / TFTP_ERROR(errorcode=code, errormsg=text)), peer)

    def abort(self, code: int = 0, text: str = "the test has ended") -> None:
        """End it with an ERROR."""
        if self.peer is None:
            raise Unplayable("the server has no transfer identifier yet")
        self.refused = True
        self.refuse(self.peer, code, text)

    def end(self) -> None:
        """Free the server from a transfer that the scenario left open."""
        if self.peer is not None and not self.ended and not self.refused:
            self.abort()

    # -- what comes ---------------------------------------------------------------------------------------------------

    def reply(self) -> Packet:
        """The first packet of the server. Raises `Unplayable` when nothing comes."""
        packet = self.answer()
        if packet is None:
            raise Unplayable(self._silence())
        return packet

    def _silence(self) -> str:
        host, port = self.server
        closed = "is closed (ICMP unreachable)" if self.endpoint.unreachable else "did not answer a request"
        return f"port {port} of {host} {closed}"

    def answer(self) -> Packet | None:
        """The same, where silence is an answer too."""
        packet = self.next(self._wait())
        if packet is None:
            self._because(self._silence())
        else:
            self._noted(time.monotonic() - self._asked)
        if isinstance(packet, Oack):
            self.agreed = packet.options
            self.block_size = packet.value("blksize") or self.block_size
            self.window_size = packet.value("windowsize") or self.window_size
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
            if self.peer is None and arrival.source == self.before != self.server and self._is_late(packet):
                continue
            if self.peer is None:
                self.peer = arrival.source
            if arrival.source == self.peer:
                self._arrived = arrival.time
                self.refused |= isinstance(packet, Error)
                return packet
            if arrival.source not in self.other_peers:
                self.other_peers.append(arrival.source)
        return None

    def _is_late(self, packet: Packet) -> bool:
        """It cannot answer this request, if it comes from the identifier of the one before."""
        return isinstance(packet, Error) or (isinstance(packet, Oack) and not self.options)

    def until(self, wanted: Callable[[Packet], bool], timeout: float | None = None) -> Packet | None:
        """Wait for a packet of some kind, at most as long as an answer may take; an ERROR ends the wait."""
        end = time.monotonic() + (self._wait() if timeout is None else timeout)
        while (left := end - time.monotonic()) > 0:
            packet = self.next(left)
            if packet is None:
                return None
            if wanted(packet):
                return packet
            if isinstance(packet, Error):
                return None
        return None

    def packets(self, seconds: float) -> Iterator[Packet]:
        """All that comes of this transfer's server within that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and (packet := self.next(left)) is not None:
            yield packet

    def again(self, packet: Packet) -> float | None:
        """Wait until the server sends a packet once more; gives the seconds that it took, `None` if it never came."""
        before = self._arrived
        came = self.until(lambda one: one == packet, min(self._patience, _LONGEST_TIMER))
        return None if came is None else (self._arrived - before) / 1e9

    def copies(self, packet: Packet) -> int:
        """Listen until a packet that came once does not come again: how often did it come?

        Silence is three times the last gap, at most the run's patience; and after three times the patience or thirty
        copies it is clear that there is no end.
        """
        count, gap = 1, self.again(packet)
        end = time.monotonic() + 3 * self._patience
        while gap is not None:
            count += 1
            before = self._arrived
            silence = min(max(3 * gap, _SHORTEST_SILENCE), self._patience)
            on = count < _MOST_COPIES and time.monotonic() < end
            came = self.until(lambda one: one == packet, silence) if on else None
            gap = None if came is None else (self._arrived - before) / 1e9
        return count


class Reading(Conversation):
    """One read, from the request on."""

    def __init__(self, endpoint: Endpoint, server: Address, name: str, options: Options, **waiting: Any) -> None:
        super().__init__(endpoint, server, **waiting)
        self.name = name
        self.options = options
        self.octets = 0
        """How many came, in the blocks that were acknowledged one by one."""

    def request(self, mode: str = "octet", tail: bytes = b"") -> Reading:
        """Send the read request (again, if it was sent before); `tail` are octets behind its options."""
        from pxeconform.protocol.layers import tftp_request

        self.ask(bytes(tftp_request(self.name, mode=mode, options=self.options)) + tail)
        return self

    def acknowledge(self, block: int, through: Endpoint | None = None) -> None:
        """Acknowledge a block, from another socket if one is given."""
        from scapy.layers.tftp import TFTP, TFTP_ACK

        self.send(TFTP() / TFTP_ACK(block=block & 0xFFFF), through)

    def block(self, number: int, timeout: float | None = None) -> Data | None:
        """Wait for a block; copies of others are let pass."""
        packet = self.until(lambda one: isinstance(one, Data) and one.block == number & 0xFFFF, timeout)
        return packet if isinstance(packet, Data) else None

    def open_windows(self) -> None:
        """Request, and confirm that several blocks come at once. Raises `Unplayable` when they will not."""
        packet = self.request().reply()
        if not isinstance(packet, Oack) or packet.value("windowsize") is None:
            raise Unplayable("the target does not acknowledge windowsize")
        self.acknowledge(0)

    def window(self, after: int) -> Data | None:
        """Wait for the window of blocks behind one; gives the last of it, or of the file, or `None` if one is late."""
        last: Data | None = None
        for number in range(after + 1, after + 1 + self.window_size):
            last = self.block(number)
            if last is None or self.is_last(last):
                break
        return last

    def is_last(self, at: Data) -> bool:
        """No block comes after this one."""
        return at.length < self.block_size

    def fetch_windows(self) -> bool:
        """Read the whole file by windows; tell whether it came."""
        self.open_windows()
        at = self.window(0)
        for _ in range(_MOST_BLOCKS):
            if at is None or self.is_last(at):
                break
            self.acknowledge(at.block)
            at = self.window(at.block)
        if at is not None:
            self.acknowledge(at.block)
            self.ended = True
        return self.ended

    def open(self, mode: str = "octet") -> Data:
        """Request, and get the first block. Raises `Unplayable` when the file is refused."""
        packet = self.request(mode).reply()
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
        if not self.ended:
            self._because(f"the transfer of {self.name} did not come to its end")
        return self.ended

    def finish_but_one(self, at: Data) -> Data | None:
        """Acknowledge a block and all that follow but the last one, which is given; `None` when it never came."""
        following: Data | None = at
        while following is not None and following.length == self.block_size:
            following = self.step(following)
        return following

    def contents(self) -> bytes:
        """Read the whole file and give its octets. Raises `Unplayable` when it does not come."""
        octets, at = bytearray(), self.open()
        while True:
            octets += at.data
            following = self.step(at)
            if self.ended:
                return bytes(octets)
            if following is None:
                raise Unplayable(f"the transfer of {self.name} did not come to its end")
            at = following

    def step(self, at: Data) -> Data | None:
        """Acknowledge one block and get the next; `None` after the last one, or when nothing came."""
        self.acknowledge(at.block)
        self.octets += at.length
        if at.length < self.block_size:
            self.ended = True
            return None
        return self.block(at.block + 1)

    def fetch(self, mode: str = "octet") -> bool:
        """Read the whole file; tell whether it came."""
        return self.finish(self.open(mode))

    def fetch_beyond_the_last_number(self, within: float) -> bool:
        """Read on from the first reply to the end, whether 0 or 1 follows block 65535; tell whether it came.

        Gives up where the pace of the first blocks says that it would take longer than `within` seconds.
        """
        begun = time.monotonic()
        if self.agreed:
            self.send(Ack(0).build())
        expected, waits, stuck = 1, self.window_size, 0
        for _ in range(_MOST_PACKETS):
            packet = self.next(self._wait())
            if packet is None and stuck < 3 and expected > 1:
                # What was lost is asked for again.
                stuck += 1
                self.send(Ack((expected - 1) & 0xFFFF).build())
                continue
            if packet is None or isinstance(packet, Error):
                break
            if not isinstance(packet, Data):
                continue
            begins_again = expected == tftp.LAST_BLOCK_NUMBER + 1 and packet.block == 1
            if packet.block != expected & 0xFFFF and not begins_again:
                continue
            expected = 2 if begins_again else expected + 1
            needed = (time.monotonic() - begun) * (tftp.LAST_BLOCK_NUMBER / expected)
            if expected == _PACED and needed > within:
                self._because(f"65535 blocks would take {needed:.0f} s at the pace of the target")
                break
            waits, stuck = waits - 1, 0
            self.ended = packet.length < self.block_size
            if self.ended or waits == 0:
                self.send(Ack(packet.block).build())
                waits = self.window_size
            if self.ended:
                break
        if not self.ended:
            self._because(f"the transfer of {self.name} did not come to its end")
        return self.ended


class Writing(Conversation):
    """One write, from the request on."""

    def __init__(self, endpoint: Endpoint, server: Address, name: str, options: Options, **waiting: Any) -> None:
        super().__init__(endpoint, server, **waiting)
        self.name = name
        self.options = options

    def request(self, mode: str = "octet") -> Writing:
        """Send the write request (again, if it was sent before)."""
        from pxeconform.protocol.layers import tftp_request

        self.ask(bytes(tftp_request(self.name, mode=mode, options=self.options, write=True)))
        return self

    def open(self, mode: str = "octet") -> None:
        """Request, and be let write. Raises `Unplayable` when that is refused."""
        packet = self.request(mode).reply()
        if isinstance(packet, Error):
            raise Unplayable(f"the target refuses to take {self.name}: ERROR {packet.code}")

    def block(self, number: int, data: bytes, through: Endpoint | None = None) -> None:
        """Send one block, from another socket if one is given."""
        from scapy.layers.tftp import TFTP, TFTP_DATA
        from scapy.packet import Raw

        packet = TFTP() / TFTP_DATA(block=number & 0xFFFF)
        self.send(packet / Raw(data) if data else packet, through)

    def acknowledged(self, number: int, timeout: float | None = None) -> bool:
        """Wait for the acknowledgment of a block."""
        return self.until(lambda one: one == Ack(number & 0xFFFF), timeout) is not None

    def acknowledged_anywhere(self, number: int) -> bool:
        """The same from whatever port: the server may take a repeated request for a new one, and go on from there."""
        end = time.monotonic() + self._wait()
        while (left := end - time.monotonic()) > 0 and (arrival := self.endpoint.receive(left)) is not None:
            if arrival.source[0] == self.server[0] and tftp.parse(arrival.payload) == Ack(number):
                self.peer = arrival.source
                return True
        return False

    def blocks(self, content: bytes) -> list[bytes]:
        """A content in blocks, of which the last one is short, perhaps empty."""
        size = self.block_size
        return [content[at : at + size] for at in range(0, len(content) + 1, size)]

    def send_all(self, content: bytes) -> bool:
        """Send what was let in, block by block; tell whether the last one was acknowledged."""
        for number, data in enumerate(self.blocks(content), 1):
            self.block(number, data)
            if not self.acknowledged(number):
                self._because(f"block {number} of {self.name} was not acknowledged")
                return False
        self.ended = True
        return True

    def send_windows(self, content: bytes) -> bool:
        """The same by windows, each acknowledged as a whole."""
        blocks = self.blocks(content)
        for at in range(0, len(blocks), self.window_size):
            window = blocks[at : at + self.window_size]
            for number, data in enumerate(window, at + 1):
                self.block(number, data)
            if not self.acknowledged(at + len(window)):
                self._because(f"block {at + len(window)} of {self.name} was not acknowledged")
                return False
        self.ended = True
        return True

    def put(self, content: bytes, mode: str = "octet") -> bool:
        """Write a whole file (in netascii the caller translates); tell whether it was taken."""
        self.open(mode)
        return self.send_all(content)
