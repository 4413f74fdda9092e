"""When a window ends, by the local clock: estimated from resets in whole seconds, or by a clock that is off."""

from __future__ import annotations

import enum
import math
from typing import Final

from attrs import define

__all__ = ["Window"]

MAX_DOUBT: Final = 1.0
"""Seconds by which a reset that is rounded down may be too early."""
FIRST_SKEW: Final = 0.25
MAX_SKEW: Final = 8.0
"""Seconds by which refusals move the estimated start of a window: at first, and at most."""
SKEW_GROWTH: Final = 1.25
"""Factor of the skew for each further refusal."""
FADING: Final = 0.95
"""Factor of the skew for each window, because the refusals may have had another reason."""


class Rounding(enum.Enum):
    """How the service rounds resets, as far as its answers have shown it."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"
    EXACT = "exact"


@define(eq=False)
class Window:
    """The current window of a bucket, by the local clock."""

    period: float = 60.0
    """Length in seconds."""
    ends_at: float = math.inf
    """The earliest end that the answers of this and of earlier windows give; infinite before the first answer."""
    rounding: Rounding = Rounding.UNKNOWN
    skew: float = 0.0
    """Seconds by which refusals showed the estimate to be too early."""

    @property
    def is_known(self) -> bool:
        """Whether an answer reported a reset."""
        return self.ends_at < math.inf

    @property
    def _doubt(self) -> float:
        return min(MAX_DOUBT, self.period / 4) if self.rounding is Rounding.DOWN else 0.0

    @property
    def next_starts_at(self) -> float:
        """The earliest time at which the next window is certain to have started."""
        return self.ends_at + self._doubt + self.skew

    @property
    def starts_at(self) -> float:
        """The earliest time at which this window is certain to have started."""
        return self.next_starts_at - self.period

    def seconds_left(self, now: float) -> float:
        """Seconds until the window may end; negative if it may have ended."""
        return self.ends_at - now

    def advance(self, now: float) -> bool:
        """Move on to the window of `now`; return whether it is another one."""
        if now < self.next_starts_at:
            return False
        windows = math.floor((now - self.next_starts_at) / self.period) + 1
        self.ends_at += windows * self.period
        self.skew *= FADING**windows
        return True

    def observe(self, reset: float, period: float | None, now: float) -> int:
        """Learn from the reset of an answer; return how many windows later than this one the answer is."""
        self._learn_rounding(reset, period)
        ends_at = now + reset
        period = period or max(self.period if self.is_known else 1.0, reset)
        if not self.is_known or period != self.period:
            is_first = not self.is_known
            self.period, self.ends_at = period, ends_at
            return int(is_first)
        middle = 0.0 if self.rounding is Rounding.EXACT else min(MAX_DOUBT, self.period / 4) / 2
        ahead = round((ends_at - self.ends_at - middle) / self.period)
        if ahead < 0:
            return ahead
        expected = self.ends_at + ahead * self.period
        has_jumped = abs(ends_at - expected) > self.period / 4 + MAX_DOUBT
        self.ends_at = ends_at if has_jumped else min(expected, ends_at)
        return ahead

    def align(self, service_time: float) -> None:
        """Take the end from the calendar, with which windows are aligned, unless answers contradict it.

        `service_time` is the Unix time of the service minus our monotonic time.
        """
        end = round((self.ends_at + service_time) / self.period) * self.period - service_time
        if abs(end - self.ends_at) <= MAX_DOUBT + FIRST_SKEW:
            self.ends_at, self.rounding = end, Rounding.EXACT

    def refused_early(self) -> None:
        """Go back to the window before, which refused a request as if it had not ended."""
        self.ends_at -= self.period
        self.skew = min(MAX_SKEW, self.period / 2, self.skew * SKEW_GROWTH + min(FIRST_SKEW, self.period / 20))

    def _learn_rounding(self, reset: float, period: float | None) -> None:
        if reset != math.floor(reset):
            self.rounding = Rounding.EXACT
        elif period is not None and self.rounding is not Rounding.EXACT:
            if reset >= period:
                self.rounding = Rounding.UP  # rounded down, it would be less
            elif reset == 0 and self.rounding is Rounding.UNKNOWN:
                self.rounding = Rounding.DOWN  # rounded up, it would be 1
