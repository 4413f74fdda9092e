"""The reference of the rules file: keys, types, defaults and meanings from the models of the rules, with examples."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from attrs import NOTHING, Attribute, fields, resolve_types

from casemgmt_async import Case, CaseStatus, CustomAttribute, CustomAttributeType, Priority, User
from casemgmt_async.jobs.actions import TABLE
from casemgmt_async.jobs.triage.rules.document import SPANS, RulesFile, WrittenRule
from casemgmt_async.jobs.triage.rules.matching import Comparison, Match
from casemgmt_async.jobs.triage.rules.stale import WrittenStale
from casemgmt_async.jobs.triage.rules.templates import FIELDS
from casemgmt_async.jobs.triage.rules.view import View
from casemgmt_async.models.descriptions import field_docs

__all__ = ["ACTIONS", "EXAMPLES", "actions_table", "keys_table", "placeholders_table"]

TIME_SPANS: Final = {*SPANS, "every", "warn_after", "close_after"}
TYPES: Final = {
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "Match": "[match](#match)",
    "Comparison": "number, or [comparison](#comparisons)",
    "Pattern[str]": "regular expression",
    "tuple[str, ...]": "text, or list of texts",
    "tuple[Match, ...]": "list of [matches](#match)",
    "tuple[WrittenRule, ...]": "[rules](#rule)",
    "tuple[WrittenStale, ...]": "[stale policy](#stale-policy), or several",
    "Mapping[str, Any]": "table of [actions](#actions)",
    "Mapping[str, tuple[Any, ...] | Comparison]": "table of values, lists of values or [comparisons](#comparisons)",
}
"""How the annotation of a field is written for people."""
EXAMPLES: Final[Mapping[type, Mapping[str, str]]] = {
    RulesFile: {
        "rules": '[[rules]]\nname = "old"\nmatch = { older_than = "90d" }\nactions = { priority = "P4" }',
        "stale": '[stale]\nwarn_after = "30d"\nclose_after = "7d"',
        "name": 'name = "nightly"',
        "filter": 'filter = "status:open project:OPS"',
        "max_cases": "max_cases = 500",
        "memory": 'memory = "case"',
    },
    WrittenRule: {
        "name": 'name = "urgent and unassigned"',
        "match": 'match = { priority = "P1", assignee = "none" }',
        "actions": 'actions = { assign = "on-call:sre" }',
        "continue": "continue = true",
        "once": "once = true",
        "every": 'every = "7d"',
        "max_cases": "max_cases = 200",
    },
    Match: {
        "priority": 'priority = ["P1", "P2"]',
        "status": 'status = "In Progress"',
        "status_group": 'status_group = ["open", "in_progress"]',
        "type": 'type = "Security Case"',
        "project": 'project = ["OPS", "WEB"]',
        "assignee": 'assignee = "none"',
        "older_than": 'older_than = "30d"',
        "younger_than": 'younger_than = "12h"',
        "inactive_for": 'inactive_for = "14d"',
        "active_within": 'active_within = "2d"',
        "title": 'title = "web-store"',
        "description": 'description = ["panic", "segfault"]',
        "text": 'text = "suspicious login"',
        "pattern": "pattern = '^\\[canary\\]'",
        "attributes": 'attributes = { env = "prod", team = [] }',
        "custom_attributes": "custom_attributes = { cost = { at_least = 5000 } }",
        "archived": "archived = false",
        "creator": 'creator = "ada.marsh@example.com"',
        "overdue": "overdue = true",
        "due_within": 'due_within = "2d"',
        "closed_for": 'closed_for = "60d"',
        "comment_count": "comment_count = { over = 20 }",
        "any": 'any = [{ title = "web-store" }, { attributes = { team = "web" } }]',
        "not": 'not = { assignee = "none" }',
    },
    Comparison: {
        "at_least": "cost = { at_least = 5000 }",
        "at_most": "cost = { at_most = 100 }",
        "over": "cost = { over = 0, under = 100 }",
        "under": "cost = { under = 100 }",
        "pattern": "service = { pattern = '^pay' }",
    },
    WrittenStale: {
        "name": 'name = "stale"',
        "match": 'match = { project = "OPS" }',
        "exempt": 'exempt = { priority = ["P1", "P2"], attributes = { keep = ["open"] } }',
        "warn_after": 'warn_after = "30d"',
        "close_after": 'close_after = "7d"',
        "warning": 'warning = "{assignee}, is this still needed? Nobody has touched it for {idle}."',
        "farewell": 'farewell = "Closed: no answer for {idle}."',
        "answer": 'answer = "Thank you. The case stays open."',
        "close": 'close = { status = "Closed", attributes = { closed_by = ["triage"] } }',
        "mark": 'mark = "stale"',
        "max_cases": "max_cases = 500",
    },
}
"""A line of TOML for each key; a test reads all of them as rules."""
ACTIONS: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "unarchive": ("Take the case out of the archive.", ["unarchive = true"]),
    "attributes": (
        "Set attributes to a text or a list of texts. `[]` removes one. All other attributes stay.",
        ['attributes = { team = ["core"], stale = [] }'],
    ),
    "custom_attributes": (
        "Set custom attributes to a text, a number or a list. `[]` removes one. A table also names the type.",
        ['custom_attributes = { severity = "high" }', 'custom_attributes = { cost = { value = 9, type = "NUMBER" } }'],
    ),
    "priority": (
        "Set the priority: `P1` to `P5` or `NOT_DEFINED`. `raise` and `lower` need `once` or `every`.",
        ['priority = "P2"', 'priority = "raise"'],
    ),
    "due_date": (
        "Set the day on which the case is due: a day, a time span after the day of the run, or `none`.",
        ['due_date = "+7d"', "due_date = 2026-12-31", 'due_date = "none"'],
    ),
    "assign": (
        "Assign the case to a user, or to the user who is on call. From a list, a case always gets the same user.",
        ['assign = "on-call:sre"', 'assign = ["ada.marsh@example.com", "ben.okafor@example.com"]'],
    ),
    "unassign": ("Remove the assignee.", ["unassign = true"]),
    "watch": ("Add a watcher, or several; done once for each case.", ['watch = "on-call:platform"']),
    "link": (
        "Link the case to another one, given by key or id, which may be a placeholder; done once for each case.",
        ['link = { relationship = "DUPLICATES", to = "{attributes.duplicate_of}" }'],
    ),
    "comment": (
        "Write a comment or several. A rule that only comments needs `once` or `every`.",
        ['comment = "{assignee}, is there any news?"'],
    ),
    "status": ("Set the status, by its name. The type of the case must allow it.", ['status = "Closed"']),
    "project": ("Move the case to a project, given by key or id. The key of the case changes.", ['project = "WEB"']),
    "archive": ("Archive the case.", ["archive = true"]),
}
"""What each action does, with lines of TOML; a test reads all of them as rules."""


def keys_table(kind: type) -> str:
    """The keys of one table of the rules file: type, default (unless no key has one), meaning, example."""
    docs = field_docs(kind)
    head = ["key", "value", "default", "meaning", "example"]
    rows = [
        [
            f"`{key}`",
            type_of(attribute),
            default_of(attribute),
            " ".join(docs[attribute.name].split()),
            example(EXAMPLES[kind][key]),
        ]
        for attribute in fields(resolve_types(kind))
        for key in [attribute.name.rstrip("_")]
    ]
    if not any(row[2] for row in rows):
        head, rows = without_third(head), [without_third(row) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def without_third(row: list[str]) -> list[str]:
    """A row without its column of defaults."""
    return [*row[:2], *row[3:]]


def type_of(attribute: Attribute[Any]) -> str:
    """What kind of value a key takes."""
    if attribute.name in TIME_SPANS:
        return "[time span](#values)"
    written = re.sub(r"\b[a-z_]\w*\.(?=\w)", "", inspect.formatannotation(attribute.type))
    return TYPES[written.removesuffix(" | None")]


def default_of(attribute: Attribute[Any]) -> str:
    """What holds where the key is left out; nothing where there is no default."""
    default = attribute.default
    if default is NOTHING:
        return "required"
    value = getattr(default, "factory", lambda: default)()
    if value is None or value == () or isinstance(value, Match):
        return ""
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    """Write a default as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


