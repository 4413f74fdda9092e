"""What a job can do to a case, as a table in the order in which it is done to one case.

A row says how a value is read, which operation does it to one case, how to see on a case that it is done, what a
case looks like afterwards, and, where the API has it, which bulk action does it to many.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from attrs import Factory, evolve, field, frozen

from casemgmt_async import (
    BulkAction,
    Case,
    CaseSession,
    CaseStatus,
    CustomAttribute,
    CustomAttributeType,
    LinkRelationship,
    Priority,
    User,
    cases,
    links,
    relationships,
    timeline,
    watchers,
)
from casemgmt_async.jobs.errors import RulesError
from casemgmt_async.jobs.statuses import group_of_code, status_code

__all__ = [
    "ACTIONS",
    "REPEATABLE",
    "STAGES",
    "TABLE",
    "UUID_RULE",
    "Action",
    "Check",
    "Step",
    "as_uuid",
    "canonical",
    "canonical_text",
    "describe",
    "filled",
    "identifier",
    "parse_action",
]

Check = Callable[[Case, Any], bool]
UUID_RULE: Final = "must be an id, a UUID such as 2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"


@frozen
class Action:
    """One kind of change."""

    name: str
    """Its name in rules and journals."""
    parse: Callable[[str, Any], Sequence[Any]]
    """Reads a value: one payload for each operation, as plain data for JSON."""
    apply: Callable[[CaseSession, str, Any], Awaitable[Any]]
    """Does it to one case."""
    holds: Check | None = None
    """Says whether a case shows that it is done; None if that cannot be seen on a case."""
    bulk: BulkAction | None = None
    """The bulk action that does the same."""
    bulk_payload: Callable[[Any], Mapping[str, str] | None] = field(default=lambda _: None)
    """Makes the payload of the bulk action."""
    hides: bool = False
    """Whether searches no longer find the case afterwards."""
    repeatable: bool = True
    """Whether doing it twice is the same as doing it once."""
    current: Callable[[Case, Any], Any] = field(default=lambda *_: None)
    """The value that it replaces, as plain data."""
    preview: Callable[[Case, Any], Case] = field(default=lambda case, _: case)
    """The case as it is afterwards."""


@frozen
class Step:
    """An action with its payload."""

    stage: int
    """The place of the action in the table."""
    action: str
    """The name of the action."""
    payload: Any
    """What it is given, as plain data."""
    text: str = field(init=False, repr=False, default=Factory(lambda step: canonical(step.payload), takes_self=True))
    """The same as JSON; made once, since a rule gives the same step for many cases."""


def canonical(payload: Any) -> str:
    """Write a payload as JSON, the same for the same payload."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)


canonical_text: Final[Callable[[str | None], str]] = lru_cache(maxsize=1024)(canonical)
"""The same for texts and None, most of which many cases share."""


def has_status(case: Case, wanted: str) -> bool:
    """Whether a case has a status, by its name or its code."""
    return status_code(wanted) in (status_code(case.status_name or ""), status_code(case.status or ""))


def has_attributes(case: Case, wanted: Mapping[str, list[str]]) -> bool:
    """Whether a case has these values under these names."""
    return all(list(case.attributes.get(name, ())) == values for name, values in wanted.items())


def has_custom_attribute(case: Case, wanted: Mapping[str, Any]) -> bool:
    """Whether a custom attribute of a case has this value, or none if the value is None."""
    present = case.custom_attributes.get(wanted["key"])
    if wanted["value"] is None:
        return present is None
    return present is not None and present.value == wanted["value"] and wanted.get("type") in (None, present.type)


def has_due_date(case: Case, wanted: str | None) -> bool:
    """Whether a case is due on that day, or never."""
    return (case.due_date and case.due_date.isoformat()) == wanted


def has_assignee(case: Case, wanted: str) -> bool:
    """Whether somebody is assigned."""
    return case.assignee is not None and case.assignee.id == wanted


def set_custom_attribute(session: CaseSession, case_id: str, given: Mapping[str, Any]) -> Awaitable[Case]:
    """Set one custom attribute, or delete its value."""
    if given["value"] is None:
        return cases.delete_case_custom_attribute(session, case_id, given["key"])
    options = {name: value for name, value in given.items() if name != "key"}
    return cases.update_case_custom_attribute(session, case_id, given["key"], **options)


