"""The report as a page: one file, no scripts, nothing loaded from anywhere; every text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from casemgmt_async.jobs.journal import State
from casemgmt_async.jobs.snapshot import AGES
from casemgmt_async.jobs.spans import format_span

if TYPE_CHECKING:
    from casemgmt_async.jobs.report import Report

__all__ = ["page"]

COLORS: Final[Mapping[State, str]] = {
    State.DONE: "#2e9e6b",
    State.REJECTED: "#d64545",
    State.UNKNOWN: "#e09f1f",
    State.SKIPPED: "#8f98a3",
    State.SENDING: "#4a86e8",
    State.PLANNED: "#a9c4ef",
}
ORDERS: Final[Mapping[str, Sequence[str]]] = {
    "priority": ("P1", "P2", "P3", "P4", "P5", "NOT_DEFINED"),
    "age": tuple(name for name, _ in AGES),
}
HEADINGS: Final = {"status": "By status", "priority": "By priority", "age": "Open cases by age"}
STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6877;--line:#dfe4ea;--card:#fff;--back:#f4f6f8;--mark:#3d6fd6;
--pale:#b9c3d0}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#2d3642;--card:#1a212b;--back:#11161d;
--mark:#6f9bf0;--pale:#4b5767}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;margin:0}h2{font-size:17px;margin:0 0 12px}
p.sub{color:var(--soft);margin:4px 0 24px}section{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:20px;margin:0 0 20px}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:12px;
margin:0 0 20px}.tile{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--c,var(--mark));
border-radius:10px;padding:12px 16px}.tile b{display:block;font-size:24px;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:600}th,td{padding:6px 12px 6px 0;border-bottom:1px solid var(--line);
vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr:last-child td{border-bottom:0}.bar{display:flex;height:12px;width:180px;border-radius:3px;overflow:hidden;
background:var(--line);margin-top:5px}.bar i{display:block}.charts{display:grid;
grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:28px}svg{width:100%;height:auto;display:block}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg .old{fill:var(--pale)}
svg .new{fill:var(--mark)}svg .axis{stroke:var(--line)}.key{color:var(--soft);font-size:13px;margin:0 0 12px}
.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 12px}.key i:first-child{margin-left:0}
.reason{max-width:520px;overflow-wrap:anywhere}.soft{color:var(--soft)}
"""


