"""What the tests of credentials take apart and put together again."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pxeconform.protocol import der
from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import (
    DSA_1024_SHA1,
    MD5,
    PROFILES,
    RSA_512_MD5,
    SHA1,
    Signer,
    new_signer,
)
from pxeconform.protocol.credentials import Step, Verification, build_credentials
from pxeconform.protocol.manifest import (
    BOOT_OBJECT,
    build_signer_information,
    parse_manifest,
)
from pxeconform.protocol.signature_block import (
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


def rebuild_block(parts: Parts, edit: Callable[[list[bytes]], list[bytes]]) -> Parts:
    kind, wrapped = der.decode(parts.block).sequence(2)
    fields = edit([element.raw for element in wrapped.children()[0].sequence()])
    block = der.encode_sequence(kind.raw, der.encode_context(0, der.encode_sequence(*fields)))
    return replace(parts, block=block)


def embed(content: bytes) -> Callable[[Parts], Parts]:
    wrapped = der.encode_context(0, der.encode_octet_string(content))
    return lambda parts: rebuild_block(
        parts, lambda raw: [*raw[:2], der.encode_sequence(der.decode(raw[2]).sequence()[0].raw, wrapped), *raw[3:]]
    )
