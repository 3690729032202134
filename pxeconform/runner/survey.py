"""The survey before a run: which roles answer at all, and what the target tells about itself unasked.

It is a scenario like others: what it sends and gets is evidence too.
"""

from __future__ import annotations

import time

from pxeconform.protocol.dhcp import Message
from pxeconform.protocol.tftp import Data
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.runner.play import Facts, Play
from pxeconform.runner.scenario import Unplayable

_BIOS, _UEFI = 0, 7
_COMMON_TYPES = (0, 1, 0x8000)
"""Types that are tried where the target lists none: bootstrap, Windows, and where dnsmasq begins to count."""


_HELD_UP = 1.0
"""Seconds that a second request may wait beside an open transfer before it is said to wait for its end."""
_BETWEEN_LOOKS = 1.0

COMMON_FILES = (
    *("pxelinux.0", "lpxelinux.0", "undionly.kpxe", "ipxe.pxe", "bootx64.efi", "ipxe.efi", "snponly.efi"),
    *("grubx64.efi", "shimx64.efi", "syslinux.efi", "grubnetx64.efi", "pxelinux.cfg/default", "boot/grub/grub.cfg"),
)
"""What boot servers often serve: asked for only where no file is known, so that more than nothing can be tested."""


def survey(play: Play) -> None:
    """Ask for a file that does not exist, for what port 4011 offers, and whether two can be served at once."""
    _tftp(play)
    _port_4011(play)
    if "tftp" in play.facts.roles:
        if not play.facts.files:
            _common_files(play)
        _two_at_once(play)


def look(play: Play) -> None:
    """Does the target still answer what it answered in the survey?

    A server that serves one transfer at a time is asked for as long as the run is patient: it may be at one whose
    client has gone.
    """
    deadline = time.monotonic() + (play.patience if play.facts.one_at_a_time else 2 * play.answer_wait)
    while not (play.is_alive() if "tftp" in play.facts.roles else play.client().ask() is not None):
        if time.monotonic() > deadline:
            play.because("the target does not answer any more")
            return
        # Where its port is closed the answer that it is comes at once.
        play.watch(_BETWEEN_LOOKS)
    play.silent_since = None


def _tftp(play: Play) -> None:
    reading = play.read(play.missing_name())
    try:
        reading.request().reply()
    except Unplayable as silence:
        play.because(str(silence))
    else:
        play.facts.roles.add("tftp")
        reading.end()


def _common_files(play: Play) -> None:
    """The first two of them that the target has."""
    for name in COMMON_FILES:
        reading = play.read(name)
        answer = reading.request().answer()
        if answer is None:
            return
        reading.end()
        if isinstance(answer, Data):
            play.facts.offered_files.append(name)
            if len(play.facts.offered_files) == 2:
                return


def _two_at_once(play: Play) -> None:
    """Does a second request get an answer while the first one's transfer is still open?"""
    if not play.facts.files:
        return
    name = play.facts.files[0].name
    first, second = play.read(name), play.read(name)
    if not isinstance(first.request().answer(), Data):
        return
    held_up = second.request().next(max(_HELD_UP, 10 * play.facts.slowest)) is None
    first.end()
    # Only an answer that comes once the first transfer is over tells that it was this transfer that it waited for.
    if held_up and (second.next(play.answer_wait) or second.request().answer()) is not None:
        play.facts.one_at_a_time = True
    second.end()


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
