"""Processes with a shared budget use it up, do not overrun it, and need no store to go on.

In virtual time, with a store in memory that can be away.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict

import pytest
from attrs import define, field
from virtual_loop import run_virtually
from virtual_time import START, Service, keep_calling, now

from casemgmt_async.errors import PermissionDeniedError
from casemgmt_async.transport.clock import Clock
from casemgmt_async.transport.leases import Leases
from casemgmt_async.transport.limiter import Limiter

PERIOD = 10.0


@define
class Memory:
    """A shared budget in memory, with the time that an operation takes."""

    is_away: bool = False
    hangs: bool = False
    granted: dict[tuple[str, int], int] = field(factory=lambda: defaultdict(int))
    values: dict[str, str] = field(factory=dict)
    takes: list[tuple[str, int]] = field(factory=list)
    users: int = 0

    async def __aenter__(self):
        self.users += 1
        return self

    async def __aexit__(self, *_):
        self.users -= 1

    async def answer(self):
        await asyncio.sleep(60 if self.hangs else 0.001)
        if self.is_away:
            raise ConnectionError("refused")

    async def take(self, bucket, *, window, period, limit, used, want):
        await self.answer()
        counted = max(self.granted[bucket, window], used)
        grant = max(0, min(want, limit - counted))
        self.granted[bucket, window] = counted + grant
        self.takes.append((bucket, want))
        return grant

    async def get(self, key):
        await self.answer()
        return self.values.get(key)

    async def put(self, key, value):
        await self.answer()
        self.values[key] = value


async def organization() -> str:
    return "org"


def make_limiter(budget: Memory, seed: int = 0, identify=organization, credential: str | None = "key") -> Limiter:
    clock = Clock(asyncio.get_running_loop().time, now, asyncio.sleep, random.Random(seed).random)
    leases = Leases(budget, "http://service", lambda: credential, identify, clock)
    return Limiter(64, clock, leases)


async def call(limiter: Limiter, service: Service, until: float, number: int, workers: int = 16) -> None:
    await keep_calling(limiter, service, until, workers, number)
    await limiter.leases.close()


def share(service: Service, budget: Memory, processes: int, apart: float, *others, windows: int = 6) -> range:
    last_start = apart * (processes - 1)
    until = last_start + (windows + 0.9) * PERIOD

    async def process(number: int) -> None:
        await asyncio.sleep(number * (apart + 0.001))
        await call(make_limiter(budget, number), service, until, number)

    async def main() -> None:
        await asyncio.gather(*map(process, range(processes)), *(other() for other in others))

    run_virtually(main(), debug=False)
    first = math.ceil((START + last_start) / PERIOD)
    return range(first, first + 5)


@pytest.mark.parametrize("apart", [0.0, 1.0])
@pytest.mark.parametrize("headers", [{}, {"unix": True}, {"date": True}, {"rounding": "down", "date": True}])
@pytest.mark.parametrize("processes", [2, 16])
def test_processes_share_a_budget(processes: int, apart: float, headers: dict) -> None:
    service, budget = Service(50, PERIOD, **headers), Memory()
    windows = share(service, budget, processes, apart)
    assert service.used(windows) >= 0.97
    assert service.refused() <= 0.01
    assert min(service.successes(number, windows) for number in range(processes)) >= 5 * 50 / processes / 2
    assert budget.users == 0


@pytest.mark.parametrize("processes", [2, 16])
def test_requests_in_flight_at_the_end_of_a_window_count_in_the_next(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin a fifth of a second before the end, when a window is far from used up."""
    monkeypatch.setattr("virtual_time.START", START - START % PERIOD - 0.2)
    service = Service(1000, PERIOD)
    windows = share(service, Memory(), processes, 0.0, windows=3)
    assert service.used(windows[:3]) == 1
    assert service.refused() == 0


def test_a_lease_is_small() -> None:
    service, budget = Service(1000, PERIOD), Memory()
    share(service, budget, 2, 0.0, windows=2)
    assert max(want for _, want in budget.takes) <= 50


def test_a_store_that_is_away_costs_one_line_and_no_outage(caplog) -> None:
    service, budget = Service(50, PERIOD), Memory()

    async def outage() -> None:
        await asyncio.sleep(21)
        budget.is_away = True
        await asyncio.sleep(22)
        budget.is_away = False
        budget.granted.clear()  # it has forgotten everything
        budget.takes.clear()

    windows = share(service, budget, 4, 0.0, outage, windows=8)
    assert service.used(windows) >= 0.9
    assert service.refused() <= 0.05
    lines = [record.message.partition(";")[0] for record in caplog.records]
    gone = "the shared budget cannot be reached (ConnectionError: refused)"
    assert lines == [gone] * 4 + ["the shared budget can be reached again"] * 4
    assert budget.takes


def test_a_store_that_is_away_from_the_start_does_not_stop_calls() -> None:
    service, budget = Service(50, PERIOD), Memory(is_away=True)
    windows = share(service, budget, 2, 0.0)
    assert service.used(windows) >= 0.95


def test_a_store_that_does_not_answer_is_away() -> None:
    service, budget = Service(50, PERIOD), Memory(hangs=True)
    windows = share(service, budget, 1, 0.0)
    assert service.used(windows) >= 0.95


