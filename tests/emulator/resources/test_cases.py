"""What the operations do to a case, as later answers show it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from emulator_calls import NOBODY, Desk

MONITOR = {"type": "MONITOR", "ref": "/monitors/1", "resource_id": "1"}
EVENT = {"type": "EVENT", "ref": "/event/2", "resource_id": "2"}


def test_a_fresh_case_carries_what_recorded_ones_do(desk: Desk) -> None:
    case = desk.create("Fresh", priority="P2", description="D")
    given = case["attributes"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.477244Z", given["created_at"])
    assert (given["key"], given["priority"], given["description"]) == ("OPS-1", "P2", "D")
    assert given["internal_id"] == case["id"]
    assert given["public_id"].isdecimal()
    assert (given["status"], given["type"], given["creation_source"]) == ("OPEN", "STANDARD", "MANUAL")
    assert (given["comment_count"], given["insights"], given["merge_status"]) == (0, [], "NOT_MERGED")
    assert (given["status_name"], given["status_group"]) == ("Open", "SG_OPEN")
    assert not {"modified_at", "closed_at", "archived_at", "due_date", "created_by_author"} & set(given)
    assert set(case["relationships"]) == {"created_by", "project"}


def test_a_case_is_found_by_id_and_by_key(desk: Desk) -> None:
    case = desk.create()
    for address in (case["id"], case["id"].upper(), "OPS-1"):
        assert desk.ask("get_case", address).data["id"] == case["id"]
    for address in ("OPS-2", "ops-1", "OPS", "", "..", NOBODY):
        assert desk.ask("get_case", address).status == 404


def test_keys_count_up_by_project(desk: Desk) -> None:
    keys = [desk.create(project=project)["attributes"]["key"] for project in ("OPS", "SEC", "OPS", "SEC")]
    assert keys == ["OPS-1", "SEC-1", "OPS-2", "SEC-2"]


def test_a_move_changes_the_key_for_good(desk: Desk) -> None:
    case = desk.create()
    moved = desk.ask(
        "move_case_to_project", "OPS-1", body={"data": {"id": desk.project("SEC"), "type": "project"}}
    ).data
    assert (moved["id"], moved["attributes"]["key"]) == (case["id"], "SEC-1")
    assert moved["relationships"]["project"]["data"]["id"] == desk.project("SEC")
    assert desk.ask("get_case", "OPS-1").status == 404
    assert desk.create()["attributes"]["key"] == "OPS-2"
    assert desk.titles("project:SEC") == ["A case"]
    before = len(desk.store.effects)
    desk.ask("move_case_to_project", "SEC-1", body={"data": {"id": desk.project("SEC"), "type": "project"}})
    assert (desk.get("SEC-1")["key"], len(desk.store.effects)) == ("SEC-1", before)


def test_status_sets_and_clears_closed_at(desk: Desk) -> None:
    desk.create()
    closed = desk.send("update_status", "OPS-1", status="CLOSED").data["attributes"]
    assert (closed["status_name"], closed["status_group"]) == ("Closed", "SG_CLOSED")
    assert closed["closed_at"] <= closed["modified_at"]
    resolved = desk.send("update_status", "OPS-1", status="RESOLVED").data["attributes"]
    assert resolved["closed_at"] == closed["closed_at"]
    opened = desk.send("update_status", "OPS-1", status_name="In Progress").data["attributes"]
    assert (opened["status"], opened["status_group"]) == ("IN_PROGRESS", "SG_IN_PROGRESS")
    assert "closed_at" not in opened


def test_a_case_may_be_born_with_a_status_name(desk: Desk) -> None:
    given = desk.create(status_name="Closed")["attributes"]
    assert (given["status"], given["status_name"]) == ("CLOSED", "Closed")
    assert given["closed_at"] == given["created_at"]


def test_changes_name_the_one_who_made_them(desk: Desk) -> None:
    desk.create()
    changed = desk.send("update_case_title", "OPS-1", title="New")
    assert changed.data["relationships"]["modified_by"]["data"]["id"] == desk.store.me
    first = changed.data["attributes"]["modified_at"]
    assert desk.send("update_case_title", "OPS-1", title="New").data["attributes"]["modified_at"] == first
    assert desk.send("update_case_title", "OPS-1", title="Newer").data["attributes"]["modified_at"] > first


def test_assignment_and_the_users_beside_it(desk: Desk) -> None:
    user = list(desk.store.users)[4]
    assert desk.create(assignee=user)["relationships"]["assignee"]["data"]["id"] == user
    other = list(desk.store.users)[5]
    answer = desk.send("assign_case", "OPS-1", assignee_id=other.upper())
    assert answer.data["relationships"]["assignee"]["data"] == {"id": other, "type": "user"}
    assert {user["id"] for user in answer.json["included"]} == {desk.store.me, other}
    stranger = desk.send("assign_case", "OPS-1", assignee_id=NOBODY)
    assert stranger.data["relationships"]["assignee"]["data"]["id"] == NOBODY
    unknown = {"active": False, "email": "", "handle": "", "name": ""}
    assert {"id": NOBODY, "type": "user", "attributes": unknown} in stranger.json["included"]
    assert "assignee" not in desk.send("unassign_case", "OPS-1").data["relationships"]


def test_archived_cases_leave_searches_and_come_back(desk: Desk) -> None:
    desk.create()
    archived = desk.send("archive_case", "OPS-1").data["attributes"]["archived_at"]
    assert desk.send("archive_case", "OPS-1").data["attributes"]["archived_at"] == archived
    assert desk.titles() == desk.titles("key:OPS-1") == []
    assert desk.ask("count_cases").data["attributes"]["total"] == 0
    assert desk.get("OPS-1")["archived_at"] == archived
    assert "archived_at" not in desk.send("unarchive_case", "OPS-1").data["attributes"]
    assert desk.titles() == ["A case"]


def test_labels_are_replaced_as_a_whole(desk: Desk) -> None:
    desk.create()
    desk.send("update_attributes", "OPS-1", attributes={"env": ["a", "b"], "team": ["x"]})
    assert desk.send("update_attributes", "OPS-1", attributes={"env": ["c"]}).data["attributes"]["attributes"] == {
        "env": ["c"]
    }
    assert desk.titles("env:c") == ["A case"]
    assert desk.titles("env:a OR team:x") == []


@pytest.mark.parametrize(
    "value",
    [
        {"type": "TEXT", "is_multi": False, "value": "x"},
        {"type": "URL", "is_multi": True, "value": ["https://example.com"]},
        {"type": "SELECT", "is_multi": False, "value": ""},
        {"type": "NUMBER", "is_multi": False, "value": 2},
        {"type": "NUMBER", "is_multi": True, "value": [1.5, -2]},
    ],
)
def test_custom_attributes_keep_their_type(desk: Desk, value: dict[str, Any]) -> None:
    desk.create()
    desk.simulation.add_custom_attribute("a key/ü", value["type"], is_multi=value["is_multi"])
    desk.send("update_case_custom_attribute", "OPS-1", "a key/ü", **value)
    assert desk.get("OPS-1")["custom_attributes"] == {"a key/ü": value}
    assert desk.ask("delete_case_custom_attribute", "OPS-1", "a key/ü").data["attributes"]["custom_attributes"] == {}


def test_due_date_and_resolved_reason(desk: Desk) -> None:
    desk.create()
    assert (
        desk.send("update_case_due_date", "OPS-1", due_date="2026-12-31").data["attributes"]["due_date"] == "2026-12-31"
    )
    assert "due_date" not in desk.send("update_case_due_date", "OPS-1", due_date=None).data["attributes"]
    reason = desk.send("update_case_resolved_reason", "OPS-1", security_resolved_reason="FALSE_POSITIVE")
    assert reason.data["attributes"]["security_resolved_reason"] == "FALSE_POSITIVE"


def test_insights_are_added_once_and_removed(desk: Desk) -> None:
    desk.create()
    desk.send("add_case_insights", "OPS-1", insights=[MONITOR, EVENT])
    changed = {**MONITOR, "ref": "/monitors/1?new"}
    assert desk.send("add_case_insights", "OPS-1", insights=[changed]).data["attributes"]["insights"] == [
        changed,
        EVENT,
    ]
    left = desk.send("remove_case_insights", "OPS-1", insights=[MONITOR, MONITOR])
    assert left.data["attributes"]["insights"] == [EVENT]
    many = [{**MONITOR, "resource_id": str(number)} for number in range(100)]
    assert len(desk.send("add_case_insights", "OPS-1", insights=many).data["attributes"]["insights"]) == 101


def bulk(desk: Desk, kind: str, *addresses: str, **payload: str) -> int:
    attributes = {"case_ids": list(addresses), "type": kind, "payload": payload}
    answer = desk.ask("bulk_update_cases", body={"data": {"type": "bulk", "attributes": attributes}})
    assert answer.json is None
    return answer.status


def test_bulk_of_all_ten_kinds(desk: Desk) -> None:
    ids = [desk.create()["id"], desk.create()["id"], "OPS-1", NOBODY]
    user = list(desk.store.users)[2]

    def both(name: str) -> list[Any]:
        return [desk.get("OPS-1").get(name), desk.get("OPS-2").get(name)]

    assert bulk(desk, "priority", *ids, priority="P4") == 200
    assert both("priority") == ["P4", "P4"]
    assert bulk(desk, "status", *ids, status="CLOSED") == 200
    assert both("status") == ["CLOSED", "CLOSED"]
    assert bulk(desk, "assign", *ids, assignee_id=user) == 200
    assert desk.titles("assignee_id:*") == ["A case"] * 2
    assert bulk(desk, "unassign", *ids) == 200
    assert desk.titles("assignee_id:*") == []
    assert bulk(desk, "archive", *ids) == 200
    assert desk.titles() == []
    assert bulk(desk, "unarchive", *ids) == 200
    assert len(desk.titles()) == 2
    assert bulk(desk, "jira", ids[0], project_id="1", issue_type_id="2", jira_account_id="3") == 200
    assert [issue and issue["status"] for issue in both("jira_issue")] == ["COMPLETED", None]
    assert bulk(desk, "servicenow", ids[0], instance_name="it") == 200
    assert both("service_now_ticket")[0]["result"]["sys_target_link"].startswith("https://it.service-now.com/")
    assert bulk(desk, "linear", ids[0]) == 200
    assert desk.store.effects[-1].detail == {"case": ids[0], "system": "linear"}
    assert bulk(desk, "update_project", ids[0], ids[1], project_id=desk.project("SEC")) == 200
    assert len(desk.titles("project:SEC")) == 2


def test_a_bulk_leaves_one_effect_for_each_case_it_changed(desk: Desk) -> None:
    desk.create(priority="P1")
    other = desk.create()["id"]
    before = len(desk.store.effects)
    bulk(desk, "priority", "OPS-1", "OPS-2", NOBODY, priority="P1")
    assert [(effect.entity, effect.kind, effect.detail) for effect in desk.store.effects[before:]] == [
        (other, "update", {"priority": "P1"})
    ]
