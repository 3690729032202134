"""Kernels that walk over the records of a window of a capture file (pcap-savefile(5), the pcapng draft).

A kernel is a function over octets and 64 bit integers and nothing else: no object, no exception, every read behind a
look at the end. So the same source runs as it stands, or compiled (`compiled.py`).
"""

from __future__ import annotations

from pxeconform.capture.columns import (
    AT,
    BIG_ENDIAN,
    COUNT,
    DIVIDE,
    FIRST_TIME,
    FRAME_COLUMNS,
    HAVE,
    INDEX_FULL,
    INTERFACE_COLUMNS,
    INTERFACE_LINK,
    LARGEST_FRAME,
    LAST_LINK,
    LAST_TIME,
    LAST_UNREADABLE,
    LATEST,
    LINK,
    LINK_COUNT,
    LINKS,
    MOST_LINKS,
    MULTIPLY,
    NANOSECONDS,
    NUMBER,
    NUMBERS,
    ODD_TIMES,
    OFFSET,
    OPTIONS,
    OPTIONS_END,
    OTHER_BLOCK,
    REASON,
    SHIFT,
    SNAPPED,
    STOP,
    TIME,
    TOO_LARGE,
    UNREADABLE,
    WANTS_MORE,
    WIRE,
)

Octets = memoryview
Columns = memoryview

_ENHANCED_PACKET = 6
_BLOCK_HEADER, _PACKET_HEADER, _BLOCK_TRAILER = 8, 28, 4


def word(data: Octets, at: int, big: int) -> int:
    """An unsigned number of 32 bits in the file's byte order."""
    if big:
        return (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]
    return data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24)


def note_frame(
    index: Columns,
    state: Columns,
    at: int,
    have: int,
    wire: int,
    time: int,
    link: int,
    options: int,
    end: int,
    big: int,
) -> int:
    """Append a frame to the index; gives how many there are."""
    base = state[COUNT] * FRAME_COLUMNS
    index[base + AT] = at
    index[base + HAVE] = have
    index[base + WIRE] = max(wire, have)
    index[base + TIME] = time
    index[base + LINK] = link
    state[NUMBERS] += 1
    index[base + NUMBER] = state[NUMBERS]
    index[base + OPTIONS] = options
    index[base + OPTIONS_END] = end
    index[base + BIG_ENDIAN] = big
    state[COUNT] += 1
    if state[FIRST_TIME] < 0 or time < state[FIRST_TIME]:
        state[FIRST_TIME] = time
    if time > state[LAST_TIME]:
        state[LAST_TIME] = time
    if have < wire:
        state[SNAPPED] += 1
    if link != state[LAST_LINK]:
        state[LAST_LINK] = link
        known = 0
        while known < state[LINK_COUNT] and state[LINKS + known] != link:
            known += 1
        if known == state[LINK_COUNT] and known < MOST_LINKS:
            state[LINKS + known] = link
            state[LINK_COUNT] += 1
    return state[COUNT]


def walk_pcap(
    data: Octets,
    at: int,
    end: int,
    big: int,
    unit: int,
    header: int,
    swapped: int,
    link: int,
    index: Columns,
    capacity: int,
    state: Columns,
) -> int:
    """Index the records of a pcap file; gives how many are in the index.

    `unit` is nanoseconds in a tick, `header` the size of a record's header (24 octets in Kuznetzov's variant).
    `swapped` files have the two lengths the other way round: 1 all records, 2 those where the order would be wrong.
    """
    state[REASON] = WANTS_MORE
    while at + header <= end:
        if state[COUNT] >= capacity:
            state[REASON] = INDEX_FULL
            break
        have = word(data, at + 8, big)
        wire = word(data, at + 12, big)
        if swapped == 1 or (swapped == 2 and have > wire):
            have, wire = wire, have
        if have > LARGEST_FRAME:
            state[REASON] = TOO_LARGE
            break
        if at + header + have > end:
            break
        time = word(data, at, big) * NANOSECONDS + word(data, at + 4, big) * unit
        note_frame(index, state, at + header, have, wire, time, link, 0, 0, big)
        at += header + have
    state[STOP] = at
    return state[COUNT]


