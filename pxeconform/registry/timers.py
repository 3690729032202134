"""When packets are sent again: the timers of the specifications and the schedules that implementations keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DISCOVER_RETRIES: tuple[float, ...] = (4.0, 8.0, 16.0, 32.0)
"""Seconds that each of the four DISCOVERs waits for offers (PXE-2.1 Fig. 2-2)."""

BOOT_SERVER_RETRIES: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)
"""Seconds that each of the four boot server requests waits for its answer (PXE-2.1 Fig. 2-2)."""

TFTP_OPEN_RETRIES = 6
"""Tries of opening a TFTP transfer (PXE-2.1 Fig. 2-2)."""

TFTP_OPEN_SECONDS = 4.0
"""Seconds that each of them waits (PXE-2.1 Fig. 2-2)."""

MTFTP_OPEN_RETRIES = 6
"""Tries of opening an MTFTP transfer before plain TFTP (PXE-2.1 Fig. 2-2; Fig. 2-6 has two more after the first)."""

MTFTP_OPEN_SECONDS = 2.0
"""Seconds of each MTFTP open where tags 4 and 5 do not rule (PXE-2.1 Fig. 2-2, development kit's value)."""

MTFTP_LISTEN_SECONDS = 1.0
"""Seconds of listening before the first MTFTP open (PXE-2.1 Fig. 2-2, development kit's value)."""

DHCP_BACKOFF: tuple[float, ...] = (4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds between a DHCP client's retransmissions, the last one repeats (RFC2131 §4.1)."""

DHCP_BACKOFF_JITTER = 1.0
"""Seconds by which each of them is shortened or lengthened at random (RFC2131 §4.1)."""

Phase = Literal[
    "discover",
    "request",
    "proxy request",
    "boot server request",
    "arp request",
    "tftp open",
    "tftp data unacknowledged",
]


@dataclass(frozen=True, slots=True)
class Schedule:
    """At which seconds, counted from the first copy, an implementation sends a packet that nobody answers.

    ``then_every`` continues the offsets at a fixed gap until ``gives_up``; ``gives_up`` is when the sender turns to
    something else, None where it is not known.
    """

    firmware: str
    phase: Phase
    offsets: tuple[float, ...]
    source: str
    gives_up: float | None = None
    then_every: float | None = None


SPECIFIED_SCHEDULES: tuple[Schedule, ...] = (
    Schedule("specification", "discover", (0.0, 4.0, 12.0, 28.0), "PXE-2.1 Fig. 2-2", 60.0),
    Schedule("specification", "boot server request", (0.0, 1.0, 3.0, 6.0), "PXE-2.1 Fig. 2-2", 10.0),
    Schedule("specification", "tftp open", (0.0, 4.0, 8.0, 12.0, 16.0, 20.0), "PXE-2.1 Fig. 2-2", 24.0),
)
"""What PXE 2.1 asks of clients, as offsets."""

CLIENT_SCHEDULES: tuple[Schedule, ...] = (
    Schedule("edk2", "discover", (0.0, 4.0, 12.0, 28.0), "OVMF-2022.11; EDK2 PxeBcDhcp4.c", 60.0),
    Schedule("edk2", "proxy request", (0.0, 1.0, 3.0, 6.0), "OVMF-2022.11; EDK2 PxeBcDhcp4.c", 10.0),
    Schedule("edk2", "boot server request", (0.0, 1.0, 3.0, 6.0), "EDK2 PxeBcDhcp4.c", 10.0),
    Schedule("edk2", "tftp open", (0.0, 4.0, 8.0, 12.0, 16.0, 20.0), "OVMF-2022.11; EDK2 Mtftp4Dxe", 24.0),
    Schedule("ipxe", "discover", (0.0, 1.0, 3.0, 7.0), "IPXE-2019.01"),
    Schedule("ipxe", "request", (0.0, 0.25, 0.75, 1.75, 3.75, 7.75), "IPXE dhcp.c"),
    Schedule("ipxe", "boot server request", (0.0, 1.0, 3.0), "IPXE dhcp.c"),
    Schedule("ipxe", "tftp open", (0.0, 0.3, 0.8, 1.9, 3.9, 8.0), "IPXE-2019.01"),
    Schedule("ipxe 1.21.1", "tftp open", (0.0, 0.25, 0.8, 1.8, 3.9, 7.9), "IPXE-1.21.1"),
    # Every one of these DISCOVERs has a transaction identifier of its own.
    Schedule("u-boot", "discover", (0.0, 0.25, 0.75, 1.75), "U-BOOT", then_every=2.0),
    Schedule("u-boot", "tftp open", tuple(5.0 * n for n in range(10)), "U-BOOT", 50.0),
    Schedule("u-boot", "arp request", (0.0, 5.0, 10.0, 15.0), "U-BOOT", 20.0),
)
"""What clients were seen to do, or do by their source."""

SERVER_SCHEDULES: tuple[Schedule, ...] = (
    Schedule(
        "dnsmasq",
        "tftp data unacknowledged",
        (0.0, 1.8, 4.8, 8.8, 12.8, 18.8, 24.8, 34.8, 44.8, 62.9),
        "DNSMASQ 2.92 observed",
        120.0,
    ),
    Schedule("tftp-hpa", "tftp data unacknowledged", (0.0, 1.0, 3.0, 7.0, 15.0, 31.0), "TFTP-HPA tftpd.c", 63.0),
)
"""When TFTP servers send a DATA packet again that nobody acknowledges."""

IPXE_PROXY_WAIT_SECONDS = 2.0
"""How long iPXE waits for proxy offers once it has an address offered (IPXE dhcp.c)."""

IPXE_BOOT_SERVER_SECONDS = 3.0
"""After more than this without an answer iPXE tries the next boot server (IPXE dhcp.c)."""

IPXE_SECS_STEP = 4
"""iPXE keeps state in the low two bits of ``secs``: one more try is 4 more, not 4 seconds more (IPXE dhcp.c)."""

MULTICAST_HANDOVER_SECONDS = 30.0
"""After this silence of the master atftpd makes another client the master (ATFTP)."""
