"""The block size option: RFC 2348.

The client proposes the octets of a block, 8 to 65464; the server takes that or less, and all blocks but the last have
then exactly what its OACK says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import Ack, Data, Error
from pxeconform.registry.tftp_codes import OPTION_RANGES, OptionName
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
from pxeconform.requirements.tftp.occasions import describe
from pxeconform.requirements.tftp.options import (
    Negotiation,
    asking,
    in_range,
    is_at_most,
    is_not_granted,
    known_size,
    left_out,
    nothing_came,
    number,
    supports,
    unusable,
)
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_OPTION = "blksize"
_MINIMUM = cast("int", OPTION_RANGES[OptionName.BLKSIZE].minimum)
_MAXIMUM = cast("int", OPTION_RANGES[OptionName.BLKSIZE].maximum)
_UNFRAGMENTED = 1400
"""Blocks up to this size pass nearly every path in one piece."""

# -- antecedents ------------------------------------------------------------------------------------------------------


def asked_in_numbers(view: View) -> Iterator[Negotiation]:
    """A block size was asked for, a number, and the request was answered."""
    return (n for n in asking(view, _OPTION) if number(n.asked(_OPTION)) is not None)


def asked_out_of_range(view: View) -> Iterator[Negotiation]:
    """What was asked for is no number from 8 to 65464."""
    return unusable(view, _OPTION)


def asked_the_least(view: View) -> Iterator[Negotiation]:
    """A read with blocks of 8 octets was asked for."""
    return (n for n in asking(view, _OPTION) if n.is_read and number(n.asked(_OPTION)) == _MINIMUM)


def asked_the_most(view: View) -> Iterator[Negotiation]:
    """A read with blocks of 65464 octets was asked for."""
    return (n for n in asking(view, _OPTION) if n.is_read and number(n.asked(_OPTION)) == _MAXIMUM)


def agreed(view: View) -> Iterator[Negotiation]:
    """A block size was acknowledged for a read, and blocks came; or it was not acknowledged."""
    for one in asking(view, _OPTION):
        if one.is_read and one.is_legal and (one.granted(_OPTION) is None or next(_blocks(one), None) is not None):
            yield one


def divides_the_file(view: View) -> Iterator[Negotiation]:
    """The size of the file is a multiple of the agreed block size, and the client acknowledged the last full block."""
    for one in agreed(view):
        size = known_size(view, one.transfer)
        fits = size is not None and size[0] and size[0] % one.transfer.block_size == 0
        full = 0 if size is None else size[0] // one.transfer.block_size
        if one.granted(_OPTION) is not None and fits and one.transfer.last_acked >= full:
            yield one


def exceeds_the_file(view: View) -> Iterator[Negotiation]:
    """The agreed block size is more than the file has octets."""
    for one in agreed(view):
        size = known_size(view, one.transfer)
        if one.granted(_OPTION) is not None and size is not None and size[0] < one.transfer.block_size:
            yield one


def written(view: View) -> Iterator[Negotiation]:
    """A write with an agreed block size began; or the block size was not acknowledged."""
    for one in asking(view, _OPTION):
        sent = one.transfer.content.blocks > 0
        if not one.is_read and one.is_legal and (sent or one.granted(_OPTION) is None):
            yield one


def _blocks(one: Negotiation) -> Iterator[tuple[Event, Data]]:
    events = one.transfer.of(Sender.SERVER)
    return ((e, e.packet) for e in events if isinstance(e.packet, Data) and e.source[1] == one.transfer.server_port)


# -- consequents ------------------------------------------------------------------------------------------------------


def is_not_above_the_request(one: Negotiation, view: View) -> Fact:
    """What is acknowledged is a number, and not more than what was asked for."""
    return is_at_most(one, _OPTION, view)


def is_in_range(one: Negotiation, view: View) -> Fact:
    """Whatever number is acknowledged lies from 8 to 65464."""
    granted, asked = one.granted(_OPTION), one.asked(_OPTION)
    if granted is None:
        return is_not_granted(one, _OPTION, view)
    if in_range(_OPTION, granted):
        return kept(f"asked for {asked}, acknowledged {granted}", *one.frames)
    return broken(f"asked for {asked}, acknowledged {granted}", *one.frames)


def fills_all_blocks(one: Negotiation, view: View) -> Fact:
    """All blocks but the last have exactly the acknowledged size, and they make the whole file."""
    if one.granted(_OPTION) is None:
        return left_out(one, _OPTION, view)
    transfer, size = one.transfer, one.transfer.block_size
    short: tuple[Event, Data] | None = None
    for event, packet in _blocks(one):
        if packet.length > size:
            return broken(
                f"{describe(packet)} has {packet.length} octets, {size} were agreed", *one.frames, event.frame
            )
        if short is not None and (packet.block - short[1].block) & 0xFFFF == 1:
            told = f"{describe(short[1])} has {short[1].length} octets, {size} were agreed, and more came"
            return broken(told, *one.frames, short[0].frame, event.frame)
        if packet.length < size:
            short = event, packet
    known = known_size(view, transfer)
    if known is not None and transfer.delivered and transfer.content.octets != known[0]:
        told = f"the file ended after {transfer.content.octets} octets, it has {known[0]} ({known[1]})"
        return broken(told, *one.frames, *(() if short is None else (short[0].frame,)))
    return kept(f"blocks of {size} octets", *one.frames)


def is_8_or_left_out(one: Negotiation, view: View) -> Fact:
    """Blocks of 8 octets throughout, or no acknowledgment; but no refusal, where other sizes are acknowledged."""
    granted = one.granted(_OPTION)
    refused = one.reply is not None and isinstance(one.reply.packet, Error)
    if refused and one.is_legal and supports(view, one.transfer.server, _OPTION):
        return broken(f"asked for 8, refused with {describe(cast('Event', one.reply).packet)}", *one.frames)
    if granted is not None and number(granted) != _MINIMUM:
        return broken(f"asked for 8, acknowledged {granted}", *one.frames)
    return fills_all_blocks(one, view)


def is_handled(one: Negotiation, view: View) -> Fact:
    """A size in range is acknowledged, and blocks have it."""
    granted = one.granted(_OPTION)
    if granted is None:
        return left_out(one, _OPTION, view)
    if not in_range(_OPTION, granted):
        return broken(f"asked for {_MAXIMUM}, acknowledged {granted}", *one.frames)
    if next(_blocks(one), None) is None:
        if one.transfer.block_size > _UNFRAGMENTED and one.transfer.last_acked == 0:
            return unclear(f"{granted} was acknowledged, but no block came: are fragments lost?", *one.frames)
        return kept(f"{granted} was acknowledged", *one.frames)
    return fills_all_blocks(one, view)


def ends_with_an_empty_block(one: Negotiation, view: View) -> Fact:
    """After the last full block comes one without octets."""
    transfer = one.transfer
    size = cast("tuple[int, str]", known_size(view, transfer))[0]
    full = size // transfer.block_size
    last = [(e, p) for e, p in _blocks(one) if p.block == (full + 1) & 0xFFFF]
    asked = next((e for e in transfer.of(Sender.CLIENT) if e.packet == Ack(full & 0xFFFF)), None)
    if asked is None:
        return unclear("the acknowledgment of the last full block is not in the evidence", *one.frames)
    frames = (*one.frames, asked.frame)
    if last:
        event, packet = last[-1]
        if packet.length:
            return broken(f"{describe(packet)} has {packet.length} octets, the file had ended", *frames, event.frame)
        return kept(f"{full} blocks of {transfer.block_size} octets, then an empty one", *frames, event.frame)
    failed = transfer.error
    if failed is not None and failed.sender is Sender.SERVER:
        return broken(f"{describe(failed.packet)} instead of the empty block", *frames, failed.frame)
    return nothing_came(transfer, asked, f"no empty block came after {full} full ones", view, *frames)


def is_a_single_block(one: Negotiation, view: View) -> Fact:
    """DATA 1 holds the file, and nothing follows it."""
    size = cast("tuple[int, str]", known_size(view, one.transfer))[0]
    for event, packet in _blocks(one):
        if packet.block != 1 or packet.length != size:
            told = f"{describe(packet)} has {packet.length} octets, the whole file has {size}"
            return broken(told, *one.frames, event.frame)
    event, _ = next(_blocks(one))
    return kept(f"DATA 1 holds all {size} octets", *one.frames, event.frame)


def is_stored_whole(one: Negotiation, view: View) -> Fact:
    """Each block is acknowledged, and what is then read is what was written."""
    if one.granted(_OPTION) is None:
        return left_out(one, _OPTION, view)
    transfer = one.transfer
    sent = [e for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Data)]
    failed = next((e for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Error)), None)
    if failed is not None:
        return broken(f"{describe(failed.packet)} came", *one.frames, failed.frame)
    if transfer.last_acked < transfer.content.blocks:
        return nothing_came(transfer, sent[-1], "a block was not acknowledged", view, *one.frames, sent[-1].frame)
    if transfer.last_acked > transfer.content.blocks:
        return unclear("a block was acknowledged that is not in the evidence", *one.frames)
    again = _read_back(view, transfer)
    if again is None:
        return kept("all blocks were acknowledged", *one.frames, sent[-1].frame)
    frames = (*one.frames, sent[-1].frame, again.request_frames[0])
    same = again.content.octets == transfer.content.octets and again.content.sha256 == transfer.content.sha256
    if same:
        return kept("what was written can be read", *frames)
    return broken(f"{transfer.content.octets} octets were written, others ({again.content.octets}) were read", *frames)


def _read_back(view: View, written: Transfer) -> Transfer | None:
    """The first whole plain download of a file after it was written."""
    for transfer in view.transfers:
        same = (transfer.server, transfer.file) == (written.server, written.file) and transfer.direction == "read"
        if same and transfer.started > written.started and transfer.delivered and not transfer.request.options:
            return transfer
    return None


# -- the table --------------------------------------------------------------------------------------------------------

_AGREED = "a file, and a target that acknowledges block sizes, would be needed"


def _block_size(group: str, level: Level, text: str, clients: str = "", *, derived: bool = False) -> Requirement:
    return Requirement(
        f"TFTP-2348-BLK-{group}", "RFC 2348", "Blocksize Option", level, Role.TFTP, text, derived, clients=clients
    )


RULES: tuple[AnyRule, ...] = (
    Rule(
        _block_size(
            "01",
            Level.MUST,
            "The block size that is acknowledged is at most the one that was asked for.",
            "EDK2 rejects an OACK with a larger one; others overrun their buffers.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_in_numbers,
        then=is_not_above_the_request,
        expected=("a number up to the one asked for", "no acknowledgment, where the ICS does not claim the option"),
        lacking=_AGREED,
    ),
    Rule(
        _block_size(
            "02", Level.MUST, "All blocks but the last have exactly the acknowledged size.", "All that send the option."
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=agreed,
        then=fills_all_blocks,
        expected=("blocks of the acknowledged size, the last one shorter",),
        lacking=_AGREED,
    ),
    Rule(
        _block_size("03", Level.MUST, "The least block size, 8, is used throughout or left out.", "Few ask so."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_the_least,
        then=is_8_or_left_out,
        expected=("blocks of 8 octets", "no acknowledgment, and blocks of 512 octets"),
        lacking=_AGREED,
    ),
    Rule(
        _block_size(
            "04",
            Level.MUST,
            "The greatest block size, 65464, is answered with one in range, and blocks have it.",
            "Blocks beyond the path's MTU travel in fragments, which many boot ROMs cannot put together.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_the_most,
        then=is_handled,
        expected=("a number from 8 to 65464, and blocks of that size", "no acknowledgment"),
        lacking=_AGREED,
    ),
    Rule(
        _block_size(
            "05",
            Level.MUST_NOT,
            "No block size outside 8 to 65464 is ever acknowledged.",
            "Few ask so; a block size of 0 never ends.",
            derived=True,
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=asked_out_of_range,
        then=is_in_range,
        expected=("no acknowledgment", "ERROR 8", "a number from 8 to 65464"),
        lacking=_AGREED,
    ),
    Rule(
        _block_size(
            "06",
            Level.MUST,
            "A file of whole blocks ends with an empty block.",
            "All: without it the client waits for more.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=divides_the_file,
        then=ends_with_an_empty_block,
        expected=("a block without octets after the last full one",),
        lacking="a file of known size, and a block size that divides it and is acknowledged, would be needed",
    ),
    Rule(
        _block_size(
            "07",
            Level.MUST,
            "A file that is smaller than the agreed block size comes in one block.",
            "All with files so small.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=exceeds_the_file,
        then=is_a_single_block,
        expected=("DATA 1 with the whole file, and nothing after it",),
        lacking="a file of known size, and a greater block size that is acknowledged, would be needed",
    ),
    Rule(
        _block_size("08", Level.MUST, "A write keeps to the acknowledged block size.", "All that upload with options."),
        Kind.OBLIGATION,
        Scope.TRACE,
        when=written,
        then=is_stored_whole,
        expected=("an ACK for each block of that size, and the file can then be read",),
        lacking="a place where files may be written would be needed (tftp.writable in the ICS file)",
        assumes="nobody else writes the file meanwhile",
    ),
)
