"""Detect a service that returns the same pages again and again, so that every walk ends."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from attrs import define, field

from casemgmt_async.errors import PaginationError

__all__ = ["MOST_REPEATS", "RepeatDetector", "id_of"]

id_of: Final = attrgetter("id")
MOST_REPEATS: Final = 3
"""Repetitions of a page that end a walk. Items created during a walk can cause one or two repetitions."""


@define(eq=False)
class RepeatDetector:
    """Compares each page with the one before and with an earlier one, the anchor; it stores two pages only.

    The anchor is replaced at page 1, 2, 4, 8, ... (Brent's cycle detection), so that a cycle of any
    length is found.
    """

    pages: int = field(init=False, default=0)
    previous: frozenset[str] = field(init=False, factory=frozenset)
    repeats: int = field(init=False, default=0)
    anchor: frozenset[str] = field(init=False, factory=frozenset)
    returns: int = field(init=False, default=0)

    def repeats_previous(self, items: Sequence[Any]) -> bool:
        """Add a page; say whether it holds the items of the page before. Raise `PaginationError` in a cycle."""
        ids = frozenset(map(id_of, items))
        self.pages += 1
        repeated = ids == self.previous
        self.repeats = self.repeats + 1 if repeated else 0
        self.returns += ids == self.anchor
        if max(self.repeats, self.returns) >= MOST_REPEATS:
            raise PaginationError(f"the service gives the same {len(ids)} items on page after page")
        if self.pages & (self.pages - 1) == 0:  # a power of two
            self.anchor, self.returns = ids, 0
        self.previous = ids
        return repeated
