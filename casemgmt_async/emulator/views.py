"""Views: searches that a project keeps under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, bad_request, data_of, filled, text
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Resource, stamp
from casemgmt_async.emulator.search import parse

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World


def query(value: Any, name: str) -> str:
    """Accept a search query."""
    parse(text(value, name))
    return str(value)


def list_case_views(world: World, request: Request) -> Reply:
    """List case views: `GET /api/v2/cases/views`."""
    if not request.query.get("project_id"):
        bad_request("query parameter project_id is required")
    project_id = world.project(request.query["project_id"])["id"]
    views = world.state.views.values()
    return Reply(
        200, {"data": [view for view in views if view["relationships"]["project"]["data"]["id"] == project_id]}
    )


def create_case_view(world: World, request: Request) -> Reply:
    """Create a case view: `POST /api/v2/cases/views`."""
    required = {"name": filled, "query": query, "project_id": checks.uuid}
    given = attributes_of(data_of(request, "view"), required, {"np_rule_id": text})
    project_id = world.project(given.pop("project_id"))["id"]
    view: Resource = {
        "id": world.uuid(),
        "type": "view",
        "attributes": {**given, "created_at": stamp(world.now())},
        "relationships": {
            "created_by": {"data": {"id": world.me, "type": "user"}},
            "project": {"data": {"id": project_id, "type": "project"}},
        },
    }
    world.state.views[view["id"]] = view
    world.effect("create", view["id"], project=project_id, **given)
    return Reply(201, {"data": view})


def named_view(world: World, request: Request) -> Resource:
    """The view that the path names."""
    return world.state.views.get(checks.uuid_path(request, "view_id")) or checks.not_found("view")


def get_case_view(world: World, request: Request) -> Reply:
    """Get a case view: `GET /api/v2/cases/views/{view_id}`."""
    return Reply(200, {"data": named_view(world, request)})


def update_case_view(world: World, request: Request) -> Reply:
    """Update a case view: `PUT /api/v2/cases/views/{view_id}`."""
    given = attributes_of(data_of(request, "view"), {}, {"name": filled, "query": query, "np_rule_id": text})
    view = named_view(world, request)
    if {**view["attributes"], **given} != view["attributes"]:
        view["attributes"] = {**view["attributes"], **given, "modified_at": stamp(world.now())}
        view["relationships"] = {**view["relationships"], "modified_by": {"data": {"id": world.me, "type": "user"}}}
        world.effect("update", view["id"], **given)
    return Reply(200, {"data": view})


def delete_case_view(world: World, request: Request) -> Reply:
    """Delete a case view: `DELETE /api/v2/cases/views/{view_id}`."""
    view = named_view(world, request)
    del world.state.views[view["id"]]
    world.effect("delete", view["id"])
    return Reply(204)
