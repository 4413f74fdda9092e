"""The walks that `Pages` starts: by item and by page."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Self, TypeAlias, TypeVar

from attrs import evolve

from casemgmt_async.errors import PaginationError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.repeats import MOST_REPEATS, RepeatDetector, id_of

__all__ = ["Fetch", "ItemIterator", "PageIterator", "Walk"]

T = TypeVar("T")
Fetch: TypeAlias = Callable[[int], Awaitable[Page[T]]]
"""A function that fetches the page with a number."""

NO_ITEM: Final[Any] = object()
MOST_PAGES_WITHOUT_NEWS: Final = 5
"""Pages in a row without a new id after which a walk with `dedupe` gives up."""


class Walk(AsyncIterator[T]):
    """One walk: an async iterator for one reader at a time, ended by `async with` or `aclose`.

    A walk that raised an error or was cancelled is at its end, like an async generator.
    """

    __slots__ = ()

    @abstractmethod
    async def aclose(self) -> None:
        """Cancel the requests in flight and wait until they have ended; the walk then has no more items."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class ItemIterator(Walk[T]):
    """The items of a walk by page."""

    __slots__ = ("_items", "_pages")

    def __init__(self, pages: PageIterator[T]) -> None:
        self._pages = pages
        self._items: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while (item := next(self._items, NO_ITEM)) is NO_ITEM:
            self._items = iter((await self._pages.__anext__()).items)
        return item

    async def aclose(self) -> None:
        self._items = iter(())
        await self._pages.aclose()


