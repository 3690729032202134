"""The evidence file: what was recorded is what Scapy and this package read from it."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import ICMP, IP, UDP
from scapy.utils import rdpcap

from pxeconform.capture.datagrams import Kind
from pxeconform.capture.read import read
from pxeconform.runner.recorder import INTERFACE, Recorder
from pxeconform.sessions.marks import scenario_of, socket_of

CLIENT, SERVER = ("127.0.0.5", 40000), ("127.0.0.1", 69)
TIME = 1_795_600_000_123_456_789


def record(path: Path) -> None:
    recorder = Recorder(path)
    assert recorder.datagram("tftp/read", "client", CLIENT, SERVER, b"\0\1odd\0octet\0", TIME) == 1
    assert recorder.datagram("tftp/read", "client", SERVER, CLIENT, b"", TIME + 1) == 2
    assert recorder.unreachable("tftp/read", "client", SERVER[0], (3, 3), CLIENT, SERVER, b"x" * 100, TIME + 2) == 3
    recorder.close()


def test_scapy_reads_the_same(tmp_path: Path) -> None:
    record(tmp_path / "e.pcapng")
    request, answer, error = rdpcap(str(tmp_path / "e.pcapng"))
    assert (request[IP].src, request[UDP].sport, request[IP].dst, request[UDP].dport) == (*CLIENT, *SERVER)
    assert bytes(request[UDP].payload) == b"\0\1odd\0octet\0"
    assert request.sniffed_on == INTERFACE
    assert int(request.time * 1_000_000_000) == TIME
    assert request.comments == [b"scenario=tftp/read socket=client"]
    assert answer[UDP].len == 8
    assert (error[ICMP].type, error[ICMP].code) == (3, 3)
    for packet in (request, answer, error):
        built = IP(bytes(packet[IP]))
        expected = built.chksum
        del built.chksum
        assert IP(bytes(built)).chksum == expected


def test_the_package_reads_the_same(tmp_path: Path) -> None:
    record(tmp_path / "e.pcapng")
    request, answer, error = read(tmp_path / "e.pcapng")
    assert (request.sender, request.receiver, request.time) == (CLIENT, SERVER, TIME)
    assert (scenario_of(request.comment), socket_of(request.comment)) == ("tftp/read", "client")
    assert (answer.sender, answer.payload) == (SERVER, b"")
    assert error.kind is Kind.ICMP_ERROR
    assert error.receiver == SERVER


def test_an_empty_file_is_a_capture(tmp_path: Path) -> None:
    Recorder(tmp_path / "e.pcapng").close()
    assert not list(read(tmp_path / "e.pcapng"))
