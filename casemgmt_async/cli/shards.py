"""What the commands share whose jobs can be done in shards by workers."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import click

from casemgmt_async import ConfigurationError, jobs
from casemgmt_async.cli.context import Context, Misused
from casemgmt_async.cli.options import working, working_and_asking
from casemgmt_async.jobs.journal import JournalAddress, JournalURL

__all__ = ["check_shards", "in_shards", "shards_option"]

Asking = Callable[[], contextlib.AbstractContextManager[None]]
R = TypeVar("R", bound=jobs.JobResult)
Split = Callable[[jobs.JobControl, Asking], Awaitable[jobs.ShardedJob[R]]]
"""Divides a job into shards; is given the control of that, and what frees the terminal for a question."""

shards_option = click.option(
    "--shards",
    type=click.IntRange(1, jobs.MOST_SHARDS),
    metavar="N",
    help="Divide the work into N shards for casemgmt worker, and wait; needs a state in PostgreSQL.",
)


def check_shards(
    context: Context,
    option: str,
    journal: JournalAddress | None,
    budget: Mapping[str, Any],
    *,
    emulator: int | None = None,
) -> None:
    """Refuse options that do not go with --shards, and share the rate limit by the database of the journals."""
    if not isinstance(journal, JournalURL):
        raise Misused(f"--shards needs {option} postgresql://host/database, where the workers find the shards")
    if emulator is not None:
        raise Misused("--shards does not go with --emulator: the workers would change the cases of the service")
    if budget.get("max_operations") is not None:
        raise Misused("--max-operations bounds one process, and not the workers; leave it out with --shards")
    context.share_by(journal)


async def in_shards(context: Context, split: Split[R], budget: Mapping[str, Any]) -> R:
    """Divide a job into shards, put those into the queue of the workers, and wait until they are done."""
    try:
        from casemgmt_async.integrations.procrastinate import (  # noqa: PLC0415 - an optional extra
            defer_shards,
            opened_app,
            wait_for_shards,
        )
    except ImportError as error:
        raise ConfigurationError("shards need procrastinate: pip install 'casemgmt-async[workers]'") from error
    async with working_and_asking(context.screen, budget) as (control, asking):
        work = await split(control, asking)
    async with opened_app(work.journal) as app, working(context.screen, budget) as control:
        await defer_shards(app, work)
        await wait_for_shards(app, work, control)
        return await work.result(control)
