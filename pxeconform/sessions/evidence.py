"""What one attempt to boot left in the trace, ready to be put into nine steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.protocol.tftp import Oack
from pxeconform.registry.dhcp_options import Option
from pxeconform.registry.ports import Port
from pxeconform.sessions.attempts import SECOND, Attempt, Role
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.dhcp6 import Dhcp6Event
from pxeconform.sessions.firmware import (
    NOBODY,
    Firmware,
    Recognition,
    recognise,
    recognise_requests,
    signature,
)
from pxeconform.sessions.http import Fetch, find_fetches
from pxeconform.sessions.neighbours import Neighbours, Unanswered, neighbours
from pxeconform.sessions.offers import Lead, Offer, OfferKind, host_of, lead_of, next_server, read_offer, text
from pxeconform.sessions.sessions import Sessions
from pxeconform.sessions.transfers import Outcome, Transfer

STARTING = 10 * SECOND
"""Within this time firmware that could not start a boot file goes on to its next way of booting."""

_DUMB = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Wait:
    """How long silence must last to be silence: so many tries over so many seconds, or one try and longer."""

    tries: int
    seconds: float
    alone: float


OFFERS = Wait(2, 6.0, 10.0)
"""Servers look for conflicts before they offer: one to three seconds are usual."""

NO_USE = Wait(1, 5.0, 5.0)
"""DHCPv6 clients ask for an address within a second or two of the first answer (RFC 8415 section 18.2.1)."""

BINDING = Wait(2, 3.0, 8.0)
PORT_4011 = Wait(2, 1.0, 4.0)
"""PXE 2.1 Figure 2-2: an answer is due within one second of the first try."""

NEIGHBOUR = Wait(2, 1.0, 4.0)
DOWNLOAD = Wait(3, 2.0, 5.0)
ASKING = Wait(1, 15.0, 15.0)
"""iPXE waits up to thirteen seconds between the ACK and its next request."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The client turned to something else: its next attempt, or another protocol."""

    frame: int
    time: int
    how: str
    same_program: bool


@dataclass(slots=True)
class Trace:
    """What the whole trace says about clients, sorted so that each attempt finds its own."""

    neighbours: Neighbours
    unreachable: dict[str, list[Datagram]]
    """ICMP errors about DHCP and PXE, by the address of the client that is quoted."""
    dhcp6: dict[bytes, list[Dhcp6Event]]
    """DHCPv6 messages of clients that are no iPXE, by link address."""
    fetches: dict[str, list[Fetch]]
    """HTTP requests, by the client's address."""
    shows_transfers: bool
    """There is TFTP or HTTP of anybody: else a filter may have kept it out of the capture."""


def index(sessions: Sessions) -> Trace:
    """Sort what is not DHCPv4 or TFTP by client."""
    unreachable: dict[str, list[Datagram]] = {}
    dhcp6: dict[bytes, list[Dhcp6Event]] = {}
    fetches: dict[str, list[Fetch]] = {}
    for datagram in sessions.unreachable:
        unreachable.setdefault(datagram.source, []).append(datagram)
    for event in sessions.dhcp6:
        if event.message.from_client and event.message.user_class is None:
            dhcp6.setdefault(event.client, []).append(event)
    for fetch in find_fetches(sessions.tcp):
        fetches.setdefault(fetch.client, []).append(fetch)
    shows_transfers = bool(sessions.transfers or fetches)
    return Trace(neighbours(sessions.arp), unreachable, dhcp6, fetches, shows_transfers)


