"""The measurements: each function takes the address of the emulator and returns rows of figures.

CPU is `process_time` of this process alone (the emulator has one of its own). Clients take turns within each
round and the median of the rounds is given, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from attrs import frozen

import casemgmt_async
from benchmarks.clients import Client, floor, opened_by, ours
from casemgmt_async import CaseSession, cases

SLOW = "official"
ROUNDS = 7
"""Rounds of a measurement, in which all clients take turns."""


@frozen
class Figure:
    """One figure of one client."""

    measure: str
    client: str
    value: float
    unit: str
    spread: float = 0.0
    """Half of the rounds lie within a range of this width around the median; 0 for a single measurement."""

    @classmethod
    def of_rounds(cls, measure: str, client: str, rounds: Sequence[float], unit: str) -> Figure:
        """Make the figure of several rounds: their median and their spread."""
        low, middle, high = statistics.quantiles(rounds, n=4)
        return cls(measure, client, middle, unit, high - low)


def in_turn(clients: Sequence[Client], number: int) -> Sequence[Client]:
    """Return the clients in the order of a round: every other round begins with the last one."""
    return clients if number % 2 == 0 else clients[::-1]


async def _alternate(
    clients: Sequence[Client], rounds: int, work: Callable[[Client], Awaitable[int]]
) -> dict[str, list[float]]:
    """Return each client's CPU milliseconds for one unit of the work, round by round."""
    spent: dict[str, list[float]] = {client.name: [] for client in clients}
    for client in clients:
        await work(client)  # warm: connections, caches, compiled hooks
    for number in range(rounds):
        for client in in_turn(clients, number):
            gc.collect()
            started = time.process_time()
            done = await work(client)
            spent[client.name].append((time.process_time() - started) / done * 1000)
    return spent


async def walk_cpu(base_url: str) -> list[Figure]:
    """CPU time of one page of 100 cases in a sequential walk, including all overhead."""
    clients = [await opened(base_url) for opened in opened_by()]
    session = CaseSession(base_url=base_url, api_key="bench", app_key="bench")

    async def work(client: Client) -> int:
        pages = 3 if client.name.startswith(SLOW) else 40
        if client.name == "casemgmt_async":  # the walk itself, not the bare page
            got = 0
            async for _ in cases.iter_cases(session, page_size=100, limit=pages * 100):
                got += 1
            assert got == pages * 100, f"the walk gave {got} cases"
            return pages
        for number in range(1, pages + 1):
            got = await client.page(number, 100)
            assert got == 100, f"{client.name} got {got} cases on page {number}"
        return pages

    figures = await _alternate(clients, ROUNDS, work)
    await session.close()
    await _close(clients)
    return [Figure.of_rounds("sequential walk, CPU a page", name, value, "ms") for name, value in figures.items()]


async def get_cpu(base_url: str) -> list[Figure]:
    """CPU of one `get_case`."""
    clients = [await opened(base_url) for opened in opened_by()]
    case_id = await _some_case(base_url)

    async def work(client: Client) -> int:
        calls = 30 if client.name.startswith(SLOW) else 300
        for _ in range(calls):
            await client.get(case_id)
        return calls

    figures = await _alternate(clients, ROUNDS, work)
    await _close(clients)
    return [Figure.of_rounds("get_case, CPU a call", name, value, "ms") for name, value in figures.items()]


async def loop_stall(base_url: str) -> list[Figure]:
    """Delay of a 1 ms ticker during a walk with 16 pages in flight: the 99th percentile."""
    opened = [await each(base_url) for each in opened_by()]
    clients = [client for client in opened if client.name != "official (sync)"]  # it blocks by design
    session = CaseSession(base_url=base_url, api_key="bench", app_key="bench")
    late: dict[str, list[float]] = {client.name: [] for client in clients}
    for number in range(ROUNDS):
        for client in in_turn(clients, number):
            pages = 16 if client.name.startswith(SLOW) else 100
            work = _drain(session) if client.name == "casemgmt_async" else _sixteen_at_a_time(client, pages)
            late[client.name].append(statistics.quantiles(await _ticking(work), n=100)[98])
    await session.close()
    await _close(opened)
    return [Figure.of_rounds("event loop stall, p99", name, each, "ms") for name, each in late.items()]


