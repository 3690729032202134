"""Configuration of the reference server, and its shell: sockets, starting, stopping."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pxeconform.protocol.tftp import Ack, Data, Oack, Options, Request, parse
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.server.config import ConfigError, load_config, with_ephemeral_ports
from pxeconform.server.demo import LARGE_FILE, demo_config, sample_files
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import TftpServer

# Configuration


def test_toml(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    path = tmp_path / "server.toml"
    path.write_text(
        """
        address = "127.0.0.1"
        mode = "dhcp"
        root = "files"
        boot_files = {0 = "pxe.0", 7 = "x64.efi"}
        options = {210 = "2f626f6f742f"}
        [pool]
        first = "10.0.0.10"
        last = "10.0.0.20"
        routers = ["10.0.0.1"]
        [tftp]
        first_timeout = 2
        [[services]]
        type = 32769
        description = "Install"
        files = ["a", "b"]
        [credentials."a"]
        41 = "a.esw"
        """
    )
    config = load_config(path)
    assert config.root == tmp_path / "files" and config.boot_files[7] == "x64.efi"
    assert config.options[210] == b"/boot/" and config.credentials["a"] == {41: "a.esw"}
    assert config.services[0].files == ("a", "b") and config.tftp.first_timeout == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "x: no such key"),
        ("[pool]\nfirst = '10.0.0.1'\nlast = '10.0.1.2'", "pool"),
        ("[pool]\nfirst = '10.0.0.1'", "pool"),
        ("[pool]\nfirst = 5\nlast = '10.0.0.1'", "pool.first"),
        ("address = 'here'", "address"),
        ("mode = 'both'", "mode"),
        ("mode = 'dhcp'", "needs a pool"),
        ("dhcp_port = true", "dhcp_port"),
        ("dhcp_port = 70000", "dhcp_port"),
        ("root = 'nowhere'", "root"),
        ("boot_files = {x = 'a'}", "boot_files"),
        ("boot_files = 5", "boot_files"),
        ("options = {53 = '00'}", "53"),
        ("options = {210 = 'zz'}", "options"),
        ("multicast_address = '10.0.0.1'", "multicast_address"),
        ("credentials = {a = {0xFFFFFFFF = 'b'}}", "credential"),
        ("upload_prefix = '..'", "upload_prefix"),
        ("[[services]]\ntype = 70000\ndescription = 'd'\nfiles = ['a']", "services"),
        ("[tftp]\ntries = 0", "tftp"),
        ("= 3", "server.toml"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "server.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"server\.toml") as error:
        load_config(path)
    assert words in str(error.value)


# Over sockets


@pytest.fixture
def server() -> Iterator[PxeServer]:
    with PxeServer(with_ephemeral_ports(demo_config(with_credentials=False))) as running:
        yield running
    assert running.failures == []


def download(port: int, name: str, options: Options = ()) -> tuple[bytes, tuple[str, int]]:
    """A plain client: the file and the server's transfer identifier."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        client.sendto(Request(Opcode.RRQ, name.encode(), "octet", options).build(), ("127.0.0.1", port))
        got, size, window, expected = bytearray(), 512, 1, 1
        while True:
            payload, peer = client.recvfrom(65536)
            packet = parse(payload)
            if isinstance(packet, Oack):
                size, window = packet.value("blksize") or 512, packet.value("windowsize") or 1
                client.sendto(Ack(0).build(), peer)
                continue
            assert isinstance(packet, Data)
            assert packet.block == expected
            got += packet.data
            if packet.length < size or expected % window == 0:
                client.sendto(Ack(expected).build(), peer)
            if packet.length < size:
                return bytes(got), peer
            expected += 1


def test_downloads_over_sockets(server: PxeServer) -> None:
    peers = set()
    for name, content in sample_files().items():
        for options in ((), (("blksize", "1432"), ("windowsize", "8"))):
            got, peer = download(server.ports.tftp, name, options)
            assert got == content
            peers.add(peer)
    assert {host for host, _ in peers} == {"127.0.0.1"}
    assert server.ports.tftp not in {port for _, port in peers} and len(peers) > 5
    assert download(server.ports.tftp, LARGE_FILE, (("blksize", "65464"),))[0] == sample_files()[LARGE_FILE]


def test_errors_over_sockets_come_from_another_port(server: PxeServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        for payload, code in ((b"\0\1none\0octet\0", 1), (b"\0\1../x\0octet\0", 2), (b"\0\1xy", 4)):
            client.sendto(payload, ("127.0.0.1", server.ports.tftp))
            answer, peer = client.recvfrom(2048)
            assert struct.unpack("!HH", answer[:4]) == (5, code) and peer[1] != server.ports.tftp
    deadline = time.monotonic() + 5
    while len(server._by_name) > 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server._by_name) == 3


def test_stopping_is_quick_and_starting_again_works() -> None:
    server = PxeServer(with_ephemeral_ports(demo_config(with_credentials=False)))
    for _ in range(2):
        server.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"\0\1large.bin\0octet\0", ("127.0.0.1", server.ports.tftp))
            client.recvfrom(2048)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 1
        server.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            PxeServer(replace(with_ephemeral_ports(demo_config(with_credentials=False)), pxe_port=port)).start()


def test_a_defect_in_a_core_costs_one_datagram() -> None:
    class Faulty(TftpServer):
        def agree_timeout(self, asked: int) -> int | None:
            raise RuntimeError("fault")

    with PxeServer(with_ephemeral_ports(demo_config(with_credentials=False)), tftp=Faulty) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"\0\1empty\0octet\0timeout\x001\0", ("127.0.0.1", server.ports.tftp))
        assert download(server.ports.tftp, "empty")[0] == b""
        assert len(server.failures) == 1 and "fault" in server.failures[0]
