"""Code as a user writes it, with the types that a user must see. Read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import assert_type

import casemgmt_async
from casemgmt_async import (
    AutomationRule,
    BulkAction,
    Case,
    CaseAggregate,
    CaseCount,
    CaseLink,
    CaseSession,
    CaseView,
    CustomAttribute,
    CustomAttributeType,
    Insight,
    InsightType,
    LinkRelationship,
    MaintenanceWindow,
    NotificationRule,
    Page,
    Pages,
    Priority,
    Project,
    ProjectFavorite,
    RateLimitError,
    SortField,
    StatusGroup,
    TimelineCell,
    User,
    Watcher,
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


async def reads_cases(session: CaseSession) -> None:
    case = await cases.get_case(session, "SEC-1")
    assert_type(case, Case)
    assert_type(case.id, str)
    assert_type(case.title, str | None)
    assert_type(case.priority, Priority | None)
    assert_type(case.status_group, StatusGroup | None)
    assert_type(case.assignee, User | None)
    assert_type(case.created_at, datetime | None)
    assert_type(case.due_date, date | None)
    assert_type(await cases.count_cases(session, group_bys=["status"]), CaseCount)
    assert_type(await cases.aggregate_cases(session, query_filter="", groups=["status"]), CaseAggregate)


async def walks(session: CaseSession) -> None:
    page = await cases.search_cases(session, filter="status:open", sort=SortField.PRIORITY)
    assert_type(page, Page[Case])
    for case in page:
        assert_type(case, Case)
    pages = cases.iter_cases(session, window=8)
    assert_type(pages, Pages[Case])
    async for case in pages:
        assert_type(case, Case)
    async for page in pages.by_page():
        assert_type(page, Page[Case])
    assert_type(await pages.collect(limit=5), list[Case])
    async for cell in timeline.iter_timeline(session, "SEC-1"):
        assert_type(cell, TimelineCell)
    assert_type(await timeline.list_case_timeline(session, "SEC-1"), Page[TimelineCell])
    async for case in cases.sweep_cases(session, filter="status:open"):
        assert_type(case, Case)


async def writes(session: CaseSession) -> None:
    case = await cases.create_case(
        session,
        title="t",
        type_id="t",
        project_id="p",
        priority=Priority.P1,
        custom_attributes={
            "region": "eu",
            "score": 1.5,
            "tags": CustomAttribute(CustomAttributeType.TEXT, ["a"], True),
        },
    )
    assert_type(case, Case)
    assert_type(await cases.update_case_due_date(session, case.id, due_date=None), Case)
    assert_type(await cases.update_case_custom_attribute(session, case.id, "hosts", value=["a", "b"]), Case)
    insight = Insight(type=InsightType.MONITOR, ref="/monitors/1", resource_id="1")
    assert_type(await cases.add_case_insights(session, case.id, insights=[insight]), Case)
    assert_type(await timeline.comment_case(session, case.id, comment="c"), list[TimelineCell])
    assert_type(await relationships.move_case_to_project(session, case.id, project_id="p"), Case)


def gives_nothing(session: CaseSession) -> list[Awaitable[None]]:
    """Operations without an answer return None, and a type checker says so."""
    return [
        cases.bulk_update_cases(session, ["a"], action=BulkAction.ARCHIVE),
        timeline.update_case_comment(session, "SEC-1", "cell", comment="c"),
        timeline.delete_case_comment(session, "SEC-1", "cell"),
        relationships.create_case_notebook(session, "SEC-1"),
        watchers.watch_case(session, "SEC-1", "user"),
        links.delete_case_link(session, "link"),
        projects.favorite_case_project(session, "project"),
        automation_rules.delete_case_automation_rule(session, "project", "rule"),
        notification_rules.update_project_notification_rule(session, "project", "rule", is_enabled=False),
        views.delete_case_view(session, "view"),
        maintenance_windows.delete_maintenance_window(session, "window"),
    ]


async def everything_else(session: CaseSession) -> None:
    assert_type(await watchers.list_case_watchers(session, "SEC-1"), list[Watcher])
    link = await links.create_case_link(
        session, parent_entity_id="a", child_entity_id="b", relationship=LinkRelationship.BLOCKS
    )
    assert_type(link, CaseLink)
    assert_type(await links.list_case_links(session, entity_id="a"), list[CaseLink])
    assert_type(await projects.get_projects(session), list[Project])
    assert_type(await projects.update_project(session, "p", settings={"notification": {"enabled": True}}), Project)
    assert_type(await projects.list_user_case_project_favorites(session), list[ProjectFavorite])
    assert_type(await automation_rules.list_case_automation_rules(session, "p"), list[AutomationRule])
    assert_type(await notification_rules.get_project_notification_rules(session, "p"), list[NotificationRule])
    assert_type(await views.get_case_view(session, "v"), CaseView)
    window = await maintenance_windows.create_maintenance_window(
        session, name="n", query="q", start_at=datetime(2026, 1, 1, tzinfo=UTC), end_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    assert_type(window, MaintenanceWindow)


async def opens_sessions(supply: Callable[[], Awaitable[str]]) -> None:
    async with CaseSession(access_token=supply, site="datadoghq.eu", timeout=5) as session:
        assert_type(session, CaseSession)
        assert_type(session.with_options(timeout=1), CaseSession)
        try:
            await cases.get_case(session, "SEC-1")
        except RateLimitError as error:
            assert_type(error.retry_after, float | None)


async def mistakes(session: CaseSession) -> None:
    """What a type checker must object to: strict mode reports an ignore that nothing needed."""
    await cases.update_priority(session, "SEC-1", priority=1)  # type: ignore[arg-type]
    await cases.get_case(session)  # type: ignore[call-arg]
    await cases.update_case_title(session, "SEC-1", "title")  # type: ignore[call-arg]
    await cases.update_case_due_date(session, "SEC-1")  # type: ignore[call-arg]
    await cases.create_case(session, title="t", type_id="t")  # type: ignore[call-arg]
    await cases.search_cases(session, page_size="10")  # type: ignore[arg-type]
    await cases.get_cases(session)  # type: ignore[attr-defined]
    casemgmt_async.NoSuchName  # type: ignore[attr-defined]  # noqa: B018
    casemgmt_async.models.NoSuchModel  # type: ignore[attr-defined]  # noqa: B018


async def literals(session: CaseSession) -> None:
    await cases.update_status(session, "SEC-1", status="CLOSED")
    await cases.update_priority(session, "SEC-1", priority="P2")
    await cases.search_cases(session, sort="created_at")
    case = await cases.get_case(session, "SEC-1")
    await cases.create_case(
        session, title="t", type_id="t", project_id="p", description=case.description, priority=case.priority
    )
    await cases.update_status(session, "SEC-1", status="SHUT")  # type: ignore[arg-type]
    cases.iter_cases(session, sort="age")  # type: ignore[arg-type]
