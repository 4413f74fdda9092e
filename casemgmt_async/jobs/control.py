"""What steers a job from outside and what it tells: budget, stop, progress, result."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import Attribute, field, frozen

from casemgmt_async import (
    CaseSession,
    Event,
    InvalidArgumentError,
    OutcomeUnknownError,
    RateLimited,
    RateLimitError,
    RequestStarted,
    ResponseReceived,
    ServerError,
    TransportError,
)
from casemgmt_async.jobs.errors import ServiceDownError
from casemgmt_async.jobs.journal import Outcome, State

__all__ = ["Budget", "Interrupted", "JobControl", "JobResult", "Progress"]

T = TypeVar("T")

MOST_FAILURES: Final = 10
"""Calls in a row without a usable answer, after which the service counts as down."""
PROGRESS_EVERY: Final = 0.1
RATE_OVER: Final = 10.0


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
    """Seconds after which nothing new is begun."""
    concurrency: int = field(default=8, validator=positive)
    """Calls in flight at a time."""


@frozen
class Progress:
    """Where a job stands."""

    phase: str
    """What it is doing: `reading`, `checking`, `changing`, `confirming`, `looking`, `creating`, `writing`."""
    done: int
    """How much of the phase is done."""
    total: int | None
    """How much there is, where that is known; it may move."""
    rate: float
    """How much a second, over the last ten seconds."""
    eta: float | None
    """Seconds to the end of the phase at that rate."""
    elapsed: float
    """Seconds since the job started."""
    held: float
    """Seconds for which the service's rate limit holds calls up; 0 where it does not."""
    requests: int
    """Requests sent so far."""
    states: Mapping[State, int]
    """Operations of this run, by how they ended."""
    stopping: bool
    """Whether it was asked to stop and finishes what is in flight."""


@frozen(kw_only=True)
class JobResult:
    """How a job ended."""

    job: str
    """`triage`, `export` or `backfill`."""
    journal: Path
    """The journal, with which the same call goes on."""
    states: Mapping[State, int]
    """The operations of the whole job by state, earlier runs included."""
    items: int
    """Cases exported or created; for triage, cases with operations."""
    stopped: str | None
    """Why it ended before all was done, or None."""
    interrupted: bool
    """Whether it ended because of `request_stop`."""
    requests: int
    """Requests sent in this run."""
    unbatched_requests: int
    """Requests that the changes of this run would have taken one by one."""
    elapsed: float
    """Seconds that this run took."""
    bad_rows: int = 0
    """Rows that could not be read, see the rejects file."""
    output: Path | None = None
    """The file that was written."""

    @property
    def remaining(self) -> int:
        """Operations that wait for another run."""
        return self.states.get(State.PLANNED, 0) + self.states.get(State.SENDING, 0)

    @property
    def succeeded(self) -> bool:
        """Whether nothing was rejected, nothing is unknown, and nothing was broken off by `request_stop`."""
        bad = self.states.get(State.REJECTED, 0) + self.states.get(State.UNKNOWN, 0) + self.bad_rows
        return not bad and not self.interrupted


class Interrupted(Exception):  # noqa: N818 - no error: it says that a call was not made because the job stops
    """The job stops, and this call was not made."""


