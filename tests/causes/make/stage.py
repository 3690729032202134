"""One scenario from the first cable to the capture and its truth file."""

from __future__ import annotations

import contextlib
import json
import lzma
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.causes.make.clients import MAC, Machine, Programs
from tests.causes.make.wire import BRIDGE, Wire, command_line, run_text
from tests.servers.netns import Namespace, NotReady, Service, call

DATA = Path(__file__).resolve().parents[2] / "data" / "causes"
_BEAT = 0.1

_CODES = {"edk2": r"PXE-E\d\d", "ipxe": r"ipxe\.org/\s*([0-9a-f]{8})\b"}
_SMALL = 8192
"""Octets up to which a capture lies there as it is."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an analysis has to say, known from how the capture was made."""

    outcome: str | None
    """`None`: no boot is in the capture, only transfers."""
    cause: str | None = None
    also: tuple[str, ...] = ()
    """Causes that hold besides."""
    frames: str = ""
    """Display filter of tshark: the frames that the cause stands on are among these, and it names some of them."""
    near: tuple[str, ...] = ()
    """Causes that look like it, and that no boot and no transfer of this capture may be given."""
    boots: tuple[str, ...] = ()
    """Firmware of each boot in order, where there is more than the one."""
    before: tuple[tuple[str, str | None], ...] = ()
    """Outcome and first cause of each boot before the last, where they did not simply go well."""
    made: str = "real programs"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`until`: text that the screen shows (a pattern), or seconds. `play` builds the network and may act later."""

    name: str
    title: str
    client: Machine | Programs
    play: Callable[[Stage], None]
    expected: Expected
    until: str | float
    seconds: float = 90.0
    linger: float = 1.5
    point: str = BRIDGE
    filters: str = "arp or ip"
    snap: int = 0
    count: int = 0


@dataclass
class Stage:
    """What a scenario's function builds on."""

    wire: Wire
    folder: Path
    stack: contextlib.ExitStack
    servers: list[dict[str, str]] = field(default_factory=list)
    rules: str = ""
    later: list[Callable[[Stage], None]] = field(default_factory=list)
    """Acts while the client runs, one after the other."""
    client: Service | None = None
    running: dict[str, contextlib.ExitStack] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        """The folder that servers serve."""
        return self.folder / "files"

    @property
    def capture(self) -> Path:
        """The capture as it grows."""
        return self.folder / "capture.pcap"

    def host(self, name: str, address: str, **more: Any) -> Namespace:
        """A host on the wire."""
        return self.wire.plug(name, f"{address}/24" if "/" not in address else address, **more)

    def file(self, name: str, contents: bytes | Path) -> None:
        """A file to be served."""
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.read_bytes() if isinstance(contents, Path) else contents)
        path.chmod(0o644)

    def serve(self, host: str, argv: Sequence[str | Path], *, ports: tuple[int, ...]) -> None:
        """Start a server; it ends with the scenario, or at `stop`."""
        program = Path(str(argv[0])).name
        log = self.folder / f"{program}-{host}.txt"
        mine = self.stack.enter_context(contextlib.ExitStack())
        mine.push(_unmoved)
        try:
            mine.enter_context(Service(self.wire.hosts[host], argv, ports=ports, log=log))
        except NotReady as reason:
            raise RuntimeError(str(reason)) from reason
        self.running[f"{program}-{host}"] = mine
        config = next((Path(str(a)) for a in argv if str(a).endswith((".conf", ".json"))), None)
        told = {"host": host, "command": command_line(argv, self.folder)}
        if config is not None and config.exists():
            told["config"] = config.read_text().replace(str(self.folder), "RUN")
        self.servers.append(told)

    def stop(self, program: str, host: str) -> None:
        """Kill a server and all its children."""
        self.running.pop(f"{program}-{host}").close()

    def obey(self, rules: str) -> None:
        """What the wire does wrong."""
        self.rules = "\n".join(line.strip() for line in rules.strip().splitlines())
        self.wire.obey(rules)

    def wait_for(self, display_filter: str, *, seconds: float = 60.0) -> None:
        """Until tshark finds such a packet in the growing capture."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not frames(self.capture, display_filter):
            time.sleep(0.25)

    def wait_for_octets(self, octets: int, *, seconds: float = 60.0) -> None:
        """Until the growing capture is that large."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (not self.capture.exists() or self.capture.stat().st_size < octets):
            time.sleep(0.002)


def _unmoved(kind: type[BaseException] | None, *_: object) -> bool:
    """A server that has ended by itself (nginx does at its signal) is no reason to lose the scenario."""
    return kind is NotReady


