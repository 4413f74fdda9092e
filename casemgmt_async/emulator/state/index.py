"""Finds and sorts cases without repeating all work at every page.

`SortedMatches` has the result of one query in one order. It is updated from the cases that changed since it was last
used, so that neither writes nor searches cost time in proportion to the number of cases.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Final

from attrs import define, field

from casemgmt_async.emulator.state.records import PRIORITIES, STATUSES, CaseRecord
from casemgmt_async.emulator.state.search import Predicate, named_cases

__all__ = ["SORTS", "CaseIndex", "PendingWrites", "SortedMatches"]

PendingWrites = dict[int, tuple[float, CaseRecord | None]]
"""Writes that the index has not seen yet, by serial: when it will, and the case as it was before (None: no case)."""

SERIAL_BITS: Final = 40
SERIAL_MASK: Final = (1 << SERIAL_BITS) - 1
PRIORITY_RANK: Final = {priority: rank for rank, priority in enumerate(PRIORITIES)}
STATUS_RANK: Final = {status: rank for rank, status in enumerate(STATUSES)}
MAX_QUERIES: Final = 16

SORTS: Final[dict[str, Callable[[CaseRecord], int]]] = {
    "created_at": lambda case: case.created_at << SERIAL_BITS | case.serial,
    "priority": lambda case: PRIORITY_RANK[case.priority] << SERIAL_BITS | case.serial,
    "status": lambda case: STATUS_RANK[case.status] << SERIAL_BITS | case.serial,
}
"""The sort key of a case, by field: the rank of the field's value, then the order of creation."""


@define(eq=False)
class SortedMatches:
    """The cases that one query finds, in ascending order of one field."""

    matches: Predicate
    order: Callable[[CaseRecord], int]
    keys: list[int] = field(factory=list)
    key_of: dict[int, int] = field(factory=dict)
    """The sort key of each case found, by serial."""
    stale: set[int] | None = None
    """The serials of the cases that changed since the last update; None for all cases."""

    def refresh(
        self, candidates: Callable[[], Iterable[CaseRecord | None]], seen: Callable[[int], CaseRecord | None]
    ) -> None:
        """Update from the changed cases.

        `candidates` gives all cases that can match, `seen` one case; both as the index sees them, None for no case.
        """
        if self.stale is None or len(self.stale) > 1000 + len(self.keys) // 8:
            matches, order = self.matches, self.order
            self.key_of = {case.serial: order(case) for case in candidates() if case and matches(case)}
            self.keys = sorted(self.key_of.values())
        else:
            for serial in self.stale:
                self.place(serial, seen(serial))
        self.stale = set()

    def place(self, serial: int, case: CaseRecord | None) -> None:
        """Move one case to its current position."""
        key = self.order(case) if case and self.matches(case) else None
        former = self.key_of.pop(serial, None)
        if key is not None:
            self.key_of[serial] = key
        if key == former:
            return
        if former is not None:
            del self.keys[bisect_left(self.keys, former)]
        if key is not None:
            insort(self.keys, key)

    def serials(self, start: int, stop: int, *, ascending: bool) -> list[int]:
        """The serials of the cases at positions `start` to `stop`."""
        if ascending:
            return [key & SERIAL_MASK for key in self.keys[start:stop]]
        last = len(self.keys)
        return [key & SERIAL_MASK for key in reversed(self.keys[max(last - stop, 0) : max(last - start, 0)])]

    def shuffled(self, random: Random, *, ascending: bool) -> list[int]:
        """All serials in order, ties in random order."""
        keys = sorted(self.keys, key=lambda key: (key >> SERIAL_BITS, random.random()), reverse=not ascending)
        return [key & SERIAL_MASK for key in keys]


class CaseIndex:
    """The results of the most recent queries, over one list of cases and their serials by key and id."""

    def __init__(self, cases: list[CaseRecord], serials: Mapping[str, int], pending: PendingWrites) -> None:
        self.cases = cases
        self.serials = serials
        self.pending = pending
        self.results: OrderedDict[tuple[str, str], SortedMatches] = OrderedDict()

    def changed(self, serial: int) -> None:
        """Mark a case as changed in all results."""
        for result in self.results.values():
            if result.stale is not None:
                result.stale.add(serial)

    def delay(self, serial: int, before: CaseRecord | None, due: float) -> None:
        """Show a case as it was before a write until `due`. An earlier pending write keeps its time."""
        self.pending.setdefault(serial, (due, before))

    def catch_up(self, now: float) -> None:
        """Let the index see the writes that are due."""
        for serial in [serial for serial, (due, _) in self.pending.items() if due <= now]:
            del self.pending[serial]
            self.changed(serial)

    def seen(self, serial: int) -> CaseRecord | None:
        """A case as the index sees it."""
        return self.pending[serial][1] if serial in self.pending else self.cases[serial]

    def candidates(self, query: str) -> Iterable[CaseRecord | None]:
        """Give all cases that a query can find, as the index sees them."""
        named = named_cases(query)
        if named is None:
            return map(self.seen, range(len(self.cases))) if self.pending else self.cases
        spelled = (spelling for name in named for spelling in (name, name.upper(), name.lower()))
        serials = {self.serials[name] for name in spelled if name in self.serials}
        return map(self.seen, serials | self.pending.keys())  # a pending write may have taken the key away

    def matches(self, query: str, sort: str, compiled: Callable[[], Predicate]) -> SortedMatches:
        """The current result of a query."""
        name = (query, sort)
        found = self.results.get(name)
        if found is None:
            found = self.results[name] = SortedMatches(compiled(), SORTS[sort])
            if len(self.results) > MAX_QUERIES:
                self.results.popitem(last=False)
        self.results.move_to_end(name)
        found.refresh(lambda: self.candidates(query), self.seen)
        return found
