"""The columns that kernels write and everybody else reads: one record is so many 64 bit integers in a row.

Offsets count from the start of the window of octets that is being read; -1 is "there is none".
"""

from __future__ import annotations

from collections.abc import Callable

Kernel = Callable[..., int]
"""A function over octets (`memoryview` of bytes), columns (`memoryview` of 64 bit integers) and integers."""

# A frame, as the container has it.
AT = 0
"""Offset of its first octet."""
HAVE = 1
"""Octets at hand."""
WIRE = 2
"""Octets on the wire."""
TIME = 3
"""Nanoseconds since the epoch."""
LINK = 4
"""Link type, by the registry that libpcap and pcapng share."""
NUMBER = 5
"""Frame number from 1, in the order of the file."""
OPTIONS = 6
OPTIONS_END = 7
"""Between these two lie the options of a pcapng block."""
BIG_ENDIAN = 8
"""1 when the section that the block is in has its numbers so; the next section may have them the other way."""
FRAME_COLUMNS = 9

# A packet of interest, as its headers tell.
KIND = 0
FRAME = 1
"""Which frame of the index it is."""
FAMILY = 2
"""4 or 6."""
SOURCE = 3
DESTINATION = 4
SOURCE_PORT = 5
DESTINATION_PORT = 6
PAYLOAD = 7
PAYLOAD_HAVE = 8
PAYLOAD_LENGTH = 9
"""Offset of the payload, octets at hand, octets that were sent."""
IDENTIFICATION = 10
SOURCE_MAC = 11
DESTINATION_MAC = 12
OUTER_FAMILY = 13
OUTER_SOURCE = 14
OUTER_DESTINATION = 15
"""Addresses of the outermost IP header when there is a tunnel; family 0 when there is none."""
PROTOCOL = 16
FRAGMENT_OFFSET = 17
MORE_FRAGMENTS = 18
CHECKSUM = 19
"""Of the UDP header."""
VLAN = 20
FLAGS = 21
"""Of the TCP header."""
ROW_COLUMNS = 22

# What a row can be.
NOTHING, UDP, TCP, ICMP, ARP, FRAGMENT = 0, 1, 2, 3, 4, 5

# Why a walk over records stopped.
WANTS_MORE, INDEX_FULL, OTHER_BLOCK, TOO_LARGE = 0, 1, 2, 3

# What a walk keeps between two windows.
STOP = 0
"""Offset of the first octet that was not taken."""
REASON = 1
COUNT = 2
"""Records in the index."""
NUMBERS = 3
"""Frames counted so far."""
FIRST_TIME = 4
LAST_TIME = 5
SNAPPED = 6
UNREADABLE = 7
ODD_TIMES = 8
"""Blocks that name no known interface or claim too much; times that no clock shows."""
LAST_UNREADABLE = 9
LAST_LINK = 10
LINK_COUNT = 11
LINKS = 12
"""Link types of the frames so far, in the order in which they came."""
MOST_LINKS = 16
STATE_COLUMNS = LINKS + MOST_LINKS

# An interface of a pcapng section.
INTERFACE_LINK, INTERFACE_SNAP, MULTIPLY, DIVIDE, SHIFT, OFFSET = 0, 1, 2, 3, 4, 5
INTERFACE_COLUMNS = 6

LATEST = 2**63 - 1
NANOSECONDS = 1_000_000_000
LARGEST_FRAME = 262144 * 4
"""A record that claims more octets than this is damage, not a packet (libpcap stops at 262144, for most links)."""
