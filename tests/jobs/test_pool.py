"""Reading something while other work is done."""

from __future__ import annotations

import asyncio
import gc

import pytest

from casemgmt_async.jobs.pool import read_meanwhile


class Events(list[str]):
    """What happened, in order."""

    async def do(self, name: str, turns: int, error: Exception | None = None) -> str:
        """Take some turns of the loop, and end with the name or the error."""
        self.append(f"{name} begins")
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.append(f"{name} is cancelled")
            raise
        self.append(f"{name} ends")
        if error is not None:
            raise error
        return name


@pytest.mark.parametrize(("reading", "working"), [(1, 5), (5, 1)])
async def test_both_go_on_at_the_same_time_and_both_have_ended(reading: int, working: int) -> None:
    events = Events()
    assert await read_meanwhile(events.do("reading", reading), events.do("work", working)) == "reading"
    assert set(events[:2]) == {"reading begins", "work begins"}
    assert set(events[2:]) == {"reading ends", "work ends"}


@pytest.mark.parametrize("reading", [1, 5])
async def test_an_error_of_the_work_comes_before_one_of_reading_and_ends_it(reading: int) -> None:
    events = Events()
    with pytest.raises(KeyError):
        await read_meanwhile(events.do("reading", reading, ValueError()), events.do("work", 3, KeyError()))
    assert ("reading is cancelled" in events) == (reading > 3)


async def test_an_error_of_reading_that_is_not_raised_is_not_logged_either(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    with pytest.raises(KeyError):
        await read_meanwhile(events.do("reading", 1, ValueError()), events.do("work", 3, KeyError()))
    gc.collect()
    await asyncio.sleep(0)
    assert not [message for message in caplog.messages if "never retrieved" in message]


async def test_an_error_of_reading_waits_for_the_work() -> None:
    events = Events()
    with pytest.raises(ValueError, match="page"):
        await read_meanwhile(events.do("reading", 1, ValueError("page")), events.do("work", 5))
    assert events[-1] == "work ends"


async def test_cancelling_it_cancels_both() -> None:
    events = Events()
    task = asyncio.ensure_future(read_meanwhile(events.do("reading", 50), events.do("work", 50)))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {"reading is cancelled", "work is cancelled"} <= set(events)
