"""Cases, and what belongs to a case alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model, OpenEnum, Resource, inside, related
from casemgmt_async.models.users import Author, User

__all__ = [
    "AggregateGroup",
    "BulkAction",
    "Case",
    "CaseAggregate",
    "CaseCount",
    "CaseStatus",
    "CaseTypeCode",
    "CountGroup",
    "CountValue",
    "CustomAttribute",
    "CustomAttributeType",
    "Insight",
    "InsightType",
    "IntegrationStatus",
    "JiraIssue",
    "Priority",
    "ResolvedReason",
    "ServiceNowTicket",
    "SortField",
    "StatusGroup",
]


class Priority(OpenEnum):
    """How urgent a case is; P1 is the most urgent."""

    NOT_DEFINED = "NOT_DEFINED"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


class CaseStatus(OpenEnum):
    """Status of a case from a fixed list; `status_name` and `status_group` say more.

    The reference lists OPEN, IN_PROGRESS and CLOSED. The others are those that the service itself
    names when it refuses a wrong status.
    """

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    CLOSED = "CLOSED"
    NOT_STARTED = "NOT_STARTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    TRIGGERED = "TRIGGERED"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    IMPLEMENTING = "IMPLEMENTING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    DECLINED = "DECLINED"
    RESOLVED = "RESOLVED"
    SUNKNOWN = "SUNKNOWN"


FINAL_STATUSES: Final = frozenset({"CLOSED", "COMPLETED", "CANCELLED", "DECLINED", "RESOLVED"})
"""Statuses of a case that nobody works on any more, for a case without a status group."""


class StatusGroup(OpenEnum):
    """What a status means, whatever its name."""

    SG_OPEN = "SG_OPEN"
    SG_IN_PROGRESS = "SG_IN_PROGRESS"
    SG_CLOSED = "SG_CLOSED"


class CaseTypeCode(OpenEnum):
    """The deprecated code of a case's type; `type_id` names the type exactly."""

    STANDARD = "STANDARD"
    ERROR_TRACKING_ISSUE = "ERROR_TRACKING_ISSUE"
    TUNKNOWN = "TUNKNOWN"


class CustomAttributeType(OpenEnum):
    """What kind of value a custom attribute has."""

    URL = "URL"
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    SELECT = "SELECT"


class InsightType(OpenEnum):
    """What kind of thing an insight points to."""

    SECURITY_SIGNAL = "SECURITY_SIGNAL"
    MONITOR = "MONITOR"
    EVENT_CORRELATION = "EVENT_CORRELATION"
    ERROR_TRACKING = "ERROR_TRACKING"
    CLOUD_COST_RECOMMENDATION = "CLOUD_COST_RECOMMENDATION"
    INCIDENT = "INCIDENT"
    SENSITIVE_DATA_SCANNER_ISSUE = "SENSITIVE_DATA_SCANNER_ISSUE"
    EVENT = "EVENT"
    WATCHDOG_STORY = "WATCHDOG_STORY"
    WIDGET = "WIDGET"
    SECURITY_FINDING = "SECURITY_FINDING"
    INSIGHT_SCORECARD_CAMPAIGN = "INSIGHT_SCORECARD_CAMPAIGN"
    RESOURCE_POLICY = "RESOURCE_POLICY"
    APM_RECOMMENDATION = "APM_RECOMMENDATION"
    SCM_URL = "SCM_URL"
    PROFILING_DOWNSIZING_EXPERIMENT = "PROFILING_DOWNSIZING_EXPERIMENT"


