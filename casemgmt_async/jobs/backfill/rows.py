"""Check the values of a row: types, allowed values, links. Names are looked up later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async.jobs.actions import parse_action
from casemgmt_async.jobs.backfill.sources.columns import RELATIONSHIPS
from casemgmt_async.jobs.backfill.sources.presets import day_of
from casemgmt_async.jobs.backfill.sources.records import Record, RowError
from casemgmt_async.jobs.errors import RulesError

__all__ = ["LOOKED_UP", "STEPS", "Link", "Row", "check"]

STEPS: Final[Mapping[str, str]] = {
    "priority": "priority",
    "status": "status",
    "assignee": "assign",
    "due_date": "due_date",
    "comments": "comment",
    "attributes": "attributes",
    "custom_attributes": "custom_attributes",
    "archived": "archive",
}
"""The fields of a row that become steps, and their actions."""
LOOKED_UP: Final = ("project", "type", "assignee", "status")
"""The fields that may hold a name, which the directory turns into an id."""
REQUIRED: Final = ("key", "title", "project", "type")


@frozen
class Link:
    """A link from a row's case to another row's."""

    relationship: str
    """How the row's case is related to the other."""
    to: str
    """The key of the other row."""


@frozen(kw_only=True)
class Row:
    """One row that can become a case, once its names are looked up."""

    line: int
    """Number of the line on which it begins."""
    key: str
    """Its key in the source."""
    title: str
    description: str
    names: Mapping[str, str]
    """Its values of the fields of `LOOKED_UP`."""
    values: Mapping[str, Any]
    """Its values of the other fields of `STEPS`."""
    links: tuple[Link, ...] = ()
    text: str = field(repr=False)
    """The row as the source has it."""


def check(record: Record, defaults: Mapping[str, str | None]) -> Row:
    """Make a row of a record; `defaults` stand in for `project` and `type`.

    Raises `RowError`, whose message says what is wrong.
    """
    if record.values is None:
        raise RowError(record.problem or "it is empty")
    given = {name: value for name, value in record.values.items() if not is_nothing(value)}
    texts = {name: text_of(name, given.get(name, defaults.get(name))) for name in REQUIRED}
    texts |= {name: text_of(name, given[name]) for name in LOOKED_UP if name in given}
    description = given.get("description", "")
    if not isinstance(description, str):
        raise RowError(f"description must be a text, not {description!r}")
    values = {name: value for name, value in given.items() if name in STEPS and name not in LOOKED_UP}
    if "due_date" in values:
        values["due_date"] = day(values["due_date"])
    for group in ("attributes", "custom_attributes"):
        if isinstance(values.get(group), Mapping):
            values[group] = {name: each for name, each in values[group].items() if not is_nothing(each)}
            if not values[group]:
                del values[group]
    if values.get("archived") is False:
        del values["archived"]
    for name, value in values.items():
        try:
            parse_action(name, STEPS[name], value)
        except RulesError as error:
            raise RowError(str(error)) from error
    return Row(
        line=record.line,
        key=texts.pop("key"),
        title=texts.pop("title"),
        description=description,
        names=texts,
        values=values,
        links=links_of(given.get("links", [])),
        text=record.text,
    )


def is_nothing(value: Any) -> bool:
    """Whether a value counts as not given: null, an empty text, list or object."""
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)


def text_of(name: str, value: Any) -> str:
    """Read a text; a key may be a number, as in many trackers."""
    if name == "key" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None and name in ("project", "type"):
        raise RowError(f"{name} is missing: neither the row nor --{name} ({name}=) names one")
    if value is None:
        raise RowError(f"{name} is missing")
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"{name} must be a text that is not empty, not {value!r}")
    return value if name == "title" else value.strip()


def day(value: Any) -> str | None:
    """Read the day on which a case is due."""
    try:
        return day_of(value)
    except ValueError as error:
        raise RowError(f"due_date: {error}") from error


def links_of(given: Any) -> tuple[Link, ...]:
    """Read the links of a row."""
    read = []
    for each in given if isinstance(given, list) else [given]:
        match each:
            case {"relationship": str(relationship), "to": str(to)} if len(each) == 2 and relationship in RELATIONSHIPS:
                read.append(Link(relationship, to.strip()))
            case _:
                raise RowError(
                    "links must be a list of {relationship, to}, where to is the key of another row and "
                    f"relationship one of {', '.join(RELATIONSHIPS)}; not {each!r}"
                )
    return tuple(dict.fromkeys(read))
