"""Charts as SVG: a boot's nine steps over time, and what transfers achieved.

Drawn without pyplot, so nothing is shared between callers. The same data gives the same bytes. Colours come as CSS
variables with a fall-back, so that a page can set them for its dark mode. Labels are never read as mathematics: a file
may be called ``$x^2$``.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pxeconform.report import words
from pxeconform.report.safe import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Dict = Mapping[str, Any]

_INK, _FAINT, _LINE = "#1d2733", "#5c6773", "#d5dbe1"
_TONES: Final[Mapping[str, str]] = {"good": "#1f7a4d", "bad": "#b3261e", "warn": "#8a5a00", "quiet": "#6b7682"}
_VARIABLES: Final[Mapping[str, str]] = {
    _INK: "ink",
    _FAINT: "faint",
    _LINE: "line",
    **{color: tone for tone, color in _TONES.items()},
}
_SETTINGS: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pxeconform",
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.unicode_minus": True,
    "text.parse_math": False,
    "text.usetex": False,
}
_LABEL_LIMIT = 24
_TRANSFERS_LIMIT = 25
_SECOND = 1e9


def timeline_chart(boot: Dict) -> bytes:
    """The nine steps of one boot over time (s), as SVG; each bar runs from a step's first packet to its last."""
    steps = [step for step in boot.get("steps") or () if isinstance(step, Mapping)]
    times = [t for step in steps for t in (step.get("started"), step.get("ended")) if isinstance(t, int)]
    origin = boot["started"] if isinstance(boot.get("started"), int) else min(times, default=0)
    length = max((max(times, default=origin) - origin) / _SECOND, 1e-6)
    with _drawing():
        figure, axes = _canvas(max(len(steps), 1))
        for row, step in enumerate(steps):
            _step_bar(axes, row, step, origin, length)
        names = [words.STEP_NAMES.get(str(step.get("name")), visible(step.get("name"), 24)) for step in steps]
        _rows(axes, [f"{step.get('step')}  {name}" for step, name in zip(steps, names, strict=True)])
        axes.set_xlim(-0.01 * length, 1.22 * length)
        _axis(axes, "seconds since the first packet of this boot")
        return _svg(figure, f"Timeline of {words.boot_name(boot.get('id'))}")


def _step_bar(axes: Axes, row: int, step: Dict, origin: int, length: float) -> None:
    status = str(step.get("status"))
    color = _TONES[words.tone(status)]
    started, ended = step.get("started"), step.get("ended")
    word = words.STATUS_WORDS.get(status, visible(status, 20))
    if not isinstance(started, int):
        _label(axes, 0.005 * length, row, word, color if status == "failed" else _FAINT)
        return
    begin = (started - origin) / _SECOND
    span = (ended - started) / _SECOND if isinstance(ended, int) else 0.0
    # A step of a few microseconds would not be seen: it gets a mark of a fixed width.
    shown = max(span, 0.006 * length)
    hatch = "///" if status == "failed" else None
    axes.barh(row, shown, left=begin, height=0.56, color=color, edgecolor="#ffffff", hatch=hatch, linewidth=0)
    told = words.duration(span) if span else words.offset(started, origin)
    _label(axes, begin + shown + 0.01 * length, row, told if status == "done" else f"{told}, {word}", color)


