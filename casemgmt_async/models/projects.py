"""Projects and favorite projects."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.project_settings import ColumnsConfig, ProjectSettings
from casemgmt_async.models.users import User

__all__ = ["Project", "ProjectFavorite"]


@frozen
class Project(Resource):
    """A project, which contains cases."""

    resource_type: ClassVar[str] = "project"

    key: str | None = None
    """Key of the project, the first part of the keys of its cases."""
    name: str | None = None
    """Display name."""
    restricted: bool | None = None
    """Whether only members see the project."""
    enabled_custom_case_types: tuple[str, ...] = ()
    """Ids of the case types that the project allows."""
    columns_config: ColumnsConfig | None = None
    """Layout of the board."""
    settings: ProjectSettings | None = None
    """Settings."""
    member_users: tuple[User, ...] = related("member_user", "user", factory=tuple)
    """Users who are members."""
    member_teams: tuple[str, ...] = related("member_team", "team_links", factory=tuple)
    """Ids of the links to the teams that are members."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ProjectFavorite(Resource):
    """A favorite project of the current user; `id` is the id of the project."""

    resource_type: ClassVar[str] = "project_favorite"

    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
