"""Lists in the format that was asked for: table, wide, JSON, JSON Lines, CSV or YAML."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import click
from attrs import frozen

from casemgmt_async.cli.columns import Look, TableColumn, pick, sort_rows
from casemgmt_async.cli.screen import Screen, ascii_only

__all__ = ["FORMATS", "Fields", "ListChoices", "listing_options", "plain", "split", "write_list", "yaml"]

FORMATS: Final = ("table", "wide", "json", "jsonl", "csv", "yaml")


@frozen
class ListChoices:
    """The choices of a user for a list."""

    output: str = "table"
    """One of `FORMATS`."""
    columns: tuple[str, ...] = ()
    """The names of the columns; empty for the usual ones of the format."""
    sort: str | None = None
    """The column to sort by."""
    reverse: bool = False
    """Turn the order around."""
    utc: bool = False
    """Times in UTC."""

    @property
    def is_table(self) -> bool:
        """Whether a person reads it."""
        return self.output in {"table", "wide"}


def split(_: click.Context, __: click.Parameter, given: str | None) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())


def listing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a list to a command, which receives them as `listing`."""
    options = (
        click.option(
            "-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="Format of the list."
        ),
        click.option("--columns", metavar="A,B", callback=split, help="Columns to show, separated by commas."),
        click.option("--sort", metavar="COLUMN", help="Sort what is shown by a column."),
        click.option("--reverse", is_flag=True, help="Reverse the order."),
        click.option("--utc", is_flag=True, help="Show times in UTC instead of the local time zone."),
    )

    @functools.wraps(command)
    def wrapped(
        *args: Any, output: str, columns: tuple[str, ...], sort: str | None, reverse: bool, utc: bool, **given: Any
    ) -> Any:
        if click.get_current_context().params.get("as_json"):
            output = "json"
        return command(*args, listing=ListChoices(output, columns, sort, reverse, utc), **given)

    return functools.reduce(lambda made, option: option(made), reversed(options), wrapped)


@frozen
class Fields:
    """What can be shown of one kind of thing."""

    known: Mapping[str, TableColumn]
    """All columns by name."""
    usual: Sequence[str]
    """The columns of a table."""
    wide: Sequence[str] | None = None
    """The columns of a wide table and of CSV; None for all."""

    def find(self, names: Iterable[str]) -> list[TableColumn]:
        """Look up columns by name. Raises Misused for an unknown one."""
        return [pick(self.known, name) for name in names]

    def shown(self, listing: ListChoices) -> Sequence[str]:
        """The names of the columns to show."""
        if listing.columns or listing.output == "table":
            return listing.columns or self.usual
        return self.wide or tuple(self.known)


def write_list(screen: Screen, listing: ListChoices, items: Iterable[Any], fields: Fields, look: Look) -> None:
    """Write the items in the format that was asked for."""
    shown = list(items)
    if listing.sort:
        (column,) = fields.find([listing.sort])
        shown = sort_rows(shown, column, look, reverse=listing.reverse)
    elif listing.reverse:
        shown.reverse()
    if listing.output == "jsonl":
        for item in shown:
            screen.emit(chosen(item, fields.find(listing.columns), look))
    elif listing.output == "json":
        rows = [chosen(item, fields.find(listing.columns), look) for item in shown]
        screen.write(json.dumps(rows, indent=2, ensure_ascii=ascii_only()) + "\n")
    elif listing.output == "yaml":
        screen.write(yaml([chosen(item, fields.find(listing.columns), look) for item in shown]))
    else:
        columns = fields.find(fields.shown(listing))
        cells = [[column.show(item, look) for column in columns] for item in shown]
        if listing.output == "csv":
            screen.write(as_csv([column.title for column in columns], cells))
        else:
            screen.table([column.name for column in columns], cells)


def chosen(item: Any, columns: Sequence[TableColumn], look: Look) -> Any:
    """The whole item, or the columns that were chosen."""
    if not columns:
        return plain(item)
    return {column.title: simple(column.show(item, look)) for column in columns}


def simple(value: Any) -> Any:
    """A value that JSON has."""
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, str) else value


def plain(item: Any) -> Any:
    """The fields of a model as data that JSON has."""
    return item.to_dict()


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table as CSV; a cell that a spreadsheet would run as a formula is quoted by an apostrophe."""
    import csv  # noqa: PLC0415 - only this format needs it

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if cell is None else harmless(cell) for cell in row])
    return text.getvalue()


def harmless(cell: Any) -> Any:
    """Quote a text that a spreadsheet would run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "@", "\t", "\r"} else cell


def yaml(value: Any, indent: int = 0) -> str:
    """Write plain data as YAML: blocks for lists and mappings, JSON for everything else, which YAML includes."""
    space = " " * indent
    if isinstance(value, Mapping) and value:
        lines = []
        for name, item in value.items():
            inner = yaml(item, indent + 2)
            is_block = isinstance(item, Mapping | list) and bool(item)
            lines.append(f"{space}{json.dumps(name)}:\n{inner}" if is_block else f"{space}{json.dumps(name)}: {inner}")
        return "".join(lines)
    if isinstance(value, list) and value:
        return "".join(f"{space}- {yaml(item, indent + 2).lstrip(' ')}" for item in value)
    return json.dumps(value, ensure_ascii=False, default=str) + "\n"
