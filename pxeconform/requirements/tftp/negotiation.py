"""Which options are taken up, and which are not: RFC 2347.

The client appends options to its request. What the server does not acknowledge was never asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error, Malformed, Oack, Packet
from pxeconform.registry.tftp_codes import MAXIMUM_REQUEST_OCTETS, ErrorCode, Mode
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Rule,
    Scope,
    broken,
    kept,
    unsupported,
)
from pxeconform.requirements.tftp.occasions import describe, first_reply
from pxeconform.requirements.tftp.option_acknowledgment import listed, of_negotiation, until
from pxeconform.requirements.tftp.options import (
    UNKNOWN,
    Negotiation,
    is_served,
    known_size,
    lives_on,
    negotiations,
    nothing_came,
    number,
)
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_LONG_REQUEST = MAXIMUM_REQUEST_OCTETS - 12
_SOON = 300 * SECOND
"""A file that was missing is missing still."""


def unknown_beside_others(view: View) -> Iterator[Negotiation]:
    """A read of a file that is served otherwise asks for options, all with legal values; most servers lack some."""
    return (n for n in _of_served_files(view) if not _is_long(n))


def only_unknown(view: View) -> Iterator[Negotiation]:
    """All options of a read are unknown to every server; the file is served otherwise."""
    for one in unknown_beside_others(view):
        if one.names and all(name.startswith(UNKNOWN) for name in one.names):
            yield one


def spelled_differently(view: View) -> Iterator[tuple[Negotiation, Negotiation]]:
    """Two requests for one file that differ in the case of their options' names alone; the lower one comes first."""
    lower: dict[object, Negotiation] = {}
    others: list[tuple[object, Negotiation]] = []
    for one in _comparable(view):
        options = one.transfer.request.options
        key = (_place(one), tuple((name.lower(), value) for name, value in options))
        if all(name == name.lower() for name, _ in options):
            lower.setdefault(key, one)
        else:
            others.append((key, one))
    return ((lower[key], one) for key, one in others if key in lower)


def ordered_differently(view: View) -> Iterator[tuple[Negotiation, Negotiation]]:
    """Two requests for one file that differ in the order of their options alone."""
    first: dict[object, Negotiation] = {}
    for one in _comparable(view):
        options = one.transfer.request.options
        earlier = first.setdefault((_place(one), tuple(sorted(options))), one)
        if earlier.transfer.request.options != options:
            yield earlier, one


def not_acknowledged(view: View) -> Iterator[Negotiation]:
    """A read was answered, block size or window size were asked for and not acknowledged, and DATA came."""
    for one in negotiations(view):
        asked = [name for name in ("blksize", "windowsize") if one.asked(name) is not None]
        left_out = any(one.granted(name) is None for name in asked)
        if one.is_read and left_out and any(isinstance(e.packet, Data) for e in one.transfer.of(Sender.SERVER)):
            yield one


def long_requests(view: View) -> Iterator[Negotiation]:
    """A read request of (nearly) 512 octets, for a file that is served otherwise."""
    return (n for n in _of_served_files(view) if _is_long(n))


def without_value(view: View) -> Iterator[Negotiation]:
    """A request ended behind the name of an option."""
    return (n for n in negotiations(view) if n.transfer.request.ragged)


def repeated_options(view: View) -> Iterator[Negotiation]:
    """An OACK came, or a request named an option twice and was answered."""
    for one in negotiations(view):
        if one.reply is not None and (one.oack is not None or len(set(one.names)) < len(one.names)):
            yield one


def missing_with_options(view: View) -> Iterator[tuple[Transfer, Negotiation]]:
    """A file was refused as not found, and is then asked for with options."""
    missing: dict[tuple[str, str], Transfer] = {}
    for transfer in view.transfers:
        reply = first_reply(transfer)
        packet = None if reply is None else reply.packet
        if not transfer.request.options and isinstance(packet, Error) and packet.code == ErrorCode.FILE_NOT_FOUND:
            missing.setdefault((transfer.server, transfer.file), transfer)
    for one in negotiations(view):
        plain = missing.get((one.transfer.server, one.transfer.file))
        soon = plain is not None and 0 <= one.transfer.started - plain.started <= _SOON
        if plain is not None and soon and one.is_read and one.is_legal:
            yield plain, one


def _of_served_files(view: View) -> Iterator[Negotiation]:
    for one in negotiations(view):
        octet = one.is_read and one.transfer.request.mode == Mode.OCTET
        if octet and one.is_legal and is_served(view, one.transfer):
            yield one


def _is_long(one: Negotiation) -> bool:
    return _LONG_REQUEST <= len(one.transfer.request.build()) <= MAXIMUM_REQUEST_OCTETS


def _comparable(view: View) -> Iterator[Negotiation]:
    for one in negotiations(view):
        if one.is_read and one.is_legal and one.reply is not None and isinstance(one.reply.packet, Oack | Data):
            yield one


