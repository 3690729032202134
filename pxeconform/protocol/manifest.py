"""The two texts of boot credentials: manifest (.MF) and signer's information (.SF).

Both are ASCII, in sections of ``name: value`` lines with blank lines between. The first section is the header; every
other one begins with ``Name:`` and is digested by its raw bytes, so :class:`Section` keeps them.

What makes a text meaningless (octets outside of ASCII, a line without a colon, a section without a name) is a
:class:`ManifestError`. What merely breaks a rule (a line of 73 octets, a name used twice) is kept in
:attr:`Manifest.departures`: such a file is wrong, but its digests can still be judged.

Sources: Extensible Firmware Interface 1.10, section 15.5 (VerifyBootObject); The Open Group, Common Security: CDSA and
CSSM, part Signed Manifests, chapters 4 and 6; the JAR file specification, from which the format descends.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BOOT_OBJECT: Final = "memory:BootObject"
SIGNER_INFORMATION_NAME: Final = "BIS_VerifiableObjectSignerInfoName"
VERSION: Final = "2.0"
MAX_LINE_OCTETS: Final = 72
MAX_LINES: Final = 10_000
GUID_OCTETS: Final = 16

# Readers differ on whether the newline counts into the 72 octets. Lines of 70 keep both content.
_FOLD_OCTETS: Final = 70
_FIELD: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_-]*):(.*)", re.DOTALL)
_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_UNPRINTABLE: Final = re.compile(rb"[^\t\r\n\x20-\x7e]")
_END_OF_FILE_MARK: Final = b"\x1a"


class ManifestError(ValueError):
    """The bytes cannot be understood as a manifest or a signer's information."""


@dataclass(frozen=True, slots=True)
class Section:
    """A block of lines: ``(name, value)`` pairs with continuation lines joined, and the bytes that a digest covers."""

    fields: tuple[tuple[str, str], ...]
    raw: bytes = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the first value under ``name``, in whatever case that is written; None if it is absent."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), None)

    @property
    def name(self) -> str | None:
        """The section's own name; None for a header."""
        return self.get("Name")

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The words of Digest-Algorithms as written; one chapter of CDSA prints that name with an underscore."""
        return tuple((self.get("Digest-Algorithms") or self.get("Digest_Algorithms") or "").split())

    def digest(self, algorithm: str) -> bytes | None:
        """Return the digest listed for an algorithm word; None if its line is absent or is not base 64."""
        value = self.get(f"{algorithm}-Digest")
        return None if value is None else _from_base64(value)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed text: header, named sections in order, and the rules that it breaks (see :func:`parse_manifest`)."""

    header: Section
    sections: tuple[Section, ...]
    departures: tuple[str, ...] = ()

    def section(self, name: str) -> Section | None:
        """Return the section of that exact name; of several only the first counts (CDSA, chapter 6)."""
        return next((section for section in self.sections if section.name == name), None)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its offset; ``text`` is without the newline."""

    offset: int
    text: bytes


def parse_manifest(data: bytes) -> Manifest:
    """Return the sections of a manifest or signer's information; raise :class:`ManifestError` if it means nothing.

    A section's raw bytes run from its ``Name:`` to the next section's, or to the end of the file: blank lines between
    belong to the section before them. A final 0x1A reads as white space.
    """
    # The mark is blanked only for reading; raw bytes are cut from what was really sent.
    text = data[:-1] + b" " if data.endswith(_END_OF_FILE_MARK) else data
    if strange := _UNPRINTABLE.search(text):
        raise ManifestError(f"octet 0x{strange[0][0]:02x} at offset {strange.start()} is not printable ASCII")
    blocks, departures = _blocks(text)
    if not blocks:
        raise ManifestError("no line of text")
    if blocks[0][0].offset:
        departures.append("blank lines before the first line")
    parsed = [_fields(block, departures) for block in blocks]
    starts = [block[0].offset for block in blocks]
    ends = [*starts[1:], len(data)]
    sections = [Section(pairs, data[start:end]) for pairs, start, end in zip(parsed, starts, ends, strict=True)]
    seen: set[str] = set()
    for section in sections[1:]:
        if section.fields[0][0].lower() != "name":
            raise ManifestError(f"section begins with {section.fields[0][0][:40]!r}, not with its name")
        name = section.fields[0][1]
        if name in seen:
            departures.append(f"section name {name[:80]!r} occurs again")
        seen.add(name)
    return Manifest(sections[0], tuple(sections[1:]), tuple(departures))


def _blocks(text: bytes) -> tuple[list[list[_Line]], list[str]]:
    """Return the runs of lines that are not blank, and the rules broken by single lines."""
    blocks: list[list[_Line]] = []
    departures: list[str] = []
    number, fresh = 0, True
    for match in _LINE.finditer(text):
        number += 1
        if number > MAX_LINES:
            raise ManifestError(f"more than {MAX_LINES} lines")
        line = match[1]
        if len(line) > MAX_LINE_OCTETS:
            departures.append(f"line {number} has {len(line)} octets, {MAX_LINE_OCTETS} are allowed")
        # A line of a single space continues a value by nothing only within a block; elsewhere it is blank.
        if not line or (fresh and not line.strip()):
            fresh = True
            continue
        if fresh:
            blocks.append([])
            fresh = False
        blocks[-1].append(_Line(match.start(), line))
    return blocks, departures


def _fields(block: list[_Line], departures: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a block with continuation lines joined."""
    folded: list[list[bytes]] = []
    for line in block:
        if line.text.startswith(b" "):
            if not folded:
                raise ManifestError(f"offset {line.offset}: a continuation of nothing")
            folded[-1].append(line.text[1:])
        else:
            folded.append([line.text])
    fields: list[tuple[str, str]] = []
    seen: set[str] = set()
    for parts in folded:
        match = _FIELD.fullmatch(b"".join(parts))
        if match is None:
            raise ManifestError(f"{parts[0][:40].decode('ascii')!r} is not of the form 'name: value'")
        name, value = match[1].decode("ascii"), match[2].decode("ascii")
        if not value.startswith(" "):
            departures.append(f"no space after the colon of {name[:40]}")
        if name.lower() in seen:
            departures.append(f"{name[:40]} occurs twice in one section")
        seen.add(name.lower())
        fields.append((name, value.removeprefix(" ")))
    return tuple(fields)


