"""The DHCP core of the reference server, as a lease giver and as a proxy."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from pxeconform.protocol.dhcp import Message, options, parse
from pxeconform.protocol.vendor_options import BootItem, build
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import DiscoveryControl, PxeTag
from pxeconform.server.answers import Answers
from pxeconform.server.bootserver import BootServer
from pxeconform.server.config import ConfigError, Pool, ServerConfig
from pxeconform.server.datagrams import Incoming, Outgoing
from pxeconform.server.demo import BIOS_FILE, X64_FILE, demo_services, sample_files
from pxeconform.server.dhcp import DhcpServer
from pxeconform.server.files import FileStore

ME = "10.0.0.1"
RELAY = "10.0.0.3"
UUID = b"\0" + bytes(range(16))
PXE_X64 = (
    (Option.CLASS_IDENTIFIER, b"PXEClient:Arch:00007:UNDI:003016"),
    (Option.CLIENT_ARCHITECTURE, b"\0\7"),
    (Option.CLIENT_NDI, b"\1\3\x10"),
    (Option.CLIENT_UUID, UUID),
)
CONFIG = ServerConfig(
    address=ME,
    mode="dhcp",
    pool=Pool("10.0.0.10", "10.0.0.12", routers=("10.0.0.254",), dns_servers=("10.0.0.2",), domain="example.org"),
    boot_files={0: BIOS_FILE, 7: X64_FILE},
    services=demo_services(),
    files=sample_files(),
)


class Bench:
    def __init__(self, core: type[DhcpServer] = DhcpServer, **changes: object) -> None:
        self.config = replace(CONFIG, **changes)  # type: ignore[arg-type]
        answers = Answers(self.config, FileStore(self.config))
        self.server = core(answers, BootServer(answers))
        self.now = 50.0
        self.sent: list[Outgoing] = []

    def send(self, request: Message | bytes, source: tuple[str, int] = (RELAY, 67)) -> Message | None:
        octets = request if isinstance(request, bytes) else request.build()
        incoming = Incoming(octets, source, "dhcp", "255.255.255.255", ME, 3)
        self.sent = list(self.server.receive(incoming, self.now))
        assert len(self.sent) <= 1
        return parse(self.sent[0].payload) if self.sent else None

    def bind(self, number: int) -> str:
        offer = self.send(discover(number))
        assert offer is not None
        ack = self.send(selecting(number, offer.yiaddr))
        assert ack is not None and ack.type is MessageType.ACK and ack.yiaddr == offer.yiaddr
        return ack.yiaddr


def message(kind: MessageType | None, number: int = 1, *more: tuple[int, bytes], **fields: object) -> Message:
    first = ((Option.MESSAGE_TYPE, bytes((kind,))),) if kind is not None else ()
    chaddr = bytes((2, 0, 0, 0, 0, number)) + bytes(range(200, 210))
    base = Message(op=1, xid=0x1234_0000 + number, hops=3, secs=77, giaddr=RELAY, chaddr=chaddr)
    return replace(base, options=options(*first, *more), **fields)  # type: ignore[arg-type]


def discover(number: int = 1, *more: tuple[int, bytes], **fields: object) -> Message:
    return message(MessageType.DISCOVER, number, *more, **fields)


def request(number: int = 1, *more: tuple[int, bytes], **fields: object) -> Message:
    return message(MessageType.REQUEST, number, *more, **fields)


def address(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def selecting(number: int, wanted: str, *more: tuple[int, bytes], server: str = ME) -> Message:
    ids = (Option.SERVER_IDENTIFIER, address(server)), (Option.REQUESTED_ADDRESS, address(wanted))
    return request(number, *ids, *more)


def test_fields_of_an_offer() -> None:
    bench = Bench()
    asked = discover(1, *PXE_X64, (Option.PARAMETER_REQUEST_LIST, bytes((1, 3, 6, 43, 60, 66, 67))), flags=0x7FFF)
    offer = bench.send(asked)
    assert offer is not None
    assert (offer.op, offer.xid, offer.chaddr, offer.giaddr, offer.flags) == (2, asked.xid, asked.chaddr, RELAY, 0x7FFF)
    assert (offer.hops, offer.secs, offer.ciaddr, offer.siaddr, offer.ended) == (0, 0, "0.0.0.0", ME, True)
    assert offer.type is MessageType.OFFER and offer.yiaddr == "10.0.0.10" and offer.server_identifier == ME
    assert offer.class_identifier == b"PXEClient" and offer.file == X64_FILE.encode() == offer.boot_file
    assert all(offer.get(code) == value for code, value in PXE_X64[1:])
    assert not any(code in offer for code in (50, 55, 57, 61, 82))
    codes = [option.code for option in offer.options]
    assert len(codes) == len(set(codes)) and codes.index(1) < codes.index(3)
    lease, renew, rebind = (struct.unpack("!I", offer.get(code) or b"")[0] for code in (51, 58, 59))
    assert renew < rebind < lease == 3600
    assert offer.get(66) == ME.encode() and offer.get(13) == struct.pack("!H", -(-len(sample_files()[X64_FILE]) // 512))
    assert 300 <= len(bench.sent[0].payload) <= 548
    assert bench.sent[0].destination == (RELAY, 67)
    ack = bench.send(selecting(1, offer.yiaddr, *PXE_X64, (55, bytes((1, 3, 6, 43, 60, 66, 67)))))
    assert ack is not None and ack.type is MessageType.ACK
    for code in (1, 3, 43, 60, 66, 67, 51, 54):
        assert ack.get(code) == offer.get(code)
    assert (ack.siaddr, ack.file, ack.yiaddr) == (offer.siaddr, offer.file, offer.yiaddr)


def test_tags_of_an_offer() -> None:
    offer = Bench().send(discover(1, *PXE_X64))
    assert offer is not None
    tags = offer.vendor_options
    assert tags is not None and tags.ended and not tags.problems
    assert tags.discovery_control == DiscoveryControl.MULTICAST_DISABLED and tags.multicast_address is None
    assert [(entry.type, entry.addresses) for entry in tags.boot_servers] == [(32769, (ME,)), (32770, (ME,))]
    assert [entry.description for entry in tags.boot_menu] == [b"Install", b"Rescue"]
    assert tags.menu_prompt is not None and tags.menu_prompt.timeout == 10
    offer = Bench(multicast_address="239.1.2.3").send(discover(1, *PXE_X64))
    assert offer is not None and offer.vendor_options is not None
    assert (offer.vendor_options.discovery_control, offer.vendor_options.multicast_address) == (0, "239.1.2.3")
    offer = Bench(services=()).send(discover(1, *PXE_X64))
    assert offer is not None and offer.vendor_options is not None
    assert offer.vendor_options.discovery_control == 0x0B and offer.boot_file == X64_FILE.encode()


def test_the_file_follows_the_architecture() -> None:
    bench = Bench(second_stage="boot.ipxe")

    def file(*more: tuple[int, bytes]) -> bytes | None:
        offer = bench.send(discover(1, *more))
        return offer.boot_file if offer is not None and offer.is_pxe else None

    pxe = (Option.CLASS_IDENTIFIER, b"PXEClient")
    assert file(pxe) == file(pxe, (93, b"\0\0")) == BIOS_FILE.encode()
    assert file((Option.CLASS_IDENTIFIER, b"PXEClient:Arch:00007:UNDI:003000")) == X64_FILE.encode()
    assert file(pxe, (93, b"\0\x63\0\7")) == X64_FILE.encode()
    assert file(pxe, (93, b"\0\x0b")) is None
    assert file(pxe, (93, b"\0\7"), (77, b"iPXE")) == file(pxe, (93, b"\0\7"), (77, b"\4iPXE")) == b"boot.ipxe"
    assert file((Option.CLASS_IDENTIFIER, b"pxeclient:Arch:00007:UNDI:003000")) is None


def test_plain_clients_get_no_pxe() -> None:
    for more in ((), ((Option.CLASS_IDENTIFIER, b"tester"),), ((77, b"\6tester"),), ((43, b"\xff\1\2"),)):
        offer = Bench().send(discover(1, *more))
        assert offer is not None and offer.yiaddr == "10.0.0.10" and offer.siaddr == "0.0.0.0" and not offer.file
        assert not any(code in offer for code in (60, 43, 67))


def test_http_clients() -> None:
    http = (Option.CLASS_IDENTIFIER, b"HTTPClient:Arch:00016:UNDI:003001")
    offer = Bench().send(discover(1, http))
    assert offer is not None and 60 not in offer and offer.boot_file == b""
    for mode in ("dhcp", "proxy"):
        offer = Bench(mode=mode, http_files={16: "http://10.0.0.1/x.efi"}).send(discover(1, http))
        assert offer is not None and offer.class_identifier == b"HTTPClient" and 43 not in offer
        assert offer.boot_file == b"http://10.0.0.1/x.efi" and (offer.yiaddr != "0.0.0.0") == (mode == "dhcp")
    assert Bench(mode="proxy").send(discover(1, http)) is None


def test_addresses() -> None:
    bench = Bench()
    first = bench.send(discover(1))
    again = bench.send(discover(1))
    other = bench.send(discover(2))
    wish = bench.send(discover(3, (Option.REQUESTED_ADDRESS, address("10.0.0.12"))))
    assert first and again and other and wish
    assert (first.yiaddr, again.yiaddr, other.yiaddr, wish.yiaddr) == (
        "10.0.0.10",
        "10.0.0.10",
        "10.0.0.11",
        "10.0.0.12",
    )
    assert bench.send(discover(4)) is None
    bench.now += 31
    late = bench.send(discover(4))
    assert late is not None and late.yiaddr == "10.0.0.10"
    taken = bench.send(discover(5, (Option.REQUESTED_ADDRESS, address("10.0.0.10"))))
    assert taken is not None and taken.yiaddr != "10.0.0.10"
    foreign = Bench().send(discover(5, (Option.REQUESTED_ADDRESS, address("192.168.7.7"))))
    assert foreign is not None and foreign.yiaddr == "10.0.0.10"


def test_the_client_identifier_is_the_key() -> None:
    bench = Bench()
    identifier = (Option.CLIENT_IDENTIFIER, b"\xff\0\0\0\1duid")
    one = bench.send(discover(1, identifier))
    two = bench.send(discover(2, identifier))
    three = bench.send(discover(1, (Option.CLIENT_IDENTIFIER, b"\0other")))
    assert one and two and three
    assert one.yiaddr == two.yiaddr != three.yiaddr
    assert one.get(61) == b"\xff\0\0\0\1duid" and three.get(61) == b"\0other"
    split = replace(discover(2), options=discover(2).options + options((61, b"\xff\0\0\0"), (61, b"\1duid")))
    joined = bench.send(split)
    assert joined is not None and joined.yiaddr == one.yiaddr and joined.get(61) == b"\xff\0\0\0\1duid"


def test_selecting() -> None:
    bench = Bench()
    offer = bench.send(discover(1))
    assert offer is not None
    assert bench.send(selecting(1, offer.yiaddr, server="10.0.0.77")) is None
    assert bench.send(selecting(2, offer.yiaddr, server="10.0.0.77")) is None
    nak = bench.send(selecting(1, "10.0.0.12", (61, b"")))
    assert nak is not None and nak.type is MessageType.NAK
    ack = bench.send(selecting(1, offer.yiaddr))
    assert ack is not None and (ack.type, ack.yiaddr, ack.ciaddr) == (MessageType.ACK, offer.yiaddr, "0.0.0.0")
    stranger = bench.send(selecting(9, offer.yiaddr))
    assert stranger is not None and stranger.type is MessageType.NAK


def test_what_a_nak_holds_and_where_it_goes() -> None:
    bench = Bench()
    wrong = request(7, (50, address("192.168.1.5")), (61, b"id"), (82, b"\1\2ab"), (60, b"PXEClient"), (97, UUID))
    nak = bench.send(wrong)
    assert nak is not None and nak.type is MessageType.NAK and nak.flags == 0x8000
    assert [option.code for option in nak.options] == [53, 54, 56, 61, 82]
    assert (nak.ciaddr, nak.yiaddr, nak.siaddr, nak.file, nak.sname) == ("0.0.0.0",) * 3 + (b"", b"")
    assert bench.sent[0].destination == (RELAY, 67)
    near = bench.send(replace(wrong, giaddr="0.0.0.0"))
    assert near is not None and near.flags == 0
    assert bench.sent[0].destination == ("255.255.255.255", 68) and bench.sent[0].interface == 3
    assert Bench(authoritative=False).send(wrong) is None


def test_init_reboot() -> None:
    bench = Bench()
    assert bench.send(request(1, (50, address("10.0.0.10")))) is None
    mine = bench.bind(1)
    ack = bench.send(request(1, (50, address(mine))))
    assert ack is not None and (ack.type, ack.yiaddr) == (MessageType.ACK, mine)
    nak = bench.send(request(1, (50, address("10.0.0.12"))))
    assert nak is not None and nak.type is MessageType.NAK


def test_renewing_and_rebinding() -> None:
    bench = Bench()
    mine = bench.bind(1)
    renewing = request(1, ciaddr=mine, giaddr="0.0.0.0")
    ack = bench.send(renewing)
    assert ack is not None and (ack.type, ack.ciaddr, ack.yiaddr) == (MessageType.ACK, mine, mine)
    assert bench.sent[0].destination == (mine, 68) and bench.sent[0].hardware_address == b""
    bench.send(replace(renewing, giaddr=RELAY))
    assert bench.sent[0].destination == (RELAY, 67)
    assert bench.send(request(2, ciaddr=mine)) is None
    bench.bind(3)
    nak = bench.send(request(3, ciaddr=mine))
    assert nak is not None and nak.type is MessageType.NAK


@pytest.mark.parametrize(
    ("flags", "destination", "hardware"),
    [(0x8000, "255.255.255.255", b""), (0, "10.0.0.10", bytes((2, 0, 0, 0, 0, 1)))],
)
def test_where_an_offer_goes(flags: int, destination: str, hardware: bytes) -> None:
    bench = Bench()
    offer = bench.send(discover(1, flags=flags, giaddr="0.0.0.0"))
    assert offer is not None and offer.flags == flags
    assert bench.sent[0].destination == (destination, 68) and bench.sent[0].hardware_address == hardware
    assert bench.sent[0].local == ME and bench.sent[0].socket == "dhcp"


def test_decline_and_release() -> None:
    bench = Bench()
    mine = bench.bind(1)
    ids = (Option.SERVER_IDENTIFIER, address(ME)), (Option.REQUESTED_ADDRESS, address(mine))
    assert bench.send(message(MessageType.DECLINE, 2, *ids)) is None
    assert bench.server.leases is not None and bench.server.leases.holder(mine, bench.now) is not None
    assert bench.send(message(MessageType.DECLINE, 1, *ids)) is None
    offer = bench.send(discover(1))
    assert offer is not None and offer.yiaddr != mine
    other = bench.bind(2)
    assert bench.send(message(MessageType.RELEASE, 3, ids[0], ciaddr=other)) is None
    assert bench.server.leases.holder(other, bench.now) is not None
    assert bench.send(message(MessageType.RELEASE, 2, ids[0], ciaddr=other)) is None
    assert bench.server.leases.holder(other, bench.now) is None
    back = bench.send(discover(2))
    assert back is not None and back.yiaddr == other
    bench.now += 31
    given = bench.send(discover(4, (Option.REQUESTED_ADDRESS, address(other))))
    assert given is not None and given.yiaddr == other
    bench.now += 3700
    rested = bench.send(discover(9, (Option.REQUESTED_ADDRESS, address(mine))))
    assert rested is not None and rested.yiaddr == mine


def test_inform() -> None:
    bench = Bench()
    inform = message(MessageType.INFORM, 1, (55, b"\1\3\6"), ciaddr="10.0.0.200", giaddr="0.0.0.0")
    ack = bench.send(inform, ("10.0.0.200", 40000))
    assert ack is not None and (ack.type, ack.yiaddr, ack.ciaddr) == (MessageType.ACK, "0.0.0.0", "10.0.0.200")
    assert not any(code in ack for code in (51, 58, 59)) and ack.get(3) == address("10.0.0.254")
    assert bench.sent[0].destination == ("10.0.0.200", 68)
    assert bench.send(replace(inform, ciaddr="192.168.1.1")) is None


def test_relays() -> None:
    bench = Bench()
    circuit = (Option.RELAY_AGENT_INFORMATION, b"\1\4abcd\2\3xyz")
    offer = bench.send(discover(1, circuit, (61, b"id"), *PXE_X64))
    assert offer is not None and offer.options[-1].code == 82 and offer.get(82) == circuit[1]
    assert bench.send(discover(1, giaddr="192.168.1.1")) is None
    link = (Option.RELAY_AGENT_INFORMATION, b"\5\4" + address("10.0.0.0"))
    offer = bench.send(discover(1, link, giaddr="192.168.1.1"))
    assert offer is not None and bench.sent[0].destination == ("192.168.1.1", 67)
    assert bench.send(discover(1, (Option.RELAY_AGENT_INFORMATION, b"\5\4" + address("10.9.0.0")))) is None
    for odd in (b"\5", b"\5\xff", b"", b"\x0a\2\0\0"):
        assert bench.send(discover(1, (Option.RELAY_AGENT_INFORMATION, odd))) is not None


def test_sizes() -> None:
    extra = {code: bytes([code]) * 200 for code in (209, 210, 128)}
    wanted = (55, bytes((1, 3, 209, 210, 128, 211)))
    bench = Bench(options=extra)
    circuit = (82, b"\1\4abcd")
    offer = bench.send(discover(1, wanted, circuit, *PXE_X64))
    assert offer is not None and len(bench.sent[0].payload) <= 548 and 211 not in offer
    assert offer.get(43) and offer.get(82) and offer.boot_file == X64_FILE.encode()
    bench.send(discover(1, wanted, circuit, (57, struct.pack("!H", 576)), *PXE_X64))
    assert len(bench.sent[0].payload) <= 548
    offer = bench.send(discover(1, wanted, circuit, (57, struct.pack("!H", 1472)), *PXE_X64))
    assert offer is not None and all(offer.get(code) == value for code, value in extra.items())
    assert len(bench.sent[0].payload) <= 1472
    plain = bench.send(discover(1))
    assert plain is not None and not any(code in plain for code in extra)


@pytest.mark.parametrize("mode", ["dhcp", "proxy"])
def test_what_is_discarded(mode: str) -> None:
    bench = Bench(mode=mode)
    good = discover(1, *PXE_X64)
    octets = good.build()
    whole = octets.rstrip(b"\0")
    for bad in (
        b"",
        octets[:235],
        whole[:-4],
        replace(good, op=2),
        b"\x09" + octets[1:],
        replace(good, hlen=17),
        good.without(53).with_options((53, b"\x63")),
        good.without(53).with_options((53, b"\1\1")),
        message(MessageType.OFFER, 1, *PXE_X64),
        message(MessageType.FORCERENEW, 1, *PXE_X64),
        whole[:-1] + b"\x3d\xff\1",
    ):
        assert bench.send(bad) is None
    assert bench.send(good) is not None
    assert bench.send(octets.ljust(1000, b"\0")) is not None


def test_bootp() -> None:
    assert Bench().send(message(None)) is None
    bench = Bench(bootp=True)
    reply = bench.send(message(None, flags=0x8000))
    assert reply is not None and 53 not in reply and reply.yiaddr == "10.0.0.10" and reply.siaddr == ME
    assert len(bench.sent[0].payload) == 300 and reply.file == BIOS_FILE.encode() and reply.flags == 0x8000
    assert bench.sent[0].destination == (RELAY, 67)
    reply = bench.send(message(None, ciaddr="10.0.0.99"))
    assert reply is not None and reply.ciaddr == "10.0.0.99" and bench.sent[0].destination == ("10.0.0.99", 68)
    assert bench.send(message(None, sname=b"elsewhere")) is None
    assert bench.send(message(None, file=b"unknown")) is None
    bench.now += 1e9
    assert bench.server.leases is not None and bench.server.leases.holder("10.0.0.10", bench.now) is not None


def test_a_boot_request_is_neither_rebinding_nor_refused() -> None:
    bench = Bench()
    mine = bench.bind(1)
    for kind, answered in ((32769, True), (32771, False)):
        tags = build([(PxeTag.BOOT_ITEM, BootItem(kind).encode())])
        asked = request(1, *PXE_X64, (43, tags), ciaddr=mine, giaddr="0.0.0.0")
        reply = bench.send(asked, (mine, 4011))
        assert (reply is not None) == answered
        if reply is not None:
            assert bench.sent[0].destination == (mine, 4011) and bench.sent[0].socket == "dhcp"
            assert 51 not in reply and reply.type is MessageType.ACK
            bench.send(replace(asked, giaddr=RELAY))
            assert bench.sent[0].destination == (RELAY, 67)


# Proxy


def test_proxy_offer() -> None:
    bench = Bench(mode="proxy")
    asked = discover(1, *PXE_X64, (61, UUID), (82, b"\1\1x"))
    offer = bench.send(asked)
    assert offer is not None
    assert (offer.type, offer.yiaddr, offer.ciaddr) == (MessageType.OFFER, "0.0.0.0", "0.0.0.0")
    assert (offer.xid, offer.chaddr, offer.server_identifier, offer.siaddr) == (asked.xid, asked.chaddr, ME, ME)
    assert offer.class_identifier == b"PXEClient" and offer.get(97) == UUID == offer.get(61)
    assert offer.get(93) == b"\0\7" and offer.get(94) == b"\1\3\x10"
    assert offer.vendor_options is not None and offer.vendor_options.offers_discovery
    assert not any(code in offer for code in (51, 58, 59, 1, 3))
    bench.send(replace(asked, giaddr="0.0.0.0"))
    assert bench.sent[0].destination == ("255.255.255.255", 68)


def test_proxy_silence() -> None:
    bench = Bench(mode="proxy")
    for bad in (
        discover(1),
        discover(1, (60, b"tester")),
        discover(1, (60, b"pxeclient:Arch:00007:UNDI:003000")),
        discover(1, (60, b"PXEClient"), (93, b"\0\x0b")),
        selecting(1, "10.0.0.10", *PXE_X64),
        selecting(1, "10.0.0.10", *PXE_X64, server="10.0.0.9"),
        message(MessageType.INFORM, 1, *PXE_X64, ciaddr="10.0.0.9"),
        message(MessageType.DECLINE, 1, *PXE_X64),
        message(None, 1),
    ):
        assert bench.send(bad) is None


def test_proxy_pointer() -> None:
    offer = Bench(mode="proxy", pointer=True).send(discover(1, *PXE_X64))
    assert offer is not None and offer.class_identifier == b"PXEClient"
    assert 43 not in offer and offer.boot_file == b"" and offer.siaddr == "0.0.0.0"


def test_a_menu_that_does_not_fit_is_refused_at_once() -> None:
    services = tuple(replace(demo_services()[0], type=n, description="x" * 60) for n in range(33000, 33005))
    with pytest.raises(ConfigError, match="services"):
        Bench(services=services)


def test_one_fault_is_one_method() -> None:
    class ForgetsServerIdentifier(DhcpServer):
        def typed(self, reply: Message, kind: MessageType) -> Message:
            return super().typed(reply, kind).without(Option.SERVER_IDENTIFIER)

    offer = Bench(core=ForgetsServerIdentifier).send(discover(1))
    assert offer is not None and offer.server_identifier is None and offer.yiaddr == "10.0.0.10"
