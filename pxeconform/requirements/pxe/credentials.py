"""Credentials, step 8: PXE 2.1 sections 2.2.1, 2.4.7, 2.4.8 and 2.5.3; their file: EFI 1.10 section 15.5.

A client that checks what it boots asks for the boot item's credentials: the same item with the layer's most
significant bit set, and a list of the certificates that it would believe. The server answers with one of these and the
name of a file, which holds the signed digest of the boot file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import CERTIFICATE_ID_DSA, CERTIFICATE_ID_MASK, CERTIFICATE_ID_RSA_MD5, PxeTag
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Holds,
    Kind,
    Level,
    Requirement,
    Role,
    Rule,
    Scope,
    broken,
    kept,
    unclear,
    unsupported,
)
from pxeconform.requirements.pxe.credential_requests import (
    NO_CREDENTIALS,
    Choice,
    Download,
    Silent,
    answers_or_silence,
    boot_file_of,
    choices,
    downloads,
    impossible_types,
    is_claimed,
    last_frame,
    listed_types,
    named_type,
    speaks_of_credentials,
    unclaimed,
    wanted,
    without_bit,
)
from pxeconform.requirements.pxe.requests import Answer, is_answered, is_silent, refusal, tags_of
from pxeconform.requirements.view import View
from pxeconform.sessions.exchanges import Exchange

if TYPE_CHECKING:
    from pxeconform.protocol.credentials import Verification

_NO_SINGLE_TYPE = "the reply does not name exactly one type"
_SIZE_UNIT = 512


# -- consequents ------------------------------------------------------------------------------------------------------


def _given(check: Callable[[Answer, View], Fact]) -> Callable[[Answer | Silent, View], Fact]:
    """The consequent of an answer; silence without a claim is `not_supported`."""

    @functools.wraps(check)
    def then(occasion: Answer | Silent, view: View) -> Fact:
        return _silence(occasion, view) if isinstance(occasion, Silent) else check(occasion, view)

    return then


def _silence(occasion: Silent, view: View) -> Fact:
    """Only silence that was watched to its end says that the server has no credentials."""
    request = occasion.exchange.request
    if occasion.exchange.replies or occasion.exchange.unreachable:
        return unsupported(NO_CREDENTIALS, request.frame)
    until = request.time + view.window(request.destination[0])
    gap = view.unwatched(request.source, request.time, until)
    return (
        unsupported(NO_CREDENTIALS, request.frame)
        if gap is None
        else unclear(f"no answer came, but {gap}", request.frame)
    )


def _bit_selects_credentials(exchange: Exchange, view: View) -> Fact:
    """The reply names another file than the one for the same item without the bit."""
    if not exchange.replies:
        return is_answered(exchange, view) if is_claimed(view) else _silence(Silent(exchange), view)
    reply = exchange.replies[0]
    frames = (exchange.request.frame, reply.frame)
    boot_file = boot_file_of(without_bit(cast("BootItem", exchange.item)), reply.source[0], view)
    if reply.message.type is not MessageType.ACK or (boot_file is not None and reply.message.boot_file == boot_file[0]):
        if not is_claimed(view) and not speaks_of_credentials(view):
            return unsupported(NO_CREDENTIALS, *frames)
        what = "the boot file" if reply.message.type is MessageType.ACK else f"a {reply.message.type_name}"
        return broken(f"the request for credentials was answered with {what}", *frames)
    if boot_file is None:
        return unclear("the name of the boot file itself is not known", *frames)
    return kept("another file than the boot file", boot_file[1].frame, *frames)


def _silent_about_it(exchange: Exchange, view: View) -> Fact:
    """Nothing comes."""
    if not speaks_of_credentials(view) and not is_claimed(view) and not exchange.replies:
        return _silence(Silent(exchange), view)
    return is_silent(exchange, view)


def _exactly_one(answer: Answer, _: View) -> Fact:
    """Tag 12 is there and has four octets."""
    tags = tags_of(answer.reply.message)
    value = tags.get(PxeTag.CREDENTIAL_TYPES) if tags is not None else None
    if value is None:
        return broken("no credential type (option 43 tag 12)", *answer.frames)
    if len(value) != 4:
        return broken(f"the list of credential types has {len(value)} octets, one type has 4", *answer.frames)
    return kept("one credential type", *answer.frames)


def _first_supported(occasion: Choice | Silent, view: View) -> Fact:
    """The type in the reply stands before all others of the client's list that the server has."""
    if isinstance(occasion, Silent):
        return _silence(occasion, view)
    chosen = named_type(occasion.answer)
    if chosen not in occasion.supported:
        return unclear("the reply does not name one type of the client's list", *occasion.answer.frames)
    if chosen == occasion.supported[0]:
        return kept("the first type of the client's list that the server has", *occasion.answer.frames)
    return broken(
        f"chose {chosen:#x}, though {occasion.supported[0]:#x} stands before it in the client's list",
        *occasion.answer.frames,
    )