class IntegrationStatus(OpenEnum):
    """How far the making of an issue or ticket elsewhere has come."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class BulkAction(OpenEnum):
    """What a bulk update does to each of its cases."""

    PRIORITY = "priority"
    STATUS = "status"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    JIRA = "jira"
    SERVICENOW = "servicenow"
    LINEAR = "linear"
    UPDATE_PROJECT = "update_project"


class SortField(OpenEnum):
    """What a search can be sorted by."""

    CREATED_AT = "created_at"
    PRIORITY = "priority"
    STATUS = "status"


class ResolvedReason(OpenEnum):
    """Why a security case was resolved."""

    FALSE_POSITIVE = "FALSE_POSITIVE"
    TRUE_POSITIVE = "TRUE_POSITIVE"
    BENIGN_POSITIVE = "BENIGN_POSITIVE"


@frozen
class CustomAttribute(Model):
    """A value of a custom attribute, with its type."""

    type: CustomAttributeType
    """What kind of value it is."""
    value: Any
    """A text, or a number for NUMBER; a list of either where `is_multi`."""
    is_multi: bool
    """Whether the value is a list."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class Insight(Model):
    """A pointer from a case to the thing that gives it context."""

    type: InsightType | None = None
    """What kind of thing it is."""
    ref: str | None = None
    """The path to it in the web application."""
    resource_id: str | None = None
    """The thing's own identifier."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class JiraIssue(Model):
    """The Jira issue of a case."""

    status: IntegrationStatus | None = None
    """How far its making has come."""
    issue_id: str | None = inside("result", "issue_id")
    """Jira's identifier."""
    issue_key: str | None = inside("result", "issue_key")
    """Jira's key, such as `PROJ-123`."""
    issue_url: str | None = inside("result", "issue_url")
    """The address of the issue."""
    project_key: str | None = inside("result", "project_key")
    """The key of the project in Jira."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class ServiceNowTicket(Model):
    """The ServiceNow ticket of a case."""

    status: IntegrationStatus | None = None
    """How far its making has come."""
    sys_target_link: str | None = inside("result", "sys_target_link")
    """The address of the ticket."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class Case(Resource):
    """A case."""

    resource_type: ClassVar[str] = "case"

    key: str | None = None
    """The key people use, such as `PROJ-123`; it changes when the case moves to another project."""
    title: str | None = None
    """The title."""
    description: str | None = None
    """The description, in Markdown."""
    priority: Priority | None = None
    """How urgent it is."""
    status: CaseStatus | None = None
    """The deprecated status: see `status_name` and `status_group`."""
    status_name: str | None = None
    """The status by its name, one of those of the case's type."""
    status_group: StatusGroup | None = None
    """What the status means: open, in progress or closed."""
    type: CaseTypeCode | None = None
    """The deprecated type: see `type_id`."""
    type_id: str | None = None
    """The id of the case's type."""
    project_id: str | None = related("project", "project")
    """The id of the project it is in."""
    assignee: User | None = related("assignee", "user")
    """Who works on it."""
    created_by: User | None = related("created_by", "user")
    """Who made it."""
    modified_by: User | None = related("modified_by", "user")
    """Who changed it last."""
    created_at: datetime | None = None
    """When it was made, in UTC, as all times are; kept to the microsecond."""
    modified_at: datetime | None = None
    """When it was changed last."""
    closed_at: datetime | None = None
    """When it was closed."""
    archived_at: datetime | None = None
    """When it was archived."""
    due_date: date | None = None
    """The day it should be resolved by."""
    attributes: Mapping[str, list[str]] = field(factory=dict)
    """Labels: a list of texts under each key."""
    custom_attributes: Mapping[str, CustomAttribute] = field(factory=dict)
    """The values of custom attributes, by the attribute's key."""
    jira_issue: JiraIssue | None = None
    """The Jira issue that belongs to it."""
    service_now_ticket: ServiceNowTicket | None = None
    """The ServiceNow ticket that belongs to it."""
    comment_count: int | None = None
    """How many comments it has."""
    creation_source: str | None = None
    """What made it, such as `MANUAL` or `ERROR_TRACKING`."""
    insights: tuple[Insight, ...] = ()
    """What gives it context: monitors, signals, incidents."""
    internal_id: str | None = None
    """An identifier of the service's own."""
    public_id: str | None = None
    """A number, as a text of digits."""
    merge_status: str | None = None
    """Whether it was merged into another, such as `NOT_MERGED`."""
    created_by_author: Author | None = None
    """Who made it, where that is told inside the case."""
    security_resolved_reason: ResolvedReason | None = None
    """Why a security case was resolved."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""

    @property
    def is_open(self) -> bool:
        """Whether the case is still to be worked on: by its status group, else by its status, else by `closed_at`."""
        if self.status_group is not None:
            return self.status_group != StatusGroup.SG_CLOSED
        return self.status not in FINAL_STATUSES if self.status is not None else self.closed_at is None


@frozen
class AggregateGroup(Model):
    """One group of an aggregation."""

    group: str
    """The value that the cases of the group share."""
    value: tuple[float, ...]
    """The numbers of the group: how many cases it has."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class CaseAggregate(Resource):
    """The cases of a search, counted in groups."""

    resource_type: ClassVar[str] = "aggregate"

    total: float
    """How many cases there are in all groups."""
    groups: tuple[AggregateGroup, ...]
    """The groups."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class CountValue(Model):
    """How many cases have one value."""

    value: str
    """The value."""
    count: int
    """How many cases have it."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class CountGroup(Model):
    """The counts of one field."""

    group: str
    """The name of the field."""
    values: tuple[CountValue, ...] = inside("group_values", factory=tuple)
    """A count for each of its values."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""


@frozen
class CaseCount(Resource):
    """The cases of a search, counted by the values of fields."""

    resource_type: ClassVar[str] = "count"

    groups: tuple[CountGroup, ...]
    """The counts, one entry a field."""
    extra: Extra = field(factory=dict)
    """What the service sent besides."""
