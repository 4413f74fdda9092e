"""The timeline of a case: its events and comments."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from casemgmt_async import routes
from casemgmt_async.endpoints.bodies import document
from casemgmt_async.endpoints.checks import FILLED, FLAG, FROM_ZERO, PAGE_SIZE, allow_none, require
from casemgmt_async.endpoints.paging import walk
from casemgmt_async.models import Page, TimelineCell
from casemgmt_async.pagination import Pages
from casemgmt_async.session import CaseSession

__all__ = [
    "comment_case",
    "delete_case_comment",
    "iter_timeline",
    "list_case_timeline",
    "update_case_comment",
]


def __dir__() -> list[str]:
    return __all__


async def list_case_timeline(
    session: CaseSession,
    case_id: str,
    *,
    page_number: int = 0,
    page_size: int = 100,
    ascending: bool | None = None,
) -> Page[TimelineCell]:
    """Read one page of a case's timeline; `iter_timeline` reads all pages.

    `GET /api/v2/cases/{case_id}/timelines`. `page_number` counts from 0, unlike that of a search;
    `page_size` goes from 1 to 100. The newest cell comes first unless `ascending` is True.
    """
    require(FROM_ZERO, page_number=page_number)
    require(PAGE_SIZE, page_size=page_size)
    allow_none(FLAG, ascending=ascending)
    query = {"page[number]": page_number, "page[size]": page_size, "sort[ascending]": ascending}
    page = await session.call(routes.LIST_CASE_TIMELINE, Page[TimelineCell], case_id, query=query)
    # The answer does not contain the number of the page.
    return evolve(page, number=page_number)


def iter_timeline(
    session: CaseSession,
    case_id: str,
    *,
    ascending: bool | None = None,
    page_size: int = 100,
    window: int = 1,
    limit: int | None = None,
    first_page: int = 0,
    ordered: bool = True,
    dedupe: bool = False,
) -> Pages[TimelineCell]:
    """Walk over the whole timeline of a case, page after page.

    `window` pages are in flight at once, `limit` ends the walk after that many cells, and `first_page`
    (from 0) resumes an earlier walk. Nothing is read before the first cell is asked for. New cells
    appear at the front unless `ascending` is True; use `ascending=True` to miss none.
    """
    allow_none(FLAG, ascending=ascending)
    return walk(
        partial(list_case_timeline, session, case_id, ascending=ascending),
        origin=0,
        first_page=first_page,
        page_size=page_size,
        window=window,
        limit=limit,
        ordered=ordered,
        dedupe=dedupe,
    )


async def comment_case(session: CaseSession, case_id: str, *, comment: str) -> list[TimelineCell]:
    """Comment on a case.

    `POST /api/v2/cases/{case_id}/comment`. Returns the list of new cells, one for a comment. Raises
    `OutcomeUnknownError` if the answer was lost: the comment may exist.
    """
    require(FILLED, comment=comment)
    return await session.call(routes.COMMENT_CASE, list[TimelineCell], case_id, body=document("case", comment=comment))


async def update_case_comment(session: CaseSession, case_id: str, cell_id: str, *, comment: str) -> None:
    """Change the text of a comment.

    `PUT /api/v2/cases/{case_id}/comment/{cell_id}`. `cell_id` is the id of the comment's timeline cell.
    """
    require(FILLED, comment=comment)
    await session.call(routes.UPDATE_CASE_COMMENT, None, case_id, cell_id, body=document("case", comment=comment))


async def delete_case_comment(session: CaseSession, case_id: str, cell_id: str) -> None:
    """Delete a comment.

    `DELETE /api/v2/cases/{case_id}/comment/{cell_id}`. `cell_id` is the id of the comment's timeline cell.
    Raises `NotFoundError` if it is already deleted.
    """
    await session.call(routes.DELETE_CASE_COMMENT, None, case_id, cell_id)