def example(text: str) -> str:
    """An example in a cell; of several lines, the first."""
    first, *more = text.splitlines()
    return f"`{first}`" + (" ..." if more else "")


def actions_table() -> str:
    """Every action in the order in which one case gets them."""
    rows = [
        f"| `{action.name}` | {meaning} | {'yes' if action.bulk else ''} | {'<br>'.join(map(example, examples))} |"
        for action in TABLE
        for meaning, examples in [ACTIONS[action.name]]
    ]
    return "\n".join(["| action | meaning | in bulk | example |", "| --- | --- | --- | --- |", *rows])


NOW: Final = datetime(2026, 3, 31, 12, tzinfo=UTC)
SAMPLE: Final = Case(
    id="0f4cbb0e-4e9b-4f0f-9c9a-5a4f2b1c7d11",
    key="OPS-12",
    title="Disk almost full",
    project_id="5d1c8e3a-93f4-4b55-8d3e-0c8f2a6b9e10",
    assignee=User(id="2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10", email="ada.marsh@example.com"),
    created_by=User(id="3a7b2d1f-9a3c-4d74-8b66-1e8a4a2a3a21", email="ben.okafor@example.com"),
    priority=Priority.P2,
    status=CaseStatus("OPEN"),
    status_name="Open",
    due_date=date(2026, 4, 3),
    created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    modified_at=datetime(2026, 3, 17, 12, tzinfo=UTC),
    attributes={"team": ["core"]},
    custom_attributes={"cost": CustomAttribute(CustomAttributeType.NUMBER, 9, is_multi=False)},
)


def placeholders_table() -> str:
    """Every placeholder with its text for one case."""
    view = View(NOW.timestamp(), app_url="https://app.datadoghq.com")
    rows = [f"| `{{{name}}}` | {write(SAMPLE, view)} |" for name, write in FIELDS.items()]
    rows += ["| `{attributes.team}` | core |", "| `{custom_attributes.cost}` | 9 |"]
    return "\n".join(["| placeholder | text for a case |", "| --- | --- |", *rows])
