"""Marks that a run puts on the datagrams of its evidence, as comments of the capture's packets."""

from __future__ import annotations

_SCENARIO, _SOCKET = "scenario=", " socket="


def mark(scenario: str, socket: str) -> str:
    """The comment for one datagram: which scenario it belongs to, and through which of its sockets it went."""
    return f"{_SCENARIO}{scenario}{_SOCKET}{socket}"


def scenario_of(comment: str) -> str:
    """The scenario of a comment, or an empty string when it is no mark."""
    return comment[len(_SCENARIO) :].partition(_SOCKET)[0] if comment.startswith(_SCENARIO) else ""


def socket_of(comment: str) -> str:
    """The socket's name in a mark."""
    return comment.partition(_SOCKET)[2] if comment.startswith(_SCENARIO) else ""
