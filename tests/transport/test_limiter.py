"""The gate uses a budget up without overrunning it, is fair, and forgets those who leave."""

from __future__ import annotations

import asyncio
import math
import random

import pytest
from multidict import CIMultiDict
from virtual_time import Service, gate, keep_calling, run_virtually

from casemgmt_async.errors import RateLimitError, SessionClosedError
from casemgmt_async.transport.attempt import RawResponse

BUCKETS = [(50, 10.0), (300, 60.0)]
RESETS = {"up": (math.ceil, False), "down": (math.floor, False), "exact": (float, False), "unix": (math.ceil, True)}


def told(status: int = 200, **headers: object) -> RawResponse:
    return RawResponse(status, CIMultiDict({k.replace("_", "-"): str(v) for k, v in headers.items()}), b"{}")


def of_bucket(name: str, *, left: int, reset: float, limit: int = 50, period: float = 10, status: int = 200):
    return told(
        status,
        X_RateLimit_Name=name,
        X_RateLimit_Limit=limit,
        X_RateLimit_Period=period,
        X_RateLimit_Remaining=left,
        X_RateLimit_Reset=reset,
    )


@pytest.mark.parametrize(("limit", "period"), BUCKETS)
@pytest.mark.parametrize("reset", RESETS)
def test_one_process_uses_the_budget_and_does_not_overrun_it(limit: int, period: float, reset: str) -> None:
    async def main() -> Service:
        rounding, unix = RESETS[reset]
        service = Service(limit, period, rounding, unix)
        await keep_calling(gate(), service, 12 * period)
        return service

    service = run_virtually(main())
    assert service.used >= 0.97
    assert service.refused <= 0.01


@pytest.mark.parametrize(("limit", "period"), BUCKETS)
@pytest.mark.parametrize("workers", [8, 64])
def test_two_processes_share_a_budget_by_its_headers(limit: int, period: float, workers: int) -> None:
    async def main() -> tuple[Service, list[int]]:
        service = Service(limit, period)
        calls = (keep_calling(gate(), service, 20 * period, workers) for _ in range(2))
        return service, await asyncio.gather(*calls)

    service, answered = run_virtually(main())
    assert service.used >= 0.90
    assert service.refused <= 0.03
    assert min(answered) >= 0.15 * sum(answered), "one of them starves"


def test_a_budget_that_is_not_named_is_not_limited() -> None:
    async def main() -> int:
        door = gate(max_concurrency=500)
        lane = door.lane("get_case")
        assert door.try_enter(lane)
        door.leave(lane, told())
        return sum(door.try_enter(lane) for _ in range(400))

    assert run_virtually(main()) == 400


def test_before_the_first_answer_only_a_few_go_ahead() -> None:
    async def main() -> tuple[int, int]:
        door = gate()
        lane, other = door.lane("get_case"), door.lane("search_cases")
        return sum(door.try_enter(lane) for _ in range(64)), sum(door.try_enter(other) for _ in range(64))

    assert run_virtually(main()) == (8, 8)


def test_calls_pass_in_the_order_in_which_they_came() -> None:
    async def main() -> list[int]:
        door = gate(max_concurrency=1)
        lanes = [door.lane(name) for name in ("get_case", "search_cases", "create_case")]
        passed: list[int] = []

        async def call(number: int) -> None:
            lane = lanes[number % 3]
            await door.enter(lane, None, math.inf)
            passed.append(number)
            await asyncio.sleep(0.01)
            door.leave(lane, told())

        async with asyncio.TaskGroup() as tasks:
            for number in range(60):
                tasks.create_task(call(number))
        return passed

    assert run_virtually(main()) == list(range(60))


def test_a_call_keeps_its_turn_over_its_attempts() -> None:
    async def main() -> list[str]:
        door = gate(max_concurrency=1)
        lane = door.lane("get_case")
        order: list[str] = []

        async def call(name: str, turn: int | None) -> int:
            turn = await door.enter(lane, turn, math.inf)
            order.append(name)
            await asyncio.sleep(0.01)
            door.leave(lane, told())
            return turn

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
        door = gate(max_concurrency=7)
        lane = door.lane("get_case")
        most = 0

        async def call() -> None:
            nonlocal most
            await door.enter(lane, None, math.inf)
            most = max(most, door.in_flight)
            await asyncio.sleep(0.01)
            door.leave(lane, told())

        await asyncio.gather(*(call() for _ in range(100)))
        return most, door.in_flight

    assert run_virtually(main()) == (7, 0)


def test_routes_with_one_bucket_share_it() -> None:
    async def main() -> tuple[int, int]:
        door = gate()
        one, two = door.lane("get_case"), door.lane("search_cases")
        for lane in (one, two):
            assert door.try_enter(lane)
            door.leave(lane, of_bucket("cases", left=5, limit=6, reset=9))
        door_opened = [door.try_enter(one) for _ in range(4)]
        return sum(door_opened), sum(door.try_enter(two) for _ in range(10))

    assert run_virtually(main()) == (4, 1)


