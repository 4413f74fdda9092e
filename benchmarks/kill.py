"""Kill jobs with SIGKILL at seeded points, run them again, and let the emulator's ledger judge.

    python -m benchmarks.kill --points 240

A point is one step between journal and socket (the jobs call a checkpoint there), or the moment at which the
emulator has done what a request asked and has not answered yet. Every second time the next run is
killed too. In the end the data must be the same as after an undisturbed run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from attrs import define, field, frozen

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    JobResult,
    Journal,
    RuleSet,
    backfill_cases,
    export_cases,
    load_rules,
    rule,
    run_triage,
)

STANDARD = "00000000-0000-0000-0000-000000000001"
ROWS = 14
RUNS_AT_MOST = 6
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a killed process needs no disk, and this is faster


@rule("by number", once=True)
def by_number(case: Any) -> Mapping[str, Any]:
    """Give every fourth case the same: each kind of action is there, and each comment is one of its kind."""
    given: Sequence[Mapping[str, Any]] = (
        {"comment": f"closing {case.key}", "status": "Closed"},
        {"priority": "P1", "assign": "2f6a1c0e-8f2b-4c63-9a55-0d7f3f1f2f10"},
        {"priority": "P5", "archive": True},
        {"attributes": {"killed": "often"}, "due_date": "2030-01-01", "comment": f"due {case.key}"},
    )
    return given[int(case.key.rpartition("-")[2]) % 4]


def journal_in(folder: Path, name: str) -> str | Path:
    """Name the journal of a job: a file in the folder, or in the PostgreSQL that the folder names."""
    place = folder / "journals"
    return f"{place.read_text()}#{name}" if place.exists() else folder / f"{name}.db"


async def triage(session: CaseSession, folder: Path, control: JobControl) -> JobResult:
    """Triage twenty cases."""
    state = journal_in(folder, "triage")
    return await run_triage(session, RuleSet([by_number]), state=state, control=control, chunk=3, settle=0)


async def export(session: CaseSession, folder: Path, control: JobControl) -> JobResult:
    """Export some pages of cases."""
    journal = journal_in(folder, "export") if (folder / "journals").exists() else None
    return await export_cases(session, folder / "cases.jsonl", journal=journal, control=control)


async def backfill(session: CaseSession, folder: Path, control: JobControl) -> JobResult:
    """Create cases from some rows."""
    project = (folder / "project").read_text()
    source, journal = folder / "rows.jsonl", journal_in(folder, "backfill")
    return await backfill_cases(
        session, source, journal=journal, job="kill", project=project, type=STANDARD, control=control, settle=0
    )


async def month(session: CaseSession, folder: Path, control: JobControl) -> JobResult:
    """Run the rules of a folder, at the time stored in the folder."""
    now = float((folder / "now").read_text())
    control.clock = lambda: now
    rules = load_rules(folder / "rules.toml")
    return await run_triage(session, rules, state=folder / "state.db", control=control, settle=0)


JOBS: Mapping[str, Callable[[CaseSession, Path, JobControl], Awaitable[JobResult]]] = {
    "triage": triage,
    "export": export,
    "backfill": backfill,
    "month": month,
}
CASES = {"triage": 20, "export": 230, "backfill": 5}


# In the process that is killed


def nursery() -> None:
    """Wait with everything imported; fork for each order that comes in, and report how the child ended."""
    with contextlib.suppress(ImportError):
        importlib.import_module("casemgmt_async.jobs.journal.postgres_store")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os._exit(run_child(**order))
        print(json.dumps({"started": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)


def run_child(job: str, url: str, folder: str, kill_at: int | None) -> int:
    """Run a job, and kill this process at the given step."""
    steps = itertools.count(1)
    place = Path(folder)

    def checkpoint(_: str) -> None:
        if next(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> JobResult:
        control = JobControl(budget=Budget(concurrency=3), on_step=checkpoint)
        async with CaseSession(base_url=url, api_key="k", app_key="k") as session:
            return await JOBS[job](session, place, control)

    result = asyncio.run(run())
    (place / "steps").write_text(str(next(steps) - 1))
    return 0 if result.succeeded and not result.remaining else 3


# In the process that judges


@define(eq=False)
class Nursery:
    """A process that runs jobs in children of its own, each of which can be killed at a step."""

    process: asyncio.subprocess.Process = field(init=False)

    async def __aenter__(self) -> Self:
        here = Path(__file__).resolve().parents[1]
        command = (sys.executable, "-m", "benchmarks.kill", "--nursery")
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=here)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()

    async def start(self, job: str, url: str, folder: Path, kill_at: int | None) -> int:
        """Start a job; returns the number of its process."""
        assert self.process.stdin is not None
        order = {"job": job, "url": url, "folder": str(folder), "kill_at": kill_at}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return int((await self.answer())["started"])

    async def answer(self) -> dict[str, Any]:
        """Read the next line that the process writes."""
        assert self.process.stdout is not None
        line: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return line

    async def run(self, job: str, url: str, folder: Path, kill_at: int | None) -> tuple[bool, int]:
        """Run a job to its end; says whether it was killed, and else how it ended."""
        await self.start(job, url, folder, kill_at)
        ended = await self.answer()
        return bool(ended["killed"]), int(ended["code"])


@frozen
class Point:
    """Where to kill: at a step of the job, or while the emulator holds the answer of a request back."""

    step: int | None = None
    request: int | None = None


@define
class Verdict:
    """Results of all points of one job."""

    job: str
    points: int = 0
    kills: int = 0
    runs: int = 0
    lost: list[str] = field(factory=list)
    doubled: list[str] = field(factory=list)
    different: list[str] = field(factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or different."""
        return not (self.lost or self.doubled or self.different)


