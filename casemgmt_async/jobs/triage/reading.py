"""Reading many known cases with few requests: by the pages of their projects, one by one where that is cheaper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from attrs import field, frozen

from casemgmt_async import (
    AuthenticationError,
    Case,
    CaseSession,
    DecodeError,
    SortField,
    StatusError,
    TransportError,
    cases,
)
from casemgmt_async.jobs.control import JobControl

__all__ = ["See", "Unread", "read_by_pages", "read_singly"]

See = Callable[[Sequence[Case]], Awaitable[Collection[str]]]
"""Is handed cases as they are read; gives the ids of those that need not be read again."""


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
    """Take out of `left` what the pages of a project settle; tells whether they were read to the end."""
    pages = cases.iter_cases(
        session,
        filter=None if project is None else f"project_id:{project}",
        sort=SortField.CREATED_AT,
        ascending=True,
        window=control.budget.concurrency,
    )
    async with pages.by_page() as walked:
        async for page in walked:
            found = [case for case in page if case.id in left]
            left.difference_update(await see(found) if found else ())
            if not left or control.should_stop or (page.total_pages or 0) - page.number > len(left):
                return False
            del page, found  # now, and not once the next page is here
    return True


async def read_singly(
    session: CaseSession, control: JobControl, ids: Collection[str], see: See
) -> dict[str, StatusError | TransportError | DecodeError]:
    """Read cases one by one; gives the errors of those that could not be read."""
    errors: dict[str, StatusError | TransportError | DecodeError] = {}

    async def read(case_id: str) -> None:
        try:
            case = await control.call(lambda: cases.get_case(session, case_id))
        except AuthenticationError:
            raise
        except (StatusError, TransportError, DecodeError) as error:
            errors[case_id] = error
        else:
            await see([case])

    await control.each(ids, read)
    return errors
