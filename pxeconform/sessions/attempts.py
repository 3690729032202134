"""One client's attempts to boot, each with its messages in their roles and its transfers.

A boot is an attempt and not a MAC address: UEFI firmware tries several ways, a loader does DHCP again, a machine is
reset. What belongs together is told by the client (chaddr), the signature of the program, pauses, and transaction
identifiers; never by one of them alone, since iPXE keeps one identifier over reboots and U-Boot changes it on every
retransmission.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.registry.dhcp_options import MessageType
from pxeconform.registry.ports import Port
from pxeconform.sessions import firmware
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.dhcp6 import retold
from pxeconform.sessions.exchanges import is_boot_server_request
from pxeconform.sessions.sessions import Sessions
from pxeconform.sessions.transfers import Transfer

SECOND = 1_000_000_000
_LONGEST_PAUSE = 60 * SECOND
"""Silence after which a DISCOVER is a new attempt: twice what firmware waits at most within one."""

_RESTART_PAUSE = 5 * SECOND
_RECENT = 50
"""Requests that an answer may still belong to."""


class Role(Enum):
    """What a message is in the course of a boot."""

    DISCOVER = auto()
    OFFER = auto()
    REQUEST = auto()
    ACK = auto()
    NAK = auto()
    DECLINE = auto()
    PROXY_REQUEST = auto()
    PROXY_REPLY = auto()
    ITEM_REQUEST = auto()
    ITEM_REPLY = auto()
    CREDENTIAL_REQUEST = auto()
    CREDENTIAL_REPLY = auto()
    OTHER = auto()


_ANSWER = {
    Role.PROXY_REQUEST: Role.PROXY_REPLY,
    Role.ITEM_REQUEST: Role.ITEM_REPLY,
    Role.CREDENTIAL_REQUEST: Role.CREDENTIAL_REPLY,
}

_REPLIES = {MessageType.ACK: Role.ACK, MessageType.NAK: Role.NAK}


@dataclass(slots=True)
class Attempt:
    """The messages of one attempt of one client, in the order of time."""

    client: bytes
    previous: Attempt | None = None
    """What the client tried before, by whatever family of addresses."""
    family: str = "ipv4"
    messages: list[tuple[Role, DhcpEvent]] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    xids: set[int] = field(default_factory=set)
    next: Attempt | None = None
    netboot: bool = False
    """Some message of the client (or a reply with its class) is of a network boot."""
    cut: bool = False
    """The capture holds none of the options, so nobody can tell."""
    first: DhcpEvent | None = None
    """The first message of the client, a whole one before one that the capture cut: it tells who the client is."""
    last_of_client: DhcpEvent | None = None
    """The client's last message."""
    acknowledged: bool = False
    """An ACK gave it its address."""
    asked: dict[int, Role] = field(default_factory=dict)
    """The latest request to a proxy or boot server of each transaction identifier."""
    last_asked: Role | None = None
    """The latest of all these."""
    plain_xids: set[int] = field(default_factory=set)
    """Transaction identifiers of its DISCOVERs and REQUESTs."""

    def add(self, role: Role, event: DhcpEvent) -> None:
        """Take a message; a big trace must not be searched again for every one."""
        self.messages.append((role, event))
        self.acknowledged |= role is Role.ACK
        if not event.from_client:
            return
        self.last_of_client = event
        if self.first is None or (self.first.message.cut and not event.message.cut):
            self.first = event
        self.xids.add(event.message.xid)
        if role in _ANSWER:
            self.asked[event.message.xid] = self.last_asked = role
        elif role in (Role.DISCOVER, Role.REQUEST):
            self.plain_xids.add(event.message.xid)

    def of(self, *roles: Role) -> tuple[DhcpEvent, ...]:
        """The messages in these roles."""
        return tuple([event for role, event in self.messages if role in roles])

    @property
    def started(self) -> int:
        """Time of the first message."""
        return self.messages[0][1].time

    @property
    def last(self) -> int:
        """Time of the last message or the last datagram of a transfer."""
        return max([self.messages[-1][1].time, *(transfer.ended for transfer in self.transfers)])

    @property
    def bound(self) -> bool:
        """The client got as far as an address that it used."""
        return self.acknowledged or bool(self.transfers)


