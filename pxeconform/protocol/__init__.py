"""Bytes to packets and back: DHCP, TFTP, PXE vendor options, credentials. No sockets, no files.

Two independent codecs live here on purpose. The plain one (`dhcp`, `tftp`, `vendor_options`) reads what others sent
and never raises on hostile input. The Scapy layers (`layers`) build what a scenario sends, so that a mistake in one
of them shows up as a disagreement instead of cancelling itself out.
"""
