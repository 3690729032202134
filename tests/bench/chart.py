"""The chart of a benchmark: `python -m tests.bench.chart RESULTS OUT.svg`. What a run left out is not drawn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_OURS, _OTHERS = "#2a6fb0", "#b0b0b0"


def _seconds(axes: Axes, capture: dict[str, Any]) -> None:
    """Everybody's time for one storm, on a logarithmic scale: it spans five orders of magnitude."""
    seconds = {who: run["median"] for who, run in capture["runs"].items()} | capture.get("estimates", {})
    bars = sorted(seconds.items(), key=lambda item: -item[1])
    colours = [_OURS if who.startswith("pxeconform") else _OTHERS for who, _ in bars]
    drawn = axes.barh([who for who, _ in bars], [value for _, value in bars], color=colours)
    axes.bar_label(drawn, [f"{value:.3g} s" for _, value in bars], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_title(f"{capture['octets'] / 1e6:.0f} MB, {capture['packets']} packets, whole process")
    axes.set_xlabel("seconds (logarithmic)")


def _memory(axes: Axes, captures: dict[str, Any]) -> None:
    for kind, marker in (("bigger files", "o"), ("more clients", "s")):
        of_kind = [c for name, c in captures.items() if name.endswith(kind)]
        sizes = [capture["octets"] / 1e9 for capture in of_kind]
        axes.plot(sizes, [c["runs"]["pxeconform"]["peak"] / 1e6 for c in of_kind], f"{marker}-", label=kind)
    axes.axhline(400, color="grey", linestyle=":", label="limit")
    axes.set(ylim=(0, None), xlim=(0, None), xlabel="GB", ylabel="MB", title="Peak resident memory")
    axes.legend()


def _clients(axes: Axes, captures: dict[str, Any]) -> None:
    counts = [capture["clients"] for capture in captures.values()]
    axes.plot(counts, [capture["runs"]["pxeconform"]["median"] for capture in captures.values()], "o-", color=_OURS)
    axes.set(ylim=(0, None), xlim=(0, None), xlabel="clients", ylabel="seconds", title="Clients that boot at once")


def main() -> int:
    """The command line."""
    results, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    parts = results["parts"]
    panels = [
        (draw, argument)
        for draw, argument in (
            (_seconds, next(iter(parts.get("storm", {"captures": {}})["captures"].values()), None)),
            (_memory, parts.get("memory", {}).get("captures")),
            (_clients, parts.get("linear", {}).get("captures")),
        )
        if argument
    ]
    if not panels:
        return 0
    plt.rcParams["svg.hashsalt"] = "pxeconform"
    figure, axes = plt.subplots(1, len(panels), figsize=(6 * len(panels), 4), squeeze=False, layout="constrained")
    for (draw, argument), place in zip(panels, axes[0], strict=True):
        draw(place, argument)
    figure.savefig(out, metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
