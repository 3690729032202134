"""The credentials file of PXE step 8: built for a boot object, and verified step by step.

A client with Boot Integrity Services (BIS) downloads this file beside the network bootstrap program and runs the
program only if both fit. The file is a PKZIP archive of three members: a manifest with the program's digest, a signer's
information with the digest of the manifest's section, and a PKCS#7 block that signs the signer's information.

Verification never stops at the first fault and never raises: each :class:`Step` gets a result of its own, and a step
whose input an earlier one could not provide is left open (``ok`` is None) instead of failed.

Sources: Extensible Firmware Interface 1.10, section 15.5; The Open Group, Common Security: CDSA and CSSM, part Signed
Manifests; RFC 2315. What those leave open is listed in docs/credentials.md.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from pxeconform.protocol.archive import Archive, ArchiveError, build_archive, parse_archive
from pxeconform.protocol.certificates import (
    MD5,
    PROFILES,
    SHA1,
    SHA256,
    Digest,
    Profile,
    Signer,
    certificate_id,
    parse_certificate,
)
from pxeconform.protocol.der import DerError
from pxeconform.protocol.manifest import (
    BOOT_OBJECT,
    Manifest,
    ManifestError,
    Section,
    build_manifest,
    build_signer_information,
    check_manifest,
    check_signer_information,
    parse_manifest,
)
from pxeconform.protocol.signature_block import SignatureBlock, build_signature_block, parse_signature_block

MANIFEST_MEMBER: Final = "META-INF/MANIFEST.MF"
SIGNER_MEMBER: Final = "META-INF/BIS.SF"
BLOCK_STEM: Final = "META-INF/BIS"

# EFI asks for SHA-1 and MD5 in just this spelling; the others are met in CDSA's appendix A. SHA-256 is ours.
_EFI_WORDS: Final = frozenset({"SHA-1", "MD5"})
_DIGEST_WORDS: Final = MappingProxyType({"SHA-1": SHA1, "SHA1": SHA1, "SHA": SHA1, "MD5": MD5, "SHA-256": SHA256})
_PRIVATE_WORDS: Final = frozenset({"SHA-256"})
_BASE_NAME: Final = re.compile(r"[A-Z0-9_-]{1,8}")
_BLOCK_SUFFIXES: Final = (".DSA", ".RSA")
_MAX_REASONS: Final = 8


class Step(Enum):
    """A step of verification; the value is the requirement that its failure breaks, with the step's own name."""

    ARCHIVE = ("archive", "PXE-21-BIS-16")
    TEXTS = ("texts", "PXE-21-BIS-21")
    SIGNER_CERTIFICATE = ("signer-certificate", "PXE-21-BIS-19")
    SIGNATURE = ("signature", "PXE-21-BIS-19")
    SIGNER_INFORMATION_DIGEST = ("signer-information-digest", "PXE-21-BIS-18")
    BOOT_OBJECT_DIGEST = ("boot-object-digest", "PXE-21-BIS-17")
    AUTHORIZATION_KEY = ("authorization-key", "PXE-21-BIS-20")

    @property
    def label(self) -> str:
        """The step's name in reports."""
        return self.value[0]

    @property
    def requirement(self) -> str:
        """Identifier of the requirement that a failing step breaks."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step: kept, broken, or (``ok`` is None) not to be judged, with the reason.

    ``asked`` is False if the step is open only because the caller gave nothing to compare with.
    """

    step: Step
    ok: bool | None
    reason: str = ""
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of every step in the order of :class:`Step`, and what was learnt on the way.

    ``certificate`` is the signer's as DER, None if the file has none. ``profile`` is None if key and digest are of no
    known profile. ``remarks`` are oddities that break no rule.
    """

    results: tuple[StepResult, ...]
    certificate: bytes | None = field(repr=False)
    profile: Profile | None
    remarks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True if every step that was asked for is kept; one that could not be judged is not kept."""
        return all(result.ok or not result.asked for result in self.results)

    @property
    def failed(self) -> tuple[StepResult, ...]:
        """The broken steps."""
        return tuple(result for result in self.results if result.ok is False)

    @property
    def open(self) -> tuple[StepResult, ...]:
        """The steps that could not be judged."""
        return tuple(result for result in self.results if result.ok is None)

    @property
    def certificate_id(self) -> int | None:
        """Identifier of the signer's certificate as option 43 tag 12 would carry it."""
        return None if self.certificate is None else certificate_id(self.certificate)

    def result(self, step: Step) -> StepResult:
        """Return the result of one step."""
        return next(result for result in self.results if result.step is step)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The three members that were found, None where one is missing or could not be unpacked."""

    manifest: bytes | None = None
    information: bytes | None = None
    block: bytes | None = None
    block_suffix: str = ""


def build_credentials(boot_object: bytes, signer: Signer, *, guids: tuple[bytes, bytes] | None = None) -> bytes:
    """Return a credentials file for ``boot_object`` (the octets that a transfer in octet mode delivers).

    ``guids`` are the persistent identifiers of manifest and signer's information, 16 octets each in the order in which
    they are stored; without them fresh ones are drawn, as every manifest needs its own. Raises ValueError if one has
    another size. With given identifiers an RSA signer gives the same bytes each time; DSA signatures are random.
    """
    manifest_guid, information_guid = guids or (uuid.uuid4().bytes_le, uuid.uuid4().bytes_le)
    digest = signer.profile.digest
    manifest = build_manifest(manifest_guid, {digest.word: digest.of(boot_object)})
    section = parse_manifest(manifest).sections[0]
    information = build_signer_information(information_guid, {digest.word: digest.of(section.raw)})
    return build_archive(
        (
            (MANIFEST_MEMBER, manifest),
            (SIGNER_MEMBER, information),
            (f"{BLOCK_STEM}.{signer.profile.suffix}", build_signature_block(information, signer)),
        )
    )


def verify_credentials(
    archive: bytes, boot_object: bytes | None, trusted_certificate: bytes | None = None
) -> Verification:
    """Return the result of every step for a credentials file, whatever its bytes are; never raise.

    ``boot_object`` is the downloaded program, ``trusted_certificate`` the platform's Boot Object Authorization
    Certificate as DER. A step that needs one of them is open if it is None.
    """
    remarks: list[str] = []
    parts, archive_result = _judge_archive(archive, remarks)
    manifest, manifest_faults = _parse_text(parts.manifest)
    information, information_faults = _parse_text(parts.information)
    if manifest is not None:
        manifest_faults += check_manifest(manifest)
        manifest_faults += _check_words(manifest.section(BOOT_OBJECT), remarks)
    if information is not None:
        information_faults += check_signer_information(information)
        information_faults += _check_words(information.section(BOOT_OBJECT), remarks)
    block, certificate_result = _judge_certificate(parts)
    certificate = block.certificate if block is not None else None
    profile = _profile(block)
    if profile is not None and parts.block_suffix != f".{profile.suffix}":
        # The sentence of EFI on suffixes was not readable to its end: no reason to fail anybody.
        remarks.append(f"block is named {parts.block_suffix} but signed with {profile.kind.upper()}")
    signed_digest = profile.digest if profile is not None else None
    return Verification(
        results=(
            archive_result,
            _judge_texts(parts, manifest_faults, information_faults),
            certificate_result,
            _judge_signature(block, parts.information),
            _judge_information_digest(manifest, information, signed_digest),
            _judge_boot_object(manifest, boot_object),
            _judge_key(block, trusted_certificate),
        ),
        certificate=None if certificate is None else certificate.der,
        profile=profile,
        remarks=tuple(remarks),
    )


def _from_faults(step: Step, faults: list[str] | tuple[str, ...]) -> StepResult:
    """Return a result that is kept unless there are faults; a hostile file must not make the reason endless."""
    if not faults:
        return StepResult(step, True)
    more = f"; and {len(faults) - _MAX_REASONS} more" if len(faults) > _MAX_REASONS else ""
    return StepResult(step, False, "; ".join(faults[:_MAX_REASONS]) + more)


def _judge_archive(data: bytes, remarks: list[str]) -> tuple[_Parts, StepResult]:
    """Find the three members."""
    try:
        archive = parse_archive(data)
    except ArchiveError as error:
        return _Parts(), StepResult(Step.ARCHIVE, False, f"no readable archive: {error}")
    remarks += archive.remarks
    parts, faults = _select(archive, remarks)
    return parts, _from_faults(Step.ARCHIVE, [*archive.faults, *faults])


def _select(archive: Archive, remarks: list[str]) -> tuple[_Parts, list[str]]:
    """Return the members by role, and what is wrong with their number and names."""
    roles: dict[str, list[tuple[PurePosixPath, bytes | None]]] = {"MF": [], "SF": [], "block": []}
    for member in archive.members:
        path = PurePosixPath(member.name.upper())
        role = "block" if path.suffix in _BLOCK_SUFFIXES else path.suffix.removeprefix(".")
        if role not in roles:
            remarks.append(f"member {member.name[:80]!a} belongs to no credentials")
            continue
        roles[role].append((path, member.data))
        if not _BASE_NAME.fullmatch(path.stem):
            remarks.append(f"member {member.name[:80]!a} is not named by 1 to 8 letters, digits, - or _")
    faults: list[str] = []
    chosen: dict[str, tuple[PurePosixPath, bytes | None]] = {}
    for role, what in (("MF", "manifest (.MF)"), ("SF", "signer's information (.SF)"), ("block", "signature block")):
        found = roles[role]
        if len(found) == 1:
            chosen[role] = found[0]
        else:
            faults.append(f"{len(found)} members are a {what}, must be one" if found else f"no {what}")
    nothing = PurePosixPath(), None
    (signer_path, information), (block_path, block) = chosen.get("SF", nothing), chosen.get("block", nothing)
    if {"SF", "block"} <= chosen.keys() and signer_path.with_suffix("") != block_path.with_suffix(""):
        faults.append(f"block {block_path.name[:80]!a} is not named like {signer_path.name[:80]!a}")
    return _Parts(chosen.get("MF", nothing)[1], information, block, block_path.suffix), faults


def _parse_text(data: bytes | None) -> tuple[Manifest | None, list[str]]:
    """Return a parsed text, or the reason why it cannot be."""
    if data is None:
        return None, []
    try:
        return parse_manifest(data), []
    except ManifestError as error:
        return None, [str(error)]


def _check_words(section: Section | None, remarks: list[str]) -> list[str]:
    """Return the digest words of a section that EFI does not know in that spelling."""
    if section is None:
        return []
    if section.get("Digest-Algorithms") is None and section.algorithms:
        remarks.append("Digest_Algorithms is written with an underscore")
    known = _EFI_WORDS | _PRIVATE_WORDS
    return [f"digest word {word[:40]!r} is none of SHA-1, MD5" for word in section.algorithms if word not in known]


def _judge_texts(parts: _Parts, manifest_faults: list[str], information_faults: list[str]) -> StepResult:
    """Judge the form of both texts."""
    faults = [f".MF: {fault}" for fault in manifest_faults] + [f".SF: {fault}" for fault in information_faults]
    if not faults and (parts.manifest is None or parts.information is None):
        missing = "manifest" if parts.manifest is None else "signer's information"
        return StepResult(Step.TEXTS, None, f"there is no {missing} to read")
    return _from_faults(Step.TEXTS, faults)


def _judge_certificate(parts: _Parts) -> tuple[SignatureBlock | None, StepResult]:
    """Judge the block's form: one signer, with its certificate."""
    if parts.block is None:
        return None, StepResult(Step.SIGNER_CERTIFICATE, None, "there is no signature block to read")
    try:
        block = parse_signature_block(parts.block)
    except DerError as error:
        return None, StepResult(Step.SIGNER_CERTIFICATE, False, f"no signature block of one signer: {error}")
    return block, _from_faults(Step.SIGNER_CERTIFICATE, [block.certificate_fault] if block.certificate_fault else [])


