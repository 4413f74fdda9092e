"""Reading the cases that a triage decides about: in one pass, and in several where one may have missed some."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from attrs import define, field

from casemgmt_async import (
    AuthenticationError,
    Case,
    CaseSession,
    RateLimitError,
    RawResponse,
    StatusError,
    cases,
    timeline,
)
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.triage.listing import iter_listing
from casemgmt_async.jobs.triage.rules import View

__all__ = ["CaseReader", "last_activity"]


@define(eq=False)
class CaseReader:
    """Reads every case that a filter finds, each once.

    The pages are read once, from the oldest case to the newest, several at a time. A case that leaves the listing
    meanwhile moves the later ones up, and one may slip from an unread page to a read one. Where the total fell, or
    is more than what was read, the listing is swept again; `complete` sweeps it in any case.
    """

    session: CaseSession
    control: JobControl
    filter: str | None
    complete: bool = False
    first: RawResponse | None = None
    """The first page, if it was read before."""
    pages: int = field(init=False, default=0)
    """Pages read."""
    converged: bool = field(init=False, default=True)
    """Whether nothing suggests that a case was missed."""
    seen: set[str] = field(init=False, factory=set)
    total: int | None = field(init=False, default=None)
    fell: bool = field(init=False, default=False)

    async def read(self) -> AsyncIterator[list[Case]]:
        """Read the pages; each has the cases that were not read before."""
        if not self.complete:
            async for found in self.one_pass():
                yield found
            if self.control.should_stop or not (self.fell or (self.total or 0) > len(self.seen)):
                return
        sweep = cases.sweep_cases(self.session, filter=self.filter)
        async for case in sweep:
            if case.id not in self.seen:
                self.seen.add(case.id)
                yield [case]
            if self.control.should_stop:
                return
        self.pages += sum(done.pages for done in sweep.result.passes)
        self.converged = sweep.result.converged

    async def one_pass(self) -> AsyncIterator[list[Case]]:
        """Read all pages once. Continues after a long rate limit; ends where the service refuses a deep page."""
        page_number = 1
        while True:
            listing = iter_listing(
                self.session,
                self.filter,
                window=self.control.budget.concurrency,
                first_page=page_number,
                answer=self.first,
            )
            self.first = None
            try:
                async with contextlib.aclosing(listing) as pages:
                    async for page in pages:
                        page_number = page.number + 1
                        yield self.take(page.items, page.total_items)
                        if self.control.should_stop:
                            return
            except RateLimitError as error:
                wait = 1.0 if error.retry_after is None else error.retry_after
                self.control.hold(wait)
                await self.control.sleep(wait)
            except AuthenticationError:
                raise
            except StatusError:
                if page_number == 1:
                    raise
                self.fell = True  # too deep for one listing: the sweep reads it from both ends
                return
            else:
                return

    def take(self, items: Sequence[Case], total: int | None) -> list[Case]:
        """Note what a page says, and keep the cases that are new."""
        self.pages += 1
        if total is not None:
            self.fell = self.fell or total < (self.total or 0)
            self.total = total
        found = [case for case in items if case.id not in self.seen]
        self.seen.update(case.id for case in found)
        return found


async def last_activity(session: CaseSession, case: Case, view: View) -> float:
    """Find when somebody else last wrote on a case's timeline, in Unix seconds; 0 for never."""
    async with timeline.iter_timeline(session, case.id, ascending=False).open() as cells:
        async for cell in cells:
            author, written = None if cell.author is None else cell.author.id, timestamp(cell.created_at)
            if written is not None and not view.is_ours(case, author, written):
                return written
    return 0.0
