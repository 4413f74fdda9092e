"""The columns in which things are listed: what each shows, how it sorts, and its colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import Case
from casemgmt_async.cli.context import Misused
from casemgmt_async.cli.text import Text, age, when

__all__ = ["CASE", "DEFAULT", "WIDE", "Look", "TableColumn", "pick", "sort_rows", "status_of", "user_name"]

PRIORITY_STYLES: Final = {"P1": "bold red", "P2": "red", "P3": "yellow", "NOT_DEFINED": "dim"}
GROUP_STYLES: Final = {"SG_OPEN": "green", "SG_IN_PROGRESS": "blue", "SG_CLOSED": "dim"}
STATUS_STYLES: Final = {"OPEN": "green", "IN_PROGRESS": "blue", "CLOSED": "dim"}


@frozen
class Look:
    """How values are shown."""

    utc: bool = False
    """Times in UTC instead of the local time zone."""
    web: str | None = None
    """The address of the web application, for links."""
    names: Mapping[str, str] = field(factory=dict)
    """Names of projects and case types by id."""
    now: datetime = field(factory=lambda: datetime.now(UTC))
    """What ages count from."""


@frozen
class TableColumn:
    """One column."""

    name: str
    """The name, also on the command line; `#` in front marks numbers."""
    show: Callable[[Any, Look], Any]
    """Gives the cell for a person."""
    key: Callable[[Any], Any] | None = None
    """Gives what to sort by, if it is not the cell."""

    @property
    def title(self) -> str:
        """The name without the mark."""
        return self.name.lstrip("#")


def user_name(user: Any) -> str | None:
    """The name of a user or author, or what else is known of them."""
    return None if user is None else user.name or user.email or user.handle or user.id


def status_of(case: Case) -> str | None:
    """The name of the status; a case can lack it and have the older form."""
    return case.status_name or (case.status and str(case.status).replace("_", " ").title())


def status(case: Case, _: Look) -> Text | None:
    """The status, in the colour of its group."""
    style = GROUP_STYLES.get(case.status_group or "") or STATUS_STYLES.get(case.status or "")
    name = status_of(case)
    return Text(name, style) if name else None


def priority(case: Case, _: Look) -> Text | None:
    """The priority, in its colour."""
    if case.priority is None:
        return None
    return Text("-" if case.priority == "NOT_DEFINED" else case.priority, PRIORITY_STYLES.get(case.priority))


def key(case: Case, look: Look) -> Text:
    """The key, with a link to the case in the web application."""
    name = case.key or case.id
    return Text(name, "bold", look.web and f"{look.web}/cases/{name}")


def moment(name: str) -> TableColumn:
    """A column that shows a time."""
    return TableColumn(
        name,
        lambda case, look: when(getattr(case, f"{name}_at"), utc=look.utc),
        lambda case: getattr(case, f"{name}_at"),
    )


def labels(case: Case, _: Look) -> str | None:
    """The attributes with their values."""
    return ", ".join(f"{name}={'|'.join(values)}" for name, values in (case.attributes or {}).items()) or None


def custom(case: Case, _: Look) -> str | None:
    """The custom attributes with their values."""
    return ", ".join(f"{name}={each.value}" for name, each in (case.custom_attributes or {}).items()) or None


CASE: Final[Mapping[str, TableColumn]] = {
    column.title: column
    for column in (
        TableColumn("key", key, lambda case: (case.key or "").rpartition("-")[::2]),
        TableColumn("id", lambda case, _: case.id),
        TableColumn("priority", priority, lambda case: "P9" if case.priority == "NOT_DEFINED" else case.priority),
        TableColumn("status", status),
        TableColumn("group", lambda case, _: case.status_group and case.status_group.removeprefix("SG_").lower()),
        TableColumn("#age", lambda case, look: age(case.created_at, look.now), lambda case: case.created_at),
        moment("created"),
        moment("modified"),
        moment("closed"),
        TableColumn("due", lambda case, _: case.due_date),
        TableColumn("assignee", lambda case, _: user_name(case.assignee)),
        TableColumn("author", lambda case, _: user_name(case.created_by)),
        TableColumn(
            "project", lambda case, look: (case.key or "").rpartition("-")[0] or look.names.get(case.project_id or "")
        ),
        TableColumn("type", lambda case, look: look.names.get(case.type_id or "") or case.type or case.type_id),
        TableColumn("#comments", lambda case, _: case.comment_count),
        TableColumn("attributes", labels),
        TableColumn("custom", custom),
        TableColumn("url", lambda case, look: look.web and f"{look.web}/cases/{case.key or case.id}"),
        TableColumn("title", lambda case, _: case.title),
    )
}
"""The columns of a case. `attributes.NAME` and `custom.NAME` show one value."""
DEFAULT: Final = ("key", "priority", "status", "age", "assignee", "title")
WIDE: Final = (
    "key",
    "priority",
    "status",
    "project",
    "type",
    "created",
    "modified",
    "due",
    "assignee",
    "author",
    "comments",
    "attributes",
    "title",
)


def one_value(name: str) -> TableColumn | None:
    """The column of one attribute: `attributes.team` or `custom.severity`."""
    kind, dot, attribute = name.partition(".")
    if not dot or not attribute or kind not in {"attributes", "custom"}:
        return None
    if kind == "attributes":
        return TableColumn(name, lambda case, _: "|".join((case.attributes or {}).get(attribute, ())) or None)
    return TableColumn(name, lambda case, _: getattr((case.custom_attributes or {}).get(attribute), "value", None))


def pick(columns: Mapping[str, TableColumn], name: str) -> TableColumn:
    """Look up one column by name."""
    if columns is CASE and (column := one_value(name)):
        return column
    if name not in columns:
        from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

        close = get_close_matches(name, columns, 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise Misused(f"unknown column {name!r}.{meant} Columns: {', '.join(columns)}")
    return columns[name]


def sort_rows(items: list[Any], column: TableColumn, look: Look, *, reverse: bool) -> list[Any]:
    """Sort by a column, with what has no value at the end."""

    def value(item: Any) -> Any:
        found = column.key(item) if column.key else column.show(item, look)
        return (
            found
            if found is None or isinstance(found, int | float | tuple | date | datetime)
            else str(found).casefold()
        )

    known = [item for item in items if value(item) is not None]
    rest = [item for item in items if value(item) is None]
    return sorted(known, key=value, reverse=reverse) + rest
