"""The TFTP core of the reference server without sockets, then a little of it with them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Options, Packet, Request, parse
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.config import ServerConfig, TftpSettings
from pxeconform.server.datagrams import TFTP_SOCKET, Incoming, Outgoing
from pxeconform.server.demo import LARGE_FILE, TEXT_FILE, noise, sample_files
from pxeconform.server.files import FileRefused, FileStore
from pxeconform.server.tftp import ReadTransfer, TftpServer
from pxeconform.server.transfers import Transfer

HERE = ("127.0.0.9", 2000)
OTHER = ("127.0.0.9", 2001)


class Bench:
    """A client's view of a core: what it sends is taken in, what comes back is parsed."""

    def __init__(self, files: dict[str, bytes], core: type[TftpServer] = TftpServer, **changes: object) -> None:
        config = replace(ServerConfig(files=files, upload_prefix="up/"), **changes)  # type: ignore[arg-type]
        self.store = FileStore(config)
        self.server = core(config, self.store)
        self.now = 100.0

    def send(
        self,
        payload: bytes | Request | Ack | Data | Error,
        to: str = TFTP_SOCKET,
        source: tuple[str, int] = HERE,
        destination: str = "127.0.0.1",
    ) -> list[Packet | None]:
        octets = payload if isinstance(payload, bytes) else payload.build()
        return self.look(self.server.receive(Incoming(octets, source, to, destination, "127.0.0.1"), self.now))

    def read(
        self, name: str, *options: tuple[str, str], mode: str = "octet", opcode: Opcode = Opcode.RRQ
    ) -> list[Packet | None]:
        return self.send(Request(opcode, name.encode(), mode, tuple(options)))

    def write(self, name: str, *options: tuple[str, str], mode: str = "octet") -> list[Packet | None]:
        return self.read(name, *options, mode=mode, opcode=Opcode.WRQ)

    def wait(self, seconds: float) -> list[Packet | None]:
        self.now += seconds
        return self.look(self.server.tick(self.now))

    def look(self, sent: object) -> list[Packet | None]:
        self.sent: list[Outgoing] = list(sent)  # type: ignore[call-overload]
        return [parse(outgoing.payload) for outgoing in self.sent]

    @property
    def transfer(self) -> Transfer:
        return next(iter(self.server.transfers.values()))

    def ack(self, number: int, source: tuple[str, int] = HERE) -> list[Packet | None]:
        return self.send(Ack(number & 0xFFFF), self.transfer.socket, source)

    def fetch(self, name: str, *options: tuple[str, str], mode: str = "octet") -> bytes:
        got = bytearray()
        packets = self.read(name, *options, mode=mode)
        at, expected = self.sent[0].socket, 1
        if isinstance(packets[0], Oack):
            packets = self.send(Ack(0), at)
        while packets:
            for packet in packets:
                assert isinstance(packet, Data)
                assert packet.block == expected & 0xFFFF
                got += packet.data
                expected += 1
            packets = self.send(Ack((expected - 1) & 0xFFFF), at)
        assert at not in self.server.transfers
        return bytes(got)


def codes(packets: list[Packet | None]) -> list[int]:
    return [packet.code for packet in packets if isinstance(packet, Error)]


def oack(packets: list[Packet | None]) -> Options:
    (packet,) = packets
    assert isinstance(packet, Oack)
    return packet.options


