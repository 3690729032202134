"""What clients make of a violation: refused where they meet it, unreachable where they never ask for it."""

from __future__ import annotations

import pytest
from udp_traces import CLIENT, REQUESTS, SERVER, STRANGER, TID, Wire

from pxeconform.diagnosis.lenses.effects import effects
from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Request
from pxeconform.registry.tftp_codes import Opcode
from pxeconform.requirements.ledger import Coverage, Ledger, Target
from pxeconform.requirements.model import Verdict
from pxeconform.requirements.view import Trace, View


def verdict(*frames: int) -> Verdict:
    return Verdict("X", "MUST", "tftp", "fail", 1, 1, "", (), "", (), frames, "")


def seen(wire: Wire, *frames: int, pxe_port: int = 4011) -> dict[str, str]:
    ledger = Ledger(target=Target(SERVER, pxe_port=pxe_port))
    return dict(effects(verdict(*frames), View(Trace.of(wire.seen, ledger, Coverage()))))


def read(*options: tuple[str, str], mode: str = "octet", opcode: Opcode = Opcode.RRQ) -> Wire:
    wire = Wire()
    wire.send(CLIENT, REQUESTS, Request(opcode, b"nbp", mode, options).build())
    return wire


def oack(wire: Wire, *options: tuple[str, str]) -> Wire:
    wire.send(TID, CLIENT, Oack(options).build())
    return wire


def test_edk2_alone_refuses_an_option_that_was_not_asked_for() -> None:
    wire = oack(read(("blksize", "1024")), ("blksize", "1024"), ("windowsize", "4"))
    assert seen(wire, 1, 2) == {"edk2": "rejects", "ipxe": "accepts"}


@pytest.mark.parametrize(
    "wire",
    [
        read(("blksize", "8")),
        read(("blksize", "1024"), ("timeout", "1")),
        read(("BLKSIZE", "1024")),
        read(("blksize", "1024"), ("blksize", "1024")),
        read(("blksize", "1024"), mode="netascii"),
        read(("blksize", "1024"), opcode=Opcode.WRQ),
    ],
)
def test_nobody_meets_an_answer_to_what_no_firmware_asks(wire: Wire) -> None:
    assert seen(oack(wire, ("blksize", "4096"), ("x", "1")), 1, 2) == {"edk2": "unreachable"}


def test_an_error_is_refused_by_whoever_may_have_asked() -> None:
    wire = read(("blksize", "8192"))
    wire.error(8)
    assert seen(wire, 1, 2) == {"edk2": "rejects", "ipxe": "rejects"}


def test_after_its_own_error_no_client_listens() -> None:
    wire = oack(read(("blksize", "1024")), ("blksize", "1024"))
    wire.send(CLIENT, TID, Error(8, b"no").build())
    wire.send(TID, CLIENT, Error(0, b"pardon?").build())
    assert seen(wire, 3, 4) == {}


def test_of_data_a_lens_says_only_what_it_refuses() -> None:
    wire = read(("blksize", "1024"))
    wire.send(TID, CLIENT, Data(2, bytes(512)).build())
    assert seen(wire, 1, 2) == {}


def test_what_a_stranger_provoked_is_nobodys() -> None:
    wire = oack(read(("blksize", "1024")), ("windowsize", "4"))
    wire.send(STRANGER, TID, Ack(0).build())
    assert seen(wire, 1, 2, 3) == {}


def test_a_verdict_on_silence_cites_nothing_that_anybody_takes() -> None:
    assert seen(read(("blksize", "1024")), 1) == {}


def test_a_reply_from_port_4011_is_held_against_the_request_that_it_answers() -> None:
    wire = Wire()
    wire.ask(xid=1)
    wire.answer(xid=99)
    assert seen(wire, 1, 2) == {"edk2": "rejects", "ipxe": "rejects", "intel": "rejects"}
    assert seen(wire, 1, 2, pxe_port=14011) == {}
