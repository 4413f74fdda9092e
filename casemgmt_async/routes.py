"""The table of routes: one row per operation.

`ROUTES` holds the 66 operations of the Case Management reference. `NEIGHBOURS` holds 15 operations of the same
service that belong to other references and that read the objects which case operations refer to: case types, custom attributes,
users, teams, and who is on call. A row says how an operation is called and what a lost answer allows. The session,
the retry policy, the emulator, the docs and the tests all read the API from here.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from attrs import Factory, field, frozen

__all__ = ["NEIGHBOURS", "ROUTES", "Replay", "Route"]


class Replay(enum.Enum):
    """What a client may do when a request was sent and its answer was lost."""

    READ = "read"
    """The operation only reads: send it again."""
    SET = "set"
    """The same request again leaves the same state: send it again."""
    CREATE = "create"
    """A second request creates a second object: never send it again without looking first."""


def path_parameters(route: Route) -> tuple[str, ...]:
    """List the names of the parameters in the path of a route."""
    return tuple(re.findall(r"\{(\w+)\}", route.path))


@frozen
class Route:
    """One operation of the API."""

    name: str
    """The public operation id in snake_case, and the name of our function."""
    resource: str
    """The name of its module in `models`, `endpoints`, `emulator` and `tests/endpoints`."""
    method: str
    """The HTTP method, in capitals."""
    path: str
    """The path with its `{parameters}`; it starts with `/api/v2`."""
    scope: str | None
    """The OAuth scope that a bearer token needs; None where the reference names none."""
    replay: Replay
    """What a lost answer allows."""
    parameters: tuple[str, ...] = field(
        init=False, repr=False, eq=False, default=Factory(path_parameters, takes_self=True)
    )
    """The names of the path parameters, in order."""


CASES_READ: Final = "cases_read"
CASES_WRITE: Final = "cases_write"
EVENTS_READ: Final = "event_correlation_config_read"
EVENTS_WRITE: Final = "event_correlation_config_write"
USERS_READ: Final = "user_access_read"
TEAMS_READ: Final = "teams_read"
UNSCOPED: Final = None
READ, SET, CREATE = Replay.READ, Replay.SET, Replay.CREATE

# fmt: off
CREATE_CASE = Route("create_case", "cases", "POST", "/api/v2/cases", CASES_WRITE, CREATE)
SEARCH_CASES = Route("search_cases", "cases", "GET", "/api/v2/cases", CASES_READ, READ)
GET_CASE = Route("get_case", "cases", "GET", "/api/v2/cases/{case_id}", CASES_READ, READ)
UPDATE_CASE_TITLE = Route("update_case_title", "cases", "POST", "/api/v2/cases/{case_id}/title", CASES_WRITE, SET)
UPDATE_CASE_DESCRIPTION = Route("update_case_description", "cases", "POST", "/api/v2/cases/{case_id}/description", CASES_WRITE, SET)
UPDATE_STATUS = Route("update_status", "cases", "POST", "/api/v2/cases/{case_id}/status", CASES_WRITE, SET)
UPDATE_PRIORITY = Route("update_priority", "cases", "POST", "/api/v2/cases/{case_id}/priority", CASES_WRITE, SET)
ASSIGN_CASE = Route("assign_case", "cases", "POST", "/api/v2/cases/{case_id}/assign", CASES_WRITE, SET)
UNASSIGN_CASE = Route("unassign_case", "cases", "POST", "/api/v2/cases/{case_id}/unassign", CASES_WRITE, SET)
ARCHIVE_CASE = Route("archive_case", "cases", "POST", "/api/v2/cases/{case_id}/archive", CASES_WRITE, SET)
UNARCHIVE_CASE = Route("unarchive_case", "cases", "POST", "/api/v2/cases/{case_id}/unarchive", CASES_WRITE, SET)
UPDATE_ATTRIBUTES = Route("update_attributes", "cases", "POST", "/api/v2/cases/{case_id}/attributes", CASES_WRITE, SET)
UPDATE_CASE_CUSTOM_ATTRIBUTE = Route("update_case_custom_attribute", "cases", "POST", "/api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}", CASES_WRITE, SET)
DELETE_CASE_CUSTOM_ATTRIBUTE = Route("delete_case_custom_attribute", "cases", "DELETE", "/api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}", CASES_WRITE, SET)
UPDATE_CASE_DUE_DATE = Route("update_case_due_date", "cases", "POST", "/api/v2/cases/{case_id}/due_date", CASES_WRITE, SET)
UPDATE_CASE_RESOLVED_REASON = Route("update_case_resolved_reason", "cases", "POST", "/api/v2/cases/{case_id}/resolved_reason", CASES_WRITE, SET)
ADD_CASE_INSIGHTS = Route("add_case_insights", "cases", "PUT", "/api/v2/cases/{case_id}/insights", CASES_WRITE, SET)
REMOVE_CASE_INSIGHTS = Route("remove_case_insights", "cases", "DELETE", "/api/v2/cases/{case_id}/insights", CASES_WRITE, SET)
AGGREGATE_CASES = Route("aggregate_cases", "cases", "POST", "/api/v2/cases/aggregate", CASES_READ, READ)
COUNT_CASES = Route("count_cases", "cases", "GET", "/api/v2/cases/count", CASES_READ, READ)
BULK_UPDATE_CASES = Route("bulk_update_cases", "cases", "POST", "/api/v2/cases/bulk", CASES_WRITE, SET)

LIST_CASE_TIMELINE = Route("list_case_timeline", "timeline", "GET", "/api/v2/cases/{case_id}/timelines", CASES_READ, READ)
COMMENT_CASE = Route("comment_case", "timeline", "POST", "/api/v2/cases/{case_id}/comment", UNSCOPED, CREATE)
UPDATE_CASE_COMMENT = Route("update_case_comment", "timeline", "PUT", "/api/v2/cases/{case_id}/comment/{cell_id}", CASES_WRITE, SET)
DELETE_CASE_COMMENT = Route("delete_case_comment", "timeline", "DELETE", "/api/v2/cases/{case_id}/comment/{cell_id}", UNSCOPED, SET)

MOVE_CASE_TO_PROJECT = Route("move_case_to_project", "relationships", "PATCH", "/api/v2/cases/{case_id}/relationships/project", CASES_WRITE, SET)
LINK_INCIDENT = Route("link_incident", "relationships", "POST", "/api/v2/cases/{case_id}/relationships/incidents", CASES_WRITE, CREATE)
CREATE_CASE_JIRA_ISSUE = Route("create_case_jira_issue", "relationships", "POST", "/api/v2/cases/{case_id}/relationships/jira_issues", CASES_WRITE, CREATE)
LINK_JIRA_ISSUE_TO_CASE = Route("link_jira_issue_to_case", "relationships", "PATCH", "/api/v2/cases/{case_id}/relationships/jira_issues", CASES_WRITE, SET)
UNLINK_JIRA_ISSUE = Route("unlink_jira_issue", "relationships", "DELETE", "/api/v2/cases/{case_id}/relationships/jira_issues", CASES_WRITE, SET)
CREATE_CASE_SERVICE_NOW_TICKET = Route("create_case_service_now_ticket", "relationships", "POST", "/api/v2/cases/{case_id}/relationships/servicenow_tickets", CASES_WRITE, CREATE)
CREATE_CASE_NOTEBOOK = Route("create_case_notebook", "relationships", "POST", "/api/v2/cases/{case_id}/relationships/notebook", CASES_WRITE, CREATE)

LIST_CASE_WATCHERS = Route("list_case_watchers", "watchers", "GET", "/api/v2/cases/{case_id}/watchers", CASES_READ, READ)
WATCH_CASE = Route("watch_case", "watchers", "POST", "/api/v2/cases/{case_id}/watchers/{user_uuid}", CASES_WRITE, SET)
UNWATCH_CASE = Route("unwatch_case", "watchers", "DELETE", "/api/v2/cases/{case_id}/watchers/{user_uuid}", CASES_WRITE, SET)

LIST_CASE_LINKS = Route("list_case_links", "links", "GET", "/api/v2/cases/link", CASES_READ, READ)
CREATE_CASE_LINK = Route("create_case_link", "links", "POST", "/api/v2/cases/link", CASES_WRITE, CREATE)
DELETE_CASE_LINK = Route("delete_case_link", "links", "DELETE", "/api/v2/cases/link/{link_id}", CASES_WRITE, SET)

CREATE_PROJECT = Route("create_project", "projects", "POST", "/api/v2/cases/projects", CASES_WRITE, CREATE)
GET_PROJECTS = Route("get_projects", "projects", "GET", "/api/v2/cases/projects", CASES_READ, READ)
GET_PROJECT = Route("get_project", "projects", "GET", "/api/v2/cases/projects/{project_id}", CASES_READ, READ)
UPDATE_PROJECT = Route("update_project", "projects", "PATCH", "/api/v2/cases/projects/{project_id}", CASES_WRITE, SET)
DELETE_PROJECT = Route("delete_project", "projects", "DELETE", "/api/v2/cases/projects/{project_id}", CASES_WRITE, SET)
LIST_USER_CASE_PROJECT_FAVORITES = Route("list_user_case_project_favorites", "projects", "GET", "/api/v2/cases/projects/favorites", CASES_READ, READ)
FAVORITE_CASE_PROJECT = Route("favorite_case_project", "projects", "POST", "/api/v2/cases/projects/{project_id}/favorites", CASES_WRITE, SET)
UNFAVORITE_CASE_PROJECT = Route("unfavorite_case_project", "projects", "DELETE", "/api/v2/cases/projects/{project_id}/favorites", CASES_WRITE, SET)

LIST_CASE_AUTOMATION_RULES = Route("list_case_automation_rules", "automation_rules", "GET", "/api/v2/cases/projects/{project_id}/rules", CASES_READ, READ)
CREATE_CASE_AUTOMATION_RULE = Route("create_case_automation_rule", "automation_rules", "POST", "/api/v2/cases/projects/{project_id}/rules", CASES_WRITE, CREATE)
GET_CASE_AUTOMATION_RULE = Route("get_case_automation_rule", "automation_rules", "GET", "/api/v2/cases/projects/{project_id}/rules/{rule_id}", CASES_READ, READ)
UPDATE_CASE_AUTOMATION_RULE = Route("update_case_automation_rule", "automation_rules", "PUT", "/api/v2/cases/projects/{project_id}/rules/{rule_id}", CASES_WRITE, SET)
DELETE_CASE_AUTOMATION_RULE = Route("delete_case_automation_rule", "automation_rules", "DELETE", "/api/v2/cases/projects/{project_id}/rules/{rule_id}", CASES_WRITE, SET)
ENABLE_CASE_AUTOMATION_RULE = Route("enable_case_automation_rule", "automation_rules", "POST", "/api/v2/cases/projects/{project_id}/rules/{rule_id}/enable", CASES_WRITE, SET)
DISABLE_CASE_AUTOMATION_RULE = Route("disable_case_automation_rule", "automation_rules", "POST", "/api/v2/cases/projects/{project_id}/rules/{rule_id}/disable", CASES_WRITE, SET)

GET_PROJECT_NOTIFICATION_RULES = Route("get_project_notification_rules", "notification_rules", "GET", "/api/v2/cases/projects/{project_id}/notification_rules", CASES_READ, READ)
CREATE_PROJECT_NOTIFICATION_RULE = Route("create_project_notification_rule", "notification_rules", "POST", "/api/v2/cases/projects/{project_id}/notification_rules", CASES_WRITE, CREATE)
UPDATE_PROJECT_NOTIFICATION_RULE = Route("update_project_notification_rule", "notification_rules", "PUT", "/api/v2/cases/projects/{project_id}/notification_rules/{notification_rule_id}", CASES_WRITE, SET)
DELETE_PROJECT_NOTIFICATION_RULE = Route("delete_project_notification_rule", "notification_rules", "DELETE", "/api/v2/cases/projects/{project_id}/notification_rules/{notification_rule_id}", CASES_WRITE, SET)

LIST_CASE_VIEWS = Route("list_case_views", "views", "GET", "/api/v2/cases/views", CASES_READ, READ)
CREATE_CASE_VIEW = Route("create_case_view", "views", "POST", "/api/v2/cases/views", CASES_WRITE, CREATE)
GET_CASE_VIEW = Route("get_case_view", "views", "GET", "/api/v2/cases/views/{view_id}", CASES_READ, READ)
UPDATE_CASE_VIEW = Route("update_case_view", "views", "PUT", "/api/v2/cases/views/{view_id}", CASES_WRITE, SET)
DELETE_CASE_VIEW = Route("delete_case_view", "views", "DELETE", "/api/v2/cases/views/{view_id}", CASES_WRITE, SET)

LIST_MAINTENANCE_WINDOWS = Route("list_maintenance_windows", "maintenance_windows", "GET", "/api/v2/maintenance_windows", EVENTS_READ, READ)
CREATE_MAINTENANCE_WINDOW = Route("create_maintenance_window", "maintenance_windows", "POST", "/api/v2/maintenance_windows", EVENTS_WRITE, CREATE)
UPDATE_MAINTENANCE_WINDOW = Route("update_maintenance_window", "maintenance_windows", "PUT", "/api/v2/maintenance_windows/{maintenance_window_id}", EVENTS_WRITE, SET)
DELETE_MAINTENANCE_WINDOW = Route("delete_maintenance_window", "maintenance_windows", "DELETE", "/api/v2/maintenance_windows/{maintenance_window_id}", EVENTS_WRITE, SET)
# fmt: on

ROUTES: Final[tuple[Route, ...]] = tuple(row for row in list(globals().values()) if isinstance(row, Route))
"""The rows above: the Case Management reference, in its order."""

# fmt: off
GET_ALL_CASE_TYPES = Route("get_all_case_types", "case_types", "GET", "/api/v2/cases/types", UNSCOPED, READ)
CREATE_CASE_TYPE = Route("create_case_type", "case_types", "POST", "/api/v2/cases/types", UNSCOPED, CREATE)
UPDATE_CASE_TYPE = Route("update_case_type", "case_types", "PUT", "/api/v2/cases/types/{case_type_id}", UNSCOPED, SET)
DELETE_CASE_TYPE = Route("delete_case_type", "case_types", "DELETE", "/api/v2/cases/types/{case_type_id}", UNSCOPED, SET)

GET_ALL_CUSTOM_ATTRIBUTES = Route("get_all_custom_attributes", "custom_attributes", "GET", "/api/v2/cases/types/custom_attributes", UNSCOPED, READ)
GET_ALL_CUSTOM_ATTRIBUTE_CONFIGS_BY_CASE_TYPE = Route("get_all_custom_attribute_configs_by_case_type", "custom_attributes", "GET", "/api/v2/cases/types/{case_type_id}/custom_attributes", UNSCOPED, READ)
CREATE_CUSTOM_ATTRIBUTE_CONFIG = Route("create_custom_attribute_config", "custom_attributes", "POST", "/api/v2/cases/types/{case_type_id}/custom_attributes", UNSCOPED, CREATE)
UPDATE_CUSTOM_ATTRIBUTE_CONFIG = Route("update_custom_attribute_config", "custom_attributes", "PUT", "/api/v2/cases/types/{case_type_id}/custom_attributes/{custom_attribute_id}", UNSCOPED, SET)
DELETE_CUSTOM_ATTRIBUTE_CONFIG = Route("delete_custom_attribute_config", "custom_attributes", "DELETE", "/api/v2/cases/types/{case_type_id}/custom_attributes/{custom_attribute_id}", UNSCOPED, SET)

LIST_USERS = Route("list_users", "users", "GET", "/api/v2/users", USERS_READ, READ)
GET_USER = Route("get_user", "users", "GET", "/api/v2/users/{user_id}", USERS_READ, READ)
GET_CURRENT_USER = Route("get_current_user", "users", "GET", "/api/v2/current_user", UNSCOPED, READ)

LIST_TEAMS = Route("list_teams", "teams", "GET", "/api/v2/team", TEAMS_READ, READ)
GET_TEAM_MEMBERSHIPS = Route("get_team_memberships", "teams", "GET", "/api/v2/team/{team_id}/memberships", TEAMS_READ, READ)

GET_TEAM_ON_CALL_USERS = Route("get_team_on_call_users", "on_call", "GET", "/api/v2/on-call/teams/{team_id}/on-call", UNSCOPED, READ)
# fmt: on

NEIGHBOURS: Final[tuple[Route, ...]] = tuple(
    row for row in list(globals().values()) if isinstance(row, Route) and row not in ROUTES
)
"""The rows between `ROUTES` and here: operations of other references of the same service."""
