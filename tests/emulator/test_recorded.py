"""What recordings of the live service show, one line a fact; the emulator answers in the same way.

Each entry is a sentence and a check. The checks speak to the simulation in process; what concerns HTTP itself is in
`http/test_recorded_http.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from emulator_calls import NOBODY, TYPE_ID, Answer, Desk

from casemgmt_async.emulator.state.records import STATUSES

Check = Callable[[Desk], None]
FACTS: dict[str, Check] = {}
ERROR_TRACKING = "00000000-0000-0000-0000-000000000005"


def fact(sentence: str) -> Callable[[Check], Check]:
    """Add a check to the table."""

    def add(check: Check) -> Check:
        assert sentence not in FACTS
        FACTS[sentence] = check
        return check

    return add


@pytest.mark.parametrize("sentence", FACTS)
def test_recorded(sentence: str, desk: Desk) -> None:
    FACTS[sentence](desk)


def refused(answer: Answer, expected: int, /, **error: Any) -> None:
    """The answer has this status and exactly this error."""
    assert (answer.status, answer.error) == (expected, error)


def create_body(desk: Desk, project: str = "", kind: str = "user", **attributes: Any) -> dict[str, Any]:
    """The body of a create_case with an assignee of a JSON:API type."""
    related = {
        "project": {"data": {"id": project or desk.project(), "type": "project"}},
        "assignee": {"data": {"id": desk.store.me, "type": kind}},
    }
    return {
        "data": {
            "type": "case",
            "attributes": {"title": "T", "type_id": TYPE_ID, **attributes},
            "relationships": related,
        }
    }


# Bodies


@fact("created_at of a fresh case has microseconds with trailing zeros cut")
def _(desk: Desk) -> None:
    desk.clock.now = 1_780_000_000.47725
    assert desk.create()["attributes"]["created_at"].endswith(".47725Z")
    desk.clock.now = 1_780_000_001.0
    assert desk.create()["attributes"]["created_at"].endswith(":41Z")


@fact("other timestamps have up to nine digits of fraction, in UTC")
def _(desk: Desk) -> None:
    desk.create()
    archived = desk.send("archive_case", "OPS-1").data["attributes"]["archived_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", archived)


@fact("the type of a case follows from its type_id: STANDARD, ERROR_TRACKING_ISSUE, TUNKNOWN for others")
def _(desk: Desk) -> None:
    own = next(kind.id for kind in desk.store.tables.case_types.values() if not kind.internal)
    shown = [desk.create(type_id=kind)["attributes"]["type"] for kind in (TYPE_ID, ERROR_TRACKING, own)]
    assert shown == ["STANDARD", "ERROR_TRACKING_ISSUE", "TUNKNOWN"]


@fact("the message on a wrong status lists fourteen statuses, in an order that changes from answer to answer")
def _(desk: Desk) -> None:
    desk.create()
    texts = [desk.send("update_status", "OPS-1", status="OPENED").error["detail"] for _ in range(2)]
    lists = [text.removeprefix("invalid status OPENED. Must be one of ").split(", ") for text in texts]
    assert lists[0] != lists[1]
    assert sorted(lists[0]) == sorted(lists[1]) == sorted(STATUSES)
    assert len(STATUSES) == 14


@fact("each status of that list can be set")
def _(desk: Desk) -> None:
    desk.create()
    for status in STATUSES:
        assert desk.send("update_status", "OPS-1", status=status).data["attributes"]["status"] == status


@fact("insights have six types more than the reference lists")
def _(desk: Desk) -> None:
    desk.create()
    for kind in (
        "SECURITY_FINDING", "INSIGHT_SCORECARD_CAMPAIGN", "RESOURCE_POLICY", "APM_RECOMMENDATION", "SCM_URL",
        "PROFILING_DOWNSIZING_EXPERIMENT",
    ):  # fmt: skip
        insight = {"type": kind, "ref": "/x", "resource_id": kind}
        assert insight in desk.send("add_case_insights", "OPS-1", insights=[insight]).data["attributes"]["insights"]


@fact("every case has comment_count, creation_source, insights, internal_id, public_id and merge_status")
def _(desk: Desk) -> None:
    given = desk.create()["attributes"]
    assert (given["comment_count"], given["creation_source"], given["insights"]) == (0, "MANUAL", [])
    assert given["merge_status"] == "NOT_MERGED"
    assert {"internal_id", "public_id"} <= set(given)


@fact("internal_id is the case's UUID; public_id is a number, never that in the key, and stays when the case moves")
def _(desk: Desk) -> None:
    case = desk.create()
    assert case["attributes"]["internal_id"] == case["id"]
    public = case["attributes"]["public_id"]
    assert public.isdecimal()
    assert public != case["attributes"]["key"].split("-")[1]
    moved = desk.ask("move_case_to_project", "OPS-1", body={"data": {"id": desk.project("SEC"), "type": "project"}})
    assert moved.data["attributes"]["public_id"] == public


@fact("a freshly created case has no created_by_author; some others have")
def _(desk: Desk) -> None:
    assert "created_by_author" not in desk.create()["attributes"]
    desk.simulation.seed_cases(30)
    authors = [case["attributes"].get("created_by_author") for case in desk.search(size=100).data]
    assert {author is None for author in authors} == {True, False}
    author = next(each for each in authors if each)
    assert set(author["content"]) == {"ID", "name", "email", "handle", "active"}


@fact("a fresh case has no modified_at, closed_at, archived_at or assignee at all")
def _(desk: Desk) -> None:
    case = desk.create()
    assert not {"modified_at", "closed_at", "archived_at", "assignee"} & set(case["attributes"])
    assert "assignee" not in case["relationships"]


@fact("a fresh case has status_name and status_group")
def _(desk: Desk) -> None:
    given = desk.create()["attributes"]
    assert (given["status_name"], given["status_group"]) == ("Open", "SG_OPEN")


@fact("fresh cases recorded earlier lack both, which a switch brings back")
def _(desk: Desk) -> None:
    old = Desk(status_names=False)
    assert not {"status_name", "status_group"} & set(old.create()["attributes"])
    closed = old.send("update_status", "OPS-1", status="CLOSED").data["attributes"]
    assert (closed["status_name"], closed["status_group"]) == ("Closed", "SG_CLOSED")


@fact("included has the users that the relationships point to, also those whom the organisation does not know")
def _(desk: Desk) -> None:
    desk.create()
    answer = desk.send("assign_case", "OPS-1", assignee_id=NOBODY)
    users = {user["id"]: user for user in answer.json["included"]}
    assert set(users) == {desk.store.me, NOBODY}
    assert users[desk.store.me]["type"] == "user"
    assert users[desk.store.me]["attributes"]["active"] is True
    assert users[NOBODY]["attributes"] == {"name": "", "email": "", "handle": "", "active": False}


@fact("comment_case answers a list; a cell has its message as an object and again as JSON text")
def _(desk: Desk) -> None:
    desk.create()
    (cell,) = desk.send("comment_case", "OPS-1", comment="Hi").data
    assert cell["attributes"]["type"] == "COMMENT"
    assert cell["attributes"]["cell_content"] == json.loads(cell["attributes"]["content"]) == {"message": "Hi"}


@fact("the id of a cell's author is called ID, in capitals")
def _(desk: Desk) -> None:
    desk.create()
    content = desk.send("comment_case", "OPS-1", comment="Hi").data[0]["attributes"]["author"]["content"]
    assert (content["ID"], "id" in content) == (desk.store.me, False)
    assert set(content) == {"ID", "name", "email", "handle", "active"}


# Paging


@fact("searches count pages from 1, the timeline from 0")
def _(desk: Desk) -> None:
    desk.create()
    desk.send("comment_case", "OPS-1", comment="Hi")
    first = desk.search(number=1)
    assert (first.json["meta"]["page"]["current"], len(first.data)) == (1, 1)
    assert len(desk.ask("list_case_timeline", "OPS-1", query={"page[number]": "0"}).data) == 1
    assert desk.ask("list_case_timeline", "OPS-1", query={"page[number]": "1"}).data == []


@fact("page.size is the number of cases on this page, page.total the number of pages, total_cases that of cases")
def _(desk: Desk) -> None:
    desk.simulation.seed_cases(25)
    last = desk.search(size=10, number=3).json["meta"]
    assert last == {"page": {"current": 3, "size": 5, "total": 3}, "total_cases": 25}


@fact("a page has at most 100 cases, and 10 if nothing is said")
def _(desk: Desk) -> None:
    desk.simulation.seed_cases(12)
    assert len(desk.search().data) == 10
    assert desk.search(size=101).status == 400


# Search


@fact("quotes search the title alone; words search title and description, but not comments")
def _(desk: Desk) -> None:
    desk.create("Plain title", description="deep leak")
    desk.send("comment_case", "OPS-1", comment="wombat")
    assert desk.titles('"Plain title"') == ["Plain title"]
    assert desk.titles('"deep leak"') == []
    assert desk.titles("deep") == ["Plain title"]
    assert desk.titles("wombat") == []


@fact("operators are case sensitive: `and` is a word")
def _(desk: Desk) -> None:
    desk.create("salt and pepper")
    desk.create("salt pepper")
    assert desk.titles("salt and pepper") == ["salt and pepper"]
    assert desk.titles("salt AND pepper") == ["salt and pepper", "salt pepper"]


@fact("status:closed finds closed cases")
def _(desk: Desk) -> None:
    desk.create("open")
    desk.create("shut")
    desk.send("update_status", "OPS-2", status="CLOSED")
    assert desk.titles("status:closed") == ["shut"]


@fact("only project_id and free text are dependable, which a switch brings; the index can lag behind writes")
def _(desk: Desk) -> None:
    bare = Desk(dead_facets={"*"}, index_lag=2)
    bare.create("leak")
    assert bare.titles() == []
    bare.clock.now += 2
    assert bare.titles(f"project_id:{bare.project()}") == bare.titles("leak") == ["leak"]
    assert bare.titles("status:open") == []


# Identity and limits


@fact("moving a case changes its key and detaches its Jira issue")
def _(desk: Desk) -> None:
    desk.create()
    desk.send("link_jira_issue_to_case", "OPS-1", kind="issues", jira_issue_url="https://j.example.com/browse/A-1")
    assert "jira_issue" in desk.get("OPS-1")
    moved = desk.ask("move_case_to_project", "OPS-1", body={"data": {"id": desk.project("SEC"), "type": "project"}})
    assert moved.data["attributes"]["key"] == "SEC-1"
    assert "jira_issue" not in moved.data["attributes"]


@fact("link look-ups want a UUID")
def _(desk: Desk) -> None:
    desk.create()
    assert desk.ask("list_case_links", query={"entity_type": "CASE", "entity_id": "OPS-1"}).status == 400


@fact("bulk_update_cases answers 200 without a body; its payload maps strings to strings")
def _(desk: Desk) -> None:
    case = desk.create()["id"]
    body = {"type": "bulk", "attributes": {"case_ids": [case], "type": "priority", "payload": {"priority": "P1"}}}
    answer = desk.ask("bulk_update_cases", body={"data": body})
    assert (answer.status, answer.json) == (200, None)
    body["attributes"]["payload"] = {"priority": 1}
    assert desk.ask("bulk_update_cases", body={"data": body}).status == 400


@fact("1 to 100 insights a request, at most 1000 groups, no project with the key CASE")
def _(desk: Desk) -> None:
    desk.create()
    insight = {"type": "MONITOR", "ref": "/x", "resource_id": "1"}
    assert [desk.send("add_case_insights", "OPS-1", insights=[insight] * n).status for n in (0, 100, 101)] == [
        400,
        200,
        400,
    ]
    sizes = [
        desk.send("aggregate_cases", kind="aggregate", group_by={"groups": ["status"], "limit": n}, query_filter="")
        for n in (1000, 1001)
    ]
    assert [each.status for each in sizes] == [200, 400]
    assert desk.send("create_project", kind="project", key="CASE", name="N").status == 400


# Status answers


@fact("create with an unknown project: 404")
def _(desk: Desk) -> None:
    answer = desk.ask("create_case", body=create_body(desk, NOBODY))
    refused(answer, 404, code="resource_not_found", title="project not found")


@fact("create with a relationship of type userx: 400 that names both types")
def _(desk: Desk) -> None:
    answer = desk.ask("create_case", body=create_body(desk, kind="userx"))
    refused(answer, 400, status="400", title="Bad Request", detail='got type "userx" expected one of "user"')


@fact("any case operation on an unknown UUID: 404 case not found")
def _(desk: Desk) -> None:
    for answer in (desk.ask("get_case", NOBODY), desk.send("update_case_title", NOBODY, title="T")):
        refused(answer, 404, code="resource_not_found", title="case not found")


@fact("archive with a body of type project: 400")
def _(desk: Desk) -> None:
    desk.create()
    assert desk.send("archive_case", "OPS-1", kind="project").status == 400


@fact("assign to an id that is no UUID, an empty comment: 400")
def _(desk: Desk) -> None:
    desk.create()
    assert desk.send("assign_case", "OPS-1", assignee_id="invalid-uuid").status == 400
    assert desk.send("comment_case", "OPS-1", comment="").status == 400


@fact("priority P1234: 400, the detail names the allowed values")
def _(desk: Desk) -> None:
    desk.create()
    detail = "invalid priority P1234. Must be one of NOT_DEFINED, P1, P2, P3, P4, P5"
    refused(desk.send("update_priority", "OPS-1", priority="P1234"), 400, title="Generic Error", detail=detail)


@fact("delete a comment twice: 204, then 404")
def _(desk: Desk) -> None:
    desk.create()
    cell = desk.send("comment_case", "OPS-1", comment="Hi").data[0]["id"]
    assert desk.ask("delete_case_comment", "OPS-1", cell).status == 204
    title = "failed to get timeline cell: timeline cell not found"
    refused(desk.ask("delete_case_comment", "OPS-1", cell), 404, code="resource_not_found", title=title)


@fact("a path parameter that is no UUID: 400 Invalid Parameter, with its name")
def _(desk: Desk) -> None:
    desk.create()
    detail = 'invalid parameter "CommentID" in "path"; expected type "uuid"'
    answer = desk.ask("delete_case_comment", "OPS-1", "nonsense")
    refused(answer, 400, status="400", title="Invalid Parameter", detail=detail)
    for name, *ids in (
        ("get_project", "x"), ("get_case_view", "x"), ("delete_case_link", "x"), ("watch_case", "OPS-1", "x"),
        ("list_case_automation_rules", "x"), ("get_project_notification_rules", "x"),
        ("delete_maintenance_window", "x"),
    ):  # fmt: skip
        assert desk.ask(name, *ids).error["title"] == "Invalid Parameter", name


@fact("update an unknown project: 404, failed to get project")
def _(desk: Desk) -> None:
    title = "failed to get project: project not found"
    answer = desk.send("update_project", NOBODY, kind="project", name="N")
    refused(answer, 404, code="resource_not_found", title=title)


@fact("a custom attribute of type FLOAT: 400 without a detail")
def _(desk: Desk) -> None:
    desk.create()
    answer = desk.send("update_case_custom_attribute", "OPS-1", "cost", type="FLOAT", is_multi=False, value=1.5)
    refused(answer, 400, status="400", title="Bad Request")


@fact("set or delete a custom attribute under a key that the case's type has not: 404 with the key in meta")
def _(desk: Desk) -> None:
    desk.create()
    value = {"type": "NUMBER", "is_multi": False, "value": 1.5}
    for answer in (
        desk.send("update_case_custom_attribute", "OPS-1", "invalid_key", **value),
        desk.ask("delete_case_custom_attribute", "OPS-1", "invalid_key"),
        desk.ask("create_case", body=create_body(desk, custom_attributes={"invalid_key": value})),
    ):
        assert (answer.status, answer.error["meta"]) == (404, {"key": "invalid_key"})
    assert desk.send("update_case_custom_attribute", "OPS-1", "cost", **value).status == 200


@fact("delete a configured custom attribute that has no value on the case: 200, the case")
def _(desk: Desk) -> None:
    case = desk.create()
    answer = desk.ask("delete_case_custom_attribute", "OPS-1", "cost")
    assert (answer.status, answer.data["id"]) == (200, case["id"])


@fact("description set to an empty text: 200")
def _(desk: Desk) -> None:
    desk.create(description="D")
    assert desk.send("update_case_description", "OPS-1", description="").data["attributes"]["description"] == ""


@fact("times that are sent back can be read by any RFC 3339 parser")
def _(desk: Desk) -> None:
    desk.simulation.seed_cases(20)
    for case in desk.search(size=100).data:
        assert datetime.fromisoformat(case["attributes"]["created_at"]).tzinfo is not None
