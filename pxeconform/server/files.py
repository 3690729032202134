"""The files of the TFTP server: a folder that nothing escapes from, files in memory, uploads; netascii conversion."""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from pxeconform.protocol import netascii
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.server.config import ServerConfig


class FileRefused(Exception):
    """The file cannot be had; `code` and the text go to the client as a TFTP ERROR."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Source(Protocol):
    """Something to read from, front to back."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` octets; fewer only at the end."""

    def close(self) -> None:
        """Let go of it."""


class FileStore:
    """Names to files: uploads before files in memory before the root folder.

    Names are paths below the root whether or not they begin with a slash. Symbolic links count as long as they end
    inside the root. Anything but a regular file is no file.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._root = config.root.resolve() if config.root else None
        self._memory = {_key(_parts(os.fsencode(name))): content for name, content in config.files.items()}
        self._prefix = _parts(os.fsencode(config.upload_prefix)) if config.upload_prefix else None
        self._uploads = config.upload_directory.resolve() if config.upload_directory else None
        self._overwrite = config.overwrite
        self._left = config.upload_limit

    @property
    def space_left(self) -> int:
        """Octets that may still be uploaded."""
        return self._left

    def open(self, name: bytes) -> tuple[BinaryIO, int]:
        """A stream and its size in octets; raises `FileRefused`."""
        parts = _parts(name)
        content = self._memory.get(_key(parts))
        if content is not None:
            return io.BytesIO(content), len(content)
        place = self._place(parts)
        if place is None:
            raise FileRefused(ErrorCode.FILE_NOT_FOUND, "File not found")
        return _open_below(*place)

    def size(self, name: str) -> int | None:
        """Octets of a file, or `None` if it cannot be read."""
        try:
            stream, size = self.open(os.fsencode(name))
        except FileRefused:
            return None
        stream.close()
        return size

    def create(self, name: bytes) -> Upload:
        """Begin to write a file; it exists from `Upload.commit` on. Raises `FileRefused`."""
        parts = _parts(name)
        prefix = self._prefix
        if prefix is None or parts[: len(prefix)] != prefix or len(parts) == len(prefix):
            raise FileRefused(ErrorCode.ACCESS_VIOLATION, "Writing is not permitted here")
        self._refuse_existing(parts)
        if self._uploads is None:
            return MemoryUpload(self, parts)
        return FolderUpload(self, parts, self._uploads, parts[len(prefix) :])

    def _refuse_existing(self, parts: tuple[str, ...]) -> None:
        if not self._overwrite and self.size("/".join(parts)) is not None:
            raise FileRefused(ErrorCode.FILE_EXISTS, "File already exists")

    def _place(self, parts: tuple[str, ...]) -> tuple[Path, tuple[str, ...]] | None:
        prefix = self._prefix
        if self._uploads is not None and prefix is not None and parts[: len(prefix)] == prefix:
            return self._uploads, parts[len(prefix) :]
        return (self._root, parts) if self._root is not None else None

    def take(self, octets: int) -> None:
        """Count octets against the limit; negative ones give them back. Raises `FileRefused`."""
        if octets > self._left:
            raise FileRefused(ErrorCode.DISK_FULL, "Disk full or allocation exceeded")
        self._left -= octets

    def keep(self, parts: tuple[str, ...], content: bytes) -> None:
        """Store an upload in memory; raises `FileRefused` if the name was taken meanwhile."""
        self._refuse_existing(parts)
        self.take(-len(self._memory.get(_key(parts), b"")))
        self._memory[_key(parts)] = content

    def check_name_is_free(self, parts: tuple[str, ...]) -> None:
        """Raise `FileRefused` if the name was taken while its upload ran."""
        self._refuse_existing(parts)


class Upload(Protocol):
    """A file in the making."""

    def write(self, data: bytes) -> None:
        """Append; raises `FileRefused` when there is no room."""

    def commit(self) -> None:
        """Make it a file under its name, all at once; raises `FileRefused`."""

    def discard(self) -> None:
        """Leave no trace; does nothing after `commit`."""


class MemoryUpload:
    """An upload that stays in memory."""

    def __init__(self, store: FileStore, parts: tuple[str, ...]) -> None:
        self._store = store
        self._parts = parts
        self._content = bytearray()
        self._open = True

    def write(self, data: bytes) -> None:
        """See `Upload`."""
        self._store.take(len(data))
        self._content += data

    def commit(self) -> None:
        """See `Upload`."""
        self._store.keep(self._parts, bytes(self._content))
        self._open = False

    def discard(self) -> None:
        """See `Upload`."""
        if self._open:
            self._open = False
            self._store.take(-len(self._content))
            self._content.clear()


class FolderUpload:
    """An upload to a folder: a temporary file there, renamed when it is whole."""

    def __init__(self, store: FileStore, parts: tuple[str, ...], root: Path, below: tuple[str, ...]) -> None:
        self._store = store
        self._parts = parts
        self._size = 0
        try:
            folder = root.joinpath(*below[:-1]).resolve(strict=True)
            if not folder.is_relative_to(root):
                raise FileRefused(ErrorCode.ACCESS_VIOLATION, "Access violation")
            self._target = folder / below[-1]
            number, name = tempfile.mkstemp(prefix=".upload-", dir=folder)
        except OSError as error:
            raise _refusal(error) from None
        self._temporary: Path | None = Path(name)
        self._stream = os.fdopen(number, "wb")

    def write(self, data: bytes) -> None:
        """See `Upload`."""
        self._store.take(len(data))
        self._size += len(data)
        try:
            self._stream.write(data)
        except OSError:
            raise FileRefused(ErrorCode.DISK_FULL, "Disk full or allocation exceeded") from None

    def commit(self) -> None:
        """See `Upload`."""
        assert self._temporary is not None
        self._store.check_name_is_free(self._parts)
        try:
            self._stream.close()
            self._temporary.chmod(0o644)
            self._temporary.replace(self._target)
        except OSError as error:
            raise _refusal(error) from None
        self._temporary = None

    def discard(self) -> None:
        """See `Upload`."""
        if self._temporary is not None:
            with suppress(OSError):
                self._stream.close()
            self._temporary.unlink(missing_ok=True)
            self._temporary = None
            self._store.take(-self._size)


def _key(parts: tuple[str, ...]) -> str:
    return "/".join(parts)


def _parts(name: bytes) -> tuple[str, ...]:
    text = os.fsdecode(name)
    # A backslash is an ordinary character here, but nobody means well with "..\\".
    if ".." in re.split(r"[/\\]", text):
        raise FileRefused(ErrorCode.ACCESS_VIOLATION, "Access violation")
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    if not parts:
        raise FileRefused(ErrorCode.FILE_NOT_FOUND, "File not found")
    return parts


def _open_below(root: Path, parts: tuple[str, ...]) -> tuple[BinaryIO, int]:
    try:
        path = root.joinpath(*parts).resolve(strict=True)
        if not path.is_relative_to(root):
            raise FileRefused(ErrorCode.ACCESS_VIOLATION, "Access violation")
        # Resolved before, so a link here was put in its place since. Without O_NONBLOCK a FIFO would stop the server.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, RuntimeError) as error:
        raise _refusal(error) from None
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        os.close(number)
        raise FileRefused(ErrorCode.ACCESS_VIOLATION, "Not a regular file")
    return os.fdopen(number, "rb"), status.st_size


def _refusal(error: Exception) -> FileRefused:
    if isinstance(error, FileNotFoundError | NotADirectoryError) or getattr(error, "errno", 0) == 36:
        return FileRefused(ErrorCode.FILE_NOT_FOUND, "File not found")
    return FileRefused(ErrorCode.ACCESS_VIOLATION, "Access violation")


class NetasciiReader:
    """A stream as netascii (RFC 1350 section 1, RFC 764): LF becomes CR LF, a bare CR becomes CR NUL."""

    def __init__(self, stream: Source) -> None:
        self._stream = stream
        self._ready = bytearray()

    def read(self, size: int, /) -> bytes:
        """Up to `size` octets of the converted text; fewer only at the end."""
        while len(self._ready) < size:
            chunk = self._stream.read(size)
            if not chunk:
                break
            self._ready += netascii.encode(chunk)
        part = bytes(self._ready[:size])
        del self._ready[:size]
        return part

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class NetasciiWriter:
    """The way back, for an upload: CR LF becomes LF, CR NUL becomes CR; other octets after a CR are kept."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._carry = b""

    def write(self, data: bytes) -> None:
        """Convert and append; a CR at the very end waits for what follows it."""
        data = self._carry + data
        self._carry = b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(self._carry)]
        self._upload.write(netascii.decode(data))

    def commit(self) -> None:
        """Write what is left over, then commit."""
        if self._carry:
            self._upload.write(self._carry)
            self._carry = b""
        self._upload.commit()

    def discard(self) -> None:
        """Discard the upload."""
        self._upload.discard()
