"""Which reply belongs to which request: by what speaks for it, never by one field alone."""

from __future__ import annotations

from dataclasses import replace

from udp_traces import (
    CLIENT,
    MAC_A,
    MAC_B,
    MS,
    PXE,
    SECOND,
    SERVER,
    UUID_A,
    UUID_B,
    Wire,
)

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.sessions.dhcp import DhcpEvent, DhcpTracker
from pxeconform.sessions.exchanges import Exchange, exchanges, is_boot_server_request

OWN_68, OTHER_68 = (CLIENT[0], 68), ("192.0.2.11", 68)
NOWHERE, EVERYWHERE = ("0.0.0.0", 68), ("255.255.255.255", 68)


def grouped(wire: Wire) -> tuple[list[Exchange], list[DhcpEvent]]:
    tracker = DhcpTracker()
    for datagram in wire.seen:
        tracker.feed(datagram)
    return exchanges(tracker.events, tracker.unreachable)


def replies(wire: Wire) -> list[list[int]]:
    """Frames of the replies, a list for each exchange."""
    return [[reply.frame for reply in exchange.replies] for exchange in grouped(wire)[0]]


def orphans(wire: Wire) -> list[int]:
    return [event.frame for event in grouped(wire)[1]]


def test_a_question_and_its_answer() -> None:
    wire = Wire()
    wire.ask()
    wire.answer()
    assert replies(wire) == [[2]]
    assert not orphans(wire)
    ((exchange,), _) = grouped(wire)
    assert exchange.item == BootItem(32769)
    assert is_boot_server_request(exchange.request)
    assert not is_boot_server_request(exchange.replies[0])


def test_a_wrong_transaction_id_is_a_wrong_reply_and_not_silence() -> None:
    wire = Wire()
    wire.ask(xid=1)
    wire.answer(xid=99)
    assert replies(wire) == [[2]]


def test_so_it_is_where_hardware_address_and_uuid_are_wrong_too() -> None:
    wire = Wire()
    wire.ask()
    wire.answer(xid=99, mac=MAC_B, uuid=None, yiaddr="0.0.0.0")
    assert replies(wire) == [[2]]


def test_a_reply_to_another_port_is_known_by_what_it_carries() -> None:
    wire = Wire()
    wire.ask()
    wire.answer(OWN_68)
    assert replies(wire) == [[2]]


def test_one_thing_in_common_is_not_enough_on_a_port_that_is_shared() -> None:
    wire = Wire()
    wire.ask()
    wire.answer(OTHER_68, xid=99, mac=MAC_B, uuid=UUID_A, yiaddr=OTHER_68[0])
    wire.answer(OTHER_68, xid=1, mac=MAC_B, uuid=UUID_B, yiaddr=OTHER_68[0])
    assert replies(wire) == [[]]
    assert orphans(wire) == [2, 3]


def test_the_host_alone_does_not_tell_two_clients_apart() -> None:
    wire = Wire()
    wire.ask()
    wire.answer(OWN_68, xid=99, mac=MAC_A, uuid=UUID_B)
    assert orphans(wire) == [2]


def test_another_clients_reply_is_the_other_clients() -> None:
    wire = Wire()
    other = ("192.0.2.11", 50000)
    wire.ask(xid=1)
    wire.ask(other, xid=2, mac=MAC_B, uuid=UUID_B, ciaddr=other[0])
    wire.answer(other, xid=2, mac=MAC_B, uuid=UUID_B, yiaddr=other[0])
    wire.answer(xid=1)
    assert replies(wire) == [[4], [3]]


def test_broadcast_clients_share_their_socket_and_are_told_apart() -> None:
    wire = Wire()
    for xid, mac, uuid in ((1, MAC_A, UUID_A), (2, MAC_B, UUID_B)):
        wire.ask(NOWHERE, ("255.255.255.255", 67), xid=xid, mac=mac, uuid=uuid, ciaddr="0.0.0.0", item=None)
    wire.answer(EVERYWHERE, (SERVER, 67), xid=2, mac=MAC_B, uuid=UUID_B, yiaddr="192.0.2.50")
    wire.answer(EVERYWHERE, (SERVER, 67), xid=1, mac=MAC_A, uuid=UUID_A, yiaddr="192.0.2.51")
    wire.answer(EVERYWHERE, (SERVER, 67), xid=3, mac=MAC_B, uuid=None, yiaddr="192.0.2.52")
    assert replies(wire) == [[4], [3]]
    assert orphans(wire) == [5]


