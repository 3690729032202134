"""Malformed and misplaced datagrams: RFC 1350 sections 2 and 5.

What is no request starts nothing; and whatever comes, the server goes on serving others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Requirement,
    Role,
    Rule,
    Scope,
    broken,
    kept,
    unclear,
)
from pxeconform.requirements.tftp.knocks import Knock, death, knocks
from pxeconform.requirements.tftp.occasions import describe
from pxeconform.requirements.tftp.requests import Opening, openings
from pxeconform.requirements.tftp.turns import too_short
from pxeconform.requirements.view import View

_REQUESTS = (Opcode.RRQ, Opcode.WRQ)

# -- antecedents ------------------------------------------------------------------------------------------------------


def unterminated(view: View) -> Iterator[Knock]:
    """A request came whose mode or file name has no final NUL."""
    for knock in knocks(view):
        if isinstance(knock.packet, Malformed) and knock.packet.opcode in _REQUESTS and len(knock.octets) > 3:
            yield knock


def odd_names(view: View) -> Iterator[Opening]:
    """A name was asked for that is very long, leads to a folder, or is no text; or a request longer than 512 octets."""
    for opening in openings(view):
        name = opening.request.filename
        if opening.request.opcode is Opcode.RRQ and name and (len(name) > _LONG or not _TEXT.fullmatch(name)):
            yield opening


def nameless(view: View) -> Iterator[Opening]:
    """A file without a name was asked for."""
    return (opening for opening in openings(view) if not opening.request.filename)


def runts(view: View) -> Iterator[Knock]:
    """A datagram of less than four octets came to the request port."""
    return (knock for knock in knocks(view) if len(knock.octets) < 4)


def strays(view: View) -> Iterator[Knock]:
    """DATA, an ACK or an OACK came to the request port."""
    return (knock for knock in knocks(view) if isinstance(knock.packet, Data | Ack | Oack) and len(knock.octets) >= 4)


def unknown_opcodes(view: View) -> Iterator[Knock]:
    """A datagram with an opcode that TFTP does not have came to the request port."""
    for knock in knocks(view):
        if len(knock.octets) >= 4 and knock.opcode not in set(Opcode):
            yield knock


_LONG = 256
_TEXT = re.compile(rb"[ -~]*[!-.0-~]")
"""Printable, and not the name of a folder."""

# -- consequents ------------------------------------------------------------------------------------------------------


def starts_nothing(knock: Knock, view: View) -> Fact:
    """No DATA, ACK or OACK comes of it, and the next request of somebody else is answered."""
    killed = death(knock.shown, knock.frame, knock.time, knock.source, view)
    if killed is not None:
        return killed
    served = knock.served
    if served is not None and served.packet is not None:
        return broken(f"{knock.shown} drew {describe(served.packet)}", knock.frame, served.frame)
    gap = view.unwatched(knock.source, knock.time, knock.time + view.window(knock.server))
    if gap is not None:
        return unclear(f"{knock.shown} started nothing, but {gap}", knock.frame)
    return kept(f"{knock.shown} started nothing", knock.frame)


def is_illegal(knock: Knock, view: View) -> Fact:
    """ERROR 4, or silence; and the server lives on."""
    fact = starts_nothing(knock, view)
    for answer in knock.replies:
        if isinstance(answer.packet, Error) and answer.packet.code != ErrorCode.ILLEGAL_OPERATION:
            return broken(f"{knock.shown} drew {describe(answer.packet)}", knock.frame, answer.frame)
    return fact


def harms_nobody(opening: Opening, view: View) -> Fact:
    """A transfer, an ERROR or silence; and the server lives on."""
    asked = opening.turn.asked
    killed = death("a request for an odd name", asked.frame, asked.time, asked.source, view)
    if killed is not None:
        return killed
    word = "not answered" if opening.reply is None else f"answered with {describe(opening.reply.packet)}"
    return kept(word, *opening.frames)


def nothing_without_a_name(opening: Opening, view: View) -> Fact:
    """ERROR or silence; and the server lives on."""
    asked = opening.turn.asked
    killed = death("a request without a file name", asked.frame, asked.time, asked.source, view)
    if killed is not None:
        return killed
    if opening.begins and opening.reply is not None:
        return broken(f"answered with {describe(opening.reply.packet)}", *opening.frames)
    if opening.reply is not None:
        return kept(f"refused with {describe(opening.reply.packet)}", *opening.frames)
    gap = too_short(opening.turn, view, view.window(opening.transfer.server))
    return kept("not answered", *opening.frames) if gap is None else unclear(f"no answer, but {gap}", *opening.frames)


# -- the table --------------------------------------------------------------------------------------------------------

_NEVER = "no such datagram was sent"
_KILLS = "All: whoever can send one datagram to the server can stop everybody from booting."


def _rule(requirement: str, section: str, text: str, clients: str = _KILLS) -> Requirement:
    return Requirement(f"TFTP-1350-{requirement}", "RFC 1350", section, Level.MUST, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule("MAL-01", "2", "A request that breaks off before its last NUL starts no transfer, and harms nobody."),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unterminated,
        then=starts_nothing,
        expected=("an ERROR (code 4 by custom)", "silence", "and an answer to the next request"),
        lacking=_NEVER,
    ),
    Rule(
        _rule("MAL-02", "2", "A request without a file name starts no transfer, and harms nobody."),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=nameless,
        then=nothing_without_a_name,
        expected=("an ERROR", "silence", "and an answer to the next request"),
        lacking=_NEVER,
    ),
    Rule(
        Requirement(
            "TFTP-1350-MAL-05",
            "RFC 1350",
            "2",
            Level.MUST,
            Role.TFTP,
            "Whatever the name in a request, it is served or refused, and harms nobody.",
            derived=True,
            clients=_KILLS,
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=odd_names,
        then=harms_nobody,
        expected=("an ERROR", "a transfer", "silence", "and an answer to the next request"),
        lacking=_NEVER,
    ),
    Rule(
        _rule("MAL-03", "2", "A datagram that is too short to be a packet starts nothing, and harms nobody."),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=runts,
        then=starts_nothing,
        expected=("silence", "an ERROR", "and an answer to the next request"),
        lacking=_NEVER,
    ),
    Rule(
        _rule("MAL-04", "2", "DATA and ACK that come to the request port start nothing, and harm nobody."),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=strays,
        then=starts_nothing,
        expected=("an ERROR (code 4 or 5)", "silence", "and an answer to the next request"),
        lacking=_NEVER,
    ),
    Rule(
        _rule(
            "ERR-03",
            "Appendix",
            "An operation that does not exist is refused with error code 4, or not answered; and harms nobody.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unknown_opcodes,
        then=is_illegal,
        expected=("ERROR 4", "silence", "and an answer to the next request"),
        lacking=_NEVER,
    ),
)
