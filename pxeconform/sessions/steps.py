"""The nine steps of a boot (PXE 2.1 section 2.2.1, numbered as its text does) and how far an attempt came.

Each step is judged by its own packets. A step that has none takes its status from its neighbours: `not_reached` after
one that failed, `not_captured` where the capture lacks what must have been there or ends before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from pxeconform.protocol.tftp import Error
from pxeconform.registry.dhcp_options import Option
from pxeconform.registry.timers import Phase
from pxeconform.sessions.attempts import SECOND, Role
from pxeconform.sessions.credentials import fault_of
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.evidence import (
    ASKING,
    BINDING,
    DOWNLOAD,
    NO_USE,
    OFFERS,
    PORT_4011,
    Evidence,
    dumb,
    not_started,
    refused_options,
)
from pxeconform.sessions.firmware import Firmware
from pxeconform.sessions.http import CONNECT, ENCRYPTED, Fetch
from pxeconform.sessions.nbp import Nbp
from pxeconform.sessions.neighbours import Unanswered
from pxeconform.sessions.offers import Lead, OfferKind, text
from pxeconform.sessions.timing import schedules
from pxeconform.sessions.transfers import Outcome, Sender, Transfer

Detail = Mapping[str, object]


class Status(Enum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_NEEDED = "not_needed"
    NOT_REACHED = "not_reached"
    NOT_CAPTURED = "not_captured"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the nine steps; times in ns, `None` where no packet of it was seen. `detail` holds plain JSON values."""

    number: int
    name: str
    status: Status
    started: int | None = None
    ended: int | None = None
    frames: tuple[int, ...] = ()
    detail: Detail = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one rule says; `None` as status leaves it to the neighbours."""

    status: Status | None
    marks: tuple[tuple[int, int], ...] = ()
    """(frame, time) of the step's packets."""
    detail: Detail = field(default_factory=dict)


_NEXT_TRY = 120 * SECOND
"""Firmware that got nowhere tries again within this time; later it is the machine that was started again."""

_Rule = Callable[[Evidence, Nbp | None], _Found]


def _marks(events: Iterable[DhcpEvent]) -> tuple[tuple[int, int], ...]:
    return tuple((event.frame, event.time) for event in events)


def _times(events: Iterable[DhcpEvent]) -> tuple[int, ...]:
    return tuple(event.time for event in events)


def _discover(found: Evidence, _: Nbp | None) -> _Found:
    events = found.of(Role.DISCOVER)
    if not events:
        return _Found(Status.NOT_NEEDED if _reuses_address(found) else None)
    detail = {"tries": len(events), "xid": f"0x{events[0].message.xid:08x}"}
    return _Found(Status.DONE, _marks(events), {**detail, **_timers(_times(events), "discover")})


def _timers(tries: Sequence[int], phase: Phase) -> Detail:
    """Whose timers the repetitions keep, if there are any that are known."""
    kept = schedules(tries, phase) if len(tries) > 1 else ()
    return {"timers": list(kept)} if kept else {}


def _reuses_address(found: Evidence) -> bool:
    """INIT-REBOOT: a REQUEST for a known address, with option 50 and without 54 (RFC 2131 section 4.3.2)."""
    requests = found.of(Role.REQUEST)
    if not requests or found.of(Role.DISCOVER) or found.attempt.family == "ipv6":
        return bool(requests) and not found.of(Role.DISCOVER, Role.OFFER) and found.attempt.family == "ipv6"
    first = requests[0].message
    return first.address(Option.REQUESTED_ADDRESS) is not None and first.server_identifier is None


def _goes_on_asking(requests: Iterable[DhcpEvent], replies: Iterable[DhcpEvent]) -> bool:
    """The client repeats its question although an answer is there: it does not take the answer."""
    answered = min((event.time for event in replies), default=None)
    return answered is not None and sum(event.time > answered for event in requests) >= 2


