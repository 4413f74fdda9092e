"""Asyncio-native, typed client for the Case Management API::

    from casemgmt_async import CaseSession, cases

    async with CaseSession() as session:  # DD_API_KEY, DD_APP_KEY, DD_SITE
        async for case in cases.iter_cases(session, filter="status:open", limit=3):
            print(case.key, case.title)

Operations are in ten modules, one a resource: `cases`, `timeline`, `relationships`, `watchers`, `links`,
`projects`, `automation_rules`, `notification_rules`, `views` and `maintenance_windows`. Every name is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from casemgmt_async._version import __version__

if TYPE_CHECKING:
    from casemgmt_async.codec import (
        decode,
        encode,
    )
    from casemgmt_async.endpoints import (
        automation_rules,
        cases,
        links,
        maintenance_windows,
        notification_rules,
        projects,
        relationships,
        timeline,
        views,
        watchers,
    )
    from casemgmt_async.errors import (
        AuthenticationError,
        BadRequestError,
        CaseManagementError,
        ConfigurationError,
        ConflictError,
        ConnectionFailedError,
        DecodeError,
        ErrorDetail,
        InvalidArgumentError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        RateLimitError,
        RedirectError,
        RequestTimeoutError,
        ResponseTooLargeError,
        ServerError,
        SessionClosedError,
        StatusError,
        TransportError,
        UnprocessableError,
    )
    from casemgmt_async.models import (
        UNSET,
        ActionType,
        AggregateGroup,
        AuthorType,
        AutoCloseSettings,
        AutomationAction,
        AutomationRule,
        AutomationTrigger,
        AutoTransitionSettings,
        BulkAction,
        Case,
        CaseAggregate,
        CaseAuthor,
        CaseCount,
        CaseLink,
        CaseStatus,
        CaseType,
        CaseView,
        CellAuthor,
        CellType,
        Column,
        ColumnsConfig,
        ColumnSort,
        CountGroup,
        CountValue,
        CustomAttribute,
        CustomAttributeType,
        EscalationQuery,
        Extra,
        IncidentFieldMapping,
        IncidentIntegration,
        Insight,
        InsightType,
        IntegrationStatus,
        JiraCustomFieldSync,
        JiraIntegration,
        JiraIssue,
        JiraSync,
        LinkEntityType,
        LinkRelationship,
        Listing,
        MaintenanceWindow,
        MonitorIntegration,
        NotificationRecipient,
        NotificationRule,
        NotificationSettings,
        NotificationTrigger,
        NotificationTriggerType,
        OnCallIntegration,
        OpenEnum,
        Page,
        Priority,
        Project,
        ProjectFavorite,
        ProjectSettings,
        RecipientType,
        ResolvedReason,
        Resource,
        RuleState,
        ServiceNowIntegration,
        ServiceNowSync,
        ServiceNowTicket,
        SortField,
        StatusGroup,
        SyncProperty,
        TimelineCell,
        TriggerType,
        Unset,
        User,
        Watcher,
    )
    from casemgmt_async.pagination import (
        Pages,
        Sweep,
        SweepPass,
        SweepResult,
        Walk,
    )
    from casemgmt_async.session import (
        CaseSession,
    )
    from casemgmt_async.transport.attempt import (
        RawResponse,
    )
    from casemgmt_async.transport.clock import (
        Clock,
    )
    from casemgmt_async.transport.events import (
        CallFailed,
        CallSucceeded,
        Event,
        Listener,
        RateLimited,
        RequestStarted,
        ResponseReceived,
        RetryScheduled,
    )
    from casemgmt_async.transport.rate_limit import (
        RateLimit,
    )
    from casemgmt_async.transport.retry import (
        RetryPolicy,
    )

__all__ = [
    "UNSET",
    "ActionType",
    "AggregateGroup",
    "AuthenticationError",
    "AuthorType",
    "AutoCloseSettings",
    "AutoTransitionSettings",
    "AutomationAction",
    "AutomationRule",
    "AutomationTrigger",
    "BadRequestError",
    "BulkAction",
    "CallFailed",
    "CallSucceeded",
    "Case",
    "CaseAggregate",
    "CaseAuthor",
    "CaseCount",
    "CaseLink",
    "CaseManagementError",
    "CaseSession",
    "CaseStatus",
    "CaseType",
    "CaseView",
    "CellAuthor",
    "CellType",
    "Clock",
    "Column",
    "ColumnSort",
    "ColumnsConfig",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailedError",
    "CountGroup",
    "CountValue",
    "CustomAttribute",
    "CustomAttributeType",
    "DecodeError",
    "ErrorDetail",
    "EscalationQuery",
    "Event",
    "Extra",
    "IncidentFieldMapping",
    "IncidentIntegration",
    "Insight",
    "InsightType",
    "IntegrationStatus",
    "InvalidArgumentError",
    "JiraCustomFieldSync",
    "JiraIntegration",
    "JiraIssue",
    "JiraSync",
    "LinkEntityType",
    "LinkRelationship",
    "Listener",
    "Listing",
    "MaintenanceWindow",
    "MonitorIntegration",
    "NotFoundError",
    "NotificationRecipient",
    "NotificationRule",
    "NotificationSettings",
    "NotificationTrigger",
    "NotificationTriggerType",
    "OnCallIntegration",
    "OpenEnum",
    "OutcomeUnknownError",
    "Page",
    "Pages",
    "PermissionDeniedError",
    "Priority",
    "Project",
    "ProjectFavorite",
    "ProjectSettings",
    "RateLimit",
    "RateLimitError",
    "RateLimited",
    "RawResponse",
    "RecipientType",
    "RedirectError",
    "RequestStarted",
    "RequestTimeoutError",
    "ResolvedReason",
    "Resource",
    "ResponseReceived",
    "ResponseTooLargeError",
    "RetryPolicy",
    "RetryScheduled",
    "RuleState",
    "ServerError",
    "ServiceNowIntegration",
    "ServiceNowSync",
    "ServiceNowTicket",
    "SessionClosedError",
    "SortField",
    "StatusError",
    "StatusGroup",
    "Sweep",
    "SweepPass",
    "SweepResult",
    "SyncProperty",
    "TimelineCell",
    "TransportError",
    "TriggerType",
    "UnprocessableError",
    "Unset",
    "User",
    "Walk",
    "Watcher",
    "__version__",
    "automation_rules",
    "cases",
    "decode",
    "encode",
    "links",
    "maintenance_windows",
    "notification_rules",
    "projects",
    "relationships",
    "timeline",
    "views",
    "watchers",
]

RESOURCES: Final = frozenset(
    {
        "automation_rules",
        "cases",
        "links",
        "maintenance_windows",
        "notification_rules",
        "projects",
        "relationships",
        "timeline",
        "views",
        "watchers",
    }
)
"""The modules of operations."""
PARTS: Final = frozenset({"emulator", "errors", "jobs", "models", "routes"})
"""Rooms of the house that are reached by their own name."""
HOMES: Final = (
    "errors",
    "models",
    "pagination",
    "session",
    "transport.attempt",
    "transport.clock",
    "transport.rate_limit",
    "transport.retry",
    "transport.events",
    "codec",
)
"""Where the other names are, in the order in which to look."""


if not TYPE_CHECKING:  # a checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Load a name when it is first used, and what it needs with it."""
        if name in PARTS:
            return import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in RESOURCES:
            value: Any = import_module(f"{__name__}.endpoints.{name}")
        else:
            homes = (import_module(f"{__name__}.{home}") for home in HOMES)
            value = next(getattr(home, name) for home in homes if name in home.__all__)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *PARTS})
