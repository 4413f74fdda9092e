"""What a job can do to a case, as a table in the order in which it is done to one case.

A row says how a value is read from a rule, which operation does it to one case, how to see on a case that
it is done, and, where the API has it, which bulk action does it to many.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import Factory, field, frozen

from casemgmt_async import BulkAction, Case, CaseSession, Priority, cases, relationships, timeline
from casemgmt_async.jobs.durations import SPAN_RULE, parse_span
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.statuses import status_code

__all__ = [
    "ACTIONS",
    "UUID_RULE",
    "Action",
    "Check",
    "Step",
    "as_uuid",
    "describe",
    "identifier",
    "parse_action",
    "parse_actions",
]

Check = Callable[[Case, Any], bool]
UUID_RULE: Final = "must be an id, a UUID such as 2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"


@frozen
class Action:
    """One kind of change."""

    name: str
    """Its name in rules and journals."""
    parse: Callable[[str, Any], Sequence[Any]]
    """Reads the value that a rule gives: one payload for each operation, as plain data for JSON."""
    apply: Callable[[CaseSession, str, Any], Awaitable[Case | Sequence[Any]]]
    """Does it to one case."""
    holds: Check | None = None
    """Sees on a case that it is done; None for what makes a new thing each time."""
    bulk: BulkAction | None = None
    """The bulk action that does the same."""
    bulk_payload: Callable[[Any], Mapping[str, str] | None] = field(default=lambda _: None)
    """What the bulk action is given."""
    merge: Callable[[Case, Any], Any] | None = None
    """Completes a payload from the case, for an operation that replaces more than the rule names."""
    hides: bool = False
    """Whether a case it is done to leaves the searches."""


@frozen
class Step:
    """An action with what it is given."""

    stage: int
    """The place of the action in the table."""
    action: str
    """The name of the action."""
    payload: Any
    """What it is given, as plain data."""
    text: str = field(init=False, repr=False, default=Factory(lambda step: canonical(step.payload), takes_self=True))
    """The same as JSON; made once, since a rule gives the same step for many cases."""


def canonical(payload: Any) -> str:
    """A payload as JSON, the same for the same payload."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))


def has_status(case: Case, wanted: str) -> bool:
    """Whether a case has a status, by its name or its code."""
    return status_code(wanted) in (status_code(case.status_name or ""), status_code(case.status or ""))


def has_attributes(case: Case, wanted: Mapping[str, list[str]]) -> bool:
    """Whether a case has these values under these names."""
    return all(list(case.attributes.get(name, ())) == values for name, values in wanted.items())


def has_custom_attribute(case: Case, wanted: Mapping[str, Any]) -> bool:
    """Whether a custom attribute of a case has this value."""
    present = case.custom_attributes.get(wanted["key"])
    return present is not None and present.value == wanted["value"] and wanted.get("type") in (None, present.type)


def has_due_date(case: Case, wanted: str | None) -> bool:
    """Whether a case is due on that day, or never."""
    return (case.due_date and case.due_date.isoformat()) == wanted


def has_assignee(case: Case, wanted: str) -> bool:
    """Whether somebody is assigned."""
    return case.assignee is not None and case.assignee.id == wanted


def set_custom_attribute(session: CaseSession, case_id: str, given: Mapping[str, Any]) -> Awaitable[Case]:
    """Set one custom attribute."""
    options = {name: value for name, value in given.items() if name != "key"}
    return cases.update_case_custom_attribute(session, case_id, given["key"], **options)


def set_due_date(session: CaseSession, case_id: str, day: str | None) -> Awaitable[Case]:
    """Set the day, or clear it."""
    return cases.update_case_due_date(session, case_id, due_date=None if day is None else date.fromisoformat(day))


def as_uuid(value: Any) -> str | None:
    """A UUID as the service writes it, or None for what is none."""
    try:
        return str(UUID(value))
    except (AttributeError, TypeError, ValueError):
        return None


def text(where: str, value: Any) -> list[str]:
    """Read a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise RulesError(f"{where} must be a text with something in it, not {value!r}")
    return [value]


def texts(where: str, value: Any) -> list[str]:
    """Read a text, or several."""
    if not isinstance(value, list | tuple) or not value:
        return text(where, value)
    return [text(where, each)[0] for each in value]


def identifier(where: str, value: Any) -> list[str]:
    """Read the id of a user, a project or a type: a UUID, given back as the service writes it."""
    found = as_uuid(value)
    if found is None:
        raise RulesError(f"{where} {UUID_RULE}, not {value!r}")
    return [found]


def priority(where: str, value: Any) -> list[str]:
    """Read one of the priorities."""
    known = [each.value for each in Priority]
    if value not in known:
        raise RulesError(f"{where} must be one of {', '.join(known)}, not {value!r}")
    return [str(value)]


def yes(where: str, value: Any) -> list[None]:
    """Read the only value that an action without one can have."""
    if value is not True:
        raise RulesError(f"{where} must be true, or left out; not {value!r}")
    return [None]


def labels(where: str, value: Any) -> list[dict[str, list[str]]]:
    """Read attributes: a text or several under each name."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f'{where} must be a table of names and texts, as {{ team = ["core"] }}; not {value!r}')
    return [{name: texts(f"{where}.{name}", each) for name, each in value.items()}]


