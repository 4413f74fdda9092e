"""The pages of a search, oldest case first, with no request behind the last page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from casemgmt_async import Case, CaseSession, DecodeError, Page, RawResponse, SortField, cases, decode, routes

__all__ = ["PAGE_SIZE", "iter_listing", "read_page"]

PAGE_SIZE: Final = 100


async def read_page(session: CaseSession, filter: str | None, page_number: int) -> RawResponse:
    """Read a page as it is sent, which tells the rate limit too."""
    query = {
        "filter": filter,
        "sort[field]": SortField.CREATED_AT,
        "sort[asc]": True,
        "page[number]": page_number,
        "page[size]": PAGE_SIZE,
    }
    return await session.raw(routes.SEARCH_CASES, query=query)


async def iter_listing(
    session: CaseSession,
    filter: str | None,
    *,
    window: int,
    first_page: int = 1,
    answer: RawResponse | None = None,
) -> AsyncGenerator[Page[Case], None]:
    """Walk over the pages that a filter finds, from `first_page` on, at most `window` in flight.

    The first page is read alone, since it tells how many there are: a wide window would ask for pages that a short
    listing does not have; `answer` is that page, if it was read before. Pages that appear meanwhile are read too.
    """
    answer = answer or await read_page(session, filter, first_page)
    try:
        first = decode(answer.body, Page[Case])
    except DecodeError:  # where it was garbled on the way, the call that follows is retried
        first = await cases.search_cases(
            session, filter=filter, sort=SortField.CREATED_AT, ascending=True, page_number=first_page
        )
    yield first
    read, last = first_page, first.total_pages
    if not first.items or (last is None and len(first.items) < PAGE_SIZE):
        return
    while last is None or read < last:
        left, before = None if last is None else last - read, read
        walk = cases.iter_cases(
            session,
            filter=filter,
            sort=SortField.CREATED_AT,
            ascending=True,
            page_size=PAGE_SIZE,
            window=min(window, left or window),
            limit=None if left is None else left * PAGE_SIZE,  # a walk looks behind a full last page otherwise
            first_page=read + 1,
        )
        async with walk.by_page() as pages:
            async for page in pages:
                read, last = page.number, page.total_pages
                yield page
        if last is None or read == before:
            return
