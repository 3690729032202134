"""Each sentence of `docs/stories.md` holds."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import pxeconform
from tests.stories.told import PAGE, STORIES, Sentence, page

PUBLIC = Path(os.environ.get("PXECONFORM_SHARED", "PXECONFORM_SHARED-is-not-set")) / "captures" / "public"
TOLD = [(story.capture, sentence) for story in STORIES for sentence in story.sentences]


@cache
def analysis(capture: str) -> dict[str, Any]:
    """What we say of it."""
    return pxeconform.analyze(PUBLIC / capture).to_dict()


def tshark(capture: str, display_filter: str, *fields: str) -> list[list[str]]:
    """A row for each frame that the filter shows."""
    argv = ["tshark", "-n", "-r", str(PUBLIC / capture), "-Y", display_filter, "-T", "fields"]
    argv += [part for name in fields for part in ("-e", name)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def at(document: Any, path: str) -> Any:
    """What lies at a dotted path; `None` where a list ends before."""
    for part in path.split("."):
        if isinstance(document, list | tuple):
            document = document[int(part)] if int(part) < len(document) else None
        else:
            document = document[part]
    return list(document) if isinstance(document, tuple) else document


def test_page_is_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_every_sentence_has_its_proof() -> None:
    assert len(STORIES) >= 6
    for _, sentence in TOLD:
        assert sentence.shown or sentence.said


@pytest.mark.shared
@pytest.mark.parametrize(("capture", "sentence"), TOLD)
def test_sentence(capture: str, sentence: Sentence) -> None:
    for frame, fields in sentence.shown.items():
        (row,) = tshark(capture, f"frame.number == {frame}", *fields)
        assert dict(zip(fields, row, strict=True)) == fields
    for display_filter in sentence.gone:
        assert tshark(capture, display_filter, "frame.number") == []
    for path, value in sentence.said.items():
        assert at(analysis(capture), path) == value, path
