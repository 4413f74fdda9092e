"""What hangs on cases and projects: comments, watchers, links, tickets, rules, views, windows."""

from __future__ import annotations

import json

from emulator_calls import NOBODY, Desk
from operation_scenes import JIRA, NOTIFY, RULE, WINDOW


def messages(desk: Desk, **query: str) -> list[str]:
    asked = {f"{name[:4]}[{name[5:]}]": value for name, value in query.items()}
    cells = desk.ask("list_case_timeline", "OPS-1", query=asked).data
    return [cell["attributes"]["cell_content"]["message"] for cell in cells]


def test_comments_come_newest_first_and_pages_count_from_zero(desk: Desk) -> None:
    desk.create()
    for number in range(5):
        desk.send("comment_case", "OPS-1", comment=str(number))
    assert messages(desk) == ["4", "3", "2", "1", "0"]
    assert messages(desk, sort_ascending="true", page_size="2") == ["0", "1"]
    assert messages(desk, sort_ascending="true", page_size="2", page_number="0") == ["0", "1"]
    assert messages(desk, page_size="2", page_number="2") == ["0"]
    assert messages(desk, page_size="2", page_number="3") == []


def test_a_comment_answers_a_list_of_one_cell(desk: Desk) -> None:
    desk.create()
    (cell,) = desk.send("comment_case", "OPS-1", comment='Say "hi"').data
    given = cell["attributes"]
    assert (cell["type"], given["type"], given["cell_content"]) == ("timeline_cell", "COMMENT", {"message": 'Say "hi"'})
    assert json.loads(given["content"]) == given["cell_content"]
    assert given["author"]["type"] == "USER"
    assert given["author"]["content"]["ID"] == desk.store.me
    assert "modified_at" not in given
    assert desk.get("OPS-1")["comment_count"] == 1


def test_comments_are_edited_and_deleted(desk: Desk) -> None:
    desk.create()
    first, second = (desk.send("comment_case", "OPS-1", comment=text).data[0]["id"] for text in "ab")
    assert desk.send("update_case_comment", "OPS-1", first, comment="c").json is None
    cell = desk.ask("list_case_timeline", "OPS-1", query={"sort[ascending]": "true"}).data[0]
    assert cell["attributes"]["cell_content"]["message"] == "c"
    assert cell["attributes"]["modified_at"] > cell["attributes"]["created_at"]
    assert desk.ask("delete_case_comment", "OPS-1", first.upper()).status == 204
    assert messages(desk) == ["b"]
    assert desk.get("OPS-1")["comment_count"] == 1
    assert desk.send("update_case_comment", "OPS-1", first, comment="d").status == 404
    assert second


def test_watching_twice_is_watching_once(desk: Desk) -> None:
    desk.create()
    assert [desk.ask("watch_case", "OPS-1", user).status for user in (NOBODY, NOBODY, desk.store.me)] == [201] * 3
    watchers = desk.ask("list_case_watchers", "OPS-1").data
    assert [each["relationships"]["user"]["data"]["id"] for each in watchers] == [NOBODY, desk.store.me]
    assert [desk.ask("unwatch_case", "OPS-1", NOBODY).status for _ in range(2)] == [204, 204]
    assert len(desk.ask("list_case_watchers", "OPS-1").data) == 1
    kinds = [effect.kind for effect in desk.store.effects if "watch" in effect.route]
    assert kinds == ["create", "create", "delete"]


def test_links_are_found_from_both_ends(desk: Desk) -> None:
    first, second = desk.create()["id"], desk.create()["id"]
    ends = {"parent_entity_id": first, "parent_entity_type": "CASE", "child_entity_type": "CASE"}
    made = [
        desk.send("create_case_link", kind="link", **ends, child_entity_id=second, relationship=relationship).data["id"]
        for relationship in ("BLOCKS", "BLOCKS", "CAUSES")
    ]
    assert len(set(made)) == 3

    def found(entity: str, kind: str = "CASE", **query: str) -> list[str]:
        asked = {"entity_type": kind, "entity_id": entity, **query}
        return [link["id"] for link in desk.ask("list_case_links", query=asked).data]

    assert found(first) == found(second) == made
    assert found(first, relationship="CAUSES") == made[2:]
    assert found(NOBODY, "INCIDENT") == []
    assert [desk.ask("delete_case_link", made[0]).status for _ in range(2)] == [204, 404]
    assert found(second) == made[1:]


