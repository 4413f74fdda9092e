"""How many requests a second there can be, learned from the answers to a job's own requests."""

from __future__ import annotations

import time

from attrs import define, field

from casemgmt_async import RawResponse

__all__ = ["RequestPace"]


@define
class RequestPace:
    """Learns from answers, and estimates how long requests take."""

    per_second: float | None = None
    """Requests a second that the rate limit allows, where the answers named one."""
    limit: str = ""
    """The rate limit, as a message calls it."""
    answers: int = 0
    since: float = field(factory=time.monotonic)

    def learn(self, answer: RawResponse) -> None:
        """Learn from one answer."""
        self.answers += 1
        seen = answer.rate_limit
        if seen.limit and seen.period:
            self.per_second = seen.limit / seen.period
            self.limit = f"the rate limit {seen.name or 'search'} of {seen.limit:g} requests in {seen.period:g} s"

    def seconds(self, requests: int, concurrency: int) -> tuple[float, str]:
        """Estimate how long a number of requests takes, and say what the estimate is based on."""
        if self.per_second:
            return requests / self.per_second, self.limit
        each = (time.monotonic() - self.since) / max(self.answers, 1)
        return requests * each / concurrency, "the speed measured"
