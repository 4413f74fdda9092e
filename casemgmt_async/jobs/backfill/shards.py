"""A backfill in shards: its rows are dealt out to journals in PostgreSQL, each of which any machine can work on.

Every shard is an ordinary backfill of some rows of the same job, in a journal `NAME/000`, `NAME/001` and so on. A
row belongs to the shard that its token says, so that it is known where the row is that a link leads to. Links are
made when the rows of all shards are done.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve

from casemgmt_async import CaseSession
from casemgmt_async.jobs.backfill.clock import ServiceClock
from casemgmt_async.jobs.backfill.links import Links
from casemgmt_async.jobs.backfill.making import Backfill
from casemgmt_async.jobs.backfill.markers import token
from casemgmt_async.jobs.backfill.names import Names
from casemgmt_async.jobs.backfill.options import RowOptions
from casemgmt_async.jobs.backfill.rejects import Written, rejects_target, write_rejects
from casemgmt_async.jobs.backfill.results import BackfillResult
from casemgmt_async.jobs.backfill.sources import Rows, Source, open_source
from casemgmt_async.jobs.backfill.sources.records import Layout, Record
from casemgmt_async.jobs.backfill.steps import ROW_ACTIONS
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.errors import JobError, JournalLockedError
from casemgmt_async.jobs.journal import Journal, JournalURL, State, count_shards, journal_address
from casemgmt_async.jobs.journal.backfill_queries import (
    all_tokens,
    cases_of_keys,
    count_cases,
    count_made,
    count_states,
    insert_tokens,
)
from casemgmt_async.jobs.recovery import SETTLE
from casemgmt_async.jobs.sending import Sender
from casemgmt_async.jobs.shards import NOT_DONE, PATIENCE, POLL, ShardedJob, ShardStep, Standing, check_shards

__all__ = ["ShardedBackfill", "link_shard", "run_shard", "shard_of", "split_backfill"]

NOTHING: Final = Source("python", Layout(kind="python", notes=()), ())
"""The source of a shard that goes on: its rows are in its journal."""


def shard_of(job: str, key: str, shards: int) -> int:
    """Return the number of the shard that a row belongs to."""
    return int(token(job, key)[:8], 16) % shards


async def each_shard(journal: JournalURL, shards: int) -> AsyncGenerator[tuple[Journal, int], None]:
    """Open the shards to read, with the numbers of their runs; one after the other, with one connection at a time."""
    for number in range(shards):
        async with Journal(journal.shard(number), kind="backfill", read_only=True) as book:
            yield book, int(book.meta["run"])


async def split_backfill(
    session: CaseSession,
    rows: Rows,
    *,
    job: str,
    journal: str | JournalURL,
    shards: int,
    rejects: str | Path | None = None,
    control: JobControl | None = None,
    settle: float = SETTLE,
    **options: Any,
) -> ShardedBackfill:
    """Read the rows, look their names up, find the cases that are there, and deal the rest out to shards.

    Nothing is created: `run_shard` does that, on any machine. `journal` is a URL of PostgreSQL; the other arguments
    are those of `backfill_cases`. The same call again, with the same number of shards, takes an edited source.

    Raises `JournalLockedError` while a worker is at work on a shard, and what `backfill_cases` raises.
    """
    address = check_shards(shards, journal_address(journal)).named(job)
    if (await count_shards(address))[0]:
        raise JobError(
            f"journal {address}: this job was started without shards; continue it without them, or choose another "
            "name after #"
        )
    control = control or JobControl()
    given = RowOptions(job=job, settle=settle, **options)
    names = Names(session, control, given.on_unknown_user)
    source = open_source(rows, given.preset, given.columns)
    target = rejects_target(rows, rejects, job, source.layout)
    if not isinstance(rows, str | Path):
        source = evolve(source, records=[record async for record in source.records()])
    counted = ShardedBackfill(address, shards, target, source.layout)
    known: Mapping[str, Any] = {}
    for number in range(shards):
        part = source.only(lambda record, own=number: number_of(record, job, shards) == own)  # type: ignore[misc]
        place = address.shard(number)
        async with Journal(place, kind="backfill", base_url=session.base_url, on_step=control.step) as book:
            if book.meta.get("shards", shards) != shards:
                raise JobError(f"journal {address}: it has {book.meta['shards']} shards; give that number")
            await book.put(shards=shards, shard=number, job=job)
            known = await prepare(session, book, part, names=names, options=given, control=control, known=known)
            if control.should_stop:
                raise JobError(f"not all rows were dealt out because {control.stopped}; nothing was created; run again")
    return counted


def number_of(record: Record, job: str, shards: int) -> int:
    """Return the shard of a row; rows without a key are of the first."""
    key = str((record.values or {}).get("key") or "").strip()
    return shard_of(job, key, shards) if key else 0


async def prepare(
    session: CaseSession,
    book: Journal,
    source: Source,
    *,
    names: Names,
    options: RowOptions,
    control: JobControl,
    known: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Plan the rows of one shard; returns what it knows of the projects, which spares the others reading them."""
    if known and "lows" not in book.meta:
        await book.write(insert_tokens(known["tokens"]), book.remember(**known["facts"]))
    work = backfill_of(session, book, names, source, options=options, control=control)
    await control.run(session, work.prepare(), guard=book.check)
    intake = {**work.intake.counts, "removed": work.removed, "found": work.found}
    kept = {"job": options.job, "update": options.update, "settle": options.settle}
    await book.put(options=kept, intake=intake, reasons=dict(work.intake.reasons), requests=0)
    facts = {name: book.meta[name] for name in ("lows", "origins", "begun") if name in book.meta}
    return {"facts": facts, "tokens": await all_tokens(book)}


