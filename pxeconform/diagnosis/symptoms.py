"""How each cause of a failed boot looks in its nine steps: one function a symptom.

Each tells what it saw, or `None`. What to make of it stands in the table of `pxeconform.diagnosis.boots`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pxeconform.diagnosis.lenses.model import Kind, Subject, look
from pxeconform.diagnosis.lenses.table import LENSES
from pxeconform.diagnosis.model import Symptom
from pxeconform.protocol.dhcp import NOWHERE
from pxeconform.registry.dhcp_options import Option
from pxeconform.registry.pxe_tags import DiscoveryControl
from pxeconform.registry.screen_codes import CAUSE_CODES, IPXE_HTTP_NOT_FOUND, IPXE_HTTP_REFUSED, CauseCodes
from pxeconform.sessions.attempts import SECOND, Role
from pxeconform.sessions.boots import Boot, BootOutcome
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.firmware import Firmware
from pxeconform.sessions.http import CONNECT, ENCRYPTED, Fetch
from pxeconform.sessions.offers import Lead, Offer, OfferKind, defects, lead_of, next_server
from pxeconform.sessions.steps import Status, http_trouble

_IPXE_SECS_OF_LATER_TRY = 8
_SECS_OF_LATER_TRY = 4
_LATE = 3 * SECOND
_SLOW_SERVER = 7 * SECOND // 2
"""Servers that test an address before they offer it take up to three seconds."""

_HTTP_NOT_FOUND = 404
_AT_ONCE = SECOND // 5
_STEP_OFFER, _STEP_SELECT, _STEP_ADDRESS, _STEP_DISCOVERY, _STEP_REPLY, STEP_DOWNLOAD = 2, 3, 4, 5, 6, 7
_STEP_AUTHENTICITY, _STEP_EXECUTE = 8, 9


@dataclass(frozen=True, slots=True)
class BootCase:
    """A boot and, if there is one, the boot that loaded it."""

    boot: Boot
    parent: Boot | None

    def failed_at(self, number: int) -> bool:
        """That step's owed packet is missing."""
        return self.boot.step(number).status is Status.FAILED

    def frames(self, *roles: Role) -> tuple[int, ...]:
        """Frames of the messages in these roles."""
        return tuple(event.frame for event in self.boot.evidence.of(*roles))


def no_offer(case: BootCase) -> Symptom | None:
    """DISCOVERs, and nothing of use came back."""
    if not case.failed_at(_STEP_OFFER) or any(offer.is_of_use for offer in case.boot.offers):
        return None
    frames = case.frames(Role.DISCOVER)
    asked = "SOLICITs" if case.boot.family == "ipv6" else "DISCOVERs"
    empty = tuple(offer.frame for offer in case.boot.offers)
    text = f"{len(frames)} {asked} brought neither an address nor a proxy offer"
    usual = CAUSE_CODES["no-dhcp-offer"]
    codes = replace(usual, edk2="PXE-E16") if case.boot.family == "ipv6" else usual
    return Symptom(text + (": the answers are empty" if empty else ""), (*frames, *empty), codes=codes)


def proxy_only(case: BootCase) -> Symptom | None:
    """Offers came, and none of them has an address."""
    if not case.failed_at(_STEP_OFFER) or not any(offer.is_of_use for offer in case.boot.offers):
        return None
    servers = ", ".join(sorted({offer.server for offer in case.boot.offers}))
    text = f"only proxy offers came (from {servers}); no server offered an address"
    return Symptom(text, (*case.frames(Role.DISCOVER), *(offer.frame for offer in case.boot.offers)))


def malformed(case: BootCase) -> Symptom | None:
    """The replies that the client waited for are there, and built so that clients do or must reject them."""
    return _offers_rejected(case) if case.failed_at(_STEP_SELECT) else _replies_rejected(case)