def test_every_sample_file_arrives_whole_in_each_way() -> None:
    files = sample_files()
    bench = Bench(files)
    for name, content in files.items():
        assert bench.fetch(name) == content
        assert bench.fetch("/" + name, ("blksize", "1432"), ("windowsize", "7"), ("tsize", "0")) == content
        assert bench.fetch(name, ("blksize", "8"), ("windowsize", "64")) == content


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024])
def test_the_last_block_is_short_even_if_empty(size: int) -> None:
    bench = Bench({"f": bytes(size)})
    packets = bench.read("f")
    lengths = []
    while packets:
        (data,) = packets
        assert isinstance(data, Data)
        lengths.append(data.length)
        packets = bench.ack(data.block)
    assert lengths == [512] * (size // 512) + [size % 512]


def test_answers_leave_a_socket_of_their_own_that_stays() -> None:
    bench = Bench({"f": bytes(2000)})
    bench.read("f")
    first = bench.sent[0]
    assert first.socket != TFTP_SOCKET and first.destination == HERE
    bench.ack(1)
    assert bench.sent[0].socket == first.socket
    bench.read("f")
    assert bench.sent[0].socket not in (first.socket, TFTP_SOCKET)
    assert len(bench.server.sockets()) == 2


def test_a_stranger_gets_error_5_and_changes_nothing() -> None:
    bench = Bench({"f": noise("f", 1100)})
    bench.read("f")
    for source in (OTHER, ("127.0.0.8", HERE[1])):
        assert codes(bench.ack(1, source)) == [ErrorCode.UNKNOWN_TRANSFER_ID]
        assert bench.sent[0].destination == source
        assert bench.send(Error(0, b"die"), bench.transfer.socket, source) == []
    assert [p.block for p in bench.ack(1) if isinstance(p, Data)] == [2]


def test_duplicate_and_old_acks_are_no_reason_to_send() -> None:
    bench = Bench({"f": noise("f", 3000)})
    bench.read("f", ("blksize", "512"))
    assert len(bench.ack(0)) == 1
    assert bench.ack(0) == []
    assert len(bench.ack(1)) == 1
    assert bench.ack(1) == [] and bench.ack(0) == [] and bench.ack(5) == []
    assert len(bench.ack(2)) == 1


def test_retransmission_doubles_and_ends() -> None:
    bench = Bench({"f": bytes(600)})
    (first,) = bench.read("f")
    gaps = []
    while bench.server.transfers:
        due = bench.server.deadline()
        assert due is not None
        gaps.append(due - bench.now)
        assert bench.wait(due - bench.now - 0.01) == []
        assert bench.wait(0.01 + 1e-9) in ([first], [])
    assert gaps == pytest.approx([1, 2, 4, 8, 16, 32], abs=0.01)
    assert bench.server.deadline() is None


def test_an_agreed_timeout_is_kept() -> None:
    bench = Bench({"f": bytes(600)})
    assert oack(bench.read("f", ("timeout", "3"))) == (("timeout", "3"),)
    bench.ack(0)
    for _ in range(4):
        assert bench.wait(2.9) == []
        assert [p.block for p in bench.wait(0.1001) if isinstance(p, Data)] == [1]


def test_the_timeout_follows_a_slow_client() -> None:
    bench = Bench({"f": bytes(5000)}, tftp=TftpSettings(first_timeout=0.5))
    bench.read("f")
    for number in range(1, 8):
        bench.now += 0.45
        bench.ack(number)
    due = bench.server.deadline()
    assert due is not None and 0.5 <= due - bench.now < 1.5
    slow = Bench({"f": bytes(5000)}, tftp=TftpSettings(first_timeout=0.1))
    slow.read("f", ("timeout", "9"))
    slow.now += 2
    slow.ack(0)
    assert slow.transfer._base > 2


def test_final_data_comes_again_and_then_silence() -> None:
    bench = Bench({"f": b"abc"})
    (first,) = bench.read("f")
    assert bench.wait(1.0) == [first]
    bench.ack(1)
    assert bench.server.transfers == {} and bench.wait(100) == []


def test_blocks_wrap_to_0() -> None:
    content = noise("wrap", 8 * 65540 + 3)
    bench = Bench({"f": content})
    got = hashlib.sha256(bench.fetch("f", ("blksize", "8"), ("windowsize", "16")))
    assert got.digest() == hashlib.sha256(content).digest()
    tail = Bench({"f": content})
    tail.read("f", ("blksize", "8"))
    tail.ack(0)
    for number in range(1, 65540):
        (data,) = tail.ack(number)
        assert isinstance(data, Data) and data.block == (number + 1) & 0xFFFF


@pytest.mark.parametrize("mode", ["octet", "OCTET", "oCtEt", "netascii", "NetASCII"])
def test_modes_ignore_case(mode: str) -> None:
    assert Bench({"f": b"abc"}).fetch("f", mode=mode) == b"abc"


@pytest.mark.parametrize("mode", ["mail", "bogus", "", "octets"])
def test_other_modes_are_refused(mode: str) -> None:
    bench = Bench({"f": b"abc"})
    assert codes(bench.read("f", mode=mode)) == [ErrorCode.ILLEGAL_OPERATION]
    assert codes(bench.write("up/f", mode=mode)) == [ErrorCode.ILLEGAL_OPERATION]
    assert not bench.server.transfers


@pytest.mark.parametrize("block_size", ["8", "9", "512", "1000"])
def test_netascii_reading(block_size: str) -> None:
    content = b"a\nb\rc\r\nd" + b"x" * 500 + b"\n" * 30 + b"\r"
    expected = content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
    assert Bench({"f": content}).fetch("f", ("blksize", block_size), ("tsize", "0"), mode="netascii") == expected


def test_netascii_across_the_edge_of_a_block() -> None:
    bench = Bench({"f": b"." * 511 + b"\nend"})
    (first,) = bench.read("f", mode="netascii")
    (second,) = bench.ack(1)
    assert isinstance(first, Data) and isinstance(second, Data)
    assert (first.data[-1:], second.data) == (b"\r", b"\nend")


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ((("blksize", "1428"),), (("blksize", "1428"),)),
        ((("BLKSIZE", "8"),), (("BLKSIZE", "8"),)),
        ((("blksize", "65464"),), (("blksize", "65464"),)),
        ((("tsize", "0"), ("TimeOut", "255")), (("tsize", "3"), ("TimeOut", "255"))),
        ((("windowsize", "16"), ("x-foo", "1")), (("windowsize", "16"),)),
        ((("windowsize", "65535"),), (("windowsize", "64"),)),
        ((("blksize", "600"), ("blksize", "700")), (("blksize", "600"),)),
        ((("blksize", "65464"), ("windowsize", "16")), (("blksize", "65464"), ("windowsize", "2"))),
    ],
)
def test_options_that_are_acknowledged(asked: Options, agreed: Options) -> None:
    assert oack(Bench({"f": b"abc"}).read("f", *asked)) == agreed


