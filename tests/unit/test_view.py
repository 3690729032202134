"""What a rule may ask of a trace: windows, timers, digests, and evidence that is not whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from udp_traces import (
    CLIENT,
    MS,
    OTHER_TID,
    PXE,
    SECOND,
    SERVER,
    START,
    TID,
    Wire,
)

from pxeconform.requirements.ledger import Claims, Coverage, KnownFile, Ledger, SocketRecord
from pxeconform.requirements.view import Trace, View

BLOCK = bytes(range(256)) * 2
END = START + 100 * SECOND


def record(*, opened: int = START - SECOND, closed: int = END, dropped: int = 0, sent: int = 0) -> SocketRecord:
    return SocketRecord("suite/scenario", "client", *CLIENT, opened, closed, sent=sent, dropped=dropped)


def view_of(wire: Wire, ledger: Ledger | None = None, coverage: Coverage | None = None) -> View:
    return View(Trace.of(wire.seen, ledger or Ledger(), coverage or Coverage(last_time=END)))


# -- windows ----------------------------------------------------------------------------------------------------------

WINDOW = (START, START + SECOND)


def unwatched(
    *records: SocketRecord, stalls: tuple[tuple[int, int], ...] = (), coverage: Coverage | None = None
) -> str | None:
    return view_of(Wire(), Ledger(sockets=records, stalls=stalls), coverage).unwatched(CLIENT, *WINDOW)


def test_a_socket_that_was_open_throughout_watched() -> None:
    assert unwatched(record()) is None
    assert unwatched(record(opened=WINDOW[0], closed=WINDOW[1])) is None


@pytest.mark.parametrize(
    ("socket", "word"),
    [
        (record(closed=WINDOW[1] - 1), "closed before"),
        (record(opened=WINDOW[0] + 1), "no socket"),
        (record(dropped=1), "kernel dropped"),
        (replace(record(), port=CLIENT[1] + 1), "no socket"),
        (replace(record(), address="192.0.2.99"), "no socket"),
    ],
)
def test_a_socket_that_did_not_watch_says_why(socket: SocketRecord, word: str) -> None:
    reason = unwatched(socket)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize(
    ("stall", "counts"),
    [
        ((WINDOW[0] - 5, WINDOW[0]), False),
        ((WINDOW[1], WINDOW[1] + 5), False),
        ((WINDOW[0] - 5, WINDOW[0] + 1), True),
        ((WINDOW[1] - 1, WINDOW[1] + 5), True),
        ((WINDOW[0] + 1, WINDOW[0] + 2), True),
        ((WINDOW[0] - 5, WINDOW[1] + 5), True),
    ],
)
def test_a_stall_counts_where_it_touches_the_window(stall: tuple[int, int], counts: bool) -> None:
    reason = unwatched(record(closed=WINDOW[1]), stalls=((1, 2), stall))
    assert (reason is not None and "stalled" in reason) is counts


def test_a_socket_that_listened_longer_by_what_was_lost_watched() -> None:
    stall = (WINDOW[0] + 10, WINDOW[0] + 30)
    assert unwatched(record(closed=WINDOW[1] + 20), stalls=(stall,)) is None
    assert unwatched(record(closed=WINDOW[1] + 19), stalls=(stall,)) is not None


@pytest.mark.parametrize(
    ("coverage", "word"),
    [
        (Coverage(last_time=None), "ends before"),
        (Coverage(last_time=WINDOW[1] - 1), "ends before"),
        (Coverage(last_time=END, complete=False), "breaks off"),
        (Coverage(last_time=END), "nothing proves"),
    ],
)
def test_a_capture_from_the_path_never_watches_for_the_client(coverage: Coverage, word: str) -> None:
    reason = unwatched(coverage=coverage)
    assert reason is not None
    assert word in reason


def test_the_window_follows_the_slowest_first_answer() -> None:
    wire = Wire()
    assert view_of(wire).window(SERVER) == SECOND
    assert view_of(wire).slowest_answer(SERVER) is None
    wire.ask()
    wire.wait(99 * MS)
    wire.answer()
    wire.ask(xid=2)
    wire.answer(xid=2)
    view = view_of(wire)
    assert view.slowest_answer(SERVER) == 100 * MS
    assert view.window(SERVER) == 500 * MS
    assert view.window("192.0.2.200") == SECOND


def test_the_window_is_never_shorter_than_a_fifth_of_a_second() -> None:
    wire = Wire()
    wire.read(b"quick")
    assert view_of(wire).slowest_answer(SERVER) == MS
    assert view_of(wire).window(SERVER) == SECOND // 5


def test_an_answer_to_a_repeated_question_counts_from_the_repetition() -> None:
    wire = Wire()
    wire.ask()
    wire.wait(SECOND)
    wire.ask()
    wire.answer()
    assert view_of(wire).slowest_answer(SERVER) == MS


def test_the_retransmission_timer_is_the_shortest_one_that_is_no_double() -> None:
    wire = Wire()
    wire.rrq()
    wire.data(1, BLOCK)
    assert view_of(wire).retransmission_timer(SERVER) is None
    wire.data(1, BLOCK)
    wire.wait(2 * SECOND - MS)
    wire.data(1, BLOCK)
    wire.wait(SECOND - MS)
    wire.data(1, BLOCK)
    wire.ack(1)
    wire.wait(100 * MS)
    wire.data(2, b"")
    assert view_of(wire).retransmission_timer(SERVER) == SECOND


# -- files ------------------------------------------------------------------------------------------------------------


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_claimed_digest_goes_before_all() -> None:
    wire = Wire()
    wire.read(b"one")
    wire.read(b"two", ("192.0.2.10", 50009), OTHER_TID)
    claims = Claims(files=(KnownFile("file", 3, digest(b"three")), KnownFile("other", 1, digest(b"1"))))
    view = view_of(wire, Ledger(claims=claims))
    assert view.reference_digest(view.transfers[0]) == (digest(b"three"), "claimed")


def test_two_downloads_are_each_others_reference() -> None:
    wire = Wire()
    wire.read(b"one")
    wire.read(b"two", ("192.0.2.10", 50009), OTHER_TID)
    view = view_of(wire, Ledger(claims=Claims(files=(KnownFile("file"),))))
    reference = view.reference_digest(view.transfers[1])
    assert reference is not None
    assert reference[0] == digest(b"one")
    assert "derived from the download that begins in frame 1" in reference[1]


def test_one_download_is_no_reference_of_its_own() -> None:
    wire = Wire()
    wire.read(b"one")
    wire.read(b"two", ("192.0.2.10", 50009), OTHER_TID, b"another")
    wire.rrq(("192.0.2.10", 50010))
    wire.data(1, BLOCK, (SERVER, 40003), ("192.0.2.10", 50010))
    view = view_of(wire)
    assert view.reference_digest(view.transfers[0]) is None


# -- evidence that is not whole ---------------------------------------------------------------------------------------


def evidence(wire: Wire, count: int, received: int = 0) -> View:
    wire.scenario = "suite/scenario"
    socket = replace(record(sent=count), received=received)
    return view_of(wire, Ledger(sockets=(socket,)))


def test_evidence_that_is_whole_is_not_damaged() -> None:
    wire = Wire(scenario="suite/scenario")
    wire.ask()
    wire.answer()
    assert not evidence(wire, 1, 1).damaged_scenarios
    assert evidence(wire, 1, 0).damaged_scenarios == {}


def test_evidence_that_lacks_a_datagram_is_damaged() -> None:
    wire = Wire(scenario="suite/scenario")
    wire.ask()
    damaged = evidence(wire, 1, 1).damaged_scenarios
    assert damaged == {"suite/scenario": "the evidence holds 1 of the 2 datagrams of socket client in suite/scenario"}


def test_a_trace_is_sorted_by_time_and_then_by_frame() -> None:
    wire = Wire()
    first, second, third = wire.ask(), wire.answer(), wire.ask(xid=5)
    late = replace(first, time=third.time)
    trace = Trace.of([third, late, second], Ledger(), Coverage())
    assert [d.frame for d in trace.datagrams] == [second.frame, late.frame, third.frame]


def test_orphans_of_both_kinds_are_listed() -> None:
    wire = Wire()
    wire.answer((CLIENT[0], 68))
    wire.rrq()
    wire.data(1, b"x", TID, (CLIENT[0], 1234))
    view = view_of(wire)
    assert view.orphans == [1, 3]


def test_what_rules_share_is_computed_once() -> None:
    calls: list[View] = []

    def count(view: View) -> Sequence[object]:
        calls.append(view)
        return [1, 2]

    view = view_of(Wire())
    assert view.memo(count) is view.memo(count)
    assert calls == [view]


def test_one_servers_view_holds_its_sessions_alone() -> None:
    wire = Wire()
    wire.ask()
    wire.answer()
    wire.answer(source=("192.0.2.2", 4011))
    wire.read(b"one")
    wire.unreachable(CLIENT, PXE)
    view = view_of(wire)
    there, elsewhere = view.only(SERVER), view.only("192.0.2.2")
    assert [len(one.transfers) for one in (there, elsewhere)] == [1, 0]
    for one, address in ((there, SERVER), (elsewhere, "192.0.2.2")):
        assert [reply.source[0] for reply in one.exchanges[0].replies] == [address]
    assert [len(one.sessions.unreachable) for one in (there, elsewhere)] == [1, 0]


def test_marks_tell_the_scenario_of_a_frame() -> None:
    wire = Wire(scenario="suite/scenario")
    wire.ask()
    wire.scenario = ""
    wire.answer()
    view = view_of(wire)
    assert [view.scenario_of(frame) for frame in (1, 2, 3)] == ["suite/scenario", "", ""]


def test_roles_are_what_is_claimed() -> None:
    assert not view_of(Wire()).claims_role("bis")
    assert view_of(Wire(), Ledger(claims=Claims(roles=("bis",)))).claims_role("bis")
