"""A shared budget in Redis or Valkey."""

from __future__ import annotations

import math
from typing import Any, Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from casemgmt_async import ConfigurationError
from casemgmt_async.integrations.budgets.base import KEPT_SECONDS, BudgetStore

__all__ = ["RedisBudget"]

PREFIX: Final = "casemgmt:budget:"
TAKE: Final = """
local granted = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit, used, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
granted = math.max(granted, used)
local grant = math.max(0, math.min(want, limit - granted))
redis.call('SET', KEYS[1], granted + grant, 'PX', ARGV[4])
return grant
"""
"""Reads, grants and writes in one step; a window is forgotten by itself."""


class RedisBudget(BudgetStore):
    """A count in Redis: one key for each window of a bucket."""

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            # One more attempt, for a connection that was closed while it was idle. The session has a fall-back.
            self._client = redis.asyncio.Redis.from_url(
                url, decode_responses=True, retry=Retry(NoBackoff(), 1), protocol=2
            )
        except (ValueError, TypeError):  # its message may quote the password
            raise ConfigurationError(
                "the URL of the budget cannot be read; expected redis://user:password@host:6379/0"
            ) from None
        self._take: Any = self._client.register_script(TAKE)

    async def take(self, bucket: str, *, window: int, period: float, limit: int, used: int, want: int) -> int:
        """Grant up to `want` requests of a window."""
        kept = math.ceil(2000 * period)
        return int(await self._take(keys=[f"{PREFIX}{bucket} {window}"], args=[limit, used, want, kept]))

    async def get(self, key: str) -> str | None:
        """Return the value of `key`, or None if there is none."""
        value = await self._client.get(PREFIX + key)
        return None if value is None else str(value)

    async def put(self, key: str, value: str) -> None:
        """Keep a value for a day."""
        await self._client.set(PREFIX + key, value, ex=KEPT_SECONDS)

    async def disconnect(self) -> None:
        """Close all connections."""
        await self._client.aclose()
