"""Triage: plan what rules ask for, then apply it; runs follow one another in one state file."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import evolve

from casemgmt_async import CaseSession, web_address
from casemgmt_async.jobs.actions import REPEATABLE
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError, JournalError
from casemgmt_async.jobs.journal import (
    JournalAddress,
    JournalURL,
    Outcome,
    Run,
    RunState,
    State,
    Statement,
    copy_journal,
    journal_address,
)
from casemgmt_async.jobs.journal import runs as run_queries
from casemgmt_async.jobs.journal.triage_queries import first_keys, skip_unbegun, unknown_creates
from casemgmt_async.jobs.pool import read_meanwhile
from casemgmt_async.jobs.recovery import SETTLE, Found, resolve_comments
from casemgmt_async.jobs.results import JobResult
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.snapshot import Tally
from casemgmt_async.jobs.triage.apply import Application, ApplyOptions
from casemgmt_async.jobs.triage.changes import iter_changes
from casemgmt_async.jobs.triage.first_look import FirstLook, look_first
from casemgmt_async.jobs.triage.known_cases import AHEAD
from casemgmt_async.jobs.triage.plan import CHUNK, FreshPlan, Plan, Planner, PlanOptions, make_plan, sum_up
from casemgmt_async.jobs.triage.rules import RuleSet, View
from casemgmt_async.jobs.triage.state import TriageState, open_state

__all__ = [
    "FRESH",
    "Confirm",
    "apply_in",
    "apply_last",
    "apply_triage",
    "plan_and_apply",
    "plan_triage",
    "run_triage",
    "selected",
    "work_in",
]

T = TypeVar("T")

REPLANNED: Final = "a later plan decides about this case anew"
Confirm = Callable[[Plan], bool | Awaitable[bool]]
Apply = Callable[[TriageState, ApplyOptions, FreshPlan | None], Awaitable[None]]
"""Applies the selected run of an open state, or hands it to workers."""


async def plan_triage(
    session: CaseSession,
    rules: RuleSet,
    *,
    state: str | Path | JournalURL,
    control: JobControl | None = None,
    chunk: int = CHUNK,
    complete: bool = False,
    dry_run: bool = False,
) -> Plan:
    """Read every case that the rules' filter finds, decide, and write the plan into the state file; change nothing.

    A plan that was not applied is replaced. `chunk` is how many cases one bulk update holds. `complete` reads the
    cases until no pass finds a new one; without it they are read once, unless something suggests that a case was
    missed. A `dry_run` uses what the state file remembers and leaves nothing behind; its plan has `changes`.

    Raises `RulesError` for a name that nobody has, `PlanTooLargeError` where `max_cases` is exceeded,
    `ForeignJournalError` for the state of another triage or organisation, and `JobError` if the job was stopped.
    """
    control = control or JobControl()
    options = PlanOptions(chunk=chunk, complete=complete, dry_run=dry_run)

    async def work_on(work: TriageState) -> Plan | None:
        look = look_first(session, rules, control, complete=complete)
        made = await plan_in(work, rules, options, await read_meanwhile(look, work.claim(rules.name)))
        if made is None or not dry_run:
            return made and made[0]
        changes = [change async for change in iter_changes(work.journal, selected(work))]
        return evolve(made[0], state=journal_address(state), changes=tuple(changes))

    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        path: JournalAddress = journal_address(state)
        if dry_run:
            source, path = path, Path(folder) / "dry-run.db"
            await asyncio.to_thread(copy_journal, source, path, "triage")
        plan, _ = await work_in(session, path, control, work_on)
    if plan is None:
        raise JobError(f"no plan was made because {control.stopped}; nothing was changed")
    return plan


async def apply_triage(
    session: CaseSession,
    *,
    state: str | Path | JournalURL,
    control: JobControl | None = None,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    retry_rejected: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Do what the last plan in a state file says, or what is left of it.

    A case that was changed since the plan was made is skipped, unless `even_if_changed`. `retry_unknown` looks
    once more for comments of which nobody knows whether they were made, and makes those that are not there.
    `retry_rejected` tries again what the service refused. A request that was cut off gets `settle` seconds
    before its absence is believed.
    """
    control, path = control or JobControl(), journal_address(state)
    need_state(path)
    options = ApplyOptions(
        even_if_changed=even_if_changed, retry_unknown=retry_unknown, retry_rejected=retry_rejected, settle=settle
    )

    _, result = await work_in(session, path, control, lambda work: apply_last(work, options))
    return result


