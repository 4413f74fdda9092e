"""The rate limit that an answer reports. No other module reads these headers."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Final

from attrs import frozen
from multidict import istr

__all__ = ["UNLIMITED", "KnownLimit", "RateLimit", "read_rate_limit", "read_retry_after"]

NAME: Final = istr("X-RateLimit-Name")
LIMIT: Final = istr("X-RateLimit-Limit")
PERIOD: Final = istr("X-RateLimit-Period")
REMAINING: Final = istr("X-RateLimit-Remaining")
RESET: Final = istr("X-RateLimit-Reset")
RETRY_AFTER: Final = istr("Retry-After")
DATE: Final = istr("Date")

NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{0,30})?").fullmatch
FIRST_UNIX_TIME: Final = 1_000_000_000
"""A reset of at least this value is a Unix time; a smaller one is a number of seconds."""


@frozen
class RateLimit:
    """The rate limit of an answer's route; None for each value that the answer does not report."""

    name: str | None = None
    """The name of the bucket; several routes may share one."""
    limit: float | None = None
    """Requests that one window allows."""
    period: float | None = None
    """Length of a window in seconds."""
    remaining: float | None = None
    """Requests that are left in this window."""
    reset: float | None = None
    """Seconds until the window ends."""
    retry_after: float | None = None
    """Seconds from `Retry-After`."""

    @property
    def wait(self) -> float | None:
        """Seconds for which a refused client is asked to wait: the longer of `reset` and `retry_after`."""
        return max((wait for wait in (self.reset, self.retry_after) if wait is not None), default=None)


@frozen
class KnownLimit:
    """The rate limit of a route, as the answers of another process have shown it."""

    bucket: str
    """The name of the bucket."""
    limit: int
    """Requests that one window allows."""
    period: float
    """Length of a window in seconds."""


UNLIMITED: Final = KnownLimit("", 0, 0.0)
"""The same for a route whose answers report no limit: no process has to wait until another one has learned it."""


def read_rate_limit(headers: Mapping[str, str], now: Callable[[], float]) -> RateLimit:
    """Read the rate limit from the headers of an answer; `now` gives the Unix time."""
    get = headers.get
    return RateLimit(
        get(NAME),
        number(get(LIMIT)),
        number(get(PERIOD)) or None,
        number(get(REMAINING)),
        read_reset(headers, now),
        read_retry_after(headers, now),
    )


def read_retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Read `Retry-After`, a number of seconds or an HTTP date, as seconds from now."""
    text = headers.get(RETRY_AFTER)
    wait = number(text)
    if wait is None and text:
        moment = unix_time(text)
        wait = None if moment is None else max(0.0, moment - server_time(headers, now))
    return wait


def read_reset(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Read `X-RateLimit-Reset`, a number of seconds or a Unix time, as seconds from now."""
    reset = number(headers.get(RESET))
    if reset is None or reset < FIRST_UNIX_TIME:
        return reset
    return max(0.0, reset - server_time(headers, now))


def server_time(headers: Mapping[str, str], now: Callable[[], float]) -> float:
    """The Unix time by the service's own clock if it sends `Date`, else by ours, which may be wrong."""
    moment = unix_time(headers.get(DATE, ""))
    return now() if moment is None else moment


def number(text: str | None) -> float | None:
    """Read a number that is not negative; None for anything else."""
    return float(text) if text and NUMBER(text.strip()) else None


def unix_time(text: str) -> float | None:
    """Read an HTTP date; None for anything else."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
