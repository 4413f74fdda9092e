"""Turn the names in rows into ids: projects, types, statuses and people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from casemgmt_async import CaseSession
from casemgmt_async.jobs.actions import UUID_RULE, as_uuid
from casemgmt_async.jobs.backfill.sources.records import RowError
from casemgmt_async.jobs.control import JobControl

__all__ = ["ON_UNKNOWN_USER", "Names", "Places"]

ON_UNKNOWN_USER: Final = ("reject", "leave", "me")
"""What to do with a row whose assignee nobody knows: reject it, leave the case unassigned, or assign me."""


@frozen
class Places:
    """The ids that the names of one row stand for."""

    project_id: str
    type_id: str
    status: str | None = None
    """The name of a status, as the type has it."""
    assignee_id: str | None = None


@define(eq=False)
class Names:
    """Looks names up."""

    session: CaseSession
    control: JobControl
    on_unknown_user: str = "reject"
    left: dict[str, int] = field(init=False, factory=dict)
    """Assignees nobody knows, and how many rows were left without one."""

    async def look_up(self, wanted: Sequence[Mapping[str, str]]) -> list[Places | RowError]:
        """Return what the names of each row stand for, or why one stands for nothing."""
        return [self.places(names) for names in wanted]

    def places(self, names: Mapping[str, str]) -> Places | RowError:
        ids = {}
        for name in ("project", "type", "assignee"):
            if name in names:
                found = as_uuid(names[name])
                if found is None:
                    return RowError(f"{name} {UUID_RULE}, not {names[name]!r}")
                ids[name] = found
        return Places(ids["project"], ids["type"], names.get("status"), ids.get("assignee"))
