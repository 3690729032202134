"""Transfers that a compiled kernel follows: what is handed to it, and what it hands back.

A large capture is mostly blocks and acknowledgments that are what they should be. The tracker arms a transfer once it
runs; from then on the kernel counts, and whenever something else happens the transfer is settled: it then is as if the
tracker had seen every packet itself, but for the events, of which only the last ones of the stretch are made.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from pxeconform.capture.columns import ROW_COLUMNS, Kernel
from pxeconform.capture.kernels import Kernels, build, integers, load
from pxeconform.capture.records import KERNELS
from pxeconform.capture.window import Window
from pxeconform.registry.ports import Port
from pxeconform.sessions import flows as column
from pxeconform.sessions.flows import (
    FLOW_COLUMNS,
    FOUND_COPIES,
    FOUND_PIECES,
    FOUND_ROWS,
    LONGEST_CHAIN,
    PIECE_COLUMNS,
    RECENT,
    RECENT_COLUMNS,
    RECENT_PLACES,
    WAIT_COLUMNS,
    WANTED,
)
from pxeconform.sessions.sift import endpoint, sift
from pxeconform.sessions.transfers import Transfer

_ROWS, _PIECES = 256, 256
_PORTS = (Port.DHCP_SERVER, Port.DHCP_CLIENT, Port.PXE, Port.DHCPV6_CLIENT, Port.DHCPV6_SERVER)
_EVERYTHING = 1 << 62


class TransferSieve:
    """Picks out of a large capture what the trackers must see (a `Sieve` of the capture room)."""

    kernel: Kernel = staticmethod(sift)

    def __init__(self, request_ports: Iterable[int] = (Port.TFTP,)) -> None:
        self.rows = integers(_ROWS * ROW_COLUMNS)
        self.active = False
        """A capture is being read through it."""
        self.copies = 0
        """Second copies of datagrams of what the kernel followed."""
        self._ports = bytearray(65536)
        for port in (*_PORTS, *request_ports):
            self._ports[port] = 1
        self._wanted = memoryview(bytearray(WANTED))
        self._flows = integers(64 * FLOW_COLUMNS)
        self._table = integers(256)
        self._transfers: list[Transfer] = []
        self._pieces = integers(_PIECES * PIECE_COLUMNS)
        self._found = integers(3)
        self._recent = integers((RECENT + RECENT_PLACES) * RECENT_COLUMNS)
        self._port_view = memoryview(self._ports)
        self._run: Kernel = sift

    # -- what the capture room calls ----------------------------------------------------------------------------------

    def begin(self, kernels: Kernels) -> None:
        """See `Sieve`."""
        self.active = True
        self._run = kernels[sift]

    def run(self, window: Window, first: int, count: int) -> tuple[int, int]:
        """See `Sieve`."""
        following = self._run(
            window.octets,
            window.index,
            first,
            count,
            self.rows,
            _ROWS,
            self._found,
            self._port_view,
            self._wanted,
            self._flows,
            self._table,
            len(self._table) - 1,
            self._pieces,
            _PIECES,
            self._recent,
        )
        self.copies += self._found[FOUND_COPIES]
        for number in range(self._found[FOUND_PIECES]):
            base = number * PIECE_COLUMNS
            at = self._pieces[base + column.PIECE_AT]
            octets = window.octets[at : at + self._pieces[base + column.PIECE_OCTETS]]
            self._transfers[self._pieces[base + column.PIECE_FLOW]].content.keep_octets(octets)
        return following, self._found[FOUND_ROWS]

    # -- what the trackers call ---------------------------------------------------------------------------------------

    def watch(self, address: str, port: int = 0) -> None:
        """Look at whatever comes from or goes to an endpoint; port 0: at all TCP with data of a host."""
        octets, family = _octets(address)
        self._wanted[endpoint(memoryview(octets), 0, family, port) & (WANTED - 1)] = 1

    def arm(self, transfer: Transfer) -> None:
        """Let the kernel follow a transfer, if it is where the routine begins."""
        content = transfer.content
        if transfer.group is not None or transfer.server_port is None or transfer.closed:
            return
        if not content.in_order or content.last_block is not None or transfer.last_acked > content.blocks:
            return
        number = content.number_of(content.blocks + 1)
        if not 0 < number < 65535:
            return
        flow = self._enter(transfer) if transfer.flow < 0 else transfer.flow
        if flow < 0:
            return
        if self._transfers[flow] is not transfer:
            # An earlier transfer had the same two ends.
            self.settle(flow)
            self._transfers[flow].flow = -1
        transfer.flow = flow
        base, flows = flow * FLOW_COLUMNS, self._flows
        self._transfers[flow] = transfer
        flows[base + column.ARMED : base + FLOW_COLUMNS] = _BLANK
        flows[base + column.ARMED] = 1
        flows[base + column.WRITES] = int(transfer.direction == "write")
        flows[base + column.BLOCK_SIZE] = content.block_size
        flows[base + column.WINDOW] = min(transfer.window_size, 65535)
        flows[base + column.NEXT] = content.blocks + 1
        flows[base + column.ACKED] = transfer.last_acked
        flows[base + column.NUMBER] = number
        flows[base + column.KEEP] = _EVERYTHING if content.hashed else max(0, content.keep - len(content.head))
        if content.cut:
            flows[base + column.KEEP] = 0

    def settle(self, flow: int) -> None:
        """Hand what the kernel counted to the transfer, and follow it no longer."""
        base, flows = flow * FLOW_COLUMNS, self._flows
        if not flows[base + column.ARMED]:
            return
        flows[base + column.ARMED] = 0
        blocks, acks = flows[base + column.BLOCKS], flows[base + column.ACKS]
        if not blocks and not acks:
            return
        waits = self._transfers[flow].take_stretch(
            blocks,
            acks,
            flows[base + column.ACKED],
            (flows[base + column.DATA_FRAME], flows[base + column.DATA_TIME]) if blocks else None,
            (flows[base + column.ACK_FRAME], flows[base + column.ACK_TIME]) if acks else None,
            cut=flows[base + column.CUT] > 0,
        )
        waits.sender.add(*flows[base + column.SENDER_TURNS : base + column.SENDER_TURNS + WAIT_COLUMNS])
        waits.receiver.add(*flows[base + column.RECEIVER_TURNS : base + column.RECEIVER_TURNS + WAIT_COLUMNS])

    def settle_all(self) -> None:
        """The capture has ended."""
        for flow in range(len(self._transfers)):
            self.settle(flow)
        self.active = False

    # -- the table ----------------------------------------------------------------------------------------------------

    def _enter(self, transfer: Transfer) -> int:
        """A flow for the two endpoints of a transfer: their old one, if an earlier transfer had the same.

        -1 where too many flows have their hash: such a transfer is not followed, but looked at packet by packet.
        """
        assert transfer.server_port is not None
        client, family = _octets(transfer.client[0])
        server, _ = _octets(transfer.server)
        key = [family, *_words(client), transfer.client[1], *_words(server), transfer.server_port]
        hashed = endpoint(memoryview(client), 0, family, transfer.client[1])
        hashed += endpoint(memoryview(server), 0, family, transfer.server_port)
        for slot in _chain(hashed, self._table):
            if not self._table[slot]:
                break
            base = (self._table[slot] - 1) * FLOW_COLUMNS
            if list(self._flows[base : base + column.ARMED]) == key:
                return self._table[slot] - 1
        else:
            return -1
        flow = len(self._transfers)
        self._transfers.append(transfer)
        if (flow + 1) * FLOW_COLUMNS > len(self._flows):
            grown = integers(len(self._flows) * 5 // 4)
            grown[: len(self._flows)] = self._flows
            self._flows = grown
        base = flow * FLOW_COLUMNS
        for number, value in enumerate(key):
            self._flows[base + number] = value
        self._table[slot] = flow + 1
        if 4 * len(self._transfers) > len(self._table):
            self._rehash()
        return flow

    def _rehash(self) -> None:
        table = integers(2 * len(self._table))
        for flow in range(len(self._transfers)):
            base = flow * FLOW_COLUMNS
            family = self._flows[base + column.FAMILY]
            hashed = 0
            for address, port in ((column.CLIENT, column.CLIENT_PORT), (column.SERVER, column.SERVER_PORT)):
                words = self._flows[base + address : base + address + (1 if family == 4 else 4)]
                octets = b"".join(word.to_bytes(4, "big") for word in words)
                hashed += endpoint(memoryview(octets), 0, family, self._flows[base + port])
            # One that finds no place is not found again by the kernel: its packets are looked at one by one.
            slot = next((slot for slot in _chain(hashed, table) if not table[slot]), None)
            if slot is not None:
                table[slot] = flow + 1
        self._table = table


def _chain(hashed: int, table: memoryview) -> Iterator[int]:
    """Where a flow of that hash may stand."""
    return ((hashed + step) & (len(table) - 1) for step in range(LONGEST_CHAIN))


_BLANK = integers(FLOW_COLUMNS - column.ARMED)


def _octets(address: str) -> tuple[bytes, int]:
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address), 6
    return socket.inet_aton(address), 4


def _words(octets: bytes) -> list[int]:
    words = [int.from_bytes(octets[at : at + 4], "big") for at in range(0, len(octets), 4)]
    return words + [0] * (4 - len(words))


def compile_kernels() -> bool:
    """Have the machine code for large captures at hand before the first one comes; false where there is no compiler."""
    functions = (*KERNELS, sift)
    return (load(functions) or build(functions)) is not None


if __name__ == "__main__":
    compile_kernels()
