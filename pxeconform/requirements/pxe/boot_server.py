"""Boot server discovery on port 4011: PXE 2.1 sections 2.2.1 (steps 5 and 6), 2.4.4, 2.4.5 and 2.5.3.

A client asks for a boot item; a server that has it answers with an ACK to the port that asked, and says which file to
fetch. A server that does not have it says nothing, so that another one can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.ports import Port
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Requirement,
    Role,
    Rule,
    Scope,
    broken,
    kept,
    unclear,
)
from pxeconform.requirements.pxe.requests import (
    Answer,
    answers,
    asks_as,
    boot_server_requests,
    is_answered,
    is_silent,
    is_unicast,
    refusal,
    source_of_absence,
    source_of_service,
    tags_of,
    was_alive,
)
from pxeconform.requirements.view import View
from pxeconform.sessions.exchanges import Exchange

_NOWHERE = "0.0.0.0"
_PXE_CLIENT = b"PXEClient"


# -- antecedents ------------------------------------------------------------------------------------------------------


def _served(kind: MessageType) -> Callable[[View], Iterator[Exchange]]:
    """The antecedent for one message type."""

    def when(view: View) -> Iterator[Exchange]:
        """A unicast request of that message type for an item that the server is known to have."""
        for exchange in boot_server_requests(view):
            known = source_of_service(cast("BootItem", exchange.item), view)
            if asks_as(exchange, kind) and is_unicast(exchange) and known is not None:
                yield exchange

    return when


def _unserved(view: View) -> Iterator[Exchange]:
    """A request for a type that the server is known not to have, while it is alive."""
    for exchange in boot_server_requests(view):
        if source_of_absence(cast("BootItem", exchange.item), view) is not None and was_alive(exchange, view):
            yield exchange


def _not_pxe(view: View) -> Iterator[Exchange]:
    """A request on the boot server's port from something that does not call itself PXEClient."""
    port = view.ledger.target.pxe_port
    for exchange in view.exchanges:
        request = exchange.request
        asks = request.message.type in (MessageType.REQUEST, MessageType.INFORM)
        if asks and request.destination[1] == port and not request.message.is_pxe and was_alive(exchange, view):
            yield exchange


_answers = answers(boot_server_requests)


def _unicast_answers(view: View) -> Iterator[Answer]:
    """A unicast request on the boot server's port was answered."""
    return (answer for answer in _answers(view) if is_unicast(answer.exchange))


# -- consequents ------------------------------------------------------------------------------------------------------


def _to_the_source_port(answer: Answer, _: View) -> Fact:
    """The reply's destination is the address and port that asked."""
    asked, got = answer.request.source, answer.reply.destination
    if asked == got:
        return kept(f"asked from port {_class_of(asked[1])}, answered there", *answer.frames)
    return broken(f"asked from {asked[0]} port {asked[1]}, answered to {got[0]} port {got[1]}", *answer.frames)


def _class_of(port: int) -> str:
    return str(port) if port in (Port.DHCP_CLIENT, Port.PXE) else "of the client's choice"


def _is_ack(answer: Answer, _: View) -> Fact:
    """Option 53 of the reply says ACK."""
    name = answer.reply.message.type_name
    return _compare(answer, "message type", name, name == "ACK", "option 53 says ACK")


def _names_a_file(answer: Answer, view: View) -> Fact:
    """The reply names a file, in `file` or option 67, and the server does not refuse it when it is fetched."""
    name = answer.reply.message.boot_file
    if not name:
        return broken("no boot file name, neither in file nor in option 67", *answer.frames)
    refused = refusal(name, answer.reply.source[0], view)
    if refused is not None:
        return broken("the server refuses the file that it names", *answer.frames, refused)
    return kept("a boot file name", *answer.frames)


def _identifies_itself(answer: Answer, _: View) -> Fact:
    """Option 54 is there, and is the address that the reply comes from."""
    identifier, address = answer.reply.message.server_identifier, answer.reply.source[0]
    if identifier is None:
        return broken("no option 54", *answer.frames)
    return _compare(answer, "option 54", identifier, identifier == address, "option 54 is the responder's address")


def _calls_itself_pxe(answer: Answer, _: View) -> Fact:
    """Option 60 is exactly the nine octets PXEClient."""
    value = answer.reply.message.class_identifier
    shown = "absent" if value is None else f"{len(value)} octets {value[:32]!r}"
    return _compare(answer, "option 60", shown, value == _PXE_CLIENT, "option 60 is PXEClient, nine octets")