async def _drain(session: CaseSession) -> None:
    async for _ in cases.iter_cases(session, page_size=100, window=16, limit=10_000):
        pass


async def _sixteen_at_a_time(client: Client, pages: int) -> None:
    slots = asyncio.Semaphore(16)

    async def one(number: int) -> None:
        async with slots:
            await client.page(number, 100)

    await asyncio.gather(*(one(number) for number in range(1, pages + 1)))


async def _ticking(work: Awaitable[None]) -> list[float]:
    """Run the work beside a ticker; returns the delay of each tick in milliseconds."""
    late: list[float] = []

    async def ticker() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(max(0.0, (time.perf_counter() - before - 0.001) * 1000))

    ticking = asyncio.create_task(ticker())
    await work
    ticking.cancel()
    return late


async def many_at_once(base_url: str) -> list[Figure]:
    """Calls a second when 1,000 are made at once over one session of 100 connections."""
    case_id = await _some_case(base_url)
    clients = [await ours(base_url), await floor(base_url)]
    rates: dict[str, list[float]] = {client.name: [] for client in clients}
    for number in range(-1, 2 * ROUNDS):
        for client in in_turn(clients, number):
            gc.collect()
            started = time.perf_counter()
            await asyncio.gather(*(client.get(case_id) for _ in range(1000)))
            if number >= 0:  # the round before opens the connections
                rates[client.name].append(1000 / (time.perf_counter() - started))
    await _close(clients)
    return [Figure.of_rounds("1,000 calls at once", name, each, "calls/s") for name, each in rates.items()]


def import_time() -> list[Figure]:
    """What `import casemgmt_async` costs on top of `import aiohttp`, in fresh processes."""
    clock = "import time; import aiohttp; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    lines = {
        "import over aiohttp": "import casemgmt_async",
        "import over aiohttp, with what a first call needs": "from casemgmt_async import CaseSession, cases",
    }
    spent: dict[str, list[float]] = {}
    for _ in range(9):
        for name, line in lines.items():
            command = [sys.executable, "-c", clock.format(line)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            spent.setdefault(name, []).append(float(said) * 1000)
    return [Figure.of_rounds(name, "casemgmt_async", times, "ms") for name, times in spent.items()]


async def command_start(base_url: str) -> list[Figure]:
    """What the command takes from start to end, above Python alone and above Python that imports aiohttp."""
    command = str(Path(sys.executable).with_name("casemgmt"))
    case_id = await _some_case(base_url)
    started = {
        "casemgmt --version, over Python": ([command, "--version"], [sys.executable, "-c", ""]),
        "casemgmt get, over Python with aiohttp": ([command, "get", case_id], [sys.executable, "-c", "import aiohttp"]),
    }
    spent: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="casemgmt-bench-") as cache:  # bytecode, as an installation has it
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPYCACHEPREFIX": cache, "CASEMGMT_BASE_URL": base_url, "DD_API_KEY": "k", "DD_APP_KEY": "k"}

        def seconds(words: Sequence[str]) -> float:
            begun = time.perf_counter()
            subprocess.run(words, env=env, stdout=subprocess.DEVNULL, check=True)
            return time.perf_counter() - begun

        for pair in started.values():
            for words in pair:
                seconds(words)
        for _ in range(15):
            for name, (command_line, bare) in started.items():
                spent.setdefault(name, []).append((seconds(command_line) - seconds(bare)) * 1000)
    return [Figure.of_rounds(name, "casemgmt_async", times, "ms") for name, times in spent.items()]


def installed_size() -> list[Figure]:
    """Size of the package on disk, without dependencies and caches."""
    root = Path(casemgmt_async.__file__).parent
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return [Figure("installed size", "casemgmt_async", size / 1e6, "MB")]


async def _some_case(base_url: str) -> str:
    async with CaseSession(base_url=base_url, api_key="bench", app_key="bench") as session:
        return (await cases.search_cases(session, page_size=1)).items[0].id


async def _close(clients: Sequence[Client]) -> None:
    for client in clients:
        await client.close()
