"""Read one pass of a sweep, as deep as the service allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import define, field

from casemgmt_async.errors import BadRequestError, ServerError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.repeats import RepeatDetector

__all__ = ["DescendingPages", "ListingState", "PassReader", "SweepFetch", "counted_pages"]

T = TypeVar("T")
SweepFetch: TypeAlias = Callable[[int, int, bool], Awaitable[Page[T]]]
"""A function of page number (from 1), page size and order (True for oldest first) that fetches a page sorted by age."""

TOO_DEEP: Final = (ServerError, BadRequestError)
"""Errors that a page number above the depth limit may cause. On the first page they are ordinary errors."""


@define(eq=False)
class ListingState:
    """What the passes of one sweep learn about the listing."""

    depth: int | None
    """Position of the last item that can be read; None while no limit is known."""
    readable: int = 0
    """Highest position that was read."""
    total: int = 0
    """Number of items according to the latest page."""
    totals: set[int] = field(init=False, factory=set)
    """All totals that the pages reported."""
    total_is_capped: bool = False
    """Whether the total excludes items that cannot be read."""

    @property
    def cut_off(self) -> bool:
        """Whether items are beyond what can be read in one direction."""
        return self.total_is_capped or (self.depth is not None and self.total > self.depth)

    def limit(self, position: int) -> None:
        """Remember that nothing can be read after a position."""
        self.depth = position if self.depth is None else min(position, self.depth)


@define(eq=False)
class PassReader(Generic[T]):
    """The pages of one pass. Pages that are too deep are empty, and `state` remembers the depth."""

    state: ListingState
    fetch: SweepFetch[T]
    size: int
    oldest_first: bool = field(kw_only=True)
    requests: int = field(init=False, default=0)

    async def __call__(self, number: int) -> Page[T]:
        state, deepest = self.state, number * self.size
        if state.depth is not None and deepest > state.depth:
            return Page((), number)
        page = await self._fetch_or_refused(number)
        if page is None:
            state.limit((number - 1) * self.size)
            return Page((), number)
        total = page.total_items or (page.total_pages or 0) * self.size
        if page.items:
            state.readable = max(state.readable, deepest - self.size + len(page.items))
        elif (number - 1) * self.size < total:
            state.limit((number - 1) * self.size)  # the totals count items there, but the page is empty
        if page.items or number == 1:
            state.total = total
            state.totals.add(total)
        return page

    async def _fetch_or_refused(self, number: int) -> Page[T] | None:
        """Fetch a page; None if the page is too deep, which must be distinguished from an outage.

        A page is too deep if the first page can be read after the failure and this one fails once more.
        """
        try:
            return await self._fetch(number)
        except TOO_DEEP:
            if number == 1 or number * self.size <= self.state.readable:
                raise
        await self._fetch(1)
        try:
            return await self._fetch(number)
        except TOO_DEEP:
            return None

    async def _fetch(self, number: int) -> Page[T]:
        self.requests += 1
        return await self.fetch(number, self.size, self.oldest_first)

    async def end(self) -> int:
        """Find the number of the first page without items, by reading it."""
        known = self.state.depth
        first = await self(1)
        if not first.items:
            return 1
        number, step, detector = -(-self.state.total // self.size) + 1, 1, RepeatDetector()
        if known is not None:
            number = min(number, known // self.size + 1)
        while (page := await self(number)).items and not detector.repeats_previous(page.items):
            number, step = number + step, step * 2
        return number

    async def last_readable(self, empty: int) -> int:
        """Find the last page with items below one without, by bisection; 1 if there is none."""
        low = 1
        while empty - low > 1:
            middle = (low + empty) // 2
            low, empty = (middle, empty) if (await self(middle)).items else (low, middle)
        return low


async def counted_pages(read: PassReader[T]) -> AsyncIterator[Page[T]]:
    """Read the pages of a pass from the first to the last that the totals count."""
    number = 1
    while (page := await read(number)).items:
        yield page
        if number * read.size >= read.state.total:
            return
        number += 1


class DescendingPages(AsyncIterator[Page[T]]):
    """The pages of a pass from the last to the first."""

    def __init__(self, read: PassReader[T]) -> None:
        self._read = read
        self._number: int | None = None
        self._detector = RepeatDetector()

    async def __anext__(self) -> Page[T]:
        page = await (self._read_last() if self._number is None else self._read_next(self._number - 1))
        if page.items:
            self._detector.repeats_previous(page.items)
        return page

    async def _read_last(self) -> Page[T]:
        last = await self._read.end() - 1
        page = await self._read_next(last)
        if not page.items and last > 1 and self._read.state.cut_off:
            page = await self._read_next(await self._read.last_readable(last))
        return page

    async def _read_next(self, number: int) -> Page[T]:
        if number < 1:
            raise StopAsyncIteration
        self._number = number
        return await self._read(number)
