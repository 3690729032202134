"""A file for many clients at once: the multicast option (RFC 2090) as a state machine.

DATA goes to a group. One client, the master, acknowledges, and its ACK n asks for block n+1; the others listen. When
the master is done the next oldest client takes its place, and asks for what it missed.
"""

from __future__ import annotations

from collections.abc import Iterable

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Options, Packet, parse
from pxeconform.server.config import TftpSettings
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.files import Source
from pxeconform.server.transfers import ILLEGAL, Agreement, Sent, Transfer

OPTION = "multicast"
_ROUNDS = 2
"""How often a client that does not answer is made master."""


class GroupTransfer(Transfer):
    """One file on its way to a group, from one port; `clients` are in order of their age, the master among them."""

    def __init__(
        self,
        key: object,
        source: Source,
        group: Address,
        socket: str,
        agreed: Agreement,
        settings: TftpSettings,
        local: str = "",
    ) -> None:
        super().__init__(group, socket, agreed, settings, local)
        self.key = key
        self.group = group
        self.clients: list[Address] = []
        self.master: Address | None = None
        self._spelling: dict[Address, Options] = {}
        self._greeted: set[Address] = set()
        self._silent: dict[Address, int] = {}
        self._content = source.read(1 << 30)
        source.close()
        self._pending: Data | Oack | None = None

    @property
    def last(self) -> int:
        """The number of the last block."""
        return len(self._content) // self.agreed.block_size + 1

    def join(self, client: Address, options: Options, now: float) -> list[Outgoing]:
        """Take a client in; the first one becomes master. Asked again, the answer is the same."""
        self._spelling[client] = options
        if client not in self.clients:
            self.clients.append(client)
        if self.master is None:
            return self.promote(now)
        self._greeted.discard(client)
        return [self.envelope(self.invitation(client), client)]

    def invitation(self, client: Address) -> Oack:
        """The OACK for a client; it tells who is master."""
        return Oack(tuple((name, self.value(name, value, client)) for name, value in self._spelling[client]))

    def value(self, name: str, value: str, client: Address) -> str:
        """An option's value: that of `multicast` is address, port, and 1 for the master."""
        address, port = self.group
        return f"{address},{port},{int(client == self.master)}" if name.lower() == OPTION else value

    def promotion(self, client: Address) -> Oack:
        """The OACK that makes a client master that knows the group already."""
        name = next(name for name, _ in self._spelling[client] if name.lower() == OPTION)
        return Oack(((name, ",,1"),)) if client in self._greeted else self.invitation(client)

    def promote(self, now: float) -> list[Outgoing]:
        """Make the oldest client master that answers, or answered least often not; the end, if none is left."""
        willing = [client for client in self.clients if self._silent.get(client, 0) < _ROUNDS]
        if not willing:
            self.finish(succeeded=not self.clients)
            return []
        self.master = min(willing, key=lambda client: self._silent.get(client, 0))
        self._pending = self.promotion(self.master)
        return self._send([self._pending], now)

    def leave(self, client: Address, now: float) -> list[Outgoing]:
        """A client has all it wants."""
        self.clients.remove(client)
        return self.promote(now) if client == self.master else []

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        """Take a datagram of one of the clients."""
        packet, client = parse(incoming.payload), incoming.source
        if client not in self.clients:
            return self.on_stranger(packet, incoming)
        if isinstance(packet, Error):
            return self.leave(client, now)
        if not isinstance(packet, Ack):
            return [self.envelope(ILLEGAL, client)]
        if packet.block == self.last & 0xFFFF:
            return self.leave(client, now)
        return self.on_master(packet, now) if client == self.master else self.on_listener(client)

    def on_master(self, ack: Ack, now: float) -> list[Outgoing]:
        """An ACK asks for the block behind it, whichever came before."""
        assert self.master is not None
        self._greeted.add(self.master)
        self._silent.pop(self.master, None)
        if ack.block >= self.last or (isinstance(self._pending, Data) and self._pending.block == ack.block + 1):
            return []
        size = self.agreed.block_size
        self._pending = Data(ack.block + 1, self._content[ack.block * size : (ack.block + 1) * size])
        self._measure(now)
        return self._send([self._pending], now)

    def on_listener(self, client: Address) -> list[Outgoing]:
        """The first ACK confirms the OACK; whoever sends more is told that somebody else is master."""
        if client not in self._greeted:
            self._greeted.add(client)
            return []
        return [self.envelope(self.invitation(client), client)]

    def tick(self, now: float) -> list[Outgoing]:
        """Send again; a master that does not answer makes room for the next, and has its turn after that."""
        if self.finished or self.deadline is None or now < self.deadline:
            return []
        if self._times_sent < self.settings.tries:
            return self._send(self.pending_packets(), now, again=True)
        assert self.master is not None
        self._silent[self.master] = self._silent.get(self.master, 0) + 1
        return self.promote(now)

    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        """DATA goes to the group, an OACK to the master, unless told otherwise."""
        return super().envelope(packet, to or (self.master if isinstance(packet, Oack) else None))

    def is_from_client(self, incoming: Incoming) -> bool:
        """It comes from one of the clients."""
        return incoming.source in self.clients

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        """Never called: who sent a packet decides what it means."""
        raise NotImplementedError

    def first_packets(self) -> Iterable[Sent]:
        """The master's OACK."""
        return self.pending_packets()

    def pending_packets(self) -> Iterable[Sent]:
        """What the master has not answered yet."""
        return [] if self._pending is None else [self._pending]

    def close(self) -> None:
        """The file was closed when it had been read."""
