"""One row an operation: how a user calls it, and what comes back.

The calls are written so that their bodies are the examples of the reference, letter by letter. Where
the reference's example cannot be meant (a placeholder), `body` says what is sent instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from attrs import field, frozen

from casemgmt_async import (
    ActionType,
    AutomationAction,
    AutomationRule,
    AutomationTrigger,
    BulkAction,
    Case,
    CaseAggregate,
    CaseCount,
    CaseLink,
    CaseStatus,
    CaseView,
    Insight,
    InsightType,
    LinkRelationship,
    MaintenanceWindow,
    NotificationRecipient,
    NotificationRule,
    NotificationTrigger,
    NotificationTriggerType,
    Page,
    Priority,
    Project,
    ProjectFavorite,
    RecipientType,
    ResolvedReason,
    RuleState,
    SortField,
    TimelineCell,
    TriggerType,
    Watcher,
    automation_rules,
    cases,
    links,
    maintenance_windows,
    notification_rules,
    projects,
    relationships,
    timeline,
    views,
    watchers,
)

PROJECT: Final = "e555e290-ed65-49bd-ae18-8acbfcf18db7"
USER: Final = "00000000-0000-0000-0000-000000000000"
WINDOW: Final = {
    "name": "Weekly maintenance",
    "query": "project:SEC",
    "start_at": datetime(2026, 6, 1, tzinfo=UTC),
    "end_at": datetime(2026, 6, 1, 6, tzinfo=UTC),
}

IDS: Final = {
    "case_id": "SEC-12",
    "cell_id": "cell-1",
    "custom_attribute_key": "region",
    "link_id": "link-1",
    "maintenance_window_id": "window-1",
    "notification_rule_id": "notification-1",
    "project_id": PROJECT,
    "rule_id": "rule-1",
    "user_uuid": USER,
    "view_id": "view-1",
}
"""What stands in a path, by the name of the parameter."""


@frozen
class Call:
    """One operation, called."""

    run: Callable[..., Awaitable[Any]]
    """Takes the session and the ids of the path, in order."""
    gives: type | list[type] | None = None
    """A class, a list of one class, or None."""
    query: Mapping[str, str] = field(factory=dict)
    """The query that is sent."""
    body: Any = None
    """The body that is sent where it is not the reference's example."""


def call(
    function: Callable[..., Awaitable[Any]],
    gives: Any = None,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    **arguments: Any,
) -> Call:
    """Make the row of a function that is called with the path's ids and these arguments."""
    return Call(lambda session, *ids: function(session, *ids, **arguments), gives, query or {}, body)


INSIGHTS: Final = [Insight(type=InsightType.SECURITY_SIGNAL, ref="/monitors/12345?q=total", resource_id="12345")]
RULE: Final = {
    "name": "Auto-assign workflow",
    "state": RuleState.ENABLED,
    "trigger": AutomationTrigger(
        type=TriggerType.CASE_CREATED,
        field="string",
        change_type="string",
        from_status_name="string",
        to_status_name="string",
        approval_type="string",
    ),
    "action": AutomationAction(
        type=ActionType.EXECUTE_WORKFLOW,
        handle="workflow-handle-123",
        agent_type="string",
        assigned_agent_id="string",
    ),
}
RECIPIENT_FIELDS: Final = [
    "channel",
    "channel_id",
    "channel_name",
    "connector_name",
    "email",
    "name",
    "service_name",
    "team_id",
    "team_name",
    "tenant_id",
    "tenant_name",
    "workspace",
    "workspace_id",
]
NOTIFICATION: Final = {
    "is_enabled": False,
    "query": "string",
    "recipients": [NotificationRecipient(type=RecipientType.EMAIL, **dict.fromkeys(RECIPIENT_FIELDS, "string"))],
    "triggers": [
        NotificationTrigger(
            type=NotificationTriggerType.CASE_CREATED,
            field="string",
            change_type="string",
            from_status="string",
            from_status_name="string",
            to_status="string",
            to_status_name="string",
        )
    ],
}

