"""One pass of a sweep over a listing, as deep as the service lets one read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import define, field

from casemgmt_async.errors import BadRequestError, ServerError, StatusError
from casemgmt_async.models.page import Page

__all__ = ["Downward", "Reach", "Reading", "SweepFetch"]

T = TypeVar("T")
SweepFetch: TypeAlias = Callable[[int, int, bool], Awaitable[Page[T]]]
"""Fetches a page by number (from 1) and size, sorted by age: oldest first if the third argument is True."""

TOO_DEEP: Final = (ServerError, BadRequestError)
"""What services are known to answer deep down; on the first page it is an error like any other."""


@define(eq=False)
class Reach:
    """What the passes of one sweep learn about the listing."""

    depth: int | None
    """How many items deep the service can be read, where that is less than all."""
    readable: int = 0
    """How deep it was read already."""
    total: int = 0
    """How many items the listing last said it has."""


@define(eq=False)
class Reading(Generic[T]):
    """The pages of one pass; what lies too deep reads as empty, and how deep that is will be remembered."""

    reach: Reach
    fetch: SweepFetch[T]
    size: int
    oldest_first: bool = field(kw_only=True)
    requests: int = field(init=False, default=0)

    async def __call__(self, number: int) -> Page[T]:
        reach, deep = self.reach, number * self.size
        nothing = Page[T]((), number)
        if reach.depth is not None and deep > reach.depth:
            return nothing
        try:
            page = await self._fetch(number)
        except TOO_DEEP:
            if number == 1 or deep <= reach.readable or not await self._works():
                raise
            reach.depth = deep - self.size
            return nothing
        reach.readable = max(reach.readable, deep)
        if page.items or number == 1:
            reach.total = page.total_items or (page.total_pages or 0) * self.size
        return page

    async def _fetch(self, number: int) -> Page[T]:
        self.requests += 1
        return await self.fetch(number, self.size, self.oldest_first)

    async def _works(self) -> bool:
        """Whether the first page can be read, so that an error is about the depth and not an outage."""
        try:
            await self._fetch(1)
        except StatusError:
            return False
        return True

    async def end(self) -> int:
        """The number of the first page that is empty or too deep; that page is read to be sure of it."""
        known = self.reach.depth
        await self(1)
        number, step = -(-self.reach.total // self.size) + 1, 1
        if known is not None:
            number = min(number, known // self.size + 1)
        while (await self(number)).items:
            number, step = number + step, step * 2
        if self.reach.depth != known:
            low = 1
            while number - low > 1:
                middle = (low + number) // 2
                low, number = (middle, number) if (await self(middle)).items else (low, middle)
        return number


class Downward(AsyncIterator[Page[T]]):
    """The pages of a reading from the last to the first."""

    def __init__(self, reading: Reading[T]) -> None:
        self._reading = reading
        self._number: int | None = None

    async def __anext__(self) -> Page[T]:
        if self._number is None:
            self._number = await self._reading.end()
        self._number -= 1
        if self._number < 1:
            raise StopAsyncIteration
        return await self._reading(self._number)
