"""Relationships of a case: its project, incidents, Jira issues, ServiceNow tickets and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document, reference
from casemgmt_async.endpoints.checks import FILLED, OBJECT, allow_none, require
from casemgmt_async.models import Case, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_case_jira_issue",
    "create_case_notebook",
    "create_case_service_now_ticket",
    "link_incident",
    "link_jira_issue_to_case",
    "move_case_to_project",
    "unlink_jira_issue",
]


def __dir__() -> list[str]:
    return __all__


async def move_case_to_project(session: CaseSession, case_id: str, *, project_id: str) -> Case:
    """Move a case to another project, which changes its key.

    `PATCH /api/v2/cases/{case_id}/relationships/project`. `project_id` is a UUID. Returns the case with
    its new key.
    """
    require(FILLED, project_id=project_id)
    return await session.call(routes.MOVE_CASE_TO_PROJECT, Case, case_id, body=reference("project", project_id))


async def link_incident(session: CaseSession, case_id: str, *, incident_id: str) -> Case:
    """Link an incident to a case.

    `POST /api/v2/cases/{case_id}/relationships/incidents`. `incident_id` is the incident's UUID. Returns
    the case.
    """
    require(FILLED, incident_id=incident_id)
    return await session.call(routes.LINK_INCIDENT, Case, case_id, body=reference("incidents", incident_id))


async def create_case_jira_issue(
    session: CaseSession,
    case_id: str,
    *,
    jira_account_id: str,
    project_id: str,
    issue_type_id: str,
    fields: Mapping[str, Any] | Unset | None = None,
) -> None:
    """Create a Jira issue for a case and link it.

    `POST /api/v2/cases/{case_id}/relationships/jira_issues`. All ids are ids of Jira, also
    `project_id`, and `fields` is passed to Jira unchanged. The service creates the issue later:
    `case.jira_issue` shows the result.
    """
    require(FILLED, jira_account_id=jira_account_id, project_id=project_id, issue_type_id=issue_type_id)
    allow_none(OBJECT, fields=fields)
    body = document(
        "issues", jira_account_id=jira_account_id, project_id=project_id, issue_type_id=issue_type_id, fields=fields
    )
    await session.call(routes.CREATE_CASE_JIRA_ISSUE, None, case_id, body=body)


async def link_jira_issue_to_case(session: CaseSession, case_id: str, *, jira_issue_url: str) -> None:
    """Link an existing Jira issue to a case.

    `PATCH /api/v2/cases/{case_id}/relationships/jira_issues`. Raises `ConflictError` if the case has another
    Jira issue, or the issue another case.
    """
    require(FILLED, jira_issue_url=jira_issue_url)
    body = document("issues", jira_issue_url=jira_issue_url)
    await session.call(routes.LINK_JIRA_ISSUE_TO_CASE, None, case_id, body=body)


async def unlink_jira_issue(session: CaseSession, case_id: str) -> None:
    """Remove the link between a case and its Jira issue.

    `DELETE /api/v2/cases/{case_id}/relationships/jira_issues`. The issue itself is kept.
    """
    await session.call(routes.UNLINK_JIRA_ISSUE, None, case_id)


async def create_case_service_now_ticket(
    session: CaseSession, case_id: str, *, instance_name: str, assignment_group: str | Unset | None = None
) -> None:
    """Create a ServiceNow ticket for a case and link it.

    `POST /api/v2/cases/{case_id}/relationships/servicenow_tickets`. The service creates the ticket
    later: `case.service_now_ticket` shows the result.
    """
    require(FILLED, instance_name=instance_name)
    allow_none(FILLED, assignment_group=assignment_group)
    body = document("tickets", instance_name=instance_name, assignment_group=assignment_group)
    await session.call(routes.CREATE_CASE_SERVICE_NOW_TICKET, None, case_id, body=body)


async def create_case_notebook(session: CaseSession, case_id: str) -> None:
    """Create a notebook for the investigation of a case and link it.

    `POST /api/v2/cases/{case_id}/relationships/notebook`. Every call creates another notebook.
    """
    await session.call(routes.CREATE_CASE_NOTEBOOK, None, case_id, body=document("notebook"))