def _offer(found: Evidence, _: Nbp | None) -> _Found:
    asked = found.of(Role.DISCOVER)
    if _reuses_address(found):
        return _Found(Status.NOT_NEEDED)
    marks = _marks(offer.event for offer in found.offers)
    servers = sorted({offer.server for offer in found.offers})
    detail = {"servers": servers}
    if any(offer.gives_address for offer in found.offers):
        return _Found(Status.DONE, marks, detail)
    if asked and not found.of(Role.REQUEST, Role.ACK) and found.silent(_times(asked), OFFERS):
        reason = "only proxy offers came" if marks else "no offer came"
        return _Found(Status.FAILED, marks, {**detail, "reason": reason})
    return _Found(None, marks, detail)


def _select(found: Evidence, _: Nbp | None) -> _Found:
    selected = [offer for offer in found.offers if offer.selected]
    requests = found.of(Role.REQUEST)
    if _reuses_address(found):
        return _Found(Status.NOT_NEEDED)
    chosen = next((offer for offer in selected if offer.gives_address), None)
    if requests or (chosen is not None and chosen.kind is OfferKind.BOOTP):
        detail: dict[str, object] = {}
        if requests:
            detail["server"] = requests[-1].message.server_identifier
        if chosen is not None:
            detail |= {"server": chosen.server, "address": chosen.address, "kind": chosen.kind.value}
        marks = tuple((offer.frame, offer.time) for offer in selected) or _marks(requests[-1:])
        return _Found(Status.DONE, marks, detail)
    usable = [offer for offer in found.offers if offer.gives_address]
    if not usable or found.of(Role.ACK):
        return _Found(None)
    again = [event.time for event in found.of(Role.DISCOVER) if event.time > usable[0].time]
    # Over IPv6 nobody asks again after an answer that leads nowhere.
    no_use = found.attempt.family == "ipv6" and found.lead is Lead.NOWHERE and found.silent((usable[0].time,), NO_USE)
    if no_use or ((again or found.gave_up) and found.silent((usable[0].time, *again), OFFERS)):
        reason = "no offer leads to a boot file" if found.lead is Lead.NOWHERE else "the client requests none of them"
        return _Found(Status.FAILED, (), {"reason": reason})
    return _Found(None)


def _address(found: Evidence, _: Nbp | None) -> _Found:
    requests, acks, naks = found.of(Role.REQUEST), found.of(Role.ACK), found.of(Role.NAK)
    declines = found.of(Role.DECLINE)
    proxy, proxy_status = _proxy_request(found)
    events = (*requests, *acks, *naks, *declines, *found.of(Role.PROXY_REQUEST, Role.PROXY_REPLY))
    marks = _marks(events)
    detail: dict[str, object] = {"address": found.client_ip}
    if proxy is not None:
        detail["proxy_request"] = proxy
    if declines and not any(ack.time > declines[-1].time for ack in acks):
        return _Found(Status.FAILED, marks, {**detail, "reason": "the client declined the address"})
    if acks and _goes_on_asking(requests, acks) and not _went_on(found):
        return _Found(
            Status.FAILED, marks, {**detail, "reason": "the client goes on asking, whatever the server answers"}
        )
    if acks:
        detail["server"] = acks[-1].server
        if proxy_status is Status.FAILED:
            detail["reason"] = "the client gets no answer that it takes on port 4011"
        if proxy_status is not None:
            return _Found(proxy_status, marks, detail)
        nobody = found.no_answer_by_arp(found.server_of_file, *_proxies(found)) if _owes_proxy_request(found) else None
        if nobody is not None:
            return _Found(Status.FAILED, marks + _arp_marks(nobody), {**detail, **_arp_detail(nobody)})
        return _Found(Status.DONE, marks, detail)
    if naks:
        return _Found(Status.FAILED, marks, {**detail, "reason": "the server refused the address"})
    if requests and found.silent(_times(requests), BINDING) and not found.downloads:
        return _Found(Status.FAILED, marks, {**detail, "reason": "the request was not answered"})
    if not requests and any(offer.selected and offer.kind is OfferKind.BOOTP for offer in found.offers):
        return _Found(Status.NOT_NEEDED)
    return _Found(proxy_status if marks and not requests else None, marks, detail if marks else {})


def _arp_marks(nobody: Unanswered) -> tuple[tuple[int, int], ...]:
    return tuple((frame, nobody.last) for frame in nobody.frames)


