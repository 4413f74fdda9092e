"""Views: named searches, saved in a project."""

from __future__ import annotations

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, TEXT, allow_none, require
from casemgmt_async.models import CaseView, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_case_view",
    "delete_case_view",
    "get_case_view",
    "list_case_views",
    "update_case_view",
]


def __dir__() -> list[str]:
    return __all__


async def list_case_views(session: CaseSession, *, project_id: str) -> list[CaseView]:
    """List the views of a project.

    `GET /api/v2/cases/views`. `project_id` is a UUID.
    """
    require(FILLED, project_id=project_id)
    return await session.call(routes.LIST_CASE_VIEWS, list[CaseView], query={"project_id": project_id})


async def create_case_view(
    session: CaseSession, *, name: str, project_id: str, query: str, np_rule_id: str | Unset | None = None
) -> CaseView:
    """Create a view.

    `POST /api/v2/cases/views`. `query` is a search query. With `np_rule_id`, the id of a notification
    rule, the subscribers of the view are notified about the cases that match.
    """
    require(FILLED, name=name, project_id=project_id)
    require(TEXT, query=query)
    allow_none(FILLED, np_rule_id=np_rule_id)
    body = document("view", name=name, project_id=project_id, query=query, np_rule_id=np_rule_id)
    return await session.call(routes.CREATE_CASE_VIEW, CaseView, body=body)


async def get_case_view(session: CaseSession, view_id: str) -> CaseView:
    """Read one view.

    `GET /api/v2/cases/views/{view_id}`.
    """
    return await session.call(routes.GET_CASE_VIEW, CaseView, view_id)


async def update_case_view(
    session: CaseSession,
    view_id: str,
    *,
    name: str | Unset | None = None,
    query: str | Unset | None = None,
    np_rule_id: str | Unset | None = None,
) -> CaseView:
    """Change a view; arguments that are left out are not changed.

    `PUT /api/v2/cases/views/{view_id}`.
    """
    allow_none(FILLED, name=name, np_rule_id=np_rule_id)
    allow_none(TEXT, query=query)
    body = document("view", name=name, query=query, np_rule_id=np_rule_id)
    return await session.call(routes.UPDATE_CASE_VIEW, CaseView, view_id, body=body)


async def delete_case_view(session: CaseSession, view_id: str) -> None:
    """Delete a view; its cases are kept.

    `DELETE /api/v2/cases/views/{view_id}`.
    """
    await session.call(routes.DELETE_CASE_VIEW, None, view_id)
