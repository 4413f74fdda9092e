"""Rate limits: named buckets over sets of operations, in windows aligned to the calendar.

cases=50/10s:search_cases,get_case       50 calls in 10 seconds, shared by two operations
writes=5/1m@unix:create,set              the reset header carries a Unix time
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field, frozen

from casemgmt_async.emulator.behavior.script_parser import Calls, NotationError, duration, read_script
from casemgmt_async.facts import Facts
from casemgmt_async.routes import NEIGHBOURS, ROUTES

__all__ = ["Limit", "RateLimiter", "limits_of", "read_limits"]

LINE: Final = re.compile(
    r"(?P<name>[\w.-]+)\s*=\s*(?P<limit>\d+)\s*/\s*(?P<period>[\d.]+\s*[a-z]+)(?P<unix>@unix)?\s*:\s*(?P<on>[^#@]+)"
)


@frozen
class Limit:
    """One bucket: a number of calls of some operations in each window."""

    name: str
    """The value of `X-RateLimit-Name`."""
    limit: int
    """How many calls one window allows."""
    period: float
    """The length of a window, in seconds. Windows begin at multiples of it since 1970."""
    on: str = "*"
    """The operations that share the bucket: names, wildcards, or `read`, `set`, `create`, separated by commas."""
    unix: bool = False
    """Whether `X-RateLimit-Reset` carries a Unix time instead of the seconds that are left."""

    def __attrs_post_init__(self) -> None:
        Calls(self.on)
        if self.limit < 0 or not self.period > 0:
            raise NotationError(f"invalid limit '{self}': the number of calls must be 0 or more, the period over 0")

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Parse `cases=50/10s:search_cases,get_case`."""
        found = LINE.fullmatch(text.strip())
        if found is None:
            raise NotationError(f"invalid limit {text!r}: write it as name=50/10s:search_cases,get_case")
        return cls(found["name"], int(found["limit"]), duration(found["period"]), found["on"], bool(found["unix"]))

    def __str__(self) -> str:
        return f"{self.name}={self.limit}/{self.period:g}s{'@unix' if self.unix else ''}:{self.on}"


UNLIMITED: Final = Limit("scripted", 1000, 1.0)
"""The bucket that a scripted 429 names for an operation without a rate limit."""


@define
class LimitWindow:
    """A limit, and how much of its current window is used."""

    limit: Limit
    window: int = -1
    used: int = 0

    def take(self, now: float) -> bool:
        """Use one call of the current window; returns False if the window has none left."""
        window = math.floor(now / self.limit.period)
        if window != self.window:
            self.window, self.used = window, 0
        allowed = self.used < self.limit.limit
        self.used += allowed
        return allowed

    def headers(self, now: float, *, exhausted: bool = False) -> dict[str, str]:
        """The five rate-limit headers; `exhausted` for those of a 429 that a fault sends."""
        limit = self.limit
        window = math.floor(now / limit.period)
        used = limit.limit if exhausted else self.used if window == self.window else 0
        end = (window + 1) * limit.period
        return {
            "X-RateLimit-Limit": str(limit.limit),
            "X-RateLimit-Period": f"{limit.period:g}",
            "X-RateLimit-Remaining": str(limit.limit - used),
            "X-RateLimit-Reset": str(math.ceil(end if limit.unix else end - now)),
            "X-RateLimit-Name": limit.name,
        }


@define
class RateLimiter:
    """All limits in force. An operation that is in several buckets uses the first one."""

    limits: list[Limit]
    clock: Callable[[], float]
    windows: dict[str, LimitWindow] = field(init=False, factory=dict)
    """The window of each limited operation, by the operation's name."""

    def __attrs_post_init__(self) -> None:
        for limit in self.limits:
            window = LimitWindow(limit)
            for route in Calls(limit.on).routes:
                self.windows.setdefault(route, window)

    def take(self, route: str) -> tuple[bool, dict[str, str]]:
        """Use one call of an operation; returns whether it is allowed, and the headers of its answer."""
        window = self.windows.get(route)
        if window is None:
            return True, {}
        now = self.clock()
        return window.take(now), window.headers(now)

    def exhausted(self, route: str) -> dict[str, str]:
        """The headers of a 429 that a fault sends. An operation without a limit gets a window of one second."""
        window = self.windows.get(route) or LimitWindow(UNLIMITED)
        return window.headers(self.clock(), exhausted=True)


def limits_of(facts: Facts) -> list[Limit]:
    """Make the rate limits that a probe has found. A bucket covers the operations that were seen to use it."""
    known = {route.name for route in (*ROUTES, *NEIGHBOURS)}
    return [
        Limit(re.sub(r"[^\w.-]", "_", each.name), each.limit, each.period, ",".join(operations), each.unix_reset)
        for each in facts.rate_limits or ()
        if (operations := sorted(known.intersection(each.operations)))
    ]


def read_limits(script: str | Limit | Iterable[str | Limit] | None) -> list[Limit]:
    """Read rate limits from text, `Limit` objects, or a list of both."""
    return read_script(script, Limit, Limit.parse)
