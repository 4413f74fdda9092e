"""`python -m benchmarks.budget`: how much of a rate limit is used, how evenly, and how often it is exceeded.

Three parts. In virtual time: one to sixteen processes on one budget, with resets in all the forms that services send.
In real time: as many operating-system processes, each with a session of its own and no contact between them,
against one emulator. And one process of each kind: this library, a semaphore that sleeps after a 429, and Datadog's
client if it is installed. With `--shared redis` or `--shared postgres`, the processes share a budget in a server that
is started for them, and with `--outage` that server is stopped for a while. Exits with 1 if this library misses a
target.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import logging
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from attrs import frozen

from casemgmt_async import CaseManagementError, CaseSession, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.budgets import open_budget

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "transport"))
from servers import SERVERS, Server
from test_sharing import HEADERS, share
from virtual_time import Service

WINDOWS = 5
PERIOD = 10.0
LIMITS = (50, 1000)
WORKERS = 32
Call = Callable[[], Awaitable[object]]


def bars(processes: int, shared: bool) -> tuple[float, float, float]:
    """Targets: lowest use, highest number of refusals, and lowest share of a fair share."""
    if shared:
        return 0.97, 0.01, 0.5
    if processes == 1:
        return 0.97, 0.01, 0.97
    return 0.95, 0.05 if processes <= 4 else 0.10, 1 / 3


@frozen
class Row:
    """One measurement."""

    bucket: str
    who: str
    processes: int
    used: float
    refused: float
    """The part of all requests, those before the measured windows included."""
    smallest_share: float | None = None
    """Of the fair share; None for clients without a target."""
    shared: bool = False
    """Whether the processes share a budget, and not only the headers."""

    @property
    def missed(self) -> bool:
        """Whether a target was missed."""
        if self.smallest_share is None:
            return False
        used, refused, smallest = bars(self.processes, self.shared)
        return self.used < used or self.refused > refused or self.smallest_share < smallest

    def __str__(self) -> str:
        ending = (
            "" if self.smallest_share is None else f"{self.smallest_share:>9.2f}  {'MISSED' if self.missed else 'ok'}"
        )
        return f"{self.bucket:<14}{self.who:<44}{self.used:>8.1%}{self.refused:>8.2%}{ending}"


HEAD = f"{'budget':<14}{'who':<52}{'used':>8}{'429':>8}{'smallest':>9}"


def virtual(counts: Sequence[int]) -> list[Row]:
    """Five windows in virtual time, for each form of the reset."""
    rows = []
    for processes in (1, *counts):
        for name, headers in HEADERS.items():
            for apart in (0.0, 1.0) if processes > 1 else (0.0,):
                service = Service(50, PERIOD, **headers)
                windows = share(service, processes, apart)
                smallest = min(service.successes(number, windows) for number in range(processes))
                who = f"{count(processes)}, {describe(apart)}, reset {name}"
                used, refused = service.used(windows), service.refused()
                rows.append(Row("50 / 10 s", who, processes, used, refused, smallest / (5 * 50 / processes)))
    return rows


def count(processes: int) -> str:
    """The number of processes in words."""
    return "1 process" if processes == 1 else f"{processes} processes"


def describe(apart: float) -> str:
    """How the processes start."""
    return f"{apart:g} s apart" if apart else "together"


async def child(base_url: str, case_id: str, number: str, budget: str) -> None:
    """Call as fast as the session allows, from the first line of standard input until its end."""
    options = {"base_url": base_url, "api_key": "budget", "app_key": "budget", "headers": {"X-Process": number}}
    logging.basicConfig(format=f"process {number}: %(message)s")
    if budget:
        options["budget"] = open_budget(budget)
    async with CaseSession(**options) as session:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        workers = [asyncio.create_task(keep_calling(session, case_id)) for _ in range(WORKERS)]
        await asyncio.to_thread(sys.stdin.read)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def keep_calling(session: CaseSession, case_id: str) -> None:
    """Call for ever."""
    while True:
        with contextlib.suppress(CaseManagementError):
            await cases.get_case(session, case_id)


async def real(processes: int, limit: int, apart: float, shared: Server | None = None, outage: bool = False) -> Row:
    """Five windows of real processes on one budget."""
    async with Emulator(limits=f"budget={limit}/{PERIOD:g}s: get_case", log_size=None) as emulator:
        case_id = emulator.seed_cases(1)[0]
        children = []
        for number in range(processes):
            arguments = (emulator.base_url, case_id, str(number), shared.url if shared else "")
            command = (sys.executable, "-m", "benchmarks.budget", "--child", *arguments)
            pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
            children.append(await asyncio.create_subprocess_exec(*command, **pipes))
        for each in children:
            await each.stdout.readline()
        for each in children:
            each.stdin.write(b"go\n")
            await asyncio.sleep(apart)
        first = math.ceil(time.time() / PERIOD)
        if shared and outage:
            await asyncio.sleep((first + 1.4) * PERIOD - time.time())
            await asyncio.to_thread(shared.stop)
            await asyncio.sleep((first + 2.6) * PERIOD - time.time())
            await asyncio.to_thread(shared.start)
        await asyncio.sleep((first + WINDOWS) * PERIOD + 0.5 - time.time())
        for each in children:
            each.stdin.close()
        await asyncio.gather(*(each.wait() for each in children))
        log = [entry for entry in emulator.log if entry.route == "get_case"]
    windows = range(first, first + WINDOWS)
    inside = [entry for entry in log if entry.status == 200 and math.floor(entry.started / PERIOD) in windows]
    by_process = Counter(entry.headers["x-process"] for entry in inside)
    smallest = min(by_process[str(number)] for number in range(processes)) / (WINDOWS * limit / processes)
    refused = sum(entry.status == 429 for entry in log) / len(log)
    who = f"{count(processes)}, {describe(apart)}" + (f", {shared.name}" if shared else "")
    who += ", away for 12 s" if shared and outage else ""
    used = len(inside) / (WINDOWS * limit)
    return Row(f"{limit} / {PERIOD:g} s", who, processes, used, refused, smallest, bool(shared))


@asynccontextmanager
async def semaphore(base_url: str, case_id: str) -> AsyncIterator[Call]:
    """A hand-written client: eight calls at a time, and a sleep until the reset after a 429."""
    url, slots = f"{base_url}/api/v2/cases/{case_id}", asyncio.Semaphore(8)
    async with aiohttp.ClientSession(headers={"DD-API-KEY": "budget", "DD-APPLICATION-KEY": "budget"}) as client:

        async def call() -> None:
            while True:
                async with slots, client.get(url) as response:
                    await response.read()
                    if response.status != 429:
                        return
                await asyncio.sleep(float(response.headers["X-RateLimit-Reset"]))

        yield call


@asynccontextmanager
async def official(base_url: str, case_id: str) -> AsyncIterator[Call]:
    """The official client's async variant, with its retries switched on."""
    from datadog_api_client import AsyncApiClient, Configuration  # noqa: PLC0415 - a peer that may not be installed
    from datadog_api_client.v2.api.case_management_api import CaseManagementApi  # noqa: PLC0415

    configuration = Configuration(host=base_url, enable_retry=True, max_retries=20)
    configuration.api_key["apiKeyAuth"] = configuration.api_key["appKeyAuth"] = "budget"
    async with AsyncApiClient(configuration) as client:
        api = CaseManagementApi(client)
        yield lambda: api.get_case(case_id)


