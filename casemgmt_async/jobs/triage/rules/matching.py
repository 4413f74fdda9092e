"""What a rule looks at in a case: the keys of `match` in a rules file, compiled to one predicate."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import field, fields, frozen

from casemgmt_async import Case, StatusGroup, User
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.statuses import group_of, status_code
from casemgmt_async.jobs.triage.rules.view import View

__all__ = ["Comparison", "Match", "Predicate", "compile_match"]

Predicate = Callable[[Case, View], bool]
"""Whether a case matches, by the case and what else is known."""


@frozen(kw_only=True)
class Comparison:
    """Conditions on one value; all that are given must hold."""

    at_least: float | None = None
    """The value is this number or more."""
    at_most: float | None = None
    """The value is this number or less."""
    over: float | None = None
    """The value is greater than this number."""
    under: float | None = None
    """The value is less than this number."""
    pattern: re.Pattern[str] | None = None
    """The regular expression is found in the value."""

    def holds(self, value: Any) -> bool:
        """Whether it holds for a value."""
        if self.pattern is not None and not self.pattern.search(str(value)):
            return False
        bounds = [(holds, bound) for key, holds in BOUNDS.items() if (bound := getattr(self, key)) is not None]
        number = as_number(value) if bounds else None
        return not bounds or (number is not None and all(holds(number, bound) for holds, bound in bounds))


BOUNDS: Final = {"at_least": operator.ge, "at_most": operator.le, "over": operator.gt, "under": operator.lt}


def as_number(value: Any) -> float | None:
    """A value as a number, or None."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


@frozen(kw_only=True)
class Match:
    """Conditions on a case; all that are given must hold, and of several values under one key one is enough."""

    priority: tuple[str, ...] | None = None
    """The priority is one of these."""
    status: tuple[str, ...] | None = None
    """The status is one of these, by name or code."""
    status_group: tuple[str, ...] | None = None
    """The group of the status is one of `open`, `in_progress`, `closed`."""
    type: tuple[str, ...] | None = None
    """The case type is one of these, by name or id."""
    project: tuple[str, ...] | None = None
    """The project is one of these, by id or key (the part of the case key before the number)."""
    assignee: tuple[str, ...] | None = None
    """The assignee is one of these: id, e-mail address, handle, `me`, `on-call:TEAM`, `none` or `any`."""
    older_than: int | None = None
    """The case was created longer ago than this."""
    younger_than: int | None = None
    """The case was created within this time."""
    inactive_for: int | None = None
    """Nobody but this triage has changed the case for this time."""
    active_within: int | None = None
    """Somebody other than this triage has changed the case within this time."""
    title: tuple[str, ...] | None = None
    """The title contains one of these texts, in upper or lower case."""
    description: tuple[str, ...] | None = None
    """The description contains one of these texts, in upper or lower case."""
    text: tuple[str, ...] | None = None
    """The title or the description contains one of these texts, in upper or lower case."""
    pattern: re.Pattern[str] | None = None
    """The regular expression is found in the title or the description."""
    attributes: Mapping[str, tuple[Any, ...] | Comparison] | None = None
    """Each attribute has one of its values; `[]` means that the case must not have the attribute."""
    custom_attributes: Mapping[str, tuple[Any, ...] | Comparison] | None = None
    """Each custom attribute has one of its values; `[]` means that the case must not have it."""
    archived: bool | None = None
    """Whether the case is archived."""
    creator: tuple[str, ...] | None = None
    """The creator is one of these, written as for `assignee`."""
    overdue: bool | None = None
    """Whether the case is open and was due before today (UTC)."""
    due_within: int | None = None
    """The case is open and due today or within this time."""
    closed_for: int | None = None
    """The case was closed longer ago than this."""
    comment_count: Comparison | None = None
    """The number of comments is this, or compares like this."""
    any: tuple[Match, ...] | None = None
    """At least one of these matches holds."""
    not_: Match | None = field(default=None, alias="not_")
    """None of the keys in this match holds."""


def made(case: Case, _: View) -> float | None:
    """When a case was made."""
    return timestamp(case.created_at)


def is_idle(span: int) -> Predicate:
    """Nobody else was active for a span."""
    return lambda case, view: view.idle_for(case, span)


def is_active(span: int) -> Predicate:
    """Somebody else was active within a span."""
    return lambda case, view: not view.idle_for(case, span)


def closed(case: Case, _: View) -> float | None:
    """When a case was closed, if it is closed."""
    return timestamp(case.closed_at) if group_of(case) == StatusGroup.SG_CLOSED else None


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


def is_user(get: Callable[[Case], User | None]) -> Callable[[Sequence[str]], Predicate]:
    """Make the check that a user of a case is one of these, or none, or any."""

    def build(wanted: Sequence[str]) -> Predicate:
        names = frozenset(wanted)

        def check(case: Case, _: View) -> bool:
            user = get(case)
            if user is None:
                return "none" in names
            return "any" in names or not names.isdisjoint((user.id, user.email, user.handle))

        return check

    return build


def before(when: Callable[[Case, View], float | None]) -> Callable[[int], Predicate]:
    """Make the check that something was longer ago than a span."""

    def build(span: int) -> Predicate:
        return lambda case, view: (then := when(case, view)) is not None and then < view.now - span

    return build


