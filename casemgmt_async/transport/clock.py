"""The clocks, the sleep and the random numbers of a session, in one place, so that tests can replace them."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from collections.abc import Awaitable, Callable

from attrs import frozen

__all__ = ["Clock"]


@frozen
class Clock:
    """What a session knows of time, and its source of random numbers; replace any of them in tests."""

    clock: Callable[[], float] = time.monotonic
    """Monotonic time in seconds, for deadlines and waits."""
    wall: Callable[[], float] = time.time
    """Unix time in seconds, for headers that name a moment."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """Wait for a number of seconds."""
    random: Callable[[], float] = random_module.random
    """A number from 0 up to 1, for the jitter of waits."""
