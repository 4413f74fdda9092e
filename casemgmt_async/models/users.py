"""Users: as other answers mention them, and as the service's list of users describes them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, OpenEnum, Resource, inside, related

__all__ = ["Author", "AuthorType", "User", "UserAccount", "UserStatus"]


@frozen
class User(Resource):
    """A user whom another resource mentions, such as the assignee of a case.

    The id is always present. The other fields are None where the answer did not include the user.
    """

    resource_type: ClassVar[str] = "user"

    name: str | None = None
    """Display name."""
    email: str | None = None
    """The e-mail address."""
    handle: str | None = None
    """The handle, which usually is the e-mail address."""
    active: bool | None = None
    """Whether the account is in use."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


class UserStatus(OpenEnum):
    """The state of a user's account."""

    ACTIVE = "Active"
    PENDING = "Pending"
    DISABLED = "Disabled"


@frozen
class UserAccount(Resource):
    """A user of the organisation, as the user operations describe it."""

    resource_type: ClassVar[str] = "users"

    name: str | None = None
    """Display name."""
    email: str | None = None
    """The e-mail address."""
    handle: str | None = None
    """The handle: usually the e-mail address, for a service account often a UUID."""
    title: str | None = None
    """The job title."""
    status: UserStatus | None = None
    """Active, pending (invited, never signed in) or disabled."""
    disabled: bool | None = None
    """Whether the account is switched off."""
    verified: bool | None = None
    """Whether the e-mail address is confirmed."""
    service_account: bool | None = None
    """Whether the account belongs to a program."""
    icon: str | None = None
    """The URL of the picture."""
    created_at: datetime | None = None
    """When the account was created."""
    modified_at: datetime | None = None
    """When the account was last changed."""
    last_login_at: datetime | None = inside("last_login_time")
    """When the user last signed in; None for never."""
    org_id: str | None = related("org", "orgs")
    """The id of the organisation."""
    role_ids: tuple[str, ...] = related("roles", "roles", factory=tuple)
    """The ids of the user's roles."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


class AuthorType(OpenEnum):
    """Kind of an author."""

    USER = "USER"


@frozen
class Author(Model):
    """Author of a case or of a timeline cell, as described inside of it."""

    type: AuthorType | None = None
    """Kind of author."""
    id: str | None = inside("content", "ID", also="id")
    """Identifier of the user. The service sends it as `ID`, the reference says `id`; both are read."""
    name: str | None = inside("content", "name")
    """Display name."""
    email: str | None = inside("content", "email")
    """E-mail address."""
    handle: str | None = inside("content", "handle")
    """Handle, usually the e-mail address."""
    active: bool | None = inside("content", "active")
    """Whether the account is in use."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
