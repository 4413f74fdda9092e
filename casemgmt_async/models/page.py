"""Pages of a numbered listing, and lists that are not paged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from attrs import field, frozen

from casemgmt_async.models.base import Extra, Model

__all__ = ["Listing", "Page"]

T = TypeVar("T")


@frozen
class Page(Model, Generic[T]):
    """One page of an answer. Iteration, indexing and `len` apply to its items.

    The totals were true when the service wrote them: they change while you read.
    """

    items: Sequence[T]
    """The items, in the order of the service."""
    number: int = 0
    """Number of the page. Searches count from 1, timelines from 0."""
    size: int | None = None
    """Number of items on this page, as the service counts them."""
    total_pages: int | None = None
    """Number of pages, as the service counts them."""
    total_items: int | None = None
    """Number of items on all pages, as the service counts them."""
    extra: Extra = field(factory=dict)
    """Members of the document that have no field, by JSON pointer."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.items[index]

    @property
    def included(self) -> tuple[Any, ...]:
        """All users in `included` of the document, also those that no item points to."""
        return getattr(self.extra, "included", ())


class Listing(list[T]):
    """A list that is not paged."""

    __slots__ = ("extra",)

    def __init__(self, items: Sequence[T] = (), extra: Extra | None = None) -> None:
        super().__init__(items)
        self.extra: Extra = {} if extra is None else extra
        """Members of the document beside `data` that have no field, by name."""

    @property
    def included(self) -> tuple[Any, ...]:
        """All users in `included` of the document, also those that no item points to."""
        return getattr(self.extra, "included", ())
