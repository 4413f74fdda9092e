"""A month of hourly triage on the emulator's clock, judged by a model of the policy that shares no code with it.

    python -m benchmarks.month --hours 720 --cases 2000 --kills 60

Between two runs other people comment on, reopen, close and create cases, and change priorities. Some runs are killed
with SIGKILL at a random step and started again. In the end each case must have exactly the comments, the status, the
priority, the assignee and the mark that the model predicts. Then an idle hour is run, and its requests are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks.kill import MEMORY, Nursery
from casemgmt_async import CaseSession, Priority, cases, timeline
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import JobControl, load_rules, run_triage

HOUR = 3600.0
DAY = 24 * HOUR
START = 1_767_225_600.0  # 2026-01-01
ON_CALL = "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"
TEXTS = {"Nobody has": "warning", "Closed: nobody": "farewell", "Raised": "raised", "Still P2": "escalated"}


@define
class Policy:
    """Durations of the rules, in seconds."""

    warn_after: float = 7 * DAY
    close_after: float = 3 * DAY
    raise_after: float = 5 * DAY
    escalate_after: float = 10 * DAY

    def toml(self) -> str:
        """The rules file."""

        def span(seconds: float) -> str:
            return f"{round(seconds / HOUR)}h"

        return f"""
name = "month"
[stale]
warn_after = "{span(self.warn_after)}"
close_after = "{span(self.close_after)}"
exempt = {{ priority = "P1" }}
[[rules]]
name = "route"
continue = true
match = {{ priority = ["P1", "P2"], assignee = "none", status_group = ["open", "in_progress"] }}
actions = {{ assign = "{ON_CALL}" }}
[[rules]]
name = "escalate"
once = true
match = {{ priority = "P2", older_than = "{span(self.escalate_after)}", status_group = ["open", "in_progress"] }}
actions = {{ priority = "raise", comment = "Still P2 after {{age}}: escalated." }}
[[rules]]
name = "raise"
once = true
match = {{ priority = "P3", older_than = "{span(self.raise_after)}", status_group = ["open", "in_progress"] }}
actions = {{ priority = "raise", comment = "Raised: {{key}} is {{age}} old." }}
"""


@define
class ModelCase:
    """State of a case in the model."""

    created: float
    active: float
    priority: str
    is_open: bool
    assignee: str | None
    done: set[str] = field(factory=set)
    warned_at: float | None = None
    active_when_warned: float = 0.0
    is_marked: bool = False
    comments: list[tuple[str, int]] = field(factory=list)


@define
class Model:
    """An independent implementation of the policy."""

    policy: Policy
    cases: dict[str, ModelCase] = field(factory=dict)

    def run(self, now: float, hour: int) -> None:
        """Apply one run of the policy."""
        for case in self.cases.values():
            if case.is_open:
                self.rules(case, now, hour)

    def rules(self, case: ModelCase, now: float, hour: int) -> None:
        """The three rules and the stale policy, for one open case."""
        policy, priority = self.policy, case.priority
        if priority in ("P1", "P2") and case.assignee is None:
            case.assignee = ON_CALL
        for rule, wanted, after, result in (
            ("escalated", "P2", policy.escalate_after, "P1"),
            ("raised", "P3", policy.raise_after, "P2"),
        ):
            if priority == wanted and case.created < now - after:
                if rule not in case.done:
                    case.done.add(rule)
                    case.priority = result
                    case.comments.append((rule, hour))
                break
        if case.priority == "P1":
            case.is_marked = False
            return
        is_idle = case.active < now - policy.warn_after
        if case.warned_at is not None and case.active <= case.active_when_warned:
            if now - case.warned_at >= policy.close_after:
                case.is_open = False
                case.comments.append(("farewell", hour))
        elif case.warned_at is not None and case.is_marked:
            case.is_marked = False
        elif is_idle:
            case.warned_at, case.active_when_warned, case.is_marked = now, case.active, True
            case.comments.append(("warning", hour))


@define(eq=False)
class Month:
    """The emulator, the model, and the people who work on the cases."""

    emulator: Emulator
    session: CaseSession
    folder: Path
    policy: Policy
    seed: int
    model: Model = field(init=False)
    other: str = field(init=False)
    lot: random.Random = field(init=False)
    requests: list[int] = field(init=False, factory=list)
    kills: int = field(init=False, default=0)
    runs: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.lot = random.Random(f"month {self.seed}")
        self.model = Model(self.policy)
        self.other = next(user for user in self.emulator.store.users if user != self.emulator.store.me)
        for case in self.emulator.store.tables.cases:
            self.begin(case)

    def begin(self, case: Any) -> None:
        """Let the model know a case; all that was done to it was done by somebody else, comments included."""
        cells = self.emulator.store.tables.cells
        case.modified_at = max([case.modified_at or 0, *(cells[each].created_at for each in case.comments)]) or None
        case.modified_by = self.other if case.modified_at is not None else None
        self.emulator.store.cases.encoded.pop(case.serial, None)
        created = case.created_at / 1e9
        active = created if case.modified_at is None else case.modified_at / 1e9
        is_open = case.closed_at is None
        self.model.cases[case.id] = ModelCase(created, active, case.priority, is_open, case.assignee)

    @contextmanager
    def as_other(self) -> Iterator[None]:
        """Make another user the author of the changes inside the context."""
        tables = self.emulator.store.tables
        me, tables.me = tables.me, self.other
        try:
            yield
        finally:
            tables.me = me

    async def people(self, count: int) -> None:
        """Let other people work for most of an hour."""
        for _ in range(count):
            self.emulator.clock.advance(HOUR / (count + 1))
            with self.as_other():
                await self.somebody()

    async def somebody(self) -> None:
        """Make one change as another user."""
        known = self.model.cases
        live = [id_ for id_, case in known.items() if case.is_open]
        shut = [id_ for id_, case in known.items() if not case.is_open]
        warned = [id_ for id_ in live if known[id_].is_marked]
        what = self.lot.choices(("answer", "comment", "reopen", "close", "create", "priority"), (5, 5, 3, 2, 3, 2))[0]
        now = self.emulator.clock()
        if what == "create":
            case = await cases.create_case(
                self.session,
                title="A new case",
                type_id="00000000-0000-0000-0000-000000000001",
                project_id=next(iter(self.emulator.store.tables.projects)),
                priority=Priority(self.lot.choice(("P2", "P3", "P4"))),
            )
            known[case.id] = ModelCase(now, now, str(case.priority), True, None)
            return
        pool = {"answer": warned, "reopen": shut}.get(what, live)
        if not pool:
            return
        id_ = self.lot.choice(pool)
        case, known[id_].active = known[id_], now
        if what in ("answer", "comment"):
            await timeline.comment_case(self.session, id_, comment=f"I am on it. {self.lot.random()}")
        elif what == "reopen":
            await cases.update_status(self.session, id_, status_name="Open")
            case.is_open = True
        elif what == "close":
            await cases.update_status(self.session, id_, status_name="Closed")
            case.is_open = False
        else:
            case.priority = next(each for each in ("P3", "P4") if each != case.priority)
            await cases.update_priority(self.session, id_, priority=Priority(case.priority))

    async def hour(self, number: int, nursery: Nursery | None) -> None:
        """Run the triage once, killed first if there is a nursery to be killed in."""
        before = self.emulator.requests
        if nursery is not None:
            (self.folder / "now").write_text(repr(self.emulator.clock()))
            killed, _ = await nursery.run("month", self.emulator.base_url, self.folder, self.lot.randint(1, 60))
            self.kills += killed
            if not killed:  # it has ended before its step to be killed at, and a second run follows in this hour
                self.model.run(self.emulator.clock(), number)
        control = JobControl(clock=self.emulator.clock)
        rules = load_rules(self.folder / "rules.toml")
        result = await run_triage(self.session, rules, state=self.folder / "state.db", control=control, settle=0)
        assert result.succeeded, result.states
        self.runs += 1
        self.requests.append(self.emulator.requests - before)
        self.model.run(self.emulator.clock(), number)

    def differences(self) -> list[str]:
        """List the differences between emulator and model."""
        store = self.emulator.store
        found = []
        for case in store.tables.cases:
            expected = self.model.cases[case.id]
            made = [
                (
                    next(kind for start, kind in TEXTS.items() if cell.message.startswith(start)),
                    hour_of(cell.created_at),
                )
                for cell in (store.tables.cells[each] for each in case.comments)
                if cell.author == store.me and cell.created_at / 1e9 >= START
            ]
            shown = (sorted(made), case.priority, case.closed_at is None, case.assignee, "stale" in case.attributes)
            wanted = (
                sorted(expected.comments), expected.priority, expected.is_open, expected.assignee, expected.is_marked,
            )  # fmt: skip
            if shown != wanted:
                found.append(f"{case.key}: {shown} and not {wanted}")
        return found


def kind_of(message: str) -> str:
    """What a comment of the triage is for."""
    return next(kind for start, kind in TEXTS.items() if message.startswith(start))


def hour_of(nanoseconds: int) -> int:
    """The number of the hour in which something happened."""
    return math.floor((nanoseconds / 1e9 - START) / HOUR)


@asynccontextmanager
async def month_of(count: int, policy: Policy, seed: int) -> AsyncIterator[Month]:
    """An emulator with so many cases, a folder with the rules, and a session."""
    folder = Path(tempfile.mkdtemp(prefix="casemgmt-month-", dir=MEMORY))
    try:
        (folder / "rules.toml").write_text(policy.toml())
        async with (
            Emulator(cases=count, seed=seed, clock=START, log_size=0) as emulator,
            CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
        ):
            yield Month(emulator, session, folder, policy, seed)
    finally:
        shutil.rmtree(folder)


async def live(month: Month, hours: int, kills: int, people: int) -> None:
    """Simulate a number of hours; some of the runs are killed first."""
    doomed = set(month.lot.sample(range(hours), kills))
    async with Nursery() as nursery:
        for number in range(hours):
            start = month.emulator.clock()
            await month.people(people)
            month.emulator.clock.advance(START + (number + 1) * HOUR - month.emulator.clock())
            assert month.emulator.clock() > start
            await month.hour(number + 1, nursery if number in doomed else None)


async def simulate(hours: int, count: int, kills: int, seed: int) -> int:
    """Simulate the month and print the result; returns 1 if model and emulator disagree."""
    started = time.perf_counter()
    async with month_of(count, Policy(), seed) as month:
        await live(month, hours, kills, people=4)
        found = month.differences()
        kinds = Counter(kind for case in month.model.cases.values() for kind, _ in case.comments)
        month.emulator.clock.advance(60)
        await month.hour(hours + 1, None)
        idle, pages = month.requests[-1], math.ceil(len(month.emulator.store.tables.cases) / 100)
    print(f"{month.runs} runs over {len(month.model.cases):,} cases, {month.kills} killed, seed {seed}")
    print(f"by the model: {dict(kinds)}, {sum(not case.is_open for case in month.model.cases.values()):,} closed")
    print(f"cases that differ in a comment, a status, a priority, an assignee or a mark: {len(found)}")
    for line in found[:10]:
        print(f"    {line[:300]}")
    print(f"requests of an idle hour: {idle} ({pages} pages), of a median hour: {sorted(month.requests)[hours // 2]}")
    print(f"{time.perf_counter() - started:.0f} s")
    return 1 if found else 0


def main() -> int:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=720)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return asyncio.run(simulate(options.hours, options.cases, options.kills, options.seed))


if __name__ == "__main__":
    sys.exit(main())
