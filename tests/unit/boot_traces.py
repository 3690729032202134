"""Traces of boots, made packet by packet with the project's own codecs."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from pxeconform.capture.copies import marked
from pxeconform.capture.datagrams import CaptureInfo, Datagram, Kind
from pxeconform.diagnosis.boots import diagnose_boot
from pxeconform.diagnosis.model import Diagnosis
from pxeconform.diagnosis.symptoms import BootCase
from pxeconform.protocol import tftp, vendor_options
from pxeconform.protocol.dhcp import BROADCAST_FLAG, Message, options
from pxeconform.protocol.vendor_options import BootItem, BootServers, MenuItem
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions.boots import Boot, find_boots
from pxeconform.sessions.sessions import follow

MAC = bytes.fromhex("0a1b2c3d4e5f")
CLIENT, SERVER, PROXY, TFTP = "10.1.2.50", "10.1.2.1", "10.1.2.2", "10.1.2.3"
EVERYBODY, NOBODY = "255.255.255.255", "0.0.0.0"
SECOND = 1_000_000_000
UUID = bytes(range(16))

PE_X64 = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + struct.pack("<H", 0x8664) + bytes(1000)
PE_ARM64 = PE_X64.replace(struct.pack("<H", 0x8664), struct.pack("<H", 0xAA64))
BIOS = b"\xea\x24\x7c\x00\x00" + bytes(range(256)) * 5

EDK2, IPXE, INTEL = "edk2", "ipxe", "intel"


def tags(*pairs: tuple[int, bytes]) -> tuple[int, bytes]:
    """Option 43 with these PXE tags."""
    return (Option.VENDOR_SPECIFIC, vendor_options.build(pairs))


def menu(server: str = PROXY, kind: int = 0x8000, control: int = 3) -> tuple[int, bytes]:
    """Option 43 with a menu of one boot server."""
    return tags(
        (PxeTag.DISCOVERY_CONTROL, bytes((control,))),
        (PxeTag.BOOT_SERVERS, BootServers(kind, (server,)).encode()),
        (PxeTag.BOOT_MENU, MenuItem(kind, b"Install").encode()),
        (PxeTag.MENU_PROMPT, b"\x00go"),
    )


PXE = (Option.CLASS_IDENTIFIER, b"PXEClient")


@dataclass
class Wire:
    """Datagrams as they go by; `wait` moves the clock, everything else adds a packet a millisecond later."""

    firmware: str = IPXE
    arch: int = 0
    xid: int = 0x1234
    mac: bytes = MAC
    datagrams: list[Datagram] = field(default_factory=list)
    now: int = 1_700_000_000 * SECOND

    def wait(self, seconds: float) -> Self:
        self.now += int(seconds * SECOND)
        return self

    def put(self, source: tuple[str, int], destination: tuple[str, int], payload: bytes, mac: bytes = b"") -> int:
        self.now += 1_000_000
        frame = len(self.datagrams) + 1
        self.datagrams.append(
            Datagram(frame, self.now, *_ends(source, destination), payload, len(payload), source_mac=mac)
        )
        return frame

    def from_client(
        self,
        kind: MessageType,
        *extra: tuple[int, bytes],
        to: tuple[str, int] = (EVERYBODY, 67),
        ciaddr: str = NOBODY,
        port: int = 68,
        secs: int = 0,
        xid: int | None = None,
    ) -> int:
        undi = {EDK2: "003000", IPXE: "002001", INTEL: "002001"}[self.firmware]
        own: list[tuple[int, bytes]] = [
            (Option.MESSAGE_TYPE, bytes((kind,))),
            (Option.MAXIMUM_MESSAGE_SIZE, struct.pack("!H", 1472)),
            (Option.CLASS_IDENTIFIER, f"PXEClient:Arch:{self.arch:05}:UNDI:{undi}".encode()),
            (Option.CLIENT_ARCHITECTURE, struct.pack("!H", self.arch)),
            (Option.CLIENT_UUID, b"\0" + UUID),
        ]
        if self.firmware == IPXE:
            own += [(Option.IPXE_ENCAPSULATED, b"\x13\x01\x01"), (Option.USER_CLASS, b"iPXE")]
        message = Message(
            BootpOp.BOOTREQUEST,
            self.xid if xid is None else xid,
            secs=secs,
            flags=BROADCAST_FLAG if self.firmware == EDK2 else 0,
            ciaddr=ciaddr,
            chaddr=self.mac.ljust(16, b"\0"),
            options=options(*own, *extra),
        )
        return self.put((ciaddr, port), to, message.build(), self.mac)

    def from_server(
        self,
        kind: MessageType | None,
        *extra: tuple[int, bytes],
        server: str = SERVER,
        address: str = CLIENT,
        file: bytes = b"",
        siaddr: str = NOBODY,
        port: int = 67,
        to: tuple[str, int] = (EVERYBODY, 68),
        xid: int | None = None,
        identifier: bool = True,
    ) -> int:
        own = [(Option.MESSAGE_TYPE, bytes((kind,)))] if kind is not None else []
        if identifier and kind is not None:
            own.append((Option.SERVER_IDENTIFIER, bytes(map(int, server.split(".")))))
        message = Message(
            BootpOp.BOOTREPLY,
            self.xid if xid is None else xid,
            yiaddr=address,
            siaddr=siaddr,
            file=file,
            chaddr=self.mac.ljust(16, b"\0"),
            options=options(*own, *extra),
        )
        return self.put((server, port), to, message.build())

    # The usual course, piece by piece.

    def discover(self, secs: int = 4) -> int:
        return self.from_client(MessageType.DISCOVER, secs=secs)

    def offer(self, *extra: tuple[int, bytes], **how: object) -> int:
        return self.from_server(MessageType.OFFER, *extra, **how)  # type: ignore[arg-type]

    def proxy_offer(self, *extra: tuple[int, bytes], server: str = PROXY, file: bytes = b"") -> int:
        return self.from_server(MessageType.OFFER, PXE, *extra, server=server, address=NOBODY, file=file, siaddr=server)

    def request(self, server: str = SERVER, address: str = CLIENT) -> int:
        return self.from_client(
            MessageType.REQUEST,
            (Option.SERVER_IDENTIFIER, bytes(map(int, server.split(".")))),
            (Option.REQUESTED_ADDRESS, bytes(map(int, address.split(".")))),
        )

    def ack(self, *extra: tuple[int, bytes], **how: object) -> int:
        return self.from_server(MessageType.ACK, *extra, **how)  # type: ignore[arg-type]

    def lease(self, *extra: tuple[int, bytes], file: bytes = b"", siaddr: str = TFTP) -> Wire:
        """DISCOVER to ACK with one server."""
        self.discover()
        self.offer(*extra, file=file, siaddr=siaddr)
        self.request()
        self.ack(*extra, file=file, siaddr=siaddr)
        return self

    def ask_4011(self, *extra: tuple[int, bytes], server: str = PROXY, xid: int = 0x99) -> int:
        port = 4011 if self.firmware == EDK2 else 68
        return self.from_client(MessageType.REQUEST, *extra, to=(server, 4011), ciaddr=CLIENT, port=port, xid=xid)

    def answer_4011(self, *extra: tuple[int, bytes], file: bytes = b"", server: str = PROXY, xid: int = 0x99) -> int:
        port = 4011 if self.firmware == EDK2 else 68
        return self.from_server(
            MessageType.ACK, PXE, *extra, server=server, file=file, siaddr=server, port=4011, to=(CLIENT, port), xid=xid
        )

    def ask_item(self, kind: int = 0x8000, layer: int = 0, server: str = PROXY, xid: int = 0x77) -> int:
        return self.ask_4011(tags((PxeTag.BOOT_ITEM, BootItem(kind, layer).encode())), server=server, xid=xid)

    def answer_item(self, kind: int = 0x8000, layer: int = 0, file: bytes = b"nbp", server: str = PROXY) -> int:
        item = tags((PxeTag.BOOT_ITEM, BootItem(kind, layer).encode()))
        return self.answer_4011(item, file=file, server=server, xid=0x77)

    def tftp_from(self, packet: tftp.Packet, port: int, to: tuple[str, int]) -> int:
        assert not isinstance(packet, tftp.Malformed)
        return self.put((CLIENT, port), to, packet.build(), self.mac)

    def rrq(self, name: str, port: int, server: str = TFTP, asked: tftp.Options = ()) -> int:
        return self.tftp_from(tftp.Request(Opcode.RRQ, name.encode(), options=asked), port, (server, 69))

    def reply(self, packet: tftp.Packet, port: int, tid: int = 40001, server: str = TFTP) -> int:
        assert not isinstance(packet, tftp.Malformed)
        return self.put((server, tid), (CLIENT, port), packet.build())

    def download(self, name: str, body: bytes, port: int = 2001, server: str = TFTP, blocks: int | None = None) -> Wire:
        """A whole transfer, or its first blocks."""
        self.rrq(name, port, server)
        parts = [body[at : at + 512] for at in range(0, len(body) + 1, 512)]
        for number, part in enumerate(parts[:blocks], 1):
            self.reply(tftp.Data(number, part), port, server=server)
            self.tftp_from(tftp.Ack(number), port, (server, 40001))
        return self

    def arp(self, asker: str, target: str, *, answered: bool = False) -> int:
        self.now += 1_000_000
        frame = len(self.datagrams) + 1
        self.datagrams.append(Datagram(frame, self.now, asker, target, kind=Kind.ARP, code=(1, 0), source_mac=self.mac))
        if answered:
            self.datagrams.append(Datagram(frame + 1, self.now + 1000, target, asker, kind=Kind.ARP, code=(2, 0)))
        return frame

    def unreachable(self, source: tuple[str, int], destination: tuple[str, int], reporter: str) -> int:
        """ICMP port unreachable that quotes a datagram from `source` to `destination`."""
        self.now += 1_000_000
        frame = len(self.datagrams) + 1
        ends = _ends(source, destination)
        self.datagrams.append(Datagram(frame, self.now, *ends, kind=Kind.ICMP_ERROR, reporter=reporter, code=(3, 3)))
        return frame

    def solicit(self) -> int:
        """DHCPv6 for an address alone: how EDK2 begins when it turns from IPv4 to IPv6."""
        return self.put(("fe80::1", 546), ("ff02::1:2", 547), b"\x01abc\0\1\0\x12\0\4" + UUID, self.mac)

    # What is made of it.

    def boots(self, end: float = 0) -> list[Boot]:
        """The boots of the trace when the capture runs on for `end` seconds."""
        return find_boots(follow(marked(self.datagrams, CaptureInfo(""))), self.now + int(end * SECOND))

    def diagnoses(self, end: float = 0) -> list[tuple[Diagnosis, ...]]:
        """The causes of each boot."""
        boots = self.boots(end)
        by_number = {boot.number: boot for boot in boots}
        return [diagnose_boot(BootCase(boot, by_number.get(boot.parent or 0))) for boot in boots]

    def causes(self, end: float = 0) -> list[str]:
        """The causes of the last boot, the first one to act on."""
        return [diagnosis.cause for diagnosis in self.diagnoses(end)[-1]]


def _ends(source: tuple[str, int], destination: tuple[str, int]) -> tuple[str, str, int, int]:
    return source[0], destination[0], source[1], destination[1]


def statuses(boot: Boot) -> list[str]:
    """The nine statuses."""
    return [step.status.value for step in boot.steps]


def names(found: Iterable[Diagnosis]) -> list[str]:
    """The causes alone."""
    return [diagnosis.cause for diagnosis in found]
