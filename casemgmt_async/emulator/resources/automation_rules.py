"""Automation rules: actions that run when a case changes. The emulator stores them and does not run them."""

from __future__ import annotations

from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, one_of, text
from casemgmt_async.emulator.state.records import Resource, stamp
from casemgmt_async.emulator.state.store import Store


def either_case(*values: str) -> tuple[str, ...]:
    """Accept both spellings: the reference uses lower case, its later revisions capitals."""
    return (*values, *map(str.upper, values))


ACTION_TYPE = one_of(either_case("execute_workflow", "assign_agent"), "action type")
TRIGGER_TYPE = one_of(
    either_case(
        "case_created", "status_transitioned", "attribute_value_changed", "event_correlation_signal_correlated",
        "case_review_approved", "comment_added",
    ),
    "trigger type",
)  # fmt: skip
REQUIRED_DATA = {"execute_workflow": ("handle",), "assign_agent": ("agent_type", "assigned_agent_id")}
TEXTS = checks.map_of(text)
STATE = one_of(("ENABLED", "DISABLED"), "state")


def action(value: Any, name: str) -> dict[str, Any]:
    """Accept an action with the data that its type requires."""
    given: dict[str, Any] = checks.object_of({"type": ACTION_TYPE, "data": TEXTS})(value, name)
    for needed in REQUIRED_DATA[given["type"].lower()]:
        if not given["data"].get(needed):
            bad_request(f"{name}.data.{needed} is required for type {given['type']}")
    return given


RULE = {"name": filled, "action": action, "trigger": checks.object_of({"type": TRIGGER_TYPE}, {"data": TEXTS})}


def rules_of(store: Store, request: ApiRequest) -> dict[str, Resource]:
    """The rules of the project that the path names, by id."""
    project = store.project(checks.uuid_path(request, "project_id"))
    return store.tables.automation_rules.setdefault(project["id"], {})


def addressed_rule(store: Store, request: ApiRequest) -> Resource:
    """The rule that the path names."""
    return rules_of(store, request).get(checks.uuid_path(request, "rule_id")) or not_found("automation rule")


def list_case_automation_rules(store: Store, request: ApiRequest) -> Reply:
    """List automation rules: `GET /api/v2/cases/projects/{project_id}/rules`."""
    return Reply(200, {"data": list(rules_of(store, request).values())})


def create_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Create an automation rule: `POST /api/v2/cases/projects/{project_id}/rules`."""
    given = attributes_of(data_of(request, "rule"), RULE, {"state": STATE})
    rules = rules_of(store, request)
    rule: Resource = {
        "id": store.uuid(),
        "type": "rule",
        "attributes": {"state": "ENABLED", **given, "created_at": stamp(store.now())},
        "relationships": {"created_by": {"data": {"id": store.me, "type": "user"}}},
    }
    rules[rule["id"]] = rule
    store.effect("create", rule["id"], project=request.ids["project_id"], name=given["name"])
    return Reply(201, {"data": rule})


def get_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Get an automation rule: `GET /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    return Reply(200, {"data": addressed_rule(store, request)})


def edit(store: Store, rule: Resource, given: dict[str, Any]) -> Reply:
    """Change a rule and answer with it."""
    if {**rule["attributes"], **given} != rule["attributes"]:
        rule["attributes"] = {**rule["attributes"], **given, "modified_at": stamp(store.now())}
        rule["relationships"] = {
            **rule["relationships"],
            "modified_by": {"data": {"id": store.me, "type": "user"}},
        }
        store.effect("update", rule["id"], **given)
    return Reply(200, {"data": rule})


def update_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Update an automation rule: `PUT /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    data = data_of(request, "rule")
    given = attributes_of(data, RULE, {"state": STATE}) if "attributes" in data else {}
    return edit(store, addressed_rule(store, request), given)


def delete_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Delete an automation rule: `DELETE /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    rule = addressed_rule(store, request)
    del rules_of(store, request)[rule["id"]]
    store.effect("delete", rule["id"], project=request.ids["project_id"])
    return Reply(204)


def enable_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Enable an automation rule: `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/enable`."""
    return edit(store, addressed_rule(store, request), {"state": "ENABLED"})


def disable_case_automation_rule(store: Store, request: ApiRequest) -> Reply:
    """Disable an automation rule: `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/disable`."""
    return edit(store, addressed_rule(store, request), {"state": "DISABLED"})