CALLS: Final[Mapping[str, Call]] = {
    "create_case": call(
        cases.create_case,
        Case,
        title="Security breach investigation in 0cfbc5cbc676ee71",
        type_id="00000000-0000-0000-0000-000000000001",
        project_id="d4bbe1af-f36e-42f1-87c1-493ca35c320e",
        priority=Priority.NOT_DEFINED,
        assignee_id="string",
    ),
    "search_cases": call(
        cases.search_cases,
        Page,
        filter='status:open service:"case api"',
        sort=SortField.CREATED_AT,
        ascending=True,
        page_number=3,
        page_size=50,
        query={
            "filter": 'status:open service:"case api"',
            "sort[field]": "created_at",
            "sort[asc]": "true",
            "page[number]": "3",
            "page[size]": "50",
        },
    ),
    "get_case": call(cases.get_case, Case),
    "update_case_title": call(cases.update_case_title, Case, title="[UPDATED] Memory leak investigation on API"),
    "update_case_description": call(
        cases.update_case_description,
        Case,
        description="Seeing some weird memory increase... Updating the description",
    ),
    "update_status": call(cases.update_status, Case, status=CaseStatus.IN_PROGRESS),
    "update_priority": call(cases.update_priority, Case, priority=Priority.P3),
    "assign_case": call(cases.assign_case, Case, assignee_id="string"),
    "unassign_case": call(cases.unassign_case, Case),
    "archive_case": call(cases.archive_case, Case),
    "unarchive_case": call(cases.unarchive_case, Case),
    "update_attributes": call(
        cases.update_attributes,
        Case,
        attributes={"env": ["test"], "service": ["web-store", "web-api"], "team": ["engineer"]},
    ),
    "update_case_custom_attribute": call(
        cases.update_case_custom_attribute,
        Case,
        value=42.5,
        # The example has the schema of a value in the place of one.
        body={"data": {"attributes": {"is_multi": False, "type": "NUMBER", "value": 42.5}, "type": "case"}},
    ),
    "delete_case_custom_attribute": call(cases.delete_case_custom_attribute, Case),
    "update_case_due_date": call(cases.update_case_due_date, Case, due_date=date(2026, 12, 31)),
    "update_case_resolved_reason": call(
        cases.update_case_resolved_reason, Case, security_resolved_reason=ResolvedReason.FALSE_POSITIVE
    ),
    "add_case_insights": call(cases.add_case_insights, Case, insights=INSIGHTS),
    "remove_case_insights": call(cases.remove_case_insights, Case, insights=INSIGHTS),
    "aggregate_cases": call(
        cases.aggregate_cases, CaseAggregate, query_filter="service:case-api", groups=["status"], limit=14
    ),
    "count_cases": call(
        cases.count_cases,
        CaseCount,
        query_filter="service:case-api",
        group_bys=["status", "priority"],
        limit=7,
        query={"query_filter": "service:case-api", "group_bys": "status,priority", "limit": "7"},
    ),
    "bulk_update_cases": call(
        cases.bulk_update_cases,
        case_ids=["case-id-1", "case-id-2"],
        action=BulkAction.PRIORITY,
        payload={"<any-key>": "string"},
    ),
    "list_case_timeline": call(
        timeline.list_case_timeline,
        Page,
        page_number=2,
        page_size=20,
        ascending=True,
        query={"page[number]": "2", "page[size]": "20", "sort[ascending]": "true"},
    ),
    "comment_case": call(timeline.comment_case, [TimelineCell], comment="Hello World !"),
    "update_case_comment": call(timeline.update_case_comment, comment="Updated comment text"),
    "delete_case_comment": call(timeline.delete_case_comment),
    "move_case_to_project": call(relationships.move_case_to_project, Case, project_id=PROJECT),
    "link_incident": call(relationships.link_incident, Case, incident_id=USER),
    "create_case_jira_issue": call(
        relationships.create_case_jira_issue,
        fields={},
        issue_type_id="10001",
        jira_account_id="1234",
        project_id="5678",
    ),
    "link_jira_issue_to_case": call(
        relationships.link_jira_issue_to_case, jira_issue_url="https://jira.example.com/browse/PROJ-123"
    ),
    "unlink_jira_issue": call(relationships.unlink_jira_issue),
    "create_case_service_now_ticket": call(
        relationships.create_case_service_now_ticket, assignment_group="IT Support", instance_name="my-instance"
    ),
    "create_case_notebook": call(relationships.create_case_notebook),
    "list_case_watchers": call(watchers.list_case_watchers, [Watcher]),
    "watch_case": call(watchers.watch_case),
    "unwatch_case": call(watchers.unwatch_case),
    "list_case_links": call(
        links.list_case_links,
        [CaseLink],
        entity_id="bf0cbac6-4c16-4cfb-b6bf-ca5e0ec37a4f",
        relationship=LinkRelationship.BLOCKS,
        query={
            "entity_type": "CASE",
            "entity_id": "bf0cbac6-4c16-4cfb-b6bf-ca5e0ec37a4f",
            "relationship": "BLOCKS",
        },
    ),
    "create_case_link": call(
        links.create_case_link,
        CaseLink,
        parent_entity_id="bf0cbac6-4c16-4cfb-b6bf-ca5e0ec37a4f",
        child_entity_id="4417921d-0866-4a38-822c-6f2a0f65f77d",
        relationship=LinkRelationship.BLOCKS,
    ),
    "delete_case_link": call(links.delete_case_link),
    "create_project": call(
        projects.create_project,
        Project,
        key="SEC",
        name="Security Investigation",
        enabled_custom_case_types=[],
        team_uuid="string",
    ),
    "get_projects": call(projects.get_projects, [Project]),
    "get_project": call(projects.get_project, Project),
    "update_project": call(projects.update_project, Project, name="Updated Project Name Example-Case-Management"),
    "delete_project": call(projects.delete_project),
    "list_user_case_project_favorites": call(projects.list_user_case_project_favorites, [ProjectFavorite]),
    "favorite_case_project": call(projects.favorite_case_project),
    "unfavorite_case_project": call(projects.unfavorite_case_project),
    "list_case_automation_rules": call(automation_rules.list_case_automation_rules, [AutomationRule]),
    "create_case_automation_rule": call(automation_rules.create_case_automation_rule, AutomationRule, **RULE),
    "get_case_automation_rule": call(automation_rules.get_case_automation_rule, AutomationRule),
    "update_case_automation_rule": call(automation_rules.update_case_automation_rule, AutomationRule, **RULE),
    "delete_case_automation_rule": call(automation_rules.delete_case_automation_rule),
    "enable_case_automation_rule": call(automation_rules.enable_case_automation_rule, AutomationRule),
    "disable_case_automation_rule": call(automation_rules.disable_case_automation_rule, AutomationRule),
    "get_project_notification_rules": call(notification_rules.get_project_notification_rules, [NotificationRule]),
    "create_project_notification_rule": Call(
        lambda session, *ids: notification_rules.create_project_notification_rule(session, *ids, **NOTIFICATION),
        NotificationRule,
    ),
    "update_project_notification_rule": Call(
        lambda session, *ids: notification_rules.update_project_notification_rule(session, *ids, **NOTIFICATION)
    ),
    "delete_project_notification_rule": call(notification_rules.delete_project_notification_rule),
    "list_case_views": call(views.list_case_views, [CaseView], project_id=PROJECT, query={"project_id": PROJECT}),
    "create_case_view": Call(
        lambda session: views.create_case_view(
            session, name="Open bugs", np_rule_id="string", project_id=PROJECT, query="status:open type:bug"
        ),
        CaseView,
    ),
    "get_case_view": call(views.get_case_view, CaseView),
    "update_case_view": Call(
        lambda session, *ids: views.update_case_view(session, *ids, name="string", np_rule_id="string", query="string"),
        CaseView,
    ),
    "delete_case_view": call(views.delete_case_view),
    "list_maintenance_windows": call(maintenance_windows.list_maintenance_windows, [MaintenanceWindow]),
    "create_maintenance_window": Call(
        lambda session: maintenance_windows.create_maintenance_window(session, **WINDOW), MaintenanceWindow
    ),
    "update_maintenance_window": Call(
        lambda session, *ids: maintenance_windows.update_maintenance_window(session, *ids, **WINDOW),
        MaintenanceWindow,
        # The example's start is its end, which is refused.
        body={
            "data": {
                "attributes": {
                    "name": "Weekly maintenance",
                    "query": "project:SEC",
                    "start_at": "2026-06-01T00:00:00Z",
                    "end_at": "2026-06-01T06:00:00Z",
                },
                "type": "maintenance_window",
            }
        },
    ),
    "delete_maintenance_window": call(maintenance_windows.delete_maintenance_window),
}
