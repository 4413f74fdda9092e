"""Maintenance windows: periods without notifications and automation for some cases."""

from __future__ import annotations

from datetime import datetime

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, TEXT, allow_none, require, require_interval
from casemgmt_async.models import MaintenanceWindow, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_maintenance_window",
    "delete_maintenance_window",
    "list_maintenance_windows",
    "update_maintenance_window",
]


def __dir__() -> list[str]:
    return __all__


async def list_maintenance_windows(session: CaseSession) -> list[MaintenanceWindow]:
    """List all maintenance windows.

    `GET /api/v2/maintenance_windows`.
    """
    return await session.call(routes.LIST_MAINTENANCE_WINDOWS, list[MaintenanceWindow])


async def create_maintenance_window(
    session: CaseSession, *, name: str, query: str, start_at: datetime, end_at: datetime
) -> MaintenanceWindow:
    """Create a maintenance window.

    `POST /api/v2/maintenance_windows`. From `start_at` to `end_at`, both with a time zone, notifications
    and automation rules are suspended for the cases that `query`, a search query, matches.
    """
    require(FILLED, name=name)
    require(TEXT, query=query)
    require_interval(start_at=start_at, end_at=end_at)
    body = document("maintenance_window", name=name, query=query, start_at=start_at, end_at=end_at)
    return await session.call(routes.CREATE_MAINTENANCE_WINDOW, MaintenanceWindow, body=body)


async def update_maintenance_window(
    session: CaseSession,
    maintenance_window_id: str,
    *,
    name: str | Unset | None = None,
    query: str | Unset | None = None,
    start_at: datetime | Unset | None = None,
    end_at: datetime | Unset | None = None,
) -> MaintenanceWindow:
    """Change a maintenance window; arguments that are left out are not changed.

    `PUT /api/v2/maintenance_windows/{maintenance_window_id}`.
    """
    allow_none(FILLED, name=name)
    allow_none(TEXT, query=query)
    require_interval(start_at=start_at, end_at=end_at)
    body = document("maintenance_window", name=name, query=query, start_at=start_at, end_at=end_at)
    return await session.call(routes.UPDATE_MAINTENANCE_WINDOW, MaintenanceWindow, maintenance_window_id, body=body)


async def delete_maintenance_window(session: CaseSession, maintenance_window_id: str) -> None:
    """Delete a maintenance window, which ends it.

    `DELETE /api/v2/maintenance_windows/{maintenance_window_id}`.
    """
    await session.call(routes.DELETE_MAINTENANCE_WINDOW, None, maintenance_window_id)