@pytest.mark.parametrize(
    "asked",
    [
        *(("blksize", value) for value in ("0", "1", "7", "65465", "99999", "-1", "abc", "", "512x")),
        *(("timeout", value) for value in ("0", "256", "1.5", "")),
        *(("windowsize", value) for value in ("0", "65536", "-3")),
        ("tsize", "x"),
        ("multicast", ""),
        ("x-foo", "1"),
    ],
)
def test_options_that_are_left_out_and_have_no_effect(asked: tuple[str, str]) -> None:
    (data,) = Bench({"f": bytes(600)}).read("f", asked)
    assert isinstance(data, Data) and (data.block, data.length) == (1, 512)


def test_tsize_in_netascii_is_left_out_and_above_4_gib_exact() -> None:
    bench = Bench({"f": b"a\nb"})
    (data,) = bench.read("f", ("tsize", "0"), mode="netascii")
    assert isinstance(data, Data) and data.data == b"a\r\nb"
    request = Request(Opcode.RRQ, b"f", "octet", (("tsize", "0"),))
    assert bench.server.negotiate(request, 2**32 + 5).options == (("tsize", str(2**32 + 5)),)


def test_data_follows_ack_0_only_and_the_oack_is_repeated() -> None:
    bench = Bench({"f": bytes(100)})
    answer = bench.read("f", ("blksize", "64"))
    assert bench.ack(1) == []
    assert bench.wait(1.0) == answer
    (data,) = bench.ack(0)
    assert isinstance(data, Data) and (data.block, data.length) == (1, 64)


def test_a_size_probe_ends_quietly_and_the_next_request_works() -> None:
    bench = Bench({"f": noise("f", 700)})
    assert oack(bench.read("f", ("tsize", "0"))) == (("tsize", "700"),)
    assert bench.send(Error(8, b"no"), bench.transfer.socket) == []
    assert bench.server.transfers == {} and bench.wait(60) == []
    assert bench.fetch("f") == noise("f", 700)


