"""A cache of answers with a maximum age; concurrent requests for one key share a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from attrs import define, field

__all__ = ["Cache"]

T = TypeVar("T")


@define(eq=False)
class SharedCall:
    """A call in flight and how many tasks wait for it."""

    task: asyncio.Task[Any]
    waiting: int = 0


@define(eq=False)
class Cache:
    """Keeps each answer for a number of seconds. Concurrent requests for one key make one call.

    A call is cancelled when every task that waited for it was cancelled. An error is not kept.
    """

    clock: Callable[[], float]
    _answers: dict[Hashable, tuple[float, Any]] = field(init=False, factory=dict)  # key -> time of arrival, answer
    _calls: dict[Hashable, SharedCall] = field(init=False, factory=dict)

    async def get(self, key: Hashable, max_age: float, fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the answer for a key: a kept one that is younger than `max_age` seconds, or a new one."""
        kept = self._answers.get(key)
        if kept is not None and self.clock() - kept[0] < max_age:
            answer: T = kept[1]
            return answer
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = SharedCall(asyncio.create_task(self._fetch(key, fetch)))
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        finally:
            call.waiting -= 1
            if not call.waiting:
                if self._calls.get(key) is call:
                    del self._calls[key]
                call.task.cancel()  # no effect on a task that has ended

    async def _fetch(self, key: Hashable, fetch: Callable[[], Awaitable[Any]]) -> Any:
        answer = await fetch()
        self.put(key, answer)
        return answer

    def put(self, key: Hashable, answer: Any) -> None:
        """Keep an answer that was obtained by another call."""
        self._answers[key] = (self.clock(), answer)

    def age(self, key: Hashable) -> float | None:
        """Return the age in seconds of the answer that is kept for a key; None if there is none."""
        kept = self._answers.get(key)
        return None if kept is None else self.clock() - kept[0]

    def clear(self) -> None:
        """Forget all answers; calls in flight continue."""
        self._answers.clear()
