"""The emulator's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["EmulatorClock"]


class EmulatorClock:
    """A clock that tests can advance. Calling it returns the time in seconds since 1970.

    Args:
        base: None for the machine's clock, a number of Unix seconds for a clock that stands still at that time, or a
            function that returns the time.
        manual: only for a clock that stands still. True: `sleep` waits until calls of `advance` have moved the clock
            far enough. False: `sleep` advances the clock itself and returns at once.
    """

    def __init__(self, base: float | Callable[[], float] | None = None, *, manual: bool = False) -> None:
        self._base = base if callable(base) else time.time if base is None else lambda: base
        self._stands_still = isinstance(base, int | float)
        self._manual = manual
        self._offset = 0.0
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()

    def __call__(self) -> float:
        return self._base() + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the clock by a number of seconds, and end the calls of `sleep` that are over by then.

        It can be called from any thread. Raises `ValueError` for a negative number.
        """
        if not seconds >= 0:
            raise ValueError(f"cannot turn the clock back: seconds must be 0 or more, not {seconds!r}")
        self._offset += seconds
        for loop, sleeper in list(self._sleepers):
            loop.call_soon_threadsafe(wake, sleeper)

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds of this clock.

        Give it to a session, as in `CaseSession(clock=Clock(emulator.clock, emulator.clock, emulator.clock.sleep))`,
        to let `advance` end waits for rate limits and between retries.
        """
        if self._stands_still and not self._manual:
            self.advance(max(seconds, 0))
            await asyncio.sleep(0)
            return
        end = self() + seconds
        loop = asyncio.get_running_loop()
        while (left := end - self()) > 0:
            sleeper = (loop, loop.create_future())
            self._sleepers.add(sleeper)
            try:
                await asyncio.wait([sleeper[1]], timeout=None if self._stands_still else left)
            finally:
                self._sleepers.discard(sleeper)


def wake(sleeper: asyncio.Future[None]) -> None:
    """End a wait, unless it has ended."""
    if not sleeper.done():
        sleeper.set_result(None)
