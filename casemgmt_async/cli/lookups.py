"""List what other commands take as arguments: `projects`, `types`, `users`, `teams`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import click

import casemgmt_async as api
from casemgmt_async import CaseSession
from casemgmt_async.cli.columns import Look, TableColumn
from casemgmt_async.cli.context import Context, runs
from casemgmt_async.cli.formats import Fields, ListChoices, listing_options, write_list
from casemgmt_async.cli.text import many

__all__ = ["projects", "teams", "types", "users"]


def columns(*listed: TableColumn) -> Mapping[str, TableColumn]:
    """Columns by name."""
    return {column.title: column for column in listed}


def simple(name: str, field: str | None = None) -> TableColumn:
    """A column that shows a field."""
    return TableColumn(name, lambda item, _: getattr(item, field or name.lstrip("#")))


PROJECT: Final = Fields(
    columns(
        simple("key"),
        simple("id"),
        simple("name"),
        TableColumn("restricted", lambda item, _: "yes" if item.restricted else None),
    ),
    ("key", "name", "id"),
)
TYPE: Final = Fields(
    columns(
        simple("name"),
        simple("id"),
        simple("description"),
        TableColumn("statuses", lambda item, _: ", ".join(item.status_names) or None),
        TableColumn("internal", lambda item, _: "yes" if item.internal else None),
    ),
    ("name", "description", "id"),
)
USER: Final = Fields(
    columns(simple("name"), simple("email"), simple("handle"), simple("status"), simple("title"), simple("id")),
    ("name", "email", "status", "id"),
)
TEAM: Final = Fields(
    columns(simple("handle"), simple("name"), simple("#users", "user_count"), simple("summary"), simple("id")),
    ("handle", "name", "users", "id"),
)


async def look_up(
    context: Context,
    listing: ListChoices,
    fields: Fields,
    noun: str,
    read: Callable[[CaseSession], Awaitable[Sequence[Any]]],
    *,
    limit: int | None = None,
) -> None:
    """Read what a command lists, and write it; unknown columns are refused before the request."""
    fields.find([*listing.columns, *filter(None, [listing.sort])])
    async with context.session() as session:
        items = await read(session)
    if items or not listing.is_table:
        write_list(context.screen, listing, items, fields, Look(listing.utc))
    if listing.is_table:
        found = many(len(items), noun)
        context.screen.note(f"the first {found}; --limit N lists more" if len(items) == limit else found)


def searching(noun: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument TEXT and the option `--limit`."""
    limit = click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        default=20,
        show_default=True,
        help=f"Largest number of {noun}.",
    )
    return lambda command: click.argument("text", default="")(limit(command))


@click.command()
@listing_options
@runs
async def projects(context: Context, *, listing: ListChoices) -> None:
    """List the projects, for --project.

    \b
    Example:
      casemgmt projects
    """
    await look_up(context, listing, PROJECT, "project", api.projects.get_projects)


@click.command()
@listing_options
@runs
async def types(context: Context, *, listing: ListChoices) -> None:
    """List the case types, for --type.

    \b
    Example:
      casemgmt types
    """
    await look_up(context, listing, TYPE, "case type", api.case_types.get_all_case_types)


@click.command()
@searching("users")
@listing_options
@runs
async def users(context: Context, *, text: str, limit: int, listing: ListChoices) -> None:
    """List the users whose name, e-mail address or handle contains TEXT.

    \b
    Examples:
      casemgmt users marsh
      casemgmt users --limit 1000 -o csv
    """

    def read(session: CaseSession) -> Awaitable[Sequence[Any]]:
        return api.users.iter_users(session, filter=text or None, limit=limit).collect()

    await look_up(context, listing, USER, "user", read, limit=limit)


@click.command()
@searching("teams")
@listing_options
@runs
async def teams(context: Context, *, text: str, limit: int, listing: ListChoices) -> None:
    """List the teams whose name or handle contains TEXT.

    \b
    Example:
      casemgmt teams platform
    """

    def read(session: CaseSession) -> Awaitable[Sequence[Any]]:
        return api.teams.iter_teams(session, keyword=text or None, limit=limit).collect()

    await look_up(context, listing, TEAM, "team", read, limit=limit)
