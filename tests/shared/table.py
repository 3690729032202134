"""What `analyze` says of each lab capture beside its truth file: `python -m tests.shared.table [PART]`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pxeconform.analysis import analyze

LAB = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "lab"
_MARKS = {"done": "D", "failed": "F", "not_needed": "n", "not_reached": "-", "not_captured": "?"}
_MOST_BOOTS = 6


def lines(truth: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Expectation, then each boot: who, how it ended, servers, boot file, causes with the code of the screen, steps."""
    wanted = {
        k: v for k, v in truth["expected_diagnosis"].items() if k in ("verdict", "outcome", "first_cause", "code")
    }
    told = [f"{truth['file']}: {wanted}, printed {truth.get('codes_observed_on_console') or []}"]
    for boot in document["boots"][:_MOST_BOOTS]:
        causes = [(d["cause"], d["confidence"], d["codes"].get(boot["firmware"])) for d in boot["diagnosis"]]
        steps = "".join(_MARKS[step["status"]] for step in boot["steps"])
        who = f"{boot['id']} <- {boot['parent']} {boot['client_mac']} {boot['firmware']} {boot['family']}"
        servers = f"{boot['dhcp_server']} {boot['proxy_server']} {boot['boot_server']}"
        told.append(f"    {who}: {boot['outcome']} {servers} {boot['boot_file']} {causes} {steps}")
    if len(document["boots"]) > _MOST_BOOTS:
        told.append(f"    and {len(document['boots']) - _MOST_BOOTS} more")
    return told


def main() -> None:
    """Print the table of all captures whose name holds PART."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    for path in sorted(LAB.glob("*.truth.json")):
        truth = json.loads(path.read_text("utf-8"))
        capture = LAB / truth["file"]
        if part in truth["file"] and capture.exists():
            print("\n".join(lines(truth, analyze(capture).to_dict())))


if __name__ == "__main__":
    main()
