"""Netascii: RFC 1350 sections 1 and 5, with the ASCII of Telnet (RFC 764).

On the wire a line ends with CR LF, and a CR that ends no line is CR NUL. The octet form of the same file says what the
text is; what stands on the wire is compared with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pxeconform.protocol import netascii
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
from pxeconform.requirements.tftp.contents import octets_of
from pxeconform.requirements.tftp.writing import read_back
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Transfer

_BARE_FEED = re.compile(rb"(?<!\r)\n")
_BARE_RETURN = re.compile(rb"\r(?![\n\0])")

# -- antecedents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it came in netascii, and as it is, if that is known."""

    transfer: Transfer
    wire: bytes
    local: bytes | None

    @property
    def is_translated(self) -> bool:
        """The wire differs from the file: the server translates at all."""
        return self.local is not None and self.wire != self.local

    @property
    def straddles(self) -> list[int]:
        """The blocks that end with the CR of a pair, by the text's right form."""
        size, right = self.transfer.block_size, netascii.encode(self.local or b"")
        return [at // size for at in range(size, len(right), size) if right[at - 1 : at] == b"\r"]


def texts(view: View) -> list[Text]:
    """Every whole text that was read in netascii."""
    return view.memo(_texts)


def _texts(view: View) -> list[Text]:
    found = []
    for transfer in view.transfers:
        content = transfer.content
        whole = transfer.direction == "read" and transfer.delivered and len(content.head) == content.octets
        if whole and transfer.request.mode == "netascii":
            found.append(Text(transfer, bytes(content.head), octets_of(transfer.file, view)))
    return found


def with_lines(view: View) -> Iterator[Text]:
    """A text with line feeds was read in netascii."""
    return (text for text in texts(view) if b"\n" in (text.local if text.local is not None else text.wire))


def with_returns(view: View) -> Iterator[Text]:
    """A text with a bare carriage return was read in netascii."""
    for text in texts(view):
        if re.search(rb"\r(?!\n)", text.local if text.local is not None else text.wire):
            yield text


def across_blocks(view: View) -> Iterator[Text]:
    """A text was read in netascii in which a pair of octets falls on the edge of a block."""
    return (text for text in texts(view) if text.is_translated and text.straddles)


def written(view: View) -> Iterator[tuple[Transfer, Transfer]]:
    """A text was written in netascii, and read back in octet mode."""
    return ((write, read) for write, read in read_back(view) if write.request.mode == "netascii")


# -- consequents ------------------------------------------------------------------------------------------------------


def lines_end_with_cr_lf(text: Text, _: View) -> Fact:
    """Each LF comes with a CR before it, and there are as many as the file has lines."""
    frame = text.transfer.request_frames[0]
    if (bare := len(_BARE_FEED.findall(text.wire))) > 0:
        return broken(f"{bare} line feeds came without a carriage return", frame)
    if text.local is not None and text.wire.count(b"\n") != text.local.count(b"\n"):
        return broken(f"{text.local.count(10)} lines in the file, {text.wire.count(10)} on the wire", frame)
    return kept("each line ends with CR LF", frame)


def returns_are_cr_nul(text: Text, _: View) -> Fact:
    """Each CR comes with LF or NUL after it, and no CR is lost."""
    frame = text.transfer.request_frames[0]
    if (bare := len(_BARE_RETURN.findall(text.wire))) > 0:
        return broken(f"{bare} carriage returns came with neither LF nor NUL after them", frame)
    if text.local is not None:
        due, came = len(re.findall(rb"\r(?!\n)", text.local)), text.wire.count(b"\r\0")
        # A CR before an LF is the local end of a line for some, and an octet like others for the rest.
        if not due <= came <= text.local.count(b"\r"):
            return broken(f"{due} bare carriage returns in the file, {came} times CR NUL on the wire", frame)
    return kept("each bare CR comes as CR NUL", frame)


def nothing_is_lost_at_the_edge(text: Text, _: View) -> Fact:
    """Read backwards, the whole text is there."""
    frame, local = text.transfer.request_frames[0], text.local or b""
    if netascii.decode(text.wire) in (local, local.replace(b"\r\n", b"\n")):
        return kept(f"the pairs on the edges of blocks are whole ({len(text.straddles)})", frame)
    edge = f"a pair falls on the edge of block {text.straddles[0]}"
    return broken(f"{edge}, and the text differs from the file", frame)


def stored_in_local_form(pair: tuple[Transfer, Transfer], view: View) -> Fact:
    """CR LF has become the local end of a line, CR NUL a bare CR."""
    write, read = pair
    sent, stored = bytes(write.content.head), bytes(read.content.head)
    frames = write.request_frames[0], read.request_frames[0]
    if stored == netascii.decode(sent):
        return kept("stored with local ends of lines", *frames)
    if stored == sent.replace(b"\r\0", b"\r"):
        if any(text.local is not None and _BARE_FEED.search(text.local) for text in texts(view)):
            return broken("stored with CR LF, though the server's own texts have LF", *frames)
        return unclear("stored with CR LF, which may be the local end of a line there", *frames)
    what = "as it was sent" if stored == sent else f"as {len(stored)} octets that are not the text"
    return broken(f"stored {what}", *frames)


# -- the table --------------------------------------------------------------------------------------------------------

_A_TEXT = "a text file would be needed (tftp.text_file in the ICS file)"
_WHO = "Network gear that reads its configuration as text; no boot ROM."


def _rule(number: str, section: str, text: str) -> Requirement:
    return Requirement(f"TFTP-1350-NETASCII-{number}", "RFC 1350", section, Level.MUST, Role.TFTP, text, clients=_WHO)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _rule("01", "1 and 5", "In netascii a line ends with CR LF."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=with_lines,
        then=lines_end_with_cr_lf,
        expected=("CR LF where the file has the end of a line",),
        lacking=_A_TEXT,
    ),
    Rule(
        _rule("02", "1", "In netascii a CR that ends no line is CR NUL."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=with_returns,
        then=returns_are_cr_nul,
        expected=("CR NUL where the file has a bare CR",),
        lacking=_A_TEXT,
    ),
    Rule(
        _rule("03", "1", "Nothing is lost where CR LF or CR NUL falls on the edge of a block."),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=across_blocks,
        then=nothing_is_lost_at_the_edge,
        expected=("CR at the end of one block, LF or NUL at the beginning of the next",),
        lacking="a text in which a pair falls on the edge of a block would be needed",
    ),
    Rule(
        _rule("04", "5", "A text that is written in netascii is stored in the server's own form."),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=written,
        then=stored_in_local_form,
        expected=("the server's own ends of lines where CR LF was sent, CR where CR NUL was sent",),
        lacking="a writable area would be needed (tftp.writable in the ICS file)",
        assumes="nobody else writes to the same name",
    ),
)
