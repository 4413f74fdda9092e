"""The calls of a probe: counted, never repeated, and watched for rate-limit headers."""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import define, field

from casemgmt_async import CaseManagementError, CaseSession, RawResponse, StatusError
from casemgmt_async.facts import RateLimitFact
from casemgmt_async.routes import SEARCH_CASES, Route

__all__ = ["UNDECIDED", "OutOfRequests", "ProbeCalls", "failure"]

RESET = "X-RateLimit-Reset"
FIRST_UNIX_TIME = 1_000_000_000


class OutOfRequests(Exception):  # noqa: N818 - ends a check, and no caller sees it
    """The probe has used the requests that it may send."""


UNDECIDED: Final = (CaseManagementError, OutOfRequests, LookupError, TypeError, AttributeError, ValueError)
"""Exceptions that end one check and not the probe: a call failed, or an answer has an unknown shape."""


@define
class ProbeCalls:
    """Sends the requests of one probe."""

    session: CaseSession
    """A session without retries."""
    most: int
    """Largest number of requests that the probe sends."""
    sent: int = field(init=False, default=0)
    limited: list[bool] = field(init=False, factory=list)
    """For each success, whether it had rate-limit headers."""
    buckets: dict[str, RateLimitFact] = field(init=False, factory=dict)
    """What the headers reported, by the bucket's name."""

    async def json(self, route: Route, *ids: str, body: Any = None, **query: Any) -> Any:
        """Call an operation; returns the parsed body. Query names are those of the API, in a dict under `query`."""
        if self.sent >= self.most:
            raise OutOfRequests
        self.sent += 1
        response = await self.session.raw(route, *ids, query=query.get("query"), body=body)
        self.note(route, response)
        return json.loads(response.body) if response.body else None

    async def search(self, text: str = "", *, size: int = 1, number: int = 1, sort: str = "", up: bool = False) -> Any:
        """Read one page of a search."""
        query = {"filter": text or None, "page[size]": size, "page[number]": number, "sort[field]": sort or None}
        return await self.json(SEARCH_CASES, query={**query, "sort[asc]": True if up else None})

    def note(self, route: Route, response: RawResponse) -> None:
        """Keep what the headers of a success say about rate limits."""
        limit = response.rate_limit
        self.limited.append(limit.limit is not None)
        if limit.limit is None or limit.period is None:
            return
        name = limit.name or "unnamed"
        known = self.buckets.get(name)
        operations = sorted({route.name, *(known.operations if known else ())})
        reset = response.headers.get(RESET, "0")
        unix = reset.isdecimal() and int(reset) >= FIRST_UNIX_TIME
        self.buckets[name] = RateLimitFact(
            name=name, limit=int(limit.limit), period=limit.period, operations=tuple(operations), unix_reset=unix
        )


def failure(error: Exception) -> str:
    """Describe why a check could not be made, without any id or text of the service."""
    if isinstance(error, StatusError):
        return f"{error.route or 'a request'} answered {error.status}"
    if isinstance(error, OutOfRequests):
        return "the requests of the probe were used up"
    if isinstance(error, CaseManagementError):
        return f"a request failed: {type(error).__name__}"
    return f"an answer has another shape than those that are recorded ({type(error).__name__})"
