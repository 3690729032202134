"""Wording that terminal and HTML share: numbers with units, ranges of frames, states, what the screen showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pxeconform.registry.screen_codes import CODES, ScreenFamily
from pxeconform.report.safe import visible

Dict = Mapping[str, Any]

STEP_NAMES: Final[Mapping[str, str]] = {
    "discover": "discover",
    "offer": "offer",
    "select": "select",
    "address": "address",
    "boot_server_discovery": "boot server discovery",
    "boot_server_ack": "boot server reply",
    "download": "download",
    "authenticity": "authenticity",
    "execute": "execute",
}
STATUS_WORDS: Final[Mapping[str, str]] = {
    "done": "done",
    "failed": "FAILED",
    "not_needed": "not needed",
    "not_reached": "not reached",
    "not_captured": "not captured",
}
OUTCOME_WORDS: Final[Mapping[str, str]] = {"booted": "booted", "failed": "FAILED", "incomplete": "incomplete"}
TRANSFER_WORDS: Final[Mapping[str, str]] = {
    "complete": "complete",
    "probe": "probe",
    "aborted_by_client": "client aborted",
    "refused": "REFUSED",
    "error": "ERROR",
    "stalled": "STALLED",
    "incomplete_capture": "capture incomplete",
}
VERDICT_WORDS: Final[Mapping[str, str]] = {
    "pass": "pass",
    "fail": "FAIL",
    "flaky": "FLAKY",
    "inconclusive": "inconclusive",
    "not_supported": "not supported",
    "not_exercised": "not exercised",
    "skipped": "skipped",
    "error": "ERROR",
}
ROLE_NAMES: Final[Mapping[str, str]] = {
    "tftp": "TFTP server",
    "dhcp": "DHCP server",
    "proxydhcp": "ProxyDHCP server",
    "bootserver": "Boot server (port 4011)",
    "bis": "Boot integrity services",
    "mtftp": "Multicast TFTP server",
}
FIRMWARE_NAMES: Final[Mapping[str, str]] = {
    "edk2": "EDK2 (UEFI)",
    "ipxe": "iPXE",
    "intel": "Intel boot ROM",
    "pxelinux": "PXELINUX",
    "u-boot": "U-Boot",
    "raspberry-pi": "Raspberry Pi",
    "windows": "Windows boot program (WDS)",
    "unknown": "firmware not recognised",
}
LENS_NAMES: Final[Mapping[str, str]] = {"edk2": "EDK2", "ipxe": "iPXE", "intel": "an Intel boot ROM"}
LEVELS: Final = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
BINDING: Final = frozenset({"MUST", "MUST NOT"})
FAMILIES: Final[tuple[tuple[ScreenFamily, str], ...]] = (("intel", "Intel ROM"), ("edk2", "EDK2"), ("ipxe", "iPXE"))

GOOD: Final = frozenset({"done", "booted", "complete", "probe", "pass"})
BAD: Final = frozenset({"failed", "fail", "error", "refused", "stalled", "fatal"})


def tone(state: str) -> str:
    """`good`, `bad` or `quiet`: how a state is coloured, wherever there is colour."""
    if state in GOOD:
        return "good"
    if state in BAD:
        return "bad"
    return "warn" if state in ("flaky", "aborted_by_client", "inconclusive", "warning", "incomplete") else "quiet"


# -- numbers ----------------------------------------------------------------------------------------------------------


def duration(seconds: float | None) -> str:
    """Seconds for people; an en dash where there is no number."""
    if seconds is None:
        return "–"
    if abs(seconds) < 0.001:
        return f"{seconds * 1e6:.0f} µs" if seconds else "0 s"
    if abs(seconds) < 1:
        return f"{seconds * 1e3:.3g} ms" if abs(seconds) < 0.9995 else "1 s"
    if abs(seconds) < 120:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def octets(number: float | None) -> str:
    """Octets with a decimal unit."""
    if number is None:
        return "–"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(number) >= size:
            return f"{number / size:.4g} {unit}"
    return f"{number:.0f} B"


def rate(number: float | None) -> str:
    """Octets a second."""
    return "–" if number is None else f"{octets(number)}/s"


def offset(time: int | None, origin: int | None) -> str:
    """A time (ns) as seconds after another."""
    return "" if time is None or origin is None else f"{(time - origin) / 1e9:+.3f} s"


def utc(time: int | None) -> str:
    """A time (ns) as date and time of day in UTC."""
    if time is None:
        return "–"
    try:
        return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return "time out of range"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


# -- frames -----------------------------------------------------------------------------------------------------------


def runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted runs of frame numbers without a gap, as (first, last)."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def frame_list(frames: Iterable[int], limit: int = 8) -> str:
    """`frame 7`, `frames 1, 3, 10–258`; at most `limit` runs."""
    numbers = set(frames)
    if not numbers:
        return ""
    parts = [str(a) if a == b else f"{a}{', ' if b == a + 1 else '–'}{b}" for a, b in runs(numbers)]
    more = f", … ({len(numbers)} in all)" if len(parts) > limit else ""
    return f"frame{'' if len(numbers) == 1 else 's'} {', '.join(parts[:limit])}{more}"


def tshark_filter(frames: Iterable[int]) -> str:
    """The display filter that shows just these frames."""
    parts = [str(a) if a == b else f"{a}..{b}" for a, b in runs(frames)]
    return f"frame.number in {{{','.join(parts)}}}" if parts else ""


# -- boots ------------------------------------------------------------------------------------------------------------


def boot_name(identifier: object) -> str:
    """A boot's id as a name."""
    text = str(identifier)
    return f"boot {text}" if text.isdecimal() else text


