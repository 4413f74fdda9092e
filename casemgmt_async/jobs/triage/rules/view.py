"""What rules know besides the case: the time, what was done to the case before, and when others were active."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import define, field

from casemgmt_async import Case
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.journal import LastActivity, Remembered

__all__ = ["MARK", "TimelineNeeded", "View", "mark_text", "time_of_mark"]

MARK: Final = "triage"
"""The attribute of cases that holds what is remembered with `memory = "case"`."""
OURS: Final = 120.0
"""Seconds by which a change of ours may be dated later by the service than by this machine."""


class TimelineNeeded(Exception):  # noqa: N818 - not an error: the decision waits until the timeline was read
    """The timeline of a case has to be read before a rule can decide."""


@define(eq=False)
class View:
    """What is known when rules decide."""

    now: float
    """The time in Unix seconds, by the clock of the job."""
    app_url: str = "https://app.datadoghq.com"
    """The address of the web application that shows the cases."""
    me: str | None = None
    """The id of the user that the session acts as; None if it is not known."""
    memory: Mapping[tuple[str, str], Remembered] = field(factory=dict)
    """What was done before, by case and rule."""
    activity: Mapping[str, LastActivity] = field(factory=dict)
    """When the cases that this triage changed were last active, by id."""
    doubts: frozenset[tuple[str, str]] = frozenset()
    """The cases and rules of which nobody knows whether a comment was made."""
    matched: set[str] = field(factory=set)
    """The rules that have matched some case so far."""
    timelines: dict[str, float] = field(factory=dict)
    """When others were last active by the timeline, for the cases whose timeline was read."""
    earlier_users: frozenset[str] = frozenset()
    """The ids of the other users that this triage has run as."""

    def remembered(self, case: Case, rule: str) -> Remembered | None:
        """What is remembered of a rule and a case: in the state file or on the case itself, whichever is later.

        Both are asked whatever the rules say, so that nothing is forgotten when `memory` is edited.
        """
        known, marks = self.memory.get((case.id, rule)), case.attributes.get(MARK, ())
        times = [when for text in marks if (when := time_of_mark(text, rule)) is not None]
        if not times or (known is not None and known.done_at + 1.0 > max(times)):  # a mark has no fractions of seconds
            return known
        return Remembered(max(times))

    def idle_for(self, case: Case, span: float) -> bool:
        """Whether nobody else was active on a case for `span` seconds."""
        since = self.now - span
        modified = timestamp(case.modified_at or case.created_at)
        return modified is not None and (modified < since or self.active_at(case) < since)

    def active_at(self, case: Case) -> float:
        """When somebody other than this triage was last active on a case, in Unix seconds.

        Raises `TimelineNeeded` if neither the case nor memory can tell.
        """
        created = timestamp(case.created_at) or 0.0
        if case.id in self.timelines:
            return max(created, self.timelines[case.id])
        modified = timestamp(case.modified_at) or created
        by = None if case.modified_by is None else case.modified_by.id
        may_be_ours = self.me is None or by in (None, self.me, *self.earlier_users)
        known = self.activity.get(case.id)
        if known and may_be_ours and modified <= known.changed_at + OURS:
            return known.active_at
        if self.me is not None and by == self.me:
            raise TimelineNeeded
        return modified

    def is_ours(self, case: Case, user_id: str | None, at: float) -> bool:
        """Whether this triage made a change: as its present user, or as an earlier one until its last known change.

        An earlier user may be a person who once ran the triage, so later changes of that user are somebody's answer.
        """
        if user_id is None or user_id == self.me:
            return user_id is not None
        known = self.activity.get(case.id)
        return user_id in self.earlier_users and known is not None and at <= known.changed_at + OURS

    def surely_active_at(self, case: Case) -> float:
        """The same, and never without a look at the timeline, for what cannot be taken back."""
        if case.id not in self.timelines:
            raise TimelineNeeded
        modified = timestamp(case.modified_at) or 0.0
        by = None if case.modified_by is None else case.modified_by.id
        by_others = self.me is not None and by is not None and not self.is_ours(case, by, modified)
        return max(self.active_at(case), modified if by_others else 0.0)


def mark_text(rule: str, now: float) -> str:
    """What a mark on a case says: the rule, and when it was done."""
    return f"{rule}@{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"


def time_of_mark(text: str, rule: str) -> float | None:
    """When a mark says that a rule was done; None for another rule's mark."""
    name, _, when = text.rpartition("@")
    try:
        return datetime.fromisoformat(when).timestamp() if name == rule else None
    except ValueError:
        return None
