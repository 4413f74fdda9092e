"""One successful call of each operation, and the things that these calls need."""

from __future__ import annotations

from collections.abc import Callable

from emulator_calls import NOBODY, TYPE_ID, Answer, Desk

RULE = {
    "name": "Run it",
    "action": {"type": "execute_workflow", "data": {"handle": "workflow"}},
    "trigger": {"type": "case_created"},
}
NOTIFY = {"recipients": [{"type": "EMAIL", "data": {"email": "a@example.com"}}], "triggers": [{"type": "CASE_CREATED"}]}
WINDOW = {"name": "W", "query": "project:OPS", "start_at": "2026-06-01T00:00:00Z", "end_at": "2026-06-01T06:00:00Z"}
INSIGHT = {"type": "MONITOR", "ref": "/monitors/1", "resource_id": "1"}
NUMBER = {"type": "NUMBER", "is_multi": False, "value": 3.5}
JIRA = {"issue_type_id": "1", "jira_account_id": "2", "project_id": "3"}


class Scene:
    """One of everything, for the operations to act on."""

    def __init__(self) -> None:
        self.desk = desk = Desk()
        for key in ("load", "n"):
            desk.simulation.add_custom_attribute(key, "NUMBER")
        self.case = desk.create(custom_attributes={"load": NUMBER})["id"]
        self.other = desk.create("Another")["id"]
        self.user = list(desk.store.users)[3]
        self.project = desk.project()
        self.empty = desk.project("SEC")
        self.cell = desk.send("comment_case", self.case, comment="Hello").data[0]["id"]
        self.link_body = {
            "parent_entity_id": self.case, "parent_entity_type": "CASE",
            "child_entity_id": self.other, "child_entity_type": "CASE", "relationship": "BLOCKS",
        }  # fmt: skip
        self.link = desk.send("create_case_link", kind="link", **self.link_body).data["id"]
        self.rule = desk.send("create_case_automation_rule", self.project, kind="rule", **RULE).data["id"]
        notification = desk.send("create_project_notification_rule", self.project, kind="notification_rule", **NOTIFY)
        self.notification = notification.data["id"]
        view = desk.send("create_case_view", kind="view", name="V", query="status:open", project_id=self.project)
        self.view = view.data["id"]
        self.window = desk.send("create_maintenance_window", kind="maintenance_window", **WINDOW).data["id"]
        desk.send(
            "link_jira_issue_to_case", self.other, kind="issues", jira_issue_url="https://j.example.com/browse/A-1"
        )
        desk.ask("favorite_case_project", self.project)
        desk.ask("watch_case", self.case, self.user)

    def create(self) -> Answer:
        project = {"data": {"id": self.project, "type": "project"}}
        data = {
            "type": "case",
            "attributes": {"title": "T", "type_id": TYPE_ID},
            "relationships": {"project": project},
        }
        return self.desk.ask("create_case", body={"data": data})

    def related(self, name: str, kind: str, target: str) -> Answer:
        return self.desk.ask(name, self.case, body={"data": {"id": target, "type": kind}})


