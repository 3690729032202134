"""What one client and its servers send while it boots: every sort of frame, and the fields that differ by client.

The client has the habits of EDK2's firmware for x64 (options and their order, ports, the probe for the size); DHCP
server and boot server are two hosts, so that one of them can be a proxy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np

from tests.bench import frames
from tests.bench.frames import Numbers, Rows, Shape

DHCP_SERVER, BOOT_SERVER = "10.77.0.1", "10.77.0.2"
FILE = "bootx64.efi"
MOST_CLIENTS = 60_000
"""Addresses of 10.77.0.0/16 that are left for them."""

_DHCP_MAC, _BOOT_MAC = bytes.fromhex("02004d000001"), bytes.fromhex("02004d000002")
_CLIENT_MAC, _FIRST_ADDRESS = 0x5254_0000_0000, (10 << 24) + (77 << 16) + 0x0101
_EPHEMERAL = 14_000
"""Pairs of ports above 32767 that the server takes: one for the probe, one for the file."""
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_XID, _CLIENT_ADDRESS, _YOUR_ADDRESS, _HARDWARE = 46, 54, 58, 70
_OPTIONS = frames.PAYLOAD + 240

_UUID = b"\x61\x11\0" + bytes(16)
_LEASE = (
    (51, struct.pack("!I", 3600)),
    (1, frames.address("255.255.0.0")),
    (3, frames.address(DHCP_SERVER)),
    (6, frames.address(DHCP_SERVER)),
)
_ASKED = bytes((1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97))
_WISHES = (
    (57, struct.pack("!H", 1472)),
    (55, _ASKED + bytes(range(128, 136))),
    (97, _UUID[2:]),
    (94, b"\1\3\x10"),
    (93, b"\0\7"),
    (60, b"PXEClient:Arch:00007:UNDI:003016"),
)
_PROXY = ((54, frames.address(BOOT_SERVER)), (60, b"PXEClient"), (97, _UUID[2:]))


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who the clients are, by number: everything that tells them apart."""

    addresses: Numbers
    macs: Numbers
    xids: Numbers
    uuids: Rows
    ports: Numbers
    server_ports: Numbers

    @classmethod
    def drawn(cls, count: int, chance: np.random.Generator) -> Fleet:
        """That many clients; the server uses no port for two of them while it has enough."""
        numbers = np.arange(count, dtype=np.int64)
        return cls(
            _FIRST_ADDRESS + numbers,
            _CLIENT_MAC + numbers,
            chance.integers(1, 1 << 32, count),
            chance.integers(0, 256, (count, 16), dtype=np.uint8),
            chance.integers(1024, 32_000, count),
            32_768 + 2 * (chance.permutation(max(count, _EPHEMERAL))[:count] % _EPHEMERAL),
        )


class Sort(IntEnum):
    """The frames of a boot, in the order in which they come."""

    DISCOVER = 0
    OFFER = auto()
    PROXY_OFFER = auto()
    REQUEST = auto()
    ACK = auto()
    ARP_REQUEST = auto()
    ARP_REPLY = auto()
    PROXY_REQUEST = auto()
    PROXY_ACK = auto()
    PROBE = auto()
    PROBE_OACK = auto()
    PROBE_ERROR = auto()
    READ = auto()
    OACK = auto()
    BLOCK_ACK = auto()
    BLOCK = auto()
    LAST_BLOCK = auto()


@dataclass(frozen=True, slots=True)
class Kind:
    """How the frames of one sort are made: numbers of clients and serial numbers (blocks, of DATA and ACK) to rows."""

    size: int
    stamp: Callable[[Numbers, Numbers], Rows]


@dataclass(frozen=True, slots=True)
class _End:
    """Source or destination; what is `None` is the client's own."""

    port: int | None
    address: str | None = None
    mac: bytes | None = None


_NOBODY = _End(68, "0.0.0.0")
_EVERYBODY = _End(67, "255.255.255.255", frames.EVERYBODY)
_ALL_CLIENTS = _End(68, "255.255.255.255", frames.EVERYBODY)
_CLIENT_4011, _CLIENT_TID = _End(4011), _End(None)
_DHCP = _End(67, DHCP_SERVER, _DHCP_MAC)


def _boot_server(port: int | None) -> _End:
    return _End(port, BOOT_SERVER, _BOOT_MAC)