@define(eq=False)
class Range:
    """One emulator, one nursery, one folder: where one job is killed again and again."""

    job: str
    seed: int = 0
    database: str | None = None
    """The PostgreSQL that keeps the journals; None for files."""
    stack: AsyncExitStack = field(factory=AsyncExitStack)
    emulator: Emulator = field(init=False)
    nursery: Nursery = field(init=False)
    folder: Path = field(init=False)
    start: Any = field(init=False)
    expected: Any = field(init=False)
    steps: int = field(init=False, default=0)
    requests: int = field(init=False, default=0)

    async def __aenter__(self) -> Self:
        self.emulator = await self.stack.enter_async_context(
            Emulator(cases=CASES[self.job], seed=self.seed, log_size=0)
        )
        self.folder = Path(tempfile.mkdtemp(prefix="casemgmt-kill-", dir=MEMORY))
        self.stack.callback(shutil.rmtree, self.folder)
        self.start = self.emulator.snapshot()
        self.nursery = await self.stack.enter_async_context(Nursery())
        self.prepare()
        before = self.emulator.requests
        killed, code = await self.run(Point())
        assert (killed, code) == (False, 0), f"the undisturbed {self.job} ended with {code}"
        self.steps = int((self.folder / "steps").read_text())
        self.requests = self.emulator.requests - before
        self.expected = self.state()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    def prepare(self) -> None:
        """Reset the emulator and the folder."""
        self.emulator.restore(self.start)
        for file in self.folder.iterdir():
            file.unlink()
        if self.database is not None:
            Journal(f"{self.database}#{self.job}", kind=self.job).remove()
            (self.folder / "journals").write_text(self.database)
        (self.folder / "project").write_text(next(iter(self.emulator.store.tables.projects)))
        with (self.folder / "rows.jsonl").open("w") as rows:
            for number in range(ROWS):
                rows.write(json.dumps(row(number)) + "\n")

    async def run(self, point: Point) -> tuple[bool, int]:
        """Run the job in a fresh process; returns whether it was killed, else how it ended."""
        if self.database is not None:  # each run has a new machine, with an empty disk
            for file in self.folder.glob("cases*"):
                file.unlink()
        child = await self.nursery.start(self.job, self.emulator.base_url, self.folder, point.step)
        answer = self.emulator.answer
        left = itertools.count(1)

        def answer_and_kill(request: Any) -> Any:
            reply = answer(request)
            if next(left) == point.request:
                os.kill(child, signal.SIGKILL)
            return reply

        self.emulator.answer = answer_and_kill  # type: ignore[method-assign]
        try:
            ended = await self.nursery.answer()
        finally:
            self.emulator.answer = answer  # type: ignore[method-assign]
        return ended["killed"], ended["code"]

    async def disturb(self, points: Sequence[Point], verdict: Verdict) -> None:
        """Kill at one point after the other, run to the end, and compare."""
        self.prepare()
        verdict.points += 1
        for point in (*points, *[Point()] * RUNS_AT_MOST):
            verdict.runs += 1
            killed, code = await self.run(point)
            verdict.kills += killed
            if not killed:
                break
        where = f"{self.job} at {points}"
        if code != 0:
            verdict.different.append(f"{where}: it ended with {code}")
        ledger = self.emulator.ledger
        marks = [mark for route in ("create_case", "comment_case") for mark in ledger.doubled(route)]
        verdict.doubled += [f"{where}: {mark}" for mark in marks]
        state = self.state()
        verdict.lost += [f"{where}: {missing}" for missing in self.expected.keys() - state.keys()]
        verdict.different += [f"{where}: {key}" for key, value in state.items() if self.expected.get(key) != value]

    def state(self) -> dict[str, Any]:
        """The data after the job, by names that do not depend on the order of events."""
        world = self.emulator.store.tables
        if self.job == "export":
            return {"file": (self.folder / "cases.jsonl").read_bytes(), "rest": sorted(map(str, self.folder.iterdir()))}
        titles = {case.id: case.title if self.job == "backfill" else case.key for case in world.cases}
        found: dict[str, Any] = {}
        for case in world.cases:
            comments = [world.cells[cell].message for cell in case.comments]
            name = titles[case.id]
            found[f"{name} is there"] = sum(each == name for each in titles.values()) if "row" in name else 1
            shown = (
                case.priority,
                case.status,
                case.assignee,
                case.archived_at is None,
                case.attributes,
                case.due_date,
            )
            found[name] = (*shown, case.custom_attributes, case.description, comments)
        for link in world.links.values():
            ends = link["attributes"]
            parent, child = titles[ends["parent_entity_id"]], titles[ends["child_entity_id"]]
            name = f"{parent} {ends['relationship']} {child}"
            found[name] = found.get(name, 0) + 1
        return found


