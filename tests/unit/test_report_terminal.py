from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from report_samples import HOSTILE, analysis, poisoned, results, unseen
from rich.cells import cell_len
from rich.console import Console

from pxeconform.report import words
from pxeconform.report.terminal import boot_page, meaning, requirement_page, timeline, verdict_table
from pxeconform.requirements.catalogue import RULES, find
from pxeconform.requirements.model import Kind, Level, Requirement, Role, Rule, Scope, kept


class Screen:
    def __init__(self, width: int = 80, encoding: str = "utf-8") -> None:
        self._bytes = io.BytesIO()
        file = io.TextIOWrapper(self._bytes, encoding=encoding, newline="\n", write_through=True)
        self.console = Console(file=file, width=width, color_system=None, force_terminal=False)
        self._encoding = encoding

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode(self._encoding)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


GOLDEN = """\
2 boots: 1 booted, 1 FAILED - 4 transfers, 875 packets in 2 captures
  warning: lab/bios.pcap: the last packet is cut off
  ✔ booted     52:54:00:77:00:10  snponly.efi (173.8 kB, PE x86_64)
  ✘ FAILED     52:54:00:77:00:21  step 7 download: tftp-file-not-found

── boot-2: 52:54:00:77:00:21 ─────────────────────────────────────── ✘ FAILED ──
  UUID           aabbccdd-5566-7788-99aa-bbccddeeff00
  Client         x86 BIOS (0), iPXE
  Address        192.168.77.101
  Servers        DHCP 192.168.77.1
  Boot file      pxelinux.0
  Began          2024-05-01 10:00:20 UTC, took 1.1 s

Steps
  ✔ done          1 discover                 +0.000 s  frame 300
                    xid 0x11111111
  ✔ done          2 offer                    +0.010 s  frame 301 · offers 1
  ✔ done          3 select                   +0.400 s
  ✔ done          4 address                  +0.900 s  frames 302, 303
                    address 192.168.77.101
  · not needed    5 boot server discovery
  · not needed    6 boot server reply
  ✘ FAILED        7 download                 +1.000 s  frames 304, 305
                    file pxelinux.0; error File not found
  · not reached   8 authenticity
  · not reached   9 execute

Transfers
  ✘ REFUSED            pxelinux.0                    0 B    100 ms
    ERROR 1 “File not found”, tftp server 192.168.77.1:52860, frames 304–305

Diagnosis
  ✘ tftp-file-not-found (fatal, certain)
    The TFTP server 192.168.77.1 has no file pxelinux.0: it answered the request
    with ERROR 1.
    On the screen  iPXE: 2d12603b “No such file or directory”  <- this client
                   Intel ROM: PXE-T01 “File not found”
                   EDK2: PXE-E23 “Client received TFTP error from server”
    What to do     Put pxelinux.0 into the root of the TFTP server, or correct
                   the name in the DHCP server (filename, option 67). Names are
                   case sensitive on most servers.
    Seen in        frames 304, 305
  Whose turn     the server's, after frame 304: the boot file that its offer
                 names
"""


def test_the_first_screen_of_an_analysis() -> None:
    screen = Screen()
    timeline(analysis(), screen.console)
    assert screen.text.startswith(GOLDEN)


def test_boots_that_failed_come_first_and_strays_last() -> None:
    screen = Screen()
    timeline(analysis(), screen.console)
    order = [screen.text.index(part) for part in ("── boot-2", "── boot-1", "belong to no boot", "mtu-black-hole")]
    assert order == sorted(order)
    assert "TFTP-1123-SAS-01 MUST NOT, by 192.168.77.2" in screen.text
    # Findings that hold are no news on a terminal.
    assert "TFTP-1350-TID-02" not in screen.text


def test_nothing_is_longer_than_the_page_and_no_blanks_trail() -> None:
    for width in (80, 100, 140):
        screen = Screen(width)
        timeline(analysis(), screen.console)
        verdict_table(results(), screen.console)
        for rule in RULES[:5]:
            requirement_page(rule, screen.console, [("tftp/x", "A title", "def x():\n\tpass\n")])
        for line in screen.lines:
            assert cell_len(line) <= width
            assert line == line.rstrip()


