"""What a rule looks at in a case: the keys of `match` in a rules file, compiled to one predicate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, fields, frozen

from casemgmt_async import Case
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.statuses import group_of, status_code

__all__ = ["Match", "Predicate", "compile_match"]

Predicate = Callable[[Case, float], bool]
"""Whether a case matches, at that moment in Unix seconds."""


@frozen(kw_only=True)
class Match:
    """All that is given must hold; of several values under one key, one is enough."""

    priority: tuple[str, ...] | None = None
    status: tuple[str, ...] | None = None
    status_group: tuple[str, ...] | None = None
    type: tuple[str, ...] | None = None
    project: tuple[str, ...] | None = None
    assignee: tuple[str, ...] | None = None
    older_than: int | None = None
    younger_than: int | None = None
    inactive_for: int | None = None
    active_within: int | None = None
    title: tuple[str, ...] | None = None
    description: tuple[str, ...] | None = None
    text: tuple[str, ...] | None = None
    pattern: re.Pattern[str] | None = None
    attributes: Mapping[str, tuple[str, ...]] | None = None
    custom_attributes: Mapping[str, tuple[Any, ...]] | None = None
    archived: bool | None = None
    not_: Match | None = field(default=None, alias="not_")


def made(case: Case) -> float | None:
    """When a case was made."""
    return timestamp(case.created_at)


def touched(case: Case) -> float | None:
    """When a case was changed last, or made."""
    return timestamp(case.modified_at or case.created_at)


def has_priority(wanted: Sequence[str]) -> Predicate:
    """One of these priorities."""
    codes = frozenset(wanted)
    return lambda case, _: (case.priority or "NOT_DEFINED") in codes


def has_status(wanted: Sequence[str]) -> Predicate:
    """One of these statuses, by name or code."""
    codes = frozenset(map(status_code, wanted))
    return lambda case, _: (
        (case.status_name is not None and status_code(case.status_name) in codes)
        or (case.status is not None and status_code(case.status) in codes)
    )


def has_status_group(wanted: Sequence[str]) -> Predicate:
    """One of these groups of statuses."""
    codes = frozenset(wanted)
    return lambda case, _: group_of(case) in codes


def has_type(wanted: Sequence[str]) -> Predicate:
    """One of these types, by name or id."""
    codes = frozenset(wanted)
    return lambda case, _: case.type in codes or case.type_id in codes


def is_in_project(wanted: Sequence[str]) -> Predicate:
    """In one of these projects, by id or by the first part of the key."""
    names = frozenset(wanted)
    return lambda case, _: case.project_id in names or (case.key or "").rpartition("-")[0] in names


def has_assignee(wanted: Sequence[str]) -> Predicate:
    """One of these users, or none, or any."""
    names = frozenset(wanted)

    def check(case: Case, _: float) -> bool:
        user = case.assignee
        if user is None:
            return "none" in names
        return "any" in names or not names.isdisjoint((user.id, user.email, user.handle))

    return check


def before(when: Callable[[Case], float | None]) -> Callable[[int], Predicate]:
    """Make the check that something was longer ago than a span."""

    def build(span: int) -> Predicate:
        return lambda case, now: (then := when(case)) is not None and then < now - span

    return build


def since(when: Callable[[Case], float | None]) -> Callable[[int], Predicate]:
    """Make the check that something was within a span."""

    def build(span: int) -> Predicate:
        return lambda case, now: (then := when(case)) is not None and then >= now - span

    return build


def says(*places: str) -> Callable[[Sequence[str]], Predicate]:
    """Make the check that one of some texts, whatever its case, stands in one of the places."""

    def build(wanted: Sequence[str]) -> Predicate:
        parts = [part.casefold() for part in wanted]

        def check(case: Case, _: float) -> bool:
            found = [(getattr(case, place) or "").casefold() for place in places]
            return any(part in text for part in parts for text in found)

        return check

    return build


def fits(pattern: re.Pattern[str]) -> Predicate:
    """The pattern is found in title or description."""
    return lambda case, _: bool(pattern.search(case.title or "") or pattern.search(case.description or ""))


def has_attributes(wanted: Mapping[str, Sequence[str]]) -> Predicate:
    """One of the values under each name; none at all where there are no values."""

    def check(case: Case, _: float) -> bool:
        for name, values in wanted.items():
            present = case.attributes.get(name) or ()
            if bool(present) != bool(values) or (values and set(values).isdisjoint(present)):
                return False
        return True

    return check


def has_custom_attributes(wanted: Mapping[str, Sequence[Any]]) -> Predicate:
    """One of the values under each key; none at all where there are no values."""

    def check(case: Case, _: float) -> bool:
        for key, values in wanted.items():
            custom = case.custom_attributes.get(key)
            present = [] if custom is None else custom.value if custom.is_multi else [custom.value]
            if bool(present) != bool(values) or (values and not any(value in present for value in values)):
                return False
        return True

    return check


def is_archived(wanted: bool) -> Predicate:
    """Archived, or not."""
    return lambda case, _: (case.archived_at is not None) is wanted


def none_of(match: Match) -> Predicate:
    """None of what is inside holds."""
    holds = [build(value) for name, build in CHECKS.items() if (value := getattr(match, name)) is not None]
    return lambda case, now: not any(check(case, now) for check in holds)


CHECKS: Final[Mapping[str, Callable[[Any], Predicate]]] = {
    "priority": has_priority,
    "status_group": has_status_group,
    "status": has_status,
    "assignee": has_assignee,
    "older_than": before(made),
    "younger_than": since(made),
    "inactive_for": before(touched),
    "active_within": since(touched),
    "type": has_type,
    "project": is_in_project,
    "archived": is_archived,
    "attributes": has_attributes,
    "custom_attributes": has_custom_attributes,
    "title": says("title"),
    "description": says("description"),
    "text": says("title", "description"),
    "pattern": fits,
    "not_": none_of,
}
"""Every key of `match` and what it checks, the cheap ones first."""

assert CHECKS.keys() == {attribute.name for attribute in fields(Match)}


def compile_match(match: Match) -> Predicate:
    """Make one predicate of all that a match asks for."""
    checks = [build(value) for name, build in CHECKS.items() if (value := getattr(match, name)) is not None]
    if len(checks) == 1:
        return checks[0]

    def check(case: Case, now: float) -> bool:
        for holds in checks:  # noqa: SIM110 - a loop is faster than any() here, and this runs for every case
            if not holds(case, now):
                return False
        return True

    return check
