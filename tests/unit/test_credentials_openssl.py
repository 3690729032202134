"""The signature block against OpenSSL, which shares no code with ours: each side reads what the other wrote."""

from __future__ import annotations

import io
import ssl
import subprocess
import zipfile
from pathlib import Path

import pytest
from credentials_parts import NBP, signer_of
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import PROFILES, certificate_der, certificate_id
from pxeconform.protocol.credentials import Step, build_credentials, verify_credentials


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=20, check=False)


def lay_out(folder: Path, name: str) -> tuple[bytes, bytes, bytes]:
    """Put signer's information, block, key and certificate into files; return manifest, information and block."""
    signer = signer_of(name)
    with zipfile.ZipFile(io.BytesIO(build_credentials(NBP, signer))) as archive:
        manifest, information, block = (archive.read(member) for member in archive.namelist())
    (folder / "signed").write_bytes(information)
    (folder / "block").write_bytes(block)
    (folder / "key.pem").write_bytes(signer.private_key_pem())
    (folder / "cert.pem").write_text(ssl.DER_cert_to_PEM_cert(signer.certificate))
    return manifest, information, block


@pytest.mark.parametrize("tool", ["smime", "cms"])
@pytest.mark.parametrize("name", PROFILES)
def test_openssl_accepts_the_block_and_rejects_a_tampered_one(name: str, tool: str, tmp_path: Path) -> None:
    _, information, block = lay_out(tmp_path, name)

    def verify() -> subprocess.CompletedProcess[bytes]:
        # Level 0, since distributions raise the level, and these keys and digests are below every other one.
        return openssl(
            *(tool, "-verify", "-binary", "-inform", "DER", "-auth_level", "0", "-CAfile", tmp_path / "cert.pem"),
            *("-in", tmp_path / "block", "-content", tmp_path / "signed", "-out", tmp_path / "out"),
        )

    answer = verify()
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "out").read_bytes() == information
    for member, original in (("signed", information), ("block", block)):
        at = len(original) - 3
        (tmp_path / member).write_bytes(original[:at] + bytes((original[at] ^ 1,)) + original[at + 1 :])
        answer = verify()
        assert answer.returncode != 0
        assert b"erification fail" in answer.stderr
        (tmp_path / member).write_bytes(original)
    assert verify().returncode == 0


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("attributes", [False, True])
@pytest.mark.parametrize("tool", ["smime", "cms"])
@pytest.mark.parametrize("name", PROFILES)
def test_blocks_made_by_openssl_verify(name: str, tool: str, attributes: bool, embedded: bool, tmp_path: Path) -> None:
    signer = signer_of(name)
    manifest, information, _ = lay_out(tmp_path, name)
    switches = ([] if attributes else ["-noattr"]) + (["-nodetach"] if embedded else [])
    made = openssl(
        *(tool, "-sign", "-binary", "-outform", "DER", "-md", signer.profile.digest.hashlib_name, *switches),
        *("-signer", tmp_path / "cert.pem", "-inkey", tmp_path / "key.pem"),
        *("-in", tmp_path / "signed", "-out", tmp_path / "block"),
    )
    assert made.returncode == 0, made.stderr
    block = (tmp_path / "block").read_bytes()

    def verify(information: bytes) -> tuple[Step, ...]:
        members = (("A.MF", manifest), ("B.SF", information), (f"B.{signer.profile.suffix}", block))
        verification = verify_credentials(build_archive(members), NBP, signer.certificate)
        assert all(result.ok is not None for result in verification.results)
        return tuple(result.step for result in verification.failed)

    assert verify(information) == ()
    # The same block beside other octets is caught, whichever way it vouches for them.
    assert verify(information.replace(b"2.0\r\n", b"2.0\r\nX-Unknown: 1\r\n")) == (Step.SIGNATURE,)


@pytest.mark.parametrize("name", PROFILES)
def test_cryptography_and_openssl_read_the_certificate(name: str, tmp_path: Path) -> None:
    signer = signer_of(name)
    _, _, block = lay_out(tmp_path, name)
    loaded = x509.load_der_x509_certificate(signer.certificate)
    assert loaded.subject == loaded.issuer
    assert loaded.subject.rfc4514_string() == "CN=pxeconform"
    # cryptography itself refuses to check signatures of certificates made with SHA-1 or MD5.
    pem_file = tmp_path / "cert.pem"
    checked = openssl("verify", "-check_ss_sig", "-auth_level", "0", "-CAfile", pem_file, pem_file)
    assert checked.returncode == 0, checked.stderr
    (enclosed,) = load_der_pkcs7_certificates(block)
    assert enclosed == loaded
    pem = loaded.public_bytes(Encoding.PEM)
    assert certificate_der(pem) == certificate_der(signer.certificate) == signer.certificate
    shown = openssl("x509", "-in", pem_file, "-noout", "-fingerprint", "-sha1")
    assert shown.returncode == 0, shown.stderr
    digest = bytes.fromhex(shown.stdout.decode().strip().rpartition("=")[2].replace(":", ""))
    expected = (digest[3] << 24 | digest[2] << 16 | digest[1] << 8 | digest[0]) & 0xFF7F7FFF
    assert certificate_id(signer.certificate) == signer.certificate_id == expected
