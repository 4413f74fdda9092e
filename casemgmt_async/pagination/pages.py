"""A walk over numbered pages: lazy, bounded, resumable, several pages in flight where wanted."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from operator import attrgetter
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from attrs import Attribute, evolve, field, frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.page import Page

__all__ = ["Fetch", "Pages", "Walk"]

T = TypeVar("T")
Fetch: TypeAlias = Callable[[int], Awaitable[Page[T]]]
"""Fetches the page of that number."""

identity: Final = attrgetter("id")
END: Final[Any] = object()
SPACING: Final = 0.002
"""Seconds between the requests of one walk. A page takes about that long to read: those that are sent together come
back together, and then none is on its way while all of them are read, one after the other."""


def at_least(floor: int) -> Callable[[Any, Attribute[Any], int | None], None]:
    """Make a validator: the argument is None or a whole number not below `floor`."""

    def check(_: Any, attribute: Attribute[Any], value: int | None) -> None:
        if value is not None and (type(value) is not int or value < floor):
            raise InvalidArgumentError(attribute.name, f"must be a whole number of at least {floor}, not {value!r}")

    return check


def not_before_origin(pages: Pages[Any], attribute: Attribute[Any], value: int | None) -> None:
    """Refuse a page number in front of the first one."""
    at_least(pages.origin)(pages, attribute, value)


@frozen(eq=False)
class Pages(Generic[T]):
    """Walk over everything that a paged operation lists.

    Nothing is fetched before the first item is asked for, and every loop is a walk of its own::

        async for case in pages: ...                    # by item
        async for page in pages.by_page(): ...          # by page; `page.number` resumes a walk as `first_page`
        cases = await pages.collect(limit=500)          # as a list
        async with pages.open() as walk:                # whatever was in flight is gone when the block ends
            async for case in walk: ...

    The consumer sets the pace: pages are requested when items are asked for, at most `window` of them
    ahead of the page being read. Leaving a loop early cancels what is in flight.

    The walk ends at a page that is not full once that is confirmed: by the number of pages that came
    with it, or by an empty page after it. Totals are otherwise only hints, for they move while one reads.
    Up to `window` - 1 requests may be spent on pages behind the end of a short walk.

    The error raised is the first in page order, after all items of the pages before it.

    While the listed things change, a walk skips some and repeats others: see `Sweep`.
    """

    fetch: Fetch[T] = field(repr=False)
    """Fetches one page by its number."""
    page_size: int = field(kw_only=True, validator=at_least(1))
    """Items that `fetch` asks for; a page with fewer is not full."""
    origin: int = field(kw_only=True, default=1)
    """The number of the very first page: cases count from 1, timelines from 0."""
    first_page: int | None = field(kw_only=True, default=None, validator=not_before_origin)
    """The number of the page to start at; None starts at `origin`."""
    window: int = field(kw_only=True, default=1, validator=at_least(1))
    """Pages in flight or waiting to be read, at most; 1 fetches a page when its first item is asked for."""
    ordered: bool = field(kw_only=True, default=True)
    """False yields pages as they arrive."""
    limit: int | None = field(kw_only=True, default=None, validator=at_least(0))
    """Items to yield, at most; no page is fetched that this does not need."""
    dedupe: bool = field(kw_only=True, default=False)
    """Yield an id once only; this remembers every id of the walk."""

    def open(self) -> Walk[T]:
        """Start a walk by item that is closed when its `async with` block ends."""
        return ItemWalk(PageWalk(self))

    def __aiter__(self) -> Walk[T]:
        return self.open()

    def by_page(self) -> Walk[Page[T]]:
        """Start a walk by page, for a loop or for `async with`; pages without items are left out.

        Under `limit` and `dedupe` a page holds only what is left of it.
        """
        return PageWalk(self)

    async def collect(self, limit: int | None = None) -> list[T]:
        """Read the walk to its end, or the first `limit` items of it, into a list."""
        bounds = [bound for bound in (limit, self.limit) if bound is not None]
        async with evolve(self, limit=min(bounds, default=None)).open() as walk:
            return [item async for item in walk]

    async def collect_ids(self) -> list[str]:
        """Read the walk to its end and return the ids, each once, in the order in which they came.

        Collect first, then write: a loop that changes what it walks over skips part of it.
        """
        async with self.open() as walk:
            return list(dict.fromkeys([identity(item) async for item in walk]))


class Walk(AsyncIterator[T]):
    """One walk: an async iterator that `async with` or `aclose` ends, and for one reader at a time."""

    __slots__ = ()

    @abstractmethod
    async def aclose(self) -> None:
        """Cancel what is in flight and wait until it is gone; the walk then has no more items."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class ItemWalk(Walk[T]):
    """The items of a walk by page."""

    __slots__ = ("_items", "_pages")

    def __init__(self, pages: PageWalk[T]) -> None:
        self._pages = pages
        self._items: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while (item := next(self._items, END)) is END:
            self._items = iter((await self._pages.__anext__()).items)
        return item

    async def aclose(self) -> None:
        self._items = iter(())
        await self._pages.aclose()