def test_ascii_terminals_get_ascii() -> None:
    screen = Screen(encoding="ascii")
    timeline(analysis(), screen.console)
    verdict_table(results(), screen.console)
    assert "x FAILED     52:54:00:77:00:21" in screen.text
    assert "+ booted" in screen.text
    assert "-- boot-2: 52:54:00:77:00:21 ---" in screen.text
    assert "U+" not in screen.text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_do_nothing_to_the_terminal(text: str) -> None:
    for encoding in ("utf-8", "ascii"):
        screen = Screen(encoding=encoding)
        timeline(poisoned(analysis(), text), screen.console)
        verdict_table(poisoned(results(), text), screen.console)
        assert not unseen(screen.text)
        # Some 150 strings of ten kilobytes are not poured out: each is cut.
        assert len(screen.text) < 120_000
        assert all(cell_len(line) <= 80 for line in screen.lines)


def test_a_console_with_colour_gets_no_other_escapes_than_rich_makes() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system="standard", legacy_windows=False)
    document = analysis()
    document["boots"][1]["boot_file"] = HOSTILE["ansi"]
    timeline(document, console)
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert "<U+001B>[2J" in stream.getvalue()


def test_many_boots_are_summed_up() -> None:
    document = analysis()
    failed = document["boots"][1]
    document["boots"] = [document["boots"][0]] * 60 + [{**failed, "id": "boot-61"}]
    screen = Screen()
    timeline(document, screen.console, limit=2)
    assert screen.lines[0].startswith("61 boots: 60 booted, 1 FAILED")
    assert "… and 21 more boots" in screen.text
    assert screen.text.count("\n── ") == 2
    assert screen.text.index("── boot-61") < screen.text.index("── boot-1:")
    assert "59 boots not shown in full here" in screen.text


def test_an_empty_analysis_says_so() -> None:
    screen = Screen()
    timeline({"captures": [{"path": "x.pcap", "packets": 3}], "boots": [], "transfers": []}, screen.console)
    assert screen.text == "no boot - 0 transfers, 3 packets in 1 capture\n"


def test_what_is_missing_is_no_reason_to_stop() -> None:
    screen = Screen()
    boot_page({"id": 3, "steps": [{}], "diagnosis": [{}], "stall": {}}, [{"boot": 3}], screen.console)
    assert "boot 3: unknown client" in screen.text


def test_the_summary_closes_a_run() -> None:
    screen = Screen(120)
    verdict_table(results(), screen.console)
    assert screen.lines[-1] == (
        "1 violation of a MUST or MUST NOT and 1 of a SHOULD or SHOULD NOT in 5 exercised of 10 requirements; 1 flaky"
    )
    assert "TFTP server: 1 pass, 2 fail, 1 flaky, 1 inconclusive, 1 not exercised" in screen.text
    assert "certif" not in screen.text.lower()


def test_every_verdict_has_its_word() -> None:
    screen = Screen()
    verdict_table(results(), screen.console)
    for line in (
        "  ✔ pass          TFTP-1350-TID-01  MUST        14 kept",
        "  ✘ FAIL          TFTP-1350-TID-06  MUST        2 of 3 broken",
        "  · not exercised TFTP-1123-SAS-01  MUST NOT",
        "  ○ FLAKY         TFTP-1350-TID-09  MUST        1 of 3 broken",
        "  ✘ ERROR         PXE-BS-03         MUST",
        "    observed  nothing came to the stranger (2 times); ERROR 5 to the stranger",
        "    see       frames 12, 15, 21, 22 of evidence.pcapng",
        "  not exercised: a file of at least three blocks would be needed",
    ):
        assert line in screen.lines


def _verdict(verdict: str, level: str = "MUST", exercised: int = 1) -> dict[str, Any]:
    return {"requirement": "X-1", "role": "tftp", "verdict": verdict, "level": level, "exercised": exercised}


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([], "no requirement was selected"),
        ([_verdict("pass")], "no violation found in 1 exercised of 1 requirement"),
        (
            [_verdict("pass"), _verdict("not_exercised", exercised=0)],
            "no violation found in 1 exercised of 2 requirements",
        ),
        (
            [_verdict("not_exercised", exercised=0)] * 3,
            "nothing could be judged: none of 3 requirements was exercised",
        ),
        ([_verdict("fail")] * 2, "2 violations of a MUST or MUST NOT in 2 exercised of 2 requirements"),
        ([_verdict("fail", "SHOULD")], "1 violation of a SHOULD or SHOULD NOT in 1 exercised of 1 requirement"),
        (
            [_verdict("flaky"), _verdict("pass")],
            "no violation that came back each time in 2 exercised of 2 requirements; 1 flaky",
        ),
    ],
)
def test_the_sentence_grants_nothing(verdicts: list[dict[str, Any]], sentence: str) -> None:
    assert words.verdict_summary({"verdicts": verdicts}) == sentence
    assert words.verdict_summary({"verdicts": verdicts, "interrupted": True}).endswith(
        "the run was interrupted"
    ) is bool(verdicts)


