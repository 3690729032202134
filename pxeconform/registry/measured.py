"""Which servers were measured to violate which requirement, by runs of this program against real servers.

A row is a fact about one version as it was started; other versions and configurations may differ.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """One server that violates a requirement, and what it did."""

    requirement: str
    server: str
    observed: str


_DNSMASQ, _HPA = "dnsmasq 2.90 (Debian 12)", "tftpd-hpa 5.2 (Debian 12)"

MEASURED: tuple[Measured, ...] = (
    Measured("TFTP-1123-TMO-02", _DNSMASQ, "copies of a block come after 2, 2, 3 and 3 s"),
    Measured("TFTP-1350-NETASCII-02", _DNSMASQ, "a bare carriage return comes without the NUL after it"),
    Measured("TFTP-1350-ERR-08", _DNSMASQ, "ERROR 4 answers an ERROR that comes to port 69"),
    Measured("TFTP-2348-BLK-01", _DNSMASQ, "block size 1 where 0 was asked for"),
    Measured("TFTP-2348-BLK-05", _DNSMASQ, "block sizes below 8 are acknowledged as they were asked for"),
    Measured("TFTP-1350-TID-05", _HPA, "nothing comes to a stranger"),
    Measured("TFTP-2347-OPT-01", _HPA, "ERROR 8 answers a request for the size in netascii"),
    Measured("TFTP-2347-OPT-08", _HPA, "an option that was asked for twice is acknowledged twice"),
    Measured("TFTP-2348-BLK-01", _HPA, "block size 65464 where -1 was asked for"),
)
"""`tests/servers` certifies these and others, and holds what it finds against reviewed files."""


def violators(requirement: str) -> tuple[Measured, ...]:
    """The servers that were measured to violate a requirement."""
    return tuple(row for row in MEASURED if row.requirement == requirement)
