"""Users, as far as an answer tells of them."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Resource

__all__ = ["User"]


@frozen
class User(Resource):
    """A user that something points to.

    The id is always there; the rest only where the answer told it along.
    """

    resource_type: ClassVar[str] = "user"

    name: str | None = None
    """The name to show."""
    email: str | None = None
    """The e-mail address."""
    handle: str | None = None
    """The handle, which usually is the e-mail address."""
    active: bool | None = None
    """Whether the account is in use."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
