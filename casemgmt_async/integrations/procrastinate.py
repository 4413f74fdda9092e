"""Jobs in shards on procrastinate, a task queue for asyncio in PostgreSQL.

    from casemgmt_async.integrations.procrastinate import defer_shards, register_tasks

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))
    register_tasks(app, journals=URL)

`register_tasks` adds the tasks to an application of your own; `casemgmt worker --journal URL` runs one that has them
alone. `retry_stalled` hands the shards of dead workers to others; the worker of this module calls it by itself, an
application of your own does from a periodic task.

Needs the extra `casemgmt-async[workers]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import psycopg
from attrs import evolve
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from casemgmt_async import CaseSession, ConfigurationError
from casemgmt_async.jobs import (
    JobControl,
    JournalConnectionError,
    JournalLockedError,
    ServiceDownError,
    link_shard,
    rows_are_done,
    run_shard,
)
from casemgmt_async.jobs.journal import JournalURL, journal_address
from casemgmt_async.jobs.journal.postgres_store import alone

__all__ = ["LINKS", "ROWS", "ShardInterrupted", "defer_shards", "register_tasks", "retry_stalled", "run_worker"]

ROWS: Final = "casemgmt:backfill_rows"
LINKS: Final = "casemgmt:backfill_links"
QUEUE: Final = "casemgmt"
HEARTBEAT: Final = 10.0
"""Seconds between two signs of life of a worker."""
STALLED: Final = 30.0
"""Seconds without one after which the shards of a worker go to others."""
PAUSE: Final = 5
"""Seconds until a shard is tried again that could not be worked on."""
POLL: Final = 1.0
"""Seconds until a worker looks again for shards whose next try is due."""

logger = logging.getLogger(__name__)
OpenSession = Callable[[], AbstractAsyncContextManager[CaseSession]]


class ShardInterrupted(Exception):  # noqa: N818 - not an error: the shard goes back to the queue
    """A worker was asked to stop before its shard was done."""


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
    open_session: OpenSession = CaseSession,
    controls: set[JobControl] | None = None,
    control: Callable[[], JobControl] = JobControl,
    queue: str = QUEUE,
) -> None:
    """Add the tasks that work on shards to an application.

    `journals` is the URL of the database with the journals; it is not kept in the queue, where others might read a
    password. `open_session` opens the session of one shard. The control of each shard at work is in `controls`, so
    that a program can ask them to stop; such a shard goes back to the queue.
    """
    database, working = database_of(journals), set() if controls is None else controls
    retry = RetryStrategy(
        wait=PAUSE,
        retry_exceptions=[ShardInterrupted, JournalLockedError, JournalConnectionError, ServiceDownError],
    )

    async def work_on(do: Any, name: str, shard: int) -> None:
        steered = control()
        working.add(steered)
        try:
            async with open_session() as session:
                if not await do(session, evolve(database, name=name), shard, control=steered):
                    raise ShardInterrupted(f"shard {shard} of {name}: {steered.stopped}")
        finally:
            working.discard(steered)

    @app.task(name=ROWS, queue=queue, retry=retry)
    async def backfill_rows(name: str, shard: int, shards: int) -> None:
        await work_on(run_shard, name, shard)
        if await rows_are_done(evolve(database, name=name), shards):
            await defer(app, LINKS, evolve(database, name=name), shards, queue)

    @app.task(name=LINKS, queue=queue, retry=retry)
    async def backfill_links(name: str, shard: int, shards: int) -> None:
        del shards
        await work_on(link_shard, name, shard)


async def defer(app: App, task: str, journal: JournalURL, shards: int, queue: str) -> None:
    """Put a task for each shard into the queue, unless it waits there already."""
    for shard in range(shards):
        lock = f"{journal.name}/{shard:03}"
        with contextlib.suppress(AlreadyEnqueued):
            await app.configure_task(task, queue=queue, lock=lock, queueing_lock=f"{task} {lock}").defer_async(
                name=journal.name, shard=shard, shards=shards
            )


async def defer_shards(app: App, journal: JournalURL, shards: int, *, queue: str = QUEUE) -> None:
    """Put the shards of a backfill that `split_backfill` has made into the queue; those that wait stay alone."""
    await defer(app, ROWS, journal, shards, queue)


async def retry_stalled(app: App, *, queue: str = QUEUE, seconds: float = STALLED) -> int:
    """Put the shards back whose workers gave no sign of life for so many seconds; returns how many.

    A worker that lives all the same holds the lock of its shard's journal, so that nobody else works on it.
    """
    stalled = list(await app.job_manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=seconds))
    for job in stalled:
        logger.warning("shard %s: its worker is gone; it goes back to the queue", job.task_kwargs)
        await app.job_manager.retry_job(job)
    return len(stalled)


@contextlib.asynccontextmanager
async def opened_app(journals: str | JournalURL) -> AsyncIterator[App]:
    """Open an application on the database of journals, and lay its queue out where there is none."""
    database = database_of(journals)
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
    open_session: OpenSession = CaseSession,
    control: Callable[[], JobControl] = JobControl,
    concurrency: int = 1,
    until_empty: bool = False,
    heartbeat: float = HEARTBEAT,
    stalled: float = STALLED,
    stop: asyncio.Event | None = None,
) -> None:
    """Work on shards until `stop` is set, or with `until_empty` until nothing waits in the queue, shards to be tried
    again included.

    `concurrency` is how many shards are worked on at a time. Where PostgreSQL is away, it is waited for.
    """
    stop = stop or asyncio.Event()
    controls: set[JobControl] = set()
    while not stop.is_set():
        try:
            async with opened_app(journals) as app:
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
        except (ConnectorException, psycopg.OperationalError, OSError) as error:
            logger.warning("PostgreSQL is away: %s; trying again", " ".join(str(error).split()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
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
    """Run a worker beside a look-out for stalled shards, until one of them ends or a stop is asked for."""

    async def look_out() -> None:
        while True:
            await retry_stalled(app, seconds=stalled)
            await asyncio.sleep(heartbeat)

    async def asked() -> None:
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
            # Without `wait` it ends as soon as nothing is due, and lets its last shards finish. One may then wait for
            # its next try, or may just have put the links of all into the queue.
            if not until_empty or not list(await app.job_manager.list_jobs_async(queue=QUEUE, status="todo")):
                return
            await asyncio.sleep(POLL)

    worker = asyncio.ensure_future(work())
    beside = [asyncio.ensure_future(look_out()), asyncio.ensure_future(asked())]
    try:
        done, _ = await asyncio.wait([worker, *beside], return_when=asyncio.FIRST_COMPLETED)
    finally:
        worker.cancel()
        for task in beside:
            task.cancel()
        await asyncio.gather(worker, *beside, return_exceptions=True)
    for task in done:
        task.result()
