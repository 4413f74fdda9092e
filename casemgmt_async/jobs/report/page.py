"""The report as a page: one file, no scripts, nothing loaded from anywhere; every text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.journal import State
from casemgmt_async.jobs.report.charts import COLORS, pairs, shares, timeline
from casemgmt_async.jobs.report.data import ReportData
from casemgmt_async.jobs.report.markup import Markup, raw, tag
from casemgmt_async.jobs.snapshot import AGES

__all__ = ["page"]

ORDERS: Final[Mapping[str, Sequence[str]]] = {
    "priority": ("P1", "P2", "P3", "P4", "P5", "NOT_DEFINED"),
    "age": AGES,
}
HEADINGS: Final = {"status": "By status", "priority": "By priority", "age": "Open cases by age"}
STYLE: Final = resources.files(__package__).joinpath("report.css").read_text("utf-8")


def page(report: ReportData) -> str:
    """The whole page."""
    title = f"{report.kind.capitalize()} report"
    head = tag("head", raw('<meta charset="utf-8">'), VIEWPORT, tag("title", text=title), tag("style", raw(STYLE)))
    sections = (tiles(report), by_rule(report), before_and_after(report), throughput(report), failures(report))
    top = tag("h1", text=title), tag("p", text=subtitle(report), class_="sub")
    return "<!doctype html>\n" + tag("html", head, tag("body", tag("main", *top, *sections)), lang="en") + "\n"


VIEWPORT: Final = raw('<meta name="viewport" content="width=device-width,initial-scale=1">')


def subtitle(report: ReportData) -> str:
    """When, for how long, and out of which journal."""
    begun = datetime.fromtimestamp(report.started, UTC)
    parts = [f"Begun {begun:%Y-%m-%d %H:%M} UTC"]
    if report.ended is not None:
        parts.append(f"last change after {format_span(report.ended - report.started)}")
    if report.walked is not None:
        parts.append(f"{report.walked:,} cases looked at, {report.items:,} to change")
    parts.append(f"journal {report.journal.name}")
    return " \u00b7 ".join(parts)


def tiles(report: ReportData) -> Markup:
    """The counts that matter, large."""
    shown = [("operations", sum(report.states.values()), "var(--mark)")]
    shown += [(state.value, report.states[state], COLORS[state]) for state in State if report.states.get(state)]
    tiles = [
        tag(
            "div", tag("b", text=f"{count:,}"), tag("span", text=name), class_="tile", style=f"border-top-color:{color}"
        )
        for name, count, color in shown
    ]
    return tag("div", *tiles, class_="tiles")


def by_rule(report: ReportData) -> Markup:
    """Rule by action by outcome, with a bar for each."""
    states = [state for state in State if report.states.get(state)]
    head = ["Rule", "Action", *(f"#{state.value}" for state in states), ""]
    rows = [
        [row.rule, row.action, *(f"{row.states.get(state, 0):,}" for state in states), shares(row.states)]
        for row in report.rows
    ]
    return section("Rules and outcomes", table(head, rows) if rows else nothing("No operation was planned."))


def before_and_after(report: ReportData) -> Markup:
    """The cases by status, priority and age."""
    is_made = report.before is None
    keys = {"made by this job": "var(--mark)"} if is_made else {"before": "var(--pale)", "after": "var(--mark)"}
    legend = [tag("i", style=f"background:{color}") + tag("span", text=name) for name, color in keys.items()]
    charts = [chart(report, name) for name in HEADINGS if values_of(report, name)]
    shown = tag("div", *charts, class_="charts") if charts else nothing("No case was looked at.")
    heading = "Cases made" if is_made else "Cases before and after"
    return section(heading, tag("p", *map(raw, legend), class_="key"), shown)


def chart(report: ReportData, name: str) -> Markup:
    """One of the three charts."""
    before = None if report.before is None else report.before.get(name, {})
    drawn = pairs(HEADINGS[name], values_of(report, name), before, report.after.get(name, {}))
    return tag("div", tag("h3", text=HEADINGS[name]), drawn)


def values_of(report: ReportData, name: str) -> list[str]:
    """The values that some case has or had, in their own order or the most frequent first."""
    counted = [counts.get(name, {}) for counts in (report.before or {}, report.after)]
    found = {value: max(counts.get(value, 0) for counts in counted) for counts in counted for value in counts}
    order = ORDERS.get(name, ())
    rank = {value: place for place, value in enumerate(order)}
    return sorted((value for value in found if found[value]), key=lambda value: (rank.get(value, 99), -found[value]))


def throughput(report: ReportData) -> Markup:
    """Operations ended over time."""
    points = report.throughput
    if len(points) < 2:
        return section("Throughput", nothing("There is too little to draw."))
    whole = (points[1][0] - points[0][0]) * len(points)
    label = f"Operations ended a second, {sum(count for _, count in points) / whole:,.0f} on average"
    return section("Throughput", tag("p", text=label, class_="key"), timeline(points, label))


def failures(report: ReportData) -> Markup:
    """What is not done, and why."""
    rows = [
        [
            raw(tag("i", class_="dot", style=f"background:{COLORS[each.state]}") + tag("span", text=each.state.value)),
            each.action,
            f"{each.count:,}",
            tag("div", text=each.reason, class_="reason"),
            tag("div", text="; ".join(label[:80] for label in each.examples), class_="reason soft"),
        ]
        for each in report.failures
    ]
    shown = (
        table(["Outcome", "Action", "#count", "Reason", "For example"], rows) if rows else nothing("Nothing failed.")
    )
    return section("Not done, and why", shown)


def section(heading: str, *inner: Markup) -> Markup:
    """A card with a heading."""
    return tag("section", tag("h2", text=heading), *inner)


def nothing(text: str) -> Markup:
    """What stands where there is nothing to show."""
    return tag("p", text=text, class_="soft")


def table(head: Sequence[str], rows: Iterable[Sequence[str | Markup]]) -> Markup:
    """A table; a heading with `#` is of numbers. Cells that `tag` made are markup, all others are text."""
    kinds = ["n" if name.startswith("#") else None for name in head]
    names = [tag("th", text=name.lstrip("#"), class_=kind) for kind, name in zip(kinds, head, strict=True)]
    lines = [tag("tr", *(cell(each, kind) for kind, each in zip(kinds, row, strict=True))) for row in rows]
    return tag("div", tag("table", tag("thead", tag("tr", *names)), tag("tbody", *lines)), class_="wide")


def cell(content: str, kind: str | None) -> Markup:
    """One cell of a table."""
    return tag("td", content, class_=kind) if isinstance(content, Markup) else tag("td", text=content, class_=kind)
