"""docs/servers.md, and what `explain` knows of servers, from the reviewed files: `python -m tests.servers.table`."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from typing import Any

from pxeconform.registry.measured import TABLE
from tests.servers.certifying import EXPECTED
from tests.servers.findings import findings
from tests.servers.programs import PROGRAMS, REPOSITORY

PAGE = REPOSITORY / "docs" / "servers.md"

_HEAD = """# TFTP servers, as measured

`make test-servers` starts each of these servers on a network of its own, certifies it, and compares what was violated
with a reviewed file (`tests/servers/expected`); `make test` does so with three of them. Every entry there names packets
that the verdict must cite, the section, and why it is a real deviation. This page is written from those files
(`python -m tests.servers.table`).

What a server does depends on its version and on how it is started: see `tests/servers/programs.py`. The libraries
fbtftp, Net::TFTPd, erlang-tftp, tftpy and ptftpd run in small wrappers that add nothing to the protocol. Where a server
dies of a datagram, what would have come after it is `skipped`, so its list is shorter than it might be.
"""


_KNOWN = (
    "Before this suite existed, these servers had been probed by hand. Each finding was looked for in the packets of a",
    "run (`tests/servers/findings.toml`). *Reproduced* names the requirement that is violated for it. *Legal* was seen",
    "as said, and no document forbids it. *Refuted* means that the packets of today say otherwise, *not tried* that no",
    "scenario provokes it, or that the server was gone by then.",
)


def page() -> str:
    """The whole page."""
    written = _written()
    return "\n".join([_HEAD, *_matrix(written), "", *_known(), "", *_sections(written)]).rstrip() + "\n"


def rows() -> str:
    """The table of `pxeconform.registry.measured`."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("requirement", "server", "observed"))
    for one in _written().values():
        table.writerows((entry["requirement"], one["server"], entry["observed"]) for entry in one.get("fail", ()))
    return text.getvalue()


def _written() -> dict[str, dict[str, Any]]:
    return {name: tomllib.loads((EXPECTED / f"{name}.toml").read_text(encoding="utf-8")) for name in PROGRAMS}


def _matrix(written: dict[str, dict]) -> Iterator[str]:
    requirements = sorted({entry["requirement"] for one in written.values() for entry in one.get("fail", ())})
    yield "## Who violates what"
    yield ""
    yield f"| requirement | {' | '.join(written)} |"
    yield f"|---|{'---|' * len(written)}"
    for requirement in requirements:
        cells = []
        for one in written.values():
            marks = {e["requirement"]: "~" if e.get("sometimes") else "✗" for e in one.get("fail", ())}
            cells.append(marks.get(requirement, ""))
        yield f"| {requirement} | {' | '.join(cells)} |"
    yield ""
    yield "✗ violated each time; ~ at some times only, with the same packets sent."


def _known() -> Iterator[str]:
    yield "## What was known before"
    yield ""
    yield from _KNOWN
    yield ""
    yield "| what was said | of | what came of it |"
    yield "|---|---|---|"
    for finding in findings():
        yield f"| {finding.said} | {', '.join(finding.servers)} | {finding.verdict} |"


def _sections(written: dict[str, dict]) -> Iterator[str]:
    for one in written.values():
        yield f"## {one['server']}"
        yield ""
        for entry in one.get("fail", ()):
            observed = entry["observed"].replace("|", "\\|").replace("<", "&lt;")
            yield f"- **{entry['requirement']}** ({entry['section']}): {entry['why']} Seen: `{observed}`"
        if not one.get("fail"):
            yield "No violation."
        yield ""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    TABLE.write_text(rows(), encoding="utf-8")


if __name__ == "__main__":
    main()
