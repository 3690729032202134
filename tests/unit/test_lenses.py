"""Lenses: each check refuses what it is there for, and lets a near miss pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from boot_traces import BIOS, CLIENT, EDK2, IPXE, NOBODY, PE_X64, PROXY, PXE, SERVER, TFTP, Wire, menu, tags

from pxeconform.diagnosis.lenses.model import Kind, Reading
from pxeconform.diagnosis.lenses.table import LENSES, readings
from pxeconform.protocol import tftp
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag

Make = Callable[[], Wire]


def edk2() -> Wire:
    return Wire(EDK2, arch=7)


def seen(wire: Wire, lens: str, kind: str) -> Reading:
    """The last reading of that kind."""
    (boot, *_) = wire.boots()
    return [reading for reading in readings(boot, lens) if reading.kind == kind][-1]


@pytest.mark.parametrize(
    ("extra", "how", "sort"),
    [
        ((PXE, menu()), {}, "DhcpPxe10"),
        ((PXE,), {"file": b"nbp"}, "DhcpBinl"),
        ((), {"file": b"nbp"}, "DhcpOnly"),
        ((PXE, menu()), {"address": NOBODY}, "ProxyPxe10"),
        ((PXE,), {"address": NOBODY}, "ProxyBinl"),
        ((PXE, tags(*((tag, b"\0") for tag in range(1, 6)))), {"address": NOBODY}, "ProxyWfm11a"),
        (((Option.CLASS_IDENTIFIER, b"HTTPClient"),), {"file": b"http://h/x"}, "HTTP boot offer"),
    ],
)
def test_how_edk2_sorts_an_offer(extra: tuple[tuple[int, bytes], ...], how: dict[str, object], sort: str) -> None:
    wire = edk2()
    wire.discover()
    wire.offer(*extra, **how)
    assert seen(wire, "edk2", "offer").sort == sort


def offer(*extra: tuple[int, bytes], firmware: str = EDK2, **how: object) -> Wire:
    wire = Wire(firmware, arch=7 if firmware == EDK2 else 0)
    wire.discover()
    wire.offer(*extra, **how)
    return wire


def proxy_reply(port: int = 4011, **how: object) -> Wire:
    wire = edk2().lease(PXE)
    wire.ask_4011()
    wire.from_server(MessageType.ACK, PXE, server=PROXY, siaddr=PROXY, port=4011, to=(CLIENT, port), xid=0x99, **how)  # type: ignore[arg-type]
    return wire


def ipxe_proxy_reply(port: int = 4011, server: str = PROXY, file: bytes = b"nbp") -> Wire:
    wire = Wire(IPXE).lease(PXE)
    wire.ask_4011()
    wire.from_server(
        MessageType.ACK, PXE, server=server, file=file, siaddr=server, port=port, to=(CLIENT, 68), xid=0x99
    )
    return wire


def item_reply(kind: int = 0x8000, port: int = 4011, control: int = 3) -> Wire:
    wire = Wire(IPXE)
    wire.discover()
    wire.offer()
    wire.proxy_offer(menu(control=control))
    wire.request()
    wire.ack()
    wire.ask_item()
    wire.from_server(
        MessageType.ACK,
        PXE,
        tags((PxeTag.BOOT_ITEM, kind.to_bytes(2, "big") + b"\0\0")),
        server=PROXY if control == 3 else SERVER,
        file=b"nbp",
        port=port,
        to=(CLIENT, 68),
        xid=0x77,
    )
    return wire


def oack(asked: tftp.Options, told: tftp.Options, firmware: str = EDK2) -> Wire:
    wire = Wire(firmware, arch=7 if firmware == EDK2 else 0).lease(file=b"nbp")
    wire.rrq("nbp", 2001, asked=asked)
    wire.reply(tftp.Oack(told), 2001)
    return wire


PROXY_REPLY, ITEM_REPLY = Kind.PROXY_REPLY.value, Kind.ITEM_REPLY.value
OACK = Kind.OACK.value
PROBE = (("tsize", "0"), ("blksize", "1468"))
REAL = (("blksize", "1468"),)


@pytest.mark.parametrize(
    ("lens", "kind", "bad", "reason", "good"),
    [
        ("edk2", "offer", lambda: offer(xid=99), "transaction identifier", offer),
        ("edk2", "offer", lambda: offer(to=("255.255.255.255", 6800)), "port 6800", offer),
        ("edk2", "offer", lambda: offer((Option.CLASS_IDENTIFIER, b"HTTPClient")), "HTTPClient", offer),
        ("edk2", "offer", lambda: offer(address=NOBODY), "not PXEClient", lambda: offer(PXE, address=NOBODY)),
        (
            "edk2",
            "offer",
            lambda: offer(PXE, tags(*((n, b"\0") for n in range(1, 6)))),
            "multicast",
            lambda: offer(PXE),
        ),
        ("edk2", PROXY_REPLY, lambda: proxy_reply(68, file=b"x"), "port 68", lambda: proxy_reply(file=b"x")),
        ("edk2", PROXY_REPLY, proxy_reply, "neither a boot file", lambda: proxy_reply(file=b"x")),
        ("edk2", OACK, lambda: oack(REAL, (*REAL, ("tsize", "9"))), "not asked for", lambda: oack(REAL, REAL)),
        (
            "edk2",
            OACK,
            lambda: oack(REAL, (("blksize", "1469"),)),
            "more than",
            lambda: oack(REAL, (("blksize", "8"),)),
        ),
        ("edk2", OACK, lambda: oack(REAL, (("blksize", "x"),)), "no number", lambda: oack(REAL, REAL)),
        ("edk2", OACK, lambda: oack(PROBE, REAL), "size", lambda: oack(PROBE, (*REAL, ("tsize", "9")))),
        ("ipxe", "offer", lambda: offer(firmware=IPXE, port=6700), "port 6700", lambda: offer(firmware=IPXE)),
        ("ipxe", "offer", lambda: offer(firmware=IPXE, address=NOBODY), "not PXEClient", lambda: offer(firmware=IPXE)),
        ("ipxe", PROXY_REPLY, lambda: ipxe_proxy_reply(67), "port 67", ipxe_proxy_reply),
        ("ipxe", PROXY_REPLY, lambda: ipxe_proxy_reply(server=TFTP), "the client asked", ipxe_proxy_reply),
        ("ipxe", PROXY_REPLY, lambda: ipxe_proxy_reply(file=b""), "neither", ipxe_proxy_reply),
        ("ipxe", ITEM_REPLY, lambda: item_reply(7), "type 7", item_reply),
        ("ipxe", ITEM_REPLY, lambda: item_reply(port=5000), "port 5000", item_reply),
        ("ipxe", ITEM_REPLY, lambda: item_reply(control=7), "restricts", item_reply),
        ("ipxe", OACK, lambda: oack(REAL, (("blksize", "x"),), IPXE), "no number", lambda: oack(REAL, REAL, IPXE)),
        (
            "intel",
            "offer",
            lambda: offer((Option.CLASS_IDENTIFIER, b"PXEClient\0")),
            "PXEClient alone",
            lambda: offer(PXE),
        ),
        (
            "intel",
            "offer",
            lambda: offer(PXE, tags((PxeTag.DISCOVERY_CONTROL, b"\2"))),
            "PXE-E74",
            lambda: offer(PXE, menu()),
        ),
        ("intel", "offer", lambda: offer(PXE, menu(control=0)), "PXE-E76", lambda: offer(PXE, menu())),
        ("intel", "offer", lambda: offer(file=b"nbp"), "PXE-E7B", lambda: offer(file=b"nbp", siaddr=TFTP)),
    ],
)
def test_refusal_and_near_miss(lens: str, kind: str, bad: Make, reason: str, good: Make) -> None:
    refused = seen(bad(), lens, kind)
    assert refused.verdict in ("rejects", "ignores")
    assert reason in refused.reason
    assert refused.source
    taken = seen(good(), lens, kind)
    assert (taken.verdict, taken.reason) == ("accepts", "nothing that it looks at speaks against it")


def test_client_that_cannot_meet_it() -> None:
    only_size = (("tsize", "0"),)
    refused = seen(oack(only_size, (("tsize", "9"), ("blksize", "512"))), "edk2", OACK)
    assert (refused.verdict, refused.meets) == ("rejects", False)
    refused = seen(oack(REAL, (*REAL, ("tsize", "9"))), "edk2", OACK)
    assert (refused.verdict, refused.meets) == ("rejects", True)


def test_own_lens_takes_all_of_a_boot_that_went_well() -> None:
    wire = Wire(EDK2, arch=7).lease(file=b"nbp").download("nbp", PE_X64)
    assert {reading.verdict for reading in readings(wire.boots()[0], "edk2")} == {"accepts"}
    wire = Wire(IPXE).lease(file=b"nbp").download("nbp", BIOS)
    assert {reading.verdict for reading in readings(wire.boots()[0], "ipxe")} == {"accepts"}


def test_what_no_capture_shows_is_only_possible() -> None:
    for check in LENSES["intel"].checks:
        assert check.confidence == "possible"
    for lens in LENSES.values():
        assert all(check.source for check in lens.checks)
        assert all(sort.source and sort.then for sort in lens.sorts)
