"""The TFTP servers that are certified: how each is started, and what its documents claim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers.netns import SERVER_ADDRESS

REPOSITORY = Path(__file__).resolve().parents[2]
WRAPPERS = Path(__file__).parent / "wrappers"
ENVIRONMENT = REPOSITORY / ".venv" / "servers"
"""scripts/setup makes it: servers from PyPI, and Debian packages that exclude each other."""
DEBIAN = ENVIRONMENT / "debian" / "usr" / "sbin"

PORT = 69
UPLOAD = "upload/"
TEXT = "text.txt"
_GIB = 1 << 30

_LINES = b"a line\na carriage return\rinside\n" + b"x" * 478 + b"\nthe line feed before this is octet 512\n"

# Counters, so that no two blocks of a file are alike; sizes on both sides of a block's border.
FILES: Mapping[str, bytes] = {
    "empty.bin": b"",
    "small.bin": b"one block",
    "even.bin": b"".join(n.to_bytes(4, "big") for n in range(4 * 512 // 4)),
    "odd.bin": b"".join(n.to_bytes(4, "little") for n in range(5 * 512 // 4)) + b"and a rest",
    "long.bin": b"".join(n.to_bytes(4, "big") for n in range(131, 131 + 64 * 512 // 4)) + b"rest",
    "wrap.bin": b"".join(n.to_bytes(4, "little") for n in range(132_000)),
    TEXT: _LINES,
}
HUGE, HUGE_SIZE = "huge.bin", 4 * _GIB + 1
"""A file with a hole: its size does not fit into 32 bit, and it takes no room."""

Command = Callable[[Path], Sequence[str | Path]]


@dataclass(frozen=True, slots=True)
class Program:
    """One server: `command` takes the folder to serve. `options` and `writable` are what its documents say."""

    name: str
    version: str
    command: Command
    options: tuple[str, ...]
    writable: bool = False
    overwrite: bool = False
    netascii: bool = False
    inside: bool = False
    """It serves the folder that it is started in."""

    def ics(self) -> str:
        """The ICS file: claims, and facts about what is served."""
        files = [
            f'{{name = "{name}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}"}}'
            for name, data in FILES.items()
        ]
        files.append(f'{{name = "{HUGE}", size = {HUGE_SIZE}}}')
        lines = ["[target]", f'name = "{self.name} {self.version}"', "[tftp]", f"files = [{', '.join(files)}]"]
        lines += [f'text_file = "{TEXT}"', f"options = {list(self.options)}", f"netascii = {_word(self.netascii)}"]
        if self.writable:
            lines += [f'writable = "{UPLOAD}"', f"overwrite = {_word(self.overwrite)}"]
        return "\n".join(lines) + "\n"


def serve(folder: Path) -> Path:
    """Make the folder that a server serves."""
    root = folder / "root"
    (root / UPLOAD).mkdir(parents=True)
    for path in (folder, root):
        path.chmod(0o755)
    (root / UPLOAD).chmod(0o777)
    for name, contents in FILES.items():
        (root / name).write_bytes(contents)
        (root / name).chmod(0o644)
    with (root / HUGE).open("wb") as huge:
        huge.truncate(HUGE_SIZE)
    return root


def _hpa(root: Path) -> Sequence[str | Path]:
    return [
        *(
            DEBIAN / "in.tftpd-hpa",
            "--foreground",
            "--ipv4",
            "--user",
            "root",
            "--create",
            "--permissive",
            "--umask",
            "000",
        ),
        *("--address", f"{SERVER_ADDRESS}:{PORT}", "--secure", root),
    ]


def _atftpd(root: Path) -> Sequence[str | Path]:
    return [
        *(DEBIAN / "atftpd", "--daemon", "--no-fork", "--user", "root", "--group", "root"),
        *("--logfile", "-", "--bind-address", SERVER_ADDRESS, root),
    ]


def dnsmasq(root: Path) -> Sequence[str | Path]:
    """dnsmasq as TFTP server and nothing else."""
    return [
        # User and group stay what they are: a user namespace knows no others.
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--group="),
        *("--log-facility=-", "--port=0", f"--listen-address={SERVER_ADDRESS}", "--bind-interfaces"),
        *("--enable-tftp", f"--tftp-root={root}"),
    ]


def _erlang(root: Path) -> Sequence[str | Path]:
    address = SERVER_ADDRESS.replace(".", ",")
    start = (
        "application:load(tftp), "
        f'{{ok, _}} = tftp:start([{{host, "{SERVER_ADDRESS}"}}, {{port, {PORT}}}, {{udp, [{{ip, {{{address}}}}}]}}, '
        f'{{callback, {{".*", tftp_file, [{{root_dir, "{root}"}}]}}}}]), '
        "receive after infinity -> ok end."
    )
    return ["erl", "-noshell", "-eval", start]


def _script(name: str) -> Command:
    return lambda root: [ENVIRONMENT / "bin" / "python", WRAPPERS / name, root, SERVER_ADDRESS, str(PORT)]


PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        Program("tftpd-hpa", "5.2", _hpa, ("blksize", "timeout", "tsize"), True, True, True),
        Program("atftpd", "0.8.0", _atftpd, ("blksize", "timeout", "tsize", "windowsize"), True, True, True),
        Program("dnsmasq", "2.90", dnsmasq, ("blksize", "tsize"), netascii=True),
        Program(
            "net-tftpd",
            "0.10",
            lambda root: ["perl", WRAPPERS / "net_tftpd.pl", root, SERVER_ADDRESS, str(PORT)],
            ("blksize", "timeout", "tsize"),
            writable=True,
            netascii=True,
        ),
        Program("erlang-tftp", "1.0.3", _erlang, ("blksize", "timeout", "tsize"), True, True),
        Program("tftpy", "0.8.7", _script("tftpy_server.py"), ("blksize", "tsize"), True, True),
        Program(
            "partftpy",
            "0.4.0",
            lambda root: [
                *(ENVIRONMENT / "bin" / "partftpy_server", "-i", SERVER_ADDRESS, "-p", str(PORT), "-r", root)
            ],
            ("blksize", "tsize"),
            True,
            True,
        ),
        Program(
            "py3tftp",
            "1.3.0",
            lambda root: [ENVIRONMENT / "bin" / "py3tftp", "--host", SERVER_ADDRESS, "-p", str(PORT)],
            ("blksize", "timeout", "tsize", "windowsize"),
            writable=True,
            netascii=True,
            inside=True,
        ),
        Program("fbtftp", "0.5", _script("fbtftp_server.py"), ("blksize", "timeout", "tsize"), netascii=True),
        Program("ptftpd", "1.3", _script("ptftpd_server.py"), ("blksize", "tsize"), writable=True, netascii=True),
        Program(
            "pypxe",
            "1.8.4",
            lambda root: [
                *(ENVIRONMENT / "bin" / "pypxe", "--no-http", "--dhcp-server-port", "10067", "--tftp-port", str(PORT)),
                *("--tftp-server-ip", SERVER_ADDRESS, "--netboot-dir", root),
            ],
            ("blksize", "tsize"),
            inside=True,
        ),
    )
}


def _word(value: bool) -> str:
    return "true" if value else "false"