def test_a_route_that_turns_out_to_share_a_bucket_brings_its_queue_along() -> None:
    async def main() -> list[str]:
        door = gate()
        one, two = door.lane("get_case"), door.lane("search_cases")
        assert door.try_enter(one)
        door.leave(one, of_bucket("cases", left=0, reset=9))
        for _ in range(8):
            assert door.try_enter(two)
        passed: list[str] = []

        async def call(name: str, lane) -> None:
            await door.enter(lane, None, math.inf)
            passed.append(name)
            door.leave(lane, of_bucket("cases", left=40, reset=10))

        tasks = [asyncio.create_task(call(name, lane)) for name, lane in (("a", two), ("b", one), ("c", two))]
        await asyncio.sleep(0)
        for _ in range(8):
            door.leave(two, of_bucket("cases", left=0, reset=9))
        assert door.waiting == 3
        assert passed == []
        await asyncio.gather(*tasks)
        assert asyncio.get_running_loop().time() == pytest.approx(9)
        return passed

    assert run_virtually(main()) == ["a", "b", "c"]


def test_a_429_keeps_everybody_of_its_bucket_waiting_in_full() -> None:
    async def main() -> list[float]:
        door = gate()
        lane = door.lane("get_case")
        assert door.try_enter(lane)
        door.leave(lane, of_bucket("cases", left=0, reset=7, status=429))
        times = []
        for _ in range(2):
            await door.enter(lane, None, 120)
            times.append(asyncio.get_running_loop().time())
            door.leave(lane, of_bucket("cases", left=49, reset=10))
        return times

    first, second = run_virtually(main())
    assert first >= 7
    assert second == pytest.approx(first)


def test_a_429_without_a_bucket_holds_its_route_only() -> None:
    async def main() -> tuple[bool, bool, float]:
        door = gate()
        lane, other = door.lane("get_case"), door.lane("search_cases")
        assert door.try_enter(lane)
        door.leave(lane, told(429, Retry_After=3))
        held, free = door.try_enter(lane), door.try_enter(other)
        await door.enter(lane, None, 120)
        return held, free, asyncio.get_running_loop().time()

    assert run_virtually(main()) == (False, True, pytest.approx(3))


def test_a_wait_over_the_cap_is_refused_at_once() -> None:
    async def main() -> RateLimitError:
        door = gate()
        lane = door.lane("get_case")
        assert door.try_enter(lane)
        door.leave(lane, of_bucket("cases", left=0, reset=3000, period=3600))
        with pytest.raises(RateLimitError) as caught:
            await door.enter(lane, None, 120)
        assert asyncio.get_running_loop().time() == 0
        assert door.waiting == 0
        return caught.value

    error = run_virtually(main())
    assert (error.status, error.route, error.retry_after) == (429, "get_case", pytest.approx(3000))


def test_a_long_window_that_is_not_used_up_turns_nobody_away() -> None:
    async def main() -> int:
        door = gate()
        lane = door.lane("get_case")
        assert door.try_enter(lane)
        door.leave(lane, of_bucket("cases", left=30, limit=31, reset=3000, period=3600))

        async def call() -> None:
            await door.enter(lane, None, 120)
            await asyncio.sleep(0.05)
            door.leave(lane, told())

        await asyncio.gather(*(call() for _ in range(25)))
        return door.in_flight

    assert run_virtually(main()) == 0


def test_those_who_are_cancelled_leave_no_trace() -> None:
    async def main() -> None:
        dice = random.Random(5)
        door = gate(max_concurrency=5)
        lanes = [door.lane("get_case"), door.lane("search_cases")]
        service = Service(40, 10.0)

        async def call() -> None:
            lane = dice.choice(lanes)
            if not door.try_enter(lane):
                await door.enter(lane, None, math.inf)
            answer = None
            try:
                answer = await service.answer()
            finally:
                door.leave(lane, answer)

        for _ in range(20):
            tasks = [asyncio.create_task(call()) for _ in range(50)]
            for task in dice.sample(tasks, 50):
                await asyncio.sleep(dice.choice([0, 0, 0.01]))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert (door.waiting, door.in_flight) == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(30)
        assert sum(door.try_enter(lanes[0]) for _ in range(9)) == 5

    run_virtually(main())


def test_closing_wakes_everybody_with_an_error() -> None:
    async def main() -> list[object]:
        door = gate(max_concurrency=1)
        lane = door.lane("get_case")
        assert door.try_enter(lane)
        tasks = [asyncio.create_task(door.enter(lane, None, 120)) for _ in range(3)]
        await asyncio.sleep(0)
        door.close()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        door.leave(lane, None)
        assert not door.try_enter(lane)
        return [type(end) for end in ends]

    assert run_virtually(main()) == [SessionClosedError] * 3


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "1e400", "1_0", "٣"])
def test_headers_that_make_no_sense_limit_nothing(value: str) -> None:
    async def main() -> bool:
        door = gate()
        lane = door.lane("get_case")
        for name in ("Limit", "Remaining", "Reset"):
            headers = {"X-RateLimit-Name": "cases", "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}
            headers |= {"X-RateLimit-Reset": "9", f"X-RateLimit-{name}": value}
            assert door.try_enter(lane)
            door.leave(lane, RawResponse(200, CIMultiDict(headers), b"{}"))
        return door.try_enter(lane)

    assert run_virtually(main())
