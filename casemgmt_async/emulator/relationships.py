"""Relationships: moving a case to another project, and its ties to other systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from casemgmt_async.emulator import checks
from casemgmt_async.emulator.checks import attributes_of, bad_request, data_of, filled, text
from casemgmt_async.emulator.exchange import Reply, Request
from casemgmt_async.emulator.records import Case

if TYPE_CHECKING:
    from casemgmt_async.emulator.world import World


def move_case_to_project(world: World, request: Request) -> Reply:
    """Update case project: `PATCH /api/v2/cases/{case_id}/relationships/project`."""
    project_id = checks.uuid(data_of(request, "project").get("id"), "data.id")
    case = world.cases.find(request.ids["case_id"])
    world.cases.move(case, world.project(project_id)["id"])
    return world.cases.reply(case)


def link_incident(world: World, request: Request) -> Reply:
    """Link incident to case: `POST /api/v2/cases/{case_id}/relationships/incidents`."""
    incident = filled(data_of(request, "incidents").get("id"), "data.id")
    case = world.cases.find(request.ids["case_id"])
    world.cases.change(case, incidents=(*case.incidents, incident))
    world.effect("create", incident, case=case.id)
    return world.cases.reply(case, 201)


def create_case_jira_issue(world: World, request: Request) -> Reply:
    """Create Jira issue for case: `POST /api/v2/cases/{case_id}/relationships/jira_issues`."""
    shape = {"issue_type_id": filled, "jira_account_id": filled, "project_id": filled}
    optional = {"fields": checks.map_of(lambda value, _: value)}
    given = attributes_of(data_of(request, "issues"), shape, optional)
    make_jira_issue(world, world.cases.find(request.ids["case_id"]), given)
    return Reply(202)


def make_jira_issue(world: World, case: Case, given: Mapping[str, Any]) -> None:
    """Make another Jira issue for a case; the case shows the latest."""
    number = world.state.random.randrange(10_000, 100_000)
    key = f"JIRA-{number}"
    result = {
        "issue_id": str(number),
        "issue_key": key,
        "issue_url": f"https://jira.example.com/browse/{key}",
        "project_key": "JIRA",
    }
    order(world, case, "jira_issue", result)
    world.effect("create", key, case=case.id, system="jira", **given)


def order(world: World, case: Case, name: str, result: dict[str, str]) -> None:
    """Show a ticket as in progress and, at once or after the delay switched on, as completed."""
    delay = world.switches.integration_delay
    completed = {"status": "COMPLETED", "result": result}
    world.cases.change(case, **{name: {"status": "IN_PROGRESS"} if delay else completed})
    if delay:
        world.state.tickets.append((world.clock() + delay, case.serial, name, completed))


def link_jira_issue_to_case(world: World, request: Request) -> Reply:
    """Link existing Jira issue to case: `PATCH /api/v2/cases/{case_id}/relationships/jira_issues`."""
    url = attributes_of(data_of(request, "issues"), {"jira_issue_url": filled})["jira_issue_url"]
    key = url.rstrip("/").rpartition("/")[2]
    if not url.startswith(("https://", "http://")) or "-" not in key:
        bad_request(f'attributes.jira_issue_url: "{url}" is not the URL of a Jira issue')
    case = world.cases.find(request.ids["case_id"])
    linked = ((case.jira_issue or {}).get("result") or {}).get("issue_url")
    if case.jira_issue and linked != url:
        checks.refuse(409, status="409", title="Conflict", detail="case already has a Jira issue")
    result = {"issue_id": key, "issue_key": key, "issue_url": url, "project_key": key.rpartition("-")[0]}
    world.cases.edit(case, jira_issue={"status": "COMPLETED", "result": result})
    return Reply(204)


def unlink_jira_issue(world: World, request: Request) -> Reply:
    """Remove Jira issue link from case: `DELETE /api/v2/cases/{case_id}/relationships/jira_issues`."""
    case = world.cases.find(request.ids["case_id"])
    if case.jira_issue is None:
        checks.not_found("jira issue")
    world.cases.edit(case, jira_issue=None)
    return Reply(204)


def create_case_service_now_ticket(world: World, request: Request) -> Reply:
    """Create ServiceNow ticket for case: `POST /api/v2/cases/{case_id}/relationships/servicenow_tickets`."""
    given = attributes_of(data_of(request, "tickets"), {"instance_name": filled}, {"assignment_group": text})
    make_service_now_ticket(world, world.cases.find(request.ids["case_id"]), given)
    return Reply(202)


def make_service_now_ticket(world: World, case: Case, given: Mapping[str, Any]) -> None:
    """Make another ServiceNow ticket for a case; the case shows the latest."""
    ticket = world.uuid().replace("-", "")
    instance = given.get("instance_name", "example")
    link = f"https://{instance}.service-now.com/nav_to.do?uri=incident.do?sys_id={ticket}"
    order(world, case, "service_now_ticket", {"sys_target_link": link})
    world.effect("create", ticket, case=case.id, system="servicenow", **given)


def make_linear_issue(world: World, case: Case, given: Mapping[str, Any]) -> None:
    """Make a Linear issue for a case; no answer shows it."""
    world.effect("create", world.uuid(), case=case.id, system="linear", **given)


def create_case_notebook(world: World, request: Request) -> Reply:
    """Create investigation notebook for case: `POST /api/v2/cases/{case_id}/relationships/notebook`."""
    data_of(request, "notebook")
    case = world.cases.find(request.ids["case_id"])
    notebook = str(world.state.random.randrange(1_000_000, 10_000_000))
    world.cases.change(case, notebooks=(*case.notebooks, notebook))
    world.effect("create", notebook, case=case.id)
    return Reply(204)
