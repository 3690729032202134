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
from pxeconform.sessions.transfers import Sender, Transfer

LENSES: Mapping[str, Lens] = MappingProxyType({lens.name: lens for lens in (EDK2, IPXE, INTEL)})
"""By the name that the command line knows."""

_OF_ROLE = {
    Role.OFFER: Kind.OFFER,
    Role.ACK: Kind.ACK,
    Role.PROXY_REPLY: Kind.PROXY_REPLY,
    Role.ITEM_REPLY: Kind.ITEM_REPLY,
}
_OF_PACKET = {Oack: Kind.OACK, Data: Kind.DATA, Error: Kind.ERROR}


def subjects_of_boot(boot: Boot) -> Iterator[Subject]:
    """What servers told the client: its DHCP replies, then the decisive packets of its transfers."""
    for role, event in boot.evidence.attempt.messages:
        kind = _OF_ROLE.get(role)
        if kind is not None and not event.from_client:
            yield Subject(kind, event.frame, boot, event=event)
    for transfer in boot.evidence.downloads:
        yield from subjects_of_transfer(transfer, boot)


def subjects_of_transfer(transfer: Transfer, boot: Boot | None = None) -> Iterator[Subject]:
    """The OACKs, the first DATA and the ERRORs of a server; further DATA tells a lens nothing new."""
    data_seen = False
    for event in transfer.of(Sender.SERVER):
        kind = _OF_PACKET.get(type(event.packet))
        if kind is None or (kind is Kind.DATA and data_seen):
            continue
        data_seen |= kind is Kind.DATA
        yield Subject(kind, event.frame, boot, transfer=transfer, packet=event)


def readings(boot: Boot, name: str) -> tuple[Reading, ...]:
    """How the firmware of that name would take what this client was sent; `KeyError` for a name that is none."""
    lens = LENSES[name]
    return tuple(look(lens, subject) for subject in subjects_of_boot(boot))
