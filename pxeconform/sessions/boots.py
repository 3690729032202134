"""Boots: every attempt of a client to boot from the network, in nine steps."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count

from pxeconform.protocol.dhcp import Message
from pxeconform.registry.architectures import architecture_name
from pxeconform.sessions import nbp as programs
from pxeconform.sessions.attempts import SECOND, Attempt, Role, find_attempts
from pxeconform.sessions.evidence import Evidence, gather, index
from pxeconform.sessions.firmware import Firmware, Recognition, is_ipxe
from pxeconform.sessions.nbp import Nbp
from pxeconform.sessions.offers import Offer, OfferKind, text
from pxeconform.sessions.sessions import Sessions
from pxeconform.sessions.steps import Status, Step, nine_steps
from pxeconform.sessions.transfers import Outcome, Transfer

_CHAIN_LOADING = 60 * SECOND
"""A loader does its own DHCP within this time after it was delivered; later it is a new start of the machine."""

_LOADS_PROGRAMS_ALONE = frozenset({Firmware.EDK2, Firmware.INTEL, Firmware.IPXE})
_ETHERNET_ADDRESS = 6
_STEP_DOWNLOAD, _STEP_AUTHENTICITY, _STEP_EXECUTE = 7, 8, 9


class BootOutcome(Enum):
    """How a boot ended."""

    BOOTED = "booted"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Boot:
    """One attempt. `parent` is the boot whose program began this one; times are ns, addresses dotted quads."""

    number: int
    parent: int | None
    client_mac: str | None
    uuid: str | None
    arch: int | None
    recognition: Recognition
    vendor_class: str | None
    client_ip: str | None
    dhcp_server: str | None
    proxy_server: str | None
    boot_server: str | None
    boot_file: str | None
    started: int
    ended: int
    outcome: BootOutcome
    steps: tuple[Step, ...]
    nbp: Nbp | None
    evidence: Evidence
    family: str = "ipv4"

    @property
    def firmware(self) -> Firmware:
        """Who the client is, as far as its packets tell."""
        return self.recognition.firmware

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All offers that the client got, in order."""
        return self.evidence.offers

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """All transfers of the client during this boot."""
        return tuple(self.evidence.attempt.transfers)

    @property
    def arch_name(self) -> str | None:
        """The architecture as the registry calls it."""
        return architecture_name(self.arch) if self.arch is not None else None

    @property
    def failed_step(self) -> Step | None:
        """The step whose owed packet is missing."""
        return next((step for step in self.steps if step.status is Status.FAILED), None)

    def step(self, number: int) -> Step:
        """One of the nine, counted from 1."""
        return self.steps[number - 1]


def find_boots(sessions: Sessions, capture_end: int) -> list[Boot]:
    """All boots of a trace by their start; `capture_end` is the time of its last packet, ns."""
    return [boot for boot, _ in each_boot(sessions, capture_end)]


def each_boot(sessions: Sessions, capture_end: int) -> Iterator[tuple[Boot, Boot | None]]:
    """The same one at a time, each with the one whose program began it.

    A boot is held only while one that may follow from it is still to come: most boots of a storm are alone.
    """
    trace = index(sessions)
    attempts = deque(sorted(find_attempts(sessions), key=lambda attempt: attempt.started))
    followers = Counter(id(attempt.previous) for attempt in attempts if attempt.previous is not None)
    held: dict[int, Boot] = {}
    for number in count(1):
        if not attempts:
            return
        attempt = attempts.popleft()
        own, earlier = id(attempt), id(attempt.previous)
        before = held.get(earlier) if attempt.previous is not None else None
        boot = _looped(_boot(number, gather(attempt, trace, capture_end), before), before)
        followers[earlier] -= 1
        if not followers[earlier]:
            held.pop(earlier, None)
        if followers[own] > 0:
            held[own] = boot
        yield boot, before if boot.parent is not None else None


def _boot(number: int, found: Evidence, before: Boot | None) -> Boot:
    attempt = found.attempt
    first = attempt.first
    message = first.message if first is not None else None
    arch = message.architectures[0] if message is not None and message.architectures else None
    nbp = _program(found, arch)
    steps = nine_steps(found, nbp)
    return Boot(
        number=number,
        parent=before.number if before is not None and _is_child(found, before) else None,
        client_mac=_mac(attempt),
        uuid=_uuid(attempt),
        arch=arch,
        recognition=found.recognition,
        vendor_class=_class(message),
        client_ip=found.client_ip,
        dhcp_server=_dhcp_server(found),
        proxy_server=_proxy_server(found),
        boot_server=_boot_server(found),
        boot_file=_boot_file(found),
        started=attempt.started,
        ended=attempt.last,
        outcome=_outcome(steps),
        steps=steps,
        nbp=nbp,
        evidence=found,
        family=attempt.family,
    )


def _looped(boot: Boot, before: Boot | None) -> Boot:
    """A loader that gets itself again does not come any further, however well each download goes."""
    if before is None or boot.parent != before.number or boot.outcome is not BootOutcome.BOOTED:
        return boot
    again = boot.nbp is not None and before.nbp is not None and boot.nbp.file == before.nbp.file
    if not again or boot.boot_server != before.boot_server or _is_script(boot):
        return boot
    execute = replace(
        boot.step(_STEP_EXECUTE),
        status=Status.FAILED,
        detail={"reason": f"{boot.boot_file} is what loaded it"},
    )
    return replace(boot, outcome=BootOutcome.FAILED, steps=(*boot.steps[: _STEP_EXECUTE - 1], execute))


