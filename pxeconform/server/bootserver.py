"""Port 4011: answers of the redirection service and of the boot service (PXE 2.1 sections 2.2 to 2.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from dataclasses import replace

from pxeconform.protocol import vendor_options
from pxeconform.protocol.dhcp import NOWHERE, Message
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import CERTIFICATE_ID_DSA, PxeTag
from pxeconform.server.answers import PXE_CLASS, Answers, boot_item_of, echoes, read_request
from pxeconform.server.datagrams import PXE_SOCKET, Address, Incoming, Outgoing


class BootServer:
    """A core (`datagrams.Core`) without state; `DhcpServer` hands it the boot server requests that come to port 67.

    Each answer is made in steps that a subclass may replace: `choose_file`, `choose_credentials`, `build_answer`,
    `destination`.
    """

    def __init__(self, answers: Answers, log: Callable[[str], None] = lambda text: None) -> None:
        self.answers = answers
        self.log = log

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        """See `Core`: a datagram that came to port 4011, by unicast or to the discovery group."""
        if incoming.socket != PXE_SOCKET:
            return []
        request = read_request(incoming)
        return [] if request is None else self.on_request(request, incoming)

    def tick(self, now: float) -> list[Outgoing]:
        """See `Core`."""
        return []

    def deadline(self) -> float | None:
        """See `Core`."""
        return None

    def sockets(self) -> Collection[str]:
        """See `Core`."""
        return ()

    def close(self) -> None:
        """See `Core`."""

    def on_request(self, request: Message, incoming: Incoming) -> list[Outgoing]:
        """Answer a PXE client's REQUEST or INFORM; anything else is met with silence."""
        if not self.accepts(request):
            return []
        tags = request.vendor_options
        if tags is not None and PxeTag.BOOT_ITEM in tags:
            item = boot_item_of(request)
            answer = self.boot_answer(item, request, incoming) if item is not None else None
        else:
            answer = self.proxy_answer(request, incoming)
        if answer is None:
            self.log(f"pxe: nothing for {request.mac} from {incoming.source[0]}")
            return []
        self.log(f"pxe: {request.mac} gets {answer.boot_file.decode('utf-8', 'backslashreplace') or 'tags'}")
        return self.send(answer, request, incoming)

    def accepts(self, request: Message) -> bool:
        """Only PXE clients, and only the two message types of Table 2-4."""
        return request.is_pxe and request.type in (MessageType.REQUEST, MessageType.INFORM)

    def proxy_answer(self, request: Message, incoming: Incoming) -> Message | None:
        """The answer to a client that was sent here for its tags (section 2.5.1.1); not for port 67."""
        if incoming.socket != PXE_SOCKET:
            return None
        return self.answers.redirection(request, self.answers.identity(incoming))

    def boot_answer(self, item: BootItem, request: Message, incoming: Incoming) -> Message | None:
        """The answer to boot server discovery or to a credential request; `None` is silence."""
        # Step 5 begins with an address; without one there is nowhere that a unicast answer could go.
        if request.ciaddr == NOWHERE:
            return None
        file = self.choose_file(item, request)
        if file is None or self.answers.store.size(file) is None:
            return None
        wanted = self.wanted_credential_types(item, request)
        if wanted is None:
            return self.build_answer(item, file, None, request, incoming)
        chosen = self.choose_credentials(file, wanted)
        if chosen is None or self.answers.store.size(chosen[1]) is None:
            return None
        return self.build_answer(item, chosen[1] if item.wants_credentials else file, chosen[0], request, incoming)

    def choose_file(self, item: BootItem, request: Message) -> str | None:
        """The file of that type and layer. A credential request that names another file cannot be met."""
        file = self.answers.file_of(item, request)
        if item.wants_credentials and file is not None and request.boot_file:
            named = request.boot_file.decode("utf-8", "surrogateescape")
            return file if named == file else None
        return file

    def wanted_credential_types(self, item: BootItem, request: Message) -> tuple[int, ...] | None:
        """Tag 12 of the request; `None` if no credentials matter, empty if what it holds makes no sense.

        Without the tag a credential request means 1024 bit DSA with SHA-1 (section 2.5.3). A client that sends it with
        a plain request wants to know beforehand which type it will get (Note 5).
        """
        tags = request.vendor_options
        if tags is None or PxeTag.CREDENTIAL_TYPES not in tags:
            return (CERTIFICATE_ID_DSA,) if item.wants_credentials else None
        return tags.credential_types or ()

    def choose_credentials(self, file: str, wanted: tuple[int, ...]) -> tuple[int, str] | None:
        """The first type in the client's order that there is a credentials file for, and that file."""
        known = self.answers.config.credentials.get(file, {})
        return next(((kind, known[kind]) for kind in wanted if kind in known), None)

    def build_answer(
        self, item: BootItem, file: str, credential_type: int | None, request: Message, incoming: Incoming
    ) -> Message:
        """The fields of Table 2-5, or 2-7 for credentials. Type and layer go back as they came."""
        tags: list[tuple[int, bytes]] = [(PxeTag.BOOT_ITEM, item.encode())]
        if credential_type is not None:
            tags.append((PxeTag.CREDENTIAL_TYPES, struct.pack("!I", credential_type)))
        identity = self.answers.identity(incoming)
        answer = replace(
            self.answers.reply(request, identity),
            yiaddr=request.ciaddr,
            # Section 2.4.8 wants it null with credentials; for a boot file, clients take the TFTP server from here.
            siaddr=NOWHERE if item.wants_credentials else identity,
        ).with_options(
            (Option.CLASS_IDENTIFIER, PXE_CLASS),
            (Option.VENDOR_SPECIFIC, vendor_options.build(tags)),
        )
        return self.answers.name_file(echoes(answer, request), file, self.answers.store.size(file))

    def send(self, answer: Message, request: Message, incoming: Incoming) -> list[Outgoing]:
        """From the socket that was asked."""
        payload = self.answers.finish(answer, request, MessageType.ACK)
        to = self.destination(request, incoming)
        return [Outgoing(payload, to, incoming.socket, self.answers.identity(incoming), incoming.interface)]

    def destination(self, request: Message, incoming: Incoming) -> Address:
        """The client's own port (section 2.2.1 step 6); a relay's port if one brought a broadcast here."""
        if incoming.socket != PXE_SOCKET and request.giaddr != NOWHERE:
            return request.giaddr, self.answers.config.relay_port
        address, port = incoming.source
        return (request.ciaddr if address == NOWHERE else address), port
