from __future__ import annotations

import pytest
from report_samples import HOSTILE, unseen

from pxeconform.report.safe import csv_cell, file_name, for_terminal, shortened, unicode_text, visible, xml_text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_whatever_it_is_every_character_can_be_seen(text: str) -> None:
    for escape in (visible, for_terminal, csv_cell, xml_text):
        shown = escape(text)
        assert not unseen(shown)
        assert "\n" not in shown
        shown.encode("utf-8")


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\x1b[31m\u202eb\x00") == "a<U+001B>[31m<U+202E>b<U+0000>"
    assert visible("boot\\x64\\wdsnbp.com") == "boot\\x64\\wdsnbp.com"
    assert visible("Größe 漢字") == "Größe 漢字"
    assert visible(None) == "None"


def test_stacked_marks_are_thinned_out() -> None:
    assert visible("e\u0301") == "e\u0301"
    assert visible("e" + "\u0301" * 5) == "e" + "\u0301" * 3 + "<U+0301>" * 2


@pytest.mark.parametrize("limit", [8, 9, 20, 120])
def test_a_long_name_loses_its_middle(limit: int) -> None:
    name = "images/" + "x" * 10_000 + "/pxelinux.0"
    short = shortened(name, limit)
    assert len(short) == limit
    assert name.startswith(short.split("…")[0])
    assert name.endswith(short.split("…")[1])
    assert shortened("12345678", 8) == "12345678"
    assert shortened(name, None) == name


def test_a_terminal_gets_only_what_it_can_show() -> None:
    assert for_terminal("✔ Größe – “x”", "ascii") == '+ Gr<U+00F6><U+00DF>e - "x"'
    assert for_terminal("✔ Größe", "latin-1") == "+ Größe"
    assert for_terminal("✔ Größe", "utf-8") == "✔ Größe"
    assert for_terminal("é", "no such encoding") == "<U+00E9>"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "＋", "－", "＠"])
def test_no_cell_begins_like_a_formula(start: str) -> None:
    assert csv_cell(f"{start}1+1").startswith("'")


def test_honest_cells_stay_as_they_are() -> None:
    assert csv_cell("pxelinux.0") == "pxelinux.0"
    assert csv_cell("192.168.0.1") == "192.168.0.1"
    # A leading apostrophe of the data is told apart from ours.
    assert csv_cell("'quoted") == "''quoted"


def test_data_keeps_all_but_lone_surrogates() -> None:
    assert unicode_text("a\x00\x1b\u202e\ud800é") == "a\x00\x1b\u202e<U+D800>é"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("pxelinux.0", "pxelinux.0"),
        ("../../etc/passwd", "passwd"),
        ("boot\\x64\\wdsnbp.com", "wdsnbp.com"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("/", "unnamed"),
        (".hidden", "hidden"),
        ("a\x00b c;rm -rf $HOME", "a_b_c_rm_-rf__HOME"),
        ("con.txt", "_con.txt"),
        ("\u202egpj.exe", "gpj.exe"),
    ],
)
def test_file_names(name: str, safe: str) -> None:
    assert file_name(name) == safe


def test_file_names_are_bounded() -> None:
    for text in HOSTILE.values():
        made = file_name(text)
        assert 0 < len(made) <= 81
        assert made.isascii() and "/" not in made and not made.startswith(".")
