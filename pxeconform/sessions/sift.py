"""The kernel that follows TFTP transfers while nothing but the routine happens, and hands on everything else.

The routine of a transfer (RFC 1350 section 2, RFC 7440 section 4): the block that is due, of full size and from the
right port; the acknowledgment of all that was sent, once a window. Such packets change counters and nothing else.
Whatever differs in any way, and whatever may belong to a boot, becomes a row, and the kernel stops so that the trackers
see it before the next packet.
"""

from __future__ import annotations

from pxeconform.capture.columns import (
    AT,
    CHECKSUM,
    DESTINATION,
    DESTINATION_PORT,
    FAMILY,
    FLAGS,
    FRAGMENT,
    FRAME,
    FRAME_COLUMNS,
    HAVE,
    IDENTIFICATION,
    LATEST,
    LINK,
    PAYLOAD,
    PAYLOAD_HAVE,
    PAYLOAD_LENGTH,
    ROW_COLUMNS,
    SOURCE,
    SOURCE_PORT,
    TCP,
    TIME,
    UDP,
    WIRE,
)
from pxeconform.capture.columns import NUMBER as FRAME_NUMBER
from pxeconform.capture.dissect import FROM_LINK, dissect, pair
from pxeconform.sessions.flows import (
    ACK_FRAME,
    ACK_TIME,
    ACKED,
    ACKS,
    AFTER,
    ARMED,
    BLOCK_SIZE,
    BLOCKS,
    CLIENT,
    CLIENT_PORT,
    COPY_SPAN,
    CUT,
    DATA_FRAME,
    DATA_TIME,
    FLOW_COLUMNS,
    FOUND_COPIES,
    FOUND_PIECES,
    FOUND_ROWS,
    KEEP,
    LONGEST,
    LONGEST_CHAIN,
    NEXT,
    NUMBER,
    PIECE_AT,
    PIECE_COLUMNS,
    PIECE_FLOW,
    PIECE_OCTETS,
    RECEIVER_TURNS,
    RECENT,
    RECENT_CHECKSUM,
    RECENT_COLUMNS,
    RECENT_FLOW,
    RECENT_IDENTIFICATION,
    RECENT_LENGTH,
    RECENT_MARK,
    RECENT_PLACES,
    RECENT_TIME,
    SENDER_TURNS,
    SERVER,
    SERVER_PORT,
    TURNS,
    WAIT,
    WANTED,
    WINDOW,
    WRITES,
)
from pxeconform.sessions.flows import FAMILY as FLOW_FAMILY

Octets = memoryview
Columns = memoryview

_DATA, _ACK = 3, 4
_FIRST_OPCODE, _LAST_OPCODE = 1, 6
_LAST_NUMBER = 65535
_SYN, _RST = 0x02, 0x04
_KEY = 11
"""Columns of a flow that tell it from others."""


def word_at(data: Octets, at: int) -> int:
    """32 bits of an address."""
    return (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]


def endpoint(data: Octets, at: int, family: int, port: int) -> int:
    """A hash of 32 bits of an address and a port; port 0 stands for the host."""
    value = word_at(data, at)
    if family == 6:
        value = (value * 31 + word_at(data, at + 4)) & 0xFFFFFFFF
        value = (value * 31 + word_at(data, at + 8)) & 0xFFFFFFFF
        value = (value * 31 + word_at(data, at + 12)) & 0xFFFFFFFF
    value = ((value ^ (port << 9) ^ port) * 0x1B873593) & 0xFFFFFFFFFFFF
    return (value ^ (value >> 17)) & 0xFFFFFFFF


def is_end(data: Octets, at: int, family: int, port: int, flows: Columns, base: int, address: int, own: int) -> int:
    """Whether an address and a port in a packet are those of one end of a flow."""
    if port != flows[base + own] or word_at(data, at) != flows[base + address]:
        return 0
    if family == 6:
        for number in range(1, 4):
            if word_at(data, at + 4 * number) != flows[base + address + number]:
                return 0
    return 1


def find_flow(data: Octets, rows: Columns, row: int, hashed: int, flows: Columns, table: Columns, mask: int) -> int:
    """The flow of a datagram between both its ends, whichever way it goes: twice its number, 1 more when the client
    sent it; -1 when there is none."""
    family = rows[row + FAMILY]
    source, destination = rows[row + SOURCE], rows[row + DESTINATION]
    source_port, destination_port = rows[row + SOURCE_PORT], rows[row + DESTINATION_PORT]
    slot = hashed & mask
    last = slot + LONGEST_CHAIN
    while table[slot & mask] and slot < last:
        number = table[slot & mask] - 1
        base = number * FLOW_COLUMNS
        if flows[base + FLOW_FAMILY] == family:
            if is_end(data, source, family, source_port, flows, base, CLIENT, CLIENT_PORT) and is_end(
                data, destination, family, destination_port, flows, base, SERVER, SERVER_PORT
            ):
                return 2 * number + 1
            if is_end(data, source, family, source_port, flows, base, SERVER, SERVER_PORT) and is_end(
                data, destination, family, destination_port, flows, base, CLIENT, CLIENT_PORT
            ):
                return 2 * number
        slot += 1
    return -1