def test_windows() -> None:
    bench = Bench({"f": noise("f", 512 * 9 + 10)})
    bench.read("f", ("windowsize", "4"))

    def blocks(packets: list[Packet | None]) -> list[int]:
        return [packet.block for packet in packets if isinstance(packet, Data)]

    assert blocks(bench.ack(0)) == [1, 2, 3, 4]
    assert blocks(bench.ack(2)) == [3, 4, 5, 6]
    assert blocks(bench.ack(2)) == []
    assert blocks(bench.wait(1.0)) == [3, 4, 5, 6]
    assert blocks(bench.ack(6)) == [7, 8, 9, 10]
    assert blocks(bench.ack(9)) == [10]
    assert blocks(bench.ack(10)) == []
    assert bench.server.transfers == {}


def test_writing_and_reading_back() -> None:
    bench = Bench({})
    content = noise("up", 512 * 3)
    assert bench.write("up/f") == [Ack(0)]
    socket_name = bench.transfer.socket
    for number in range(1, 5):
        block = Data(number, content[512 * (number - 1) : 512 * number])
        assert bench.send(block, socket_name) == [Ack(number)]
        assert bench.send(block, socket_name) == [Ack(number)]
    assert bench.send(Data(2, content[512:1024]), socket_name) == [Ack(2)]
    assert bench.fetch("up/f") == content
    # Still dallying: the last ACK may have been lost.
    assert bench.send(Data(4, b""), socket_name) == [Ack(4)]
    bench.wait(5)
    assert bench.server.transfers == {}
    assert codes(bench.write("up/f")) == [ErrorCode.FILE_EXISTS]


def test_old_blocks_of_an_upload_are_acknowledged_by_their_number() -> None:
    bench = Bench({})
    bench.write("up/f")
    for number in (1, 2, 3):
        bench.send(Data(number, bytes(512)), bench.transfer.socket)
    assert bench.send(Data(1, bytes(512)), bench.transfer.socket) == [Ack(1)]
    assert bench.send(Data(5, bytes(512)), bench.transfer.socket) == []
    assert bench.send(Data(4, b"end"), bench.transfer.socket) == [Ack(4)]
    assert bench.store.open(b"up/f")[1] == 512 * 3 + 3


def test_ack_0_and_oack_of_an_upload_are_repeated() -> None:
    bench = Bench({})
    assert bench.write("up/f") == [Ack(0)]
    assert bench.wait(1.0) == [Ack(0)] and bench.wait(2.0) == [Ack(0)]
    other = Bench({})
    answer = other.write("up/f", ("tsize", "1000"), ("blksize", "1024"), ("multicast", ""))
    assert oack(answer) == (("tsize", "1000"), ("blksize", "1024"))
    assert other.wait(1.0) == answer
    assert other.send(Data(1, bytes(1000)), other.transfer.socket) == [Ack(1)]
    assert other.store.size("up/f") == 1000


def test_upload_in_windows() -> None:
    bench = Bench({})
    bench.write("up/f", ("windowsize", "3"), ("blksize", "8"))
    at = bench.transfer.socket
    assert [bench.send(Data(n, b"%08d" % n), at) for n in (1, 2, 3)] == [[], [], [Ack(3)]]
    assert bench.send(Data(4, b"%08d" % 4), at) == []
    assert bench.send(Data(6, b"%08d" % 6), at) == [Ack(4)]
    assert bench.send(Data(7, b"%08d" % 7), at) == []
    assert [bench.send(Data(n, b"%08d" % n), at) for n in (5, 6, 7)] == [[], [], [Ack(7)]]
    # The whole window again: its ACK was lost.
    assert [bench.send(Data(n, b"%08d" % n), at) for n in (5, 6, 7)] == [[], [], [Ack(7)]]
    assert bench.send(Data(8, b"end"), at) == [Ack(8)]
    assert bench.fetch("up/f") == b"".join(b"%08d" % n for n in range(1, 8)) + b"end"