def nanoseconds(high: int, low: int, interfaces: Columns, base: int) -> int:
    """A time stamp of a pcapng interface since the epoch; -1 for what no clock shows."""
    if high >= 0x80000000:
        return -1
    stamp = (high << 32) | low
    shift = interfaces[base + SHIFT]
    time = 0
    if shift:
        # Parts of a second in powers of two; the product is kept below 64 bits by taking it in two halves.
        fraction = stamp & ((1 << shift) - 1)
        stamp = stamp >> shift
        if stamp > LATEST // NANOSECONDS - 1:
            return -1
        if shift > 31:
            above = (fraction >> 32) * NANOSECONDS
            below = ((fraction & 0xFFFFFFFF) * NANOSECONDS) >> 32
            time = stamp * NANOSECONDS + ((above + below) >> (shift - 32))
        else:
            time = stamp * NANOSECONDS + ((fraction * NANOSECONDS) >> shift)
    else:
        multiply = interfaces[base + MULTIPLY]
        stamp = stamp // interfaces[base + DIVIDE]
        if stamp > LATEST // multiply:
            return -1
        time = stamp * multiply
    offset = interfaces[base + OFFSET]
    if offset > 0 and time > LATEST - offset:
        return -1
    return time + offset


def walk_pcapng(
    data: Octets,
    at: int,
    end: int,
    big: int,
    interfaces: Columns,
    known: int,
    index: Columns,
    capacity: int,
    state: Columns,
) -> int:
    """Index the enhanced packet blocks of a pcapng section, up to the first block of another kind."""
    state[REASON] = WANTS_MORE
    while at + _BLOCK_HEADER + _BLOCK_TRAILER <= end:
        size = word(data, at + 4, big)
        least = _PACKET_HEADER + _BLOCK_TRAILER
        if word(data, at, big) != _ENHANCED_PACKET or size < least or size % 4 or size > 2 * LARGEST_FRAME:
            state[REASON] = OTHER_BLOCK
            break
        if at + size > end:
            break
        if state[COUNT] >= capacity:
            state[REASON] = INDEX_FULL
            break
        interface = word(data, at + 8, big)
        have = word(data, at + 20, big)
        if interface >= known or have > size - least or have > LARGEST_FRAME:
            state[NUMBERS] += 1
            state[UNREADABLE] += 1
            state[LAST_UNREADABLE] = state[NUMBERS]
        else:
            base = interface * INTERFACE_COLUMNS
            time = nanoseconds(word(data, at + 12, big), word(data, at + 16, big), interfaces, base)
            if time < 0:
                state[ODD_TIMES] += 1
                time = 0
            wire = word(data, at + 24, big)
            options = at + _PACKET_HEADER + have + (-have & 3)
            link = interfaces[base + INTERFACE_LINK]
            last = at + size - _BLOCK_TRAILER
            note_frame(index, state, at + _PACKET_HEADER, have, wire, time, link, options, last, big)
        at += size
    state[STOP] = at
    return state[COUNT]


def put_in_order(index: Columns, start: int, count: int, farthest: int) -> int:
    """Sort frames by time where they stand at most `farthest` places away from theirs; gives how many moved.

    Several queues write into one file. What is farther off, or has no time, stays where the file has it: nor is a frame
    passed by one that the file has so much later, or a clock that was set back would push it on for ever.
    """
    moved = 0
    for number in range(start, count):
        time = index[number * FRAME_COLUMNS + TIME]
        place = number
        lowest = max(0, number - farthest)
        passable = index[number * FRAME_COLUMNS + NUMBER] - farthest
        while (
            place > lowest
            and index[(place - 1) * FRAME_COLUMNS + TIME] > time
            and index[(place - 1) * FRAME_COLUMNS + NUMBER] >= passable
            and time > 0
        ):
            place -= 1
        if place == number:
            continue
        moved += 1
        for column in range(FRAME_COLUMNS):
            value = index[number * FRAME_COLUMNS + column]
            for other in range(number, place, -1):
                index[other * FRAME_COLUMNS + column] = index[(other - 1) * FRAME_COLUMNS + column]
            index[place * FRAME_COLUMNS + column] = value
    return moved


def move_back(index: Columns, count: int, most: int) -> int:
    """Take the offsets of frames by as much lower as none of them gets below 0, at most by `most`; gives how much."""
    by = most
    for number in range(count):
        by = min(by, index[number * FRAME_COLUMNS + AT])
    for number in range(count):
        index[number * FRAME_COLUMNS + AT] -= by
        index[number * FRAME_COLUMNS + OPTIONS] -= by
        index[number * FRAME_COLUMNS + OPTIONS_END] -= by
    return by


def count_ripe(index: Columns, count: int, farthest: int, octets: int) -> int:
    """How many frames no later one can come before: all but the last few, which hold so many octets at most."""
    ripe = count
    held = 0
    while ripe > 0 and count - ripe < farthest and held <= octets:
        ripe -= 1
        base = ripe * FRAME_COLUMNS
        held += max(index[base + HAVE], index[base + OPTIONS_END] - index[base + AT])
    return ripe


KERNELS = (walk_pcap, walk_pcapng, put_in_order, move_back, count_ripe)
"""What every reading needs."""
