"""The requests that a plan makes first: for the names in its rules, and for the first page of the cases.

They do not need the state file, so they are made while the service is asked which organisation the state belongs to.
"""

from __future__ import annotations

from attrs import frozen

from casemgmt_async import CaseSession, RawResponse, routes
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.triage.estimate import PaceMeter
from casemgmt_async.jobs.triage.listing import read_page
from casemgmt_async.jobs.triage.resolve import resolve_names
from casemgmt_async.jobs.triage.rules import NameBook, RuleSet

__all__ = ["FirstLook", "look_first"]


@frozen
class FirstLook:
    """The results of the first requests of a plan."""

    begun: float
    """When it began to read, in Unix seconds."""
    rules: RuleSet
    """The rules with ids in the place of names."""
    names: NameBook
    """What the names stand for."""
    meter: PaceMeter
    """The pace of the requests until now."""
    page: RawResponse | None
    """The first page of the cases; None where a sweep is to read them."""


async def look_first(session: CaseSession, rules: RuleSet, control: JobControl, *, complete: bool) -> FirstLook:
    """Find what the names in the rules stand for, and read the first page of the cases; writes nothing down."""
    begun, meter = control.clock(), PaceMeter(control.clock)
    with meter.listening(session):
        resolved, names = await resolve_names(session, rules, control)
        if complete:  # a sweep does not show its answers, and so not the rate limit
            query = {"filter": resolved.filter, "page[size]": 1}
            answer = await control.call(lambda: session.raw(routes.SEARCH_CASES, query=query))
        else:
            answer = await control.call(lambda: read_page(session, resolved.filter, 1))
    meter.learn(answer)
    return FirstLook(begun, resolved, names, meter, None if complete else answer)
