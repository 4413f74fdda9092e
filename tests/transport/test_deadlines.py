"""Deadlines share one timer: each is met at its time, and those that are discarded never."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest
from virtual_loop import VirtualLoop, run_virtually

from casemgmt_async.transport.deadlines import Deadlines


def timers() -> int:
    """The number of timers that the event loop has been given and that are not cancelled."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]


def noted(ended: list[tuple[str, float]]) -> Callable[[str], None]:
    clock = asyncio.get_running_loop().time
    return lambda name: ended.append((name, clock()))


def test_each_deadline_ends_at_its_time_with_one_timer() -> None:
    async def main() -> list[tuple[str, float]]:
        deadlines, ended = Deadlines(), []
        for name, seconds in (("a", 3.0), ("b", 1.0), ("c", None), ("d", 2.0), ("e", 1.0), ("f", 4.0), ("g", 0.0)):
            deadlines.add(name, seconds, noted(ended))
        deadlines.discard("d")
        deadlines.discard("c")
        assert timers() == 1
        await asyncio.sleep(3.5)
        deadlines.discard("f")
        await asyncio.sleep(3.5)
        assert timers() == 0
        return ended

    assert run_virtually(main()) == [("g", 0), ("b", 1), ("e", 1), ("a", 3)]


def test_no_timer_is_left_when_the_last_deadline_after_the_close_is_met() -> None:
    async def main() -> None:
        deadlines, ended = Deadlines(), []
        deadlines.add("a", 3.0, noted(ended))
        deadlines.add("b", 4.0, noted(ended))
        deadlines.discard("b")
        deadlines.close()
        assert timers() == 1
        deadlines.discard("a")
        assert timers() == 0
        assert ended == []

    run_virtually(main())


def test_a_deadline_can_be_set_when_another_one_is_met() -> None:
    async def main() -> list[tuple[str, float]]:
        deadlines, ended = Deadlines(), []
        note = noted(ended)
        deadlines.add("a", 1.0, lambda name: (note(name), deadlines.add("b", 2.0, note)))
        await asyncio.sleep(9)
        return ended

    assert run_virtually(main()) == [("a", 1), ("b", 3)]


def test_a_block_that_takes_too_long_ends_with_a_timeout_at_its_deadline() -> None:
    """Its task is not cancelled any more after that."""

    async def main() -> tuple[float, int]:
        with pytest.raises(TimeoutError), Deadlines().limit(3.0):
            await asyncio.sleep(9)
        task = asyncio.current_task()
        assert task is not None
        return asyncio.get_running_loop().time(), task.cancelling()

    assert run_virtually(main()) == (3, 0)


@pytest.mark.parametrize("seconds", [9.5, math.inf])
def test_a_block_that_ends_in_time_leaves_no_deadline(seconds: float) -> None:
    async def main() -> float:
        with Deadlines().limit(seconds):
            await asyncio.sleep(9)
        await asyncio.sleep(9)
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == 18


@pytest.mark.parametrize("seconds", [0.0, 9.0])
def test_an_error_in_a_block_is_raised_as_it_is(seconds: float) -> None:
    """Also one that is raised while the block ends at its deadline."""

    async def fail() -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            raise KeyError

    async def main() -> None:
        with pytest.raises(KeyError), Deadlines().limit(3.0):
            await fail()

    run_virtually(main())


@pytest.mark.parametrize("cancelled_at", [2.0, 3.0])
def test_a_task_that_somebody_else_cancels_stays_cancelled(cancelled_at: float) -> None:
    """Also at the moment of its deadline."""

    async def limited() -> None:
        with Deadlines().limit(3.0):
            await asyncio.sleep(9)

    async def main() -> bool:
        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(cancelled_at, task.cancel)
        await asyncio.wait([task])
        return task.cancelled()

    assert run_virtually(main())