def kinds(fleet: Fleet, content: bytes, blksize: int, *, proxy: bool) -> dict[int, Kind]:
    """Every sort of frame of these clients, who all fetch this content."""
    whole, last = len(content) // blksize, len(content) % blksize
    blocks = np.frombuffer(content[: whole * blksize], np.uint8).reshape(whole, blksize)
    size, block_size = f"tsize\0{len(content)}\0".encode(), f"blksize\0{blksize}\0".encode()
    read = b"\0\1" + FILE.encode() + b"\0octet\0"
    # Without a proxy the DHCP server names the boot file itself.
    named = {} if proxy else {"next_server": BOOT_SERVER, "file": FILE}
    lease = ((54, frames.address(DHCP_SERVER)), *_LEASE)
    choice = ((54, frames.address(DHCP_SERVER)), (50, bytes(4)), *_WISHES)
    client, server = _CLIENT_TID, _boot_server(None)
    return {
        Sort.DISCOVER: _dhcp(fleet, _NOBODY, _EVERYBODY, _DISCOVER, _WISHES),
        Sort.OFFER: _dhcp(fleet, _DHCP, _ALL_CLIENTS, _OFFER, lease, assigned=True, **named),
        Sort.PROXY_OFFER: _dhcp(fleet, _boot_server(67), _ALL_CLIENTS, _OFFER, _PROXY, next_server=BOOT_SERVER),
        Sort.REQUEST: _dhcp(fleet, _NOBODY, _EVERYBODY, _REQUEST, choice),
        Sort.ACK: _dhcp(fleet, _DHCP, _ALL_CLIENTS, _ACK, lease, assigned=True, **named),
        Sort.ARP_REQUEST: _arp(fleet, asks=True),
        Sort.ARP_REPLY: _arp(fleet, asks=False),
        Sort.PROXY_REQUEST: _dhcp(fleet, _CLIENT_4011, _boot_server(4011), _REQUEST, _WISHES),
        Sort.PROXY_ACK: _dhcp(
            fleet, _boot_server(4011), _CLIENT_4011, _ACK, _PROXY, next_server=BOOT_SERVER, file=FILE
        ),
        Sort.PROBE: _tftp(fleet, client, _boot_server(69), read + b"tsize\0" + b"0\0" + block_size, salt=1),
        Sort.PROBE_OACK: _tftp(fleet, server, client, b"\0\6" + size + block_size, salt=2),
        Sort.PROBE_ERROR: _tftp(fleet, client, server, b"\0\5\0\x08User aborted the transfer\0", salt=3),
        Sort.READ: _tftp(fleet, client, _boot_server(69), read + b"tsize\0" + b"0\0" + block_size, salt=4, again=True),
        Sort.OACK: _tftp(fleet, server, client, b"\0\6" + size + block_size, salt=5, again=True),
        Sort.BLOCK_ACK: _tftp(fleet, client, server, b"\0\4\0\0", salt=6, again=True, numbered=True),
        Sort.BLOCK: _tftp(
            fleet, server, client, b"\0\3\0\0" + bytes(blksize), salt=7, again=True, numbered=True, blocks=blocks
        ),
        Sort.LAST_BLOCK: _tftp(
            fleet,
            server,
            client,
            b"\0\3\0\0" + content[len(content) - last :],
            salt=7,
            again=True,
            numbered=True,
        ),
    }


def _fill_ends(rows: Rows, fleet: Fleet, clients: Numbers, sender: _End, receiver: _End) -> None:
    for end, mac, address in (
        (sender, frames.SOURCE_MAC, frames.SOURCE),
        (receiver, frames.DESTINATION_MAC, frames.DESTINATION),
    ):
        if end.mac is None:
            frames.put(rows, mac, fleet.macs[clients], 6)
        if end.address is None:
            frames.put(rows, address, fleet.addresses[clients], 4)


def _shape(payload: bytes, sender: _End, receiver: _End) -> Shape:
    return frames.udp(
        payload,
        (sender.port or 0, receiver.port or 0),
        (sender.address or "0.0.0.0", receiver.address or "0.0.0.0"),
        (sender.mac or bytes(6), receiver.mac or bytes(6)),
    )