@dataclass(slots=True)
class Evidence:
    """One attempt with everything about it that other parts of the trace tell."""

    attempt: Attempt
    trace: Trace
    capture_end: int
    abandoned: Abandoned | None = None
    offers: tuple[Offer, ...] = ()
    recognition: Recognition = NOBODY
    client_ip: str | None = None
    file_source: DhcpEvent | None = None
    """The reply that the boot file's name was taken from."""
    lead: Lead = Lead.NOWHERE
    """Where all replies together lead the client."""
    downloads: tuple[Transfer, ...] = ()
    """Requests for the boot file, probes and repetitions included."""
    download: Transfer | None = None
    """The one of them that counts: the first complete one, else the last that is no probe, else a probe."""
    others: tuple[Transfer, ...] = ()
    """What was fetched besides: credentials, files of the loader."""
    fetches: tuple[Fetch, ...] = ()
    credential_file: str | None = None

    @property
    def firmware(self) -> Firmware:
        """Who the client is."""
        return self.recognition.firmware

    def of(self, *roles: Role) -> tuple[DhcpEvent, ...]:
        """The messages in these roles."""
        return self.attempt.of(*roles)

    @property
    def until(self) -> int:
        """How far the attempt was watched: to the client's next one, or to the end of the capture."""
        return self.abandoned.time if self.abandoned is not None else self.capture_end

    @property
    def gave_up(self) -> str | None:
        """What the same program turned to instead of going on."""
        later = self.abandoned
        return later.how if later is not None and later.same_program else None

    def silent(self, tries: Sequence[int], wait: Wait) -> bool:
        """Nothing came for requests at these times, and nothing would have come any more."""
        if not tries:
            return False
        seconds = (self.until - tries[0]) / SECOND
        enough = len(tries) >= wait.tries and seconds >= wait.seconds
        # Shorter waits count when the client itself gave up.
        return enough or seconds >= wait.alone or self.abandoned is not None

    def no_answer_by_arp(self, *targets: str | None) -> Unanswered | None:
        """Requests of the client for one of these addresses that nobody answered."""
        if self.client_ip is None:
            return None
        since = self.attempt.started
        for found in self.trace.neighbours.unanswered(self.client_ip, since, self.until):
            enough = self.silent((found.first, *((found.last,) * (len(found.frames) - 1))), NEIGHBOUR)
            if enough and (not targets or found.target in targets):
                return found
        return None

    @property
    def url(self) -> str | None:
        """The boot file as an HTTP or HTTPS address."""
        name = text(self.file_source.message.boot_file) if self.file_source is not None else ""
        return name if name.lower().startswith(("http://", "https://")) else None

    def leads_to(self, fetch: Fetch) -> bool:
        """A connection without a readable request goes where the boot file is."""
        return self.url is not None and host_of(self.url) in ("", fetch.server)

    @property
    def fetch(self) -> Fetch | None:
        """The same for HTTP."""
        complete = [f for f in self.fetches if f.complete and f.method == "GET"]
        return next(iter(complete or self.fetches[-1:]), None)

    @property
    def server_of_file(self) -> str | None:
        """Where the boot file is said to be."""
        return next_server(self.file_source) if self.file_source is not None else None

    @property
    def gateways(self) -> tuple[str, ...]:
        """Routers that the address came with (option 3)."""
        found: list[str] = []
        for event in self.of(Role.ACK, Role.OFFER):
            value = event.message.get(Option.ROUTER) or b""
            found += [".".join(map(str, value[at : at + 4])) for at in range(0, len(value) - 3, 4)]
        return tuple(found)

    def icmp_about_port_4011(self) -> tuple[Datagram, ...]:
        """ICMP errors that quote a request of this client to port 4011."""
        return tuple(
            datagram
            for datagram in self.trace.unreachable.get(self.client_ip or "", ())
            if datagram.destination_port == Port.PXE and self.attempt.started <= datagram.time <= self.until
        )


def gather(attempt: Attempt, trace: Trace, capture_end: int) -> Evidence:
    """Put together what belongs to an attempt."""
    found = Evidence(attempt, trace, capture_end)
    first = attempt.first
    if first is not None and first.from_client:
        found.recognition = recognise(first.message)
    if found.firmware in (Firmware.UNKNOWN, Firmware.INTEL):
        by_requests = recognise_requests(attempt.transfers)
        # A Raspberry Pi says of itself what Intel's ROMs say.
        if attempt.cut or by_requests.firmware is Firmware.RASPBERRY_PI:
            found.recognition = by_requests
    found.client_ip = _client_address(attempt)
    found.abandoned = _abandoned(attempt, trace, found.firmware)
    found.offers = _offers(attempt)
    found.file_source, found.lead = _instructions(attempt, found.offers)
    if first is not None and first.message.is_http and found.lead is Lead.FILE and found.url is None:
        # A name for TFTP leads nowhere by HTTP (UEFI 2.10 section 24.7.3).
        found.file_source, found.lead = None, Lead.NOWHERE
    credentials = [text(event.message.boot_file) for event in attempt.of(Role.CREDENTIAL_REPLY)]
    found.credential_file = next((name for name in credentials if name), None)
    found.downloads, found.others = _downloads(attempt, found)
    found.download = _counting(found.downloads)
    found.fetches = tuple(
        fetch
        for fetch in trace.fetches.get(found.client_ip or "", ())
        if attempt.started <= fetch.started <= found.until and (fetch.is_request or found.leads_to(fetch))
    )
    return found


