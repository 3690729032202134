"""Firmware of the Debian release after the one that the rest comes from: fetched by apt and laid out in a folder.

Nothing is installed: only the firmware's own files are read, by the emulator.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

RELEASE = "trixie"
PACKAGES = ("ovmf", "ipxe", "ipxe-qemu", "qemu-efi-aarch64")
ROOT = Path(tempfile.gettempdir()) / f"pxeconform-{RELEASE}-{os.getuid()}"


def lay_out() -> None:
    """Fetch the packages, unless they are there already; apt must know the machine's own mirror."""
    if (ROOT / "usr").exists():
        return
    lists, cache, parts = (ROOT / name for name in ("lists", "cache", "sources"))
    for folder in (lists / "partial", cache / "archives" / "partial", parts):
        folder.mkdir(parents=True, exist_ok=True)
    (parts / "next.sources").write_text(_source())
    apt = ["apt-get", "-qq", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={parts}"]
    apt += ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]
    subprocess.run([*apt, "update"], check=True, timeout=300)
    subprocess.run([*apt, "download", *PACKAGES], cwd=ROOT, check=True, timeout=300)
    for archive in ROOT.glob("*.deb"):
        subprocess.run(["dpkg", "-x", archive, ROOT], check=True, timeout=60)


def _source() -> str:
    """The machine's own mirror, with the other release."""
    policy = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True
    )
    site = next(line for line in policy.stdout.split() if line.rstrip("/").endswith("/debian"))
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return f"Types: deb\nURIs: {site}\nSuites: {RELEASE}\nComponents: main\nSigned-By: {keys}\n"
