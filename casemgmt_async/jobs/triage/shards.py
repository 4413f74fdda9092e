"""A triage in shards: workers on any machines do parts of a run, all in the state of the triage itself.

A shard is a span of the cases of a run, with all their operations. Who works on it sees and locks these alone, and
writes what was done, and what is remembered of it, where one process alone would write it. Before that, this process
lets one case of each rule go all the way. When the shards are done, one process does what takes pages to read back,
such as archiving, and whatever else is left; and ends the run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from attrs import define

from casemgmt_async import CaseSession
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError, JournalLockedError
from casemgmt_async.jobs.journal import Journal, JournalURL, Run, RunState, State, journal_address
from casemgmt_async.jobs.journal.journal import LAST
from casemgmt_async.jobs.journal.runs import select_run, update_run
from casemgmt_async.jobs.journal.triage_queries import open_subjects
from casemgmt_async.jobs.recovery import SETTLE
from casemgmt_async.jobs.results import JobResult
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.shards import NOT_DONE, ShardedJob, ShardStep, Standing, check_shards
from casemgmt_async.jobs.triage.apply import Application, ApplyOptions
from casemgmt_async.jobs.triage.estimate import BY_PAGES
from casemgmt_async.jobs.triage.plan import CHUNK, FreshPlan, PlanOptions
from casemgmt_async.jobs.triage.rules import RuleSet
from casemgmt_async.jobs.triage.run import Confirm, apply_in, apply_last, plan_and_apply, selected, work_in
from casemgmt_async.jobs.triage.state import TriageState, open_state, parts_of

__all__ = ["ShardedTriage", "finish_shards", "split_triage", "triage_shard"]

LATER: Final = "a later plan has taken its place"


async def split_triage(
    session: CaseSession,
    rules: RuleSet | None = None,
    *,
    state: str | Path | JournalURL,
    shards: int,
    control: JobControl | None = None,
    confirm: Confirm | None = None,
    chunk: int = CHUNK,
    complete: bool = False,
    even_if_changed: bool = False,
    retry_unknown: bool = False,
    retry_rejected: bool = False,
    settle: float = SETTLE,
) -> ShardedTriage:
    """Divide what the last plan says, or what is left of it, into shards for workers.

    Here, only one case of each rule is changed. With `rules` the plan is made first, or an interrupted run of the
    same rules is resumed, as `run_triage` does. `state` is a URL of PostgreSQL; the other arguments are those of
    `run_triage` and `apply_triage`. Where workers are at work on the run already, it is left to them.

    Raises `JobError` if the job was stopped or its plan was not confirmed, and what `apply_triage` raises.
    """
    address = check_shards(shards, journal_address(state)).named("triage")
    control = control or JobControl()
    options = ApplyOptions(
        even_if_changed=even_if_changed, retry_unknown=retry_unknown, retry_rejected=retry_rejected, settle=settle
    )
    made: list[Run] = []

    async def hand_out(work: TriageState, options: ApplyOptions, fresh: FreshPlan | None) -> None:
        if await divide(work, options, fresh, shards):
            made.append(selected(work))

    async def work_on(work: TriageState) -> None:
        if rules is None:
            await apply_last(work, options, hand_out)
            return
        planning = PlanOptions(chunk=chunk, complete=complete, at_once=True)
        await plan_and_apply(work, rules, planning, options, confirm=confirm, apply=hand_out)

    try:
        await work_in(session, address, control, work_on)
    except JournalLockedError:
        running = await run_of_workers(address)
        if running is None or (rules is not None and rules.digest != running.digest):
            raise
        made.append(running)
    if not made:
        raise JobError(f"nothing was given to workers because {control.stopped}; run again")
    (run,) = made
    return ShardedTriage(address, len(run.facts["shards"]), run.number)


async def divide(work: TriageState, options: ApplyOptions, fresh: FreshPlan | None, shards: int) -> bool:
    """Make all changes of one case of each rule, and divide the rest of a run; returns whether that was done."""
    run, journal, control = selected(work), work.journal, work.control
    if control.should_stop:
        return False
    is_untouched = run.state is RunState.PLANNED
    if run.state is not RunState.APPLYING:
        await update_run(journal, run, RunState.APPLYING, applied=max(run.begun, work.started))
    work.sender = Sender(work.session, journal, control, on_done=work.remember)
    await Application(work.sender, options, run.facts, work.searches, fresh, is_untouched=is_untouched).lead()
    if control.stopped is not None:
        return False
    for_workers = {"even_if_changed": options.even_if_changed, "settle": options.settle}
    spans = cut(await open_subjects(journal, BY_PAGES), shards)
    await work.gather(shards=spans, options=for_workers, handed_out=work.started)
    await work.finish()
    return True


def cut(cases: list[tuple[int, int]], shards: int) -> list[tuple[int, int]]:
    """Divide cases, in order, into at most `shards` spans with about the same number of open operations."""
    whole, before = sum(count for _, count in cases), 0
    spans: dict[int, list[int]] = defaultdict(list)
    for subject, count in cases:
        spans[before * shards // whole].append(subject)
        before += count
    return [(span[0], span[-1]) for span in spans.values()]


async def run_of_workers(address: JournalURL) -> Run | None:
    """Read the run that workers are at work on; None if the last run is not in shards."""
    async with Journal(address, kind="triage", read_only=True) as journal:
        run = await select_run(journal)
    return run if run is not None and run.state is RunState.APPLYING and "shards" in run.facts else None


async def triage_shard(
    session: CaseSession, journal: JournalURL, number: int, control: JobControl | None = None
) -> bool:
    """Make the changes of one shard, as far as no pages have to be read for them; says whether all is done.

    Raises `JournalLockedError` while somebody else is at work on the shard, or on the whole state.
    """
    control = control or JobControl()
    async with open_state(session, journal, control, part=number) as book:
        work = TriageState(session, book, control)
        run = await work.select()
        if run is None or run.state is not RunState.APPLYING or number >= len(run.facts.get("shards", ())):
            return True  # others have done it, or it was divided anew
        options = ApplyOptions(**run.facts["options"])

        async def work_on() -> None:
            await work.claim(None)
            first, last = run.facts["shards"][number]
            book.bounds = book.bounds._replace(first_subject=first, last_subject=last)
            # However long a shard waits for its worker, its rules come round at the same time as those of the others.
            work.started = run.facts["handed_out"]
            work.sender = Sender(session, book, control, on_done=work.remember)
            await Application(work.sender, options, run.facts, work.searches, is_part=True).run()

        await control.run(session, work_on(), guard=book.check)
        done = control.stopped is None
        await work.keep_part(number, done=done)
        return done


async def finish_shards(
    session: CaseSession, journal: JournalURL, number: int = 0, control: JobControl | None = None
) -> bool:
    """Do what the shards of a run have left, and end the run; says whether all is done."""
    del number
    control = control or JobControl()

    async def work_on(work: TriageState) -> None:
        run = await work.select()
        if run is not None and run.state is RunState.APPLYING and "shards" in run.facts:
            await work.claim(None)
            await apply_in(work, ApplyOptions(**run.facts["options"]))

    await work_in(session, journal, control, work_on)
    return control.stopped is None


async def shards_are_done(journal: JournalURL, shards: int) -> bool:
    """Whether all shards of the last run are done, so that the rest of it can be."""
    del shards
    async with Journal(journal, kind="triage", read_only=True) as book:
        run = await select_run(book)
        if run is None or run.state is not RunState.APPLYING:
            return True
        return bool(sum(part["done"] for part in parts_of(book, run).values()) == len(run.facts.get("shards", ())))


async def is_ended(journal: JournalURL, shards: int) -> bool:
    """Whether the last run is done altogether."""
    del shards
    async with Journal(journal, kind="triage", read_only=True) as book:
        run = await select_run(book)
    return run is None or run.state is not RunState.APPLYING


@define(eq=False)
class ShardedTriage(ShardedJob[JobResult]):
    """A run of a triage of which workers do the changes."""

    kind = "triage"
    steps = (
        ShardStep("changes", triage_shard, shards_are_done),
        ShardStep("rest", finish_shards, is_ended, is_whole=True),
    )

    run: int
    """The number of the run."""

    async def standing(self) -> Standing:
        """Look how far the run is."""
        async with Journal(self.journal, kind="triage", read_only=True) as book:
            run, counts = await select_run(book, self.run), await book.counts()
            open_, total = counts.get(State.PLANNED, 0) + counts.get(State.SENDING, 0), sum(counts.values())
            return Standing(total - open_, total, why_over(book, run) is not None)

    async def result(self, control: JobControl) -> JobResult:
        """Return the result of the whole run."""
        async with Journal(self.journal, kind="triage", read_only=True) as book:
            run = await select_run(book, self.run)
            spent: Counter[str] = Counter()
            for facts in (run.facts, *parts_of(book, run).values()) if run else ():
                spent.update(facts.get("spent", {}))
            return JobResult(
                job="triage",
                journal=self.journal,
                states=await book.counts(),
                items=await book.count_subjects(),
                stopped=control.stopped or (NOT_DONE if (why := why_over(book, run)) is None else why or None),
                interrupted=control.stop.requested,
                requests=spent["requests"],
                unbatched_requests=spent["sent"],
                elapsed=control.progress.elapsed,
                run=self.run,
            )


def why_over(book: Journal, run: Run | None) -> str | None:
    """Say why nobody has to wait for the selected run any longer: empty if it has ended; None if it has not."""
    if run is not None and run.state is RunState.APPLYING:
        return None if book.bounds.last == LAST else LATER
    return "" if run is not None and run.state is RunState.ENDED else LATER
