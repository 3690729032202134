"""A PXE client that has its address and asks boot servers. Packets are built by Scapy."""

from __future__ import annotations

import random as random_module
import time
from collections.abc import Callable, Iterable
from uuid import UUID

from pxeconform.protocol import dhcp
from pxeconform.protocol.dhcp import Message
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.runner.endpoint import Address, Endpoint

_NETWORK_INTERFACE = (1, 2, 1)
"""Option 94: UNDI 2.1, as PXE 2.1 demands."""

_WANTED_OPTIONS = bytes((1, 3, 43, 60, 66, 67, *range(128, 136)))


class PxeClient:
    """One client on one port: its hardware address, UUID and architecture stay the same."""

    def __init__(
        self,
        endpoint: Endpoint,
        server: Address,
        *,
        mac: bytes,
        uuid: UUID,
        architecture: int,
        random: random_module.Random,
        tries: Callable[[], tuple[float, ...]],
        noted: Callable[[float], None],
    ) -> None:
        self.endpoint = endpoint
        self.server = server
        self._mac, self._uuid, self._architecture = mac, uuid, architecture
        self._random, self._tries, self._noted = random, tries, noted

    def ask(
        self,
        item: BootItem | None = None,
        *,
        kind: MessageType = MessageType.REQUEST,
        credential_types: Iterable[int] | None = None,
        vendor_class: bytes | None = None,
        file: bytes = b"",
        patiently: bool = True,
    ) -> Message | None:
        """Ask the boot server, and give its reply.

        `patiently` repeats the question after 1, 2 and 3 seconds (PXE 2.1 figure 2-2) and waits 4 more; without it the
        question is asked once, and the caller watches for what must not come. An empty `vendor_class` leaves option 60
        out.
        """
        question = self._question(item, kind, credential_types, vendor_class, file)
        for wait in self._tries() if patiently else (0.0,):
            asked = time.monotonic()
            self.endpoint.send(question, self.server)
            reply = self._reply(wait)
            if reply is not None:
                self._noted(time.monotonic() - asked)
                return reply
            if self.endpoint.unreachable:
                return None
        return None

    def wait(self, seconds: float) -> Message | None:
        """The next reply within that time, to whatever was asked before."""
        asked = time.monotonic()
        reply = self._reply(seconds)
        if reply is not None:
            self._noted(time.monotonic() - asked)
        return reply

    def _reply(self, wait: float) -> Message | None:
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            arrival = self.endpoint.receive(left)
            if arrival is None:
                return None
            message = dhcp.parse(arrival.payload)
            if message is not None:
                return message
        return None

    def _question(
        self,
        item: BootItem | None,
        kind: MessageType,
        credential_types: Iterable[int] | None,
        vendor_class: bytes | None,
        file: bytes,
    ) -> bytes:
        from pxeconform.protocol.layers import dhcp_packet

        if vendor_class is None:
            major, minor = _NETWORK_INTERFACE[1:]
            vendor_class = b"PXEClient:Arch:%05d:UNDI:%03d%03d" % (self._architecture, major, minor)
        options: dict[int, bytes] = {int(Option.PARAMETER_REQUEST_LIST): _WANTED_OPTIONS}
        if vendor_class:
            options[Option.CLASS_IDENTIFIER] = vendor_class
        tags = self._tags(item, credential_types)
        if tags:
            options[Option.VENDOR_SPECIFIC] = tags
        packet = dhcp_packet(
            op=1,
            xid=self._random.getrandbits(32),
            chaddr=self._mac,
            ciaddr=self.endpoint.address[0],
            file=file,
            message_type=int(kind),
            pxe_client_architecture=self._architecture,
            pxe_client_network_interface=_NETWORK_INTERFACE,
            pxe_client_machine_identifier=self._uuid,
            more=options,
        )
        return bytes(packet)

    @staticmethod
    def _tags(item: BootItem | None, credential_types: Iterable[int] | None) -> bytes:
        from pxeconform.protocol.layers import PXEBootItem, PXECredentialTypes, PXEEnd, PXEVendorOptions

        tags: list[object] = []
        if item is not None:
            tags.append(PXEBootItem(type=item.type, credentials=item.wants_credentials, layer=item.layer & 0x7FFF))
        if credential_types is not None:
            tags.append(PXECredentialTypes(types=list(credential_types)))
        return bytes(PXEVendorOptions(tags=[*tags, PXEEnd()])) if tags else b""