def _names_credentials(answer: Answer, view: View) -> Fact:
    """The reply names a file, and the server does not refuse it when it is fetched."""
    name = answer.reply.message.boot_file
    if not name:
        return broken("no name of a credentials file", *answer.frames)
    refused = refusal(name, answer.reply.source[0], view)
    if refused is not None:
        return broken("the server refuses the credentials file that it names", *answer.frames, refused)
    return kept("the name of a credentials file", *answer.frames)


def _identifies_itself(answer: Answer, _: View) -> Fact:
    """Option 54 is there."""
    if answer.reply.message.server_identifier is None:
        return broken("no option 54", *answer.frames)
    return kept("option 54 is there", *answer.frames)


def _keeps_item_and_bit(answer: Answer, _: View) -> Fact:
    """The boot item has the request's type and the layer's most significant bit."""
    asked = cast("BootItem", answer.exchange.item)
    tags = tags_of(answer.reply.message)
    got = tags.boot_item if tags is not None else None
    if got is None:
        return broken("no boot item in the reply", *answer.frames)
    if got.type != asked.type or not got.wants_credentials:
        return broken(f"asked for {asked}, answered with {got}", *answer.frames)
    return kept("the type, and the layer's most significant bit", *answer.frames)


def _no_boot_file_instead(exchange: Exchange, view: View) -> Fact:
    """Nothing comes."""
    if not exchange.replies:
        return is_silent(exchange, view)
    reply = exchange.replies[0]
    what = "a boot file" if reply.message.type is MessageType.ACK else f"a {reply.message.type_name}"
    return broken(f"a request for credentials was answered with {what}", exchange.request.frame, reply.frame)


def _is_one_of_the_listed(answer: Answer, _: View) -> Fact:
    """The type in the reply is in the request's list."""
    named, listed = named_type(answer), listed_types(answer.exchange)
    if named is None:
        return unclear(_NO_SINGLE_TYPE, *answer.frames)
    if not listed or named in listed:
        return kept(
            "a type that the request listed" if listed else "a type, as the request listed none", *answer.frames
        )
    return broken(f"type {named:#x} was not in the request's list", *answer.frames)


def _fits_the_mask(answer: Answer, _: View) -> Fact:
    """The type in the reply has no bit outside the mask of certificate ids."""
    named = named_type(answer)
    if named is None:
        return unclear(_NO_SINGLE_TYPE, *answer.frames)
    if named & ~CERTIFICATE_ID_MASK & 0xFFFFFFFF:
        return broken(f"type {named:#010x} has a bit that no certificate id has", *answer.frames)
    return kept("no bit outside the mask of certificate ids", *answer.frames)


def _named_twice(answer: Answer, _: View) -> Fact:
    """Option 67 holds the name, and `file` agrees with it."""
    message = answer.reply.message
    option = (message.get(Option.BOOT_FILE_NAME) or b"").rstrip(b"\0")
    field = b"" if message.overload & 1 else message.file
    if not option and not field:
        return unclear("the reply has no name at all", *answer.frames)
    if option and (option == field or message.overload & 1):
        return kept("the name stands in file and in option 67", *answer.frames)
    return broken("option 67 lacks the name" if not option else "file and option 67 do not agree", *answer.frames)