def _offers_rejected(case: BootCase) -> Symptom | None:
    found = case.boot.evidence
    xids = frozenset(found.attempt.xids)
    giving = [offer for offer in case.boot.offers if offer.gives_address]
    # An offer that names nothing to boot is refused for that; it is another cause.
    leads = found.lead is not Lead.NOWHERE
    bad = [(o, defects(o, xids) or (_refused(case, o.event, Kind.OFFER) if leads else ())) for o in giving]
    if not bad or not all(problems for _, problems in bad):
        return None
    offer, problems = bad[0]
    text = f"the client ignores the offer of {offer.server}: {'; '.join(problems)}"
    # On its screen that is no different from no offer at all.
    return Symptom(text, tuple(offer.frame for offer, _ in bad), "likely", CAUSE_CODES["no-dhcp-offer"])


_AWAITED = (
    (_STEP_ADDRESS, Role.PROXY_REPLY, Kind.PROXY_REPLY, Role.PROXY_REQUEST),
    (_STEP_ADDRESS, Role.ACK, Kind.ACK, Role.REQUEST),
    (_STEP_REPLY, Role.ITEM_REPLY, Kind.ITEM_REPLY, Role.ITEM_REQUEST),
)


def _replies_rejected(case: BootCase) -> Symptom | None:
    """Answers came and the client goes on asking; its own lens may say why."""
    for step, role, kind, asked in _AWAITED:
        replies = case.boot.evidence.of(role)
        if not case.failed_at(step) or not replies or case.frames(Role.DECLINE, Role.NAK):
            continue
        if role is Role.PROXY_REPLY and _empty_answer(case) is not None:
            continue
        if role is Role.ACK and case.frames(Role.PROXY_REQUEST):
            continue
        why = [reason for event in replies for reason in _refused(case, event, kind)]
        if not why:
            continue
        text = f"{replies[0].server} answers, and the client goes on asking: {why[0]}"
        return Symptom(text, (*case.frames(asked), *(event.frame for event in replies)), "likely")
    return None


def _unheard(case: BootCase, asked: Role, answered: Role) -> Symptom | None:
    """Answers without a fault are in the capture, and the client goes on asking: they do not reach it."""
    replies = case.boot.evidence.of(answered)
    if malformed(case) is not None:
        return None
    text = f"{replies[0].server} answers, and the client goes on asking as if nothing came: the answers do not reach it"
    advice = "The answers are sent: find what drops them before the client (DHCP snooping, a filter on its port, VLAN)."
    return Symptom(text, (*case.frames(asked), *(event.frame for event in replies)), "likely", advice=advice)


def _refused(case: BootCase, event: DhcpEvent, kind: Kind) -> tuple[str, ...]:
    """Why the client's own firmware would not take a reply, if its lens is known."""
    lens = LENSES.get(case.boot.firmware.value)
    if lens is None or event.message.cut:
        return ()
    reading = look(lens, Subject(kind, event.frame, case.boot, event=event))
    return (reading.reason,) if reading.verdict != "accepts" else ()


def no_boot_file(case: BootCase) -> Symptom | None:
    """An address, but neither the name of a boot file nor a way to ask for one."""
    boot = case.boot
    stuck = case.failed_at(_STEP_SELECT) or (case.failed_at(STEP_DOWNLOAD) and boot.evidence.download is None)
    nothing = boot.evidence.lead is Lead.NOWHERE and boot.evidence.file_source is None and boot.evidence.fetch is None
    if not stuck or not nothing or _empty_answer(case) is not None:
        return None
    replies = boot.evidence.of(Role.OFFER, Role.ACK, Role.PROXY_REPLY)
    frames = tuple(event.frame for event in replies)
    codes = CAUSE_CODES["no-boot-file"]
    if any(_only_offered_file(event) for event in replies):
        text = "tag 6 of option 43 says to load the offered boot file, and none is offered, nor a menu"
        return Symptom(text, frames, codes=CauseCodes(codes.intel, "PXE-E21", codes.ipxe))
    if boot.family == "ipv6":
        text = "there is an address, but no reply has the URL of a boot file (option 59)"
        advice = "Let the DHCPv6 server send option 59, as tftp://[address of the server]/file, to this architecture."
        return Symptom(text, frames, codes=CauseCodes(None, "PXE-E21", codes.ipxe), advice=advice)
    first = boot.evidence.attempt.first
    if first is not None and first.message.is_http:
        text = "there is an address, but no reply has the URL of a boot file, and this client boots by HTTP alone"
        advice = "Answer class HTTPClient with option 60 HTTPClient and a boot file http://..., or choose PXE in setup."
        return Symptom(text, frames, codes=CauseCodes(None, None, None), advice=advice)
    return Symptom("there is an address, but no reply names a boot file or a service to ask for one", frames)


