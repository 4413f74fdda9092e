"""Cases and comments as data, and their JSON as the service sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from attrs import define, field

__all__ = [
    "CASE_TYPE_CODES",
    "PRIORITIES",
    "STANDARD_TYPE",
    "STATUSES",
    "CaseRecord",
    "CellRecord",
    "Resource",
    "encode",
    "stamp",
]

Resource = dict[str, Any]
"""A JSON:API resource as it is sent: id, type, attributes, relationships."""

PRIORITIES: Final = ("NOT_DEFINED", "P1", "P2", "P3", "P4", "P5")

STATUSES: Final[dict[str, tuple[str, str]]] = {
    "OPEN": ("Open", "SG_OPEN"),
    "NOT_STARTED": ("Not Started", "SG_OPEN"),
    "TRIGGERED": ("Triggered", "SG_OPEN"),
    "SUNKNOWN": ("Unknown", "SG_OPEN"),
    "IN_PROGRESS": ("In Progress", "SG_IN_PROGRESS"),
    "ACKNOWLEDGED": ("Acknowledged", "SG_IN_PROGRESS"),
    "PENDING_APPROVAL": ("Pending Approval", "SG_IN_PROGRESS"),
    "APPROVED": ("Approved", "SG_IN_PROGRESS"),
    "IMPLEMENTING": ("Implementing", "SG_IN_PROGRESS"),
    "CLOSED": ("Closed", "SG_CLOSED"),
    "COMPLETED": ("Completed", "SG_CLOSED"),
    "RESOLVED": ("Resolved", "SG_CLOSED"),
    "CANCELLED": ("Cancelled", "SG_CLOSED"),
    "DECLINED": ("Declined", "SG_CLOSED"),
}
"""The fourteen statuses that the service's own message lists, with their usual name and group, in order of work."""

STANDARD_TYPE: Final = "00000000-0000-0000-0000-000000000001"
CASE_TYPE_CODES: Final = {
    STANDARD_TYPE: "STANDARD",
    "00000000-0000-0000-0000-000000000005": "ERROR_TRACKING_ISSUE",
}
"""What a case shows as its `type`, by its `type_id`. All other types show `TUNKNOWN`."""
FIRST_PUBLIC_ID: Final = 1_000_000

encode: Final = msgspec.json.Encoder().encode


def stamp(nanoseconds: int) -> str:
    """Format nanoseconds since 1970 as RFC 3339 in UTC, with a fraction of 0 to 9 digits and no trailing zeros."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    digits = f"{fraction:09d}".rstrip("0")
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def optional_stamp(nanoseconds: int | None) -> str | None:
    """Format a timestamp, or return None."""
    return None if nanoseconds is None else stamp(nanoseconds)


@define(kw_only=True, eq=False)
class CaseRecord:
    """One case."""

    serial: int
    """Its position in the list of all cases: the order of creation, and the tie-breaker of each sort."""
    id: str
    key: str
    project_id: str
    title: str
    type_id: str
    created_at: int
    """In nanoseconds since 1970, like all timestamps here."""
    created_by: str
    description: str = ""
    priority: str = "NOT_DEFINED"
    status: str = "OPEN"
    status_name: str = "Open"
    """The name that the case's type gives its status."""
    shows_status_name: bool = True
    """Whether answers contain `status_name` and `status_group`. Fresh cases recorded before October 2025 lack them."""
    shows_author: bool = False
    """Whether answers contain `created_by_author`. Some recorded cases have it, freshly created ones never."""
    creation_source: str = "MANUAL"
    assignee: str | None = None
    modified_by: str | None = None
    modified_at: int | None = None
    closed_at: int | None = None
    archived_at: int | None = None
    due_date: str | None = None
    security_resolved_reason: str | None = None
    attributes: dict[str, list[str]] = field(factory=dict)
    custom_attributes: dict[str, dict[str, Any]] = field(factory=dict)
    insights: tuple[dict[str, str], ...] = ()
    jira_issue: dict[str, Any] | None = None
    service_now_ticket: dict[str, Any] | None = None
    comments: tuple[str, ...] = ()
    """The ids of its comments, oldest first."""
    watchers: dict[str, str] = field(factory=dict)
    """The ids of the watchers, by the users' ids."""
    incidents: tuple[str, ...] = ()
    notebooks: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The code that follows from the case's type."""
        return CASE_TYPE_CODES.get(self.type_id, "TUNKNOWN")

    @property
    def status_group(self) -> str:
        """The group of the status: `SG_OPEN`, `SG_IN_PROGRESS` or `SG_CLOSED`."""
        return STATUSES[self.status][1]

    def user_ids(self) -> list[str]:
        """The ids of the users in its relationships, each once."""
        ids = (self.created_by, self.assignee, self.modified_by)
        return list(dict.fromkeys(user for user in ids if user is not None))

    def resource(self, author: Resource | None, *, comment_count: bool = True) -> Resource:
        """The case as it is sent. Fields without a value are absent, never null.

        `author` is the creator as `included` shows users; `comment_count` tells whether to send that field.
        """
        shows_author = self.shows_author and author is not None
        attributes = {
            "archived_at": optional_stamp(self.archived_at),
            "attributes": self.attributes,
            "closed_at": optional_stamp(self.closed_at),
            "comment_count": len(self.comments) if comment_count else None,
            "created_at": stamp(self.created_at),
            "created_by_author": author_of(author) if shows_author and author else None,
            "creation_source": self.creation_source,
            "custom_attributes": self.custom_attributes,
            "description": self.description,
            "due_date": self.due_date,
            "insights": self.insights,
            "internal_id": self.id,
            "jira_issue": self.jira_issue,
            "key": self.key,
            "merge_status": "NOT_MERGED",
            "modified_at": optional_stamp(self.modified_at),
            "priority": self.priority,
            "public_id": str(FIRST_PUBLIC_ID + self.serial),
            "security_resolved_reason": self.security_resolved_reason,
            "service_now_ticket": self.service_now_ticket,
            "status": self.status,
            "status_group": self.status_group if self.shows_status_name else None,
            "status_name": self.status_name if self.shows_status_name else None,
            "title": self.title,
            "type": self.type,
            "type_id": self.type_id,
        }
        related = {
            "assignee": ("user", self.assignee),
            "created_by": ("user", self.created_by),
            "modified_by": ("user", self.modified_by),
            "project": ("project", self.project_id),
        }
        return {
            "id": self.id,
            "type": "case",
            "attributes": {key: value for key, value in attributes.items() if value is not None},
            "relationships": {
                name: {"data": {"id": target, "type": kind}} for name, (kind, target) in related.items() if target
            },
        }


@define(kw_only=True, eq=False)
class CellRecord:
    """One comment in the timeline of a case."""

    id: str
    serial: int
    """The serial of its case."""
    message: str
    author: str
    created_at: int
    modified_at: int | None = None

    def resource(self, author: Resource) -> Resource:
        """The comment as it is sent; `author` is its author as `included` shows users."""
        content = {"message": self.message}
        attributes = {
            "author": author_of(author),
            "cell_content": content,
            "content": encode(content).decode(),
            "created_at": stamp(self.created_at),
            "modified_at": optional_stamp(self.modified_at),
            "type": "COMMENT",
        }
        return {
            "id": self.id,
            "type": "timeline_cell",
            "attributes": {key: value for key, value in attributes.items() if value is not None},
        }


def author_of(user: Resource) -> Resource:
    """A user as the author of a case or comment. The id is called `ID`, in capitals, as recorded."""
    return {"type": "USER", "content": {"ID": user["id"], **user["attributes"]}}