def _judge_signature(block: SignatureBlock | None, information: bytes | None) -> StepResult:
    """Judge the signature over the signer's information."""
    if block is None or information is None:
        what = "signature block" if block is None else "signer's information"
        return StepResult(Step.SIGNATURE, None, f"there is no readable {what}")
    return StepResult(Step.SIGNATURE, *block.verify(information))


def _profile(block: SignatureBlock | None) -> Profile | None:
    """Return the profile that key and digest of the signer belong to."""
    if block is None or block.certificate is None:
        return None
    key = block.certificate.public_key
    for profile in PROFILES.values():
        if (profile.kind, profile.key_bits, profile.digest) == (key.kind, key.bits, block.digest):
            return profile
    return None


def _digests(section: Section) -> tuple[dict[str, Digest], list[str]]:
    """Return the known algorithms of a section by their word, and the words that are unknown."""
    words = {word: _DIGEST_WORDS.get(word.upper()) for word in section.algorithms}
    return {word: digest for word, digest in words.items() if digest}, [word for word in words if words[word] is None]


def _judge_digests(step: Step, section: Section, subject: bytes, faults: list[str]) -> StepResult:
    """Judge every digest that a section lists for ``subject``; ``faults`` are those already known."""
    known, unknown = _digests(section)
    if not known and not unknown:
        faults.append("no digest algorithm is listed")
    # Once per algorithm, however many spellings of it a hostile file lists.
    actual = {digest: digest.of(subject) for digest in set(known.values())}
    for word, digest in known.items():
        listed = section.digest(word)
        if listed is None:
            faults.append(f"no legible {word[:40]}-Digest")
        elif listed != actual[digest]:
            faults.append(f"{word[:40]} digest differs")
    if unknown and not faults:
        return StepResult(step, None, f"digest algorithm {unknown[0][:40]!r} is unknown here")
    return _from_faults(step, faults)