def _only_offered_file(event: DhcpEvent) -> bool:
    tags = event.message.vendor_options
    control = tags.discovery_control if tags is not None else None
    return control is not None and bool(control & DiscoveryControl.DOWNLOAD_OFFERED_FILE)


def _empty_answer(case: BootCase) -> tuple[DhcpEvent, ...] | None:
    """Replies on port 4011 that neither name a file nor lead anywhere else by their tags."""
    replies = case.boot.evidence.of(Role.PROXY_REPLY)
    empty = [
        e for e in replies if lead_of(e.message) is Lead.PROXY or (not e.message.is_pxe and not e.message.boot_file)
    ]
    return replies if replies and len(empty) == len(replies) and case.boot.evidence.download is None else None


def proxy_silent(case: BootCase) -> Symptom | None:
    """Requests to port 4011 without a boot item that brought nothing to boot."""
    found = case.boot.evidence
    requests = found.of(Role.PROXY_REQUEST)
    replies = found.of(Role.PROXY_REPLY)
    server = requests[0].destination[0] if requests else "the proxy"
    empty = _empty_answer(case)
    if empty is not None and case.failed_at(STEP_DOWNLOAD):
        return Symptom(
            f"{server} answers on port 4011 with nothing to boot", tuple(e.frame for e in (*requests, *empty))
        )
    if replies and requests and case.failed_at(_STEP_ADDRESS) and empty is None:
        return _unheard(case, Role.PROXY_REQUEST, Role.PROXY_REPLY)
    if replies or not requests:
        return None
    icmp = found.icmp_about_port_4011()
    how = "ICMP unreachable" if icmp else "silence"
    frames = tuple(event.frame for event in requests) + tuple(datagram.frame for datagram in icmp)
    text = f"{server} announced itself as proxy, and answers {len(requests)} requests to port 4011 with {how}"
    if case.failed_at(_STEP_ADDRESS):
        return Symptom(text, frames)
    # iPXE goes on without the proxy after two seconds.
    went_on = case.boot.step(_STEP_ADDRESS).status is Status.DONE
    return Symptom(text, frames, severity="warning") if went_on else None


def boot_server_silent(case: BootCase) -> Symptom | None:
    """Requests with a boot item (tag 71) that nobody answered."""
    if not case.failed_at(_STEP_REPLY):
        return None
    found = case.boot.evidence
    requests = found.of(Role.ITEM_REQUEST)
    if found.of(Role.ITEM_REPLY):
        return _unheard(case, Role.ITEM_REQUEST, Role.ITEM_REPLY)
    to = ", ".join(sorted({event.destination[0] for event in requests}))
    icmp = found.icmp_about_port_4011()
    text = f"{len(requests)} boot server requests to {to} brought no answer" + (
        ", but ICMP unreachable" if icmp else ""
    )
    frames = tuple(event.frame for event in requests) + tuple(datagram.frame for datagram in icmp)
    code = CAUSE_CODES["boot-server-silent"]
    return Symptom(text, frames, codes=code)


