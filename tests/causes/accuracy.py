"""What `analyze` says of each capture beside what happened; `python -m tests.causes.accuracy` writes the page."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pxeconform

DATA = Path(__file__).resolve().parents[1] / "data" / "causes"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
_NOTHING = "no cause"

_HEAD = """# How often the cause is right

The captures of `tests/data/causes` were made by `make captures`: real firmware and real servers on a wire of their own
that does one thing wrong, or, in a near miss, almost does. What is expected was written down before a capture was
analysed. `python -m tests.causes.accuracy` writes this page, and a test compares it.
"""

_FIRST_LOOK = """## At first sight

The table shows the state after mending, so it says little about captures to come. The figures that do are those of the
first time that each capture was analysed, with the program as it was before. A set was made and its expectations
written before any of it was analysed; what was then wrong was mended in the diagnosis, and the next set was made.

| set | what was new in it | wrong outcome or first cause | wrong or unknown code |
|---|---|---|---|
| 1 | all causes and their near misses | 4 of 97 | 16 |
| 2 | later firmware, other cards, IPv6, HTTP boot, relays, routers, chains of loaders | 11 of 112 | 6 of 57 |
{third}
Wrong in set 1: the ACKs of a DHCP server were lost behind the capture point (2 captures); the first answer of a TFTP
server was lost, the client went on with the second; GRUB, started by HTTP boot, looked for a file by TFTP.

Wrong in set 2:

- IPv6: neighbour discovery was not read, so a host that is not there was told as an incomplete capture (2 captures); an
  ICMPv6 error was not known as one; the answer without a boot file was waited for too long;
- HTTP boot: connections that are tried again and again, or reset by the client, were told as an incomplete capture (2);
  so was a name that no name server tells, where the capture ends five seconds later; a file name without a URL was told
  as `offers-ignored`;
- U-Boot asked eleven times for a file, as a firewall kept the ERRORs from it: `tftp-file-not-found`;
- an empty boot file, and a web page in place of one, were expected as `nbp-not-started`, and told as
  `tftp-option-refused` and `nbp-wrong-architecture`. That is what the words of these causes say, so the expectation was
  mended.

Wrong in set 3: a web page in place of a BIOS program was told as a boot that went well. One capture went otherwise than
planned (EDK2 followed the other one of two proxies); what it was told as was right, and it is not counted.

Wrong codes were those of iPXE 1.21 for a missing file, of iPXE for HTTP and for a boot server that is not there, and of
EDK2 for ICMP net unreachable. Three captures of set 2 turned out to be of other firmware than planned, and are not
counted. A capture from which tcpdump dropped packets was made again.
"""

_THIRD = "| 3 | the same kinds once more, in other combinations | 1 of 24 | 3 of 15 |\n"


@cache
def analysis(capture: str) -> dict[str, Any]:
    """What `analyze` says of a capture."""
    return pxeconform.analyze(DATA / capture).to_dict()


def given(truth: dict[str, Any]) -> tuple[str, str]:
    """Outcome and first cause that the analysis gives the client's last boot."""
    boots = analysis(truth["capture"])["boots"][: len(truth["expected"]["boots"])]
    if not boots:
        return "no boot", _NOTHING
    last = boots[-1]
    return last["outcome"], next((diagnosis["cause"] for diagnosis in last["diagnosis"]), _NOTHING)


def page() -> str:
    """The page in Markdown."""
    rows: Counter[tuple[str, str]] = Counter()
    agreed = total = 0
    firmware: Counter[str] = Counter()
    for path in sorted(DATA.glob("*.truth.json")):
        truth = json.loads(path.read_text("utf-8"))
        expected = truth["expected"]
        wanted = expected["first_cause"] or _NOTHING
        outcome, cause = given(truth)
        total += 1
        agreed += (outcome, cause) == (expected["outcome"], wanted)
        rows[wanted, cause] += 1
        firmware[truth["client"]["told"].partition(", then")[0]] += 1
    lines = [_HEAD, f"{agreed} of {total} captures get the expected outcome and first cause.\n"]
    lines += ["| what happened | what `analyze` says first | captures |", "|---|---|---|"]
    lines += [f"| {wanted} | {cause} | {count} |" for (wanted, cause), count in sorted(rows.items())]
    lines += ["", "| client | captures |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in sorted(firmware.items())]
    return "\n".join(lines) + "\n\n" + _FIRST_LOOK.format(third=_THIRD)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
