"""List what other commands take as arguments: `projects`, `types`, `users`, `teams`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from casemgmt_async import (
    case_types,
)
from casemgmt_async import (
    projects as project_operations,
)
from casemgmt_async import (
    teams as team_operations,
)
from casemgmt_async import (
    users as user_operations,
)
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


def write(context: Context, listing: ListChoices, items: list[Any], fields: Fields, noun: str) -> None:
    """Write what was found."""
    if items or not listing.is_table:
        write_list(context.screen, listing, items, fields, Look(listing.utc))
    if listing.is_table:
        context.screen.note(many(len(items), noun))


@click.command()
@listing_options
@runs
async def projects(context: Context, *, listing: ListChoices) -> None:
    """List the projects, for --project.

    \b
    Example:
      casemgmt projects
    """
    PROJECT.find([*listing.columns, *filter(None, [listing.sort])])
    async with context.session() as session:
        found = await project_operations.get_projects(session)
    write(context, listing, found, PROJECT, "project")


@click.command()
@listing_options
@runs
async def types(context: Context, *, listing: ListChoices) -> None:
    """List the case types, for --type.

    \b
    Example:
      casemgmt types
    """
    TYPE.find([*listing.columns, *filter(None, [listing.sort])])
    async with context.session() as session:
        found = await case_types.get_all_case_types(session)
    write(context, listing, found, TYPE, "case type")


@click.command()
@click.argument("text", default="")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", default=20, show_default=True, help="Largest number of users."
)
@listing_options
@runs
async def users(context: Context, *, text: str, limit: int, listing: ListChoices) -> None:
    """List the users whose name, e-mail address or handle contains TEXT.

    \b
    Examples:
      casemgmt users marsh
      casemgmt users --limit 1000 -o csv
    """
    USER.find([*listing.columns, *filter(None, [listing.sort])])
    async with context.session() as session:
        found = await user_operations.iter_users(session, filter=text or None, limit=limit).collect()
    write(context, listing, found, USER, "user")


@click.command()
@click.argument("text", default="")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", default=20, show_default=True, help="Largest number of teams."
)
@listing_options
@runs
async def teams(context: Context, *, text: str, limit: int, listing: ListChoices) -> None:
    """List the teams whose name or handle contains TEXT.

    \b
    Example:
      casemgmt teams platform
    """
    TEAM.find([*listing.columns, *filter(None, [listing.sort])])
    async with context.session() as session:
        found = await team_operations.iter_teams(session, keyword=text or None, limit=limit).collect()
    write(context, listing, found, TEAM, "team")