def _arp_detail(nobody: Unanswered) -> Detail:
    return {"reason": f"no ARP reply from {nobody.target}", "arp_target": nobody.target}


def _proxies(found: Evidence) -> tuple[str, ...]:
    return tuple(offer.event.source[0] for offer in found.offers if offer.lead is Lead.PROXY)


def _owes_proxy_request(found: Evidence) -> bool:
    asked = found.of(Role.PROXY_REQUEST, Role.ITEM_REQUEST)
    return found.lead is Lead.PROXY and not asked and not found.downloads


def _went_on(found: Evidence) -> bool:
    return bool(found.downloads or found.of(Role.ITEM_REQUEST) or found.fetches)


def _proxy_request(found: Evidence) -> tuple[Detail | None, Status | None]:
    """The request to port 4011 without a boot item: part of step 4 (PXE 2.1 Figure 2-4)."""
    requests, replies = found.of(Role.PROXY_REQUEST), found.of(Role.PROXY_REPLY)
    if not requests and not replies:
        return None, None
    server = requests[0].destination[0] if requests else replies[0].server
    detail = {
        "server": server,
        "frames": sorted(event.frame for event in (*requests, *replies)),
        "answered": bool(replies),
        "boot_file": next((text(e.message.boot_file) for e in reversed(replies) if e.message.boot_file), None),
        **_timers(_times(requests), "proxy request"),
    }
    went_on = _went_on(found)
    if replies and _goes_on_asking(requests, replies) and not went_on:
        return detail, Status.FAILED
    if replies or went_on:
        return detail, Status.DONE
    if found.icmp_about_port_4011() or found.silent(_times(requests), PORT_4011):
        return detail, Status.FAILED
    return detail, Status.NOT_CAPTURED


def _discovery(found: Evidence, _: Nbp | None) -> _Found:
    requests = found.of(Role.ITEM_REQUEST)
    if requests:
        tags = requests[-1].message.vendor_options
        item = tags.boot_item if tags is not None else None
        detail: dict[str, object] = {"to": sorted({event.destination[0] for event in requests})}
        if item is not None:
            detail |= {"type": item.type, "layer": item.layer}
        detail |= _timers(_times(requests), "boot server request")
        return _Found(Status.DONE, _marks(requests), detail)
    if _has_download(found) or found.lead in (Lead.FILE, Lead.NOWHERE):
        return _Found(Status.NOT_NEEDED)
    if found.lead is Lead.DISCOVERY and found.of(Role.ACK):
        nobody = found.no_answer_by_arp()
        if nobody is not None:
            return _Found(Status.FAILED, _arp_marks(nobody), _arp_detail(nobody))
        if found.abandoned is not None:
            return _Found(Status.FAILED, (), {"reason": f"the client asked no boot server, then {found.abandoned.how}"})
    return _Found(None)


def _discovery_ack(found: Evidence, _: Nbp | None) -> _Found:
    requests, replies = found.of(Role.ITEM_REQUEST), found.of(Role.ITEM_REPLY)
    if replies and _goes_on_asking(requests, replies) and not _has_download(found):
        reason = "the client goes on asking, whatever the boot server answers"
        return _Found(Status.FAILED, _marks(replies), {"server": replies[-1].server, "reason": reason})
    if replies:
        names = [text(event.message.boot_file) for event in replies if event.message.boot_file]
        return _Found(
            Status.DONE, _marks(replies), {"server": replies[-1].server, "boot_file": next(iter(names[-1:]), None)}
        )
    if not requests:
        return _Found(Status.NOT_NEEDED if _has_download(found) or found.lead in (Lead.FILE, Lead.NOWHERE) else None)
    if _has_download(found):
        return _Found(None)
    if found.icmp_about_port_4011() or found.silent(_times(requests), PORT_4011):
        return _Found(Status.FAILED, (), {"reason": "the boot server request was not answered"})
    return _Found(None)


def _has_download(found: Evidence) -> bool:
    return bool(found.downloads or found.fetches)