async def run_triage(
    session: CaseSession,
    rules: RuleSet,
    *,
    state: str | Path | JournalURL,
    control: JobControl | None = None,
    confirm: Confirm | None = None,
    chunk: int = CHUNK,
    complete: bool = False,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    retry_rejected: bool = False,
    settle: float = SETTLE,
) -> JobResult:
    """Plan and apply; or resume an interrupted run of the same rules.

    Of a broken-off run of other rules, the cases that were begun are finished, and everything else is decided anew.
    `confirm` is given the plan and says whether to apply it. The other arguments are those of `plan_triage` and
    `apply_triage`. The cases are not read again between plan and changes. A stop before the first change ends the
    run with nothing changed; the result then has no `run`.
    """
    control = control or JobControl()
    options = ApplyOptions(
        even_if_changed=even_if_changed, retry_unknown=retry_unknown, retry_rejected=retry_rejected, settle=settle
    )

    planning = PlanOptions(chunk=chunk, complete=complete, at_once=True)
    _, result = await work_in(
        session,
        journal_address(state),
        control,
        lambda work: plan_and_apply(work, rules, planning, options, confirm=confirm),
    )
    return result


async def work_in(
    session: CaseSession,
    path: JournalAddress,
    control: JobControl,
    work_on: Callable[[TriageState], Coroutine[Any, Any, T]],
) -> tuple[T | None, JobResult]:
    """Work on a state so that a stop can end the work; a plan that is not whole is deleted at the end."""
    async with open_state(session, path, control) as journal:
        work = TriageState(session, journal, control)
        try:
            done = await control.run(session, work_on(work), guard=journal.check)
        finally:
            if work.run is not None and work.run.state is RunState.PLANNING:
                work.run = None
                await run_queries.drop_unfinished_plan(journal)
        return done, await result_of(work)


async def apply_last(work: TriageState, options: ApplyOptions, apply: Apply | None = None) -> None:
    """Apply the last plan in an open state file, after what earlier runs had begun."""
    run = await work.select()
    if run is None or run.state in (RunState.PLANNING, RunState.REPLACED):
        raise JobError(f"state {work.journal.path}: it has no plan; make one first")
    earlier = [each for each in await run_queries.read_unfinished(work.journal) if each.number < run.number]
    if run.state is RunState.PLANNED and not earlier:
        # The cases will be read before anything is done or written down, and the first of them can be read now.
        await read_meanwhile(work.searches.look_ahead(await first_keys(work.journal, AHEAD)), work.claim(None))
    else:
        await work.claim(None)
        await finish_earlier(work, earlier, options)
        await work.select()
    if options.retry_unknown:
        await look_again(work, run.facts["remembered"], options, before=run.first_operation)
    await (apply or apply_in)(work, options, None)


async def plan_and_apply(
    work: TriageState,
    rules: RuleSet,
    planning: PlanOptions,
    options: ApplyOptions,
    *,
    confirm: Confirm | None,
    apply: Apply | None = None,
) -> None:
    """Resume the last run in an open state file, or plan and apply."""
    control, apply = work.control, apply or apply_in
    look_at_cases = partial(look_first, work.session, rules, control, complete=planning.complete)
    unfinished = await run_queries.read_unfinished(work.journal)
    if unfinished:
        await work.claim(rules.name)
        if await went_on(work, unfinished, rules, options, apply) or control.should_stop:
            return
        look = await look_at_cases()
    else:
        look = await read_meanwhile(look_at_cases(), work.claim(rules.name))
    if control.should_stop:
        return
    if options.retry_unknown:
        await look_again(work, rules.remembered, options)
    made = await plan_in(work, rules, planning, look)
    if made is None:
        return
    plan, fresh = made
    if confirm is not None:
        answer = confirm(plan)
        if not (await answer if inspect.isawaitable(answer) else answer):
            control.run_out("the plan was not confirmed; nothing was changed")
            return
    is_fresh = control.clock() - selected(work).begun <= FRESH
    await apply(work, options, fresh if is_fresh else None)


async def went_on(
    work: TriageState, unfinished: Sequence[Run], rules: RuleSet, options: ApplyOptions, apply: Apply
) -> bool:
    """Finish interrupted runs, and resume the last run if it is one; returns whether nothing else is to be done now.

    Only a run of the same rules is resumed. Whether functions are the same as before cannot be seen, so of their runs
    only the cases that were begun are finished.
    """
    last, interrupted = await run_queries.select_run(work.journal), unfinished[-1]
    is_last = last is not None and last.number == interrupted.number
    resumes = is_last and interrupted.digest is not None and interrupted.digest == rules.digest
    await finish_earlier(work, unfinished[:-1] if resumes else unfinished, options)
    if resumes:
        await work.select()
        await apply(work, options, None)
    return resumes


def need_state(path: JournalAddress) -> None:
    """Refuse where there is no state file; one in PostgreSQL is looked for when it is opened."""
    if isinstance(path, Path) and not path.exists():
        raise JournalError(f"state {path}: there is no such file; make a plan first")


FRESH: Final = 300.0
"""Seconds for which what a plan has read still counts as read before the first change."""


