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
    """A search of a project, kept under a name."""

    resource_type: ClassVar[str] = "view"

    name: str
    """The name to show."""
    query: str
    """The search."""
    created_at: datetime
    """When it was made."""
    modified_at: datetime | None = None
    """When it was changed last."""
    np_rule_id: str | None = None
    """The id of the notification rule that those who subscribe to the view are told by."""
    project_id: str | None = related("project", "project")
    """The id of the project it is in."""
    created_by: User | None = related("created_by", "user")
    """Who made it."""
    modified_by: User | None = related("modified_by", "user")
    """Who changed it last."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