def _download(found: Evidence, _: Nbp | None) -> _Found:
    if found.fetches and not found.downloads:
        return _http_download(found)
    transfer = found.download
    if transfer is None:
        return _no_download(found)
    frames: list[tuple[int, int]] = []
    for each in found.downloads:
        # Thousands of DATA and ACK frames say nothing here: the requests, the first reply and the end do.
        reply = next(each.of(Sender.SERVER), each.events[-1])
        frames += [(event.frame, event.time) for event in (*each.requests, reply, each.events[-1])]
    detail = {
        "server": transfer.server,
        "file": transfer.file,
        "bytes": transfer.content.octets,
        "transfers": len(found.downloads),
        **_timers([event.time for event in transfer.requests], "tftp open"),
    }
    outcome = settled(found, transfer)
    status = {
        Outcome.COMPLETE: Status.DONE,
        Outcome.INCOMPLETE_CAPTURE: Status.NOT_CAPTURED,
    }.get(outcome, Status.FAILED)
    if status is Status.FAILED:
        detail["reason"] = _how_it_ended(transfer, outcome)
    return _Found(status, tuple(frames), detail)


def _how_it_ended(transfer: Transfer, outcome: Outcome) -> str:
    packet = transfer.error.packet if transfer.error is not None else None
    if isinstance(packet, Error):
        return f"ERROR {packet.code} from the {transfer.error.sender.value if transfer.error is not None else 'server'}"
    return "no answer to the request" if not transfer.answered else f"the transfer {outcome.value}"


def settled(found: Evidence, transfer: Transfer) -> Outcome:
    """How a transfer ended, knowing what the client did next."""
    outcome = transfer.outcome(found.capture_end)
    if outcome is Outcome.PROBE:
        # A probe is normal when the download follows; without one the client rejected what it was told.
        waited = found.abandoned is not None or found.capture_end - transfer.ended >= 5 * SECOND
        return Outcome.ABORTED_BY_CLIENT if waited and refused_options(transfer) else Outcome.INCOMPLETE_CAPTURE
    if outcome is Outcome.INCOMPLETE_CAPTURE:
        tries = [event.time for event in transfer.requests]
        refused = bool(transfer.unreachable) and not transfer.answered
        gave_up = found.abandoned is not None and found.abandoned.time >= transfer.ended
        if refused or gave_up or (not transfer.answered and found.silent(tries, DOWNLOAD)):
            outcome = Outcome.STALLED
    # EDK2 asks for the size by itself, in a transfer before.
    same = [t for t in (transfer, *found.downloads) if (t.file, t.server) == (transfer.file, transfer.server)]
    size = next((each.told_size for each in same if each.told_size is not None), None)
    if outcome in _UNFINISHED and (transfer.acknowledged_to_its_end(size) or _its_program_speaks(found, transfer)):
        # The capture lacks packets that were there.
        return Outcome.COMPLETE
    return outcome


_UNFINISHED = frozenset({Outcome.STALLED, Outcome.INCOMPLETE_CAPTURE})
_SOONER_THAN_TIMEOUTS = 3 * SECOND
"""No firmware gives a transfer up that soon."""


def _its_program_speaks(found: Evidence, transfer: Transfer) -> bool:
    """Right after its last block the client sends what firmware does not: the boot file runs."""
    refused = any(datagram.time >= transfer.progressed for datagram in transfer.unreachable)
    if transfer.content.blocks == 0 or transfer.error is not None or refused:
        return False
    later = found.abandoned
    times = [later.time] if later is not None and not later.same_program else []
    times += [t.started for t in found.others if t.file not in (transfer.file, found.credential_file)]
    return any(0 <= time - transfer.progressed <= _SOONER_THAN_TIMEOUTS for time in times)


