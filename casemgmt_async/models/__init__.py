"""What the API speaks of: frozen attrs classes, one module a resource, no I/O.

Every name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from casemgmt_async.models.automation_rules import (
        ActionType,
        AutomationAction,
        AutomationRule,
        AutomationTrigger,
        RuleState,
        TriggerType,
    )
    from casemgmt_async.models.base import Extra, OpenEnum, Resource
    from casemgmt_async.models.cases import (
        AggregateGroup,
        BulkAction,
        Case,
        CaseAggregate,
        CaseAuthor,
        CaseCount,
        CaseStatus,
        CaseType,
        CountGroup,
        CountValue,
        CustomAttribute,
        CustomAttributeType,
        Insight,
        InsightType,
        IntegrationStatus,
        JiraIssue,
        Priority,
        ResolvedReason,
        ServiceNowTicket,
        SortField,
        StatusGroup,
    )
    from casemgmt_async.models.links import CaseLink, LinkEntityType, LinkRelationship
    from casemgmt_async.models.maintenance_windows import MaintenanceWindow
    from casemgmt_async.models.notification_rules import (
        NotificationRecipient,
        NotificationRule,
        NotificationTrigger,
        NotificationTriggerType,
        RecipientType,
    )
    from casemgmt_async.models.page import Listing, Page
    from casemgmt_async.models.project_settings import (
        AutoCloseSettings,
        AutoTransitionSettings,
        Column,
        ColumnsConfig,
        ColumnSort,
        EscalationQuery,
        IncidentFieldMapping,
        IncidentIntegration,
        JiraCustomFieldSync,
        JiraIntegration,
        JiraSync,
        MonitorIntegration,
        NotificationSettings,
        OnCallIntegration,
        ProjectSettings,
        ServiceNowIntegration,
        ServiceNowSync,
        SyncProperty,
    )
    from casemgmt_async.models.projects import Project, ProjectFavorite
    from casemgmt_async.models.timeline import AuthorType, CellAuthor, CellType, TimelineCell
    from casemgmt_async.models.unset import UNSET, Unset
    from casemgmt_async.models.users import User
    from casemgmt_async.models.views import CaseView
    from casemgmt_async.models.watchers import Watcher

__all__ = [
    "UNSET",
    "ActionType",
    "AggregateGroup",
    "AuthorType",
    "AutoCloseSettings",
    "AutoTransitionSettings",
    "AutomationAction",
    "AutomationRule",
    "AutomationTrigger",
    "BulkAction",
    "Case",
    "CaseAggregate",
    "CaseAuthor",
    "CaseCount",
    "CaseLink",
    "CaseStatus",
    "CaseType",
    "CaseView",
    "CellAuthor",
    "CellType",
    "Column",
    "ColumnSort",
    "ColumnsConfig",
    "CountGroup",
    "CountValue",
    "CustomAttribute",
    "CustomAttributeType",
    "EscalationQuery",
    "Extra",
    "IncidentFieldMapping",
    "IncidentIntegration",
    "Insight",
    "InsightType",
    "IntegrationStatus",
    "JiraCustomFieldSync",
    "JiraIntegration",
    "JiraIssue",
    "JiraSync",
    "LinkEntityType",
    "LinkRelationship",
    "Listing",
    "MaintenanceWindow",
    "MonitorIntegration",
    "NotificationRecipient",
    "NotificationRule",
    "NotificationSettings",
    "NotificationTrigger",
    "NotificationTriggerType",
    "OnCallIntegration",
    "OpenEnum",
    "Page",
    "Priority",
    "Project",
    "ProjectFavorite",
    "ProjectSettings",
    "RecipientType",
    "ResolvedReason",
    "Resource",
    "RuleState",
    "ServiceNowIntegration",
    "ServiceNowSync",
    "ServiceNowTicket",
    "SortField",
    "StatusGroup",
    "SyncProperty",
    "TimelineCell",
    "TriggerType",
    "Unset",
    "User",
    "Watcher",
]

HOMES: Final = (
    "unset",
    "base",
    "users",
    "page",
    "cases",
    "timeline",
    "watchers",
    "links",
    "views",
    "maintenance_windows",
    "automation_rules",
    "notification_rules",
    "projects",
    "project_settings",
)
"""The modules, in the order in which to look for a name."""


if not TYPE_CHECKING:  # a checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        homes = (import_module(f"{__name__}.{home}") for home in HOMES)
        value = globals()[name] = next(getattr(home, name) for home in homes if name in home.__all__)
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
