"""The emulator's time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["EmulatorClock"]


class EmulatorClock:
    """A clock that tests can advance. Calling it returns the time in seconds since 1970.

    Args:
        base: None for the machine's clock, a number of Unix seconds for a clock that stands still at that time, or a
            function that returns the time.
    """

    def __init__(self, base: float | Callable[[], float] | None = None) -> None:
        self._base = base if callable(base) else time.time if base is None else lambda: base
        self._offset = 0.0

    def __call__(self) -> float:
        return self._base() + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the clock by a number of seconds, at once."""
        if not seconds >= 0:
            raise ValueError(f"cannot turn the clock back: seconds must be 0 or more, not {seconds!r}")
        self._offset += seconds
