"""The gate in front of every request: how many at a time, and how many the service's rate limits leave.

Answers name the bucket of their route in `X-RateLimit-Name` and say what is left of it. Until a bucket is named,
a route is not limited. From then on a request passes while fewer are on their way than the bucket has left, so a
budget is used up and not overrun. What is left is the service's own count, so several processes share it well:
each keeps to the share of the last window that was its own, and none of them waits for another.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import math
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, field
from multidict import istr

from casemgmt_async.errors import ErrorDetail, RateLimitError, SessionClosedError
from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.judge import seconds, until_reset

__all__ = ["Gate", "Lane"]

_NAME: Final = istr("X-RateLimit-Name")
_LIMIT: Final = istr("X-RateLimit-Limit")
_PERIOD: Final = istr("X-RateLimit-Period")
_REMAINING: Final = istr("X-RateLimit-Remaining")

_SCOUTS: Final = 8
"""How many requests of a route pass before the first answer tells whether it is limited."""
_ALONE: Final = 0.9
"""The share of a window from which on we take it that nobody else uses the bucket."""
_SPARE: Final = 2
"""How much of a shared bucket is left alone at the end of a window, when others may already be taking it."""
_DOUBT: Final = 1.0
"""Seconds by which a reset told in whole seconds may be off."""


@define(eq=False)
class Bucket:
    """One budget: what is left of it, until when."""

    name: str | None = None
    is_known: bool = False
    """Whether any answer has told of it, if only that it is not limited."""
    limit: float | None = None
    period: float = 60.0
    left: float = math.inf
    """What the newest answers of this window left."""
    resets_at: float = math.inf
    """When the window ends, by our clock; after it, nothing is certain until an answer tells."""
    in_flight: int = 0
    own: int = 0
    """How many requests of this window were ours."""
    others: float = 0.0
    """How many requests of this window were certainly not ours."""
    share: float = 1.0
    """Which part of the last window was ours."""
    lag: float = 0.0
    """What to add to the resets of a service that rounds them down."""
    rolled: bool = False
    probing: bool = False
    waiters: list[Waiter] = field(factory=list)

    def delay(self, now: float) -> float:
        """Seconds until a request may pass: 0 for now, infinite until an answer makes room."""
        if now < self.resets_at:
            return 0.0 if self.in_flight < self._allowance() else self.resets_at - now
        if self.limit is None:
            self.left = self.resets_at = math.inf
            return 0.0
        if now >= self.resets_at + _DOUBT:
            self._roll(self.resets_at + math.ceil((now - self.resets_at) / self.period) * self.period, self.limit)
            return self.delay(now) if now < self.resets_at else 0.0
        return self.resets_at + _DOUBT - now if self.probing else 0.0

    def admit(self, now: float) -> None:
        """Let one request pass; the first after a reset goes alone, to see what the new window holds."""
        self.in_flight += 1
        if now >= self.resets_at:
            self.probing = True

    def _allowance(self) -> float:
        if self.left is math.inf:
            return math.inf if self.is_known else _SCOUTS
        if self.left < 1:
            return 0.0
        limit = self.limit or self.left
        ours = self.own + self.in_flight
        share = min(self.share, ours / (ours + self.others)) if self.others and ours else self.share
        alone = share >= _ALONE
        if not alone and self.left <= min(_SPARE, limit / 10):
            return 0.0
        if not self.rolled and (self.own < _SCOUTS or not alone):
            return min(max(1.0, self.left * share), _SCOUTS if alone else _SCOUTS / 2)
        if alone:
            return self.left
        if ours < share * limit:
            return max(1.0, self.left * share)
        return 1.0  # what the others may leave over, one by one

    def _roll(self, resets_at: float, left: float) -> None:
        used = (self.limit or 0.0) - self.left
        self.rolled = self.resets_at is not math.inf
        if self.own and used > 0:
            self.share = min(1.0, max(0.05, self.own / used))
        elif not self.own:
            self.share = 1.0
        self.own, self.others = 0, 0.0
        self.left, self.resets_at, self.probing = left, resets_at, False

    def observe(self, limit: float, period: float, left: float, reset: float, now: float) -> None:
        """Take in what an answer told of the bucket."""
        self.limit, self.period = limit, period
        ends = now + reset + self.lag
        if self.resets_at is math.inf or ends > self.resets_at + period / 2:
            self._roll(ends, left)
        elif ends > self.resets_at - period / 2:
            self.left = min(self.left, left)
            self.resets_at = min(self.resets_at, ends)
        else:
            return  # an answer from a window that is over
        self.own += 1
        self.others = max(self.others, limit - left - self.own - self.in_flight)

    def exhausted(self, wait: float, now: float) -> None:
        """Take in a 429: nothing passes for `wait` seconds."""
        if self.limit is not None and now >= self.resets_at:
            self.lag = min(_DOUBT, self.period / 2)  # the window was not over when its reset had passed
        self.left = 0.0
        self.probing = False
        until = now + wait + self.lag
        self.resets_at = until if self.resets_at is math.inf else max(self.resets_at, until)


@define(eq=False)
class Lane:
    """The way of one route through the gate."""

    route: str
    bucket: Bucket
    in_flight: int = 0


@define(eq=False)
class Waiter:
    """One call in the queue; its turn is its number, kept over all of its attempts."""

    turn: int
    lane: Lane
    patience: float
    admitted: asyncio.Future[None]

    def __lt__(self, other: Waiter) -> bool:
        return self.turn < other.turn


class Gate:
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
        self._lanes: dict[str, Lane] = {}
        self._buckets: dict[str, Bucket] = {}
        self._queues: set[Bucket] = set()
        self._waker: asyncio.Task[None] | None = None
        self._wakes_at = math.inf
        self._turns = itertools.count()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(len(bucket.waiters) for bucket in self._queues)

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return sum(lane.in_flight for lane in self._lanes.values())

    def lane(self, route: str) -> Lane:
        """The way of a route."""
        lane = self._lanes.get(route)
        return lane or self._lanes.setdefault(route, Lane(route, Bucket()))

    def delay(self, lane: Lane) -> float:
        """Seconds for which the rate limit holds a request back, as far as is known."""
        return lane.bucket.delay(self._clock())

    def try_enter(self, lane: Lane) -> bool:
        """Pass at once, if nobody waits and there is room; whoever passes has to `leave`."""
        bucket = lane.bucket
        if self._free <= 0 or bucket.waiters or self._closed:
            return False
        if not (bucket.is_known and bucket.left is math.inf):
            now = self._clock()
            if bucket.delay(now) > 0:
                return False
            self._admit(lane, now)
            return True
        self._free -= 1
        lane.in_flight += 1
        bucket.in_flight += 1
        return True

    async def enter(self, lane: Lane, turn: int | None, patience: float) -> int:
        """Wait to pass; return the turn, to be given again for the next attempt of the same call.

        Raises `RateLimitError` at once where the rate limit asks for more than `patience` seconds.
        """
        turn = next(self._turns) if turn is None else turn
        waiter = Waiter(turn, lane, patience, asyncio.get_running_loop().create_future())
        bisect.insort(lane.bucket.waiters, waiter)
        self._queues.add(lane.bucket)
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

    def leave(self, lane: Lane, answer: RawResponse | None) -> None:
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
        for bucket in self._queues:
            for waiter in bucket.waiters:
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(SessionClosedError("the session was closed"))
            bucket.waiters.clear()
        self._queues.clear()
        self._wake_at(math.inf)

    def _admit(self, lane: Lane, now: float) -> None:
        self._free -= 1
        lane.in_flight += 1
        lane.bucket.admit(now)

    def _drop(self, waiter: Waiter) -> None:
        bucket = waiter.lane.bucket
        if waiter in bucket.waiters:
            bucket.waiters.remove(waiter)
            if not bucket.waiters:
                self._queues.discard(bucket)
            self._pump()

    def _learn(self, lane: Lane, answer: RawResponse) -> None:
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

    def _bind(self, lane: Lane, name: str) -> None:
        old = lane.bucket
        new = self._buckets.get(name) or self._buckets.setdefault(name, Bucket(name))
        moved = [waiter for waiter in old.waiters if waiter.lane is lane]
        old.waiters[:] = [waiter for waiter in old.waiters if waiter.lane is not lane]
        if not old.waiters:
            self._queues.discard(old)
        if moved:
            new.waiters[:] = sorted(new.waiters + moved)
            self._queues.add(new)
        old.in_flight -= lane.in_flight
        new.in_flight += lane.in_flight
        lane.bucket = new

    def _pump(self) -> None:
        """Let in whoever may pass, oldest first; then see to being woken when the next one may."""
        now = self._clock()
        while self._free > 0:
            ready = [bucket for bucket in self._queues if bucket.delay(now) <= 0]
            if not ready:
                break
            bucket = min(ready, key=lambda bucket: bucket.waiters[0])
            waiter = bucket.waiters.pop(0)
            if not bucket.waiters:
                self._queues.discard(bucket)
            if not waiter.admitted.done():
                self._admit(waiter.lane, now)
                waiter.admitted.set_result(None)
        wakes_at = math.inf
        for bucket in tuple(self._queues):
            delay = bucket.delay(now)
            if 0 < delay < math.inf:  # an infinite one ends with the next answer
                self._turn_away(bucket, delay)
                if bucket.waiters:
                    wakes_at = min(wakes_at, now + delay)
        self._wake_at(wakes_at)

    def _turn_away(self, bucket: Bucket, delay: float) -> None:
        for waiter in [waiter for waiter in bucket.waiters if delay > waiter.patience]:
            bucket.waiters.remove(waiter)
            if not waiter.admitted.done():
                waiter.admitted.set_exception(_over_budget(waiter.lane, delay))
        if not bucket.waiters:
            self._queues.discard(bucket)

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


def _over_budget(lane: Lane, delay: float) -> RateLimitError:
    said = ErrorDetail("the rate limit is used up, and the request was not sent")
    return RateLimitError(429, (said,), lane.route, retry_after=delay)
