"""Case types and the statuses that each one allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, Resource, inside

__all__ = ["CaseType", "StatusOption", "StatusOptions"]


@frozen
class StatusOption(Model):
    """One status that a case type allows."""

    name: str | None = None
    """The name, as `status_name` takes it."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class StatusOptions(Model):
    """The statuses of one group (open, in progress or closed) of a case type."""

    options: tuple[StatusOption, ...] = inside("status_options", factory=tuple)
    """The statuses, in the service's order."""
    default: str | None = None
    """The name of the default status of the group."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CaseType(Resource):
    """A type of cases, such as `Standard` or `Change Request`. Names are not unique: keep the id."""

    resource_type: ClassVar[str] = "case_type"

    name: str | None = None
    """Display name."""
    description: str | None = None
    """What the type is for."""
    emoji: str | None = None
    """The emoji shown beside the name."""
    internal: bool | None = None
    """Whether the type is built into the service; None if the answer does not say."""
    statuses: Mapping[str, StatusOptions] = inside("statuses_config", factory=dict)
    """The allowed statuses by group: `open`, `in_progress`, `closed`. Empty if the answer does not list them."""
    deleted_at: datetime | None = None
    """When the type was deleted."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""

    @property
    def status_names(self) -> tuple[str, ...]:
        """The names of all statuses that the type allows, in the service's order."""
        return tuple(option.name for group in self.statuses.values() for option in group.options if option.name)
