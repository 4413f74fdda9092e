"""`casemgmt watch`: cases as they come, change and leave."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any, Final

import click

from casemgmt_async import CaseChange, ChangeKind, watch_cases, web_address
from casemgmt_async.cli.columns import CASE, Look, user_name
from casemgmt_async.cli.context import Context, runs
from casemgmt_async.cli.formats import plain
from casemgmt_async.cli.queries import check_query, suggest_facets
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import Text

__all__ = ["watch"]

MARKS: Final = {
    ChangeKind.FOUND: Text("=", "dim"),
    ChangeKind.ADDED: Text("+", "bold green"),
    ChangeKind.CHANGED: Text("~", "bold yellow"),
    ChangeKind.REMOVED: Text("-", "bold red"),
}
UNSHOWN: Final = frozenset({"modified_at", "modified_by", "status", "status_group", "description"})
"""Fields that a line does not spell out: others say the same, or they are too long."""


@click.command()
@click.argument("query", default="")
@click.option(
    "--interval",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds between two polls.",
)
@click.option("--existing", is_flag=True, help="Begin with the cases that match now.")
@click.option("-o", "--output", type=click.Choice(["text", "jsonl"]), default="text", show_default=True, help="Format.")
@click.option("--utc", is_flag=True, help="Show times in UTC instead of the local time zone.")
@runs
async def watch(context: Context, *, query: str, interval: float, existing: bool, output: str, utc: bool) -> None:
    """Show the cases that match QUERY as they come, change and leave, until Ctrl-C.

    The interval becomes longer if the polls would use more than a tenth of the rate limit.

    \b
    Examples:
      casemgmt watch 'status:open priority:P1'
      casemgmt watch 'team:payments' -o jsonl | my-notifier
    """
    screen = context.screen
    check_query(query)
    for note in suggest_facets(query):
        screen.note(note)
    as_lines = output == "jsonl" or screen.as_json
    async with context.session() as session:
        if not as_lines:
            screen.note(f"watching, every {interval:g} s; Ctrl-C stops")
        look = Look(utc, web_address(session.base_url))
        changes = watch_cases(session, filter=query or None, interval=interval, existing=existing)
        async with contextlib.aclosing(changes):
            async for change in changes:
                screen.emit(as_data(change)) if as_lines else show(screen, change, look)


def as_data(change: CaseChange) -> dict[str, Any]:
    """A change for a program."""
    fields = {}
    if change.before is not None:
        before, now = plain(change.before), plain(change.case)
        fields = {name: [before[name], now[name]] for name in change.fields}
    return {"event": change.kind.value, "case": plain(change.case), "changes": fields}


def show(screen: Screen, change: CaseChange, look: Look) -> None:
    """A change for a person, in one line."""
    now = datetime.now(UTC)
    clock = f"{now:%H:%M:%S}Z" if look.utc else f"{now.astimezone():%H:%M:%S}"
    case = change.case
    parts = [
        clock,
        MARKS[change.kind],
        CASE["key"].show(case, look),
        CASE["priority"].show(case, look),
        CASE["status"].show(case, look),
    ]
    changes = [
        f"{name.replace('_', ' ')}: {short(old)} -> {short(new)}"
        for name, (old, new) in change.fields.items()
        if name not in UNSHOWN
    ]
    parts += [case.title or "", *([f"({'; '.join(changes)})"] if changes else [])]
    screen.show(*(piece for part in parts if part for piece in (part, "  ")))


def short(value: Any) -> str:
    """A value in a few letters."""
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%MZ}"
    text = user_name(value) if hasattr(value, "email") else str(value)
    return (text or "")[:40]
