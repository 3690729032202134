"""What every PXE answer is made of: who the client is, which boot file suits it, the tags of option 43, the echoes."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace

from pxeconform.protocol import vendor_options
from pxeconform.protocol.dhcp import Message, RawOption, options, parse
from pxeconform.protocol.vendor_options import BootItem, BootServers, MenuItem, MenuPrompt
from pxeconform.registry.dhcp_options import BootpOp, MessageType, Option
from pxeconform.registry.pxe_tags import CREDENTIAL_LAYER_BIT, DiscoveryControl, PxeTag
from pxeconform.server.config import BootService, ConfigError, ServerConfig
from pxeconform.server.datagrams import Incoming
from pxeconform.server.files import FileStore

PXE_CLASS = b"PXEClient"
HTTP_CLASS = b"HTTPClient"

_LONGEST_HEADER_NAME = 127
"""`file` has 128 octets and ends with a NUL (RFC 2131 section 2)."""

DEFAULT_SIZE = 548
"""Octets of a message that every client takes: a datagram of 576 less IP and UDP headers (RFC 2131 section 2)."""

_DOWNLOAD_ONLY = (
    DiscoveryControl.DOWNLOAD_OFFERED_FILE | DiscoveryControl.BROADCAST_DISABLED | DiscoveryControl.MULTICAST_DISABLED
)
_NO_DISCOVERY = ((PxeTag.DISCOVERY_CONTROL, bytes((_DOWNLOAD_ONLY,))),)

ECHOED = (Option.CLIENT_UUID, Option.CLIENT_ARCHITECTURE, Option.CLIENT_NDI)
"""What a PXE server returns as it came (PXE 2.1 Tables 2-3 and 2-5, RFC 4578 section 2)."""


def read_request(incoming: Incoming) -> Message | None:
    """A whole BOOTREQUEST; `None` for all else, and for options that break off."""
    message = parse(incoming.payload)
    if message is None or message.op != BootpOp.BOOTREQUEST or message.hlen > 16 or message.problems:
        return None
    # A message type that cannot be understood must not make a DHCP client pass for a BOOTP one.
    return None if Option.MESSAGE_TYPE in message and message.type is None else message


def architectures(request: Message) -> tuple[int, ...]:
    """The client's architectures: option 93, else those in its class identifier, else BIOS."""
    if request.architectures:
        return request.architectures
    found = re.match(rb"(?:PXE|HTTP)Client:Arch:(\d{5})", request.class_identifier or b"")
    return (int(found[1]),) if found else (0,)


def is_second_stage(request: Message) -> bool:
    """iPXE runs already and asks on its own behalf: user class iPXE, with or without RFC 3004's length octet."""
    user_class = request.get(Option.USER_CLASS) or b""
    return user_class in (b"iPXE", b"\x04iPXE") or Option.IPXE_ENCAPSULATED in request


def boot_item_of(request: Message) -> BootItem | None:
    """Tag 71 of a PXE client's request, if it is one for a boot server."""
    tags = request.vendor_options
    if tags is None or request.type not in (MessageType.REQUEST, MessageType.INFORM):
        return None
    return tags.boot_item