def architecture(boot: Dict) -> str:
    """`7 x64 UEFI`, and the firmware."""
    code, name = boot.get("arch"), boot.get("arch_name")
    arch = "architecture not announced" if code is None else f"{name or 'architecture'} ({code})"
    return f"{arch}, {FIRMWARE_NAMES.get(boot.get('firmware') or 'unknown', str(boot.get('firmware')))}"


def client(boot: Dict) -> str:
    """What a boot's client is called: its MAC, else what is known of it."""
    return str(boot.get("client_mac") or boot.get("uuid") or boot.get("client_ip") or "unknown client")


def servers(boot: Dict) -> str:
    """The servers that took part."""
    known = (("DHCP", "dhcp_server"), ("proxy", "proxy_server"), ("boot server", "boot_server"))
    return ", ".join(f"{label} {boot[key]}" for label, key in known if boot.get(key)) or "none answered"


def boot_file(boot: Dict) -> str:
    """The boot file's name, then size and format as far as they are known."""
    name = boot.get("boot_file")
    if not name:
        return "none"
    nbp: Dict = boot.get("nbp") or {}
    facts = [octets(nbp["bytes"])] if nbp.get("bytes") is not None else []
    if nbp.get("format") not in (None, "unknown"):
        facts.append(f"{str(nbp['format']).upper()} {nbp.get('machine') or ''}".strip())
    if nbp.get("matches_arch") is False:
        facts.append("not for this client's architecture")
    extra = f" ({', '.join(facts)})" if facts else ""
    return f"{visible(name, 200)}{extra}"


def outcomes(boots: Sequence[Dict]) -> str:
    """How many boots, and how they ended."""
    ended = Counter(str(boot.get("outcome")) for boot in boots)
    parts = [f"{ended[key]} {word}" for key, word in OUTCOME_WORDS.items() if ended[key]]
    return ": ".join(filter(None, (counted(len(boots), "boot") if boots else "no boot", ", ".join(parts))))


def length(boot: Dict) -> str:
    """From a boot's first packet to its last."""
    began, ended = boot.get("started"), boot.get("ended")
    return duration((ended - began) / 1e9) if began is not None and ended is not None else "–"


def failed_step(boot: Dict) -> Dict | None:
    """The step that broke."""
    return next((step for step in boot.get("steps") or () if step.get("status") == "failed"), None)


