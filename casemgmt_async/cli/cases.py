"""Finding cases: `search`, `get` and `count`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import click
from attrs import evolve

from casemgmt_async import Case, CaseSession, SortField, TimelineCell, cases, timeline, web_address
from casemgmt_async.cli.columns import CASE, DEFAULT, WIDE, Look, user_name
from casemgmt_async.cli.completions import complete_keys
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.formats import Fields, ListChoices, listing_options, plain, split, write_list, yaml
from casemgmt_async.cli.names import names_of
from casemgmt_async.cli.queries import check_query, facets_of, suggest_facets
from casemgmt_async.cli.screen import Screen
from casemgmt_async.cli.text import Text, many, when
from casemgmt_async.cli.web import browse, quoted

__all__ = ["count", "get", "search"]

CASES: Final = Fields(CASE, DEFAULT, WIDE)
SORTS: Final = {
    "created": SortField.CREATED_AT,
    "age": SortField.CREATED_AT,
    "priority": SortField.PRIORITY,
    "status": SortField.STATUS,
}
"""Columns by which the service sorts, so that the order holds beyond what is shown."""
RANKS: Final = {"Open": -3, "In Progress": -2, "Closed": -1, "none": 2, "unassigned": 2}
COUNTED: Final = {
    "status": "status",
    "priority": "priority",
    "assignee": "assignee",
    "project": "project_id",
    "type": "type_id",
}
"""Columns by which the service counts, and what it calls them."""


@click.command()
@click.argument("query", default="")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", default=20, show_default=True, help="Largest number of cases."
)
@click.option("--all", "everything", is_flag=True, help="All cases that match, without a limit.")
@click.option("--web", is_flag=True, help="Open the search in the browser instead.")
@listing_options
@runs
async def search(
    context: Context, *, query: str, limit: int, everything: bool, web: bool, listing: ListChoices
) -> int | None:
    """List the cases that match QUERY, newest first. Without a query, list all cases.

    `--sort` by created, priority or status sorts all cases that match; by any other column, those that are shown.

    \b
    Examples:
      casemgmt search 'status:open priority:(P1 OR P2)'
      casemgmt search 'team:payments' -o wide --sort modified
      casemgmt search --all -o jsonl > cases.jsonl
      casemgmt search --columns key,title,attributes.service -o csv
    """
    screen = context.screen
    check_query(query)
    CASES.find([*listing.columns, *filter(None, [listing.sort])])
    is_sorted = listing.sort is None or listing.sort in SORTS
    suggestions = suggest_facets(query)
    for note in suggestions:
        screen.note(note)
    async with context.session() as session:
        if web:
            return browse(screen, session, f"/cases?query={quoted(query)}")
        walk = cases.iter_cases(
            session,
            filter=query or None,
            sort=SORTS.get(listing.sort or "created", SortField.CREATED_AT),
            ascending=ascending(listing),
            limit=None if everything else limit,
            page_size=100 if everything else min(limit, 100),
            window=8 if everything else 1,
        )
        if listing.output == "jsonl" and is_sorted and not listing.columns:
            number = 0
            async for case in walk:
                screen.emit(plain(case))
                number += 1
        else:
            found = await walk.collect()
            number = len(found)
            names = await names_of(session, CASES.shown(listing)) if listing.is_table or listing.columns else {}
            look = Look(listing.utc, web_address(session.base_url), names)
            if found or not listing.is_table:
                as_sorted = evolve(listing, sort=None, reverse=False) if is_sorted else listing
                write_list(screen, as_sorted, found, CASES, look)
    if listing.is_table and not screen.as_json:
        is_cut = not everything and number == limit
        screen.note(
            f"the first {many(limit, 'case')}; --all lists all of them" if is_cut else f"{many(number, 'case')}"
        )
        if not number and not suggestions and (facets := [name for name in facets_of(query) if name != "project_id"]):
            screen.note(
                f"the service may not index {facets[0]}: and then finds nothing; free text and project_id: always work"
            )
    return None


def ascending(listing: ListChoices) -> bool:
    """The direction in which the service sorts: newest first, most urgent first, and the reverse if asked for."""
    natural = listing.sort in {"priority", "status"}
    return natural != (listing.reverse and (listing.sort is None or listing.sort in SORTS))


@click.command()
@click.argument("case_id", metavar="KEY", shell_complete=complete_keys)
@click.option("--timeline", "with_timeline", is_flag=True, help="Also show the comments, oldest first.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="Format.")
@click.option("--utc", is_flag=True, help="Show times in UTC instead of the local time zone.")
@click.option("--web", is_flag=True, help="Open the case in the browser instead.")
@runs
async def get(context: Context, *, case_id: str, with_timeline: bool, output: str, utc: bool, web: bool) -> int | None:
    """Show one case by its key or UUID.

    \b
    Examples:
      casemgmt get SEC-12
      casemgmt get SEC-12 --timeline --json
    """
    screen = context.screen
    async with context.session() as session:
        if web:
            return browse(screen, session, f"/cases/{quoted(case_id)}")
        case = await cases.get_case(session, case_id)
        cells = await timeline.iter_timeline(session, case_id, ascending=True).collect() if with_timeline else []
        look = Look(utc, web_address(session.base_url))
    if screen.as_json or output != "text":
        data = plain(case) | ({"timeline": [plain(cell) for cell in cells]} if with_timeline else {})
        screen.write(yaml(data)) if output == "yaml" else screen.emit(data)
        return None
    show_case(screen, case, cells, look)
    return None


def show_case(screen: Screen, case: Case, cells: Sequence[TimelineCell], look: Look) -> None:
    """Print a case for a person."""
    screen.show(CASE["key"].show(case, look), "  ", Text(case.title or "", "bold"))
    shown = {
        "status": CASE["status"].show(case, look),
        "priority": CASE["priority"].show(case, look),
        "assignee": user_name(case.assignee) or "nobody",
        "created": " by ".join(filter(None, [when(case.created_at, utc=look.utc), user_name(case.created_by)])),
        "modified": when(case.modified_at, utc=look.utc),
        "closed": when(case.closed_at, utc=look.utc),
        "archived": when(case.archived_at, utc=look.utc),
        "due": case.due_date and str(case.due_date),
        "attributes": CASE["attributes"].show(case, look),
        "custom": CASE["custom"].show(case, look),
        "id": case.id,
        "url": CASE["url"].show(case, look),
    }
    for name, value in shown.items():
        if value and value != "-":
            screen.show(f"  {name:<11}", value)
    if case.description:
        screen.say(f"\n{case.description}")
    for cell in cells:
        author = user_name(cell.author) if cell.author else None
        screen.say(f"\n{when(cell.created_at, utc=look.utc)} {author or ''}".rstrip() + f"\n  {cell.message or ''}")


@click.command()
@click.argument("query", default="")
@click.option(
    "--by",
    "fields",
    default="status",
    callback=split,
    show_default=True,
    metavar="A,B",
    help="Columns to group by, separated by commas.",
)
@runs
async def count(context: Context, *, query: str, fields: tuple[str, ...]) -> None:
    """Count the cases that match QUERY, by one column or several, with totals.

    Status, priority, assignee, project and type alone are counted by the service in one request. Two columns make a
    cross table; that and other columns read all cases that match, 100 per request.

    \b
    Examples:
      casemgmt count
      casemgmt count 'status:open' --by assignee
      casemgmt count --by status,priority
    """
    screen = context.screen
    check_query(query)
    if not fields:
        raise Misused("--by needs the name of a column")
    columns = CASES.find(fields)
    for note in suggest_facets(query):
        screen.note(note)
    async with context.session() as session:
        if len(fields) == 1 and fields[0] in COUNTED:
            counted = await count_one(session, query, fields[0])
        else:
            counted = Counter()
            look = Look(names=await names_of(session, fields))
            async for case in cases.iter_cases(session, filter=query or None, window=8):
                counted[tuple(label(column.show(case, look), column.title) for column in columns)] += 1
    if screen.as_json:
        screen.emit(
            {
                "by": list(fields),
                "total": counted.total(),
                "groups": [dict(zip(fields, values, strict=True)) | {"count": n} for values, n in ordered(counted)],
            }
        )
    elif len(fields) == 2:
        cross_table(screen, fields, counted)
    else:
        rows = [(*values, f"{number:,}") for values, number in ordered(counted)]
        screen.table((*fields, "#cases"), [*rows, ("total", *[""] * (len(fields) - 1), f"{counted.total():,}")])


async def count_one(session: CaseSession, query: str, field: str) -> Counter[tuple[str, ...]]:
    """Let the service count by one field; cases without a value are the rest of the total."""
    answer = await cases.count_cases(session, query_filter=query or None, group_bys=[COUNTED[field]])
    values = {value.value: value.count for group in answer.groups for value in group.values}
    names = await names_of(session, [field], values)
    counted = Counter[tuple[str, ...]]()
    for value, number in values.items():
        shown = names.get(value) or (value.replace("_", " ").title() if field == "status" else value)
        counted[label("-" if value == "NOT_DEFINED" else shown, field),] += number
    total = answer.extra.get("total")
    if isinstance(total, int) and total > counted.total():
        counted[label(None, field),] += total - counted.total()
    return counted


def label(value: Any, column: str) -> str:
    """The name of a group; a case without a value belongs to one too."""
    if value is None or value == "-":
        return "unassigned" if column == "assignee" else "none"
    return str(value)


def rank(value: str) -> tuple[int, str]:
    """The order of groups: statuses as work goes on, cases without a value last, all others by name."""
    return (RANKS.get(value, 1), value)


def ordered(counted: Counter[tuple[str, ...]]) -> list[tuple[tuple[str, ...], int]]:
    """Groups in the order of their values."""
    return sorted(counted.items(), key=lambda item: tuple(map(rank, item[0])))


def cross_table(screen: Screen, fields: Sequence[str], counted: Counter[tuple[str, ...]]) -> None:
    """Print counts by two fields, with totals of rows and columns."""
    down = Counter[str]()
    across = Counter[str]()
    for (first, second), number in counted.items():
        down[first] += number
        across[second] += number
    heads = sorted(across, key=rank)
    rows = [
        [first, *(f"{counted[first, second]:,}" for second in heads), f"{down[first]:,}"]
        for first in sorted(down, key=rank)
    ]
    rows.append(["total", *(f"{across[second]:,}" for second in heads), f"{counted.total():,}"])
    names = [name.rpartition(".")[2] for name in fields]
    screen.table((" \\ ".join(names), *(f"#{head}" for head in heads), "#total"), rows)