def _http_download(found: Evidence) -> _Found:
    fetch = found.fetch
    assert fetch is not None
    marks = ((fetch.first_frame, fetch.started), (fetch.last_frame, fetch.ended))
    detail = {"server": fetch.server, "file": fetch.path, "bytes": fetch.octets, "http_status": fetch.status}
    if fetch.complete and fetch.method == "GET":
        return _Found(Status.DONE, marks, detail)
    bad = fetch.refused or (fetch.status is not None and fetch.status >= 400)
    late = found.capture_end - fetch.waited_since >= 5 * SECOND or found.abandoned is not None or fetch.given_up
    if fetch.method == ENCRYPTED and not fetch.refused:
        # What comes within TLS nobody can tell; a program that speaks afterwards came whole.
        ran = found.abandoned is not None and not found.abandoned.same_program
        gave_up = found.abandoned is not None and found.abandoned.same_program
        detail["reason"] = "the download is encrypted"
        return _Found(Status.DONE if ran else Status.FAILED if gave_up else Status.NOT_CAPTURED, marks, detail)
    if bad or late:
        detail["reason"] = http_trouble(fetch)
    return _Found(Status.FAILED if bad or late else Status.NOT_CAPTURED, marks, detail)


def http_trouble(fetch: Fetch) -> str:
    """What went wrong with an HTTP request, in words."""
    where = f"{fetch.server} port {fetch.server_port}"
    if fetch.method == CONNECT:
        return f"{where} {'refuses' if fetch.refused else 'does not answer'} the connection"
    if fetch.method == ENCRYPTED:
        return f"the encrypted connection to {where} brought no program that started"
    if fetch.status is None:
        return (
            f"{where} {'resets the connection of' if fetch.refused else 'does not answer'} {fetch.method} {fetch.path}"
        )
    if 200 <= fetch.status < 300 and fetch.method == "HEAD":
        return f"the answer to HEAD {fetch.path} (status {fetch.status}) is not followed by a GET"
    if 200 <= fetch.status < 300:
        return f"{fetch.octets} of {fetch.length} octets of {fetch.path} came"
    return f"{where} answers {fetch.method} {fetch.path} with status {fetch.status}"


def _no_download(found: Evidence) -> _Found:
    """Nothing was requested: no name, nobody to ask, or not yet."""
    acks = found.of(Role.ACK, Role.PROXY_REPLY, Role.ITEM_REPLY)
    bootp = [offer.event for offer in found.offers if offer.kind is OfferKind.BOOTP and offer.selected]
    if not acks and not bootp:
        return _Found(None)
    last = max(event.time for event in (*acks, *bootp))
    if found.lead is Lead.NOWHERE and not found.attempt.cut:
        if _may_know_more(found) and not found.silent((last,), ASKING):
            return _Found(None)
        return _Found(Status.FAILED, (), {"reason": "no boot file is named"})
    if found.lead not in (Lead.FILE, Lead.NOWHERE) and not found.of(Role.ITEM_REPLY):
        return _Found(None)
    nobody = found.no_answer_by_arp(found.server_of_file, *found.gateways)
    if nobody is not None:
        return _Found(Status.FAILED, _arp_marks(nobody), _arp_detail(nobody))
    soon = found.until - last <= _NEXT_TRY
    if found.gave_up and (soon or found.trace.shows_transfers):
        return _Found(Status.FAILED, (), {"reason": f"the client never requested the file, then {found.gave_up}"})
    spoke = found.client_ip is not None and found.trace.neighbours.heard(found.client_ip, last)
    would_be_seen = found.trace.shows_transfers or (spoke and found.url is not None)
    if would_be_seen and found.silent((last,), ASKING):
        return _Found(Status.FAILED, (), {"reason": "the client never requested the file"})
    return _Found(None)


def _may_know_more(found: Evidence) -> bool:
    """A loaded iPXE often holds a script that says what to fetch: that no server names a file is no fault then."""
    before = found.attempt.previous
    return found.firmware is Firmware.IPXE and before is not None and before.next is found.attempt