def _client_address(attempt: Attempt) -> str | None:
    for role in (Role.ACK, Role.ITEM_REPLY):
        for event in reversed(attempt.of(role)):
            if event.message.yiaddr != NOWHERE:
                return event.message.yiaddr
    for event in attempt.of(Role.REQUEST, Role.PROXY_REQUEST, Role.ITEM_REQUEST, Role.OTHER):
        if event.message.ciaddr != NOWHERE:
            return event.message.ciaddr
    if attempt.transfers:
        return attempt.transfers[0].client[0]
    return None


def _offers(attempt: Attempt) -> tuple[Offer, ...]:
    offers = [read_offer(event, selected=False) for event in attempt.of(Role.OFFER)]
    chosen = _selected_address(attempt, offers)
    proxy = _selected_proxy(attempt, offers, chosen)
    return tuple(
        read_offer(offer.event, selected=True) if any(offer is picked for picked in (chosen, proxy)) else offer
        for offer in offers
    )


def _selected_address(attempt: Attempt, offers: Sequence[Offer]) -> Offer | None:
    """The offer that the REQUEST names by option 54, the address and the server; a BOOTP reply needs no REQUEST."""
    requests = attempt.of(Role.REQUEST)
    answers = attempt.of(Role.ACK, Role.NAK)
    if not requests:
        bootp = [offer for offer in offers if offer.kind is OfferKind.BOOTP]
        return bootp[-1] if bootp and attempt.transfers else None
    request = requests[-1]
    server = request.message.server_identifier or next((event.server for event in answers), None)
    wanted = request.message.address(Option.REQUESTED_ADDRESS)
    earlier = [offer for offer in offers if offer.gives_address and offer.time <= request.time]
    same = [offer for offer in earlier if offer.server == server] or (earlier if server is None else [])
    exact = [offer for offer in same if wanted is None or offer.address == wanted]
    return next(iter((exact or same)[-1:]), None)


def _selected_proxy(attempt: Attempt, offers: Sequence[Offer], chosen: Offer | None) -> Offer | None:
    """The proxy offer that the client followed: by whom it asks on port 4011, or by the file that it fetches."""
    proxies = [offer for offer in offers if offer.kind is OfferKind.PROXY and offer.event.message.is_pxe]
    asked = [event.destination[0] for event in attempt.of(Role.PROXY_REQUEST, Role.ITEM_REQUEST)]
    for offer in reversed(proxies):
        tags = offer.event.message.vendor_options
        listed = {a for entry in (tags.boot_servers if tags is not None else ()) for a in entry.addresses}
        if any(address in (offer.server, offer.event.source[0], *listed) for address in asked):
            return offer
    fetched = {transfer.file for transfer in attempt.transfers}
    for offer in reversed(proxies):
        if offer.boot_file and offer.boot_file in fetched and (chosen is None or chosen.boot_file != offer.boot_file):
            return offer
    bound = bool(attempt.of(Role.REQUEST))
    return proxies[-1] if bound and proxies and (chosen is None or chosen.lead is Lead.NOWHERE) else None


def _instructions(attempt: Attempt, offers: Sequence[Offer]) -> tuple[DhcpEvent | None, Lead]:
    """Which reply names the boot file, and where the replies lead: the last word goes first."""
    replies = attempt.of(Role.ITEM_REPLY if attempt.of(Role.ITEM_REQUEST) else Role.PROXY_REPLY)
    # A loader may ask on port 4011 as well; that is not what told the firmware.
    loaded = min((transfer.started for transfer in attempt.transfers if transfer.delivered), default=None)
    replies = tuple(event for event in replies if loaded is None or event.time <= loaded) or replies
    for event in reversed(replies):
        lead = lead_of(event.message)
        if lead is Lead.FILE:
            return event, lead
    if attempt.of(Role.ITEM_REQUEST):
        return _offered_file(attempt, offers), Lead.DISCOVERY
    if replies:
        lead = lead_of(replies[-1].message)
        return _offered_file(attempt, offers), Lead.NOWHERE if lead is Lead.PROXY else lead
    selected = [offer for offer in offers if offer.selected] or list(offers)
    leads = [offer.lead for offer in selected] + [lead_of(event.message) for event in attempt.of(Role.ACK)]
    source = _offered_file(attempt, offers)
    steering = [lead for lead in leads if lead in (Lead.PROXY, Lead.DISCOVERY)]
    if source is not None and (not steering or lead_of(source.message) is Lead.FILE):
        return source, Lead.FILE
    return source, next(iter(steering), Lead.NOWHERE)


def _offered_file(attempt: Attempt, offers: Sequence[Offer]) -> DhcpEvent | None:
    proxies = [offer.event for offer in offers if offer.selected and offer.kind is OfferKind.PROXY]
    selected = [offer.event for offer in offers if offer.selected]
    rest = [offer.event for offer in offers] if not selected else []
    return next((e for e in (*proxies, *attempt.of(Role.ACK)[::-1], *selected, *rest) if e.message.boot_file), None)


