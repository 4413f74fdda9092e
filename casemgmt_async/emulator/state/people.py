"""Users and teams as data, and their JSON as the service sends it."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from casemgmt_async.emulator.state.records import Resource

__all__ = ["ORG_ID", "USER_STATUSES", "TeamRecord", "UserRecord", "unknown_user"]

ORG_ID: Final = "0f1e2d3c-0000-4000-8000-0000000000ff"
"""The id of the emulated organisation."""
USER_STATUSES: Final = ("Active", "Pending", "Disabled")


@define(kw_only=True, eq=False)
class UserRecord:
    """One user of the organisation."""

    id: str
    name: str | None
    """None for a user who was invited and never signed in."""
    email: str
    handle: str
    """Usually the e-mail address. Service accounts can have a UUID."""
    created_at: str
    """In RFC 3339 with an offset, as the users operations send it."""
    status: str = "Active"
    """One of `USER_STATUSES`."""
    title: str | None = None
    service_account: bool = False
    last_login_time: str | None = None

    def included(self) -> Resource:
        """The user as answers about cases include it."""
        attributes = {
            "active": self.status == "Active",
            "email": self.email,
            "handle": self.handle,
            "name": self.name or "",
        }
        return {"id": self.id, "type": "user", "attributes": attributes}

    def resource(self) -> Resource:
        """The user as the users operations send it."""
        attributes = {
            "allowed_login_methods": [],
            "created_at": self.created_at,
            "disabled": self.status == "Disabled",
            "email": self.email,
            "handle": self.handle,
            "icon": f"https://icons.example.com/{self.id}",
            "last_login_time": self.last_login_time,
            "modified_at": self.created_at,
            "name": self.name,
            "service_account": self.service_account,
            "status": self.status,
            "title": self.title,
            "verified": self.status != "Pending",
        }
        relationships = {"roles": {"data": []}, "org": {"data": {"type": "orgs", "id": ORG_ID}}}
        return {"type": "users", "id": self.id, "attributes": attributes, "relationships": relationships}


def unknown_user(user_id: str) -> Resource:
    """A user whom the organisation does not know, as answers about cases include it."""
    attributes = {"active": False, "email": "", "handle": "", "name": ""}
    return {"id": user_id, "type": "user", "attributes": attributes}


@define(kw_only=True, eq=False)
class TeamRecord:
    """One team of the organisation."""

    id: str
    name: str
    handle: str
    created_at: str
    summary: str = ""
    description: str = ""
    members: dict[str, str] = field(factory=dict)
    """The ids of the memberships, by the users' ids."""
    on_call: list[str] = field(factory=list)
    """The ids of the users who are on call."""

    def resource(self) -> Resource:
        """The team as it is sent."""
        attributes = {
            "created_at": self.created_at,
            "description": self.description,
            "handle": self.handle,
            "link_count": 0,
            "modified_at": self.created_at,
            "name": self.name,
            "summary": self.summary,
            "user_count": len(self.members),
        }
        return {"type": "team", "id": self.id, "attributes": attributes}
