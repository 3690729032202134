"""Whose turn it was when a boot stopped, and which packet was owed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pxeconform.protocol.tftp import Ack, Data, Oack
from pxeconform.sessions.attempts import Role
from pxeconform.sessions.boots import Boot, BootOutcome
from pxeconform.sessions.http import CONNECT, Fetch
from pxeconform.sessions.offers import Lead
from pxeconform.sessions.steps import Status
from pxeconform.sessions.transfers import Sender


@dataclass(frozen=True, slots=True)
class Stall:
    """The owed packet was due after frame `since`; `waited` are the seconds from its first try."""

    waiting_for: Literal["client", "server"]
    owed: str
    since: int
    waited: float | None = None


_Turn = tuple[Literal["client", "server"], str, tuple[Role, ...]]


def _offer(_: Boot) -> _Turn:
    return "server", "DHCPOFFER with an address", (Role.DISCOVER,)


def _request(boot: Boot) -> _Turn:
    if boot.evidence.lead is Lead.NOWHERE:
        return "server", "offer that names a boot file, or a service to ask for one", (Role.OFFER,)
    return "client", "DHCPREQUEST for one of the offers", (Role.OFFER,)


def _address(boot: Boot) -> _Turn:
    found = boot.evidence
    if "arp_target" in boot.step(4).detail:
        return "server", f"ARP reply from {boot.step(4).detail['arp_target']}", (Role.ACK,)
    if found.of(Role.PROXY_REQUEST) and not found.of(Role.PROXY_REPLY):
        return "server", "reply to the request on port 4011", (Role.PROXY_REQUEST,)
    if found.of(Role.DECLINE):
        return "client", "DHCPDISCOVER for another address", (Role.DECLINE,)
    if found.of(Role.NAK):
        return "client", "DHCPDISCOVER after the NAK", (Role.NAK,)
    return "server", "DHCPACK", (Role.REQUEST, Role.OFFER)


def _discovery(boot: Boot) -> _Turn:
    target = boot.step(5).detail.get("arp_target")
    roles = (Role.ACK, Role.PROXY_REPLY)
    if target is not None:
        return "server", f"ARP reply from {target}", roles
    return "client", "request for a boot item", roles


def _discovery_reply(_: Boot) -> _Turn:
    return "server", "DHCPACK of the boot server with a boot file", (Role.ITEM_REQUEST,)


def _download(boot: Boot) -> _Turn:
    replies = (Role.ACK, Role.PROXY_REPLY, Role.ITEM_REPLY)
    target = boot.step(7).detail.get("arp_target")
    if target is not None:
        return "server", f"ARP reply from {target}", replies
    if boot.evidence.file_source is None:
        return "server", "name of a boot file", replies
    return "client", f"read request for {boot.boot_file}", replies


def _credentials(_: Boot) -> _Turn:
    return "server", "credentials of the boot file", (Role.CREDENTIAL_REQUEST, Role.CREDENTIAL_REPLY)


_TURNS: dict[int, Callable[[Boot], _Turn]] = {
    2: _offer,
    3: _request,
    4: _address,
    5: _discovery,
    6: _discovery_reply,
    7: _download,
    8: _credentials,
}


def find_stall(boot: Boot) -> Stall | None:
    """The packet that a boot waits for; `None` when it came through to its end."""
    stall = _find(boot)
    return None if stall is None else replace(stall, waited=_seconds_after(boot, stall.since))


def _seconds_after(boot: Boot, frame: int) -> float | None:
    """How long the other side was waited for: from the first of the tries that this frame is the last of."""
    found = boot.evidence
    role = next((role for role, event in found.attempt.messages if event.frame == frame), None)
    times = [event.time for event in found.of(role)] if role is not None else []
    fetch = found.fetch if found.download is None else None
    if fetch is not None and frame in (fetch.last_frame, *fetch.frames):
        times = [fetch.waited_since]
    download = found.download
    if not times and download is not None:
        tries = download.request_frames
        asked = [event.time for event in download.events if event.frame in tries]
        # An ACK or a block that is sent again and again is the same wait.
        times = asked if frame in tries else [download.progressed or download.ended]
    return max(found.until - times[0], 0) / 1e9 if times else None


def _find(boot: Boot) -> Stall | None:
    if boot.outcome is BootOutcome.BOOTED:
        return None
    wanting = [s for s in boot.steps if s.status is Status.FAILED] or [
        s
        for s in boot.steps
        if s.status is Status.NOT_CAPTURED and not any(later.frames for later in boot.steps[s.number :])
    ]
    if not wanting:
        return None
    number = wanting[0].number
    if number == 7 and boot.evidence.download is not None:
        return _in_transfer(boot)
    if number == 7 and boot.evidence.fetch is not None:
        return _in_fetch(boot.evidence.fetch)
    if number not in _TURNS:
        return Stall("client", "first packet of the program that was loaded", _last_frame(boot))
    waiting_for, owed, roles = _TURNS[number](boot)
    frames = [event.frame for event in boot.evidence.of(*roles)]
    return Stall(waiting_for, owed, max(frames) if frames else _last_frame(boot))


def _last_frame(boot: Boot) -> int:
    return max((frame for step in boot.steps for frame in step.frames), default=1)


def _in_fetch(fetch: Fetch) -> Stall:
    if fetch.method == CONNECT:
        return Stall("server", f"answer to the connection to port {fetch.server_port}", fetch.last_frame)
    if fetch.status is None:
        return Stall("server", f"answer to {fetch.method} {fetch.path}", fetch.last_frame)
    if fetch.status < 300 and fetch.complete:
        return Stall("client", f"GET {fetch.path}", fetch.last_frame)
    owed = f"rest of {fetch.path}" if fetch.status < 300 else f"{fetch.path}, status {fetch.status} came"
    return Stall("server", owed, fetch.last_frame)


def _in_transfer(boot: Boot) -> Stall | None:
    transfer = boot.evidence.download
    if transfer is None:
        return None
    name = transfer.file
    if transfer.error is not None:
        mine = transfer.error.sender is Sender.SERVER
        return Stall("server" if mine else "client", f"DATA of {name}, an ERROR came", transfer.error.frame)
    server = list(transfer.of(Sender.SERVER))
    if not server:
        return Stall("server", f"first packet of {name}", transfer.request_frames[-1])
    client = list(transfer.of(Sender.CLIENT))
    acknowledged = transfer.last_acked
    newest = transfer.content.highest
    last_news = next((e for e in reversed(server) if isinstance(e.packet, Data | Oack)), server[-1])
    if newest > acknowledged or acknowledged < 0:
        block = last_news.packet.block if isinstance(last_news.packet, Data) else 0
        sent = [e.time for e in server if not isinstance(e.packet, Data) or e.packet.block == block]
        deaf = ", which does not seem to reach it" if any(event.time > sent[0] for event in client) else ""
        what = "the OACK" if not newest and isinstance(last_news.packet, Oack) else f"block {newest}"
        return Stall("client", f"ACK of {what}{deaf}", last_news.frame)
    acks = [event for event in client if isinstance(event.packet, Ack)]
    return Stall("server", f"DATA block {newest + 1} of {name}", (acks or client)[-1].frame)
