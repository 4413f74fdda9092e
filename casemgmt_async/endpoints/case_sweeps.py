"""Searches and look-ups that a sweep over cases uses: by age, by project, and by key for the gaps between keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from casemgmt_async import models
from casemgmt_async.models import Case, Page, SortField
from casemgmt_async.pagination import Sweep, SweepFetch

__all__ = ["sweep"]

Search = Callable[..., Awaitable[Page[Case]]]
Matches = Callable[[Case], bool]


def sweep(
    search: Search,
    get: Callable[[str], Awaitable[Case]],
    projects: Callable[[], Awaitable[list[models.Project]]],
    *,
    filter: str | None,
    project_id: str | None,
    matches: Matches | None,
    **bounds: Any,
) -> Sweep[Case]:
    """Make a sweep over the cases that a filter finds, in one project or in all projects."""
    if project_id is None:

        async def partitions() -> Mapping[str, SweepFetch[Case]]:
            return {project.key or project.id: fetch_by_age(search, filter, project.id) for project in await projects()}

        return Sweep(fetch_by_age(search, filter), partitions=partitions, **bounds)
    return Sweep(
        fetch_by_age(search, filter, project_id),
        get=get,
        matches=membership_test(filter, project_id, matches),
        **bounds,
    )


def fetch_by_age(search: Search, filter: str | None, project_id: str | None = None) -> SweepFetch[Case]:
    """Make the function that fetches a page of a search sorted by `created_at`."""
    terms = [] if project_id is None else [f"project_id:{project_id}"]
    if filter:
        terms.append(f"({filter})" if terms else filter)
    query = " AND ".join(terms) or None

    def fetch(number: int, size: int, oldest_first: bool) -> Awaitable[Page[Case]]:
        return search(
            filter=query, sort=SortField.CREATED_AT, ascending=oldest_first, page_number=number, page_size=size
        )

    return fetch


def membership_test(filter: str | None, project_id: str, matches: Matches | None) -> Matches | None:
    """Make the test whether the search should have found a case that was read by its key.

    Returns None if there is a filter without `matches`: the filter cannot be evaluated here.
    """
    if filter and matches is None:
        return None

    def belongs(case: Case) -> bool:
        here = case.project_id == project_id and case.archived_at is None
        return here and (matches is None or matches(case))

    return belongs
