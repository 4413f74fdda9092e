"""Settings of a project, and the layout of its board.

Fields that are None were not in the answer; they are left out of requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, inside

__all__ = [
    "AutoCloseSettings",
    "AutoTransitionSettings",
    "Column",
    "ColumnSort",
    "ColumnsConfig",
    "EscalationQuery",
    "IncidentFieldMapping",
    "IncidentIntegration",
    "JiraCustomFieldSync",
    "JiraIntegration",
    "JiraSync",
    "MonitorIntegration",
    "NotificationSettings",
    "OnCallIntegration",
    "ProjectSettings",
    "ServiceNowIntegration",
    "ServiceNowSync",
    "SyncProperty",
]


@frozen
class ColumnSort(Model):
    """How a column of the board is sorted."""

    ascending: bool | None = None
    """Whether the order is ascending."""
    priority: int | None = None
    """Rank of this sort order among the others."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class Column(Model):
    """A column of the board."""

    type: str | None = None
    """Type of the column."""
    sort_field: str | None = None
    """Field by which its cases are sorted."""
    sort: ColumnSort | None = None
    """How they are sorted."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ColumnsConfig(Model):
    """The columns of the board."""

    columns: tuple[Column, ...] = ()
    """The columns, from left to right."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class AutoCloseSettings(Model):
    """Automatic closing of inactive cases."""

    enabled: bool | None = None
    """Whether it is enabled."""
    max_inactive_time_in_secs: int | None = None
    """After how many seconds."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class AutoTransitionSettings(Model):
    """Automatic transition of assigned cases."""

    auto_transition_assigned_cases_on_self_assigned: bool | None = None
    """Whether a case is moved when a user assigns it to themselves."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class IncidentFieldMapping(Model):
    """A field of incidents that is copied to cases."""

    case_field: str | None = None
    """The field of the case."""
    incident_user_defined_field_id: str | None = None
    """The id of the incident's field."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class IncidentIntegration(Model):
    """Incidents."""

    enabled: bool | None = None
    """Whether it is enabled."""
    auto_escalation_query: str | None = None
    """Search query whose cases become incidents."""
    default_incident_commander: str | None = None
    """Initial commander of an incident."""
    field_mappings: tuple[IncidentFieldMapping, ...] = ()
    """Fields that are copied."""
    incident_type: str | None = None
    """Type of the incidents that are created."""
    priority_mapping: Mapping[str, str] = inside("severity_config", "priority_mapping", factory=dict)
    """Priority of a case for each severity of an incident."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class SyncProperty(Model):
    """Synchronization of one property."""

    sync_type: str | None = None
    """Direction of the copy."""
    mapping: Mapping[str, str] = field(factory=dict)
    """Target value for each value."""
    name_mapping: Mapping[str, str] = field(factory=dict)
    """Target name for each name."""
    impact_mapping: Mapping[str, str] = field(factory=dict)
    """The impact for each priority; ServiceNow only."""
    urgency_mapping: Mapping[str, str] = field(factory=dict)
    """The urgency for each priority; ServiceNow only."""
    jira_field_id: str | None = None
    """Id of the field in Jira; due dates only."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class JiraCustomFieldSync(Model):
    """How a custom field of Jira is filled."""

    sync_type: str | None = None
    """Direction of the copy."""
    value: Any = None
    """Value, of any type."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class JiraSync(Model):
    """Synchronization of cases and Jira issues."""

    enabled: bool | None = None
    """Whether it is enabled."""
    assignee: SyncProperty | None = inside("properties", "assignee")
    """Synchronization of the assignee."""
    comments: SyncProperty | None = inside("properties", "comments")
    """Synchronization of comments."""
    custom_fields: Mapping[str, JiraCustomFieldSync] = inside("properties", "custom_fields", factory=dict)
    """How custom fields are kept, by their ids."""
    description: SyncProperty | None = inside("properties", "description")
    """Synchronization of the description."""
    due_date: SyncProperty | None = inside("properties", "due_date")
    """Synchronization of the due date."""
    priority: SyncProperty | None = inside("properties", "priority")
    """Synchronization of the priority."""
    status: SyncProperty | None = inside("properties", "status")
    """Synchronization of the status."""
    title: SyncProperty | None = inside("properties", "title")
    """Synchronization of the title."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class JiraIntegration(Model):
    """Jira."""

    enabled: bool | None = None
    """Whether it is enabled."""
    auto_creation: bool | None = inside("auto_creation", "enabled")
    """Whether cases become issues automatically."""
    account_id: str | None = inside("metadata", "account_id")
    """The id of the Jira account."""
    issue_type_id: str | None = inside("metadata", "issue_type_id")
    """Id of the type of the issues that are created."""
    project_id: str | None = inside("metadata", "project_id")
    """The id of the project in Jira."""
    sync: JiraSync | None = None
    """Synchronization of both sides."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class MonitorIntegration(Model):
    """Monitors."""

    enabled: bool | None = None
    """Whether it is enabled."""
    auto_resolve_enabled: bool | None = None
    """Whether a case is resolved when its monitor recovers."""
    case_type_id: str | None = None
    """Id of the type of the cases that are created."""
    handle: str | None = None
    """Handle by which monitors mention the project."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class EscalationQuery(Model):
    """A search whose cases are escalated."""

    id: str | None = None
    """Its identifier."""
    enabled: bool | None = None
    """Whether it is enabled."""
    query: str | None = None
    """Search query."""
    team_id: str | None = inside("target", "team_id")
    """The id of the team that is paged."""
    user_id: str | None = inside("target", "user_id")
    """The id of the user who is paged."""
    dynamic_team_paging: bool | None = inside("target", "dynamic_team_paging")
    """Whether the team is determined for each case."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class OnCallIntegration(Model):
    """On-call."""

    enabled: bool | None = None
    """Whether it is enabled."""
    auto_assign_on_call: bool | None = None
    """Whether a case is assigned to the user who is on call."""
    escalation_queries: tuple[EscalationQuery, ...] = ()
    """Searches whose cases are escalated, with their targets."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ServiceNowSync(Model):
    """Synchronization of cases and ServiceNow tickets."""

    enabled: bool | None = None
    """Whether it is enabled."""
    comments: SyncProperty | None = inside("properties", "comments")
    """Synchronization of comments."""
    priority: SyncProperty | None = inside("properties", "priority")
    """Synchronization of the priority."""
    status: SyncProperty | None = inside("properties", "status")
    """Synchronization of the status."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ServiceNowIntegration(Model):
    """ServiceNow."""

    enabled: bool | None = None
    """Whether it is enabled."""
    assignment_group: str | None = None
    """Group that tickets are assigned to."""
    auto_creation: bool | None = inside("auto_creation", "enabled")
    """Whether cases become tickets automatically."""
    instance_name: str | None = None
    """The name of the instance."""
    sync_config: ServiceNowSync | None = None
    """Synchronization of both sides."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class NotificationSettings(Model):
    """Events of which members are notified."""

    enabled: bool | None = None
    """Whether notifications are sent."""
    destinations: tuple[int, ...] = ()
    """Channels: 1 is e-mail, 2 Slack, 3 the application."""
    notify_on_case_assignment: bool | None = None
    """Notify when a case is assigned."""
    notify_on_case_closed: bool | None = None
    """Notify when a case is closed."""
    notify_on_case_comment: bool | None = None
    """Notify when a case gets a comment."""
    notify_on_case_comment_mention: bool | None = None
    """Notify when a comment mentions somebody."""
    notify_on_case_priority_change: bool | None = None
    """Notify when the priority of a case changes."""
    notify_on_case_status_change: bool | None = None
    """Notify when the status of a case changes."""
    notify_on_case_unassignment: bool | None = None
    """Notify when a case is unassigned."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ProjectSettings(Model):
    """Settings of a project."""

    auto_close_inactive_cases: AutoCloseSettings | None = None
    """Automatic closing of inactive cases."""
    auto_transition_assigned_cases: AutoTransitionSettings | None = None
    """Automatic transition of assigned cases."""
    integration_incident: IncidentIntegration | None = None
    """Incidents."""
    integration_jira: JiraIntegration | None = None
    """Jira."""
    integration_monitor: MonitorIntegration | None = None
    """Monitors."""
    integration_on_call: OnCallIntegration | None = None
    """On-call."""
    integration_service_now: ServiceNowIntegration | None = None
    """ServiceNow."""
    notification: NotificationSettings | None = None
    """Events of which members are notified."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
