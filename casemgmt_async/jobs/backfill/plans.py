"""What is done for a row: the create, the steps that follow it, the links; and what differs between two versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from casemgmt_async.jobs.actions import Step, parse_action
from casemgmt_async.jobs.backfill.names import Places
from casemgmt_async.jobs.backfill.rows import STEPS, Row
from casemgmt_async.jobs.backfill.sources.records import RowError
from casemgmt_async.jobs.journal import OperationRow

__all__ = ["CARRIED", "CREATE", "LINK", "PlannedStep", "RowPlan", "changes", "plan_of", "text_steps"]

CREATE: Final = "create"
LINK: Final = "link"
LINK_STAGE: Final = 100
TEXT_STAGE: Final = 0
CARRIED: Final = {"priority": "priority", "status": "status_name", "assign": "assignee_id"}
"""The steps that a create carries, and the names of its arguments."""

PlannedStep: TypeAlias = tuple[int, str, str]
"""Stage, action, payload as JSON."""


@frozen
class RowPlan:
    """What is done for one row."""

    create: dict[str, Any]
    """The arguments of the create."""
    steps: tuple[PlannedStep, ...]
    """What follows, links included."""

    @property
    def project(self) -> str:
        """The id of the project."""
        return str(self.create["project_id"])

    @property
    def text(self) -> str:
        """The plan as JSON; rows with equal values have equal texts."""
        return dumps([self.create, *self.steps])

    @classmethod
    def parse(cls, text: str) -> RowPlan:
        """Read a plan that a journal holds."""
        create, *steps = json.loads(text)
        return cls(create, tuple((stage, action, payload) for stage, action, payload in steps))

    def operations(self, subject: int) -> list[OperationRow]:
        """Return the operations of a row that has no case yet."""
        create = (subject, "rows", 0, CREATE, dumps(self.create))
        return [create, *((subject, "rows", stage, action, payload) for stage, action, payload in self.steps)]


def dumps(value: Any) -> str:
    """Write JSON; equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def plan_of(row: Row, places: Places) -> RowPlan:
    """Plan what is done for a row whose names are looked up."""
    values = dict(row.values)
    if places.status is not None:
        values["status"] = places.status
    if places.assignee_id is not None:
        values["assignee"] = places.assignee_id
    if places.custom_attributes:
        values["custom_attributes"] = places.custom_attributes
    steps = [step for name, value in values.items() for step in parse_action(name, STEPS[name], value)]
    steps.sort(key=lambda step: step.stage)
    planned = [(1 + step.stage, step.action, step.text) for step in steps]
    planned += [(LINK_STAGE, LINK, dumps({"relationship": link.relationship, "to": link.to})) for link in row.links]
    return RowPlan(creation(row, places, steps), tuple(planned))


def creation(row: Row, places: Places, steps: list[Step]) -> dict[str, Any]:
    """Return the arguments of the create."""
    given: dict[str, Any] = {
        "title": row.title,
        "description": row.description,
        "type_id": places.type_id,
        "project_id": places.project_id,
    }
    given |= {CARRIED[step.action]: step.payload for step in steps if step.action in CARRIED}
    custom = [step.payload for step in steps if step.action == "custom_attributes"]
    if custom:
        given["custom_attributes"] = {
            each["key"]: {"type": each["type"], "value": each["value"]} if "type" in each else each["value"]
            for each in custom
        }
    return given


def text_steps(create: Mapping[str, Any]) -> list[PlannedStep]:
    """Return the steps that bring the texts of a case to those of a create."""
    return [(TEXT_STAGE, name, dumps(create[name])) for name in ("title", "description")]


def changes(old: RowPlan, new: RowPlan) -> list[PlannedStep]:
    """Return the steps that change a case from the old version of its row to the new one.

    A value that the row no longer has stays on the case, and so do comments and links.

    Raises `RowError` for a change that the service does not offer.
    """
    if old.create["type_id"] != new.create["type_id"]:
        raise RowError("the type of a case cannot be changed; put the old type back, or give the row another key")
    names = {"title": "title", "description": "description", "project": "project_id"}
    differing = [action for action, name in names.items() if old.create[name] != new.create[name]]
    steps = [(TEXT_STAGE, action, dumps(new.create[names[action]])) for action in differing]
    before = set(old.steps)
    return steps + [step for step in new.steps if step not in before]