def offers_ignored(case: BootCase) -> Symptom | None:
    """Offers that lack nothing, and no REQUEST."""
    if not case.failed_at(_STEP_SELECT) or case.boot.evidence.lead is Lead.NOWHERE or malformed(case) is not None:
        return None
    giving = [offer for offer in case.boot.offers if offer.gives_address]
    servers = ", ".join(sorted({offer.server for offer in giving}))
    text = f"the offers of {servers} lack nothing, and the client requests none of them"
    return Symptom(text, (*case.frames(Role.DISCOVER), *(offer.frame for offer in giving)), "likely")


def nak(case: BootCase) -> Symptom | None:
    """The REQUEST was refused."""
    found = case.boot.evidence
    naks = found.of(Role.NAK)
    if not case.failed_at(_STEP_ADDRESS) or not naks or found.of(Role.ACK):
        return None
    said = (naks[-1].message.get(Option.MESSAGE) or b"").decode("latin-1")
    refuses, offered = naks[-1].server, {offer.server for offer in case.boot.offers if offer.selected}
    text = f"{refuses} refuses the address with NAK" + (f": {said!r}" if said else "")
    other = f"{refuses} refuses what {', '.join(offered)} offered: let only one of them serve this network."
    own = f"Look into the log of {refuses} for this client: a lease of another subnet, or an odd reservation."
    return Symptom(text, case.frames(Role.REQUEST, Role.NAK), advice=other if offered - {refuses} else own)


def request_unanswered(case: BootCase) -> Symptom | None:
    """REQUESTs without ACK or NAK, or as if none came."""
    found = case.boot.evidence
    requests = found.of(Role.REQUEST)
    if not case.failed_at(_STEP_ADDRESS) or not requests or found.of(Role.DECLINE, Role.PROXY_REQUEST):
        return None
    if found.of(Role.ACK):
        step = case.boot.step(_STEP_ADDRESS)
        return None if "arp_target" in step.detail else _unheard(case, Role.REQUEST, Role.ACK)
    if found.of(Role.NAK):
        return None
    return Symptom(f"{len(requests)} REQUESTs were answered neither by ACK nor by NAK", case.frames(Role.REQUEST))


def conflict(case: BootCase) -> Symptom | None:
    """DECLINE after the ACK."""
    found = case.boot.evidence
    declines = found.of(Role.DECLINE)
    if not case.failed_at(_STEP_ADDRESS) or not declines:
        return None
    frames = case.frames(Role.ACK, Role.DECLINE)
    acks = found.of(Role.ACK)
    probed = acks and found.trace.neighbours.asked_between(acks[0].time, declines[-1].time, acks[0].message.yiaddr)
    if probed:
        return Symptom("the client asked who has its address, and declined it: another station has it", frames)
    text = "the client declined its address, and no ARP probe was seen: another station may have it, or it looks unfit"
    return Symptom(text, frames, "likely")


def arp(case: BootCase) -> Symptom | None:
    """The step that failed waits for an ARP reply."""
    step = case.boot.failed_step
    target = step.detail.get("arp_target") if step is not None else None
    if step is None or target is None:
        return None
    asked = "neighbour solicitations" if case.boot.family == "ipv6" else "ARP requests"
    codes = CAUSE_CODES["arp-unanswered"]
    if step.number in (_STEP_DISCOVERY, _STEP_REPLY):
        codes = replace(codes, ipxe=CAUSE_CODES["boot-server-silent"].ipxe)
    return Symptom(f"nobody answers the client's {asked} for {target}", step.frames, codes=codes)


def wrong_architecture(case: BootCase) -> Symptom | None:
    """The file cannot run on the client."""
    boot = case.boot
    nbp = boot.nbp
    if nbp is None or nbp.matches_arch is not False:
        return None
    what = " ".join(part for part in (nbp.image.format.value.upper(), nbp.image.machine) if part)
    text = f"{nbp.file} is {what}, the client is {boot.arch_name} (architecture {boot.arch})"
    return Symptom(text, boot.step(STEP_DOWNLOAD).frames)


