"""Automation rules: what a project does by itself when something happens to a case. They are kept, not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, bad_request, data_of, filled, one_of, text
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Resource, stamp

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World


def both_cases(*values: str) -> tuple[str, ...]:
    """The reference writes these in lower case, its later revisions in capitals."""
    return (*values, *map(str.upper, values))


ACTION_TYPE = one_of(both_cases("execute_workflow", "assign_agent"), "action type")
TRIGGER_TYPE = one_of(
    both_cases(
        "case_created", "status_transitioned", "attribute_value_changed", "event_correlation_signal_correlated",
        "case_review_approved", "comment_added",
    ),
    "trigger type",
)  # fmt: skip
NEEDED = {"execute_workflow": ("handle",), "assign_agent": ("agent_type", "assigned_agent_id")}
TEXTS = checks.map_of(text)
STATE = one_of(("ENABLED", "DISABLED"), "state")


def action(value: Any, name: str) -> dict[str, Any]:
    """Accept an action that has the data its type needs."""
    given: dict[str, Any] = checks.object_of({"type": ACTION_TYPE, "data": TEXTS})(value, name)
    for needed in NEEDED[given["type"].lower()]:
        if not given["data"].get(needed):
            bad_request(f"{name}.data.{needed} is required for type {given['type']}")
    return given


RULE = {"name": filled, "action": action, "trigger": checks.object_of({"type": TRIGGER_TYPE}, {"data": TEXTS})}


def rules_of(world: World, request: Request) -> dict[str, Resource]:
    """The rules of the project that the path names, by id."""
    project = world.project(request.ids["project_id"])
    return world.state.automation_rules.setdefault(project["id"], {})


def named_rule(world: World, request: Request) -> Resource:
    """The rule that the path names."""
    return rules_of(world, request).get(checks.uuid_path(request, "rule_id")) or checks.not_found("automation rule")


def list_case_automation_rules(world: World, request: Request) -> Reply:
    """List automation rules: `GET /api/v2/cases/projects/{project_id}/rules`."""
    return Reply(200, {"data": list(rules_of(world, request).values())})


def create_case_automation_rule(world: World, request: Request) -> Reply:
    """Create an automation rule: `POST /api/v2/cases/projects/{project_id}/rules`."""
    given = attributes_of(data_of(request, "rule"), RULE, {"state": STATE})
    rules = rules_of(world, request)
    rule: Resource = {
        "id": world.uuid(),
        "type": "rule",
        "attributes": {"state": "ENABLED", **given, "created_at": stamp(world.now())},
        "relationships": {"created_by": {"data": {"id": world.me, "type": "user"}}},
    }
    rules[rule["id"]] = rule
    world.effect("create", rule["id"], project=request.ids["project_id"], name=given["name"])
    return Reply(201, {"data": rule})


def get_case_automation_rule(world: World, request: Request) -> Reply:
    """Get an automation rule: `GET /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    return Reply(200, {"data": named_rule(world, request)})


def edit(world: World, rule: Resource, given: dict[str, Any]) -> Reply:
    """Change a rule and answer it."""
    if {**rule["attributes"], **given} != rule["attributes"]:
        rule["attributes"] = {**rule["attributes"], **given, "modified_at": stamp(world.now())}
        rule["relationships"] = {
            **rule["relationships"],
            "modified_by": {"data": {"id": world.me, "type": "user"}},
        }
        world.effect("update", rule["id"], **given)
    return Reply(200, {"data": rule})


def update_case_automation_rule(world: World, request: Request) -> Reply:
    """Update an automation rule: `PUT /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    data = data_of(request, "rule")
    given = attributes_of(data, RULE, {"state": STATE}) if "attributes" in data else {}
    return edit(world, named_rule(world, request), given)


def delete_case_automation_rule(world: World, request: Request) -> Reply:
    """Delete an automation rule: `DELETE /api/v2/cases/projects/{project_id}/rules/{rule_id}`."""
    rule = named_rule(world, request)
    del rules_of(world, request)[rule["id"]]
    world.effect("delete", rule["id"], project=request.ids["project_id"])
    return Reply(204)


def enable_case_automation_rule(world: World, request: Request) -> Reply:
    """Enable an automation rule: `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/enable`."""
    return edit(world, named_rule(world, request), {"state": "ENABLED"})


def disable_case_automation_rule(world: World, request: Request) -> Reply:
    """Disable an automation rule: `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/disable`."""
    return edit(world, named_rule(world, request), {"state": "DISABLED"})
