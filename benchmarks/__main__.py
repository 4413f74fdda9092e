"""`python -m benchmarks`: this library, other clients and bare aiohttp (the floor), measured against one emulator.

Prints a table, writes `benchmarks/results.json` and draws the plots of the docs. Compare the ratios, which the last
column shows: absolute times depend on the machine.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
from pathlib import Path

import aiohttp
import msgspec
from attrs import asdict

from benchmarks import decode, measures, plots, server, walks
from benchmarks.measures import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
BEGIN, END = "<!-- bench -->\n", "<!-- /bench -->"
"""What is around the figures on a page."""
STALL = "event loop stall, p99"
OURS, FLOOR = "casemgmt_async", "aiohttp + orjson"

README_ROWS = [  # what, measure, floor, official client
    ("parse a page of 100 cases", "page of 100 cases, bytes to objects", "orjson.loads", "official"),
    ("read one page of a walk", "sequential walk, CPU a page", FLOOR, "official (async)"),
    ("`get_case`", "get_case, CPU a call", FLOOR, "official (async)"),
]


async def measure() -> list[Figure]:
    """Make all measurements, the cheap ones first."""
    figures = [*measures.installed_size(), *measures.import_time(), *decode.figures()]
    async with server.emulator(20_000) as base_url:
        for take in (
            measures.command_start,
            measures.walk_cpu,
            measures.get_cpu,
            measures.loop_stall,
            measures.many_at_once,
        ):
            print(f"measuring: {(take.__doc__ or '').splitlines()[0]}", file=sys.stderr, flush=True)
            figures += await take(base_url)
    return [*figures, *await walks.figures()]


def lines(figures: list[Figure]) -> list[tuple[str, ...]]:
    """Format the figures, with the ratio of each to the figure of this library."""
    ours = {figure.measure: figure.value for figure in figures if figure.client == OURS}
    return [
        (
            *(figure.measure, figure.client, f"{figure.value:.3f}", f"{figure.spread:.3f}" if figure.spread else ""),
            *(figure.unit, f"{figure.value / ours[figure.measure]:.2f} x" if ours.get(figure.measure) else ""),
        )
        for figure in figures
    ]


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Format rows as a table of aligned columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def lighter(figures: list[Figure]) -> str:
    """The table of the README: the CPU time of this library, of bare aiohttp and of Datadog's async client."""
    value = {(figure.measure, figure.client): figure.value for figure in figures}
    rows = [
        "| what | this library | bare aiohttp + orjson | Datadog's async client |",
        "| --- | ---: | ---: | ---: |",
    ]
    for what, measure, floor, official in README_ROWS:
        ours, bare, theirs = (value.get((measure, client)) for client in (OURS, floor, official))
        if ours and bare and theirs:
            rows.append(
                f"| {what} | {ours:.2f} ms | {bare:.2f} ms | {theirs:.1f} ms ({theirs / ours:.0f} times more) |"
            )
    return "\n".join(rows) + "\n"


def answers(figures: list[Figure]) -> str:
    """The tables of docs/performance.md: what users ask, with this library and its peers side by side."""
    value = {(figure.measure, figure.client): figure.value for figure in figures}
    stalls = "\n".join(
        f"| {client} | {value[STALL, client]:,.1f} ms |"
        for client in (OURS, "aiohttp + cattrs", FLOOR, "official (async)")
        if (STALL, client) in value
    )
    small, large = (value[f"peak memory of a walk over {count} cases", OURS] for count in ("10,000", "1,000,000"))
    window, single = (value[f"200 pages at 50 ms, window {pages}", OURS] for pages in (16, 1))
    return (
        f"### CPU time\n\n{lighter(figures)}\n"
        f"### The event loop\n\nHow late another task in the same event loop is woken during a walk, as the 99th "
        f"percentile:\n\n| client | delay |\n| --- | ---: |\n{stalls}\n\n"
        f"### Memory\n\nA process that walks over 10,000 cases needs {small:.0f} MB at its peak, one that walks over "
        f"1,000,000 cases {large:.0f} MB. A walk holds only the pages in flight; `collect()` holds all cases.\n\n"
        f"### Waiting\n\n200 pages at 50 ms each take {single:.1f} s one after the other, and {window:.2f} s with "
        f"`window=16`.\n"
    )


def publish(figures: list[Figure]) -> None:
    """Write the latest figures into the README and the docs."""

    def markdown(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
        cells = [head, tuple("---" for _ in head), *lines]
        return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"

    every = markdown(
        ("measure", "client", "value", "unit"), [(f.measure, f.client, f"{f.value:.3g}", f.unit) for f in figures]
    )
    drawn = "".join(f"\n![{measure}](_static/{name})\n" for measure, name in plots.CHARTS)
    for page, text in (
        ("README.md", lighter(figures)),
        ("docs/performance.md", f"{answers(figures)}{drawn}\n### All figures\n\n{every}"),
    ):
        file = ROOT / page
        start, _, rest = file.read_text("utf-8").partition(BEGIN)
        file.write_text(f"{start}{BEGIN}{text}{END}{rest.partition(END)[2]}", "utf-8")


def main() -> None:
    """Measure, print, write."""
    figures = asyncio.run(measure())
    print(table(("measure", "client", "median", "spread", "unit", "of ours"), lines(figures)))
    machine = {
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "msgspec": msgspec.__version__,
        "machine": platform.machine(),
    }
    document = {"machine": machine, "figures": [asdict(figure) for figure in figures]}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    plots.draw(figures)
    publish(figures)


if __name__ == "__main__":
    main()