def check_manifest(manifest: Manifest) -> tuple[str, ...]:
    """Return every rule that a manifest (.MF) breaks, in words; empty if it keeps the format."""
    return (*manifest.departures, *_check_header(manifest, "Manifest-Version", "ManifestPersistentId"))


def check_signer_information(information: Manifest) -> tuple[str, ...]:
    """Return every rule that a signer's information (.SF) breaks, in words; empty if it keeps the format."""
    faults = [*information.departures]
    faults += _check_header(information, "Signature-Version", "SignerInformationPersistentId")
    name = information.header.get("SignerInformationName")
    if name != SIGNER_INFORMATION_NAME:
        found = "absent" if name is None else repr(name[:80])
        faults.append(f"SignerInformationName is {found}, must be {SIGNER_INFORMATION_NAME}")
    return tuple(faults)


def _check_header(manifest: Manifest, version: str, identifier: str) -> list[str]:
    """Return what is wrong with the version line and the persistent identifier."""
    faults: list[str] = []
    if manifest.header.fields[0] != (version, VERSION):
        name, value = manifest.header.fields[0]
        faults.append(f"first line is '{name[:40]}: {value[:40]}', must be '{version}: {VERSION}'")
    guid = manifest.header.get(identifier)
    if guid is None:
        faults.append(f"{identifier} is absent")
    elif len(_from_base64(guid) or b"") != GUID_OCTETS:
        faults.append(f"{identifier} is not the base 64 of {GUID_OCTETS} octets")
    return faults


def build_manifest(guid: bytes, digests: Mapping[str, bytes]) -> bytes:
    """Return a manifest for the boot object; ``digests`` maps algorithm words to digests of the whole object."""
    header = (("Manifest-Version", VERSION), ("ManifestPersistentId", _to_guid(guid)))
    return render((header, _digest_fields(digests)))


def build_signer_information(guid: bytes, digests: Mapping[str, bytes]) -> bytes:
    """Return a signer's information; ``digests`` maps algorithm words to digests of the manifest's section."""
    header = (
        ("Signature-Version", VERSION),
        ("SignerInformationPersistentId", _to_guid(guid)),
        ("SignerInformationName", SIGNER_INFORMATION_NAME),
    )
    return render((header, _digest_fields(digests)))


def render(sections: Iterable[Iterable[tuple[str, str]]]) -> bytes:
    """Return sections of ``(name, value)`` pairs as text: CR LF, a blank line after each section, long lines folded.

    Raises ValueError for a value that would not survive (a newline, or anything but printable ASCII).
    """
    lines: list[bytes] = []
    for section in sections:
        for name, value in section:
            line = f"{name}: {value}".encode("ascii")
            if _UNPRINTABLE.search(line) or b"\r" in line or b"\n" in line or not _FIELD.fullmatch(line):
                raise ValueError(f"{name!r} cannot be written with that value")
            while len(line) > _FOLD_OCTETS:
                lines.append(line[:_FOLD_OCTETS])
                line = b" " + line[_FOLD_OCTETS:]
            lines.append(line)
        lines.append(b"")
    return b"".join(line + b"\r\n" for line in lines)


def _digest_fields(digests: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return the fields of the boot object's section."""
    fields = [("Name", BOOT_OBJECT), ("Digest-Algorithms", " ".join(digests))]
    return fields + [(f"{word}-Digest", base64.b64encode(digest).decode("ascii")) for word, digest in digests.items()]


def _to_guid(guid: bytes) -> str:
    """Return a persistent identifier in base 64."""
    if len(guid) != GUID_OCTETS:
        raise ValueError(f"a GUID has {GUID_OCTETS} octets, not {len(guid)}")
    return base64.b64encode(guid).decode("ascii")


def _from_base64(text: str) -> bytes | None:
    """Return the octets behind base 64, None if it is not; padding counts, surrounding space does not."""
    try:
        return base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
