"""Projects, which contain cases, and the favourite projects of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import (
    FILLED,
    FILLED_LIST,
    PROJECT_KEY,
    allow_none,
    model_or_object,
    require,
)
from casemgmt_async.models import ColumnsConfig, Project, ProjectFavorite, ProjectSettings, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_project",
    "delete_project",
    "favorite_case_project",
    "get_project",
    "get_projects",
    "list_user_case_project_favorites",
    "unfavorite_case_project",
    "update_project",
]


def __dir__() -> list[str]:
    return __all__


SETTINGS: Final = model_or_object(ProjectSettings)
COLUMNS: Final = model_or_object(ColumnsConfig)


async def create_project(
    session: CaseSession,
    *,
    key: str,
    name: str,
    enabled_custom_case_types: Sequence[str] | Unset | None = None,
    team_uuid: str | Unset | None = None,
) -> Project:
    """Create a project.

    `POST /api/v2/cases/projects`. `key` becomes the first part of the keys of its cases and cannot be `CASE`;
    `enabled_custom_case_types` lists ids of case types, `team_uuid` names a team of the project.
    """
    require(PROJECT_KEY, key=key)
    require(FILLED, name=name)
    allow_none(FILLED_LIST, enabled_custom_case_types=enabled_custom_case_types)
    allow_none(FILLED, team_uuid=team_uuid)
    body = document(
        "project", key=key, name=name, enabled_custom_case_types=enabled_custom_case_types, team_uuid=team_uuid
    )
    return await session.call(routes.CREATE_PROJECT, Project, body=body)


async def get_projects(session: CaseSession) -> list[Project]:
    """List all projects.

    `GET /api/v2/cases/projects`.
    """
    return await session.call(routes.GET_PROJECTS, list[Project])


async def get_project(session: CaseSession, project_id: str) -> Project:
    """Read one project.

    `GET /api/v2/cases/projects/{project_id}`.
    """
    return await session.call(routes.GET_PROJECT, Project, project_id)


async def update_project(
    session: CaseSession,
    project_id: str,
    *,
    name: str | Unset | None = None,
    settings: ProjectSettings | Mapping[str, Any] | Unset | None = None,
    columns_config: ColumnsConfig | Mapping[str, Any] | Unset | None = None,
    enabled_custom_case_types: Sequence[str] | Unset | None = None,
    team_uuid: str | Unset | None = None,
) -> Project:
    """Change a project; arguments that are left out are not changed.

    `PATCH /api/v2/cases/projects/{project_id}`. `settings` and `columns_config` are models, or mappings
    in the shape of the API's JSON.
    """
    allow_none(FILLED, name=name, team_uuid=team_uuid)
    allow_none(SETTINGS, settings=settings)
    allow_none(COLUMNS, columns_config=columns_config)
    allow_none(FILLED_LIST, enabled_custom_case_types=enabled_custom_case_types)
    body = document(
        "project",
        name=name,
        settings=settings,
        columns_config=columns_config,
        enabled_custom_case_types=enabled_custom_case_types,
        team_uuid=team_uuid,
    )
    return await session.call(routes.UPDATE_PROJECT, Project, project_id, body=body)


async def delete_project(session: CaseSession, project_id: str) -> None:
    """Delete a project.

    `DELETE /api/v2/cases/projects/{project_id}`.
    """
    await session.call(routes.DELETE_PROJECT, None, project_id)


async def list_user_case_project_favorites(session: CaseSession) -> list[ProjectFavorite]:
    """List the favourite projects of the user of these credentials.

    `GET /api/v2/cases/projects/favorites`. An entry holds the id of a project and nothing else.
    """
    return await session.call(routes.LIST_USER_CASE_PROJECT_FAVORITES, list[ProjectFavorite])


async def favorite_case_project(session: CaseSession, project_id: str) -> None:
    """Add a project to the favourites of the user of these credentials.

    `POST /api/v2/cases/projects/{project_id}/favorites`.
    """
    await session.call(routes.FAVORITE_CASE_PROJECT, None, project_id)


async def unfavorite_case_project(session: CaseSession, project_id: str) -> None:
    """Remove a project from the favourites of the user of these credentials.

    `DELETE /api/v2/cases/projects/{project_id}/favorites`.
    """
    await session.call(routes.UNFAVORITE_CASE_PROJECT, None, project_id)
