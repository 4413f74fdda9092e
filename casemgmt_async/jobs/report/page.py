"""The report as a page: one file that loads nothing from anywhere, and in which every text is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Final

from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.journal import State
from casemgmt_async.jobs.report.charts import color_of, pairs, shares, timeline
from casemgmt_async.jobs.report.data import ReportData, ReportFailure
from casemgmt_async.jobs.report.markup import Markup, raw, tag
from casemgmt_async.jobs.snapshot import AGES

__all__ = ["page"]

ORDERS: Final[Mapping[str, Sequence[str]]] = {
    "priority": ("P1", "P2", "P3", "P4", "P5", "NOT_DEFINED"),
    "age": AGES,
}
HEADINGS: Final = {"status": "By status", "priority": "By priority", "age": "Open cases by age"}
VALUES: Final = {"NOT_DEFINED": "none"}
TILES: Final = {
    State.DONE: "done",
    State.PLANNED: "not started",
    State.SENDING: "sent, outcome not looked up yet",
    State.REJECTED: "refused by the service",
    State.UNKNOWN: "outcome unknown",
    State.SKIPPED: "skipped",
}
TO_DO: Final[Mapping[str, Mapping[State, str]]] = {
    "triage": {
        State.REJECTED: "Correct the cause, then run the same command again with --retry-rejected.",
        State.UNKNOWN: "Look at these cases, then run the same command with --retry-unknown to make what is missing.",
        State.SKIPPED: "After the cause is corrected, make a new plan: it decides by the cases as they are now.",
    },
    "backfill": {
        State.REJECTED: "Correct the rows, in the source or the rejects file, and run that file with the same --job.",
        State.UNKNOWN: "Run the same command again: it looks for these first, and makes what is missing.",
        State.SKIPPED: "After the cause is corrected, run the same command again.",
    },
}
"""What to do about operations that were not done, by the kind of the job."""
COLUMNS: Final = ("Case", "Title", "Rule", "Change", "Before", "After", "Outcome", "Reason")
"""The columns of the table of cases; `report.js` knows their places."""


def asset(name: str) -> Markup:
    """The text of a file that stands beside this module."""
    return raw(resources.files("casemgmt_async.jobs.report").joinpath(name).read_text("utf-8"))


STYLE: Final = asset("report.css")
SCRIPT: Final = asset("report.js")
VIEWPORT: Final = raw('<meta name="viewport" content="width=device-width,initial-scale=1">')


def page(report: ReportData) -> str:
    """The whole page."""
    title = f"{report.kind.capitalize()} report"
    head = tag("head", raw('<meta charset="utf-8">'), VIEWPORT, tag("title", text=title), tag("style", STYLE))
    sections = (
        tiles(report),
        by_rule(report),
        failures(report),
        before_and_after(report),
        throughput(report),
        bad_rows(report),
        cases(report),
    )
    body = tag(
        "body", tag("main", tag("h1", text=title), about(report), unfinished(report), *sections), *script(report)
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def about(report: ReportData) -> Markup:
    """What the job was: where, by which rules, who ran it, when, for how long."""
    begun = datetime.fromtimestamp(report.started, UTC)
    facts = [*report.about, ("Started", f"{begun:%Y-%m-%d %H:%M} UTC")]
    if report.ended is not None:
        facts.append(("Last change", f"{format_span(report.ended - report.started)} after the start"))
    if report.walked is not None:
        facts.append(("Cases read", f"{report.walked:,}, of which {report.items:,} to change"))
    facts.append(("Journal", report.journal.name))
    listed = [tag("div", tag("dt", text=name), tag("dd", text=value)) for name, value in facts if value]
    return tag("dl", *listed, class_="about")


def unfinished(report: ReportData) -> Markup:
    """A warning in large letters if something is left to do: how much, of what, and how to continue."""
    planned, sending = (report.states.get(state, 0) for state in (State.PLANNED, State.SENDING))
    if not planned + sending:
        return raw("")
    whole = sum(report.states.values())
    parts = (
        [f"{planned:,} of {whole:,} operations {'has' if planned == 1 else 'have'} not been started."]
        if planned
        else []
    )
    if sending:
        parts.append(f"The outcome of {sending:,} {'is' if sending == 1 else 'are'} not known yet.")
    text = " ".join([*parts, "Run the same command again: it continues where this run ended."])
    return tag("div", tag("b", text="INCOMPLETE"), tag("span", text=text), class_="alert", role="status")


def tiles(report: ReportData) -> Markup:
    """The counts that matter, large."""
    noun = "cases" if report.kind == "triage" else "rows"
    shown = [(noun, report.items, "var(--mark)"), ("operations", sum(report.states.values()), "var(--mark)")]
    shown += [
        (name, report.states[state], color_of(state)) for state, name in TILES.items() if report.states.get(state)
    ]
    if report.bad_rows:
        shown.append(("rows that could not be used", len(report.bad_rows), color_of(State.REJECTED)))
    made = [
        tag(
            "div",
            tag("b", text=f"{count:,}"),
            tag("span", text=name),
            class_="tile",
            style=f"border-left-color:{color}",
        )
        for name, count, color in shown
    ]
    return tag("div", *made, class_="tiles")


def by_rule(report: ReportData) -> Markup:
    """Rule by action by outcome, with a bar for each."""
    states = [state for state in State if report.states.get(state)]
    head = ["Rule", "Change", *(f"#{state.value}" for state in states), ""]
    rows = [
        [row.rule, in_words(row.action), *(f"{row.states.get(state, 0):,}" for state in states), shares(row.states)]
        for row in report.rows
    ]
    return section("What was done", table(head, rows, "stack") if rows else nothing("No change was needed."))


def failures(report: ReportData) -> Markup:
    """What is not done, why, and what to do about it."""
    if not report.failures:
        return raw("")
    rows = [
        [outcome(each.state), in_words(each.action), f"{each.count:,}", explanation(report, each)]
        for each in report.failures
    ]
    return section("What was not done, and why", table(["Outcome", "Change", "#Count", "Reason"], rows, "stack"))


def in_words(change: str) -> str:
    """A change as people write it: `due_date 2026-12-31` is "due date 2026-12-31"."""
    action, space, value = change.partition(" ")
    return action.replace("_", " ") + space + value


def outcome(state: State) -> Markup:
    """The name of a state, with its colour."""
    return tag(
        "span",
        tag("i", class_="dot", style=f"background:{color_of(state)}"),
        tag("span", text=state.value),
        class_="outcome",
    )


def explanation(report: ReportData, failure: ReportFailure) -> Markup:
    """Why operations were not done, what to do about it, and some of their cases."""
    examples = "For example: " + "; ".join(label[:80] for label in failure.examples)
    return tag(
        "div",
        tag("div", text=failure.reason, class_="reason"),
        tag("div", text=TO_DO[report.kind][failure.state], class_="todo soft"),
        tag("div", text=examples, class_="reason soft"),
    )


def before_and_after(report: ReportData) -> Markup:
    """The cases by status, priority and age."""
    charts = [chart(report, name) for name in HEADINGS if values_of(report, name)]
    if not charts:
        return raw("")
    is_made = report.before is None
    keys = {"created by this job": "var(--mark)"} if is_made else {"before": "var(--pale)", "after": "var(--mark)"}
    legend = [tag("i", style=f"background:{color}") + tag("span", text=name) for name, color in keys.items()]
    heading = "Created cases" if is_made else "The cases before and after"
    return section(heading, tag("p", *map(raw, legend), class_="key"), tag("div", *charts, class_="charts"))


def chart(report: ReportData, name: str) -> Markup:
    """One of the three charts."""
    values = values_of(report, name)
    before = None if report.before is None else named(report.before.get(name, {}))
    drawn = pairs(
        HEADINGS[name], [VALUES.get(value, value) for value in values], before, named(report.after.get(name, {}))
    )
    return tag("div", tag("h3", text=HEADINGS[name]), drawn)


def named(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by the names that people use."""
    return {VALUES.get(value, value): count for value, count in counts.items()}


