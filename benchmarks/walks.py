"""`python -m benchmarks.walks`: the gain of several pages in flight, and the memory of a long walk.

Both are measured over HTTP against a server in a process of its own, the memory in a process for each walk.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import resource
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks import server
from benchmarks.measures import ROUNDS, Figure
from benchmarks.requests import Service, run_in_virtual_time
from casemgmt_async import CaseSession, cases
from casemgmt_async.emulator import Simulation
from casemgmt_async.emulator.messages import ApiRequest
from casemgmt_async.routes import SEARCH_CASES

OURS = "casemgmt_async"
PAGES, SIZE, WINDOW = 200, 100, 16
SPEEDS = ((16, 0.05, 100), (64, 0.02, 10))
"""Pages in flight, seconds that the server takes for a page, and cases on a page."""
SHORT, LONG = 10_000, 1_000_000


def session(base_url: str) -> CaseSession:
    """A session for a server that takes any keys."""
    return CaseSession(base_url=base_url, api_key="bench", app_key="bench")


async def seconds(base_url: str, window: int, size: int) -> tuple[float, float]:
    """Time of a walk over all pages, with connections already open, and the CPU time of this process in it."""
    async with session(base_url) as calls:
        await cases.search_cases(calls, page_size=1)
        await asyncio.gather(*(cases.search_cases(calls, page_size=1) for _ in range(window)))
        started, computed = time.perf_counter(), time.process_time()
        found = len(await cases.iter_cases(calls, page_size=size, window=window).collect_ids())
        spent, computed = time.perf_counter() - started, time.process_time() - computed
    assert found == PAGES * size - 1, f"the walk gave {found} cases"
    return spent, computed


async def bare(base_url: str, window: int, size: int) -> float:
    """Time of bare aiohttp for the same pages in any order, with a semaphore, reading bytes only."""
    async with aiohttp.ClientSession(
        base_url, headers={"DD-API-KEY": "bench", "DD-APPLICATION-KEY": "bench"}
    ) as client:
        slots = asyncio.Semaphore(window)

        async def fetch(number: int) -> None:
            query = {"page[number]": number, "page[size]": size}
            async with slots, client.get("/api/v2/cases", params=query) as response:
                await response.read()

        await asyncio.gather(*(fetch(1) for _ in range(window)))
        started = time.perf_counter()
        await asyncio.gather(*(fetch(number) for number in range(1, PAGES + 1)))
        return time.perf_counter() - started


async def speed() -> list[Figure]:
    """Two hundred pages, the last one not quite full, one after the other and several at the same time."""
    return [
        figure
        for window, latency, size in SPEEDS
        for figure in [*await speed_of(window, latency, size), await asyncio.to_thread(waiting, window, latency, size)]
    ]


def name_of(latency: float, size: int) -> str:
    """The first words of a measure."""
    return f"{PAGES} pages{f' of {size}' if size != SIZE else ''} at {latency * 1000:.0f} ms, window"


def waiting(window: int, latency: float, size: int) -> Figure:
    """The share of the ideal in virtual time, where computing takes none: what the order of the requests decides."""

    async def program() -> float:
        async with Service(PAGES * size - 1, limits=None, latency=latency) as service:
            await asyncio.gather(*(cases.search_cases(service.session, page_size=1) for _ in range(window)))
            started = asyncio.get_running_loop().time()
            found = len(await cases.iter_cases(service.session, page_size=size, window=window).collect_ids())
            assert found == PAGES * size - 1, f"the walk gave {found} cases"
            return asyncio.get_running_loop().time() - started

    share = 100 * math.ceil(PAGES / window) * latency / run_in_virtual_time(program())
    return Figure(f"{name_of(latency, size)} {window}, share of the ideal without computing", OURS, share, "%")


async def speed_of(window: int, latency: float, size: int) -> list[Figure]:
    """Measure one window, one after the other and bare aiohttp in turns."""
    async with server.emulator(PAGES * size - 1, latency) as base_url:
        rounds = [
            (
                *await seconds(base_url, window, size),
                await bare(base_url, window, size),
                (await seconds(base_url, 1, size))[0],
            )
            for _ in range(ROUNDS)
        ]
    wide, computed, floor, single = zip(*rounds, strict=True)
    # The ideal is as many rounds as there are windows of pages, each as long as one page on its own.
    ideal = math.ceil(PAGES / window) / PAGES
    name = name_of(latency, size)
    return [
        Figure.of_rounds(f"{name} 1", OURS, single, "s"),
        Figure.of_rounds(f"{name} {window}", OURS, wide, "s"),
        Figure.of_rounds(f"{name} {window}, CPU", OURS, computed, "s"),
        Figure.of_rounds(f"{name} {window}", "aiohttp, bytes only", floor, "s"),
        Figure.of_rounds(
            f"{name} {window}, times faster than 1", OURS, [one / many for many, _, _, one in rounds], "times"
        ),
        Figure.of_rounds(
            f"{name} {window}, share of the ideal", OURS, [100 * ideal * one / many for many, _, _, one in rounds], "%"
        ),
    ]


@contextlib.asynccontextmanager
async def child(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """This module with those arguments, in a process that ends with the block."""
    command = (sys.executable, "-m", "benchmarks.walks", *map(str, arguments))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def peak(total: int) -> float:
    """Peak memory, in MB, of a process that walks over a number of cases."""
    async with child("serve", total, 0) as serving:
        base_url = await line(serving)
        async with child("walk", base_url) as walking:
            found, highest = json.loads(await line(walking))
    assert found == total, f"the walk gave {found} cases"
    return float(highest)


def peak_memory() -> float:
    """The peak memory of this process, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what Linux gives as ru_maxrss may be the peak of the process that started this one
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


