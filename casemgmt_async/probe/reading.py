"""The checks that only read."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from attrs import define, field

from casemgmt_async import CaseSession, DecodeError, NotFoundError, StatusError
from casemgmt_async.probe.calls import UNDECIDED, ProbeCalls, failure
from casemgmt_async.probe.findings import Finding, Verdict
from casemgmt_async.routes import COUNT_CASES, GET_ALL_CASE_TYPES, GET_CASE, LIST_CASE_TIMELINE, SEARCH_CASES

__all__ = ["MAX_READS", "probe_reading"]

MAX_READS: Final = 70
"""The most requests that `probe_reading` sends."""
REPEATS: Final = 5
"""How often a request is repeated to see whether its answer changes."""
MOVED_SHARE: Final = 0.2
"""Share of cases out of order that moves between projects can explain."""

HOLDS, DOES_NOT, UNKNOWN = Verdict.HOLDS, Verdict.DOES_NOT, Verdict.UNKNOWN


def verdict(holds: bool) -> Verdict:
    """The verdict on an assumption that was tried."""
    return HOLDS if holds else DOES_NOT


@define
class Sample:
    """Results of the first requests, for the checks that follow."""

    cases: list[dict[str, Any]] = field(factory=list)
    """The newest cases, at most 100, as they were sent."""
    users: set[str] = field(factory=set)
    """The ids of the users that were included."""
    meta: dict[str, Any] = field(factory=dict)
    total: int = 0

    def attributes(self) -> list[dict[str, Any]]:
        """The attributes of the cases."""
        return [case["attributes"] for case in self.cases]


Check = Callable[[ProbeCalls, Sample], Awaitable[Finding]]
CHECKS: Final[list[tuple[str, str, Check]]] = []


def check(name: str, assumption: str) -> Callable[[Callable[[ProbeCalls, Sample], Awaitable[Any]]], Check]:
    """Register a check. It returns a verdict, what was seen, and the facts that follow."""

    def add(work: Callable[[ProbeCalls, Sample], Awaitable[Any]]) -> Check:
        async def run(calls: ProbeCalls, sample: Sample) -> Finding:
            try:
                verdict, seen, *facts = await work(calls, sample)
            except UNDECIDED as error:
                verdict, seen, facts = UNKNOWN, failure(error), []
            return Finding(name, assumption, verdict, seen, facts[0] if facts else {})

        CHECKS.append((name, assumption, run))
        return run

    return add


async def probe_reading(session: CaseSession, *, progress: Callable[[Finding], object] | None = None) -> list[Finding]:
    """Find out how the service behaves, by reading only; sends at most `MAX_READS` requests and repeats none.

    `progress` is called with each finding. Raises the error of the first request if that fails.
    """
    calls = ProbeCalls(session.with_options(retry=None), MAX_READS)
    sample = await take_sample(calls)
    findings = []
    for _, _, run in CHECKS:
        finding = await run(calls, sample)
        findings.append(finding)
        if progress is not None:
            progress(finding)
    return findings


async def take_sample(calls: ProbeCalls) -> Sample:
    """Read the newest cases; a page of ten if the service refuses a page of a hundred."""
    try:
        page = await calls.search(size=100)
    except StatusError as error:
        if error.status < 500:
            raise
        page = await calls.search(size=10)
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise DecodeError("expected a document with a list of cases", route=SEARCH_CASES.name)
    users = {user["id"] for user in page.get("included") or () if user.get("type") == "user"}
    meta = page.get("meta") or {}
    return Sample(page["data"], users, meta, meta.get("total_cases", len(page["data"])))


@check("page_numbers", "searches count pages from 1, and meta.page describes the page and the number of pages")
async def page_numbers(_: ProbeCalls, sample: Sample) -> Any:
    """Compare the page number and size in `meta.page` with the page that was requested."""
    page = sample.meta.get("page", {})
    fits = page.get("current") == 1 and page.get("size") == len(sample.cases)
    return verdict(fits), f"current {page.get('current')}, size {page.get('size')} of {len(sample.cases)} cases sent"


@check("exact_totals", "the totals of a search stay the same while nothing changes")
async def exact_totals(calls: ProbeCalls, _: Sample) -> Any:
    """Read the total of the same search several times."""
    totals = [(await calls.search())["meta"]["total_cases"] for _ in range(REPEATS)]
    if len(set(totals)) == 1:
        return HOLDS, f"the same total in {REPEATS} answers", {"exact_totals": True}
    if totals == sorted(totals) or totals == sorted(totals, reverse=True):
        return UNKNOWN, "the total moved in one direction; other users may have changed cases"
    return DOES_NOT, f"{len(set(totals))} different totals in {REPEATS} answers", {"exact_totals": False}


@check("stable_ties", "cases that are equal in the sorted field keep their order")
async def stable_ties(calls: ProbeCalls, sample: Sample) -> Any:
    """Sort by priority three times and compare the order of the cases."""
    size = min(max(len(sample.cases), 1), 100)
    pages = [(await calls.search(size=size, sort="priority"))["data"] for _ in range(3)]
    orders = [[case["id"] for case in page] for page in pages]
    priorities = [case["attributes"].get("priority") for case in pages[0]]
    if len(priorities) == len(set(priorities)):
        return UNKNOWN, "no two cases have the same priority"
    if orders[0] == orders[1] == orders[2]:
        return HOLDS, "three equal answers to one search by priority", {"stable_ties": True}
    return DOES_NOT, "three different answers to one search by priority", {"stable_ties": False}


@check("depth", "a search can be paged to its end")
async def depth(calls: ProbeCalls, sample: Sample) -> Any:
    """Read the last page; if that fails, find the last page that can be read."""
    counted = (await calls.json(COUNT_CASES))["data"]["attributes"].get("total")
    reach = sample.total if counted is None else counted
    if not reach:
        return UNKNOWN, "there are no cases"
    pages = DepthSearch(calls, {1: len(sample.cases)} if len(sample.cases) > 10 else {})
    last = -(-reach // 100)
    if await pages.readable(last):
        seen = f"page {last} of {last}, of 100 cases each, could be read"
        return HOLDS, seen, {"depth_cap": 0, "depth_caps_totals": False}
    cap = await pages.cap(last)
    if pages.status == 200 and cap >= reach * 0.97:
        return UNKNOWN, f"the pages ended after {cap} cases, about where they should"
    facts = {"depth_cap": cap, "depth_status": pages.status, "depth_caps_totals": sample.total <= cap < reach}
    return DOES_NOT, f"no page beyond {cap} cases could be read (status {pages.status})", facts


@define
class DepthSearch:
    """Looks for the last page that can be read."""

    calls: ProbeCalls
    lengths: dict[int, int]
    """The number of cases on pages of 100, as far as they have been read."""
    status: int = 0
    """The status of a page beyond the cap; 200 if it is empty."""

    async def readable(self, number: int, size: int = 100) -> bool:
        """Whether a page can be read and has cases."""
        try:
            found = (await self.calls.search(size=size, number=number))["data"]
        except StatusError as error:
            if error.status < 500:
                raise
            self.status = error.status
            return False
        if size == 100:
            self.lengths[number] = len(found)
        if not found:
            self.status = 200
        return bool(found)

    async def cap(self, beyond: int) -> int:
        """The number of cases that can be reached, where page `beyond` of 100 cannot."""
        full = await self.search(0, min(self.lengths, default=0), beyond, 100)
        if self.status == 200:  # the last page before empty ones can be short
            return (full - 1) * 100 + self.lengths[full] if full else 0
        tens = full * 10 + await self.search(full * 10, 0, 10, 10)
        return tens * 10 + await self.search(tens * 10, 0, 10, 1)

    async def search(self, first: int, low: int, high: int, size: int) -> int:
        """The last readable page behind `first`, by bisection; page `first + high` is not readable."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self.readable(first + middle, size) else (low, middle)
        return low


