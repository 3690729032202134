"""Servers that refuse wrongly, or not at all, or die of it (RFC 1350, RFC 1123, RFC 906)."""

from __future__ import annotations

from dataclasses import replace

from pxeconform.protocol.tftp import Ack, Data, Error
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.requirements.ledger import Claims
from tests.mutants.arena import sound_claims
from tests.mutants.fault import Fault
from tests.mutants.refusal_servers import (
    AnswersBroadcasts,
    AnswersErrors,
    AnswersStrayErrors,
    CompletesRequests,
    IgnoresError5,
    IgnoresErrors,
    LetsAnybodyWrite,
    Overwrites,
    ReadsHalfTheOpcode,
    RepeatsErrors,
    ServesTheNameless,
    answering,
    answering_errors,
    dying_of,
    giving,
    with_code,
)
from tests.mutants.servers import reading, with_tftp

_OLD, _HOST = "TFTP-1350-", "TFTP-1123-"


def _nothing_writable() -> Claims:
    return replace(sound_claims(), writable=None)


FAULTS: tuple[Fault, ...] = (
    Fault("wrong code for missing files", f"{_OLD}ERR-01", with_code(0, ErrorCode.FILE_NOT_FOUND), "ERROR 0"),
    Fault("wrong code for access", f"{_OLD}ERR-02", with_code(4, ErrorCode.ACCESS_VIOLATION), "ERROR 4 for"),
    Fault(
        "wrong code for operations",
        f"{_OLD}ERR-03",
        answering(lambda octets: Error(0, b"what") if octets[:2] == b"\0\x09" else None),
        "drew ERROR 0",
    ),
    Fault("reads half the opcode", f"{_OLD}ERR-03", with_tftp(ReadsHalfTheOpcode), "drew DATA 1"),
    Fault("dies of operations", f"{_OLD}ERR-03", dying_of(lambda octets: octets[:2] == b"\0\x09"), "answers nobody"),
    Fault(
        "wrong code for old files",
        f"{_OLD}ERR-04",
        with_code(0, ErrorCode.FILE_EXISTS),
        "for a file that exists",
    ),
    Fault(
        "overwrites",
        f"{_OLD}ERR-04",
        with_tftp(Overwrites),
        "overwritten",
        claims=lambda: replace(sound_claims(), overwrite=False),
    ),
    Fault("messages without NUL", f"{_OLD}ERR-05", answering_errors(lambda octets: octets[:-1]), "no final NUL"),
    Fault("messages with a tail", f"{_OLD}ERR-05", answering_errors(lambda octets: octets + b"x"), "1 more octets"),
    Fault("repeats errors", f"{_OLD}ERR-06", with_tftp(RepeatsErrors), "came 2 times"),
    Fault("ignores errors", f"{_OLD}ERR-07", reading(IgnoresErrors), "came after the client's ERROR"),
    Fault("ignores error 5", "TFTP-906-02", reading(IgnoresError5), "came after the client's ERROR"),
    Fault("answers errors", f"{_OLD}ERR-08", reading(AnswersErrors), "in answer to an ERROR"),
    Fault("answers stray errors", f"{_OLD}ERR-08", with_tftp(AnswersStrayErrors), "in answer to an ERROR"),
    Fault("completes requests", f"{_OLD}MAL-01", with_tftp(CompletesRequests), "drew DATA 1"),
    Fault(
        "dies of broken requests", f"{_OLD}MAL-01", dying_of(lambda octets: octets.endswith(b"octet")), "answers nobody"
    ),
    Fault("serves the nameless", f"{_OLD}MAL-02", with_tftp(ServesTheNameless), "answered with DATA 1"),
    Fault("dies of no name", f"{_OLD}MAL-02", dying_of(lambda octets: octets[:3] == b"\0\1\0"), "answers nobody"),
    Fault("dies of nothing", f"{_OLD}MAL-03", dying_of(lambda octets: not octets), "answers nobody"),
    Fault("dies of three octets", f"{_OLD}MAL-03", dying_of(lambda octets: len(octets) == 3), "answers nobody"),
    Fault(
        "acknowledges anything",
        f"{_OLD}MAL-04",
        answering(lambda octets: Ack(1) if octets[:2] == b"\0\3" else None),
        "a stray DATA drew ACK 1",
    ),
    Fault(
        "sends anybody data",
        f"{_OLD}MAL-04",
        answering(lambda octets: Data(2, b"more") if octets[:2] == b"\0\4" else None),
        "a stray ACK drew DATA 2",
    ),
    Fault("dies of long names", f"{_OLD}MAL-05", dying_of(lambda octets: len(octets) > 400), "answers nobody"),
    Fault("dies of folders", f"{_OLD}MAL-05", dying_of(lambda octets: octets[:4] == b"\0\1/\0"), "answers nobody"),
    Fault("gives what is above the root", f"{_OLD}SEC-01", giving(lambda name: b".." in name), "octets of"),
    Fault("gives system files", f"{_HOST}ACL-01", giving(lambda name: name[:5] == b"/etc/"), "octets of /etc/"),
    Fault(
        "lets anybody write",
        f"{_OLD}SEC-02",
        with_tftp(LetsAnybodyWrite),
        "answered with ACK 0",
        claims=_nothing_writable,
    ),
    Fault("answers broadcast reads", f"{_HOST}BC-01", AnswersBroadcasts, "answered with ERROR 1"),
    Fault("answers broadcast writes", f"{_HOST}BC-02", AnswersBroadcasts, "answered with ERROR 1"),
)
