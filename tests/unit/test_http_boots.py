"""UEFI HTTP boot: why it failed, and near misses."""

from __future__ import annotations

import pytest
from boot_traces import CLIENT, EDK2, PE_X64, SERVER, Wire

from pxeconform.capture.datagrams import Datagram, Kind
from pxeconform.diagnosis.transfers import diagnose_fetch
from pxeconform.registry.dhcp_options import Option
from pxeconform.sessions.boots import BootOutcome
from pxeconform.sessions.transfers import Outcome

URL = b"http://10.1.2.3/boot.efi"
WEB = ("10.1.2.3", 80)
SYN, SYN_ACK, RST_ACK, ACK = 0x02, 0x12, 0x14, 0x10
HTTP = (Option.CLASS_IDENTIFIER, b"HTTPClient")


class Web(Wire):
    """A wire with TCP on it; the client is on port 5000."""

    def segment(self, payload: bytes = b"", flags: int = ACK, *, answer: bool = False) -> Web:
        self.now += 1_000_000
        ends = ((CLIENT, 5000), WEB)
        source, destination = reversed(ends) if answer else ends
        self.datagrams.append(
            Datagram(
                len(self.datagrams) + 1,
                self.now,
                source[0],
                destination[0],
                source[1],
                destination[1],
                payload,
                len(payload),
                Kind.TCP,
                code=(flags, 0),
            )
        )
        return self

    def connect(self) -> Web:
        return self.segment(flags=SYN).segment(flags=SYN_ACK, answer=True)

    def ask(self, method: str = "GET") -> Web:
        return self.segment(f"{method} /boot.efi HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def reply(self, status: int, body: bytes = b"", length: int | None = None) -> Web:  # type: ignore[override]
        size = len(body) if length is None else length
        head = f"HTTP/1.1 {status} Text\r\nContent-Length: {size}\r\n\r\n".encode()
        return self.segment(head + body, answer=True)


def leased(url: bytes = URL) -> Web:
    web = Web(EDK2, arch=16)
    web.lease(HTTP, (Option.BOOT_FILE_NAME, url))
    return web


def syn_unanswered() -> Web:
    web = leased()
    for pause in (0, 1, 2, 4):
        web.wait(pause).segment(flags=SYN)
    return web


def connection_refused() -> Web:
    return leased().segment(flags=SYN).segment(flags=RST_ACK, answer=True)


def not_found() -> Web:
    return leased().connect().ask("HEAD").reply(404)


def cut_short() -> Web:
    return leased().connect().ask().reply(200, PE_X64, length=len(PE_X64) + 1)


def head_alone() -> Web:
    return leased().connect().ask("HEAD").reply(200, length=1000)


def name_not_found() -> Web:
    web = leased(b"http://boot.example/boot.efi")
    web.arp(CLIENT, SERVER, answered=True)
    return web


CASES = {
    syn_unanswered: "does not answer the connection",
    connection_refused: "refuses the connection",
    not_found: "with status 404",
    cut_short: "octets of /boot.efi came",
    head_alone: "is not followed by a GET",
    name_not_found: "DNS",
}


@pytest.mark.parametrize("trace", CASES, ids=lambda trace: trace.__name__)
def test_http_error(trace: object) -> None:
    web = trace()  # type: ignore[operator]
    (found,) = web.diagnoses(30)[-1]
    assert found.cause == "http-error"
    assert CASES[trace] in found.summary  # type: ignore[index]
    assert found.frames


def test_offer_without_a_url_is_no_boot_file() -> None:
    web = Web(EDK2, arch=16)
    for pause in (0, 4, 8):
        web.wait(pause).discover()
        web.offer(HTTP)
    assert web.causes(16) == ["no-boot-file"]


def test_whole_download_is_no_error() -> None:
    web = leased().connect().ask("HEAD").reply(200, length=len(PE_X64)).ask().reply(200, PE_X64)
    (boot,) = web.boots(10)
    assert boot.outcome is BootOutcome.BOOTED
    assert web.causes(10) == []
    assert [fetch.method for fetch in boot.evidence.fetches] == ["HEAD", "GET"]


def test_capture_that_ends_in_the_download_is_no_error() -> None:
    assert leased().connect().ask().causes(1) == ["capture-incomplete"]


def test_connection_that_leads_elsewhere_is_no_fetch_of_the_boot() -> None:
    web = leased(b"http://10.1.2.99/boot.efi")
    (boot,) = web.segment(flags=SYN).boots(1)
    assert boot.evidence.fetches == ()
    assert boot.dhcp_server == SERVER


def test_encrypted_download_is_judged_by_what_follows() -> None:
    web = leased(b"https://10.1.2.3/boot.efi").connect().segment(b"\x16\x03\1\0\x10hello")
    assert web.causes(30) == ["capture-incomplete"]
    web.wait(5).discover()
    assert "http-error" in [found.cause for found in web.diagnoses(1)[0]]


def test_request_that_failed_is_diagnosed_by_itself() -> None:
    (fetch,) = not_found().boots(30)[0].evidence.fetches
    (found,) = diagnose_fetch(fetch, Outcome.REFUSED)
    assert (found.cause, found.severity) == ("http-error", "fatal")
    assert found.display_filter == f"tcp.port == 5000 && ip.addr == {CLIENT}"
    assert diagnose_fetch(fetch, Outcome.COMPLETE) == ()