def since(when: Callable[[Case, View], float | None]) -> Callable[[int], Predicate]:
    """Make the check that something was within a span."""

    def build(span: int) -> Predicate:
        return lambda case, view: (then := when(case, view)) is not None and then >= view.now - span

    return build


def is_open(case: Case) -> bool:
    """Whether a case is not closed."""
    return group_of(case) != StatusGroup.SG_CLOSED


def is_overdue(wanted: bool) -> Predicate:
    """Open, and due before today; or not."""

    def check(case: Case, view: View) -> bool:
        today = datetime.fromtimestamp(view.now, UTC).date()
        return (is_open(case) and case.due_date is not None and case.due_date < today) is wanted

    return check


def is_due_within(span: int) -> Predicate:
    """Open, and due today or within a span, and not overdue."""

    def check(case: Case, view: View) -> bool:
        now = datetime.fromtimestamp(view.now, UTC)
        last = (now + timedelta(seconds=span)).date()
        return is_open(case) and case.due_date is not None and now.date() <= case.due_date <= last

    return check


def has_comment_count(wanted: Comparison) -> Predicate:
    """A number of comments; 0 if the service does not report it."""
    return lambda case, _: wanted.holds(case.comment_count or 0)


def says(*places: str) -> Callable[[Sequence[str]], Predicate]:
    """Make the check that one of the texts is in one of the fields, in upper or lower case."""

    def build(wanted: Sequence[str]) -> Predicate:
        parts = [part.casefold() for part in wanted]

        def check(case: Case, _: View) -> bool:
            found = [(getattr(case, place) or "").casefold() for place in places]
            return any(part in text for part in parts for text in found)

        return check

    return build


def fits(pattern: re.Pattern[str]) -> Predicate:
    """The pattern is found in title or description."""
    return lambda case, _: bool(pattern.search(case.title or "") or pattern.search(case.description or ""))


def has_values(present: Sequence[Any], wanted: Sequence[Any] | Comparison) -> bool:
    """Whether one of the values is wanted; without wanted values, whether there is none."""
    if isinstance(wanted, Comparison):
        return any(map(wanted.holds, present))
    return any(value in present for value in wanted) if wanted else not present


def has_attributes(wanted: Mapping[str, Sequence[Any] | Comparison]) -> Predicate:
    """Each attribute has one of the values given for it; an empty list means that it must not exist."""
    return lambda case, _: all(has_values(case.attributes.get(name) or (), each) for name, each in wanted.items())


def has_custom_attributes(wanted: Mapping[str, Sequence[Any] | Comparison]) -> Predicate:
    """Each custom attribute has one of the values given for it; an empty list means that it must not exist."""

    def check(case: Case, _: View) -> bool:
        for key, each in wanted.items():
            custom = case.custom_attributes.get(key)
            present = [] if custom is None else custom.value if custom.is_multi else [custom.value]
            if not has_values(present, each):
                return False
        return True

    return check


def is_archived(wanted: bool) -> Predicate:
    """Archived, or not."""
    return lambda case, _: (case.archived_at is not None) is wanted


def none_of(match: Match) -> Predicate:
    """None of what is inside holds."""
    holds = predicates(match)
    return lambda case, view: not any(check(case, view) for check in holds)


def one_of(matches: Sequence[Match]) -> Predicate:
    """One of the matches holds."""
    holds = [compile_match(match) for match in matches]
    return lambda case, view: any(check(case, view) for check in holds)


CHECKS: Final[Mapping[str, Callable[[Any], Predicate]]] = {
    "priority": has_priority,
    "status_group": has_status_group,
    "status": has_status,
    "assignee": is_user(lambda case: case.assignee),
    "creator": is_user(lambda case: case.created_by),
    "older_than": before(made),
    "younger_than": since(made),
    "closed_for": before(closed),
    "overdue": is_overdue,
    "due_within": is_due_within,
    "comment_count": has_comment_count,
    "type": has_type,
    "project": is_in_project,
    "archived": is_archived,
    "attributes": has_attributes,
    "custom_attributes": has_custom_attributes,
    "title": says("title"),
    "description": says("description"),
    "text": says("title", "description"),
    "pattern": fits,
    "any": one_of,
    "not_": none_of,
    "inactive_for": is_idle,
    "active_within": is_active,
}
"""Every key of `match` and what it checks: the cheap ones first, those that may need a timeline last."""

assert CHECKS.keys() == {attribute.name for attribute in fields(Match)}


def predicates(match: Match) -> list[Predicate]:
    """Make a predicate of everything that a match asks for."""
    return [build(value) for name, build in CHECKS.items() if (value := getattr(match, name)) is not None]


def compile_match(match: Match) -> Predicate:
    """Make one predicate of all that a match asks for."""
    checks = predicates(match)
    if len(checks) == 1:
        return checks[0]

    def check(case: Case, view: View) -> bool:
        for holds in checks:  # noqa: SIM110 - a loop is faster than any() here, and this runs for every case
            if not holds(case, view):
                return False
        return True

    return check
