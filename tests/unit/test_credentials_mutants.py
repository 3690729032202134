"""Credentials with one thing wrong each: caught at its own step, while every other step is still judged."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from credentials_parts import (
    GUIDS,
    NBP,
    Parts,
    embed,
    flip,
    judged,
    outcome,
    rebuild_block,
    swap,
)

from pxeconform.protocol import der
from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import (
    MD5,
    RSA_2048_SHA256,
    SHA1,
    new_signer,
    self_signed,
)
from pxeconform.protocol.credentials import Step, verify_credentials
from pxeconform.protocol.manifest import (
    build_manifest,
    build_signer_information,
    parse_manifest,
)
from pxeconform.protocol.signature_block import (
    OID_CONTENT_TYPE,
    OID_DATA,
    OID_MESSAGE_DIGEST,
    OID_SIGNED_DATA,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Mutants: what was done, the steps that must fail, the steps that must be open; all others must be kept


def _edit(member: str, old: bytes, new: bytes) -> Callable[[Parts], Parts]:
    return lambda parts: replace(parts, **{member: swap(getattr(parts, member), old, new)})  # type: ignore[arg-type]


def _signed_edit(member: str, old: bytes, new: bytes) -> Callable[[Parts], Parts]:
    """The same by somebody who has the key: what depends on the change is right again."""

    def mutate(parts: Parts) -> Parts:
        changed = swap(getattr(parts, member), old, new)
        return parts.with_manifest(changed) if member == "manifest" else parts.with_information(changed)

    return mutate


def _two_signers(parts: Parts) -> Parts:
    return rebuild_block(parts, lambda raw: [*raw[:4], der.encode(der.SET, der.decode(raw[4]).content * 2)])


def _other_serial(parts: Parts) -> Parts:
    other = self_signed(parts.signer.profile, parts.signer.private_key, 4711)
    return rebuild_block(parts, lambda raw: [*raw[:3], der.encode_context(0, other), raw[4]])


def _other_key(parts: Parts) -> Parts:
    """A certificate of the same issuer and serial number with another key."""
    serial = der.decode(parts.signer.certificate).sequence()[0].sequence()[0].integer()
    stranger = self_signed(parts.signer.profile, new_signer(parts.signer.profile).private_key, serial)
    return rebuild_block(parts, lambda raw: [*raw[:3], der.encode_context(0, stranger), raw[4]])


def _section_of(manifest: bytes) -> bytes:
    return parse_manifest(manifest).sections[0].raw


def _listing_sha1_alone(parts: Parts) -> bytes:
    return build_signer_information(GUIDS[1], {"SHA-1": SHA1.of(_section_of(swap(parts.manifest, *WITH_MD5)))})


def _digest_of_md5(parts: Parts) -> Parts:
    """Texts with MD5 digests, all of them right, but signed with DSA and SHA-1."""
    return parts.with_manifest(build_manifest(GUIDS[0], {"MD5": MD5.of(NBP)}))


SIGNATURE, INFORMATION_DIGEST, BOOT_OBJECT_DIGEST = (
    Step.SIGNATURE,
    Step.SIGNER_INFORMATION_DIGEST,
    Step.BOOT_OBJECT_DIGEST,
)
OID_OTHER = OID_DATA[:-1] + "5"
ENVELOPED = der.encode_oid(OID_SIGNED_DATA[:-1] + "3")
WITH_MD5 = (
    b"Digest-Algorithms: SHA-1\r\n",
    b"Digest-Algorithms: SHA-1 MD5\r\nMD5-Digest: %b\r\n" % (base64.b64encode(MD5.of(NBP))),
)
TEXT_DIGESTS = {INFORMATION_DIGEST, BOOT_OBJECT_DIGEST}
NO_CERTIFICATE = {SIGNATURE, Step.AUTHORIZATION_KEY}
UNKNOWN_DIGEST = b"Digest-Algorithms: SHA-1\r\n", b"Digest-Algorithms: SHA-1 MD4\r\nMD4-Digest: AAAA\r\n"
MUTANTS: dict[str, tuple[Callable[[Parts], Parts], set[Step], set[Step]]] = {
    "digest of the program": (_edit("manifest", b"wGR5", b"xGR5"), TEXT_DIGESTS, set()),
    "digest of the program, signed again": (_signed_edit("manifest", b"wGR5", b"xGR5"), {BOOT_OBJECT_DIGEST}, set()),
    "digest that is no base 64": (_signed_edit("manifest", b"wGR5", b"w*R5"), {BOOT_OBJECT_DIGEST}, set()),
    "digest of the section": (_edit("information", b"nA+C", b"oA+C"), {SIGNATURE, INFORMATION_DIGEST}, set()),
    "digest of the section, signed again": (
        _signed_edit("information", b"nA+C", b"oA+C"), {INFORMATION_DIGEST}, set()
    ),
    "blank line behind the manifest's section": (
        lambda parts: replace(parts, manifest=parts.manifest + b"\r\n"), {INFORMATION_DIGEST}, set()
    ),
    "another section of that name in front": (
        _edit("manifest", b"\r\n\r\nName:", b"\r\n\r\nName: memory:BootObject\r\nX-Note: 1\r\n\r\nName:"),
        {Step.TEXTS, *TEXT_DIGESTS}, set()
    ),
    "unknown header in the signer's information": (
        _edit("information", b"2.0\r\n", b"2.0\r\nX-Unknown: 1\r\n"), {SIGNATURE}, set()
    ),
    "signature flipped": (lambda parts: replace(parts, block=flip(parts.block, -2)), {SIGNATURE}, set()),
    "other content embedded": (embed(b"something else"), {SIGNATURE}, set()),
    "version of a JAR manifest": (_edit("manifest", b"Version: 2.0", b"Version: 1.0"), {Step.TEXTS}, set()),
    "version in the wrong case": (_edit("manifest", b"Manifest-Version", b"manifest-version"), {Step.TEXTS}, set()),
    "version of a JAR signature": (
        _signed_edit("information", b"Version: 2.0", b"Version: 1.0"), {Step.TEXTS}, set()
    ),
    "name of an update request": (
        _signed_edit("information", b"VerifiableObjectSigner", b"UpdateManifestSigner"), {Step.TEXTS}, set()
    ),
    "no persistent identifier": (_edit("manifest", b"PersistentId", b"OtherId"), {Step.TEXTS}, set()),
    "short persistent identifier": (_edit("manifest", b"vN7w==", b"vN"), {Step.TEXTS}, set()),
    "line of 73 octets": (
        _edit("manifest", b"2.0\r\n", b"2.0\r\nX-Long: " + b"y" * 65 + b"\r\n"), {Step.TEXTS}, set()
    ),
    "octet outside of ASCII": (
        _edit("manifest", b"2.0\r\n", b"2.0\r\nX-Note: \xe4\r\n"), {Step.TEXTS}, TEXT_DIGESTS
    ),
    "digest word in CDSA's spelling": (
        lambda parts: parts.with_manifest(build_manifest(GUIDS[0], {"SHA1": SHA1.of(NBP)})), {Step.TEXTS}, set()
    ),
    "digest algorithm that nobody knows": (
        lambda parts: parts.with_manifest(swap(parts.manifest, *UNKNOWN_DIGEST)), {Step.TEXTS}, TEXT_DIGESTS
    ),
    "digest word of the other profile": (_digest_of_md5, {INFORMATION_DIGEST}, set()),
    "listed digest without its line": (
        _signed_edit("manifest", b"Algorithms: SHA-1", b"Algorithms: SHA-1 MD5"), {BOOT_OBJECT_DIGEST}, set()
    ),
    "texts list different algorithms": (
        _signed_edit("information", b"Algorithms: SHA-1", b"Algorithms: SHA-1 MD5"), {INFORMATION_DIGEST}, set()
    ),
    "further algorithm in the manifest only": (
        lambda parts: replace(
            parts.with_manifest(swap(parts.manifest, *WITH_MD5)), manifest=swap(parts.manifest, *WITH_MD5)
        ).with_information(_listing_sha1_alone(parts)), {INFORMATION_DIGEST}, set()
    ),
    "digest word in CDSA's spelling in the manifest only": (
        lambda parts: replace(parts, manifest=parts.manifest.replace(b"SHA-1", b"SHA1")).with_information(
            build_signer_information(
                GUIDS[1], {"SHA-1": SHA1.of(_section_of(parts.manifest.replace(b"SHA-1", b"SHA1")))}
            )
        ), {Step.TEXTS}, set()
    ),
    "manifest's section of another name": (
        _edit("manifest", b"memory:BootObject", b"memory:bootobject"), {BOOT_OBJECT_DIGEST}, {INFORMATION_DIGEST}
    ),
    "signer's information without the section": (
        _signed_edit("information", b"memory:BootObject", b"memory:Other"), {INFORMATION_DIGEST}, set()
    ),
    "block without certificate": (
        lambda parts: rebuild_block(parts, lambda raw: [*raw[:3], raw[4]]), {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "certificate of another serial number": (_other_serial, {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE),
    "two signers": (_two_signers, {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE),
    "signed data of version 2": (
        lambda parts: rebuild_block(parts, lambda raw: [der.encode_integer(2), *raw[1:]]),
        {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "content that is no plain data": (
        lambda parts: replace(parts, block=parts.block.replace(der.encode_oid(OID_DATA), der.encode_oid(OID_OTHER))),
        {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "block of another kind": (
        lambda parts: replace(parts, block=swap(parts.block, der.encode_oid(OID_SIGNED_DATA), ENVELOPED)),
        {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "block cut": (
        lambda parts: replace(parts, block=parts.block[:-1]), {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "certificate with a stranger's key": (_other_key, {SIGNATURE, Step.AUTHORIZATION_KEY}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fails_at_its_steps_and_nowhere_else(name: str) -> None:
    mutate, failed, unjudged = MUTANTS[name]
    original = Parts.of()
    mutant = mutate(original)
    verification = verify_credentials(mutant.archive(), NBP, original.signer.certificate)
    assert outcome(verification) == judged(failed, unjudged), verification.results
    assert not verification.ok
    assert all(result.reason for result in verification.results if not result.ok)


def test_header_of_the_manifest_is_covered_by_no_digest() -> None:
    parts = Parts.of()
    mutant = _edit("manifest", b"Z0Uj", b"Z1Uj")(parts)
    assert verify_credentials(mutant.archive(), NBP, parts.signer.certificate).ok


def test_signature_algorithm_must_fit_the_digest() -> None:
    parts = Parts.of(RSA_2048_SHA256.name)
    oid = der.encode_oid("1.2.840.113549.1.1.1")
    head, _, tail = parts.block.rpartition(oid)
    mutant = replace(parts, block=head + der.encode_oid("1.2.840.113549.1.1.4") + tail)
    assert outcome(verify_credentials(mutant.archive(), NBP, parts.signer.certificate)) == judged({SIGNATURE})
    unknown = replace(parts, block=head + der.encode_oid("1.2.840.113549.1.1.9") + tail)
    verification = verify_credentials(unknown.archive(), NBP, parts.signer.certificate)
    assert outcome(verification) == judged(set(), {SIGNATURE})
    assert not verification.ok, "a signature that nobody could check is no signature"


def test_authenticated_attributes_must_vouch_for_the_text() -> None:
    parts = Parts.of(RSA_2048_SHA256.name)
    digest = parts.signer.profile.digest.of(parts.information)

    def attribute(oid: str, *values: bytes) -> bytes:
        return der.encode_sequence(der.encode_oid(oid), der.encode_set(*values))

    def signed_with(*attributes: bytes) -> dict[Step, bool | None]:
        signed = der.encode_set(*attributes)

        def edit(raw: list[bytes]) -> list[bytes]:
            (info,) = der.decode(raw[4]).children()
            version, identity, algorithm, encryption, _ = (element.raw for element in info.sequence())
            attached = der.encode_context(0, der.decode(signed).content)
            signature = der.encode_octet_string(parts.signer.sign(signed))
            fields = (version, identity, algorithm, attached, encryption, signature)
            return [*raw[:4], der.encode_set(der.encode_sequence(*fields))]

        return outcome(verify_credentials(rebuild_block(parts, edit).archive(), NBP, parts.signer.certificate))

    content_type = attribute(OID_CONTENT_TYPE, der.encode_oid(OID_DATA))
    message_digest = attribute(OID_MESSAGE_DIGEST, der.encode_octet_string(digest))
    assert signed_with(content_type, message_digest) == judged(set())
    for attributes in (
        (message_digest,),
        (content_type,),
        (attribute(OID_CONTENT_TYPE, der.encode_oid(OID_SIGNED_DATA)), message_digest),
        (content_type, attribute(OID_MESSAGE_DIGEST, der.encode_octet_string(bytes(32)))),
        (content_type, message_digest, message_digest),
        (content_type, attribute(OID_MESSAGE_DIGEST)),
        (content_type, der.encode_null()),
    ):
        assert signed_with(*attributes) == judged({SIGNATURE})


def test_suffix_of_the_other_algorithm_is_remarked() -> None:
    parts = Parts.of()
    members = (("A.MF", parts.manifest), ("B.SF", parts.information), ("B.RSA", parts.block))
    verification = verify_credentials(build_archive(members), NBP, parts.signer.certificate)
    assert verification.ok
    assert verification.remarks == ("block is named .RSA but signed with DSA",)