def _downloads(attempt: Attempt, found: Evidence) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
    """The transfers of the boot file, and the others: by the name that a reply gave, else the first one that works."""
    reads = [transfer for transfer in attempt.transfers if transfer.direction == "read"]
    named = {
        _bare(text(event.message.boot_file))
        for event in attempt.of(Role.ITEM_REPLY, Role.PROXY_REPLY, Role.ACK, Role.OFFER)
    } - {""}
    asked = [transfer for transfer in reads if _bare(transfer.file) in named]
    if found.url is not None:
        # What comes by HTTP may be a program that goes on by TFTP.
        asked = []
    elif not asked and reads:
        credentials = found.credential_file
        plain = [transfer for transfer in reads if transfer.file != credentials]
        whole = [transfer for transfer in plain if transfer.delivered]
        name = next((transfer.file for transfer in whole or plain), None)
        asked = [transfer for transfer in plain if transfer.file == name]
    elif found.file_source is not None:
        name = _bare(text(found.file_source.message.boot_file))
        best = [transfer for transfer in asked if _bare(transfer.file) == name]
        asked = best or asked
    apart = {id(transfer) for transfer in asked}
    return tuple(asked), tuple(transfer for transfer in reads if id(transfer) not in apart)


def _counting(downloads: Sequence[Transfer]) -> Transfer | None:
    outcomes = [(transfer, transfer.outcome()) for transfer in downloads]
    complete = [transfer for transfer, outcome in outcomes if outcome is Outcome.COMPLETE]
    real = [transfer for transfer, outcome in outcomes if outcome is not Outcome.PROBE]
    return next(iter(complete or real[-1:] or downloads[-1:]), None)


def _bare(name: str) -> str:
    """A boot file's name without what clients add to it or take from it."""
    if name.lower().startswith("tftp://"):
        name = name[7:].partition("/")[2]
    return name.lstrip("/")


def _abandoned(attempt: Attempt, trace: Trace, firmware: Firmware) -> Abandoned | None:
    """The first sign that the client does something else: a further attempt, or DHCPv6 by EDK2's firmware.

    iPXE asks by IPv4 and IPv6 at once, so of it DHCPv6 means nothing.
    """
    found: list[Abandoned] = []
    following = attempt.next
    if following is not None and (following.netboot or following.family == attempt.family):
        first, own = following.first, attempt.first
        event = following.messages[0][1]
        same = first is not None and own is not None and signature(first.message) == signature(own.message)
        # EDK2 keeps its habits when it turns from PXE to HTTP, only the class changes.
        other_way = first is not None and firmware is Firmware.EDK2 is recognise(first.message).firmware
        found.append(Abandoned(event.frame, event.time, "a new DISCOVER", same or other_way))
    if firmware is Firmware.EDK2:
        last = attempt.messages[-1][1].time
        for other in trace.dhcp6.get(attempt.client, ()) if attempt.family == "ipv4" else ():
            # Operating systems rarely have an identifier of type UUID, firmware has no other.
            if other.time >= last and other.message.uuid is not None:
                found.append(Abandoned(other.frame, other.time, "DHCPv6", True))
                break
    return min(found, key=lambda a: a.time, default=None)


def not_started(found: Evidence, delivered: int) -> Abandoned | None:
    """The same firmware goes on to its next attempt right after the boot file came, instead of running it."""
    later = found.abandoned
    if later is None or not later.same_program or found.firmware is not Firmware.EDK2:
        return None
    own_traffic = any(transfer.started >= delivered for transfer in found.others)
    return later if not own_traffic and 0 <= later.time - delivered <= STARTING else None


def dumb(found: Evidence, delivered: int) -> bool:
    """The client sent nothing more that could be seen for half a minute while the capture ran on."""
    later = [transfer.started for transfer in found.attempt.transfers] + [f.started for f in found.fetches]
    spoke = any(time > delivered for time in later) or found.attempt.messages[-1][1].time > delivered
    heard = found.client_ip is not None and found.trace.neighbours.heard(found.client_ip, delivered)
    return found.abandoned is None and not spoke and not heard and found.capture_end - delivered >= _DUMB


def refused_options(transfer: Transfer) -> bool:
    """The client ended the transfer right after the OACK (RFC 2347)."""
    replies = [event.packet for event in transfer.events if event.sender.value == "server"]
    only_oack = bool(replies) and all(isinstance(packet, Oack) for packet in replies)
    return only_oack and transfer.error is not None and transfer.error.sender.value == "client"
