"""Netascii: what RFC 1350 section 1 takes from Telnet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxeconform.protocol import netascii, tftp


@pytest.mark.parametrize(
    ("local", "wire"),
    [(b"a\n", b"a\r\n"), (b"a\rb", b"a\r\0b"), (b"\r\n", b"\r\0\r\n"), (b"", b""), (b"\n\n", b"\r\n\r\n")],
)
def test_both_ways(local: bytes, wire: bytes) -> None:
    assert netascii.encode(local) == wire
    assert netascii.decode(wire) == local


@given(st.binary())
def test_nothing_is_lost(text: bytes) -> None:
    assert netascii.decode(netascii.encode(text)) == text


def test_a_carriage_return_before_something_else_is_kept() -> None:
    assert netascii.decode(b"a\rb\r") == b"a\rb\r"


@pytest.mark.parametrize("ending", [b"\0", b"", b"\0\0", b"\0tail"])
def test_an_error_keeps_what_follows_its_message(ending: bytes) -> None:
    packet = tftp.parse(b"\0\5\0\1gone" + ending)
    assert packet == tftp.Error(1, b"gone", ending)
    assert packet.build() == b"\0\5\0\1gone" + ending


def test_an_error_that_the_capture_cut_is_not_said_to_end_wrongly() -> None:
    assert tftp.parse(b"\0\5\0\1go", 9) == tftp.Error(1, b"go")