def note_wait(flows: Columns, side: int, waited: int, frame: int) -> int:
    """Add a wait to those of a side; gives how many there are. Absurd times do not make the sum wrap."""
    waited = max(waited, 0)
    flows[side + TURNS] += 1
    flows[side + WAIT] = min(flows[side + WAIT], LATEST - waited) + waited
    if waited > flows[side + LONGEST]:
        flows[side + LONGEST] = waited
        flows[side + AFTER] = frame
    return flows[side + TURNS]


def is_routine(
    data: Octets, rows: Columns, row: int, flows: Columns, base: int, client: int, time: int, frame: int
) -> int:
    """Take a packet that is what was due; 0 when it is anything else, 1 for an ACK, 2 for a block."""
    length = rows[row + PAYLOAD_LENGTH]
    at = rows[row + PAYLOAD]
    if rows[row + PAYLOAD_HAVE] < 4 or data[at]:
        return 0
    number = pair(data, at + 2)
    due = flows[base + NUMBER]
    if data[at + 1] == _DATA:
        if client != flows[base + WRITES] or length != flows[base + BLOCK_SIZE] + 4:
            return 0
        if number != due or due >= _LAST_NUMBER or flows[base + NEXT] > flows[base + ACKED] + flows[base + WINDOW]:
            return 0
        if flows[base + NEXT] == flows[base + ACKED] + 1 and flows[base + ACKS] > 0:
            note_wait(flows, base + SENDER_TURNS, time - flows[base + ACK_TIME], flows[base + ACK_FRAME])
        flows[base + NEXT] += 1
        flows[base + NUMBER] = due + 1
        flows[base + BLOCKS] += 1
        if rows[row + PAYLOAD_HAVE] < length:
            flows[base + CUT] += 1
        flows[base + DATA_TIME] = time
        flows[base + DATA_FRAME] = frame
        return 2
    if data[at + 1] != _ACK or length != 4 or client == flows[base + WRITES]:
        return 0
    last = flows[base + NEXT] - 1
    if number != due - 1 or last - flows[base + ACKED] != flows[base + WINDOW]:
        return 0
    if flows[base + BLOCKS] > 0:
        note_wait(flows, base + RECEIVER_TURNS, time - flows[base + DATA_TIME], flows[base + DATA_FRAME])
    flows[base + ACKED] = last
    flows[base + ACKS] += 1
    flows[base + ACK_TIME] = time
    flows[base + ACK_FRAME] = frame
    return 1


def mark_of(data: Octets, rows: Columns, row: int, client: int) -> int:
    """Who sent a packet, its opcode and its block, in one number; 0 for what is neither DATA nor ACK."""
    at = rows[row + PAYLOAD]
    if rows[row + PAYLOAD_HAVE] < 4 or data[at] or not _DATA <= data[at + 1] <= _ACK:
        return 0
    return (client << 24) | (pair(data, at) << 16) | pair(data, at + 2)


def place_of(flow: int, mark: int) -> int:
    """The first of the places where a packet of a flow is remembered: next to each other those of one flow, DATA far
    from ACK, and what the client sent from what the server sent."""
    apart = ((mark >> 16) & 1) * 2048 + (mark >> 24) * 1024
    return ((flow * 613 + (mark & 0xFFFF) + apart) & (RECENT - 1)) * RECENT_COLUMNS


def remember(rows: Columns, row: int, recent: Columns, flow: int, mark: int, time: int) -> int:
    """Keep what tells a second copy of a packet, in place of what is older; gives where."""
    first = place_of(flow, mark)
    place = first
    for at in range(first + RECENT_COLUMNS, first + RECENT_PLACES * RECENT_COLUMNS, RECENT_COLUMNS):
        if recent[at + RECENT_TIME] < recent[place + RECENT_TIME]:
            place = at
    recent[place + RECENT_FLOW] = flow + 1
    recent[place + RECENT_MARK] = mark
    recent[place + RECENT_IDENTIFICATION] = rows[row + IDENTIFICATION]
    recent[place + RECENT_CHECKSUM] = rows[row + CHECKSUM]
    recent[place + RECENT_LENGTH] = rows[row + PAYLOAD_LENGTH]
    recent[place + RECENT_TIME] = time
    return place


