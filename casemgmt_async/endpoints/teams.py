"""The teams of the organisation and their members.

These operations belong to Datadog's reference "Teams", not to the 66 of "Case Management". `directory` finds a
team by handle or name.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve

from casemgmt_async import routes
from casemgmt_async.endpoints.checks import FLAG, FROM_ZERO, PAGE_SIZE, TEXT, allow_none, require
from casemgmt_async.endpoints.paging import included_users, numbered, walk
from casemgmt_async.models import Page, Team, TeamMembership
from casemgmt_async.pagination import Pages
from casemgmt_async.session import CaseSession

__all__ = [
    "get_team_memberships",
    "iter_team_memberships",
    "iter_teams",
    "list_teams",
]


def __dir__() -> list[str]:
    return __all__


async def list_teams(
    session: CaseSession,
    *,
    keyword: str | None = None,
    mine: bool | None = None,
    sort: str | None = None,
    page_number: int = 0,
    page_size: int = 100,
) -> Page[Team]:
    """Read one page of the teams; `iter_teams` reads all pages.

    `GET /api/v2/team`. `keyword` searches name, handle and the e-mail addresses of members; `mine` selects the
    teams of the current user. `sort` names a field, with `-` in front for descending. `page_number` counts
    from 0, `page_size` goes from 1 to 100.
    """
    require(FROM_ZERO, page_number=page_number)
    require(PAGE_SIZE, page_size=page_size)
    allow_none(TEXT, keyword=keyword, sort=sort)
    allow_none(FLAG, mine=mine)
    query = {
        "filter[keyword]": keyword,
        "filter[me]": mine,
        "sort": sort,
        "page[number]": page_number,
        "page[size]": page_size,
    }
    page = await session.call(routes.LIST_TEAMS, Page[Team], query=query)
    return numbered(page, page_number, page_size, total_of(page))


def iter_teams(
    session: CaseSession,
    *,
    keyword: str | None = None,
    mine: bool | None = None,
    sort: str | None = None,
    page_size: int = 100,
    window: int = 1,
    limit: int | None = None,
    first_page: int = 0,
) -> Pages[Team]:
    """Walk over all the teams that `list_teams` finds, page after page.

    `window` pages are in flight at once, `limit` ends the walk after that many teams, and `first_page` (from 0)
    resumes an earlier walk.
    """
    allow_none(TEXT, keyword=keyword, sort=sort)
    allow_none(FLAG, mine=mine)
    read = partial(list_teams, session, keyword=keyword, mine=mine, sort=sort)
    return walk(read, origin=0, first_page=first_page, page_size=page_size, window=window, limit=limit)


async def get_team_memberships(
    session: CaseSession,
    team_id: str,
    *,
    keyword: str | None = None,
    page_number: int = 0,
    page_size: int = 100,
) -> Page[TeamMembership]:
    """Read one page of a team's members; `iter_team_memberships` reads all pages.

    `GET /api/v2/team/{team_id}/memberships`. `keyword` searches the members. `page_number` counts from 0,
    `page_size` goes from 1 to 100. Raises `NotFoundError` for an unknown team.
    """
    require(FROM_ZERO, page_number=page_number)
    require(PAGE_SIZE, page_size=page_size)
    allow_none(TEXT, keyword=keyword)
    query = {"filter[keyword]": keyword, "page[number]": page_number, "page[size]": page_size}
    page = await session.call(routes.GET_TEAM_MEMBERSHIPS, Page[TeamMembership], team_id, query=query)
    known = included_users(page.extra)
    members = [
        evolve(member, user=known[member.user.id]) if member.user and member.user.id in known else member
        for member in page
    ]
    return numbered(evolve(page, items=members), page_number, page_size, total_of(page))


def iter_team_memberships(
    session: CaseSession,
    team_id: str,
    *,
    keyword: str | None = None,
    page_size: int = 100,
    window: int = 1,
    limit: int | None = None,
    first_page: int = 0,
) -> Pages[TeamMembership]:
    """Walk over all the members of a team, page after page.

    `window` pages are in flight at once, `limit` ends the walk after that many members, and `first_page` (from 0)
    resumes an earlier walk.
    """
    allow_none(TEXT, keyword=keyword)
    read = partial(get_team_memberships, session, team_id, keyword=keyword)
    return walk(read, origin=0, first_page=first_page, page_size=page_size, window=window, limit=limit)


def total_of(page: Page[Any]) -> Any:
    """Return the number of items on all pages, from `meta.pagination`; None if it is absent."""
    pagination = page.extra.get("/meta/pagination")
    return pagination.get("total") if isinstance(pagination, dict) else None
