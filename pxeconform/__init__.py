"""Conformance tests and capture analysis for network boot: PXE, DHCP, TFTP."""

__version__ = "0.1.0"
