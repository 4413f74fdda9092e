"""How many requests a plan takes, and how long they take under the rate limit or at the measured speed."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from casemgmt_async import CaseSession, Event, RateLimit, RawResponse, RequestStarted, ResponseReceived
from casemgmt_async.jobs.actions import TABLE
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.triage_queries import count_cases_of
from casemgmt_async.jobs.triage.known_cases import FEW_SEARCHES, count_lookups
from casemgmt_async.jobs.triage.listing import PAGE_SIZE

__all__ = [
    "BULK",
    "BY_PAGES",
    "AnswerPace",
    "Estimate",
    "Groups",
    "PaceMeter",
    "PlannedWork",
    "count_work",
    "estimate_requests",
    "proven_by_bulk",
]

LINK_REQUESTS: Final = 3
BULK: Final = tuple(action.name for action in TABLE if action.bulk is not None)
"""The actions that bulk updates can do."""
BY_PAGES: Final = ("project", *(action.name for action in TABLE if action.hides))
"""Actions after which no search finds the case by its old key."""
SHOWN: Final = frozenset(BULK) - frozenset(BY_PAGES)
"""Bulk actions after which a search still finds the case by its key."""

Groups = Sequence[tuple[str, str, str, int, int]]
"""Equal operations: rule, action, payload, stage, count."""


@frozen
class Estimate:
    """The requests that applying a plan takes."""

    requests: int = 0
    """Requests."""
    rounds: int = 0
    """How many of them follow one another; the others are in flight at the same time."""

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.requests + other.requests, self.rounds + other.rounds)


@frozen(kw_only=True)
class AnswerPace:
    """How fast requests are answered, and how many the rate limit allows, as far as answers have shown."""

    latency: float
    """Seconds from a request to its answer."""
    basis: str = "the measured speed"
    """What estimates rest on."""
    limit: float | None = None
    """Requests that one window of the rate limit allows; None if the service reported no limit."""
    period: float = math.inf
    """Length of a window, in seconds."""
    remaining: float = math.inf
    """Requests that are left in the present window."""
    reset: float = 0.0
    """Seconds until it ends."""

    def seconds(self, estimate: Estimate) -> float:
        """Estimate how long requests take, by the windows of the rate limit and by the latency of answers."""
        unlimited = estimate.rounds * self.latency
        if self.limit is None or estimate.requests <= self.remaining:
            return unlimited
        left = estimate.requests - self.remaining
        windows = math.ceil(left / self.limit) - 1
        last = left - windows * self.limit
        return max(unlimited, self.reset + windows * self.period + unlimited * last / estimate.requests)


@define(eq=False)
class PaceMeter:
    """Learns the pace from the requests of a plan."""

    clock: Callable[[], float]
    """Gives the time of the job."""
    limits: RateLimit = field(init=False, factory=RateLimit)
    """The rate limit that an answer reported."""
    used: float = field(init=False, default=0.0)
    """Requests that count in the present window."""
    ends: float = field(init=False, default=math.inf)
    """When the present window ends."""
    answers: int = field(init=False, default=0)
    waited: float = field(init=False, default=0.0)
    """Seconds from request to answer, of all answers."""

    @contextlib.contextmanager
    def listening(self, session: CaseSession) -> Iterator[None]:
        """Learn from the requests of a session meanwhile."""
        session.add_listener(self.on_event)
        try:
            yield
        finally:
            session.remove_listener(self.on_event)

    def on_event(self, event: Event) -> None:
        """Take in a request or an answer of the session."""
        if isinstance(event, RequestStarted):
            self.advance()
            self.used += 1
        elif isinstance(event, ResponseReceived):
            self.answers += 1
            self.waited += event.elapsed

    def learn(self, answer: RawResponse) -> None:
        """Take in the rate limit that an answer reports."""
        limits = answer.rate_limit
        if limits.limit and limits.period:
            self.limits = limits
            self.used = limits.limit - (limits.remaining or 0.0)
            self.ends = self.clock() + (limits.period if limits.reset is None else limits.reset)

    def advance(self) -> None:
        """Begin the window of the present time."""
        now = self.clock()
        if now >= self.ends and self.limits.period:
            self.ends += self.limits.period * math.ceil((now - self.ends) / self.limits.period + 1e-9)
            self.used = 0.0

    def pace(self) -> AnswerPace:
        """Return the pace as learned until now."""
        self.advance()
        latency, limits = self.waited / max(self.answers, 1), self.limits
        if not limits.limit or not limits.period:
            return AnswerPace(latency=latency)
        return AnswerPace(
            latency=latency,
            basis=f"the rate limit {limits.name or 'search'} of {limits.limit:g} requests in {limits.period:g} s",
            limit=limits.limit,
            period=limits.period,
            remaining=max(limits.limit - self.used, 0.0),
            reset=max(self.ends - self.clock(), 0.0),
        )


def proven_by_bulk(groups: Groups) -> set[str]:
    """The rules that make one change to each case, by bulk updates: a refused bulk update changes nothing.

    So no case has to go first, to see whether the service takes all that the rule does.
    """
    actions: dict[str, set[str]] = defaultdict(set)
    for rule, action, *_ in groups:
        actions[rule].add(action)
    return {rule for rule, names in actions.items() if len(names) == 1 and names <= set(BULK)}


@frozen(kw_only=True)
class PlannedWork:
    """What is planned and not done."""

    groups: Groups
    """The changes."""
    cases: int
    """The cases that they are done to."""
    shown: int
    """Those of them that a search for their keys shows after a bulk update."""
    hidden: int
    """Those that no search for their keys finds afterwards."""
    projects: int
    """The projects of the hidden ones."""

    def reads_after(self, everything: int) -> int:
        """Count the requests to read back what bulk updates change: by keys, or by all pages of the projects."""
        pages = math.ceil(everything / PAGE_SIZE) + max(self.projects - 1, 0)
        return count_lookups(self.shown) + min(self.hidden, pages)

    def pays_in_bulk(self, everything: int, chunk: int) -> bool:
        """Whether bulk updates and reading the cases back take fewer requests than one request for each change."""
        singly, bulk = count_bulk(self.groups, chunk)
        return bulk + self.reads_after(everything) < singly


async def count_work(journal: Journal, groups: Groups, cases: int) -> PlannedWork:
    """Count the cases of planned changes; the journal is asked only where not all cases are of one sort."""
    actions = {group[1] for group in groups}
    shown = cases if actions <= SHOWN else (await count_cases_of(journal, SHOWN))[0]
    hidden, projects = (0, 0) if actions.isdisjoint(BY_PAGES) else await count_cases_of(journal, BY_PAGES)
    return PlannedWork(groups=groups, cases=cases, shown=shown, hidden=hidden, projects=projects)


def count_bulk(groups: Groups, chunk: int) -> tuple[int, int]:
    """Count the requests of the actions that have a bulk update: one by one, and in bulk."""
    counts = [count for _, action, _, _, count in groups if action in BULK]
    return sum(counts), sum(math.ceil(count / chunk) for count in counts)


def estimate_requests(work: PlannedWork, everything: int, chunk: int, concurrency: int, *, at_once: bool) -> Estimate:
    """Estimate what applying a plan takes; unless it is done `at_once`, the cases are read again first."""
    groups, in_bulk = work.groups, work.pays_in_bulk(everything, chunk)
    total = Estimate()
    if not at_once:
        total = Estimate(1, 0) + estimate_lookups(count_lookups(work.cases), concurrency)
    proven = proven_by_bulk(groups) if in_bulk else set()
    begun: set[tuple[str, str]] = set()
    first: Counter[str] = Counter()  # the requests for the case of each rule that goes first
    for action in TABLE:
        each = LINK_REQUESTS if action.name == "link" else 1
        bulk, singly = 0, 0
        leading: set[str] = set()  # rules whose first bulk update goes alone
        for rule, name, _, _, count in groups:
            if name != action.name:
                continue
            if rule not in proven and (rule, name) not in begun:  # the case of the rule that goes first
                begun.add((rule, name))
                first[rule] += each
                count -= 1  # noqa: PLW2901
            if in_bulk and action.bulk is not None:
                bulk += math.ceil(count / chunk)
                leading |= {rule} & proven
            else:
                singly += count * each
        rounds = math.ceil(len(leading) / concurrency) + math.ceil((bulk - len(leading)) / concurrency)
        total += Estimate(bulk, rounds) + Estimate(singly, math.ceil(singly / concurrency))
    total += Estimate(first.total(), max(max(first.values(), default=0), math.ceil(first.total() / concurrency)))
    if not in_bulk:
        return total
    # Where the cases were looked up before, those searches have proven it.
    return total + estimate_lookups(work.reads_after(everything), concurrency, proven=not at_once)


def estimate_lookups(count: int, concurrency: int, *, proven: bool = False) -> Estimate:
    """What searches for keys take; of many, the first goes alone unless it is proven that searches find keys."""
    alone = int(count > FEW_SEARCHES and not proven)
    return Estimate(count, alone + math.ceil((count - alone) / concurrency))
