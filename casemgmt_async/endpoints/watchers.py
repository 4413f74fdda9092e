"""The watchers of a case: users who are notified when it changes."""

from __future__ import annotations

from casemgmt_async import routes
from casemgmt_async.models import Watcher
from casemgmt_async.session import CaseSession

__all__ = [
    "list_case_watchers",
    "unwatch_case",
    "watch_case",
]


def __dir__() -> list[str]:
    return __all__


async def list_case_watchers(session: CaseSession, case_id: str) -> list[Watcher]:
    """List the watchers of a case.

    `GET /api/v2/cases/{case_id}/watchers`.
    """
    return await session.call(routes.LIST_CASE_WATCHERS, list[Watcher], case_id)


async def watch_case(session: CaseSession, case_id: str, user_uuid: str) -> None:
    """Add a user to the watchers of a case.

    `POST /api/v2/cases/{case_id}/watchers/{user_uuid}`.
    """
    await session.call(routes.WATCH_CASE, None, case_id, user_uuid)


async def unwatch_case(session: CaseSession, case_id: str, user_uuid: str) -> None:
    """Remove a user from the watchers of a case.

    `DELETE /api/v2/cases/{case_id}/watchers/{user_uuid}`.
    """
    await session.call(routes.UNWATCH_CASE, None, case_id, user_uuid)