def _place(one: Negotiation) -> tuple[str, str, str]:
    return one.transfer.server, one.transfer.file, one.transfer.request.mode


def is_left_out(one: Negotiation, view: View) -> Fact:
    """What the server does not know is not in the OACK, and no reason for an ERROR."""
    if one.reply is None:
        return nothing_came(one.transfer, one.request, "the request with options got no answer", view, *one.frames)
    packet = one.reply.packet
    if isinstance(packet, Error):
        return broken(f"options in the request were answered with {describe(packet)}", *one.frames)
    if isinstance(packet, Malformed):
        return unsupported("answered with a malformed packet", *one.frames)
    echoed = [] if one.oack is None else [name for name, _ in one.oack.options if name.lower().startswith(UNKNOWN)]
    if echoed:
        return broken(f"the unknown option {echoed[0]} was acknowledged", *one.frames)
    return kept(f"served with {describe(packet)}", *one.frames)


def data_1_at_once(one: Negotiation, view: View) -> Fact:
    """As if there were no options: DATA 1."""
    if one.reply is None:
        return nothing_came(one.transfer, one.request, "the request got no answer", view, *one.frames)
    packet = one.reply.packet
    if isinstance(packet, Data) and packet.block == 1:
        return kept("DATA 1 at once", *one.frames)
    empty = isinstance(packet, Oack) and not packet.options
    return broken(f"answered with {'an empty OACK' if empty else describe(packet)}", *one.frames)


def same_options(pair: tuple[Negotiation, Negotiation], _: View) -> Fact:
    """Both requests have the same options acknowledged."""
    first, second = pair
    one, other = ({name.lower() for name, _ in n.oack.options} if n.oack else set() for n in pair)
    frames = (*first.frames, *second.frames)
    if one == other:
        return kept("the same options are acknowledged", *frames) if one else unsupported("no option is", *frames)
    asked = ", ".join(name for name, _ in second.transfer.request.options)
    return broken(f"{listed(one)} acknowledged first, {listed(other)} when asked for {asked}", *frames)


def has_no_effect(one: Negotiation, view: View) -> Fact:
    """Blocks have 512 octets, and come one by one."""
    transfer = one.transfer
    if one.asked("windowsize") is not None and one.granted("windowsize") is None:
        ack = next((e for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Ack) and e.packet.block), None)
        frames = (*one.frames, *(() if ack is None else (ack.frame,)))
        ahead = (e for e in until(transfer, ack) if isinstance(e.packet, Data) and e.packet.block > 1)
        if (early := next(ahead, None)) is not None:
            return broken("windowsize is not acknowledged, yet block 2 came ahead of ACK 1", *frames, early.frame)
        if one.asked("blksize") is None:
            return kept("blocks came one by one", *frames)
    if one.granted("blksize") is not None:
        return kept("blocks came one by one", *one.frames)
    asked = number(one.asked("blksize"))
    blocks = [(e, e.packet) for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Data)]
    long = next((e for e, packet in blocks if packet.length > 512), None)
    if long is not None:
        return broken(f"blksize is not acknowledged, yet {_octets(long)} came", *one.frames, long.frame)
    first = blocks[0]
    if first[1].length == 512:
        return kept("blocks of 512 octets", *one.frames, first[0].frame)
    size = known_size(view, transfer)
    later = next((e for e, packet in blocks if packet.block > 1), None)
    if first[1].length == asked and (later is not None or (size is not None and size[0] > first[1].length)):
        return broken(f"blksize is not acknowledged, yet {_octets(first[0])} came", *one.frames, first[0].frame)
    return kept("one short block", *one.frames, first[0].frame)


def _short_refusals(view: View) -> list[Packet]:
    """The ERRORs that requests drew whose length cannot be what is wrong: for an option that nobody knows."""
    strange = (n for n in negotiations(view) if any(name.startswith(UNKNOWN) for name in n.names) and not _is_long(n))
    return [n.reply.packet for n in strange if n.reply is not None and isinstance(n.reply.packet, Error)]


def is_answered(one: Negotiation, view: View) -> Fact:
    """It is served."""
    if one.reply is None:
        return nothing_came(one.transfer, one.request, "a request of 512 octets got no answer", view, *one.frames)
    if isinstance(one.reply.packet, Oack | Data):
        return kept(f"{len(one.transfer.request.build())} octets, served", *one.frames)
    if one.reply.packet in view.memo(_short_refusals):
        return unsupported("refused as shorter requests with unknown options are", *one.frames)
    return broken(f"a request of 512 octets was answered with {describe(one.reply.packet)}", *one.frames)


def does_no_harm(one: Negotiation, view: View) -> Fact:
    """Service, an ERROR or silence; afterwards the server answers as before."""
    if one.reply is not None and isinstance(one.reply.packet, Malformed):
        return broken("answered with a malformed packet", *one.frames)
    how = "no answer" if one.reply is None else describe(one.reply.packet)
    return lives_on(one, how, view)


