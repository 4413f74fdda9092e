"""Rate limits: named buckets over sets of operations, in windows aligned to the calendar.

cases=50/10s:search_cases,get_case       50 calls in 10 seconds, shared by two operations
writes=5/1m@unix:create,set              the reset is told as a Unix time
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field, frozen

from casemgmt_async.emulator.notation import Calls, NotationError, duration, read_script

__all__ = ["Limit", "Limiter"]

LINE: Final = re.compile(
    r"(?P<name>[\w.-]+)\s*=\s*(?P<limit>\d+)\s*/\s*(?P<period>[\d.]+\s*[a-z]+)(?P<unix>@unix)?\s*:\s*(?P<on>[^#@]+)"
)


@frozen
class Limit:
    """One bucket: so many calls of those operations in each window."""

    name: str
    """What `X-RateLimit-Name` says."""
    limit: int
    """How many calls one window allows."""
    period: float
    """The length of a window, in seconds; windows begin at multiples of it since 1970."""
    on: str = "*"
    """The operations that share it: names, wildcards, or `read`, `set`, `create`, separated by commas."""
    unix: bool = False
    """Whether `X-RateLimit-Reset` is a Unix time rather than seconds from now."""

    def __attrs_post_init__(self) -> None:
        Calls(self.on)
        if self.limit < 0 or self.period <= 0:
            raise NotationError(f"{self}: a limit is 0 or more, its period over 0")

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `cases=50/10s:search_cases,get_case`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"{text!r} is no limit: write it as name=50/10s:search_cases,get_case")
        return cls(found["name"], int(found["limit"]), duration(found["period"]), found["on"], bool(found["unix"]))

    def __str__(self) -> str:
        return f"{self.name}={self.limit}/{self.period:g}s{'@unix' if self.unix else ''}:{self.on}"


@define
class Bucket:
    """A limit and what its present window has used."""

    limit: Limit
    window: int = -1
    used: int = 0

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        """Take one call out of the bucket: whether it was there, and the five headers."""
        limit = self.limit
        window = math.floor(now / limit.period)
        if window != self.window:
            self.window, self.used = window, 0
        allowed = self.used < limit.limit
        self.used += allowed
        end = (window + 1) * limit.period
        return allowed, {
            "X-RateLimit-Limit": str(limit.limit),
            "X-RateLimit-Period": f"{limit.period:g}",
            "X-RateLimit-Remaining": str(limit.limit - self.used),
            "X-RateLimit-Reset": str(math.ceil(end if limit.unix else end - now)),
            "X-RateLimit-Name": limit.name,
        }


@define
class Limiter:
    """All buckets; an operation that is in several of them takes from the first."""

    limits: list[Limit]
    clock: Callable[[], float]
    buckets: dict[str, Bucket] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        for limit in self.limits:
            bucket = Bucket(limit)
            for route in Calls(limit.on).routes:
                self.buckets.setdefault(route, bucket)

    def take(self, route: str) -> tuple[bool, dict[str, str]]:
        """Take one call of an operation: whether it is allowed, and the headers that say so."""
        bucket = self.buckets.get(route)
        return (True, {}) if bucket is None else bucket.take(self.clock())


def read_limits(script: str | Limit | Iterable[str | Limit] | None) -> list[Limit]:
    """Read a script of limits, as text, typed, or mixed."""
    return read_script(script, Limit, Limit.parse)