def test_a_process_that_starts_learns_the_bucket_without_a_request() -> None:
    service, budget = Service(50, PERIOD), Memory()

    async def main() -> int:
        await asyncio.gather(*(call(make_limiter(budget, n), service, 5, n) for n in range(2)))  # uses up the window
        before = len(service.requests)
        await call(make_limiter(budget, 9), service, 6, 9)
        return len(service.requests) - before

    assert run_virtually(main(), debug=False) == 0


def test_requests_that_others_send_are_counted() -> None:
    """What answers show beyond the store's count is used up for all."""
    service, budget = Service(50, PERIOD), Memory()

    async def stranger() -> None:
        for _ in range(6):
            await asyncio.gather(*(service.answer(99) for _ in range(20)))
            await asyncio.sleep(PERIOD - 0.2)

    windows = share(service, budget, 4, 0.0, stranger)
    refused = sum(each.process != 99 and each.status == 429 for each in service.requests)
    assert refused <= 0.05 * len(service.requests)
    assert service.used(windows) >= 0.97


def test_the_first_call_after_a_refusal_waits_for_its_lease() -> None:
    """A wait of unknown length is not a wait that is too long."""
    service, budget = Service(50, PERIOD), Memory()

    async def main() -> int:
        for _ in range(50):
            service.count()
        limiter = make_limiter(budget)
        route, done = limiter.route_limiter("get_case"), 0
        ticket = None
        while not done:
            ticket = await limiter.acquire(route, ticket, 30.0)
            answer = await service.answer()
            limiter.release(route, answer)
            done = answer.status == 200
        limiter.close()
        await limiter.leases.close()
        return done

    assert run_virtually(main(), debug=False)


@pytest.mark.parametrize(("allowed", "asked"), [(True, 1), (False, 1)])
def test_the_organisation_is_read_once_for_all_processes(allowed: bool, asked: int) -> None:
    service, budget, calls = Service(50, PERIOD), Memory(), []

    async def identify() -> str:
        calls.append(1)
        if not allowed:
            raise PermissionDeniedError(403, (), "get_current_user")
        return "org"

    async def main() -> None:
        for number in range(3):
            await call(make_limiter(budget, number, identify), service, 2.0 * (number + 1), number, 1)

    run_virtually(main(), debug=False)
    assert len(calls) == asked
    assert not any("key" in text for text in [*budget.values.values(), *budget.values])
    assert all(bucket.startswith("http://service org ") is allowed for bucket, _ in budget.takes)


async def call_once(budget: Memory, service: Service, route: str = "get_case") -> float:
    """Make a single call in a session of its own, as a short command does; returns how long it waited."""
    limiter, started = make_limiter(budget), asyncio.get_running_loop().time()
    found = limiter.route_limiter(route)
    await limiter.acquire(found, None, 30.0)
    waited = asyncio.get_running_loop().time() - started
    limiter.release(found, await service.answer())
    limiter.close()
    await limiter.leases.close()
    return waited


@pytest.mark.parametrize("style", ["all", "nothing"])
def test_what_a_single_call_has_learned_spares_later_sessions_a_wait(style: str) -> None:
    """Also that answers report no limit: otherwise each session would wait for somebody to learn one."""
    service, budget = Service(50, PERIOD, style=style), Memory()

    async def main() -> list[float]:
        return [await call_once(budget, service) for _ in range(3)]

    assert max(run_virtually(main())) < 0.1


def test_a_limit_replaces_that_there_is_none_and_not_the_other_way_round() -> None:
    budget, key = Memory(), "http://service org route get_case"

    async def main() -> list[str]:
        seen = []
        silent, reporting = Service(50, PERIOD, style="nothing"), Service(50, PERIOD)
        limiter = make_limiter(budget)  # has asked before the limit was learned, and is answered after it
        early = limiter.route_limiter("get_case")
        await limiter.acquire(early, None, 30.0)
        for service in (silent, reporting):
            await call_once(budget, service)
            seen.append(budget.values[key])
        limiter.release(early, await silent.answer())
        await limiter.leases.close()
        return [*seen, budget.values[key]]

    none, limit, last = run_virtually(main())
    assert '"limit": 0' in none
    assert '"limit": 50' in limit
    assert last == limit


def test_a_close_that_is_cancelled_while_something_is_told_leaves_the_store() -> None:
    service, budget = Service(50, PERIOD), Memory()

    async def main() -> int:
        limiter = make_limiter(budget)
        found = limiter.route_limiter("get_case")
        await limiter.acquire(found, None, 30.0)
        budget.hangs = True
        limiter.release(found, await service.answer())
        closing = asyncio.ensure_future(limiter.leases.close())
        await asyncio.sleep(0.5)
        assert not closing.done()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        return len(asyncio.all_tasks())

    assert run_virtually(main(), debug=False) == 1, "the test itself"
    assert budget.users == 0


def test_a_session_that_closes_while_the_store_is_away_leaves_no_task() -> None:
    service, budget = Service(50, PERIOD), Memory(is_away=True)

    async def main() -> int:
        await call(make_limiter(budget), service, 3, 0)
        return len(asyncio.all_tasks())

    assert run_virtually(main()) == 1, "the test itself"
    assert budget.users == 0
    assert service.requests