def values_of(report: ReportData, name: str) -> list[str]:
    """The values that some case has or had, in their own order or the most frequent first."""
    counted = [counts.get(name, {}) for counts in (report.before or {}, report.after)]
    found = {value: max(counts.get(value, 0) for counts in counted) for counts in counted for value in counts}
    order = ORDERS.get(name, ())
    rank = {value: place for place, value in enumerate(order)}
    return sorted((value for value in found if found[value]), key=lambda value: (rank.get(value, 99), -found[value]))


def throughput(report: ReportData) -> Markup:
    """Operations ended over time."""
    if not report.throughput:
        return raw("")
    caption, drawn = timeline(report.throughput, report.waits)
    return section(
        "Progress over time",
        tag("p", text=caption, class_="key"),
        *([tag("div", drawn, class_="wide")] if drawn else []),
    )


def cases(report: ReportData) -> Markup:
    """The table of cases, which the script fills; without scripts, the page says where they are."""
    if not report.operations:
        return raw("")
    rules = dict.fromkeys(row.rule for row in report.rows)
    states = dict.fromkeys(each.state for each in report.operations)
    tools = (
        tag("input", type="search", id="find", placeholder="Search", aria_label="Search the cases"),
        choice("outcome", "Any outcome", [state.value for state in states]),
        choice("rule", "Any rule", list(rules)),
        tag(
            "span",
            tag("button", text="\u2190", id="back", type="button", aria_label="Previous page"),
            tag("span", id="place", class_="soft", aria_live="polite"),
            tag("button", text="\u2192", id="next", type="button", aria_label="Next page"),
            class_="pager",
        ),
    )
    heads = [tag("th", tag("button", text=name, type="button")) for name in COLUMNS]
    listed = tag("table", tag("thead", tag("tr", *heads)), tag("tbody"), id="cases", class_="stack")
    notes = [tag("noscript", tag("p", text="The list needs JavaScript; --outcomes writes it to a file."))]
    if report.omitted:
        text = f"{report.omitted:,} more are not listed here; --outcomes writes all of them to a file."
        notes.append(tag("p", text=text, class_="soft"))
    return section(
        "Case by case", tag("div", *tools, class_="tools"), tag("div", listed, class_="wide"), *notes, kind="long"
    )


