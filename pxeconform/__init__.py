"""Conformance tests and capture analysis for network boot: PXE, DHCP, TFTP.

    results = pxeconform.run("10.0.0.5", profile="tftp", files=["pxelinux.0"])
    analysis = pxeconform.analyze("field.pcap")

Both are loaded when they are first used: importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pxeconform.analysis import Analysis, analyze
    from pxeconform.api import judge, run
    from pxeconform.runner.folder import Results

__version__ = "0.1.0"

__all__ = ["Analysis", "Results", "__version__", "analyze", "judge", "run"]

_HOMES = {
    "Analysis": "pxeconform.analysis",
    "analyze": "pxeconform.analysis",
    "judge": "pxeconform.api",
    "run": "pxeconform.api",
    "Results": "pxeconform.runner.folder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