def _authenticity(found: Evidence, _: Nbp | None) -> _Found:
    requests, replies = found.of(Role.CREDENTIAL_REQUEST), found.of(Role.CREDENTIAL_REPLY)
    marks = _marks((*requests, *replies))
    if not marks:
        return _Found(Status.NOT_NEEDED)
    transfers = [transfer for transfer in found.others if transfer.file == found.credential_file]
    marks += tuple((event.frame, event.time) for t in transfers for event in (t.events[0], t.events[-1]))
    detail = {"file": found.credential_file, "answered": bool(replies)}
    whole = [transfer for transfer in transfers if settled(found, transfer) is Outcome.COMPLETE]
    if whole:
        fault = fault_of(found, whole[0])
        if fault is not None:
            return _Found(Status.FAILED, marks, {**detail, "reason": fault, "invalid": True})
        return _Found(Status.DONE, marks, detail)
    if replies:
        ended = [settled(found, transfer) for transfer in transfers]
        waited = found.abandoned is not None or found.capture_end - replies[-1].time >= 5 * SECOND
        bad = any(outcome is not Outcome.INCOMPLETE_CAPTURE for outcome in ended) or (not ended and waited)
        if bad:
            return _Found(Status.FAILED, marks, {**detail, "reason": "the credentials were not delivered"})
        return _Found(Status.NOT_CAPTURED, marks, detail)
    if found.silent(_times(requests), PORT_4011):
        return _Found(Status.FAILED, marks, {**detail, "reason": "the request for credentials was not answered"})
    return _Found(Status.NOT_CAPTURED, marks, detail)


def _execute(found: Evidence, nbp: Nbp | None) -> _Found:
    """No packet belongs to this step; what comes after the download tells."""
    delivered = _delivered(found)
    if delivered is None:
        return _Found(None)
    if nbp is not None and nbp.matches_arch is False:
        reason = f"{nbp.image.format.value} {nbp.image.machine or ''}".strip() + " is not for this client"
        return _Found(Status.FAILED, (), {"reason": reason})
    later = not_started(found, delivered)
    if later is not None:
        return _Found(Status.FAILED, ((later.frame, later.time),), {"reason": f"{later.how} follows at once"})
    own = [t for t in found.others if t.started >= delivered and t.file != found.credential_file]
    if own:
        event = own[0].events[0]
        return _Found(Status.DONE, ((event.frame, event.time),), {"reason": f"it requests {own[0].file}"})
    fetched = [fetch for fetch in found.fetches if fetch.started >= delivered]
    if fetched:
        reason = f"it requests {fetched[0].path} over HTTP"
        return _Found(Status.DONE, ((fetched[0].first_frame, fetched[0].started),), {"reason": reason})
    loader = found.abandoned
    if loader is not None:
        return _Found(Status.DONE, ((loader.frame, loader.time),), {"reason": f"{loader.how} by what was loaded"})
    silent = dumb(found, delivered)
    reason = "the client is silent from then on" if silent else "nothing that the boot file sends was seen"
    return _Found(Status.NOT_CAPTURED, (), {"reason": reason, "silent": silent})


def _delivered(found: Evidence) -> int | None:
    transfer, fetch = found.download, found.fetch
    if transfer is not None and settled(found, transfer) is Outcome.COMPLETE:
        return transfer.ended
    return fetch.ended if fetch is not None and fetch.complete and fetch.method == "GET" else None


NINE_STEPS: tuple[tuple[int, str, _Rule], ...] = (
    (1, "discover", _discover),
    (2, "offer", _offer),
    (3, "select", _select),
    (4, "address", _address),
    (5, "boot_server_discovery", _discovery),
    (6, "boot_server_ack", _discovery_ack),
    (7, "download", _download),
    (8, "authenticity", _authenticity),
    (9, "execute", _execute),
)


def nine_steps(found: Evidence, nbp: Nbp | None) -> tuple[Step, ...]:
    """All nine steps of an attempt."""
    verdicts = [(number, name, rule(found, nbp)) for number, name, rule in NINE_STEPS]
    broken = min((number for number, _, v in verdicts if v.status is Status.FAILED), default=10)
    steps = []
    for number, name, verdict in verdicts:
        status = verdict.status
        if number > broken and not (status is Status.DONE and verdict.marks):
            status = Status.NOT_REACHED
        elif status is None:
            # Something later was seen, or the capture ended before it could be.
            status = Status.NOT_CAPTURED
        if number > broken and status is Status.NOT_REACHED:
            verdict = replace(verdict, marks=(), detail={})
        frames = tuple(sorted({frame for frame, _ in verdict.marks}))
        times = [time for _, time in verdict.marks]
        steps.append(
            Step(number, name, status, min(times, default=None), max(times, default=None), frames, verdict.detail)
        )
    return tuple(steps)
