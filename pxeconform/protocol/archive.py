"""The PKZIP archive around boot credentials: written plainly, read with suspicion.

A writer for firmware of the year 2000 should keep to the smallest subset: stored members in order, sizes in the local
header, no extra fields, no comments. The reader here is our own because the archive comes from the server under test:
every length is checked, nothing grows past :data:`MAX_MEMBER_OCTETS`, and what is wrong with one member does not hide
the others (their steps can still be judged).

Source: PKWARE APPNOTE 6.3, sections 4.3 (structure) and 4.4 (fields).
"""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ARCHIVE_OCTETS: Final = 4 << 20
MAX_MEMBER_OCTETS: Final = 1 << 20
MAX_MEMBERS: Final = 16
MAGIC: Final = b"PK\x03\x04"

# The oldest moment that the format can express: equal input must give equal bytes.
_TIMESTAMP: Final = (1980, 1, 1, 0, 0, 0)
_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_END_MAGIC: Final = b"PK\x05\x06"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_STORED: Final = 0
_DEFLATED: Final = 8
_FLAG_ENCRYPTED: Final = 0x0001
_FLAG_DESCRIPTOR: Final = 0x0008


class ArchiveError(ValueError):
    """The bytes are no archive whose list of members can be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive; ``data`` is None if it could not be unpacked (the archive's faults say why)."""

    name: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Archive:
    """The members in the order of the central directory, what breaks the format, and what is only unusual."""

    members: tuple[Member, ...]
    faults: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """The fields of a central directory header that matter here."""

    name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    unpacked: int
    offset: int

    @property
    def label(self) -> str:
        """The name, safe to print."""
        return ascii(self.name.decode("latin-1"))


def build_archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an archive of ``(name, data)`` members: stored, in order, without descriptors, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, data in members:
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.create_system = 0  # MS-DOS, whatever machine this runs on
            archive.writestr(entry, data)
    return buffer.getvalue()


def parse_archive(data: bytes) -> Archive:
    """Return the members of an archive; raise :class:`ArchiveError` if their list cannot be read."""
    if len(data) > MAX_ARCHIVE_OCTETS:
        raise ArchiveError(f"{len(data)} octets, more than the {MAX_ARCHIVE_OCTETS} that are read")
    faults: list[str] = []
    remarks: list[str] = []
    if not data.startswith(MAGIC):
        faults.append("does not begin with a local file header (PK 03 04)")
    entries = _central_directory(data, remarks)
    names = [entry.name.upper() for entry in entries]
    repeated = sorted({name for name in names if names.count(name) > 1})
    faults += [f"{names.count(name)} members are named {name.decode('latin-1')!a}" for name in repeated]
    members: list[Member] = []
    spans: list[tuple[int, int]] = []
    for entry in entries:
        if entry.name.endswith(b"/"):
            continue  # a mere directory
        if entry.flags & _FLAG_DESCRIPTOR:
            remarks.append(f"{entry.label} has its sizes behind the data: a simple reader cannot skip it")
        unpacked: bytes | None = None
        try:
            start = _data_start(data, entry)
            spans.append((entry.offset, start + entry.packed))
            unpacked = _unpack(data[start : start + entry.packed], entry)
        except ArchiveError as error:
            faults.append(f"{entry.label}: {error}")
        if unpacked is not None and zlib.crc32(unpacked) != entry.checksum:
            faults.append(f"{entry.label}: CRC-32 is wrong")
        members.append(Member(entry.name.decode("latin-1"), unpacked))
    spans.sort()
    if any(end > following for (_, end), (following, _) in itertools.pairwise(spans)):
        faults.append("members overlap")
    return Archive(tuple(members), tuple(faults), tuple(remarks))


def _central_directory(data: bytes, remarks: list[str]) -> list[_Entry]:
    """Return the entries of the central directory."""
    end = data.rfind(_END_MAGIC, max(0, len(data) - _END.size - 0xFFFF))
    if end < 0 or len(data) - end < _END.size:
        raise ArchiveError("no end of central directory")
    _, disk, first_disk, here, total, size, offset, comment = _END.unpack_from(data, end)
    if disk or first_disk or here != total:
        raise ArchiveError("spread over several disks")
    if total > MAX_MEMBERS:
        raise ArchiveError(f"claims {total} members, more than the {MAX_MEMBERS} that are read")
    if offset + size > end:
        raise ArchiveError("central directory lies outside of the archive")
    if comment:
        remarks.append("archive has a comment")
    if end + _END.size + comment != len(data):
        remarks.append("octets follow the archive, or its comment is cut")
    entries: list[_Entry] = []
    at, stop = offset, offset + size
    for _ in range(total):
        if stop - at < _CENTRAL.size:
            raise ArchiveError("central directory is cut")
        (magic, _, _, flags, method, _, _, checksum, packed, unpacked, name, extra, note, _, _, _, local) = (
            _CENTRAL.unpack_from(data, at)
        )
        at += _CENTRAL.size
        if magic != _CENTRAL_MAGIC or name + extra + note > stop - at:
            raise ArchiveError("central directory is malformed")
        entries.append(_Entry(data[at : at + name], flags, method, checksum, packed, unpacked, local))
        at += name + extra + note
    if at != stop:
        remarks.append("central directory is longer than its entries")
    return entries


def _data_start(data: bytes, entry: _Entry) -> int:
    """Return where the packed data of a member begin; the local header must tell the same story as the entry."""
    if len(data) - entry.offset < _LOCAL.size:
        raise ArchiveError("local header lies outside of the archive")
    magic, _, flags, method, _, _, checksum, packed, unpacked, name, extra = _LOCAL.unpack_from(data, entry.offset)
    at = entry.offset + _LOCAL.size
    if magic != MAGIC:
        raise ArchiveError("no local header where the central directory points")
    if data[at : at + name] != entry.name:
        raise ArchiveError("local header has another name")
    if (flags, method) != (entry.flags, entry.method):
        raise ArchiveError("local header has other flags or another method")
    if not flags & _FLAG_DESCRIPTOR and (checksum, packed, unpacked) != (entry.checksum, entry.packed, entry.unpacked):
        raise ArchiveError("local header has other sizes or another CRC-32")
    at += name + extra
    if at + entry.packed > len(data):
        raise ArchiveError(f"claims {entry.packed} octets of data, beyond the end")
    return int(at)


def _unpack(packed: bytes, entry: _Entry) -> bytes:
    """Return the data of a member."""
    if entry.flags & _FLAG_ENCRYPTED:
        raise ArchiveError("encrypted")
    if entry.unpacked > MAX_MEMBER_OCTETS:
        raise ArchiveError(f"claims {entry.unpacked} octets, more than the {MAX_MEMBER_OCTETS} that are read")
    if entry.method == _STORED:
        unpacked = packed
    elif entry.method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One octet more than claimed is enough to catch a liar, and bounds the memory of a bomb.
            unpacked = inflater.decompress(packed, entry.unpacked + 1)
        except zlib.error:
            raise ArchiveError("compressed data are damaged") from None
    else:
        raise ArchiveError(f"compression method {entry.method}")
    if len(unpacked) != entry.unpacked:
        raise ArchiveError(f"unpacked size is not the {entry.unpacked} octets claimed")
    return unpacked