@pytest.mark.parametrize("block_size", ["8", "512"])
def test_netascii_writing(block_size: str) -> None:
    bench = Bench({})
    wire = b"line\r\nbare\r\0cr\r\n1234567\r\nodd\rx\r"
    bench.write("up/f", ("blksize", block_size), mode="netascii")
    at, size = bench.transfer.socket, int(block_size)
    for number in range(len(wire) // size + 1):
        bench.send(Data(number + 1, wire[number * size : (number + 1) * size]), at)
    assert bench.fetch("up/f") == b"line\nbare\rcr\n1234567\nodd\rx\r"


def test_writing_has_limits() -> None:
    bench = Bench({"f": b"abc"}, upload_limit=1000)
    assert codes(bench.write("f")) == codes(bench.write("new")) == codes(bench.write("up/")) == [2]
    assert codes(bench.write("up/f", ("tsize", "1001"))) == [ErrorCode.DISK_FULL]
    bench.write("up/f")
    at = bench.transfer.socket
    assert bench.send(Data(1, bytes(512)), at) == [Ack(1)]
    assert codes(bench.send(Data(2, bytes(512)), at)) == [ErrorCode.DISK_FULL]
    assert bench.server.transfers == {} and bench.store.space_left == 1000
    assert codes(Bench({}, upload_prefix="").write("up/f")) == [ErrorCode.ACCESS_VIOLATION]


def test_an_aborted_upload_leaves_nothing(tmp_path: Path) -> None:
    bench = Bench({}, upload_directory=tmp_path)
    bench.write("up/f")
    bench.send(Data(1, bytes(512)), bench.transfer.socket)
    bench.send(Error(0, b"stop"), bench.transfer.socket)
    assert list(tmp_path.iterdir()) == []
    bench.write("up/f")
    assert bench.send(Data(1, b"whole"), bench.transfer.socket) == [Ack(1)]
    assert (tmp_path / "f").read_bytes() == b"whole" == Bench({}, upload_directory=tmp_path).fetch("up/f")
    assert codes(bench.write("up/f")) == [ErrorCode.FILE_EXISTS]
    assert codes(bench.write("up/none/f")) == [ErrorCode.FILE_NOT_FOUND]
    bench.server.close()


def test_of_two_uploads_to_one_name_the_first_to_end_wins() -> None:
    bench = Bench({})
    bench.write("up/f")
    first = bench.transfer.socket
    bench.send(Request(Opcode.WRQ, b"up/f"), source=OTHER)
    second = bench.sent[0].socket
    assert bench.send(Data(1, b"second"), second, OTHER) == [Ack(1)]
    assert codes(bench.send(Data(1, b"first"), first)) == [ErrorCode.FILE_EXISTS]
    assert bench.fetch("up/f") == b"second"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", 1),
        ("/etc/hostname", 1),
        ("../secret", 2),
        ("sub/../../secret", 2),
        ("..\\secret", 2),
        ("%2e%2e/secret", 1),
        ("link-out", 2),
        ("sub", 2),
        ("fifo", 2),
        ("loop", 2),
        ("x" * 400, 1),
        ("f/f", 1),
        (".", 1),
    ],
)
def test_nothing_outside_the_root_and_only_files(tmp_path: Path, name: str, code: int) -> None:
    import os

    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "f").write_bytes(b"inside")
    (root / "link-out").symlink_to(tmp_path / "secret")
    (root / "link-in").symlink_to("f")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    bench = Bench({}, root=root)
    assert codes(bench.read(name, ("tsize", "0"))) == [code]
    assert bench.fetch("f") == bench.fetch("link-in") == bench.fetch("//./f") == b"inside"


