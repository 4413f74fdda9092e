"""What a run does to each case: from what to what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from attrs import frozen

from casemgmt_async.jobs.journal import Journal, Run, State
from casemgmt_async.jobs.journal.triage_queries import planned_changes

__all__ = ["Change", "iter_changes"]

BATCH: Final = 5_000
"""Changes read at a time; each reading sorts those that are left."""


@frozen
class Change:
    """One operation of a run for display, with names in place of ids."""

    number: int
    """The number of the operation."""
    case_id: str
    """The id of the case."""
    key: str
    """The key of the case."""
    title: str
    """The title of the case."""
    created_at: float | None
    """When the case was created, in Unix seconds."""
    rule: str
    """The rule that asks for it."""
    action: str
    """The name of the action."""
    before: Any
    """The value that it replaces; None if there is none."""
    after: Any
    """The new value; names in the place of ids."""
    state: State
    """How far the operation has come."""


async def iter_changes(journal: Journal, run: Run, rules: Collection[str] | None = None) -> AsyncIterator[Change]:
    """Read the changes of the selected run case by case, of some rules or of all."""
    names: Mapping[str, str] = run.facts.get("names", {})
    after = (0, 0)
    while rows := await planned_changes(journal, rules, after, BATCH):
        for _, number, case_id, label, created, name, action, payload, was, state in rows:
            key, _, title = label.partition(" ")
            value: Any = json.loads(payload)
            shown: Any
            if action == "custom_attributes":
                shown = {value["key"]: value["value"]}
            else:
                shown = names.get(value, value) if isinstance(value, str) else value
            before = json.loads(was)
            yield Change(number, case_id, key, title, created, name, action, before, shown, State(state))
        after = rows[-1][:2]
