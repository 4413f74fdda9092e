"""The first half of a triage: look at every case, decide, write the plan down, change nothing."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import astuple, define, field, frozen

from casemgmt_async import Case, CaseSession, cases
from casemgmt_async.jobs.actions import ACTIONS, Step, describe
from casemgmt_async.jobs.control import JobControl
from casemgmt_async.jobs.durations import timestamp
from casemgmt_async.jobs.errors import JobError
from casemgmt_async.jobs.journal import Journal, OperationRow, SubjectRow, insert_operations, insert_subjects
from casemgmt_async.jobs.snapshot import Tally
from casemgmt_async.jobs.triage.rules import RuleSet
from casemgmt_async.jobs.triage.throughput import Pace, measure_pace

__all__ = ["CHUNK", "Plan", "PlanRow", "make_plan", "plan_triage", "read_plan"]

CHUNK: Final = 100
"""Cases in one bulk update."""
FLUSH_EVERY: Final = 2_000
TELL_EVERY: Final = 50


@frozen
class PlanRow:
    """One line of the table of a plan."""

    rule: str
    """The rule."""
    action: str
    """What it does, with the value where one is short enough to show."""
    operations: int
    """How many cases it is done to."""


@frozen(kw_only=True)
class Plan:
    """What a triage is going to do."""

    journal: Path
    """Where it is written down."""
    rows: tuple[PlanRow, ...]
    """Rule by action, in the order of the rules."""
    cases: int
    """Cases looked at."""
    matched: int
    """Cases that get at least one operation."""
    operations: int
    """Operations planned."""
    already: int
    """Steps left out because the case is so already."""
    requests: int
    """Requests that applying it will take, reading back included."""
    seconds: float
    """Seconds that they will take."""
    basis: str
    """What that rests on: the rate limit seen, or the speed measured."""
    converged: bool
    """Whether the last pass over the cases found nothing that was missed before."""


@define
class Planner:
    """Decides about cases and hands the decisions to the journal, some hundred at a time."""

    journal: Journal
    rules: RuleSet
    now: float
    tally: Tally
    cases: int = 0
    already: int = 0
    subjects: list[SubjectRow] = field(factory=list)
    rows: list[OperationRow] = field(factory=list)
    _number: int = 0

    def decide(self, case: Case) -> None:
        """Decide about one case."""
        self.cases += 1
        before = self.tally.add(case)
        steps = self.rules.decide(case, self.now)
        if not steps:
            return
        needed = [decided for decided in steps if not is_so_already(case, decided[1])]
        if len(needed) > 1:
            needed.sort(key=stage_of)
        self.already += len(steps) - len(needed)
        if not needed:
            return
        self._number = number = self._number + 1
        label = f"{case.key} {case.title}"
        self.subjects.append((number, case.id, label, case.id, case.project_id, timestamp(case.modified_at), before))
        for rule, step in needed:
            self.rows.append((number, rule, step.stage, step.action, step.text))

    async def flush(self) -> None:
        """Write down what was decided."""
        if self.subjects:
            subjects, rows = self.subjects, self.rows
            self.subjects, self.rows = [], []
            await self.journal.write(insert_subjects(subjects), insert_operations(rows))


def stage_of(decided: tuple[str, Step]) -> int:
    """The place of a decided step among all steps of a case."""
    return decided[1].stage


def is_so_already(case: Case, step: Step) -> bool:
    """Whether a step would change nothing."""
    holds = ACTIONS[step.action].holds
    return holds is not None and holds(case, step.payload)


async def plan_triage(
    session: CaseSession, rules: RuleSet, *, journal: str | Path, control: JobControl | None = None, chunk: int = CHUNK
) -> Plan:
    """Look at every case that the rules' filter finds, decide, and write the plan into a new journal.

    Nothing is changed. `chunk` is how many cases one bulk update will hold. Raises `JobError` where the
    journal holds a plan already; a plan that was broken off is made anew.
    """
    control = control or JobControl()
    async with open_triage(session, journal, control) as book:
        if book.meta.get("planned"):
            raise JobError(f"journal {book.path}: it holds a plan already; apply that, or give a new path")
        await control.run(session, make_plan(session, rules, book, control, chunk))
        if not book.meta.get("planned"):
            raise JobError(
                f"journal {book.path}: the plan was broken off because {control.stopped}; nothing was changed"
            )
        return await read_plan(book)


def open_triage(session: CaseSession, path: str | Path, control: JobControl) -> Journal:
    """The journal of a triage."""
    return Journal(path, kind="triage", base_url=session.base_url, on_step=control.step, clock=control.clock)


async def make_plan(session: CaseSession, rules: RuleSet, journal: Journal, control: JobControl, chunk: int) -> None:
    """Sweep, decide and write down; what an earlier try left behind is thrown away."""
    await journal.write(("DELETE FROM operations", [()]), ("DELETE FROM subjects", [()]))
    now = control.clock()
    planner = Planner(journal, rules, now, Tally(now))
    pace, total = await measure_pace(session, rules.filter)
    everything = total if rules.filter is None else (await measure_pace(session, None))[1]
    control.progress.phase("reading", total)
    sweep = cases.sweep_cases(session, filter=rules.filter)
    started = time.monotonic()
    async for case in sweep:
        planner.decide(case)
        if planner.cases % TELL_EVERY:
            continue
        control.progress.advance(TELL_EVERY)
        if len(planner.subjects) >= FLUSH_EVERY:
            control.step("planning")
            await planner.flush()
        if control.should_stop:
            return
    await planner.flush()
    pages = sum(done.pages for done in sweep.result.passes)
    if pace.is_measured:
        pace = Pace(pages / max(time.monotonic() - started, 1e-6), pace.basis)
    control.step("planned")
    await journal.put(
        planned=control.clock(),
        filter=rules.filter,
        digest=rules.digest,
        rules=[rule.name for rule in rules.rules],
        chunk=chunk,
        cases=planner.cases,
        everything=max(everything or 0, planner.cases),
        already=planner.already,
        converged=sweep.result.converged,
        kinds=[[*astuple(kind), count] for kind, count in zip(planner.tally.kinds, planner.tally.counts, strict=True)],
        per_second=pace.per_second,
        basis=pace.basis,
    )


async def read_plan(journal: Journal) -> Plan:
    """Tell the plan that a journal holds."""
    meta = journal.meta
    groups = await journal.read(
        "SELECT rule, action, payload, stage, count(*), min(number) FROM operations GROUP BY rule, stage, payload"
    )
    ranks = {rule: rank for rank, rule in enumerate(meta["rules"])}
    rows: Counter[tuple[int, str, int, str]] = Counter()
    for rule, action, payload, stage, count, _ in groups:
        rows[ranks.get(rule, 0), rule, stage, describe(action, json.loads(payload))] += count
    ((subjects,),) = await journal.read("SELECT count(*) FROM subjects")
    requests = count_requests(((a, p, n) for _, a, p, _, n, _ in groups), subjects, meta["everything"], meta["chunk"])
    return Plan(
        journal=journal.path,
        rows=tuple(PlanRow(rule, what, count) for (_, rule, _, what), count in sorted(rows.items())),
        cases=meta["cases"],
        matched=subjects,
        operations=sum(row[4] for row in groups),
        already=meta["already"],
        requests=requests,
        seconds=requests / meta["per_second"],
        basis=meta["basis"],
        converged=meta["converged"],
    )


def count_requests(groups: Iterable[tuple[str, str, int]], subjects: int, everything: int, chunk: int) -> int:
    """Requests that applying a plan takes, at most: the changes, and reading the cases before and after."""
    changes: Counter[tuple[str, str]] = Counter()
    for action, payload, count in groups:
        changes[action, payload] += count
    requests = bulk = 0
    for (action, _), count in changes.items():
        in_bulk = ACTIONS[action].bulk is not None and count > 1
        bulk = max(bulk, count) if in_bulk else bulk
        requests += math.ceil(count / chunk) if in_bulk else count
    pages = math.ceil(everything / 100)
    return requests + min(pages, subjects) + min(pages, bulk)
