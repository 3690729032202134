"""What the field makes of a violation: whether a firmware takes the packets it rests on, and can meet them at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pxeconform.diagnosis.lenses.model import Kind, Lens, Subject, look
from pxeconform.diagnosis.lenses.table import LENSES, subject_of_packet
from pxeconform.protocol.tftp import Error
from pxeconform.registry.ports import Port
from pxeconform.requirements.model import Verdict
from pxeconform.requirements.view import View
from pxeconform.sessions.exchanges import Exchange
from pxeconform.sessions.transfers import Sender, Transfer

Effect = Literal["rejects", "accepts", "unreachable"]

_TRACE_WIDE = 64
"""A verdict that cites more frames than this rests on a trace, not on a packet that somebody takes or refuses."""


def effects(verdict: Verdict, view: View) -> Mapping[str, Effect]:
    """By lens; lenses that know nothing of such packets, or of which none is cited, are left out.

    `rejects`: a client that comes to see it refuses or ignores it. `unreachable`: it would, but no client with this
    firmware asks for it. `accepts` is said where nothing but replies and option acknowledgments is cited: of DATA a
    lens does not know what is right.
    """
    cited = frozenset(verdict.frames)
    if len(cited) > _TRACE_WIDE:
        return {}
    subjects = list(_subjects(view, cited))
    found = ((name, _effect(lens, subjects)) for name, lens in LENSES.items())
    return {name: effect for name, effect in found if effect is not None}


def _effect(lens: Lens, subjects: list[Subject]) -> Effect | None:
    """The worst that can happen to a client; `None` when the lens cannot tell."""
    refused = [subject for subject in subjects if look(lens, subject).verdict != "accepts"]
    if any(map(lens.asks, refused)):
        return "rejects"
    if refused:
        # An ERROR may come for another reason than what the request looked like.
        return None if any(subject.kind is Kind.ERROR for subject in refused) else "unreachable"
    known = {kind for check in lens.checks for kind in check.kinds} - {Kind.DATA}
    speaks = bool(subjects) and all(subject.kind in known for subject in subjects)
    return "accepts" if speaks and any(map(lens.asks, subjects)) else None


def _subjects(view: View, cited: frozenset[int]) -> Iterator[Subject]:
    """What the server sent among the cited frames, each with what it answers."""
    for transfer in view.sessions.transfers:
        yield from _of_transfer(transfer, cited)
    if view.ledger.target.pxe_port != Port.PXE:
        # Clients look at the port that a reply comes from, and this one is the tester's choice.
        return
    for exchange in view.exchanges:
        yield from _of_exchange(exchange, cited)


def _of_transfer(transfer: Transfer, cited: frozenset[int]) -> Iterator[Subject]:
    """Nothing where a stranger had a hand in it, or the client's ERROR was cited: no client listens after its own."""
    packets = [event for event in transfer.events if event.frame in cited]
    if any(event.sender is Sender.STRANGER for event in packets):
        return
    if any(event.sender is Sender.CLIENT and isinstance(event.packet, Error) for event in packets):
        return
    for event in packets:
        if event.sender is Sender.SERVER:
            subject = subject_of_packet(event, transfer, None)
            if subject is not None:
                yield subject


def _of_exchange(exchange: Exchange, cited: frozenset[int]) -> Iterator[Subject]:
    kind = Kind.PROXY_REPLY if exchange.item is None else Kind.ITEM_REPLY
    for reply in exchange.replies:
        if reply.frame in cited and exchange.request.destination[1] == Port.PXE:
            yield Subject(kind, reply.frame, event=reply, request=exchange.request)