class _Clients:
    """Attempts by client, and who has which address when."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self._current: dict[tuple[str, bytes], Attempt] = {}
        self._newest: dict[bytes, Attempt] = {}
        self._by_xid: dict[int, Attempt] = {}
        self._bound: dict[str, Attempt] = {}
        self._offered: dict[str, Attempt] = {}

    def client_message(self, event: DhcpEvent) -> None:
        """Take a request; it may begin a new attempt."""
        message = event.message
        client, kind = message.hardware_address, _kind_of(event)
        attempt = self._current.get((kind, client))
        if attempt is None or _begins_anew(attempt, event):
            attempt = self._begin(client, event)
        attempt.netboot |= firmware.wants_to_boot(message)
        attempt.cut |= message.cut and not message.options
        attempt.add(_request_role(event), event)
        if message.xid:
            self._by_xid[message.xid] = attempt
        if message.ciaddr != NOWHERE:
            self._bound[message.ciaddr] = attempt

    def server_message(self, event: DhcpEvent) -> None:
        """Take a reply: it belongs to the client's attempt that asked, by chaddr and then by identifier."""
        message = event.message
        family = family_of(event)
        attempt = self._current.get((family, message.hardware_address))
        if attempt is None or (family == "ipv6" and message.xid not in attempt.xids):
            attempt = self._by_xid.get(message.xid) or attempt
        if attempt is None:
            attempt = self._begin(message.hardware_address, event)
        older = attempt
        for _ in range(3):
            if message.xid in older.xids or older.previous is None:
                break
            older = older.previous
        attempt = older if message.xid in older.xids else attempt
        if attempt.first is None:
            # Misconfigured servers send the class to everybody, so a reply counts only where no request was seen.
            attempt.netboot |= message.is_pxe or message.is_http
        role = _reply_role(attempt, event)
        attempt.add(role, event)
        if message.yiaddr != NOWHERE:
            (self._bound if role is Role.ACK else self._offered)[message.yiaddr] = attempt

    def transfer(self, transfer: Transfer) -> None:
        """Give a transfer to the attempt that holds the client's address."""
        address = transfer.client[0]
        holders = [a for a in (self._bound.get(address), self._offered.get(address)) if a is not None]
        family = "ipv6" if ":" in address else "ipv4"
        by_mac = self._current.get((family, transfer.client_mac)) if transfer.client_mac else None
        same = [a for a in holders if a.client == transfer.client_mac]
        attempt = next(iter(same or holders), by_mac)
        if attempt is not None:
            attempt.transfers.append(transfer)

    def _begin(self, client: bytes, event: DhcpEvent) -> Attempt:
        family = family_of(event)
        before = self._newest.get(client) if _kind_of(event) != _PLAIN else None
        beside = before is not None and before.family != family and firmware.is_ipxe(event.message)
        if before is not None and beside and not before.transfers:
            # iPXE asks by both families at once: neither way follows from the other.
            before = before.previous
        attempt = Attempt(client, before, family)
        if before is not None and before.next is None:
            before.next = attempt
        self._current[_kind_of(event), client] = attempt
        if _kind_of(event) != _PLAIN:
            self._newest[client] = attempt
        self.attempts.append(attempt)
        return attempt


_PLAIN = "plain ipv6"


def _kind_of(event: DhcpEvent) -> str:
    """The family, and over IPv6 whether a boot is meant: EDK2 asks for its host's address between PXE's messages."""
    family = family_of(event)
    plain = family == "ipv6" and event.from_client and not firmware.wants_to_boot(event.message)
    return _PLAIN if plain else family


def family_of(event: DhcpEvent) -> str:
    """`ipv4` or `ipv6`, by the addresses of the packet."""
    return "ipv6" if ":" in event.source[0] else "ipv4"


