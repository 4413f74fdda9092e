"""Projects, their settings, and the caller's favourites among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, bad_request, data_of, filled, text
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Resource

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World

ANYTHING = checks.map_of(lambda value, _: value)
NOTIFICATION_FLAGS = (
    "enabled", "notify_on_case_assignment", "notify_on_case_closed", "notify_on_case_comment",
    "notify_on_case_comment_mention", "notify_on_case_priority_change", "notify_on_case_status_change",
    "notify_on_case_unassignment",
)  # fmt: skip
SETTINGS = checks.object_of(
    optional={
        "auto_close_inactive_cases": checks.object_of(
            optional={"enabled": checks.boolean, "max_inactive_time_in_secs": checks.integer(0, 2**63 - 1)}
        ),
        "auto_transition_assigned_cases": checks.object_of(
            optional={"auto_transition_assigned_cases_on_self_assigned": checks.boolean}
        ),
        "integration_incident": ANYTHING,
        "integration_jira": ANYTHING,
        "integration_monitor": ANYTHING,
        "integration_on_call": ANYTHING,
        "integration_service_now": ANYTHING,
        "notification": checks.object_of(
            optional={
                "destinations": checks.list_of(checks.integer(1, 3)),
                **dict.fromkeys(NOTIFICATION_FLAGS, checks.boolean),
            }
        ),
    }
)
CASE_TYPES = checks.list_of(text)


def create_project(world: World, request: Request) -> Reply:
    """Create a project: `POST /api/v2/cases/projects`."""
    optional = {"enabled_custom_case_types": CASE_TYPES, "team_uuid": text}
    given = attributes_of(data_of(request, "project"), {"key": filled, "name": filled}, optional)
    key = given["key"]
    if not re.fullmatch(r"[A-Z][A-Z0-9]*", key):
        bad_request(f'invalid project key "{key}"')
    if key == "CASE" or any(each["attributes"]["key"] == key for each in world.state.projects.values()):
        bad_request(f'project key "{key}" cannot be used')
    project = make_project(world, **given)
    world.effect("create", project["id"], key=key, name=given["name"])
    return Reply(201, {"data": project})


def make_project(
    world: World, key: str, name: str, enabled_custom_case_types: tuple[str, ...] = (), team_uuid: str = ""
) -> Resource:
    """Add a project to the world."""
    project: Resource = {
        "id": world.uuid(),
        "type": "project",
        "attributes": {
            "columns_config": {"columns": []},
            "enabled_custom_case_types": list(enabled_custom_case_types),
            "key": key,
            "name": name,
            "restricted": False,
            "settings": {
                "auto_close_inactive_cases": {"enabled": False},
                "notification": {"destinations": [1], "enabled": True},
            },
        },
        "relationships": {"member_user": {"data": [{"id": world.me, "type": "user"}]}},
    }
    join_team(project, team_uuid)
    world.state.projects[project["id"]] = project
    world.state.numbers[project["id"]] = 0
    return project


def join_team(project: Resource, team: str) -> None:
    """Make a team a member of a project."""
    if team:
        links = {"related": f"/api/v2/team/{team}/links"}
        project["relationships"]["member_team"] = {"data": [{"id": team, "type": "team_links"}], "links": links}


def get_projects(world: World, request: Request) -> Reply:  # noqa: ARG001 - one signature for all
    """Get all projects: `GET /api/v2/cases/projects`."""
    return Reply(200, {"data": list(world.state.projects.values())})


def named_project(world: World, request: Request) -> Resource:
    """The project that the path names."""
    return world.project(request.ids["project_id"])


def get_project(world: World, request: Request) -> Reply:
    """Get the details of a project: `GET /api/v2/cases/projects/{project_id}`."""
    return Reply(200, {"data": named_project(world, request)})


def update_project(world: World, request: Request) -> Reply:
    """Update a project: `PATCH /api/v2/cases/projects/{project_id}`."""
    columns = checks.object_of(optional={"columns": checks.list_of(ANYTHING)})
    optional = {
        "columns_config": columns,
        "enabled_custom_case_types": CASE_TYPES,
        "name": filled,
        "settings": SETTINGS,
        "team_uuid": text,
    }
    given = attributes_of(data_of(request, "project"), {}, optional)
    project = named_project(world, request)
    join_team(project, given.pop("team_uuid", ""))
    merged = merge(project["attributes"], given)
    if merged != project["attributes"]:
        project["attributes"] = merged
        world.effect("update", project["id"], **given)
    return Reply(200, {"data": project})


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Lay an object over another, member by member, as PATCH does; lists and values are replaced."""
    both = {
        name: merge(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }
    return {**old, **both}


def delete_project(world: World, request: Request) -> Reply:
    """Remove a project: `DELETE /api/v2/cases/projects/{project_id}`."""
    project_id = named_project(world, request)["id"]
    state = world.state
    del state.projects[project_id]
    state.favorites.pop(project_id, None)
    state.automation_rules.pop(project_id, None)
    state.notification_rules.pop(project_id, None)
    in_project = [
        view for view, each in state.views.items() if each["relationships"]["project"]["data"]["id"] == project_id
    ]
    for view in in_project:
        del state.views[view]
    world.effect("delete", project_id)
    return Reply(204)


def list_user_case_project_favorites(world: World, request: Request) -> Reply:  # noqa: ARG001
    """List project favorites: `GET /api/v2/cases/projects/favorites`."""
    return Reply(200, {"data": [{"id": each, "type": "project_favorite"} for each in world.state.favorites]})


def favorite_case_project(world: World, request: Request) -> Reply:
    """Favorite a project: `POST /api/v2/cases/projects/{project_id}/favorites`."""
    project_id = named_project(world, request)["id"]
    if project_id not in world.state.favorites:
        world.state.favorites[project_id] = None
        world.effect("create", project_id, user=world.me)
    return Reply(204)


def unfavorite_case_project(world: World, request: Request) -> Reply:
    """Unfavorite a project: `DELETE /api/v2/cases/projects/{project_id}/favorites`."""
    project_id = named_project(world, request)["id"]
    if project_id in world.state.favorites:
        del world.state.favorites[project_id]
        world.effect("delete", project_id, user=world.me)
    return Reply(204)
