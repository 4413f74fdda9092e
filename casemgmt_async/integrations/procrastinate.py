"""Jobs in shards on procrastinate, a task queue for asyncio in PostgreSQL.

    from casemgmt_async.integrations.procrastinate import register_tasks

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))
    register_tasks(app, journals=URL)

`register_tasks` adds the task to an application of your own; `casemgmt worker --journal URL` runs an application that
has no other task. `split_backfill` and `split_triage` divide a job into shards, `defer_shards` queues them, and
`wait_for_shards` waits for the end of the job. `retry_stalled` queues the shards of dead workers again: `run_worker`
calls it regularly, and an application of your own calls it from a periodic task.

Needs the extra `casemgmt-async[workers]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final

import psycopg
from attrs import evolve
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from casemgmt_async import CaseManagementError, CaseSession, ConfigurationError
from casemgmt_async.integrations.budgets import open_budget
from casemgmt_async.jobs import (
    JobControl,
    JobError,
    JobResult,
    JournalConnectionError,
    JournalLockedError,
    ServiceDownError,
    ShardedBackfill,
    ShardedJob,
    ShardedTriage,
    ShardStep,
)
from casemgmt_async.jobs.journal import JournalURL, journal_address
from casemgmt_async.jobs.journal.postgres_store import alone, check_server

__all__ = [
    "SHARD",
    "ShardInterrupted",
    "defer_shards",
    "register_tasks",
    "retry_stalled",
    "run_worker",
    "wait_for_shards",
]

STEPS: Final[Mapping[str, Mapping[str, ShardStep]]] = {
    job.kind: {step.name: step for step in job.steps} for job in (ShardedBackfill, ShardedTriage)
}
"""The steps of each kind of job, in order, by their names in the queue."""
SHARD: Final = "casemgmt:shard"
"""The name of the task that does one step of one shard."""
QUEUE: Final = "casemgmt"
HEARTBEAT: Final = 10.0
"""Seconds between two heartbeats of a worker."""
STALLED: Final = 30.0
"""Seconds without a heartbeat after which the shards of a worker are queued again."""
PAUSE: Final = 5
"""Seconds until a shard that failed is tried again."""
POLL: Final = 1.0
"""Seconds between two looks of a worker for shards whose retry is due."""
RECONNECT: Final = 1.0
"""Seconds between two attempts of a worker to connect to PostgreSQL."""
LOOK: Final = 5.0
"""Seconds between two looks for shards that workers have given up."""

logger = logging.getLogger(__name__)
OpenSession = Callable[[], AbstractAsyncContextManager[CaseSession]]


class ShardInterrupted(Exception):  # noqa: N818 - not an error: the shard is queued again
    """A worker was asked to stop before its shard was done."""


TRIED_AGAIN: Final = (ShardInterrupted, JournalLockedError, JournalConnectionError, ServiceDownError)
"""After these errors a shard is queued again."""


def database_of(journals: str | JournalURL) -> JournalURL:
    """Read the URL of the database that holds journals and queue."""
    address = journal_address(journals)
    if not isinstance(address, JournalURL):
        raise ConfigurationError(f"journals of workers are in PostgreSQL: give a URL, not {address}")
    return address


def register_tasks(
    app: App,
    *,
    journals: str | JournalURL,
    open_session: OpenSession | None = None,
    controls: set[JobControl] | None = None,
    control: Callable[[], JobControl] = JobControl,
    queue: str = QUEUE,
) -> None:
    """Add the task that works on a shard to an application.

    `journals` is the URL of the database with the journals; it is not kept in the queue, where others might read a
    password. `open_session` opens the session of one shard; by default it is `CaseSession(budget=...)` with the
    shared budget of that database. `controls` contains the control of each shard that is being worked on, so that a
    program can stop it; a stopped shard is queued again.
    """
    database, working = database_of(journals), set() if controls is None else controls
    opened = open_session or sharing_session(database)
    retry = RetryStrategy(wait=PAUSE, retry_exceptions=[*TRIED_AGAIN])

    @app.task(name=SHARD, queue=queue, retry=retry)
    async def work_on_shard(kind: str, step: str, name: str, shard: int, shards: int) -> None:
        journal, steered = evolve(database, name=name), control()
        working.add(steered)
        try:
            async with opened() as session:
                if not await STEPS[kind][step].work(session, journal, shard, steered):
                    raise ShardInterrupted(f"shard {shard} of {name}: {steered.stopped}")
        except CaseManagementError as error:
            if not isinstance(error, TRIED_AGAIN):
                logger.error("%s %s, shard %d of %d: given up: %s", kind, name, shard, shards, error)  # noqa: TRY400
            raise
        finally:
            working.discard(steered)
        await defer_next(app, kind, journal, shards, queue, after=step)


def sharing_session(database: JournalURL) -> OpenSession:
    """Return a function that opens sessions with the shared budget in the database of the journals."""
    return lambda: CaseSession(budget=open_budget(database.database))


async def defer_next(
    app: App, kind: str, journal: JournalURL, shards: int, queue: str, *, after: str | None = None
) -> None:
    """Queue the first step of a job that is not done; with `after`, only if that step is done."""
    for step in STEPS[kind].values():
        if await step.is_done(journal, shards):
            continue
        if step.name != after:
            for shard in range(1 if step.is_whole else shards):
                lock = f"{kind} {journal.name}/{shard:03}"
                task = app.configure_task(SHARD, queue=queue, lock=lock, queueing_lock=f"{step.name} {lock}")
                with contextlib.suppress(AlreadyEnqueued):  # an earlier run of the command has queued it
                    await task.defer_async(kind=kind, step=step.name, name=journal.name, shard=shard, shards=shards)
        return


async def defer_shards(app: App, job: ShardedJob[JobResult], *, queue: str = QUEUE) -> None:
    """Queue the shards of a job; shards that are already in the queue are not added again."""
    await defer_next(app, job.kind, job.journal, job.shards, queue)


async def wait_for_shards(app: App, job: ShardedJob[JobResult], control: JobControl, *, queue: str = QUEUE) -> None:
    """Wait until the shards of a job are done, as `job.wait` does.

    Raises `JobError` if workers have given up a shard, because of an error that a retry cannot resolve.
    """
    waiting = asyncio.ensure_future(job.wait(control))
    idle = 0
    try:
        while not (await asyncio.wait([waiting], timeout=LOOK))[0]:
            idle = 0 if await is_queued(app, job, queue) else idle + 1
            if idle > 1:  # at the first look, it may have ended a moment ago
                raise JobError(
                    f"journal {job.journal}: workers have given up what is left of this {job.kind}, and their logs say "
                    "why; correct that, then run the same command again"
                )
        waiting.result()
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def is_queued(app: App, job: ShardedJob[JobResult], queue: str) -> bool:
    """Whether a shard of a job waits or is worked on; True while the database cannot be reached."""
    try:
        open_ = [
            each.task_kwargs
            for status in ("todo", "doing")
            for each in await app.job_manager.list_jobs_async(queue=queue, task=SHARD, status=status)
        ]
    except (ConnectorException, psycopg.Error):
        return True
    return any((each["kind"], each["name"]) == (job.kind, job.journal.name) for each in open_)


async def retry_stalled(app: App, *, queue: str = QUEUE, seconds: float = STALLED) -> int:
    """Queue the shards again whose workers have sent no heartbeat for `seconds`; return how many.

    A worker that is still alive holds the lock of its shard's journal, so that no other worker can work on the shard.
    """
    stalled = list(await app.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=seconds))
    for job in stalled:
        logger.warning("shard %s: its worker sends no heartbeat; the shard is queued again", job.task_kwargs)
        await app.job_manager.retry_job(job)
    return len(stalled)


@contextlib.asynccontextmanager
async def opened_app(journals: str | JournalURL) -> AsyncIterator[App]:
    """Open an application on the database of journals; create the tables of its queue if they are missing.

    Raises `JournalConnectionError` where the server cannot be reached.
    """
    database = database_of(journals)
    await check_server(database)  # says it at once, while the pool of the connector would try for 30 seconds
    app = App(connector=PsycopgConnector(conninfo=database.database))
    async with app.open_async():
        if not await app.check_connection_async():
            async with alone(database):
                if not await app.check_connection_async():
                    await app.schema_manager.apply_schema_async()
        yield app


async def run_worker(
    journals: str | JournalURL,
    *,
    open_session: OpenSession | None = None,
    control: Callable[[], JobControl] = JobControl,
    concurrency: int = 1,
    until_empty: bool = False,
    heartbeat: float = HEARTBEAT,
    stalled: float = STALLED,
    stop: asyncio.Event | None = None,
) -> None:
    """Work on shards until `stop` is set; with `until_empty`, until no shard waits, not even for a retry.

    `open_session` and `control` are those of `register_tasks`. `concurrency` is the number of shards that are worked
    on at the same time. While PostgreSQL cannot be reached, a connection is tried every second.
    """
    stop = stop or asyncio.Event()
    controls: set[JobControl] = set()
    is_away = False
    while not stop.is_set():
        try:
            async with opened_app(journals) as app:
                if is_away:
                    logger.warning("PostgreSQL can be reached again")
                    is_away = False
                register_tasks(app, journals=journals, open_session=open_session, controls=controls, control=control)
                await serve(
                    app,
                    controls,
                    stop,
                    concurrency=concurrency,
                    until_empty=until_empty,
                    heartbeat=heartbeat,
                    stalled=stalled,
                )
        except (ConnectorException, JournalConnectionError, psycopg.OperationalError, OSError) as error:
            if not is_away:
                logger.warning("PostgreSQL cannot be reached, trying again: %s", " ".join(str(error).split()))
                is_away = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RECONNECT)
        else:
            return


async def serve(
    app: App,
    controls: set[JobControl],
    stop: asyncio.Event,
    *,
    concurrency: int,
    until_empty: bool,
    heartbeat: float,
    stalled: float,
) -> None:
    """Run a worker and a check for stalled shards, until one of them ends or a stop is requested."""

    async def check_stalled() -> None:
        while True:
            await retry_stalled(app, seconds=stalled)
            await asyncio.sleep(heartbeat)

    async def relay_stop() -> None:
        await stop.wait()
        for each in list(controls):
            each.request_stop()

    async def work() -> None:
        while True:
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=concurrency,
                wait=not until_empty,
                install_signal_handlers=False,
                update_heartbeat_interval=heartbeat,
                stalled_worker_timeout=stalled * 4,
                delete_jobs="successful",
                fetch_job_polling_interval=POLL,
            )
            # Without `wait`, the worker ends when no shard is due and its last shards are finished. A shard may then
            # still wait for a retry, or the last one may just have queued the next step.
            if not until_empty or not list(await app.job_manager.list_jobs_async(queue=QUEUE, status="todo")):
                return
            await asyncio.sleep(POLL)

    worker = asyncio.ensure_future(work())
    beside = [asyncio.ensure_future(check_stalled()), asyncio.ensure_future(relay_stop())]
    try:
        done, _ = await asyncio.wait([worker, *beside], return_when=asyncio.FIRST_COMPLETED)
    finally:
        worker.cancel()
        for task in beside:
            task.cancel()
        await asyncio.gather(worker, *beside, return_exceptions=True)
    for task in done:
        task.result()