def test_a_reply_before_its_request_is_an_orphan() -> None:
    wire = Wire()
    wire.answer()
    wire.ask()
    assert replies(wire) == [[]]
    assert orphans(wire) == [1]


def test_a_reply_minutes_later_is_an_orphan() -> None:
    wire = Wire()
    wire.ask()
    wire.wait(61 * SECOND)
    wire.answer()
    assert orphans(wire) == [2]


def test_repetitions_are_one_question() -> None:
    wire = Wire()
    wire.ask(secs=0)
    wire.wait(SECOND)
    wire.ask(secs=1)
    wire.answer()
    ((exchange,), _) = grouped(wire)
    assert [request.frame for request in exchange.requests] == [1, 2]
    assert [reply.frame for reply in exchange.replies] == [3]


def test_another_question_from_the_same_port_is_another_exchange() -> None:
    wire = Wire()
    wire.ask(xid=1, item=BootItem(1))
    wire.answer(xid=1)
    wire.ask(xid=2, item=BootItem(2))
    wire.answer(xid=2)
    assert replies(wire) == [[2], [4]]


def test_the_same_transaction_from_another_port_is_another_exchange() -> None:
    wire = Wire()
    wire.ask()
    wire.ask((CLIENT[0], 50009))
    wire.answer((CLIENT[0], 50009))
    assert replies(wire) == [[], [3]]


def test_a_second_answer_belongs_to_the_same_question() -> None:
    wire = Wire()
    wire.ask()
    wire.answer()
    wire.answer(source=("192.0.2.2", 4011))
    assert replies(wire) == [[2, 3]]


def test_scenarios_do_not_take_each_others_replies() -> None:
    wire = Wire(scenario="a")
    wire.ask()
    wire.scenario = "b"
    wire.answer()
    assert replies(wire) == [[]]
    assert orphans(wire) == [2]


def test_an_icmp_error_belongs_to_the_request_that_it_quotes() -> None:
    wire = Wire()
    wire.ask()
    icmp = wire.unreachable(CLIENT, PXE)
    wire.unreachable(("192.0.2.99", 1), PXE)
    ((exchange,), rest) = grouped(wire)
    assert exchange.unreachable == [icmp]
    assert not rest


def test_a_reply_from_any_port_to_a_port_that_asked_is_seen() -> None:
    wire = Wire()
    wire.ask()
    wire.answer(source=(SERVER, 45678))
    assert replies(wire) == [[2]]


def test_a_port_that_never_asked_gets_no_dhcp() -> None:
    tracker = DhcpTracker()
    wire = Wire()
    wire.answer(source=(SERVER, 45678))
    assert [tracker.feed(datagram) for datagram in wire.seen] == [False]


def test_what_is_no_message_on_a_dhcp_port_is_none() -> None:
    tracker = DhcpTracker()
    junk = Datagram(1, 5 * MS, SERVER, CLIENT[0], 4011, 68, b"junk", 4)
    assert not tracker.feed(junk)
    assert not tracker.feed(replace(junk, payload=bytes(300), length=300))
    assert not tracker.events


def test_a_thousand_clients_that_ask_at_once_get_their_own_replies() -> None:
    clients = range(1, 1001)
    wire = Wire()
    for n in clients:
        mac, uuid = n.to_bytes(6, "big"), n.to_bytes(17, "big")
        wire.ask(NOWHERE, ("255.255.255.255", 67), xid=n, mac=mac, uuid=uuid, ciaddr="0.0.0.0", item=None)
    for n in clients:
        wire.answer(EVERYWHERE, (SERVER, 67), xid=n, mac=n.to_bytes(6, "big"), uuid=None, yiaddr="192.0.2.50")
    assert replies(wire) == [[1000 + n] for n in clients]
    assert not orphans(wire)


def test_an_icmp_error_belongs_to_the_last_request_before_it() -> None:
    wire = Wire()
    wire.ask(xid=1)
    wire.ask(xid=2)
    icmp = wire.unreachable(CLIENT, PXE)
    wire.ask(xid=3)
    assert [exchange.unreachable for exchange in grouped(wire)[0]] == [[], [icmp], []]
