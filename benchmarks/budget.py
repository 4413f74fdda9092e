"""`python -m benchmarks.budget`: how much of a rate limit is used, and how often it is overrun.

First by a virtual clock: whole hours of calls against a service that counts as the real one does, with resets told in
all the ways in which they are. Then once in real time, against an emulator each: ours, two sessions of ours on one
budget, the same calls behind a plain semaphore that waits after a 429, and the official client where installed.
Exits 1 where ours misses a bar: 97 % used and 1 % answered 429 alone; 90 % and 3 % for two on one budget.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import math
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from attrs import frozen

from casemgmt_async import CaseManagementError, CaseSession, cases
from casemgmt_async.emulator import Emulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "transport"))
from virtual_loop import run_virtually
from virtual_time import Service, keep_calling, make_limiter

BUCKETS = ((50, 10.0), (300, 60.0))
BARS = {1: (0.97, 0.01), 2: (0.90, 0.03)}
WORKERS = 32
ROUNDINGS = {"rounded up": (math.ceil, False), "rounded down": (math.floor, False), "as Unix time": (math.ceil, True)}
Call = Callable[[], Awaitable[object]]


@frozen
class Row:
    """One contestant against one bucket."""

    bucket: str
    who: str
    used: float
    refused: float
    processes: int | None
    """How many processes of ours, whose bars apply; None for others."""

    @property
    def missed(self) -> bool:
        """Whether a bar was missed."""
        if self.processes is None:
            return False
        used, refused = BARS[self.processes]
        return self.used < used or self.refused > refused

    def __str__(self) -> str:
        verdict = "" if self.processes is None else "  MISSED" if self.missed else "  ok"
        return f"{self.bucket:<14}{self.who:<38}{self.used:>9.1%}{self.refused:>11.2%}{verdict}"


def virtual() -> list[Row]:
    """An hour of the small bucket and six of the large one, by a virtual clock."""

    async def both(service: Service, processes: int, windows: int) -> Service:
        gates = [keep_calling(make_limiter(64), service, windows * service.period) for _ in range(processes)]
        await asyncio.gather(*gates)
        return service

    rows = []
    for limit, period in BUCKETS:
        for told, (rounding, unix) in ROUNDINGS.items():
            for processes in (1, 2):
                service = run_virtually(both(Service(limit, period, rounding, unix), processes, 360), debug=False)
                who = f"ours x {processes}, reset {told}"
                rows.append(Row(f"{limit} / {period:g} s", who, service.used, service.refused, processes))
    return rows


@asynccontextmanager
async def ours(base_url: str, case_id: str, processes: int) -> AsyncIterator[list[Call]]:
    """Sessions of ours that know nothing of one another."""
    async with AsyncExitStack() as stack:
        options = {"base_url": base_url, "api_key": "budget", "app_key": "budget", "max_concurrency": 64}
        sessions = [await stack.enter_async_context(CaseSession(**options)) for _ in range(processes)]
        yield [lambda session=session: cases.get_case(session, case_id) for session in sessions]


@asynccontextmanager
async def semaphore(base_url: str, case_id: str) -> AsyncIterator[list[Call]]:
    """Eight at a time, and after a 429 a sleep until the reset: what one writes by hand."""
    url, places = f"{base_url}/api/v2/cases/{case_id}", asyncio.Semaphore(8)
    async with aiohttp.ClientSession(headers={"DD-API-KEY": "budget", "DD-APPLICATION-KEY": "budget"}) as client:

        async def call() -> None:
            while True:
                async with places, client.get(url) as response:
                    await response.read()
                    if response.status != 429:
                        return
                await asyncio.sleep(float(response.headers["X-RateLimit-Reset"]))

        yield [call]


@asynccontextmanager
async def official(base_url: str, case_id: str) -> AsyncIterator[list[Call]]:
    """The official client's async variant, with its retries switched on."""
    from datadog_api_client import AsyncApiClient, Configuration  # noqa: PLC0415 - a peer that may not be installed
    from datadog_api_client.v2.api.case_management_api import CaseManagementApi  # noqa: PLC0415

    configuration = Configuration(host=base_url, enable_retry=True, max_retries=20)
    configuration.api_key["apiKeyAuth"] = configuration.api_key["appKeyAuth"] = "budget"
    async with AsyncApiClient(configuration) as client:
        api = CaseManagementApi(client)
        yield [lambda: api.get_case(case_id)]


async def measured(
    limit: int, period: float, seconds: float, who: str, processes: int | None, contestant: Callable[..., object]
) -> Row:
    """Call as much as one can for so long; only windows that were seen whole count as used or not."""
    async with Emulator(limits=f"budget={limit}/{period:g}s: get_case") as emulator:
        case_id = emulator.seed_cases(1)[0]
        async with contestant(emulator.base_url, case_id) as calls:

            async def work(call: Call) -> None:
                while True:
                    with contextlib.suppress(CaseManagementError):
                        await call()

            tasks = [asyncio.create_task(work(call)) for call in calls for _ in range(WORKERS)]
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        log = list(emulator.log)
    windows = Counter(math.floor(entry.started / period) for entry in log if entry.status == 200)
    first, last = math.floor(log[0].started / period), math.floor((log[0].started + seconds) / period)
    whole = [windows[number] for number in range(first + 1, last)]
    refused = sum(entry.status == 429 for entry in log) / len(log)
    return Row(f"{limit} / {period:g} s", who, sum(whole) / (len(whole) * limit), refused, processes)


async def real(windows: int) -> list[Row]:
    """All contestants at the same time, each against an emulator of its own."""
    contestants: list[tuple[str, int | None, Callable[..., object]]] = [
        ("ours", 1, lambda url, case_id: ours(url, case_id, 1)),
        ("ours, two on one budget", 2, lambda url, case_id: ours(url, case_id, 2)),
        ("semaphore of 8, sleep after a 429", None, semaphore),
    ]
    if importlib.util.find_spec("datadog_api_client") is None:
        print("official client: not installed")
    else:
        contestants.append(("official client (async), with retries", None, official))
    return await asyncio.gather(
        *(
            measured(limit, period, (windows + 1.5) * period if period < 60 else 2.5 * period, *contestant)
            for limit, period in BUCKETS
            for contestant in contestants
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budget", description=__doc__.partition("\n")[0])
    parser.add_argument("--virtual", action="store_true", help="leave out the two and a half minutes in real time")
    parser.add_argument("--windows", type=int, default=10, help="windows of the small bucket, in real time")
    given = parser.parse_args()
    print(f"{'bucket':<14}{'who':<38}{'used':>9}{'429':>11}\n\nby a virtual clock, 360 windows")
    rows = virtual()
    print(*rows, sep="\n", flush=True)
    if not given.virtual:
        print("\nin real time", flush=True)
        live = asyncio.run(real(given.windows))
        print(*live, sep="\n")
        rows += live
    return any(row.missed for row in rows)


if __name__ == "__main__":
    sys.exit(main())
