"""Working on many items at a time, and giving up when the service is down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

from casemgmt_async import OutcomeUnknownError, ServerError, TransportError
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.errors import ServiceDownError

__all__ = ["CircuitBreaker", "read_meanwhile", "run_workers"]

T = TypeVar("T")

MAX_FAILURES: Final = 10


class CircuitBreaker:
    """Counts calls in a row without an answer, and ends the job after ten."""

    def __init__(self) -> None:
        self.failures = 0

    def record(self, error: Exception | None) -> None:
        """Count how a call ended; any answer, a refusal included, sets the count back to zero.

        Raises `ServiceDownError` at the tenth failure in a row.
        """
        if not isinstance(error, ServerError | TransportError | OutcomeUnknownError):
            self.failures = 0
            return
        self.failures += 1
        if self.failures >= MAX_FAILURES:
            raise ServiceDownError(
                f"{self.failures} calls in a row got no answer, the last: {error}; "
                "check that the service is up, then run again: the job continues where it stopped"
            ) from error


async def read_meanwhile(read: Coroutine[Any, Any, T], work: Awaitable[object]) -> T:
    """Read something while other work is done; returns what was read. If both fail, the error of the work is raised."""
    reading = asyncio.ensure_future(read)
    try:
        await work
        return await reading
    finally:
        reading.cancel()  # of one that has ended, it keeps asyncio from logging its error
        await asyncio.wait([reading])


async def run_workers(
    items: Iterable[T],
    work: Callable[[T], Awaitable[object]],
    *,
    concurrency: int,
    should_stop: Callable[[], bool],
) -> None:
    """Do the work for every item, `concurrency` at a time, until all is done or `should_stop` says so.

    The first error ends the other workers and is raised as it is; `Interrupted` only ends its own worker.
    """
    left = iter(items)

    async def worker() -> None:
        for item in left:
            if should_stop():
                return
            try:
                await work(item)
            except Interrupted:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