def _judge_information_digest(
    manifest: Manifest | None, information: Manifest | None, signed_digest: Digest | None
) -> StepResult:
    """Judge the digest of the manifest's section in the signer's information."""
    step = Step.SIGNER_INFORMATION_DIGEST
    section = None if information is None else information.section(BOOT_OBJECT)
    if information is not None and section is None:
        return StepResult(step, False, f"signer's information has no section {BOOT_OBJECT}")
    covered = None if manifest is None else manifest.section(BOOT_OBJECT)
    if manifest is None or section is None:
        what = "manifest" if manifest is None else "signer's information"
        return StepResult(step, None, f"there is no readable {what}")
    if covered is None:
        return StepResult(step, None, f"manifest has no section {BOOT_OBJECT} to compare with")
    faults: list[str] = []
    listed, _ = _digests(section)
    # Words are compared by what they mean: "SHA" in one file and "SHA-1" in the other is a matter of form (TEXTS).
    if _meanings(section) != _meanings(covered):
        faults.append("manifest and signer's information list different digest algorithms")
    if signed_digest is not None and signed_digest not in listed.values():
        faults.append(f"{signed_digest.word}, the digest of the signature, is not among the listed ones")
    return _judge_digests(step, section, covered.raw, faults)


def _meanings(section: Section) -> set[str]:
    """Return the listed algorithms in one spelling each."""
    known, unknown = _digests(section)
    return {digest.word for digest in known.values()} | {word.upper() for word in unknown}


