"""Draw the packages and their imports from the source: `python docs/layers_picture.py` writes the pictures.

An arrow from one box to another says that the first imports the second. An arrow is left out where others already
lead there. Every box stands above all boxes that it imports. Modules whose names begin with an underscore are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from attrs import field, frozen

sys.path.insert(0, str(Path(__file__).parent))

import itertools

from import_graph import PACKAGE, ROOT, areas

__all__ = ["PICTURES", "draw", "main"]

STATIC = ROOT / "docs" / "_static"
PICTURES = {
    "layers.svg": (PACKAGE, "The packages of the library and their imports"),
    "layers-jobs.svg": (f"{PACKAGE}.jobs", "The packages inside jobs and their imports"),
    "layers-emulator.svg": (f"{PACKAGE}.emulator", "The packages inside emulator and their imports"),
}
"""File name -> the package that the picture opens, and the picture's title."""
BOX_WIDTH, BOX_HEIGHT, GAP, BEND = 116, 34, 24, 12
ROW = 82
STYLE = """\
text{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px;fill:#1b2733;text-anchor:middle}
rect.box{fill:#f4f7fa;stroke:#9fb3c8;stroke-width:1.2}
path.import{stroke:#5b6b7a;stroke-width:1.2;fill:none;marker-end:url(#head)}"""
HEAD = (
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L10 5L0 10z" fill="#5b6b7a"/></marker></defs>'
)
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
role="img" aria-label="{title}">
<title>{title}</title>
<style>
{style}
</style>{head}
<rect width="{width}" height="{height}" fill="#ffffff" rx="8"/>
{parts}
</svg>
"""

Graph = Mapping[str, set[str]]


@frozen
class Bend:
    """The place in one row where a long arrow passes between the boxes."""

    start: str
    end: str
    row: int


@frozen
class Layout:
    """Rows of boxes and bends, bottom row first, and the x coordinate of the middle of each."""

    rows: list[list[str | Bend]]
    x: dict[str | Bend, float] = field(factory=dict)


def levels(graph: Graph) -> dict[str, int]:
    """The row of each box, from the bottom: one more than the highest of what it imports."""
    found: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        found[name] = 1 + max((found[other] for other in graph[name]), default=-1)
    return found


def visible(graph: Graph) -> dict[str, set[str]]:
    """The graph without names that begin with an underscore."""
    hidden = {name for name in graph if name.startswith("_")}
    return {name: others - hidden for name, others in graph.items() if name not in hidden}


def reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """Everything that those import, directly or through others."""
    found: set[str] = set()
    rest = list(starts)
    while rest:
        for name in graph[rest.pop()] - found:
            found.add(name)
            rest.append(name)
    return found


def reduced(graph: Graph) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others."""
    return {name: others - reachable(graph, others) for name, others in graph.items()}


def arrange(graph: Graph) -> Layout:
    """Put boxes into rows and order each row so that few arrows cross."""
    row_of = levels(graph)
    rows: list[list[str | Bend]] = [[] for _ in range(1 + max(row_of.values()))]
    links: dict[str | Bend, list[str | Bend]] = {}
    for name in sorted(graph):
        rows[row_of[name]].append(name)
    for start in sorted(graph):
        for end in sorted(graph[start]):
            bends = [Bend(start, end, row) for row in range(row_of[start] - 1, row_of[end], -1)]
            for bend in bends:
                rows[bend.row].append(bend)
            line = [start, *bends, end]
            for upper, lower in itertools.pairwise(line):
                links.setdefault(upper, []).append(lower)
                links.setdefault(lower, []).append(upper)
    layout = Layout(rows)
    for _ in range(24):
        for row in [*rows, *reversed(rows)]:
            spread(row, layout.x)
            at = {item: mean([layout.x[link] for link in links.get(item, ()) if link in layout.x]) for item in row}
            row.sort(key=lambda item: at[item] if at[item] is not None else layout.x[item])
            spread(row, layout.x)
    return layout


def mean(values: list[float]) -> float | None:
    """The arithmetic mean; None of no values."""
    return sum(values) / len(values) if values else None


def spread(row: list[str | Bend], x: dict[str | Bend, float]) -> None:
    """Give the items of a row their places side by side, centred on 0."""
    widths = [BOX_WIDTH if isinstance(item, str) else BEND for item in row]
    left = -(sum(widths) + GAP * (len(row) - 1)) / 2
    for item, width in zip(row, widths, strict=True):
        x[item] = left + width / 2
        left += width + GAP


def draw(package: str, title: str) -> str:
    """One picture as SVG."""
    graph = reduced(visible(areas(package)))
    layout = arrange(graph)
    lowest = min(x - BOX_WIDTH / 2 for x in layout.x.values()) - GAP
    width = round(-2 * lowest)
    height = len(layout.rows) * ROW - (ROW - BOX_HEIGHT) + 2 * GAP
    top = {item: height - GAP - BOX_HEIGHT - ROW * row for row, items in enumerate(layout.rows) for item in items}
    parts = []
    for start in sorted(graph):
        for end in sorted(graph[start]):
            bends = sorted(
                (item for item in top if isinstance(item, Bend) and (item.start, item.end) == (start, end)),
                key=lambda bend: -bend.row,
            )
            parts.append(arrow([start, *bends, end], layout.x, top, lowest))
    for name in sorted(graph):
        x, y = layout.x[name] - lowest, top[name]
        parts.append(
            f'<rect class="box" x="{x - BOX_WIDTH / 2:.0f}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        )
        parts.append(f'<text x="{x:.0f}" y="{y + 21}">{name}</text>')
    return FRAME.format(title=title, width=width, height=height, style=STYLE, head=HEAD, parts="\n".join(parts))


def arrow(line: list[str | Bend], x: Mapping[str | Bend, float], top: Mapping[str | Bend, int], left: float) -> str:
    """The path of one arrow, curved between rows and straight beside boxes."""
    path = [f"M{x[line[0]] - left:.0f} {top[line[0]] + BOX_HEIGHT}"]
    for upper, lower in itertools.pairwise(line):
        begin, end = top[upper] + BOX_HEIGHT, top[lower]
        middle = (begin + end) / 2
        path.append(
            f"C{x[upper] - left:.0f} {middle:.0f} {x[lower] - left:.0f} {middle:.0f} {x[lower] - left:.0f} {end}"
        )
        if isinstance(lower, Bend):
            path.append(f"V{end + BOX_HEIGHT}")
    return f'<path class="import" d="{"".join(path)}"/>'


def main() -> None:
    """Write all pictures."""
    for file, (package, title) in PICTURES.items():
        (STATIC / file).write_text(draw(package, title), "utf-8")


if __name__ == "__main__":
    main()
