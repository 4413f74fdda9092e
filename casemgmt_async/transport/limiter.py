"""First-in, first-out admission of requests: a cap on concurrency, and the service's rate limits.

Answers name the bucket of their route in `X-RateLimit-Name`; until an answer names one, each route has a bucket of
its own. Calls are admitted in the order in which they started, over all of their attempts. A call that waits holds no
slot.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import math
from typing import TYPE_CHECKING, Final

from attrs import define

from casemgmt_async.errors import ErrorDetail, RateLimitError, SessionClosedError
from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.bucket import Bucket
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.deadlines import Deadlines
from casemgmt_async.transport.rate_limit import (
    NAME,
    UNLIMITED,
    KnownLimit,
    RateLimit,
    read_rate_limit,
    server_time,
)

if TYPE_CHECKING:
    from casemgmt_async.transport.leases import Lease, Leases

__all__ = ["Limiter", "RouteLimiter"]

NO_LIMITS: Final = RateLimit()
MAX_UNUSED_BUCKETS: Final = 64
"""Buckets that no route uses any more are kept up to this number, the most recently named ones."""


@define(eq=False)
class RouteLimiter:
    """The admission state of one route: its bucket, and its requests in flight."""

    route: str
    bucket: Bucket
    in_flight: int = 0
    known: KnownLimit | None = None
    """What the shared budget knows of the route."""


@define(eq=False)
class Waiter:
    """One call in a queue; its ticket is its place in the order, kept over all of its attempts."""

    ticket: int
    route_limiter: RouteLimiter
    max_wait: float
    admitted: asyncio.Future[None]

    def __lt__(self, other: Waiter) -> bool:
        return self.ticket < other.ticket


class Limiter:
    """First-in, first-out admission: concurrency cap and rate limits."""

    def __init__(self, max_concurrency: int, clock: Clock, leases: Leases | None = None) -> None:
        self.leases: Final = leases
        if leases is not None:
            leases.changed = self._admit_waiters
        self._free_slots = max_concurrency
        self._clock = clock
        self._route_limiters: dict[str, RouteLimiter] = {}
        self._buckets: dict[str, Bucket] = {}
        self._queues: dict[Bucket, list[Waiter]] = {}
        self._wakeup: asyncio.Task[None] | None = None
        self._wakeup_at = math.inf
        self._deadlines = Deadlines()
        self._tickets = itertools.count()
        self._closed = False

    @property
    def waiting(self) -> int:
        """The number of calls that wait."""
        return sum(map(len, self._queues.values()))

    @property
    def in_flight(self) -> int:
        """The number of requests that were admitted and not yet released."""
        return sum(route_limiter.in_flight for route_limiter in self._route_limiters.values())

    def route_limiter(self, route: str) -> RouteLimiter:
        """The route limiter of a route."""
        found = self._route_limiters.get(route)
        if found is None:
            found = self._route_limiters[route] = RouteLimiter(route, Bucket(self._clock.random))
            if self.leases is not None and route != self.leases.identifying_route:
                found.bucket.is_pending = True
                self.leases.start(self._look_up(found, self.leases))
        return found

    def delay(self, route_limiter: RouteLimiter) -> float:
        """Seconds for which the rate limit delays the next request, as far as is known."""
        return route_limiter.bucket.delay(self._clock.clock())

    def try_acquire(self, route_limiter: RouteLimiter) -> bool:
        """Admit a request at once if no call waits and the limits allow it; an admitted request must be released."""
        bucket = route_limiter.bucket
        if self._free_slots <= 0 or bucket in self._queues or self._closed:
            return False
        if not bucket.is_unlimited:
            now = self._clock.clock()
            if bucket.delay(now) > 0:
                return False
            bucket.admit(now)
        else:
            bucket.in_flight += 1
        self._free_slots -= 1
        route_limiter.in_flight += 1
        return True

    async def acquire(
        self, route_limiter: RouteLimiter, ticket: int | None, max_wait: float, seconds_left: float | None = None
    ) -> int:
        """Wait until a request is admitted; return its ticket, to pass again for the next attempt of the same call.

        Raises `RateLimitError` at once if the rate limit asks for a wait of more than `max_wait` seconds, and
        `TimeoutError` after `seconds_left`.
        """
        self.check_open()
        ticket = next(self._tickets) if ticket is None else ticket
        waiter = Waiter(ticket, route_limiter, max_wait, asyncio.get_running_loop().create_future())
        queue = self._queues.setdefault(route_limiter.bucket, [])
        if queue and ticket < queue[-1].ticket:
            bisect.insort(queue, waiter)
        else:  # nearly always: it started last
            queue.append(waiter)
        if self._free_slots > 0 or not route_limiter.bucket.is_unlimited:  # otherwise it waits for a release
            self._admit_waiters()
        self._deadlines.add(waiter, seconds_left, self._expire)
        try:
            await waiter.admitted
        except BaseException:
            if waiter.admitted.done() and not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self.release(route_limiter, None)  # it was admitted and cancelled at the same moment
            else:
                self._drop(waiter)
            raise
        finally:
            self._deadlines.discard(waiter)
        return ticket

    def release(self, route_limiter: RouteLimiter, answer: RawResponse | None) -> None:
        """Release what `try_acquire` or `acquire` gave, with the answer if there is one."""
        self._free_slots += 1
        route_limiter.in_flight -= 1
        route_limiter.bucket.in_flight -= 1
        if answer is not None:
            self._learn(route_limiter, answer)
        if self._queues:
            self._admit_waiters()

    def close(self) -> None:
        """Refuse all waiting and all later requests."""
        self._closed = True
        for waiter in [waiter for queue in self._queues.values() for waiter in queue]:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(SessionClosedError("the session is closed"))
        self._queues.clear()
        self._schedule_wakeup(math.inf)
        self._deadlines.close()

    def check_open(self) -> None:
        """Raise `SessionClosedError` after `close`."""
        if self._closed:
            raise SessionClosedError("the session is closed")

    def _admit(self, waiter: Waiter, now: float) -> None:
        if not waiter.admitted.done():
            self._free_slots -= 1
            waiter.route_limiter.in_flight += 1
            waiter.route_limiter.bucket.admit(now)
            waiter.admitted.set_result(None)

    def _drop(self, waiter: Waiter) -> None:
        if waiter in self._queues.get(waiter.route_limiter.bucket, ()):
            self._dequeue(waiter)
            self._admit_waiters()

    def _expire(self, waiter: Waiter) -> None:
        """End the wait of a call whose deadline has passed."""
        if not waiter.admitted.done():
            self._dequeue(waiter)
            waiter.admitted.set_exception(TimeoutError())
            self._admit_waiters()

    def _dequeue(self, waiter: Waiter) -> None:
        queue = self._queues[waiter.route_limiter.bucket]
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.route_limiter.bucket]

    def _learn(self, route_limiter: RouteLimiter, answer: RawResponse) -> None:
        names_a_bucket, is_refused = NAME in answer.headers, answer.status == 429
        if not names_a_bucket and not is_refused:
            if answer.status >= 500:
                return  # of a proxy perhaps: it says nothing about the rate limit
            if route_limiter.bucket.is_unlimited:
                return  # it shows no limit, like all answers before it
            if self.leases is not None and route_limiter.known is None:
                self._remember(route_limiter, UNLIMITED, self.leases)
        limits = read_rate_limit(answer.headers, self._clock.wall) if names_a_bucket or is_refused else NO_LIMITS
        now = self._clock.clock()
        if limits.name is not None and limits.name != route_limiter.bucket.name:
            self._bind(route_limiter, limits.name, answered=1)
        lease = route_limiter.bucket.lease
        if lease is not None and limits.name is not None:
            lease.set_time(server_time(answer.headers, self._clock.wall) - now, self._clock.wall() - now)
            if limits.limit and limits.period:
                self._remember(route_limiter, KnownLimit(limits.name, int(limits.limit), limits.period), lease.leases)
        if is_refused:
            route_limiter.bucket.refused(limits, now)
        else:
            route_limiter.bucket.observe(limits, now)

    async def _look_up(self, route_limiter: RouteLimiter, leases: Leases) -> None:
        """Ask the shared budget for the bucket of a route."""
        known = await leases.look_up(route_limiter.route)
        route_limiter.bucket.is_pending = False
        route_limiter.known = known
        if known is not None and known.limit:
            self._bind(route_limiter, known.bucket, answered=0)
            if route_limiter.bucket.lease is not None:
                route_limiter.bucket.lease.known = known
        self._admit_waiters()

    def _remember(self, route_limiter: RouteLimiter, known: KnownLimit, leases: Leases) -> None:
        """Tell the shared budget what an answer shows of a route, if that is new."""
        if route_limiter.known != known and leases.is_active:
            route_limiter.known = known
            leases.remember(route_limiter.route, known)

    def _bind(self, route_limiter: RouteLimiter, name: str, answered: int) -> None:
        """Let a route use the bucket of that name; `answered` requests of it count there already."""
        old = route_limiter.bucket
        new = self._named_bucket(name)
        queue = self._queues.pop(old, [])
        for bucket in (old, new):
            waiters = [waiter for waiter in queue if (waiter.route_limiter is route_limiter) == (bucket is new)]
            if waiters:
                self._queues[bucket] = sorted(self._queues.get(bucket, []) + waiters)
        old.in_flight -= route_limiter.in_flight
        new.adopt(route_limiter.in_flight, answered)
        route_limiter.bucket = new

    def _named_bucket(self, name: str) -> Bucket:
        bucket = self._buckets.pop(name, None)
        if bucket is None:
            bucket = Bucket(self._clock.random, name)
            if self.leases is not None:
                from casemgmt_async.transport.leases import Lease  # noqa: PLC0415 - only a shared budget needs it

                bucket.lease = Lease(self.leases, name, service_time=self._clock.wall() - self._clock.clock())
        self._buckets[name] = bucket  # the most recently named is last
        if len(self._buckets) > MAX_UNUSED_BUCKETS:
            used = {route_limiter.bucket.name for route_limiter in self._route_limiters.values()}
            unused = [each for each in self._buckets if each != name and each not in used]
            for each in unused[:-MAX_UNUSED_BUCKETS]:
                del self._buckets[each]
        return bucket

    def _admit_waiters(self) -> None:
        """Admit all that may be, oldest first; then schedule a wake-up for when the next one may be."""
        if len(self._queues) == 1 and (bucket := next(iter(self._queues))).is_unlimited:
            queue = self._queues[bucket]  # they wait only for a slot, and each release comes here
            while queue and self._free_slots > 0:
                waiter = queue.pop(0)
                if not waiter.admitted.done():
                    self._free_slots -= 1
                    waiter.route_limiter.in_flight += 1
                    bucket.in_flight += 1
                    waiter.admitted.set_result(None)
            if not queue:
                del self._queues[bucket]
            if self._wakeup is not None:
                self._schedule_wakeup(math.inf)
            return
        now = self._clock.clock()
        while self._free_slots > 0:
            ready = [queue[0] for bucket, queue in self._queues.items() if bucket.delay(now) <= 0]
            if not ready:
                break
            waiter = min(ready)
            self._dequeue(waiter)
            self._admit(waiter, now)
        self._refuse_long_waits(now)
        self._take_leases(now)
        self._schedule_wakeup(
            min((now + delay for bucket in self._queues if (delay := bucket.delay(now)) > 0), default=math.inf)
        )

    def _take_leases(self, now: float) -> None:
        """Lease requests of the shared budget for the calls that wait."""
        if self.leases is None or self._closed:
            return
        for bucket, queue in self._queues.items():
            waiting = min(len(queue), self._free_slots)
            if waiting and (lease := bucket.needed_lease(now)) is not None:
                lease.is_taking = True
                self.leases.start(self._take(bucket, lease, waiting))

    async def _take(self, bucket: Bucket, lease: Lease, waiting: int) -> None:
        try:
            await bucket.take(lease, waiting)
        finally:
            lease.is_taking = False
        self._admit_waiters()

    def _refuse_long_waits(self, now: float) -> None:
        """Refuse calls that would wait longer than they may."""
        used_up = [(bucket, bucket.delay(now)) for bucket in self._queues if bucket.is_used_up]
        for bucket, delay in used_up:
            for waiter in [waiter for waiter in self._queues[bucket] if waiter.max_wait < delay < math.inf]:
                self._dequeue(waiter)
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(used_up_error(waiter.route_limiter, delay))

    def _schedule_wakeup(self, when: float) -> None:
        if when == self._wakeup_at:
            return
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        self._wakeup_at = when
        if when < math.inf:
            self._wakeup = asyncio.get_running_loop().create_task(self._wake(when - self._clock.clock()))

    async def _wake(self, delay: float) -> None:
        await self._clock.sleep(delay)
        self._wakeup = None
        self._wakeup_at = math.inf
        self._admit_waiters()


def used_up_error(route_limiter: RouteLimiter, delay: float) -> RateLimitError:
    """The error of a call that is refused without a request."""
    detail = ErrorDetail("the rate limit is used up, and the request was not sent")
    return RateLimitError(429, (detail,), route_limiter.route, retry_after=delay)
