"""Who is on call for a team."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.users import User

__all__ = ["OnCallResponders"]


@frozen
class OnCallResponders(Resource):
    """The users who are on call for a team at the moment of the answer."""

    resource_type: ClassVar[str] = "team_oncall_responders"

    responders: tuple[User, ...] = related("responders", "users", factory=tuple)
    """The users who are paged first."""
    escalations: tuple[str, ...] = related("escalations", "escalation_policy_steps", factory=tuple)
    """The ids of the escalation steps that follow."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
