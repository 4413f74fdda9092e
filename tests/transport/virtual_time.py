"""A rate-limited service in virtual time, and workers that call it."""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
from collections.abc import Callable

from attrs import define, field
from multidict import CIMultiDict

from casemgmt_async.transport.attempt import RawResponse
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.limiter import Limiter

START = 1_768_000_003.25  # some moment inside a window
ROUNDINGS: dict[str, Callable[[float], float]] = {
    "up": math.ceil,
    "down": math.floor,
    "exact": lambda x: round(x, 3),
}


def now() -> float:
    return START + asyncio.get_running_loop().time()


def make_limiter(max_concurrency: int = 64, clock_offset: float = 0.0, seed: int = 0) -> Limiter:
    """A limiter of a process whose wall clock is wrong by `clock_offset` seconds."""
    wall, rng = (lambda: now() + clock_offset), random.Random(seed)
    return Limiter(max_concurrency, Clock(asyncio.get_running_loop().time, wall, asyncio.sleep, rng.random))


@define
class Request:
    """One request, as the service saw it."""

    process: int
    window: int
    moment: float
    status: int


@define
class Service:
    """Counts requests in windows aligned to the calendar, and reports what is left in its headers."""

    limit: int
    period: float
    rounding: str = "up"
    """How it rounds the reset."""
    unix: bool = False
    """Whether the reset is a Unix time."""
    date: bool = False
    """Whether it sends `Date`."""
    style: str = "all"
    """The answers that have headers: `all`; `429` for refusals only; `retry-after`, `retry-date` for refusals with
    that header only; `nothing`."""
    seed: int = 1
    windows: dict[int, int] = field(factory=dict)
    requests: list[Request] = field(factory=list)
    rng: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    async def answer(self, process: int = 0) -> RawResponse:
        """Take the time of a request to arrive, count it, and take the time of its answer."""
        await asyncio.sleep(self.rng.uniform(0.005, 0.04))
        status, headers = self.count(process)
        await asyncio.sleep(self.rng.uniform(0.005, 0.04))
        return RawResponse(status, headers, b"{}")

    def count(self, process: int = 0) -> tuple[int, CIMultiDict[str]]:
        moment = now()
        window = math.floor(moment / self.period)
        used = self.windows.setdefault(window, 0)
        status = 200 if used < self.limit else 429
        self.windows[window] += status == 200
        self.requests.append(Request(process, window, moment, status))
        return status, self.headers(status, moment, window)

    def headers(self, status: int, moment: float, window: int) -> CIMultiDict[str]:
        end = (window + 1) * self.period
        headers = CIMultiDict({"Date": email.utils.formatdate(moment, usegmt=True)} if self.date else {})
        if self.style == "nothing" or (self.style != "all" and status == 200):
            return headers
        if self.style == "retry-after":
            return CIMultiDict({**headers, "Retry-After": str(math.ceil(end - moment))})
        if self.style == "retry-date":
            return CIMultiDict({**headers, "Retry-After": email.utils.formatdate(end, usegmt=True)})
        rounded = ROUNDINGS[self.rounding](end if self.unix else end - moment)
        headers.update(
            {
                "X-RateLimit-Name": "cases",
                "X-RateLimit-Limit": str(self.limit),
                "X-RateLimit-Period": f"{self.period:g}",
                "X-RateLimit-Remaining": str(self.limit - self.windows[window]),
                "X-RateLimit-Reset": f"{rounded:.3f}".rstrip("0").rstrip("."),
            }
        )
        return headers

    @property
    def whole_windows(self) -> range:
        """The windows that the run did not cut off."""
        return range(min(self.windows) + 1, max(self.windows))

    def used(self, windows: range | None = None) -> float:
        """The part of the budget that was used."""
        windows = windows or self.whole_windows
        return sum(self.windows.get(window, 0) for window in windows) / (len(windows) * self.limit)

    def refused(self, windows: range | None = None) -> float:
        """The part of all requests that was answered 429."""
        statuses = [each.status for each in self.requests if windows is None or each.window in windows]
        return statuses.count(429) / max(1, len(statuses))

    def refusals(self) -> list[int]:
        """The number of 429 in each whole window."""
        refused = [each.window for each in self.requests if each.status == 429]
        return [refused.count(window) for window in self.whole_windows]

    def successes(self, process: int, windows: range) -> int:
        """The number of successes of one process."""
        return sum(each.process == process and each.status == 200 and each.window in windows for each in self.requests)


async def keep_calling(limiter: Limiter, service: Service, until: float, workers: int = 64, process: int = 0) -> None:
    """Call as fast as the limiter allows, with all workers, until a time of the loop."""
    loop = asyncio.get_running_loop()

    async def work() -> None:
        route, ticket = limiter.route_limiter("get_case"), None
        while loop.time() < until:
            if not limiter.try_acquire(route):
                ticket = await limiter.acquire(route, ticket, math.inf)
            answer = None
            try:
                answer = await service.answer(process)
            finally:
                limiter.release(route, answer)
            ticket = ticket if answer.status == 429 else None

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.sleep(max(0.0, until - loop.time()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    limiter.close()
    await asyncio.sleep(0)