async def plan_in(
    work: TriageState, rules: RuleSet, options: PlanOptions, look: FirstLook
) -> tuple[Plan, FreshPlan] | None:
    """Make a plan in an open state file; None if the job was stopped meanwhile, and then nothing was changed."""
    session, journal, control, book = work.session, work.journal, work.control, look.names
    last = await work.select()
    if last is not None and not set(rules.remembered) <= set(last.facts.get("remembered", ())):
        await run_queries.take_into_memory(journal, rules.remembered)
    run = await work.begin(rules.digest, look.begun, last)
    view = View(
        run.begun,
        web_address(session.base_url) or session.base_url,
        work.me if rules.needs_activity else None,
        await run_queries.read_memory(journal),
        await run_queries.read_activity(journal) if rules.needs_activity else {},
        doubts=frozenset(await run_queries.read_doubts(journal, ("comment",))),
        earlier_users=work.earlier_users,
    )
    names = {rule.name for rule in rules.rules}
    gone = [name for name in await run_queries.read_remembered(journal) if name not in names]
    planner = Planner(journal, run, look.rules, view, Tally(run.begun), allows=book.allows, gone=gone)
    facts: dict[str, Any] = {**run.facts, "names": dict(book.labels), "warnings": doubts_of(view)}
    pace = await make_plan(session, planner, control, options, look, facts=facts, is_repeated=work.is_repeated)
    if pace is None:
        return None
    plan = await sum_up(planner, pace, control.budget.concurrency, at_once=options.at_once)
    return plan, planner.fresh


def doubts_of(view: View) -> list[str]:
    """Warn of the cases that are left out because nobody knows whether a comment was made."""
    count = len({case_id for case_id, _ in view.doubts})
    if not count:
        return []
    left_out = "1 case is left out by a rule" if count == 1 else f"{count:,} cases are left out by rules"
    return [
        f"{left_out} whose comment may or may not have been made; retry_unknown (--retry-unknown) looks for it again"
    ]


async def finish_earlier(work: TriageState, runs: Iterable[Run], options: ApplyOptions) -> None:
    """Finish the cases that earlier runs had begun and not finished; the rest of those runs is left to later plans."""
    for each in runs:
        if work.control.should_stop:
            return
        work.run = await run_queries.select_run(work.journal, each.number)
        await skip_unbegun(work.journal, REPLANNED)
        await apply_in(work, options)


async def look_again(
    work: TriageState, remembered: Collection[str], options: ApplyOptions, *, before: int | None = None
) -> None:
    """Look once more for the comments of earlier runs whose outcome is unknown.

    Those found are remembered if their rule is among the `remembered`; those not found are decided anew by the next
    plan. With `before`, only the operations with lower numbers.
    """
    found = await unknown_creates(work.journal, REPEATABLE)
    doubtful = {each.number: each for each in found if before is None or each.number < before}
    if not doubtful:
        return

    def remember(numbers: Collection[int]) -> list[Statement]:
        sent_at = max(doubtful[number].sent_at or 0.0 for number in numbers)
        return [run_queries.remember_done(remembered, sent_at, numbers)]

    sender = Sender(work.session, work.journal, work.control, on_done=remember)
    findings = await resolve_comments(sender, list(doubtful.values()), settle=options.settle)
    for number, finding in findings.items():
        if finding is Found.THERE:
            await run_queries.keep_unfinished(work.journal, remembered, subject=doubtful[number].subject)
    absent = [number for number, finding in findings.items() if finding is Found.ABSENT]
    await sender.write([Outcome(absent, State.SKIPPED, error=REPLANNED)])
    if work.run is not None:
        work.run.states = {}


async def apply_in(work: TriageState, options: ApplyOptions, fresh: FreshPlan | None = None) -> None:
    """Apply the selected run of an open state file."""
    run, journal, control = selected(work), work.journal, work.control
    if control.should_stop:
        return
    is_untouched = run.state is RunState.PLANNED
    if run.state is not RunState.APPLYING:
        await run_queries.update_run(journal, run, RunState.APPLYING, applied=max(run.begun, work.started))
    work.sender = Sender(work.session, journal, control, on_done=work.remember)
    await Application(work.sender, options, run.facts, work.searches, fresh, is_untouched=is_untouched).run()
    if "shards" in run.facts or work.groups():
        await work.gather()
    await work.finish()


async def result_of(work: TriageState) -> JobResult:
    """Return the result of the selected run."""
    journal, run = work.journal, work.run
    if run is not None and run.state is RunState.PLANNED and (planned := run.facts["planned"]):
        run.states = {State.PLANNED: planned}
    return work.control.result(
        "triage",
        journal.path,
        states=(run.states or await journal.counts()) if run else {},
        items=await journal.count_subjects() if run else 0,
        unbatched_requests=work.sender.sent if work.sender else 0,
        run=run.number if run else None,
    )


def selected(work: TriageState) -> Run:
    """The run that is worked on."""
    assert work.run is not None
    return work.run
