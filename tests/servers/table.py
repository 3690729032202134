"""docs/servers.md, from the reviewed expectation files: `python -m tests.servers.table` writes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from tests.servers.certifying import EXPECTED
from tests.servers.programs import PROGRAMS, REPOSITORY

PAGE = REPOSITORY / "docs" / "servers.md"

_HEAD = """# TFTP servers, as measured

`make test` starts each of these servers on a network of its own, certifies it, and compares what was violated with a
reviewed file (`tests/servers/expected`). Every entry there names packets that the verdict must cite, the section, and
why it is a real deviation. This page is written from those files (`python -m tests.servers.table`).

What a server does depends on its version and on how it is started: see `tests/servers/programs.py`. The libraries
fbtftp, Net::TFTPd, erlang-tftp, tftpy and ptftpd run in small wrappers that add nothing to the protocol. Where a server
dies of a datagram, what would have come after it is `skipped`, so its list is shorter than it might be.
"""


def page() -> str:
    """The whole page."""
    written = {
        name: tomllib.loads((EXPECTED / f"{name}.toml").read_text(encoding="utf-8"))
        for name in PROGRAMS
        if (EXPECTED / f"{name}.toml").exists()
    }
    return "\n".join([_HEAD, *_matrix(written), "", *_sections(written)]).rstrip() + "\n"


def _matrix(written: dict[str, dict]) -> Iterator[str]:
    requirements = sorted({entry["requirement"] for one in written.values() for entry in one.get("fail", ())})
    yield "## Who violates what"
    yield ""
    yield f"| requirement | {' | '.join(written)} |"
    yield f"|---|{'---|' * len(written)}"
    for requirement in requirements:
        cells = []
        for one in written.values():
            failed = {entry["requirement"] for entry in one.get("fail", ())}
            varies = {entry["requirement"] for entry in one.get("varies", ())}
            cells.append("✗" if requirement in failed else "~" if requirement in varies else "")
        yield f"| {requirement} | {' | '.join(cells)} |"
    yield ""
    yield "✗ violated each time; ~ a matter of timing."


def _sections(written: dict[str, dict]) -> Iterator[str]:
    for one in written.values():
        yield f"## {one['server']}"
        yield ""
        for entry in one.get("fail", ()):
            observed = entry["observed"].replace("|", "\\|").replace("<", "&lt;")
            yield f"- **{entry['requirement']}** ({entry['section']}): {entry['why']} Seen: `{observed}`"
        for entry in one.get("varies", ()):
            yield f"- {entry['requirement']}, not each time: {entry['why']}"
        if not one.get("fail") and not one.get("varies"):
            yield "No violation."
        yield ""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
