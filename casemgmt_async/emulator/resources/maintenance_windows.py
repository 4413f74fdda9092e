"""Maintenance windows: times without notifications about the cases that a query finds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, instant
from casemgmt_async.emulator.resources.views import query
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

WINDOW = {"name": filled, "query": query, "start_at": instant, "end_at": instant}


def list_maintenance_windows(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001 - one signature for all
    """List maintenance windows: `GET /api/v2/maintenance_windows`."""
    return Reply(200, {"data": list(store.tables.windows.values())})


def check_order(attributes: dict[str, Any]) -> None:
    """Refuse a window that ends before it starts."""
    if datetime.fromisoformat(attributes["end_at"]) <= datetime.fromisoformat(attributes["start_at"]):
        bad_request("attributes.end_at must be after attributes.start_at")


def create_maintenance_window(store: Store, request: ApiRequest) -> Reply:
    """Create a maintenance window: `POST /api/v2/maintenance_windows`."""
    given = attributes_of(data_of(request, "maintenance_window"), WINDOW)
    check_order(given)
    window: Resource = {
        "id": store.uuid(),
        "type": "maintenance_window",
        "attributes": {**given, "created_by": store.me},
    }
    store.tables.windows[window["id"]] = window
    store.effect("create", window["id"], **given)
    return Reply(201, {"data": window})


def addressed_window(store: Store, request: ApiRequest) -> Resource:
    """The window that the path names."""
    window_id = checks.uuid_path(request, "maintenance_window_id")
    return store.tables.windows.get(window_id) or not_found("maintenance window")


def update_maintenance_window(store: Store, request: ApiRequest) -> Reply:
    """Update a maintenance window: `PUT /api/v2/maintenance_windows/{maintenance_window_id}`."""
    given = attributes_of(data_of(request, "maintenance_window"), {}, WINDOW)
    window = addressed_window(store, request)
    merged = {**window["attributes"], **given}
    if merged != window["attributes"]:
        check_order(merged)
        window["attributes"] = {**merged, "updated_by": store.me}
        store.effect("update", window["id"], **given)
    return Reply(200, {"data": window})


def delete_maintenance_window(store: Store, request: ApiRequest) -> Reply:
    """Delete a maintenance window: `DELETE /api/v2/maintenance_windows/{maintenance_window_id}`."""
    window = addressed_window(store, request)
    del store.tables.windows[window["id"]]
    store.effect("delete", window["id"])
    return Reply(204)
