"""Bad arguments are refused before anything is sent, with an error that names the argument and its rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from casemgmt_async import (
    AutomationAction,
    AutomationTrigger,
    BulkAction,
    CaseSession,
    CaseStatus,
    CustomAttribute,
    CustomAttributeType,
    Insight,
    InvalidArgumentError,
    LinkRelationship,
    NotificationRecipient,
    Priority,
    automation_rules,
    cases,
    links,
    maintenance_windows,
    notification_rules,
    projects,
    relationships,
    timeline,
    views,
)

NAIVE = datetime(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
INSIGHT = Insight(type="MONITOR", ref="/monitors/1", resource_id="1")
LINK = {"parent_entity_id": "a", "child_entity_id": "b"}
RULE = {
    "name": "n",
    "trigger": AutomationTrigger(type="case_created"),
    "action": AutomationAction(type="execute_workflow", handle="h"),
}
CREATE = {"title": "t", "type_id": "t", "project_id": "p"}
WINDOW = {"name": "n", "query": "q", "start_at": NOON, "end_at": NOON + timedelta(hours=1)}

REFUSED = [
    # pages
    (lambda s: cases.search_cases(s, page_size=0), "page_size", "from 1 to 100"),
    (lambda s: cases.search_cases(s, page_size=101), "page_size", "from 1 to 100"),
    (lambda s: cases.search_cases(s, page_size=True), "page_size", "whole number"),
    (lambda s: cases.search_cases(s, page_size=10.0), "page_size", "whole number"),
    (lambda s: cases.search_cases(s, page_number=0), "page_number", "from 1"),
    (lambda s: cases.search_cases(s, filter=7), "filter", "text"),
    (lambda s: cases.search_cases(s, sort=1), "sort", "text"),
    (lambda s: cases.search_cases(s, ascending="yes"), "ascending", "True or False"),
    (lambda s: timeline.list_case_timeline(s, "S-1", page_size=101), "page_size", "from 1 to 100"),
    (lambda s: timeline.list_case_timeline(s, "S-1", page_number=-1), "page_number", "from 0"),
    (lambda s: timeline.list_case_timeline(s, "S-1", ascending=1), "ascending", "True or False"),
    # texts
    (lambda s: cases.create_case(s, **{**CREATE, "title": ""}), "title", "not empty"),
    (lambda s: cases.create_case(s, **{**CREATE, "title": None}), "title", "text"),
    (lambda s: cases.create_case(s, **{**CREATE, "type_id": " "}), "type_id", "not empty"),
    (lambda s: cases.create_case(s, **{**CREATE, "project_id": 5}), "project_id", "text"),
    (lambda s: cases.create_case(s, **CREATE, priority=1), "priority", "text"),
    (lambda s: cases.update_case_title(s, "S-1", title="\n"), "title", "not empty"),
    (lambda s: cases.update_case_description(s, "S-1", description=b"x"), "description", "text"),
    (lambda s: cases.update_priority(s, "S-1", priority=None), "priority", "text"),
    (lambda s: cases.assign_case(s, "S-1", assignee_id=""), "assignee_id", "not empty"),
    (
        lambda s: cases.update_case_resolved_reason(s, "S-1", security_resolved_reason=""),
        "security_resolved_reason",
        "t",
    ),
    (lambda s: timeline.comment_case(s, "S-1", comment=""), "comment", "not empty"),
    (lambda s: timeline.comment_case(s, "S-1", comment=" \t"), "comment", "not empty"),
    (lambda s: timeline.update_case_comment(s, "S-1", "c", comment=""), "comment", "not empty"),
    (lambda s: relationships.move_case_to_project(s, "S-1", project_id=""), "project_id", "not empty"),
    (lambda s: relationships.link_incident(s, "S-1", incident_id=None), "incident_id", "text"),
    (lambda s: relationships.link_jira_issue_to_case(s, "S-1", jira_issue_url=""), "jira_issue_url", "not empty"),
    (
        lambda s: relationships.create_case_jira_issue(
            s, "S-1", jira_account_id="a", project_id="p", issue_type_id="i", fields=["x"]
        ),
        "fields",
        "mapping",
    ),
    (lambda s: relationships.create_case_service_now_ticket(s, "S-1", instance_name=""), "instance_name", "not empty"),
    (lambda s: views.list_case_views(s, project_id=""), "project_id", "not empty"),
    (lambda s: views.create_case_view(s, name="", project_id="p", query="q"), "name", "not empty"),
    # status: one of two
    (lambda s: cases.update_status(s, "S-1"), "status_name / status", "exactly one"),
    (lambda s: cases.update_status(s, "S-1", status_name="Open", status=CaseStatus.OPEN), "status_name / status", "2"),
    (lambda s: cases.update_status(s, "S-1", status_name=""), "status_name", "not empty"),
    # lists and mappings
    (lambda s: cases.bulk_update_cases(s, [], action=BulkAction.ARCHIVE), "case_ids", "one text or more"),
    (lambda s: cases.bulk_update_cases(s, "S-1", action=BulkAction.ARCHIVE), "case_ids", "list"),
    (lambda s: cases.bulk_update_cases(s, ["S-1", ""], action=BulkAction.ARCHIVE), "case_ids", "none empty"),
    (lambda s: cases.bulk_update_cases(s, ["S-1", 2], action=BulkAction.ARCHIVE), "case_ids", "text"),
    (lambda s: cases.bulk_update_cases(s, ["S-1"], action=None), "action", "text"),
    (
        lambda s: cases.bulk_update_cases(s, ["S-1"], action=BulkAction.PRIORITY, payload={"priority": 1}),
        "payload",
        "t",
    ),
    (lambda s: cases.update_attributes(s, "S-1", attributes={"env": "prod"}), "attributes", "lists of texts"),
    (lambda s: cases.update_attributes(s, "S-1", attributes={"env": [1]}), "attributes", "lists of texts"),
    (lambda s: cases.update_attributes(s, "S-1", attributes=["env"]), "attributes", "map"),
    (lambda s: cases.count_cases(s, group_bys="status"), "group_bys", "list"),
    (lambda s: cases.count_cases(s, group_bys=["status,priority"]), "group_bys", "comma"),
    (lambda s: cases.count_cases(s, limit=0), "limit", "from 1"),
    (lambda s: cases.aggregate_cases(s, query_filter="", groups="status"), "groups", "list"),
    (lambda s: cases.aggregate_cases(s, query_filter="", groups=[]), "groups", "one text or more"),
    (lambda s: cases.aggregate_cases(s, query_filter="", groups=["status"], limit=0), "limit", "from 1 to 1000"),
    (lambda s: cases.aggregate_cases(s, query_filter="", groups=["status"], limit=1001), "limit", "from 1 to 1000"),
    (lambda s: cases.aggregate_cases(s, query_filter=None, groups=["status"]), "query_filter", "text"),
    (lambda s: cases.add_case_insights(s, "S-1", insights=[]), "insights", "1 to 100"),
    (lambda s: cases.add_case_insights(s, "S-1", insights=[INSIGHT] * 101), "insights", "1 to 100"),
    (lambda s: cases.remove_case_insights(s, "S-1", insights=[INSIGHT] * 101), "insights", "1 to 100"),
    (lambda s: cases.add_case_insights(s, "S-1", insights=[{"ref": "/x"}]), "insights", "list of Insight"),
    (lambda s: cases.add_case_insights(s, "S-1", insights=INSIGHT), "insights", "list of Insight"),
    # custom attributes
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=None), "value", "text, a finite number"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=True), "value", "text, a finite number"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=float("nan")), "value", "finite"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=["a", 1]), "value", "list of texts or"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=[]), "value", "must not be empty"),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value="1", type=CustomAttributeType.NUMBER),
        "value",
        "a number",
    ),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=1, type=CustomAttributeType.URL),
        "value",
        "text",
    ),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=[1], type=CustomAttributeType.TEXT),
        "value",
        "text",
    ),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value="a", type=7), "type", "text"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value="a", is_multi=True), "value", "must be a list"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=["a"], is_multi=False), "value", "must not be"),
    (lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value="a", is_multi=1), "is_multi", "True or False"),
    (lambda s: cases.create_case(s, **CREATE, custom_attributes=["k"]), "custom_attributes", "map"),
    (lambda s: cases.create_case(s, **CREATE, custom_attributes={"k": {}}), "custom_attributes['k']", "text"),
    (
        lambda s: cases.create_case(
            s, **CREATE, custom_attributes={"k": CustomAttribute(CustomAttributeType.NUMBER, "x", False)}
        ),
        "custom_attributes['k']",
        "a number",
    ),
    # days and times
    (lambda s: cases.update_case_due_date(s, "S-1", due_date=NOON), "due_date", "without a time"),
    (lambda s: cases.update_case_due_date(s, "S-1", due_date="2026-12-31"), "due_date", "a date"),
    (
        lambda s: maintenance_windows.create_maintenance_window(s, **{**WINDOW, "start_at": NAIVE}),
        "start_at",
        "time zone",
    ),
    (lambda s: maintenance_windows.create_maintenance_window(s, **{**WINDOW, "end_at": NAIVE}), "end_at", "time zone"),
    (
        lambda s: maintenance_windows.create_maintenance_window(s, **{**WINDOW, "end_at": NOON}),
        "end_at",
        "after the start",
    ),
    (
        lambda s: maintenance_windows.create_maintenance_window(s, **{**WINDOW, "start_at": "now"}),
        "start_at",
        "datetime",
    ),
    (
        lambda s: maintenance_windows.create_maintenance_window(s, **{**WINDOW, "start_at": date(2026, 6, 1)}),
        "start_at",
        "d",
    ),
    (lambda s: maintenance_windows.update_maintenance_window(s, "w", end_at=NAIVE), "end_at", "time zone"),
    (lambda s: maintenance_windows.update_maintenance_window(s, "w", start_at=NOON, end_at=NOON), "end_at", "after"),
    # projects
    (lambda s: projects.create_project(s, key="CASE", name="n"), "key", "not CASE"),
    (lambda s: projects.create_project(s, key=" case", name="n"), "key", "not CASE"),
    (lambda s: projects.create_project(s, key="", name="n"), "key", "not empty"),
    (lambda s: projects.create_project(s, key="SEC", name=""), "name", "not empty"),
    (
        lambda s: projects.create_project(s, key="SEC", name="n", enabled_custom_case_types="t"),
        "enabled_custom_case_types",
        "l",
    ),
    (lambda s: projects.update_project(s, "p", settings="on"), "settings", "ProjectSettings"),
    (lambda s: projects.update_project(s, "p", columns_config=[]), "columns_config", "ColumnsConfig"),
    # links
    (lambda s: links.create_case_link(s, **LINK, relationship="FRIEND_OF"), "relationship", "BLOCKS"),
    (lambda s: links.create_case_link(s, **LINK, relationship=None), "relationship", "one of"),
    (lambda s: links.list_case_links(s, entity_id="a", relationship="blocks"), "relationship", "BLOCKS"),
    (lambda s: links.list_case_links(s, entity_id=""), "entity_id", "not empty"),
    # rules
    (lambda s: automation_rules.create_case_automation_rule(s, "p", **{**RULE, "name": ""}), "name", "not empty"),
    (
        lambda s: automation_rules.create_case_automation_rule(s, "p", **{**RULE, "trigger": {}}),
        "trigger",
        "AutomationTrigger",
    ),
    (
        lambda s: automation_rules.update_case_automation_rule(s, "p", "r", **{**RULE, "action": 1}),
        "action",
        "AutomationAction",
    ),
    (lambda s: automation_rules.create_case_automation_rule(s, "p", **RULE, state=True), "state", "text"),
    (
        lambda s: notification_rules.create_project_notification_rule(
            s, "p", recipients=NotificationRecipient(type="EMAIL"), triggers=[]
        ),
        "recipients",
        "list of NotificationRecipient",
    ),
    (
        lambda s: notification_rules.update_project_notification_rule(s, "p", "r", triggers=[1]),
        "triggers",
        "Notification",
    ),
    (lambda s: notification_rules.update_project_notification_rule(s, "p", "r", is_enabled=1), "is_enabled", "True or"),
    # ids in the path
    (lambda s: cases.get_case(s, ""), "case_id", "empty"),
    (lambda s: cases.get_case(s, "."), "case_id", ""),
    (lambda s: cases.get_case(s, ".."), "case_id", ""),
    (lambda s: cases.get_case(s, 12), "case_id", "must be a string"),
    (lambda s: cases.get_case(s, None), "case_id", "must be a string"),
    (lambda s: cases.delete_case_custom_attribute(s, "S-1", ""), "custom_attribute_key", "empty"),
]


@pytest.fixture
async def session():
    async with CaseSession(api_key="k" * 32, app_key="a" * 40, retry=None) as session:
        yield session


@pytest.mark.parametrize(("call", "argument", "rule"), REFUSED)
async def test_a_bad_argument_is_refused_before_anything_is_sent(call, argument, rule, wire, session):
    wire.answer()
    with pytest.raises(InvalidArgumentError) as caught:
        await call(session)
    assert caught.value.argument == argument
    assert rule in caught.value.rule
    assert str(caught.value).startswith(f"{argument}: ")
    assert wire.sent == []


@pytest.mark.parametrize(
    ("walk", "argument"),
    [
        (lambda s: cases.iter_cases(s, page_size=101), "page_size"),
        (lambda s: cases.iter_cases(s, first_page=0), "first_page"),
        (lambda s: cases.iter_cases(s, window=0), "window"),
        (lambda s: cases.iter_cases(s, window=True), "window"),
        (lambda s: cases.iter_cases(s, limit=-1), "limit"),
        (lambda s: cases.iter_cases(s, filter=1), "filter"),
        (lambda s: timeline.iter_timeline(s, "S-1", page_size=0), "page_size"),
        (lambda s: timeline.iter_timeline(s, "S-1", first_page=-1), "first_page"),
        (lambda s: cases.sweep_cases(s, filter=1), "filter"),
    ],
)
async def test_a_bad_walk_is_refused_where_it_is_made(walk, argument, session):
    with pytest.raises(InvalidArgumentError) as caught:
        walk(session)
    assert caught.value.argument == argument


ACCEPTED = [
    (lambda s: cases.update_status(s, "S-1", status_name="Triage"), {"status_name": "Triage"}),
    (lambda s: cases.update_priority(s, "S-1", priority=Priority("P9")), {"priority": "P9"}),
    (lambda s: cases.update_case_due_date(s, "S-1", due_date=None), {"due_date": None}),
    (lambda s: cases.update_case_description(s, "S-1", description=""), {"description": ""}),
    (lambda s: cases.update_attributes(s, "S-1", attributes={"env": ()}), {"attributes": {"env": []}}),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value="a"),
        {"type": "TEXT", "value": "a", "is_multi": False},
    ),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=(1, 2.5)),
        {"type": "NUMBER", "value": [1, 2.5], "is_multi": True},
    ),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=[], type=CustomAttributeType.SELECT),
        {"type": "SELECT", "value": [], "is_multi": True},
    ),
    (
        lambda s: cases.update_case_custom_attribute(s, "S-1", "k", value=1, type=CustomAttributeType("DURATION")),
        {"type": "DURATION", "value": 1, "is_multi": False},
    ),
    (
        lambda s: cases.create_case(
            s,
            **CREATE,
            custom_attributes={"a": ["x"], "b": CustomAttribute(CustomAttributeType.URL, "https://x", False)},
        ),
        {
            "title": "t",
            "type_id": "t",
            "custom_attributes": {
                "a": {"type": "TEXT", "value": ["x"], "is_multi": True},
                "b": {"type": "URL", "value": "https://x", "is_multi": False},
            },
        },
    ),
]


@pytest.mark.parametrize(("call", "attributes"), ACCEPTED)
async def test_what_is_sent_says_what_was_meant(call, attributes, wire, session):
    wire.answer(200, {"data": {"type": "case", "id": "1", "attributes": {}}})
    await call(session)
    assert wire.last.json["data"]["attributes"] == attributes


async def test_a_time_in_another_zone_is_the_same_moment_on_the_wire(wire, session):
    wire.answer(200, {"data": {"type": "maintenance_window", "id": "1", "attributes": {**WINDOW_ON_THE_WIRE}}})
    berlin = timezone(timedelta(hours=2))
    await maintenance_windows.update_maintenance_window(session, "w", start_at=NOON.astimezone(berlin))
    (sent,) = wire.last.json["data"]["attributes"].values()
    assert datetime.fromisoformat(sent) == NOON


WINDOW_ON_THE_WIRE = {
    "name": "n",
    "query": "q",
    "start_at": "2026-06-01T12:00:00Z",
    "end_at": "2026-06-01T13:00:00Z",
}


async def test_a_relationship_we_do_not_know_can_be_sent_on_purpose(wire, session):
    wire.answer(201, {"data": {"type": "link", "id": "1", "attributes": {**LINK, **LINK_TYPES}}})
    link = await links.create_case_link(session, **LINK, relationship=LinkRelationship("FRIEND_OF"))
    assert wire.last.json["data"]["attributes"]["relationship"] == "FRIEND_OF"
    assert link.relationship == LinkRelationship("FRIEND_OF")


LINK_TYPES = {"parent_entity_type": "CASE", "child_entity_type": "CASE", "relationship": "FRIEND_OF"}