def _dhcp(
    fleet: Fleet,
    sender: _End,
    receiver: _End,
    message_type: int,
    options: tuple[tuple[int, bytes], ...],
    *,
    next_server: str = "0.0.0.0",
    file: str = "",
    assigned: bool = False,
) -> Kind:
    """A DHCP message (RFC 2131 figure 1); `assigned` gives the client its address."""
    asks = sender in (_NOBODY, _CLIENT_4011)
    broadcast = 0x8000 if _ALL_CLIENTS in (sender, receiver) or sender is _NOBODY else 0
    fixed = struct.pack("!BBBBIHH", 1 if asks else 2, 1, 6, 0, 0, 0, broadcast)
    fixed += bytes(8) + frames.address(next_server) + bytes(4 + 16 + 64) + file.encode().ljust(128, b"\0")
    listed = ((53, bytes((message_type,))), *options)
    coded = b"".join(bytes((tag, len(value))) + value for tag, value in listed)
    shape = _shape((fixed + b"\x63\x82\x53\x63" + coded + b"\xff").ljust(300, b"\0"), sender, receiver)
    uuid, wish = shape.octets.find(_UUID, _OPTIONS), shape.octets.find(b"\x32\4" + bytes(4), _OPTIONS)

    def stamp(clients: Numbers, _: Numbers) -> Rows:
        rows = shape.rows(len(clients))
        addresses = fleet.addresses[clients]
        _fill_ends(rows, fleet, clients, sender, receiver)
        frames.put(rows, frames.IDENTIFICATION, (clients * 31 + message_type) & 0xFFFF, 2)
        # EDK2 asks the proxy with an identifier of its own.
        late = 4011 in (sender.port, receiver.port)
        frames.put(rows, _XID, fleet.xids[clients] ^ (0x5A5A if late else 0), 4)
        frames.put(rows, _HARDWARE, fleet.macs[clients], 6)
        for at in (_YOUR_ADDRESS * assigned, _CLIENT_ADDRESS * (sender is _CLIENT_4011), (wish + 2) * (wish > 0)):
            if at:
                frames.put(rows, at, addresses, 4)
        if uuid > 0:
            rows[:, uuid + 3 : uuid + 19] = fleet.uuids[clients]
        frames.seal(rows, shape)
        return rows

    return Kind(shape.size, stamp)


def _arp(fleet: Fleet, *, asks: bool) -> Kind:
    """The client asks for the boot server's address, and gets it (RFC 826)."""
    shape = frames.arp(1 if asks else 2, (bytes(6) if asks else _BOOT_MAC, frames.EVERYBODY if asks else bytes(6)))
    own, theirs = (22, 32) if asks else (32, 22)
    server = int.from_bytes(frames.address(BOOT_SERVER), "big")

    def stamp(clients: Numbers, _: Numbers) -> Rows:
        rows = shape.rows(len(clients))
        frames.put(rows, frames.SOURCE_MAC if asks else frames.DESTINATION_MAC, fleet.macs[clients], 6)
        frames.put(rows, own, fleet.macs[clients], 6)
        frames.put(rows, own + 6, fleet.addresses[clients], 4)
        if not asks:
            rows[:, theirs : theirs + 6] = np.frombuffer(_BOOT_MAC, np.uint8)
        frames.put(rows, theirs + 6, np.full(len(clients), server), 4)
        return rows

    return Kind(shape.size, stamp)


def _tftp(
    fleet: Fleet,
    sender: _End,
    receiver: _End,
    payload: bytes,
    *,
    salt: int,
    again: bool = False,
    numbered: bool = False,
    blocks: Rows | None = None,
) -> Kind:
    """A TFTP packet; `again` tells the transfer from the probe before it, `numbered` fills in the block number."""
    shape = _shape(payload, sender, receiver)

    def stamp(clients: Numbers, serials: Numbers) -> Rows:
        rows = shape.rows(len(clients))
        if blocks is not None:
            rows[:, frames.PAYLOAD + 4 : frames.PAYLOAD + 4 + blocks.shape[1]] = blocks[serials - 1]
        _fill_ends(rows, fleet, clients, sender, receiver)
        for end, at in ((sender, frames.SOURCE_PORT), (receiver, frames.DESTINATION_PORT)):
            if end.port is None:
                ports = (fleet.ports if end is _CLIENT_TID else fleet.server_ports)[clients]
                frames.put(rows, at, ports + again, 2)
        frames.put(rows, frames.IDENTIFICATION, (clients * 977 + salt * 7 + serials) & 0xFFFF, 2)
        if numbered:
            frames.put(rows, frames.PAYLOAD + 2, serials & 0xFFFF, 2)
        frames.seal(rows, shape)
        return rows

    return Kind(shape.size, stamp)
