"""The documents and observations that ``source`` strings of the registry name."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """One document, source tree or series of measurements.

    ``key`` is the first word of a reference, ``date`` is ISO 8601 cut to what is known (year, month or day),
    empty for a living registry.
    """

    key: str
    title: str
    date: str


_DOCUMENTS: tuple[Document, ...] = (
    Document("PXE-2.1", "Preboot Execution Environment (PXE) Specification, Version 2.1, Intel", "1999-09-20"),
    Document("EFI-1.10", "Extensible Firmware Interface Specification, Version 1.10 (chapter 15: BIS)", "2002-12-01"),
    Document("UEFI", "Unified Extensible Firmware Interface Specification (images; network protocols)", ""),
    Document("PE-COFF", "Portable Executable and Common Object File Format (machine types)", ""),
    Document("ELF", "System V Application Binary Interface, generic ELF (e_machine, EI_CLASS)", ""),
    Document("IANA-DHCPV6", "IANA registry: DHCPv6 parameters, Processor Architecture Types", ""),
    Document("IANA-DHCP", "IANA registry: BOOTP and DHCP parameters", ""),
    Document("IANA-PORTS", "IANA registry: service names and port numbers", ""),
    Document("RFC906", "Bootstrap Loading using TFTP", "1984-06"),
    Document("RFC951", "Bootstrap Protocol (BOOTP)", "1985-09"),
    Document("RFC1123", "Requirements for Internet Hosts: Application and Support", "1989-10"),
    Document("RFC1350", "The TFTP Protocol (Revision 2)", "1992-07"),
    Document("RFC1534", "Interoperation Between DHCP and BOOTP", "1993-10"),
    Document("RFC1542", "Clarifications and Extensions for the Bootstrap Protocol", "1993-10"),
    Document("RFC1785", "TFTP Option Negotiation Analysis", "1995-03"),
    Document("RFC2090", "TFTP Multicast Option", "1997-02"),
    Document("RFC2131", "Dynamic Host Configuration Protocol", "1997-03"),
    Document("RFC2132", "DHCP Options and BOOTP Vendor Extensions", "1997-03"),
    Document("RFC2347", "TFTP Option Extension", "1998-05"),
    Document("RFC2348", "TFTP Blocksize Option", "1998-05"),
    Document("RFC2349", "TFTP Timeout Interval and Transfer Size Options", "1998-05"),
    Document("RFC3004", "The User Class Option for DHCP", "2000-11"),
    Document("RFC3011", "The IPv4 Subnet Selection Option for DHCP", "2000-11"),
    Document("RFC3046", "DHCP Relay Agent Information Option", "2001-01"),
    Document("RFC3118", "Authentication for DHCP Messages", "2001-06"),
    Document("RFC3203", "DHCP reconfigure extension", "2001-12"),
    Document("RFC3396", "Encoding Long Options in DHCPv4", "2002-11"),
    Document("RFC3397", "DHCP Domain Search Option", "2002-11"),
    Document("RFC3442", "The Classless Static Route Option for DHCPv4", "2002-12"),
    Document("RFC3527", "Link Selection sub-option for the Relay Agent Information Option", "2003-04"),
    Document("RFC3617", "URI Scheme and Applicability Statement for TFTP", "2003-10"),
    Document("RFC3646", "DNS Configuration options for DHCPv6", "2003-12"),
    Document("RFC3925", "Vendor-Identifying Vendor Options for DHCPv4", "2004-10"),
    Document("RFC4361", "Node-specific Client Identifiers for DHCPv4", "2006-02"),
    Document("RFC4388", "DHCP Leasequery", "2006-02"),
    Document("RFC4578", "DHCP Options for the Intel PXE", "2006-11"),
    Document("RFC5010", "DHCPv4 Relay Agent Flags Suboption", "2007-09"),
    Document("RFC5071", "DHCP Options Used by PXELINUX", "2007-12"),
    Document("RFC5107", "DHCP Server Identifier Override Suboption", "2008-02"),
    Document("RFC5859", "TFTP Server Address Option for DHCPv4", "2010-06"),
    Document("RFC5970", "DHCPv6 Options for Network Boot", "2010-09"),
    Document("RFC6842", "Client Identifier Option in DHCP Server Replies", "2013-01"),
    Document("RFC6926", "DHCPv4 Bulk Leasequery", "2013-04"),
    Document("RFC7440", "TFTP Windowsize Option", "2015-01"),
    Document("RFC7724", "Active DHCPv4 Lease Query", "2015-12"),
    Document("RFC8415", "Dynamic Host Configuration Protocol for IPv6 (DHCPv6)", "2018-11"),
    Document("EDK2", "tianocore/edk2, source at c5aa7e7d94", "2026-08-06"),
    Document("INTEL-EFI", "Intel's EFI PXE base code, source as released 2004 to 2007", "2007"),
    Document("IPXE", "ipxe/ipxe, source at 0ab2277c4", "2026-08-21"),
    Document("TFTP-HPA", "tftp-hpa 5.4, source and manual page", "2026-07-18"),
    Document("DNSMASQ", "dnsmasq 2.92, source and observed behaviour", "2026-01"),
    Document("ROM-MESSAGES", "Vendors' published lists of PXE boot ROM messages (four that agree)", ""),
    Document("OVMF-2022.11", "Observed: OVMF 2022.11 of Debian 12 under QEMU", "2026"),
    Document("IPXE-1.21.1", "Observed: iPXE option ROM 1.21.1+git20250501 of Debian 13 under QEMU", "2026"),
    Document("OVMF-2025.02", "Observed: OVMF 2025.02 (EDK2) of Debian 13 under QEMU", "2026"),
    Document("IPXE-2019.01", "Observed: iPXE option ROM 1.0.0+git-20190125 of Debian 12 under QEMU", "2026"),
    Document("IPXE-1.21.1", "Observed: iPXE 1.21.1 under QEMU", "2026"),
    Document("U-BOOT", "Observed: U-Boot 2023.01 and 2025.01 under QEMU", "2026"),
    Document("ATFTP", "Observed: atftpd with atftp clients", "2026"),
    Document("FIELD", "Common practice without a specification: vendor advice and third-party code", ""),
)

DOCUMENTS: Mapping[str, Document] = MappingProxyType({document.key: document for document in _DOCUMENTS})
"""Every document by its key."""
