"""Transfers, followed from their request over the server's own port, whatever else is on the wire."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from udp_traces import (
    CLIENT,
    OTHER_TID,
    REQUESTS,
    SECOND,
    SERVER,
    STRANGER,
    TID,
    Wire,
)

from pxeconform.protocol.tftp import Ack, Data, Error
from pxeconform.sessions.tracker import TransferTracker
from pxeconform.sessions.transfers import Outcome, Sender, Transfer

BLOCK = bytes(range(256)) * 2


def followed(wire: Wire) -> TransferTracker:
    tracker = TransferTracker(hash_contents=True)
    for datagram in wire.seen:
        tracker.feed(datagram)
    return tracker


def only(wire: Wire) -> Transfer:
    (transfer,) = followed(wire).transfers
    return transfer


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_server_changes_its_port() -> None:
    wire = Wire()
    wire.read(BLOCK + b"end")
    transfer = only(wire)
    assert (transfer.client, transfer.server, transfer.request_port, transfer.server_port) == (
        CLIENT,
        SERVER,
        69,
        40001,
    )
    assert transfer.delivered
    assert transfer.outcome() is Outcome.COMPLETE
    assert transfer.content.sha256 == sha256(BLOCK + b"end")
    assert [event.sender for event in transfer.events] == [
        Sender.CLIENT, Sender.SERVER, Sender.CLIENT, Sender.SERVER, Sender.CLIENT,
    ]  # fmt: skip
    assert transfer.request_frames == [1]
    assert (transfer.data_packets, transfer.duplicate_acks, transfer.content.retransmitted) == (2, 0, 0)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1024])
def test_the_last_block_is_the_short_one(size: int) -> None:
    wire = Wire()
    wire.read(bytes(size))
    transfer = only(wire)
    assert transfer.delivered
    assert transfer.content.octets == size
    assert transfer.content.last_block == size // 512 + 1


def test_a_request_port_other_than_69_is_known_by_its_request() -> None:
    wire = Wire()
    wire.rrq(to=(SERVER, 10069))
    wire.data(1, b"x")
    wire.ack(1)
    assert only(wire).request_port == 10069


def test_a_single_port_server_serves_two_clients() -> None:
    wire = Wire()
    other = ("192.0.2.11", 50000)
    wire.rrq()
    wire.rrq(other)
    wire.data(1, b"one", REQUESTS, CLIENT)
    wire.data(1, b"two", REQUESTS, other)
    wire.ack(1, CLIENT, REQUESTS)
    wire.ack(1, other, REQUESTS)
    first, second = followed(wire).transfers
    assert first.server_port == second.server_port == 69
    assert (first.content.sha256, second.content.sha256) == (sha256(b"one"), sha256(b"two"))
    assert first.delivered
    assert second.delivered


def test_a_client_that_never_got_the_first_answer_goes_on_with_the_second() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, b"lost", TID)
    wire.rrq()
    wire.data(1, b"kept", OTHER_TID)
    wire.ack(1, CLIENT, OTHER_TID)
    transfer = only(wire)
    assert (transfer.server_port, list(transfer.other_tids)) == (OTHER_TID[1], [TID[1]])
    assert (transfer.delivered, transfer.content.sha256) == (True, sha256(b"kept"))


def test_the_same_request_twice_is_one_transfer_with_two_server_ports() -> None:
    wire = Wire()
    wire.rrq()
    wire.rrq()
    wire.data(1, b"kept", TID)
    wire.data(1, b"surplus", OTHER_TID)
    wire.error(5, CLIENT, OTHER_TID)
    wire.ack(1)
    transfer = only(wire)
    assert transfer.request_frames == [1, 2]
    assert (transfer.server_port, list(transfer.other_tids)) == (40001, [40002])
    assert transfer.content.sha256 == sha256(b"kept")
    assert transfer.error is None
    assert transfer.delivered


def test_the_surplus_transfer_that_is_refused_with_another_code_ends_nothing() -> None:
    wire = Wire()
    wire.rrq()
    wire.rrq()
    wire.data(1, b"kept", TID)
    wire.data(1, b"surplus", OTHER_TID)
    wire.error(0, CLIENT, OTHER_TID)
    wire.error(0, OTHER_TID, CLIENT)
    wire.ack(1)
    transfer = only(wire)
    assert transfer.error is None
    assert transfer.delivered


def test_the_same_request_later_from_the_same_port_is_a_new_transfer() -> None:
    wire = Wire()
    wire.read(b"one")
    wire.read(b"two", tid=OTHER_TID)
    first, second = followed(wire).transfers
    assert (first.server_port, second.server_port) == (40001, 40002)
    assert second.content.sha256 == sha256(b"two")


def test_another_file_from_the_same_port_is_a_new_transfer() -> None:
    wire = Wire()
    wire.rrq(name=b"a")
    wire.rrq(name=b"b")
    assert [transfer.file for transfer in followed(wire).transfers] == ["a", "b"]


def test_a_stranger_belongs_to_the_transfer_that_it_writes_to() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    wire.ack(1, STRANGER, TID)
    wire.error(5, TID, STRANGER)
    wire.ack(1)
    wire.data(2, b"")
    wire.ack(2)
    transfer = only(wire)
    strange = [event for event in transfer.events if event.sender is Sender.STRANGER]
    assert [(event.frame, event.packet) for event in strange] == [(3, Ack(1))]
    told = transfer.events[3]
    assert (told.sender, told.destination, isinstance(told.packet, Error)) == (Sender.SERVER, STRANGER, True)
    assert transfer.error is None
    assert transfer.duplicate_acks == 0
    assert transfer.delivered


def test_a_reply_that_went_astray_is_an_orphan() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, b"x", TID, (CLIENT[0], CLIENT[1] + 1))
    wire.send(("198.51.100.7", 1234), (CLIENT[0], 9), Data(1, b"x").build())
    tracker = followed(wire)
    assert [datagram.frame for datagram in tracker.orphans] == [2]
    assert not tracker.transfers[0].answered


@pytest.mark.parametrize("over", [True, False])
def test_a_port_that_the_server_uses_again_is_another_conversation(over: bool) -> None:
    wire = Wire()
    wire.read(b"whole") if over else wire.rrq()
    if not over:
        wire.data(1, BLOCK)
    before = len(wire.seen)
    wire.send(STRANGER, REQUESTS, b"\0\x09")
    wire.error(4, TID, STRANGER)
    tracker = followed(wire)
    assert [datagram.frame for datagram in tracker.orphans] == [before + 1, before + 2]
    assert len(tracker.transfers[0].events) == before


def test_what_the_server_still_says_of_the_transfer_before_is_no_answer_to_the_next() -> None:
    wire = Wire()
    wire.rrq(tsize=0)
    wire.oack(tsize=5)
    wire.error(8, CLIENT, TID)
    wire.rrq()
    wire.error(8, TID)
    wire.data(1, b"12345", OTHER_TID)
    wire.ack(1, CLIENT, OTHER_TID)
    first, second = followed(wire).transfers
    assert first.outcome() is Outcome.PROBE
    assert [event.frame for event in first.events] == [1, 2, 3, 5]
    assert second.server_port == OTHER_TID[1]
    assert second.delivered


def test_a_server_with_one_port_answers_the_next_request_from_there() -> None:
    wire = Wire()
    wire.rrq(tsize=0)
    wire.oack(REQUESTS, tsize=5)
    wire.error(8, CLIENT, REQUESTS)
    wire.rrq(name=b"missing")
    wire.error(1, REQUESTS)
    _, second = followed(wire).transfers
    assert second.outcome() is Outcome.REFUSED


def test_an_answer_to_no_request_is_an_orphan_of_the_request_port() -> None:
    wire = Wire()
    wire.ack(1, CLIENT, REQUESTS)
    tracker = followed(wire)
    assert not tracker.transfers
    assert [datagram.frame for datagram in tracker.orphans] == [1]


# -- block numbers ----------------------------------------------------------------------------------------------------


def long_read(blocks: int, first_after_wrap: int, size: int = 8) -> tuple[Wire, bytes]:
    """A read of so many full blocks and an empty one, numbers beginning again at `first_after_wrap`."""
    wire = Wire()
    wire.rrq(blksize=size)
    wire.oack(blksize=size)
    wire.ack(0)
    content = bytearray()
    number = 0
    for n in range(1, blocks + 2):
        number = number + 1 if number < 65535 else first_after_wrap
        block = n.to_bytes(size, "big") if n <= blocks else b""
        content += block
        wire.data(number, block)
        wire.ack(number)
    return wire, bytes(content)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("blocks", [65534, 65535, 131075])
def test_block_numbers_begin_again(first: int, blocks: int) -> None:
    wire, content = long_read(blocks, first)
    transfer = only(wire)
    assert transfer.delivered
    assert transfer.content.octets == len(content)
    assert transfer.content.blocks == blocks + 1
    assert transfer.content.missing == 0
    assert transfer.content.sha256 == sha256(content)
    assert transfer.outcome() is Outcome.COMPLETE


def test_a_block_that_was_lost_where_numbers_begin_again_is_missing() -> None:
    wire, _ = long_read(65540, 0)
    lost = next(d for d in wire.seen if d.payload.startswith(b"\0\3\0\0"))
    wire.seen.remove(lost)
    transfer = only(wire)
    assert transfer.content.sha256 is None


def test_windows_arrive_out_of_order() -> None:
    wire = Wire()
    content = [bytes((n,)) * 8 for n in range(1, 7)]
    wire.rrq(blksize=8, windowsize=3)
    wire.oack(blksize=8, windowsize=3)
    wire.ack(0)
    for n in (2, 1, 3):
        wire.data(n, content[n - 1])
    wire.ack(3)
    for n in (6, 5, 4):
        wire.data(n, content[n - 1])
    wire.ack(6)
    wire.data(7, b"")
    wire.ack(7)
    transfer = only(wire)
    assert (transfer.block_size, transfer.window_size) == (8, 3)
    assert transfer.content.sha256 == sha256(b"".join(content))
    assert (transfer.content.retransmitted, transfer.duplicate_acks) == (0, 0)
    assert transfer.delivered


def test_a_window_that_is_sent_again_counts_once() -> None:
    wire = Wire()
    wire.rrq(windowsize=2)
    wire.oack(windowsize=2)
    wire.ack(0)
    for _ in range(2):
        wire.data(1, BLOCK)
        wire.data(2, b"end")
        wire.wait(SECOND)
    wire.ack(2)
    transfer = only(wire)
    assert transfer.content.retransmitted == 2
    assert transfer.content.sha256 == sha256(BLOCK + b"end")


def test_retransmissions_bring_nothing_new() -> None:
    wire = Wire()
    wire.rrq()
    first = wire.data(1, BLOCK)
    for _ in range(3):
        wire.wait(SECOND)
        wire.data(1, BLOCK)
    transfer = only(wire)
    assert transfer.content.retransmitted == 3
    assert transfer.data_packets == 4
    assert transfer.progressed == first.time
    assert not transfer.delivered


def test_an_acknowledgment_that_is_repeated_counts_as_such() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    wire.ack(1)
    wire.ack(1)
    wire.data(2, b"")
    wire.ack(2)
    transfer = only(wire)
    assert transfer.duplicate_acks == 1
    assert transfer.delivered


def test_the_capture_lost_a_block() -> None:
    wire = Wire()
    wire.read(BLOCK * 4)
    wire.seen = [d for d in wire.seen if not d.payload.startswith(b"\0\3\0\2")]
    transfer = only(wire)
    assert transfer.content.missing == 1
    assert transfer.content.sha256 is None


def test_octets_that_the_capture_cut_give_no_digest() -> None:
    wire = Wire()
    wire.read(BLOCK + b"end")
    wire.seen = [replace(d, payload=d.payload[:20]) if len(d.payload) > 100 else d for d in wire.seen]
    transfer = only(wire)
    assert transfer.delivered
    assert transfer.content.octets == 515
    assert transfer.content.cut
    assert transfer.content.sha256 is None


def test_a_capture_that_ends_in_the_middle_says_so() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    last = wire.ack(1)
    transfer = only(wire)
    assert transfer.outcome(capture_end=last.time + SECOND) is Outcome.INCOMPLETE_CAPTURE
    assert transfer.outcome(capture_end=last.time + 10 * SECOND) is Outcome.STALLED
    assert transfer.outcome() is Outcome.STALLED


# -- ends -------------------------------------------------------------------------------------------------------------


def test_a_probe_for_the_size_is_no_failure() -> None:
    wire = Wire()
    wire.rrq(tsize=0)
    wire.oack(tsize=1234)
    wire.error(8, CLIENT, TID)
    assert only(wire).outcome() is Outcome.PROBE


@pytest.mark.parametrize(("code", "size", "block_size"), [(4, 0, 512), (8, None, 1024)])
def test_other_errors_of_the_client_are_an_abort(code: int, size: int | None, block_size: int) -> None:
    wire = Wire()
    if size is None:
        wire.rrq(blksize=block_size)
    else:
        wire.rrq(tsize=size, blksize=block_size)
    wire.oack(blksize=block_size)
    wire.error(code, CLIENT, TID)
    assert only(wire).outcome() is Outcome.ABORTED_BY_CLIENT


def test_an_error_at_once_is_a_refusal() -> None:
    wire = Wire()
    wire.rrq()
    wire.error(1)
    transfer = only(wire)
    assert transfer.outcome() is Outcome.REFUSED
    assert transfer.error is not None
    assert transfer.error.packet == Error(1, b"text")


def test_an_error_later_is_an_error() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    wire.ack(1)
    wire.error(0)
    assert only(wire).outcome() is Outcome.ERROR


def test_an_error_after_the_end_ends_nothing() -> None:
    wire = Wire()
    wire.read(b"all")
    wire.error(0, CLIENT, TID)
    transfer = only(wire)
    assert transfer.error is None
    assert transfer.outcome() is Outcome.COMPLETE


def test_an_icmp_error_is_kept_with_the_transfer_that_it_is_about() -> None:
    wire = Wire()
    asked = wire.rrq()
    tracker = TransferTracker()
    icmp = wire.unreachable(CLIENT, REQUESTS, asked.payload)
    stray = wire.unreachable(("198.51.100.7", 1), ("198.51.100.8", 2))
    assert [tracker.feed(datagram) for datagram in wire.seen] == [True, True, False]
    assert tracker.transfers[0].unreachable == (icmp,)
    assert stray not in tracker.orphans


def test_a_write_goes_the_other_way() -> None:
    wire = Wire()
    wire.wrq(blksize=8)
    wire.oack(blksize=8)
    wire.data(1, b"12345678", CLIENT, TID)
    wire.ack(1, TID, CLIENT)
    wire.data(2, b"9", CLIENT, TID)
    wire.ack(2, TID, CLIENT)
    transfer = only(wire)
    assert transfer.direction == "write"
    assert transfer.content.sha256 == sha256(b"123456789")
    assert transfer.delivered
    assert transfer.outcome() is Outcome.COMPLETE


def test_a_write_whose_last_block_is_not_acknowledged_is_not_delivered() -> None:
    wire = Wire()
    wire.wrq()
    wire.ack(0, TID, CLIENT)
    wire.data(1, b"all", CLIENT, TID)
    transfer = only(wire)
    assert transfer.content.sha256 == sha256(b"all")
    assert not transfer.delivered


def test_what_makes_no_sense_is_kept_as_an_event() -> None:
    wire = Wire()
    wire.rrq()
    wire.send(TID, CLIENT, b"\0\x63junk")
    wire.send(TID, CLIENT, b"")
    transfer = only(wire)
    assert len(transfer.events) == 3
    assert not transfer.delivered


def test_another_host_with_the_servers_port_is_a_stranger() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    wire.send(("192.0.2.99", TID[1]), CLIENT, Data(2, BLOCK).build())
    transfer = only(wire)
    assert [event.sender for event in transfer.events][-1] is Sender.STRANGER
    assert (transfer.data_packets, transfer.content.blocks) == (1, 1)


class TestWithoutItsBeginning:
    """DATA and its ACK between two ports: the capture began after the request."""

    def test_is_a_transfer_of_an_unknown_file(self) -> None:
        wire = Wire()
        for block in (70, 71):
            wire.data(block, BLOCK)
            wire.ack(block)
        transfer = only(wire)
        assert (transfer.client, transfer.server, transfer.server_port) == (CLIENT, SERVER, TID[1])
        assert (transfer.data_packets, transfer.block_size, transfer.content.octets) == (2, 512, 1024)
        assert transfer.content.blocks - transfer.content.begins == 2
        assert (transfer.headless, transfer.outcome(), transfer.content.sha256) == (
            True, Outcome.INCOMPLETE_CAPTURE, None,
        )  # fmt: skip

    def test_needs_an_acknowledgment_of_that_block(self) -> None:
        wire = Wire()
        wire.data(70, BLOCK)
        wire.ack(69)
        wire.data(0, BLOCK)
        wire.ack(0)
        assert followed(wire).transfers == []

    def test_is_not_made_of_what_another_transfer_left(self) -> None:
        wire = Wire()
        wire.read(BLOCK)
        wire.data(5, BLOCK, OTHER_TID, STRANGER)
        wire.ack(5, STRANGER, OTHER_TID)
        assert len(followed(wire).transfers) == 1


def test_on_one_host_a_server_chooses_a_port_that_was_a_client_s() -> None:
    wire, host = Wire(), "127.0.0.1"
    for client, tid in (((host, 50001), (host, 50002)), ((host, 50003), (host, 50001)), ((host, 50002), (host, 50003))):
        wire.rrq(client, (host, 69))
        wire.data(1, b"all", tid, client)
        wire.ack(1, client, tid)
    transfers = followed(wire).transfers
    assert [(t.client[1], t.server_port, t.delivered, len(t.events)) for t in transfers] == [
        (50001, 50002, True, 3),
        (50003, 50001, True, 3),
        (50002, 50003, True, 3),
    ]
