"""A control keeps to its budget, tells progress, and stops where it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from casemgmt_async import CaseSession, InvalidArgumentError, RateLimitError
from casemgmt_async.jobs import Budget, JobControl, Progress
from casemgmt_async.jobs.calls import Interrupted
from casemgmt_async.jobs.progress import ProgressMeter


@pytest.mark.parametrize("given", [{"max_operations": 0}, {"max_time": -1}, {"concurrency": 0}])
def test_a_budget_of_nothing_is_refused(given: dict[str, Any]) -> None:
    """Before anything is begun, with the name of the argument."""
    with pytest.raises(InvalidArgumentError, match=f"{next(iter(given))}: must be more than 0"):
        Budget(**given)


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