async def memory() -> list[Figure]:
    """Memory for a hundred times as many cases."""
    short, long = await peak(SHORT), await peak(LONG)
    return [
        Figure(f"peak memory of a walk over {SHORT:,} cases", OURS, short, "MB"),
        Figure(f"peak memory of a walk over {LONG:,} cases", OURS, long, "MB"),
        Figure(f"memory of {LONG:,} cases over {SHORT:,}", OURS, long - short, "MB"),
    ]


async def figures() -> list[Figure]:
    """All of it, for `python -m benchmarks`."""
    return [*await speed(), *await memory()]


async def serve(total: int, latency: float) -> None:
    """Answer every search after so many seconds with one page of the emulator's, the ids numbered, until input ends."""
    simulation = Simulation()
    simulation.seed_cases(SIZE)
    body: bytes = simulation.answer(ApiRequest(SEARCH_CASES, query={"page[size]": str(SIZE)})).body
    page = body.rpartition(b'"meta":')[0].replace(b"%", b"%%")
    for case in json.loads(body)["data"]:
        page = page.replace(case["id"].encode(), b"%b")
    slots = page.count(b"%b") // SIZE
    pages = total // SIZE

    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(latency)
        number = int(request.query["page[number]"])
        size = SIZE if number <= pages else 0
        meta = {"page": {"current": number, "size": size, "total": pages}, "total_cases": total}
        ids = [b"00000000-0000-4000-8000-%012d" % case for case in range(number * SIZE, (number + 1) * SIZE)]
        start = page % tuple(itertools.chain(*zip(*[ids] * slots, strict=True))) if size else b'{"data":[],'
        return web.Response(body=start + b'"meta":' + json.dumps(meta).encode() + b"}", content_type="application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


async def walk(base_url: str) -> None:
    """Walk, then print how many cases there were and the peak memory of this process."""
    found = 0
    async with session(base_url) as calls:
        async for _ in cases.iter_cases(calls, page_size=SIZE, window=WINDOW):
            found += 1
    print(json.dumps([found, peak_memory()]), flush=True)


async def show() -> None:
    """Print each figure when it is measured."""
    for measure in (speed, memory):
        for figure in await measure():
            print(f"{figure.measure:60} {figure.client:20} {figure.value:10.2f} {figure.unit}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", total, latency]:
            asyncio.run(serve(int(total), float(latency)))
        case ["walk", base_url]:
            asyncio.run(walk(base_url))
        case _:
            asyncio.run(show())
