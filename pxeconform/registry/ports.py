"""UDP ports of network boot."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Port(IntEnum):
    """Well-known and customary UDP ports; where each comes from is in :data:`PORT_SOURCES`.

    The two MTFTP ports are custom only: PXE carries the real ones in tags 2 and 3 of option 43.
    """

    DHCP_SERVER = 67
    DHCP_CLIENT = 68
    TFTP = 69
    DHCPV6_CLIENT = 546
    DHCPV6_SERVER = 547
    MTFTP_CLIENT = 1758
    MTFTP_SERVER = 1759
    PXE = 4011


PORT_SOURCES: Mapping[Port, str] = MappingProxyType(
    {
        Port.DHCP_SERVER: "RFC2131 §4.1",
        Port.DHCP_CLIENT: "RFC2131 §4.1",
        Port.TFTP: "RFC1350 §4",
        Port.DHCPV6_CLIENT: "RFC8415 §7.2",
        Port.DHCPV6_SERVER: "RFC8415 §7.2",
        Port.MTFTP_CLIENT: "RFC2090; FIELD",
        Port.MTFTP_SERVER: "IPXE include/ipxe/tftp.h; FIELD",
        Port.PXE: "PXE-2.1 §2.2.3",
    }
)
"""Source of every port."""

DISCOVERY_MULTICAST_CUSTOM = "224.0.1.2"
"""Group that old boot servers used for discovery (FIELD); clients must take it from tag 7 of option 43."""
