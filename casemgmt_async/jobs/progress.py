"""Progress of a job: phases, counts, rate, and the time left."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import define, frozen

from casemgmt_async.jobs.journal import Outcome, State

__all__ = ["Progress", "ProgressMeter"]

REPORT_EVERY: Final = 0.1
RATE_WINDOW: Final = 10.0
SHORT: Final = 1.0
"""Holds of fewer seconds count as part of the rate."""
WHOLE: Final = 0.9
"""Share of a window's length. A hold beyond it ends the window; a hold before it only divides the window."""


@frozen
class Progress:
    """Where a job stands."""

    phase: str
    """`reading`, `checking`, `changing`, `verifying`, `looking up`, `creating`, `linking` or `writing`; in a backfill
    also `finding` (requests for the cases of earlier runs), in an export `comparing` and `reading more`; `in shards`
    where workers do the operations and this process waits for them."""
    done: int
    """Items of the phase that are done."""
    total: int | None
    """Items of the phase, if the number is known; it may change."""
    rate: float
    """Items a second over the last ten seconds."""
    eta: float | None
    """Seconds to the end of the phase: at that rate, or as the rate limit has let calls pass in this phase."""
    elapsed: float
    """Seconds since the job started."""
    held: float
    """Seconds until the service's rate limit lets calls pass again; 0 if it does not hold them up."""
    requests: int
    """Requests sent so far."""
    states: Mapping[State, int]
    """Operations of this run, by how they ended."""
    stopping: bool
    """Whether the job was asked to stop and finishes what is in flight."""


@define
class Windows:
    """How much of a phase the rate limit lets pass in each of its windows."""

    begins: float
    """When the present window began, or the next one begins, in seconds."""
    done: int = 0
    """How much was done before it."""
    quota: int = 0
    """How much one window lets pass; 0 as long as nothing was held up."""
    period: float = 0.0
    """Length of a window in seconds."""

    def hold(self, until: float, done: int) -> None:
        """Note that nothing more passes until then; a shorter hold than before only divides the present window."""
        if until - self.begins >= WHOLE * self.period:
            if done > self.done:
                self.quota, self.period = done - self.done, until - self.begins
            self.begins, self.done = until, done

    def seconds_left(self, now: float, left: int, done: int, rate: float, held: float) -> float | None:
        """Estimate the seconds to the end of the phase; None if nothing is known."""
        if not self.quota:
            return held + left / rate if rate else None
        fastest = max(rate, self.quota / self.period)
        if now < self.begins:
            room, following = 0, self.begins
        else:
            room, following = max(self.quota - (done - self.done), 0), self.begins + self.period
        beyond = left - room
        if beyond <= 0:
            return left / fastest
        full = math.ceil(beyond / self.quota) - 1
        return max(following - now, 0.0) + full * self.period + (beyond - full * self.quota) / fastest


class ProgressMeter:
    """Counts what a job has done, and reports it at most ten times a second."""

    def __init__(
        self, on_progress: Callable[[Progress], object] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.requests = 0
        self.stopping = False
        self._on_progress = on_progress
        self._clock = clock
        self._started = clock()
        self._held_until = -math.inf
        self._windows = Windows(self._started)
        self._states: Counter[State] = Counter()
        self._phase, self._done = "", 0
        self._total: int | None = None
        self._marks: deque[tuple[float, int]] = deque()
        self._reported_at = -math.inf

    @property
    def elapsed(self) -> float:
        """Seconds since the job started."""
        return self._clock() - self._started

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a phase."""
        self._phase, self._done, self._total = name, 0, total
        self._marks.clear()
        self._windows = Windows(max(self._clock(), self._held_until))
        self.report(now=True)

    def advance(self, count: int = 1, total: int | None = None) -> None:
        """Count `count` more items of the phase as done."""
        self._done += count
        self._total = self._total if total is None else total
        self.report()

    def ended(self, outcomes: Iterable[Outcome]) -> None:
        """Count how operations ended."""
        for outcome in outcomes:
            self._states[outcome.state] += len(outcome.numbers)

    def hold(self, seconds: float) -> None:
        """Note that the rate limit delays calls by this many seconds."""
        now = self._clock()
        if now >= self._held_until and seconds >= SHORT:
            self._windows.hold(now + seconds, self._done)
        self._held_until = max(self._held_until, now + seconds)
        self.report(now=True)

    def report(self, *, now: bool = False) -> None:
        """Report where the job stands, unless it did so a moment ago and `now` is not set."""
        moment = self._clock()
        if self._on_progress is None or (not now and moment - self._reported_at < REPORT_EVERY):
            return
        self._reported_at = moment
        self._marks.append((moment, self._done))
        while len(self._marks) > 2 and moment - self._marks[0][0] > RATE_WINDOW:
            self._marks.popleft()
        since, before = self._marks[0]
        rate = (self._done - before) / (moment - since) if moment > since else 0.0
        left = None if self._total is None else max(self._total - self._done, 0)
        held = max(self._held_until - moment, 0.0)
        self._on_progress(
            Progress(
                phase=self._phase,
                done=self._done,
                total=self._total,
                rate=rate,
                eta=None if left is None else self._windows.seconds_left(moment, left, self._done, rate, held),
                elapsed=self.elapsed,
                held=held,
                requests=self.requests,
                states=dict(self._states),
                stopping=self.stopping,
            )
        )
