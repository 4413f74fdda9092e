"""`Pages`: the items of a numbered listing, read lazily, optionally with several pages in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from attrs import Attribute, evolve, field, frozen

from casemgmt_async.errors import InvalidArgumentError
from casemgmt_async.models.page import Page
from casemgmt_async.pagination.iterators import Fetch, ItemIterator, PageIterator, Walk
from casemgmt_async.pagination.repeats import id_of

__all__ = ["Pages"]

T = TypeVar("T")
LARGEST: Final = 2**63 - 1
"""Largest whole number that an argument takes: the service uses 64-bit integers."""


def at_least(floor: int) -> Callable[[Any, Attribute[Any], int | None], None]:
    """Make a validator: the argument is None or a whole number not below `floor`."""

    def check(_: Any, attribute: Attribute[Any], value: int | None) -> None:
        if value is not None and (type(value) is not int or not floor <= value <= LARGEST):
            raise InvalidArgumentError(attribute.name, f"must be a whole number of at least {floor}")

    return check


def is_flag(_: Any, attribute: Attribute[Any], value: object) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(attribute.name, f"must be True or False, not {value!r:.60}")


def not_before_origin(pages: Pages[Any], attribute: Attribute[Any], value: int | None) -> None:
    """Refuse a page number below that of the first page."""
    at_least(pages.origin)(pages, attribute, value)


@frozen(eq=False)
class Pages(Generic[T]):
    """Everything that a paged operation lists, to be read by item, by page or as a list.

    Nothing is fetched before the first item is asked for, and every loop reads from the beginning::

        async for case in pages: ...                    # by item
        async for page in pages.by_page(): ...          # by page; pass `page.number` as `first_page` to resume
        cases = await pages.collect(limit=500)          # as a list
        async with pages.open() as walk:                # all requests have ended when the block ends
            async for case in walk: ...

    Pages are requested when items are asked for, at most `window` of them ahead of the page being read.
    Leaving a loop early cancels the requests in flight. One task at a time can read from a walk: a second one gets
    `RuntimeError` while the first one waits for a page.

    The walk ends at a page that is not full, if the totals on that page agree, or if an empty page follows. Totals
    are only hints otherwise, because they change while you read. Up to `window` - 1 requests may go to pages
    after the end of a short walk.

    The error raised is the first in page order, after all items of the pages before it. `PaginationError` is raised
    if the service returns the same page several times in a row, or pages of another size than its totals assume,
    so that every walk ends.

    While the listed items change, a walk skips some and repeats others. Use `Sweep` where that matters.
    """

    fetch: Fetch[T] = field(repr=False)
    """Fetches one page by its number. The items must have an `id`."""
    page_size: int = field(kw_only=True, validator=at_least(1))
    """Items per page that `fetch` asks for; a page with fewer items is not full."""
    origin: int = field(kw_only=True, default=1)
    """The number of the very first page: searches count from 1, timelines from 0."""
    first_page: int | None = field(kw_only=True, default=None, validator=not_before_origin)
    """The number of the page to start at; None starts at `origin`."""
    window: int = field(kw_only=True, default=1, validator=at_least(1))
    """Largest number of pages in flight or waiting to be read; 1 fetches a page when its first item is asked for."""
    ordered: bool = field(kw_only=True, default=True, validator=is_flag)
    """False yields pages in the order in which they arrive."""
    limit: int | None = field(kw_only=True, default=None, validator=at_least(0))
    """Largest number of items to yield; pages that are not needed for it are not fetched."""
    dedupe: bool = field(kw_only=True, default=False, validator=is_flag)
    """Yield each id only once; this keeps every id of the walk in memory."""

    def open(self) -> Walk[T]:
        """Start a walk by item that closes when its `async with` block ends."""
        return ItemIterator(self._start())

    def __aiter__(self) -> Walk[T]:
        return self.open()

    def by_page(self) -> Walk[Page[T]]:
        """Start a walk by page, for a loop or for `async with`. Pages without items are left out.

        With `limit` and `dedupe`, a page has only the items that these allow.
        """
        return self._start()

    def _start(self) -> PageIterator[T]:
        return PageIterator(
            self.fetch,
            page_size=self.page_size,
            origin=self.origin,
            first_page=self.first_page,
            window=self.window,
            ordered=self.ordered,
            limit=self.limit,
            dedupe=self.dedupe,
        )

    async def collect(self, limit: int | None = None) -> list[T]:
        """Read the walk to its end, or its first `limit` items, and return them as a list."""
        pages = self if limit is None else evolve(self, limit=limit)
        if self.limit is not None and pages.limit is not None and self.limit < pages.limit:
            pages = self
        async with pages.open() as walk:
            return [item async for item in walk]

    async def collect_ids(self) -> list[str]:
        """Read the walk to its end and return the ids, each once, in the order in which they came.

        Collect first, then write: a loop that changes what it reads skips part of it.
        """
        async with self.open() as walk:
            return list(dict.fromkeys([id_of(item) async for item in walk]))
