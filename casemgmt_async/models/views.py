"""Saved views of cases."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.users import User

__all__ = ["CaseView"]


@frozen
class CaseView(Resource):
    """Saved search of a project."""

    resource_type: ClassVar[str] = "view"

    name: str
    """Display name."""
    query: str
    """Search query."""
    created_at: datetime
    """Time of creation."""
    modified_at: datetime | None = None
    """Time of the last change."""
    np_rule_id: str | None = None
    """Id of the notification rule for subscribers of the view."""
    project_id: str | None = related("project", "project")
    """Id of the project."""
    created_by: User | None = related("created_by", "user")
    """User who created it."""
    modified_by: User | None = related("modified_by", "user")
    """User who changed it last."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
