"""Control of a job: its budget, its stop signal, and the calls that respect both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import Attribute, field, frozen

from casemgmt_async import (
    CaseManagementError,
    CaseSession,
    Event,
    InvalidArgumentError,
    RateLimited,
    RateLimitError,
    RequestStarted,
    ResponseReceived,
)
from casemgmt_async.jobs.calls import CallResult, CallStatus, Interrupted, classify_error
from casemgmt_async.jobs.journal import JournalAddress, State
from casemgmt_async.jobs.pool import CircuitBreaker, run_workers
from casemgmt_async.jobs.progress import Progress, ProgressMeter
from casemgmt_async.jobs.results import JobResult

__all__ = ["GRACE", "Budget", "JobControl", "StopSignal"]

T = TypeVar("T")

GRACE: Final = 10.0
"""Seconds between a stop request and the cancelling of what is still in flight."""


def positive(_: Any, attribute: Attribute[Any], value: float | None) -> None:
    """Refuse a bound that leaves nothing."""
    if value is not None and not value > 0:
        raise InvalidArgumentError(attribute.name, f"must be more than 0, not {value!r}")


@frozen(kw_only=True)
class Budget:
    """How much a job may do."""

    max_operations: int | None = field(default=None, validator=positive)
    """Changes that are sent before it stops; the rest stays planned."""
    max_time: float | None = field(default=None, validator=positive)
    """Seconds after which nothing new is begun; calls that still wait are cancelled at the end of the grace period."""
    concurrency: int = field(default=8, validator=positive)
    """Calls in flight at a time."""


class StopSignal:
    """Asks a job to stop.

    The first request lets calls in flight end, for `grace` seconds at most; a second one cancels them at once.
    It may come from any thread.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.requested = self.aborted = False
        self._task: asyncio.Task[Any] | None = None
        self._wake = asyncio.Event()

    def request(self) -> None:
        """Ask for the stop; a second time cancels at once."""
        self.aborted = self.aborted or self.requested
        self.requested = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        """Wake the waiting tasks, and cancel the job now or at the end of the grace period."""
        self._wake.set()
        if self._task is None or self._task.done():
            return
        if self.aborted:
            self._task.cancel()
        else:
            self._task.get_loop().call_later(self.grace, self._abort, self._task)

    def wake(self) -> None:
        """End the sleeps of the job, because its time is used up."""
        self._wake.set()

    def abort(self) -> None:
        """Cancel the job now."""
        if self._task is not None:
            self._abort(self._task)

    def _abort(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self.aborted = True
            task.cancel()

    def attach(self, task: asyncio.Task[Any]) -> None:
        """Name the task that a stop may cancel."""
        self._task = task
        if self.requested:
            self._begin()

    async def sleep_through(self, sleeping: Awaitable[object]) -> None:
        """Wait until the sleep ends or a stop is requested."""
        tasks = [asyncio.ensure_future(sleeping), asyncio.ensure_future(self._wake.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        for task in done:
            task.result()


class JobControl:
    """Steers one run of a job: its budget, a stop signal, and a callback for its progress.

    `on_step` is called with a name at each step between journal and socket; tests kill or stop a job there.
    `grace` is how many seconds a requested stop lets calls in flight end. `clock` gives the time in Unix seconds; by
    default it is the machine's, and spans of time are measured by its monotonic clock.
    """

    def __init__(
        self,
        *,
        budget: Budget | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        grace: float = GRACE,
        on_step: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.budget = budget or Budget()
        self.progress = ProgressMeter(on_progress, clock or time.monotonic)
        self.stop = StopSignal(grace)
        self.breaker = CircuitBreaker()
        self.step = on_step
        self.clock = clock or time.time
        self.operations = 0
        self._sleep = sleep
        self._waits: list[tuple[float, float]] = []
        self._waits_end = 0.0
        self._out_of: str | None = None
        self._late = False
        self._calls = 0  # in flight
        self.guard: Callable[[], object] = lambda: None

    def request_stop(self) -> None:
        """Stop: the first time after what is in flight, the second time at once. Nothing is lost by either."""
        self.stop.request()
        self.progress.stopping = True
        self.progress.report(now=True)

    @property
    def stopped(self) -> str | None:
        """Why the job ends before all is done, or None."""
        return "it was asked to stop" if self.stop.requested else self._out_of

    @property
    def should_stop(self) -> bool:
        """Whether to finish what is in flight and no more; a used up `max_operations` leaves time to verify."""
        limit = self.budget.max_time
        if limit is not None and not self._late and self.progress.elapsed >= limit:
            self._late = True
            self.run_out(f"its time of {limit:g} s is used up")
        return self.stop.requested or self._late

    def run_out(self, reason: str) -> None:
        """Note why the job ends early."""
        self._out_of = self._out_of or reason
        self.progress.stopping = True

    def take(self, wanted: int) -> int:
        """Take operations out of the budget: as many of those wanted as may still be sent."""
        if self.should_stop:
            return 0
        limit = self.budget.max_operations
        granted = wanted if limit is None else min(wanted, limit - self.operations)
        self.operations += granted
        if granted < wanted:
            self.run_out(f"its budget of {limit} operations is used up")
        return granted

    async def run(
        self, session: CaseSession, work: Coroutine[Any, Any, T], *, guard: Callable[[], object] = lambda: None
    ) -> T | None:
        """Run a job so that a stop can cancel it; returns None if one did.

        `guard` is called before each request, and raises to keep it from being sent.
        """
        self.guard = guard
        session.add_listener(self._on_event)
        task = asyncio.ensure_future(work)
        self.stop.attach(task)
        timers = self._timers()
        try:
            await asyncio.wait({task})
            return None if self.stop.aborted and task.cancelled() else task.result()
        except Interrupted:
            return None
        except asyncio.CancelledError:  # the task that awaits the job was cancelled
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            for timer in timers:
                timer.cancel()
            session.remove_listener(self._on_event)
            self.progress.report(now=True)

    def _timers(self) -> list[asyncio.TimerHandle]:
        """Start what ends the waits of the job when its time is used up: sleeps at once, calls after the grace period.

        Work without a call, such as the writing of a file, goes on to its end.
        """
        if self.budget.max_time is None:
            return []
        loop, left = asyncio.get_running_loop(), max(self.budget.max_time - self.progress.elapsed, 0.0)

        def cut_off() -> None:
            if self._calls and self.should_stop:
                self.stop.abort()

        return [loop.call_later(left, self.stop.wake), loop.call_later(left + self.stop.grace, cut_off)]

    async def each(self, items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
        """Do the work for every item, `budget.concurrency` at a time, until all is done or the job stops."""
        await run_workers(items, work, concurrency=self.budget.concurrency, should_stop=lambda: self.should_stop)

    async def sleep(self, seconds: float) -> None:
        """Sleep; raises `Interrupted` as soon as the job is asked to stop."""
        if not self.should_stop:
            await self.stop.sleep_through(self._sleep(seconds))
        if self.should_stop:
            raise Interrupted

    async def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Make a call; wait as long as the rate limit asks for, and give up if the service is down.

        Raises what the call raises; `Interrupted` if the job stops while it waits; `ServiceDownError` after ten
        calls in a row without an answer.
        """
        while True:
            self._calls += 1
            try:
                answer = await make()
            except RateLimitError as error:
                wait = 1.0 if error.retry_after is None else error.retry_after
            except Exception as error:
                self.breaker.record(error)
                raise
            else:
                self.breaker.record(None)
                return answer
            finally:
                self._calls -= 1
            self.hold(wait)
            await self.sleep(wait)

    async def attempt(
        self, make: Callable[[], Awaitable[T]], *, not_sent: Callable[[], Awaitable[object]] | None = None
    ) -> CallResult[T]:
        """Make a call and say how it ended: answered, refused or lost.

        Where it had no effect and no further call can have one, `not_sent` is awaited and the error is raised.
        """
        try:
            return CallResult(CallStatus.ANSWERED, await self.call(make))
        except (CaseManagementError, Interrupted) as error:
            status = classify_error(error)
            if status is CallStatus.NOT_SENT and not_sent is not None:
                await not_sent()
            if status is None or status is CallStatus.NOT_SENT:
                raise
            return CallResult(status, error=error)

    def hold(self, seconds: float) -> None:
        """Note that the rate limit delays calls by this many seconds; waits that overlap count once."""
        self.progress.hold(seconds)
        now = self.clock()
        start, end = max(now, self._waits_end), now + seconds
        if end > start:
            self._waits.append((start, end - start))
            self._waits_end = end

    def take_waits(self) -> list[tuple[float, float]]:
        """Return the waits for the rate limit since the last call: start in Unix seconds, length in seconds."""
        taken, self._waits = self._waits, []
        return taken

    def result(
        self,
        job: str,
        journal: JournalAddress,
        *,
        states: Mapping[State, int],
        items: int,
        unbatched_requests: int = 0,
        bad_rows: int = 0,
        output: Path | None = None,
        run: int | None = None,
    ) -> JobResult:
        """Say how the job ended."""
        return JobResult(
            job=job,
            journal=journal,
            states=states,
            items=items,
            stopped=self.stopped,
            interrupted=self.stop.requested,
            requests=self.progress.requests,
            unbatched_requests=unbatched_requests,
            elapsed=self.progress.elapsed,
            bad_rows=bad_rows,
            output=output,
            run=run,
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestStarted):
            self.guard()
            self.progress.requests += 1
            self.step("request")
        elif isinstance(event, ResponseReceived):
            self.step("answer")
        elif isinstance(event, RateLimited):
            self.hold(event.wait)
