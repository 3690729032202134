"""What rules about port 4011 have in common: which exchanges there were, and what the server is known to serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from pxeconform.protocol import vendor_options
from pxeconform.protocol.dhcp import Message
from pxeconform.protocol.vendor_options import BootItem, VendorOptions
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option
from pxeconform.requirements.model import Fact, broken, kept, unclear
from pxeconform.requirements.view import View
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.exchanges import Exchange, is_boot_server_request
from pxeconform.sessions.transfers import Outcome

_BROADCASTS = ("255.255.255.255",)


@dataclass(frozen=True, slots=True)
class Answer:
    """A request to a boot server and one reply to it."""

    exchange: Exchange
    request: DhcpEvent
    reply: DhcpEvent

    @property
    def frames(self) -> tuple[int, int]:
        """The two frames."""
        return self.request.frame, self.reply.frame


def tags_of(reply: Message) -> VendorOptions | None:
    """Option 43 of a boot server's reply as PXE tags, whatever option 60 says: that is another requirement's matter."""
    value = reply.get(Option.VENDOR_SPECIFIC)
    return vendor_options.parse(value) if value is not None else None


def well_formed(request: DhcpEvent) -> bool:
    """A request as PXE 2.1 Table 2-4 lays it down: a client that breaks the rules first releases the server."""
    message = request.message
    uuid = message.get(Option.CLIENT_UUID)
    return (
        message.op == BootpOp.BOOTREQUEST
        and message.hlen == 6
        and message.ciaddr != "0.0.0.0"
        and message.is_pxe
        and uuid is not None
        and len(uuid) == 17
        and not message.problems
    )


def boot_server_requests(view: View) -> Sequence[Exchange]:
    """A well-formed request for a boot item, not for its credentials."""
    return view.memo(_find_boot_requests)


def credential_requests(view: View) -> Sequence[Exchange]:
    """A well-formed request for the credentials of a boot item (the layer's most significant bit is set)."""
    return view.memo(_find_credential_requests)


def _find_boot_requests(view: View) -> list[Exchange]:
    return [e for e in view.memo(_find_items) if not cast("BootItem", e.item).wants_credentials]


def _find_credential_requests(view: View) -> list[Exchange]:
    return [e for e in view.memo(_find_items) if cast("BootItem", e.item).wants_credentials]


def _find_items(view: View) -> list[Exchange]:
    return [e for e in view.exchanges if is_boot_server_request(e.request) and well_formed(e.request)]


def answers(source: Callable[[View], Sequence[Exchange]]) -> Callable[[View], Iterator[Answer]]:
    """The antecedent that such a request was answered."""

    def when(view: View) -> Iterator[Answer]:
        """A well-formed request for a boot item was answered."""
        for exchange in source(view):
            for reply in exchange.replies:
                if reply.message.cut or _is_plain_dhcp(exchange, reply):
                    continue  # What the snap length took away, and what is no boot server's, is not judged.
                request = [r for r in exchange.requests if r.time <= reply.time][-1]
                yield Answer(exchange, request, reply)

    return when


def _is_plain_dhcp(exchange: Exchange, reply: DhcpEvent) -> bool:
    """A DHCP server takes a broadcast request with an address for a renewal: its answer is no boot server's."""
    return not is_unicast(exchange) and not reply.message.is_pxe


# -- what is served ---------------------------------------------------------------------------------------------------


def advertised_types(view: View) -> frozenset[int]:
    """Boot server types that the target itself lists in option 43, tags 8 and 9."""
    return view.memo(_find_types)


def _find_types(view: View) -> frozenset[int]:
    types: set[int] = set()
    for event in view.sessions.dhcp:
        tags = None if event.from_client else event.message.vendor_options
        if tags is not None:
            types.update(entry.type for entry in tags.boot_servers)
            types.update(entry.type for entry in tags.boot_menu if entry.type)
    return frozenset(types)


def source_of_service(item: BootItem, view: View) -> str | None:
    """From where it is known that an item is served; `None` when it is not known."""
    claimed = view.ledger.claims.boot_services
    if claimed is not None:
        served = any(item.type == service.type and item.layer in service.layers for service in claimed)
        return "its ICS claims it" if served else None
    if item.layer == 0 and item.type in advertised_types(view):
        return "the server lists it in option 43"
    return "the server answered another request for it" if item in view.memo(_find_answered) else None


def _find_answered(view: View) -> frozenset[BootItem | None]:
    return frozenset(e.item for e in boot_server_requests(view) if e.replies)


def source_of_absence(item: BootItem, view: View) -> str | None:
    """From where it is known that an item is not served."""
    claimed = view.ledger.claims.boot_services
    if claimed is not None:
        return None if any(item.type == service.type for service in claimed) else "its ICS does not list the type"
    listed = advertised_types(view)
    return "the server does not list the type in option 43" if listed and item.type not in listed else None


def refusal(name: bytes, server: str, view: View) -> int | None:
    """The frame in which a server refuses a file, when a client asks for it."""
    return view.memo(_find_refusals).get((name, server))


def _find_refusals(view: View) -> dict[tuple[bytes, str], int]:
    found: dict[tuple[bytes, str], int] = {}
    for transfer in view.transfers:
        if transfer.error is not None and transfer.outcome() is Outcome.REFUSED:
            found.setdefault((transfer.request.filename, transfer.server), transfer.error.frame)
    return found


# -- owed answers and owed silence ------------------------------------------------------------------------------------


def is_answered(exchange: Exchange, view: View) -> Fact:
    """An answer was owed: did one come, to whatever port?"""
    asked = exchange.requests[-1]
    if exchange.replies:
        return kept("answered", exchange.request.frame, exchange.replies[0].frame)
    frames = tuple(r.frame for r in exchange.requests)
    if exchange.unreachable:
        return broken("the port is closed (ICMP)", exchange.unreachable[0].frame, *frames)
    gap = view.unwatched(asked.source, asked.time, asked.time + view.window(asked.destination[0]))
    if gap is not None:
        return unclear(f"no answer came, but {gap}", *frames)
    return broken(f"no answer to {len(frames)} request{'s' if len(frames) > 1 else ''}", *frames)


def is_silent(exchange: Exchange, view: View) -> Fact:
    """Silence was owed: did anything come?"""
    if exchange.replies:
        reply = exchange.replies[0]
        return broken(f"answered with {reply.message.type_name}", exchange.request.frame, reply.frame)
    asked = exchange.request
    gap = view.unwatched(asked.source, asked.time, asked.time + view.window(asked.destination[0]))
    if gap is not None:
        return unclear(f"nothing came, but {gap}", asked.frame)
    return kept("silence", asked.frame)


def was_alive(exchange: Exchange, view: View) -> bool:
    """The server answered something on the same port: silence of a dead one is worth nothing."""
    return exchange.request.destination in view.memo(_find_living)


def _find_living(view: View) -> frozenset[tuple[str, int]]:
    return frozenset(e.request.destination for e in view.exchanges if e.replies)


def is_unicast(exchange: Exchange) -> bool:
    """Sent to one server, not to all of a segment or group."""
    address = exchange.request.destination[0]
    return address not in _BROADCASTS and not 224 <= int(address.split(".", 1)[0]) <= 239


def asks_as(exchange: Exchange, kind: MessageType) -> bool:
    """The request is a REQUEST, or an INFORM."""
    return exchange.request.message.type is kind
