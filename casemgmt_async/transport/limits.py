"""The gate in front of every request: how many at a time, and how many the service's rate limits leave.

Answers name the bucket of their route in `X-RateLimit-Name`; until one is named, a route is not limited. Calls pass
in the order in which they came, over all of their attempts. Nobody holds a place in the gate while waiting.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import math
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define
from multidict import istr

from casemgmt_async.errors import ErrorDetail, RateLimitError, SessionClosedError
from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.bucket import Bucket
from casemgmt_async.transport.classify import seconds, until_reset

__all__ = ["Limiter", "RouteLimiter"]

_NAME: Final = istr("X-RateLimit-Name")
_LIMIT: Final = istr("X-RateLimit-Limit")
_PERIOD: Final = istr("X-RateLimit-Period")
_REMAINING: Final = istr("X-RateLimit-Remaining")


@define(eq=False)
class RouteLimiter:
    """The way of one route through the gate."""

    route: str
    bucket: Bucket
    in_flight: int = 0


@define(eq=False)
class Waiter:
    """One call in the queue; its turn is its number, kept over all of its attempts."""

    turn: int
    lane: RouteLimiter
    patience: float
    admitted: asyncio.Future[None]

    def __lt__(self, other: Waiter) -> bool:
        return self.turn < other.turn


class Limiter:
    """Lets requests pass in the order in which their calls came, as many as may."""

    def __init__(
        self,
        max_concurrency: int,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._free = max_concurrency
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._lanes: dict[str, RouteLimiter] = {}
        self._buckets: dict[str, Bucket] = {}
        self._queues: dict[Bucket, list[Waiter]] = {}
        self._waker: asyncio.Task[None] | None = None
        self._wakes_at = math.inf
        self._turns = itertools.count()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(map(len, self._queues.values()))

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return sum(lane.in_flight for lane in self._lanes.values())

    def lane(self, route: str) -> RouteLimiter:
        """The way of a route."""
        lane = self._lanes.get(route)
        return lane or self._lanes.setdefault(route, RouteLimiter(route, Bucket()))

    def delay(self, lane: RouteLimiter) -> float:
        """Seconds for which the rate limit holds a request back, as far as is known."""
        return lane.bucket.delay(self._clock())

    def try_enter(self, lane: RouteLimiter) -> bool:
        """Pass at once, if nobody waits and there is room; whoever passes has to `leave`."""
        bucket = lane.bucket
        if self._free <= 0 or bucket in self._queues or self._closed:
            return False
        if not bucket.is_unlimited:
            now = self._clock()
            if bucket.delay(now) > 0:
                return False
            self._admit(lane, now)
            return True
        self._free -= 1
        lane.in_flight += 1
        bucket.in_flight += 1
        return True

    async def enter(self, lane: RouteLimiter, turn: int | None, patience: float) -> int:
        """Wait to pass; return the turn, to be given again for the next attempt of the same call.

        Raises `RateLimitError` at once where the rate limit asks for more than `patience` seconds.
        """
        turn = next(self._turns) if turn is None else turn
        waiter = Waiter(turn, lane, patience, asyncio.get_running_loop().create_future())
        queue = self._queues.setdefault(lane.bucket, [])
        if queue and waiter < queue[-1]:
            bisect.insort(queue, waiter)
        else:  # nearly always: it came last
            queue.append(waiter)
        self._pump()
        try:
            await waiter.admitted
        except BaseException:
            if waiter.admitted.done() and not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self.leave(lane, None)  # it was let in and cancelled in the same moment
            else:
                self._drop(waiter)
            raise
        return turn

    def leave(self, lane: RouteLimiter, answer: RawResponse | None) -> None:
        """Give back what `try_enter` or `enter` took, with the answer if there was one."""
        self._free += 1
        lane.in_flight -= 1
        lane.bucket.in_flight -= 1
        if answer is not None:
            self._learn(lane, answer)
        if self._queues:
            self._pump()

    def close(self) -> None:
        """Turn everybody away."""
        self._closed = True
        for waiter in [waiter for queue in self._queues.values() for waiter in queue]:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(SessionClosedError("the session was closed"))
        self._queues.clear()
        self._wake_at(math.inf)

    def _admit(self, lane: RouteLimiter, now: float) -> None:
        self._free -= 1
        lane.in_flight += 1
        lane.bucket.admit(now)

    def _let_in(self, waiter: Waiter, now: float) -> None:
        if not waiter.admitted.done():
            self._admit(waiter.lane, now)
            waiter.admitted.set_result(None)

    def _drop(self, waiter: Waiter) -> None:
        if waiter in self._queues.get(waiter.lane.bucket, ()):
            self._dequeue(waiter)
            self._pump()

    def _dequeue(self, waiter: Waiter) -> None:
        queue = self._queues[waiter.lane.bucket]
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.lane.bucket]

    def _learn(self, lane: RouteLimiter, answer: RawResponse) -> None:
        headers = answer.headers
        name = headers.get(_NAME)
        lane.bucket.is_known = True
        if name is None and answer.status != 429:
            return
        now = self._clock()
        if name is not None and name != lane.bucket.name:
            self._bind(lane, name)
        bucket = lane.bucket
        bucket.is_known = True
        limit, left = seconds(headers.get(_LIMIT)), seconds(headers.get(_REMAINING))
        reset = until_reset(headers, self._wall)
        if answer.status == 429:
            asked = max(reset or 0.0, seconds(headers.get("Retry-After")) or 0.0)
            if limit and name is not None:
                bucket.limit = limit
            if asked or name is not None:
                bucket.exhausted(asked, now)
        elif name is not None and limit and left is not None and reset is not None:
            bucket.observe(limit, seconds(headers.get(_PERIOD)) or 60.0, left, reset, now)

    def _bind(self, lane: RouteLimiter, name: str) -> None:
        old = lane.bucket
        new = self._buckets.get(name) or self._buckets.setdefault(name, Bucket(name))
        queue = self._queues.pop(old, [])
        for bucket in (old, new):
            waiters = [waiter for waiter in queue if (waiter.lane is lane) == (bucket is new)]
            if waiters:
                self._queues[bucket] = sorted(self._queues.get(bucket, []) + waiters)
        old.in_flight -= lane.in_flight
        new.in_flight += lane.in_flight
        lane.bucket = new

    def _pump(self) -> None:
        """Let in whoever may pass, oldest first; then see to being woken when the next one may."""
        if len(self._queues) == 1 and (bucket := next(iter(self._queues))).is_unlimited:
            queue = self._queues[bucket]  # only for a slot do they wait, and whoever leaves one comes here
            while queue and self._free > 0:
                self._let_in(queue.pop(0), 0.0)
            if not queue:
                del self._queues[bucket]
            return
        now = self._clock()
        while self._free > 0:
            ready = [queue[0] for bucket, queue in self._queues.items() if bucket.delay(now) <= 0]
            if not ready:
                break
            waiter = min(ready)
            self._dequeue(waiter)
            self._let_in(waiter, now)
        self._turn_away(now)
        self._wake_at(
            min((now + delay for bucket in self._queues if (delay := bucket.delay(now)) > 0), default=math.inf)
        )

    def _turn_away(self, now: float) -> None:
        """Refuse those who would have to wait for longer than they want to."""
        used_up = [(bucket, delay) for bucket in self._queues if (delay := bucket.delay(now)) > 0 and bucket.is_used_up]
        for bucket, delay in used_up:
            for waiter in [waiter for waiter in self._queues[bucket] if delay > waiter.patience]:
                self._dequeue(waiter)
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(_over_budget(waiter.lane, delay))

    def _wake_at(self, when: float) -> None:
        if when == self._wakes_at:
            return
        if self._waker is not None:
            self._waker.cancel()
            self._waker = None
        self._wakes_at = when
        if when < math.inf:
            self._waker = asyncio.get_running_loop().create_task(self._wake(when - self._clock()))

    async def _wake(self, delay: float) -> None:
        await self._sleep(delay)
        self._waker = None
        self._wakes_at = math.inf
        self._pump()


def _over_budget(lane: RouteLimiter, delay: float) -> RateLimitError:
    said = ErrorDetail("the rate limit is used up, and the request was not sent")
    return RateLimitError(429, (said,), lane.route, retry_after=delay)
