"""The survey before a run: which roles answer at all, and what the target tells about itself unasked.

It is a scenario like others: what it sends and gets is evidence too.
"""

from __future__ import annotations

from pxeconform.protocol.dhcp import Message
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.runner.play import Facts, Play
from pxeconform.runner.scenario import Unplayable

_BIOS, _UEFI = 0, 7
_COMMON_TYPES = (0, 1, 0x8000)
"""Types that are tried where the target lists none: bootstrap, Windows, and where dnsmasq begins to count."""


def survey(play: Play) -> None:
    """Ask for a file that does not exist, then for what port 4011 offers."""
    _tftp(play)
    _port_4011(play)


def _tftp(play: Play) -> None:
    reading = play.read(play.missing_name())
    try:
        reading.request().reply()
    except Unplayable as silence:
        play.because(str(silence))
    else:
        play.facts.roles.add("tftp")


def _port_4011(play: Play) -> None:
    facts = play.facts
    for architecture in (_BIOS, _UEFI):
        client = play.client(architecture=architecture)
        reply = client.ask(patiently=False) or client.wait(play.silence_wait)
        if client.endpoint.unreachable:
            play.because(f"port {play.target.pxe_port} is closed (ICMP unreachable)")
            return
        if reply is not None:
            facts.roles.add("bootserver")
            _learn(reply, facts)
    if facts.items:
        candidates = [item for item in facts.items if item.layer == 0][:2]
    else:
        candidates = [BootItem(kind) for kind in _COMMON_TYPES]
    for item in candidates:
        client = play.client()
        reply = client.ask(item, patiently=False) or client.wait(play.silence_wait)
        if reply is not None:
            facts.roles.add("bootserver")
            facts.answered_types.append(item.type)
            _learn(reply, facts)


def _learn(reply: Message, facts: Facts) -> None:
    """Take over what a reply says of boot servers and files."""
    tags = reply.vendor_options
    if tags is not None:
        for kind in (*(s.type for s in tags.boot_servers), *(m.type for m in tags.boot_menu if m.type)):
            if kind not in facts.advertised_types:
                facts.advertised_types.append(kind)
    name = reply.boot_file.decode("latin-1")
    if name and name not in facts.offered_files:
        facts.offered_files.append(name)
