"""Datagrams to sessions: TFTP transfers, DHCP exchanges, boots in nine steps. Holds no opinions."""
