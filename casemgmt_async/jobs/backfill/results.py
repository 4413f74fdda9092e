"""How a backfill ended."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from casemgmt_async.jobs.results import JobResult

__all__ = ["BackfillResult"]


@frozen(kw_only=True)
class BackfillResult(JobResult):
    """How a run of a backfill ended. `states`, `items` and `remaining` are about the rows that this run read.

    `bad_rows` counts the rows that became no case, `output` is the file that they are in.
    """

    created: int
    """Cases that this run made."""
    found: int
    """Rows whose case existed already but was not in this journal: another run of the job made it."""
    updated: int
    """Changed rows whose cases were brought up to date, with `update`."""
    changed: int
    """Changed rows whose cases stayed as they were, because `update` was not set."""
    unchanged: int
    """Rows that have not changed since their case was made."""
    removed: int
    """Rows that an earlier run read from this source and that are no longer in it; their cases are left alone."""
    reasons: Mapping[str, int]
    """Why rows could not be used, and how many each time."""
    unassigned: Mapping[str, int] = field(factory=dict)
    """Assignees nobody knows, and how many rows were left without one."""
    notes: tuple[str, ...] = ()
    """What the reader detected in the source."""