@pytest.mark.parametrize(
    "payload",
    [
        b"\0\1f\0octet",
        b"\0\1fi",
        b"\0\1\0octet\0",
        b"\0\2\0\0",
        b"\0\1f\0",
        b"\0\x09junk",
        b"\0\0abcd",
        b"\0\1f\0octet\0x\0" + b"y" * 600 + b"\0",
    ],
)
def test_malformed_requests(payload: bytes) -> None:
    bench = Bench({"f": b"abc"})
    assert codes(bench.send(payload)) == [ErrorCode.ILLEGAL_OPERATION]
    assert bench.sent[0].payload[-1:] == b"\0" and bench.sent[0].payload.count(b"\0", 4) == 1
    assert bench.fetch("f") == b"abc"


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\1", b"\0\1f", b"\0\5\0\0die\0", b"\0\5\0", b"\0\3\0", b"\0\4\0"])
def test_runts_are_ignored(payload: bytes) -> None:
    assert Bench({}).send(payload) == []


def test_stray_packets_start_nothing() -> None:
    bench = Bench({"f": b"abc"})
    assert bench.send(Error(1, b"x")) == []
    for stray in (Ack(0), Ack(1), Data(1, b"x"), Oack((("blksize", "8"),)).build()):
        assert codes(bench.send(stray)) == [ErrorCode.UNKNOWN_TRANSFER_ID]
    assert not bench.server.transfers


def test_requests_of_512_octets_and_broadcasts() -> None:
    bench = Bench({"f": b"abc"})
    request = b"\0\1f\0octet\0x\0"
    assert isinstance(bench.send(request + b"y" * (511 - len(request)) + b"\0")[0], Data)
    for destination in ("255.255.255.255", "127.255.255.255"):
        for opcode in (Opcode.RRQ, Opcode.WRQ):
            assert bench.send(Request(opcode, b"up/x"), destination=destination) == []
    assert isinstance(bench.send(b"\0\1f\0octet\0blksize\0")[0], Data)


def test_what_cannot_be_explained_ends_a_transfer() -> None:
    for payload in (Data(1, b"x"), b"\0\x09xx", b"\0\4\0", Request(Opcode.RRQ, b"f")):
        bench = Bench({"f": bytes(1000)})
        bench.read("f")
        assert codes(bench.send(payload, bench.transfer.socket)) == [ErrorCode.ILLEGAL_OPERATION]
        assert not bench.server.transfers
    bench = Bench({})
    bench.write("up/f")
    assert codes(bench.send(Data(1, bytes(513)), bench.transfer.socket)) == [ErrorCode.ILLEGAL_OPERATION]


def test_the_number_of_transfers_is_bounded() -> None:
    bench = Bench({"f": b"abc"}, tftp=TftpSettings(max_transfers=3))
    answers = [bench.send(Request(Opcode.RRQ, b"f"), source=("127.0.0.9", port)) for port in range(3000, 3005)]
    assert [codes(answer) for answer in answers] == [[], [], [], [0], [0]]
    while bench.server.transfers:
        bench.wait(10)
    assert bench.fetch("f") == b"abc"


def test_aborted_transfers_leak_nothing_into_later_ones() -> None:
    files = sample_files()
    bench = Bench(files)
    bench.read(TEXT_FILE, mode="netascii")
    bench.send(Error(0, b"stop"), bench.transfer.socket)
    assert codes(bench.read("missing")) == [ErrorCode.FILE_NOT_FOUND]
    assert bench.fetch(LARGE_FILE) == files[LARGE_FILE]


def test_one_fault_is_one_method() -> None:
    class Apprentice(ReadTransfer):
        def on_duplicate_ack(self, number: int, now: float) -> list[Outgoing]:
            return [self.envelope(packet) for packet in self.pending_packets()]

    class Faulty(TftpServer):
        read_transfer = Apprentice

    bench = Bench({"f": bytes(3000)}, core=Faulty)
    bench.read("f")
    bench.ack(1)
    assert len(bench.ack(1)) == 1


def test_a_store_names_no_file_it_cannot_open(tmp_path: Path) -> None:
    store = FileStore(ServerConfig(root=tmp_path))
    assert store.size("none") is None
    with pytest.raises(FileRefused) as refused:
        store.open(b"..")
    assert refused.value.code == ErrorCode.ACCESS_VIOLATION
