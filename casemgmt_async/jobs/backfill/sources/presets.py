"""How the exports of well-known trackers are read: their columns, and the values that need translation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

__all__ = ["PRESETS", "Preset", "day_of"]

DAYS: Final = ("%Y-%m-%d", "%d/%b/%y", "%d/%b/%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d")
"""How trackers write days; a time after the day is ignored."""


def day_of(value: Any) -> str | None:
    """Read a day, as `2031-05-06`, `06/May/31 12:00 AM` or an ISO time; gives it as `2031-05-06`.

    Raises `ValueError` for anything else, and for `06/05/2031`, which is in May or in June.
    """
    if value is None or not str(value).strip():
        return None
    day = str(value).strip().split("T")[0].split()[0]
    found = {read for form in DAYS if (read := read_day(day, form)) is not None}
    if not found:
        raise ValueError(f"{value!r} is not a day; write it as 2031-05-06")
    if len(found) > 1:
        raise ValueError(f"{value!r} can be {' or '.join(sorted(found))}; write it in this form")
    return found.pop()


def read_day(day: str, form: str) -> str | None:
    """Read a day in one form; None if it is in another."""
    try:
        return datetime.strptime(day, form).date().isoformat()
    except ValueError:
        return None


def translated(table: Mapping[str, str | None]) -> Callable[[Any], Any]:
    """Make a converter that translates values, ignoring case; other values stay as they are."""

    def convert(value: Any) -> Any:
        return table.get(str(value).strip().casefold(), value)

    return convert


def numbered(table: Mapping[str, str | None]) -> Callable[[Any], Any]:
    """Make a converter for values such as `1 - Critical`, which are looked up by number or by name."""

    def convert(value: Any) -> Any:
        number, _, name = (part.strip().casefold() for part in str(value).partition("-"))
        return table.get(number, table.get(name, value))

    return convert


def jira_comment(value: Any) -> Any:
    """Read a comment as Jira writes it into a cell: day and author, separated by semicolons, before the text."""
    parts = str(value).split(";", 2)
    if len(parts) == 3 and re.match(r"\d{1,4}[/.-]", parts[0].strip()):
        return f"{parts[1].strip()}, {parts[0].strip()}:\n{parts[2].strip()}"
    return value


def named(value: Any) -> Any:
    """Take the names out of a list of objects, as GitHub writes labels and people."""
    if isinstance(value, Mapping):
        return value.get("name") or value.get("login") or value.get("title")
    if isinstance(value, list):
        return [name for each in value if (name := named(each))]
    return value


def github_comments(value: Any) -> Any:
    """Read comments as `gh` writes them; the REST API gives only their number, which is ignored."""
    if not isinstance(value, list):
        return None
    made = []
    for each in value:
        author, at = (each.get("author") or each.get("user") or {}).get("login"), each.get("createdAt")
        head = ", ".join(filter(None, (author, at or each.get("created_at"))))
        made.append(f"{head}:\n{each['body']}" if head else each["body"])
    return made


def one_person(value: Any) -> Any:
    """Take the first of several people: a case has one assignee."""
    found = named(value)
    return (found[0] if found else None) if isinstance(found, list) else found


@frozen
class Preset:
    """How one tracker writes its exports."""

    name: str
    """What people call the tracker."""
    fields: Mapping[str, str]
    """Fields by column name in small letters."""
    converters: Mapping[str, Callable[[Any], Any]] = field(factory=dict)
    """What reads the values of a field."""
    patterns: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = ()
    """Columns whose name has a variable part, and the field that the part gives."""

    def field(self, column: str) -> str | None:
        """Return the field that a column means, or None."""
        found = self.fields.get(column.casefold())
        for pattern, meaning in self.patterns if found is None else ():
            if match := pattern.fullmatch(column):
                return meaning(match[1].strip().casefold())
        return found


JIRA_LINKS: Final = {
    "blocks": "links.BLOCKS",
    "relates": "links.RELATES_TO",
    "duplicate": "links.DUPLICATES",
    "causes": "links.CAUSES",
    "problem/incident": "links.CAUSES",
    "escalate": "links.ESCALATES_TO",
}
"""Jira's kinds of links. Only the outward column is read: the inward column has the same links from the other side."""

PRESETS: Final[Mapping[str, Preset]] = {
    "jira": Preset(
        "Jira",
        {
            "issue key": "key",
            "summary": "title",
            "description": "description",
            "priority": "priority",
            "status": "status",
            "assignee": "assignee",
            "due date": "due_date",
            "labels": "attributes.labels",
            "component/s": "attributes.component",
            "components": "attributes.component",
            "issue type": "attributes.issue_type",
            "comment": "comments",
        },
        {
            "priority": translated(
                {"blocker": "P1", "highest": "P1", "critical": "P1", "high": "P2", "major": "P3", "medium": "P3",
                 "minor": "P4", "low": "P4", "trivial": "P5", "lowest": "P5"}
            ),
            "status": translated(
                {"to do": "Open", "backlog": "Open", "selected for development": "Open", "reopened": "Open",
                 "in review": "In Progress", "done": "Closed", "resolved": "Closed"}
            ),
            "due_date": day_of,
            "comments": jira_comment,
            **dict.fromkeys(("attributes.labels", "attributes.component", "attributes.issue_type"), str.strip),
        },
        ((re.compile(r"Outward issue link \((.*)\)", re.IGNORECASE), JIRA_LINKS.get),),
    ),
    "servicenow": Preset(
        "ServiceNow",
        {
            "number": "key",
            "short description": "title",
            "short_description": "title",
            "description": "description",
            "priority": "priority",
            "state": "status",
            "incident state": "status",
            "assigned to": "assignee",
            "assigned_to": "assignee",
            "due date": "due_date",
            "due_date": "due_date",
            "category": "attributes.category",
            "assignment group": "attributes.assignment_group",
            "assignment_group": "attributes.assignment_group",
            "comments": "comments",
            "work notes": "comments",
            "work_notes": "comments",
            "comments and work notes": "comments",
            "comments_and_work_notes": "comments",
        },
        {
            "priority": numbered(
                {"1": "P1", "2": "P2", "3": "P3", "4": "P4", "5": "P5", "critical": "P1", "high": "P2",
                 "moderate": "P3", "low": "P4", "planning": "P5"}
            ),
            "status": numbered(
                {"1": "Open", "2": "In Progress", "3": "In Progress", "6": "Closed", "7": "Closed", "8": "Closed",
                 "new": "Open", "in progress": "In Progress", "on hold": "In Progress", "resolved": "Closed",
                 "closed": "Closed", "canceled": "Closed", "cancelled": "Closed"}
            ),
            "due_date": day_of,
        },
    ),
    "github": Preset(
        "GitHub",
        {
            "number": "key",
            "title": "title",
            "body": "description",
            "state": "status",
            "assignee": "assignee",
            "assignees": "assignee",
            "labels": "attributes.labels",
            "milestone": "attributes.milestone",
            "comments": "comments",
        },
        {
            "status": translated({"open": "Open", "closed": "Closed"}),
            "assignee": one_person,
            "attributes.labels": named,
            "attributes.milestone": named,
            "comments": github_comments,
        },
    ),
}  # fmt: skip
"""The presets by the name that `--preset` takes."""
