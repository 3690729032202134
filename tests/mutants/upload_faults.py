"""Servers that do wrong what they take, and what they turn into netascii (RFC 1350, RFC 1123)."""

from __future__ import annotations

from tests.mutants.fault import Fault
from tests.mutants.servers import SorcerersApprentice, reading, with_tftp
from tests.mutants.transfer_servers import ActsOnOldAcknowledgments
from tests.mutants.upload_servers import (
    AcknowledgesTheNext,
    AcknowledgesTheOneBefore,
    AcknowledgesTwice,
    AcknowledgesUpToThree,
    BeginsWithAck1,
    DeafWhileDallying,
    DoesNotDally,
    EndsBelow512,
    LongAcknowledgments,
    LosesTheLastBlock,
    LosesWhatStraddles,
    NeverGivesUpWrites,
    NoFileForEither,
    OneChanceToWrite,
    OneFileForBoth,
    SilentToRepetitions,
    StopsAcknowledging,
    StoresTwice,
    TakesFromStrangers,
    WritesTexts,
    storing,
    translating,
    writing,
)

_OLD, _HOST, _TEXT = "TFTP-1350-", "TFTP-1123-", "TFTP-1350-NETASCII-"

FAULTS: tuple[Fault, ...] = (
    Fault("begins writes with ACK 1", f"{_OLD}OPEN-02", writing(BeginsWithAck1), "answered with ACK 1"),
    Fault("acknowledges the next block", f"{_OLD}BLK-02", writing(AcknowledgesTheNext), "drew ACK 2"),
    Fault("acknowledges the block before", f"{_OLD}BLK-02", writing(AcknowledgesTheOneBefore), "drew ACK 0"),
    Fault("acknowledges twice", f"{_OLD}BLK-02", writing(AcknowledgesTwice), "two acknowledgments at once"),
    Fault("acknowledges up to block 3", f"{_OLD}BLK-02", writing(AcknowledgesUpToThree), "block 4 drew ACK 3"),
    Fault("ends below 512 octets", "TFTP-2348-BLK-08", writing(EndsBelow512), "was not acknowledged"),
    Fault("stops acknowledging", f"{_OLD}BLK-02", writing(StopsAcknowledging), "block 2 was not acknowledged"),
    Fault("long acknowledgments", f"{_OLD}BLK-02", writing(LongAcknowledgments), "an ACK of 8 octets"),
    Fault("silent to repeated blocks", f"{_OLD}RTX-03", writing(SilentToRepetitions), "was not acknowledged"),
    Fault("stores repeated blocks twice", f"{_OLD}RTX-03", writing(StoresTwice), "differs from what was written"),
    Fault("one chance to write", f"{_OLD}RTX-04", with_tftp(OneChanceToWrite), "the repeated request drew ERROR 6"),
    Fault("does not dally", f"{_OLD}END-05", writing(DoesNotDally), "the port is closed"),
    Fault("deaf while dallying", f"{_OLD}END-05", writing(DeafWhileDallying), "was not acknowledged again"),
    Fault("takes from strangers", f"{_OLD}TID-10", writing(TakesFromStrangers), "differs from what was written"),
    Fault("one file for both", f"{_OLD}TID-11", with_tftp(OneFileForBoth), "differs from what was written"),
    Fault("no file for either", f"{_OLD}TID-11", with_tftp(NoFileForEither), "is not there: ERROR 1"),
    Fault("never gives up writes", f"{_OLD}RTX-02", writing(NeverGivesUpWrites), "and no end"),
    Fault("writes texts", f"{_OLD}MODE-05", writing(WritesTexts), "differs from what was written"),
    Fault("loses the last block", f"{_OLD}MODE-05", writing(LosesTheLastBlock), "differs from what was written"),
    Fault("texts as they are", f"{_TEXT}01", translating(lambda text: text), "without a carriage return"),
    Fault(
        "lines without feeds",
        f"{_TEXT}01",
        translating(lambda text: text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\0")),
        "on the wire",
    ),
    Fault(
        "bare returns as such",
        f"{_TEXT}02",
        translating(lambda text: text.replace(b"\n", b"\r\n")),
        "neither LF nor",
    ),
    Fault(
        "bare returns left out",
        f"{_TEXT}02",
        translating(lambda text: text.replace(b"\r", b"").replace(b"\n", b"\r\n")),
        "0 times CR NUL",
    ),
    Fault("loses what straddles", f"{_TEXT}03", with_tftp(LosesWhatStraddles), "falls on the edge of block"),
    Fault("stores texts as they come", f"{_TEXT}04", storing(lambda data: data), "stored as it was sent"),
    Fault("stores CR LF", f"{_TEXT}04", storing(lambda data: data.replace(b"\r\0", b"\r")), "stored with CR LF"),
    Fault(
        "doubles all blocks",
        f"{_HOST}SAS-02",
        reading(SorcerersApprentice),
        "blocks came twice",
    ),
    Fault("acts on old acknowledgments", f"{_HOST}SAS-03", reading(ActsOnOldAcknowledgments), "drew block"),
)
