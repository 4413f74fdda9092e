"""Admission is first in, first out, bounded, fair between routes, and forgets calls that are cancelled."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from multidict import CIMultiDict
from virtual_loop import run_virtually
from virtual_time import Service, make_limiter

from casemgmt_async.errors import RateLimitError, SessionClosedError
from casemgmt_async.transport.attempt import RawResponse


def answer(status: int = 200, **headers: object) -> RawResponse:
    return RawResponse(status, CIMultiDict({k.replace("_", "-"): str(v) for k, v in headers.items()}), b"{}")


def of_bucket(name: str, *, left: int, reset: float, limit: int = 50, period: float = 10, status: int = 200):
    return answer(
        status,
        X_RateLimit_Name=name,
        X_RateLimit_Limit=limit,
        X_RateLimit_Period=period,
        X_RateLimit_Remaining=left,
        X_RateLimit_Reset=reset,
    )


def test_a_budget_that_is_not_named_is_not_limited() -> None:
    async def main() -> int:
        limiter = make_limiter(max_concurrency=500)
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        limiter.release(route, answer())
        return sum(limiter.try_acquire(route) for _ in range(400))

    assert run_virtually(main()) == 400


def test_before_the_first_answer_one_request_goes_ahead_and_more_after_a_time() -> None:
    async def main() -> list[int]:
        limiter = make_limiter()
        route, other = limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")
        admitted = []
        for _ in range(6):
            admitted.append(sum(limiter.try_acquire(route) for _ in range(64)))
            await asyncio.sleep(0.2)
        assert limiter.try_acquire(other)
        return admitted

    assert run_virtually(main()) == [1, 1, 2, 4, 0, 0]


def test_a_wait_that_an_answer_can_end_is_not_refused_for_its_length() -> None:
    """Only where a limit is used up is it known that the wait will be as long."""

    async def main() -> float:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        assert limiter.delay(route) > 0.1
        await limiter.acquire(route, None, 0.05)
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(0.2)


def test_calls_that_wait_for_the_first_answer_are_woken_without_it() -> None:
    async def main() -> float:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        await limiter.acquire(route, None, math.inf)
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(0.2)


def test_calls_pass_in_the_order_in_which_they_came() -> None:
    async def main() -> list[int]:
        limiter = make_limiter(max_concurrency=1)
        routes = [limiter.route_limiter(name) for name in ("get_case", "search_cases", "create_case")]
        passed: list[int] = []

        async def call(number: int) -> None:
            route = routes[number % 3]
            await limiter.acquire(route, None, math.inf)
            passed.append(number)
            await asyncio.sleep(0.01)
            limiter.release(route, answer())

        async with asyncio.TaskGroup() as tasks:
            for number in range(60):
                tasks.create_task(call(number))
        return passed

    assert run_virtually(main()) == list(range(60))


def test_a_call_keeps_its_turn_over_its_attempts() -> None:
    async def main() -> list[str]:
        limiter = make_limiter(max_concurrency=1)
        route = limiter.route_limiter("get_case")
        order: list[str] = []

        async def call(name: str, ticket: int | None) -> int:
            ticket = await limiter.acquire(route, ticket, math.inf)
            order.append(name)
            await asyncio.sleep(0.01)
            limiter.release(route, answer())
            return ticket

        first = asyncio.create_task(call("first", None))
        await asyncio.sleep(0)
        others = [asyncio.create_task(call(f"later {n}", None)) for n in range(3)]
        again = await call("first again", await first)
        await asyncio.gather(*others)
        assert again == 0
        return order

    assert run_virtually(main()) == ["first", "later 0", "first again", "later 1", "later 2"]


def test_never_more_at_a_time_than_allowed() -> None:
    async def main() -> tuple[int, int]:
        limiter = make_limiter(max_concurrency=7)
        route = limiter.route_limiter("get_case")
        most = 0

        async def call() -> None:
            nonlocal most
            await limiter.acquire(route, None, math.inf)
            most = max(most, limiter.in_flight)
            await asyncio.sleep(0.01)
            limiter.release(route, answer())

        await asyncio.gather(*(call() for _ in range(100)))
        return most, limiter.in_flight

    assert run_virtually(main()) == (7, 0)


def test_routes_with_one_bucket_share_it() -> None:
    async def main() -> tuple[int, int]:
        limiter = make_limiter()
        one, two = limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")
        for route, left in ((one, 2), (two, 1)):
            assert limiter.try_acquire(route)
            limiter.release(route, of_bucket("cases", left=left, limit=3, reset=9))
        assert one.bucket is two.bucket
        return sum(limiter.try_acquire(one) for _ in range(4)), sum(limiter.try_acquire(two) for _ in range(4))

    assert run_virtually(main()) == (1, 0)


def test_a_route_that_turns_out_to_share_a_bucket_brings_its_queue_along() -> None:
    async def main() -> list[str]:
        limiter = make_limiter()
        one, two = limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")
        assert limiter.try_acquire(one)
        limiter.release(one, of_bucket("cases", left=0, reset=9, limit=1))
        assert limiter.try_acquire(two)
        passed: list[str] = []

        async def call(name: str, route) -> None:
            await limiter.acquire(route, None, math.inf)
            passed.append(name)
            limiter.release(route, of_bucket("cases", left=40, reset=10))

        tasks = [asyncio.create_task(call(name, route)) for name, route in (("a", two), ("b", one), ("c", two))]
        await asyncio.sleep(0)
        limiter.release(two, of_bucket("cases", left=0, reset=9, limit=2))
        assert limiter.waiting == 3
        assert passed == []
        await asyncio.gather(*tasks)
        assert asyncio.get_running_loop().time() >= 9
        return passed

    assert run_virtually(main()) == ["a", "b", "c"]


def test_a_429_keeps_everybody_of_its_bucket_waiting_in_full() -> None:
    async def main() -> list[float]:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        limiter.release(route, of_bucket("cases", left=0, reset=7, status=429))
        times = []
        for _ in range(2):
            await limiter.acquire(route, None, 120)
            times.append(asyncio.get_running_loop().time())
            limiter.release(route, of_bucket("cases", left=49, reset=10))
        return times

    first, second = run_virtually(main())
    assert 7 <= first <= second < 10


def test_a_refusal_of_a_window_that_has_ended_closes_nothing() -> None:
    async def main() -> bool:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        for _ in range(3):
            assert limiter.try_acquire(route)
            limiter.release(route, of_bucket("cases", left=49, reset=10))
        assert limiter.try_acquire(route)
        limiter.release(route, of_bucket("cases", left=0, reset=1, status=429))  # the service sent it before the reset
        return limiter.try_acquire(route)

    assert run_virtually(main())


def test_a_429_without_headers_does_not_close_a_bucket_until_its_reset() -> None:
    async def main() -> float:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        limiter.release(route, of_bucket("cases", left=49, reset=3000, period=3600))
        assert limiter.try_acquire(route)
        limiter.release(route, answer(429))
        assert not limiter.try_acquire(route)
        return limiter.delay(route)

    assert 0 < run_virtually(main()) < 1


def test_a_window_that_has_ended_opens_again_at_once() -> None:
    async def main() -> float:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        for left in (1, 0):
            assert limiter.try_acquire(route)
            limiter.release(route, of_bucket("cases", left=left, limit=2, reset=7 if left else 6.5, period=10))
        assert not limiter.try_acquire(route)
        await limiter.acquire(route, None, math.inf)
        assert not limiter.try_acquire(route), "the first request of a window goes alone"
        limiter.release(route, of_bucket("cases", left=1, limit=2, reset=9.9, period=10))
        assert limiter.try_acquire(route)
        limiter.release(route, None)
        return asyncio.get_running_loop().time()

    assert 6.5 <= run_virtually(main()) <= 7.5


def test_the_number_of_buckets_is_bounded() -> None:
    async def main() -> int:
        limiter = make_limiter()
        route, other = limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")
        assert limiter.try_acquire(other)
        limiter.release(other, of_bucket("kept", left=0, reset=9, limit=1))
        for number in range(1000):
            assert limiter.try_acquire(route)
            limiter.release(route, of_bucket(f"bucket-{number}", left=49, reset=9))
        assert not limiter.try_acquire(other), "a bucket that a route uses was forgotten"
        return len(limiter._buckets)

    assert run_virtually(main()) < 100


def test_a_429_without_a_bucket_holds_its_route_only() -> None:
    async def main() -> tuple[bool, bool, float]:
        limiter = make_limiter()
        route, other = limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")
        assert limiter.try_acquire(route)
        limiter.release(route, answer(429, Retry_After=3))
        held, free = limiter.try_acquire(route), limiter.try_acquire(other)
        await limiter.acquire(route, None, 120)
        return held, free, asyncio.get_running_loop().time()

    assert run_virtually(main()) == (False, True, pytest.approx(3))


@pytest.mark.parametrize(("reset", "cap"), [(3000, 120), (0.8, 0.5)])
def test_a_wait_over_the_cap_is_refused_at_once(reset: float, cap: float) -> None:
    async def main() -> RateLimitError:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        limiter.release(route, of_bucket("cases", left=0, reset=reset, period=3600))
        with pytest.raises(RateLimitError) as caught:
            await limiter.acquire(route, None, cap)
        assert asyncio.get_running_loop().time() == 0
        assert limiter.waiting == 0
        return caught.value

    error = run_virtually(main())
    assert (error.status, error.route, error.retry_after) == (429, "get_case", pytest.approx(reset))


def test_a_long_window_that_is_not_used_up_turns_nobody_away() -> None:
    async def main() -> int:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        limiter.release(route, of_bucket("cases", left=30, limit=31, reset=3000, period=3600))

        async def call() -> None:
            await limiter.acquire(route, None, 120)
            await asyncio.sleep(0.05)
            limiter.release(route, answer())

        await asyncio.gather(*(call() for _ in range(25)))
        return limiter.in_flight

    assert run_virtually(main()) == 0


def test_those_who_are_cancelled_leave_no_trace() -> None:
    async def main() -> None:
        rng = random.Random(5)
        limiter = make_limiter(max_concurrency=5)
        routes = [limiter.route_limiter("get_case"), limiter.route_limiter("search_cases")]
        service = Service(40, 10.0)

        async def call() -> None:
            route = rng.choice(routes)
            if not limiter.try_acquire(route):
                await limiter.acquire(route, None, math.inf)
            answer = None
            try:
                answer = await service.answer()
            finally:
                limiter.release(route, answer)

        for _ in range(20):
            tasks = [asyncio.create_task(call()) for _ in range(50)]
            for task in rng.sample(tasks, 50):
                await asyncio.sleep(rng.choice([0, 0, 0.01]))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert (limiter.waiting, limiter.in_flight) == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(30)
        assert 1 <= sum(limiter.try_acquire(routes[0]) for _ in range(9)) <= 5

    run_virtually(main())


def test_closing_wakes_everybody_with_an_error() -> None:
    async def main() -> list[object]:
        limiter = make_limiter(max_concurrency=1)
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        tasks = [asyncio.create_task(limiter.acquire(route, None, 120)) for _ in range(3)]
        await asyncio.sleep(0)
        limiter.close()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        limiter.release(route, None)
        assert not limiter.try_acquire(route)
        return [type(end) for end in ends]

    assert run_virtually(main()) == [SessionClosedError] * 3


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "1e400", "1_0", "٣"])
def test_headers_that_make_no_sense_limit_nothing(value: str) -> None:
    async def main() -> bool:
        limiter = make_limiter()
        route = limiter.route_limiter("get_case")
        for name in ("Limit", "Remaining", "Reset"):
            headers = {"X-RateLimit-Name": "cases", "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}
            headers |= {"X-RateLimit-Reset": "9", f"X-RateLimit-{name}": value}
            assert limiter.try_acquire(route)
            limiter.release(route, RawResponse(200, CIMultiDict(headers), b"{}"))
        return limiter.try_acquire(route)

    assert run_virtually(main())


def test_calls_that_wait_give_up_each_at_its_own_time() -> None:
    async def main() -> list[tuple[str, float]]:
        limiter = make_limiter(max_concurrency=1)
        route = limiter.route_limiter("get_case")
        assert limiter.try_acquire(route)
        clock, ended = asyncio.get_running_loop().time, []

        async def call(name: str, seconds_left: float | None) -> None:
            try:
                await limiter.acquire(route, None, math.inf, seconds_left)
            except TimeoutError:
                ended.append((f"{name} gave up", clock()))
            else:
                ended.append((f"{name} was admitted", clock()))
                limiter.release(route, answer())

        async with asyncio.TaskGroup() as tasks:
            for name, seconds_left in (("a", 3.0), ("b", 1.0), ("c", None), ("d", 2.0), ("e", 9.0), ("f", -1.0)):
                tasks.create_task(call(name, seconds_left))
            await asyncio.sleep(2.5)
            assert limiter.waiting == 3
            await asyncio.sleep(2.5)
            limiter.release(route, answer())
        assert (limiter.waiting, limiter.in_flight) == (0, 0)
        return ended

    assert run_virtually(main()) == [
        ("f gave up", 0),
        ("b gave up", 1),
        ("d gave up", 2),
        ("a gave up", 3),
        ("c was admitted", 5),
        ("e was admitted", 5),
    ]