def transfer_chart(transfers: Iterable[Dict]) -> bytes:
    """Throughput of each transfer (octets per second, logarithmic) with size and duration beside it, as SVG.

    At most 25 transfers are drawn, the largest; those that moved nothing are left out.
    """
    moved = [t for t in transfers if _positive(t.get("throughput")) and _positive(t.get("bytes"))]
    largest = sorted(moved, key=lambda t: -t["bytes"])[:_TRANSFERS_LIMIT]
    drawn = [t for t in moved if any(t is other for other in largest)]
    with _drawing():
        figure, axes = _canvas(max(len(drawn), 1))
        rates = [_drawable(t["throughput"]) for t in drawn]
        low, high = min(rates, default=1.0), max(rates, default=1.0)
        floor = 10 ** (len(str(int(low))) - 2) if low >= 1 else low / 10
        for row, transfer in enumerate(drawn):
            outcome = str(transfer.get("outcome"))
            color = _TONES[words.tone(outcome)]
            rate = _drawable(transfer["throughput"])
            hatch = None if words.tone(outcome) == "good" else "///"
            axes.barh(
                row, rate - floor, left=floor, height=0.56, color=color, edgecolor="#ffffff", hatch=hatch, linewidth=0
            )
            told = (
                f"{words.rate(rate)}  ({words.octets(transfer['bytes'])} in {words.duration(transfer.get('duration'))})"
            )
            if words.tone(outcome) != "good":
                told += f", {words.TRANSFER_WORDS.get(outcome, visible(outcome, 20))}"
            _label(axes, rate * (high / floor) ** 0.012, row, told, _INK)
        axes.set_xscale("log")
        axes.set_xlim(floor, high * (high / floor) ** 0.75)
        _rows(axes, [shortened(visible(t.get("file") or "?", 200), _LABEL_LIMIT) for t in drawn])
        axes.xaxis.set_major_formatter(lambda value, _: words.rate(value))
        axes.xaxis.set_minor_locator(NullLocator())
        _axis(axes, "throughput, logarithmic")
        return _svg(figure, "Throughput of transfers")


def _drawable(rate: float) -> float:
    """Within what a logarithmic axis can hold; no network is slower or faster."""
    return min(max(float(rate), 1e-3), 1e13)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


# -- drawing ----------------------------------------------------------------------------------------------------------


@contextmanager
def _drawing() -> Iterator[None]:
    """Our settings, and silence about glyphs that the measuring font lacks: the browser's fonts have them."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")
        yield


def _canvas(rows: int) -> tuple[Figure, Axes]:
    height = 0.27 * rows + 0.62
    figure = Figure(figsize=(8.2, height), layout=None)
    FigureCanvasSVG(figure)
    figure.patch.set_alpha(0.0)
    axes = figure.add_axes((0.25, 0.55 / height, 0.71, 0.27 * rows / height))
    axes.patch.set_alpha(0.0)
    axes.set_ylim(rows - 0.5, -0.5)
    return figure, axes


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels, color=_INK)
    axes.tick_params(axis="y", length=0)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
        label.set_fontsize(9)


def _axis(axes: Axes, label: str) -> None:
    axes.set_xlabel(label, color=_FAINT, fontsize=9)
    axes.tick_params(axis="x", colors=_FAINT, labelsize=9)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)


def _label(axes: Axes, x: float, row: int, text: str, color: str) -> None:
    axes.text(x, row, text, color=color, fontsize=9, va="center", ha="left", parse_math=False, clip_on=True)


# -- SVG --------------------------------------------------------------------------------------------------------------

_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SVG = "http://www.w3.org/2000/svg"


def _svg(figure: Figure, title: str) -> bytes:
    """The figure's SVG element alone: no prolog, no style sheet, no metadata, ids that are unique to this chart."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    data = buffer.getvalue()
    root = ElementTree.fromstring(data)
    prefix = f"c{hashlib.sha256(data).hexdigest()[:10]}-"
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag.endswith(("}style", "}metadata"))]:
            parent.remove(child)
    used = {name for element in root.iter() for value in element.attrib.values() for name in _references(value)}
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
        element.attrib = {
            key.rsplit("}", 1)[-1]: _attribute(value, prefix)
            for key, value in element.attrib.items()
            if key != "id" or value in used
        }
        if "id" in element.attrib:
            element.attrib["id"] = prefix + element.attrib["id"]
    root.attrib |= {"xmlns": _SVG, "role": "img", "aria-label": visible(title), "stroke-linejoin": "round"}
    return ElementTree.tostring(root, encoding="unicode").encode("utf-8")


def _references(value: str) -> list[str]:
    return [value[1:]] if value.startswith("#") else _REFERENCE.findall(value)


def _attribute(value: str, prefix: str) -> str:
    if value.startswith("#") and not _COLOR.fullmatch(value):
        return f"#{prefix}{value[1:]}"
    value = _REFERENCE.sub(lambda m: f"url(#{prefix}{m[1]})", value)
    return _COLOR.sub(lambda m: f"var(--{_VARIABLES[m[0]]}, {m[0]})" if m[0] in _VARIABLES else m[0], value)
