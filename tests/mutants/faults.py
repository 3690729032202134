"""Faults of transfer identifiers, boot server discovery, and credentials."""

from __future__ import annotations

import struct
from dataclasses import replace

from pxeconform.protocol.credentials import build_credentials
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.requirements.ledger import Claims
from pxeconform.server.bootserver import BootServer
from tests.mutants.arena import (
    BOOT_FILE,
    claims_without_credentials,
    other_signer,
    signer,
    sound_claims,
    without_credentials,
)
from tests.mutants.fault import Fault
from tests.mutants.servers import (
    AnswersAnybody,
    AnswersForOthers,
    AnyCredentials,
    BootFileForImpossibleTypes,
    DropsTheFirst,
    EndedByErrorsOfStrangers,
    EndedByGarbageOfStrangers,
    EndedByStrangers,
    FallsSilentOnStrangers,
    IgnoresTheBit,
    LeavesFromAnywhere,
    MovedByStrangers,
    OneIdentifierForAll,
    OneStreamForAll,
    OneStreamForEachClient,
    OwnOrder,
    Parts,
    RefusesCredentials,
    RepliesToNextPort,
    SilentToStrangers,
    SinglePort,
    SorcerersApprentice,
    StallsTheFirst,
    VanishesOnStrangers,
    WrongCodeToStrangers,
    always_to,
    answering,
    certificate_instead,
    deaf_to,
    message_type,
    nameless,
    naming,
    no_bit,
    nothing_signed,
    old_version,
    other_program,
    other_type,
    reading,
    retagged,
    two_manifests,
    with_boot_server,
    with_credentials,
    with_option,
    with_tftp,
    with_types,
    without_options,
)


def _no_size_claims() -> Claims:
    return replace(sound_claims(), files=tuple(f for f in sound_claims().files if f.name != BOOT_FILE))


_TID, _DISC, _BIS = "TFTP-1350-TID-", "PXE-21-DISC-", "PXE-21-BIS-"
_UNLISTED = {f"{_BIS}12": "what the server names here, no client can have listed"}