def _size_is_its_own(occasion: Download | Silent, view: View) -> Fact:
    """Option 13 is absent, or counts the credentials' blocks of 512 octets."""
    if isinstance(occasion, Silent):
        return _silence(occasion, view)
    value = occasion.answer.reply.message.get(Option.BOOT_FILE_SIZE)
    expected = -(-occasion.credentials.content.octets // _SIZE_UNIT)
    if value is None:
        return kept("no option 13", *occasion.frames)
    blocks = int.from_bytes(value, "big")
    if len(value) == 2 and blocks == expected:
        return kept("option 13 is the size of the credentials", *occasion.frames)
    return broken(f"option 13 says {blocks}, the credentials have {expected} blocks of 512 octets", *occasion.frames)


def _verified(requirement: str, *, needs_trust: bool = False, needs_boot_file: bool = False) -> Callable[..., Fact]:
    """The consequent of a download: the steps of verification that stand for one requirement hold."""

    def then(occasion: Download | Silent, view: View) -> Fact:
        """The steps of verification that stand for this requirement hold."""
        if isinstance(occasion, Silent):
            return _silence(occasion, view)
        frames = occasion.frames
        if needs_boot_file:
            if occasion.boot_file is None:
                return unclear("the boot file was not downloaded whole beside its credentials", *frames)
            frames = (*frames, occasion.boot_file.request_frames[0], last_frame(occasion.boot_file))
        results = [r for r in _verify(occasion, view).results if r.step.requirement == requirement]
        failures = [r.reason for r in results if r.ok is False]
        trusted = view.ledger.claims.trusted_certificate is not None
        if failures and (trusted or not needs_trust):
            return broken("; ".join(failures), *frames)
        if failures:
            return unclear(
                f"{'; '.join(failures)} (no certificate to trust is given, so this is only reported)", *frames
            )
        if any(r.ok is None for r in results):
            return unclear("; ".join(r.reason for r in results if r.ok is None), *frames)
        if needs_trust and not trusted:
            return unclear("it verifies, but no certificate to trust is given (ICS: bis.trust)", *frames)
        return kept("verified", *frames)

    return then


_keys_are_equal = _verified("PXE-21-BIS-20", needs_trust=True)


def _is_trusted(occasion: Download | Silent, view: View) -> Fact:
    """The public keys are equal, and the type is the trusted certificate's id, 41 or 42."""
    fact = _keys_are_equal(occasion, view)
    if isinstance(occasion, Silent) or fact.holds is not Holds.KEPT:
        return fact
    named, trusted = named_type(occasion.answer), _verify(occasion, view).certificate_id
    # No single type, and bits that no id has, are other requirements' matters.
    if named is None or named & CERTIFICATE_ID_MASK in (trusted, CERTIFICATE_ID_DSA, CERTIFICATE_ID_RSA_MD5):
        return fact
    return broken(f"the keys are equal, but the reply's type is {named}, not the id {trusted}", *occasion.frames)


def _verify(occasion: Download, view: View) -> Verification:
    from pxeconform.protocol.certificates import certificate_der
    from pxeconform.protocol.credentials import verify_credentials

    pem = view.ledger.claims.trusted_certificate
    return verify_credentials(
        bytes(occasion.credentials.content.head),
        bytes(occasion.boot_file.content.head) if occasion.boot_file is not None else None,
        certificate_der(pem.encode("ascii", "replace")) if pem is not None else None,
    )


# -- the table --------------------------------------------------------------------------------------------------------

_LACKING = "no credentials were asked for, or none came"
_PXE = "PXE 2.1"
_EFI = "EFI 1.10"
_BOOT_OBJECT = "15.5 VerifyBootObject"


def _rule(
    number: str,
    document: str,
    section: str,
    level: Level,
    text: str,
    when: Callable[[View], Iterator[object]],
    then: Callable[..., Fact],
    *expected: str,
    kind: Kind = Kind.SELF_EVIDENT,
    scope: Scope = Scope.SESSION,
    derived: bool = False,
    assumes: str = "",
) -> AnyRule:
    requirement = Requirement(
        f"PXE-21-BIS-{number}",
        document,
        section,
        level,
        Role.BIS,
        text,
        derived=derived,
        unconfirmed=True,
        clients="Firmware with Boot Integrity Services switched on; it then refuses to boot.",
    )
    return Rule(requirement, kind, scope, when, then, expected, _LACKING, assumes)


def _file_rule(number: str, text: str, expected: str, **needs: bool) -> AnyRule:
    """A requirement on the credentials file itself."""
    then = _verified(f"PXE-21-BIS-{number}", **needs)
    return _rule(number, _EFI, _BOOT_OBJECT, Level.MUST, text, downloads, then, expected, scope=Scope.CLIENT_HISTORY)


RULES: Sequence[AnyRule] = (
    _rule(
        "01",
        _PXE,
        "2.5.3",
        Level.MUST,
        "The most significant bit of the layer asks for the credentials, and gets another file than the boot file.",
        wanted,
        _bit_selects_credentials,
        "an ACK that names another file than the boot file",
        kind=Kind.OBLIGATION,
        scope=Scope.CLIENT_HISTORY,
        assumes="the boot file of an item does not change during the trace",
    ),
    _rule(
        "02",
        _PXE,
        "Table 2-1 note 5",
        Level.MUST_NOT,
        "A request that lists only types that the server does not have is not answered.",
        impossible_types,
        _silent_about_it,
        "silence",
        kind=Kind.OBLIGATION,
    ),
    _rule(
        "03",
        _PXE,
        "Table 2-1 note 5",
        Level.MUST,
        "The reply lists exactly one credential type.",
        answers_or_silence,
        _given(_exactly_one),
        "option 43 tag 12 of four octets",
    ),
    _rule(
        "04",
        _PXE,
        "2.5.3",
        Level.MUST,
        "The server takes the first type of the client's list that it has.",
        choices,
        _first_supported,
        "the first type of the request's list that the server has",
        scope=Scope.CLIENT_HISTORY,
        assumes="the types that the server has do not change during the trace",
    ),
    _rule(
        "05",
        _PXE,
        "2.4.8",
        Level.MUST,
        "The reply names the credentials file, and the server has it.",
        answers_or_silence,
        _given(_names_credentials),
        "a name in file or in option 67",
    ),
    _rule(
        "06",
        _PXE,
        "2.4.8",
        Level.MUST,
        "The reply carries the server's identifier.",
        answers_or_silence,
        _given(_identifies_itself),
        "option 54",
    ),
    _rule(
        "07",
        _PXE,
        "Table 2-7",
        Level.MUST,
        "The reply's boot item keeps the type and the layer's most significant bit.",
        answers_or_silence,
        _given(_keeps_item_and_bit),
        "the request's type, and a layer with its most significant bit set",
    ),
    _rule(
        "11",
        _PXE,
        "2.5.3",
        Level.MUST_NOT,
        "A server without credentials says nothing: no NAK, and no boot file instead.",
        unclaimed,
        _no_boot_file_instead,
        "silence",
        kind=Kind.OBLIGATION,
        derived=True,
    ),
    _rule(
        "12",
        _PXE,
        "Table 2-1 note 5",
        Level.MUST,
        "The type in the reply is one of those in the request.",
        answers_or_silence,
        _given(_is_one_of_the_listed),
        "one of the request's values, octet for octet",
    ),
    _rule(
        "13",
        _EFI,
        "15.5 BIS_CERT_ID",
        Level.MUST_NOT,
        "The type in the reply has no bit that certificate ids do not have.",
        answers_or_silence,
        _given(_fits_the_mask),
        "the value and 00808000 have no bit in common",
    ),
    _rule(
        "15",
        _PXE,
        "2.4.8",
        Level.SHOULD,
        "The name of the credentials stands in option 67 as well.",
        answers_or_silence,
        _given(_named_twice),
        "the same name in file and in option 67",
        derived=True,
    ),
    _file_rule(
        "16", "The credentials are an archive of one manifest, one signer's information and its block.", "three members"
    ),
    _file_rule(
        "17",
        "The manifest's digest is that of the boot file.",
        "equal digests for every listed algorithm",
        needs_boot_file=True,
    ),
    _file_rule("18", "The digest in the signer's information is that of the manifest's section.", "equal digests"),
    _file_rule(
        "19", "The signature block verifies over the signer's information.", "a valid signature", needs_trust=True
    ),
    _rule(
        "20",
        _EFI,
        _BOOT_OBJECT,
        Level.MUST,
        "The signer's key is the trusted one, and the reply's type is that certificate's id (or 41, 42).",
        downloads,
        _is_trusted,
        "equal public keys, and a type that is the trusted certificate's id",
        "equal public keys, and the type 41 or 42, which stands for any signer",
        scope=Scope.CLIENT_HISTORY,
    ),
    _file_rule(
        "21", "Manifest and signer's information keep their format.", "version 2.0, short ASCII lines, the names given"
    ),
    _rule(
        "22",
        "RFC 2132",
        "3.15",
        Level.SHOULD,
        "Option 13 of the reply, if it is there, is the size of the credentials.",
        downloads,
        _size_is_its_own,
        "no option 13",
        "the credentials' size in blocks of 512 octets, rounded up",
        derived=True,
    ),
)