def _carries_a_boot_item(answer: Answer, _: View) -> Fact:
    """Option 43 holds a tag 71 of four octets."""
    tags = tags_of(answer.reply.message)
    value = tags.get(PxeTag.BOOT_ITEM) if tags is not None else None
    if value is None:
        return broken("no boot item (option 43 tag 71)", *answer.frames)
    return _compare(answer, "the boot item", f"{len(value)} octets", len(value) == 4, "a boot item of four octets")


def _keeps_the_type(answer: Answer, _: View) -> Fact:
    """The boot item's type is the one that was asked for."""
    asked = cast("BootItem", answer.exchange.item)
    tags = tags_of(answer.reply.message)
    got = tags.boot_item if tags is not None else None
    if got is None:
        return unclear("the reply has no boot item to compare", *answer.frames)
    if got.type == asked.type:
        return kept("the type that was asked for", *answer.frames)
    return broken(f"asked for type {asked.type}, answered with type {got.type}", *answer.frames)


def _ciaddr_is_zero(answer: Answer, _: View) -> Fact:
    """The reply has no client address in ciaddr."""
    value = answer.reply.message.ciaddr
    return _compare(answer, "ciaddr", value, value == _NOWHERE, "ciaddr is 0.0.0.0")


def _yiaddr_is_the_client(answer: Answer, _: View) -> Fact:
    """The reply's yiaddr is the request's ciaddr."""
    value, client = answer.reply.message.yiaddr, answer.request.message.ciaddr
    if value == client:
        return kept("yiaddr is the client's address", *answer.frames)
    return broken(f"yiaddr is {value}, the client's address is {client}", *answer.frames)


def _echoes_identity(answer: Answer, _: View) -> Fact:
    """The UUID comes back in the options in which it was sent."""
    asked, got = answer.request.message, answer.reply.message
    uuid = asked.get(Option.CLIENT_UUID)
    for option in (Option.CLIENT_UUID, Option.CLIENT_IDENTIFIER):
        # An option 61 that holds no UUID is an ordinary client identifier, and RFC 6842's matter.
        if asked.get(option) == uuid and got.get(option) != uuid:
            what = "is missing" if got.get(option) is None else "differs"
            return broken(f"option {int(option)} of the request {what} in the reply", *answer.frames)
    return kept("the UUID comes back as it was sent", *answer.frames)


def _matches_the_request(answer: Answer, _: View) -> Fact:
    """xid and chaddr are those of the request."""
    asked, got = answer.request.message, answer.reply.message
    if got.xid != asked.xid:
        return broken(f"asked with xid {asked.xid:#010x}, answered with {got.xid:#010x}", *answer.frames)
    if got.chaddr != asked.chaddr:
        return broken(f"asked for {asked.mac}, answered for {got.mac}", *answer.frames)
    return kept("xid and chaddr are those of the request", *answer.frames)


def _leaves_from_4011(answer: Answer, view: View) -> Fact:
    """The reply's source port is the boot server's, or the DHCP server's."""
    target = view.ledger.target
    port = answer.reply.source[1]
    fine = port in (target.pxe_port, target.dhcp_port)
    return _compare(answer, "the source port", str(port), fine, "the reply leaves from port 4011 (or 67)")


def _compare(answer: Answer, what: str, value: str, fine: bool, owed: str) -> Fact:
    return kept(owed, *answer.frames) if fine else broken(f"{what} is {value}", *answer.frames)


# -- the table --------------------------------------------------------------------------------------------------------

_LACKING = "a boot server type that is served would be needed: name it in the ICS file, or let the server list it"


def _rule(
    number: str,
    section: str,
    level: Level,
    text: str,
    when: Callable[[View], Iterator[object]],
    then: Callable[..., Fact],
    *expected: str,
    kind: Kind = Kind.SELF_EVIDENT,
    lacking: str = _LACKING,
    derived: bool = False,
    clients: str = "",
) -> AnyRule:
    requirement = Requirement(
        f"PXE-21-DISC-{number}", "PXE 2.1", section, level, Role.BOOT_SERVER, text, derived=derived, clients=clients
    )
    return Rule(requirement, kind, Scope.SESSION, when, then, expected, lacking)


