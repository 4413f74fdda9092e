"""The emulator's clock: advancing it ends waits; one that stands still makes nobody wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from casemgmt_async import CaseSession, Clock, cases
from casemgmt_async.emulator import Emulator, EmulatorClock


async def test_sleeping_advances_a_clock_that_stands_still():
    clock = EmulatorClock(1000)
    await clock.sleep(3600)
    assert clock() == 4600


async def test_a_manual_clock_waits_for_its_test():
    clock = EmulatorClock(1000, manual=True)
    order = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        order.append(seconds)

    tasks = [asyncio.ensure_future(sleeper(seconds)) for seconds in (20, 10)]
    await asyncio.sleep(0)
    clock.advance(9)
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == []
    clock.advance(1)
    await tasks[1]
    assert (order, tasks[0].done()) == ([10], False)
    threading.Thread(target=clock.advance, args=(10,)).start()  # from any thread
    await tasks[0]


async def test_advancing_ends_a_wait_on_a_running_clock():
    clock = EmulatorClock()
    waiting = asyncio.ensure_future(clock.sleep(3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(3599)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done(), "a second is left"
    clock.advance(1)
    await asyncio.wait({waiting}, timeout=1)
    assert waiting.done()


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_it_cannot_be_turned_back(seconds):
    with pytest.raises(ValueError, match="turn the clock back"):
        EmulatorClock().advance(seconds)


async def test_what_waits_for_a_rate_limit_is_released():
    clock = EmulatorClock(1_780_000_000, manual=True)
    async with Emulator(clock=clock, limits="searches=1/1m:search_cases") as emulator:
        time = Clock(clock=clock, wall=clock, sleep=clock.sleep)
        async with CaseSession(base_url=emulator.base_url, api_key="k", app_key="k", clock=time) as session:
            await cases.search_cases(session)
            waiting = asyncio.ensure_future(cases.search_cases(session))
            while not clock._sleepers and not waiting.done():
                await asyncio.sleep(0)
            assert not waiting.done()
            clock.advance(60)
            await waiting