def backfill_of(
    session: CaseSession, book: Journal, names: Names, source: Source, *, options: RowOptions, control: JobControl
) -> Backfill:
    """Make the backfill of one shard."""
    book.clock = clock = ServiceClock(control.clock)
    return Backfill(Sender(session, book, control, actions=ROW_ACTIONS), clock, source, names, options)


async def run_shard(session: CaseSession, journal: JournalURL, number: int, control: JobControl | None = None) -> bool:
    """Make the cases of one shard and do their steps; says whether all is done, or the job was stopped before.

    Raises `JournalLockedError` while somebody else works on the shard.
    """
    control = control or JobControl()
    async with opened_shard(session, journal, number, control) as (book, work):
        await control.run(session, work.resume(), guard=book.check)
        done = not control.should_stop and control.stopped is None
        spent = book.meta.get("requests", 0) + control.progress.requests
        await book.put(requests=spent, **({"rows_done": work.number} if done else {}))
        return done


async def link_shard(session: CaseSession, journal: JournalURL, number: int, control: JobControl | None = None) -> bool:
    """Make the links of one shard, whose other ends may be in any shard; says whether all is done."""
    control = control or JobControl()

    async def elsewhere(keys: Sequence[str]) -> Mapping[str, tuple[str | None, bool]]:
        by_shard: dict[int, list[str]] = defaultdict(list)
        for key in keys:
            by_shard[shard_of(work.job, key, int(book.meta["shards"]))].append(key)
        found: dict[str, tuple[str | None, bool]] = {}
        for other, some in by_shard.items():
            if other != number:
                async with Journal(journal.shard(other), kind="backfill", read_only=True) as far:
                    found |= await cases_of_keys(far, some)
        return found

    async with opened_shard(session, journal, number, control) as (book, work):
        links = Links(work.sender, work.job, work.number, elsewhere)
        await control.run(session, links.make_all(), guard=book.check)
        done = control.stopped is None
        spent = book.meta.get("requests", 0) + control.progress.requests
        await book.put(requests=spent, **({"linked": work.number} if done else {}))
        return done