RULES: tuple[AnyRule, ...] = (
    _rule(
        "01",
        "2.5.3",
        Level.MUST,
        "A DHCPREQUEST on port 4011 for a boot item that the server has is answered.",
        _served(MessageType.REQUEST),
        is_answered,
        "a reply to one of the tries",
        kind=Kind.OBLIGATION,
        clients="EDK2: PXE-E16 or E18. iPXE: tries the next server, then 4c106035.",
    ),
    _rule(
        "02",
        "2.5.3",
        Level.MUST,
        "The same request as a DHCPINFORM is answered too.",
        _served(MessageType.INFORM),
        is_answered,
        "a reply to one of the tries",
        kind=Kind.OBLIGATION,
        clients="None of the open ones sends INFORM; the specification allows it to all.",
    ),
    _rule(
        "05",
        "2.2.1 step 6",
        Level.MUST,
        "The reply goes to the address and port that the request came from.",
        _unicast_answers,
        _to_the_source_port,
        "a reply to the request's source address and port",
        clients="EDK2 listens on 4011, iPXE on 68: a server that fixes either port loses the other.",
    ),
    _rule(
        "06",
        "Table 2-5",
        Level.MUST,
        "The reply is a DHCPACK.",
        _answers,
        _is_ack,
        "option 53 = 5",
        clients="iPXE drops anything else.",
    ),
    _rule(
        "07",
        "2.4.5",
        Level.MUST,
        "The reply names the boot file, and the server has it.",
        _answers,
        _names_a_file,
        "a name in file or in option 67",
        clients="All: nothing to fetch.",
    ),
    _rule(
        "08",
        "2.4.5",
        Level.MUST,
        "The reply carries the server's identifier.",
        _answers,
        _identifies_itself,
        "option 54 = the address that the reply comes from",
        clients="iPXE filters on it with a server list; EDK2 fetches from it when siaddr is 0.",
    ),
    _rule(
        "09",
        "2.4.5",
        Level.MUST,
        "The reply's class identifier is PXEClient.",
        _answers,
        _calls_itself_pxe,
        "option 60 = the nine octets PXEClient",
        clients="EDK2 reads option 43 only then.",
    ),
    _rule(
        "10",
        "2.4.5",
        Level.MUST,
        "The reply carries the boot item.",
        _answers,
        _carries_a_boot_item,
        "option 43 tag 71 of four octets",
        clients="iPXE drops the reply without it.",
    ),
    _rule(
        "11",
        "Table 2-1 note 6",
        Level.MUST_NOT,
        "The server does not change the type that was asked for.",
        _answers,
        _keeps_the_type,
        "the type of the request in the reply's boot item",
        clients="iPXE compares the octets.",
    ),
    _rule(
        "13",
        "Table 2-1 note 6",
        Level.MUST_NOT,
        "A type that the server does not have is not answered.",
        _unserved,
        is_silent,
        "silence",
        kind=Kind.OBLIGATION,
        lacking="what the server does not serve is not known: name its types in the ICS file, or let it list them",
        clients="All that share the segment with another boot server: they take the wrong one.",
    ),
    _rule(
        "15",
        "Table 2-5",
        Level.MUST,
        "The reply's ciaddr is zero, whatever the request had.",
        _answers,
        _ciaddr_is_zero,
        "ciaddr = 0.0.0.0",
        clients="None is known to look.",
    ),
    _rule(
        "16",
        "Table 2-5",
        Level.MUST,
        "The reply's yiaddr is the client's address.",
        _answers,
        _yiaddr_is_the_client,
        "yiaddr = the request's ciaddr",
        clients="None is known to look.",
    ),
    _rule(
        "17",
        "Table 2-5",
        Level.MUST,
        "The reply repeats the client's UUID.",
        _answers,
        _echoes_identity,
        "option 97 octet for octet (and 61, where the client put its UUID there too)",
        clients="Intel-derived firmware that matches replies by UUID.",
    ),
    _rule(
        "18",
        "Table 2-5",
        Level.MUST,
        "The reply repeats the request's transaction id and hardware address.",
        _answers,
        _matches_the_request,
        "xid and chaddr of the request",
        clients="All drop a reply that differs.",
    ),
    _rule(
        "22",
        "2.5.3",
        Level.MUST_NOT,
        "A request on port 4011 whose class is not PXEClient is not answered.",
        _not_pxe,
        is_silent,
        "silence",
        kind=Kind.OBLIGATION,
        lacking="the server must answer a PXE client first, or its silence to others says nothing",
        derived=True,
        clients="Other users of the port, HTTPClient for one.",
    ),
    _rule(
        "26",
        "2.2.1 and figure 2-3",
        Level.SHOULD,
        "The reply leaves from port 4011, or from 67.",
        _unicast_answers,
        _leaves_from_4011,
        "source port 4011 or 67",
        clients="iPXE drops replies from any other port; so do firewalls that follow the exchange.",
    ),
)