async def contestant(who: str, opened: Callable[..., contextlib.AbstractAsyncContextManager[Call]]) -> Row:
    """Another client makes the same calls, alone on a small budget."""
    async with Emulator(limits=f"budget=50/{PERIOD:g}s: get_case", log_size=None) as emulator:
        async with opened(emulator.base_url, emulator.seed_cases(1)[0]) as call:

            async def work() -> None:
                while True:
                    await call()

            first = math.ceil(time.time() / PERIOD)
            tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
            await asyncio.wait(tasks, timeout=(first + WINDOWS) * PERIOD + 0.5 - time.time())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        log = list(emulator.log)
    windows = range(first, first + WINDOWS)
    used = sum(entry.status == 200 and math.floor(entry.started / PERIOD) in windows for entry in log)
    refused = sum(entry.status == 429 for entry in log) / len(log)
    return Row(f"50 / {PERIOD:g} s", who, 1, used / (WINDOWS * 50), refused)


async def in_real_time(counts: Sequence[int]) -> AsyncIterator[Row]:
    """The contestants, then each number of processes, on both budgets at the same time."""
    runs = [real(1, 50, 0.0), contestant("semaphore of 8, sleep after a 429", semaphore)]
    if importlib.util.find_spec("datadog_api_client") is None:
        print("Datadog's client: not installed")
    else:
        runs.append(contestant("Datadog's client (async), with retries", official))
    for row in await asyncio.gather(*runs):
        yield row
    for processes in counts:
        for apart in (0.0, 1.0):
            for row in await asyncio.gather(*(real(processes, limit, apart) for limit in LIMITS)):
                yield row


async def with_a_server(name: str, counts: Sequence[int], outage: bool) -> AsyncIterator[Row]:
    """Each number of processes with a shared budget, on one limit after the other."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL does not run as root, and has to reach its files
        with SERVERS[name](Path(folder) / name) as server:
            for processes in counts:
                for apart in (0.0,) if outage else (0.0, 1.0):
                    if outage:
                        yield await real(processes, LIMITS[0], apart, server, outage=True)
                        continue
                    for limit in LIMITS:
                        yield await real(processes, limit, apart, server)


async def report(counts: Sequence[int], only: str | None, shared: str | None, outage: bool) -> bool:
    """Print the tables; return whether a target was missed."""
    print(HEAD, flush=True)
    rows = []
    if shared:
        async for row in with_a_server(shared, counts, outage):
            print(row, flush=True)
            rows.append(row)
        return any(row.missed for row in rows)
    if only != "real":
        print("\nin virtual time")
        rows += await asyncio.to_thread(virtual, counts)
        print(*rows, sep="\n", flush=True)
    if only != "virtual":
        print("\nin real time", flush=True)
        async for row in in_real_time(counts):
            print(row, flush=True)
            rows.append(row)
    return any(row.missed for row in rows)


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budget", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("virtual", "real"), help="leave out the other part")
    parser.add_argument("--processes", type=json.loads, default=[2, 16], help="as in [2,4,8,16]; two minutes for each")
    parser.add_argument("--shared", choices=SERVERS, help="share a budget in a server of this kind")
    parser.add_argument("--outage", action="store_true", help="stop that server for 12 s, and start it again")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        asyncio.run(child(*given.child))
        return 0
    return asyncio.run(report(given.processes, given.only, given.shared, given.outage))


if __name__ == "__main__":
    sys.exit(main())
