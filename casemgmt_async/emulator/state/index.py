"""Finds and sorts cases without doing all the work again at every page.

A `SortedMatches` is what one query finds, in one order. It is brought up to date from the cases that changed
since it was last asked, so a job that writes much and searches little pays for neither twice.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import Final

from attrs import define, field

from casemgmt_async.emulator.state.records import PRIORITIES, STATUSES, CaseRecord
from casemgmt_async.emulator.state.search import Predicate

__all__ = ["SORTS", "Behind", "CaseIndex", "SortedMatches"]

Behind = dict[int, tuple[float, CaseRecord | None]]
"""Writes an index has not seen yet, by serial: when it will, and the case as it sees it until then."""

SERIAL_BITS: Final = 40
SERIAL_MASK: Final = (1 << SERIAL_BITS) - 1
PRIORITY_RANK: Final = {priority: rank for rank, priority in enumerate(PRIORITIES)}
STATUS_RANK: Final = {status: rank for rank, status in enumerate(STATUSES)}
MAX_LISTINGS: Final = 16

SORTS: Final[dict[str, Callable[[CaseRecord], int]]] = {
    "created_at": lambda case: case.created_at << SERIAL_BITS | case.serial,
    "priority": lambda case: PRIORITY_RANK[case.priority] << SERIAL_BITS | case.serial,
    "status": lambda case: STATUS_RANK[case.status] << SERIAL_BITS | case.serial,
}
"""The sort key of a case by field: the field's rank, and below it the order of creation."""


@define(eq=False)
class SortedMatches:
    """What one query finds, ascending in one sort field."""

    matches: Predicate
    order: Callable[[CaseRecord], int]
    keys: list[int] = field(factory=list)
    placed: dict[int, int] = field(factory=dict)
    """The key of each case found, by serial."""
    stale: set[int] | None = None
    """The serials of the cases that changed since; None: everything."""

    def refresh(self, cases: list[CaseRecord], seen: Callable[[int], CaseRecord | None], *, behind: bool) -> None:
        """Take in what changed; `seen` gives a case as the index sees it, or None; `behind` says that it differs."""
        if self.stale is None or len(self.stale) > 1000 + len(self.keys) // 8:
            matches, order = self.matches, self.order
            found = (seen(case.serial) for case in cases) if behind else cases
            self.placed = {case.serial: order(case) for case in found if case and matches(case)}
            self.keys = sorted(self.placed.values())
        else:
            for serial in self.stale:
                self.place(serial, seen(serial))
        self.stale = set()

    def place(self, serial: int, case: CaseRecord | None) -> None:
        """Put one case where it belongs now."""
        key = self.order(case) if case and self.matches(case) else None
        former = self.placed.pop(serial, None)
        if key is not None:
            self.placed[serial] = key
        if key == former:
            return
        if former is not None:
            del self.keys[bisect_left(self.keys, former)]
        if key is not None:
            insort(self.keys, key)

    def serials(self, start: int, stop: int, *, ascending: bool) -> list[int]:
        """The serials of the cases from one place to another."""
        if ascending:
            return [key & SERIAL_MASK for key in self.keys[start:stop]]
        last = len(self.keys)
        return [key & SERIAL_MASK for key in reversed(self.keys[max(last - stop, 0) : max(last - start, 0)])]

    def shuffled(self, random: Random, *, ascending: bool) -> list[int]:
        """All serials, those of equal rank in an order of their own."""
        keys = sorted(self.keys, key=lambda key: (key >> SERIAL_BITS, random.random()), reverse=not ascending)
        return [key & SERIAL_MASK for key in keys]


class CaseIndex:
    """The listings asked for most recently, over one list of cases."""

    def __init__(self, cases: list[CaseRecord], behind: Behind) -> None:
        self.cases = cases
        self.behind = behind
        self.matches_by_query: OrderedDict[tuple[str, str], SortedMatches] = OrderedDict()

    def changed(self, serial: int) -> None:
        """Note that a case is no longer as the listings know it."""
        for listing in self.matches_by_query.values():
            if listing.stale is not None:
                listing.stale.add(serial)

    def delay(self, serial: int, before: CaseRecord | None, due: float) -> None:
        """Show a case as it was before a write until `due`; a write that waits already sets the time."""
        self.behind.setdefault(serial, (due, before))

    def catch_up(self, now: float) -> None:
        """Let the index see the writes that are due."""
        for serial in [serial for serial, (due, _) in self.behind.items() if due <= now]:
            del self.behind[serial]
            self.changed(serial)

    def seen(self, serial: int) -> CaseRecord | None:
        """A case as the index sees it."""
        return self.behind[serial][1] if serial in self.behind else self.cases[serial]

    def matches(self, query: str, sort: str, compiled: Callable[[], Predicate]) -> SortedMatches:
        """What a query finds, up to date."""
        name = (query, sort)
        found = self.matches_by_query.get(name)
        if found is None:
            found = self.matches_by_query[name] = SortedMatches(compiled(), SORTS[sort])
            if len(self.matches_by_query) > MAX_LISTINGS:
                self.matches_by_query.popitem(last=False)
        self.matches_by_query.move_to_end(name)
        found.refresh(self.cases, self.seen, behind=bool(self.behind))
        return found