class Answers:
    """Decides what PXE clients are told, from the configuration and the files at hand."""

    def __init__(self, config: ServerConfig, store: FileStore) -> None:
        self.config = config
        self.store = store
        for kind in {0, *config.boot_files, *(a for service in config.services for a in service.architectures)}:
            if len(vendor_options.build(self.tags(kind, config.address))) > 255:
                raise ConfigError(f"services: the menu for architecture {kind} is longer than an option can be")

    def identity(self, incoming: Incoming) -> str:
        """The server's address towards this client (option 54)."""
        return self.config.address if self.config.address != "0.0.0.0" else incoming.local

    def gets_second_stage(self, request: Message) -> bool:
        """The client is past the services: it gets the one file, and no menu that would start it all over."""
        return bool(self.config.second_stage) and is_second_stage(request)

    def boot_file(self, request: Message) -> str | None:
        """The file of the first answer, or `None` if there is none for the client."""
        if self.gets_second_stage(request):
            return self.config.second_stage
        return next((self.config.boot_files[a] for a in architectures(request) if a in self.config.boot_files), None)

    def http_file(self, request: Message) -> str | None:
        """The URI for a client of UEFI HTTP boot."""
        return next((self.config.http_files[a] for a in architectures(request) if a in self.config.http_files), None)

    def services(self, architecture: int) -> list[BootService]:
        """The boot services that suit, one for each type."""
        found: dict[int, BootService] = {}
        for service in self.config.services:
            if service.suits(architecture):
                found.setdefault(service.type, service)
        return list(found.values())

    def tags(self, architecture: int, identity: str) -> Sequence[tuple[int, bytes]]:
        """Tags 6 to 10 for the redirection service (PXE 2.1 Table 2-3)."""
        services = self.services(architecture)
        if not services:
            return _NO_DISCOVERY
        control = DiscoveryControl(0)
        # Beside another DHCP server a broadcast request for a boot server is answered twice, as that one takes it for a
        # renewal; OVMF gives up (PXE-E99) when that answer comes first.
        if self.config.mode != "dhcp" or not self.config.broadcast_discovery:
            control |= DiscoveryControl.BROADCAST_DISABLED
        if not self.config.multicast_address:
            control |= DiscoveryControl.MULTICAST_DISABLED
        found: list[tuple[int, bytes]] = [(PxeTag.DISCOVERY_CONTROL, bytes((control,)))]
        if self.config.multicast_address:
            found.append((PxeTag.DISCOVERY_MULTICAST_ADDRESS, socket.inet_aton(self.config.multicast_address)))
        servers = b"".join(BootServers(service.type, (identity,)).encode() for service in services)
        menu = b"".join(MenuItem(service.type, service.description.encode()).encode() for service in services)
        prompt = MenuPrompt(self.config.prompt.timeout, self.config.prompt.text.encode()).encode()
        for tag, value in ((PxeTag.BOOT_SERVERS, servers), (PxeTag.BOOT_MENU, menu), (PxeTag.MENU_PROMPT, prompt)):
            if len(value) > 252:
                raise ConfigError(f"services: {tag.name} has {len(value)} octets, at most 252 fit")
            found.append((tag, value))
        return found

    def file_of(self, item: BootItem, request: Message) -> str | None:
        """The boot file of a type and layer; `None` for what is not served, whose request gets no answer (Note 6)."""
        layer = item.layer & ~CREDENTIAL_LAYER_BIT
        for architecture in architectures(request):
            for service in self.config.services:
                if service.type == item.type and service.suits(architecture) and layer < len(service.files):
                    return service.files[layer]
        return self.boot_file(request) if (item.type, layer) == (0, 0) else None

    def redirection(self, request: Message, identity: str) -> Message | None:
        """The PXE part of an offer or of an answer on 4011: class, tags, boot file, echoes; `None` for nothing to say.

        All other fields are as `reply` leaves them.
        """
        if request.is_http:
            uri = self.http_file(request)
            if uri is None:
                return None
            named = self.reply(request, identity).with_options((Option.CLASS_IDENTIFIER, HTTP_CLASS))
            return self.name_file(echoes(named, request), uri, None)
        if not request.is_pxe:
            return None
        file = self.boot_file(request)
        architecture = next((a for a in architectures(request) if self.services(a)), architectures(request)[0])
        if file is None and not self.services(architecture):
            return None
        tags = _NO_DISCOVERY if self.gets_second_stage(request) else self.tags(architecture, identity)
        answer = replace(self.reply(request, identity), siaddr=identity)
        answer = answer.with_options(
            (Option.CLASS_IDENTIFIER, PXE_CLASS),
            (Option.VENDOR_SPECIFIC, vendor_options.build(tags)),
        )
        answer = echoes(answer, request)
        return self.name_file(answer, file, self.store.size(file)) if file is not None else answer

    def reply(self, request: Message, identity: str) -> Message:
        """An empty BOOTREPLY to this request (RFC 2131 Table 3): fields that are copied, the rest 0; option 54."""
        return Message(
            op=BootpOp.BOOTREPLY,
            xid=request.xid,
            htype=request.htype,
            hlen=request.hlen,
            flags=request.flags,
            giaddr=request.giaddr,
            chaddr=request.chaddr,
            options=options((Option.SERVER_IDENTIFIER, socket.inet_aton(identity))),
        )

    def name_file(self, answer: Message, file: str, size: int | None) -> Message:
        """The file's name in `file` if it fits and in option 67; its size in option 13, in blocks of 512 octets."""
        name = os.fsencode(file)
        answer = answer.with_options((Option.BOOT_FILE_NAME, name))
        if len(name) <= _LONGEST_HEADER_NAME:
            answer = replace(answer, file=name)
        blocks = -(-size // 512) if size else 0
        return (
            answer.with_options((Option.BOOT_FILE_SIZE, struct.pack("!H", blocks))) if 0 < blocks <= 65535 else answer
        )

    def finish(self, answer: Message, request: Message, kind: MessageType | None) -> bytes:
        """Option 53 first, the client identifier (RFC 6842), relay information last (RFC 3046), all within the size."""
        rest = tuple(o for o in answer.options if o.code != Option.MESSAGE_TYPE)
        first = options((Option.MESSAGE_TYPE, bytes((kind,)))) if kind is not None else ()
        answer = replace(answer, options=first + rest)
        for code in (Option.CLIENT_IDENTIFIER, Option.RELAY_AGENT_INFORMATION):
            value = request.get(code)
            if value is not None:
                answer = answer.with_options((code, value))
        return fit(answer, longest_answer(request)).build()


def echoes(answer: Message, request: Message) -> Message:
    """Return the options that tell the client apart, exactly as they came."""
    found = [(code, value) for code in ECHOED if (value := request.get(code)) is not None]
    return answer.with_options(*found)


def longest_answer(request: Message) -> int:
    """Octets that the client takes. Option 57 counts the IP and UDP headers for some, so 28 are left."""
    value = request.get(Option.MAXIMUM_MESSAGE_SIZE)
    size = struct.unpack("!H", value)[0] if value is not None and len(value) == 2 else 0
    return max(DEFAULT_SIZE, min(int(size) - 28, 1472))


_INDISPENSABLE = frozenset(
    (
        Option.MESSAGE_TYPE,
        Option.SERVER_IDENTIFIER,
        Option.LEASE_TIME,
        Option.SUBNET_MASK,
        Option.ROUTER,
        Option.CLASS_IDENTIFIER,
        Option.VENDOR_SPECIFIC,
        Option.CLIENT_IDENTIFIER,
        Option.CLIENT_UUID,
    )
)


def fit(answer: Message, longest: int) -> Message:
    """Leave options out, the last ones first, until the message fits; what a boot needs stays."""
    while len(answer.build()) > longest:
        spare: list[RawOption] = [o for o in answer.options if o.code not in _INDISPENSABLE]
        if not answer.file:
            spare = [o for o in spare if o.code != Option.BOOT_FILE_NAME] or spare
        if not spare:
            break
        # RFC 3046 section 2.2: the relay's option is dropped only when nothing else helps.
        dropped = next((o for o in reversed(spare) if o.code != Option.RELAY_AGENT_INFORMATION), spare[-1])
        answer = answer.without(dropped.code)
    return answer
