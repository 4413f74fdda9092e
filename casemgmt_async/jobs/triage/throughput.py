"""How fast the service lets one go: by the rate limit that its answers tell, else by the speed measured."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from attrs import frozen

from casemgmt_async import CaseSession, RawResponse, routes

__all__ = ["Pace", "measure_pace"]

SPEED: Final = "the speed measured"


@frozen
class Pace:
    """How many requests a second there can be, and how that is known."""

    per_second: float
    """Requests a second."""
    basis: str
    """Says what that rests on."""

    @property
    def is_measured(self) -> bool:
        """Whether no rate limit was told."""
        return self.basis == SPEED


async def measure_pace(session: CaseSession, filter: str | None) -> tuple[Pace, int | None]:
    """Make one small search; gives the pace that its answer tells, and how many cases there seem to be."""
    started = time.monotonic()
    query = {"filter": filter, "page[size]": 1, "page[number]": 1}
    answer = await session.raw(routes.SEARCH_CASES, query=query)
    pace = told(answer) or Pace(1 / max(time.monotonic() - started, 1e-6), SPEED)
    return pace, total_of(answer)


def told(answer: RawResponse) -> Pace | None:
    """The pace that the rate limit in the headers allows."""
    limits = answer.rate_limit
    if not limits.limit or not limits.period:
        return None
    name = limits.name or "search"
    return Pace(
        limits.limit / limits.period, f"the rate limit {name} of {limits.limit:g} requests in {limits.period:g} s"
    )


def total_of(answer: RawResponse) -> int | None:
    """The number of cases that the answer claims there are."""
    match msgspec.json.decode(answer.body):
        case {"meta": {"total_cases": int(total)}}:
            return total
        case {"meta": {"page": {"total": int(pages)}}}:
            return pages
    return None
