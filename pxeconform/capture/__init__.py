"""Bytes of a capture to datagrams: containers, link layers, IP, UDP, ICMP, ARP. Knows nothing of PXE."""
