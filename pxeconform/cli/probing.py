"""`probe`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pxeconform.cli.output import consoles, write_json

if TYPE_CHECKING:
    from pxeconform.cli.running import Wishes


def probe_command(wishes: Wishes) -> int:
    """Ask the target what it offers, and print it; 3 when nothing answers."""
    from pxeconform.api import prepare
    from pxeconform.report.terminal import Page
    from pxeconform.runner.probe import probe
    from pxeconform.runner.selection import Selection

    console = consoles(wishes.json_to)
    out: Path | None = wishes.out
    prepared = prepare(
        wishes.target,
        Selection((), ()),
        ics=wishes.ics,
        files=wishes.files,
        tftp_port=wishes.tftp_port,
        pxe_port=wishes.pxe_port,
        patience=wishes.patience,
        seed=wishes.seed,
        out=out,
        make_folder=out is not None,
    )
    found = probe(prepared.plan, out)
    _show(found, Page(console))
    write_json(found, wishes.json_to)
    return 0 if any(service["answers"] for service in found["services"]) else 3


def _show(found: Mapping[str, Any], page: Any) -> None:
    page.title(f"Services of {found['target']['address']}")
    for service in found["services"]:
        page.field(f"port {service['port']}", f"{service['service']}: {'answers' if service['answers'] else 'silent'}")
    if found["one_at_a_time"]:
        page.line("It serves one transfer at a time.", indent=2)
    if found["files"]:
        page.title("Files")
    for file in found["files"]:
        size = "size unknown" if file["size"] is None else f"{file['size']} octets"
        page.line(f"{file['name']}  ({size}, {file['source']})", indent=2)
    if found["options"]:
        page.title("TFTP options")
    for option in found["options"]:
        value = "" if option["value"] is None else f" as {option['value'] or 'empty'}"
        asked = option["asked"] or "empty"
        page.field(option["option"], f"asked for {asked}: {option['answer']}{value}")
    if found["boot_files"]:
        page.title("Boot file of each architecture (port 4011)")
    for entry in found["boot_files"]:
        told = entry["file"] or ("an answer without a file" if entry["answers"] else "no answer")
        page.field(str(entry["architecture"]), f"{entry['name']}: {told}")
    if found["missing"]:
        page.title("Not found out")
    for sentence in found["missing"]:
        page.line(sentence, indent=2)