FAULTS: tuple[Fault, ...] = (
    Fault("answers to the next port", f"{_TID}01", reading(RepliesToNextPort), "answered to port"),
    Fault("answers from the request port", f"{_TID}02", with_tftp(SinglePort), "where requests go"),
    Fault("one identifier for all", f"{_TID}03", with_tftp(OneIdentifierForAll), "two transfers in a row"),
    Fault("silent to strangers", f"{_TID}05", reading(SilentToStrangers), "nothing came to the stranger"),
    Fault("wrong code to strangers", f"{_TID}05", reading(WrongCodeToStrangers), "ERROR 4 to the stranger"),
    Fault("ended by strangers", f"{_TID}06", reading(EndedByStrangers), "the owner got ERROR"),
    Fault(
        "ended by a stranger's ERROR", f"{_TID}06", reading(EndedByErrorsOfStrangers), "the owner got no further block"
    ),
    Fault("ended by garbage", f"{_TID}06", reading(EndedByGarbageOfStrangers), "the owner got no further block"),
    Fault("vanishes on strangers", f"{_TID}06", reading(VanishesOnStrangers), "the owner got no further block"),
    Fault("falls silent on strangers", f"{_TID}06", reading(FallsSilentOnStrangers), "the owner got no further block"),
    Fault("moved by strangers", f"{_TID}07", reading(MovedByStrangers), "on the stranger's acknowledgment"),
    Fault("one stream for each client", f"{_TID}08", with_tftp(OneStreamForEachClient), "the contents differ"),
    Fault("drops the first transfer", f"{_TID}08", with_tftp(DropsTheFirst), "the transfer stopped"),
    Fault("stalls the first transfer", f"{_TID}08", with_tftp(StallsTheFirst), "the transfer stopped"),
    Fault("one stream for all", f"{_TID}09", with_tftp(OneStreamForAll), "the contents differ"),
    Fault("sorcerer's apprentice", "TFTP-1123-SAS-01", reading(SorcerersApprentice), "2 copies"),
    Fault("deaf to REQUEST", f"{_DISC}01", deaf_to(MessageType.REQUEST), "no answer"),
    Fault("deaf to INFORM", f"{_DISC}02", deaf_to(MessageType.INFORM), "no answer"),
    Fault("always to port 4011", f"{_DISC}05", always_to(4011), "port 4011"),
    Fault("sends an OFFER", f"{_DISC}06", message_type(MessageType.OFFER), "OFFER"),
    Fault("names no file", f"{_DISC}07", answering(nameless), "no boot file name"),
    Fault("names a file it lacks", f"{_DISC}07", answering(naming(b"gone")), "refuses the file"),
    Fault("no option 54", f"{_DISC}08", answering(without_options(Option.SERVER_IDENTIFIER)), "no option 54"),
    Fault(
        "wrong option 54", f"{_DISC}08", answering(with_option(Option.SERVER_IDENTIFIER, b"\x7f\0\0\2")), "127.0.0.2"
    ),
    Fault("no option 60", f"{_DISC}09", answering(without_options(Option.CLASS_IDENTIFIER)), "absent"),
    Fault(
        "option 60 too long",
        f"{_DISC}09",
        answering(lambda answer, asked: answer.with_options((60, asked.class_identifier or b""))),
        "32 octets",
    ),
    Fault("option 60 with a NUL", f"{_DISC}09", answering(with_option(60, b"PXEClient\0")), "10 octets"),
    Fault("no boot item", f"{_DISC}10", answering(retagged(lambda tags: {PxeTag.BOOT_SERVERS: b"\0" * 7})), "tag 71"),
    Fault(
        "boot item of two octets",
        f"{_DISC}10",
        answering(retagged(lambda tags: {PxeTag.BOOT_ITEM: tags[PxeTag.BOOT_ITEM][:2]})),
        "2 octets",
    ),
    Fault("another type", f"{_DISC}11", answering(retagged(other_type)), "answered with type"),
    Fault("answers for others", f"{_DISC}13", with_boot_server(AnswersForOthers), "answered with ACK"),
    Fault(
        "keeps ciaddr",
        f"{_DISC}15",
        answering(lambda answer, asked: replace(answer, ciaddr=asked.ciaddr)),
        "ciaddr is",
    ),
    Fault("no yiaddr", f"{_DISC}16", answering(lambda answer, _: replace(answer, yiaddr=NOWHERE)), "yiaddr is 0.0.0.0"),
    Fault("no UUID", f"{_DISC}17", answering(without_options(Option.CLIENT_UUID)), "is missing"),
    Fault("another UUID", f"{_DISC}17", answering(with_option(Option.CLIENT_UUID, bytes(17))), "differs"),
    Fault(
        "another transaction",
        f"{_DISC}18",
        answering(lambda answer, _: replace(answer, xid=answer.xid ^ 1)),
        "asked with xid",
    ),
    Fault(
        "another hardware address",
        f"{_DISC}18",
        answering(lambda answer, _: replace(answer, chaddr=b"\x02" * 6 + bytes(10))),
        "02:02:02:02:02:02",
    ),
    Fault("answers anybody", f"{_DISC}22", with_boot_server(AnswersAnybody), "answered with ACK"),
    Fault("leaves from anywhere", f"{_DISC}26", with_boot_server(LeavesFromAnywhere), "the source port is"),
    Fault("ignores the credential bit", f"{_BIS}01", with_boot_server(IgnoresTheBit), "answered with the boot file"),
    Fault(
        "refuses credentials that it claims",
        f"{_BIS}01",
        with_boot_server(RefusesCredentials),
        "answered with a NAK",
        config=without_credentials,
    ),
    Fault(
        "silent on credentials that it claims",
        f"{_BIS}01",
        with_boot_server(BootServer),
        "no answer",
        config=without_credentials,
    ),
    Fault(
        "boot file for impossible types", f"{_BIS}02", with_boot_server(BootFileForImpossibleTypes), "answered with ACK"
    ),
    Fault("any credentials", f"{_BIS}02", with_boot_server(AnyCredentials), "answered with ACK", falls_with=_UNLISTED),
    Fault(
        "no credential type",
        f"{_BIS}03",
        answering(retagged(lambda tags: {PxeTag.BOOT_ITEM: tags[PxeTag.BOOT_ITEM]}), credentials=True),
        "no credential type",
    ),
    Fault(
        "two credential types",
        f"{_BIS}03",
        answering(
            retagged(lambda tags: tags | {PxeTag.CREDENTIAL_TYPES: struct.pack("!II", 41, 42)}), credentials=True
        ),
        "8 octets",
    ),
    Fault("own order of types", f"{_BIS}04", with_boot_server(OwnOrder), "chose 0x2a, though 0x29"),
    Fault("names no credentials", f"{_BIS}05", answering(nameless, credentials=True), "no name"),
    Fault("names credentials it lacks", f"{_BIS}05", answering(naming(b"gone"), credentials=True), "refuses"),
    Fault(
        "no option 54 with credentials",
        f"{_BIS}06",
        answering(without_options(Option.SERVER_IDENTIFIER), credentials=True),
        "no option 54",
    ),
    Fault("no bit in the reply", f"{_BIS}07", answering(retagged(no_bit), credentials=True), "answered with"),
    Fault("another type with the bit", f"{_BIS}07", answering(retagged(other_type), credentials=True), "answered with"),
    Fault(
        "NAK without credentials",
        f"{_BIS}11",
        with_boot_server(RefusesCredentials),
        "answered with a NAK",
        claims=claims_without_credentials,
        config=without_credentials,
    ),
    Fault(
        "boot file without credentials",
        f"{_BIS}11",
        with_boot_server(IgnoresTheBit),
        "answered with a boot file",
        claims=claims_without_credentials,
        config=without_credentials,
    ),
    Fault(
        "a type that was not listed",
        f"{_BIS}12",
        answering(retagged(certificate_instead), credentials=True),
        "was not in the request's list",
    ),
    Fault(
        "a type that cannot be",
        f"{_BIS}13",
        answering(retagged(with_types(0x00800029)), credentials=True),
        "0x00800029",
        falls_with=_UNLISTED,
    ),
    Fault(
        "credentials named once",
        f"{_BIS}15",
        answering(without_options(Option.BOOT_FILE_NAME), credentials=True),
        "option 67 lacks",
    ),
    Fault(
        "credentials named in two ways",
        f"{_BIS}15",
        answering(lambda answer, _: replace(answer, file=b"something else"), credentials=True),
        "do not agree",
    ),
    Fault("no archive", f"{_BIS}16", with_credentials(lambda boot_file: b"\0" * 700), "no readable archive"),
    Fault("two manifests", f"{_BIS}16", with_credentials(two_manifests), "2 members are a manifest"),
    Fault("another program", f"{_BIS}17", other_program, "digest differs", claims=_no_size_claims),
    Fault(
        "digest of another section",
        f"{_BIS}18",
        with_credentials(lambda boot: Parts.of(boot, signer(), covered=lambda section: section + b" ").archive()),
        "digest differs",
    ),
    Fault(
        "signature over something else",
        f"{_BIS}19",
        with_credentials(lambda boot: Parts.of(boot, signer(), signed=nothing_signed).archive()),
        "signature",
    ),
    Fault(
        "signed by somebody else",
        f"{_BIS}20",
        with_credentials(lambda boot: build_credentials(boot, other_signer())),
        "not the authorization certificate's",
    ),
    Fault(
        "old manifest",
        f"{_BIS}21",
        with_credentials(lambda boot: Parts.of(boot, signer(), manifest=old_version).archive()),
        "Manifest-Version: 1.0",
    ),
    Fault(
        "size of the boot file",
        f"{_BIS}22",
        answering(with_option(Option.BOOT_FILE_SIZE, b"\0\x63"), credentials=True),
        "option 13 says 99",
    ),
)
