"""Automation rules of a project."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, OpenEnum, Resource, inside, related
from casemgmt_async.models.users import User

__all__ = ["ActionType", "AutomationAction", "AutomationRule", "AutomationTrigger", "RuleState", "TriggerType"]


class RuleState(OpenEnum):
    """Whether a rule acts."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class TriggerType(OpenEnum):
    """What makes a rule act."""

    CASE_CREATED = "case_created"
    STATUS_TRANSITIONED = "status_transitioned"
    ATTRIBUTE_VALUE_CHANGED = "attribute_value_changed"
    EVENT_CORRELATION_SIGNAL_CORRELATED = "event_correlation_signal_correlated"
    CASE_REVIEW_APPROVED = "case_review_approved"
    COMMENT_ADDED = "comment_added"


class ActionType(OpenEnum):
    """What a rule does."""

    EXECUTE_WORKFLOW = "execute_workflow"
    ASSIGN_AGENT = "assign_agent"


@frozen
class AutomationTrigger(Model):
    """When a rule acts."""

    type: TriggerType
    """The event it waits for."""
    field: str | None = inside("data", "field")
    """The attribute whose change is meant, for ATTRIBUTE_VALUE_CHANGED."""
    change_type: str | None = inside("data", "change_type")
    """The change that is meant: `VALUE_ADDED`, `VALUE_DELETED` or `ANY_CHANGES`."""
    from_status_name: str | None = inside("data", "from_status_name")
    """The status before, for STATUS_TRANSITIONED."""
    to_status_name: str | None = inside("data", "to_status_name")
    """The status after, for STATUS_TRANSITIONED."""
    approval_type: str | None = inside("data", "approval_type")
    """The outcome that is meant, for CASE_REVIEW_APPROVED."""
    extra: Extra = inside(factory=dict)
    """What the service sent besides."""


@frozen
class AutomationAction(Model):
    """What a rule does."""

    type: ActionType
    """The kind of action."""
    handle: str | None = inside("data", "handle")
    """The workflow to run, for EXECUTE_WORKFLOW."""
    agent_type: str | None = inside("data", "agent_type")
    """The kind of agent to assign, for ASSIGN_AGENT."""
    assigned_agent_id: str | None = inside("data", "assigned_agent_id")
    """The id of the agent to assign, for ASSIGN_AGENT."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class AutomationRule(Resource):
    """A rule of a project: when this happens, do that."""

    resource_type: ClassVar[str] = "rule"

    name: str
    """The name to show."""
    state: RuleState
    """Whether it acts."""
    trigger: AutomationTrigger
    """When it acts."""
    action: AutomationAction
    """What it does."""
    created_at: datetime
    """When it was made."""
    modified_at: datetime | None = None
    """When it was changed last."""
    created_by: User | None = related("created_by", "user")
    """Who made it."""
    modified_by: User | None = related("modified_by", "user")
    """Who changed it last."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
