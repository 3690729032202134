"""What may be read and written: RFC 1350 (appendix, security considerations), RFC 1123 sections 4.2.3.4 and 4.2.3.5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import Data, Error
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
    unsupported,
)
from pxeconform.requirements.tftp.knocks import death
from pxeconform.requirements.tftp.occasions import describe
from pxeconform.requirements.tftp.requests import Opening, openings
from pxeconform.requirements.tftp.turns import Turn, answer_window, missed, too_short, turns
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event

_SYSTEM = re.compile(r"^(/etc/|/proc/|[A-Za-z]:[\\/]|[\\/]Windows[\\/]|\\\\)", re.IGNORECASE)
_BROADCAST = frozenset({"255.255.255.255", "127.255.255.255"})

# -- antecedents ------------------------------------------------------------------------------------------------------


def climbs(name: str) -> bool:
    """The path leads above the root: through two dots, also where they are written as %2e."""
    return ".." in re.split(r"[/\\]", name.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\"))


def climbing(view: View) -> Iterator[Opening]:
    """A path that leads above the root was asked for."""
    return (o for o in openings(view) if o.request.opcode is Opcode.RRQ and climbs(o.transfer.file))


def absolute(view: View) -> Iterator[Opening]:
    """A file of the operating system was asked for by its absolute path."""
    for opening in openings(view):
        name = opening.transfer.file
        if (
            opening.request.opcode is Opcode.RRQ
            and _SYSTEM.match(name)
            and not climbs(name)
            and not _claimed(name, view)
        ):
            yield opening


def _claimed(name: str, view: View) -> bool:
    return any(file.name == name for file in view.ledger.claims.files)


def outside(view: View) -> Iterator[Opening]:
    """What lies outside the root was asked for, and an ERROR came."""
    for opening in (*climbing(view), *absolute(view)):
        if opening.reply is not None and isinstance(opening.reply.packet, Error):
            yield opening


def uninvited_writes(view: View) -> Iterator[Opening]:
    """A write was asked for, although nobody says that writing is enabled."""
    if view.ledger.claims.writable is None:
        for opening in openings(view):
            if opening.request.opcode is Opcode.WRQ and opening.request.filename:
                yield opening


def existing_names(view: View) -> Iterator[Opening]:
    """A write was asked for to a name that was written before."""
    written: set[tuple[str, str]] = set()
    asked = {id(opening.transfer): opening for opening in openings(view)}
    for transfer in sorted(view.transfers, key=lambda t: t.started):
        if transfer.direction != "write":
            continue
        name = transfer.server, transfer.file
        if name in written and id(transfer) in asked and transfer.request.mode == "octet":
            yield asked[id(transfer)]
        if transfer.delivered:
            written.add(name)


def broadcasts(opcode: Opcode, view: View) -> Iterator[Turn]:
    """A request went to a broadcast address."""
    for turn in turns(view):
        first = turn.asked is turn.transfer.events[0]
        if first and turn.asked.destination[0] in _BROADCAST and turn.transfer.request.opcode is opcode:
            yield turn


def broadcast_reads(view: View) -> Iterator[Turn]:
    """A read request went to a broadcast address."""
    return broadcasts(Opcode.RRQ, view)


def broadcast_writes(view: View) -> Iterator[Turn]:
    """A write request went to a broadcast address."""
    return broadcasts(Opcode.WRQ, view)


# -- consequents ------------------------------------------------------------------------------------------------------


def is_not_given(opening: Opening, view: View) -> Fact:
    """Not one octet of it comes; and the server lives on."""
    transfer, asked = opening.transfer, opening.turn.asked
    killed = death(f"a request for {transfer.file}", asked.frame, asked.time, asked.source, view)
    if killed is not None:
        return killed
    if opening.reply is None:
        gap = too_short(opening.turn, view, view.window(transfer.server))
        return unclear(f"no answer, but {gap}", *opening.frames) if gap else kept("not answered", *opening.frames)
    packet = opening.reply.packet
    if isinstance(packet, Data) and packet.length:
        return broken(f"{packet.length} octets of {transfer.file} came", *opening.frames)
    return kept(f"answered with {describe(packet)}", *opening.frames)


def code_is_2_or_1(opening: Opening, _: View) -> Fact:
    """Access violation; or file not found, which tells less."""
    packet = cast("Error", cast("Event", opening.reply).packet)
    if packet.code in (ErrorCode.ACCESS_VIOLATION, ErrorCode.FILE_NOT_FOUND):
        return kept(f"ERROR {packet.code}", *opening.frames)
    return broken(f"ERROR {packet.code} for {opening.transfer.file}", *opening.frames)


def is_refused(opening: Opening, view: View) -> Fact:
    """An ERROR, or nothing."""
    if opening.begins:
        return broken(f"answered with {describe(cast('Event', opening.reply).packet)}", *opening.frames)
    if opening.reply is not None:
        return kept(f"refused with {describe(opening.reply.packet)}", *opening.frames)
    gap = too_short(opening.turn, view, view.window(opening.transfer.server))
    return unclear(f"no answer, but {gap}", *opening.frames) if gap else kept("not answered", *opening.frames)


def code_is_6(opening: Opening, view: View) -> Fact:
    """File already exists; or access violation."""
    if opening.reply is None:
        window = answer_window(view, opening.transfer.server)
        return missed("no answer", opening.turn, view, window, *opening.frames)
    packet = opening.reply.packet
    if not isinstance(packet, Error):
        overwritten = f"answered with {describe(packet)}: the file is overwritten"
        if view.ledger.claims.overwrite is False:
            return broken(f"{overwritten}, though that is off", *opening.frames)
        return unsupported(f"{overwritten}, and nobody says that this is off", *opening.frames)
    if packet.code in (ErrorCode.FILE_EXISTS, ErrorCode.ACCESS_VIOLATION):
        return kept(f"ERROR {packet.code}", *opening.frames)
    return broken(f"ERROR {packet.code} for a file that exists", *opening.frames)


def nobody_answers(turn: Turn, view: View) -> Fact:
    """Nothing comes, not even an ERROR."""
    if turn.answers:
        return broken(f"answered with {describe(turn.answers[0].packet)}", turn.asked.frame, turn.answers[0].frame)
    servers = {transfer.server for transfer in view.transfers if transfer.answered}
    window = max((view.window(server) for server in servers), default=view.window(turn.transfer.server))
    gap = too_short(turn, view, window)
    if gap is None and not any(transfer.answered for transfer in view.transfers):
        # Who is silent to everybody does not keep silent because it was a broadcast.
        gap = "neither was anything else"
    return unclear(f"not answered, but {gap}", turn.asked.frame) if gap else kept("not answered", turn.asked.frame)


# -- the table --------------------------------------------------------------------------------------------------------


def _rule(requirement: str, section: str, level: Level, text: str, clients: str, *, unseen: str = "") -> Requirement:
    document = "RFC 1350" if requirement.startswith("1350") else "RFC 1123"
    name = f"TFTP-{requirement}"
    return Requirement(name, document, section, level, Role.TFTP, text, clients=clients, unseen=unseen)


_NOBODY = "No client: whoever reaches the server reads its keys and passwords."

RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule("1350-SEC-01", "Security", Level.SHOULD, "No path leads out of the folder that is served.", _NOBODY),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=climbing,
        then=is_not_given,
        expected=("an ERROR", "silence"),
        lacking="no path with two dots was asked for",
    ),
    Rule(
        _rule(
            "1123-ACL-01",
            "4.2.3.4",
            Level.SHOULD,
            "Access to paths is controlled: files of the operating system are not served.",
            _NOBODY,
            unseen="whether access can be configured: only the effect of a configuration shows on the wire",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=absolute,
        then=is_not_given,
        expected=("an ERROR", "silence"),
        lacking="no absolute path of the operating system was asked for",
    ),
    Rule(
        _rule(
            "1350-ERR-02",
            "Appendix",
            Level.MUST,
            "What may not be read is refused with error code 2, or with 1, as if it were not there.",
            "PXELINUX and GRUB, which go on to the next name after these codes.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=outside,
        then=code_is_2_or_1,
        expected=("ERROR 2", "ERROR 1"),
        lacking="nothing outside the root was asked for, or no ERROR came",
    ),
    Rule(
        _rule(
            "1350-SEC-02",
            "Security",
            Level.SHOULD,
            "Writing is refused unless somebody has enabled it.",
            "No client: anybody could replace what others boot.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=uninvited_writes,
        then=is_refused,
        expected=("an ERROR", "silence"),
        lacking="a write request would be needed where the ICS names no writable area (--try-writing permits one)",
    ),
    Rule(
        _rule(
            "1350-ERR-04",
            "Appendix",
            Level.SHOULD,
            "Where files are not overwritten, a write to one that exists is refused with error code 6, or 2.",
            "Network gear that saves its configuration, and chooses another name after code 6.",
        ),
        Kind.OBLIGATION,
        Scope.TRACE,
        when=existing_names,
        then=code_is_6,
        expected=("ERROR 6", "ERROR 2", "ACK 0, where overwriting is not said to be off"),
        lacking="a file that this run has written itself would be needed (tftp.writable in the ICS file)",
        assumes="nothing: the file was written in this trace",
    ),
    Rule(
        _rule(
            "1123-BC-01",
            "4.2.3.5",
            Level.SHOULD,
            "A read request to a broadcast address is not answered, not even with an ERROR.",
            "All on a segment with many servers, which would all answer at once.",
            unseen="whether the server got the broadcast at all: one that does not listen for it is as silent",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=broadcast_reads,
        then=nobody_answers,
        expected=("silence",),
        lacking="a broadcast reaches every server of the segment: it is sent on the loopback network alone",
    ),
    Rule(
        _rule(
            "1123-BC-02",
            "4.2.3.5",
            Level.SHOULD,
            "A write request to a broadcast address is not answered, not even with an ERROR.",
            "All on a segment with many servers, which would all take the file.",
            unseen="whether the server got the broadcast at all: one that does not listen for it is as silent",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=broadcast_writes,
        then=nobody_answers,
        expected=("silence",),
        lacking="a broadcast reaches every server of the segment: it is sent on the loopback network alone",
    ),
)
