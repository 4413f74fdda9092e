"""Virtual time for tests: an event loop, and a clock for sessions.

`run_virtually` is for programs without I/O: no sleep takes real time, and many tasks sleep side by side as they would
in reality. `VirtualClock` is for sessions that speak HTTP to a server on loopback, where the loop has to be a real one:
whoever sleeps moves the clock on at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from casemgmt_async import Clock

__all__ = ["VirtualClock", "VirtualLoop", "run_virtually"]

T = TypeVar("T")


class JumpingSelector(selectors.DefaultSelector):
    """Does not wait: where the loop would sleep until its next timer, its time moves on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events:
            assert timeout is not None, "the program waits for something that never happens"
            self.now += max(timeout, 0)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time begins at 0 and passes only while every task waits."""

    def __init__(self) -> None:
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now


def run_virtually(program: Coroutine[Any, Any, T], debug: bool = True) -> T:
    """Run a program in virtual time; it must leave no task behind, and nothing for the loop to report."""
    reported: list[Mapping[str, Any]] = []
    with asyncio.Runner(debug=debug, loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        loop.slow_callback_duration = 60
        loop.set_exception_handler(lambda _, context: reported.append(context))
        result = runner.run(program)
        left = asyncio.all_tasks(loop)
    assert not left
    assert not reported
    return result


class VirtualClock:
    """A clock of sessions that sleeping moves on at once.

    `slept` has every sleep in seconds. `at_sleep[n]` is awaited when the n-th sleep ends.
    """

    def __init__(self, random: float = 1.0, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self.random = random
        self.at_sleep: dict[int, Callable[[], Awaitable[object]]] = {}

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
        if act := self.at_sleep.get(len(self.slept)):
            await act()

    def as_clock(self) -> Clock:
        """What a session takes."""
        return Clock(lambda: self.now, lambda: 1_768_000_000 + self.now, self.sleep, lambda: self.random)
