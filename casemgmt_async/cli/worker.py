"""`casemgmt worker`: work on the shards of jobs that other commands have put into the queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import click

from casemgmt_async import CaseManagementError, ConfigurationError, jobs
from casemgmt_async.cli.context import Context, Misused, runs
from casemgmt_async.cli.options import writes_journal
from casemgmt_async.jobs.journal import JournalAddress, JournalURL

__all__ = ["worker"]


@click.command()
@click.option(
    "--journal",
    type=writes_journal,
    required=True,
    metavar="URL",
    help="The database with the journals and the queue: postgresql://host/database.",
)
@click.option("--shards", type=click.IntRange(min=1), default=1, show_default=True, help="Shards at a time.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    default=8,
    show_default=True,
    help="Calls at a time, for each shard.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=jobs.GRACE,
    show_default=True,
    metavar="S",
    help="Seconds in which requests in flight can end after SIGTERM or Ctrl-C.",
)
@click.option("--until-empty", is_flag=True, help="End when nothing is left in the queue.")
@runs
async def worker(
    context: Context, *, journal: JournalAddress, shards: int, concurrency: int, grace: float, until_empty: bool
) -> int:
    """Work on shards of backfills and triages, which other commands with --shards put into the queue.

    Start as many as you like, on any machines. When one dies, another takes its shards over within a minute. SIGTERM
    lets requests in flight end, and puts the shards back into the queue. All workers share the rate limit by the
    database of --journal, or by --budget; --budget none leaves it to the headers of answers.

    \b
    Example:
      casemgmt worker --journal postgresql://casemgmt@db.internal/casemgmt
    """
    try:
        from casemgmt_async.integrations.procrastinate import run_worker  # noqa: PLC0415 - an optional extra
        from casemgmt_async.jobs.journal.postgres_store import check_server  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigurationError("workers need procrastinate: pip install 'casemgmt-async[workers]'") from error
    if not isinstance(journal, JournalURL):
        raise Misused("--journal: workers find their shards in PostgreSQL; give postgresql://host/database")
    context.share_by(journal)
    async with context.session():  # refuses credentials that are missing
        pass
    await check_server(journal)  # a typing mistake in the URL is not worth waiting for
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # the worker itself says that the server is away
    logging.getLogger("procrastinate.worker").addFilter(is_unexpected)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context.screen.note(f"working on the shards in {journal}; SIGTERM or Ctrl-C stops")
    await run_worker(
        journal,
        open_session=context.session,
        control=lambda: jobs.JobControl(budget=jobs.Budget(concurrency=concurrency), grace=grace),
        concurrency=shards,
        until_empty=until_empty,
        stop=stop,
    )
    return 0


def is_unexpected(record: logging.LogRecord) -> bool:
    """Leave out the traceback of an error that the worker has said in a line."""
    return not (record.exc_info and isinstance(record.exc_info[1], CaseManagementError))
