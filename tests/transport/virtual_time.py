"""A rate-limited service in virtual time, and workers that call it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

from attrs import define, field
from multidict import CIMultiDict

from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.limiter import Limiter

START = 1_768_000_003.25  # some moment inside a window


def now() -> float:
    return START + asyncio.get_running_loop().time()


def make_limiter(max_concurrency: int = 64) -> Limiter:
    return Limiter(max_concurrency, Clock(asyncio.get_running_loop().time, now, asyncio.sleep))


@define
class Service:
    """Counts calls in windows aligned to the calendar, and says so in its headers."""

    limit: int
    period: float
    rounding: Callable[[float], float] = math.ceil
    unix: bool = False
    seed: int = 1
    windows: dict[int, int] = field(factory=dict)
    answered: list[int] = field(factory=list)
    rng: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    async def answer(self) -> RawResponse:
        """One request: on its way, counted, and on its way back."""
        await asyncio.sleep(self.rng.uniform(0.005, 0.04))
        status, headers = self.count()
        await asyncio.sleep(self.rng.uniform(0.005, 0.04))
        return RawResponse(status, headers, b"{}")

    def count(self) -> tuple[int, CIMultiDict[str]]:
        moment = now()
        window = math.floor(moment / self.period)
        used = self.windows.setdefault(window, 0)
        status = 200 if used < self.limit else 429
        self.windows[window] += status == 200
        self.answered.append(status)
        end = (window + 1) * self.period
        reset = self.rounding(end) if self.unix else self.rounding(end - moment)
        headers = CIMultiDict(
            {
                "X-RateLimit-Name": "cases",
                "X-RateLimit-Limit": str(self.limit),
                "X-RateLimit-Period": str(self.period),
                "X-RateLimit-Remaining": str(self.limit - self.windows[window]),
                "X-RateLimit-Reset": str(reset),
            }
        )
        return status, headers

    @property
    def used(self) -> float:
        """Which part of what its whole windows allowed was used; the first and last are cut off by the run."""
        whole = [self.windows.get(window, 0) for window in range(min(self.windows) + 1, max(self.windows))]
        return sum(whole) / (len(whole) * self.limit)

    @property
    def refused(self) -> float:
        """Which part of all calls was answered 429."""
        return self.answered.count(429) / len(self.answered)


async def keep_calling(limiter: Limiter, service: Service, seconds: float, workers: int = 64) -> int:
    """Call as fast as the limiter allows, with all workers, for so many seconds; return the number of answers 200."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    good = 0

    async def work() -> None:
        nonlocal good
        route, ticket = limiter.route_limiter("get_case"), None
        while loop.time() < ends:
            if not limiter.try_acquire(route):
                ticket = await limiter.acquire(route, ticket, math.inf)
            answer = None
            try:
                answer = await service.answer()
            finally:
                limiter.release(route, answer)
            good += answer.status == 200
            ticket = ticket if answer.status == 429 else None

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return good