def row(number: int) -> dict[str, Any]:
    """One row: what can be done to a case, and a link to the next."""
    return {
        "key": f"OLD-{number}",
        "title": f"row {number}",
        "priority": f"P{1 + number % 5}",
        "status": "In Progress",
        "comments": [f"first of {number}", f"second of {number}"],
        "attributes": {"team": ["core"]},
        "links": [{"relationship": "BLOCKS", "to": f"OLD-{(number + 1) % ROWS}"}],
    }


async def kill_job(job: str, points: int, seed: int, database: str | None = None) -> Verdict:
    """Kill one job at a number of points; its journals are files, or in a PostgreSQL database."""
    verdict, dice = Verdict(job), random.Random(f"{job} {seed}")
    async with Range(job, seed, database) as range_:
        kinds = [Point(step=step) for step in range(1, range_.steps + 1)]
        kinds += [Point(request=request) for request in range(1, range_.requests + 1)]
        chosen = dice.sample(kinds, min(points, len(kinds)))
        chosen += dice.choices(kinds, k=points - len(chosen))
        for place, point in enumerate(chosen):
            again = [Point(step=dice.randint(1, max(range_.steps // 2, 1)))] if place % 2 else []
            before = verdict.kills
            await range_.disturb([point, *again], verdict)
            if verdict.kills == before:  # writers that share more commits than in the first run make fewer steps
                await range_.disturb([Point(step=range_.steps * 9 // 10)], verdict)
    return verdict


async def kill_all(points: int, seed: int) -> list[Verdict]:
    """Kill all jobs, at a total number of points; export has the fewest steps and gets the fewest points."""
    weights = {"triage": 2, "export": 1, "backfill": 2}
    whole = sum(weights.values())
    return await asyncio.gather(*(kill_job(job, points * weight // whole, seed) for job, weight in weights.items()))


def main() -> int:
    """Print the results; returns 1 if anything was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nursery:
        nursery()
        return 0
    started = time.perf_counter()
    verdicts = asyncio.run(kill_all(options.points, options.seed))
    print(f"{'job':<10}{'points':>8}{'kills':>8}{'runs':>8}{'lost':>8}{'doubled':>9}{'different':>11}")
    total: Counter[str] = Counter()
    for each in verdicts:
        counts = {"points": each.points, "kills": each.kills, "runs": each.runs}
        bad = {"lost": len(each.lost), "doubled": len(each.doubled), "different": len(each.different)}
        total.update(counts | bad)
        print(f"{each.job:<10}{each.points:>8}{each.kills:>8}{each.runs:>8}", end="")
        print(f"{bad['lost']:>8}{bad['doubled']:>9}{bad['different']:>11}")
        for line in (*each.lost, *each.doubled, *each.different)[:10]:
            print(f"    {line[:300]}")
    print(f"{total['kills']} kills in {time.perf_counter() - started:.1f} s, seed {options.seed}")
    return 0 if all(each.is_clean for each in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
