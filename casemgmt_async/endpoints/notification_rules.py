"""Notification rules of a project: who is notified when a case changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FLAG, TEXT, allow_none, list_of, require
from casemgmt_async.models import NotificationRecipient, NotificationRule, NotificationTrigger, Unset
from casemgmt_async.session import CaseSession

__all__ = [
    "create_project_notification_rule",
    "delete_project_notification_rule",
    "get_project_notification_rules",
    "update_project_notification_rule",
]


def __dir__() -> list[str]:
    return __all__


RECIPIENTS: Final = list_of(NotificationRecipient)
TRIGGERS: Final = list_of(NotificationTrigger)


async def get_project_notification_rules(session: CaseSession, project_id: str) -> list[NotificationRule]:
    """List the notification rules of a project.

    `GET /api/v2/cases/projects/{project_id}/notification_rules`.
    """
    return await session.call(routes.GET_PROJECT_NOTIFICATION_RULES, list[NotificationRule], project_id)


async def create_project_notification_rule(
    session: CaseSession,
    project_id: str,
    *,
    recipients: Sequence[NotificationRecipient],
    triggers: Sequence[NotificationTrigger],
    query: str | Unset | None = None,
    is_enabled: bool | Unset | None = None,
) -> NotificationRule:
    """Create a notification rule.

    `POST /api/v2/cases/projects/{project_id}/notification_rules`. `triggers` are the events to
    notify of, `recipients` the people and channels, and `query`, a search query, selects the cases.
    """
    require(RECIPIENTS, recipients=recipients)
    require(TRIGGERS, triggers=triggers)
    allow_none(TEXT, query=query)
    allow_none(FLAG, is_enabled=is_enabled)
    body = document("notification_rule", recipients=recipients, triggers=triggers, query=query, is_enabled=is_enabled)
    return await session.call(routes.CREATE_PROJECT_NOTIFICATION_RULE, NotificationRule, project_id, body=body)


async def update_project_notification_rule(
    session: CaseSession,
    project_id: str,
    notification_rule_id: str,
    *,
    recipients: Sequence[NotificationRecipient] | Unset | None = None,
    triggers: Sequence[NotificationTrigger] | Unset | None = None,
    query: str | Unset | None = None,
    is_enabled: bool | Unset | None = None,
) -> None:
    """Change a notification rule; arguments that are left out are not sent.

    `PUT /api/v2/cases/projects/{project_id}/notification_rules/{notification_rule_id}`. The answer is empty.
    """
    allow_none(RECIPIENTS, recipients=recipients)
    allow_none(TRIGGERS, triggers=triggers)
    allow_none(TEXT, query=query)
    allow_none(FLAG, is_enabled=is_enabled)
    body = document("notification_rule", recipients=recipients, triggers=triggers, query=query, is_enabled=is_enabled)
    await session.call(routes.UPDATE_PROJECT_NOTIFICATION_RULE, None, project_id, notification_rule_id, body=body)


async def delete_project_notification_rule(session: CaseSession, project_id: str, notification_rule_id: str) -> None:
    """Delete a notification rule.

    `DELETE /api/v2/cases/projects/{project_id}/notification_rules/{notification_rule_id}`.
    """
    await session.call(routes.DELETE_PROJECT_NOTIFICATION_RULE, None, project_id, notification_rule_id)
