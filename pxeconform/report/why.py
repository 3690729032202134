"""One client's story, and one packet's, each on one screen of a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pxeconform.registry.screen_codes import CAUSE_MEANINGS, EDK2_HTTP_TEXT, SCREEN_TEXTS
from pxeconform.report import words
from pxeconform.report.screen import Surface
from pxeconform.report.terminal import Page
from pxeconform.report.words import Dict

if TYPE_CHECKING:
    from pxeconform.diagnosis.packets import PacketStory

PLAIN_STEPS: Final[Mapping[str, str]] = {
    "discover": "asks for an address",
    "offer": "servers offer one",
    "select": "chooses an offer",
    "address": "gets its address",
    "boot_server_discovery": "asks for a boot server",
    "boot_server_ack": "boot server answers",
    "download": "downloads the boot file",
    "authenticity": "checks its signature",
    "execute": "runs the boot file",
}
"""The nine steps in the words of somebody who never read the specification."""

_CONFIDENCE: Final[Mapping[str, str]] = {
    "certain": "certain: the packets say so",
    "likely": "likely: it explains the packets best",
    "possible": "possible: something else explains them as well",
}
_LABEL = 9
_MOST_ATTEMPTS, _MOST_OTHERS = 4, 3


def boot_to_explain(boots: Sequence[Dict]) -> Dict | None:
    """The boot that a client's story is about: the first that failed, else the last that came to an end, else the last.

    Firmware that fails by IPv4 goes on to IPv6 and HTTP; the first failure is the one to act on.
    """
    failed = [boot for boot in boots if boot.get("outcome") == "failed"]
    ended = [boot for boot in boots if boot.get("outcome") != "incomplete"]
    return next(iter([*failed[:1], *ended[-1:], *boots[-1:]]), None)


def client_page(boots: Sequence[Dict], transfers: Sequence[Dict], surface: Surface) -> None:
    """The story of one client: its boots and transfers (the contract's records)."""
    page = Page(surface)
    boot = boot_to_explain(boots)
    if boot is None:
        page.line("this client did not try to boot in this capture")
        return
    causes = list(boot.get("diagnosis") or ())
    _headline(page, boot)
    _who(page, boot)
    page.blank()
    _why(page, boot, causes)
    page.blank()
    _steps(page, boot)
    _downloads(page, boot, transfers)
    _more(page, boot, boots, causes)


def _headline(page: Page, boot: Dict) -> None:
    word, style = page.state(str(boot.get("outcome")), {"booted": "booted", "failed": "did not boot"})
    step = words.failed_step(boot)
    where = f", it stopped at step {step['step']} of 9" if step is not None else ""
    if boot.get("outcome") == "incomplete":
        word, where = "? how its boot ended is not in this capture", ""
    page.line((f"{word}: {words.client(boot)}{where}", style))


def _who(page: Page, boot: Dict) -> None:
    signs = "; ".join(boot.get("firmware_signs") or ())
    sure = f" ({boot.get('firmware_confidence')}: {signs})" if signs else ""
    page.field("Client", f"{words.architecture(boot)}{sure}", indent=0, width=_LABEL)
    servers = words.servers(boot)
    address = boot.get("client_ip") or "no address"
    page.field("Net", f"{address}; {servers}; boot file {words.boot_file(boot)}", indent=0, width=_LABEL)
    page.field("When", f"{words.utc(boot.get('started'))}, for {words.length(boot)}", indent=0, width=_LABEL)


def _why(page: Page, boot: Dict, causes: Sequence[Dict]) -> None:
    def row(label: str, value: object, style: str = "") -> None:
        page.field(label, value, style, indent=0, width=_LABEL)

    if not causes:
        row("Why", "nothing went wrong that could be seen" if boot.get("outcome") == "booted" else "no cause was found")
    for cause in causes[:1]:
        row("Why", CAUSE_MEANINGS.get(str(cause.get("cause")), str(cause.get("cause"))), "bold")
        row("", f"{cause.get('summary')}.")
        frames = words.frame_list(cause.get("frames") or (), 4)
        row("Sure", f"{_CONFIDENCE.get(str(cause.get('confidence')), '')} ({cause.get('cause')}; {frames})")
        _screen(page, boot, cause)
    if owed := words.stall(boot):
        row("Turn", owed)
    for cause in causes[:1]:
        advice = str(cause.get("advice") or "").partition(" Wireshark: ")[0]
        row("Do", advice, "bold")
        row("Filter", cause.get("display_filter") or "")


def _screen(page: Page, boot: Dict, cause: Dict) -> None:
    """What the client's own firmware shows; where that is not known, what each family would show."""
    shown = words.screens(cause, boot.get("firmware"))
    own = [screen for screen in shown if screen.own]
    text = SCREEN_TEXTS.get((str(cause.get("cause")), str(boot.get("firmware"))))
    if boot.get("firmware") == "edk2" and str(boot.get("vendor_class")).startswith("HTTPClient"):
        text = EDK2_HTTP_TEXT
    if text is not None:
        name = words.FIRMWARE_NAMES.get(str(boot.get("firmware")))
        page.field("Screen", f"{name}: “{text}”", indent=0, width=_LABEL)
        return
    for at, screen in enumerate(own or shown):
        text = f" “{screen.text}”" if screen.text else ""
        page.field("Screen" if at == 0 else "", f"{screen.family}: {screen.code}{text}", indent=0, width=_LABEL)
    if not shown and boot.get("outcome") == "failed":
        page.field("Screen", "no code of its own is known for this", indent=0, width=_LABEL)


def _steps(page: Page, boot: Dict) -> None:
    for step in boot.get("steps") or ():
        word, style = page.state(str(step.get("status")), words.STATUS_WORDS)
        name = PLAIN_STEPS.get(str(step.get("name")), str(step.get("name")))
        frames = words.frame_list(step.get("frames") or (), 2)
        head = f"{step.get('step')} {name:<23}{words.offset(step.get('started'), boot.get('started')):>10}  "
        reason = str((step.get("detail") or {}).get("reason") or "")
        tail = reason if step.get("status") == "failed" and reason else frames
        room = max(page.width - 16 - len(head), 10)
        page.line((f"{word:<16}", style), f"{head}{page.fit(tail, room, middle=False).rstrip()}")


def _downloads(page: Page, boot: Dict, transfers: Sequence[Dict]) -> None:
    """The transfer of the boot file: how fast it went, and what would make it faster."""
    own = [t for t in transfers if t.get("boot") == boot.get("id") and t.get("outcome") == "complete"]
    for transfer in own[:1]:
        speed = words.rate(transfer.get("throughput"))
        page.blank()
        page.field(
            "Download",
            f"{words.octets(transfer.get('bytes'))} in {words.duration(transfer.get('duration'))}, {speed}",
            indent=0,
            width=_LABEL,
        )
        advice: Dict = transfer.get("speed_advice") or {}
        if advice.get("text"):
            page.field("Faster", advice["text"], indent=0, width=_LABEL)


def _more(page: Page, boot: Dict, boots: Sequence[Dict], causes: Sequence[Dict]) -> None:
    if len(causes) > 1:
        page.blank()
    for cause in causes[1 : 1 + _MOST_OTHERS]:
        page.field(
            "Also", f"{cause.get('cause')} ({cause.get('confidence')}): {cause.get('summary')}", indent=0, width=9
        )
    others = [each for each in boots if each is not boot]
    if others:
        page.blank()
    for each in others[:_MOST_ATTEMPTS]:
        word, style = page.state(str(each.get("outcome")), words.OUTCOME_WORDS)
        text = f"{words.boot_name(each.get('id'))} {words.offset(each.get('started'), boot.get('started'))}"
        text += f" ({_kind(each)}): {words.answer(each)}"
        page.line((f"{word:<16}", style), page.fit(text, page.width - 16, middle=False).rstrip())
    if len(others) > _MOST_ATTEMPTS:
        page.line((f"… and {words.counted(len(others) - _MOST_ATTEMPTS, 'more boot')} of this client", "dim"))


def _kind(boot: Dict) -> str:
    family = "IPv6" if boot.get("family") == "ipv6" else "IPv4"
    loaded = f", started by {boot['parent']}" if boot.get("parent") else ""
    return f"{family}, {words.FIRMWARE_NAMES.get(str(boot.get('firmware')))}{loaded}"


def frame_page(story: PacketStory, boot: str | None, violated: Sequence[Mapping[str, Any]], surface: Surface) -> None:
    """One packet: what it is, in which step, whether a document forbids it, and how each lens takes it.

    `violated` are the findings (the contract's records) that this packet stands in.
    """
    page = Page(surface)
    page.line((f"Frame {story.frame}: {story.what}", "bold"))
    page.field("From", f"{story.source} to {story.destination}", indent=0, width=_LABEL)
    page.field("Means", story.meaning, indent=0, width=_LABEL)
    if story.boot is not None:
        name = story.boot.steps[story.step - 1].name if story.step is not None else ""
        plain = f"step {story.step} of 9: {PLAIN_STEPS[name]}" if name else "no step"
        page.field(
            "Step", f"{plain}, in {boot} of {story.boot.client_mac or 'an unknown client'}", indent=0, width=_LABEL
        )
    else:
        page.field("Step", "it belongs to no boot", indent=0, width=_LABEL)
    if story.readings:
        _documents(page, violated)
        for reading in story.readings:
            _reading(page, reading)
    page.field("Filter", f"frame.number == {story.frame}", indent=0, width=_LABEL)


def _documents(page: Page, violated: Sequence[Mapping[str, Any]]) -> None:
    if not violated:
        page.field("RFC", "no rule that this capture could exercise is broken by it", indent=0, width=_LABEL)
    for finding in violated[:5]:
        text = f"breaks {finding.get('requirement')} ({finding.get('level')}): {finding.get('summary')}"
        page.field("RFC", text, "bold", indent=0, width=_LABEL)


def _reading(page: Page, reading: Any) -> None:
    from pxeconform.diagnosis.lenses.table import LENSES

    lens = LENSES[reading.lens]
    style = "green" if reading.verdict == "accepts" else "bold red"
    as_what = f" as {reading.sort}" if reading.sort else ""
    page.blank()
    page.line((f"{lens.title} {reading.verdict} it{as_what}", style))
    page.field("because", reading.reason, indent=2, width=_LABEL)
    if reading.then:
        page.field("then", reading.then, indent=2, width=_LABEL)
    if reading.verdict != "accepts":
        meets = "yes" if reading.meets else "no: it does not ask in a way that leads here"
        page.field("met", f"can a client with {lens.title} meet it: {meets}", indent=2, width=_LABEL)
    source = f" ({reading.source})" if reading.source else ""
    page.field("sure", f"{reading.confidence}{source}", indent=2, width=_LABEL)
