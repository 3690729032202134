"""The formats inside of credentials, one by one: DER, archive, texts, certificates, credential types."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from pxeconform.protocol import certificates, der
from pxeconform.protocol.archive import MAX_MEMBERS, ArchiveError, build_archive, parse_archive
from pxeconform.protocol.manifest import (
    ManifestError,
    check_manifest,
    check_signer_information,
    parse_manifest,
    render,
)
from pxeconform.protocol.signature_block import parse_signature_block

DATA = Path(__file__).parent.parent / "data"
KEY = (DATA / "bis_rsa512_key.pem").read_bytes()

# DER


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        (der.encode_integer(0), "020100"),
        (der.encode_integer(127), "02017f"),
        (der.encode_integer(128), "02020080"),
        (der.encode_integer(-128), "020180"),
        (der.encode_integer(-129), "0202ff7f"),
        (der.encode_oid("1.2.840.113549.1.7.2"), "06092a864886f70d010702"),
        (der.encode_oid("2.999.3"), "0603883703"),
        (der.encode_null(), "0500"),
        (der.encode_bit_string(b"\xaa"), "030200aa"),
        (der.encode_set(b"\x02\x01\x09", b"\x02\x01\x01"), "3106020101020109"),
        (der.encode_context(0, b"\x05\x00"), "a0020500"),
        (der.encode_context(1, b"x", constructed=False), "810178"),
        (der.encode_utc_time(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)), "170d3439313233313233353935395a"),
        (der.encode_octet_string(bytes(128))[:3], "048180"),
        (der.encode_octet_string(bytes(256))[:4], "04820100"),
    ],
)
def test_der_encodings(encoded: bytes, expected: str) -> None:
    assert encoded.hex() == expected


@settings(deadline=None)
@given(st.integers(-(1 << 300), 1 << 300))
def test_der_integers_round_trip(value: int) -> None:
    assert der.decode(der.encode_integer(value)).integer() == value


@settings(deadline=None)
@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 1 << 60), max_size=5))
def test_der_identifiers_round_trip(top: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (top, second, *rest)))
    assert der.decode(der.encode_oid(dotted)).oid() == dotted


@settings(deadline=None)
@given(st.datetimes(datetime(1950, 1, 1), datetime(2049, 12, 31), timezones=st.just(UTC)))
def test_der_times_round_trip(moment: datetime) -> None:
    assert der.decode(der.encode_utc_time(moment)).utc_time() == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "30",
        "3080" + "0000",
        "308100",
        "30820001" + "00",
        "3085" + "0000000001",
        "0203" + "0102",
        "0201010500",
        "1f0100",
        "3084ffffffff",
    ],
)
def test_der_refuses_bad_elements(encoded: str) -> None:
    with pytest.raises(der.DerError):
        der.decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    ("encoded", "reader"),
    [
        ("0200", "integer"),
        ("02020001", "integer"),
        ("0202ffff", "integer"),
        ("040101", "integer"),
        ("0600", "oid"),
        ("060181", "oid"),
        ("06028001", "oid"),
        ("0641" + "01" * 65, "oid"),
        ("0300", "bit_string"),
        ("030201fe", "bit_string"),
        ("050100", "null"),
        ("170d3439313333313233353935395a", "utc_time"),
        ("170b343931323331323335395a", "utc_time"),
        ("040100", "children"),
        ("3100", "sequence"),
        ("30020201", "sequence"),
    ],
)
def test_der_refuses_bad_values(encoded: str, reader: str) -> None:
    with pytest.raises(der.DerError):
        getattr(der.decode(bytes.fromhex(encoded)), reader)()


def test_der_bounds_depth_and_number() -> None:
    nested = b""
    for _ in range(der.MAX_DEPTH + 2):
        nested = der.encode_sequence(nested)
    element = der.decode(nested)
    with pytest.raises(der.DerError, match="nested"):
        for _ in range(der.MAX_DEPTH + 1):
            (element,) = element.children()
    with pytest.raises(der.DerError, match="more than"):
        der.decode(der.encode_sequence(der.encode_null() * (der.MAX_CHILDREN + 1))).children()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_der_readers_raise_nothing_else(data: bytes) -> None:
    wrapped = der.encode_sequence(data)
    for reader in (der.decode, certificates.parse_certificate, parse_signature_block):
        for octets in (data, wrapped):
            try:
                reader(octets)
            except der.DerError:
                continue


# Archive


def test_archive_round_trip_and_limits() -> None:
    members = (("A.MF", b"one"), ("B.SF", b""), ("B.RSA", bytes(1000)))
    built = build_archive(members)
    archive = parse_archive(built)
    assert [(member.name, member.data) for member in archive.members] == list(members)
    assert (archive.faults, archive.remarks) == ((), ())
    with zipfile.ZipFile(io.BytesIO(built)) as opened:
        assert opened.testzip() is None
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with pytest.raises(ArchiveError, match="members"):
        parse_archive(build_archive([(f"{number}.MF", b"") for number in range(MAX_MEMBERS + 1)]))


def test_archive_that_tells_two_stories_is_faulty() -> None:
    built = build_archive((("A.MF", b"one"), ("B.SF", b"two")))
    local = built.replace(b"A.MF", b"C.MF", 1)
    assert any("another name" in fault for fault in parse_archive(local).faults)
    central = bytearray(built)
    second = built.index(b"PK\x01\x02", built.index(b"PK\x01\x02") + 1)
    central[second + 42 : second + 46] = bytes(4)  # the second entry points to the first member
    assert any("another name" in fault for fault in parse_archive(bytes(central)).faults)
    inner = build_archive((("B.SF", b"two"),))
    outer = build_archive((("A.MF", inner), ("B.SF", b"two")))
    assert not parse_archive(outer).faults
    overlapping = bytearray(outer)
    second = outer.rindex(b"PK\x01\x02")
    struct.pack_into("<L", overlapping, second + 42, outer.index(inner))
    assert parse_archive(bytes(overlapping)).faults == ("members overlap",)
    flagged = bytearray(built)
    flagged[6] ^= 1  # encrypted by the local header, plain by the directory
    assert any("other flags" in fault for fault in parse_archive(bytes(flagged)).faults)
    sized = bytearray(built)
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", sized, built.index(magic) + at, 4)
    assert any("unpacked size" in fault for fault in parse_archive(bytes(sized)).faults)


def test_archive_written_to_a_pipe_is_remarked() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as opened:
        opened.writestr("A.MF", b"one")
    archive = parse_archive(pipe.getvalue())
    assert archive.members[0].data == b"one"
    assert not archive.faults
    assert len(archive.remarks) == 1


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.integers(0, 255), st.binary(max_size=8))
def test_archive_reader_raises_nothing_else(at: int, octet: int, more: bytes) -> None:
    built = bytearray(build_archive((("A.MF", b"one"), ("B.SF", b"two"))))
    built[at : at + 1] = bytes((octet,))
    try:
        archive = parse_archive(bytes(built) + more)
    except ArchiveError:
        return
    assert len(archive.members) <= 2


# Texts


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_sections_keep_their_bytes(newline: bytes) -> None:
    lines = [b"Manifest-Version: 2.0", b"", b"Name: one", b"A: 1", b"", b"", b"Name: two", b"B: x", b" y", b""]
    text = newline.join(lines)
    manifest = parse_manifest(text)
    assert manifest.header.fields == (("Manifest-Version", "2.0"),)
    assert [section.name for section in manifest.sections] == ["one", "two"]
    assert manifest.sections[0].raw == newline.join([b"Name: one", b"A: 1", b"", b"", b""])
    assert manifest.sections[1].raw == text[text.index(b"Name: two") :]
    assert manifest.sections[1].get("b") == "xy"
    assert not manifest.departures
    marked = parse_manifest(text + b"\x1a")
    assert marked.sections[1].raw == manifest.sections[1].raw + b"\x1a"
    assert marked.sections[1].fields == manifest.sections[1].fields


def test_first_of_two_sections_counts() -> None:
    manifest = parse_manifest(b"Manifest-Version: 2.0\n\nName: a\nX: 1\n\nName: a\nX: 2\n")
    section = manifest.section("a")
    assert section is not None
    assert section.get("X") == "1"
    assert manifest.section("A") is None
    assert any("occurs again" in departure for departure in manifest.departures)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n\r\n",
        b"no colon",
        b": nothing",
        b" continuation",
        b"A: 1\n\nB: 2\n",
        b"A: \x00\n",
        b"A: \x1a\n",
        b"A: \xc3\xa4\n",
        b"A: \x1b[31m\n",
        b"a: 1\n" * 10_001,
    ],
)
def test_texts_without_meaning(text: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"A: " + b"x" * 70, "73 octets"),
        (b"A:1", "no space"),
        (b"A: 1\na: 2", "twice"),
        (b"\nA: 1", "blank lines before"),
    ],
)
def test_departures(text: bytes, words: str) -> None:
    (departure,) = parse_manifest(text).departures
    assert words in departure
    assert words in " ".join(check_manifest(parse_manifest(text)))


def test_line_of_72_octets_is_allowed() -> None:
    assert not parse_manifest(b"A: " + b"x" * 69 + b"\r\n").departures


def test_texts_are_told_apart() -> None:
    manifest = parse_manifest(b"Manifest-Version: 2.0\nManifestPersistentId: AAAAAAAAAAAAAAAAAAAAAA==\n")
    assert check_manifest(manifest) == ()
    assert len(check_signer_information(manifest)) == 3


@settings(deadline=None)
@given(st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=300), min_size=1, max_size=4))
def test_long_values_fold_and_unfold(values: list[str]) -> None:
    fields = [(f"X-{number}", value) for number, value in enumerate(values)]
    text = render(([("Manifest-Version", "2.0")], [("Name", "memory:BootObject"), *fields]))
    assert max(map(len, text.split(b"\r\n"))) <= 70
    manifest = parse_manifest(text)
    assert list(manifest.sections[0].fields[1:]) == fields
    assert not manifest.departures


def test_lines_are_folded_at_70_octets() -> None:
    text = render(([("X", "y" * 150)],))
    assert [len(line) for line in text.split(b"\r\n")] == [70, 70, 15, 0, 0]


@pytest.mark.parametrize("value", ["a\r\nInjected: 1", "a\nb", "\x7f"])
def test_values_that_would_not_survive_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        render(([("X", value)],))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text("AN:ame \r\n\x1a-", max_size=80).map(str.encode))
def test_text_reader_raises_nothing_else(data: bytes) -> None:
    try:
        manifest = parse_manifest(data)
    except ManifestError:
        return
    assert b"".join(section.raw for section in (manifest.header, *manifest.sections)) == data.lstrip(b"\r\n ")


# Certificates and credential types


def test_credential_types_on_the_wire() -> None:
    assert certificates.encode_credential_types([41, 42]).hex() == "000000290000002a"
    assert certificates.decode_credential_types(bytes.fromhex("000000290000002a")) == (41, 42)
    assert certificates.encode_credential_types([0xFFFFFFFF]) == b"\xff" * 4, "tests probe with reserved bits"
    for bad in (b"", b"\0\0\0", b"\0\0\0\x29\0", bytes(4 * 64)):
        assert certificates.decode_credential_types(bad) is None
    for refused in ([], [-1], [1 << 32], [41] * 64):
        with pytest.raises(ValueError, match="credential type"):
            certificates.encode_credential_types(refused)


@pytest.mark.parametrize(
    ("digest", "wire"), [("8cbfc595", "95453f8c"), ("68599b2f", "2f1b5968"), ("ffffffff", "ff7f7fff")]
)
def test_certificate_identifier_is_reversed_and_masked(digest: str, wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates.Digest, "of", lambda _self, _data: bytes.fromhex(digest) + bytes(16))
    assert certificates.encode_credential_types([certificates.certificate_id(b"any")]).hex() == wire


def test_identifier_of_known_bytes() -> None:
    # SHA-1 of "abc" is a9993e36 4706816a ... (FIPS 180)
    assert certificates.certificate_id(b"abc") == 0x363E19A9


def test_profiles_say_what_they_are() -> None:
    known = certificates.PROFILES
    assert known["dsa-1024-sha1"].algorithm_id == 41
    assert known["rsa-512-md5"].algorithm_id == 42
    assert known["rsa-2048-sha256"].algorithm_id is None
    assert [profile.name for profile in known.values() if profile.private_extension] == ["rsa-2048-sha256"]


def test_signer_from_pem() -> None:
    signer = certificates.Signer.from_pem(KEY)
    assert signer.profile is certificates.RSA_512_MD5
    assert signer.certificate == certificates.Signer.from_pem(KEY).certificate, "same key, same certificate"
    assert certificates.Signer.from_pem(signer.private_key_pem(), signer.certificate).certificate == signer.certificate
    stranger = certificates.new_signer(certificates.DSA_1024_SHA1)
    with pytest.raises(ValueError, match="another key"):
        certificates.Signer.from_pem(KEY, stranger.certificate)
    with pytest.raises(ValueError, match="no certificate"):
        certificates.Signer.from_pem(KEY, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for key, words in (
        (ec.generate_private_key(ec.SECP256R1()), "neither"),
        (rsa.generate_private_key(65537, 1024), "1024 bits"),
    ):
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(ValueError, match=words):
            certificates.Signer.from_pem(pem)
    with pytest.raises(ValueError, match="from_pem"):
        certificates.new_signer(certificates.RSA_512_MD5)


def test_keys_are_compared_to_the_last_number() -> None:
    first = certificates.new_signer(certificates.DSA_1024_SHA1)
    assert isinstance(first.private_key, dsa.DSAPrivateKey)
    sibling = first.private_key.parameters().generate_private_key()
    other = certificates.self_signed(first.profile, sibling, 1)
    keys = [certificates.parse_certificate(der_bytes).public_key for der_bytes in (first.certificate, other)]
    assert keys[0].numbers[:3] == keys[1].numbers[:3]
    assert keys[0].equals(keys[0])
    assert not keys[0].equals(keys[1])


def test_certificate_with_a_negative_modulus_is_none() -> None:
    certificate = certificates.Signer.from_pem(KEY).certificate
    at = certificate.index(bytes.fromhex("024100"))
    negative = certificate[:at] + bytes.fromhex("0241ff7f") + certificate[at + 4 :]
    with pytest.raises(der.DerError):
        certificates.parse_certificate(negative)


def test_unusable_keys_are_neither_right_nor_wrong() -> None:
    signed = b"data"
    for kind, numbers in (
        ("rsa", (1 << 9000, 3)),
        ("rsa", ((1 << 511) + 1, (1 << 40) + 1)),
        ("rsa", (4, 2)),
        ("dsa", (4, 2, 1, 1)),
        ("dsa", (1 << 5000, 1, 1, 1)),
        (None, ()),
    ):
        key = certificates.PublicKey(kind, numbers, b"")  # type: ignore[arg-type]
        assert key.verify(bytes(64), signed, certificates.SHA1) is None


def test_cryptography_is_imported_late() -> None:
    program = (
        "import sys, pxeconform.protocol.credentials\n"
        "assert not [name for name in sys.modules if name.startswith('cryptography')]\n"
    )
    root = Path(__file__).parent.parent.parent
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=30)
