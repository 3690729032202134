"""Faults of option negotiation: RFC 2347, and the RFCs of single options."""

from __future__ import annotations

from pxeconform.protocol.tftp import Error
from pxeconform.registry.tftp_codes import ErrorCode
from tests.mutants.fault import Fault
from tests.mutants.option_servers import (
    AcknowledgesMissingFiles,
    AnswersErrors,
    BeginsWithBlock2,
    DataWithTheOack,
    DeafAfterHalfAnOption,
    DeafToErrors,
    DoublesOptions,
    EchoesEverything,
    EmptyOack,
    IgnoresTheAgreedSize,
    NoAckAfterTheOack,
    NoDataAfterTheOack,
    OackAfterData,
    OackAndAck0,
    OackOnce,
    OackThenData,
    OtherErrorWithOptions,
    RepeatsBlock1,
    acknowledging,
    agreeing,
    asking,
    only_lower_case,
    only_the_first,
    reading,
    refusing,
    sending,
    silently,
    unknown,
    up_to_the_unknown,
    writing,
)
from tests.mutants.servers import with_tftp

_NEGOTIATION = "TFTP-2347-"
_OACK, _OPT = f"{_NEGOTIATION}OACK-", f"{_NEGOTIATION}OPT-"
_REFUSED = Error(ErrorCode.OPTION_NEGOTIATION_FAILED, b"options")

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
)
