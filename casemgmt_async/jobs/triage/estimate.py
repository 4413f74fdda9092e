"""How many requests a plan takes, and how long they take under the rate limit or at the measured speed."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import frozen

from casemgmt_async import CaseSession, RawResponse, routes
from casemgmt_async.jobs.actions import ACTIONS
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.triage_queries import count_cases_of, planned_groups

__all__ = ["BULK", "Throughput", "count_requests", "measure_throughput", "pays_in_bulk"]

SPEED: Final = "the measured speed"
PAGE: Final = 100
LINK_REQUESTS: Final = 3
BULK: Final = tuple(name for name, action in ACTIONS.items() if action.bulk is not None)
"""The actions that bulk updates can do."""


@frozen
class Throughput:
    """How many requests a second there can be, and how that is known."""

    per_second: float
    """Requests a second."""
    basis: str
    """What that rests on."""

    @property
    def is_measured(self) -> bool:
        """Whether the service reported no rate limit."""
        return self.basis == SPEED


async def measure_throughput(session: CaseSession, filter: str | None) -> tuple[Throughput, int | None]:
    """Make one small search; gives the throughput that its answer allows, and how many cases there seem to be."""
    started = time.monotonic()
    query = {"filter": filter, "page[size]": 1, "page[number]": 1}
    answer = await session.raw(routes.SEARCH_CASES, query=query)
    limited = allowed(answer)
    return limited or Throughput(1 / max(time.monotonic() - started, 1e-6), SPEED), total_of(answer)


def allowed(answer: RawResponse) -> Throughput | None:
    """The throughput that the reported rate limit allows."""
    limits = answer.rate_limit
    if not limits.limit or not limits.period:
        return None
    basis = f"the rate limit {limits.name or 'search'} of {limits.limit:g} requests in {limits.period:g} s"
    return Throughput(limits.limit / limits.period, basis)


def total_of(answer: RawResponse) -> int | None:
    """The number of cases that the answer claims there are."""
    match msgspec.json.decode(answer.body):
        case {"meta": {"total_cases": int(total)}}:
            return total
        case {"meta": {"page": {"total": int(pages)}}}:
            return pages
    return None


def split(groups: Iterable[tuple[str, str, str, int, int]], chunk: int) -> tuple[int, int, int]:
    """Count requests: of actions without a bulk update, of the others one by one, and of the others in bulk."""
    alone, singly = 0, 0
    alike: Counter[tuple[str, str, str]] = Counter()
    for rule, action, payload, _, count in groups:
        if action in BULK:
            alike[rule, action, payload] += count
            singly += count
        else:
            alone += count * (LINK_REQUESTS if action == "link" else 1)
    return alone, singly, sum(math.ceil(count / chunk) for count in alike.values())


async def pays_in_bulk(journal: Journal, everything: int, chunk: int) -> bool:
    """Whether bulk updates and reading the cases back take fewer requests than one request for each change."""
    _, singly, bulk = split(await planned_groups(journal), chunk)
    return bulk + await count_reads(journal, BULK, everything) < singly


async def count_requests(journal: Journal, everything: int, chunk: int) -> int:
    """Count the requests that applying a plan takes: the changes, and reading the cases before and after."""
    alone, singly, bulk = split(await planned_groups(journal), chunk)
    in_bulk = bulk + await count_reads(journal, BULK, everything)
    return alone + min(in_bulk, singly) + await count_reads(journal, ACTIONS, everything)


async def count_reads(journal: Journal, actions: Iterable[str], everything: int) -> int:
    """Count the requests to read the cases that get one of these actions: one each, or all pages of their projects."""
    count, projects = await count_cases_of(journal, actions)
    return min(count, math.ceil(everything / PAGE) + max(projects - 1, 0))
