"""The pace of one process among several that share a bucket and know nothing of each other but the headers.

Each process sends at the rate `share * remaining / seconds left`. Let the load be the sum of the shares of all
processes. The remaining requests then fall as `limit * (seconds left / period) ** load`: whatever the load, they last
until the end of the window. All processes see the same curve in their answers, so each can measure the load and set
its share to a function of it that falls steeply. All shares are therefore equal, whenever a process started, and the
load settles near 1.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define

__all__ = ["Pacer"]

SHARE_AT_LOAD_1: Final = 1 / 4
"""The share at a load of 1: four processes use a window evenly, fewer use it more at its end, more at its start."""
EXPONENT: Final = 3.0
"""The share falls with this power of the load; the load of n processes is then proportional to the fourth root of n."""
FIRST_LOAD: Final = 1.1
"""The assumed load before the first measurement."""
LOADS: Final = (0.3, 2.5)
"""Bounds of a measured load."""
MIN_REQUESTS: Final = 1.2
"""Requests of each window that a process sends at any load: it needs their answers to measure the load."""
MIN_STEP: Final = 0.25
"""Shortest part of a window over which the load is measured, as the logarithm of the ratio of the seconds left."""
MAX_STEP: Final = 1.8
"""The part of a window, as a logarithm, in which the load is measured; after it, few requests are left to count."""
SMOOTHING: Final = 0.7
MAX_WEIGHT: Final = 0.3
"""Weight of a new measurement of the load: `step / (step + SMOOTHING)`, at most `MAX_WEIGHT`."""
BURST: Final = 1 / 8
"""The part of its requests of a window that a process may send at once after a pause."""
MIN_EXPECTED: Final = 0.4
"""Expected remaining requests below which none is sent, because another process may have used them."""
MIN_DELAY: Final = 0.001
ROUNDING_ERROR: Final = 1e-6


@define(eq=False)
class Pacer:
    """The pace of one process in a shared bucket."""

    limit: float
    """Requests that a window allows."""
    credit: float
    """Requests that may be sent now."""
    load: float = FIRST_LOAD
    """The sum of the shares of all processes, as measured."""
    remaining: float = 0.0
    """Expected remaining requests, at `seconds_left` before the end of the window."""
    seconds_left: float = 1.0
    _mark: tuple[float, float] | None = None
    _has_measured: bool = False

    @property
    def share(self) -> float:
        """The part of the remaining requests that this process uses."""
        return min(1.0, max(SHARE_AT_LOAD_1 / math.pow(self.load, EXPONENT), MIN_REQUESTS * self.load / self.limit))

    def join(self, remaining: float, seconds_left: float) -> None:
        """Start in the middle of a window."""
        self.remaining, self.seconds_left = remaining, max(seconds_left, ROUNDING_ERROR)
        self._mark = None

    def start_window(self, limit: float, seconds_left: float, period: float) -> None:
        """Start a window; the credit of the one before is kept, so that its last fraction is not lost."""
        self.advance(0.0)
        self.credit = min(self.credit, 1.0)
        if not self._has_measured:
            self.load = math.sqrt(self.load)  # an old measurement is worth less; 1 is the best guess without any
        self._has_measured = False
        self.limit = self.remaining = limit
        self.seconds_left = max(seconds_left, ROUNDING_ERROR)
        self._mark = (math.log(max(period / self.seconds_left, 1.0)), 0.0)

    def advance(self, seconds_left: float) -> None:
        """Move on to a later moment of the window: add the credit, and expect the others to have sent theirs."""
        if seconds_left >= self.seconds_left:
            return
        expected = self.remaining * math.pow(max(seconds_left, 0.0) / self.seconds_left, self.load)
        burst = max(1.0, self.share * self.limit * BURST)
        gained = self.share * (self.remaining - expected) / self.load
        self.credit = max(self.credit, min(burst, self.credit + gained))
        self.remaining, self.seconds_left = expected, max(seconds_left, ROUNDING_ERROR)

    def delay(self) -> float:
        """Seconds until the next request; infinite if there is none in this window."""
        if self.remaining < MIN_EXPECTED:
            return math.inf
        if self.credit >= 1 - ROUNDING_ERROR:
            return 0.0
        # Solve `advance` for the moment at which the credit is 1.
        expected = self.remaining - (1 - self.credit) * self.load / self.share
        if expected < MIN_EXPECTED:
            return math.inf
        return max(MIN_DELAY, self.seconds_left * (1 - math.pow(expected / self.remaining, 1 / self.load)))

    def observe(self, remaining: float, limit: float, seconds_left: float, period: float) -> None:
        """Learn the remaining requests from an answer, and measure the load."""
        self.limit, self.remaining, self.seconds_left = limit, remaining, max(seconds_left, ROUNDING_ERROR)
        x = math.log(max(period / self.seconds_left, 1.0))
        y = math.log(limit / max(remaining, 0.5))
        if self._mark is None:
            self._mark = (x, y)
        step = x - self._mark[0]
        if step < MIN_STEP or x > MAX_STEP:
            return
        measured = min(LOADS[1], max(LOADS[0], (y - self._mark[1]) / step))
        self.load += min(MAX_WEIGHT, step / (step + SMOOTHING)) * (measured - self.load)
        self._mark = (x, y)
        self._has_measured = True
