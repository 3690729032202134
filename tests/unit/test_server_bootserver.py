"""Port 4011 of the reference server: proxy requests, boot server discovery, credentials."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pxeconform.protocol.dhcp import Message, options, parse
from pxeconform.protocol.vendor_options import BootItem, build
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.server.answers import Answers
from pxeconform.server.bootserver import BootServer
from pxeconform.server.config import ServerConfig, with_ephemeral_ports
from pxeconform.server.datagrams import Address, Incoming, Outgoing
from pxeconform.server.demo import (
    BIOS_FILE,
    INSTALL_TYPE,
    RESCUE_TYPE,
    X64_FILE,
    demo_config,
    demo_services,
    sample_credentials,
    sample_files,
)
from pxeconform.server.files import FileStore
from pxeconform.server.service import PxeServer

ME = "10.0.0.1"
CLIENT = ("10.0.0.50", 40123)
UUID = b"\0" + bytes(range(16))
BIG_FILES = sample_files() | {"dsa.esw": bytes(1000), "rsa.esw": bytes(2048)}
CONFIG = ServerConfig(
    address=ME,
    boot_files={0: BIOS_FILE, 7: X64_FILE},
    services=demo_services(),
    files=BIG_FILES,
    credentials={"install/x64.efi": {41: "dsa.esw", 42: "rsa.esw"}, "rescue/x64.efi": {41: "missing.esw"}},
)


def asking(
    item: BootItem | None,
    *tags: tuple[int, bytes],
    kind: MessageType = MessageType.REQUEST,
    architecture: int = 7,
    **fields: object,
) -> Message:
    inside = ([(int(PxeTag.BOOT_ITEM), item.encode())] if item is not None else []) + list(tags)
    found = options(
        (Option.MESSAGE_TYPE, bytes((kind,))),
        (Option.CLASS_IDENTIFIER, b"PXEClient:Arch:%05d:UNDI:003016" % architecture),
        (Option.CLIENT_ARCHITECTURE, struct.pack("!H", architecture)),
        (Option.CLIENT_NDI, b"\1\3\x10"),
        (Option.CLIENT_UUID, UUID),
        (Option.CLIENT_IDENTIFIER, UUID),
        *(((Option.VENDOR_SPECIFIC, build(inside)),) if inside else ()),
    )
    base = Message(op=1, xid=0xABCDEF01, secs=2, ciaddr=CLIENT[0], chaddr=bytes(range(16)), options=found)
    return replace(base, **fields)  # type: ignore[arg-type]


class Bench:
    def __init__(self, core: type[BootServer] = BootServer, **changes: object) -> None:
        config = replace(CONFIG, **changes)  # type: ignore[arg-type]
        self.server = core(Answers(config, FileStore(config)))
        self.sent: list[Outgoing] = []

    def send(self, request: Message | bytes, source: Address = CLIENT, destination: str = ME) -> Message | None:
        octets = request if isinstance(request, bytes) else request.build()
        self.sent = list(self.server.receive(Incoming(octets, source, "pxe", destination, ME), 1.0))
        assert len(self.sent) <= 1
        return parse(self.sent[0].payload) if self.sent else None


def credential_types(*numbers: int) -> tuple[int, bytes]:
    return PxeTag.CREDENTIAL_TYPES, struct.pack(f"!{len(numbers)}I", *numbers)


@pytest.mark.parametrize("kind", [MessageType.REQUEST, MessageType.INFORM])
@pytest.mark.parametrize("destination", [ME, "239.1.2.3"])
@pytest.mark.parametrize("port", [4011, 68, 40123])
def test_fields_of_a_boot_server_answer(kind: MessageType, destination: str, port: int) -> None:
    bench = Bench()
    asked = asking(BootItem(INSTALL_TYPE, 1), kind=kind)
    answer = bench.send(asked, (CLIENT[0], port), destination)
    assert answer is not None
    assert (answer.op, answer.xid, answer.chaddr, answer.secs, answer.hops) == (2, asked.xid, asked.chaddr, 0, 0)
    assert (answer.ciaddr, answer.yiaddr, answer.siaddr) == ("0.0.0.0", CLIENT[0], ME)
    assert answer.type is MessageType.ACK and answer.server_identifier == ME and 51 not in answer
    assert answer.class_identifier == b"PXEClient" and answer.get(97) == UUID == answer.get(61)
    assert (answer.get(93), answer.get(94)) == (b"\0\7", b"\1\3\x10")
    assert answer.vendor_options is not None and answer.vendor_options.ended
    assert answer.vendor_options.tags == ((71, BootItem(INSTALL_TYPE, 1).encode()),)
    assert answer.file == b"install/x64.1.efi" == answer.get(67)
    assert answer.get(13) == struct.pack("!H", -(-len(BIG_FILES["install/x64.1.efi"]) // 512))
    assert answer.ended and len(bench.sent[0].payload) >= 300
    assert bench.sent[0].destination == (CLIENT[0], port)
    assert (bench.sent[0].socket, bench.sent[0].local) == ("pxe", ME)


@pytest.mark.parametrize(
    ("item", "architecture", "file"),
    [
        (BootItem(INSTALL_TYPE, 0), 7, b"install/x64.efi"),
        (BootItem(INSTALL_TYPE, 0), 0, b"install/pxe.0"),
        (BootItem(INSTALL_TYPE, 1), 9, b"install/x64.1.efi"),
        (BootItem(RESCUE_TYPE, 0), 7, b"rescue/x64.efi"),
        (BootItem(0, 0), 7, X64_FILE.encode()),
        (BootItem(INSTALL_TYPE, 2), 7, None),
        (BootItem(INSTALL_TYPE, 0), 11, None),
        (BootItem(RESCUE_TYPE, 1), 7, None),
        (BootItem(0, 1), 7, None),
        (BootItem(1, 0), 7, None),
        (BootItem(65534, 0), 7, None),
        (BootItem(0x0180, 0), 7, None),
    ],
)
def test_only_what_is_served_is_answered(item: BootItem, architecture: int, file: bytes | None) -> None:
    answer = Bench().send(asking(item, architecture=architecture))
    assert (answer.boot_file if answer is not None else None) == file


def test_files_that_are_not_there_are_not_named() -> None:
    files = {name: content for name, content in BIG_FILES.items() if name != "install/x64.efi"}
    assert Bench(files=files).send(asking(BootItem(INSTALL_TYPE))) is None


def test_silence() -> None:
    bench = Bench()
    good = asking(BootItem(INSTALL_TYPE))
    octets = good.build()
    for bad in (
        b"",
        octets[:100],
        octets.rstrip(b"\0")[:-3],
        replace(good, op=2),
        good.without(60),
        good.with_options((60, b"pxeclient:Arch:00007:UNDI:003000")),
        good.with_options((60, b"HTTPClient:Arch:00016:UNDI:003000")),
        good.with_options((60, b"anything")),
        good.with_options((53, b"\1")),
        good.with_options((53, b"\4")),
        good.without(53),
        replace(good, ciaddr="0.0.0.0"),
        good.with_options((43, b"\x47\2\x80\1\xff")),
        good.with_options((43, b"\x47\4\x80\1\0\0\x0c\3\0\0\1\xff")),
    ):
        assert bench.send(bad) is None
    assert bench.send(good) is not None


@pytest.mark.parametrize("kind", [MessageType.REQUEST, MessageType.INFORM])
def test_proxy_requests(kind: MessageType) -> None:
    bench = Bench()
    asked = asking(None, kind=kind)
    answer = bench.send(asked)
    assert answer is not None and answer.type is MessageType.ACK
    assert (answer.yiaddr, answer.ciaddr, answer.siaddr, answer.xid) == ("0.0.0.0", "0.0.0.0", ME, asked.xid)
    assert answer.boot_file == X64_FILE.encode() and answer.class_identifier == b"PXEClient" and 51 not in answer
    assert answer.vendor_options is not None and [e.type for e in answer.vendor_options.boot_menu] == [32769, 32770]
    assert answer.get(97) == UUID and bench.sent[0].destination == CLIENT
    assert bench.send(asking(None, architecture=11)) is None


SECRET = BootItem(INSTALL_TYPE).with_credentials()


@pytest.mark.parametrize(
    ("tags", "kind", "file"),
    [
        ([credential_types(41)], 41, b"dsa.esw"),
        ([credential_types(42, 41)], 42, b"rsa.esw"),
        ([credential_types(0x12345678, 41, 42)], 41, b"dsa.esw"),
        ([], 41, b"dsa.esw"),
        ([credential_types(0xFFFFFFFF)], None, None),
        ([credential_types()], None, None),
        ([(12, b"\0\0\x29")], None, None),
        ([(12, b"\0\0\0\x29\0")], None, None),
    ],
)
def test_credential_requests(tags: list[tuple[int, bytes]], kind: int | None, file: bytes | None) -> None:
    answer = Bench().send(asking(SECRET, *tags))
    if kind is None:
        assert answer is None
        return
    assert answer is not None and answer.vendor_options is not None
    assert answer.vendor_options.boot_item == SECRET and answer.vendor_options.credential_types == (kind,)
    assert answer.file == file == answer.get(67) and (answer.siaddr, answer.yiaddr) == ("0.0.0.0", CLIENT[0])
    assert answer.get(13) == struct.pack("!H", 2 if kind == 41 else 4) and answer.get(97) == UUID


def test_credentials_belong_to_the_file_that_is_named() -> None:
    bench = Bench()
    assert bench.send(asking(SECRET, credential_types(41), file=b"install/x64.efi")) is not None
    assert bench.send(asking(SECRET, credential_types(41), file=b"rescue/x64.efi")) is None
    assert bench.send(asking(SECRET, credential_types(41), architecture=0)) is None
    assert bench.send(asking(BootItem(RESCUE_TYPE, 0x8000), credential_types(41))) is None
    assert bench.send(asking(BootItem(INSTALL_TYPE, 0x8002), credential_types(41))) is None
    assert Bench(credentials={}).send(asking(SECRET, credential_types(41))) is None


def test_a_plain_request_learns_its_credential_type() -> None:
    bench = Bench()
    answer = bench.send(asking(BootItem(INSTALL_TYPE), credential_types(42, 41)))
    assert answer is not None and answer.vendor_options is not None
    assert answer.file == b"install/x64.efi" and answer.vendor_options.credential_types == (42,)
    assert bench.send(asking(BootItem(INSTALL_TYPE), credential_types(77))) is None


def test_one_fault_is_one_method() -> None:
    class AnswersAll(BootServer):
        def choose_file(self, item: BootItem, request: Message) -> str | None:
            return super().choose_file(item, request) or X64_FILE

    class ToPort68(BootServer):
        def destination(self, request: Message, incoming: Incoming) -> Address:
            return request.ciaddr, 68

    assert Bench(core=AnswersAll).send(asking(BootItem(65534))) is not None
    bench = Bench(core=ToPort68)
    bench.send(asking(BootItem(INSTALL_TYPE)))
    assert bench.sent[0].destination == (CLIENT[0], 68)


def test_demo_credentials_verify() -> None:
    from pxeconform.protocol.certificates import DSA_1024_SHA1, new_signer

    signer = new_signer(DSA_1024_SHA1)
    made, known = sample_credentials(sample_files(), [signer])
    assert made["trust.dsa.cer"] == signer.certificate
    assert set(known["install/x64.efi"]) == {41, signer.certificate_id}
    assert made[known["install/x64.efi"][41]].startswith(b"PK")


# Over sockets, with a multicast group and broadcasts on the loopback interface


@pytest.fixture(scope="module")
def server() -> Iterator[PxeServer]:
    with PxeServer(with_ephemeral_ports(demo_config(multicast_address="239.77.1.1"))) as running:
        yield running
    assert running.failures == []


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.5", 0))
        opened.settimeout(5)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        yield opened


@pytest.mark.parametrize("way", ["unicast", "multicast", "broadcast"])
def test_discovery_over_sockets(server: PxeServer, client: socket.socket, way: str) -> None:
    to = {
        "unicast": ("127.0.0.1", server.ports.pxe),
        "multicast": ("239.77.1.1", server.ports.pxe),
        "broadcast": ("127.255.255.255", server.ports.dhcp),
    }[way]
    client.sendto(asking(BootItem(INSTALL_TYPE), ciaddr="127.0.0.5").build(), to)
    payload, source = client.recvfrom(2048)
    answer = parse(payload)
    assert answer is not None and answer.boot_file == b"install/x64.efi" and answer.yiaddr == "127.0.0.5"
    assert source == ("127.0.0.1", server.ports.dhcp if way == "broadcast" else server.ports.pxe)


def test_credentials_over_sockets(server: PxeServer, client: socket.socket) -> None:
    client.sendto(asking(SECRET, ciaddr="127.0.0.5").build(), ("127.0.0.1", server.ports.pxe))
    answer = parse(client.recv(2048))
    assert answer is not None and answer.vendor_options is not None
    assert answer.vendor_options.credential_types == (41,)
    client.sendto(b"\0\1" + answer.boot_file + b"\0octet\0", ("127.0.0.1", server.ports.tftp))
    assert client.recv(2048)[:6] == b"\0\3\0\1PK"


def test_leases_over_sockets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.bind(("127.0.0.6", 0))
        relay.settimeout(5)
        config = demo_config(with_credentials=False, relay_port=relay.getsockname()[1])
        with PxeServer(with_ephemeral_ports(config)) as server:
            asked = asking(None, kind=MessageType.DISCOVER, ciaddr="0.0.0.0", giaddr="127.0.0.6")
            relay.sendto(asked.build(), ("127.0.0.1", server.ports.dhcp))
            payload, source = relay.recvfrom(2048)
            offer = parse(payload)
            assert offer is not None and offer.type is MessageType.OFFER and offer.yiaddr == "127.77.0.100"
            assert source == ("127.0.0.1", server.ports.dhcp) and server.failures == []