def _is_script(boot: Boot) -> bool:
    """The boot file is a script: fetched twice it is still no program that loads itself."""
    return boot.nbp is not None and boot.nbp.image.format is programs.Format.SCRIPT


def _outcome(steps: Sequence[Step]) -> BootOutcome:
    if any(step.status is Status.FAILED for step in steps):
        return BootOutcome.FAILED
    whole = steps[_STEP_DOWNLOAD - 1].status is Status.DONE
    trusted = steps[_STEP_AUTHENTICITY - 1].status in (Status.DONE, Status.NOT_NEEDED)
    return BootOutcome.BOOTED if whole and trusted else BootOutcome.INCOMPLETE


def _is_child(found: Evidence, before: Boot) -> bool:
    """What the earlier boot loaded is what asks now: right after the download, by another program or by a loader."""
    if before.step(_STEP_DOWNLOAD).status is not Status.DONE:
        return False
    own, theirs = found.attempt.first, before.evidence.attempt.first
    if own is None or theirs is None or found.attempt.started - before.ended > _CHAIN_LOADING:
        return False
    later = before.evidence.abandoned
    return is_ipxe(own.message) or (later is not None and not later.same_program)


def _program(found: Evidence, arch: int | None) -> Nbp | None:
    transfer, fetch = found.download, found.fetch
    loader = found.firmware is not Firmware.EDK2 and found.firmware is not Firmware.INTEL
    if transfer is not None:
        content = transfer.content
        image = programs.examine(bytes(content.head))
        # A capture that cut the packets holds too little to tell that something is missing.
        whole = transfer.outcome() is Outcome.COMPLETE and 0 < len(content.head) == min(content.octets, content.keep)
        # What a Raspberry Pi, U-Boot or a script asks for may well be a configuration.
        named = found.file_source is not None and found.firmware in _LOADS_PROGRAMS_ALONE
        program = image.format is not programs.Format.TEXT or named
        fits = programs.matches(image, arch, loader=loader) if whole and program else None
        return Nbp(transfer.file, content.octets, content.sha256, image, fits)
    if fetch is not None and fetch.method == "GET":
        image = programs.examine(bytes(fetch.head))
        # Disk images are boot files too over HTTP, so only a program of another machine is a contradiction.
        known = image.format is programs.Format.PE and fetch.complete
        fits = programs.matches(image, arch, loader=loader) if known else None
        return Nbp(fetch.path, fetch.octets, None, image, fits)
    return None


def _mac(attempt: Attempt) -> str | None:
    client = attempt.client
    if len(client) != _ETHERNET_ADDRESS:
        # EDK2 can put the GUID in place of the address; the frame still has it.
        first = attempt.first
        client = first.source_mac if first is not None and len(client) == 16 else client
    return client.hex(":") or None


def _uuid(attempt: Attempt) -> str | None:
    for _, event in attempt.messages:
        if event.message.uuid is not None:
            return str(event.message.uuid)
    return None


def _class(message: Message | None) -> str | None:
    value = message.class_identifier if message is not None else None
    return text(value) if value is not None else None


def _dhcp_server(found: Evidence) -> str | None:
    acks = found.of(Role.ACK)
    if acks:
        return acks[-1].server
    giving = [offer for offer in found.offers if offer.gives_address]
    return next((offer.server for offer in (*(o for o in giving if o.selected), *giving)), None)


def _proxy_server(found: Evidence) -> str | None:
    proxies = [offer for offer in found.offers if offer.kind is OfferKind.PROXY and offer.is_of_use]
    asked = [event.destination[0] for event in found.of(Role.PROXY_REQUEST)]
    chosen = [offer.server for offer in proxies if offer.selected]
    return next(iter((*chosen, *asked, *(offer.server for offer in proxies))), None)


def _boot_server(found: Evidence) -> str | None:
    if found.download is not None:
        return found.download.server
    if found.fetch is not None:
        return found.fetch.server
    replies = found.of(Role.ITEM_REPLY)
    asked = [e.destination[0] for e in found.of(Role.ITEM_REQUEST) if not e.destination[0].startswith(("255.", "224."))]
    if not replies and asked:
        return asked[-1]
    return found.server_of_file


def _boot_file(found: Evidence) -> str | None:
    """The name that the client was told; over IPv6 that is a URL, of which TFTP carries the path."""
    download = found.download
    told = text(found.file_source.message.boot_file) if found.file_source is not None else ""
    over_tftp = told.lower().startswith("tftp://")
    if found.attempt.family == "ipv6" and (download is not None or over_tftp):
        return download.file if download is not None else told.split("/", 3)[-1].partition(";")[0]
    if told and (download is None or download.file in _names(found)):
        return told
    if download is not None:
        return download.file
    return found.fetch.path if found.fetch is not None else None


def _names(found: Evidence) -> tuple[str, ...]:
    name = text(found.file_source.message.boot_file) if found.file_source is not None else ""
    return (name, name.lstrip("/"), name.partition("://")[2].partition("/")[2])
