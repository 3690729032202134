"""Requests and what opens or refuses a transfer: RFC 1350 sections 2, 4 and 5, RFC 1123 sections 4.2.2.1 to 4.2.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Request
from pxeconform.registry.tftp_codes import Mode, Opcode, OptionName
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
from pxeconform.requirements.tftp.knocks import knocks
from pxeconform.requirements.tftp.occasions import describe
from pxeconform.requirements.tftp.turns import Turn, answer_window, missed, too_short, turns
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event, Sender, Transfer

MISSING = "pxeconform-missing-"
"""How the names begin that a run asks for because nobody has them."""

OWN = "pxeconform-"
"""How the names begin that a run may write."""

_EXTENSIONS = frozenset({"binary", "image", "test"})
"""Modes that some servers add to the three of RFC 1350."""
_KNOWN_OPTIONS = frozenset(option.value for option in OptionName)

# -- antecedents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """A request, and the first thing that came back to it."""

    turn: Turn
    reply: Event | None

    @property
    def transfer(self) -> Transfer:
        """The transfer that it asks for."""
        return self.turn.transfer

    @property
    def request(self) -> Request:
        """What was asked."""
        return self.transfer.request

    @property
    def frames(self) -> tuple[int, ...]:
        """The request, and the reply if there is one."""
        return (self.turn.asked.frame, *((self.reply.frame,) if self.reply is not None else ()))

    @property
    def begins(self) -> bool:
        """The server began a transfer."""
        return self.reply is not None and isinstance(self.reply.packet, Data | Ack | Oack)


def openings(view: View) -> Sequence[Opening]:
    """Every first request of a transfer with what it drew."""
    return view.memo(_openings)


def _openings(view: View) -> list[Opening]:
    return [
        Opening(turn, next(iter(turn.answers), None))
        for turn in turns(view)
        if turn.asked is turn.transfer.events[0] and (turn.answers or _is_silence(turn, view))
    ]


def _is_silence(turn: Turn, view: View) -> bool:
    """No answer came at all, although the server answers others; a repeated request is counted where it is answered."""
    lives = view.slowest_answer(turn.transfer.server) is not None
    return turn.transfer.server_port is None and lives and not _is_dead(turn, view)


def _is_dead(turn: Turn, view: View) -> bool:
    """Something before it in the same scenario stopped the server for good: that is charged to what did it."""
    scenario, server, asked = turn.asked.scenario, turn.transfer.server, turn.asked.time
    harmless = is_served(turn.transfer, view) or is_missing(turn.transfer.file)
    if not scenario or not harmless:
        return False
    others = [t for t in view.transfers if t.server == server and t is not turn.transfer]
    before = any(t.events[0].scenario == scenario and t.started < asked for t in others) or any(
        view.scenario_of(knock.frame) == scenario and knock.time < asked for knock in knocks(view)
    )
    return before and not any(t.answered and t.ended > asked for t in others)


def is_missing(name: str) -> bool:
    """A run asks for it because nobody has it."""
    return name.replace("\\", "/").rpartition("/")[2].startswith(MISSING)


def is_served(transfer: Transfer, view: View) -> bool:
    """The file is there and not empty: it is claimed, or was delivered in this trace."""
    claimed = next((file for file in view.ledger.claims.files if file.name == transfer.file), None)
    return transfer.file in served(view) if claimed is None else claimed.size != 0


def served(view: View) -> frozenset[str]:
    """Names of which DATA came in octet mode."""
    return view.memo(_served)


def _served(view: View) -> frozenset[str]:
    read = (t for t in view.transfers if t.direction == "read" and t.data_packets and t.request.mode == Mode.OCTET)
    return frozenset(t.file for t in read if not is_missing(t.file))


def is_spelled_oddly(opening: Opening, view: View) -> bool:
    """The mode does not stand there in small letters, as far as the octets of the request are at hand."""
    octets = view.payload(opening.turn.asked.frame)
    return octets is not None and opening.request.mode.encode() not in octets.split(b"\0")


def bare_reads(view: View) -> Iterator[Opening]:
    """A file that is served was asked for without options, in octet mode."""
    return reads_in(Mode.OCTET, view)


def netascii_reads(view: View) -> Iterator[Opening]:
    """A file that is served was asked for without options, in netascii mode."""
    return reads_in(Mode.NETASCII, view)


def refused(view: View) -> Iterator[Opening]:
    """A file that is not there was asked for, or the first thing that came back was an ERROR."""
    for opening in openings(view):
        missing = opening.request.opcode is Opcode.RRQ and is_missing(opening.transfer.file) and _legal_mode(opening)
        if missing or (opening.reply is not None and isinstance(opening.reply.packet, Error)):
            yield opening


def _legal_mode(opening: Opening) -> bool:
    return opening.request.mode in (Mode.OCTET, Mode.NETASCII)


def reads_in(mode: str, view: View) -> Iterator[Opening]:
    """A file that is served was asked for in a mode, without options."""
    for opening in openings(view):
        request = opening.request
        plain = request.opcode is Opcode.RRQ and not (request.options or request.ragged)
        spelled = opening.request.mode == mode and not is_spelled_oddly(opening, view)
        if plain and spelled and is_served(opening.transfer, view):
            yield opening


def spelled_modes(view: View) -> Iterator[Opening]:
    """A file that is served was asked for in octet or netascii mode, not spelled in small letters."""
    for opening in openings(view):
        legal = opening.request.opcode is Opcode.RRQ and _legal_mode(opening)
        if legal and is_spelled_oddly(opening, view) and is_served(opening.transfer, view):
            yield opening


def unknown_modes(view: View) -> Iterator[Opening]:
    """A mode was asked for that no document has, and no server is known to add."""
    for opening in openings(view):
        if opening.request.mode not in set(Mode) | _EXTENSIONS:
            yield opening


def extra_modes(view: View) -> Iterator[Opening]:
    """A mode was asked for that RFC 1350 does not have, but some servers add."""
    return (opening for opening in openings(view) if opening.request.mode in _EXTENSIONS)


def mail(view: View) -> Iterator[Opening]:
    """Mail mode was asked for."""
    return (opening for opening in openings(view) if opening.request.mode == Mode.MAIL)


def unknown_tails(view: View) -> Iterator[Opening]:
    """A file that is served was asked for with options of which none is known."""
    for opening in openings(view):
        names = {name.lower() for name, _ in opening.request.options}
        strange = names and not names & _KNOWN_OPTIONS and opening.request.opcode is Opcode.RRQ
        if strange and _legal_mode(opening) and is_served(opening.transfer, view):
            yield opening


# -- consequents ------------------------------------------------------------------------------------------------------


def begins_with_data_1(opening: Opening, view: View) -> Fact:
    """The first packet that comes is DATA 1."""
    if opening.reply is None:
        return nothing_came(opening, view)
    packet = opening.reply.packet
    if isinstance(packet, Data) and packet.block == 1:
        return kept("answered with DATA 1", *opening.frames)
    if isinstance(packet, Error) and packet.code == 0 and _may_be_busy(view):
        return unclear(f"refused with {describe(packet)}, which may mean that the server is busy", *opening.frames)
    return broken(f"answered with {describe(packet)}", *opening.frames)


def _may_be_busy(view: View) -> bool:
    """The plainest of requests was refused with ERROR 0 as well, so it need not be what is odd about another one."""
    return any(isinstance(o.reply.packet, Error) and o.reply.packet.code == 0 for o in bare_reads(view) if o.reply)


def is_one_error(opening: Opening, view: View) -> Fact:
    """An ERROR comes, and nothing but an ERROR."""
    if opening.reply is None:
        return nothing_came(opening, view)
    # From whatever port: who refuses has no transfer. A repeated request may be answered in another way.
    once = len(opening.transfer.request_frames) == 1
    elsewhere = (e for e in opening.transfer.of(Sender.SERVER) if once and e.destination == opening.transfer.client)
    for event in (*opening.turn.answers, *elsewhere):
        if not isinstance(event.packet, Error):
            return broken(f"{describe(event.packet)} came", *opening.frames, event.frame)
    return kept("refused with an ERROR and nothing else", *opening.frames)


def is_served_in_that_mode(opening: Opening, view: View) -> Fact:
    """DATA comes."""
    if opening.reply is None:
        return nothing_came(opening, view)
    packet, mode = opening.reply.packet, opening.request.mode
    if isinstance(packet, Data):
        return kept(f"{mode} is served", *opening.frames)
    if mode == Mode.NETASCII and view.ledger.claims.netascii is False:
        return unsupported(f"netascii is answered with {describe(packet)}, as its ICS says", *opening.frames)
    if isinstance(packet, Error) and packet.code == 0 and mode == Mode.OCTET and _may_be_busy(view):
        return unclear(f"refused with {describe(packet)}, which may mean that the server is busy", *opening.frames)
    return broken(f"{mode} is answered with {describe(packet)}", *opening.frames)


def is_not_served(opening: Opening, view: View) -> Fact:
    """No transfer begins: an ERROR, or nothing."""
    if opening.begins:
        return broken(
            f"mode {opening.request.mode!r} is answered with {describe(cast('Event', opening.reply).packet)}",
            *opening.frames,
        )
    if opening.reply is not None:
        return kept(f"refused with {describe(opening.reply.packet)}", *opening.frames)
    gap = too_short(opening.turn, view, view.window(opening.transfer.server))
    return kept("not answered", *opening.frames) if gap is None else unclear(f"no answer, but {gap}", *opening.frames)


def is_reported(opening: Opening, _: View) -> Fact:
    """Served or not, both are allowed."""
    if opening.begins:
        return kept(f"mode {opening.request.mode!r} is served", *opening.frames)
    return kept(f"mode {opening.request.mode!r} is not served", opening.turn.asked.frame)


def nothing_came(opening: Opening, view: View) -> Fact:
    """A request that was not answered at all, where an answer was owed."""
    return missed("no answer", opening.turn, view, answer_window(view, opening.transfer.server), *opening.frames)


# -- the table --------------------------------------------------------------------------------------------------------

_A_FILE = "a file that the target serves would be needed (--file NAME)"


def _rule(requirement: str, document: str, section: str, level: Level, text: str, clients: str = "") -> Requirement:
    return Requirement(requirement, document, section, level, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule(
            "TFTP-1350-OPEN-01",
            "RFC 1350",
            "4",
            Level.MUST,
            "A read request without options for a file that is there is answered with DATA, block 1.",
            "All: this is how every download begins.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=bare_reads,
        then=begins_with_data_1,
        expected=("DATA with block number 1",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1350-OPEN-03",
            "RFC 1350",
            "4",
            Level.MUST,
            "A request that is refused is answered with an ERROR packet, and with nothing else.",
            "All that try several names, as PXELINUX does: without the ERROR each try costs a time-out.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=refused,
        then=is_one_error,
        expected=("an ERROR as first and only reply",),
        lacking="the target was not asked for a file that it lacks",
    ),
    Rule(
        _rule(
            "TFTP-1350-MODE-01",
            "RFC 1350",
            "5",
            Level.MUST,
            "The mode is read without regard to upper and lower case.",
            "Old boot ROMs, which write OCTET.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=spelled_modes,
        then=is_served_in_that_mode,
        expected=("the same answer as to the mode in small letters",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1350-MODE-03",
            "RFC 1350",
            "5",
            Level.MUST,
            "A request in a mode that does not exist starts no transfer.",
            "None asks so; whoever does gets octets that are not what it takes them for.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unknown_modes,
        then=is_not_served,
        expected=("an ERROR (code 4 by custom)", "silence"),
        lacking="nothing was asked for in an unknown mode",
    ),
    Rule(
        _rule(
            "TFTP-1123-MODE-01",
            "RFC 1123",
            "4.2.4",
            Level.MUST,
            "The server serves netascii.",
            "Network gear that loads its configuration as text; no boot ROM.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=netascii_reads,
        then=is_served_in_that_mode,
        expected=("DATA",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1123-MODE-02",
            "RFC 1123",
            "4.2.4",
            Level.MUST,
            "The server serves octet.",
            "All: boot files are read in octet mode.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=bare_reads,
        then=is_served_in_that_mode,
        expected=("DATA",),
        lacking=_A_FILE,
    ),
    Rule(
        _rule(
            "TFTP-1123-MODE-03",
            "RFC 1123",
            "4.2.2.1",
            Level.SHOULD,
            "Mail mode, which is obsolete, is not served.",
            "None.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=mail,
        then=is_not_served,
        expected=("an ERROR", "silence"),
        lacking="nothing was asked for in mail mode",
    ),
    Rule(
        _rule(
            "TFTP-1123-EXT-01",
            "RFC 1123",
            "4.2.3.3",
            Level.MAY,
            "A server may serve modes beyond netascii and octet.",
            "None depends on it.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=extra_modes,
        then=is_reported,
        expected=("a transfer in that mode", "an ERROR", "silence"),
        lacking="nothing was asked for in another mode",
    ),
    Rule(
        _rule(
            "TFTP-1785-OPT-01",
            "RFC 1785",
            "Test Results",
            Level.SHOULD,
            "Options that a server does not know leave the request what it is without them.",
            "All that try new options on old servers, boot ROMs of the future for instance.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unknown_tails,
        then=begins_with_data_1,
        expected=("DATA with block number 1, as if no option had been there",),
        lacking=_A_FILE,
    ),
)
