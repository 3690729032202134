"""The credentials file as a whole: built, mutated, verified step by step."""

from __future__ import annotations

import base64
import functools
import io
import struct
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxeconform.protocol import der
from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import (
    DSA_1024_SHA1,
    MD5,
    PROFILES,
    RSA_512_MD5,
    RSA_2048_SHA256,
    SHA1,
    Signer,
    certificate_id,
    new_signer,
    self_signed,
)
from pxeconform.protocol.credentials import Step, Verification, build_credentials, verify_credentials
from pxeconform.protocol.manifest import (
    BOOT_OBJECT,
    build_manifest,
    build_signer_information,
    parse_manifest,
)
from pxeconform.protocol.signature_block import (
    OID_CONTENT_TYPE,
    OID_DATA,
    OID_MESSAGE_DIGEST,
    OID_SIGNED_DATA,
    build_signature_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

DATA = Path(__file__).parent.parent / "data"
NBP = b"NBP bytes" * 100
GUIDS = (
    bytes.fromhex("67452301ab89efcd0123456789abcdef"),
    bytes.fromhex("98badcfe54761032fedcba9876543210"),
)
MF, SF = "META-INF/MANIFEST.MF", "META-INF/BIS.SF"


@functools.cache
def signer_of(name: str) -> Signer:
    if name == RSA_512_MD5.name:
        return Signer.from_pem((DATA / "bis_rsa512_key.pem").read_bytes())
    return new_signer(PROFILES[name])


@functools.cache
def credentials_of(name: str) -> bytes:
    return build_credentials(NBP, signer_of(name), guids=GUIDS)


def members_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a credentials file is made of; a mutant replaces something and keeps or renews what depends on it."""

    manifest: bytes
    information: bytes
    block: bytes
    signer: Signer

    @classmethod
    def of(cls, name: str = DSA_1024_SHA1.name) -> Parts:
        manifest, information, block = members_of(credentials_of(name)).values()
        return cls(manifest, information, block, signer_of(name))

    def archive(self) -> bytes:
        suffix = self.signer.profile.suffix
        return build_archive(((MF, self.manifest), (SF, self.information), (f"META-INF/BIS.{suffix}", self.block)))

    def with_information(self, information: bytes) -> Parts:
        return replace(self, information=information, block=build_signature_block(information, self.signer))

    def with_manifest(self, manifest: bytes) -> Parts:
        section = parse_manifest(manifest).section(BOOT_OBJECT)
        assert section is not None
        words = {word: (MD5 if word == "MD5" else SHA1).of(section.raw) for word in section.algorithms}
        return replace(self, manifest=manifest).with_information(build_signer_information(GUIDS[1], words))


def outcome(verification: Verification) -> dict[Step, bool | None]:
    return {result.step: result.ok for result in verification.results}


def judged(failed: AbstractSet[Step], unjudged: AbstractSet[Step] = frozenset()) -> dict[Step, bool | None]:
    return {step: False if step in failed else None if step in unjudged else True for step in Step}


def flip(data: bytes, at: int, mask: int = 0x01) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]


def swap(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1, old
    return data.replace(old, new)


# The worked example


def test_worked_example_digest_by_digest() -> None:
    members = members_of(credentials_of(DSA_1024_SHA1.name))
    assert list(members) == [MF, SF, "META-INF/BIS.DSA"]
    assert members[MF] == (
        b"Manifest-Version: 2.0\r\n"
        b"ManifestPersistentId: Z0UjAauJ780BI0VniavN7w==\r\n"
        b"\r\n"
        b"Name: memory:BootObject\r\n"
        b"Digest-Algorithms: SHA-1\r\n"
        b"SHA-1-Digest: wGR5d89Xc1mrRvx68Jwv/tJzkWU=\r\n"
        b"\r\n"
    )
    assert len(members[MF]) == 170
    assert members[SF] == (
        b"Signature-Version: 2.0\r\n"
        b"SignerInformationPersistentId: mLrc/lR2EDL+3LqYdlQyEA==\r\n"
        b"SignerInformationName: BIS_VerifiableObjectSignerInfoName\r\n"
        b"\r\n"
        b"Name: memory:BootObject\r\n"
        b"Digest-Algorithms: SHA-1\r\n"
        b"SHA-1-Digest: nA+CSrGq0/KtSs5ss7z9ue9+S9c=\r\n"
        b"\r\n"
    )
    assert len(members[SF]) == 239
    assert credentials_of(DSA_1024_SHA1.name).startswith(b"PK\x03\x04")


def test_digests_of_an_empty_boot_object() -> None:
    assert b"SHA-1-Digest: 2jmj7l5rSw0yVb/vlWAYkK/YBwk=\r\n" in build_manifest(GUIDS[0], {"SHA-1": SHA1.of(b"")})
    assert b"MD5-Digest: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n" in build_manifest(GUIDS[0], {"MD5": MD5.of(b"")})


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_verifies_with_its_own_certificate(name: str) -> None:
    signer = signer_of(name)
    verification = verify_credentials(credentials_of(name), NBP, signer.certificate)
    assert outcome(verification) == judged(set())
    assert verification.ok
    assert not verification.failed
    assert not verification.remarks
    assert verification.profile is PROFILES[name]
    assert verification.certificate == signer.certificate
    assert verification.certificate_id == certificate_id(signer.certificate) == signer.certificate_id


def test_archive_is_plain_and_repeatable() -> None:
    signer = signer_of(RSA_512_MD5.name)
    first = credentials_of(RSA_512_MD5.name)
    assert first == build_credentials(NBP, signer, guids=GUIDS)
    assert first != build_credentials(NBP, signer), "fresh identifiers for every manifest"
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        for entry in opened.infolist():
            assert (entry.compress_type, entry.flag_bits, entry.extra, entry.comment) == (
                zipfile.ZIP_STORED,
                0,
                b"",
                b"",
            )
        assert opened.comment == b""
    with pytest.raises(ValueError, match="GUID"):
        build_credentials(NBP, signer, guids=(b"short", GUIDS[1]))


# Mutants: what was done, the steps that must fail, the steps that must be open; all others must be kept


def _edit(member: str, old: bytes, new: bytes) -> Callable[[Parts], Parts]:
    return lambda parts: replace(parts, **{member: swap(getattr(parts, member), old, new)})  # type: ignore[arg-type]


def _signed_edit(member: str, old: bytes, new: bytes) -> Callable[[Parts], Parts]:
    """The same by somebody who has the key: what depends on the change is right again."""

    def mutate(parts: Parts) -> Parts:
        changed = swap(getattr(parts, member), old, new)
        return parts.with_manifest(changed) if member == "manifest" else parts.with_information(changed)

    return mutate


def _rebuild_block(parts: Parts, edit: Callable[[list[bytes]], list[bytes]]) -> Parts:
    kind, wrapped = der.decode(parts.block).sequence(2)
    fields = edit([element.raw for element in wrapped.children()[0].sequence()])
    block = der.encode_sequence(kind.raw, der.encode_context(0, der.encode_sequence(*fields)))
    return replace(parts, block=block)


def _two_signers(parts: Parts) -> Parts:
    return _rebuild_block(parts, lambda raw: [*raw[:4], der.encode(der.SET, der.decode(raw[4]).content * 2)])


def _other_serial(parts: Parts) -> Parts:
    other = self_signed(parts.signer.profile, parts.signer.private_key, 4711)
    return _rebuild_block(parts, lambda raw: [*raw[:3], der.encode_context(0, other), raw[4]])


def _other_key(parts: Parts) -> Parts:
    """A certificate of the same issuer and serial number with another key."""
    serial = der.decode(parts.signer.certificate).sequence()[0].sequence()[0].integer()
    stranger = self_signed(parts.signer.profile, new_signer(parts.signer.profile).private_key, serial)
    return _rebuild_block(parts, lambda raw: [*raw[:3], der.encode_context(0, stranger), raw[4]])


def _embed(content: bytes) -> Callable[[Parts], Parts]:
    wrapped = der.encode_context(0, der.encode_octet_string(content))
    return lambda parts: _rebuild_block(
        parts, lambda raw: [*raw[:2], der.encode_sequence(der.decode(raw[2]).sequence()[0].raw, wrapped), *raw[3:]]
    )


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
    "other content embedded": (_embed(b"something else"), {SIGNATURE}, set()),
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
        lambda parts: _rebuild_block(parts, lambda raw: [*raw[:3], raw[4]]), {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE
    ),
    "certificate of another serial number": (_other_serial, {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE),
    "two signers": (_two_signers, {Step.SIGNER_CERTIFICATE}, NO_CERTIFICATE),
    "signed data of version 2": (
        lambda parts: _rebuild_block(parts, lambda raw: [der.encode_integer(2), *raw[1:]]),
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

        return outcome(verify_credentials(_rebuild_block(parts, edit).archive(), NBP, parts.signer.certificate))

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


def _archive_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


ALL_BUT_ARCHIVE = set(Step) - {Step.ARCHIVE}
FROM_MANIFEST = {Step.TEXTS, Step.SIGNER_INFORMATION_DIGEST, Step.BOOT_OBJECT_DIGEST}
FROM_INFORMATION = {Step.TEXTS, Step.SIGNATURE, Step.SIGNER_INFORMATION_DIGEST}
FROM_BLOCK = {Step.SIGNER_CERTIFICATE, Step.SIGNATURE, Step.AUTHORIZATION_KEY}


def test_faults_of_the_archive_leave_the_rest_judged() -> None:
    parts = Parts.of()
    manifest, information, block = (MF, parts.manifest), (SF, parts.information), ("META-INF/BIS.DSA", parts.block)
    plain = parts.archive()
    encrypted = bytearray(plain)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", encrypted, plain.index(magic) + at, 1)
    bomb = _archive_of((MF, bytes(2 << 20)), information, block, method=zipfile.ZIP_DEFLATED)
    cases: list[tuple[str, bytes, set[Step]]] = [
        ("empty", b"", ALL_BUT_ARCHIVE),
        ("cut", plain[:-30], ALL_BUT_ARCHIVE),
        ("not an archive", b"#!ipxe\n" * 9, ALL_BUT_ARCHIVE),
        ("five megabytes", plain + bytes(5 << 20), ALL_BUT_ARCHIVE),
        ("wrong CRC-32", flip(plain, plain.index(b"Z0Uj") + 1), set()),
        ("encrypted manifest", bytes(encrypted), FROM_MANIFEST),
        ("unpacks to two megabytes", bomb, FROM_MANIFEST),
        ("two manifests", _archive_of(manifest, ("OTHER.MF", parts.manifest), information, block), FROM_MANIFEST),
        ("two blocks", _archive_of(manifest, information, block, ("META-INF/BIS.RSA", parts.block)), FROM_BLOCK),
        ("no block", _archive_of(manifest, information), FROM_BLOCK),
        ("no signer's information", _archive_of(manifest, block), FROM_INFORMATION),
        ("block of another name", _archive_of(manifest, information, ("META-INF/OTHER.DSA", parts.block)), set()),
        ("stub in front", b"MZ" + plain, set(Step) - {Step.ARCHIVE}),
    ]
    for name, archive, unjudged in cases:
        verification = verify_credentials(archive, NBP, parts.signer.certificate)
        # The flipped octet lies in the identifier, which no digest covers.
        assert outcome(verification) == judged({Step.ARCHIVE}, unjudged), (name, verification.results)
        assert not verification.ok
    stub = io.BytesIO(b"MZ stub")
    with zipfile.ZipFile(stub, "a") as opened:  # offsets are right, only the beginning is not an archive's
        for name, data in (manifest, information, block):
            opened.writestr(name, data)
    assert outcome(verify_credentials(stub.getvalue(), NBP, parts.signer.certificate)) == judged({Step.ARCHIVE})
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = _archive_of(manifest, manifest, information, block)
    assert outcome(verify_credentials(twice, NBP, parts.signer.certificate)) == judged({Step.ARCHIVE}, FROM_MANIFEST)


def test_what_the_sources_leave_open_is_accepted() -> None:
    parts = Parts.of()
    trusted = parts.signer.certificate
    newlines = [parts.with_manifest(parts.manifest.replace(b"\r\n", newline)) for newline in (b"\n", b"\r")]
    folded = parts.with_manifest(swap(parts.manifest, b"memory:BootObject", b"memory:Boot\r\n Object"))
    marked = parts.with_manifest(parts.manifest + b"\x1a")
    further = parts.with_manifest(parts.manifest + b"\r\nName: memory:Other\r\nX: 1\r\n\r\n")
    unmarked_end = parts.with_manifest(parts.manifest.removesuffix(b"\r\n\r\n"))
    underscore = parts.with_manifest(swap(parts.manifest, b"Digest-Algorithms", b"Digest_Algorithms"))
    embedded = _embed(parts.information)(parts)
    members = (("manifest.mf", parts.manifest), ("bis.sf", parts.information), ("bis.dsa", parts.block))
    archives = [
        variant.archive() for variant in (*newlines, folded, marked, further, unmarked_end, underscore, embedded)
    ]
    archives += [
        _archive_of(*members),
        _archive_of(*members, method=zipfile.ZIP_DEFLATED),
        _archive_of(("META-INF/", b""), *members, ("README.TXT", b"hello")),
        parts.archive() + b"trailing",
    ]
    for archive in archives:
        verification = verify_credentials(archive, NBP, trusted)
        assert verification.ok, verification.results
        assert outcome(verification) == judged(set())


def test_steps_without_something_to_compare_with_are_open_and_do_not_fail() -> None:
    archive = credentials_of(DSA_1024_SHA1.name)
    verification = verify_credentials(archive, None)
    assert outcome(verification) == judged(set(), {Step.BOOT_OBJECT_DIGEST, Step.AUTHORIZATION_KEY})
    assert verification.ok
    assert [result.asked for result in verification.open] == [False, False]
    garbage = verify_credentials(archive, NBP, b"no certificate")
    assert outcome(garbage) == judged(set(), {Step.AUTHORIZATION_KEY})
    assert not garbage.ok, "a comparison that was asked for and could not be made is not a success"


@pytest.mark.parametrize("name", PROFILES)
def test_wrong_certificate_fails_only_the_key(name: str) -> None:
    strangers = [new_signer(DSA_1024_SHA1).certificate, new_signer(RSA_2048_SHA256).certificate]
    for stranger in strangers:
        verification = verify_credentials(credentials_of(name), NBP, stranger)
        assert outcome(verification) == judged({Step.AUTHORIZATION_KEY})
    signer = signer_of(name)
    renewed = self_signed(signer.profile, signer.private_key, 99, "another name")
    assert verify_credentials(credentials_of(name), NBP, renewed).ok, "the key counts, not the certificate"


@pytest.mark.parametrize("name", PROFILES)
def test_credentials_of_one_program_do_not_fit_another(name: str) -> None:
    signer = signer_of(name)
    other = b"another program"
    for archive, program in ((credentials_of(name), other), (build_credentials(other, signer), NBP)):
        assert outcome(verify_credentials(archive, program, signer.certificate)) == judged({Step.BOOT_OBJECT_DIGEST})


# Properties


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(NBP) - 1), st.integers(1, 255), st.sampled_from(list(PROFILES)))
def test_any_change_of_the_program_fails_its_digest_alone(at: int, mask: int, name: str) -> None:
    verification = verify_credentials(credentials_of(name), flip(NBP, at, mask), signer_of(name).certificate)
    assert outcome(verification) == judged({Step.BOOT_OBJECT_DIGEST})


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400), st.binary(max_size=400))
def test_random_members_never_raise(manifest: bytes, information: bytes, block: bytes) -> None:
    archive = build_archive(((MF, manifest), (SF, information), ("META-INF/BIS.DSA", block)))
    for data in (archive, manifest, b"PK\x03\x04" + block):
        verification = verify_credentials(data, NBP, information)
        assert [result.step for result in verification.results] == list(Step)
        assert not verification.ok


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_flips_in_the_archive_never_raise(data: st.DataObject) -> None:
    archive = credentials_of(data.draw(st.sampled_from(list(PROFILES))))
    flips = st.lists(st.tuples(st.integers(0, len(archive) - 1), st.integers(1, 255)), min_size=1, max_size=4)
    for at, mask in data.draw(flips):
        archive = flip(archive, at, mask)
    archive = archive[: data.draw(st.integers(0, len(archive)) | st.just(len(archive)))]
    assert len(verify_credentials(archive, NBP, archive).results) == len(Step)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["manifest", "information", "block"]), st.integers(0, 2000), st.integers(1, 255))
def test_flips_in_members_are_caught_where_they_must(member: str, at: int, mask: int) -> None:
    parts = Parts.of(RSA_512_MD5.name)
    mutant = replace(parts, **{member: flip(getattr(parts, member), at, mask)})  # type: ignore[arg-type]
    verification = verify_credentials(mutant.archive(), NBP, parts.signer.certificate)
    if member == "information":
        assert verification.result(Step.SIGNATURE).ok is False
        assert verification.result(Step.SIGNER_CERTIFICATE).ok
    if member == "manifest" and at % len(parts.manifest) >= parts.manifest.index(b"Name:"):
        assert verification.result(Step.SIGNER_INFORMATION_DIGEST).ok is not True
        assert not verification.ok
    if member != "block":
        assert verification.result(Step.AUTHORIZATION_KEY).ok