FACETS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "status": lambda case: case["attributes"].get("status"),
    "priority": lambda case: case["attributes"].get("priority"),
    "type": lambda case: case["attributes"].get("type"),
    "key": lambda case: case["attributes"].get("key"),
    "project": lambda case: str(case["attributes"].get("key", "")).rpartition("-")[0],
    "project_id": lambda case: related(case, "project"),
    "assignee": lambda case: related(case, "assignee"),
    "created_by": lambda case: related(case, "created_by"),
    "service": lambda case: labelled(case, "service"),
    "env": lambda case: labelled(case, "env"),
    "team": lambda case: labelled(case, "team"),
}
"""The facets that are tried, and where a case shows the value. Names of an organisation's own are not tried."""


def related(case: dict[str, Any], name: str) -> str | None:
    """The id in a relationship of a case."""
    found: str | None = ((case.get("relationships", {}).get(name) or {}).get("data") or {}).get("id")
    return found


def labelled(case: dict[str, Any], name: str) -> str | None:
    """The first value of an attribute of a case."""
    values = (case["attributes"].get("attributes") or {}).get(name)
    return values[0] if isinstance(values, list) and values else None


@check("facets", "facets such as status:open find the cases that have the value")
async def facets(calls: ProbeCalls, sample: Sample) -> Any:
    """Search for one value of each facet that the sample has."""
    working: list[str] = []
    dead: list[str] = []
    for name, value_of in FACETS.items():
        value = next((found for case in sample.cases if (found := value_of(case))), None)
        if value is None:
            continue
        quoted = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"' if " " in str(value) else value
        found = (await calls.search(f"{name}:{quoted}"))["data"]
        (working if found else dead).append(name)
    if not working and not dead:
        return UNKNOWN, "no case has a value to search for"
    facts = {"working_facets": tuple(working), "dead_facets": tuple(dead)}
    seen = f"found: {', '.join(working) or 'none'}; not found: {', '.join(dead) or 'none'}"
    return verdict(not dead), seen, facts


