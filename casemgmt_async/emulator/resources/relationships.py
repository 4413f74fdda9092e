"""Relationships: moving a case to another project, and its links to other systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casemgmt_async.emulator.messages import ApiRequest, Reply, bad_request, not_found, refuse
from casemgmt_async.emulator.resources import checks
from casemgmt_async.emulator.resources.checks import attributes_of, data_of, filled, text
from casemgmt_async.emulator.state.records import CaseRecord
from casemgmt_async.emulator.state.store import Store


def move_case_to_project(store: Store, request: ApiRequest) -> Reply:
    """Update case project: `PATCH /api/v2/cases/{case_id}/relationships/project`."""
    project_id = checks.uuid(data_of(request, "project").get("id"), "data.id")
    case = store.cases.find(request.ids["case_id"])
    store.cases.move(case, store.project(project_id)["id"])
    return store.cases.reply(case)


def link_incident(store: Store, request: ApiRequest) -> Reply:
    """Link incident to case: `POST /api/v2/cases/{case_id}/relationships/incidents`."""
    incident = filled(data_of(request, "incidents").get("id"), "data.id")
    case = store.cases.find(request.ids["case_id"])
    store.cases.change(case, incidents=(*case.incidents, incident))
    store.effect("create", incident, case=case.id)
    return store.cases.reply(case, 201)


def create_case_jira_issue(store: Store, request: ApiRequest) -> Reply:
    """Create Jira issue for case: `POST /api/v2/cases/{case_id}/relationships/jira_issues`."""
    shape = {"issue_type_id": filled, "jira_account_id": filled, "project_id": filled}
    optional = {"fields": checks.map_of(lambda value, _: value)}
    given = attributes_of(data_of(request, "issues"), shape, optional)
    make_jira_issue(store, store.cases.find(request.ids["case_id"]), given)
    return Reply(202)


def make_jira_issue(store: Store, case: CaseRecord, given: Mapping[str, Any]) -> None:
    """Create a Jira issue for a case. A case shows its latest one."""
    number = store.tables.random.randrange(10_000, 100_000)
    key = f"JIRA-{number}"
    result = {
        "issue_id": str(number),
        "issue_key": key,
        "issue_url": f"https://jira.example.com/browse/{key}",
        "project_key": "JIRA",
    }
    request_ticket(store, case, "jira_issue", result)
    store.effect("create", key, case=case.id, system="jira", **given)


def request_ticket(store: Store, case: CaseRecord, name: str, result: dict[str, str]) -> None:
    """Show a ticket as completed, at once or after `Switches.integration_delay`; until then as in progress."""
    delay = store.switches.integration_delay
    completed = {"status": "COMPLETED", "result": result}
    store.cases.change(case, **{name: {"status": "IN_PROGRESS"} if delay else completed})
    if delay:
        store.tables.tickets.append((store.clock() + delay, case.serial, name, completed))


def link_jira_issue_to_case(store: Store, request: ApiRequest) -> Reply:
    """Link existing Jira issue to case: `PATCH /api/v2/cases/{case_id}/relationships/jira_issues`."""
    url = attributes_of(data_of(request, "issues"), {"jira_issue_url": filled})["jira_issue_url"]
    key = url.rstrip("/").rpartition("/")[2]
    if not url.startswith(("https://", "http://")) or "-" not in key:
        bad_request(f'attributes.jira_issue_url: "{url}" is not the URL of a Jira issue')
    case = store.cases.find(request.ids["case_id"])
    linked = ((case.jira_issue or {}).get("result") or {}).get("issue_url")
    if case.jira_issue and linked != url:
        refuse(409, status="409", title="Conflict", detail="case already has a Jira issue")
    result = {"issue_id": key, "issue_key": key, "issue_url": url, "project_key": key.rpartition("-")[0]}
    store.cases.edit(case, jira_issue={"status": "COMPLETED", "result": result})
    return Reply(204)


def unlink_jira_issue(store: Store, request: ApiRequest) -> Reply:
    """Remove Jira issue link from case: `DELETE /api/v2/cases/{case_id}/relationships/jira_issues`."""
    case = store.cases.find(request.ids["case_id"])
    if case.jira_issue is None:
        not_found("jira issue")
    store.cases.edit(case, jira_issue=None)
    return Reply(204)


def create_case_service_now_ticket(store: Store, request: ApiRequest) -> Reply:
    """Create ServiceNow ticket for case: `POST /api/v2/cases/{case_id}/relationships/servicenow_tickets`."""
    given = attributes_of(data_of(request, "tickets"), {"instance_name": filled}, {"assignment_group": text})
    make_service_now_ticket(store, store.cases.find(request.ids["case_id"]), given)
    return Reply(202)


def make_service_now_ticket(store: Store, case: CaseRecord, given: Mapping[str, Any]) -> None:
    """Create a ServiceNow ticket for a case. A case shows its latest one."""
    ticket = store.uuid().replace("-", "")
    instance = given.get("instance_name", "example")
    link = f"https://{instance}.service-now.com/nav_to.do?uri=incident.do?sys_id={ticket}"
    request_ticket(store, case, "service_now_ticket", {"sys_target_link": link})
    store.effect("create", ticket, case=case.id, system="servicenow", **given)


def make_linear_issue(store: Store, case: CaseRecord, given: Mapping[str, Any]) -> None:
    """Create a Linear issue for a case. No answer shows it."""
    store.effect("create", store.uuid(), case=case.id, system="linear", **given)


def create_case_notebook(store: Store, request: ApiRequest) -> Reply:
    """Create investigation notebook for case: `POST /api/v2/cases/{case_id}/relationships/notebook`."""
    data_of(request, "notebook")
    case = store.cases.find(request.ids["case_id"])
    notebook = str(store.tables.random.randrange(1_000_000, 10_000_000))
    store.cases.change(case, notebooks=(*case.notebooks, notebook))
    store.effect("create", notebook, case=case.id)
    return Reply(204)
