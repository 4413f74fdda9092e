"""Cases: create them, find them, read them, change them.

A `case_id` is a UUID or a key such as `SEC-12`. The key changes when the case moves to another project, so
store UUIDs. Every function that changes one case returns the changed case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final

from casemgmt_async import models, routes
from casemgmt_async.endpoints.attribute_values import AttributeValue, custom_attribute, typed_attributes
from casemgmt_async.endpoints.bodies import document, reference
from casemgmt_async.endpoints.checks import (
    ATTRIBUTES,
    DAY,
    FIELDS,
    FILLED,
    FILLED_LIST_OF_SOME,
    FLAG,
    FROM_ONE,
    GROUP_LIMIT,
    PAGE_SIZE,
    PAYLOAD,
    TEXT,
    WORD,
    allow_none,
    list_of,
    require,
    require_one,
)
from casemgmt_async.endpoints.literals import (
    BulkActionName,
    CaseStatusName,
    CustomAttributeTypeName,
    PriorityName,
    SortFieldName,
)
from casemgmt_async.endpoints.paging import walk
from casemgmt_async.models import (
    BulkAction,
    Case,
    CaseAggregate,
    CaseCount,
    CaseStatus,
    CustomAttribute,
    CustomAttributeType,
    Insight,
    Page,
    Priority,
    SortField,
    Unset,
)
from casemgmt_async.pagination import Pages
from casemgmt_async.session import CaseSession

if TYPE_CHECKING:
    from casemgmt_async.pagination import Sweep

__all__ = [
    "add_case_insights",
    "aggregate_cases",
    "archive_case",
    "assign_case",
    "bulk_update_cases",
    "count_cases",
    "create_case",
    "delete_case_custom_attribute",
    "get_case",
    "iter_cases",
    "remove_case_insights",
    "search_cases",
    "sweep_cases",
    "unarchive_case",
    "unassign_case",
    "update_attributes",
    "update_case_custom_attribute",
    "update_case_description",
    "update_case_due_date",
    "update_case_resolved_reason",
    "update_case_title",
    "update_priority",
    "update_status",
]


def __dir__() -> list[str]:
    return __all__


INSIGHTS: Final = list_of(Insight, most=100)
CREATES: Final = frozenset({BulkAction.JIRA, BulkAction.SERVICENOW, BulkAction.LINEAR})
"""Bulk actions that create a second object when they are sent twice."""


async def create_case(
    session: CaseSession,
    *,
    title: str,
    type_id: str,
    project_id: str,
    description: str | Unset | None = None,
    priority: Priority | PriorityName | Unset | None = None,
    status_name: str | Unset | None = None,
    assignee_id: str | Unset | None = None,
    custom_attributes: Mapping[str, CustomAttribute | AttributeValue] | Unset | None = None,
) -> Case:
    """Create a case.

    `POST /api/v2/cases`. `type_id`, `project_id` and `assignee_id` are UUIDs; `status_name` is a status
    that the case's type has. `custom_attributes` maps keys to plain values, whose type is derived as in
    `update_case_custom_attribute`, or to `CustomAttribute`.

    Raises `OutcomeUnknownError` if the answer was lost: the case may exist, and the request is not sent again.
    """
    require(FILLED, title=title, type_id=type_id, project_id=project_id)
    allow_none(TEXT, description=description)
    allow_none(FILLED, priority=priority, status_name=status_name, assignee_id=assignee_id)
    body = document(
        "case",
        {"project": reference("project", project_id), "assignee": reference("user", assignee_id)},
        title=title,
        type_id=type_id,
        description=description,
        priority=priority,
        status_name=status_name,
        custom_attributes=typed_attributes("custom_attributes", custom_attributes),
    )
    return await session.call(routes.CREATE_CASE, Case, body=body)


async def search_cases(
    session: CaseSession,
    *,
    filter: str | None = None,
    sort: SortField | SortFieldName | None = None,
    ascending: bool | None = None,
    page_number: int = 1,
    page_size: int = 100,
) -> Page[Case]:
    """Find cases and return one page of them; `iter_cases` reads all pages.

    `GET /api/v2/cases`. `filter` is a query as in the search bar of Case Management, and is sent unchanged; only
    `project_id:<uuid>` and free text are known to be dependable. `page_number` counts from 1, `page_size` is
    1 to 100. The totals of a page are hints: they change while you read.
    """
    require(PAGE_SIZE, page_size=page_size)
    require(FROM_ONE, page_number=page_number)
    allow_none(TEXT, filter=filter, sort=sort)
    allow_none(FLAG, ascending=ascending)
    page = {"page[number]": page_number, "page[size]": page_size}
    query = {"filter": filter, "sort[field]": sort, "sort[asc]": ascending, **page}
    return await session.call(routes.SEARCH_CASES, Page[Case], query=query)


def iter_cases(
    session: CaseSession,
    *,
    filter: str | None = None,
    sort: SortField | SortFieldName | None = None,
    ascending: bool | None = None,
    page_size: int = 100,
    window: int = 1,
    limit: int | None = None,
    first_page: int = 1,
    ordered: bool = True,
    dedupe: bool = False,
) -> Pages[Case]:
    """Walk over all the cases that `search_cases` finds, page after page.

    `window` pages are in flight at once, `limit` ends the walk after that many cases, and `first_page`
    (from 1) resumes an earlier walk. Nothing is read before the first case is asked for. Use `sweep_cases`
    to miss no case while cases change.
    """
    allow_none(TEXT, filter=filter, sort=sort)
    allow_none(FLAG, ascending=ascending)
    return walk(
        partial(search_cases, session, filter=filter, sort=sort, ascending=ascending),
        first_page=first_page,
        page_size=page_size,
        window=window,
        limit=limit,
        ordered=ordered,
        dedupe=dedupe,
    )


def sweep_cases(
    session: CaseSession,
    *,
    filter: str | None = None,
    project_id: str | None = None,
    matches: Callable[[Case], bool] | None = None,
    page_size: int = 100,
    window: int = 8,
    max_passes: int = 6,
    max_depth: int | None = None,
    max_probes: int = 1000,
) -> Sweep[Case]:
    """Find every case that `filter` matches, each once, while cases come, go and change.

    See `Sweep` for what is guaranteed and what is not. With `project_id`, a UUID, only that project is
    read, and the gaps between the keys found are read by `get_case`, `max_probes` at most. `matches` then
    says whether such a case satisfies `filter`; without a filter it can be left out.
    """
    from casemgmt_async.endpoints.case_sweeps import sweep  # noqa: PLC0415 - takes a moment to load

    require(PAGE_SIZE, page_size=page_size)
    allow_none(TEXT, filter=filter)
    allow_none(WORD, project_id=project_id)
    return sweep(
        partial(search_cases, session),
        partial(get_case, session),
        lambda: session.call(routes.GET_PROJECTS, list[models.Project]),
        filter=filter,
        project_id=project_id,
        matches=matches,
        page_size=page_size,
        window=window,
        max_passes=max_passes,
        max_depth=max_depth,
        max_probes=max_probes,
    )


async def get_case(session: CaseSession, case_id: str) -> Case:
    """Read one case.

    `GET /api/v2/cases/{case_id}`. Raises `NotFoundError` for an unknown case.
    """
    return await session.call(routes.GET_CASE, Case, case_id)


async def update_case_title(session: CaseSession, case_id: str, *, title: str) -> Case:
    """Change the title of a case.

    `POST /api/v2/cases/{case_id}/title`.
    """
    require(FILLED, title=title)
    return await session.call(routes.UPDATE_CASE_TITLE, Case, case_id, body=document("case", title=title))


async def update_case_description(session: CaseSession, case_id: str, *, description: str) -> Case:
    """Change the description of a case; it can be empty.

    `POST /api/v2/cases/{case_id}/description`.
    """
    require(TEXT, description=description)
    body = document("case", description=description)
    return await session.call(routes.UPDATE_CASE_DESCRIPTION, Case, case_id, body=body)


async def update_status(
    session: CaseSession,
    case_id: str,
    *,
    status_name: str | Unset | None = None,
    status: CaseStatus | CaseStatusName | Unset | None = None,
) -> Case:
    """Change the status of a case.

    `POST /api/v2/cases/{case_id}/status`. Give `status_name`, one of the statuses that the case's type
    has, or `status`, the older form that only knows open, in progress and closed; not both.
    """
    require_one(FILLED, status_name=status_name, status=status)
    body = document("case", status_name=status_name, status=status)
    return await session.call(routes.UPDATE_STATUS, Case, case_id, body=body)


async def update_priority(session: CaseSession, case_id: str, *, priority: Priority | PriorityName) -> Case:
    """Change the priority of a case.

    `POST /api/v2/cases/{case_id}/priority`. `Priority.NOT_DEFINED` removes the priority.
    """
    require(FILLED, priority=priority)
    return await session.call(routes.UPDATE_PRIORITY, Case, case_id, body=document("case", priority=priority))


async def assign_case(session: CaseSession, case_id: str, *, assignee_id: str) -> Case:
    """Assign a case to a user.

    `POST /api/v2/cases/{case_id}/assign`. `assignee_id` is the user's UUID.
    """
    require(FILLED, assignee_id=assignee_id)
    return await session.call(routes.ASSIGN_CASE, Case, case_id, body=document("case", assignee_id=assignee_id))


async def unassign_case(session: CaseSession, case_id: str) -> Case:
    """Remove the assignee of a case.

    `POST /api/v2/cases/{case_id}/unassign`.
    """
    return await session.call(routes.UNASSIGN_CASE, Case, case_id, body=document("case"))


async def archive_case(session: CaseSession, case_id: str) -> Case:
    """Archive a case, which hides it from searches. The API cannot delete cases.

    `POST /api/v2/cases/{case_id}/archive`.
    """
    return await session.call(routes.ARCHIVE_CASE, Case, case_id, body=document("case"))


async def unarchive_case(session: CaseSession, case_id: str) -> Case:
    """Restore an archived case.

    `POST /api/v2/cases/{case_id}/unarchive`.
    """
    return await session.call(routes.UNARCHIVE_CASE, Case, case_id, body=document("case"))


async def update_attributes(session: CaseSession, case_id: str, *, attributes: Mapping[str, Sequence[str]]) -> Case:
    """Set the attributes of a case, such as its services and teams.

    `POST /api/v2/cases/{case_id}/attributes`. `attributes` maps each name to a list of texts.
    """
    require(ATTRIBUTES, attributes=attributes)
    return await session.call(routes.UPDATE_ATTRIBUTES, Case, case_id, body=document("case", attributes=attributes))


async def update_case_custom_attribute(
    session: CaseSession,
    case_id: str,
    custom_attribute_key: str,
    *,
    value: AttributeValue,
    type: CustomAttributeType | CustomAttributeTypeName | Unset | None = None,
    is_multi: bool | Unset | None = None,
) -> Case:
    """Set one custom attribute of a case.

    `POST /api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}`. A number makes the type
    NUMBER, text makes it TEXT (give `type` for URL and SELECT), and a list makes it a multi-value
    attribute. A `type` or `is_multi` that does not fit the value is refused.
    """
    attribute = custom_attribute("value", value, type, is_multi)
    body = document("case", type=attribute.type, value=attribute.value, is_multi=attribute.is_multi)
    return await session.call(routes.UPDATE_CASE_CUSTOM_ATTRIBUTE, Case, case_id, custom_attribute_key, body=body)


async def delete_case_custom_attribute(session: CaseSession, case_id: str, custom_attribute_key: str) -> Case:
    """Remove a custom attribute from a case.

    `DELETE /api/v2/cases/{case_id}/custom_attributes/{custom_attribute_key}`.
    """
    return await session.call(routes.DELETE_CASE_CUSTOM_ATTRIBUTE, Case, case_id, custom_attribute_key)


async def update_case_due_date(session: CaseSession, case_id: str, *, due_date: date | None) -> Case:
    """Set the day by which a case is due, or clear it with None.

    `POST /api/v2/cases/{case_id}/due_date`. A day has no time: a datetime is refused.
    """
    allow_none(DAY, due_date=due_date)
    body = {"data": {"type": "case", "attributes": {"due_date": due_date}}}  # null clears the day
    return await session.call(routes.UPDATE_CASE_DUE_DATE, Case, case_id, body=body)


async def update_case_resolved_reason(session: CaseSession, case_id: str, *, security_resolved_reason: str) -> Case:
    """Say why a security case was resolved.

    `POST /api/v2/cases/{case_id}/resolved_reason`. The known reasons are `FALSE_POSITIVE`,
    `TRUE_POSITIVE` and `BENIGN_POSITIVE`.
    """
    require(FILLED, security_resolved_reason=security_resolved_reason)
    body = document("case", security_resolved_reason=security_resolved_reason)
    return await session.call(routes.UPDATE_CASE_RESOLVED_REASON, Case, case_id, body=body)


async def add_case_insights(session: CaseSession, case_id: str, *, insights: Sequence[Insight]) -> Case:
    """Attach insights to a case: references to monitors, signals, incidents and so on.

    `PUT /api/v2/cases/{case_id}/insights`. `insights` holds 1 to 100 of them.
    """
    require(INSIGHTS, insights=insights)
    return await session.call(routes.ADD_CASE_INSIGHTS, Case, case_id, body=document("case", insights=insights))


async def remove_case_insights(session: CaseSession, case_id: str, *, insights: Sequence[Insight]) -> Case:
    """Remove insights from a case; they are matched by type and resource id.

    `DELETE /api/v2/cases/{case_id}/insights`. `insights` holds 1 to 100 of them.
    """
    require(INSIGHTS, insights=insights)
    return await session.call(routes.REMOVE_CASE_INSIGHTS, Case, case_id, body=document("case", insights=insights))


async def aggregate_cases(
    session: CaseSession, *, query_filter: str, groups: Sequence[str], limit: int = 100
) -> CaseAggregate:
    """Count the cases that match, by group and in total.

    `POST /api/v2/cases/aggregate`. `groups` names the fields to group by. `limit` (1 to 1000) is
    the largest number of groups to return.
    """
    require(TEXT, query_filter=query_filter)
    require(FILLED_LIST_OF_SOME, groups=groups)
    require(GROUP_LIMIT, limit=limit)
    body = document("aggregate", query_filter=query_filter, group_by={"groups": groups, "limit": limit})
    return await session.call(routes.AGGREGATE_CASES, CaseAggregate, body=body)


async def count_cases(
    session: CaseSession,
    *,
    query_filter: str | None = None,
    group_bys: Sequence[str] | None = None,
    limit: int | None = None,
) -> CaseCount:
    """Count cases by field and value.

    `GET /api/v2/cases/count`. `group_bys` names the fields to count by. `limit` (from 1) is the largest
    number of values to return for a field.
    """
    allow_none(TEXT, query_filter=query_filter)
    allow_none(FIELDS, group_bys=group_bys)
    allow_none(FROM_ONE, limit=limit)
    query = {"query_filter": query_filter, "group_bys": group_bys and ",".join(group_bys), "limit": limit}
    return await session.call(routes.COUNT_CASES, CaseCount, query=query)


async def bulk_update_cases(
    session: CaseSession,
    case_ids: Sequence[str],
    *,
    action: BulkAction | BulkActionName,
    payload: Mapping[str, str] | None = None,
) -> None:
    """Apply one action to many cases.

    `POST /api/v2/cases/bulk`. `payload` holds the arguments of the action, as a mapping of texts: `priority` for
    a priority, `assignee_id` to assign. The answer is empty and says nothing about single cases: read the cases
    to check. The actions that create something elsewhere (jira, servicenow, linear) are not
    sent again when their answer is lost, and raise `OutcomeUnknownError`.
    """
    require(FILLED_LIST_OF_SOME, case_ids=case_ids)
    require(FILLED, action=action)
    allow_none(PAYLOAD, payload=payload)
    body = document("bulk", type=action, case_ids=case_ids, payload=payload)
    replay = routes.Replay.CREATE if action in CREATES else None
    await session.call(routes.BULK_UPDATE_CASES, body=body, replay=replay)
