"""Cases and their parts."""

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
    """Priority of a case; P1 is the most urgent."""

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
    """Meaning of a status, whatever its name."""

    SG_OPEN = "SG_OPEN"
    SG_IN_PROGRESS = "SG_IN_PROGRESS"
    SG_CLOSED = "SG_CLOSED"


class CaseTypeCode(OpenEnum):
    """The deprecated code of a case's type; `type_id` names the type exactly."""

    STANDARD = "STANDARD"
    ERROR_TRACKING_ISSUE = "ERROR_TRACKING_ISSUE"
    TUNKNOWN = "TUNKNOWN"


class CustomAttributeType(OpenEnum):
    """Type of the value of a custom attribute."""

    URL = "URL"
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    SELECT = "SELECT"


class InsightType(OpenEnum):
    """Type of the thing that an insight points to."""

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
    """Progress of creating an issue or ticket in another system."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class BulkAction(OpenEnum):
    """Action of a bulk update."""

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
    """Field by which a search can be sorted."""

    CREATED_AT = "created_at"
    PRIORITY = "priority"
    STATUS = "status"


class ResolvedReason(OpenEnum):
    """Reason why a security case was resolved."""

    FALSE_POSITIVE = "FALSE_POSITIVE"
    TRUE_POSITIVE = "TRUE_POSITIVE"
    BENIGN_POSITIVE = "BENIGN_POSITIVE"


@frozen
class CustomAttribute(Model):
    """A value of a custom attribute, with its type."""

    type: CustomAttributeType
    """Type of the value."""
    value: Any
    """Text, or number for NUMBER; a list of these if `is_multi`."""
    is_multi: bool
    """Whether the value is a list."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class Insight(Model):
    """Link from a case to a monitor, signal, incident or other thing that gives it context."""

    type: InsightType | None = None
    """Type of the thing."""
    ref: str | None = None
    """Path of the thing in the web application."""
    resource_id: str | None = None
    """Identifier of the thing."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class JiraIssue(Model):
    """The Jira issue of a case."""

    status: IntegrationStatus | None = None
    """Progress of its creation."""
    issue_id: str | None = inside("result", "issue_id")
    """Identifier in Jira."""
    issue_key: str | None = inside("result", "issue_key")
    """Key in Jira, such as `PROJ-123`."""
    issue_url: str | None = inside("result", "issue_url")
    """URL of the issue."""
    project_key: str | None = inside("result", "project_key")
    """Key of the project in Jira."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class ServiceNowTicket(Model):
    """The ServiceNow ticket of a case."""

    status: IntegrationStatus | None = None
    """Progress of its creation."""
    sys_target_link: str | None = inside("result", "sys_target_link")
    """URL of the ticket."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class Case(Resource):
    """A case."""

    resource_type: ClassVar[str] = "case"

    key: str | None = None
    """Key that people use, such as `PROJ-123`. It changes when the case moves to another project."""
    title: str | None = None
    """Title."""
    description: str | None = None
    """Description in Markdown."""
    priority: Priority | None = None
    """Priority."""
    status: CaseStatus | None = None
    """Deprecated status; `status_name` and `status_group` say more."""
    status_name: str | None = None
    """Name of the status, one of those that the type of the case has."""
    status_group: StatusGroup | None = None
    """Meaning of the status: open, in progress or closed."""
    type: CaseTypeCode | None = None
    """Deprecated type; `type_id` says more."""
    type_id: str | None = None
    """Id of the case type."""
    project_id: str | None = related("project", "project")
    """Id of the project."""
    assignee: User | None = related("assignee", "user")
    """User who works on the case."""
    created_by: User | None = related("created_by", "user")
    """User who created it."""
    modified_by: User | None = related("modified_by", "user")
    """User who changed it last."""
    created_at: datetime | None = None
    """Time of creation. All times are in UTC, cut to microseconds."""
    modified_at: datetime | None = None
    """Time of the last change."""
    closed_at: datetime | None = None
    """Time of closing."""
    archived_at: datetime | None = None
    """Time of archiving."""
    due_date: date | None = None
    """Day by which the case should be resolved."""
    attributes: Mapping[str, list[str]] = field(factory=dict)
    """Labels: a list of texts for each key."""
    custom_attributes: Mapping[str, CustomAttribute] = field(factory=dict)
    """Values of custom attributes by key."""
    jira_issue: JiraIssue | None = None
    """Jira issue of the case."""
    service_now_ticket: ServiceNowTicket | None = None
    """ServiceNow ticket of the case."""
    comment_count: int | None = None
    """Number of comments."""
    creation_source: str | None = None
    """Origin of the case, such as `MANUAL` or `ERROR_TRACKING`."""
    insights: tuple[Insight, ...] = ()
    """Links to monitors, signals, incidents and other context."""
    internal_id: str | None = None
    """Internal identifier; equal to `id` on all recorded cases."""
    public_id: str | None = None
    """Number of the case in the organization, as a text of digits; not the number in the key."""
    merge_status: str | None = None
    """Whether the case was merged into another one, such as `NOT_MERGED`."""
    created_by_author: Author | None = None
    """Author as described inside the case; absent on most."""
    security_resolved_reason: ResolvedReason | None = None
    """Reason why a security case was resolved."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""

    @property
    def is_open(self) -> bool:
        """Whether the case is still to be worked on: by its status group, else by its status, else by `closed_at`."""
        if self.status_group is not None:
            return self.status_group != StatusGroup.SG_CLOSED
        return self.status not in FINAL_STATUSES if self.status is not None else self.closed_at is None


@frozen
class AggregateGroup(Model):
    """Group of an aggregation."""

    group: str
    """Value that the cases of the group have in common."""
    value: tuple[float, ...]
    """Numbers of the group: how many cases it has."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CaseAggregate(Resource):
    """Counts of the cases of a search, by groups."""

    resource_type: ClassVar[str] = "aggregate"

    total: float
    """Number of cases in all groups."""
    groups: tuple[AggregateGroup, ...]
    """Groups."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CountValue(Model):
    """Number of cases with one value of a field."""

    value: str
    """Value."""
    count: int
    """Number of cases that have it."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CountGroup(Model):
    """Counts for one field."""

    group: str
    """Name of the field."""
    values: tuple[CountValue, ...] = inside("group_values", factory=tuple)
    """Count for each value of the field."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""


@frozen
class CaseCount(Resource):
    """Counts of the cases of a search, by values of fields."""

    resource_type: ClassVar[str] = "count"

    groups: tuple[CountGroup, ...]
    """Counts, one entry per field."""
    extra: Extra = field(factory=dict)
    """Members that the service sent and this model has no field for."""
