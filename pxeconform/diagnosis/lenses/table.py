"""All lenses, and what they see of a boot and of a transfer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pxeconform.diagnosis.lenses.edk2 import EDK2
from pxeconform.diagnosis.lenses.intel import INTEL
from pxeconform.diagnosis.lenses.ipxe import IPXE
from pxeconform.diagnosis.lenses.model import Kind, Lens, Reading, Subject, look
from pxeconform.protocol.tftp import Data, Error, Oack
from pxeconform.sessions.attempts import Role
from pxeconform.sessions.boots import Boot
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.transfers import Event, Sender, Transfer

LENSES: Mapping[str, Lens] = MappingProxyType({lens.name: lens for lens in (EDK2, IPXE, INTEL)})
"""By the name that the command line knows."""

_OF_ROLE = {
    Role.OFFER: Kind.OFFER,
    Role.ACK: Kind.ACK,
    Role.PROXY_REPLY: Kind.PROXY_REPLY,
    Role.ITEM_REPLY: Kind.ITEM_REPLY,
}
_OF_PACKET = {Oack: Kind.OACK, Data: Kind.DATA, Error: Kind.ERROR}


def subject_of_event(role: Role, event: DhcpEvent, boot: Boot) -> Subject | None:
    """A server's DHCP reply as a lens sees it; `None` for what no lens has an opinion of."""
    kind = _OF_ROLE.get(role)
    return Subject(kind, event.frame, boot, event=event) if kind is not None and not event.from_client else None


def subject_of_packet(packet: Event, transfer: Transfer, boot: Boot | None) -> Subject | None:
    """The same for a server's TFTP packet."""
    kind = _OF_PACKET.get(type(packet.packet))
    return Subject(kind, packet.frame, boot, transfer=transfer, packet=packet) if kind is not None else None


def subjects_of_boot(boot: Boot) -> Iterator[Subject]:
    """What servers told the client: its DHCP replies, then the decisive packets of its transfers.

    Of DATA that is the first packet: further ones tell a lens nothing new.
    """
    for role, event in boot.evidence.attempt.messages:
        subject = subject_of_event(role, event, boot)
        if subject is not None:
            yield subject
    for transfer in boot.evidence.downloads:
        data_seen = False
        for packet in transfer.of(Sender.SERVER):
            subject = subject_of_packet(packet, transfer, boot)
            if subject is None or (subject.kind is Kind.DATA and data_seen):
                continue
            data_seen |= subject.kind is Kind.DATA
            yield subject


def readings(boot: Boot, name: str) -> tuple[Reading, ...]:
    """How the firmware of that name would take what this client was sent; `KeyError` for a name that is none."""
    lens = LENSES[name]
    if boot.family == "ipv6" and not lens.knows_ipv6:
        return ()
    return tuple(look(lens, subject) for subject in subjects_of_boot(boot))
