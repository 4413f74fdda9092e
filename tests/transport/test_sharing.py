"""Rate limits are used up and not overrun: by one process, by many on one budget, whatever the headers look like.

Each process is a limiter of its own in one virtual time; all of them know nothing of each other but the headers.
"""

from __future__ import annotations

import asyncio
import math

import pytest
from virtual_loop import run_virtually
from virtual_time import START, Service, keep_calling, make_limiter

PERIOD = 10.0
HEADERS = {
    "rounded up": {"rounding": "up"},
    "rounded down": {"rounding": "down"},
    "exact": {"rounding": "exact"},
    "Unix time with Date": {"unix": True, "date": True},
    "Unix time": {"unix": True},
}


def share(
    service: Service, processes: int, seconds_apart: float = 0.0, *, windows: int = 6, workers: int = 16, offsets=(0.0,)
) -> range:
    """Let processes call as fast as they may; the five whole windows after all have started."""
    last_start = seconds_apart * (processes - 1)
    until = last_start + (windows + 0.9) * service.period

    async def process(number: int) -> None:
        await asyncio.sleep(number * seconds_apart + number * 0.001)
        limiter = make_limiter(64, offsets[number % len(offsets)], seed=100 * service.seed + number)
        await keep_calling(limiter, service, until, workers, number)

    async def main() -> None:
        await asyncio.gather(*map(process, range(processes)))

    run_virtually(main(), debug=False)
    first = math.ceil((START + last_start) / service.period)
    return range(first, first + 5)


@pytest.mark.parametrize(
    ("limit", "period", "headers"),
    [*((50, 10.0, headers) for headers in HEADERS), (300, 60.0, "rounded down"), (1000, 10.0, "rounded up")],
)
def test_one_process_uses_the_budget_and_does_not_overrun_it(limit: int, period: float, headers: str) -> None:
    service = Service(limit, period, **HEADERS[headers])
    share(service, 1, windows=12 if limit < 300 else 4, workers=64)
    assert service.used() >= 0.97
    assert service.refused() <= 0.01


@pytest.mark.parametrize("seconds_apart", [0.0, 1.0])
@pytest.mark.parametrize("headers", ["rounded up", "rounded down", "Unix time with Date"])
@pytest.mark.parametrize("processes", [2, 4, 8, 16])
def test_processes_share_a_small_budget(processes: int, headers: str, seconds_apart: float) -> None:
    service = Service(50, PERIOD, **HEADERS[headers])
    windows = share(service, processes, seconds_apart, offsets=(0.0, 2.0, -30.0))
    fair = 5 * service.limit / processes
    assert service.used(windows) >= 0.95
    assert service.refused() <= (0.05 if processes <= 4 else 0.10)
    assert min(service.successes(number, windows) for number in range(processes)) >= fair / 3


@pytest.mark.parametrize(("processes", "limit"), [(2, 1000), (8, 400)])
def test_processes_share_a_large_budget(processes: int, limit: int) -> None:
    service = Service(limit, PERIOD)
    windows = share(service, processes, 1.0, windows=5, workers=8)
    fair = 5 * service.limit / processes
    assert service.used(windows) >= 0.97
    assert service.refused() <= 0.02
    assert min(service.successes(number, windows) for number in range(processes)) >= 0.8 * fair


def test_clocks_that_are_off_leave_the_budget_shared() -> None:
    service = Service(50, PERIOD, unix=True)
    windows = share(service, 4, offsets=(0.4, -0.4, 0.1, 0.3))
    assert service.used(windows) >= 0.95
    assert service.refused() <= 0.05
    assert min(service.successes(number, windows) for number in range(4)) >= 50 / 4 / 3 * 5


def test_a_process_that_ends_leaves_its_share_to_the_others() -> None:
    service = Service(50, PERIOD)

    async def main() -> None:
        for_good = keep_calling(make_limiter(seed=1), service, 16 * PERIOD, 16, 0)
        for_a_time = keep_calling(make_limiter(seed=2), service, 6 * PERIOD, 16, 1)
        await asyncio.gather(for_good, for_a_time)

    run_virtually(main(), debug=False)
    last = max(service.whole_windows)
    assert service.successes(0, range(last - 3, last)) >= 0.97 * 3 * 50


def test_a_process_that_starts_late_gets_its_share_in_the_next_windows() -> None:
    service = Service(50, PERIOD)

    async def main() -> None:
        async def late() -> None:
            await asyncio.sleep(61.3)
            await keep_calling(make_limiter(seed=2), service, 120, 16, 1)

        await asyncio.gather(keep_calling(make_limiter(seed=1), service, 120, 16, 0), late())

    run_virtually(main(), debug=False)
    windows = range(math.ceil((START + 61.3) / PERIOD), max(service.whole_windows))
    assert service.successes(1, windows) >= 0.4 * 50 * len(windows)
    assert service.refused() <= 0.05


def test_a_process_that_is_alone_again_bursts_again() -> None:
    service = Service(50, PERIOD)

    async def main() -> float:
        limiter = make_limiter(seed=1)
        await asyncio.gather(
            keep_calling(limiter, service, 9 * PERIOD, 16, 0), keep_calling(make_limiter(seed=2), service, 30, 16, 1)
        )
        return limiter.route_limiter("get_case").bucket.is_shared

    assert run_virtually(main(), debug=False) is False
    moments = [each.moment for each in service.requests if each.window == max(service.whole_windows)]
    assert sum(moment < min(moments) + 2 for moment in moments) >= 40


def test_a_little_use_is_not_paced() -> None:
    """A process that uses a small part of the budget gets its bursts at once, with another one beside it."""
    service = Service(1000, PERIOD)

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        times = []
        limiters = [make_limiter(seed=1), make_limiter(seed=2)]

        async def call(limiter) -> None:
            route = limiter.route_limiter("get_case")
            if not limiter.try_acquire(route):
                await limiter.acquire(route, None, math.inf)
            limiter.release(route, await service.answer())

        for _ in range(30):
            for limiter in limiters:
                started = loop.time()
                await asyncio.gather(*(call(limiter) for _ in range(5)))
                times.append(loop.time() - started)
            await asyncio.sleep(2)
        for limiter in limiters:
            limiter.close()
        await asyncio.sleep(0)
        return times

    times = run_virtually(main(), debug=False)
    assert max(times[10:]) < 1.5
    assert service.refused() == 0


@pytest.mark.parametrize("style", ["429", "retry-after", "retry-date", "nothing"])
def test_a_limit_that_only_refusals_show_is_learned(style: str) -> None:
    service = Service(50, PERIOD, style=style, date=True)
    share(service, 1, windows=12, workers=32)
    refusals = service.refusals()
    assert service.used() >= (0.9 if style != "nothing" else 0.6)
    assert max(refusals[1:]) <= 8
    assert sum(refusals[1:]) / len(refusals[1:]) <= 4


def test_a_learned_limit_grows_with_the_service() -> None:
    service = Service(20, PERIOD, style="retry-after")

    async def main() -> None:
        task = asyncio.create_task(keep_calling(make_limiter(), service, 20 * PERIOD, 16))
        await asyncio.sleep(5 * PERIOD)
        service.limit = 60
        await task

    run_virtually(main(), debug=False)
    last = max(service.whole_windows)
    assert sum(service.windows[window] for window in range(last - 3, last)) >= 0.9 * 3 * 60
