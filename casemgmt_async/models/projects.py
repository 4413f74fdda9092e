"""Projects and a user's favourites among them."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.project_settings import ColumnsConfig, ProjectSettings
from casemgmt_async.models.users import User

__all__ = ["Project", "ProjectFavorite"]


@frozen
class Project(Resource):
    """A project: the home of cases."""

    resource_type: ClassVar[str] = "project"

    key: str | None = None
    """The key that the keys of its cases begin with."""
    name: str | None = None
    """The name to show."""
    restricted: bool | None = None
    """Whether only members see it."""
    enabled_custom_case_types: tuple[str, ...] = ()
    """The ids of the case types it allows."""
    columns_config: ColumnsConfig | None = None
    """How its board is laid out."""
    settings: ProjectSettings | None = None
    """How it behaves."""
    member_users: tuple[User, ...] = related("member_user", "user", factory=tuple)
    """The users who are members."""
    member_teams: tuple[str, ...] = related("member_team", "team_links", factory=tuple)
    """The ids of the links to the teams that are members."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ProjectFavorite(Resource):
    """A project that the user marked; `id` is the project's."""

    resource_type: ClassVar[str] = "project_favorite"

    extra: Extra = field(factory=dict)
    """What the service sent besides."""