def names_each_once(one: Negotiation, _: View) -> Fact:
    """No name comes twice in the OACK."""
    if one.oack is None:
        return kept("a repeated option was not acknowledged", *one.frames)
    names = [name.lower() for name, _ in one.oack.options]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return broken(f"{twice[0]} is acknowledged {names.count(twice[0])} times", *one.frames)
    return kept("each option is acknowledged once", *one.frames)


def is_refused_all_the_same(pair: tuple[Transfer, Negotiation], view: View) -> Fact:
    """The refusal is the same: ERROR 1."""
    plain, one = pair
    frames = (plain.request_frames[0], cast("Event", first_reply(plain)).frame, *one.frames)
    if one.reply is None:
        return nothing_came(one.transfer, one.request, "the missing file got no answer", view, *frames)
    packet = one.reply.packet
    if isinstance(packet, Error) and packet.code == ErrorCode.FILE_NOT_FOUND:
        return kept("ERROR 1", *frames)
    return broken(f"a file that is not there was answered with {describe(packet)}", *frames)


def _octets(event: Event) -> str:
    return f"a block of {cast('Data', event.packet).length} octets"


# -- the table --------------------------------------------------------------------------------------------------------

_FILE = "a file that the target serves would be needed (--file NAME)"


RULES: tuple[AnyRule, ...] = (
    Rule(
        of_negotiation(
            "OPT-01",
            Level.SHOULD,
            "An option that the server does not know is left out of the OACK, and is no reason for an ERROR.",
            "All: each asks for options that some servers lack.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=unknown_beside_others,
        then=is_left_out,
        expected=("an OACK of the options that are supported", "DATA 1 if none is"),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OPT-02",
            Level.SHOULD,
            "Where no option is left to acknowledge, the answer is the one to a request without options.",
            "UEFI clients abort on an OACK of options that they did not ask for.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=only_unknown,
        then=data_1_at_once,
        expected=("DATA 1",),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OPT-03",
            Level.MUST,
            "Names of options are compared without regard to case.",
            "Those that write them in capitals get no option at all.",
            formats=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=spelled_differently,
        then=same_options,
        expected=("the same options are acknowledged for BLKSIZE and TSize as for blksize and tsize",),
        lacking=_FILE,
        assumes="the server treats two requests for one file alike",
    ),
    Rule(
        of_negotiation(
            "OPT-04",
            Level.MUST,
            "The order of options does not matter.",
            "Clients differ in the order in which they ask.",
            formats=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=ordered_differently,
        then=same_options,
        expected=("the same options are acknowledged in any order",),
        lacking=_FILE,
        assumes="the server treats two requests for one file alike",
    ),
    Rule(
        of_negotiation(
            "OPT-05",
            Level.MUST,
            "An option that is not acknowledged has no effect: blocks have 512 octets and come one by one.",
            "All: a first block that is longer does not fit, a shorter one ends the file.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=not_acknowledged,
        then=has_no_effect,
        expected=("blocks of 512 octets, each after the ACK of the one before",),
        lacking="a block size or window size that the target does not acknowledge would be needed",
    ),
    Rule(
        of_negotiation(
            "OPT-06",
            Level.MUST,
            "A request of 512 octets, options included, is accepted.",
            "Those with long file names.",
            formats=True,
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=long_requests,
        then=is_answered,
        expected=("an OACK", "DATA 1"),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OPT-07",
            Level.MUST,
            "A request that ends behind the name of an option does no harm.",
            "All others that the server serves.",
            derived=True,
        ),
        Kind.OBLIGATION,
        Scope.TRACE,
        when=without_value,
        then=does_no_harm,
        expected=("service without the option", "ERROR 8 or 4", "silence; and the server answers the next request"),
        lacking=_FILE,
        assumes="the server answered requests before",
    ),
    Rule(
        of_negotiation(
            "OPT-08",
            Level.SHOULD,
            "An OACK names each option at most once, even if the request names it twice.",
            "A client that takes the last value and a server that takes the first one disagree.",
            derived=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=repeated_options,
        then=names_each_once,
        expected=("an OACK with the option once", "the option left out", "ERROR 8"),
        lacking=_FILE,
    ),
    Rule(
        of_negotiation(
            "OPT-09",
            Level.MUST,
            "A file that is not there is refused with ERROR 1 whatever options are asked for.",
            "EDK2 asks for the size first, and shows what the ERROR says.",
        ),
        Kind.OBLIGATION,
        Scope.TRACE,
        when=missing_with_options,
        then=is_refused_all_the_same,
        expected=("ERROR 1",),
        lacking="a request for a file that the target refuses with ERROR 1 would be needed",
        assumes="a file that was not there is not there a moment later",
    ),
)
