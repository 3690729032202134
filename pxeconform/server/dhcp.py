"""Port 67: a DHCP server that carries PXE tags, or a proxyDHCP server beside another one (RFC 2131, PXE 2.1)."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Callable, Collection
from dataclasses import replace

from pxeconform.protocol.dhcp import BROADCAST_FLAG, NOWHERE, Message
from pxeconform.registry.dhcp_options import MessageType, Option, RelaySuboption
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.server.answers import Answers, read_request
from pxeconform.server.bootserver import BootServer
from pxeconform.server.config import Pool
from pxeconform.server.datagrams import DHCP_SOCKET, Incoming, Outgoing
from pxeconform.server.leases import OFFER_SECONDS, LeaseState, LeaseTable, key_of

_SHORTEST_LEASE = 120
_LONGEST_BOOTP_REPLY = 300
_INFINITE = float("inf")

_PXE_FIELDS = (
    Option.CLASS_IDENTIFIER,
    Option.VENDOR_SPECIFIC,
    Option.CLIENT_UUID,
    Option.CLIENT_ARCHITECTURE,
    Option.CLIENT_NDI,
    Option.BOOT_FILE_NAME,
    Option.BOOT_FILE_SIZE,
)


class DhcpServer:
    """A core (`datagrams.Core`). Requests with a boot item belong to the boot server and are handed to it.

    One method for each message type (`on_discover` and so on), each gives the reply's message or `None` for silence;
    `destination` says where it goes.
    """

    def __init__(
        self, answers: Answers, boot_server: BootServer, log: Callable[[str], None] = lambda text: None
    ) -> None:
        self.answers = answers
        self.config = answers.config
        self.boot_server = boot_server
        self.log = log
        pool = self.config.pool if self.config.mode == "dhcp" else None
        self.leases = LeaseTable(pool) if pool is not None else None

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        """See `Core`."""
        if incoming.socket != DHCP_SOCKET:
            return []
        request = read_request(incoming)
        if request is None:
            return []
        # A boot server request looks like REBINDING otherwise; a DHCP server must not meddle (PXE 2.1 section 2.5.3).
        if self.is_boot_request(request):
            return self.boot_server.on_request(request, incoming)
        reply = self.answer(request, incoming, now)
        if reply is None:
            return []
        self.log(f"dhcp: {request.mac} {request.type_name} gets {reply.type_name} {reply.yiaddr}")
        return [self.envelope(reply, request, incoming)]

    def tick(self, now: float) -> list[Outgoing]:
        """See `Core`: leases expire when they are looked at."""
        return []

    def deadline(self) -> float | None:
        """See `Core`."""
        return None

    def sockets(self) -> Collection[str]:
        """See `Core`."""
        return ()

    def close(self) -> None:
        """See `Core`."""

    def is_boot_request(self, request: Message) -> bool:
        """A PXE client's request for a boot server: tag 71 and no requested address."""
        tags = request.vendor_options
        return (
            request.type in (MessageType.REQUEST, MessageType.INFORM)
            and tags is not None
            and PxeTag.BOOT_ITEM in tags
            and Option.REQUESTED_ADDRESS not in request
        )

    def answer(self, request: Message, incoming: Incoming, now: float) -> Message | None:
        """The reply, or `None` for silence."""
        if self.leases is None:
            return self.on_proxy_discover(request, incoming) if request.type is MessageType.DISCOVER else None
        if not self.serves_network_of(request, self.leases.pool):
            self.log(f"dhcp: {request.mac} is on a network that is not served")
            return None
        match request.type:
            case MessageType.DISCOVER:
                return self.on_discover(request, incoming, self.leases, now)
            case MessageType.REQUEST:
                return self.on_request(request, incoming, self.leases, now)
            case MessageType.INFORM:
                return self.on_inform(request, incoming, self.leases)
            case MessageType.DECLINE | MessageType.RELEASE:
                self.on_return(request, incoming, self.leases, now)
            case None:
                return self.on_bootp(request, incoming, self.leases, now)
        return None

    # Proxy

    def on_proxy_discover(self, request: Message, incoming: Incoming) -> Message | None:
        """An offer without an address to PXE clients, and to nobody else (PXE 2.1 section 2.5.1.1)."""
        offer = self.answers.redirection(request, self.answers.identity(incoming))
        if offer is not None and self.config.pointer and not request.is_http:
            offer = replace(
                offer.without(Option.VENDOR_SPECIFIC, Option.BOOT_FILE_NAME, Option.BOOT_FILE_SIZE),
                file=b"",
                siaddr=NOWHERE,
            )
        return self.typed(offer, MessageType.OFFER) if offer is not None else None

    # Leases

    def on_discover(self, request: Message, incoming: Incoming, leases: LeaseTable, now: float) -> Message | None:
        """Offer an address and keep it for a while."""
        key = key_of(request)
        address = leases.choose(key, request.address(Option.REQUESTED_ADDRESS), now)
        if address is None:
            self.log(f"dhcp: no address is left for {request.mac}")
            return None
        lease = leases.of(key)
        if lease is None or lease.address != address or lease.state is not LeaseState.BOUND or not lease.holds(now):
            leases.put(address, key, LeaseState.OFFERED, now + OFFER_SECONDS)
        return self.lease_reply(request, incoming, leases, MessageType.OFFER, address)

    def on_request(self, request: Message, incoming: Incoming, leases: LeaseTable, now: float) -> Message | None:
        """RFC 2131 section 4.3.2; the client's state follows from options 54 and 50 and from ciaddr (Table 4)."""
        wanted = request.address(Option.REQUESTED_ADDRESS)
        lease = leases.of(key_of(request))
        if Option.SERVER_IDENTIFIER in request and request.server_identifier != self.answers.identity(incoming):
            leases.withdraw_offer(key_of(request), now)
            return None
        selecting = Option.SERVER_IDENTIFIER in request
        if wanted is None:
            if Option.REQUESTED_ADDRESS in request or request.ciaddr == NOWHERE:
                return None
            wanted = request.ciaddr
        elif not selecting and request.ciaddr != NOWHERE:
            return None
        elif not selecting and ipaddress.IPv4Address(wanted) not in leases.pool.network:
            return self.nak(request, incoming, "The address is not on this network")
        if lease is None:
            # Without a record the server keeps quiet, unless the client chose this very server.
            return self.nak(request, incoming, "No such offer") if selecting else None
        if lease.address != wanted or not leases.is_free_for(wanted, lease.key, now):
            return self.nak(request, incoming, "That address is not yours")
        seconds = self.lease_seconds(request)
        leases.put(wanted, lease.key, LeaseState.BOUND, now + seconds)
        return self.lease_reply(request, incoming, leases, MessageType.ACK, wanted)

    def on_inform(self, request: Message, incoming: Incoming, leases: LeaseTable) -> Message | None:
        """Parameters without a lease (RFC 2131 section 4.3.5)."""
        if request.ciaddr == NOWHERE or ipaddress.IPv4Address(request.ciaddr) not in leases.pool.network:
            return None
        reply = replace(self.parameters(request, incoming, leases.pool), ciaddr=request.ciaddr)
        return self.typed(reply, MessageType.ACK)

    def on_return(self, request: Message, incoming: Incoming, leases: LeaseTable, now: float) -> None:
        """DECLINE and RELEASE: neither is answered (RFC 2131 sections 4.3.3 and 4.3.4)."""
        if request.server_identifier not in (None, self.answers.identity(incoming)):
            return
        if request.type is MessageType.RELEASE:
            done = leases.release(key_of(request), request.ciaddr, now)
        else:
            done = leases.decline(key_of(request), request.address(Option.REQUESTED_ADDRESS) or NOWHERE, now)
        self.log(f"dhcp: {request.mac} {request.type_name}{'' if done else ' of an address that is not its own'}")

    def on_bootp(self, request: Message, incoming: Incoming, leases: LeaseTable, now: float) -> Message | None:
        """RFC 951 and 1534: an address for ever, no option 53, at most 300 octets; only if switched on."""
        if not self.config.bootp:
            return None
        identity = self.answers.identity(incoming)
        if request.sname and request.sname not in (identity.encode(), socket.gethostname().encode()):
            return None
        file = request.file.decode("utf-8", "surrogateescape") or self.answers.boot_file(request)
        if request.file and self.answers.store.size(file or "") is None:
            return None
        key = key_of(request)
        address = request.ciaddr if request.ciaddr != NOWHERE else leases.choose(key, None, now)
        if address is None:
            return None
        if request.ciaddr == NOWHERE:
            leases.put(address, key, LeaseState.BOUND, _INFINITE)
        reply = replace(self.answers.reply(request, identity), siaddr=identity, ciaddr=request.ciaddr, yiaddr=address)
        reply = self.with_network(reply, leases.pool).without(Option.SERVER_IDENTIFIER)
        if file is not None and len(file.encode("utf-8", "surrogateescape")) < 128:
            reply = replace(reply, file=file.encode("utf-8", "surrogateescape"))
        while len(reply.build()) > _LONGEST_BOOTP_REPLY:
            reply = replace(reply, options=reply.options[:-1])
        return reply

    # Replies

    def lease_reply(
        self, request: Message, incoming: Incoming, leases: LeaseTable, kind: MessageType, address: str
    ) -> Message:
        """OFFER or ACK: both say the same (RFC 2131 section 4.3.2)."""
        seconds = self.lease_seconds(request)
        reply = replace(
            self.parameters(request, incoming, leases.pool),
            yiaddr=address,
            ciaddr=request.ciaddr if kind is MessageType.ACK else NOWHERE,
        )
        times = (
            (Option.LEASE_TIME, seconds),
            (Option.RENEWAL_TIME, seconds // 2),
            (Option.REBINDING_TIME, seconds * 7 // 8),
        )
        return self.typed(reply.with_options(*((code, struct.pack("!I", value)) for code, value in times)), kind)

    def lease_seconds(self, request: Message) -> int:
        """What the client asks for, within bounds."""
        value = request.get(Option.LEASE_TIME)
        wanted = struct.unpack("!I", value)[0] if value is not None and len(value) == 4 else self.config.lease_time
        return max(_SHORTEST_LEASE, min(int(wanted), self.config.lease_time))

    def parameters(self, request: Message, incoming: Incoming, pool: Pool) -> Message:
        """Network parameters for every client, PXE fields for PXE clients, further options for those who ask."""
        identity = self.answers.identity(incoming)
        reply = self.with_network(self.answers.reply(request, identity), pool)
        pxe = self.answers.redirection(request, identity)
        if pxe is not None:
            reply = replace(reply, siaddr=pxe.siaddr, file=pxe.file)
            reply = reply.with_options(*((code, v) for code in _PXE_FIELDS if (v := pxe.get(code)) is not None))
        elif Option.CLIENT_UUID in request:
            reply = reply.with_options((Option.CLIENT_UUID, request.get(Option.CLIENT_UUID) or b""))
        asked = request.get(Option.PARAMETER_REQUEST_LIST) or b""
        extra = [(code, self.config.options[code]) for code in dict.fromkeys(asked) if code in self.config.options]
        if pxe is not None and Option.TFTP_SERVER_NAME in asked and not request.is_http:
            extra.append((Option.TFTP_SERVER_NAME, identity.encode()))
        return reply.with_options(*extra)

    def with_network(self, reply: Message, pool: Pool) -> Message:
        """Mask, routers, name servers, domain: mask before routers (RFC 2132 section 3.3)."""
        found: list[tuple[int, bytes]] = [(Option.SUBNET_MASK, socket.inet_aton(pool.netmask))]
        for code, addresses in ((Option.ROUTER, pool.routers), (Option.DOMAIN_NAME_SERVER, pool.dns_servers)):
            if addresses:
                found.append((code, b"".join(map(socket.inet_aton, addresses))))
        if pool.domain:
            found.append((Option.DOMAIN_NAME, pool.domain.encode("ascii", "ignore")))
        return reply.with_options(*found)

    def nak(self, request: Message, incoming: Incoming, text: str) -> Message | None:
        """Refuse; the flag makes a relay broadcast it (RFC 2131 section 4.3.2). Only an authoritative server does."""
        if not self.config.authoritative:
            return None
        reply = self.answers.reply(request, self.answers.identity(incoming))
        if request.giaddr != NOWHERE:
            reply = replace(reply, flags=reply.flags | BROADCAST_FLAG)
        return self.typed(reply.with_options((Option.MESSAGE, text.encode())), MessageType.NAK)

    def typed(self, reply: Message, kind: MessageType) -> Message:
        """The reply with its message type."""
        return reply.with_options((Option.MESSAGE_TYPE, bytes((kind,))))

    # Ways in and out

    def serves_network_of(self, request: Message, pool: Pool) -> bool:
        """The client's network is the pool's: by link selection (RFC 3527), by relay, or it is the server's own."""
        link = _suboption(request, RelaySuboption.LINK_SELECTION)
        near = socket.inet_ntoa(link) if link is not None and len(link) == 4 else request.giaddr
        return near == NOWHERE or ipaddress.IPv4Address(near) in pool.network

    def envelope(self, reply: Message, request: Message, incoming: Incoming) -> Outgoing:
        """Finish the octets and address them."""
        kind = reply.type
        payload = self.answers.finish(reply, request, kind) if kind is not None else reply.build()
        host, port, hardware = self.destination(reply, request)
        local = self.answers.identity(incoming)
        return Outgoing(payload, (host, port), DHCP_SOCKET, local, incoming.interface, hardware)

    def destination(self, reply: Message, request: Message) -> tuple[str, int, bytes]:
        """RFC 2131 section 4.1: relay, else ciaddr, else broadcast or the new address by hardware address.

        For BOOTP ciaddr comes before the relay (RFC 1542 section 5.4).
        """
        client = self.config.client_port
        if reply.type is None and request.ciaddr != NOWHERE:
            return request.ciaddr, client, b""
        if request.giaddr != NOWHERE:
            return request.giaddr, self.config.relay_port, b""
        if reply.type is MessageType.NAK:
            return self.config.broadcast_address, client, b""
        if request.ciaddr != NOWHERE:
            return request.ciaddr, client, b""
        if request.flags & BROADCAST_FLAG or reply.yiaddr == NOWHERE or request.htype != 1:
            return self.config.broadcast_address, client, b""
        return reply.yiaddr, client, request.hardware_address


def _suboption(request: Message, code: int) -> bytes | None:
    """A suboption of relay agent information (RFC 3046 section 2.0)."""
    octets = request.get(Option.RELAY_AGENT_INFORMATION) or b""
    at = 0
    while at + 2 <= len(octets) and at + 2 + octets[at + 1] <= len(octets):
        if octets[at] == code:
            return octets[at + 2 : at + 2 + octets[at + 1]]
        at += 2 + octets[at + 1]
    return None
