"""Run a backfill: open its source and its journal, do the work, write the rejects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from casemgmt_async import CaseSession
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.making import Backfill
from casemgmt_async.jobs.backfill.names import Names
from casemgmt_async.jobs.backfill.options import RowOptions
from casemgmt_async.jobs.backfill.rejects import Written, rejects_target, write_rejects
from casemgmt_async.jobs.backfill.results import BackfillResult
from casemgmt_async.jobs.backfill.sources import Rows, open_source
from casemgmt_async.jobs.backfill.steps import ROW_ACTIONS
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, JournalAddress, JournalURL, count_shards
from casemgmt_async.jobs.journal.backfill_queries import (
    count_cases,
    count_states,
)
from casemgmt_async.jobs.recovery import SETTLE
from casemgmt_async.jobs.sending import Sender

__all__ = ["backfill_cases", "opened"]


async def backfill_cases(
    session: CaseSession,
    rows: Rows,
    *,
    job: str,
    journal: str | Path | JournalURL | None = None,
    project: str | None = None,
    type: str | None = None,
    preset: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_unknown_user: str = "reject",
    update: bool = False,
    assume_new: bool = False,
    rejects: str | Path | None = None,
    control: JobControl | None = None,
    settle: float = SETTLE,
) -> BackfillResult:
    """Make a case of every row, never two for one row.

    `rows` is the path of a CSV file, a JSON Lines file or a JSON array (by its suffix), or any iterable or async
    iterable of mappings. `job` names the import: the same job and key are the same case, wherever and however
    often it is run, so keep the name. `journal` is where the job keeps its state: a file (`JOB.backfill.db` beside the
    source by default), or a URL such as `postgresql://host/database#name` (named after the job by default). If it is
    lost, the next run finds the cases on the service.

    `project` (key, name or id) and `type` (name or id) are for rows without their own. `preset` is the tracker
    that wrote the file (`jira`, `servicenow`, `github`); `columns` maps single columns to fields. `on_unknown_user`
    says what to do with a row whose assignee is unknown: `reject` it, `leave` the case unassigned, or assign it to
    `me`. `update` also changes the cases of changed rows. `assume_new` says that the job was never run before, and
    skips the reading of projects that the journal has not read. `settle` is the number of seconds to wait for a request
    that was cut off to take effect, before it counts as lost.

    Rows that cannot be used, or that the service refuses, go to `rejects` (by default beside the file) in the
    format of the source, with the reason; correct them there and run that file under the same job. A file that
    somebody has edited is not overwritten: the result's `output` then has a number in its name.

    Raises `SourceError` for a source that cannot be used as a whole, `NameLookupError` for a `project` or `type` that
    is unknown or ambiguous, `ForeignJournalError` for a journal of another organisation, address or kind of job,
    `JobError` if the service cannot be read well enough to rule out a second case, and `InvalidArgumentError` before
    any I/O.
    """
    control = control or JobControl()
    options = RowOptions(
        job=job, project=project, type=type, preset=preset, columns=columns, on_unknown_user=on_unknown_user,
        update=update, assume_new=assume_new, settle=settle,
    )  # fmt: skip
    path = options.journal_of(rows, journal)
    if isinstance(path, JournalURL) and (shards := (await count_shards(path))[1]):
        raise JobError(
            f"journal {path}: this job is in {shards} shards; continue it with that number of shards, or choose "
            "another name after #"
        )
    async with opened(session, rows, path, options, control) as work:
        layout, ours = work.source.layout, dict(work.journal.meta.get("rejects", {}))
        target = rejects_target(rows, rejects, job, layout)
        await control.run(session, work.run(), guard=work.journal.check)
        written = await write_rejects(lambda: run_of(work), control, target, layout, ours)
        if written is not None:
            await work.journal.put(rejects={**ours, written.path.name: written.digest})
        return await result_of(work, written)


@asynccontextmanager
async def opened(
    session: CaseSession, rows: Rows, path: JournalAddress, options: RowOptions, control: JobControl
) -> AsyncIterator[Backfill]:
    """Open the source and the journal of a run."""
    source = open_source(rows, options.preset, options.columns)
    clock = ServiceClock(control.clock)
    async with Journal(path, kind="backfill", base_url=session.base_url, on_step=control.step, clock=clock) as journal:
        other = journal.meta.get("job", options.job)
        if other != options.job:
            raise JobError(f"journal {path}: it belongs to the job {other!r}; give the path of another journal")
        await journal.put(job=options.job)
        names = Names(session, control, options.on_unknown_user)
        yield Backfill(Sender(session, journal, control, actions=ROW_ACTIONS), clock, source, names, options)


async def run_of(work: Backfill) -> AsyncIterator[tuple[Journal, int]]:
    """Give the one journal of a run, with its number."""
    yield work.journal, work.number


async def result_of(work: Backfill, written: Written | None) -> BackfillResult:
    """Say how a run ended."""
    journal, control, counts = work.journal, work.control, work.intake.counts
    return BackfillResult(
        job="backfill",
        journal=journal.path,
        states=await count_states(journal, work.number),
        items=await count_cases(journal, work.number),
        stopped=control.stopped,
        interrupted=control.stop.requested,
        requests=control.progress.requests,
        unbatched_requests=work.sender.sent,
        elapsed=control.progress.elapsed,
        bad_rows=0 if written is None else written.rows,
        output=None if written is None else written.path,
        created=work.created,
        found=work.found,
        updated=counts["updated"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        removed=work.removed,
        reasons=dict(work.intake.reasons.most_common()),
        unassigned=dict(work.names.left),
        notes=work.source.layout.notes,
    )