class PageWalk(Walk[Page[T]]):
    """The state of one walk.

    The tasks in flight never refer to the walk, so that a walk whose loop was left is garbage at once
    and its end cancels them.
    """

    __slots__ = (
        "_empty",
        "_error",
        "_hint",
        "_last",
        "_left",
        "_next",
        "_plan",
        "_reading",
        "_seen",
        "_starts",
        "_tasks",
    )

    def __init__(self, plan: Pages[T]) -> None:
        self._tasks: dict[int, asyncio.Future[Page[T]]] = {}  # by page number, ascending
        self._plan = plan
        self._left = math.inf if plan.limit is None else plan.limit
        self._next = plan.origin if plan.first_page is None else plan.first_page
        self._last = math.inf  # no page behind this one is read: the walk ends there, or failed behind it
        self._starts = -math.inf  # when the latest request goes out
        self._error: Exception | None = None  # what is raised after the page `_last`
        self._hint = math.inf  # the page at which the totals see the end
        self._empty: set[int] = set()
        self._seen: set[str] = set()
        self._reading = False

    async def __anext__(self) -> Page[T]:
        if self._reading:
            raise RuntimeError("another task reads this walk; start a walk for each")
        self._reading = True
        try:
            while self._left and (self._next <= self._last or self._due()):
                page = await (self._fetch_next() if self._plan.window == 1 else self._receive())
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

    async def _fetch_next(self) -> Page[T]:
        """The next page of a walk with one page in flight: no task, a plain await."""
        number = self._next
        page = await self._plan.fetch(number)
        self._next += 1
        self._judge(number, page)
        return self._take(page)

    async def _receive(self) -> Page[T] | None:
        """The next page in order, or whichever is there first; None if it failed. Requests go out before it returns."""
        self._fill()
        due = self._due()
        if self._plan.ordered:
            due = due[:1]
        if not any(self._tasks[number].done() for number in due):
            await asyncio.wait([self._tasks[number] for number in due], return_when=asyncio.FIRST_COMPLETED)
        number = next(number for number in due if self._tasks[number].done())
        try:
            page = self._tasks.pop(number).result()
        except Exception as error:  # noqa: BLE001 - raised once the pages before this one are read
            self._stop(number - 1, error)
            return None
        self._judge(number, page)
        page = self._take(page)
        self._fill()
        return page

    def _due(self) -> list[int]:
        """The pages in flight that are still wanted."""
        return [number for number in self._tasks if number <= self._last]

    def _fill(self) -> None:
        """Request pages until the window is full, or the totals or the limit say that it is enough for now."""
        size, window = self._plan.page_size, self._plan.window
        while self._left and self._next <= self._last and len(self._tasks) < window:
            if self._tasks and (self._next > self._hint or len(self._tasks) * size >= self._left):
                return
            now = asyncio.get_running_loop().time()
            self._starts = max(now, self._starts + SPACING)
            task = asyncio.ensure_future(started(self._plan.fetch, self._next, self._starts - now))
            task.add_done_callback(retrieve)
            self._tasks[self._next] = task
            self._next += 1

    def _judge(self, number: int, page: Page[T]) -> None:
        """Learn from a page whether the walk ends with it."""
        origin, size = self._plan.origin, self._plan.page_size
        hints = [] if page.total_pages is None else [origin + page.total_pages - 1]
        if page.total_items is not None:
            hints.append(origin + page.total_items // size)  # that page is not full
        self._hint = max(hints, default=math.inf)
        if len(page.items) >= size:
            return
        more = bool(hints) and number < self._hint
        if page.items:
            ends = not more and page.total_pages is not None
        else:
            self._empty.add(number)  # two in a row end the walk whatever the totals say
            ends = not more or not self._empty.isdisjoint((number - 1, number + 1))
        if ends:
            self._stop(number, None)

    def _stop(self, last: int, error: Exception | None) -> None:
        """Read nothing behind the page `last`; an end goes before an error behind it."""
        if last < self._last or (last == self._last and error is None):
            self._last, self._error = last, error
        for number, task in self._tasks.items():
            if number > self._last:
                task.cancel()

    def _take(self, page: Page[T]) -> Page[T]:
        """What dedupe and limit leave of a page."""
        items = page.items
        if self._plan.dedupe:
            items = tuple(item for item in items if self._is_new(identity(item)))
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


async def started(fetch: Fetch[T], number: int, delay: float) -> Page[T]:
    """Fetch a page a moment from now."""
    if delay > 0:
        await asyncio.sleep(delay)
    return await fetch(number)


def retrieve(task: asyncio.Future[Any]) -> None:
    """Look at a task's error, which asyncio otherwise reports as never retrieved."""
    if not task.cancelled():
        task.exception()


def abandon(task: asyncio.Future[Any]) -> None:
    """Cancel a task from wherever the garbage collector happens to run."""
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
