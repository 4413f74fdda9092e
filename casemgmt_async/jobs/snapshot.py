"""What a report compares before and after: status, priority, age and whether a case is still open."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import define, field

from casemgmt_async import Case
from casemgmt_async.jobs.matching import group_of

__all__ = ["AGES", "Tally", "age_band", "seconds", "snapshot"]

AGES: Final = (
    ("under a day", 1),
    ("1 to 7 days", 7),
    ("7 to 30 days", 30),
    ("30 to 90 days", 90),
    ("90 days and more", None),
)
"""The bands of age: the name, and the number of days it ends at."""


def seconds(moment: datetime | None) -> float | None:
    """A moment in Unix seconds."""
    return None if moment is None else moment.timestamp()


def snapshot(case: Case) -> str:
    """What a report has to know of a case, as JSON: status, group, priority, time of creation, archived."""
    status = case.status_name or (case.status or "none").replace("_", " ").capitalize()
    return json.dumps(
        [status, group_of(case), case.priority, seconds(case.created_at), case.archived_at is not None],
        separators=(",", ":"),
    )


def age_band(created: float | None, now: float) -> str:
    """The band that an age falls into."""
    days = 0.0 if created is None else (now - created) / 86_400
    return next(name for name, end in AGES if end is None or days < end)


@define
class Tally:
    """Cases counted by status, priority and age; by age only those still open."""

    now: float
    status: Counter[str] = field(factory=Counter)
    priority: Counter[str] = field(factory=Counter)
    age: Counter[str] = field(factory=Counter)

    def add(self, text: str, times: int = 1) -> None:
        """Count a snapshot, or with -1 take it out."""
        status, group, priority, created, archived = json.loads(text)
        if archived:
            self.status["archived"] += times
            return
        self.status[status] += times
        self.priority[priority or "NOT_DEFINED"] += times
        if group != "SG_CLOSED":
            self.age[age_band(created, self.now)] += times

    def counts(self) -> dict[str, dict[str, int]]:
        """All counts as plain data."""
        return {"status": dict(self.status), "priority": dict(self.priority), "age": dict(self.age)}

    @classmethod
    def of(cls, now: float, counts: Mapping[str, Mapping[str, int]]) -> Tally:
        """Take up counts again."""
        return cls(now, *(Counter(counts.get(name, {})) for name in ("status", "priority", "age")))
