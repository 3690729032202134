"""Strings from packets, made harmless for the place where they are shown.

A boot file name may hold anything: terminal escapes, a right-to-left override that turns a name around, a spreadsheet
formula, markup, ten kilobytes of it. What cannot be seen is written out as ``<U+001B>``. (A backslash form would be
mistaken: ``boot\\x64\\wdsnbp.com`` is an honest name.)
"""

from __future__ import annotations

import unicodedata

NAME_LIMIT = 120
"""Characters of a name that are shown at most, where the place sets no other limit."""

_COMBINING_LIMIT = 3
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_SUBSTITUTES = {
    "✔": "+",
    "✘": "x",
    "○": "o",
    "·": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "×": "x",
    "§": "sec. ",
    "→": "->",
    "“": '"',
    "”": '"',
    "’": "'",
    "─": "-",
    "µ": "u",
}
_RESERVED_NAMES = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))})


def visible(value: object, limit: int | None = None) -> str:
    """A string in which every character can be seen.

    Control, format (bidirectional, zero width, tags), surrogate, private and unassigned characters, separators other
    than the space, and the surplus of stacked combining marks become ``<U+xxxx>``. `limit` is a number of characters:
    longer ones lose their middle, since the end of a path says as much as its beginning.
    """
    text = shortened(str(value), limit)
    if text.isascii() and text.isprintable():
        return text
    parts = []
    stacked = 0
    for character in text:
        stacked = stacked + 1 if unicodedata.combining(character) else 0
        shown = character.isprintable() and stacked <= _COMBINING_LIMIT
        parts.append(character if shown else f"<U+{ord(character):04X}>")
    return shortened("".join(parts), limit)


def shortened(text: str, limit: int | None) -> str:
    """A string without its middle, when it has more than `limit` characters (at least 8)."""
    if limit is None or len(text) <= max(limit, 8):
        return text
    limit = max(limit, 8)
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def for_terminal(value: object, encoding: str = "utf-8", limit: int | None = None) -> str:
    """A visible string that a terminal of this encoding can show; what it cannot is substituted or written out."""
    text = visible(value, limit)
    if text.isascii():
        return text
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        # What is written out grows, so it is cut again.
        grown = shortened("".join(_encodable(character, encoding) for character in text), limit)
        return grown.replace("…", _encodable("…", encoding))
    return text


def _encodable(character: str, encoding: str) -> str:
    if character.isascii():
        return character
    try:
        character.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _SUBSTITUTES.get(character, f"<U+{ord(character):04X}>")
    return character


def csv_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before what begins like one.

    Quoting is the CSV writer's matter. Leading blanks do not hide the sign, since some programs trim them.
    """
    text = str(value)
    risky = text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    shown = visible(text)
    return f"'{shown}" if risky or shown.startswith("'") else shown


def xml_text(value: object) -> str:
    """Characters that XML 1.0 allows (Extensible Markup Language, section 2.2); `<` and `&` are left to the writer."""
    return visible(value)


def unicode_text(value: str) -> str:
    """A string that can be encoded at all: lone surrogates written out, the rest as it is. For data, not for eyes."""
    if value.isascii():
        return value
    return "".join(f"<U+{ord(c):04X}>" if "\ud800" <= c <= "\udfff" else c for c in value)


def file_name(value: object, fallback: str = "unnamed") -> str:
    """One path component that is safe on any file system: letters, digits, ``-_.``, at most 80, no leading dot."""
    text = unicodedata.normalize("NFKC", str(value)[:400]).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in text)
    kept = kept.strip("._ ")[:80].rstrip("._ ")
    if not kept:
        return fallback
    return f"_{kept}" if kept.split(".", 1)[0].lower() in _RESERVED_NAMES else kept