def set_due_date(session: CaseSession, case_id: str, day: str | None) -> Awaitable[Case]:
    """Set the day, or clear it."""
    return cases.update_case_due_date(session, case_id, due_date=None if day is None else date.fromisoformat(day))


async def watch(session: CaseSession, case_id: str, user_id: str) -> None:
    """Make a user watch a case; a second time changes nothing."""
    await watchers.watch_case(session, case_id, user_id)


async def link(session: CaseSession, case_id: str, given: Mapping[str, str]) -> str:
    """Link a case to another, given by its key or id, unless the same link exists; returns the link's id."""
    other = given["to"] if as_uuid(given["to"]) else (await cases.get_case(session, given["to"])).id
    relationship = LinkRelationship(given["relationship"])
    for known in await links.list_case_links(session, entity_id=case_id):
        if (known.parent_entity_id, known.child_entity_id, known.relationship) == (case_id, other, relationship):
            return known.id
    made = await links.create_case_link(
        session, parent_entity_id=case_id, child_entity_id=other, relationship=relationship
    )
    return made.id


def filled(attributes: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the attributes that have values; to leave one out is how the service removes it."""
    return {name: values for name, values in attributes.items() if values}


def as_uuid(value: Any) -> str | None:
    """A UUID as the service writes it, or None for what is none."""
    try:
        return str(UUID(value))
    except (AttributeError, TypeError, ValueError):
        return None


def text(where: str, value: Any) -> list[str]:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise RulesError(f"{where} must be a non-empty text, not {value!r}")
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
    """Read `true`, the only value of an action without an argument."""
    if value is not True:
        raise RulesError(f"{where} must be true, or left out; not {value!r}")
    return [None]


def labels(where: str, value: Any) -> list[dict[str, list[str]]]:
    """Read attributes: a text or several under each name."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f'{where} must give a text or several for each name, as team = ["core"]; not {value!r}')
    return [{name: texts(f"{where}.{name}", each) for name, each in value.items()}]


def custom_attributes(where: str, value: Any) -> list[dict[str, Any]]:
    """Read custom attributes: a plain value, or a table with value and type, under each key."""
    if not isinstance(value, Mapping) or not value:
        raise RulesError(f'{where} must give a value for each key, as severity = "high"; not {value!r}')
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
    """Read a day, or `none` to clear it."""
    if value == "none":
        return [None]
    if isinstance(value, date) and not isinstance(value, datetime):
        return [value.isoformat()]
    try:
        return [date.fromisoformat(str(value)).isoformat()]
    except ValueError as error:
        raise RulesError(f'{where} must be a day as 2026-12-31, or "none"; not {value!r}') from error


def link_to(where: str, value: Any) -> list[dict[str, str]]:
    """Read a link: how the case is related, and the key or id of the other case."""
    known = [each.value for each in LinkRelationship]
    match value:
        case {"relationship": str(relationship), "to": str(to)} if len(value) == 2 and relationship in known and to:
            return [{"relationship": relationship, "to": to}]
    raise RulesError(
        f'{where} must be a table as {{ relationship = "BLOCKS", to = "SEC-12" }}, with a relationship of '
        f"{', '.join(known)}; not {value!r}"
    )


def with_status(case: Case, name: str) -> Case:
    """The case with another status."""
    group = group_of_code(status_code(name)) or case.status_group
    return evolve(case, status_name=name, status=CaseStatus(status_code(name)), status_group=group)


def with_attributes(case: Case, given: Mapping[str, Sequence[str]]) -> Case:
    """The case with more attributes, or fewer."""
    return evolve(
        case, attributes={name: list(values) for name, values in filled({**case.attributes, **given}).items()}
    )


def with_custom_attribute(case: Case, given: Mapping[str, Any]) -> Case:
    """The case with one custom attribute set or deleted."""
    present = {key: value for key, value in case.custom_attributes.items() if key != given["key"]}
    if given["value"] is not None:
        kind = CustomAttributeType(given.get("type") or "TEXT")
        present[given["key"]] = CustomAttribute(kind, given["value"], isinstance(given["value"], list))
    return evolve(case, custom_attributes=present)


def current_custom_attribute(case: Case, given: Mapping[str, Any]) -> Any:
    """The value of a custom attribute."""
    present = case.custom_attributes.get(given["key"])
    return None if present is None else present.value


def current_assignee(case: Case, _: Any) -> str | None:
    """The assignee, by e-mail address, or else by handle or id."""
    user = case.assignee
    return None if user is None else user.email or user.handle or user.id


TABLE: Final = (
    Action(
        "unarchive", yes, lambda s, c, _: cases.unarchive_case(s, c),
        lambda case, _: case.archived_at is None, BulkAction.UNARCHIVE,
        current=lambda *_: "archived", preview=lambda case, _: evolve(case, archived_at=None),
    ),
    Action(
        "attributes", labels, lambda s, c, given: cases.update_attributes(s, c, attributes=filled(given)),
        has_attributes, preview=with_attributes,
        current=lambda case, given: {name: list(case.attributes.get(name, ())) for name in given},
    ),
    Action(
        "custom_attributes", custom_attributes, set_custom_attribute, has_custom_attribute,
        current=current_custom_attribute, preview=with_custom_attribute,
    ),
    Action(
        "priority", priority, lambda s, c, given: cases.update_priority(s, c, priority=Priority(given)),
        lambda case, wanted: (case.priority or "NOT_DEFINED") == wanted, BulkAction.PRIORITY,
        lambda given: {"priority": given}, current=lambda case, _: case.priority or "NOT_DEFINED",
        preview=lambda case, given: evolve(case, priority=Priority(given)),
    ),
    Action(
        "due_date", due, set_due_date, has_due_date,
        current=lambda case, _: case.due_date and case.due_date.isoformat(),
        preview=lambda case, day: evolve(case, due_date=day and date.fromisoformat(day)),
    ),
    Action(
        "assign", identifier, lambda s, c, given: cases.assign_case(s, c, assignee_id=given),
        has_assignee, BulkAction.ASSIGN, lambda given: {"assignee_id": given}, current=current_assignee,
        preview=lambda case, given: evolve(case, assignee=User(id=given)),
    ),
    Action(
        "unassign", yes, lambda s, c, _: cases.unassign_case(s, c),
        lambda case, _: case.assignee is None, BulkAction.UNASSIGN, current=current_assignee,
        preview=lambda case, _: evolve(case, assignee=None),
    ),
    Action("watch", identifier, watch),
    Action("link", link_to, link),
    Action(
        "comment", texts, lambda s, c, given: timeline.comment_case(s, c, comment=given), repeatable=False
    ),
    Action(
        "status", text, lambda s, c, given: cases.update_status(s, c, status_name=given),
        has_status, BulkAction.STATUS, lambda given: {"status": status_code(given)},
        current=lambda case, _: case.status_name or case.status, preview=with_status,
    ),
    Action(
        "project", identifier, lambda s, c, given: relationships.move_case_to_project(s, c, project_id=given),
        lambda case, wanted: case.project_id == wanted, BulkAction.UPDATE_PROJECT, lambda given: {"project_id": given},
        current=lambda case, _: (case.key or "").rpartition("-")[0] or case.project_id,
        preview=lambda case, given: evolve(case, project_id=given),
    ),
    Action(
        "archive", yes, lambda s, c, _: cases.archive_case(s, c),
        lambda case, _: case.archived_at is not None, BulkAction.ARCHIVE, hides=True, current=lambda *_: None,
        preview=lambda case, _: evolve(case, archived_at=case.modified_at or case.created_at),
    ),
)  # fmt: skip
"""Every action, in the order in which one case gets them: what explains comes before what closes."""

ACTIONS: Final[Mapping[str, Action]] = {action.name: action for action in TABLE}
STAGES: Final[Mapping[str, int]] = {action.name: stage for stage, action in enumerate(TABLE)}
REPEATABLE: Final = tuple(action.name for action in TABLE if action.repeatable)
"""The actions that can be sent again when their answer was lost."""


def parse_action(where: str, name: str, value: Any) -> list[Step]:
    """Read one action; gives a step for each operation that it takes.

    Raises `RulesError`, which begins with `where` and says what is allowed.
    """
    return [Step(STAGES[name], name, payload) for payload in ACTIONS[name].parse(where, value)]


def describe(action: str, payload: object) -> str:
    """Name an action with its value, if the value is short enough to show in a table."""
    if payload is None or action == "comment":
        return action
    if isinstance(payload, dict):
        shown = payload["key"] if action == "custom_attributes" else payload.get("to") or ", ".join(payload)
        return f"{action} {shown}"
    return f"{action} {payload}"
