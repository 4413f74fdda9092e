"""Pages of a numbered walk, and lists that come whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from casemgmt_async.models.base import Extra

__all__ = ["Listing", "Page"]

T = TypeVar("T")


@frozen
class Page(Generic[T]):
    """One page of an answer; iterate over it for its items.

    The totals are the service's word at that moment: they move while you read.
    """

    items: Sequence[T]
    """The items, in the service's order."""
    number: int = 0
    """The page's number. Searches count from 1, timelines from 0."""
    size: int | None = None
    """How many items the service says this page has."""
    total_pages: int | None = None
    """How many pages the service says there are."""
    total_items: int | None = None
    """How many items the service says there are on all pages."""
    extra: Extra = field(factory=dict)
    """What the service sent besides, by JSON pointer into the document."""
    _wire: Any = field(default=None, kw_only=True, alias="_wire", repr=False, eq=False)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class Listing(list[T]):
    """A list that came whole, with what stood beside it in the document."""

    __slots__ = ("_wire", "extra")

    def __init__(self, items: Sequence[T] = (), extra: Extra | None = None, wire: Any = None) -> None:
        super().__init__(items)
        self.extra: Extra = extra or {}
        self._wire = wire
