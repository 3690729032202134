"""Datagrams made by hand: a clock, a frame counter, and the packets of TFTP and DHCP."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.protocol import vendor_options
from pxeconform.protocol.dhcp import Message, options
from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Request
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.sessions.marks import mark

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND

Endpoint = tuple[str, int]
CLIENT: Endpoint = ("192.0.2.10", 50000)
STRANGER: Endpoint = ("192.0.2.10", 50001)
SERVER = "192.0.2.1"
REQUESTS: Endpoint = (SERVER, 69)
TID: Endpoint = (SERVER, 40001)
OTHER_TID: Endpoint = (SERVER, 40002)
PXE: Endpoint = (SERVER, 4011)
UUID_A, UUID_B = (bytes((0,)) + UUID(int=n, version=4).bytes for n in (1, 2))
INSTALL = BootItem(32769)
MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")

ITEM = BootItem(32769)


@dataclass(slots=True)
class Wire:
    """Everything that was sent, in order; each datagram comes one millisecond after the one before."""

    now: int = START
    seen: list[Datagram] = field(default_factory=list)
    scenario: str = ""

    def send(self, source: Endpoint, destination: Endpoint, payload: bytes, *, length: int | None = None) -> Datagram:
        return self._add(
            Datagram(
                len(self.seen) + 1,
                self.now,
                *(source[0], destination[0], source[1], destination[1]),
                payload,
                len(payload) if length is None else length,
                comment=mark(self.scenario, "client") if self.scenario else "",
            )
        )

    def unreachable(self, source: Endpoint, destination: Endpoint, payload: bytes = b"") -> Datagram:
        """An ICMP error about a datagram that went from `source` to `destination`."""
        return self._add(
            Datagram(
                len(self.seen) + 1,
                self.now,
                *(source[0], destination[0], source[1], destination[1]),
                payload,
                len(payload),
                Kind.ICMP_ERROR,
                destination[0],
                (3, 3),
                comment=mark(self.scenario, "client") if self.scenario else "",
            )
        )

    def _add(self, datagram: Datagram) -> Datagram:
        self.seen.append(datagram)
        self.now += MS
        return datagram

    def wait(self, nanoseconds: int) -> None:
        self.now += nanoseconds

    # -- TFTP ---------------------------------------------------------------------------------------------------------

    def rrq(
        self,
        source: Endpoint = CLIENT,
        to: Endpoint = REQUESTS,
        name: bytes = b"file",
        opcode: Opcode = Opcode.RRQ,
        **asked: int,
    ) -> Datagram:
        values = tuple((key, str(value)) for key, value in asked.items())
        return self.send(source, to, Request(opcode, name, "octet", values).build())

    def wrq(self, source: Endpoint = CLIENT, **asked: int) -> Datagram:
        return self.rrq(source, REQUESTS, b"file", Opcode.WRQ, **asked)

    def data(self, number: int, content: bytes, source: Endpoint = TID, to: Endpoint = CLIENT) -> Datagram:
        return self.send(source, to, Data(number & 0xFFFF, content).build())

    def ack(self, number: int, source: Endpoint = CLIENT, to: Endpoint = TID) -> Datagram:
        return self.send(source, to, Ack(number & 0xFFFF).build())

    def oack(self, source: Endpoint = TID, to: Endpoint = CLIENT, **agreed: int) -> Datagram:
        return self.send(source, to, Oack(tuple((key, str(value)) for key, value in agreed.items())).build())

    def error(self, code: int, source: Endpoint = TID, to: Endpoint = CLIENT) -> Datagram:
        return self.send(source, to, Error(code, b"text").build())

    def read(self, content: bytes, client: Endpoint = CLIENT, tid: Endpoint = TID, name: bytes = b"file") -> None:
        """A whole transfer in blocks of 512 octets."""
        self.rrq(client, name=name)
        for number, at in enumerate(range(0, len(content) + 1, 512), 1):
            self.data(number, content[at : at + 512], tid, client)
            self.ack(number, client, tid)

    # -- DHCP ---------------------------------------------------------------------------------------------------------

    def ask(
        self,
        source: Endpoint = CLIENT,
        to: Endpoint = PXE,
        *,
        xid: int = 1,
        mac: bytes = MAC_A,
        uuid: bytes = UUID_A,
        ciaddr: str = CLIENT[0],
        secs: int = 0,
        item: BootItem | None = ITEM,
    ) -> Datagram:
        tags = [(int(PxeTag.BOOT_ITEM), item.encode())] if item is not None else []
        message = Message(
            BootpOp.BOOTREQUEST,
            xid,
            secs=secs,
            ciaddr=ciaddr,
            chaddr=mac.ljust(16, b"\0"),
            options=options(
                (Option.MESSAGE_TYPE, bytes((MessageType.REQUEST,))),
                (Option.CLASS_IDENTIFIER, b"PXEClient:Arch:00000:UNDI:002001"),
                (Option.CLIENT_UUID, uuid),
                *([(Option.VENDOR_SPECIFIC, vendor_options.build(tags))] if tags else []),
            ),
        )
        return self.send(source, to, message.build())

    def answer(
        self,
        to: Endpoint = CLIENT,
        source: Endpoint = PXE,
        *,
        xid: int = 1,
        mac: bytes = MAC_A,
        uuid: bytes | None = UUID_A,
        yiaddr: str = CLIENT[0],
    ) -> Datagram:
        message = Message(
            BootpOp.BOOTREPLY,
            xid,
            yiaddr=yiaddr,
            chaddr=mac.ljust(16, b"\0"),
            file=b"boot",
            options=options(
                (Option.MESSAGE_TYPE, bytes((MessageType.ACK,))),
                (Option.CLASS_IDENTIFIER, b"PXEClient"),
                *([(Option.CLIENT_UUID, uuid)] if uuid is not None else []),
            ),
        )
        return self.send(source, to, message.build())
