"""Option negotiation as all rules about options see it: what was asked for, what was granted, what is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Options, option_value
from pxeconform.registry.tftp_codes import OPTION_RANGES, ErrorCode, Opcode, OptionName
from pxeconform.requirements.model import Fact, broken, kept, unclear, unsupported
from pxeconform.requirements.tftp.occasions import describe, events_after, first_reply, port_closed
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

UNKNOWN = "x-"
"""Options whose names begin so are nobody's: no server can support them."""

_ABOUT_THE_FILE = (
    ErrorCode.FILE_NOT_FOUND,
    ErrorCode.ACCESS_VIOLATION,
    ErrorCode.DISK_FULL,
    ErrorCode.FILE_EXISTS,
    ErrorCode.NO_SUCH_USER,
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Negotiation:
    """A request with options, and what the server said to it: its OACK, else the first packet that came back."""

    transfer: Transfer
    reply: Event | None

    @property
    def request(self) -> Event:
        """The first copy of the request."""
        return self.transfer.events[0]

    @property
    def frames(self) -> tuple[int, ...]:
        """The request's frame, and the reply's if there is one."""
        return (self.request.frame,) if self.reply is None else (self.request.frame, self.reply.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the options that were asked, in lower case, in their order."""
        return _names(self.transfer.request.options)

    @property
    def oack(self) -> Oack | None:
        """The option acknowledgment."""
        return self.reply.packet if self.reply is not None and isinstance(self.reply.packet, Oack) else None

    def asked(self, name: str) -> str | None:
        """The value that the client asked for."""
        return option_value(self.transfer.request.options, name)

    def granted(self, name: str) -> str | None:
        """The value that the server acknowledged."""
        return None if self.oack is None else option_value(self.oack.options, name)

    @property
    def is_read(self) -> bool:
        """It asks for a file."""
        return self.transfer.request.opcode is Opcode.RRQ

    @property
    def is_legal(self) -> bool:
        """Each option comes once, and each that is known has a value in its range."""
        return _are_legal(self.transfer.request.options) and not self.transfer.request.ragged


@lru_cache(1024)
def _names(options: Options) -> tuple[str, ...]:
    return tuple(name.lower() for name, _ in options)


@lru_cache(1024)
def _are_legal(options: Options) -> bool:
    names = _names(options)
    return len(set(names)) == len(names) and all(in_range(name, value) for name, value in options)


def negotiations(view: View) -> Sequence[Negotiation]:
    """All requests with options, answered or not."""
    return view.memo(_negotiations)


def _negotiations(view: View) -> list[Negotiation]:
    return [one for transfer in view.transfers if (one := negotiation_of(transfer)) is not None]


def negotiation_of(transfer: Transfer) -> Negotiation | None:
    """A request that has options, or an answer that has."""
    oack = _oack_of(transfer)
    if transfer.request.options or transfer.request.ragged or oack is not None:
        return Negotiation(transfer, oack or first_reply(transfer))
    return None


def _oack_of(transfer: Transfer) -> Event | None:
    reply = first_reply(transfer)
    if reply is None or is_oack(reply) or not transfer.acknowledged:
        return reply if reply is not None and is_oack(reply) else None
    to_client = (e for e in transfer.of(Sender.SERVER) if e.destination == transfer.client)
    return next((e for e in to_client if is_oack(e)), None)


def is_oack(event: Event) -> bool:
    """It has the opcode of an option acknowledgment, well formed or not."""
    packet = event.packet
    return isinstance(packet, Oack) or (isinstance(packet, Malformed) and packet.opcode == Opcode.OACK)


def asking(view: View, name: str) -> Iterator[Negotiation]:
    """Requests that ask for an option once, and that were answered; if refused, then not for the file's sake."""
    for one in negotiations(view):
        packet = None if one.reply is None else one.reply.packet
        about_the_file = isinstance(packet, Error) and packet.code in _ABOUT_THE_FILE
        if one.names.count(name) == 1 and packet is not None and not about_the_file:
            yield one


def in_range(name: str, value: str) -> bool:
    """A value that may be asked for; options that are not known may have any."""
    known = OPTION_RANGES.get(cast("OptionName", name.lower()))
    if known is None or (known.minimum is None and known.maximum is None):
        return True
    asked = number(value)
    if asked is None or not value.isdigit():
        return False
    return (known.minimum is None or asked >= known.minimum) and (known.maximum is None or asked <= known.maximum)


def number(value: str | None) -> int | None:
    """A whole decimal number, with or without sign; `None` for what is none."""
    return int(value) if value is not None and _INTEGER.fullmatch(value) else None


def supports(view: View, server: str, name: str) -> bool:
    """The server acknowledged the option at least once."""
    return (server, name) in view.memo(_granted)


def _granted(view: View) -> Sequence[tuple[str, str]]:
    acknowledged = ((n.transfer.server, n.oack.options) for n in negotiations(view) if n.oack is not None)
    return list({(server, name.lower()) for server, options in acknowledged for name, _ in options})


def claimed(view: View, name: str) -> bool:
    """The ICS says that the server has the option."""
    return name in (view.ledger.claims.tftp_options or ())


def left_out(one: Negotiation, name: str, view: View) -> Fact:
    """An option that was asked for is not in the OACK: any server may do so."""
    packet = cast("Event", one.reply).packet
    how = f"refused with {describe(packet)}" if isinstance(packet, Error) else "left out"
    if supports(view, one.transfer.server, name):
        return kept(f"{name}={one.asked(name)} was {how}", *one.frames)
    return unsupported(f"{name} is not acknowledged", *one.frames)


def not_granted(one: Negotiation, name: str, view: View) -> Fact:
    """The same, but a server that claims to have the option acknowledges it at least once."""
    missing = claimed(view, name) and one.is_legal and not supports(view, one.transfer.server, name)
    return broken(f"{name} is claimed, and never acknowledged", *one.frames) if missing else left_out(one, name, view)


def is_at_most(one: Negotiation, name: str, view: View) -> Fact:
    """The number that is acknowledged is not above the one that was asked for."""
    asked, granted = one.asked(name), one.granted(name)
    if granted is None:
        return not_granted(one, name, view)
    value, most = number(granted), number(asked)
    if value is None:
        return broken(f"asked for {asked}, acknowledged {granted!r}, no number", *one.frames)
    if most is not None and value > most:
        return broken(f"asked for {asked}, acknowledged {granted}", *one.frames)
    return kept(f"asked for {asked}, acknowledged {granted}", *one.frames)


def is_served(view: View, transfer: Transfer) -> bool:
    """The same file was delivered, or begun, to another request of the same kind in this trace."""
    (served,) = view.memo(_served)
    return (transfer.server, transfer.request.opcode, transfer.file) in served


def _served(view: View) -> Sequence[set[tuple[str, Opcode, str]]]:
    found = set()
    for transfer in view.transfers:
        reply = first_reply(transfer)
        # Octet mode and no options: the plainest request there is.
        if reply is not None and isinstance(reply.packet, Data | Ack) and _is_plain(transfer):
            found.add((transfer.server, transfer.request.opcode, transfer.file))
    return [found]


def _is_plain(transfer: Transfer) -> bool:
    request = transfer.request
    return not request.options and not request.ragged and request.mode == "octet"


def known_size(view: View, transfer: Transfer) -> tuple[int, str] | None:
    """Octets of the file that a read is of, and where that is known from: the ICS, or a plain whole download."""
    if transfer.request.mode != "octet":
        return None
    claims = (f for f in view.ledger.claims.files if f.name == transfer.file and f.size is not None)
    known = next(claims, None)
    if known is not None:
        return cast("int", known.size), known.source
    (derived,) = view.memo(_sizes)
    found = derived.get((transfer.server, transfer.file))
    return None if found is None else (found[0], f"derived from the download that begins in frame {found[1]}")


def _sizes(view: View) -> Sequence[dict[tuple[str, str], tuple[int, int]]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for transfer in view.transfers:
        if transfer.direction == "read" and _is_plain(transfer) and transfer.delivered and not transfer.content.lost:
            found.setdefault((transfer.server, transfer.file), (transfer.content.octets, transfer.request_frames[0]))
    return [found]


# -- what was owed ----------------------------------------------------------------------------------------------------


def nothing_came(
    transfer: Transfer, asked: Event, what: str, view: View, *frames: int, window: int | None = None
) -> Fact:
    """The server owed an answer to `asked`, and none is in the evidence."""
    closed = port_closed(transfer, asked.time, view)
    if closed is not None:
        return broken(f"{what}: the port is closed", *frames, closed)
    span = view.window(transfer.server) if window is None else window
    gap = view.unwatched(transfer.client, asked.time, asked.time + span)
    return unclear(f"{what}, but {gap}", *frames) if gap is not None else broken(what, *frames)


def lives_on(one: Negotiation, how: str, view: View) -> Fact:
    """After a request that was strange the server answers the next one that is sound."""
    scenario, server = one.request.scenario, one.transfer.server
    after = [
        transfer
        for transfer in view.transfers
        if transfer.started > one.request.time and transfer.server == server and not transfer.request.options
        if not transfer.request.ragged and (not scenario or transfer.events[0].scenario == scenario)
    ]
    well = next((reply for transfer in after if (reply := first_reply(transfer)) is not None), None)
    if well is not None:
        return kept(f"{how}, and the server lives", *one.frames, well.frame)
    if not after:
        return unclear("nothing was asked afterwards", *one.frames)
    asked = after[-1].events[0]
    if not any(t.answered and t.server == server for t in view.transfers):
        return unclear("the server never answered anything", *one.frames, asked.frame)
    closed = next((error.frame for error in after[-1].unreachable if error.time >= asked.time), None)
    if closed is not None:
        return broken("the server is gone: its port is closed", *one.frames, asked.frame, closed)
    return nothing_came(after[-1], asked, "the server answers nothing any more", view, *one.frames, asked.frame)


def unusable(view: View, name: str) -> Iterator[Negotiation]:
    """Requests for an option with a value that cannot be; whether they were answered does not matter."""
    for one in negotiations(view):
        value = one.asked(name)
        if value is not None and one.names.count(name) == 1 and not in_range(name, value):
            yield one


def is_not_granted(one: Negotiation, name: str, view: View) -> Fact:
    """A value that cannot be is left out or refused, or passed over in silence; and the server lives."""
    asked = f"{name}={one.asked(name)}"
    if one.reply is None:
        return lives_on(one, f"no answer to {asked}", view)
    if first_reply_after(one, view) is False:
        return lives_on(one, f"{asked} is not acknowledged", view)
    return kept(f"{asked} is not acknowledged", *one.frames)


def first_reply_after(one: Negotiation, view: View) -> bool | None:
    """Whether the sound request that follows in the scenario is answered; `None` where there is none."""
    scenario = one.request.scenario
    for transfer in view.transfers:
        sound = not transfer.request.options and not transfer.request.ragged
        if scenario and sound and transfer.started > one.request.time and transfer.events[0].scenario == scenario:
            return first_reply(transfer) is not None
    return None


def patience_of(view: View, server: str) -> int:
    """How long (ns) to wait for something to be sent again: well over twice its own timer, 30 s if unknown."""
    (timers,) = view.memo(_first_timers)
    timer = timers.get(server)
    return 30 * SECOND if timer is None else 5 * timer // 2 + SECOND // 5


def _first_timers(view: View) -> Sequence[dict[str, int]]:
    """The longest time after which a server sent its first packet again, where no timeout was agreed."""
    timers: dict[str, int] = {}
    for transfer in view.transfers:
        if option_value(transfer.acknowledged, "timeout") is not None:
            continue
        gap = first_gap(transfer)
        if gap is not None:
            timers[transfer.server] = max(timers.get(transfer.server, 0), gap[1].time - gap[0].time)
    return [timers]


def first_gap(transfer: Transfer) -> tuple[Event, Event] | None:
    """The first reply and its first copy, with nothing of the client between."""
    reply = first_reply(transfer)
    if reply is None or isinstance(reply.packet, Error):
        return None
    for event in events_after(transfer, reply):
        if event.sender is Sender.CLIENT:
            return None
        same = event.sender is Sender.SERVER and event.packet == reply.packet and event.source == reply.source
        # Two copies at once are a doubled answer, not a timer.
        if same and event.time - reply.time > SECOND // 20:
            return reply, event
    return None
