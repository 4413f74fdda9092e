"""What a world remembers: cases, comments, and the tables of statuses and priorities.

Everything but cases and comments is kept as the JSON:API resource that goes over the wire. A change of
a case replaces its values and never edits them in place, so a shallow copy of a case is a full one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from attrs import define, field

__all__ = ["PRIORITIES", "STATUSES", "STATUS_NAMES", "CaseRecord", "CellRecord", "Resource", "encode", "stamp"]

Resource = dict[str, Any]
"""A JSON:API resource as it is sent: id, type, attributes, relationships."""

PRIORITIES: Final = ("NOT_DEFINED", "P1", "P2", "P3", "P4", "P5")

STATUSES: Final[dict[str, tuple[str, str]]] = {
    "OPEN": ("Open", "SG_OPEN"),
    "NOT_STARTED": ("Not Started", "SG_OPEN"),
    "TRIGGERED": ("Triggered", "SG_OPEN"),
    "IN_PROGRESS": ("In Progress", "SG_IN_PROGRESS"),
    "ACKNOWLEDGED": ("Acknowledged", "SG_IN_PROGRESS"),
    "PENDING_APPROVAL": ("Pending Approval", "SG_IN_PROGRESS"),
    "CLOSED": ("Closed", "SG_CLOSED"),
    "COMPLETED": ("Completed", "SG_CLOSED"),
    "RESOLVED": ("Resolved", "SG_CLOSED"),
    "CANCELLED": ("Cancelled", "SG_CLOSED"),
    "DECLINED": ("Declined", "SG_CLOSED"),
}
"""The statuses that the service's own message lists, each with its name and group, in order of work."""

STATUS_NAMES: Final = {name: status for status, (name, _) in STATUSES.items()}

encode: Final = msgspec.json.Encoder().encode


def stamp(moment: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 in UTC, with the 0, 3, 6 or 9 digits of fraction that it needs."""
    seconds, fraction = divmod(moment, 1_000_000_000)
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


@define(kw_only=True, eq=False)
class CaseRecord:
    """One case."""

    serial: int
    """Its place among all cases: the order of creation, and the tie-breaker of every sort."""
    id: str
    key: str
    project_id: str
    title: str
    type_id: str
    created_at: int
    """In nanoseconds since 1970, like all moments here."""
    created_by: str
    description: str = ""
    type: str = "STANDARD"
    priority: str = "NOT_DEFINED"
    status: str = "OPEN"
    names_status: bool = False
    """Whether answers carry `status_name` and `status_group`; recorded fresh cases lack both."""
    names_author: bool = False
    """Whether answers carry `created_by_author`; some recorded cases do."""
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
    """The ids of its cells, oldest first."""
    watchers: dict[str, str] = field(factory=dict)
    """The watchers' ids by the users' ids."""
    incidents: tuple[str, ...] = ()
    notebooks: tuple[str, ...] = ()

    def users(self) -> list[str]:
        """The ids of the users that its relationships point to, each once."""
        named = (self.created_by, self.assignee, self.modified_by)
        return list(dict.fromkeys(user for user in named if user is not None))

    def resource(self, users: dict[str, Resource]) -> Resource:
        """The case as it is sent; what is not set is absent."""
        number = self.key.rpartition("-")[2]
        name, group = STATUSES[self.status] if self.names_status else (None, None)
        author = users.get(self.created_by) if self.names_author else None
        attributes = {
            "archived_at": moment(self.archived_at),
            "attributes": self.attributes,
            "closed_at": moment(self.closed_at),
            "comment_count": len(self.comments),
            "created_at": stamp(self.created_at),
            "created_by_author": author and {"type": "USER", "content": {"ID": author["id"], **author["attributes"]}},
            "creation_source": self.creation_source,
            "custom_attributes": self.custom_attributes,
            "description": self.description,
            "due_date": self.due_date,
            "insights": self.insights,
            "internal_id": str(1_000_000 + self.serial),
            "jira_issue": self.jira_issue,
            "key": self.key,
            "merge_status": "NOT_MERGED",
            "modified_at": moment(self.modified_at),
            "priority": self.priority,
            "public_id": number,
            "security_resolved_reason": self.security_resolved_reason,
            "service_now_ticket": self.service_now_ticket,
            "status": self.status,
            "status_group": group,
            "status_name": name,
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
    """One comment in a case's timeline."""

    id: str
    serial: int
    """The case's."""
    message: str
    author: str
    created_at: int
    modified_at: int | None = None

    def resource(self, users: dict[str, Resource]) -> Resource:
        """The cell as it is sent."""
        known = users.get(self.author)
        content = {"message": self.message}
        attributes = {
            "author": {"type": "USER", "content": {"id": self.author, **(known["attributes"] if known else {})}},
            "cell_content": content,
            "content": encode(content).decode(),
            "created_at": stamp(self.created_at),
            "modified_at": moment(self.modified_at),
            "type": "COMMENT",
        }
        return {
            "id": self.id,
            "type": "timeline_cell",
            "attributes": {key: value for key, value in attributes.items() if value is not None},
        }


def moment(value: int | None) -> str | None:
    """A moment as it is sent, or None where there is none."""
    return None if value is None else stamp(value)
