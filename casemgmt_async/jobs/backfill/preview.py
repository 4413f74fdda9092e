"""Preview a backfill: read all rows, look up all names, find existing cases, and change nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from casemgmt_async import CaseSession
from casemgmt_async.jobs.backfill.making import Backfill
from casemgmt_async.jobs.backfill.options import RowOptions
from casemgmt_async.jobs.backfill.plans import CARRIED, RowPlan
from casemgmt_async.jobs.backfill.run import opened
from casemgmt_async.jobs.backfill.sources import Rows
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.journal import JournalURL, copy_journal
from casemgmt_async.jobs.journal.backfill_queries import count_requests, creates_to_send

__all__ = ["BackfillPreview", "preview_backfill"]

BATCH: Final = 1_000


@frozen(kw_only=True)
class BackfillPreview:
    """What a run of a backfill would do."""

    rows: int
    """Rows that were read."""
    create: int
    """Cases that would be created."""
    found: int
    """Rows without a case in this journal whose case another run of the job has made."""
    update: int
    """Changed rows whose cases would be brought up to date."""
    changed: int
    """Changed rows whose cases would stay as they are, because `update` is not set."""
    unchanged: int
    """Rows that have not changed since their case was made."""
    removed: int
    """Rows that an earlier run read from this source and that are no longer in it."""
    rejected: int
    """Rows that cannot be used."""
    reasons: Mapping[str, int]
    """Why, and how many each time."""
    unassigned: Mapping[str, int]
    """Assignees nobody knows, and how many rows would be left without one."""
    cases: tuple[Mapping[str, Any], ...]
    """The first cases as they would be created: `key` of the row, the arguments of the create, and `then`: what
    follows."""
    changes: tuple[tuple[str, tuple[str, ...]], ...]
    """Keys of the first changed rows, and what is changed."""
    names: Mapping[str, str]
    """What rows call the projects, types and people whose ids are in `cases`, by id."""
    requests: int
    """Requests to create and change cases; those that only read are not counted."""
    seconds: float
    """How long that would take."""
    basis: str
    """What the estimate of `seconds` is based on."""
    stopped: str | None
    """Why the preview is not complete, or None."""
    notes: tuple[str, ...]
    """What the reader detected in the source."""

    @property
    def replaces_all(self) -> bool:
        """Whether an earlier run has read this source and none of its rows is left, as after a change of their keys."""
        known = self.found + self.update + self.changed + self.unchanged
        return bool(self.create and self.removed) and not known


async def preview_backfill(
    session: CaseSession,
    rows: Rows,
    *,
    job: str,
    journal: str | Path | JournalURL | None = None,
    control: JobControl | None = None,
    **options: Any,
) -> BackfillPreview:
    """Preview what `backfill_cases` would do with the same arguments. No case is changed and no file is written.

    The source is read to its end, every name is looked up, and the projects are read as far as a run would read them.
    The journal is copied to a temporary folder and is not changed.

    Raises what `backfill_cases` raises.
    """
    control = control or JobControl()
    given = RowOptions(job=job, settle=0.0, **options)
    path = given.journal_of(rows, journal)
    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        copy = Path(folder) / "journal.db"
        await asyncio.to_thread(copy_journal, path, copy, "backfill")
        async with opened(session, rows, copy, given, control) as work:
            await control.run(session, work.prepare())
            return await preview_of(work)


async def preview_of(work: Backfill) -> BackfillPreview:
    """Count what a prepared run would do."""
    journal, control, intake = work.journal, work.control, work.intake
    found = last = to_create = 0
    while creates := await creates_to_send(journal, work.number, last, BATCH):
        last = creates[-1].number
        left = len(await work.adopt(creates))
        to_create += left
        found += len(creates) - left
    requests = to_create + await count_requests(journal, work.number)
    seconds, basis = work.census.pace.seconds(requests, control.budget.concurrency)
    counts = intake.counts
    return BackfillPreview(
        rows=counts.total(),
        create=to_create,
        found=found,
        update=counts["updated"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        removed=work.removed,
        rejected=counts["rejected"],
        reasons=dict(intake.reasons.most_common()),
        unassigned=dict(work.names.left),
        cases=tuple(shown(key, plan) for key, plan in intake.first_new),
        changes=tuple(intake.first_changes),
        names=work.names.by_id(),
        requests=requests,
        seconds=seconds,
        basis=basis,
        stopped=control.stopped,
        notes=work.source.layout.notes,
    )


def shown(key: str, plan: RowPlan) -> Mapping[str, Any]:
    """Describe a case as it would be created."""
    then = [f"{action} {text}" for _, action, text in plan.steps if action not in (*CARRIED, "custom_attributes")]
    return {"key": key, **plan.create, "then": then}
