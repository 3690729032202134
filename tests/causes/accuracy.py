"""What `analyze` says of each capture beside what happened; `python -m tests.causes.accuracy` writes the page."""

from __future__ import annotations

import json
from collections import Counter
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

The table shows the state after mending, so it says little about captures to come. When each of these captures was
analysed for the first time, outcome or first cause were wrong for {wrong} of {all}:

- the ACKs of a DHCP server were lost behind the capture point: no cause, or `malformed-reply` (2 captures);
- the first answer of a TFTP server was lost, the client went on with the second: not booted but `capture-incomplete`;
- GRUB, started by UEFI HTTP boot, looked for a file by TFTP: a boot that succeeded was called `tftp-unreachable`.

`fragments-lost` had `mtu-black-hole` as second cause. The code on the screen was wrong or unknown for 16 captures, as
it had never been measured: of iPXE under UEFI, of iPXE for ERRORs of a TFTP server and for a silent proxy, of both for
offers, ACKs and NAKs that lead nowhere, and of EDK2 for a service that ends in mid-transfer.

Captures from which packets are missing, because tcpdump was too slow, were made again. One of them made a download that
was complete look like `tftp-stalled`, which is a fault of the analysis that is still there.
"""


def given(truth: dict[str, Any]) -> tuple[str, str]:
    """Outcome and first cause that the analysis gives the client's last boot."""
    boots = pxeconform.analyze(DATA / truth["capture"]).to_dict()["boots"][: len(truth["expected"]["boots"])]
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
    return "\n".join(lines) + "\n\n" + _FIRST_LOOK.format(wrong=4, all=total)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
