"""A count of requests that processes on any machine share, so that together they keep to a rate limit."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

__all__ = ["SharedBudget"]


@runtime_checkable
class SharedBudget(Protocol):
    """A store that counts how many requests of each window have been granted, for `CaseSession(budget=...)`.

    `casemgmt_async.integrations.budgets.open_budget` makes one on Redis or PostgreSQL. The store is used as an async
    context manager, by several sessions at the same time if they like: it connects when the first one enters, and
    disconnects when the last one has left. Any exception of a method means that the store is away; the session then
    keeps to the rate limit by the headers of answers, and tries the store again later.
    """

    async def __aenter__(self) -> Self:
        """Connect."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        ...

    async def take(self, bucket: str, *, window: int, period: float, limit: int, used: int, want: int) -> int:
        """Grant up to `want` requests of a window, all at once for all processes; return how many were granted.

        `bucket` names organisation and bucket. `window` is the number of the window: its end as Unix time, divided by
        `period`, its length in seconds. `limit` is the number of requests that a window allows. `used` is a number of
        requests that the service is certain to have counted; a store that has counted fewer continues from that
        number. A window can be forgotten two periods after it was last used.
        """
        ...

    async def get(self, key: str) -> str | None:
        """Return the value of `key`, or None if there is none."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Keep a value for a day."""
        ...
