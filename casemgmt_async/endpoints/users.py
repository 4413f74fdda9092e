"""The users of the organisation.

These operations belong to Datadog's reference "Users", not to the 66 of "Case Management". `directory` finds a
user by e-mail address or handle.
"""

from __future__ import annotations

from functools import partial

from casemgmt_async import routes
from casemgmt_async.endpoints.checks import FLAG, FROM_ZERO, PAGE_SIZE, TEXT, allow_none, require
from casemgmt_async.endpoints.literals import UserStatusName
from casemgmt_async.endpoints.paging import numbered, walk
from casemgmt_async.models import Page, UserAccount, UserStatus
from casemgmt_async.pagination import Pages
from casemgmt_async.session import CaseSession

__all__ = [
    "get_current_user",
    "get_user",
    "iter_users",
    "list_users",
]


def __dir__() -> list[str]:
    return __all__


async def list_users(
    session: CaseSession,
    *,
    filter: str | None = None,
    status: UserStatus | UserStatusName | None = None,
    sort: str | None = None,
    ascending: bool | None = None,
    page_number: int = 0,
    page_size: int = 100,
) -> Page[UserAccount]:
    """Read one page of the users; `iter_users` reads all pages.

    `GET /api/v2/users`. `filter` is a free-text search over name, e-mail address and handle, so check that the
    users returned are those you mean. `sort` names a field, such as `email`. `page_number` counts from 0,
    `page_size` is 1 to 100.
    """
    require(FROM_ZERO, page_number=page_number)
    require(PAGE_SIZE, page_size=page_size)
    allow_none(TEXT, filter=filter, status=status, sort=sort)
    allow_none(FLAG, ascending=ascending)
    direction = None if ascending is None else "asc" if ascending else "desc"
    query = {
        "filter": filter,
        "filter[status]": status,
        "sort": sort,
        "sort_dir": direction,
        "page[number]": page_number,
        "page[size]": page_size,
    }
    page = await session.call(routes.LIST_USERS, Page[UserAccount], query=query)
    return numbered(page, page_number, page_size, page.extra.get("/meta/page/total_filtered_count"))


def iter_users(
    session: CaseSession,
    *,
    filter: str | None = None,
    status: UserStatus | UserStatusName | None = None,
    sort: str | None = None,
    ascending: bool | None = None,
    page_size: int = 100,
    window: int = 1,
    limit: int | None = None,
    first_page: int = 0,
) -> Pages[UserAccount]:
    """Walk over all the users that `list_users` finds, page after page.

    `window` pages are in flight at once, `limit` ends the walk after that many users, and `first_page` (from 0)
    resumes an earlier walk.
    """
    allow_none(TEXT, filter=filter, status=status, sort=sort)
    allow_none(FLAG, ascending=ascending)
    read = partial(list_users, session, filter=filter, status=status, sort=sort, ascending=ascending)
    return walk(read, origin=0, first_page=first_page, page_size=page_size, window=window, limit=limit)


async def get_user(session: CaseSession, user_id: str) -> UserAccount:
    """Read one user.

    `GET /api/v2/users/{user_id}`. `user_id` is a UUID. Raises `NotFoundError` for an unknown user.
    """
    return await session.call(routes.GET_USER, UserAccount, user_id)


async def get_current_user(session: CaseSession) -> UserAccount:
    """Read the user of the session's credentials.

    `GET /api/v2/current_user`.
    """
    return await session.call(routes.GET_CURRENT_USER, UserAccount)
