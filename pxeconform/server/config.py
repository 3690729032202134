"""Configuration of the reference server: frozen dataclasses, and their TOML form.

TOML keys are the field names. `address`, `mode`, ports and so on stand at the top; `[pool]`, `[tftp]`, `[boot_files]`,
`[[services]]`, `[credentials."NAME"]` are tables. Relative paths count from the TOML file's folder.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from pxeconform.registry.tftp_codes import MULTICAST_PORT

DHCP_PORT = 10067
PXE_PORT = 14011
TFTP_PORT = 10069
"""Ports that need no privileges; the registered ones are 67, 4011 and 69."""

Mode = Literal["dhcp", "proxy", "off"]
"""Lease addresses and carry PXE tags; only answer PXE clients beside a DHCP server; leave port 67 alone."""


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Addresses to lease, both ends included, and what every client on their network is told."""

    first: str
    last: str
    netmask: str = "255.255.255.0"
    routers: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    domain: str = ""

    def __post_init__(self) -> None:
        first, last = _address("pool.first", self.first), _address("pool.last", self.last)
        if last < first or int(last) - int(first) >= 65536:
            raise ConfigError("pool: first must not lie behind last, and at most 65536 addresses are leased")
        if last not in self.network:
            raise ConfigError(f"pool: {self.first} and {self.last} are not on one network of mask {self.netmask}")
        for key in ("routers", "dns_servers"):
            for text in getattr(self, key):
                _address(f"pool.{key}", text)

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The network that the pool lies on."""
        try:
            return ipaddress.IPv4Network((self.first, self.netmask), strict=False)
        except ValueError as error:
            raise ConfigError(f"pool.netmask: {error}") from None


@dataclass(frozen=True, slots=True)
class BootService:
    """A type of boot server (PXE tags 8, 9 and 71): `files[layer]` is the boot file of that layer.

    `architectures` are the values of option 93 that it is for, none meaning all. Several services may have one type
    and differ in architecture.
    """

    type: int
    description: str
    files: tuple[str, ...]
    architectures: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 0xFFFF:
            raise ConfigError(f"services: type {self.type} is no 16 bit number")
        if not 0 < len(self.description.encode()) <= 100:
            raise ConfigError(f"services: the description of type {self.type} must have 1 to 100 octets")
        if not self.files:
            raise ConfigError(f"services: type {self.type} has no files")
        for name in self.files:
            _boot_file("services.files", name)

    def suits(self, architecture: int) -> bool:
        """It has files for that architecture."""
        return not self.architectures or architecture in self.architectures


@dataclass(frozen=True, slots=True)
class Prompt:
    """PXE tag 10: seconds until the first entry is chosen (0 at once, 255 never) and the text."""

    timeout: int = 10
    text: str = "Press F8 to choose what to boot"

    def __post_init__(self) -> None:
        if not 0 <= self.timeout <= 255 or len(self.text.encode()) > 80:
            raise ConfigError("prompt: timeout is 0 to 255, text has at most 80 octets")


@dataclass(frozen=True, slots=True)
class TftpSettings:
    """Limits and timers (seconds) of TFTP.

    The timeout starts at `first_timeout` and doubles with every retransmission up to `longest_timeout`; a packet is
    sent `tries` times in all. `max_flight` bounds the octets of one window. Clients that ask for `multicast` (RFC 2090)
    are served at `multicast_group`; "" leaves the option out.
    """

    first_timeout: float = 1.0
    longest_timeout: float = 64.0
    tries: int = 6
    dally: float = 4.0
    max_block_size: int = 65464
    max_window_size: int = 64
    max_flight: int = 131072
    max_transfers: int = 256
    multicast_group: str = ""
    multicast_port: int = MULTICAST_PORT

    def __post_init__(self) -> None:
        if not 0 < self.first_timeout <= self.longest_timeout or self.tries < 1 or self.dally < 0:
            raise ConfigError("tftp: 0 < first_timeout <= longest_timeout, tries >= 1, dally >= 0")
        if not 8 <= self.max_block_size <= 65464 or not 1 <= self.max_window_size <= 65535:
            raise ConfigError("tftp: max_block_size is 8 to 65464 (RFC 2348), max_window_size 1 to 65535 (RFC 7440)")
        if not 1 <= self.max_transfers <= 10000 or self.max_flight < 1:
            raise ConfigError("tftp: max_transfers is 1 to 10000, max_flight positive")
        if self.multicast_group and not _address("tftp.multicast_group", self.multicast_group).is_multicast:
            raise ConfigError(f"tftp.multicast_group: {self.multicast_group} is no group")


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """All of it. Port 0 is an ephemeral port; `relay_port` and `client_port` are where others await replies.

    `boot_files` maps architecture (option 93) to the file of the first answer, `http_files` likewise to an absolute
    URI for HTTPClient, `second_stage` is what a client that already runs iPXE gets. `credentials` maps a boot file to
    the credential types (PXE tag 12) that it has files for. `options` are further DHCP options, sent when asked for.
    Without `broadcast_discovery`, and always beside another DHCP server, clients are told to look for boot servers on
    port 4011 alone (PXE tag 6).
    Names below `upload_prefix` may be written, in memory or in `upload_directory`; "" refuses all writing.
    """

    address: str = "127.0.0.1"
    interface: str = ""
    dhcp_port: int = DHCP_PORT
    pxe_port: int = PXE_PORT
    tftp_port: int = TFTP_PORT
    client_port: int = 68
    relay_port: int = 67
    mode: Mode = "proxy"
    pool: Pool | None = None
    lease_time: int = 3600
    authoritative: bool = True
    bootp: bool = False
    options: Mapping[int, bytes] = field(default_factory=lambda: _NOTHING)
    boot_files: Mapping[int, str] = field(default_factory=lambda: _NOTHING)
    http_files: Mapping[int, str] = field(default_factory=lambda: _NOTHING)
    second_stage: str = ""
    services: tuple[BootService, ...] = ()
    prompt: Prompt = Prompt()
    multicast_address: str = ""
    broadcast_discovery: bool = True
    pointer: bool = False
    credentials: Mapping[str, Mapping[int, str]] = field(default_factory=lambda: _NOTHING)
    root: Path | None = None
    files: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)
    upload_prefix: str = ""
    upload_directory: Path | None = None
    upload_limit: int = 64 << 20
    overwrite: bool = False
    tftp: TftpSettings = TftpSettings()

    def __post_init__(self) -> None:
        _address("address", self.address)
        for key in ("dhcp_port", "pxe_port", "tftp_port", "client_port", "relay_port"):
            if not 0 <= getattr(self, key) <= 65535:
                raise ConfigError(f"{key}: {getattr(self, key)} is no port")
        if self.mode not in get_args(Mode):
            raise ConfigError(f"mode: {self.mode!r} is none of {', '.join(get_args(Mode))}")
        if self.mode == "dhcp" and self.pool is None:
            raise ConfigError("mode dhcp needs a pool")
        if not 120 <= self.lease_time < 0xFFFFFFFF:
            raise ConfigError("lease_time: from 120 seconds on")
        if self.multicast_address and not _address("multicast_address", self.multicast_address).is_multicast:
            raise ConfigError(f"multicast_address: {self.multicast_address} is no group")
        for name in (*self.boot_files.values(), *((self.second_stage,) if self.second_stage else ())):
            _boot_file("boot_files", name)
        for uri in self.http_files.values():
            if not uri.startswith(("http://", "https://")) or len(uri) > 255:
                raise ConfigError(f"http_files: {uri!r} is no absolute http URI of up to 255 octets")
        for name in (*self.files, *((self.upload_prefix,) if self.upload_prefix else ())):
            if not set(name.split("/")) - {"", "."} or ".." in name.split("/"):
                raise ConfigError(f"files, upload_prefix: {name!r} is no path below the root")
        for key, directory in (("root", self.root), ("upload_directory", self.upload_directory)):
            if directory is not None and not directory.is_dir():
                raise ConfigError(f"{key}: {directory} is no folder")
        for code, value in self.options.items():
            if code in _OWN_OPTIONS or not 0 < code < 255 or not value:
                raise ConfigError(f"options: {code} is set by the server itself, or has no value")
            if code == 150 and len(value) % 4:
                raise ConfigError("options: 150 is a list of addresses (RFC 5859)")
        for name, known in self.credentials.items():
            for number, file in known.items():
                if number & ~0xFF7F7FFF:
                    raise ConfigError(f"credentials: {number:#x} is no credential type (bits outside FF7F7FFF)")
                _boot_file(f"credentials.{name}", file)

    @property
    def broadcast_address(self) -> str:
        """Where broadcasts go: those of a server on the loopback interface must not leave the machine."""
        return "127.255.255.255" if ipaddress.IPv4Address(self.address).is_loopback else "255.255.255.255"


_OWN_OPTIONS = frozenset((1, 3, 6, 13, 15, 43, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 66, 67, 82, 93, 94, 97))


def _address(key: str, text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ConfigError(f"{key}: {text!r} is no IPv4 address") from None


def _boot_file(key: str, name: str) -> None:
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= 255 or "\0" in name:
        raise ConfigError(f"{key}: {name!r} is no file name of 1 to 255 octets")


def load_config(path: Path) -> ServerConfig:
    """Read a TOML file; raises `ConfigError` with the file's name and the key."""
    try:
        with path.open("rb") as stream:
            table = tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return _config(table, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _config(table: dict[str, Any], folder: Path) -> ServerConfig:
    readers: dict[str, Any] = {
        "pool": lambda value: _record(Pool, "pool", value),
        "tftp": lambda value: _record(TftpSettings, "tftp", value),
        "prompt": lambda value: _record(Prompt, "prompt", value),
        "services": lambda value: tuple(_record(BootService, "services", entry) for entry in value),
        "boot_files": lambda value: _numbered("boot_files", value, str),
        "http_files": lambda value: _numbered("http_files", value, str),
        "options": lambda value: {code: bytes.fromhex(text) for code, text in _numbered("options", value, str).items()},
        "credentials": lambda value: {
            name: _numbered(f"credentials.{name}", known, str) for name, known in value.items()
        },
        "files": lambda value: {name: text.encode() for name, text in value.items()},
        "root": lambda value: folder / value,
        "upload_directory": lambda value: folder / value,
    }
    values = {}
    for key, value in table.items():
        try:
            values[key] = readers.get(key, lambda plain: plain)(value)
        except ConfigError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(f"{key}: {error}") from None
    config: ServerConfig = _record(ServerConfig, "", values)
    return config


def _numbered(key: str, table: Mapping[str, Any], kind: type) -> dict[int, Any]:
    """TOML keys are text: `7 = "x"` and `0x8001 = "x"` are numbers here."""
    found = {}
    for number, value in table.items():
        if not isinstance(value, kind):
            raise ConfigError(f"{key}.{number}: {value!r} is no {kind.__name__}")
        try:
            found[int(number, 0)] = value
        except ValueError:
            raise ConfigError(f"{key}: {number!r} is no number") from None
    return found


def _record(kind: type[Any], key: str, table: Any) -> Any:
    """A dataclass of a table; lists become tuples, unknown keys and wrong types are errors."""
    if not isinstance(table, dict):
        raise ConfigError(f"{key}: a table is wanted")
    known = {entry.name: str(entry.type) for entry in fields(kind)}
    values = {}
    for name, value in table.items():
        at = f"{key}.{name}" if key else name
        if name not in known:
            raise ConfigError(f"{at}: no such key; there are {', '.join(sorted(known))}")
        value = tuple(value) if isinstance(value, list) else value
        _check_type(at, known[name], value)
        values[name] = value
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{key}: {error}") from None


def _check_type(key: str, wanted: str, value: object) -> None:
    plain = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,), "Mode": (str,)}
    entries = {"tuple[str, ...]": str, "tuple[int, ...]": int}
    right = True
    if wanted in plain:
        right = isinstance(value, plain[wanted]) and (wanted == "bool") == isinstance(value, bool)
    elif wanted in entries:
        right = isinstance(value, tuple) and all(type(entry) is entries[wanted] for entry in value)
    if not right:
        raise ConfigError(f"{key}: {value!r} is no {wanted}")


def with_ephemeral_ports(config: ServerConfig) -> ServerConfig:
    """The same on ports that the system chooses."""
    return replace(config, dhcp_port=0, pxe_port=0, tftp_port=0)
