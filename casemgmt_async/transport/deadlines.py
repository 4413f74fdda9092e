"""Deadlines that share one timer of the event loop.

Nearly every request ends long before its deadline, and a timer for each would cost as much as everything else that is
done for a request here. So the timer is set for the earliest deadline only, and it stays set when that is met.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any

__all__ = ["Deadlines", "TimeLimit"]


class Deadlines:
    """The deadlines of one event loop."""

    def __init__(self) -> None:
        self._pending: dict[Hashable, tuple[float, Callable[[Any], object]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_closed = False

    def add(self, key: Hashable, seconds: float | None, expire: Callable[[Any], object]) -> None:
        """Call `expire(key)` after a number of seconds, unless `discard(key)` is called before; None means never."""
        if seconds is None:
            return
        when = asyncio.get_running_loop().time() + seconds
        self._pending[key] = when, expire
        if when < self._timer_at:
            self._set_timer(when)

    def discard(self, key: Hashable) -> None:
        """Forget a deadline."""
        self._pending.pop(key, None)
        if self._is_closed:
            self.close()

    def limit(self, seconds: float) -> TimeLimit:
        """Limit the time of a `with` block, as `asyncio.timeout` does; infinite for no limit."""
        return TimeLimit(self, seconds)

    def close(self) -> None:
        """Stop the timer when the last deadline is met."""
        self._is_closed = True
        if not self._pending:
            self._set_timer(math.inf)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._expire) if when < math.inf else None
        self._timer_at = when

    def _expire(self) -> None:
        due = [key for key, (when, _) in self._pending.items() if when <= self._timer_at]
        expired = [(key, self._pending.pop(key)[1]) for key in due]
        self._set_timer(min((when for when, _ in self._pending.values()), default=math.inf))
        for key, expire in expired:
            expire(key)


class TimeLimit:
    """A block of code whose task is cancelled at its deadline; the block then raises `TimeoutError`."""

    __slots__ = ("_cancellations", "_deadlines", "_is_expired", "_seconds", "_task")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self._is_expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancellations = task, task.cancelling()
        self._deadlines.add(self, self._seconds, TimeLimit._expire)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._deadlines.discard(self)
        # A task that was also cancelled by somebody else stays cancelled.
        if self._is_expired and self._task.uncancel() <= self._cancellations and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._is_expired = True
        self._task.cancel()
