"""The charts of a report, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.journal import State
from casemgmt_async.jobs.report.markup import Markup, tag

__all__ = ["COLORS", "pairs", "shares", "timeline"]

COLORS: Final[Mapping[State, str]] = {
    State.DONE: "#2e9e6b",
    State.REJECTED: "#d64545",
    State.UNKNOWN: "#e09f1f",
    State.SKIPPED: "#8f98a3",
    State.SENDING: "#4a86e8",
    State.PLANNED: "#a9c4ef",
}
LEFT: Final = 70
WIDTH: Final = 900
HEIGHT: Final = 150


def shares(states: Mapping[State, int]) -> Markup:
    """A bar of the states' shares."""
    whole = sum(states.values()) or 1
    parts = []
    for state in (state for state in State if states.get(state)):
        style = f"width:{100 * states[state] / whole:.2f}%;background:{COLORS[state]}"
        parts.append(tag("i", style=style, title=f"{state}: {states[state]:,}"))
    return tag("div", *parts, class_="bar")


def pairs(heading: str, values: Sequence[str], before: Mapping[str, int] | None, after: Mapping[str, int]) -> Markup:
    """One bar for each value, or two where there is a before."""
    kinds = [("new", after)] if before is None else [("old", before), ("new", after)]
    most = max((counts.get(value, 0) for _, counts in kinds for value in values), default=1) or 1
    height = 6 + 14 * len(kinds)
    drawn = []
    for place, value in enumerate(values):
        top = place * height
        middle = top + height / 2
        drawn.append(tag("text", text=value[:18], x=108, y=middle, text_anchor="end", dominant_baseline="middle"))
        for line, (kind, counts) in enumerate(kinds):
            count = counts.get(value, 0)
            y, width = top + 3 + line * 14, 190 * count / most
            drawn.append(tag("rect", class_=kind, x=116, y=y, width=f"{width:.1f}", height=12, rx=2))
            drawn.append(tag("text", text=f"{count:,}", class_="soft", x=f"{120 + width:.1f}", y=y + 10))
    label = f"{heading}: " + ", ".join(f"{value} {after.get(value, 0)}" for value in values)
    return tag("svg", *drawn, viewBox=f"0 0 360 {max(len(values), 1) * height + 4}", role="img", aria_label=label)


def timeline(points: Sequence[tuple[float, int]], label: str) -> Markup:
    """How many a second, over time; the points are the starts of equally long intervals."""
    interval = points[1][0] - points[0][0]
    rates = [count / interval for _, count in points]
    most, step = max(rates) or 1, WIDTH / len(points)
    drawn = [tag("line", class_="axis", x1=LEFT, y1=y, x2=LEFT + WIDTH, y2=y) for y in (20, 20 + HEIGHT)]
    for place, rate in enumerate(rates):
        height = HEIGHT * rate / most
        x, y, width = LEFT + place * step, 20 + HEIGHT - height, max(step - 1, 0.5)
        drawn.append(
            tag("rect", class_="new", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}")
        )
    marks = (
        (f"{most:,.0f}/s", LEFT - 8, 24, "end"),
        ("0", LEFT - 8, 24 + HEIGHT, "end"),
        ("start", LEFT, 40 + HEIGHT, "start"),
        (format_span(interval * len(points)), LEFT + WIDTH, 40 + HEIGHT, "end"),
    )
    drawn += [tag("text", text=text, class_="soft", x=x, y=y, text_anchor=anchor) for text, x, y, anchor in marks]
    return tag("svg", *drawn, viewBox="0 0 980 196", role="img", aria_label=label)
