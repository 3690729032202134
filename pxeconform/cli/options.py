"""The options and arguments of the commands, once each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LevelName(StrEnum):
    """How strong a requirement must at least be."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


class EngineName(StrEnum):
    """Who decodes captures."""

    NATIVE = "native"
    TSHARK = "tshark"


_PORT = {"min": 1, "max": 65535}
_PORT_OR_ANY = {"min": 0, "max": 65535}

# What is written
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the JSON there; - is standard output, alone.")
]
JUnit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for everything that is written.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write nothing but what --json or --out names.")]

# What is selected
Suite = Annotated[list[str] | None, typer.Option("--suite", metavar="NAME", help="Only this suite (repeatable).")]
Matching = Annotated[
    str | None, typer.Option("-k", metavar="EXPR", help="Part of a scenario's or requirement's id; 'a or b'.")
]
Level = Annotated[LevelName, typer.Option("--level", help="Only requirements at least that strong.")]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="ROLE", help="tftp, dhcp, proxydhcp, bootserver, bis, mtftp, or pxe (all but tftp)."
    ),
]
Suites = Annotated[Path | None, typer.Option("--suites", metavar="DIR", help="A folder with scenarios of your own.")]
ListOnly = Annotated[bool, typer.Option("--list", help="List what would be played, and stop.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")]
Scenarios = Annotated[bool, typer.Option("--scenarios", help="List scenarios instead of requirements.")]
Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="A requirement (TFTP-1350-TID-05) or a scenario (tftp/reply-port).")
]

# Whom a run speaks to, and how
Target = Annotated[str, typer.Option("--target", "-t", metavar="ADDR", help="IPv4 address or name of the server.")]
File = Annotated[
    list[str] | None,
    typer.Option("--file", metavar="NAME[:SHA256]", help="A file that the target serves (repeatable)."),
]
Ics = Annotated[
    Path | None, typer.Option("--ics", metavar="FILE.toml", help="What the target claims, and facts about it.")
]
TftpPort = Annotated[int, typer.Option(help="Port of TFTP requests.", **_PORT)]
PxePort = Annotated[int, typer.Option(help="Port of the boot server.", **_PORT)]
DhcpPort = Annotated[int, typer.Option(help="Port of the DHCP server.", **_PORT)]
Patience = Annotated[float, typer.Option(min=0.1, help="Longest wait (s) for silence to be silence.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Scenarios at the same time.")]
Processes = Annotated[
    int | None,
    typer.Option("--jobs", min=1, max=64, help="Captures that are read at the same time (as many as processors)."),
]
Seed = Annotated[int | None, typer.Option(help="Makes a run's identifiers come again.")]
Confirm = Annotated[int, typer.Option(min=0, max=10, help="How often a failure is played again alone.")]
TryWriting = Annotated[
    bool,
    typer.Option("--try-writing", help="Try whether a write is refused where the ICS names no writable area."),
]
Waive = Annotated[
    Path | None, typer.Option("--waive", metavar="FILE.toml", help="Violations that are known, each until a day.")
]
Disruptive = Annotated[
    bool, typer.Option("--disruptive", help="Allow floods, exhaustion, and series that are meant to kill the server.")
]

# What is analyzed
Captures = Annotated[list[str], typer.Argument(metavar="CAPTURE...", help="Captures; - reads one from standard input.")]
Client = Annotated[str | None, typer.Option("--client", metavar="MAC", help="Only this client's boots.")]
Hash = Annotated[bool, typer.Option("--hash", help="Hash the contents of every transfer.")]


class LensName(StrEnum):
    """Whose eyes to see replies with."""

    EDK2 = "edk2"
    IPXE = "ipxe"
    INTEL = "intel"


Lens = Annotated[
    LensName | None, typer.Option("--lens", help="Tell how this firmware takes what each client was sent.")
]
Extract = Annotated[
    Path | None, typer.Option("--extract", metavar="DIR", help="Put files that came whole together again, there.")
]
Strict = Annotated[bool, typer.Option("--strict", help="End with 1 when a boot failed.")]
Engine = Annotated[EngineName, typer.Option("--engine", help="Who decodes: ourselves, or tshark (a second opinion).")]
Capture = Annotated[str, typer.Argument(metavar="CAPTURE", help="A capture.")]
Frame = Annotated[int, typer.Argument(metavar="FRAME", min=1, help="Number of a frame, counted from 1.")]
FrameOption = Annotated[
    int | None,
    typer.Option("--frame", metavar="N", min=1, help="Tell of this frame: what it is, and how each lens takes it."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder of a run.")]

# What is served
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="What to serve.")]
Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Folder of the files to serve.")]
Address = Annotated[str | None, typer.Option(help="Local address (default 127.0.0.1).")]
ServedTftpPort = Annotated[int | None, typer.Option("--tftp-port", help="Port of TFTP requests.", **_PORT_OR_ANY)]
ServedPxePort = Annotated[int | None, typer.Option("--pxe-port", help="Port of the boot server.", **_PORT_OR_ANY)]
ServedDhcpPort = Annotated[int | None, typer.Option("--dhcp-port", help="Port of the DHCP server.", **_PORT_OR_ANY)]