def test_a_link_needs_its_cases(desk: Desk) -> None:
    ends = {"parent_entity_id": desk.create()["id"], "parent_entity_type": "CASE", "relationship": "RELATES_TO"}
    missing = desk.send("create_case_link", kind="link", **ends, child_entity_type="CASE", child_entity_id=NOBODY)
    assert missing.status == 404
    page = desk.send("create_case_link", kind="link", **ends, child_entity_type="PAGE", child_entity_id=NOBODY)
    assert page.status == 201


def test_jira_issues(desk: Desk) -> None:
    desk.create()
    assert desk.send("create_case_jira_issue", "OPS-1", kind="issues", **JIRA).json is None
    issue = desk.get("OPS-1")["jira_issue"]
    assert issue["status"] == "COMPLETED"
    assert set(issue["result"]) == {"issue_id", "issue_key", "issue_url", "project_key"}
    assert desk.ask("unlink_jira_issue", "OPS-1").status == 204
    assert "jira_issue" not in desk.get("OPS-1")
    url = "https://jira.example.com/browse/PROJ-123"
    for _ in range(2):
        assert desk.send("link_jira_issue_to_case", "OPS-1", kind="issues", jira_issue_url=url).status == 204
    assert desk.get("OPS-1")["jira_issue"]["result"]["issue_key"] == "PROJ-123"
    made = [effect for effect in desk.store.effects if effect.route == "create_case_jira_issue"]
    assert [(effect.kind, effect.detail["system"]) for effect in made] == [("create", "jira")]


def test_a_second_create_makes_a_second_thing(desk: Desk) -> None:
    """Where a lost answer must not be followed by a second request, the ledger can tell that it was."""
    case = desk.create()["id"]
    for _ in range(2):
        desk.send("create_case_jira_issue", case, kind="issues", **JIRA)
        desk.send("create_case_service_now_ticket", case, kind="tickets", instance_name="it", assignment_group="g")
        desk.send("create_case_notebook", case, kind="notebook")
        desk.ask("link_incident", case, body={"data": {"id": NOBODY, "type": "incidents"}})
        desk.send("comment_case", case, comment="same")
    made = [effect for effect in desk.store.effects if effect.kind == "create" and effect.route != "create_case"]
    assert len(made) == 10
    assert {effect.detail["case"] for effect in made} == {case}
    assert len({effect.entity for effect in made}) == 9, "the incident is one, linked twice"


def test_projects_are_patched_member_by_member(desk: Desk) -> None:
    made = desk.send("create_project", kind="project", key="NEW1", name="New", team_uuid=NOBODY).data
    assert made["relationships"]["member_team"]["data"] == [{"id": NOBODY, "type": "team_links"}]
    settings = {"notification": {"notify_on_case_closed": True}, "integration_jira": {"enabled": True}}
    patched = desk.send("update_project", made["id"], kind="project", settings=settings, name="Newer").data[
        "attributes"
    ]
    assert patched["settings"]["notification"] == {"destinations": [1], "enabled": True, "notify_on_case_closed": True}
    assert patched["settings"]["integration_jira"] == {"enabled": True}
    assert patched["settings"]["auto_close_inactive_cases"] == {"enabled": False}
    assert (patched["name"], patched["key"]) == ("Newer", "NEW1")
    wrong = {"notification": {"enabled": "yes"}}
    assert desk.send("update_project", made["id"], kind="project", settings=wrong).status == 400
    assert desk.ask("get_project", made["id"]).data["attributes"] == patched


def test_a_deleted_project_takes_what_hangs_on_it(desk: Desk) -> None:
    case, project = desk.create()["id"], desk.project()
    desk.send("create_case_view", kind="view", name="V", query="", project_id=project)
    desk.send("create_case_automation_rule", project, kind="rule", **RULE)
    desk.ask("favorite_case_project", project)
    assert [desk.ask("delete_project", project).status for _ in range(2)] == [204, 404]
    assert desk.ask("list_user_case_project_favorites").data == []
    assert desk.ask("list_case_views", query={"project_id": project}).status == 404
    assert desk.ask("list_case_automation_rules", project).status == 404
    assert desk.ask("get_case", case).status == 200
    assert not desk.store.tables.views


