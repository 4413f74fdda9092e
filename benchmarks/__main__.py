"""`python -m benchmarks`: this library, other clients and bare aiohttp (the floor), measured against one emulator.

Prints a table, writes `benchmarks/results.json` and draws the plots of the docs. Compare the ratios: absolute times
depend on the machine. Exit status 0 means that everything was measured, not that every target was reached.
"""

from __future__ import annotations

import asyncio
import json
import platform
import re
import sys
from pathlib import Path

import aiohttp
import msgspec
from attrs import asdict

from benchmarks import decode, measures, plots, server, walks
from benchmarks.measures import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
SHOWN = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
STALL = "event loop stall, p99"
OURS, FLOOR = "casemgmt_async", "aiohttp + orjson"

BARS: list[tuple[str, str, str, str]] = [  # measure, compared with, how, bar
    ("page of 100 cases, bytes to objects", "orjson.loads", "at most", "1.6"),
    ("page of 100 cases, bytes to objects", "official", "at least, times less", "40"),
    ("sequential walk, CPU a page", FLOOR, "at most", "1.35"),
    ("sequential walk, CPU a page", "official (async)", "at least, times less", "40"),
    ("get_case, CPU a call", FLOOR, "at most", "1.5"),
    ("1,000 calls at once", FLOOR, "at least", "0.9"),
]
README_ROWS = [  # what, measure, floor, official client
    ("parse a page of 100 cases", "page of 100 cases, bytes to objects", "orjson.loads", "official"),
    ("read one page of a walk", "sequential walk, CPU a page", FLOOR, "official (async)"),
    ("`get_case`", "get_case, CPU a call", FLOOR, "official (async)"),
]
LIMITS: list[tuple[str, float]] = [  # measure, at most, in its unit
    ("event loop stall, p99", 5.0),
    ("import over aiohttp", 60.0),
    ("import over aiohttp, with what a first call needs", 60.0),
    ("casemgmt --version, over Python", 60.0),
    ("casemgmt get, over Python with aiohttp", 150.0),
    ("installed size", 1.0),
    ("memory of 1,000,000 cases over 10,000", 30.0),
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


def judged(figures: list[Figure]) -> list[tuple[str, str, str, str]]:
    """Compare the figures with the targets: returns measure, figure, target, and whether it was reached."""
    value = {(figure.measure, figure.client): figure.value for figure in figures}
    unit = {figure.measure: figure.unit for figure in figures}
    rows = []
    for name, peer, how, bar in BARS:
        ours, theirs = value.get((name, OURS)), value.get((name, peer))
        if ours is None or theirs is None:
            rows.append((name, f"no {peer} here", f"{how} {bar}", "-"))
            continue
        ratio = theirs / ours if "less" in how else ours / theirs
        reached = ratio <= float(bar) if how == "at most" else ratio >= float(bar)
        rows.append((name, f"{ratio:.2f} x {peer}", f"{how} {bar}", "yes" if reached else "NO"))
    for name, most in LIMITS:
        if (name, OURS) in value:
            seen = value[name, OURS]
            rows.append((name, f"{seen:.2f} {unit[name]}", f"at most {most:g}", "yes" if seen <= most else "NO"))
    share = value.get(("200 pages at 50 ms, window 16, share of the ideal", OURS))
    if share is not None:
        rows.append(
            (
                "200 pages at 50 ms, window 16",
                f"{share:.0f} % of the ideal",
                "at least 90 %",
                "yes" if share >= 90 else "NO",
            )
        )
    return rows


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
        file.write_text(
            SHOWN.sub(lambda found, text=text: f"{found[1]}{text}{found[2]}", file.read_text("utf-8")), "utf-8"
        )


def main() -> None:
    """Measure, print, write."""
    figures = asyncio.run(measure())
    rows = judged(figures)
    print(
        table(
            ("measure", "client", "median", "spread", "unit"),
            [(f.measure, f.client, f"{f.value:.3f}", f"{f.spread:.3f}" if f.spread else "", f.unit) for f in figures],
        )
    )
    print()
    print(table(("bar", "seen", "asked", "reached"), rows))
    machine = {
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "msgspec": msgspec.__version__,
        "machine": platform.machine(),
    }
    document = {"machine": machine, "figures": [asdict(figure) for figure in figures], "bars": rows}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    plots.draw(figures)
    publish(figures)


if __name__ == "__main__":
    main()
