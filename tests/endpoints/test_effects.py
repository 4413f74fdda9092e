"""The operations against the emulator: what a user asks for is what then stands, for all 66."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from casemgmt_async import (
    ActionType,
    AutomationAction,
    AutomationTrigger,
    BulkAction,
    CaseSession,
    CaseStatus,
    CustomAttribute,
    CustomAttributeType,
    Insight,
    InsightType,
    LinkRelationship,
    NotFoundError,
    NotificationRecipient,
    NotificationTrigger,
    NotificationTriggerType,
    Priority,
    RecipientType,
    ResolvedReason,
    RuleState,
    TriggerType,
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
from casemgmt_async.emulator import Emulator

OPERATIONS = json.loads((Path(__file__).parents[1] / "data" / "operations.json").read_text("utf-8"))
SOMEBODY = "5b1bd1d2-0000-4000-8000-00000000000a"
CASE_TYPE = "00000000-0000-0000-0000-000000000001"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def emulator():
    async with Emulator(cases=30, seed=3) as emulator:
        emulator.add_custom_attribute("hosts", is_multi=True)
        emulator.add_custom_attribute("site", "URL")
        emulator.add_custom_attribute("weight/kg", "NUMBER")
        yield emulator


@pytest.fixture
async def session(emulator):
    async with CaseSession(api_key="any", app_key="any", base_url=emulator.base_url, retry=None) as session:
        yield session


async def a_case(session: CaseSession, **fields):
    project = (await projects.get_projects(session))[0]
    return await cases.create_case(session, title="A leak", type_id=CASE_TYPE, project_id=project.id, **fields)


async def life_of_a_case(session: CaseSession) -> None:
    case = await a_case(
        session,
        description="It drips.",
        priority=Priority.P2,
        assignee_id=SOMEBODY,
        custom_attributes={
            "region": "eu",
            "hosts": ["a", "b"],
            "site": CustomAttribute("URL", "https://x.test", False),
        },
    )
    assert (case.title, case.description, case.priority) == ("A leak", "It drips.", Priority.P2)
    assert case.assignee.id == SOMEBODY
    assert case.custom_attributes["region"].type is CustomAttributeType.TEXT
    assert case.custom_attributes["hosts"].value == ["a", "b"]
    assert case.custom_attributes["site"].type is CustomAttributeType.URL
    assert (await cases.get_case(session, case.key)).id == case.id

    assert (await cases.update_case_title(session, case.id, title="A flood")).title == "A flood"
    assert not (await cases.update_case_description(session, case.id, description="")).description
    assert (await cases.update_status(session, case.id, status=CaseStatus.CLOSED)).closed_at is not None
    assert (await cases.update_status(session, case.id, status_name="Open")).status is CaseStatus.OPEN
    assert (await cases.update_priority(session, case.id, priority=Priority.P4)).priority is Priority.P4
    assert (await cases.unassign_case(session, case.id)).assignee is None
    assert (await cases.assign_case(session, case.id, assignee_id=SOMEBODY)).assignee.id == SOMEBODY
    assert (await cases.archive_case(session, case.id)).archived_at is not None
    assert (await cases.unarchive_case(session, case.id)).archived_at is None
    changed = await cases.update_attributes(session, case.id, attributes={"service": ["web", "api"]})
    assert changed.attributes["service"] == ["web", "api"]


async def details_of_a_case(session: CaseSession) -> None:
    case = await a_case(session)
    changed = await cases.update_case_custom_attribute(session, case.id, "weight/kg", value=1.5)
    assert changed.custom_attributes["weight/kg"].value == 1.5
    changed = await cases.delete_case_custom_attribute(session, case.id, "weight/kg")
    assert "weight/kg" not in changed.custom_attributes
    assert (await cases.update_case_due_date(session, case.id, due_date=date(2026, 12, 31))).due_date == date(
        2026, 12, 31
    )
    assert (await cases.update_case_due_date(session, case.id, due_date=None)).due_date is None
    reason = ResolvedReason.BENIGN_POSITIVE
    changed = await cases.update_case_resolved_reason(session, case.id, security_resolved_reason=reason)
    assert changed.security_resolved_reason == reason
    insights = [Insight(type=InsightType.MONITOR, ref=f"/monitors/{n}", resource_id=str(n)) for n in range(100)]
    changed = await cases.add_case_insights(session, case.id, insights=insights)
    assert changed.insights == tuple(insights)
    changed = await cases.remove_case_insights(session, case.id, insights=changed.insights[1:])
    assert changed.insights == (insights[0],)


async def many_cases(session: CaseSession) -> None:
    page = await cases.search_cases(session, page_size=7)
    assert len(page) == page.size == 7
    by_status = {group.group: group.value[0] for group in (await totals(session)).groups}
    counted = await cases.count_cases(session, query_filter="", group_bys=["status", "priority"])
    assert [group.group for group in counted.groups] == ["status", "priority"]
    assert sum(value.count for value in counted.groups[0].values) == sum(by_status.values()) == page.total_items

    ids = [case.id for case in page]
    await cases.bulk_update_cases(session, ids, action=BulkAction.PRIORITY, payload={"priority": "P5"})
    again = [await cases.get_case(session, case_id) for case_id in ids]
    assert {case.priority for case in again} == {Priority.P5}


async def totals(session: CaseSession):
    result = await cases.aggregate_cases(session, query_filter="", groups=["status"], limit=1000)
    assert result.total == sum(group.value[0] for group in result.groups)
    return result


async def comments(session: CaseSession) -> None:
    case = await a_case(session)
    (cell,) = await timeline.comment_case(session, case.key, comment="Frist!")
    assert cell.message == "Frist!"
    await timeline.update_case_comment(session, case.id, cell.id, comment="First!")
    assert "First!" in [cell.message for cell in await timeline.list_case_timeline(session, case.id)]
    await timeline.delete_case_comment(session, case.id, cell.id)
    with pytest.raises(NotFoundError):
        await timeline.delete_case_comment(session, case.id, cell.id)


async def surroundings(session: CaseSession) -> None:
    case, other = await a_case(session), await a_case(session)
    await relationships.link_incident(session, case.id, incident_id=SOMEBODY)
    await relationships.create_case_jira_issue(
        session, case.id, jira_account_id="1", project_id="2", issue_type_id="3", fields={"labels": ["x"]}
    )
    await relationships.unlink_jira_issue(session, case.id)
    await relationships.link_jira_issue_to_case(
        session, case.id, jira_issue_url="https://jira.example.com/browse/OPS-7"
    )
    assert (await cases.get_case(session, case.id)).jira_issue.issue_key == "OPS-7"
    await relationships.create_case_service_now_ticket(session, case.id, instance_name="it", assignment_group="ops")
    assert (await cases.get_case(session, case.id)).service_now_ticket is not None
    await relationships.create_case_notebook(session, case.id)

    await watchers.watch_case(session, case.id, SOMEBODY)
    assert SOMEBODY in [watcher.user.id for watcher in await watchers.list_case_watchers(session, case.id)]
    await watchers.unwatch_case(session, case.id, SOMEBODY)
    assert SOMEBODY not in [watcher.user.id for watcher in await watchers.list_case_watchers(session, case.id)]

    link = await links.create_case_link(
        session, parent_entity_id=case.id, child_entity_id=other.id, relationship=LinkRelationship.BLOCKS
    )
    assert link in await links.list_case_links(session, entity_id=other.id, relationship=LinkRelationship.BLOCKS)
    await links.delete_case_link(session, link.id)
    assert await links.list_case_links(session, entity_id=other.id) == []


async def life_of_a_project(session: CaseSession) -> None:
    project = await projects.create_project(session, key="LAB", name="Laboratory")
    assert (await projects.get_project(session, project.id)).key == "LAB"
    settings = {"auto_close_inactive_cases": {"enabled": True, "max_inactive_time_in_secs": 60}}
    project = await projects.update_project(session, project.id, name="Lab", settings=settings)
    assert (project.name, project.settings.auto_close_inactive_cases.enabled) == ("Lab", True)
    project = await projects.update_project(session, project.id, settings=project.settings)
    assert project.settings.auto_close_inactive_cases.max_inactive_time_in_secs == 60

    await projects.favorite_case_project(session, project.id)
    assert project.id in [favorite.id for favorite in await projects.list_user_case_project_favorites(session)]
    await projects.unfavorite_case_project(session, project.id)
    assert project.id not in [favorite.id for favorite in await projects.list_user_case_project_favorites(session)]

    case = await a_case(session)
    moved = await relationships.move_case_to_project(session, case.id, project_id=project.id)
    assert moved.project_id == project.id
    assert moved.key.startswith("LAB-")
    await relationships.move_case_to_project(session, case.id, project_id=case.project_id)
    await projects.delete_project(session, project.id)
    with pytest.raises(NotFoundError):
        await projects.get_project(session, project.id)


async def rules_of_a_project(session: CaseSession) -> None:
    project = (await projects.get_projects(session))[0].id
    trigger = AutomationTrigger(type=TriggerType.STATUS_TRANSITIONED, to_status_name="Closed")
    action = AutomationAction(type=ActionType.EXECUTE_WORKFLOW, handle="tidy-up")
    rule = await automation_rules.create_case_automation_rule(
        session, project, name="Tidy", trigger=trigger, action=action, state=RuleState.DISABLED
    )
    assert (rule.trigger.to_status_name, rule.action.handle, rule.state) == ("Closed", "tidy-up", RuleState.DISABLED)
    assert (await automation_rules.enable_case_automation_rule(session, project, rule.id)).state is RuleState.ENABLED
    assert (await automation_rules.disable_case_automation_rule(session, project, rule.id)).state is RuleState.DISABLED
    changed = await automation_rules.update_case_automation_rule(
        session, project, rule.id, name="Neat", trigger=rule.trigger, action=rule.action
    )
    assert await automation_rules.get_case_automation_rule(session, project, rule.id) == changed
    assert rule.id in [one.id for one in await automation_rules.list_case_automation_rules(session, project)]
    await automation_rules.delete_case_automation_rule(session, project, rule.id)
    assert rule.id not in [one.id for one in await automation_rules.list_case_automation_rules(session, project)]

    recipient = NotificationRecipient(type=RecipientType.EMAIL, email="ops@example.com")
    told = await notification_rules.create_project_notification_rule(
        session,
        project,
        recipients=[recipient],
        triggers=[NotificationTrigger(type=NotificationTriggerType.CASE_CREATED)],
        query="priority:P1",
    )
    assert told.recipients[0].email == "ops@example.com"
    await notification_rules.update_project_notification_rule(session, project, told.id, is_enabled=False)
    (now,) = [
        rule for rule in await notification_rules.get_project_notification_rules(session, project) if rule.id == told.id
    ]
    assert (now.is_enabled, now.query) == (False, "priority:P1")
    await notification_rules.delete_project_notification_rule(session, project, told.id)
    assert told.id not in [
        rule.id for rule in await notification_rules.get_project_notification_rules(session, project)
    ]


async def views_and_windows(session: CaseSession) -> None:
    project = (await projects.get_projects(session))[0].id
    view = await views.create_case_view(session, name="Mine", project_id=project, query="status:open")
    assert (await views.update_case_view(session, view.id, name="Ours")).query == "status:open"
    assert (await views.get_case_view(session, view.id)).name == "Ours"
    assert view.id in [view.id for view in await views.list_case_views(session, project_id=project)]
    await views.delete_case_view(session, view.id)

    window = await maintenance_windows.create_maintenance_window(
        session, name="Move", query="project:SEC", start_at=NOON, end_at=NOON + timedelta(hours=2)
    )
    window = await maintenance_windows.update_maintenance_window(session, window.id, end_at=NOON + timedelta(hours=3))
    assert (window.start_at, window.end_at, window.name) == (NOON, NOON + timedelta(hours=3), "Move")
    assert window in await maintenance_windows.list_maintenance_windows(session)
    await maintenance_windows.delete_maintenance_window(session, window.id)
    assert await maintenance_windows.list_maintenance_windows(session) == []


SCENES = [
    life_of_a_case,
    details_of_a_case,
    many_cases,
    comments,
    surroundings,
    life_of_a_project,
    rules_of_a_project,
    views_and_windows,
]


async def test_what_is_asked_for_stands_and_every_operation_was_used(session, emulator):
    async with asyncio.TaskGroup() as group:
        for scene in SCENES[3:]:
            group.create_task(scene(session))
    for scene in SCENES[:3]:
        await scene(session)
    success = {operation["operation_id"]: operation["success"] for operation in OPERATIONS}
    assert {entry.route for entry in emulator.log} == set(success)
    failed = [(entry.route, entry.status) for entry in emulator.log if entry.status not in success[entry.route]]
    assert sorted(failed) == [("delete_case_comment", 404), ("get_project", 404)]