def test_explain_shows_all_of_a_requirement() -> None:
    rule = find("TFTP-1350-TID-09")
    assert rule is not None
    screen = Screen(200)
    requirement_page(rule, screen.console, [("tftp/two", "Two reads", "def two(play):\n    play.read()\n")])
    for part in (
        rule.requirement.text,
        f"RFC 1350, section {rule.requirement.section}",
        meaning(rule.when),
        meaning(rule.then),
        *rule.expected,
        rule.requirement.clients,
        rule.lacking,
        "tftp/two  Two reads",
        "        play.read()",
    ):
        assert part in screen.text


def test_every_rule_of_the_catalogue_can_be_explained() -> None:
    for rule in RULES:
        screen = Screen()
        requirement_page(rule, screen.console)
        assert screen.lines[0].startswith(rule.requirement.id)
        assert "not described" not in screen.text, rule.requirement.id
        assert ("derived: no single sentence" in screen.text) is rule.requirement.derived
        assert ("  Unconfirmed" in screen.text) is rule.requirement.unconfirmed


def test_marks_of_a_requirement_are_marked() -> None:
    marked = next((r for r in RULES if r.requirement.derived or r.requirement.unconfirmed), None)
    assert marked is not None
    screen = Screen()
    one = {**_verdict("pass"), "requirement": marked.requirement.id, "level": "MUST"}
    verdict_table({"verdicts": [one]}, screen.console)
    assert "MUST*" in screen.text
    assert any(line.startswith("* ") for line in screen.lines)


def _goes_to_the_right_port() -> None:
    pass


def _occasions(of: Any) -> Any:
    """Occasions of a kind."""

    def when() -> Any:
        return of

    return when


def test_a_rule_without_documents_is_shown_too() -> None:
    def when(view: Any) -> Iterator[int]:
        yield 1

    requirement = Requirement("X-Y-1", "RFC 0", "1", Level.MAY, Role.MTFTP, "text", derived=True, unconfirmed=True)
    rule = Rule(requirement, Kind.OBLIGATION, Scope.TRACE, when, lambda o, v: kept("x"), ("a", "b"), "c", "d")
    screen = Screen()
    requirement_page(rule, screen.console)
    assert "or b" in screen.text
    assert "not described" in screen.text


@pytest.mark.parametrize(
    ("frames", "text", "display"),
    [
        ([], "", ""),
        ([7], "frame 7", "frame.number in {7}"),
        ([3, 1, 2, 2], "frames 1–3", "frame.number in {1..3}"),
        ([1, 2, 9], "frames 1, 2, 9", "frame.number in {1..2,9}"),
        (list(range(1, 21, 2)), "frames 1, 3, 5, 7, 9, 11, 13, 15, … (10 in all)", None),
    ],
)
def test_frames(frames: list[int], text: str, display: str | None) -> None:
    assert words.frame_list(frames) == text
    if display is not None:
        assert words.tshark_filter(frames) == display


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0 s"),
        (0.00000123, "1 µs"),
        (0.0773, "77.3 ms"),
        (0.9999, "1 s"),
        (1.5, "1.5 s"),
        (119.0, "119 s"),
        (150, "2 min 30 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_units() -> None:
    assert [words.octets(n) for n in (None, 0, 999, 1000, 173792, 5e9)] == [
        "–",
        "0 B",
        "999 B",
        "1 kB",
        "173.8 kB",
        "5 GB",
    ]
    assert words.rate(2_247_000) == "2.247 MB/s"
    assert words.utc(None) == "–"
    assert words.utc(10**30) == "time out of range"


def test_details_are_one_line_with_the_reason_first() -> None:
    detail = {
        "tries": 2,
        "reason": "nobody\nanswered",
        "proxy_request": {"port": 4011, "answered": False},
        "none": None,
    }
    assert words.detail_line(detail) == "nobody<U+000A>answered; tries 2; proxy request (port 4011, answered no)"
    assert words.detail_line({"deep": [[[["x"]]]], "many": list(range(20))}) == (
        "deep …; many 0, 1, 2, 3, 4, 5, 6, 7, …"
    )
