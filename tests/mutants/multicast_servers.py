"""What makes a server faulty with groups (RFC 2090)."""

from __future__ import annotations

from dataclasses import replace

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Request
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.multicast import OPTION, GroupTransfer
from pxeconform.server.tftp import TftpServer, Transfer
from pxeconform.server.transfers import Sent
from tests.mutants.arena import Maker
from tests.mutants.servers import OneIdentifierForAll, with_tftp

GROUP = "239.77.2.1"
"""On the loopback interface alone, as the server is."""


def with_group(config: ServerConfig) -> ServerConfig:
    """The same server, which sends to a group when it is asked to, and soon gives a client up."""
    return replace(config, tftp=replace(config.tftp, multicast_group=GROUP, tries=2))


def sending_to_groups(kind: type[GroupTransfer]) -> Maker:
    return with_tftp(type("Mutant", (TftpServer,), {"group_transfer": kind}))


class NoGroup(GroupTransfer):
    """The address is the server's own."""

    def value(self, name: str, value: str, client: Address) -> str:
        return super().value(name, value, client).replace(GROUP, "127.0.0.1")


class ManyMasters(GroupTransfer):
    """Every client is told that it is master."""

    def value(self, name: str, value: str, client: Address) -> str:
        told = super().value(name, value, client)
        return told[:-1] + "1" if name.lower() == OPTION else told


class OneMasterForEver(GroupTransfer):
    """The first client stays master, whether it answers or not."""

    def tick(self, now: float) -> list[Outgoing]:
        self._times_sent = 1
        return super().tick(now)


class WaitsForThePromoted(GroupTransfer):
    """Who was made master later stays it, whether it answers or not."""

    def tick(self, now: float) -> list[Outgoing]:
        if isinstance(self._pending, Oack):
            self._times_sent = 1
        return super().tick(now)


class DeafToAck0(GroupTransfer):
    def on_master(self, ack: Ack, now: float) -> list[Outgoing]:
        return [] if ack.block == 0 else super().on_master(ack, now)


class DataFromElsewhere(GroupTransfer):
    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        outgoing = super().envelope(packet, to)
        return replace(outgoing, socket=f"{self.socket}:data") if isinstance(packet, Data) else outgoing


class OnlyOnwards(GroupTransfer):
    """Each ACK draws the block behind the one that was sent last."""

    def on_master(self, ack: Ack, now: float) -> list[Outgoing]:
        before = self._pending.block if isinstance(self._pending, Data) else ack.block
        return super().on_master(Ack(before), now)


class EndsWithTheMaster(GroupTransfer):
    """When the master is done, the transfer is over for all."""

    def leave(self, client: Address, now: float) -> list[Outgoing]:
        if client == self.master:
            self.finish()
            return []
        return super().leave(client, now)


class ForgetsTheSilent(GroupTransfer):
    """A client that does not answer when it is made master has no second turn."""

    def promote(self, now: float) -> list[Outgoing]:
        self.clients = [client for client in self.clients if client not in self._silent]
        return super().promote(now)


class SilentToListeners(GroupTransfer):
    def on_listener(self, client: Address) -> list[Outgoing]:
        return []


class MovedByListeners(GroupTransfer):
    """The ACK of any client asks for a block."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        master = self.master
        if incoming.source in self.clients and incoming.source in self._greeted:
            self.master = incoming.source
        sent = super().receive(incoming, now)
        self.master = master if self.master == incoming.source and master in self.clients else self.master
        return sent


class KeepsThoseThatLeft(GroupTransfer):
    """A client that leaves before its turn is made master all the same."""

    def leave(self, client: Address, now: float) -> list[Outgoing]:
        return super().leave(client, now) if client == self.master else []


class LowerCaseOnly(TftpServer):
    def wants_group(self, request: Request) -> bool:
        return super().wants_group(request) and OPTION in dict(request.options)


class GroupsFirst(TftpServer):
    """A file that goes to a group is served to nobody else."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        busy = any(isinstance(t, GroupTransfer) for t in self.transfers.values())
        if busy and request.opcode is Opcode.RRQ:
            return self.refused(request, incoming, socket)
        return super().open_transfer(request, incoming, socket)

    def refused(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        transfer = super().open_transfer(request, incoming, socket)
        transfer.first_packets = lambda: [Error(ErrorCode.NOT_DEFINED, b"busy")]  # type: ignore[method-assign]
        return transfer


class OnePortForAllGroups(OneIdentifierForAll):
    def transfer_of(self, incoming: Incoming) -> Transfer | None:
        groups = (t for t in self.transfers.values() if isinstance(t, GroupTransfer))
        ours = next((t for t in groups if incoming.source in t.clients), None)
        return ours or super().transfer_of(incoming)