def answer(boot: Dict) -> str:
    """How a boot ended, in one clause."""
    causes = boot.get("diagnosis") or ()
    cause = next((d for d in causes if d.get("severity") == "fatal"), causes[0] if causes else None)
    step = failed_step(boot)
    where = f"step {step.get('step')} {STEP_NAMES.get(step.get('name', ''), '')}".strip() if step else ""
    slug = str(cause.get("cause")) if cause else ""
    if boot.get("outcome") == "booted":
        return f"{boot_file(boot)}; {slug}" if cause and cause.get("severity") != "info" else boot_file(boot)
    return ": ".join(filter(None, (where, slug))) or "no cause found"


def stall(boot: Dict) -> str:
    """Whose turn it was when it stopped."""
    found: Dict | None = boot.get("stall")
    if not found:
        return ""
    since = f", after frame {found['since']}" if found.get("since") is not None else ""
    waited = f"; {duration(found['waited'])} passed" if found.get("waited") is not None else ""
    owed = visible(found.get("owed") or "a packet")
    return f"the {found.get('waiting_for', 'other side')}'s{since}: {owed}{waited}"


def detail_line(detail: Dict | None) -> str:
    """A step's detail as `key value; key value`."""
    given = dict(detail or {})
    parts = [visible(given.pop("reason"), 200)] if given.get("reason") else []
    for key, value in given.items():
        if value is None or value == "" or value == [] or value == {}:
            continue
        parts.append(f"{visible(key, 40).replace('_', ' ')} {_plain(value)}")
    return "; ".join(parts)


def _plain(value: object, depth: int = 2) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{k} {_plain(v, depth - 1)}" for k, v in list(value.items())[:8]) if depth else "…"
        return f"({inner})"
    if isinstance(value, list | tuple):
        shown = ", ".join(_plain(v, depth - 1) for v in list(value)[:8]) if depth else "…"
        return f"{shown}{', …' if len(value) > 8 else ''}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return visible(value, 80)


@dataclass(frozen=True, slots=True)
class Screen:
    """What one family of firmware shows for a cause; `own` where the client is of that family."""

    family: str
    code: str
    text: str
    own: bool


def screens(diagnosis: Dict, firmware: str | None) -> list[Screen]:
    """The codes of all families, the client's own first. One number means different things to different families."""
    codes: Dict = diagnosis.get("codes") or {}
    found = []
    for family, name in FAMILIES:
        if code := codes.get(family):
            entry = CODES[family].get(str(code))
            found.append(Screen(name, str(code), entry.text if entry else "", family == firmware))
    return sorted(found, key=lambda screen: not screen.own)


# -- transfers --------------------------------------------------------------------------------------------------------


def transfer_notes(transfer: Dict) -> str:
    """What went wrong, then the options and where it ran, in one line."""
    notes = []
    if transfer.get("error_code") is not None or transfer.get("error_message"):
        message = transfer.get("error_message")
        kind = "HTTP status" if transfer.get("protocol") == "http" else "ERROR"
        notes.append(f"{kind} {transfer.get('error_code')}{' ' if message else ''}{quoted(message, 80)}")
    for key, noun in (("retransmitted_blocks", "block repeated"), ("lost_blocks", "block lost")):
        if number := transfer.get(key):
            notes.append(counted(number, noun, noun.replace("block", "blocks")))
    if transfer.get("duplicate_acks"):
        notes.append(counted(transfer["duplicate_acks"], "duplicate ACK"))
    for key, default in (("blksize", 512), ("windowsize", 1)):
        if transfer.get(key) not in (None, default):
            notes.append(f"{key} {transfer[key]}")
    frames = [transfer[key] for key in ("first_frame", "last_frame") if transfer.get(key) is not None]
    port = f":{transfer['server_port']}" if transfer.get("server_port") else ""
    server = f"{transfer.get('protocol') or ''} server {transfer.get('server')}{port}".strip()
    return ", ".join([*notes, server, *([f"frames {frames[0]}–{frames[-1]}"] if frames else [])])


