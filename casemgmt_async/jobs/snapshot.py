"""What a report compares before and after: status, priority, age and whether a case is still open.

Cases that are equal in all of these are of one kind. A plan counts the cases of each kind, and stores for each case
only the number of its kind.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import Factory, define, evolve, field, frozen

from casemgmt_async import Case, StatusGroup
from casemgmt_async.jobs.statuses import GROUP_OF_STATUS, group_of, status_code, status_label

__all__ = ["AGES", "CaseKind", "Counts", "Tally", "count_kinds"]

BANDS: Final = {90: "90 days and more", 30: "30 to 90 days", 7: "7 to 30 days", 1: "1 to 7 days", 0: "under a day"}
"""The bands of age by the days that they begin at, the oldest first."""
AGES: Final = tuple(reversed(BANDS.values()))

Counts = Mapping[str, Mapping[str, int]]


@frozen
class CaseKind:
    """What all cases of a kind have in common."""

    status: str
    group: str | None
    priority: str
    age: str
    archived: bool = False

    def changed(self, action: str, value: Any, groups: Mapping[str, str]) -> CaseKind:
        """Return the kind that a case of this kind has after an action."""
        match action:
            case "priority":
                return evolve(self, priority=value)
            case "status":
                group = groups.get(status_code(value)) or GROUP_OF_STATUS.get(status_code(value), self.group)
                return evolve(self, status=status_label(value, None), group=group)
            case "archive" | "unarchive":
                return evolve(self, archived=action == "archive")
        return self


@define(eq=False)
class Tally:
    """Counts cases by kind, fast."""

    now: float
    counts: list[int] = field(factory=list)
    """How many cases there are of each kind."""
    kinds: list[CaseKind] = field(factory=list)
    """The kinds, by their numbers."""
    on_new: Callable[[Case], object] = field(kw_only=True, default=lambda _: None)
    """Called with one case of each kind, type and project."""
    _numbers: dict[tuple[Any, ...], int] = field(init=False, factory=dict)
    """The numbers of kinds, by what a case of the kind has, and by its type and project: one look-up for each case."""
    _known: dict[CaseKind, int] = field(init=False, factory=dict)
    _edges: list[datetime] = field(
        init=False,
        default=Factory(
            lambda self: [datetime.fromtimestamp(self.now, UTC) - timedelta(days=days) for days in BANDS if days],
            takes_self=True,
        ),
    )

    def counted(self) -> list[tuple[CaseKind, int]]:
        """The kinds with their counts, in the order of their numbers."""
        return list(zip(self.kinds, self.counts, strict=True))

    def add(self, case: Case) -> int:
        """Count a case, and give the number of its kind."""
        edges, created = self._edges, case.created_at
        band = len(edges) if created is None else bisect_right(edges, created)
        key = (
            case.status_name,
            case.status,
            case.status_group,
            case.priority,
            case.archived_at is None,
            band,
            case.type,
            case.project_id,
        )
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._number(case, band)
            self.on_new(case)
        self.counts[number] += 1
        return number

    def _number(self, case: Case, band: int) -> int:
        """Find the number of a case's kind, or give it one."""
        status, priority = status_label(case.status_name, case.status), case.priority or "NOT_DEFINED"
        kind = CaseKind(status, group_of(case), priority, list(BANDS.values())[band], case.archived_at is not None)
        number = self._known.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
            self.counts.append(0)
        return number


def count_kinds(kinds: Iterable[tuple[CaseKind, int]]) -> Counts:
    """Count cases by status and priority, and open ones by age; archived cases have a status of their own."""
    status: Counter[str] = Counter()
    priority: Counter[str] = Counter()
    age: Counter[str] = Counter()
    for kind, count in kinds:
        status["archived" if kind.archived else kind.status] += count
        if not kind.archived:
            priority[kind.priority] += count
            age[kind.age] += 0 if kind.group == StatusGroup.SG_CLOSED else count
    return {"status": status, "priority": priority, "age": age}
