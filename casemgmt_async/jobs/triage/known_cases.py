"""Reading many known cases with few requests: by their keys, by the pages of their projects, or one by one."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from casemgmt_async import Case, CaseSession, Page, cases
from casemgmt_async.jobs.calls import CallResult, CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.triage.listing import PAGE_SIZE, iter_listing

__all__ = ["AHEAD", "FEW_SEARCHES", "KeySearches", "See", "Unread", "count_lookups", "read_known", "read_singly"]

See = Callable[[Sequence[Case]], Awaitable[Collection[str]]]
"""Called with cases when they are read; returns the ids of those that need not be read again."""
FEW: Final = 2
"""Up to this number, cases are read one by one, because a search for their keys may find nothing."""
FEW_SEARCHES: Final = 3
"""Searches for keys that are sent side by side before one of them has shown that searches find keys."""
AHEAD: Final = FEW_SEARCHES * PAGE_SIZE + 1
"""The number of keys from which the first searches can be made: one more than these searches have."""


@frozen
class Unread:
    """The cases that searches did not settle."""

    ids: dict[str, str | None]
    """The ids left, with their projects."""
    whole: Collection[str | None] = field(factory=frozenset)
    """The projects whose pages were read to the end."""


def count_lookups(count: int) -> int:
    """Count the requests that reading `count` known cases by their keys takes."""
    return count if count <= FEW else math.ceil(count / PAGE_SIZE)


@define(eq=False)
class KeySearches:
    """The searches of a job for the keys of cases, a hundred at a time.

    That a search finds keys is not documented. Where there are many, the first goes alone to see whether it works, and
    a search that finds less than half of its keys is the last of them.
    """

    session: CaseSession
    control: JobControl
    work: bool = field(init=False, default=False)
    """Whether the last search found most of its keys."""
    early: dict[str, CallResult[Page[Case]]] = field(init=False, factory=dict)
    """The results of searches that were made ahead, by their queries."""

    async def look_ahead(self, keys: Sequence[str]) -> None:
        """Make the first searches ahead of `read`; `keys` can be the first part of the keys that `read` will get."""

        async def search(some: Sequence[str]) -> None:
            query = query_of(some)
            self.early[query] = await self.search(query)

        if len(keys) > FEW:
            await self.control.each(self.going_first(chunks(keys, PAGE_SIZE)), search)

    async def read(self, keys: Mapping[str, str], see: See) -> None:
        """Read cases by their keys, which are given by the ids of the cases."""
        failed = False

        async def read_some(ids: Sequence[str]) -> None:
            nonlocal failed
            if failed:
                return
            query = query_of([keys[case_id] for case_id in ids])
            result = self.early.pop(query, None) or await self.search(query)
            wanted = frozenset(ids)
            found = [case for case in result.answer or () if case.id in wanted]
            self.work = result.status is CallStatus.ANSWERED and len(found) * 2 >= len(ids)
            failed = failed or not self.work
            if found:
                await see(found)

        left = chunks(list(keys), PAGE_SIZE)
        first = self.going_first(left)
        await self.control.each(first, read_some)
        await self.control.each(left[len(first) :], read_some)

    async def search(self, query: str) -> CallResult[Page[Case]]:
        """Make one search."""
        return await self.control.attempt(lambda: cases.search_cases(self.session, filter=query, page_size=PAGE_SIZE))

    def going_first(self, searches: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """Return the searches that are made before one of them has shown that searches find keys."""
        return searches if self.work or len(searches) <= FEW_SEARCHES else searches[:1]


def query_of(keys: Iterable[str]) -> str:
    """Write the query that finds the cases with these keys."""
    return f"key:({' OR '.join(keys)})"


async def read_known(
    searches: KeySearches, projects: Mapping[str, str | None], keys: Mapping[str, str], see: See
) -> Unread:
    """Read known cases with searches; a hundred by their keys where that works.

    `projects` has the ids of the cases, each with the id of its project, as far as that is known. `keys` has the keys
    of those that a search for keys can find; the pages of its project tell what became of any other. What a search
    for keys did not find is read by the pages of its project: only `project_id:<uuid>` can be depended on.
    """
    session, control = searches.session, searches.control
    left = dict(projects)
    seen: set[str] = set()

    async def see_and_settle(found: Sequence[Case]) -> Collection[str]:
        seen.update(case.id for case in found)
        settled = await see(found)
        for case_id in settled:
            left.pop(case_id, None)
        return settled

    if len(keys) > FEW:
        await searches.read(keys, see_and_settle)
    if control.should_stop:
        return Unread(left)
    unseen = {case_id: project for case_id, project in left.items() if case_id not in seen}
    return Unread(left, await read_by_pages(session, control, unseen, see_and_settle))


def chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut a sequence into pieces of a size; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]


async def read_by_pages(
    session: CaseSession, control: JobControl, wanted: Mapping[str, str | None], see: See
) -> Collection[str | None]:
    """Walk over the projects of the wanted cases (ids, with their projects), as long as pages cost less than cases.

    Returns the projects of which all pages were read.
    """
    by_project: dict[str | None, set[str]] = defaultdict(set)
    for case_id, project in wanted.items():
        by_project[project].add(case_id)
    whole = set()
    for project, left in by_project.items():
        if len(left) > 1 and await walk(session, control, project, left, see):
            whole.add(project)
    return whole


async def walk(session: CaseSession, control: JobControl, project: str | None, left: set[str], see: See) -> bool:
    """Remove from `left` the cases that the pages of a project settle; returns whether all pages were read."""
    query = None if project is None else f"project_id:{project}"
    async with contextlib.aclosing(iter_listing(session, query, window=control.budget.concurrency)) as pages:
        async for page in pages:
            found = [case for case in page if case.id in left]
            left.difference_update(await see(found) if found else ())
            if not left or control.should_stop or (page.total_pages or 0) - page.number > len(left):
                return False
            del page, found  # now, and not once the next page is here
    return True


async def read_singly(
    session: CaseSession, control: JobControl, ids: Collection[str], see: See
) -> dict[str, Exception]:
    """Read cases one by one; returns the errors of those that could not be read, by id."""
    errors: dict[str, Exception] = {}

    async def read(case_id: str) -> None:
        result = await control.attempt(lambda: cases.get_case(session, case_id))
        if result.status is CallStatus.ANSWERED and result.answer is not None:
            await see([result.answer])
        elif result.error is not None:
            errors[case_id] = result.error

    await control.each(ids, read)
    return errors