def _begins_anew(attempt: Attempt, event: DhcpEvent) -> bool:
    """Whether a client's message is not of its current attempt any more."""
    message = event.message
    last = attempt.last_of_client
    boots = firmware.wants_to_boot(message)
    if last is None or message.type in (MessageType.DECLINE, MessageType.RELEASE):
        # Those two carry next to no options.
        return False
    if not message.cut and not attempt.cut and boots != attempt.netboot:
        return True
    if message.type not in (MessageType.DISCOVER, None):
        # An operating system renews, a loader asks on port 4011: both without a DISCOVER.
        return False
    earlier = attempt.first
    whole = earlier is not None and not earlier.message.cut and not message.cut
    if earlier is not None and whole and firmware.signature(message) != firmware.signature(earlier.message):
        return True
    if any(role in (Role.NAK, Role.DECLINE) for role, _ in attempt.messages[-2:]):
        return event.time - last.time > _LONGEST_PAUSE
    if attempt.bound or event.time - last.time > _LONGEST_PAUSE:
        return True
    restarted = message.xid not in attempt.xids and message.secs < last.message.secs
    return restarted and event.time - last.time > _RESTART_PAUSE and not firmware.is_uboot(message)


def _request_role(event: DhcpEvent) -> Role:
    kind = event.message.type
    if is_boot_server_request(event):
        tags = event.message.vendor_options
        item = tags.boot_item if tags is not None else None
        return Role.CREDENTIAL_REQUEST if item is not None and item.wants_credentials else Role.ITEM_REQUEST
    if event.destination[1] == Port.PXE:
        return Role.PROXY_REQUEST
    return {
        None: Role.DISCOVER,
        MessageType.DISCOVER: Role.DISCOVER,
        MessageType.REQUEST: Role.REQUEST,
        MessageType.DECLINE: Role.DECLINE,
    }.get(kind, Role.OTHER)


def _reply_role(attempt: Attempt, event: DhcpEvent) -> Role:
    """An answer to a request on port 4011 or with a boot item, else by its type."""
    message = event.message
    exact = attempt.asked.get(message.xid)
    plain = message.xid in attempt.plain_xids
    tags = message.vendor_options
    has_item = tags is not None and tags.boot_item is not None
    if event.source[1] == Port.PXE or has_item or (exact is not None and not plain):
        asked = exact or attempt.last_asked
        if asked is not None:
            return _ANSWER[asked]
        return Role.ITEM_REPLY if has_item else Role.PROXY_REPLY
    return _REPLIES.get(message.type, Role.OFFER) if message.type is not None else Role.OFFER


def _guess_cut(attempt: Attempt) -> None:
    """Without options no message has a type: the last request that an address was offered for is the REQUEST."""
    offered = False
    last = None
    for index, (role, event) in enumerate(attempt.messages):
        offered |= role is Role.OFFER and event.message.yiaddr != NOWHERE
        if role is Role.DISCOVER and offered:
            last = index
    if last is None:
        return
    for index, (role, event) in enumerate(attempt.messages[last:], last):
        if index == last:
            attempt.messages[index] = (Role.REQUEST, event)
        elif role is Role.OFFER:
            attempt.messages[index] = (Role.ACK, event)


def _merged(sessions: Sessions) -> Iterator[DhcpEvent | Transfer]:
    """DHCP messages and transfers by time, a message before a transfer."""
    items: list[DhcpEvent | Transfer] = [*sessions.dhcp, *retold(sessions.dhcp6), *sessions.transfers]
    items.sort(key=lambda item: item.time if isinstance(item, DhcpEvent) else item.started)
    return iter(items)


def find_attempts(sessions: Sessions) -> list[Attempt]:
    """All attempts of a trace that are network boots; plain DHCP clients are none."""
    clients = _Clients()
    for item in _merged(sessions):
        if isinstance(item, Transfer):
            clients.transfer(item)
        elif item.from_client:
            clients.client_message(item)
        else:
            clients.server_message(item)
    for attempt in clients.attempts:
        if attempt.cut:
            _guess_cut(attempt)
    return [attempt for attempt in clients.attempts if _is_boot(attempt)]


def _is_boot(attempt: Attempt) -> bool:
    if attempt.netboot:
        return True
    reads = [transfer for transfer in attempt.transfers if transfer.direction == "read"]
    if attempt.cut:
        return bool(reads)
    named = {event.message.boot_file for _, event in attempt.messages if not event.from_client} - {b""}
    return any(transfer.request.filename in named for transfer in reads)
