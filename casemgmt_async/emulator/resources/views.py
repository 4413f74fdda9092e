"""Views: searches that a project stores under a name."""

from __future__ import annotations

from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, text
from casemgmt_async.emulator.state.records import Resource, stamp
from casemgmt_async.emulator.state.search import parse
from casemgmt_async.emulator.state.store import Store


def query(value: Any, name: str) -> str:
    """Accept a search query."""
    parse(text(value, name))
    return str(value)


def list_case_views(store: Store, request: ApiRequest) -> Reply:
    """List case views: `GET /api/v2/cases/views`."""
    if not request.query.get("project_id"):
        bad_request("query parameter project_id is required")
    project_id = store.project(request.query["project_id"])["id"]
    views = store.tables.views.values()
    return Reply(
        200, {"data": [view for view in views if view["relationships"]["project"]["data"]["id"] == project_id]}
    )


def create_case_view(store: Store, request: ApiRequest) -> Reply:
    """Create a case view: `POST /api/v2/cases/views`."""
    required = {"name": filled, "query": query, "project_id": checks.uuid}
    given = attributes_of(data_of(request, "view"), required, {"np_rule_id": text})
    project_id = store.project(given.pop("project_id"))["id"]
    view: Resource = {
        "id": store.uuid(),
        "type": "view",
        "attributes": {**given, "created_at": stamp(store.now())},
        "relationships": {
            "created_by": {"data": {"id": store.me, "type": "user"}},
            "project": {"data": {"id": project_id, "type": "project"}},
        },
    }
    store.tables.views[view["id"]] = view
    store.effect("create", view["id"], project=project_id, **given)
    return Reply(201, {"data": view})


def addressed_view(store: Store, request: ApiRequest) -> Resource:
    """The view that the path names."""
    return store.tables.views.get(checks.uuid_path(request, "view_id")) or not_found("view")


def get_case_view(store: Store, request: ApiRequest) -> Reply:
    """Get a case view: `GET /api/v2/cases/views/{view_id}`."""
    return Reply(200, {"data": addressed_view(store, request)})


def update_case_view(store: Store, request: ApiRequest) -> Reply:
    """Update a case view: `PUT /api/v2/cases/views/{view_id}`."""
    given = attributes_of(data_of(request, "view"), {}, {"name": filled, "query": query, "np_rule_id": text})
    view = addressed_view(store, request)
    if {**view["attributes"], **given} != view["attributes"]:
        view["attributes"] = {**view["attributes"], **given, "modified_at": stamp(store.now())}
        view["relationships"] = {**view["relationships"], "modified_by": {"data": {"id": store.me, "type": "user"}}}
        store.effect("update", view["id"], **given)
    return Reply(200, {"data": view})


def delete_case_view(store: Store, request: ApiRequest) -> Reply:
    """Delete a case view: `DELETE /api/v2/cases/views/{view_id}`."""
    view = addressed_view(store, request)
    del store.tables.views[view["id"]]
    store.effect("delete", view["id"])
    return Reply(204)
