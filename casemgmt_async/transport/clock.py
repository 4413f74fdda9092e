"""Clocks, sleep and random numbers of a session, in one object that tests can replace."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from collections.abc import Awaitable, Callable

from attrs import frozen

__all__ = ["Clock"]


@frozen
class Clock:
    """The clocks, the sleep and the random numbers that a session uses; tests replace any of them."""

    clock: Callable[[], float] = time.monotonic
    """Monotonic time in seconds, for deadlines and waits."""
    wall: Callable[[], float] = time.time
    """Unix time in seconds, for headers that contain a date."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """Wait for a number of seconds."""
    random: Callable[[], float] = random_module.random
    """A number from 0 (included) to 1 (excluded), for the jitter of waits."""
