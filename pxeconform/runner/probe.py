"""`probe`: which services of a target answer, which TFTP options it takes, and which boot file each architecture gets.

Nothing is judged. What is asked is what a run's survey asks, and a little more; it is evidence in the same form.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pxeconform.protocol.tftp import Error, Oack, option_value
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.architectures import ARCHITECTURES
from pxeconform.registry.tftp_codes import OptionName
from pxeconform.runner.engine import Plan
from pxeconform.runner.play import Facts, Play
from pxeconform.runner.scenario import Scenario
from pxeconform.runner.session import Session

SCHEMA = "pxeconform.probe/1"

_ASKED = (
    (OptionName.BLKSIZE, "1428"),
    (OptionName.TIMEOUT, "3"),
    (OptionName.TSIZE, "0"),
    (OptionName.WINDOWSIZE, "4"),
    (OptionName.MULTICAST, ""),
)
_ASKING = (0, 6, 7, 9, 10, 11, 15, 16, 18, 19)
"""Architectures that boot today, by their codes (RFC 4578 and IANA)."""


def probe(plan: Plan, folder: Path | None = None) -> dict[str, Any]:
    """Ask, and give what was found out: `services`, `files`, `options`, `boot_files`.

    Evidence goes to `folder` if one is given. Raises `TargetError` and `OSError` as a run does.
    """
    facts = Facts(plan.claims)
    found: dict[str, Any] = {"options": [], "boot_files": []}
    with _somewhere(folder) as place, Session(plan, place, facts, threading.Event(), lambda record: None) as session:
        session.survey()
        if "tftp" in facts.roles and facts.files:
            session.alone([_scenario("options", lambda play: found["options"].extend(_options(play)))])
        if "bootserver" in facts.roles:
            session.alone([_scenario("boot-files", lambda play: found["boot_files"].extend(_boot_files(play)))])
    return {
        "schema": SCHEMA,
        "target": {"address": plan.target.address, "name": plan.target.name},
        "services": [
            {"service": "tftp", "port": plan.target.tftp_port, "answers": "tftp" in facts.roles},
            {"service": "bootserver", "port": plan.target.pxe_port, "answers": "bootserver" in facts.roles},
        ],
        "one_at_a_time": facts.one_at_a_time,
        "files": [{"name": f.name, "size": f.size, "source": f.source} for f in facts.files],
        "boot_server_types": sorted({*facts.advertised_types, *facts.answered_types}),
        **found,
        "missing": list(_missing(facts)),
    }


def _options(play: Play) -> Iterator[dict[str, Any]]:
    """Each option alone, on the first file that is known."""
    name = play.facts.files[0].name
    for option, asked in _ASKED:
        reading = play.read(name, None, **{option.value: asked})
        packet = reading.request().answer()
        reading.end()
        value = option_value(packet.options, option) if isinstance(packet, Oack) else None
        if packet is None:
            answer = "no answer"
        elif isinstance(packet, Error):
            answer = f"refused with ERROR {packet.code}"
        else:
            answer = "left out" if value is None else "acknowledged"
        yield {"option": option.value, "asked": asked, "answer": answer, "value": value}


def _boot_files(play: Play) -> Iterator[dict[str, Any]]:
    """What each architecture is told on port 4011: without a boot item, else with the first that the menu names."""
    for code in _ASKING:
        client = play.client(architecture=code)
        reply = client.ask(patiently=False) or client.wait(play.silence_wait)
        tags = None if reply is None else reply.vendor_options
        if reply is not None and not reply.boot_file and tags is not None:
            kinds = [*(m.type for m in tags.boot_menu if m.type), *(s.type for s in tags.boot_servers)]
            if kinds:
                item = play.client(architecture=code)
                reply = item.ask(BootItem(kinds[0]), patiently=False) or item.wait(play.silence_wait) or reply
        entry = ARCHITECTURES.get(code)
        yield {
            "architecture": code,
            "name": "" if entry is None else entry.name,
            "answers": reply is not None,
            "file": None if reply is None else reply.boot_file.decode("latin-1") or None,
        }


def _missing(facts: Facts) -> Iterator[str]:
    """What could not be found out, and what would be needed for it."""
    if "tftp" in facts.roles and not facts.files:
        yield "TFTP options: no file of the target is known, and none of the usual names is there (--file NAME)"
    if "bootserver" not in facts.roles:
        yield "boot files by architecture: port 4011 does not answer unicast, and DHCP offers need broadcasts"


def _scenario(name: str, body: Any) -> Scenario:
    return Scenario(f"probe/{name}", name, (), body)


@contextmanager
def _somewhere(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="pxeconform-probe-") as made:
        yield Path(made)
