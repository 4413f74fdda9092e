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
    """Search query of the cases that it covers."""
    start_at: datetime
    """Time of the start."""
    end_at: datetime
    """Time of the end."""
    created_by: str | None = None
    """Id of the user who created it."""
    updated_by: str | None = None
    """The id of the user who changed it last."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