def frames(capture: Path, display_filter: str) -> list[int]:
    """The frames that tshark shows for a filter."""
    argv = ["tshark", "-n", "-r", str(capture), "-Y", display_filter, "-T", "fields", "-e", "frame.number"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return [int(line) for line in done.stdout.split()]


def make(scenario: Scenario, folder: Path, to: Path = DATA) -> dict[str, Any]:
    """Play a scenario and write its capture and truth file. Gives the truth."""
    folder.mkdir(parents=True)
    (folder / "files").mkdir()
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(Wire(folder))
        stage = Stage(wire, folder, stack)
        screen, command = _perform(scenario, stage)
    return _write(scenario, stage, screen, command, to)


def _perform(scenario: Scenario, stage: Stage) -> tuple[str, str]:
    client, serial = scenario.client, stage.folder / "screen.txt"
    machine = isinstance(client, Machine)
    link = stage.wire.tap("client") if machine else "to-client"
    if not machine:
        stage.wire.plug("client")
        stage.wire.ip("link", "set", "eth0", "address", MAC, host=stage.wire.hosts["client"])
    scenario.play(stage)
    point = link if scenario.point == "client" else scenario.point
    recorder = stage.wire.recorded(point, stage.capture, scenario.filters, snap=scenario.snap, count=scenario.count)
    with recorder, contextlib.ExitStack() as stack:
        argv: Sequence[str | Path]
        if isinstance(client, Machine):
            argv = client.argv(stage.folder, link, serial)
            namespace = stage.wire.switch
        else:
            argv = ["sh", "-c", f"cd {stage.folder}; {client.script}"]
            namespace = stage.wire.hosts["client"]
        log = stage.folder / "client.txt" if machine else serial
        stage.running["client"] = mine = stack.enter_context(contextlib.ExitStack())
        mine.push(_unmoved)
        end = time.monotonic() + scenario.seconds
        if machine:
            stage.client = mine.enter_context(Service(namespace, argv, ports=(), log=log))
        else:
            done = call(namespace, *argv, timeout=scenario.seconds)
            serial.write_text(done.stdout + done.stderr)
        for act in stage.later:
            act(stage)
        wanted = scenario.until
        if isinstance(wanted, str):
            while time.monotonic() < end and not re.search(wanted, shown(serial)):
                time.sleep(_BEAT)
        elif machine:
            time.sleep(wanted)
        time.sleep(scenario.linger)
        said = shown(serial)
    return said, command_line(argv, stage.folder)


def shown(serial: Path) -> str:
    """What the console showed, without the codes that move the cursor and colour the text."""
    if not serial.exists():
        return ""
    text = serial.read_text(encoding="utf-8", errors="replace")
    return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1bc|[\x00-\x08\x0b-\x1f]", "", text)


def _write(scenario: Scenario, stage: Stage, screen: str, command: str, to: Path) -> dict[str, Any]:
    to.mkdir(parents=True, exist_ok=True)
    raw = stage.capture.read_bytes()
    small = len(raw) <= _SMALL
    for old in to.glob(f"{scenario.name}.pcap*"):
        old.unlink()
    target = to / (f"{scenario.name}.pcap" if small else f"{scenario.name}.pcap.xz")
    target.write_bytes(raw if small else lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))
    lines = [line.strip() for line in screen.splitlines() if line.strip()]
    played = {
        "command": command,
        "servers": stage.servers,
        "wire": stage.rules.splitlines(),
        "screen": lines[-25:],
        "programs": versions((*scenario.client.packages, *(p for s in stage.servers if (p := _package(s["command"]))))),
    }
    return _tell(scenario, played, target, stage.capture, to)


def retell(scenario: Scenario, to: Path = DATA) -> dict[str, Any]:
    """Write the truth file of a capture again, for what the scenario now expects; nothing is played."""
    old = json.loads((to / f"{scenario.name}.truth.json").read_text("utf-8"))
    (target,) = to.glob(f"{scenario.name}.pcap*")
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "capture.pcap"
        capture.write_bytes(lzma.decompress(target.read_bytes()) if target.suffix == ".xz" else target.read_bytes())
        played = {key: old[key] for key in ("servers", "wire", "screen", "programs")}
        return _tell(scenario, {"command": old["client"]["command"], **played}, target, capture, to)


def _tell(scenario: Scenario, played: Mapping[str, Any], target: Path, capture: Path, to: Path) -> dict[str, Any]:
    expected, client = scenario.expected, scenario.client
    # The console breaks lines at 80 columns, and iPXE lists packets that it could not use (RXE) with codes too.
    text = "".join(line for line in played["screen"] if "RXE" not in line)
    codes = re.findall(_CODES.get(client.firmware, r"(?!)"), text) if expected.outcome == "failed" else []
    truth: dict[str, Any] = {
        "capture": target.name,
        "title": scenario.title,
        "made_by": expected.made,
        "client": {
            "told": client.told,
            "firmware": client.firmware,
            "arch": client.arch,
            "mac": MAC,
            "command": played["command"],
        },
        **{key: played[key] for key in ("servers", "wire", "programs", "screen")},
        "screen_codes": sorted(set(codes)),
        "seen": _seen(capture),
        "expected": {
            "outcome": expected.outcome,
            "first_cause": expected.cause,
            "also": list(expected.also),
            "boots": list(expected.boots or ((client.firmware,) if expected.outcome else ())),
            **({"before": [list(each) for each in expected.before]} if expected.before else {}),
            "frames": frames(capture, expected.frames) if expected.frames else [],
            "frames_filter": expected.frames,
            "absent": list(expected.near),
        },
    }
    (to / f"{scenario.name}.truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


_PACKAGES = {
    "dnsmasq": "dnsmasq-base",
    "dhcpd": "isc-dhcp-server",
    "kea-dhcp4": "kea-dhcp4-server",
    "in.tftpd": "tftpd-hpa",
    "atftpd": "atftpd",
    "nginx": "nginx-light",
    "dhcpd6": "isc-dhcp-server",
}


def _package(command: str) -> str | None:
    return _PACKAGES.get(Path(command.split()[0]).name)


def _seen(capture: Path) -> list[str]:
    """The first packets of the story as tshark tells them."""
    text = run_text(
        ["tshark", "-n", "-r", capture, "-Y", "dhcp or dhcpv6 or tftp.opcode != 3 or http or icmp", "-c", "4000"]
    )
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if "Acknowledgement, Block" not in line]
    return [line for line in lines if re.match(r"\d+ ", line)][:30]


def versions(packages: Sequence[str]) -> Mapping[str, str]:
    """Versions of Debian packages."""
    argv = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *sorted(set(packages))]
    pairs = (line.split(" ", 1) for line in run_text(argv).splitlines() if line.count(" ") == 1)
    return dict(pairs)
