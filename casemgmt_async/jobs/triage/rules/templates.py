"""Texts of rules with placeholders: `Still open after {age}, {assignee}?`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Final

from attrs import frozen

from casemgmt_async import Case
from casemgmt_async.jobs.durations import format_span
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.triage.rules.view import View

__all__ = ["FIELDS", "Template", "parse_template"]


def person(user: object) -> str:
    """Name a user by what says most."""
    found = next((value for name in ("email", "handle", "name", "id") if (value := getattr(user, name, None))), None)
    return found or "nobody"


def since(moment: datetime | None, now: float) -> str:
    """Write how long ago something was."""
    return "unknown" if moment is None else format_span(max(now - moment.timestamp(), 0))


def day(moment: datetime | None) -> str:
    """Write a day, in UTC."""
    return "unknown" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


FIELDS: Final[Mapping[str, Callable[[Case, View], str]]] = {
    "key": lambda case, _: case.key or case.id,
    "id": lambda case, _: case.id,
    "title": lambda case, _: case.title or "",
    "url": lambda case, view: f"{view.app_url}/cases/{case.key or case.id}",
    "assignee": lambda case, _: person(case.assignee),
    "creator": lambda case, _: person(case.created_by),
    "priority": lambda case, _: case.priority or "NOT_DEFINED",
    "status": lambda case, _: case.status_name or case.status or "",
    "project": lambda case, _: (case.key or "").rpartition("-")[0] or case.project_id or "",
    "due_date": lambda case, _: case.due_date.isoformat() if case.due_date else "none",
    "created": lambda case, _: day(case.created_at),
    "age": lambda case, view: since(case.created_at, view.now),
    "idle": lambda case, view: format_span(max(view.now - view.active_at(case), 0)),
}
"""The placeholders and their values, apart from `{attributes.NAME}` and `{custom_attributes.KEY}`."""


def attribute(name: str) -> Callable[[Case, View], str]:
    """Make the placeholder of an attribute."""
    return lambda case, _: ", ".join(case.attributes.get(name, ()))


def custom_attribute(key: str) -> Callable[[Case, View], str]:
    """Make the placeholder of a custom attribute."""

    def write(case: Case, _: View) -> str:
        found = case.custom_attributes.get(key)
        value = None if found is None else found.value
        return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else f"{value}"

    return write


GROUPS: Final = {"attributes": attribute, "custom_attributes": custom_attribute}


@frozen
class Template:
    """A text with placeholders."""

    parts: tuple[tuple[str, Callable[[Case, View], str] | None], ...]
    """Plain texts, each followed by a placeholder or by nothing."""

    @property
    def is_plain(self) -> bool:
        """Whether there is no placeholder in it."""
        return all(write is None for _, write in self.parts)

    def render(self, case: Case, view: View) -> str:
        """Write the text for a case."""
        return "".join(plain + (write(case, view) if write else "") for plain, write in self.parts)

    @property
    def plain(self) -> str:
        """The text without its placeholders."""
        return "".join(plain for plain, _ in self.parts)


def parse_template(where: str, text: str) -> Template:
    """Read a text with placeholders; `{{` and `}}` stand for braces.

    Raises `RulesError` for a placeholder that is not known.
    """
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise RulesError(f"{where}: {error}; write {{{{ and }}}} for braces that stand for themselves") from error
    parts = []
    for plain, name, spec, conversion in pieces:
        if name is not None and (spec or conversion):
            raise RulesError(f"{where}: the placeholder {{{name}}} takes no format; write {{{name}}} alone")
        parts.append((plain, None if name is None else placeholder(where, name)))
    return Template(tuple(parts))


def placeholder(where: str, name: str) -> Callable[[Case, View], str]:
    """Find the value of a placeholder."""
    group, _, inner = name.partition(".")
    if inner and group in GROUPS:
        return GROUPS[group](inner)
    if name in FIELDS:
        return FIELDS[name]
    known = [*FIELDS, "attributes.NAME", "custom_attributes.KEY"]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {{{close[0]}}}? " if close else ""
    raise RulesError(f"{where}: unknown placeholder {{{name}}}; {hint}known: {', '.join(known)}")