def quoted(text: object, limit: int) -> str:
    """A string from a packet in quotation marks; nothing where there is none."""
    return f"“{visible(text, limit)}”" if text else ""


# -- verdicts ---------------------------------------------------------------------------------------------------------


def violations(verdicts: Iterable[Dict]) -> tuple[int, int]:
    """How many requirements are violated: of a MUST or MUST NOT, and of a SHOULD or SHOULD NOT."""
    levels = [str(v.get("level")) for v in verdicts if v.get("verdict") == "fail"]
    binding = sum(level in BINDING for level in levels)
    return binding, len(levels) - binding


def verdict_summary(results: Dict) -> str:
    """The sentence that a run ends with. It never grants anything: it says what was found in what was looked at."""
    verdicts = results.get("verdicts") or ()
    if not verdicts:
        return "no requirement was selected"
    exercised = sum(bool(v.get("exercised")) for v in verdicts)
    extent = f"in {exercised} exercised of {counted(len(verdicts), 'requirement')}"
    binding, advisory = violations(verdicts)
    flaky = sum(v.get("verdict") == "flaky" for v in verdicts)
    if binding or advisory:
        parts = [f"{counted(binding, 'violation')} of a MUST or MUST NOT"] if binding else []
        if advisory:
            parts.append(f"{counted(advisory, 'violation') if not binding else advisory} of a SHOULD or SHOULD NOT")
        sentence = f"{listed(parts)} {extent}"
    elif not exercised:
        sentence = f"nothing could be judged: none of {counted(len(verdicts), 'requirement')} was exercised"
    elif flaky:
        sentence = f"no violation that came back each time {extent}"
    else:
        sentence = f"no violation found {extent}"
    if flaky:
        sentence += f"; {flaky} flaky"
    return f"{sentence}; the run was interrupted" if results.get("interrupted") else sentence


def breakdown(verdicts: Iterable[Dict]) -> str:
    """`12 pass, 2 fail, 3 not exercised`."""
    counts = Counter(str(v.get("verdict")) for v in verdicts)
    order = [*VERDICT_WORDS, *(set(counts) - set(VERDICT_WORDS))]
    return ", ".join(f"{counts[key]} {VERDICT_WORDS.get(key, key).lower()}" for key in order if counts[key])


def by_role(verdicts: Iterable[Dict]) -> dict[str, list[Dict]]:
    """Verdicts in groups, the groups and what is in them in their order."""
    groups: dict[str, list[Dict]] = {}
    for verdict in verdicts:
        groups.setdefault(str(verdict.get("role")), []).append(verdict)
    return groups


def times(verdict: Dict) -> str:
    """How often it was exercised and broken."""
    exercised, broken = verdict.get("exercised") or 0, verdict.get("violations") or 0
    if not exercised:
        return ""
    return f"{broken} of {exercised} broken" if broken else f"{exercised} kept"


EFFECTS = {
    "rejects": "refuses or ignores it",
    "accepts": "takes it",
    "unreachable": "never asks for anything like it",
}


def lenses(verdict: Dict) -> str:
    """What each firmware makes of a violation, in one line; empty where no lens can tell."""
    seen: Dict = verdict.get("lenses") or {}
    return "; ".join(
        f"{LENS_NAMES.get(name, name)} {EFFECTS.get(str(effect), effect)}" for name, effect in seen.items()
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of a requirement beyond its verdict."""

    text: str
    clients: str
    marks: tuple[str, ...]


def known(verdict: Dict) -> Known:
    """Look a verdict's requirement up; results of another version may name one that is not there any more."""
    from pxeconform.requirements.catalogue import find

    rule = find(str(verdict.get("requirement")))
    if rule is None:
        return Known("", "", ())
    marks = []
    if rule.requirement.derived:
        marks.append("level derived")
    if rule.requirement.unconfirmed:
        marks.append("unconfirmed in the field")
    return Known(rule.requirement.text, rule.requirement.clients, tuple(marks))
