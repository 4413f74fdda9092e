"""Automation rules of a project."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, OpenEnum, Resource, inside, related
from casemgmt_async.models.users import User

__all__ = ["ActionType", "AutomationAction", "AutomationRule", "AutomationTrigger", "RuleState", "TriggerType"]


class RuleState(OpenEnum):
    """Whether a rule is enabled."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class TriggerType(OpenEnum):
    """Event that triggers a rule."""

    CASE_CREATED = "case_created"
    STATUS_TRANSITIONED = "status_transitioned"
    ATTRIBUTE_VALUE_CHANGED = "attribute_value_changed"
    EVENT_CORRELATION_SIGNAL_CORRELATED = "event_correlation_signal_correlated"
    CASE_REVIEW_APPROVED = "case_review_approved"
    COMMENT_ADDED = "comment_added"


class ActionType(OpenEnum):
    """Action of a rule."""

    EXECUTE_WORKFLOW = "execute_workflow"
    ASSIGN_AGENT = "assign_agent"


@frozen
class AutomationTrigger(Model):
    """Trigger of a rule."""

    type: TriggerType
    """Event that triggers the rule."""
    field: str | None = inside("data", "field")
    """Attribute whose change triggers the rule, for ATTRIBUTE_VALUE_CHANGED."""
    change_type: str | None = inside("data", "change_type")
    """Kind of change: `VALUE_ADDED`, `VALUE_DELETED` or `ANY_CHANGES`."""
    from_status_name: str | None = inside("data", "from_status_name")
    """Status before the change, for STATUS_TRANSITIONED."""
    to_status_name: str | None = inside("data", "to_status_name")
    """Status after the change, for STATUS_TRANSITIONED."""
    approval_type: str | None = inside("data", "approval_type")
    """Outcome of the review, for CASE_REVIEW_APPROVED."""
    extra: Extra = inside(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class AutomationAction(Model):
    """Action of a rule."""

    type: ActionType
    """Type of the action."""
    handle: str | None = inside("data", "handle")
    """Handle of the workflow to run, for EXECUTE_WORKFLOW."""
    agent_type: str | None = inside("data", "agent_type")
    """Type of the agent to assign, for ASSIGN_AGENT."""
    assigned_agent_id: str | None = inside("data", "assigned_agent_id")
    """Id of the agent to assign, for ASSIGN_AGENT."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class AutomationRule(Resource):
    """Automation rule of a project: a trigger and an action."""

    resource_type: ClassVar[str] = "rule"

    name: str
    """Display name."""
    state: RuleState
    """Whether it is enabled."""
    trigger: AutomationTrigger
    """Trigger of the rule."""
    action: AutomationAction
    """Action of the rule."""
    created_at: datetime
    """Time of creation."""
    modified_at: datetime | None = None
    """Time of the last change."""
    created_by: User | None = related("created_by", "user")
    """User who created it."""
    modified_by: User | None = related("modified_by", "user")
    """User who changed it last."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
