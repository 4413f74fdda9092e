"""The charts of a report, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.journal import State
from casemgmt_async.jobs.report.markup import Markup, tag

__all__ = ["color_of", "pairs", "shares", "timeline"]

LEFT: Final = 64
WIDTH: Final = 900
HEIGHT: Final = 150
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600)
"""Lengths of an interval in seconds that a reader knows by heart."""
SHORTEST: Final = 5.0
"""Seconds below which a chart shows nothing that its caption does not say."""


def color_of(state: State) -> str:
    """The colour of a state, from the style sheet."""
    return f"var(--{state.value})"


def shares(states: Mapping[State, int]) -> Markup:
    """A bar of the states' shares."""
    whole = sum(states.values()) or 1
    parts = []
    for state in (state for state in State if states.get(state)):
        style = f"width:{100 * states[state] / whole:.2f}%;background:{color_of(state)}"
        parts.append(tag("i", style=style, title=f"{state}: {states[state]:,}"))
    return tag("div", *parts, class_="bar")


def pairs(heading: str, values: Sequence[str], before: Mapping[str, int] | None, after: Mapping[str, int]) -> Markup:
    """One bar for each value, or two where there is a before, and the difference between the two."""
    kinds = [("new", after)] if before is None else [("old", before), ("new", after)]
    most = max((counts.get(value, 0) for _, counts in kinds for value in values), default=1) or 1
    height = 10 + 14 * len(kinds)
    drawn = []
    for place, value in enumerate(values):
        top = place * height
        drawn.append(
            tag("text", text=value[:16], x=98, y=top + height / 2, text_anchor="end", dominant_baseline="middle")
        )
        for line, (kind, counts) in enumerate(kinds):
            count = counts.get(value, 0)
            y, width = top + 5 + line * 14, 138 * count / most
            drawn.append(tag("rect", class_=kind, x=105, y=y, width=f"{max(width, 1):.1f}", height=12, rx=2))
            drawn.append(
                tag("text", text=shown(count, value, kind, before), class_="soft", x=f"{110 + width:.1f}", y=y + 10)
            )
    label = f"{heading}: " + ", ".join(f"{value} {after.get(value, 0)}" for value in values)
    return tag("svg", *drawn, viewBox=f"0 0 320 {max(len(values), 1) * height + 4}", role="img", aria_label=label)


def shown(count: int, value: str, kind: str, before: Mapping[str, int] | None) -> str:
    """A count, with the difference to before where there is one."""
    change = count - before.get(value, 0) if before is not None and kind == "new" else 0
    return f"{count:,} ({change:+,})" if change else f"{count:,}"


def timeline(
    points: Sequence[tuple[float, int]], waits: Sequence[tuple[float, float]] = ()
) -> tuple[str, Markup | None]:
    """How many operations ended over time: a caption, and a chart unless the job was too short for one.

    The points are the beginnings of equally long intervals in Unix seconds, with the operations that ended in each.
    The waits for the rate limit are their beginnings in Unix seconds and their lengths in seconds.
    """
    whole = sum(count for _, count in points)
    noun = "operation" if whole == 1 else "operations"
    length = (points[1][0] - points[0][0]) * len(points) if len(points) > 1 else 0.0
    if length < SHORTEST:
        return f"{whole:,} {noun} ended within {max(length, 1):.0f} s, which is too short for a chart.", None
    rate = whole / length
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    caption = f"{whole:,} {noun} ended within {format_span(length)}, {shown} per second on average."
    begun = points[0][0]
    parts = [(max(start, begun), min(start + seconds, begun + length)) for start, seconds in waits]
    held = [((start - begun) / length, (end - start) / length) for start, end in parts if end > start]
    share = sum(part for _, part in held)
    if held:
        waited = format_span(share * length)
        caption += f" For {waited} of this time ({share:.0%}), shaded below, the job waited for the rate limit."
    return caption, rising([count for _, count in points], length, held)


def rising(counts: Sequence[int], length: float, held: Sequence[tuple[float, float]] = ()) -> Markup:
    """The number of operations that have ended, over time, as a rising area; waits are shaded, as shares of it."""
    sums = list(accumulate(counts, initial=0))
    whole, step = sums[-1] or 1, WIDTH / len(counts)
    places = [(LEFT + number * step, 20 + HEIGHT * (1 - total / whole)) for number, total in enumerate(sums)]
    line = " ".join(f"L{x:.1f} {y:.1f}" for x, y in places)
    drawn = [
        tag("rect", class_="held", x=f"{LEFT + WIDTH * at:.1f}", y=20, width=f"{WIDTH * part:.1f}", height=HEIGHT)
        for at, part in held
    ]
    drawn += [
        tag("line", class_="axis", x1=LEFT, y1=y, x2=LEFT + WIDTH, y2=y) for y in (20, 20 + HEIGHT / 2, 20 + HEIGHT)
    ]
    drawn.append(tag("path", class_="area", d=f"M{LEFT} {20 + HEIGHT} {line} L{LEFT + WIDTH} {20 + HEIGHT} Z"))
    drawn.append(tag("path", class_="line", d=f"M{LEFT} {20 + HEIGHT} {line}"))
    marks = (
        (f"{whole:,}", "soft count", LEFT - 8, 24, "end"),
        (f"{whole / 2:,.0f}", "soft count", LEFT - 8, 24 + HEIGHT / 2, "end"),
        ("0", "soft count", LEFT - 8, 24 + HEIGHT, "end"),
        ("start", "soft", LEFT, 40 + HEIGHT, "start"),
        (format_span(length), "soft", LEFT + WIDTH, 40 + HEIGHT, "end"),
    )
    drawn += [tag("text", text=text, class_=kind, x=x, y=y, text_anchor=place) for text, kind, x, y, place in marks]
    return tag("svg", *drawn, viewBox="0 0 980 196", role="img", aria_label=f"{whole:,} operations over time")
