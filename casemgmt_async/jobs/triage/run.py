"""Triage: plan what rules ask for, then apply it; both halves can be run again until all is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from casemgmt_async import CaseSession
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError, JournalError
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.recovery import SETTLE
from casemgmt_async.jobs.results import JobResult
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.statuses import status_code
from casemgmt_async.jobs.triage.apply import Application
from casemgmt_async.jobs.triage.plan import CHUNK, make_plan, open_triage
from casemgmt_async.jobs.triage.rules import RuleSet

__all__ = ["apply_triage", "run_triage"]


async def apply_triage(
    session: CaseSession,
    *,
    journal: str | Path,
    control: JobControl | None = None,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Do what the plan in a journal says, or what is left of it.

    A case that was changed since the plan was made is skipped, unless `even_if_changed`. `retry_unknown` looks
    once more for comments of which nobody knows whether they were made, and makes those that are not there.
    A request that was cut off is given `settle` seconds before its absence is believed.
    """
    control, journal = control or JobControl(), Path(journal)
    if not journal.exists():
        raise JournalError(f"journal {journal}: there is no such file; make a plan first")
    async with open_triage(session, journal, control) as book:
        if not book.meta.get("planned"):
            raise JobError(f"journal {book.path}: there is no plan in it; make one first")
        options = {"even_if_changed": even_if_changed, "retry_unknown": retry_unknown, "settle": settle}
        return await _apply(session, book, control, options)


async def run_triage(
    session: CaseSession,
    rules: RuleSet,
    *,
    journal: str | Path,
    control: JobControl | None = None,
    chunk: int = CHUNK,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Plan and apply, or go on with what the journal holds; the arguments are those of both.

    Raises `JobError` where the journal holds a plan of other rules.
    """
    control = control or JobControl()
    async with open_triage(session, journal, control) as book:
        if not book.meta.get("planned"):
            await control.run(session, make_plan(session, rules, book, control, chunk))
        elif book.meta.get("digest") != rules.digest:
            raise JobError(f"journal {book.path}: its plan was made with other rules; apply that, or give a new path")
        options = {"even_if_changed": even_if_changed, "retry_unknown": retry_unknown, "settle": settle}
        return await _apply(session, book, control, options)


async def _apply(
    session: CaseSession, journal: Journal, control: JobControl, options: Mapping[str, bool | float]
) -> JobResult:
    sender = Sender(session, journal, control)
    if journal.meta.get("planned") and not control.should_stop:
        work = Application(sender, int(journal.meta["chunk"]), **options)  # type: ignore[arg-type]
        await control.run(session, work.run())
        known = {status_code(json.loads(payload)): group for payload, group in sender.groups.items() if group}
        if known:
            await journal.put(groups=journal.meta.get("groups", {}) | known)
    ((items,),) = await journal.read("SELECT count(*) FROM subjects")
    return control.result(
        "triage", journal.path, states=await journal.counts(), items=items, unbatched_requests=sender.sent
    )