@contextlib.asynccontextmanager
async def opened_shard(
    session: CaseSession, journal: JournalURL, number: int, control: JobControl
) -> AsyncIterator[tuple[Journal, Backfill]]:
    """Open one shard to work on it."""
    place = journal.shard(number)
    async with Journal(place, kind="backfill", base_url=session.base_url, on_step=control.step) as book:
        options = RowOptions(**book.meta["options"])
        work = backfill_of(session, book, Names(session, control, "leave"), NOTHING, options=options, control=control)
        work.number = int(book.meta["run"])
        yield book, work


async def rows_are_done(journal: JournalURL, shards: int) -> bool:
    """Whether the rows of all shards are done, so that their links can be made."""
    return await all_have("rows_done", journal, shards)


async def links_are_done(journal: JournalURL, shards: int) -> bool:
    """Whether the links of all shards are made."""
    return await all_have("linked", journal, shards)


async def all_have(what: str, journal: JournalURL, shards: int) -> bool:
    """Whether all shards have kept that a part of their work is done in their run."""
    async with contextlib.aclosing(each_shard(journal, shards)) as opened:
        async for book, run in opened:
            if book.meta.get(what) != run:
                return False
    return True


@define(eq=False)
class ShardedBackfill(ShardedJob[BackfillResult]):
    """A backfill whose rows are in the journals of its shards."""

    kind = "backfill"
    steps = (
        ShardStep("rows", run_shard, rows_are_done),
        ShardStep("links", link_shard, links_are_done),
    )

    target: Path
    """Where rejected rows go."""
    layout: Layout

    async def standing(self) -> Standing:
        """Look how far the shards are."""
        total: Counter[State] = Counter()
        is_over = True
        async for book, run in each_shard(self.journal, self.shards):
            total.update(await count_states(book, run))
            is_over = is_over and book.meta.get("linked") == run
        left = total[State.PLANNED] + total[State.SENDING]
        return Standing(total.total() - left, total.total(), is_over)

    async def result(self, control: JobControl) -> BackfillResult:
        """Say how the whole job stands; once all shards are done, write the rejected rows of all into one file."""
        states: Counter[State] = Counter()
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        ours: dict[str, str] = {}
        left = False
        async for book, run in each_shard(self.journal, self.shards):
            ours |= book.meta.get("rejects", {})
            states.update(await count_states(book, run))
            counts.update(book.meta.get("intake", {}))
            reasons.update(book.meta.get("reasons", {}))
            counts["items"] += await count_cases(book, run)
            counts["created"] += await count_made(book, run)
            counts["requests"] += book.meta.get("requests", 0)
            left = left or book.meta.get("linked") != run
        written = None if left else await self.rejected(control, ours)
        return BackfillResult(
            job="backfill",
            journal=self.journal,
            states=states,
            items=counts["items"],
            stopped=control.stopped or (NOT_DONE if left else None),
            interrupted=control.stop.requested,
            requests=counts["requests"] + control.progress.requests,
            unbatched_requests=0,
            elapsed=control.progress.elapsed,
            bad_rows=0 if written is None else written.rows,
            output=None if written is None else written.path,
            created=counts["created"],
            found=counts["found"],
            updated=counts["updated"],
            changed=counts["changed"],
            unchanged=counts["unchanged"],
            removed=counts["removed"],
            reasons=dict(reasons.most_common()),
            notes=self.layout.notes,
        )

    async def rejected(self, control: JobControl, ours: Mapping[str, str]) -> Written | None:
        """Write the rejected rows of all shards into one file; `ours` has the digests of the files of earlier runs.

        The first shard remembers what was written, so that a later run sees whether somebody has edited the file.
        """
        shards = partial(each_shard, self.journal, self.shards)
        written = await write_rejects(shards, control, self.target, self.layout, ours)
        missed = 0
        while written is not None:
            try:
                async with Journal(self.journal.shard(0), kind="backfill", on_step=control.step) as book:
                    await book.put(rejects={**ours, written.path.name: written.digest})
                    break
            except JournalLockedError:  # its worker has just finished it, and still has it open
                missed += 1
                if missed > PATIENCE:
                    raise
            with contextlib.suppress(Interrupted):
                await control.sleep(POLL)
        return written
