"""What a lens is: a table of checks on the packets that servers send, and a way to sort offers.

A lens answers three questions of a packet: would this firmware take it, as what, and can a client with this firmware
come to see such a packet at all. Every row names where it was read or seen; `possible` stands where neither a capture
nor the firmware's source shows it, but only a document does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from pxeconform.protocol.dhcp import Message
from pxeconform.registry.screen_codes import ScreenFamily
from pxeconform.sessions.attempts import Role
from pxeconform.sessions.boots import Boot
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.firmware import Confidence
from pxeconform.sessions.transfers import Event, Transfer

Verdict = Literal["accepts", "rejects", "ignores"]


class Kind(Enum):
    """What a packet of a server is to its client."""

    OFFER = "offer"
    ACK = "ack"
    PROXY_REPLY = "reply of the proxy on port 4011"
    ITEM_REPLY = "reply of the boot server"
    OACK = "option acknowledgment"
    DATA = "data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Subject:
    """A packet with what a client knows when it comes: of DHCP `event` is there, of TFTP `transfer` and `packet`.

    Where no boot is known, as in a run, `request` is the message that a reply answers.
    """

    kind: Kind
    frame: int
    boot: Boot | None = None
    event: DhcpEvent | None = None
    transfer: Transfer | None = None
    packet: Event | None = None
    request: DhcpEvent | None = None

    @property
    def message(self) -> Message:
        """The DHCP message; asked only of kinds that have one."""
        assert self.event is not None
        return self.event.message

    def asked(self, *roles: Role) -> DhcpEvent | None:
        """The client's last message in one of these roles before this packet, or its first at all."""
        if self.boot is None:
            return self.request
        events = self.boot.evidence.of(*roles)
        before = [event for event in events if event.frame < self.frame] or events
        return before[-1] if before else None


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to refuse a packet: `fails` says why, or `None`.

    A client can always come into that situation, or, `if_asked`, only where it asked as this firmware does.
    """

    kinds: tuple[Kind, ...]
    fails: Callable[[Subject], str | None]
    verdict: Verdict
    source: str
    confidence: Confidence = "likely"
    if_asked: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """A class into which a firmware sorts offers; `then` is what it does with one. The first that fits counts."""

    name: str
    fits: Callable[[Message], bool]
    then: str
    source: str


@dataclass(frozen=True, slots=True)
class Lens:
    """A firmware's way to see packets."""

    name: ScreenFamily
    title: str
    asks: Callable[[Subject], bool]
    """Whether this firmware sends a request like the one that the packet answers."""
    sorts: tuple[Sort, ...]
    checks: tuple[Check, ...]
    knows_ipv6: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """How one firmware takes one packet. `sort` and `then` are of offers; `meets`: a client can see such a packet."""

    lens: str
    frame: int
    kind: str
    verdict: Verdict
    reason: str
    sort: str | None
    then: str | None
    source: str
    confidence: Confidence
    meets: bool


def look(lens: Lens, subject: Subject) -> Reading:
    """See a packet through a lens: the first check that fails decides."""
    if subject.event is not None and subject.message.cut:
        reason = "the capture cut its options off: nobody can tell"
        return _reading(lens, subject, "accepts", reason, None, "", "possible", True)
    sort = next((s for s in lens.sorts if s.fits(subject.message)), None) if subject.kind is Kind.OFFER else None
    for check in lens.checks:
        against = check.fails(subject) if subject.kind in check.kinds else None
        if against is not None:
            meets = not check.if_asked or lens.asks(subject)
            return _reading(lens, subject, check.verdict, against, sort, check.source, check.confidence, meets)
    known = [check for check in lens.checks if subject.kind in check.kinds]
    reason = "nothing that it looks at speaks against it" if known else "nothing is known that it would refuse"
    source = sort.source if sort is not None else known[0].source if known else ""
    confidence: Confidence = known[0].confidence if known else "possible"
    return _reading(lens, subject, "accepts", reason, sort, source, confidence, True)


def _reading(
    lens: Lens,
    subject: Subject,
    verdict: Verdict,
    reason: str,
    sort: Sort | None,
    source: str,
    confidence: Confidence,
    meets: bool,
) -> Reading:
    return Reading(
        lens.name,
        subject.frame,
        subject.kind.value,
        verdict,
        reason,
        sort.name if sort is not None else None,
        sort.then if sort is not None and verdict == "accepts" else None,
        source,
        confidence,
        meets,
    )