def is_copy(rows: Columns, row: int, recent: Columns, flow: int, mark: int, time: int) -> int:
    """Whether the same datagram was followed a moment ago."""
    if mark == 0:
        return 0
    place = place_of(flow, mark)
    for at in range(place, place + RECENT_PLACES * RECENT_COLUMNS, RECENT_COLUMNS):
        if (
            recent[at + RECENT_MARK] == mark
            and recent[at + RECENT_FLOW] == flow + 1
            and recent[at + RECENT_IDENTIFICATION] == rows[row + IDENTIFICATION]
            and recent[at + RECENT_CHECKSUM] == rows[row + CHECKSUM]
            and recent[at + RECENT_LENGTH] == rows[row + PAYLOAD_LENGTH]
            and abs(time - recent[at + RECENT_TIME]) <= COPY_SPAN
        ):
            return 1
    return 0


def is_of_interest(
    data: Octets, rows: Columns, row: int, ports: Octets, wanted: Octets, source: int, target: int
) -> int:
    """A datagram on a port of this field, one that begins like TFTP, or one of an endpoint that somebody watches."""
    if ports[rows[row + SOURCE_PORT]] or ports[rows[row + DESTINATION_PORT]]:
        return 1
    at = rows[row + PAYLOAD]
    if rows[row + PAYLOAD_HAVE] >= 2 and data[at] == 0 and _FIRST_OPCODE <= data[at + 1] <= _LAST_OPCODE:
        return 1
    return wanted[source & (WANTED - 1)] or wanted[target & (WANTED - 1)]


def is_wanted_segment(data: Octets, rows: Columns, row: int, wanted: Octets) -> int:
    """A TCP segment of a host that boots: with data, or of those that open and refuse."""
    if rows[row + PAYLOAD_LENGTH] == 0 and not rows[row + FLAGS] & (_SYN | _RST):
        return 0
    family = rows[row + FAMILY]
    if wanted[endpoint(data, rows[row + SOURCE], family, 0) & (WANTED - 1)]:
        return 1
    return wanted[endpoint(data, rows[row + DESTINATION], family, 0) & (WANTED - 1)]


def sift(
    data: Octets,
    index: Columns,
    first: int,
    count: int,
    rows: Columns,
    row_capacity: int,
    found: Columns,
    ports: Octets,
    wanted: Octets,
    flows: Columns,
    table: Columns,
    mask: int,
    pieces: Columns,
    piece_capacity: int,
    recent: Columns,
) -> int:
    """Follow, and stop at what is to be seen; gives the first frame that was not looked at."""
    taken = 0
    kept = 0
    copies = 0
    stop = 0
    while first < count and stop == 0 and taken < row_capacity and kept < piece_capacity:
        frame = first * FRAME_COLUMNS
        at = index[frame + AT]
        row = taken * ROW_COLUMNS
        kind = dissect(
            data, at, at + index[frame + HAVE], at + index[frame + WIRE], FROM_LINK, index[frame + LINK], rows, row
        )
        seen = kind
        if kind == UDP:
            family = rows[row + FAMILY]
            source = endpoint(data, rows[row + SOURCE], family, rows[row + SOURCE_PORT])
            target = endpoint(data, rows[row + DESTINATION], family, rows[row + DESTINATION_PORT])
            flow = find_flow(data, rows, row, source + target, flows, table, mask)
            if flow >= 0:
                base = (flow >> 1) * FLOW_COLUMNS
                mark = mark_of(data, rows, row, flow & 1)
                if is_copy(rows, row, recent, flow >> 1, mark, index[frame + TIME]):
                    copies += 1
                    seen = 0
                elif mark:
                    # Whoever looks at it: it may come again when the kernel follows.
                    remember(rows, row, recent, flow >> 1, mark, index[frame + TIME])
                    taken_as = 0
                    if flows[base + ARMED]:
                        number = index[frame + FRAME_NUMBER]
                        taken_as = is_routine(data, rows, row, flows, base, flow & 1, index[frame + TIME], number)
                    if taken_as:
                        seen = 0
                    if taken_as == 2 and flows[base + KEEP] > 0:
                        octets = min(flows[base + KEEP], rows[row + PAYLOAD_HAVE] - 4)
                        flows[base + KEEP] -= octets
                        pieces[kept * PIECE_COLUMNS + PIECE_FLOW] = flow >> 1
                        pieces[kept * PIECE_COLUMNS + PIECE_AT] = rows[row + PAYLOAD] + 4
                        pieces[kept * PIECE_COLUMNS + PIECE_OCTETS] = octets
                        kept += 1
                    if flows[base + CUT]:
                        # What follows a cut block would stand at the wrong place.
                        flows[base + KEEP] = 0
            elif not is_of_interest(data, rows, row, ports, wanted, source, target):
                seen = 0
            stop = seen
        elif kind == TCP:
            seen = is_wanted_segment(data, rows, row, wanted)
        elif kind == FRAGMENT:
            stop = 1
        if seen:
            rows[row + FRAME] = first
            taken += 1
        first += 1
    found[FOUND_ROWS] = taken
    found[FOUND_PIECES] = kept
    found[FOUND_COPIES] = copies
    return first