@check("archived_hidden", "searches do not find archived cases")
async def archived_hidden(_: ProbeCalls, sample: Sample) -> Any:
    """Look for archived cases in the sample."""
    archived = sum("archived_at" in each for each in sample.attributes())
    if archived:
        return DOES_NOT, f"{archived} of {len(sample.cases)} cases found are archived", {"archived_visible": True}
    return UNKNOWN, "no archived case was found; whether there are any cannot be read"


@check("ordered_keys", "the numbers in the keys of a project follow the order of creation")
async def ordered_keys(_: ProbeCalls, sample: Sample) -> Any:
    """Compare the numbers in the keys of the sample, which is sorted by age."""
    pairs = inverted = 0
    last: dict[str, int] = {}
    for each in sample.attributes():  # newest first
        project, _dash, number = str(each.get("key", "")).rpartition("-")
        if number.isdecimal():
            if project in last:
                pairs += 1
                inverted += int(number) > last[project]
            last[project] = int(number)
    return order_of(pairs, inverted)


def order_of(pairs: int, inverted: int) -> Any:
    """Judge how many pairs of keys are out of order."""
    if pairs < 5:
        return UNKNOWN, "too few cases of one project"
    seen = f"{inverted} of {pairs} pairs of keys are out of order"
    if not inverted:
        return HOLDS, seen, {"ordered_keys": True}
    if inverted > pairs * MOVED_SHARE:
        return DOES_NOT, seen, {"ordered_keys": False}
    return UNKNOWN, f"{seen}; cases that were moved can explain that"