class JobControl:
    """Steers one run of a job: gives it its budget, stops it, and is told of its progress.

    `checkpoint` is called with a name at each step that a kill could fall between; tests use it.
    """

    def __init__(
        self,
        *,
        budget: Budget | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.budget = budget or Budget()
        self.checkpoint = checkpoint
        self.clock = clock
        self.sleep = sleep
        self.stopped: str | None = None
        self.interrupted = False
        self.requests = 0
        self.operations = 0
        self._on_progress = on_progress
        self._aborted = self._late = False
        self._task: asyncio.Task[Any] | None = None
        self._started = time.monotonic()
        self._failures = 0
        self._held_until = 0.0
        self._states: Counter[State] = Counter()
        self._phase, self._done = "", 0
        self._total: int | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self._told_at = -math.inf

    def request_stop(self) -> None:
        """Stop: the first time after what is in flight, the second time at once. Nothing is lost by either."""
        if self.interrupted:
            self._aborted = True
            if self._task is not None:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        self.interrupted = True
        self.stopped = "it was asked to stop"
        self._tell(now=True)

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._started

    @property
    def should_stop(self) -> bool:
        """Whether to finish what is in flight and no more; a used up `max_operations` leaves time to confirm."""
        limit = self.budget.max_time
        if limit is not None and self.elapsed >= limit and not self._late:
            self._late = True
            self.stopped = self.stopped or f"its time of {limit:g} s is used up"
        return self.interrupted or self._late

    def take(self, wanted: int) -> int:
        """Take operations out of the budget: as many of those wanted as may still be sent."""
        if self.should_stop:
            return 0
        limit = self.budget.max_operations
        granted = wanted if limit is None else min(wanted, limit - self.operations)
        self.operations += granted
        if granted < wanted:
            self.stopped = f"its budget of {limit} operations is used up"
        return granted

    async def run(self, session: CaseSession, work: Coroutine[Any, Any, T]) -> T | None:
        """Run a job so that a second `request_stop` cancels it, and give None then."""
        session.add_listener(self._hear)
        self._task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({self._task})
            return None if self._aborted and self._task.cancelled() else self._task.result()
        except asyncio.CancelledError:  # of whoever waits for the job
            self._task.cancel()
            await asyncio.wait({self._task})
            raise
        finally:
            session.remove_listener(self._hear)
            self._tell(now=True)

    async def each(self, items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
        """Do the work for every item, `concurrency` at a time, until all is done or there is a hurry."""
        left = iter(items)

        async def worker() -> None:
            for item in left:
                if self.should_stop:
                    return
                try:
                    await work(item)
                except Interrupted:
                    return

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.budget.concurrency):
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Make a call; wait out long rate limits, and give up where the service is down.

        Raises what the call raises; `Interrupted` where the job stops while it waits, and `ServiceDownError`
        after too many calls in a row without an answer.
        """
        while True:
            try:
                answer = await make()
            except RateLimitError as error:
                wait = 1.0 if error.retry_after is None else error.retry_after
                self._held_until = time.monotonic() + wait
                self._tell(now=True)
                if self.should_stop:
                    raise Interrupted from error
                await self.sleep(wait)
                if self.should_stop:
                    raise Interrupted from error
            except (ServerError, TransportError, OutcomeUnknownError) as error:
                self._failures += 1
                if self._failures >= MOST_FAILURES:
                    raise ServiceDownError(
                        f"{self._failures} calls in a row found no answer, the last: {error}; "
                        "see whether the service is up, then run again: the job goes on where it stopped"
                    ) from error
                raise
            except Exception:
                self._failures = 0
                raise
            else:
                self._failures = 0
                return answer

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a phase."""
        self._phase, self._done, self._total = name, 0, total
        self._marks.clear()
        self._tell(now=True)

    def advance(self, count: int = 1, total: int | None = None) -> None:
        """Tell that so much more of the phase is done."""
        self._done += count
        self._total = self._total if total is None else total
        self._tell()

    def ended(self, outcomes: Iterable[Outcome]) -> None:
        """Count how operations ended."""
        for outcome in outcomes:
            self._states[outcome.state] += len(outcome.numbers)

    def _hear(self, event: Event) -> None:
        if isinstance(event, RequestStarted):
            self.requests += 1
            self.checkpoint("request")
        elif isinstance(event, ResponseReceived):
            self.checkpoint("answer")
        elif isinstance(event, RateLimited):
            self._held_until = time.monotonic() + event.wait
            self._tell()

    def _tell(self, *, now: bool = False) -> None:
        if self._on_progress is None:
            return
        moment = time.monotonic()
        if not now and moment - self._told_at < PROGRESS_EVERY:
            return
        self._told_at = moment
        self._marks.append((moment, self._done))
        while len(self._marks) > 2 and moment - self._marks[0][0] > RATE_OVER:
            self._marks.popleft()
        since, before = self._marks[0]
        rate = (self._done - before) / (moment - since) if moment > since else 0.0
        left = None if self._total is None else max(self._total - self._done, 0)
        self._on_progress(
            Progress(
                phase=self._phase,
                done=self._done,
                total=self._total,
                rate=rate,
                eta=left / rate if rate and left is not None else None,
                elapsed=self.elapsed,
                held=max(self._held_until - moment, 0.0),
                requests=self.requests,
                states=dict(self._states),
                stopping=self.stopped is not None,
            )
        )
