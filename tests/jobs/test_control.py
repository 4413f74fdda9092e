"""A control keeps to its budget, tells progress, and stops where it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_loop import run_virtually

from casemgmt_async import CaseSession, InvalidArgumentError, RateLimitError
from casemgmt_async.jobs import Budget, JobControl, Progress
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.progress import ProgressMeter, Windows
from casemgmt_async.jobs.triage.estimate import AnswerPace, Estimate, PlannedWork, estimate_requests


@pytest.mark.parametrize("given", [{"max_operations": 0}, {"max_time": -1}, {"concurrency": 0}])
def test_a_budget_of_nothing_is_refused(given: dict[str, Any]) -> None:
    """Before anything is begun, with the name of the argument."""
    with pytest.raises(InvalidArgumentError, match=f"{next(iter(given))}: must be more than 0"):
        Budget(**given)


def test_a_budget_bounds_nothing_by_default_but_the_calls_in_flight() -> None:
    assert Budget() == Budget(max_operations=None, max_time=None, concurrency=8)


async def test_no_more_than_the_concurrency_is_in_flight() -> None:
    """Items are worked on as many at a time as the budget says, and each once."""
    busy, most, seen = 0, 0, []
    control = JobControl(budget=Budget(concurrency=3))

    async def work(item: int) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        seen.append(item)
        busy -= 1

    await control.each(range(20), work)
    assert sorted(seen) == list(range(20))
    assert most == 3


async def test_an_error_in_one_item_ends_the_others_and_is_raised_as_it_is() -> None:
    """No group of errors reaches the caller."""

    async def work(item: int) -> None:
        if item == 4:
            raise ValueError("four")
        await asyncio.sleep(0)

    with pytest.raises(ValueError, match="four"):
        await JobControl().each(range(100), work)


def test_operations_are_granted_until_the_budget_is_used_up() -> None:
    """A chunk is cut to what is left, and after that nothing is granted."""
    control = JobControl(budget=Budget(max_operations=7))
    assert [control.take(5), control.take(5), control.take(5)] == [5, 2, 0]
    assert control.stopped == "its budget of 7 operations is used up"
    assert not control.should_stop


async def test_a_rate_limit_is_waited_out_unless_the_job_stops() -> None:
    """The wait is the one that was asked for, zero included; a stop during it ends the call unmade."""
    slept: list[float] = []
    control = JobControl(sleep=lambda seconds: noted(slept, seconds))
    waits = [900.0, 0.0]

    async def call() -> str:
        if waits:
            raise RateLimitError(429, retry_after=waits.pop(0))
        return "done"

    assert await control.call(call) == "done"
    assert slept == [900.0, 0.0]

    waits[:] = [900.0]
    control.request_stop()
    with pytest.raises(Interrupted):
        await control.call(call)


async def noted(slept: list[float], seconds: float) -> None:
    """Sleep no time, and keep for how long it would have been."""
    slept.append(seconds)


def test_a_call_that_waits_for_ever_ends_when_the_time_is_used_up() -> None:
    """As after a signal, it has the grace period; work without a call goes on to its end."""

    async def stuck(control: JobControl) -> str:
        await control.call(asyncio.Event().wait)
        return "never"

    async def written(control: JobControl) -> str:
        await control.call(lambda: asyncio.sleep(1))
        await asyncio.sleep(1_000)
        return "written"

    async def program(work: Callable[[JobControl], Coroutine[Any, Any, str]]) -> tuple[str | None, str | None, float]:
        clock = asyncio.get_running_loop().time
        control = JobControl(budget=Budget(max_time=60), grace=5, clock=clock)
        async with CaseSession(base_url="http://127.0.0.1:9", api_key="k", app_key="k") as session:
            result = await control.run(session, work(control))
        assert not control.stop.requested
        return result, control.stopped, clock()

    assert run_virtually(program(stuck)) == (None, "its time of 60 s is used up", 65)
    assert run_virtually(program(written)) == ("written", None, 1_001)


def test_a_wait_for_the_rate_limit_ends_when_the_time_is_used_up() -> None:
    """The call was refused, so that there is nothing to wait for."""

    async def refused() -> None:
        raise RateLimitError(429, retry_after=3600.0)

    async def program() -> float:
        clock = asyncio.get_running_loop().time
        control = JobControl(budget=Budget(max_time=60), clock=clock)
        async with CaseSession(base_url="http://127.0.0.1:9", api_key="k", app_key="k") as session:
            assert await control.run(session, control.call(refused)) is None
        return clock()

    assert run_virtually(program()) == 60


async def test_a_stop_from_another_thread_reaches_the_job(session: CaseSession) -> None:
    """Two stops, wherever they come from, end a job that waits for ever."""
    control = JobControl()

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, control.request_stop)
        await loop.run_in_executor(None, control.request_stop)
        await loop.create_future()

    assert await control.run(session, wait()) is None
    assert control.stop.requested


async def test_cancelling_whoever_waits_cancels_the_job(session: CaseSession) -> None:
    """The job is gone when the cancellation comes through."""
    control, ended = JobControl(), []

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    waiting = asyncio.ensure_future(control.run(session, wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == [True]


def test_progress_tells_phase_count_rate_and_stop() -> None:
    """A snapshot is told when a phase begins and when a stop is asked for, and holds what a bar needs."""
    told: list[Progress] = []
    control = JobControl(on_progress=told.append)
    control.progress.phase("changing", 10)
    control.progress.advance(4)
    control.request_stop()
    assert [(now.phase, now.done, now.total, now.stopping) for now in told] == [
        ("changing", 0, 10, False),
        ("changing", 4, 10, True),
    ]
    assert told[-1].rate > 0
    assert told[-1].eta is not None
    assert told[-1].held == 0


def test_a_job_that_reports_seldom_has_a_rate() -> None:
    """The rate is that of the last two reports, however long ago the first of them was."""
    told: list[Progress] = []
    now = [0.0]
    meter = ProgressMeter(told.append, lambda: now[0])
    meter.phase("changing", 100)
    now[0] = 1000.0
    meter.advance(50)
    assert told[-1].done == 50
    assert told[-1].rate == 0.05


@pytest.mark.parametrize(
    ("left", "rate", "seconds"),
    [
        (20, 1.0, 4.0),
        (20, 10.0, 2.0),
        (50, 1.0, 10.0),
        (60, 1.0, 8.0 + 2.0),
        (110, 1.0, 8.0 + 10.0 + 2.0),
        (100, 1.0, 8.0 + 10.0),
        (110, 10.0, 8.0 + 10.0 + 1.0),
    ],
    ids=["by the limit", "by the rate", "a window", "part of the next", "one between", "two windows", "one and a rate"],
)
def test_the_time_left_is_counted_window_by_window(left: int, rate: float, seconds: float) -> None:
    """A window of 10 s lets 50 pass; 2 s of the present one are over, and nothing has passed in it yet."""
    windows = Windows(begins=0.0)
    windows.hold(10.0, 50)
    assert windows.seconds_left(12.0, left, 50, rate, 0.0) == pytest.approx(seconds)


def test_without_a_limit_the_time_left_is_that_of_the_rate() -> None:
    """And unknown without a rate."""
    assert Windows(begins=0.0).seconds_left(12.0, 30, 50, 5.0, 2.0) == pytest.approx(8.0)
    assert Windows(begins=0.0).seconds_left(12.0, 30, 50, 0.0, 2.0) is None


@pytest.mark.parametrize(
    ("requests", "rounds", "seconds"),
    [
        (5, 5, 0.5),
        (50, 50, 5.0),
        (51, 10, 9.0 + 1.0 * 1 / 51),
        (150, 10, 9.0 + 1.0 * 100 / 150),
        (151, 10, 9.0 + 10.0 + 1.0 * 1 / 151),
        (60, 300, 30.0),
    ],
    ids=["few", "all that are left", "one more", "all of the next window", "a third window", "slow answers"],
)
def test_an_estimate_goes_window_by_window_and_no_faster_than_answers_come(
    requests: int, rounds: int, seconds: float
) -> None:
    """Answers take 0.1 s; 50 of 100 requests are left in a window of 10 s that ends in 9 s."""
    pace = AnswerPace(latency=0.1, limit=100, period=10.0, remaining=50, reset=9.0)
    assert pace.seconds(Estimate(requests, rounds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("shown", "hidden", "projects", "requests"),
    [(250, 0, 0, 3), (0, 500, 1, 3), (0, 500, 3, 5), (0, 2, 1, 2), (250, 500, 2, 7), (2, 0, 0, 2)],
)
def test_cases_changed_in_bulk_are_read_by_keys_or_by_the_pages_of_their_projects(
    shown: int, hidden: int, projects: int, requests: int
) -> None:
    """A hundred keys or cases at a time; each project may end with a page that is not full; few are read singly."""
    work = PlannedWork(groups=[], cases=shown + hidden, shown=shown, hidden=hidden, projects=projects)
    assert work.reads_after(everything=300) == requests


def test_the_cases_that_go_first_are_estimated_to_go_side_by_side() -> None:
    """Three rules with two changes each wait for two answers with eight requests in flight, and for six with one."""
    groups = [(f"rule {rule}", name, "", 0, 1) for rule in range(3) for name in ("comment", "due_date")]
    work = PlannedWork(groups=groups, cases=3, shown=0, hidden=0, projects=0)
    assert estimate_requests(work, 100, 100, 8, at_once=True) == Estimate(6, 2)
    assert estimate_requests(work, 100, 100, 1, at_once=True) == Estimate(6, 6)


def test_of_many_searches_for_keys_the_first_is_estimated_to_go_alone_once() -> None:
    """Before a plan that is applied later, or else after its changes; the first bulk update of a rule goes alone."""
    groups = [("rule", "priority", '"P5"', 0, 400)]
    work = PlannedWork(groups=groups, cases=400, shown=400, hidden=0, projects=0)
    bulk, alone, together = Estimate(4, 2), Estimate(4, 2), Estimate(4, 1)
    assert estimate_requests(work, 400, 100, 8, at_once=True) == bulk + alone
    assert estimate_requests(work, 400, 100, 8, at_once=False) == Estimate(1, 0) + alone + bulk + together