def test_favorites(desk: Desk) -> None:
    project = desk.project("SEC")
    assert [desk.ask("favorite_case_project", project).status for _ in range(2)] == [204, 204]
    assert desk.ask("list_user_case_project_favorites").data == [{"id": project, "type": "project_favorite"}]
    assert [desk.ask("unfavorite_case_project", project).status for _ in range(2)] == [204, 204]
    assert desk.ask("list_user_case_project_favorites").data == []
    assert desk.ask("favorite_case_project", NOBODY).status == 404


def test_automation_rules(desk: Desk) -> None:
    project = desk.project()
    rule = desk.send("create_case_automation_rule", project, kind="rule", **RULE).data
    assert rule["attributes"]["state"] == "ENABLED"
    assert desk.ask("disable_case_automation_rule", project, rule["id"]).data["attributes"]["state"] == "DISABLED"
    shouted = {**RULE, "trigger": {"type": "COMMENT_ADDED"}, "name": "Shout"}
    changed = desk.send("update_case_automation_rule", project, rule["id"], kind="rule", **shouted).data
    assert (changed["attributes"]["trigger"], changed["attributes"]["state"]) == ({"type": "COMMENT_ADDED"}, "DISABLED")
    assert changed["relationships"]["modified_by"]["data"]["id"] == desk.store.me
    agent = {"type": "assign_agent", "data": {"agent_type": "a"}}
    assert desk.send("create_case_automation_rule", project, kind="rule", **{**RULE, "action": agent}).status == 400
    assert desk.ask("enable_case_automation_rule", project, rule["id"]).data["attributes"]["state"] == "ENABLED"
    assert desk.ask("list_case_automation_rules", desk.project("SEC")).data == []
    assert [desk.ask("delete_case_automation_rule", project, rule["id"]).status for _ in range(2)] == [204, 404]


def test_notification_rules(desk: Desk) -> None:
    project = desk.project()
    rule = desk.send("create_project_notification_rule", project, kind="notification_rule", **NOTIFY).data
    assert rule["attributes"]["is_enabled"] is True
    put = ("update_project_notification_rule", project, rule["id"])
    assert desk.send(*put, kind="notification_rule", is_enabled=False, query="priority:P1").json is None
    (listed,) = desk.ask("get_project_notification_rules", project).data
    assert (listed["attributes"]["is_enabled"], listed["attributes"]["query"]) == (False, "priority:P1")
    assert listed["attributes"]["recipients"] == NOTIFY["recipients"]
    assert desk.ask("delete_project_notification_rule", project, rule["id"]).status == 204
    assert desk.ask("get_project_notification_rules", project).data == []


def test_views(desk: Desk) -> None:
    project = desk.project()
    view = desk.send("create_case_view", kind="view", name="V", query="status:open", project_id=project).data
    assert view["relationships"]["project"]["data"]["id"] == project
    changed = desk.send("update_case_view", view["id"], kind="view", query="status:closed", np_rule_id=NOBODY).data
    assert (changed["attributes"]["name"], changed["attributes"]["query"]) == ("V", "status:closed")
    assert desk.ask("get_case_view", view["id"]).data == changed
    assert desk.ask("list_case_views", query={"project_id": project}).data == [changed]
    assert desk.ask("list_case_views", query={"project_id": desk.project("SEC")}).data == []
    assert [desk.ask("delete_case_view", view["id"]).status for _ in range(2)] == [204, 404]


def test_maintenance_windows(desk: Desk) -> None:
    window = desk.send("create_maintenance_window", kind="maintenance_window", **WINDOW).data
    assert window["attributes"] == {**WINDOW, "created_by": desk.store.me}
    changed = desk.send("update_maintenance_window", window["id"], kind="maintenance_window", name="N").data
    assert (changed["attributes"]["name"], changed["attributes"]["updated_by"]) == ("N", desk.store.me)
    assert desk.ask("list_maintenance_windows").data == [changed]
    naive = {**WINDOW, "start_at": "2026-06-01T00:00:00"}
    assert desk.send("create_maintenance_window", kind="maintenance_window", **naive).status == 400
    assert [desk.ask("delete_maintenance_window", window["id"]).status for _ in range(2)] == [204, 404]
