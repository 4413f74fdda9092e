"""Run imports through random events, and compare the state of the emulator with the rows.

    python -m benchmarks.stories --stories 300

A story is an import of 500 rows that goes through up to six events: killed with SIGKILL at a seeded step, its
journal lost, restored from an older copy or copied to another machine, its file renamed, edited, appended to or
sorted differently. Each run has a clock of its own, up to ten minutes slow or fast; in every second story searches show
writes ten minutes late; 5 % of the answers to creates and comments are lost. At the end the same command runs
until nothing is left to do, three times at most. Then each row must have exactly one case, each comment must be
there exactly once, and no operation may be unknown.
"""

from __future__ import annotations

import argparse
import asyncio
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
from pathlib import Path
from typing import Any

from attrs import define, field

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import Budget, JobControl, State, backfill_cases

STANDARD = "00000000-0000-0000-0000-000000000001"
JOB = "stories"
EVENTS = ("run", "kill", "lose", "save", "restore", "copy", "rename", "edit", "append", "reorder")
RUNS_AT_MOST = 3
FAULTS = (
    "create_case@3%: drop-after-effect",
    "create_case@2%: drop-before-effect",
    "comment_case@3%: drop-after-effect",
    "comment_case@2%: drop-before-effect",
    "create_case_link@5%: drop-after-effect",
)


# In the process that is killed


def nursery() -> None:
    """Wait with everything imported; fork for each order that comes in, and report how the child ended."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os._exit(run_child(**order))
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)


def run_child(url: str, source: str, journal: str, project: str, skew: float, update: bool, kill_at: int | None) -> int:
    """Run the import, and kill this process at the given step. Exit status: 0, 3 (work is left) or 4 (failed)."""
    steps = itertools.count(1)

    def on_step(_: str) -> None:
        if next(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> int:
        control = JobControl(budget=Budget(concurrency=8), on_step=on_step, clock=lambda: time.time() + skew)
        async with CaseSession(base_url=url, api_key="k", app_key="k") as session:
            result = await backfill_cases(
                session, source, journal=journal, job=JOB, project=project, type=STANDARD, update=update,
                control=control, settle=0,
            )  # fmt: skip
        if result.states.get(State.UNKNOWN) or not result.succeeded:
            return 4
        return 3 if result.remaining else 0

    return asyncio.run(run())


# In the process that judges


@define(eq=False)
class Nursery:
    """The process that forks the runs."""

    process: asyncio.subprocess.Process

    @classmethod
    async def open(cls) -> Nursery:
        """Start it."""
        pipe = asyncio.subprocess.PIPE
        here = Path(__file__).resolve().parents[1]
        command = (sys.executable, "-m", "benchmarks.stories", "--nursery")
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=here))

    async def run(self, **order: Any) -> tuple[bool, int]:
        """Run the import once; returns whether it was killed, and how it ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        ended = json.loads(await self.process.stdout.readline())
        return ended["killed"], ended["code"]

    async def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


@define(eq=False)
class Story:
    """One import and its events."""

    seed: int
    rows_at_first: int
    folder: Path
    nursery: Nursery
    random: random.Random = field(init=False)
    rows: list[dict[str, Any]] = field(init=False)
    source: Path = field(init=False)
    journal: Path = field(init=False)
    saved: list[Path] = field(init=False, factory=list)
    told: list[str] = field(init=False, factory=list)
    runs: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(f"story {self.seed}")
        self.rows = [row(number, self.random) for number in range(self.rows_at_first)]
        self.source, self.journal = self.folder / "rows.jsonl", self.folder / "machine-0.db"

    async def live(self) -> list[str]:
        """Run the story; returns the failures."""
        events = [self.random.choice(EVENTS) for _ in range(self.random.randint(2, 6))]
        switches = Switches(index_lag=600.0 if self.seed % 2 else 0.0)
        async with Emulator(cases=30, seed=self.seed, switches=switches, faults=FAULTS, log_size=0) as emulator:
            project = next(iter(emulator.store.tables.projects))
            self.write()
            await self.run(emulator, project, kill=True)
            for event in events:
                self.told.append(event)
                await self.happen(event, emulator, project)
            code = 0
            for _ in range(RUNS_AT_MOST):
                _, code = await self.run(emulator, project, update=True)
                if code == 0:
                    break
            wrong = [] if code == 0 else [f"the last run ended with {code}"]
            return wrong + judge(emulator, self.rows)

    async def happen(self, event: str, emulator: Emulator, project: str) -> None:
        """Apply one event."""
        match event:
            case "run" | "kill":
                await self.run(emulator, project, kill=event == "kill", update=self.random.random() < 0.5)
            case "copy":  # the work goes on elsewhere, on a copy; a later event may bring the original back
                self.saved.append(self.clone(self.folder / f"saved-{len(self.saved)}.db"))
                self.journal = self.clone(self.folder / f"machine-{len(self.told)}.db")
                await self.run(emulator, project, kill=self.random.random() < 0.5)
            case "rename":
                self.source = self.source.rename(self.folder / f"rows-{len(self.told)}.jsonl")
            case "lose" | "save" | "restore":
                self.move_journal(event)
            case _:
                self.change_rows(event)
                self.write()

    def move_journal(self, event: str) -> None:
        """Lose the journal, keep a copy of it, or put the last copy back."""
        if event == "save":
            self.saved.append(self.clone(self.folder / f"saved-{len(self.saved)}.db"))
            return
        self.drop(self.journal)
        if event == "restore" and self.saved and self.saved[-1].exists():
            shutil.copy(self.saved[-1], self.journal)

    def change_rows(self, event: str) -> None:
        """Edit, append or sort rows."""
        if event == "edit":
            for each in self.random.sample(self.rows, min(20, len(self.rows))):
                each["priority"] = f"P{self.random.randint(1, 5)}"
                each["comments"] = [*each["comments"], f"edited {each['key']} {len(each['comments'])}"]
        elif event == "append":
            start = len(self.rows)
            self.rows += [row(number, self.random) for number in range(start, start + 25)]
        else:
            self.random.shuffle(self.rows)

    async def run(
        self, emulator: Emulator, project: str, *, kill: bool = False, update: bool = False
    ) -> tuple[bool, int]:
        """Run the import with a clock that is off."""
        self.runs += 1
        return await self.nursery.run(
            url=emulator.base_url, source=str(self.source), journal=str(self.journal), project=project,
            skew=self.random.uniform(-600, 600), update=update,
            kill_at=self.random.randint(20, 4 * len(self.rows)) if kill else None,
        )  # fmt: skip

    def write(self) -> None:
        """Write the source."""
        self.source.write_text("".join(json.dumps(each) + "\n" for each in self.rows))

    def clone(self, target: Path) -> Path:
        """Copy the journal and its companion files."""
        for suffix in ("", "-wal"):
            file = self.journal.with_name(self.journal.name + suffix)
            if file.exists():
                shutil.copy(file, target.with_name(target.name + suffix))
        return target

    def drop(self, journal: Path) -> None:
        """Lose a journal."""
        for suffix in ("", "-wal", "-shm", ".lock"):
            journal.with_name(journal.name + suffix).unlink(missing_ok=True)


