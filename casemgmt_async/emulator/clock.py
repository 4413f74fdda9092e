"""The time an emulator lives in."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """A clock that can be moved on: the machine's, one that stands still at a time, or any function.

    Called, it says the time in seconds since 1970.
    """

    def __init__(self, base: float | Callable[[], float] | None = None) -> None:
        self._base = base if callable(base) else time.time if base is None else lambda: base
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds, at once."""
        if seconds < 0:
            raise ValueError(f"a clock goes forward only, not by {seconds} s")
        self._ahead += seconds