def not_started(case: BootCase) -> Symptom | None:
    """The boot file came whole, and its traffic never did."""
    execute = case.boot.step(_STEP_EXECUTE)
    if execute.detail.get("silent") is True:
        text = f"{case.boot.boot_file} arrived whole, and the client is silent for half a minute after it"
        return Symptom(text, case.boot.step(STEP_DOWNLOAD).frames, "possible", severity="warning")
    if not case.failed_at(_STEP_EXECUTE) or wrong_architecture(case) is not None or loop(case) is not None:
        return None
    later = case.boot.evidence.abandoned
    how = later.how if later is not None else "another attempt"
    text = f"{case.boot.boot_file} arrived whole, and the firmware goes on with {how} at once instead of running it"
    return Symptom(text, (*case.boot.step(STEP_DOWNLOAD).frames, *case.boot.step(_STEP_EXECUTE).frames), "likely")


def loop(case: BootCase) -> Symptom | None:
    """A loader was loaded by the same loader."""
    boot, parent = case.boot, case.parent
    if not case.failed_at(_STEP_EXECUTE) or parent is None or boot.nbp is None or parent.nbp is None:
        return None
    if boot.nbp.file != parent.nbp.file or boot.boot_server != parent.boot_server:
        return None
    text = f"{boot.boot_file} was loaded by itself: the server hands the loader the same loader again"
    return Symptom(text, (*parent.step(STEP_DOWNLOAD).frames, *boot.step(STEP_DOWNLOAD).frames))


def credentials(case: BootCase) -> Symptom | None:
    """Step 8 failed."""
    step = case.boot.step(_STEP_AUTHENTICITY)
    if not case.failed_at(_STEP_AUTHENTICITY) or step.detail.get("invalid"):
        return None
    return Symptom(f"the client asks for credentials of its boot file: {step.detail.get('reason')}", step.frames)


def false_credentials(case: BootCase) -> Symptom | None:
    """Step 8 brought credentials that do not vouch for the boot file."""
    step = case.boot.step(_STEP_AUTHENTICITY)
    if not case.failed_at(_STEP_AUTHENTICITY) or not step.detail.get("invalid"):
        return None
    return Symptom(f"the client cannot accept the credentials: {step.detail.get('reason')}", step.frames, "likely")


def not_requested(case: BootCase) -> Symptom | None:
    """All is there to begin the download, and the client does not."""
    boot = case.boot
    if not case.failed_at(STEP_DOWNLOAD) or boot.evidence.download is not None or boot.evidence.fetch is not None:
        return None
    if boot.evidence.file_source is None or arp(case) is not None or boot.evidence.url is not None:
        return None
    server = boot.boot_server or "its server"
    text = f"the client has its address and never asks {server} for {boot.boot_file}"
    return Symptom(f"{text}: it may not reach that address", case.frames(Role.ACK, Role.ITEM_REPLY), "possible")


def http(case: BootCase) -> Symptom | None:
    """The HTTP server gave no boot file."""
    found = case.boot.evidence
    fetch = found.fetch
    if not case.failed_at(STEP_DOWNLOAD) or found.download is not None or arp(case) is not None:
        return None
    if fetch is None:
        if found.url is None:
            return None
        text = f"the client asks for nothing at {found.url}: it may not find the server's address (DNS)"
        advice = "Put the server's address in place of its name into the URL, or check the name servers of option 6."
        return Symptom(text, case.frames(Role.ACK), "possible", advice=advice)
    frames = (*case.boot.step(STEP_DOWNLOAD).frames, *fetch.frames)
    where = f"{fetch.server} port {fetch.server_port}"
    advice = f"Check that a web server listens on {where}, and that no firewall is before it."
    return Symptom(
        http_trouble(fetch),
        frames,
        "likely" if fetch.method == ENCRYPTED else "certain",
        CauseCodes(None, None, _ipxe_over_http(fetch)),
        advice=advice if fetch.method == CONNECT else None,
    )


