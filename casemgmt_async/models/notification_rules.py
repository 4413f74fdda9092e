"""Notification rules of a project."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, OpenEnum, Resource, inside

__all__ = [
    "NotificationRecipient",
    "NotificationRule",
    "NotificationTrigger",
    "NotificationTriggerType",
    "RecipientType",
]


class RecipientType(OpenEnum):
    """Type of a recipient."""

    EMAIL = "EMAIL"
    SLACK_CHANNEL = "SLACK_CHANNEL"
    HTTP = "HTTP"
    PAGERDUTY_SERVICE = "PAGERDUTY_SERVICE"
    MS_TEAMS_CHANNEL = "MS_TEAMS_CHANNEL"


class NotificationTriggerType(OpenEnum):
    """Event that triggers a notification."""

    CASE_CREATED = "CASE_CREATED"
    STATUS_TRANSITIONED = "STATUS_TRANSITIONED"
    ATTRIBUTE_VALUE_CHANGED = "ATTRIBUTE_VALUE_CHANGED"
    EVENT_CORRELATION_SIGNAL_CORRELATED = "EVENT_CORRELATION_SIGNAL_CORRELATED"


@frozen
class NotificationRecipient(Model):
    """Recipient of notifications; which fields are used depends on the type."""

    type: RecipientType | None = None
    """Type of the recipient."""
    email: str | None = inside("data", "email")
    """The address, for EMAIL."""
    name: str | None = inside("data", "name")
    """The name of the webhook, for HTTP."""
    service_name: str | None = inside("data", "service_name")
    """The name of the service, for PAGERDUTY_SERVICE."""
    channel: str | None = inside("data", "channel")
    """The name of the channel, for SLACK_CHANNEL."""
    channel_id: str | None = inside("data", "channel_id")
    """The id of the channel, for SLACK_CHANNEL."""
    workspace: str | None = inside("data", "workspace")
    """The name of the workspace, for SLACK_CHANNEL."""
    workspace_id: str | None = inside("data", "workspace_id")
    """The id of the workspace, for SLACK_CHANNEL."""
    channel_name: str | None = inside("data", "channel_name")
    """The name of the channel, for MS_TEAMS_CHANNEL."""
    connector_name: str | None = inside("data", "connector_name")
    """The name of the connector, for MS_TEAMS_CHANNEL."""
    team_id: str | None = inside("data", "team_id")
    """The id of the team, for MS_TEAMS_CHANNEL."""
    team_name: str | None = inside("data", "team_name")
    """The name of the team, for MS_TEAMS_CHANNEL."""
    tenant_id: str | None = inside("data", "tenant_id")
    """The id of the tenant, for MS_TEAMS_CHANNEL."""
    tenant_name: str | None = inside("data", "tenant_name")
    """The name of the tenant, for MS_TEAMS_CHANNEL."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class NotificationTrigger(Model):
    """Event that triggers a notification."""

    type: NotificationTriggerType | None = None
    """Type of the event."""
    field: str | None = inside("data", "field")
    """Attribute whose change triggers the rule, for ATTRIBUTE_VALUE_CHANGED."""
    change_type: str | None = inside("data", "change_type")
    """Kind of change: added, removed or changed."""
    from_status: str | None = inside("data", "from_status")
    """The id of the status before, for STATUS_TRANSITIONED."""
    from_status_name: str | None = inside("data", "from_status_name")
    """The name of the status before."""
    to_status: str | None = inside("data", "to_status")
    """The id of the status after."""
    to_status_name: str | None = inside("data", "to_status_name")
    """The name of the status after."""
    extra: Extra = inside(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class NotificationRule(Resource):
    """A rule of a project: the triggers, the cases they apply to, and the recipients to notify."""

    resource_type: ClassVar[str] = "notification_rule"

    is_enabled: bool | None = None
    """Whether it is enabled."""
    query: str | None = None
    """Search query that a case must match."""
    triggers: tuple[NotificationTrigger, ...] = ()
    """Events that trigger the rule."""
    recipients: tuple[NotificationRecipient, ...] = ()
    """Recipients of the notifications."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
