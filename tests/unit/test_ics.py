"""The ICS file: what becomes a claim, and what is refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pxeconform.requirements.ledger import BootService, KnownFile
from pxeconform.runner.ics import IcsError, check_sha256, load_ics

DIGEST = "ab" * 32

WHOLE = f"""
[target]
name = "the lab's server"
roles = ["tftp", "bootserver", "bis"]
[tftp]
files = [{{name = "pxelinux.0", size = 40999, sha256 = "{DIGEST.upper()}"}}, {{name = "big"}}]
text_file = "text.txt"
writable = "upload/"
overwrite = false
options = ["blksize", "tsize"]
netascii = true
single_port = true
[dhcp]
pool = {{first = "10.0.0.100", last = "10.0.0.200"}}
may_decline = true
bootp = true
lease_time = 3600
[pxe]
boot_files = {{0 = "pxelinux.0", 7 = "bootx64.efi"}}
boot_servers = [{{type = 32769, layers = [0, 1]}}, {{type = 1}}]
discovery = ["unicast"]
multicast_address = "224.0.1.2"
[bis]
credential_types = [41, 42]
[mtftp]
address = "239.1.2.3"
client_port = 1758
server_port = 1759
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ics.toml"
    path.write_text(text)
    return path


def test_all_keys_of_the_contract(tmp_path: Path) -> None:
    name, claims = load_ics(written(tmp_path, WHOLE))
    assert name == "the lab's server"
    assert claims.roles == ("tftp", "bootserver", "bis")
    assert claims.files == (KnownFile("pxelinux.0", 40999, DIGEST), KnownFile("big"))
    assert claims.tftp_options == ("blksize", "tsize")
    assert claims.single_port
    assert claims.netascii
    assert (claims.text_file, claims.writable, claims.overwrite) == ("text.txt", "upload/", False)
    assert claims.boot_services == (BootService(32769, (0, 1)), BootService(1, (0,)))
    assert claims.boot_files == ((0, "pxelinux.0"), (7, "bootx64.efi"))
    assert claims.credential_types == (41, 42)


def test_an_empty_file_claims_nothing(tmp_path: Path) -> None:
    _, claims = load_ics(written(tmp_path, ""))
    assert (claims.roles, claims.boot_services, claims.credential_types, claims.files) == (None, None, None, ())


def test_the_certificate_lies_beside_the_file(tmp_path: Path) -> None:
    from pxeconform.protocol.certificates import RSA_2048_SHA256, certificate_der, new_signer

    signer = new_signer(RSA_2048_SHA256)
    (tmp_path / "ca.der").write_bytes(signer.certificate)
    _, claims = load_ics(written(tmp_path, '[bis]\ntrust = "ca.der"'))
    assert claims.trusted_certificate is not None
    assert certificate_der(claims.trusted_certificate.encode()) == signer.certificate


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[target", "TOML"),
        ("name = 1", "section"),
        ("[cooking]\nx = 1", "cooking"),
        ("[tftp]\nfile = 1", "file"),
        ('[target]\nroles = ["cook"]', "cook"),
        ("[tftp]\nfiles = [{size = 3}]", "wrong form"),
        ('[tftp]\nfiles = [{name = "a", sha256 = "12"}]', "SHA-256"),
        ('[pxe]\nboot_servers = [{type = "many"}]', "wrong form"),
        ('[bis]\ntrust = "nowhere.pem"', "nowhere.pem"),
        ('[bis]\ntrust = "ics.toml"', "no certificate"),
    ],
)
def test_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(IcsError, match=word) as caught:
        load_ics(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(IcsError, match="No such file"):
        load_ics(tmp_path / "none.toml")


def test_digest() -> None:
    assert check_sha256(DIGEST.upper()) == DIGEST
    with pytest.raises(ValueError, match="no SHA-256"):
        check_sha256("g" * 64)
