"""The values of enums as literals, so that `status="CLOSED"` type-checks beside `CaseStatus.CLOSED`."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "BulkActionName",
    "CaseStatusName",
    "CustomAttributeTypeName",
    "LinkRelationshipName",
    "PriorityName",
    "ResolvedReasonName",
    "RuleStateName",
    "SortFieldName",
    "UserStatusName",
]

BulkActionName: TypeAlias = Literal[
    "priority", "status", "assign", "unassign", "archive", "unarchive", "jira", "servicenow", "linear", "update_project"
]
CaseStatusName: TypeAlias = Literal[
    "OPEN",
    "IN_PROGRESS",
    "CLOSED",
    "NOT_STARTED",
    "ACKNOWLEDGED",
    "TRIGGERED",
    "PENDING_APPROVAL",
    "APPROVED",
    "IMPLEMENTING",
    "COMPLETED",
    "CANCELLED",
    "DECLINED",
    "RESOLVED",
    "SUNKNOWN",
]
CustomAttributeTypeName: TypeAlias = Literal[
    "URL",
    "TEXT",
    "NUMBER",
    "SELECT",
]
LinkRelationshipName: TypeAlias = Literal[
    "RELATES_TO", "CAUSES", "BLOCKS", "DUPLICATES", "PARENT_OF", "SUCCESSOR_OF", "ESCALATES_TO"
]
PriorityName: TypeAlias = Literal[
    "NOT_DEFINED",
    "P1",
    "P2",
    "P3",
    "P4",
    "P5",
]
ResolvedReasonName: TypeAlias = Literal[
    "FALSE_POSITIVE",
    "TRUE_POSITIVE",
    "BENIGN_POSITIVE",
]
RuleStateName: TypeAlias = Literal[
    "ENABLED",
    "DISABLED",
]
SortFieldName: TypeAlias = Literal[
    "created_at",
    "priority",
    "status",
]
UserStatusName: TypeAlias = Literal[
    "Active",
    "Pending",
    "Disabled",
]
