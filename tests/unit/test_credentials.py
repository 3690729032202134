"""The credentials file as a whole: built, and verified step by step."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from credentials_parts import (
    GUIDS,
    MF,
    NBP,
    SF,
    Parts,
    credentials_of,
    embed,
    flip,
    judged,
    members_of,
    outcome,
    signer_of,
    swap,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import (
    DSA_1024_SHA1,
    MD5,
    PROFILES,
    RSA_512_MD5,
    RSA_2048_SHA256,
    SHA1,
    certificate_id,
    new_signer,
    self_signed,
)
from pxeconform.protocol.credentials import Step, build_credentials, verify_credentials
from pxeconform.protocol.manifest import (
    build_manifest,
)

if TYPE_CHECKING:
    pass

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
    embedded = embed(parts.information)(parts)
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
