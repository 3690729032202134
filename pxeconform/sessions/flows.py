"""Columns of the transfers that a compiled kernel follows by itself while nothing but the routine happens."""

from __future__ import annotations

FAMILY = 0
CLIENT = 1
"""Four words of the client's address; IPv4 has one and zeros."""
CLIENT_PORT = 5
SERVER = 6
SERVER_PORT = 10
ARMED = 11
"""1 while the kernel may follow; 0 while every packet is to be looked at."""
WRITES = 12
"""1 when the client sends the file."""
BLOCK_SIZE = 13
WINDOW = 14
NEXT = 15
"""The block that is due next, counted from 1 without wrapping."""
ACKED = 16
"""The highest block that was acknowledged."""
NUMBER = 17
"""The number of the due block as it stands in a packet."""
BLOCKS = 18
ACKS = 19
"""DATA and ACK that were followed since the flow was armed."""
CUT = 20
"""Blocks of which the capture does not hold all octets."""
KEEP = 21
"""Octets of the file that are still wanted."""
DATA_TIME = 22
DATA_FRAME = 23
ACK_TIME = 24
ACK_FRAME = 25
SENDER_TURNS = 26
RECEIVER_TURNS = 30
"""Where the waits for each side begin."""
TURNS, WAIT, LONGEST, AFTER = 0, 1, 2, 3
"""How often it was waited for, nanoseconds in all and at most, and the frame before the longest wait."""
WAIT_COLUMNS = 4
FLOW_COLUMNS = 34

PIECE_FLOW, PIECE_AT, PIECE_OCTETS = 0, 1, 2
PIECE_COLUMNS = 3
"""Octets of a file that somebody wants: whose, where in the window, how many."""

FOUND_ROWS, FOUND_PIECES, FOUND_COPIES = 0, 1, 2

LONGEST_CHAIN = 64
"""Places of the table that are looked at for a flow: addresses can be chosen so that their hashes are the same."""

RECENT = 4096
"""Packets that were followed of late: what comes a second time is told by them, whatever came between."""
RECENT_FLOW, RECENT_MARK, RECENT_IDENTIFICATION, RECENT_CHECKSUM, RECENT_LENGTH, RECENT_TIME = 0, 1, 2, 3, 4, 5
"""The flow's number and 1; who sent it, opcode and block in one."""
RECENT_COLUMNS = 6
RECENT_PLACES = 4
"""Next to each other, for packets that would lie at the same place; the oldest gives way."""

WANTED = 1 << 20
"""Marks of endpoints and hosts by their hash: what touches one is looked at, a few strangers by chance as well."""

COPY_SPAN = 1_000_000
"""Nanoseconds within which the same datagram is a second copy of one (a mirror port, two points of one path)."""