def choice(name: str, every: str, values: Sequence[str]) -> Markup:
    """A list to choose from."""
    options = [tag("option", text=every, value=""), *(tag("option", text=value, value=value) for value in values)]
    return tag("select", *options, id=name, aria_label=every)


def script(report: ReportData) -> tuple[Markup, ...]:
    """The rows of the table as JSON, and the script that shows them."""
    if not report.operations:
        return ()
    rows = [
        [each.key, each.title, each.rule, each.change, each.before, each.after, each.state.value, each.reason]
        for each in report.operations
    ]
    web = f"{report.web}/cases/" if report.web else None
    # In a script element only `<` can end the data or begin a comment.
    data = json.dumps({"web": web, "rows": rows}, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return tag("script", raw(data), type="application/json", id="data"), tag("script", SCRIPT)


def bad_rows(report: ReportData) -> Markup:
    """The rows of a backfill that could not be used."""
    if not report.bad_rows:
        return raw("")
    rows = [[f"{line:,}" if line else "", text, reason] for line, text, reason in report.bad_rows]
    notes = [tag("p", text="These are the first rows; the rejects file has all of them.", class_="soft")]
    listed = table(["#Line", "Row", "Reason"], rows, "stack")
    return section("Rows that could not be used", listed, *(notes if report.more_bad_rows else ()), kind="long")


def section(heading: str, *inner: Markup, kind: str | None = None) -> Markup:
    """A card with a heading."""
    return tag("section", tag("h2", text=heading), *inner, class_=kind)


def nothing(text: str) -> Markup:
    """What stands where there is nothing to show."""
    return tag("p", text=text, class_="soft")


def table(head: Sequence[str], rows: Iterable[Sequence[str | Markup]], kind: str | None = None) -> Markup:
    """A table; a heading with `#` is of numbers. Cells that `tag` made are markup, all others are text.

    With the kind `stack`, a narrow screen shows the cells of a row one below the other.
    """
    kinds = ["n" if name.startswith("#") else None for name in head]
    names = [name.lstrip("#") for name in head]
    heads = [tag("th", text=name, class_=each) for each, name in zip(kinds, names, strict=True)]
    lines = [
        tag("tr", *(cell(content, each, name) for content, each, name in zip(row, kinds, names, strict=True)))
        for row in rows
    ]
    listed = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *lines), class_=kind)
    return tag("div", listed, class_="wide")


def cell(content: str, kind: str | None, label: str) -> Markup:
    """One cell of a table."""
    if isinstance(content, Markup):
        return tag("td", content, class_=kind, data_label=label)
    return tag("td", text=content, class_=kind, data_label=label)
