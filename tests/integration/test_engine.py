"""The engine against servers with habits: one transfer at a time, and one that dies."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.ledger import Claims, KnownFile, Target
from pxeconform.runner.engine import Plan, Run
from pxeconform.runner.folder import load_trace
from pxeconform.runner.scenario import load, select

CONTENT = bytes(range(256)) * 5
ALL = tuple(rule.requirement.id for rule in RULES)


class OneAtATime(threading.Thread):
    """Serves every name, without options, one transfer after the other; dies of a name if it is told to."""

    def __init__(self, deadly: bytes = b"") -> None:
        super().__init__(daemon=True)
        self._deadly = deadly
        self._requests = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._requests.bind(("127.0.0.1", 0))
        self._requests.settimeout(0.1)
        self.port = self._requests.getsockname()[1]
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                request, client = self._requests.recvfrom(2048)
            except TimeoutError:
                continue
            if self._deadly and self._deadly in request:
                break
            if request[:2] == b"\0\1":
                self._serve(client, request[2:].partition(b"\0")[0])
        self._requests.close()

    def _serve(self, client: tuple[str, int], name: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer:
            transfer.bind(("127.0.0.1", 0))
            transfer.settimeout(0.5)
            if name.startswith(b"pxeconform-"):
                transfer.sendto(b"\0\5\0\1no such file\0", client)
                return
            for block in range(len(CONTENT) // 512 + 1):
                data = struct.pack("!HH", 3, block + 1) + CONTENT[block * 512 : block * 512 + 512]
                if not self._acknowledged(transfer, client, data, block + 1):
                    return

    @staticmethod
    def _acknowledged(transfer: socket.socket, client: tuple[str, int], data: bytes, block: int) -> bool:
        for _ in range(4):
            transfer.sendto(data, client)
            try:
                while True:
                    answer, source = transfer.recvfrom(2048)
                    if source == client and answer == struct.pack("!HH", 4, block):
                        return True
                    if source == client and answer[:2] == b"\0\5":
                        return False
            except TimeoutError:
                continue
        return False


@contextmanager
def serving(server: OneAtATime) -> Iterator[OneAtATime]:
    server.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.join()


def plan(server: OneAtATime, *requirements: str) -> Plan:
    return Plan(
        Target("127.0.0.1", "", server.port, server.port + 1 if server.port < 65535 else 1),
        select(load(), requirements),
        requirements,
        Claims(files=(KnownFile("a.bin", len(CONTENT)), KnownFile("b.bin", len(CONTENT)))),
        patience=6.0,
        seed=1,
    )


def test_a_server_of_one_transfer_at_a_time_is_waited_for(tmp_path: Path) -> None:
    wanted = ("TFTP-1350-OPEN-01", "TFTP-1350-BLK-01", "TFTP-1350-TID-01", "TFTP-1123-SAS-01", "TFTP-1350-MODE-01")
    with serving(OneAtATime()) as server:
        results = Run(plan(server, *wanted), tmp_path).play()
    assert results.ledger.one_at_a_time
    assert {v.requirement: v.observed for v in results.verdicts if v.verdict == "fail"} == {}
    assert {v.requirement for v in results.verdicts if v.verdict == "pass"} >= {"TFTP-1350-OPEN-01", "TFTP-1350-TID-01"}


def test_a_death_of_something_novel_is_charged_to_it_when_all_else_was_played(tmp_path: Path) -> None:
    wanted = "TFTP-2090-MC-17", "TFTP-1123-MODE-03", "TFTP-1350-MAL-02"
    with serving(OneAtATime(deadly=b"multicast\0\0")) as server:
        results = Run(plan(server, *wanted), tmp_path).play()
    died_at = results.ledger.target_died_at
    killer = next(d for d in load_trace(tmp_path).datagrams if d.frame == died_at)
    assert b"multicast\0\0" in killer.payload
    verdicts = {v.requirement: v.verdict for v in results.verdicts}
    assert verdicts["TFTP-1123-MODE-03"] == "fail"
    assert verdicts["TFTP-1350-MAL-02"] == "skipped"


def test_a_death_is_charged_to_its_datagram(tmp_path: Path) -> None:
    with serving(OneAtATime(deadly=b"bogus")) as server:
        results = Run(plan(server, "TFTP-1350-MODE-03", "TFTP-1350-OPEN-01", "TFTP-1350-MAL-02"), tmp_path).play()
    died_at = results.ledger.target_died_at
    assert died_at is not None
    verdicts = {v.requirement: v for v in results.verdicts}
    assert verdicts["TFTP-1350-OPEN-01"].verdict == "fail"
    assert verdicts["TFTP-1350-MAL-02"].verdict in ("skipped", "inconclusive")
    assert str(died_at) in verdicts["TFTP-1350-MAL-02"].reason
    assert results.exit_code == 1
