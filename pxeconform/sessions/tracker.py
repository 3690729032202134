"""TFTP transfers, followed from their request over the server's new transfer identifier (RFC 1350 section 4).

TFTP has no port to filter by after the first packet. A transfer is therefore known by the client's transfer
identifier (address and port) from its request on, and by the server's from the first reply on. Whatever then comes to
or from either end belongs to it: a third party's packet too (that is what a rule wants to see), so nothing is
dropped because it is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol import tftp
from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Packet, Request
from pxeconform.registry.ports import Port
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.sessions.content import HEAD, Content
from pxeconform.sessions.groups import Groups, take
from pxeconform.sessions.marks import scenario_of
from pxeconform.sessions.middle import Middles
from pxeconform.sessions.transfers import Event, Sender, Transfer, block_of

Endpoint = tuple[str, int]

_MODES = frozenset({"octet", "netascii", "mail"})
_MOST_ORPHANS = 10_000
_MOST_UNREACHABLE = 1000
"""ICMP errors kept of one transfer: they come as fast as a network makes them, and say the same."""
_MOST_SPARE = 16


class Follower(Protocol):
    """Follows transfers by itself while nothing but the routine happens (`routine.py`)."""

    active: bool

    def watch(self, address: str, port: int = 0) -> None:
        """Let nothing pass unseen that comes from or goes to an endpoint."""

    def arm(self, transfer: Transfer) -> None:
        """Follow a transfer from here on, if the routine can begin."""

    def settle(self, flow: int) -> None:
        """Hand to the transfer what was counted, and stop following it."""


class TransferTracker:
    """Feeds on datagrams in order, and knows which transfer each belongs to."""

    def __init__(
        self,
        request_ports: Iterable[int] = (Port.TFTP,),
        *,
        hash_contents: bool = False,
        keep: int = HEAD,
        follower: Follower | None = None,
    ) -> None:
        self.transfers: list[Transfer] = []
        self.orphans: list[Datagram] = []
        """Datagrams of a transfer's two hosts, or to a request port, that fit no transfer."""
        self._request_ports = frozenset(request_ports)
        self._hash_contents = hash_contents
        self._keep = keep
        self._clients_of: defaultdict[str, set[str]] = defaultdict(set)
        """Who asked whom for files."""
        self._by_client: dict[Endpoint, Transfer] = {}
        self._by_server_tid: dict[Endpoint, Transfer] = {}
        self._before: dict[Endpoint, Transfer] = {}
        """What a client's transfer identifier was used for before it was used again."""
        self._knocked: set[Endpoint] = set()
        """Who wrote to a request port, and asked for no file: what comes back is theirs."""
        self._strangers: set[tuple[Endpoint, Endpoint]] = set()
        """Who wrote to which server's transfer identifier without being its client."""
        self._groups = Groups()
        self._follower = follower
        self._middles = Middles()

    def feed(self, datagram: Datagram) -> bool:
        """Take one datagram; tell whether it is TFTP."""
        follower = self._follower
        if follower is None or not follower.active:
            return self._feed(datagram)
        known = self._find(datagram)
        if known is not None and known.flow >= 0:
            follower.settle(known.flow)
        belongs = self._feed(datagram)
        transfer = self._find(datagram) if belongs else None
        if transfer is not None:
            follower.arm(transfer)
        return belongs

    def _feed(self, datagram: Datagram) -> bool:
        if datagram.kind is Kind.ICMP_ERROR:
            return self._icmp(datagram)
        if datagram.kind is not Kind.UDP:
            return False
        known = self._find(datagram)
        if datagram.copy_of is not None:
            return known is not None
        to_request_port = datagram.destination_port in self._request_ports
        if known is None and not to_request_port and not datagram.payload.startswith((b"\0\1", b"\0\2")):
            return self._stray(datagram)
        packet = tftp.parse(datagram.payload, datagram.length)
        if isinstance(packet, Request) and (to_request_port or packet.mode in _MODES):
            return self._request(datagram, packet)
        if known is None:
            if to_request_port:
                self._keep_orphan(datagram)
                self._knock(datagram.sender)
            return to_request_port
        if packet is None:
            packet = Malformed(-1, "no TFTP packet")
        self._follow(known, datagram, packet)
        return True

    def _stray(self, datagram: Datagram) -> bool:
        """A reply that went to a port that asked for nothing is a wrong reply, not another protocol's packet."""
        packet = tftp.parse(datagram.payload, datagram.length)
        if self._asked(datagram.source, datagram.destination) and isinstance(packet, Data | Ack | Oack | Error):
            self._keep_orphan(datagram)
            return True
        if isinstance(packet, Data | Ack) and not self._asked(datagram.destination, datagram.source):
            return self._middle(datagram, packet)
        return False

    def _asked(self, server: str, client: str) -> bool:
        return server in self._clients_of and client in self._clients_of[server]

    def _middle(self, datagram: Datagram, packet: Data | Ack) -> bool:
        """Hosts of which the capture has no request: it may begin in the middle of their transfer."""
        data = self._middles.take(datagram, packet)
        if data is None:
            return False
        first, block = data
        transfer = Transfer(
            Request(Opcode.RRQ, b"", ""),
            first.receiver,
            first.source,
            Port.TFTP,
            server_port=first.source_port,
            client_mac=first.destination_mac,
            headless=True,
        )
        before = block.block - 1
        transfer.content = Content(block_size=block.length, keep=0, cut=True, begins=before)
        transfer.content.blocks = transfer.content.highest = transfer.last_acked = before
        self.transfers.append(transfer)
        self._by_client[first.receiver] = self._by_server_tid[first.sender] = transfer
        if self._follower is not None:
            for end in (first.sender, first.receiver):
                self._follower.watch(*end)
        self._follow(transfer, first, block)
        self._follow(transfer, datagram, packet)
        return True

    def _keep_orphan(self, datagram: Datagram) -> None:
        if len(self.orphans) < _MOST_ORPHANS:
            self.orphans.append(datagram)

    def _knock(self, sender: Endpoint) -> None:
        if len(self._knocked) < _MOST_ORPHANS:
            self._knocked.add(sender)

    def _find(self, datagram: Datagram) -> Transfer | None:
        late = self._before.get(datagram.receiver)
        if late is not None and self._is_of_the_one_before(late, datagram):
            return late
        asked = self._by_client.get(datagram.receiver)
        if asked is not None and datagram.sender in self._by_client:
            # Where both sides are one host, a server may choose a port that was a client's before.
            mine = asked.server == datagram.source and asked.server_port in (None, datagram.source_port)
            if mine and not self._goes_to_the_server(self._by_client[datagram.sender], datagram):
                return asked
        # The client's transfer identifier comes first: a server that answers from its request port has one
        # endpoint for all its transfers.
        for table, endpoint in (
            (self._by_client, datagram.sender),
            (self._by_client, datagram.receiver),
            (self._by_server_tid, datagram.receiver),
            (self._by_server_tid, datagram.sender),
        ):
            transfer = table.get(endpoint)
            if transfer is not None:
                mine = endpoint == datagram.receiver or table is self._by_client
                return transfer if mine or self._is_under_way_to(transfer, datagram) else None
        return None

    def _is_of_the_one_before(self, before: Transfer, datagram: Datagram) -> bool:
        """A client asked again from the port of a transfer that is over, whose server had still something to say."""
        now = self._by_client[datagram.receiver]
        from_there = datagram.sender == (before.server, before.server_port) and before.server_port != now.request_port
        # A server with one port for all its transfers may well answer the new request from there, but not so.
        odd = datagram.payload.startswith(b"\0\5") or (datagram.payload.startswith(b"\0\6") and not now.request.options)
        return from_there and now.server_port is None and odd

    def _is_under_way_to(self, transfer: Transfer, datagram: Datagram) -> bool:
        """Whether what a transfer's server sends to somebody else has to do with the transfer.

        A server's system gives a port again once it is free: then it answers somebody who has nothing to do with it.
        """
        if transfer.group is not None or (datagram.receiver, datagram.sender) in self._strangers:
            return True
        over = transfer.closed or transfer.delivered
        return not over and datagram.receiver not in self._knocked

    @staticmethod
    def _goes_to_the_server(transfer: Transfer, datagram: Datagram) -> bool:
        ports = transfer.request_port, transfer.server_port
        return datagram.destination == transfer.server and datagram.destination_port in ports

    def _request(self, datagram: Datagram, packet: Request) -> bool:
        running = self._by_client.get(datagram.sender)
        if running is not None and self._is_repetition(running, datagram, packet):
            running.request_frames.append(datagram.frame)
            self._append(running, datagram, packet, Sender.CLIENT)
            return True
        transfer = Transfer(
            packet,
            datagram.sender,
            datagram.destination,
            datagram.destination_port,
            client_mac=datagram.source_mac,
            progressed=datagram.time,
        )
        transfer.content = Content(hashed=self._hash_contents, keep=self._keep)
        self._clients_of[datagram.destination].add(datagram.source)
        if running is not None and (running.closed or running.delivered):
            self._before[datagram.sender] = running
        transfer.request_frames.append(datagram.frame)
        self.transfers.append(transfer)
        self._by_client[datagram.sender] = transfer
        if self._follower is not None:
            self._follower.watch(*datagram.sender)
            self._follower.watch(datagram.source)
        self._append(transfer, datagram, packet, Sender.CLIENT)
        return True

    @staticmethod
    def _is_repetition(running: Transfer, datagram: Datagram, packet: Request) -> bool:
        same = (running.server, running.request_port, running.request) == (
            datagram.destination,
            datagram.destination_port,
            packet,
        )
        return same and not running.closed and running.last_acked < 1 and not running.delivered

    def _follow(self, transfer: Transfer, datagram: Datagram, packet: Packet) -> None:
        if datagram.sender == transfer.client:
            self._from_client(transfer, datagram, packet)
        elif datagram.receiver == transfer.client:
            self._from_server(transfer, datagram, packet)
        elif transfer.server_port is not None and datagram.sender == (transfer.server, transfer.server_port):
            event = self._append(transfer, datagram, packet, Sender.SERVER)
            if isinstance(packet, Data) and transfer.direction == "read":
                self._groups.data(transfer, datagram, packet, event)
        else:
            self._append(transfer, datagram, packet, Sender.STRANGER)
            self._strangers.add((datagram.sender, datagram.receiver))

    def _from_client(self, transfer: Transfer, datagram: Datagram, packet: Packet) -> None:
        event = self._append(transfer, datagram, packet, Sender.CLIENT)
        goes_on = isinstance(packet, Ack | Data)
        if datagram.destination_port in transfer.other_tids:
            if transfer.taken_up or not goes_on:
                return
            self._take_up(transfer, datagram.destination_port)
        transfer.taken_up |= goes_on and datagram.destination_port == transfer.server_port
        if isinstance(packet, Ack):
            transfer.content.zero_acknowledged |= packet.block == 0 and transfer.last_acked >= tftp.LAST_BLOCK_NUMBER
            index = transfer.content.index_of(packet.block, transfer.last_acked)
            if index > transfer.last_acked:
                transfer.last_acked = index
                transfer.progressed = max(transfer.progressed, datagram.time)
            else:
                transfer.duplicate_acks += 1
        elif isinstance(packet, Data) and transfer.direction == "write":
            self._data(transfer, datagram, packet)
        elif isinstance(packet, Error) and packet.code != ErrorCode.UNKNOWN_TRANSFER_ID:
            self._end(transfer, event)

    def _from_server(self, transfer: Transfer, datagram: Datagram, packet: Packet) -> None:
        if transfer.server_port == datagram.source_port and transfer.server != datagram.source:
            # Another host, though from a port of the same number.
            self._append(transfer, datagram, packet, Sender.STRANGER)
            return
        event = self._append(transfer, datagram, packet, Sender.SERVER)
        if transfer.server_port is None:
            transfer.server_port = datagram.source_port
            transfer.server = datagram.source
            transfer.progressed = max(transfer.progressed, datagram.time)
            self._by_server_tid[datagram.sender] = transfer
            if self._follower is not None:
                self._follower.watch(*datagram.sender)
        elif datagram.source_port != transfer.server_port:
            if datagram.source_port not in transfer.other_tids:
                self._by_server_tid.setdefault(datagram.sender, transfer)
                open_ = not transfer.taken_up and len(transfer.other_tids) < _MOST_SPARE
                spare = (datagram, packet, event) if open_ else None
                # What is empty is shared by all transfers.
                transfer.other_tids = transfer.other_tids or {}
                transfer.other_tids[datagram.source_port] = spare
            return
        self._hear(transfer, datagram, packet, event)

    def _take_up(self, transfer: Transfer, port: int) -> None:
        """The client goes on with a later answer to its repeated request: the earlier one never reached it."""
        if transfer.server_port is None:
            return
        spare = transfer.other_tids.pop(port)
        transfer.other_tids[transfer.server_port] = None
        transfer.server_port = port
        transfer.acknowledged = ()
        transfer.data_packets = 0
        transfer.content = Content(hashed=self._hash_contents, keep=self._keep)
        if spare is not None:
            self._hear(transfer, *spare)

    def _hear(self, transfer: Transfer, datagram: Datagram, packet: Packet, event: Event) -> None:
        """A datagram from the transfer identifier that counts."""
        transfer.answered = True
        if isinstance(packet, Oack):
            if not transfer.acknowledged:
                transfer.acknowledged = packet.options
                transfer.content.block_size = transfer.block_size
                self._groups.join(transfer, packet.options)
            if transfer.direction == "write":
                transfer.last_acked = max(transfer.last_acked, 0)
        elif isinstance(packet, Data) and transfer.direction == "read":
            self._data(transfer, datagram, packet)
        elif isinstance(packet, Ack):
            index = transfer.content.index_of(packet.block, transfer.last_acked)
            if index > transfer.last_acked:
                transfer.last_acked = index
                transfer.progressed = max(transfer.progressed, datagram.time)
        elif isinstance(packet, Error) and packet.code != ErrorCode.UNKNOWN_TRANSFER_ID:
            self._end(transfer, event)

    @staticmethod
    def _data(transfer: Transfer, datagram: Datagram, packet: Data) -> None:
        if transfer.heard is not None:
            take(transfer, datagram, packet)
            return
        transfer.data_packets += 1
        repeated = transfer.content.retransmitted
        transfer.content.add(packet, whole=not datagram.cut)
        if transfer.content.retransmitted == repeated:
            transfer.progressed = max(transfer.progressed, datagram.time)

    @staticmethod
    def _end(transfer: Transfer, event: Event) -> None:
        if transfer.error is None and not transfer.delivered:
            transfer.error = event
        transfer.closed = True

    @staticmethod
    def _append(transfer: Transfer, datagram: Datagram, packet: Packet, sender: Sender) -> Event:
        if isinstance(packet, Data):
            packet = block_of(packet.block, packet.length)
        source, destination = datagram.sender, datagram.receiver
        event = Event(
            datagram.frame,
            datagram.time,
            sender,
            # One object for the client's end, in all its transfers' events.
            transfer.client if source == transfer.client else source,
            transfer.client if destination == transfer.client else destination,
            packet,
            scenario_of(datagram.comment),
        )
        transfer.events.append(event)
        return event

    def _icmp(self, datagram: Datagram) -> bool:
        transfer = self._find(datagram)
        if transfer is None:
            return False
        if len(transfer.unreachable) < _MOST_UNREACHABLE:
            transfer.unreachable = (*transfer.unreachable, datagram)
        return True
