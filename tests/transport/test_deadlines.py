"""Deadlines share one timer: each is met at its time, and those that are discarded never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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
