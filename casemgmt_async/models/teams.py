"""Teams and their members."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.users import User

__all__ = ["Team", "TeamMembership"]


@frozen
class Team(Resource):
    """A team of the organisation."""

    resource_type: ClassVar[str] = "team"

    name: str | None = None
    """Display name."""
    handle: str | None = None
    """The handle, unique in the organisation."""
    summary: str | None = None
    """A short description."""
    description: str | None = None
    """A longer description, in Markdown."""
    user_count: int | None = None
    """How many members it has."""
    link_count: int | None = None
    """How many links it has."""
    created_at: datetime | None = None
    """When it was created."""
    modified_at: datetime | None = None
    """When it was last changed."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class TeamMembership(Resource):
    """One user's membership in a team."""

    resource_type: ClassVar[str] = "team_memberships"

    role: str | None = None
    """The user's role in the team, such as `admin`; None for a plain member."""
    user: User | None = related("user", "users")
    """The member."""
    team_id: str | None = related("team", "team")
    """The id of the team, where the answer names it."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
