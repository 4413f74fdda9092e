"""Projects as data."""

from __future__ import annotations

from collections.abc import Sequence

from casemgmt_async.emulator.state.organization import Organization
from casemgmt_async.emulator.state.records import Resource

__all__ = ["join_team", "make_project"]


def make_project(
    org: Organization, key: str, name: str, enabled_custom_case_types: Sequence[str] = (), team_uuid: str = ""
) -> Resource:
    """Add a project to the organisation."""
    project: Resource = {
        "id": org.uuid(),
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
        "relationships": {"member_user": {"data": [{"id": org.me, "type": "user"}]}},
    }
    join_team(project, team_uuid)
    org.tables.projects[project["id"]] = project
    org.tables.numbers[project["id"]] = 0
    return project


def join_team(project: Resource, team: str) -> None:
    """Make a team a member of a project. Does nothing for an empty id."""
    if team:
        links = {"related": f"/api/v2/team/{team}/links"}
        project["relationships"]["member_team"] = {"data": [{"id": team, "type": "team_links"}], "links": links}
