"""Projects, their settings, and the calling user's favourites."""

from __future__ import annotations

import re
from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, text
from casemgmt_async.emulator.state.projects import join_team, make_project
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

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


def create_project(store: Store, request: ApiRequest) -> Reply:
    """Create a project: `POST /api/v2/cases/projects`."""
    optional = {"enabled_custom_case_types": CASE_TYPES, "team_uuid": text}
    given = attributes_of(data_of(request, "project"), {"key": filled, "name": filled}, optional)
    key = given["key"]
    if not re.fullmatch(r"[A-Z][A-Z0-9]*", key):
        bad_request(f'invalid project key "{key}"')
    if key == "CASE" or any(each["attributes"]["key"] == key for each in store.tables.projects.values()):
        bad_request(f'project key "{key}" cannot be used')
    project = make_project(store, **given)
    store.effect("create", project["id"], key=key, name=given["name"])
    return Reply(201, {"data": project})


def get_projects(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001 - one signature for all
    """Get all projects: `GET /api/v2/cases/projects`."""
    return Reply(200, {"data": list(store.tables.projects.values())})


def addressed_project(store: Store, request: ApiRequest) -> Resource:
    """The project that the path names."""
    return store.project(checks.uuid_path(request, "project_id"))


def get_project(store: Store, request: ApiRequest) -> Reply:
    """Get the details of a project: `GET /api/v2/cases/projects/{project_id}`."""
    return Reply(200, {"data": addressed_project(store, request)})


def update_project(store: Store, request: ApiRequest) -> Reply:
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
    project = store.tables.projects.get(checks.uuid_path(request, "project_id"))
    if project is None:
        not_found("failed to get project: project")
    join_team(project, given.pop("team_uuid", ""))
    merged = merge(project["attributes"], given)
    if merged != project["attributes"]:
        project["attributes"] = merged
        store.effect("update", project["id"], **given)
    return Reply(200, {"data": project})


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge an object into another, member by member, as PATCH does. Lists and plain values are replaced."""
    both = {
        name: merge(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }
    return {**old, **both}


def delete_project(store: Store, request: ApiRequest) -> Reply:
    """Remove a project: `DELETE /api/v2/cases/projects/{project_id}`."""
    project_id = addressed_project(store, request)["id"]
    tables = store.tables
    del tables.projects[project_id]
    tables.favorites.pop(project_id, None)
    tables.automation_rules.pop(project_id, None)
    tables.notification_rules.pop(project_id, None)
    in_project = [
        view for view, each in tables.views.items() if each["relationships"]["project"]["data"]["id"] == project_id
    ]
    for view in in_project:
        del tables.views[view]
    store.effect("delete", project_id)
    return Reply(204)


def list_user_case_project_favorites(store: Store, request: ApiRequest) -> Reply:  # noqa: ARG001
    """List project favorites: `GET /api/v2/cases/projects/favorites`."""
    return Reply(200, {"data": [{"id": each, "type": "project_favorite"} for each in store.tables.favorites]})


def favorite_case_project(store: Store, request: ApiRequest) -> Reply:
    """Favorite a project: `POST /api/v2/cases/projects/{project_id}/favorites`."""
    project_id = addressed_project(store, request)["id"]
    if project_id not in store.tables.favorites:
        store.tables.favorites[project_id] = None
        store.effect("create", project_id, user=store.me)
    return Reply(204)


def unfavorite_case_project(store: Store, request: ApiRequest) -> Reply:
    """Unfavorite a project: `DELETE /api/v2/cases/projects/{project_id}/favorites`."""
    project_id = addressed_project(store, request)["id"]
    if project_id in store.tables.favorites:
        del store.tables.favorites[project_id]
        store.effect("delete", project_id, user=store.me)
    return Reply(204)