def _ipxe_over_http(fetch: Fetch) -> str | None:
    if fetch.status == _HTTP_NOT_FOUND:
        return IPXE_HTTP_NOT_FOUND
    return IPXE_HTTP_REFUSED if fetch.method == CONNECT and fetch.refused else None


def incomplete(case: BootCase) -> Symptom | None:
    """The capture does not hold the whole boot."""
    boot = case.boot
    if boot.outcome is not BootOutcome.INCOMPLETE:
        return None
    step = next((step for step in boot.steps if step.status is Status.NOT_CAPTURED), None)
    done = [frame for each in boot.steps for frame in each.frames]
    late = step is not None and any(frame for each in boot.steps[step.number :] for frame in each.frames)
    where = f"before step {step.number} ({step.name})" if step is not None else "in the middle"
    text = "the capture begins late: the boot's first packets are not in it" if late else f"the capture ends {where}"
    return Symptom(text, tuple(done[-1:]))


def several_dhcp(case: BootCase) -> Symptom | None:
    """Servers that offer addresses on different terms."""
    giving = [offer for offer in case.boot.offers if offer.gives_address]
    return _conflicting(giving, _address_terms, "offer addresses on different terms")


def several_proxies(case: BootCase) -> Symptom | None:
    """Proxies that offer different things to boot."""
    proxies = [o for o in case.boot.offers if o.kind is OfferKind.PROXY and o.event.message.is_pxe]
    return _conflicting(proxies, _boot_terms, "offer different things to boot")


def _conflicting(offers: list[Offer], terms: Callable[[Offer], object], text: str) -> Symptom | None:
    by_server = {offer.server: terms(offer) for offer in offers}
    if len(set(map(repr, by_server.values()))) < 2:
        return None
    return Symptom(f"{', '.join(sorted(by_server))} {text}", tuple(offer.frame for offer in offers), "likely")


def _address_terms(offer: Offer) -> object:
    message = offer.event.message
    pairs = [message.get(option) for option in (Option.SUBNET_MASK, Option.ROUTER)]
    named = next_server(offer.event) if offer.boot_file else None
    return (pairs, offer.boot_file, named, message.is_pxe)


def _boot_terms(offer: Offer) -> object:
    message = offer.event.message
    return (offer.boot_file, message.siaddr, message.get(Option.VENDOR_SPECIFIC))


def late_link(case: BootCase) -> Symptom | None:
    """The first DISCOVERs did not get through."""
    found = case.boot.evidence
    asked = found.of(Role.DISCOVER)
    if not asked or not found.offers or asked[0].time > found.offers[0].time:
        return None
    first_offer = found.offers[0]
    secs = asked[0].message.secs
    firmware = case.boot.firmware
    least = _IPXE_SECS_OF_LATER_TRY if firmware is Firmware.IPXE else _SECS_OF_LATER_TRY + 1
    # The seconds of U-Boot count from its own start and not from the first try.
    if secs >= least and firmware is not Firmware.UBOOT:
        text = f"the first DISCOVER in the capture has secs {secs}: earlier ones were lost"
        return Symptom(text, (asked[0].frame, first_offer.frame), "likely")
    # A relay's copy is no further try.
    direct = [event for event in asked if event.message.giaddr == NOWHERE] or list(asked)
    lost = [event for event in direct if event.time <= first_offer.time] or direct[:1]
    waited, answered = first_offer.time - lost[0].time, first_offer.time - lost[-1].time
    # A server that is only slow would have answered the try before the last one.
    patient = len(lost) >= 2 and lost[-1].time - lost[-2].time >= _SLOW_SERVER
    if (len(lost) < 3 and not patient) or waited < _LATE or answered > _AT_ONCE:
        return None
    if found.trace.neighbours.asked_between(lost[0].time, lost[-1].time, first_offer.address):
        return None
    return Symptom(
        f"{len(lost) - 1} DISCOVERs over {waited / SECOND:.1f} s were lost, then one was answered at once",
        (*(event.frame for event in lost), first_offer.frame),
        "likely",
    )
