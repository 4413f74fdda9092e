"""How a project's board is laid out and how the project behaves.

What is None was not told, and is left out of what is sent.
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
    """Whether the least comes first."""
    priority: int | None = None
    """The place of this order among the others."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class Column(Model):
    """A column of the board."""

    type: str | None = None
    """The kind of column."""
    sort_field: str | None = None
    """The field its cases are sorted by."""
    sort: ColumnSort | None = None
    """How they are sorted."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ColumnsConfig(Model):
    """The columns of the board."""

    columns: tuple[Column, ...] = ()
    """The columns, from left to right."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class AutoCloseSettings(Model):
    """Closing cases that nobody touches."""

    enabled: bool | None = None
    """Whether it is done."""
    max_inactive_time_in_secs: int | None = None
    """After how many seconds."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class AutoTransitionSettings(Model):
    """Moving cases on when they are assigned."""

    auto_transition_assigned_cases_on_self_assigned: bool | None = None
    """Whether it is done when a user takes a case."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class IncidentFieldMapping(Model):
    """A field of incidents that is copied to cases."""

    case_field: str | None = None
    """The field of the case."""
    incident_user_defined_field_id: str | None = None
    """The id of the incident's field."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class IncidentIntegration(Model):
    """Incidents."""

    enabled: bool | None = None
    """Whether it is on."""
    auto_escalation_query: str | None = None
    """The search whose cases become incidents."""
    default_incident_commander: str | None = None
    """Who leads an incident at first."""
    field_mappings: tuple[IncidentFieldMapping, ...] = ()
    """Which fields are copied."""
    incident_type: str | None = None
    """The type of incident that is made."""
    priority_mapping: Mapping[str, str] = inside("severity_config", "priority_mapping", factory=dict)
    """The priority of a case for each severity."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class SyncProperty(Model):
    """How one property is kept the same on both sides."""

    sync_type: str | None = None
    """Which way it is copied."""
    mapping: Mapping[str, str] = field(factory=dict)
    """Which value becomes which."""
    name_mapping: Mapping[str, str] = field(factory=dict)
    """Which name becomes which."""
    impact_mapping: Mapping[str, str] = field(factory=dict)
    """The impact for each priority; ServiceNow only."""
    urgency_mapping: Mapping[str, str] = field(factory=dict)
    """The urgency for each priority; ServiceNow only."""
    jira_field_id: str | None = None
    """The field of Jira that is meant; due dates only."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class JiraCustomFieldSync(Model):
    """How a custom field of Jira is filled."""

    sync_type: str | None = None
    """Which way it is copied."""
    value: Any = None
    """The value, of any form."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class JiraSync(Model):
    """Keeping cases and Jira issues the same."""

    enabled: bool | None = None
    """Whether it is done."""
    assignee: SyncProperty | None = inside("properties", "assignee")
    """How the assignee is kept."""
    comments: SyncProperty | None = inside("properties", "comments")
    """How comments are kept."""
    custom_fields: Mapping[str, JiraCustomFieldSync] = inside("properties", "custom_fields", factory=dict)
    """How custom fields are kept, by their ids."""
    description: SyncProperty | None = inside("properties", "description")
    """How the description is kept."""
    due_date: SyncProperty | None = inside("properties", "due_date")
    """How the due date is kept."""
    priority: SyncProperty | None = inside("properties", "priority")
    """How the priority is kept."""
    status: SyncProperty | None = inside("properties", "status")
    """How the status is kept."""
    title: SyncProperty | None = inside("properties", "title")
    """How the title is kept."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class JiraIntegration(Model):
    """Jira."""

    enabled: bool | None = None
    """Whether it is on."""
    auto_creation: bool | None = inside("auto_creation", "enabled")
    """Whether cases become issues by themselves."""
    account_id: str | None = inside("metadata", "account_id")
    """The id of the Jira account."""
    issue_type_id: str | None = inside("metadata", "issue_type_id")
    """The id of the type of issue that is made."""
    project_id: str | None = inside("metadata", "project_id")
    """The id of the project in Jira."""
    sync: JiraSync | None = None
    """How both sides are kept the same."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class MonitorIntegration(Model):
    """Monitors."""

    enabled: bool | None = None
    """Whether it is on."""
    auto_resolve_enabled: bool | None = None
    """Whether a case is resolved when its monitor recovers."""
    case_type_id: str | None = None
    """The id of the type of case that is made."""
    handle: str | None = None
    """The handle that monitors name."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class EscalationQuery(Model):
    """A search whose cases are escalated."""

    id: str | None = None
    """Its identifier."""
    enabled: bool | None = None
    """Whether it acts."""
    query: str | None = None
    """The search."""
    team_id: str | None = inside("target", "team_id")
    """The id of the team that is paged."""
    user_id: str | None = inside("target", "user_id")
    """The id of the user who is paged."""
    dynamic_team_paging: bool | None = inside("target", "dynamic_team_paging")
    """Whether the team is found out case by case."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class OnCallIntegration(Model):
    """On-call."""

    enabled: bool | None = None
    """Whether it is on."""
    auto_assign_on_call: bool | None = None
    """Whether a case is assigned to who is on call."""
    escalation_queries: tuple[EscalationQuery, ...] = ()
    """Which cases are escalated to whom."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ServiceNowSync(Model):
    """Keeping cases and ServiceNow tickets the same."""

    enabled: bool | None = None
    """Whether it is done."""
    comments: SyncProperty | None = inside("properties", "comments")
    """How comments are kept."""
    priority: SyncProperty | None = inside("properties", "priority")
    """How the priority is kept."""
    status: SyncProperty | None = inside("properties", "status")
    """How the status is kept."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ServiceNowIntegration(Model):
    """ServiceNow."""

    enabled: bool | None = None
    """Whether it is on."""
    assignment_group: str | None = None
    """The group that tickets go to."""
    auto_creation: bool | None = inside("auto_creation", "enabled")
    """Whether cases become tickets by themselves."""
    instance_name: str | None = None
    """The name of the instance."""
    sync_config: ServiceNowSync | None = None
    """How both sides are kept the same."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class NotificationSettings(Model):
    """Which events members are told of."""

    enabled: bool | None = None
    """Whether anything is sent."""
    destinations: tuple[int, ...] = ()
    """Where to: 1 is e-mail, 2 Slack, 3 in the application."""
    notify_on_case_assignment: bool | None = None
    """A case is assigned."""
    notify_on_case_closed: bool | None = None
    """A case is closed."""
    notify_on_case_comment: bool | None = None
    """A case gets a comment."""
    notify_on_case_comment_mention: bool | None = None
    """A comment names somebody."""
    notify_on_case_priority_change: bool | None = None
    """A case's priority changes."""
    notify_on_case_status_change: bool | None = None
    """A case's status changes."""
    notify_on_case_unassignment: bool | None = None
    """A case is no longer assigned."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ProjectSettings(Model):
    """How a project behaves."""

    auto_close_inactive_cases: AutoCloseSettings | None = None
    """Closing cases that nobody touches."""
    auto_transition_assigned_cases: AutoTransitionSettings | None = None
    """Moving cases on when they are assigned."""
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
    """Which events members are told of."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
