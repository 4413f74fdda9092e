"""Maintenance windows."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource

__all__ = ["MaintenanceWindow"]


@frozen
class MaintenanceWindow(Resource):
    """A time in which notifications and rules are silent for the cases of a search."""

    resource_type: ClassVar[str] = "maintenance_window"

    name: str
    """Display name."""
    query: str
    """The search that says which cases."""
    start_at: datetime
    """When it begins."""
    end_at: datetime
    """When it ends."""
    created_by: str | None = None
    """The id of the user who made it."""
    updated_by: str | None = None
    """The id of the user who changed it last."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
