"""All 66 operations answer with the documented status and shape; what was recorded as refused is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from emulator_calls import BY_NAME, NOBODY, TYPE_ID, Answer, Desk
from operation_scenes import CALLS, INSIGHT, NOTIFY, RULE, Call, Scene, bulk

from casemgmt_async.emulator.messages import BAD_JSON
from casemgmt_async.emulator.resources import HANDLERS
from casemgmt_async.routes import NEIGHBOURS, ROUTES

OPERATIONS = json.loads((Path(__file__).parents[2] / "data" / "operations.json").read_text())
BY_ID = {operation["operation_id"]: operation for operation in OPERATIONS}


def test_every_route_has_a_handler_and_a_call() -> None:
    assert set(CALLS) == set(BY_ID) == {route.name for route in ROUTES}
    assert set(HANDLERS) == set(BY_NAME) == {route.name for route in (*ROUTES, *NEIGHBOURS)}


@pytest.mark.parametrize("name", CALLS)
def test_success_has_the_documented_status_and_shape(name: str) -> None:
    answer = CALLS[name](Scene())
    documented = BY_ID[name]
    assert answer.status in documented["success"]
    example = documented["response_example"]
    if example is None:
        assert answer.json is None
        return
    given, shown = answer.data, example["data"]
    assert isinstance(given, list) == isinstance(shown, list)
    if isinstance(shown, list):
        assert given, "the scene has something to list"
        given, shown = given[0], shown[0]
    assert given["type"] == shown["type"]
    assert set(shown) <= set(given) | {"relationships"}
    for attribute, value in given.get("attributes", {}).items():
        if attribute in shown.get("attributes", {}):
            assert value is not None, f"{attribute} is absent where it is not set, never null"


CASE_BODIES = {
    "update_case_title": {"title": "T"},
    "update_case_description": {"description": "D"},
    "update_status": {"status": "OPEN"},
    "update_priority": {"priority": "P1"},
    "assign_case": {"assignee_id": NOBODY},
    "unassign_case": {},
    "archive_case": {},
    "unarchive_case": {},
    "update_attributes": {"attributes": {}},
    "update_case_due_date": {"due_date": None},
    "update_case_resolved_reason": {"security_resolved_reason": "R"},
    "add_case_insights": {"insights": [INSIGHT]},
    "remove_case_insights": {"insights": [INSIGHT]},
    "comment_case": {"comment": "C"},
}
BODILESS = ("get_case", "list_case_timeline", "unlink_jira_issue", "list_case_watchers")


@pytest.mark.parametrize("name", [*CASE_BODIES, *BODILESS])
def test_an_unknown_case_is_not_found(name: str, desk: Desk) -> None:
    answer = desk.ask(name, NOBODY) if name in BODILESS else desk.send(name, NOBODY, **CASE_BODIES[name])
    assert answer.status == 404
    assert answer.error == {"code": "resource_not_found", "title": "case not found"}


@pytest.mark.parametrize("name", [name for name, row in BY_ID.items() if row["body_required"]])
@pytest.mark.parametrize("body", [None, BAD_JSON, [], {}, {"data": []}, {"data": {"type": "nonsense"}}])
def test_a_body_that_is_none_is_refused(name: str, body: Any, desk: Desk) -> None:
    ids = [NOBODY] * len(BY_NAME[name].parameters)
    answer = desk.ask(name, *ids, body=body)
    assert answer.status == 400
    assert answer.error["title"] == "Bad Request"


def refused(call: Call) -> Answer:
    """The answer to a call, which must have changed nothing."""
    scene = Scene()
    before = len(scene.desk.store.effects)
    answer = call(scene)
    assert len(scene.desk.store.effects) == before
    return answer


REFUSED: list[tuple[str, Call, int]] = [
    ("archive with another type", lambda at: at.desk.send("archive_case", at.case, kind="project"), 400),
    ("assignee that is no UUID", lambda at: at.desk.send("assign_case", at.case, assignee_id="invalid-uuid"), 400),
    ("empty comment", lambda at: at.desk.send("comment_case", at.case, comment=""), 400),
    ("empty title", lambda at: at.desk.send("update_case_title", at.case, title=" "), 400),
    ("title that is no text", lambda at: at.desk.send("update_case_title", at.case, title=1), 400),
    ("priority P1234", lambda at: at.desk.send("update_priority", at.case, priority="P1234"), 400),
    ("status OPENED", lambda at: at.desk.send("update_status", at.case, status="OPENED"), 400),
    ("no status at all", lambda at: at.desk.send("update_status", at.case, other=1), 400),
    ("status name", lambda at: at.desk.send("update_status", at.case, status_name="Opened"), 400),
    ("cell id that is no UUID", lambda at: at.desk.ask("delete_case_comment", at.case, "nonsense"), 400),
    ("cell of another case", lambda at: at.desk.ask("delete_case_comment", at.other, at.cell), 404),
    ("unknown project", lambda at: at.desk.send("update_project", NOBODY, kind="project", name="x"), 404),
    (
        "custom attribute FLOAT",
        lambda at: at.desk.send("update_case_custom_attribute", at.case, "k", type="FLOAT", is_multi=False, value=1),
        400,
    ),
    (
        "text for a number",
        lambda at: at.desk.send("update_case_custom_attribute", at.case, "k", type="NUMBER", is_multi=False, value="1"),
        400,
    ),
    (
        "one for many",
        lambda at: at.desk.send("update_case_custom_attribute", at.case, "k", type="TEXT", is_multi=True, value="1"),
        400,
    ),
    ("custom attribute not there", lambda at: at.desk.ask("delete_case_custom_attribute", at.case, "no"), 404),
    ("due date with a time", lambda at: at.desk.send("update_case_due_date", at.case, due_date="2026-12-31T00"), 400),
    ("due date that is none", lambda at: at.desk.send("update_case_due_date", at.case, due_date="2026-02-30"), 400),
    ("no insights", lambda at: at.desk.send("add_case_insights", at.case, insights=[]), 400),
    ("101 insights", lambda at: at.desk.send("add_case_insights", at.case, insights=[INSIGHT] * 101), 400),
    ("labels that are no lists", lambda at: at.desk.send("update_attributes", at.case, attributes={"a": "b"}), 400),
    ("page size 101", lambda at: at.desk.search(size=101), 400),
    ("page size 0", lambda at: at.desk.search(size=0), 400),
    ("page 0", lambda at: at.desk.search(number=0), 400),
    ("page that is no number", lambda at: at.desk.search(number="two"), 400),
    ("sort field", lambda at: at.desk.search(field="title"), 400),
    ("sort direction", lambda at: at.desk.search(asc="up"), 400),
    ("timeline page", lambda at: at.desk.ask("list_case_timeline", at.case, query={"page[number]": "-1"}), 400),
    ("ill-formed query", lambda at: at.desk.search("status:("), 400),
    ("bulk kind", lambda at: bulk(at, "delete"), 400),
    ("bulk of nothing", lambda at: bulk(at, "archive", []), 400),
    ("bulk priority", lambda at: bulk(at, "priority", priority="P9"), 400),
    ("bulk without its payload", lambda at: bulk(at, "assign"), 400),
    ("bulk to an unknown project", lambda at: bulk(at, "update_project", project_id=NOBODY), 404),
    ("move to an unknown project", lambda at: at.related("move_case_to_project", "project", NOBODY), 404),
    (
        "second Jira issue",
        lambda at: at.desk.send(
            "link_jira_issue_to_case", at.other, kind="issues", jira_issue_url="https://j.example.com/browse/B-1"
        ),
        409,
    ),
    ("no Jira issue to unlink", lambda at: at.desk.ask("unlink_jira_issue", at.case), 404),
    ("watcher that is no UUID", lambda at: at.desk.ask("watch_case", at.case, "me"), 400),
    ("links of nothing", lambda at: at.desk.ask("list_case_links"), 400),
    (
        "links by key",
        lambda at: at.desk.ask("list_case_links", query={"entity_type": "CASE", "entity_id": "OPS-1"}),
        400,
    ),
    ("link not there", lambda at: at.desk.ask("delete_case_link", NOBODY), 404),
    (
        "link without a case",
        lambda at: at.desk.send(
            "create_case_link",
            kind="link",
            **{**at.link_body, "parent_entity_type": "PAGE", "child_entity_type": "INCIDENT"},
        ),
        400,
    ),
    ("project key CASE", lambda at: at.desk.send("create_project", kind="project", key="CASE", name="x"), 400),
    ("project key taken", lambda at: at.desk.send("create_project", kind="project", key="OPS", name="x"), 400),
    ("project without a name", lambda at: at.desk.send("create_project", kind="project", key="X"), 400),
    (
        "rule without its handle",
        lambda at: at.desk.send(
            "create_case_automation_rule",
            at.project,
            kind="rule",
            **{**RULE, "action": {"type": "execute_workflow", "data": {}}},
        ),
        400,
    ),
    ("rule of another project", lambda at: at.desk.ask("get_case_automation_rule", at.empty, at.rule), 404),
    (
        "recipient type",
        lambda at: at.desk.send(
            "create_project_notification_rule",
            at.project,
            kind="notification_rule",
            **{**NOTIFY, "recipients": [{"type": "PIGEON"}]},
        ),
        400,
    ),
    ("views of nothing", lambda at: at.desk.ask("list_case_views"), 400),
    (
        "view with an ill-formed query",
        lambda at: at.desk.send("create_case_view", kind="view", name="V", query="(", project_id=at.project),
        400,
    ),
    ("view not there", lambda at: at.desk.ask("get_case_view", NOBODY), 404),
    (
        "window that ends first",
        lambda at: at.desk.send(
            "update_maintenance_window", at.window, kind="maintenance_window", end_at="2026-05-31T00:00:00Z"
        ),
        400,
    ),
    (
        "aggregate of 1001 groups",
        lambda at: at.desk.send(
            "aggregate_cases", kind="aggregate", group_by={"groups": ["status"], "limit": 1001}, query_filter=""
        ),
        400,
    ),
]


@pytest.mark.parametrize(
    ("call", "status"), [(call, status) for _, call, status in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refusals_change_nothing(call: Call, status: int) -> None:
    answer = refused(call)
    assert answer.status == status
    assert answer.error["title"]


def test_recorded_errors_to_the_letter() -> None:
    scene = Scene()
    desk = scene.desk
    wrong = desk.send("archive_case", scene.case, kind="project").error
    assert wrong == {"status": "400", "title": "Bad Request", "detail": 'got type "project" expected one of "case"'}
    priority = desk.send("update_priority", scene.case, priority="P1234").error
    allowed = "NOT_DEFINED, P1, P2, P3, P4, P5"
    assert priority == {"title": "Generic Error", "detail": f"invalid priority P1234. Must be one of {allowed}"}
    assert "ACKNOWLEDGED" in desk.send("update_status", scene.case, status="OPENED").error["detail"]
    assert desk.ask("delete_case_comment", scene.case, scene.cell).status == 204
    again = desk.ask("delete_case_comment", scene.case, scene.cell)
    assert (again.status, again.error["title"]) == (404, "failed to get timeline cell: timeline cell not found")
    assert desk.ask("update_case_comment", scene.case, "x", body={
        "data": {"type": "case", "attributes": {"comment": "c"}}
    }).error["title"] == "Invalid Parameter"  # fmt: skip
    project = {"data": {"id": NOBODY, "type": "project"}}
    data = {"type": "case", "attributes": {"title": "T", "type_id": TYPE_ID}, "relationships": {"project": project}}
    unknown = desk.ask("create_case", body={"data": data})
    assert (unknown.status, unknown.error) == (404, {"code": "resource_not_found", "title": "project not found"})
    data["relationships"] = {
        "project": {"data": {"id": scene.project, "type": "project"}},
        "assignee": {"data": {"id": NOBODY, "type": "userx"}},
    }
    typed = desk.ask("create_case", body={"data": data})
    assert (typed.status, typed.error["detail"]) == (400, 'got type "userx" expected one of "user"')
