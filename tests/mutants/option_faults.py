"""Faults of option negotiation: RFC 2347, and the RFCs of single options."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from pxeconform.protocol.tftp import Error
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.requirements.ledger import Claims, KnownFile
from pxeconform.server.tftp import ReadTransfer
from tests.mutants.arena import sound_claims
from tests.mutants.fault import Fault
from tests.mutants.option_servers import (
    LARGE_NAME,
    LARGE_SIZE,
    WIDE,
    WIDE_NAME,
    AcknowledgesEachBlock,
    AcknowledgesMissingFiles,
    AnswersErrors,
    BeginsWithBlock2,
    CountsInFifteenBits,
    DataWithTheOack,
    DeafAfterHalfAnOption,
    DeafToErrors,
    DoublesOptions,
    EchoesEverything,
    EmptyOack,
    FailsAtTheLastNumber,
    ForgetsTheTail,
    FullWindowsOnly,
    GoesOnAfterATimeout,
    IgnoresGaps,
    IgnoresTheAgreedSize,
    NeverAcknowledgesWindows,
    NeverAgain,
    NeverGivesUp,
    NoAckAfterTheOack,
    NoDataAfterTheOack,
    NoEmptyBlock,
    NoResendOfWindows,
    OackAfterData,
    OackAndAck0,
    OackOnce,
    OackThenData,
    OtherErrorWithOptions,
    OtherOctetsAfterTheWrap,
    OwnTimer,
    RefusesAfterProbes,
    RefusesLongBlocks,
    RemembersProbes,
    RepeatsBlock1,
    ResendsTheLastBlock,
    ShortensBlocksInWindows,
    SilentOnGaps,
    SizeInNetascii,
    SlidesOn,
    StopsAtTheLastNumber,
    TakesBlocksBehindGaps,
    TakesGapsForTheEnd,
    TwoBlocksForSmallFiles,
    WrapsToTwo,
    acknowledging,
    agreeing,
    any_block_size,
    asking,
    granting,
    hanging_on,
    only_lower_case,
    only_the_first,
    reading,
    refusing,
    sending,
    silently,
    size_modulo,
    unknown,
    up_to_the_unknown,
    with_size,
    with_wide_file,
    with_window,
    without,
    writing,
)
from tests.mutants.servers import with_tftp

_NEGOTIATION = "TFTP-2347-"
_OACK, _OPT = f"{_NEGOTIATION}OACK-", f"{_NEGOTIATION}OPT-"
_BLK, _TMO, _TSZ = "TFTP-2348-BLK-", "TFTP-2349-TMO-", "TFTP-2349-TSZ-"
_TOO_LONG = {f"{_OACK}04": "DATA 1 is already too long"}
_WIN = "TFTP-7440-WIN-"
_REFUSED = Error(ErrorCode.OPTION_NEGOTIATION_FAILED, b"options")


def claiming(*options: str) -> Callable[[], Claims]:
    """A server that is said to have these options."""
    return lambda: replace(sound_claims(), tftp_options=options)


def claiming_a_large_file() -> Claims:
    return replace(sound_claims(), files=(*sound_claims().files, KnownFile(LARGE_NAME, LARGE_SIZE)))


def claiming_a_wide_file() -> Claims:
    known = KnownFile(WIDE_NAME, len(WIDE), hashlib.sha256(WIDE).hexdigest())
    return replace(sound_claims(), files=(*sound_claims().files, known))


def _at_the_wrap(name: str, kind: type[ReadTransfer], told: str) -> Fault:
    return Fault(name, "TFTP-1350-BLK-07", reading(kind), told, claims=claiming_a_wide_file, config=with_wide_file)


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0


def _larger(text: str, least: int = 1) -> str | None:
    return str(_number(text) + 1) if least <= _number(text) <= (200 if least == 1 else 60000) else None


def _with_decimals(text: str) -> str | None:
    return f"{text}.0" if _larger(text) else None


def _forced(text: str) -> str:
    return str(min(255, max(1, _number(text))))


FAULTS: tuple[Fault, ...] = (
    Fault(
        "acknowledges a block size that nobody asked for",
        f"{_OACK}01",
        acknowledging(
            lambda options: options if dict(options).keys() & {"blksize"} else (*options, ("blksize", "512"))
        ),
        "acknowledged blksize",
    ),
    Fault("one NUL too many in the OACK", f"{_OACK}02", sending(lambda octets: octets + b"\0"), "malformed"),
    Fault("two NULs too many in the OACK", f"{_OACK}02", sending(lambda octets: octets + b"\0\0"), "NULs behind"),
    Fault("no last NUL in the OACK", f"{_OACK}02", sending(lambda octets: octets[:-1]), "malformed"),
    Fault("DATA with the OACK", f"{_OACK}03", reading(DataWithTheOack), "DATA 1 came before ACK 0"),
    Fault("OACK after DATA", f"{_OACK}03", reading(OackAfterData), "DATA 1 came before ACK 0"),
    Fault("no DATA after the OACK", f"{_OACK}04", reading(NoDataAfterTheOack), "no DATA came after ACK 0"),
    Fault("begins with block 2", f"{_OACK}04", reading(BeginsWithBlock2), "ACK 0 was answered with DATA 2"),
    Fault("ignores the agreed size", f"{_OACK}04", reading(IgnoresTheAgreedSize), "128 were agreed"),
    Fault("OACK and ACK 0", f"{_OACK}05", writing(OackAndAck0), "both an OACK and an ACK 0"),
    Fault("no ACK after the OACK", f"{_OACK}05", writing(NoAckAfterTheOack), "was not acknowledged"),
    Fault("deaf to ERROR 8", f"{_OACK}06", reading(DeafToErrors), "OACK came after ERROR 8"),
    Fault("answers ERROR 8", f"{_OACK}06", reading(AnswersErrors), "ERROR 0 came after ERROR 8"),
    Fault("OACK only once", f"{_OACK}07", reading(OackOnce), "the OACK never came again"),
    Fault("another OACK again", f"{_OACK}07", reading(OackThenData), "another OACK came"),
    Fault(
        "repeats block 1",
        f"{_OACK}08",
        reading(RepeatsBlock1),
        "2 copies",
        falls_with={"TFTP-1123-SAS-01": "ACK 0 is an acknowledgment like others"},
    ),
    Fault("refuses unknown options", f"{_OPT}01", refusing(lambda asked, _: unknown(asked), _REFUSED), "with ERROR 8"),
    Fault("silent on unknown options", f"{_OPT}01", refusing(lambda asked, _: unknown(asked), None), "got no answer"),
    Fault("echoes unknown options", f"{_OPT}01", with_tftp(EchoesEverything), "x-pxeconform was acknowledged"),
    Fault("empty OACK", f"{_OPT}02", with_tftp(EmptyOack), "an empty OACK"),
    Fault("knows lower case only", f"{_OPT}03", asking(only_lower_case), "nothing when asked for"),
    Fault("takes the first option only", f"{_OPT}04", asking(only_the_first), "acknowledged first"),
    Fault("stops at an unknown option", f"{_OPT}04", asking(up_to_the_unknown), "acknowledged first"),
    Fault("options without an OACK", f"{_OPT}05", agreeing(lambda _, agreed: silently(agreed)), "1024 octets came"),
    Fault("short requests only", f"{_OPT}06", refusing(lambda _, octets: len(octets) > 256, _REFUSED), "with ERROR 8"),
    Fault("hangs on half an option", f"{_OPT}07", with_tftp(DeafAfterHalfAnOption), "answers nothing any more"),
    Fault("doubles options", f"{_OPT}08", with_tftp(DoublesOptions), "2 times"),
    Fault("acknowledges missing files", f"{_OPT}09", with_tftp(AcknowledgesMissingFiles), "answered with OACK"),
    Fault("another ERROR with options", f"{_OPT}09", with_tftp(OtherErrorWithOptions), "answered with ERROR 8"),
    Fault(
        "a larger block size",
        f"{_BLK}01",
        granting("blksize", lambda asked: _larger(asked, 512)),
        "asked for 1024, acknowledged 1025",
    ),
    Fault(
        "raises small block sizes",
        f"{_BLK}01",
        granting("blksize", lambda asked: "8" if _number(asked) < 8 else asked),
        "asked for 7, acknowledged 8",
        falls_with={f"{_BLK}05": "what is no number is acknowledged as it is"},
    ),
    Fault(
        "no number for a block size",
        f"{_BLK}01",
        granting("blksize", lambda asked: f"{asked}.0" if _larger(asked, 512) else None),
        "no number",
    ),
    Fault("block size claimed only", f"{_BLK}01", asking(without("blksize")), "claimed", claims=claiming("blksize")),
    Fault("one octet less in each block", f"{_BLK}02", with_size(lambda size: size - 1), "octets, 128 were agreed"),
    Fault(
        "one octet more in each block",
        f"{_BLK}02",
        with_size(lambda size: size + 1),
        "octets, 128 were agreed",
        falls_with=_TOO_LONG,
    ),
    Fault(
        "512 octets whatever was agreed",
        f"{_BLK}02",
        with_size(lambda _: 512),
        "512 octets, 128 were agreed",
        falls_with=_TOO_LONG,
    ),
    Fault(
        "refuses the least block size",
        f"{_BLK}03",
        refusing(lambda asked, _: ("blksize", "8") in asked.options, _REFUSED),
        "asked for 8, refused with ERROR 8",
    ),
    Fault(
        "16 for the least block size",
        f"{_BLK}03",
        granting("blksize", lambda asked: "16" if asked == "8" else asked),
        "asked for 8, acknowledged 16",
        falls_with={f"{_BLK}01": "16 is above what was asked for", f"{_BLK}02": "the blocks still have 8 octets"},
    ),
    Fault(
        "more than the greatest block size",
        f"{_BLK}04",
        granting("blksize", lambda asked: "65535" if asked == "65464" else asked),
        "acknowledged 65535",
        falls_with={f"{_BLK}01": "65535 is above what was asked for"},
    ),
    Fault("acknowledges any block size", f"{_BLK}05", any_block_size, "acknowledged 0"),
    Fault(
        "echoes any block size", f"{_BLK}05", granting("blksize", lambda asked: asked), "asked for 0, acknowledged 0"
    ),
    Fault(
        "block size 1 for none",
        f"{_BLK}05",
        granting("blksize", lambda asked: "1" if _number(asked) < 8 else asked),
        "asked for 0, acknowledged 1",
        falls_with={f"{_BLK}01": "1 is above 0"},
    ),
    Fault("no empty block of the agreed size", f"{_BLK}06", reading(NoEmptyBlock), "no empty block"),
    Fault(
        "two blocks for small files",
        f"{_BLK}07",
        reading(TwoBlocksForSmallFiles),
        "DATA 2 has 0 octets",
        falls_with={f"{_BLK}02": "the first block is short, and another one comes"},
    ),
    Fault("forgets the tail of blocks", f"{_BLK}08", writing(ForgetsTheTail), "others (1624) were read"),
    Fault("refuses long blocks", f"{_BLK}08", writing(RefusesLongBlocks), "ERROR 4 came"),
    Fault("another timeout", f"{_TMO}01", granting("timeout", _larger), "asked for 1, acknowledged 2"),
    Fault("a timeout with decimals", f"{_TMO}01", granting("timeout", _with_decimals), "acknowledged 1.0"),
    Fault("own timer", f"{_TMO}02", reading(OwnTimer), "3 s were agreed"),
    Fault("never again with a timeout", f"{_TMO}02", reading(NeverAgain), "nothing came again"),
    Fault("any timeout", f"{_TMO}03", granting("timeout", str), "asked for 0, acknowledged 0"),
    Fault("timeouts forced into range", f"{_TMO}03", granting("timeout", _forced), "asked for 256, acknowledged 255"),
    Fault(
        "refuses long timeouts",
        f"{_TMO}04",
        refusing(lambda asked, _: ("timeout", "255") in asked.options, _REFUSED),
        "answered with ERROR 8",
    ),
    Fault("tsize echoed", f"{_TSZ}01", granting("tsize", str), "0 was acknowledged"),
    Fault("tsize in blocks", f"{_TSZ}01", granting("tsize", "9"), "9 was acknowledged"),
    Fault("tsize claimed only", f"{_TSZ}01", asking(without("tsize")), "claimed", claims=claiming("tsize")),
    Fault(
        "tsize 0 on writes",
        f"{_TSZ}02",
        agreeing(lambda _, agreed: replace(agreed, options=(("tsize", "0"),)), of=Opcode.WRQ),
        "0 acknowledged",
    ),
    Fault("silent after a question for the size", f"{_TSZ}04", with_tftp(RemembersProbes), "got no answer"),
    Fault("refuses after a question for the size", f"{_TSZ}04", with_tftp(RefusesAfterProbes), "answered with ERROR 0"),
    Fault(
        "tsize in 32 bits",
        f"{_TSZ}05",
        size_modulo,
        "5032704 was acknowledged",
        claims=claiming_a_large_file,
        falls_with={f"{_TSZ}01": "it is a size like others"},
    ),
    Fault("tsize of the file in netascii", f"{_TSZ}06", with_tftp(SizeInNetascii), "octets came"),
    Fault("a larger window", f"{_WIN}01", granting("windowsize", _larger), "asked for 1, acknowledged 2"),
    Fault("window claimed only", f"{_WIN}01", asking(without("windowsize")), "claimed", claims=claiming("windowsize")),
    Fault(
        "window of 1 for none",
        f"{_WIN}01",
        granting("windowsize", lambda asked: "1" if asked == "0" else asked),
        "asked for 0, acknowledged 1",
        falls_with={f"{_WIN}02": "what is no number is acknowledged as it is"},
    ),
    Fault("any window", f"{_WIN}02", granting("windowsize", str), "asked for 65536, acknowledged 65536"),
    Fault("one block more in each window", f"{_WIN}03", with_window(lambda size: size + 1), "4 blocks were agreed"),
    Fault("one block less in each window", f"{_WIN}03", with_window(lambda size: max(1, size - 1)), "3 of 4 blocks"),
    Fault("one by one in spite of windows", f"{_WIN}03", with_window(lambda _: 1), "1 of 4 blocks"),
    Fault(
        "two blocks for a window of one", f"{_WIN}04", with_window(lambda size: max(2, size)), "DATA 2 came after ACK 0"
    ),
    Fault("the last block of a window again", f"{_WIN}05", reading(ResendsTheLastBlock), "DATA 8 came again first"),
    Fault("windows never again", f"{_WIN}05", reading(NoResendOfWindows), "nothing came again"),
    Fault("goes on after a timeout", f"{_WIN}03", reading(GoesOnAfterATimeout), "4 blocks were agreed"),
    Fault("ignores gaps", f"{_WIN}06", reading(IgnoresGaps), "ACK 2 inside a window was followed by DATA 1"),
    Fault("takes gaps for the end", f"{_WIN}06", reading(TakesGapsForTheEnd), "was followed by DATA 5"),
    Fault("slides on", f"{_WIN}06", reading(SlidesOn), "was followed by DATA 5"),
    Fault("full windows only", f"{_WIN}07", reading(FullWindowsOnly), "the last window did not come"),
    Fault("acknowledges each block", f"{_WIN}08", writing(AcknowledgesEachBlock), "ACK 1 came inside a window"),
    Fault("never acknowledges windows", f"{_WIN}08", writing(NeverAcknowledgesWindows), "no ACK came for the window"),
    Fault("silent on gaps", f"{_WIN}09", writing(SilentOnGaps), "a gap was not answered"),
    Fault("takes blocks behind gaps", f"{_WIN}09", writing(TakesBlocksBehindGaps), "answered with ACK 4"),
    Fault("never gives up windows", f"{_WIN}10", reading(NeverGivesUp), "times"),
    Fault("short blocks in windows", f"{_WIN}11", reading(ShortensBlocksInWindows), "31 octets, 32 were agreed"),
    _at_the_wrap("stops at the last number", StopsAtTheLastNumber, "the transfer stopped after block 65535"),
    _at_the_wrap("fails at the last number", FailsAtTheLastNumber, "ERROR 0 came after block 65535"),
    _at_the_wrap("counts in fifteen bits", CountsInFifteenBits, "ERROR 0 came after block 32742"),
    _at_the_wrap("wraps to two", WrapsToTwo, "65535 was followed by 2"),
    _at_the_wrap("other octets after the wrap", OtherOctetsAfterTheWrap, "the contents differ"),
    Fault("hangs on a block size of 0", f"{_BLK}05", hanging_on("blksize", "0"), "answers nothing any more"),
    Fault(
        "hangs on a timeout that is no number", f"{_TMO}03", hanging_on("timeout", "abc"), "answers nothing any more"
    ),
    Fault("hangs on an empty windowsize", f"{_WIN}02", hanging_on("windowsize", ""), "answers nothing any more"),
)