Call = Callable[[Scene], Answer]
CALLS: dict[str, Call] = {
    "create_case": lambda at: at.create(),
    "search_cases": lambda at: at.desk.search("status:open"),
    "get_case": lambda at: at.desk.ask("get_case", at.case),
    "update_case_title": lambda at: at.desk.send("update_case_title", at.case, title="New"),
    "update_case_description": lambda at: at.desk.send("update_case_description", at.case, description=""),
    "update_status": lambda at: at.desk.send("update_status", at.case, status="CLOSED"),
    "update_priority": lambda at: at.desk.send("update_priority", at.case, priority="P1"),
    "assign_case": lambda at: at.desk.send("assign_case", at.case, assignee_id=at.user),
    "unassign_case": lambda at: at.desk.send("unassign_case", at.case),
    "archive_case": lambda at: at.desk.send("archive_case", at.case),
    "unarchive_case": lambda at: at.desk.send("unarchive_case", at.case),
    "update_attributes": lambda at: at.desk.send("update_attributes", at.case, attributes={"env": ["test"]}),
    "update_case_custom_attribute": lambda at: at.desk.send("update_case_custom_attribute", at.case, "n", **NUMBER),
    "delete_case_custom_attribute": lambda at: at.desk.ask("delete_case_custom_attribute", at.case, "load"),
    "update_case_due_date": lambda at: at.desk.send("update_case_due_date", at.case, due_date="2026-12-31"),
    "update_case_resolved_reason": lambda at: at.desk.send(
        "update_case_resolved_reason", at.case, security_resolved_reason="FALSE_POSITIVE"
    ),
    "add_case_insights": lambda at: at.desk.send("add_case_insights", at.case, insights=[INSIGHT]),
    "remove_case_insights": lambda at: at.desk.send("remove_case_insights", at.case, insights=[INSIGHT]),
    "aggregate_cases": lambda at: at.desk.send(
        "aggregate_cases", kind="aggregate", group_by={"groups": ["status"], "limit": 14}, query_filter=""
    ),
    "count_cases": lambda at: at.desk.ask("count_cases", query={"group_bys": "status"}),
    "list_case_timeline": lambda at: at.desk.ask("list_case_timeline", at.case),
    "comment_case": lambda at: at.desk.send("comment_case", at.case, comment="Hello"),
    "update_case_comment": lambda at: at.desk.send("update_case_comment", at.case, at.cell, comment="Bye"),
    "delete_case_comment": lambda at: at.desk.ask("delete_case_comment", at.case, at.cell),
    "move_case_to_project": lambda at: at.related("move_case_to_project", "project", at.empty),
    "link_incident": lambda at: at.related("link_incident", "incidents", NOBODY),
    "create_case_jira_issue": lambda at: at.desk.send("create_case_jira_issue", at.case, kind="issues", **JIRA),
    "link_jira_issue_to_case": lambda at: at.desk.send(
        "link_jira_issue_to_case", at.case, kind="issues", jira_issue_url="https://j.example.com/browse/A-2"
    ),
    "unlink_jira_issue": lambda at: at.desk.ask("unlink_jira_issue", at.other),
    "create_case_service_now_ticket": lambda at: at.desk.send(
        "create_case_service_now_ticket", at.case, kind="tickets", instance_name="it"
    ),
    "create_case_notebook": lambda at: at.desk.send("create_case_notebook", at.case, kind="notebook"),
    "list_case_watchers": lambda at: at.desk.ask("list_case_watchers", at.case),
    "watch_case": lambda at: at.desk.ask("watch_case", at.case, at.user),
    "unwatch_case": lambda at: at.desk.ask("unwatch_case", at.case, at.user),
    "list_case_links": lambda at: at.desk.ask("list_case_links", query={"entity_type": "CASE", "entity_id": at.case}),
    "create_case_link": lambda at: at.desk.send("create_case_link", kind="link", **at.link_body),
    "delete_case_link": lambda at: at.desk.ask("delete_case_link", at.link),
    "create_project": lambda at: at.desk.send("create_project", kind="project", key="NEW", name="New"),
    "get_projects": lambda at: at.desk.ask("get_projects"),
    "get_project": lambda at: at.desk.ask("get_project", at.project),
    "update_project": lambda at: at.desk.send("update_project", at.project, kind="project", name="Newer"),
    "delete_project": lambda at: at.desk.ask("delete_project", at.empty),
    "list_user_case_project_favorites": lambda at: at.desk.ask("list_user_case_project_favorites"),
    "favorite_case_project": lambda at: at.desk.ask("favorite_case_project", at.project),
    "unfavorite_case_project": lambda at: at.desk.ask("unfavorite_case_project", at.project),
    "list_case_automation_rules": lambda at: at.desk.ask("list_case_automation_rules", at.project),
    "create_case_automation_rule": lambda at: at.desk.send(
        "create_case_automation_rule", at.project, kind="rule", **RULE
    ),
    "get_case_automation_rule": lambda at: at.desk.ask("get_case_automation_rule", at.project, at.rule),
    "update_case_automation_rule": lambda at: at.desk.send(
        "update_case_automation_rule", at.project, at.rule, kind="rule", **RULE
    ),
    "delete_case_automation_rule": lambda at: at.desk.ask("delete_case_automation_rule", at.project, at.rule),
    "enable_case_automation_rule": lambda at: at.desk.ask("enable_case_automation_rule", at.project, at.rule),
    "disable_case_automation_rule": lambda at: at.desk.ask("disable_case_automation_rule", at.project, at.rule),
    "get_project_notification_rules": lambda at: at.desk.ask("get_project_notification_rules", at.project),
    "create_project_notification_rule": lambda at: at.desk.send(
        "create_project_notification_rule", at.project, kind="notification_rule", **NOTIFY
    ),
    "update_project_notification_rule": lambda at: at.desk.send(
        "update_project_notification_rule", at.project, at.notification, kind="notification_rule", is_enabled=False
    ),
    "delete_project_notification_rule": lambda at: at.desk.ask(
        "delete_project_notification_rule", at.project, at.notification
    ),
    "list_case_views": lambda at: at.desk.ask("list_case_views", query={"project_id": at.project}),
    "create_case_view": lambda at: at.desk.send(
        "create_case_view", kind="view", name="W", query="", project_id=at.project
    ),
    "get_case_view": lambda at: at.desk.ask("get_case_view", at.view),
    "update_case_view": lambda at: at.desk.send("update_case_view", at.view, kind="view", name="X"),
    "delete_case_view": lambda at: at.desk.ask("delete_case_view", at.view),
    "list_maintenance_windows": lambda at: at.desk.ask("list_maintenance_windows"),
    "create_maintenance_window": lambda at: at.desk.send(
        "create_maintenance_window", kind="maintenance_window", **WINDOW
    ),
    "update_maintenance_window": lambda at: at.desk.send(
        "update_maintenance_window", at.window, kind="maintenance_window", name="Y"
    ),
    "delete_maintenance_window": lambda at: at.desk.ask("delete_maintenance_window", at.window),
}


def bulk(at: Scene, kind: str, ids: list[str] | None = None, **payload: str) -> Answer:
    """Call the bulk operation; its attribute `type` is not the resource's."""
    attributes = {"case_ids": [at.case] if ids is None else ids, "type": kind, "payload": payload}
    return at.desk.ask("bulk_update_cases", body={"data": {"type": "bulk", "attributes": attributes}})


CALLS["bulk_update_cases"] = lambda at: bulk(at, "priority", priority="P1")
