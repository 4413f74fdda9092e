"""Maintenance windows: when nobody is to be told about the cases that a query finds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, bad_request, data_of, filled, instant
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Resource
from casemgmt_async.emulator.views import query

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World

WINDOW = {"name": filled, "query": query, "start_at": instant, "end_at": instant}


def list_maintenance_windows(world: World, request: Request) -> Reply:  # noqa: ARG001 - one signature for all
    """List maintenance windows: `GET /api/v2/maintenance_windows`."""
    return Reply(200, {"data": list(world.state.windows.values())})


def in_order(attributes: dict[str, Any]) -> None:
    """Refuse a window that ends before it starts."""
    if datetime.fromisoformat(attributes["end_at"]) <= datetime.fromisoformat(attributes["start_at"]):
        bad_request("attributes.end_at must be after attributes.start_at")


def create_maintenance_window(world: World, request: Request) -> Reply:
    """Create a maintenance window: `POST /api/v2/maintenance_windows`."""
    given = attributes_of(data_of(request, "maintenance_window"), WINDOW)
    in_order(given)
    window: Resource = {
        "id": world.uuid(),
        "type": "maintenance_window",
        "attributes": {**given, "created_by": world.me},
    }
    world.state.windows[window["id"]] = window
    world.effect("create", window["id"], **given)
    return Reply(201, {"data": window})


def named_window(world: World, request: Request) -> Resource:
    """The window that the path names."""
    window_id = checks.uuid_path(request, "maintenance_window_id")
    return world.state.windows.get(window_id) or checks.not_found("maintenance window")


def update_maintenance_window(world: World, request: Request) -> Reply:
    """Update a maintenance window: `PUT /api/v2/maintenance_windows/{maintenance_window_id}`."""
    given = attributes_of(data_of(request, "maintenance_window"), {}, WINDOW)
    window = named_window(world, request)
    merged = {**window["attributes"], **given}
    if merged != window["attributes"]:
        in_order(merged)
        window["attributes"] = {**merged, "updated_by": world.me}
        world.effect("update", window["id"], **given)
    return Reply(200, {"data": window})


def delete_maintenance_window(world: World, request: Request) -> Reply:
    """Delete a maintenance window: `DELETE /api/v2/maintenance_windows/{maintenance_window_id}`."""
    window = named_window(world, request)
    del world.state.windows[window["id"]]
    world.effect("delete", window["id"])
    return Reply(204)
