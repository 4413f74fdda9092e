"""Requests and time of a triage beside what cannot be avoided, in virtual time.

    python -m benchmarks.jobs --requests

Unavoidable are one pass over the matching pages, the bare changes in bulk, and one pass over what was changed. A plan
that is applied later reads the cases to be changed once more. The time is that of a service that answers in 0.1 s and
allows 300 requests a minute, by a clock that moves on whenever everything waits.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar
from weakref import WeakSet

from attrs import define, field, frozen

from casemgmt_async import BulkAction, CaseSession, Clock, SortField, cases
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import JobControl, JobResult, Plan, RuleSet, apply_triage, plan_triage, rule, run_triage

__all__ = [
    "CONCURRENCY",
    "LIMIT",
    "ME",
    "SHARES",
    "Row",
    "Service",
    "measure",
    "now",
    "run_in_virtual_time",
    "show_requests",
    "side_by_side",
]

T = TypeVar("T")
START = 1_767_225_600.0  # 2026-01-01, the start of a minute
ME = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
LIMIT = "all=300/60s:*"
LATENCY = 0.1
SHARES = {"few": 1, "some": 25, "nearly all": 95}
"""Cases in a hundred that are changed."""
SIZES = (1_000, 10_000, 100_000)
CONCURRENCY = 8


class PatientSelector(selectors.DefaultSelector):
    """Where the loop would sleep until its next timer, its time moves on, unless somebody waits for a journal."""

    now = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.journal: WeakSet[asyncio.Future[Any]] = WeakSet()

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; without anything, move the time on to the next timer."""
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None or any(not future.done() for future in self.journal):
            return super().select(None)  # for a thread
        if events := super().select(0.002):  # what was sent on loopback may need a moment
            return events
        self.now += timeout
        return events


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, for programs that speak HTTP on loopback and keep a journal."""

    def __init__(self) -> None:
        self.patient = PatientSelector()
        super().__init__(self.patient)

    def time(self) -> float:
        """The virtual time in seconds, from 0."""
        return self.patient.now

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future; the thread of a journal sets those that are made in its package, in real time."""
        future = super().create_future()
        if sys._getframe(1).f_globals["__name__"].startswith("casemgmt_async.jobs.journal"):
            self.patient.journal.add(future)
        return future

    async def shutdown_default_executor(self, *_timeout: object) -> None:
        """Wait for threads without the time limit that Python 3.12 gives: they end in real time."""
        await super().shutdown_default_executor()


def run_in_virtual_time(program: Coroutine[Any, Any, T]) -> T:
    """Run a program in virtual time."""
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        return runner.run(program)


def now() -> float:
    """The virtual time in Unix seconds."""
    return START + asyncio.get_running_loop().time()


@define(eq=False)
class Service:
    """An emulator in virtual time and a session on it, for `async with`."""

    count: int
    limits: str | None = LIMIT
    latency: float = LATENCY
    switches: Switches | None = None
    emulator: Emulator = field(init=False)
    session: CaseSession = field(init=False)
    stack: AsyncExitStack = field(init=False, factory=AsyncExitStack)
    folder: Path = field(init=False)

    async def __aenter__(self) -> Self:
        enter = self.stack.enter_async_context
        self.emulator = await enter(
            Emulator(
                cases=self.count,
                seed=1,
                clock=now,
                switches=self.switches,
                limits=self.limits,
                latency=self.latency,
                log_size=0,
            )
        )
        clock = Clock(asyncio.get_running_loop().time, now, asyncio.sleep)
        self.session = await enter(CaseSession(base_url=self.emulator.base_url, api_key="k", app_key="k", clock=clock))
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="casemgmt-requests-")))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    @property
    def state(self) -> Path:
        """The state file."""
        return self.folder / "state.db"

    def control(self) -> JobControl:
        """A control whose clock is the virtual one."""
        return JobControl(clock=now)

    async def cost(self, work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, Cost]:
        """Do some work; gives what it gives, with its requests and seconds."""
        requests, started = self.emulator.requests, now()
        done = await work()
        return done, Cost(self.emulator.requests - requests, now() - started)


