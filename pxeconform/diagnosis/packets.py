"""What one packet of a capture is to the boot that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pxeconform.diagnosis.lenses.model import Reading, Subject, look
from pxeconform.diagnosis.lenses.table import LENSES, subject_of_event, subject_of_packet
from pxeconform.protocol.tftp import Ack, Data, Error, Oack, Packet, Request
from pxeconform.sessions.attempts import Role
from pxeconform.sessions.boots import Boot
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.offers import text
from pxeconform.sessions.transfers import Event, Sender, Transfer

_DOWNLOAD, _AUTHENTICITY, _EXECUTE = 7, 8, 9

STEP_OF_ROLE = {
    Role.DISCOVER: 1,
    Role.OFFER: 2,
    Role.REQUEST: 4,
    Role.ACK: 4,
    Role.NAK: 4,
    Role.DECLINE: 4,
    Role.PROXY_REQUEST: 4,
    Role.PROXY_REPLY: 4,
    Role.ITEM_REQUEST: 5,
    Role.ITEM_REPLY: 6,
    Role.CREDENTIAL_REQUEST: 8,
    Role.CREDENTIAL_REPLY: 8,
}

_MEANINGS = {
    Role.DISCOVER: "the client asks whoever listens for an address and for something to boot",
    Role.OFFER: "a server offers an address, or says what to boot, or both",
    Role.REQUEST: "the client asks for the address that it chose",
    Role.ACK: "the server confirms the address",
    Role.NAK: "the server refuses the address",
    Role.DECLINE: "the client gives the address back: somebody else uses it",
    Role.PROXY_REQUEST: "the client asks the proxy on port 4011 what to boot",
    Role.PROXY_REPLY: "the proxy tells the client what to boot",
    Role.ITEM_REQUEST: "the client asks a boot server for the chosen item of the menu",
    Role.ITEM_REPLY: "a boot server names the file of that item",
    Role.CREDENTIAL_REQUEST: "the client asks for the signed credentials of its boot file",
    Role.CREDENTIAL_REPLY: "the boot server names the file of the credentials",
    Role.OTHER: "the client says something that belongs to no step of its boot",
}


@dataclass(frozen=True, slots=True)
class PacketStory:
    """One packet: what it is and means, in which boot and step, and how each lens takes it."""

    frame: int
    what: str
    meaning: str
    source: str
    destination: str
    boot: Boot | None
    step: int | None
    readings: tuple[Reading, ...] = ()


def tell(
    frame: int, boots: Iterable[Boot], transfers: Iterable[Transfer], messages: Iterable[DhcpEvent] = ()
) -> PacketStory | None:
    """The story of a frame, or `None` for one that belongs to no boot, transfer or DHCP exchange."""
    return next(_stories(frame, list(boots), transfers, messages), None)


def _stories(
    frame: int, boots: Sequence[Boot], transfers: Iterable[Transfer], messages: Iterable[DhcpEvent]
) -> Iterator[PacketStory]:
    for boot in boots:
        for role, event in boot.evidence.attempt.messages:
            if event.frame == frame:
                yield _of_message(role, event, boot)
        for fetch in boot.evidence.fetches:
            if frame in fetch.frames or frame == fetch.last_frame:
                ends = (f"{fetch.client}:{fetch.client_port}", f"{fetch.server}:{fetch.server_port}")
                what = f"part of HTTP {fetch.method} {fetch.path}"
                yield PacketStory(frame, what, "the client fetches its boot file over HTTP", *ends, boot, _DOWNLOAD)
        for datagram in boot.evidence.icmp_about_port_4011():
            if datagram.frame == frame:
                yield _unreachable(frame, str(datagram.reporter), datagram.source, boot, 4)
    owners = {id(transfer): boot for boot in boots for transfer in boot.transfers}
    for transfer in transfers:
        owner = owners.get(id(transfer))
        for packet in transfer.events:
            if packet.frame == frame:
                yield _of_packet(packet, transfer, owner)
        for datagram in transfer.unreachable:
            if datagram.frame == frame:
                yield _unreachable(frame, str(datagram.reporter), datagram.source, owner, _step_of(transfer, owner))
    for boot in boots:
        for step in boot.steps:
            if frame in step.frames and "arp_target" in step.detail:
                what = f"ARP request for {step.detail['arp_target']}"
                meaning = "the client looks for the link address of the next host on its way"
                yield PacketStory(frame, what, meaning, str(boot.client_ip), "everybody", boot, step.number)
    for event in messages:
        if event.frame == frame:
            yield _of_message(None, event, None)


def _of_message(role: Role | None, event: DhcpEvent, boot: Boot | None) -> PacketStory:
    message = event.message
    facts = [message.type_name]
    if message.boot_file:
        facts.append(f"boot file {text(message.boot_file)}")
    if message.yiaddr != "0.0.0.0":
        facts.append(f"address {message.yiaddr}")
    if message.class_identifier is not None:
        facts.append(f"class {text(message.class_identifier)}")
    meaning = _MEANINGS[role] if role is not None else "a DHCP message of a client that does not boot from the network"
    subject = subject_of_event(role, event, boot) if role is not None and boot is not None else None
    return PacketStory(
        event.frame,
        f"DHCP{'v6' if ':' in event.source[0] else ''} {', '.join(facts)}",
        meaning,
        _endpoint(event.source),
        _endpoint(event.destination),
        boot,
        STEP_OF_ROLE.get(role) if role is not None else None,
        _through_all(subject),
    )


def _of_packet(packet: Event, transfer: Transfer, boot: Boot | None) -> PacketStory:
    what, meaning = _described(packet.packet, transfer)
    return PacketStory(
        packet.frame,
        f"TFTP {what}",
        meaning,
        _endpoint(packet.source),
        _endpoint(packet.destination),
        boot,
        _step_of(transfer, boot),
        _through_all(subject_of_packet(packet, transfer, boot) if packet.sender is Sender.SERVER else None),
    )


def _described(packet: Packet, transfer: Transfer) -> tuple[str, str]:
    name = transfer.file
    if isinstance(packet, Request):
        asked = ", ".join(f"{key}={value}" for key, value in packet.options) or "no options"
        return f"{packet.opcode.name} {name}, {asked}", "the client asks for a file"
    if isinstance(packet, Oack):
        told = ", ".join(f"{key}={value}" for key, value in packet.options)
        return f"OACK {told}", "the server says which options it takes"
    if isinstance(packet, Data):
        return f"DATA block {packet.block}, {packet.length} octets of {name}", "a piece of the file"
    if isinstance(packet, Ack):
        return f"ACK block {packet.block} of {name}", "the client has that block and asks for the next"
    if isinstance(packet, Error):
        ended = "this ends the transfer"
        probe = "the client only wanted to know the size of the file; this is normal"
        return f"ERROR {packet.code} {packet.text!r}", probe if transfer.outcome().value == "probe" else ended
    return "a packet that is no TFTP", "it belongs to the transfer by its ports alone"


def _step_of(transfer: Transfer, boot: Boot | None) -> int | None:
    if boot is None:
        return None
    found = boot.evidence
    if any(transfer is each for each in found.downloads):
        return _DOWNLOAD
    return _AUTHENTICITY if transfer.file == found.credential_file else _EXECUTE


def _unreachable(frame: int, reporter: str, client: str, boot: Boot | None, step: int | None) -> PacketStory:
    meaning = "somebody on the way says that nobody listens there"
    return PacketStory(frame, "ICMP destination unreachable", meaning, reporter, client, boot, step)


def _through_all(subject: Subject | None) -> tuple[Reading, ...]:
    if subject is None:
        return ()
    over_ipv6 = subject.event is not None and ":" in subject.event.source[0]
    return tuple(look(lens, subject) for lens in LENSES.values() if lens.knows_ipv6 or not over_ipv6)


def _endpoint(end: tuple[str, int]) -> str:
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
