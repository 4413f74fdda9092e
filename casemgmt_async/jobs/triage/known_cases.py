"""Reading many known cases with few requests: by the pages of their projects, one by one where that is cheaper."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from attrs import field, frozen

from casemgmt_async import Case, CaseSession, cases
from casemgmt_async.jobs.calls import CallStatus
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.triage.listing import iter_listing

__all__ = ["See", "Unread", "read_by_pages", "read_singly"]

See = Callable[[Sequence[Case]], Awaitable[Collection[str]]]
"""Is given cases as they are read; returns the ids of those that need not be read again."""


@frozen
class Unread:
    """What the pages did not settle."""

    ids: dict[str, str | None]
    """The ids left, with their projects."""
    whole: Collection[str | None] = field(factory=frozenset)
    """The projects whose pages were read to the end."""


async def read_by_pages(
    session: CaseSession, control: JobControl, wanted: Mapping[str, str | None], see: See
) -> Unread:
    """Walk over the projects of the wanted cases (ids, with their projects), as long as pages cost less than cases.

    Only `project_id:<uuid>` is a search that can be depended on, so the projects are what is walked over.
    """
    by_project: dict[str | None, set[str]] = defaultdict(set)
    for case_id, project in wanted.items():
        by_project[project].add(case_id)
    whole = set()
    for project, left in by_project.items():
        if len(left) > 1 and await walk(session, control, project, left, see):
            whole.add(project)
    return Unread({case_id: project for project, left in by_project.items() for case_id in left}, whole)


async def walk(session: CaseSession, control: JobControl, project: str | None, left: set[str], see: See) -> bool:
    """Take out of `left` what the pages of a project settle; says whether they were read to the end."""
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
    """Read cases one by one; gives the errors of those that could not be read."""
    errors: dict[str, Exception] = {}

    async def read(case_id: str) -> None:
        result = await control.attempt(lambda: cases.get_case(session, case_id))
        if result.status is CallStatus.ANSWERED and result.answer is not None:
            await see([result.answer])
        elif result.error is not None:
            errors[case_id] = result.error

    await control.each(ids, read)
    return errors
