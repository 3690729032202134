"""Certify the TFTP servers, each in namespaces of its own, and read what was expected of them."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import lab
from tests.servers.netns import Network, NotReady
from tests.servers.programs import Program, serve

OPTIONS = ("--profile", "tftp")
EXPECTED = Path(__file__).parent / "expected"


@dataclass(frozen=True)
class Certified:
    """A server's run, what the server printed, and whether it was still there in the end."""

    program: Program
    run: lab.Certification
    seconds: float
    said: str
    died: str | None
    _read: dict[str, dict[int, str]] = field(default_factory=dict)

    def cited(self, requirement: str) -> list[str]:
        """What the frames are, as tshark reads them, that a verdict stands on: `S DATA 2`, `C ACK 1`, ..."""
        evidence = self.run.verdict(requirement)["evidence"]
        frames = self._frames(evidence["capture"])
        return [frames[frame] for frame in evidence["frames"] if frame in frames]

    def _frames(self, capture: str) -> dict[int, str]:
        if capture not in self._read:
            fields = ("frame.number", "udp.dstport", "ip.src", *_FIELDS, "icmp.type", "udp.length")
            rows = self.run.evidence(*fields, capture=capture)
            self._read[capture] = {int(row[0]): _described(row) for row in rows}
        return self._read[capture]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A violation that was reviewed: `frames` are packets that show it, `why` says that it is a real one.

    One that the server shows at some times only, though the packets that it is sent are the same, has `sometimes`.
    """

    requirement: str
    section: str
    frames: tuple[str, ...]
    why: str
    sometimes: bool = False


def _written(program: Program) -> dict[str, Any]:
    return tomllib.loads((EXPECTED / f"{program.name}.toml").read_text(encoding="utf-8"))


def expected(program: Program) -> dict[str, Deviation]:
    """The reviewed deviations of a server, by requirement."""
    written = _written(program)
    assert written["server"] == f"{program.name} {program.version}"
    found = [
        Deviation(e["requirement"], e["section"], tuple(e["frames"]), e["why"], e.get("sometimes", False))
        for e in written.get("fail", ())
    ]
    assert len({one.requirement for one in found}) == len(found), "a requirement is listed twice"
    return {one.requirement: one for one in found}


_FIELDS = ("tftp.opcode", "tftp.block", "tftp.error.code", "tftp.type")
_OPCODES = {"1": "RRQ", "2": "WRQ", "3": "DATA", "4": "ACK", "5": "ERROR", "6": "OACK"}


def _described(row: list[str]) -> str:
    _, _, source, opcode, block, code, _, icmp, length = row
    who = "S" if source == lab.SERVER_ADDRESS else "C"
    if icmp:
        return f"{who} ICMP"
    name = _OPCODES.get(opcode.split(",")[0], f"{int(length or 8) - 8} octets")
    number = block or code
    return f"{who} {name} {number}".strip()


def certify_program(program: Program, folder: Path, *options: str | Path) -> Certified:
    """One whole run against one server."""
    folder.mkdir(parents=True, exist_ok=True)
    root = serve(folder)
    ics = folder / "ics.toml"
    ics.write_text(program.ics())
    log = folder / "log"
    run, died, began = None, None, time.monotonic()
    with Network() as network:
        try:
            with lab.start(program, network, root, log):
                run = lab.certify(network, folder / "run", *OPTIONS, "--ics", ics, *options)
        except NotReady as error:
            # Some of them die of what they are sent: that is a finding, not a failure of the test.
            if run is None:
                raise
            died = str(error)
    return Certified(program, run, time.monotonic() - began, log.read_text(errors="replace"), died)
