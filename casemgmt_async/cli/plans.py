"""What a plan and its changes look like: tables, lines for a pager, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from casemgmt_async import jobs
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import age, many

__all__ = ["as_object", "show_plan", "show_some", "table_lines", "to_csv"]

SHOWN: Final = 20
"""Changes that a plan shows on a terminal before it is applied."""


def show_plan(screen: Screen, planned: jobs.Plan) -> None:
    """Print the table of a plan and what applying it takes."""
    if screen.as_json:
        rows = [{"rule": row.rule, "action": row.action, "operations": row.operations} for row in planned.rows]
        numbers = ("run", "cases", "matched", "operations", "unchanged", "requests", "seconds", "basis", "converged")
        values = {name: getattr(planned, name) for name in numbers}
        screen.emit({"plan": rows, **values, "warnings": planned.warnings, "names": planned.names})
        return
    if planned.replaces is not None:
        screen.note(f"this plan replaces plan {planned.replaces}, which was not applied")
    if planned.rows:
        steps = [(row.rule, row.action, f"{row.operations:,}") for row in planned.rows]
        screen.table(("rule", "action", "#cases"), steps)
    takes = f"{many(planned.requests, 'request')} and {planned.seconds:,.0f} s ({planned.basis})"
    work = f"{many(planned.operations, 'operation')} in about {takes}" if planned.operations else "nothing to do"
    screen.say(f"{planned.matched:,} of {many(planned.cases, 'case')}, {work}")
    if planned.unchanged:
        screen.say(f"{many(planned.unchanged, 'step')} left out, because the cases are already up to date")
    for warning in planned.warnings:
        screen.note(f"warning: {warning}")
    if not planned.converged:
        screen.note("cases changed while they were read, so some may have been missed; the next run sees them")


def show_some(screen: Screen, changes: Sequence[jobs.Change]) -> None:
    """Print the first changes of a plan."""
    if changes:
        screen.say("")
        screen.table(COLUMNS, map(row_of, changes[:SHOWN]))
        if len(changes) > SHOWN:
            screen.say(f"... and {len(changes) - SHOWN:,} more")


COLUMNS: Final = ("key", "title", "age", "rule", "change", "from", "to")


def row_of(change: jobs.Change) -> tuple[str, ...]:
    """One change as the row of a table."""
    created = None if change.created_at is None else datetime.fromtimestamp(change.created_at, UTC)
    before, after = short(change.before), short(change.after)
    return change.key, change.title[:60], age(created), change.rule, change.action, before, after


def short(value: Any) -> str:
    """A value in one line."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "\N{HORIZONTAL ELLIPSIS}"


def table_lines(changes: list[jobs.Change]) -> Iterator[str]:
    """The changes as lines for a pager, rule by rule."""
    rule = None
    for change in sorted(changes, key=lambda each: (each.rule, each.number)):
        if change.rule != rule:
            rule = change.rule
            yield change.rule
        key, title, old, _, action, before, after = row_of(change)
        yield f"  {key:<12} {old:>4}  {action:<18} {before} -> {after}   {title}"


def short_json(value: Any) -> str | None:
    """A value as a cell of CSV."""
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def as_object(change: jobs.Change) -> dict[str, Any]:
    """One change as JSON."""
    return {
        "case": change.case_id,
        "key": change.key,
        "title": change.title,
        "created_at": change.created_at,
        "rule": change.rule,
        "action": change.action,
        "before": change.before,
        "after": change.after,
        "state": change.state.value,
    }


def to_csv(changes: list[jobs.Change]) -> str:
    """All changes as CSV."""
    text = io.StringIO()
    objects = [as_object(change) for change in changes]
    names: tuple[str, ...] = ("case", "key", "title", "created_at", "rule", "action", "before", "after", "state")
    writer: csv.DictWriter[str] = csv.DictWriter(text, names)
    writer.writeheader()
    for each in objects:
        plain = {name: each[name] for name in names[:6]}
        writer.writerow({**each, **{name: short_json(each[name]) for name in ("before", "after")}, **plain})
    return text.getvalue()
