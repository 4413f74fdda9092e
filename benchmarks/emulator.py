"""`python -m benchmarks.emulator`: what the emulator costs, to check that it is not the bottleneck of a test.

The server runs on this process's event loop and the client in a thread of its own, so the CPU time of the
loop's thread is the server's: parsing, answering, logging and writing included.
"""

from __future__ import annotations

import asyncio
import functools
import resource
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

from casemgmt_async import routes
from casemgmt_async.emulator import Emulator, Simulation
from casemgmt_async.emulator.messages import ApiRequest

CASES = 100_000
PAGES = 200
STRIDE = CASES // 100 // PAGES
KEYS = {"DD-API-KEY": "key", "DD-APPLICATION-KEY": "key"}
Row = tuple[str, float, str, float | None]


def peak() -> float:
    """Peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def in_process(work: Callable[[], object]) -> float:
    """CPU time of a function call, in milliseconds."""
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1000


def search(simulation: Simulation, **query: str) -> None:
    """Read one page without HTTP."""
    names = {"number": "page[number]", "field": "sort[field]", "query": "filter"}
    asked = {"page[size]": "100", **{names[name]: value for name, value in query.items()}}
    reply = simulation.answer(ApiRequest(routes.SEARCH_CASES, query=asked))
    assert reply.status == 200, reply.body


def searching(simulation: Simulation) -> Iterator[Row]:
    """Searches in process, without HTTP."""
    for query in ("", "status:open", "memory leak priority:(P1 OR P2)"):
        yield (
            f"first page of a new query {query!r}",
            in_process(functools.partial(search, simulation, query=query)),
            "ms",
            None,
        )
    for field in ("created_at", "priority", "status"):
        search(simulation, field=field)
        simulation.store.cases.encoded.clear()
        numbers = range(1, CASES // 100 + 1, STRIDE)
        spent = sum(
            in_process(functools.partial(search, simulation, field=field, number=str(number))) for number in numbers
        )
        yield f"page of 100 by {field}, never shown before", spent / len(numbers), "ms", 5
    ids = [case.id for case in simulation.store.tables.cases[: 10 * PAGES]]

    def writes() -> None:
        for place, case in enumerate(ids):
            simulation.store.cases.touch(case, priority="P5" if place % 2 else "P4")
            if place % 10 == 0:
                search(simulation, field="priority", number=str(1 + place // 10))

    yield "ten writes and a page by priority", in_process(writes) / PAGES, "ms", None


def walk(base_url: str, query: str, accept: str) -> None:
    """Read pages all over what a query finds, as a client in a thread of its own."""
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    for number in range(1, CASES // 100 + 1, STRIDE):
        path = f"/api/v2/cases?page[size]=100&page[number]={number}&{query}"
        connection.request("GET", quote(path, safe="/?&=:"), headers={**KEYS, "Accept-Encoding": accept})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read()
    connection.close()


async def figures() -> list[Row]:
    """Make all measurements."""
    rows: list[Row] = []
    async with Emulator(log_size=0) as emulator:
        begun = time.perf_counter()
        emulator.seed_cases(CASES)
        rows += [
            (f"seeding {CASES:,} cases", time.perf_counter() - begun, "s", 5),
            ("memory after seeding", peak(), "MB", 600),
        ]
        rows += searching(emulator)
        for name, query, accept in (
            ("HTTP, a page of 100 by created_at", "sort[field]=created_at", "identity"),
            ("HTTP, a page of 100 by priority", "sort[field]=priority&sort[asc]=true", "identity"),
            ("HTTP, a page of 100, gzip", "sort[field]=created_at", "gzip"),
        ):
            begun = time.thread_time()
            await asyncio.to_thread(walk, emulator.base_url, query, accept)
            rows.append((f"{name}, server CPU", (time.thread_time() - begun) * 1000 / PAGES, "ms", 5))
        for serial in range(CASES):
            emulator.store.cases.json(serial)
        rows.append(("memory with every case shown", peak(), "MB", 600))
        begun = time.perf_counter()
        kept = emulator.snapshot()
        rows.append(("snapshot", time.perf_counter() - begun, "s", None))
        begun = time.perf_counter()
        emulator.restore(kept)
        rows.append(("restore", time.perf_counter() - begun, "s", None))
    return rows


def main() -> int:
    """Print the figures; the exit status says whether every target was reached."""
    missed = 0
    for name, value, unit, bar in asyncio.run(figures()):
        over = bar is not None and value > bar
        missed += over
        told = "" if bar is None else f"  {'MISSED' if over else 'ok'}, at most {bar:g} {unit}"
        print(f"{name:62} {value:9.2f} {unit:2}{told}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
