"""Notification rules: recipients of notifications, by event. The emulator stores them and sends no notifications."""

from __future__ import annotations

from casemgmt_async.emulator.messages import ApiRequest, Reply, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, boolean, data_of, one_of, text
from casemgmt_async.emulator.state.records import Resource
from casemgmt_async.emulator.state.store import Store

TEXTS = checks.map_of(text)
RECIPIENT = one_of(("SLACK_CHANNEL", "EMAIL", "HTTP", "PAGERDUTY_SERVICE", "MS_TEAMS_CHANNEL"), "recipient type")
TRIGGER = one_of(
    ("CASE_CREATED", "STATUS_TRANSITIONED", "ATTRIBUTE_VALUE_CHANGED", "EVENT_CORRELATION_SIGNAL_CORRELATED"),
    "trigger type",
)
RECIPIENTS = checks.list_of(checks.object_of({"type": RECIPIENT}, {"data": TEXTS}))
TRIGGERS = checks.list_of(checks.object_of({"type": TRIGGER}, {"data": TEXTS}))
LISTS = {"recipients": RECIPIENTS, "triggers": TRIGGERS}
REST = {"is_enabled": boolean, "query": text}


def rules_of(store: Store, request: ApiRequest) -> dict[str, Resource]:
    """The rules of the project that the path names, by id."""
    project = store.project(checks.uuid_path(request, "project_id"))
    return store.tables.notification_rules.setdefault(project["id"], {})


def addressed_rule(store: Store, request: ApiRequest) -> Resource:
    """The rule that the path names."""
    rule_id = checks.uuid_path(request, "notification_rule_id")
    return rules_of(store, request).get(rule_id) or not_found("notification rule")


def get_project_notification_rules(store: Store, request: ApiRequest) -> Reply:
    """Get notification rules: `GET /api/v2/cases/projects/{project_id}/notification_rules`."""
    return Reply(200, {"data": list(rules_of(store, request).values())})


def create_project_notification_rule(store: Store, request: ApiRequest) -> Reply:
    """Create a notification rule: `POST /api/v2/cases/projects/{project_id}/notification_rules`."""
    given = attributes_of(data_of(request, "notification_rule"), LISTS, REST)
    rules = rules_of(store, request)
    rule: Resource = {
        "id": store.uuid(),
        "type": "notification_rule",
        "attributes": {"is_enabled": True, "query": "", **given},
    }
    rules[rule["id"]] = rule
    store.effect("create", rule["id"], project=request.ids["project_id"])
    return Reply(201, {"data": rule})


def update_project_notification_rule(store: Store, request: ApiRequest) -> Reply:
    """Update a notification rule: `PUT .../notification_rules/{notification_rule_id}`."""
    given = attributes_of(data_of(request, "notification_rule"), {}, {**LISTS, **REST})
    rule = addressed_rule(store, request)
    if {**rule["attributes"], **given} != rule["attributes"]:
        rule["attributes"] = {**rule["attributes"], **given}
        store.effect("update", rule["id"], **given)
    return Reply(204)


def delete_project_notification_rule(store: Store, request: ApiRequest) -> Reply:
    """Delete a notification rule: `DELETE .../notification_rules/{notification_rule_id}`."""
    rule = addressed_rule(store, request)
    del rules_of(store, request)[rule["id"]]
    store.effect("delete", rule["id"], project=request.ids["project_id"])
    return Reply(204)
