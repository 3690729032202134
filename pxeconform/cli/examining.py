"""`doctor`: what this machine can do, and what each lack costs."""

from __future__ import annotations

import contextlib
import shutil
import socket

from pxeconform.cli.output import consoles
from pxeconform.registry.ports import Port


def doctor_command() -> int:
    """One line a capability."""
    console = consoles(None)
    for name, has, cost in _findings():
        console.print(f"{'yes' if has else 'no ':4} {name}" + ("" if has else f": {cost}"), highlight=False)
    return 0


def _findings() -> list[tuple[str, bool, str]]:
    return [
        (
            "bind port 68",
            _can_bind(Port.DHCP_CLIENT),
            "replies to port 68 are not seen, scenarios from port 68 are left out (needs CAP_NET_BIND_SERVICE)",
        ),
        (
            "bind port 4011",
            _can_bind(Port.PXE),
            "scenarios from port 4011 are left out (is a boot server running here?)",
        ),
        ("tshark", shutil.which("tshark") is not None, "no second opinion on a capture"),
    ]


def _can_bind(port: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
