"""One bucket of the service's rate limit: whether a request may be sent now, as far as answers have shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from attrs import define

from casemgmt_async.transport.quota import MIN_DELAY, LearnedQuota, ReportedQuota
from casemgmt_async.transport.rate_limit import RateLimit

if TYPE_CHECKING:
    from casemgmt_async.transport.leases import Lease

__all__ = ["Bucket"]

MAX_SCOUTS: Final = 8
SCOUT_SECONDS: Final = 0.2
"""Seconds after which a bucket without an answer may double its requests in flight, from one."""
MIN_HOLD: Final = 0.1
MAX_HOLD: Final = 60.0
"""Seconds for which a refusal holds the bucket at least: at first, and after many in a row."""
RESUME: Final = 0.6
RESUME_STEP: Final = 0.2
"""Parts of the last pause, from the first refusal to the next success, after which the next one is tried to end."""


@define(eq=False)
class Bucket:
    """One bucket; several routes may share it."""

    random: Callable[[], float]
    name: str | None = None
    lease: Lease | None = None
    """The lease of a shared budget; None without one, or before the bucket has a name."""
    in_flight: int = 0
    is_unlimited: bool = False
    """Whether answers have arrived and none showed a limit."""
    is_pending: bool = False
    """Whether the shared budget is being asked for the bucket of the route."""
    _is_known: bool = False
    """Whether an answer has arrived."""
    _reported: ReportedQuota | None = None
    _learned: LearnedQuota | None = None
    _held_until: float = -math.inf
    _refusals: int = 0
    """Refusals in a row, each after the hold of the one before."""
    _refused_at: float = 0.0
    """The time of the first of them."""
    _last_pause: float = 0.0
    """Seconds from the first refusal to the next success, the last time."""
    _scouted_at: float = 0.0

    @property
    def is_used_up(self) -> bool:
        """Whether no answer can shorten the delay."""
        if self.lease is not None and self.lease.is_active and self.lease.is_used_up:
            return True
        return self._refusals > 0 or (self._reported is not None and self._reported.is_used_up)

    @property
    def is_shared(self) -> bool:
        """Whether other processes use the bucket too."""
        return self._reported is not None and self._reported.is_shared

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent: 0 for now, infinite if an answer has to arrive first."""
        if now < self._held_until:
            return self._held_until - now
        if self.lease is not None and self.lease.is_active:
            leased = self._leased_delay(now, self.lease)
            if leased is not None:
                return leased
        if self._reported is not None:
            return self._reported.delay(now, self.in_flight)
        if self._learned is not None:
            return self._learned.delay(now, self.in_flight)
        if self.is_pending:
            return math.inf
        return 0.0 if self._is_known else self._scout_delay(now)

    def needed_lease(self, now: float) -> Lease | None:
        """The lease that has to grow before a request can be sent."""
        return self.lease if self.lease is not None and self.lease.is_needed and self.delay(now) == math.inf else None

    async def take(self, lease: Lease, waiting: int) -> None:
        """Lease requests of the shared budget for the calls that wait."""
        await lease.take(waiting, lease.limit if self._reported is None else int(self._reported.remaining))

    def admit(self, now: float) -> None:
        """Count a request that is about to be sent."""
        if not self.in_flight:
            self._scouted_at = now
        self.in_flight += 1
        if self._reported is not None:
            self._reported.admit()
        if self.lease is not None:
            self.lease.credit -= 1

    def adopt(self, in_flight: int, answered: int) -> None:
        """Count the requests of a route that turned out to use this bucket."""
        self.in_flight += in_flight
        if self._reported is not None:
            self._reported.own += in_flight + answered
        if self.lease is not None:
            self.lease.credit -= in_flight + answered

    def observe(self, limits: RateLimit, now: float) -> None:
        """Learn from the rate-limit headers of an answer other than 429."""
        self._is_known = True
        if self._refusals and now >= self._held_until:
            self._last_pause, self._refusals = now - self._refused_at, 0
        if limits.limit and is_complete(limits):
            if self._reported is None:
                self._reported, self._learned = ReportedQuota(self.random, limits.limit), None
            is_of_this_window = self._reported.observe(limits, now, self.in_flight)
            if self.lease is not None and not is_of_this_window:
                self.lease.counted_before()
            if self.lease is not None and self.lease.has_exact_time:
                self._reported.window.align(self.lease.service_time)
        elif self._reported is not None and not self._reported.is_confirmed:
            self._learned, self._reported = LearnedQuota(self._reported.limit), None  # only refusals report a limit
        elif self._learned is not None:
            self._learned.succeeded(now < self._held_until)
        self.is_unlimited = self._reported is None and self._learned is None

    def refused(self, limits: RateLimit, now: float) -> None:
        """Learn from a 429: hold the bucket for as long as it asks, and longer after each further refusal in a row."""
        self._is_known, self.is_unlimited = True, False
        hold = limits.wait or 0.0
        if self._reported is None and self._learned is None and limits.limit and is_complete(limits):
            self._reported = ReportedQuota(self.random, limits.limit)
        if self._reported is not None and is_complete(limits):
            until_next_window = self._reported.refused(limits, now, self.in_flight)
            if until_next_window is None:
                return  # the refusal of a window that has ended, which arrives after an answer of the next one
            hold = max(hold, until_next_window)
        is_new = now >= self._held_until
        if is_new:
            self._refused_at = self._refused_at if self._refusals else now
            self._refusals += 1
            hold = max(hold, self._shortest_hold(bool(hold)))
        self._held_until = max(self._held_until, now + hold)
        if self._reported is None and is_new:
            self._learned = self._learned or LearnedQuota()
            self._learned.refused(limits.period, now, self._held_until)

    def _leased_delay(self, now: float, lease: Lease) -> float | None:
        """Seconds until the shared budget lets a request pass; None if it does not know the limit."""
        quota = self._reported
        if quota is not None:
            guard = quota.guard(now, self.in_flight)
            lease.enter(quota.window.ends_at, quota.window.period, quota.limit, self.in_flight)
            lease.see(quota.remaining)
            return guard or lease.delay(max(MIN_DELAY, quota.window.next_starts_at - now))
        if lease.known is not None and not self._is_known:
            period = lease.known.period
            ends_at = (math.floor((now + lease.service_time) / period) + 1) * period - lease.service_time
            lease.enter(ends_at, period, lease.known.limit, self.in_flight)
            return lease.delay(max(MIN_DELAY, ends_at - now))
        return None

    def _shortest_hold(self, is_asked: bool) -> float:
        """Seconds of a hold at least: growing from one refusal in a row to the next."""
        growing = min(MAX_HOLD, MIN_HOLD * 2.0 ** min(self._refusals, 20))
        if is_asked or not self._last_pause:
            return growing if self._refusals > 1 or not is_asked else MIN_HOLD
        step = RESUME if self._refusals == 1 else RESUME_STEP
        return min(MAX_HOLD, max(self._last_pause * step, growing if self._refusals > 6 else MIN_HOLD))

    def _scout_delay(self, now: float) -> float:
        if not self.in_flight:
            return 0.0
        if self.in_flight >= MAX_SCOUTS:
            return math.inf
        next_scout_at = self._scouted_at + SCOUT_SECONDS * math.ceil(math.log2(self.in_flight + 1))
        return max(0.0, next_scout_at - now)


def is_complete(limits: RateLimit) -> bool:
    """Whether an answer reports the remaining requests of a bucket, and until when."""
    return limits.name is not None and limits.remaining is not None and limits.reset is not None