class PageIterator(Walk[Page[T]]):
    """The pages of one walk.

    The tasks in flight do not refer to the iterator. When a loop over it is left, it is therefore garbage-collected
    at once, and its finalizer cancels the tasks.
    """

    __slots__ = (
        "_dedupe",
        "_detector",
        "_empty",
        "_error",
        "_fetch",
        "_hint",
        "_last",
        "_left",
        "_missing",
        "_next",
        "_ordered",
        "_origin",
        "_reading",
        "_same_length",
        "_seen",
        "_size",
        "_tasks",
        "_window",
        "_without_news",
    )

    def __init__(
        self,
        fetch: Fetch[T],
        *,
        page_size: int,
        origin: int,
        first_page: int | None,
        window: int,
        ordered: bool,
        limit: int | None,
        dedupe: bool,
    ) -> None:
        self._tasks: dict[int, asyncio.Future[Page[T]]] = {}  # by page number, ascending
        self._fetch, self._size, self._origin = fetch, page_size, origin
        self._window, self._ordered, self._dedupe = window, ordered, dedupe
        self._left = math.inf if limit is None else limit
        self._next = origin if first_page is None else first_page
        self._last = math.inf  # no page after this one is read: the walk ends here, or failed after it
        self._error: Exception | None = None  # raised after the page `_last`
        self._hint = math.inf  # the last page according to the totals
        self._empty: set[int] = set()
        self._missing = 0  # items that pages so far were short of full
        self._same_length = (0, 0)  # the length of the latest short page, and how many in a row had it
        self._detector = RepeatDetector()
        self._seen: set[str] = set()
        self._without_news = 0
        self._reading = False

    async def __anext__(self) -> Page[T]:
        if self._reading:
            raise RuntimeError("another task is reading this walk; start one walk per task")
        self._reading = True
        try:
            while self._left and (self._next <= self._last or self._wanted()):
                page = await (self._fetch_next() if self._window == 1 else self._receive())
                if page is not None and page.items:
                    return page
        except BaseException:
            await self.aclose()
            raise
        finally:
            self._reading = False
        error = self._error if self._left else None
        await self.aclose()
        if error is not None:
            raise error
        raise StopAsyncIteration

    async def _fetch_next(self) -> Page[T] | None:
        """Fetch the next page of a walk with one page in flight: no task, a plain await."""
        number = self._next
        page = await self._fetch(number)
        self._next += 1
        return self._accept(number, page)

    async def _receive(self) -> Page[T] | None:
        """Wait for the next page in order, or for the first to arrive, and request more; None if it failed."""
        self._fill()
        wanted = self._wanted()
        if self._ordered:
            wanted = wanted[:1]
        if not any(self._tasks[number].done() for number in wanted):
            await asyncio.wait([self._tasks[number] for number in wanted], return_when=asyncio.FIRST_COMPLETED)
        number = next(number for number in wanted if self._tasks[number].done())
        try:
            page = self._tasks.pop(number).result()
        except Exception as error:  # noqa: BLE001 - raised once the pages before this one are read
            self._stop(number - 1, error)
            return None
        accepted = self._accept(number, page)
        self._fill()
        return accepted

    def _wanted(self) -> list[int]:
        """List the pages in flight that the walk still needs."""
        return [number for number in self._tasks if number <= self._last]

    def _fill(self) -> None:
        """Request pages until the window is full, or until the totals or the limit say that no more are needed."""
        size, window = self._size, self._window
        while self._left and self._next <= self._last and len(self._tasks) < window:
            if self._tasks and (self._next > self._hint or len(self._tasks) * size >= self._left):
                return
            task = asyncio.ensure_future(self._fetch(self._next))
            task.add_done_callback(retrieve)
            self._tasks[self._next] = task
            self._next += 1

    def _accept(self, number: int, page: Page[T]) -> Page[T] | None:
        """Decide whether the walk ends with a page, and return what the walk yields of it."""
        origin, size, total = self._origin, self._size, page.total_items
        hints = [] if page.total_pages is None else [origin + page.total_pages - 1]
        if total is not None:
            hints.append(origin + total // size)  # the first page that is not full
        self._hint = max(hints, default=math.inf)
        after_end = bool(hints) and (number > self._hint or (number - origin) * size == total)
        if page.items and self._detector.repeats_previous(page.items) and after_end:
            self._stop(number - 1, None)  # the service repeats its last page for all numbers after it
            return None
        if len(page.items) < size:
            self._accept_short(number, page, more=bool(hints) and number < self._hint)
        else:
            self._same_length = (size, 0)
        return self._cut(page)

    def _accept_short(self, number: int, page: Page[T], *, more: bool) -> None:
        """Decide whether a page that is not full is the last one."""
        if not page.items:
            self._empty.add(number)  # two in a row end the walk, whatever the totals say
            if not more or not self._empty.isdisjoint((number - 1, number + 1)):
                self._stop(number, None)
            return
        length = len(page.items)
        self._check_length(page, length)
        read = (number - self._origin) * self._size + length - self._missing
        self._missing += self._size - length
        complete = page.total_items is None or read >= page.total_items
        if not more and page.total_pages is not None and complete:
            self._stop(number, None)

    def _check_length(self, page: Page[T], length: int) -> None:
        """Raise `PaginationError` if every page holds at most half of the items that the totals assume.

        The walk would never reach the other half. A few items less than a full page are accepted: the service may
        hide some.
        """
        latest, count = self._same_length
        self._same_length = (length, count + 1 if length == latest else 1)
        pages, total = page.total_pages, page.total_items
        certain = self._same_length[1] >= MOST_REPEATS and 2 * length <= self._size
        if certain and pages and total and pages * length < total:
            raise PaginationError(
                f"asked for {self._size} items per page, the service gives {length} on every page,"
                f" and its {pages} pages cannot hold the {total} items it counts; ask for {length} per page"
            )

    def _stop(self, last: int, error: Exception | None) -> None:
        """Read nothing after the page `last`. The end of the walk takes precedence over an error after it."""
        if last < self._last or (last == self._last and error is None):
            self._last, self._error = last, error
        for number, task in self._tasks.items():
            if number > self._last:
                task.cancel()

    def _cut(self, page: Page[T]) -> Page[T]:
        """Drop the items that `dedupe` and `limit` exclude."""
        items = page.items
        if self._dedupe and items:
            items = tuple(item for item in items if self._is_new(id_of(item)))
            self._without_news = 0 if items else self._without_news + 1
            if self._without_news >= MOST_PAGES_WITHOUT_NEWS:
                raise PaginationError(f"{self._without_news} pages in a row had no item that was not read before")
        if len(items) > self._left:
            items = items[: int(self._left)]
        self._left -= len(items)
        return page if len(items) == len(page.items) else evolve(page, items=items)

    def _is_new(self, item_id: str) -> bool:
        before = len(self._seen)
        self._seen.add(item_id)
        return len(self._seen) > before

    async def aclose(self) -> None:
        self._last, self._error = -math.inf, None
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()
        if tasks:
            await asyncio.wait(tasks.values())

    def __del__(self) -> None:
        for task in self._tasks.values():
            abandon(task)


def retrieve(task: asyncio.Future[Any]) -> None:
    """Retrieve the exception of a task, which asyncio otherwise logs as never retrieved."""
    if not task.cancelled():
        task.exception()


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancel a task. The garbage collector may call this in any thread."""
    loop = task.get_loop()
    if task.done() or loop.is_closed():
        return
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        task.cancel()
    else:
        loop.call_soon_threadsafe(task.cancel)
