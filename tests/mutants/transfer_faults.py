"""Servers that do wrong what every transfer needs: requests, blocks, timers (RFC 1350, RFC 1123)."""

from __future__ import annotations

from dataclasses import replace

from pxeconform.protocol.tftp import Data, Error
from tests.mutants.fault import Fault
from tests.mutants.servers import reading, with_tftp
from tests.mutants.transfer_servers import (
    AnotherPortForEachBlock,
    BeginsAtZero,
    CarriesOn,
    EndsInsteadOfTryingAgain,
    FillsTheLastBlock,
    Garbles,
    LastOnce,
    NeverAgain,
    NeverGivesUpOptions,
    NeverGivesUpTheLast,
    NoEmptyBlock,
    NoEmptyFiles,
    OneBlockTooMany,
    ServesEmptiness,
    SevenBits,
    SkipsANumber,
    StopsInTheMiddle,
    Translates,
    TwoAtOnce,
    asking_again,
    complaining,
    leaking,
    no_strange_options,
    not_in,
    not_in_capitals,
    refusing,
    with_blocks_of,
    with_timers,
)

_OLD, _HOST = "TFTP-1350-", "TFTP-1123-"
_TRUNCATED = {f"{_OLD}MODE-04": "the first short block ends the file, so it is not whole"}
_CONSTANT = {f"{_HOST}TMO-02": "a timer that stays as it is does not grow"}

FAULTS: tuple[Fault, ...] = (
    Fault(
        "begins with block 0",
        f"{_OLD}OPEN-01",
        reading(BeginsAtZero),
        "answered with DATA 0",
        falls_with={f"{_OLD}BLK-01": "block 0 is not block 1"},
    ),
    Fault("says nothing of missing files", f"{_OLD}OPEN-03", refusing(lambda _: []), "no answer"),
    Fault("serves missing files empty", f"{_OLD}OPEN-03", with_tftp(ServesEmptiness), "DATA 1 came"),
    Fault(
        "goes on after a refusal",
        f"{_OLD}OPEN-03",
        refusing(lambda refused: [Error(refused.code, b"no"), Data(1, b"")]),
        "DATA 1 came",
    ),
    Fault(
        "no word on why modes have small letters",
        f"{_OLD}MODE-01",
        complaining(lambda packet, came: Error(0, b"What?") if not_in_capitals(packet, came) else None),
        "answered with ERROR 0",
    ),
    Fault("modes in small letters only", f"{_OLD}MODE-01", complaining(not_in_capitals), "answered with ERROR 4"),
    Fault(
        "serves any mode",
        f"{_OLD}MODE-03",
        asking_again(lambda asked: replace(asked, mode="octet") if asked.mode == "bogus" else asked),
        "answered with DATA 1",
    ),
    Fault("no netascii", f"{_HOST}MODE-01", complaining(not_in("netascii")), "netascii is answered with ERROR 4"),
    Fault(
        "no octet without options",
        f"{_HOST}MODE-02",
        complaining(not_in("octet", with_options=False)),
        "octet is answered with ERROR 4",
        falls_with={f"{_OLD}OPEN-01": "DATA 1 is owed in octet mode above all"},
    ),
    Fault(
        "serves the beginning of a mode",
        f"{_OLD}MODE-03",
        asking_again(lambda asked: replace(asked, mode="octet") if asked.mode == "oct" else asked),
        "mode 'oct' is answered with DATA 1",
    ),
    Fault(
        "serves mail",
        f"{_HOST}MODE-03",
        asking_again(lambda asked: replace(asked, mode="octet") if asked.mode == "mail" else asked),
        "'mail' is answered with DATA 1",
    ),
    Fault(
        "takes mail",
        f"{_HOST}MODE-03",
        asking_again(
            lambda asked: replace(asked, mode="octet") if (asked.mode, asked.opcode) == ("mail", 2) else asked
        ),
        "'mail' is answered with ACK 0",
    ),
    Fault("refuses a strange tail", "TFTP-1785-OPT-01", complaining(no_strange_options), "answered with ERROR 8"),
    Fault("another port for each block", f"{_OLD}TID-04", reading(AnotherPortForEachBlock), "came from port"),
    Fault("skips a number", f"{_OLD}BLK-01", reading(SkipsANumber), "block 3 came where block 2 was due"),
    Fault("stops in the middle", f"{_OLD}BLK-01", reading(StopsInTheMiddle), "block 2 never came"),
    Fault("two blocks at once", f"{_OLD}BLK-03", with_tftp(TwoAtOnce), "came before block"),
    Fault("blocks of 500 octets", f"{_OLD}BLK-04", with_blocks_of(500), "is short", falls_with=_TRUNCATED),
    Fault("blocks of 513 octets", f"{_OLD}BLK-04", with_blocks_of(513), "a block of 513 octets"),
    Fault("one block too many", f"{_OLD}END-01", reading(OneBlockTooMany), "came after the last block"),
    Fault("fills the last block", f"{_OLD}END-01", reading(FillsTheLastBlock), "and no short block"),
    Fault("no empty block", f"{_OLD}END-02", reading(NoEmptyBlock), "no empty block came"),
    Fault("no empty files", f"{_OLD}END-03", with_tftp(NoEmptyFiles), "answered with ERROR 1"),
    Fault("last block once", f"{_OLD}END-04", reading(LastOnce), "did not come again", patience=6.5),
    Fault("carries on", f"{_OLD}END-06", reading(CarriesOn), "came after the last acknowledgment"),
    Fault("seven bits of eight", f"{_OLD}MODE-04", with_tftp(SevenBits), "the contents differ"),
    Fault("translates octet", f"{_OLD}MODE-04", with_tftp(Translates), "the contents differ"),
    Fault(
        "leaks what it had read",
        f"{_OLD}ISO-01",
        leaking(),
        "the contents differ",
        falls_with={f"{_OLD}MODE-04": "a file with somebody else's octets is not the file"},
    ),
    Fault("never sends again", f"{_OLD}RTX-01", reading(NeverAgain), "did not come again", patience=6.5),
    Fault("garbles what it sends again", f"{_OLD}RTX-01", reading(Garbles), "with other octets"),
    Fault(
        "ends instead of trying again",
        f"{_OLD}RTX-01",
        reading(EndsInsteadOfTryingAgain),
        "ERROR 0 came, and block 1 not once again",
    ),
    Fault("never gives up the last block", f"{_OLD}RTX-02", reading(NeverGivesUpTheLast), "and no end"),
    Fault("never gives up options", f"{_OLD}RTX-02", reading(NeverGivesUpOptions), "and no end"),
    Fault("never gives up", f"{_OLD}RTX-02", with_timers(0.06, 0.1, 0.15, 0.24, 0.08, tries=10_000), "and no end"),
    Fault("the same timer always", f"{_HOST}TMO-01", with_timers(0.2), "all the same", falls_with=_CONSTANT),
    Fault("a timer with the same step", f"{_HOST}TMO-02", with_timers(0.2, 0.4, 0.6, 0.8, 1.0), "by the same step"),
    Fault("a timer that stands still", f"{_HOST}TMO-02", with_timers(0.1, 0.3, 0.3, 0.5), "do not grow"),
)