def custom_attributes(where: str, value: Any) -> list[dict[str, Any]]:
    """Read custom attributes: a plain value, or a table with value and type, under each key."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f'{where} must be a table of keys and values, as {{ severity = "high" }}; not {value!r}')
    return [custom_attribute(f"{where}.{key}", key, each) for key, each in value.items()]


def custom_attribute(where: str, key: str, value: Any) -> dict[str, Any]:
    """Read one custom attribute."""
    given = dict(value) if isinstance(value, Mapping) else {"value": value}
    items = given.get("value") if isinstance(given.get("value"), list | tuple) else [given.get("value")]
    kinds = {str if isinstance(item, str) else float for item in items or ()}
    plain = all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items or ())
    if not plain or len(kinds) != 1 or not given.keys() <= {"value", "type"}:
        raise RulesError(
            f"{where} must be a text, a number, a list of either, or a table of `value` and `type`; not {value!r}"
        )
    if given.get("type") not in (None, "URL", "TEXT", "NUMBER", "SELECT"):
        raise RulesError(f"{where}.type must be one of URL, TEXT, NUMBER, SELECT, not {given['type']!r}")
    if "type" in given and (given["type"] == "NUMBER") is not (kinds == {float}):
        raise RulesError(f"{where}.type is {given['type']}, and that does not fit the value {given['value']!r}")
    return {"key": key, **given}


def due(where: str, value: Any) -> list[str | None]:
    """Read a day, a span from today on as `+7d`, or `none` to clear it."""
    if value == "none":
        return [None]
    if isinstance(value, date) and not isinstance(value, datetime):
        return [value.isoformat()]
    if isinstance(value, str):
        if value.startswith("+") and (span := parse_span(value[1:])) is not None:
            return [(datetime.now(UTC) + timedelta(seconds=span)).date().isoformat()]
        try:
            return [date.fromisoformat(value).isoformat()]
        except ValueError:
            pass
    raise RulesError(f'{where} must be a day as 2026-12-31, "+" and {SPAN_RULE}, or "none"; not {value!r}')


TABLE: Final = (
    Action(
        "unarchive", yes, lambda s, c, _: cases.unarchive_case(s, c),
        lambda case, _: case.archived_at is None, BulkAction.UNARCHIVE,
    ),
    Action(
        "attributes", labels, lambda s, c, given: cases.update_attributes(s, c, attributes=given),
        has_attributes, merge=lambda case, given: {**case.attributes, **given},
    ),
    Action("custom_attributes", custom_attributes, set_custom_attribute, has_custom_attribute),
    Action(
        "priority", priority, lambda s, c, given: cases.update_priority(s, c, priority=Priority(given)),
        lambda case, wanted: case.priority == wanted, BulkAction.PRIORITY, lambda given: {"priority": given},
    ),
    Action("due_date", due, set_due_date, has_due_date),
    Action(
        "assign", identifier, lambda s, c, given: cases.assign_case(s, c, assignee_id=given),
        has_assignee, BulkAction.ASSIGN, lambda given: {"assignee_id": given},
    ),
    Action(
        "unassign", yes, lambda s, c, _: cases.unassign_case(s, c),
        lambda case, _: case.assignee is None, BulkAction.UNASSIGN,
    ),
    Action("comment", texts, lambda s, c, given: timeline.comment_case(s, c, comment=given)),
    Action(
        "status", text, lambda s, c, given: cases.update_status(s, c, status_name=given),
        has_status, BulkAction.STATUS, lambda given: {"status": status_code(given)},
    ),
    Action(
        "project", identifier, lambda s, c, given: relationships.move_case_to_project(s, c, project_id=given),
        lambda case, wanted: case.project_id == wanted, BulkAction.UPDATE_PROJECT, lambda given: {"project_id": given},
    ),
    Action(
        "archive", yes, lambda s, c, _: cases.archive_case(s, c),
        lambda case, _: case.archived_at is not None, BulkAction.ARCHIVE, hides=True,
    ),
)  # fmt: skip
"""Every action, in the order in which one case gets them: what explains comes before what closes."""

ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in TABLE}
STAGES: Final[Mapping[str, int]] = {action.name: stage for stage, action in enumerate(TABLE)}
CONTRADICTIONS: Final = (("assign", "unassign"), ("archive", "unarchive"))


def parse_actions(where: str, given: Any) -> tuple[Step, ...]:
    """Read the actions of a rule; gives the steps in the order in which they are done.

    Raises `RulesError`, which begins with `where` and names the key and what is allowed.
    """
    if not isinstance(given, Mapping) or not given:
        raise RulesError(f"{where} must be a table of one action or more; allowed: {', '.join(ACTIONS)}")
    for name in given:
        if name not in ACTIONS:
            raise RulesError(f"{where}.{name} is not an action; allowed: {', '.join(ACTIONS)}")
    for one, other in CONTRADICTIONS:
        if one in given and other in given:
            raise RulesError(f"{where}.{one} and {where}.{other} contradict each other; leave one out")
    steps = [step for name, value in given.items() for step in parse_action(f"{where}.{name}", name, value)]
    return tuple(sorted(steps, key=lambda step: step.stage))


def parse_action(where: str, name: str, value: Any) -> list[Step]:
    """Read one action; gives a step for each operation that it takes."""
    return [Step(STAGES[name], name, payload) for payload in ACTIONS[name].parse(where, value)]


def describe(action: str, payload: object) -> str:
    """Name an action with its value, where one is short enough to show in a table."""
    if payload is None or action == "comment":
        return action
    if isinstance(payload, dict):
        shown = payload["key"] if action == "custom_attributes" else ", ".join(payload)
        return f"{action} {shown}"
    return f"{action} {payload}"
