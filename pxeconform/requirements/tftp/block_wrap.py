"""What follows block 65535. No RFC says it; nearly all begin again at 0, a few at 1.

A block number has 16 bits, so a file of more blocks needs the same numbers twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pxeconform.protocol.tftp import LAST_BLOCK_NUMBER, Ack, Data
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
from pxeconform.requirements.tftp.occasions import describe, last_asked, port_closed
from pxeconform.requirements.tftp.options import known_size, nothing_came
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_OTHER_LAP = 0x8000

# -- antecedents ------------------------------------------------------------------------------------------------------


def long_reads(view: View) -> Iterator[Transfer]:
    """A read came to block 65535, which was not the last one, and the client acknowledged it."""
    for transfer in view.transfers:
        size = known_size(view, transfer)
        more = size is None or size[0] // transfer.block_size >= LAST_BLOCK_NUMBER
        if transfer.direction == "read" and transfer.last_acked >= LAST_BLOCK_NUMBER and more:
            yield transfer


def long_reads_and_halves(view: View) -> Iterator[Transfer]:
    """The same, or the server ended a read with an ERROR where numbers of 15 bits come to their end."""
    yield from long_reads(view)
    for transfer in view.transfers:
        error, half = transfer.error, _OTHER_LAP - 1 - transfer.window_size <= transfer.last_acked <= _OTHER_LAP
        if transfer.direction == "read" and half and error is not None and error.sender is Sender.SERVER:
            yield transfer


def _after_the_last_number(transfer: Transfer) -> tuple[Event, Event | None]:
    """The acknowledgment of block 65535, and the first block after it that is no copy of an earlier one."""
    asked: Event | None = None
    for event in transfer.events:
        packet = event.packet
        if event.sender is Sender.CLIENT and packet == Ack(LAST_BLOCK_NUMBER):
            asked = asked or event
        elif asked is not None and isinstance(packet, Data) and packet.block < _OTHER_LAP:
            return asked, event
    return asked or last_asked(transfer), None


# -- consequents ------------------------------------------------------------------------------------------------------


def is_reported(transfer: Transfer, _: View) -> Fact:
    """Which number follows 65535."""
    asked, following = _after_the_last_number(transfer)
    if following is None:
        return unclear("no block followed 65535", transfer.request_frames[0], asked.frame)
    number = cast("Data", following.packet).block
    return kept(f"65535 is followed by {number}", transfer.request_frames[0], asked.frame, following.frame)


def comes_to_its_end(transfer: Transfer, view: View) -> Fact:
    """The whole file comes, or the server says at once that it cannot."""
    asked, following = _after_the_last_number(transfer)
    frames = (transfer.request_frames[0], asked.frame, *(() if following is None else (following.frame,)))
    error = transfer.error
    if error is not None and error.sender is Sender.SERVER:
        last_number = min(transfer.last_acked, LAST_BLOCK_NUMBER)
        return broken(f"{describe(error.packet)} came after block {last_number}", *frames, error.frame)
    if following is not None and cast("Data", following.packet).block > 1:
        return broken(f"65535 was followed by {cast('Data', following.packet).block}", *frames)
    last = last_asked(transfer)
    size = known_size(view, transfer)
    if transfer.content.last_block is not None and size is not None and transfer.content.octets != size[0]:
        return broken(f"{transfer.content.octets} octets came, the file has {size[0]} ({size[1]})", *frames, last.frame)
    if not transfer.delivered:
        closed = port_closed(transfer, last.time, view) is not None
        if error is not None and not closed and error.time - last.time < view.window(transfer.server):
            return unclear("the client ended the transfer itself", *frames, error.frame)
        return nothing_came(transfer, last, "the transfer stopped after block 65535", view, *frames, last.frame)
    reference = view.reference_digest(transfer)
    if reference is not None and transfer.content.sha256 not in (None, reference[0]):
        return broken(
            f"the contents differ from what is known of the file (digest {reference[1]})", *frames, last.frame
        )
    return kept(f"{transfer.content.blocks} blocks came", *frames, last.frame)


# -- the table --------------------------------------------------------------------------------------------------------

_LARGE = (
    "a file of more than 65535 blocks would be needed: of 524,320 octets where the target grants blocks of 8, "
    "else of 32 MiB (its size in the ICS file, tftp.files)"
)


def _block(number: str, level: Level, text: str, clients: str = "") -> Requirement:
    return Requirement(
        f"TFTP-1350-BLK-{number}", "RFC 1350", "5 (unspecified)", level, Role.TFTP, text, derived=True, clients=clients
    )


RULES: tuple[AnyRule, ...] = (
    Rule(
        _block(
            "05",
            Level.MAY,
            "After block 65535 numbers begin again at 0.",
            "EDK2 and iPXE expect 0; a client that expects 1 reads 32 MiB at most, and so the other way round.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=long_reads,
        then=is_reported,
        expected=("0", "1, which some servers use"),
        lacking=_LARGE,
    ),
    Rule(
        _block("06", Level.MAY, "Files of more than 65535 blocks can be read.", "All that fetch large images."),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=long_reads_and_halves,
        then=comes_to_its_end,
        expected=("the whole file",),
        lacking=_LARGE,
    ),
    Rule(
        _block(
            "07",
            Level.MUST,
            "A read that is let in and comes to block 65535, or 32767, goes on to its end, and its octets stay right.",
            "All that fetch large images: a wrong wrap gives them a broken file, or none.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=long_reads_and_halves,
        then=comes_to_its_end,
        expected=("the whole file, 65535 being followed by 0 or by 1",),
        lacking=_LARGE,
    ),
)