def page(report: Report) -> str:
    """The whole page."""
    title = f"{report.kind.capitalize()} report"
    sections = (tiles(report), by_rule(report), before_and_after(report), throughput(report), failures(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1><p class="sub">{subtitle(report)}</p>{"".join(sections)}</main></body></html>\n'
    )


def subtitle(report: Report) -> str:
    """When, for how long, and out of which journal."""
    begun = datetime.fromtimestamp(report.started, UTC)
    parts = [f"Begun {begun:%Y-%m-%d %H:%M} UTC"]
    if report.ended is not None:
        parts.append(f"last change after {format_span(report.ended - report.started)}")
    if report.walked is not None:
        parts.append(f"{report.walked:,} cases looked at, {report.items:,} to change")
    parts.append(f"journal {report.journal.name}")
    return escape(" \u00b7 ".join(parts))


def tiles(report: Report) -> str:
    """The counts that matter, large."""
    shown = [("operations", sum(report.states.values()), "var(--mark)")]
    shown += [(state.value, report.states.get(state, 0), COLORS[state]) for state in State if report.states.get(state)]
    cells = (
        f'<div class="tile" style="--c:{color}"><b>{count:,}</b><span>{escape(name)}</span></div>'
        for name, count, color in shown
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def by_rule(report: Report) -> str:
    """Rule by action by outcome, with a bar for each."""
    states = [state for state in State if report.states.get(state)]
    head = ["Rule", "Action", *(f"#{state.value}" for state in states), ""]
    rows = [
        [
            escape(row.rule),
            escape(row.action),
            *(f"{row.states.get(state, 0):,}" for state in states),
            stacked(row.states),
        ]
        for row in report.rows
    ]
    return section("Rules and outcomes", table(head, rows) if rows else nothing("No operation was planned."))


def stacked(states: Mapping[State, int]) -> str:
    """A bar of the states' shares."""
    whole = sum(states.values()) or 1
    parts = (
        f'<i style="width:{100 * states[state] / whole:.2f}%;background:{COLORS[state]}" title="{state.value}: {states[state]:,}"></i>'
        for state in State
        if states.get(state)
    )
    return f'<div class="bar">{"".join(parts)}</div>'


def before_and_after(report: Report) -> str:
    """The cases by status, priority and age."""
    legend = (
        '<p class="key"><i style="background:var(--pale)"></i>before<i style="background:var(--mark)"></i>after</p>'
    )
    if report.before is None:
        legend = '<p class="key"><i style="background:var(--mark)"></i>made by this job</p>'
    charts = [
        f"<div><h2>{HEADINGS[name]}</h2>{pairs(name, (report.before or {}).get(name), report.after.get(name, {}))}</div>"
        for name in HEADINGS
        if report.after.get(name) or (report.before or {}).get(name)
    ]
    shown = f'{legend}<div class="charts">{"".join(charts)}</div>' if charts else nothing("No case was looked at.")
    return section("Cases before and after" if report.before is not None else "Cases made", shown)


def pairs(name: str, before: Mapping[str, int] | None, after: Mapping[str, int]) -> str:
    """Two bars for each value: before and after."""
    found = {*(before or {}), *after}
    order = ORDERS.get(name, ())
    values = [each for each in order if each in found]
    values += sorted(found.difference(order), key=lambda each: -max((before or {}).get(each, 0), after.get(each, 0)))
    values = [each for each in values if (before or {}).get(each) or after.get(each)]
    most = max((count for counts in (before or {}, after) for count in counts.values()), default=1) or 1
    height, drawn = 34 if before is not None else 22, []
    for place, value in enumerate(values):
        top = place * height
        drawn.append(
            f'<text x="108" y="{top + height / 2}" text-anchor="end" dominant-baseline="middle">{escape(value[:18])}</text>'
        )
        bars = (
            [("new", after.get(value, 0))]
            if before is None
            else [("old", before.get(value, 0)), ("new", after.get(value, 0))]
        )
        for line, (kind, count) in enumerate(bars):
            y, width = top + 3 + line * 14, 190 * count / most
            drawn.append(
                f'<rect class="{kind}" x="116" y="{y}" width="{width:.1f}" height="12" rx="2"/>'
                f'<text class="soft" x="{120 + width:.1f}" y="{y + 10}">{count:,}</text>'
            )
    label = f"{HEADINGS[name]}: " + ", ".join(f"{value} {after.get(value, 0)}" for value in values)
    return f'<svg viewBox="0 0 360 {max(len(values), 1) * height + 4}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'


def throughput(report: Report) -> str:
    """Operations ended over time."""
    points = report.throughput
    if len(points) < 2:
        return section("Throughput", nothing("There is too little to draw."))
    width = points[1][0] - points[0][0]
    rates = [count / width for _, count in points]
    top, step = max(rates) or 1, 900 / len(points)
    bars = "".join(
        f'<rect class="new" x="{70 + place * step:.1f}" y="{170 - 150 * rate / top:.1f}" width="{max(step - 1, 0.5):.1f}" '
        f'height="{150 * rate / top:.1f}"/>'
        for place, rate in enumerate(rates)
    )
    whole = width * len(points)
    drawn = (
        f'<line class="axis" x1="70" y1="170" x2="970" y2="170"/><line class="axis" x1="70" y1="20" x2="970" y2="20"/>{bars}'
        f'<text class="soft" x="62" y="24" text-anchor="end">{top:,.0f}/s</text><text class="soft" x="62" y="174" '
        f'text-anchor="end">0</text><text class="soft" x="70" y="190">0</text>'
        f'<text class="soft" x="970" y="190" text-anchor="end">{format_span(whole)}</text>'
    )
    mean = sum(count for _, count in points) / whole
    label = f"Operations ended a second, {mean:,.0f} on average"
    return section(
        "Throughput",
        f'<p class="key">{label}</p><svg viewBox="0 0 980 196" role="img" aria-label="{label}">{drawn}</svg>',
    )


def failures(report: Report) -> str:
    """What is not done, and why."""
    rows = [
        [
            f'<span style="color:{COLORS[each.state]}">\u25cf</span> {each.state.value}',
            escape(each.action),
            f"{each.count:,}",
            f'<div class="reason">{escape(each.reason)}</div>',
            f'<div class="reason soft">{escape("; ".join(label[:80] for label in each.examples))}</div>',
        ]
        for each in report.failures
    ]
    shown = (
        table(["Outcome", "Action", "#count", "Reason", "For example"], rows) if rows else nothing("Nothing failed.")
    )
    return section("Not done, and why", shown)


def section(heading: str, inner: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{inner}</section>"


def nothing(text: str) -> str:
    return f'<p class="soft">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of cells that are HTML already; a heading with `#` is of numbers."""
    kinds = [' class="n"' if name.startswith("#") else "" for name in head]
    names = "".join(f"<th{kind}>{escape(name.lstrip('#'))}</th>" for kind, name in zip(kinds, head, strict=True))
    lines = ("".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'