def _judge_boot_object(manifest: Manifest | None, boot_object: bytes | None) -> StepResult:
    """Judge the digest of the boot object in the manifest."""
    step = Step.BOOT_OBJECT_DIGEST
    if manifest is None:
        return StepResult(step, None, "there is no readable manifest")
    section = manifest.section(BOOT_OBJECT)
    if section is None:
        return StepResult(step, False, f"manifest has no section {BOOT_OBJECT}")
    if boot_object is None:
        return StepResult(step, None, "no boot object was given", asked=False)
    return _judge_digests(step, section, boot_object, [])


def _judge_key(block: SignatureBlock | None, trusted_certificate: bytes | None) -> StepResult:
    """Judge whether the signer's key is the platform's."""
    step = Step.AUTHORIZATION_KEY
    if trusted_certificate is None:
        return StepResult(step, None, "no authorization certificate was given", asked=False)
    try:
        trusted = parse_certificate(trusted_certificate)
    except DerError as error:
        return StepResult(step, None, f"the authorization certificate given is unreadable: {error}")
    if block is None or block.certificate is None:
        return StepResult(step, None, "the signer's certificate is missing")
    same = block.certificate.public_key.equals(trusted.public_key)
    return StepResult(step, same, "" if same else "the signer's key is not the authorization certificate's")
