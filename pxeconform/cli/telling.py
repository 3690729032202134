"""`why`."""

from __future__ import annotations

from pxeconform.cli.errors import UsageError
from pxeconform.cli.output import screen

_MOST_NAMED = 8


def why_command(capture: str, *, client: str | None, frame: int | None) -> int:
    """Tell one client's story, or one packet's; gives the exit code."""
    if frame is not None and client is not None:
        raise UsageError("why tells of a client or of a frame: give --client or --frame, not both")
    return _packet(capture, frame) if frame is not None else _client(capture, client)


def _client(capture: str, client: str | None) -> int:
    from pxeconform.analysis import analyze
    from pxeconform.report.why import client_page

    document = analyze(capture, client=client).to_dict()
    boots = document["boots"]
    clients = list(dict.fromkeys(boot["client_mac"] for boot in boots if boot["client_mac"]))
    if client is None and len(clients) > 1:
        named = ", ".join(clients[:_MOST_NAMED]) + (", …" if len(clients) > _MOST_NAMED else "")
        raise UsageError(f"{len(clients)} clients boot in {capture}; choose one with --client: {named}")
    if client is not None and not boots:
        raise UsageError(f"no boot of {client} is in {capture}")
    client_page(boots, document["transfers"], screen(None))
    return 0


def _packet(capture: str, frame: int) -> int:
    from pxeconform.analysis import analyze
    from pxeconform.diagnosis.packets import tell
    from pxeconform.report.terminal import Page
    from pxeconform.report.why import frame_page
    from pxeconform.sessions.dhcp import DhcpEvent
    from pxeconform.sessions.transfers import Transfer

    analysis = analyze(capture, every_packet=True)
    packets = sum(info.packets for info in analysis.captures)
    if frame > packets:
        raise UsageError(f"{capture} has {packets} frames; there is no frame {frame}")
    transfers = [each.transfer for each in analysis.transfers if isinstance(each.transfer, Transfer)]
    messages = [each.event for each in analysis.dhcp if isinstance(each.event, DhcpEvent)]
    story = tell(frame, [each.boot for each in analysis.boots], transfers, messages)
    surface = screen(None)
    if story is None:
        Page(surface).line(f"Frame {frame} belongs to no boot, transfer or DHCP exchange.")
        return 0
    names = {id(each.boot): each.id for each in analysis.boots}
    broken = [f.to_dict() for f in analysis.findings if f.verdict.verdict == "fail" and frame in f.verdict.frames]
    frame_page(story, names.get(id(story.boot)), broken, surface)
    return 0
