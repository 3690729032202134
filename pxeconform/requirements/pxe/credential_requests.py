"""When the rules for credentials bite, and what is known of a server's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType
from pxeconform.registry.pxe_tags import CERTIFICATE_ID_MASK, PxeTag
from pxeconform.requirements.model import Role
from pxeconform.requirements.pxe.requests import (
    Answer,
    answers,
    boot_server_requests,
    credential_requests,
    is_unicast,
    tags_of,
)
from pxeconform.requirements.view import View
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.exchanges import Exchange
from pxeconform.sessions.transfers import Transfer

NO_CREDENTIALS = "no credentials were given, and nobody claims that the server has any"


# -- what is known ----------------------------------------------------------------------------------------------------


def listed_types(exchange: Exchange) -> tuple[int, ...]:
    """The certificate ids that the request lists; an empty tuple where it has no list."""
    tags = exchange.request.message.vendor_options
    return (tags.credential_types if tags is not None else None) or ()


def lists_a_possible_type(exchange: Exchange) -> bool:
    """An id outside the mask can never be a certificate's (EFI 1.10 section 15.5, BIS_CERT_ID)."""
    listed = listed_types(exchange)
    return not listed or any(not kind & ~CERTIFICATE_ID_MASK for kind in listed)


def is_claimed(view: View) -> bool:
    """The target is said to give credentials."""
    return view.claims_role(Role.BIS.value) or bool(view.ledger.claims.credential_types)


def boot_file_of(item: BootItem, server: str, view: View) -> tuple[bytes, DhcpEvent] | None:
    """The boot file that the server names for an item, with the reply that says so."""
    for exchange in boot_server_requests(view):
        for reply in exchange.replies:
            if exchange.item == item and reply.source[0] == server and reply.message.boot_file:
                return reply.message.boot_file, reply
    return None


def without_bit(item: BootItem) -> BootItem:
    """The item whose credentials this item asks for."""
    return BootItem(item.type, item.layer & 0x7FFF)


def is_about_credentials(exchange: Exchange, reply: DhcpEvent, view: View) -> bool:
    """The reply speaks of credentials: it keeps the bit, names a type, or names another file than the boot file."""
    message = reply.message
    if message.type is not MessageType.ACK:
        return False
    tags = tags_of(message)
    if tags is not None and (PxeTag.CREDENTIAL_TYPES in tags or (tags.boot_item and tags.boot_item.wants_credentials)):
        return True
    boot_file = boot_file_of(without_bit(cast("BootItem", exchange.item)), reply.source[0], view)
    return boot_file is not None and message.boot_file != boot_file[0]


# -- antecedents ------------------------------------------------------------------------------------------------------

_all_answers = answers(credential_requests)


def credential_answers(view: View) -> Iterator[Answer]:
    """A request for credentials was answered with some."""
    return (a for a in _all_answers(view) if is_about_credentials(a.exchange, a.reply, view))


def speaks_of_credentials(view: View) -> bool:
    """The server gave credentials at least once."""
    return next(credential_answers(view), None) is not None


def wanted(view: View) -> Iterator[Exchange]:
    """Credentials of an item were asked for, of a type that there can be, in the way that PXE lays down."""
    claimed = view.ledger.claims.credential_types
    for exchange in credential_requests(view):
        possible = lists_a_possible_type(exchange)
        if possible and claimed is not None and listed_types(exchange):
            possible = any(kind in claimed for kind in listed_types(exchange))
        if is_unicast(exchange) and possible:
            yield exchange


def impossible_types(view: View) -> Iterator[Exchange]:
    """Only types that cannot exist were listed."""
    return (e for e in credential_requests(view) if not lists_a_possible_type(e))


def unclaimed(view: View) -> Iterator[Exchange]:
    """A server that neither claims credentials nor ever gave any was asked for them."""
    return iter(()) if is_claimed(view) or speaks_of_credentials(view) else wanted(view)


@dataclass(frozen=True, slots=True)
class Silent:
    """A request for credentials that nobody claims to have, and no credentials for it."""

    exchange: Exchange


def answers_or_silence(view: View) -> Iterator[Answer | Silent]:
    """The credential answers; without any, and without a claim, the silence itself."""
    found = list(credential_answers(view))
    yield from found
    if not found and not is_claimed(view):
        yield from map(Silent, wanted(view))


def named_type(answer: Answer) -> int | None:
    """The credential type of a reply that names exactly one (more, or none, is another requirement's matter)."""
    tags = tags_of(answer.reply.message)
    types = tags.credential_types if tags is not None else None
    return types[0] if types is not None and len(types) == 1 else None


@dataclass(frozen=True, slots=True)
class Choice:
    """The client listed several types that the server has; it chose one."""

    answer: Answer
    supported: tuple[int, ...]
    """Those of the list that the server is known to have, in the list's order."""


def choices(view: View) -> Iterator[Choice | Silent]:
    """The server chose among several types of which it is known to have more than one."""
    occasions = list(answers_or_silence(view))
    has = {named_type(o) for o in occasions if isinstance(o, Answer)} | set(view.ledger.claims.credential_types or ())
    for occasion in occasions:
        if isinstance(occasion, Silent):
            yield occasion
            continue
        supported = tuple(kind for kind in listed_types(occasion.exchange) if kind in has)
        if len(supported) > 1:
            yield Choice(occasion, supported)


@dataclass(frozen=True, slots=True)
class Download:
    """A credential answer, the file that it names, and the boot file that this file vouches for."""

    answer: Answer
    credentials: Transfer
    boot_file: Transfer | None

    @property
    def frames(self) -> tuple[int, ...]:
        """Request, reply, the download's request and its last event."""
        return *self.answer.frames, self.credentials.request_frames[0], last_frame(self.credentials)


def downloads(view: View) -> Iterator[Download | Silent]:
    """The credentials were downloaded whole."""
    for occasion in answers_or_silence(view):
        if isinstance(occasion, Silent):
            yield occasion
            continue
        credentials = whole_transfer(occasion.reply.message.boot_file, occasion.reply.source[0], view)
        if credentials is not None:
            named = boot_file_of(without_bit(cast("BootItem", occasion.exchange.item)), occasion.reply.source[0], view)
            boot_file = whole_transfer(named[0], occasion.reply.source[0], view) if named is not None else None
            yield Download(occasion, credentials, boot_file)


def whole_transfer(name: bytes, server: str, view: View) -> Transfer | None:
    """The first whole octet download of a file, if its contents were kept to the end."""
    transfer = view.memo(_find_whole).get((name, server)) if name else None
    return transfer if transfer is not None and transfer.content.octets == len(transfer.content.head) else None


def _find_whole(view: View) -> dict[tuple[bytes, str], Transfer]:
    found: dict[tuple[bytes, str], Transfer] = {}
    for transfer in view.transfers:
        if transfer.request.mode == "octet" and transfer.delivered and transfer.content.sha256:
            found.setdefault((transfer.request.filename, transfer.server), transfer)
    return found


def last_frame(transfer: Transfer) -> int:
    """The frame that ends a transfer."""
    return max((e.frame for e in transfer.events), default=0)
