"""Watchers of a case."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource, related
from casemgmt_async.models.users import User

__all__ = ["Watcher"]


@frozen
class Watcher(Resource):
    """A user who is notified of changes to a case."""

    resource_type: ClassVar[str] = "watcher"

    user: User | None = related("user", "user")
    """The user who watches."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