@frozen
class Cost:
    """Requests and virtual seconds."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.requests:>7,}{self.seconds:>8.1f} s"


def rules_for(share: int) -> RuleSet:
    """Three changes in bulk, by two rules, to a share of the cases."""

    def is_chosen(case: Any) -> bool:
        return (int(case.key.rpartition("-")[2]) * 37) % 100 < share

    @rule("priority", continue_=True)
    def priority(case: Any) -> Mapping[str, Any] | None:
        return {"priority": "P5"} if is_chosen(case) else None

    @rule("decline")
    def decline(case: Any) -> Mapping[str, Any] | None:
        return {"assign": ME, "status": "In Progress"} if is_chosen(case) else None

    return RuleSet([priority, decline])


async def unavoidable(session: CaseSession, count: int, rules: RuleSet, *, later: bool) -> int:
    """Make the requests that cannot be avoided; gives how many cases were changed."""
    wanted: dict[tuple[str, Any], list[str]] = {}
    changed: dict[str, str] = {}
    # With a limit, no page is asked for behind a full last one.
    walk = cases.iter_cases(session, sort=SortField.CREATED_AT, ascending=True, window=CONCURRENCY, limit=count)
    async for case in walk:
        for _, step in rules.decide(case, now()):
            if not is_so(case, step.action, step.payload):
                wanted.setdefault((step.action, step.payload), []).append(case.id)
                changed[case.id] = case.key or ""
    keys = [list(changed.values())[start : start + 100] for start in range(0, len(changed), 100)]
    if later:
        await side_by_side([look_up(session, some) for some in keys])
    for (action, payload), ids in wanted.items():
        chunks = [ids[start : start + 100] for start in range(0, len(ids), 100)]
        await side_by_side([update(session, chunk, action, payload) for chunk in chunks])
    await side_by_side([look_up(session, some) for some in keys])
    return len(changed)


def is_so(case: Any, action: str, payload: Any) -> bool:
    """Whether a case is as an action would make it."""
    match action:
        case "priority":
            return bool(case.priority == payload)
        case "assign":
            return case.assignee is not None and case.assignee.id == payload
    return bool(case.status_name == payload)


BULK = {
    "priority": (BulkAction.PRIORITY, lambda payload: {"priority": payload}),
    "assign": (BulkAction.ASSIGN, lambda payload: {"assignee_id": payload}),
    "status": (BulkAction.STATUS, lambda payload: {"status": payload.upper().replace(" ", "_")}),
}


async def update(session: CaseSession, ids: list[str], action: str, payload: str) -> None:
    """Change some cases in one request."""
    kind, given = BULK[action]
    await cases.bulk_update_cases(session, ids, action=kind, payload=given(payload))


async def look_up(session: CaseSession, keys: list[str]) -> None:
    """Read some cases in one request."""
    await cases.search_cases(session, filter=f"key:({' OR '.join(keys)})")


async def side_by_side(calls: list[Coroutine[Any, Any, None]]) -> None:
    """Make calls, some at a time."""
    left = iter(calls)

    async def worker() -> None:
        for call in left:
            await call

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(worker())


@frozen
class Row:
    """One size and share: what cannot be avoided, and what a triage takes."""

    count: int
    share: str
    changed: int
    bare: Cost
    run: Cost
    bare_later: Cost
    later: Cost
    """Plan and apply."""
    estimate: Plan
    apply: Cost
    """The second half alone."""

    def __str__(self) -> str:
        ratios = [
            f"{ours.requests / bare.requests:>6.2f}{ours.seconds / bare.seconds:>6.2f}"
            for ours, bare in ((self.run, self.bare), (self.later, self.bare_later))
        ]
        guess = (
            f"{self.estimate.requests / self.apply.requests:>8.2f}{self.estimate.seconds / self.apply.seconds:>6.2f}"
        )
        what = f"{self.count:>8,}  {self.share:<11}{self.changed:>8,}"
        return f"{what}{self.bare}{self.run}{ratios[0]}{self.bare_later}{self.later}{ratios[1]}{guess}"


async def measure(count: int, share: str, limits: str | None = LIMIT) -> Row:
    """Measure one size and share."""
    rules = rules_for(SHARES[share])
    bare: list[Cost] = []
    for later in (False, True):
        async with Service(count, limits) as service:
            changed, cost = await service.cost(partial(unavoidable, service.session, count, rules, later=later))
            bare.append(cost)
    async with Service(count, limits) as service:
        result, run = await service.cost(
            lambda: run_triage(service.session, rules, state=service.state, control=service.control())
        )
        check(result)
    async with Service(count, limits) as service:
        plan, planned = await service.cost(
            lambda: plan_triage(service.session, rules, state=service.state, control=service.control())
        )
        result, applied = await service.cost(
            lambda: apply_triage(service.session, state=service.state, control=service.control())
        )
        check(result)
    later_cost = Cost(planned.requests + applied.requests, planned.seconds + applied.seconds)
    return Row(count, share, changed, bare[0], run, bare[1], later_cost, plan, applied)


def check(result: JobResult) -> None:
    """See that everything was done."""
    assert result.succeeded, result.states
    assert set(result.states) == {"done"}, result.states


def show_requests(sizes: tuple[int, ...] = SIZES) -> None:
    """Print the table."""
    print(f"rate limit {LIMIT}, {LATENCY} s latency, {CONCURRENCY} at a time; requests and seconds")
    print(f"{'':29}{'run':^39}{'plan and apply':^48}{'estimate':>10}")
    pair = f"{'unavoidable':>17}{'ours':>17}{'times':>12}"
    print(f"{'cases':>8}  {'share':<11}{'changed':>8}{pair}{pair}{'over apply':>14}")
    for count in sizes:
        for share in SHARES:
            print(run_in_virtual_time(measure(count, share)), flush=True)
