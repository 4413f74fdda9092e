"""How many requests may be sent: as answers report it, or as refusals alone have shown it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from attrs import define, field

from casemgmt_async.transport.pacing import Pacer
from casemgmt_async.transport.rate_limit import RateLimit
from casemgmt_async.transport.window import Window

__all__ = ["MIN_DELAY", "LearnedQuota", "ReportedQuota"]

RESERVE: Final = 0.04
MAX_RESERVE: Final = 8
MIN_LIMIT_TO_RESERVE: Final = 4
"""The part of a window, at most so many requests, that a process that is alone does not use before the end of the
window. A process that starts meanwhile uses one of them, and so becomes visible in what remains."""
RESERVE_ENDS: Final = 0.25
"""The part of a window that is left when the reserve is released."""
QUIET_WINDOWS: Final = 2
"""Windows without requests of other processes after which this one is taken to be alone."""
PROBE_SECONDS: Final = 1.0
"""How long the first request of a window is sent alone, to see whether the window before has ended."""
MIN_DELAY: Final = 0.001
GROWTH: Final = 1.1
"""Factor by which a learned quota grows from one window to the next."""


@define(eq=False)
class ReportedQuota:
    """The quota of a bucket whose answers report the remaining requests."""

    random: Callable[[], float]
    limit: float
    remaining: float = 0.0
    """The lowest number of remaining requests that answers of this window reported."""
    window: Window = field(factory=Window)
    is_confirmed: bool = False
    """Whether a success reported it, and not only a refusal."""
    is_shared: bool = False
    """Whether other processes use the bucket too."""
    own: int = 0
    """Requests of this process that may count in this window."""
    _pacer: Pacer | None = None
    _others: float = 0.0
    """Requests of other processes in this window, at least."""
    _quiet_windows: int = 0
    _answers: float = 0.0
    """Answers since the bucket is known; as many requests may be in flight, until other processes would have shown."""
    _is_verified: bool = False
    """Whether an answer came from this window."""

    @property
    def is_used_up(self) -> bool:
        """Whether nothing may be sent before the window ends."""
        return self.remaining < 1

    def delay(self, now: float, in_flight: int) -> float:
        """Seconds until a request may be sent; infinite if an answer has to arrive first."""
        self._advance(now, in_flight)
        if self._pacer is not None:
            return self._paced_delay(now, self._pacer)
        if (probe_ends := self._probe_ends(now)) is not None:
            return probe_ends - now if in_flight else 0.0
        usable = self.remaining - self._reserve(now)
        if in_flight < usable:
            return 0.0 if in_flight < max(self._answers, 1.0) else math.inf
        if in_flight < self.remaining:
            return max(MIN_DELAY, self.window.seconds_left(now) - RESERVE_ENDS * self.window.period)
        return max(MIN_DELAY, self.window.next_starts_at - now)

    def guard(self, now: float, in_flight: int) -> float:
        """Seconds until a request that a shared budget has granted may be sent."""
        self._advance(now, in_flight)
        if now < self.window.starts_at:
            return self.window.starts_at - now
        if (probe_ends := self._probe_ends(now)) is not None:
            return probe_ends - now if in_flight else 0.0
        return 0.0 if in_flight < self.remaining else max(MIN_DELAY, self.window.next_starts_at - now)

    def admit(self) -> None:
        """Count a request that is about to be sent."""
        self.own += 1
        if self._pacer is not None:
            self._pacer.credit = max(0.0, self._pacer.credit - 1)

    def observe(self, limits: RateLimit, now: float, in_flight: int) -> bool:
        """Learn from an answer that reports the quota; return whether its request counted in this window."""
        assert limits.limit
        assert limits.remaining is not None
        assert limits.reset is not None
        self.limit = limits.limit
        if self.window.is_known:
            self._advance(now, in_flight)
        ahead = self.window.observe(limits.reset, limits.period, now)
        if ahead < 0:
            return False
        if ahead > 0:
            self._start_window(now, in_flight + 1)
        self.is_confirmed = True
        self.remaining = min(self.remaining, limits.remaining) if self._is_verified else limits.remaining
        self._is_verified = True
        self._answers += 1
        self._see_others(now)
        if self._pacer is not None:
            self._pacer.observe(self.remaining, self.limit, self.window.seconds_left(now), self.window.period)
        return True

    def refused(self, limits: RateLimit, now: float, in_flight: int) -> float | None:
        """Learn from a 429 that reports the window; return the seconds until the next one, or None if it is stale."""
        assert limits.reset is not None
        self.limit = limits.limit or self.limit
        self.own = max(0, self.own - 1)
        if self.window.is_known:
            self._advance(now, in_flight)
        seconds_left, half = self.window.seconds_left(now), self.window.period / 2
        if self.window.is_known and not self._is_verified and limits.reset < half < seconds_left:
            self.window.refused_early()
        else:
            ahead = self.window.observe(limits.reset, limits.period, now)
            if ahead < 0:
                return None
            if ahead > 0:
                self._start_window(now, in_flight)
        self._is_verified = True
        self.remaining = 0.0
        self._see_others(now)
        if self._pacer is not None:
            self._pacer.remaining = 0.0
        return max(0.0, self.window.next_starts_at - now)

    def _probe_ends(self, now: float) -> float | None:
        """Until when one request is sent alone, to see whether the window before has ended; None if that is seen."""
        probe_ends = self.window.starts_at + min(PROBE_SECONDS, self.window.period / 4)
        return None if self._is_verified or now >= probe_ends else probe_ends

    def _paced_delay(self, now: float, pacer: Pacer) -> float:
        seconds_left = self.window.seconds_left(now)
        pacer.advance(seconds_left)
        if now < self.window.starts_at:
            return self.window.starts_at - now
        delay = pacer.delay() if seconds_left > 0 else math.inf
        return delay if delay < seconds_left else max(MIN_DELAY, self.window.next_starts_at - now)

    def _reserve(self, now: float) -> float:
        if self.limit < MIN_LIMIT_TO_RESERVE:
            return 0.0
        if self.window.seconds_left(now) < RESERVE_ENDS * self.window.period + MIN_DELAY:
            return 0.0
        return min(MAX_RESERVE, math.ceil(self.limit * RESERVE))

    def _advance(self, now: float, in_flight: int) -> None:
        if self.window.advance(now):
            self._start_window(now, in_flight)

    def _start_window(self, now: float, own: int) -> None:
        """Start a window in which `own` requests of this process may count already."""
        if self._pacer is not None and self.own and self._others < 1:
            self._quiet_windows += 1
            if self._quiet_windows >= QUIET_WINDOWS:
                self.is_shared, self._pacer, self._answers = False, None, math.inf
        self.own, self._others = own, 0.0
        self.remaining, self._is_verified = self.limit, False
        if self._pacer is not None:
            self._pacer.start_window(self.limit, self.window.seconds_left(now), self.window.period)

    def _see_others(self, now: float) -> None:
        self._others = max(self._others, self.limit - self.remaining - self.own)
        if self._others < 1:
            return
        self._quiet_windows = 0
        if self._pacer is None:
            self.is_shared = True
            self._pacer = Pacer(self.limit, self.random())
            self._pacer.join(self.remaining, self.window.seconds_left(now))


@define(eq=False)
class LearnedQuota:
    """The quota of a bucket whose limit only refusals show: how many requests succeeded between two of them."""

    quota: float = math.inf
    """Requests that may be sent at once; after them, one at a time shows whether there are more."""
    _successes: int = 0
    _is_open: bool = True
    """Whether a request has succeeded since the last refusal; until then, one is sent at a time."""
    _started_at: float = -math.inf
    _period: float = math.inf

    def delay(self, now: float, in_flight: int) -> float:
        """Seconds until a request may be sent; infinite if an answer has to arrive first."""
        if now >= self._started_at + self._period:
            if self._successes >= self.quota:
                self.quota = self.quota * GROWTH + 1
            self._started_at, self._successes = now, 0
        if not in_flight or (self._is_open and self._successes + in_flight < self.quota):
            return 0.0
        return math.inf

    def succeeded(self, is_held: bool) -> None:
        """Count a success; while the bucket is held, it belongs to the window before."""
        if is_held:
            self.quota += 1
        else:
            self._successes += 1
            self._is_open = True
            self.quota = max(self.quota, self._successes)

    def refused(self, period: float | None, now: float, held_until: float) -> None:
        """Learn from the first 429 of several in a row, after which the bucket is held for a time."""
        if self._successes:
            self.quota = float(self._successes)
        elif self.quota == math.inf:
            self.quota = 1.0
        self._is_open = False
        self._period = period or max(held_until - max(self._started_at, now - 60.0), 1.0)
        self._started_at, self._successes = held_until, 0
