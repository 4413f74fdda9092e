"""Automation rules of a project: actions that the service runs when a case changes."""

from __future__ import annotations

from typing import Final

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, allow_none, model, require
from casemgmt_async.endpoints.literals import RuleStateName
from casemgmt_async.models import AutomationAction, AutomationRule, AutomationTrigger, RuleState, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_case_automation_rule",
    "delete_case_automation_rule",
    "disable_case_automation_rule",
    "enable_case_automation_rule",
    "get_case_automation_rule",
    "list_case_automation_rules",
    "update_case_automation_rule",
]


def __dir__() -> list[str]:
    return __all__


TRIGGER: Final = model(AutomationTrigger)
ACTION: Final = model(AutomationAction)


async def list_case_automation_rules(session: CaseSession, project_id: str) -> list[AutomationRule]:
    """List the automation rules of a project.

    `GET /api/v2/cases/projects/{project_id}/rules`.
    """
    return await session.call(routes.LIST_CASE_AUTOMATION_RULES, list[AutomationRule], project_id)


async def create_case_automation_rule(
    session: CaseSession,
    project_id: str,
    *,
    name: str,
    trigger: AutomationTrigger,
    action: AutomationAction,
    state: RuleState | RuleStateName | Unset | None = None,
) -> AutomationRule:
    """Create an automation rule.

    `POST /api/v2/cases/projects/{project_id}/rules`. `trigger` says when the rule acts, `action` what it
    does, and `state` whether it is enabled.
    """
    require(FILLED, name=name)
    require(TRIGGER, trigger=trigger)
    require(ACTION, action=action)
    allow_none(FILLED, state=state)
    body = document("rule", name=name, trigger=trigger, action=action, state=state)
    return await session.call(routes.CREATE_CASE_AUTOMATION_RULE, AutomationRule, project_id, body=body)


async def get_case_automation_rule(session: CaseSession, project_id: str, rule_id: str) -> AutomationRule:
    """Read one automation rule.

    `GET /api/v2/cases/projects/{project_id}/rules/{rule_id}`.
    """
    return await session.call(routes.GET_CASE_AUTOMATION_RULE, AutomationRule, project_id, rule_id)


async def update_case_automation_rule(
    session: CaseSession,
    project_id: str,
    rule_id: str,
    *,
    name: str,
    trigger: AutomationTrigger,
    action: AutomationAction,
    state: RuleState | RuleStateName | Unset | None = None,
) -> AutomationRule:
    """Replace an automation rule.

    `PUT /api/v2/cases/projects/{project_id}/rules/{rule_id}`. Name, trigger and action are always sent;
    to change one of them, read the rule first.
    """
    require(FILLED, name=name)
    require(TRIGGER, trigger=trigger)
    require(ACTION, action=action)
    allow_none(FILLED, state=state)
    body = document("rule", name=name, trigger=trigger, action=action, state=state)
    return await session.call(routes.UPDATE_CASE_AUTOMATION_RULE, AutomationRule, project_id, rule_id, body=body)


async def delete_case_automation_rule(session: CaseSession, project_id: str, rule_id: str) -> None:
    """Delete an automation rule.

    `DELETE /api/v2/cases/projects/{project_id}/rules/{rule_id}`.
    """
    await session.call(routes.DELETE_CASE_AUTOMATION_RULE, None, project_id, rule_id)


async def enable_case_automation_rule(session: CaseSession, project_id: str, rule_id: str) -> AutomationRule:
    """Enable an automation rule.

    `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/enable`.
    """
    return await session.call(routes.ENABLE_CASE_AUTOMATION_RULE, AutomationRule, project_id, rule_id)


async def disable_case_automation_rule(session: CaseSession, project_id: str, rule_id: str) -> AutomationRule:
    """Disable an automation rule; its name, trigger and action are kept.

    `POST /api/v2/cases/projects/{project_id}/rules/{rule_id}/disable`.
    """
    return await session.call(routes.DISABLE_CASE_AUTOMATION_RULE, AutomationRule, project_id, rule_id)
