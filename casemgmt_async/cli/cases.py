"""Looking at cases: `search`, `get`, `count`, and `doctor`, which says whether looking works at all."""

from __future__ import annotations

import os
import time

import click

from casemgmt_async import (
    AuthenticationError,
    CaseManagementError,
    PermissionDeniedError,
    SortField,
    cases,
    encode,
    maintenance_windows,
    projects,
    timeline,
)
from casemgmt_async.cli.context import Context, runs
from casemgmt_async.cli.screen import age

__all__ = ["count", "doctor", "get", "search"]


@click.command()
@click.argument("query", default="")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many cases at most.")
@click.option("--all", "everything", is_flag=True, help="Every case that matches, whatever --limit says.")
@click.option(
    "--sort", type=click.Choice(["created_at", "priority", "status"]), default="created_at", show_default=True
)
@click.option("--ascending", is_flag=True, help="Smallest first.")
@runs
async def search(context: Context, *, query: str, limit: int, everything: bool, sort: str, ascending: bool) -> None:
    """List the cases that match QUERY, newest first; all of them without one.

    \b
    Examples:
      casemgmt search 'status:open priority:(P1 OR P2)'
      casemgmt search --all --json > cases.jsonl
    """
    async with context.session() as session:
        walk = cases.iter_cases(
            session,
            filter=query or None,
            sort=SortField(sort),
            ascending=ascending,
            limit=None if everything else limit,
            page_size=100 if everything else min(limit, 100),
            window=8 if everything else 1,
        )
        rows = []
        async for case in walk:
            if context.screen.as_json:
                context.screen.emit(encode(case)["data"])
                continue
            who = case.assignee and (case.assignee.name or case.assignee.email or case.assignee.id)
            status = case.status_name or (case.status and case.status.value)
            priority = case.priority and case.priority.value
            rows.append((case.key or case.id, priority, status, age(case.created_at), who, case.title))
        if not context.screen.as_json:
            context.screen.table(("key", "priority", "status", "#age", "assignee", "title"), rows)
            more = not everything and len(rows) == limit
            context.screen.note(f"the first {limit}; --all for every one" if more else f"{len(rows):,} found")


@click.command()
@click.argument("case_id")
@click.option("--timeline", "with_timeline", is_flag=True, help="Its comments too, oldest first.")
@runs
async def get(context: Context, *, case_id: str, with_timeline: bool) -> None:
    """Show one case, by its UUID or key.

    \b
    Examples:
      casemgmt get SEC-12
      casemgmt get SEC-12 --timeline --json
    """
    async with context.session() as session:
        case = await cases.get_case(session, case_id)
        cells = await timeline.iter_timeline(session, case_id, ascending=True).collect() if with_timeline else []
    if context.screen.as_json:
        timeline_too = {"timeline": [encode(cell)["data"] for cell in cells]} if with_timeline else {}
        context.screen.emit({**encode(case), **timeline_too})
        return
    told = {
        "title": case.title,
        "status": case.status_name or (case.status and case.status.value),
        "priority": case.priority and case.priority.value,
        "assignee": case.assignee and (case.assignee.name or case.assignee.id),
        "created": case.created_at,
        "modified": case.modified_at,
        "due": case.due_date,
        "project": case.project_id,
        "attributes": ", ".join(f"{key}={'|'.join(values)}" for key, values in (case.attributes or {}).items()),
        "custom": ", ".join(f"{key}={custom.value}" for key, custom in (case.custom_attributes or {}).items()),
        "id": case.id,
    }
    context.screen.say(case.key or case.id)
    for name, value in told.items():
        if value:
            context.screen.say(f"  {name:<11}{value}")
    if case.description:
        context.screen.say(f"\n{case.description}")
    for cell in cells:
        author = cell.author and (cell.author.name or cell.author.id)
        context.screen.say(f"\n{cell.created_at} {author or ''}\n  {cell.message or ''}")


@click.command()
@click.argument("query", default="")
@click.option("--by", "fields", default="status", show_default=True, help="Fields to group by, separated by commas.")
@runs
async def count(context: Context, *, query: str, fields: str) -> None:
    """Count the cases that match QUERY, by one field or several.

    \b
    Examples:
      casemgmt count
      casemgmt count 'status:open' --by priority,status
    """
    names = [name.strip() for name in fields.split(",") if name.strip()]
    async with context.session() as session:
        counted = await cases.count_cases(session, query_filter=query or None, group_bys=names)
    if context.screen.as_json:
        context.screen.emit({group.group: {v.value: v.count for v in group.values} for group in counted.groups})
        return
    for group in counted.groups:
        rows = [(value.value, value.count) for value in group.values]
        context.screen.table((group.group, "#cases"), rows)


@click.command()
@runs
async def doctor(context: Context) -> int:
    """Say which credentials, site and scopes are in use, masked, and whether the service answers.

    \b
    Example:
      casemgmt doctor --site datadoghq.eu
    """
    async with context.session() as session:
        facts = {
            "address": session.base_url,
            "DD_API_KEY": _masked("DD_API_KEY"),
            "DD_APP_KEY": _masked("DD_APP_KEY"),
        }
        probes = {
            "answers, cases_read": cases.search_cases(session, page_size=1),
            "projects, cases_read": projects.get_projects(session),
            "event_correlation_config_read": maintenance_windows.list_maintenance_windows(session),
        }
        found = {name: await _probe(probe) for name, probe in probes.items()}
    healthy = found["answers, cases_read"].startswith("yes")
    if context.screen.as_json:
        context.screen.emit({**facts, "checks": found, "healthy": healthy})
    else:
        for name, value in {**facts, **found}.items():
            context.screen.say(f"{name:<31}{value}")
        context.screen.say("scopes for writing are not tried, since that would write")
    return 0 if healthy else 1


def _masked(name: str) -> str:
    """Say that a secret is set, and its last characters where that gives nothing away."""
    value = os.environ.get(name, "")
    if not value:
        return "not set"
    return (
        f"set, {len(value)} characters, ends in ...{value[-4:]}"
        if len(value) >= 20
        else f"set, {len(value)} characters"
    )


async def _probe(call: object) -> str:
    """Make one call and say how it went."""
    started = time.perf_counter()
    try:
        await call  # type: ignore[misc]  # any of the read operations
    except AuthenticationError as error:
        return f"no: the credentials are not accepted ({error.status})"
    except PermissionDeniedError as error:
        return f"no: the credentials lack the scope or permission ({error.status})"
    except CaseManagementError as error:
        return f"no: {error}"
    return f"yes, in {(time.perf_counter() - started) * 1000:.0f} ms"