@check("status_names", "fresh cases have status_name and status_group")
async def status_names(_: ProbeCalls, sample: Sample) -> Any:
    """Look for `status_name` and `status_group` in open cases that were never changed."""
    fresh = [each for each in sample.attributes() if "modified_at" not in each and each.get("status") == "OPEN"]
    if not fresh:
        return UNKNOWN, "no case of the sample is fresh"
    named = sum("status_name" in each and "status_group" in each for each in fresh)
    return verdict(named == len(fresh)), f"{named} of {len(fresh)} have them", {"status_names": named == len(fresh)}


@check("comment_count", "cases have a comment_count, which is the number of their comments")
async def comment_count(calls: ProbeCalls, sample: Sample) -> Any:
    """Compare `comment_count` with the comments in the timeline of one case."""
    counts = {case["id"]: case["attributes"].get("comment_count") for case in sample.cases}
    if not counts:
        return UNKNOWN, "there are no cases"
    if None in counts.values():
        lacking = sum(count is None for count in counts.values())
        return DOES_NOT, f"{lacking} of {len(counts)} cases have none", {"comment_count": False}
    case, count = max(counts.items(), key=lambda each: each[1] if each[1] < 100 else 0)
    cells = (await calls.json(LIST_CASE_TIMELINE, case, query={"page[size]": 100}))["data"]
    comments = sum(cell["attributes"].get("type") == "COMMENT" for cell in cells)
    seen = f"{count} for a case with {comments} comments"
    return verdict(count == comments), seen, {"comment_count": True}


@check("included_users", "answers about cases include the users in their relationships")
async def included_users(_: ProbeCalls, sample: Sample) -> Any:
    """Look for the users of the relationships among the included users."""
    wanted = {related(case, name) for case in sample.cases for name in ("assignee", "created_by", "modified_by")}
    wanted.discard(None)
    if not wanted:
        return UNKNOWN, "no case of the sample refers to a user"
    missing = len(wanted - sample.users)
    return verdict(not missing), f"{missing} of {len(wanted)} users are missing", {"included": missing < len(wanted)}


@check("error_objects", "errors are objects with a title, not plain strings")
async def error_objects(calls: ProbeCalls, _: Sample) -> Any:
    """Read a case that does not exist, and look at the shape of the error."""
    try:
        await calls.json(GET_CASE, str(uuid.uuid4()))
    except NotFoundError as error:
        objects = any(each.code or each.status or each.detail for each in error.errors)
        seen = "an unknown case answers with " + ("an object" if objects else "a string")
        return verdict(objects), seen, {"recorded_errors": objects}
    return UNKNOWN, "an unknown case was found"


@check("statuses_config", "case types list the statuses that they allow")
async def statuses_config(calls: ProbeCalls, _: Sample) -> Any:
    """Look for `statuses_config` in the case types."""
    types: Sequence[Any] = (await calls.json(GET_ALL_CASE_TYPES))["data"]
    if not types:
        return UNKNOWN, "there are no case types"
    configured = sum("statuses_config" in each["attributes"] for each in types)
    every = configured == len(types)
    return verdict(every), f"{configured} of {len(types)} types do", {"statuses_config": every}


@check("rate_limit_headers", "successful answers carry rate-limit headers")  # last, because it counts all answers
async def rate_limit_headers(calls: ProbeCalls, _: Sample) -> Any:
    """Count the answers that had rate-limit headers."""
    limited, all_answers = sum(calls.limited), len(calls.limited)
    buckets = "; ".join(
        f"{each.name}: {each.limit} in {each.period:g} s for {', '.join(each.operations)}"
        for each in calls.buckets.values()
    )
    facts = {"rate_limit_headers": limited > 0, "rate_limits": tuple(calls.buckets.values())}
    seen = f"{limited} of {all_answers} answers do" + (f" ({buckets})" if buckets else "")
    return verdict(limited > 0), seen, facts


@check("index_lag", "a search finds a new case at once")
async def index_lag(_calls: ProbeCalls, _sample: Sample) -> Any:
    """Report that reading alone cannot measure the lag of the index."""
    return UNKNOWN, "reading cannot tell; --probe-writes can"
