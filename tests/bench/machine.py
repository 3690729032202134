"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

_PACKAGES = ("numpy", "numba", "dpkt", "scapy", "pyshark")


def description() -> dict[str, str]:
    """Name and value, in the order in which they are shown."""
    kilobytes = int(_first("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0)
    found = {
        "CPU": _first("/proc/cpuinfo", r"model name\s*: (.*)") or platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{kilobytes / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "tshark": _tshark(),
    }
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _first(path: str, pattern: str) -> str | None:
    try:
        match = re.search(pattern, Path(path).read_text())
    except OSError:
        return None
    return match.group(1).strip() if match else None


def _tshark() -> str:
    said = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    match = re.search(r"\d+\.\d+\.\d+", said)
    return match.group() if match else "unknown"