def row(number: int, lot: random.Random) -> dict[str, Any]:
    """One row; every second has a comment, every tenth a link."""
    made: dict[str, Any] = {
        "key": f"OLD-{number}",
        "title": f"row {number}",
        "priority": f"P{lot.randint(1, 5)}",
        "comments": [f"comment of {number}"] if number % 2 else [],
    }
    if number % 10 == 0:
        made["links"] = [{"relationship": "BLOCKS", "to": f"OLD-{number + 1}"}]
    if number % 7 == 0:
        made["attributes"] = {"team": ["core"]}
    return made


def judge(emulator: Emulator, rows: list[dict[str, Any]]) -> list[str]:
    """Return what is doubled, lost or different: by the log of all requests, and by the cases as they are."""
    tables, ledger = emulator.store.tables, emulator.ledger
    wrong = [
        f"doubled: {mark!r}, {count} requests took effect"
        for route in ("create_case", "comment_case")
        for mark, count in ledger.doubled(route).items()
    ]
    wrong += [
        f"lost: {mark}, no request took effect"
        for mark in ledger.missing([each["title"] for each in rows], "create_case")
    ]
    titles = Counter(case.title for case in tables.cases if case.title.startswith("row "))
    wrong += [f"doubled: {title}, {count} cases" for title, count in titles.items() if count > 1]
    by_title = {case.title: case for case in tables.cases}
    for each in rows:
        case = by_title.get(each["title"])
        if case is None:
            wrong.append(f"lost: {each['title']}")
            continue
        made = Counter(tables.cells[cell].message for cell in case.comments)
        wrong += [f"doubled: comment {text!r}, {count} times" for text, count in made.items() if count > 1]
        wrong += [f"lost: comment {text!r}" for text in each["comments"] if text not in made]
        if case.priority != each["priority"]:
            wrong.append(f"different: {each['title']} has {case.priority}, not {each['priority']}")
    links = Counter(
        (link["attributes"]["parent_entity_id"], link["attributes"]["child_entity_id"])
        for link in tables.links.values()
    )
    wrong += [f"doubled: link {ends}" for ends, count in links.items() if count > 1]
    wanted = sum(bool(each.get("links")) for each in rows)
    if len(links) != wanted:
        wrong.append(f"lost: {wanted - len(links)} links of {wanted}")
    return wrong


async def live_all(
    seeds: range, rows: int, *, progress: bool = False
) -> tuple[int, dict[int, tuple[list[str], list[str]]]]:
    """Run stories; returns the number of runs and the failures, by seed."""
    nursery_ = await Nursery.open()
    runs, bad = 0, {}
    try:
        for seed in seeds:
            with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
                story = Story(seed, rows, Path(folder), nursery_)
                wrong = await story.live()
                runs += story.runs
                if progress:
                    print(f"story {seed}: {story.runs} runs, {len(wrong)} wrong", flush=True)
                if wrong:
                    bad[seed] = (story.told, wrong)
    finally:
        await nursery_.close()
    return runs, bad


def main() -> int:
    """Print the results; returns 1 if anything was lost, doubled, different or unknown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=300)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first story")
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nursery:
        nursery()
        return 0
    started = time.perf_counter()
    runs, bad = asyncio.run(
        live_all(range(options.first, options.first + options.stories), options.rows, progress=True)
    )
    kinds = Counter(each.split(":")[0] for _, wrong in bad.values() for each in wrong)
    print(f"{options.stories} stories of {options.rows} rows, {runs} runs, {time.perf_counter() - started:.0f} s")
    counts = ", ".join(f"{kinds[name]} {name}" for name in ("doubled", "lost", "different"))
    print(f"{counts}, {len(bad)} stories went wrong")
    for seed, (told, wrong) in bad.items():
        print(f"  story {seed} ({', '.join(told)}): {len(wrong)}: {'; '.join(wrong[:5])}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
