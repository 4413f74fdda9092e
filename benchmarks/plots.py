"""Draws the figures for the docs, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measures import Figure

STATIC = Path(__file__).parents[1] / "docs" / "_static"
CHARTS = (
    ("page of 100 cases, bytes to objects", "bench-decode.svg"),
    ("sequential walk, CPU a page", "bench-walk.svg"),
    ("get_case, CPU a call", "bench-get.svg"),
    ("event loop stall, p99", "bench-stall.svg"),
)


def draw(figures: Sequence[Figure]) -> None:
    """Draw one bar chart per measure, on a logarithmic scale because the clients differ by orders of magnitude."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second that a run without plots does not pay

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "casemgmt", "font.size": 10, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt  # noqa: PLC0415

    for measure, name in CHARTS:
        rows = sorted((f for f in figures if f.measure == measure), key=lambda f: f.value, reverse=True)
        if not rows:
            continue
        figure, axes = plt.subplots(figsize=(7, 0.5 + 0.42 * len(rows)), layout="constrained")
        colours = ["#2f6fde" if row.client == "casemgmt_async" else "#b9c6d3" for row in rows]
        drawn = axes.barh([row.client for row in rows], [row.value for row in rows], color=colours)
        axes.bar_label(drawn, labels=[f" {row.value:.3g} {row.unit}" for row in rows])
        axes.set_xscale("log")
        axes.set_xlim(right=max(row.value for row in rows) * 4)
        axes.set_title(measure, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(STATIC / name, metadata={"Date": None})
        plt.close(figure)
