"""`python -m benchmarks.instructions`: instructions of the processor, counted by valgrind.

A count hardly changes with the load and the speed of the machine, as times do, so that two versions can be compared to
a per cent. It does not show what caches, memory and the kernel cost. Each row is the difference between a long and a
short run, divided by how much more the long one did: start, imports and first uses are not in it. The emulator runs in
a process of its own that is not counted. It needs `valgrind` on the PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from benchmarks import decode, server
from benchmarks.clients import OFFICIAL, Client, floor, official_async, ours
from casemgmt_async import CaseSession, cases

OURS, FLOOR, JSON = "casemgmt_async", "aiohttp + orjson", "orjson.loads"
PEER = "official client"
"""Datadog's own client, its async variant."""
WITH, WITHOUT = "with a journal", "without one"
CASES = 2_000
"""Cases on the emulator, apart from the triages."""

Work = Callable[[str, int], Awaitable[object]]
"""Is given the address of the emulator and how often to do something."""


def decoder(name: str) -> Work:
    """Make the work that decodes a page many times."""

    async def work(base_url: str, count: int) -> None:
        del base_url
        decode_page = decode.contestants()[name]()
        for _ in range(count):
            decode_page()

    return work


def client_work(
    opened: Callable[[str], Awaitable[Client]], use: Callable[[Client, str, int], Awaitable[object]]
) -> Work:
    """Make the work that calls `use` with an open client, the id of a case, and how often."""

    async def work(base_url: str, count: int) -> None:
        async with CaseSession(base_url=base_url, api_key="bench", app_key="bench") as session:
            case_id = (await cases.search_cases(session, page_size=1))[0].id
        client = await opened(base_url)
        await use(client, case_id, count)
        await client.close()

    return work


async def one_after_another(client: Client, case_id: str, count: int) -> None:
    """Read a case many times."""
    for _ in range(count):
        await client.get(case_id)


async def at_once(client: Client, case_id: str, count: int) -> None:
    """Read a case many times at the same time."""
    await asyncio.gather(*(client.get(case_id) for _ in range(count)))


async def read_pages(client: Client, _: str, count: int) -> None:
    """Read pages of 100 cases, one after the other."""
    for number in range(1, count + 1):
        await client.page(number, 100)


async def walk(base_url: str, count: int) -> None:
    """Walk over pages of 100 cases, one after the other."""
    async with CaseSession(base_url=base_url, api_key="bench", app_key="bench") as session:
        got = 0
        async for _ in cases.iter_cases(session, page_size=100, limit=count * 100):
            got += 1
        assert got == count * 100, got


def triage(kind: str, rules: str) -> Work:
    """Make the work that plans and applies a triage, or makes its calls, over all cases of an emulator."""

    async def work(base_url: str, _: int) -> None:
        from benchmarks import jobs  # noqa: PLC0415 - the other rows need none of it

        await jobs.measure(kind, rules, base_url)

    return work


@frozen
class Row:
    """One thing to count, done by this library and by what it is compared with."""

    name: str
    work: Mapping[str, Work]
    """What does it, by name; the ratio is that of the first to the last."""
    low: int
    high: int
    """How often it is done in the short and in the long run."""
    unit: str
    sizes_emulator: bool = field(default=False)
    """Whether it is the emulator that has so many cases."""
    peer: Work | None = field(default=None)
    """How Datadog's own client does it, if it is installed."""

    def times(self, client: str) -> tuple[int, int]:
        """How often a client does it in the short and in the long run; a tenth for one that costs a hundred times."""
        return (self.low // 10 + 1, self.high // 10 + 1) if client == PEER else (self.low, self.high)

    def contestants(self) -> dict[str, Work]:
        """What is counted, by name, without what is not installed."""
        return {**self.work, **({PEER: self.peer} if self.peer and OFFICIAL else {})}


PLAIN: Final = decoder(JSON)
ROWS = (
    Row("page of 100 cases", {OURS: decoder(OURS), JSON: PLAIN}, 20, 100, "page", peer=decoder("official")),
    Row("page, one case with a new field", {OURS: decoder(f"{OURS} (one new)"), JSON: PLAIN}, 20, 100, "page"),
    Row("page, each case with a new field", {OURS: decoder(f"{OURS} (all new)"), JSON: PLAIN}, 20, 100, "page"),
    Row("page, each with a field met before", {OURS: decoder(f"{OURS} (learned)"), JSON: PLAIN}, 20, 100, "page"),
    Row("page, one case with a null", {OURS: decoder(f"{OURS} (one null)"), JSON: PLAIN}, 20, 100, "page"),
    Row(
        "get_case",
        {OURS: client_work(ours, one_after_another), FLOOR: client_work(floor, one_after_another)},
        *(50, 250),
        "call",
        peer=client_work(official_async, one_after_another),
    ),
    Row(
        "get_case, all at once",
        {OURS: client_work(ours, at_once), FLOOR: client_work(floor, at_once)},
        *(200, 1_000),
        "call",
    ),
    Row(
        "walk",
        {OURS: walk, FLOOR: client_work(floor, read_pages)},
        *(4, 19),
        "page",
        peer=client_work(official_async, read_pages),
    ),
    *(
        Row(
            f"triage, {rules} changed",
            {WITH: triage("with", rules), WITHOUT: triage("without", rules)},
            *(1_000, 8_000),
            "case",
            sizes_emulator=True,
        )
        for rules in ("few", "many")
    ),
)


async def count(row: int, client: str, times: int) -> int:
    """Count the instructions of a process that does something `times` times."""
    what = ("--row", str(row), "--client", client, "--times", str(times))
    me = [sys.executable, "-m", "benchmarks.instructions", *what]
    async with server.emulator(times if ROWS[row].sizes_emulator else CASES) as base_url:
        process = await asyncio.create_subprocess_exec(
            *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
            *(*me, "--url", base_url),
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[1],
        )
        _, said = await process.communicate()
    found = re.search(r"I\s+refs:\s+([\d,]+)", said.decode())
    if process.returncode or found is None:
        raise SystemExit(f"{' '.join(me)} under valgrind:\n{said.decode()[-2000:]}")
    return int(found[1].replace(",", ""))


async def difference(row: int, client: str) -> float:
    """Count the instructions for one more page, call or case."""
    low, high = ROWS[row].times(client)
    return (await count(row, client, high) - await count(row, client, low)) / (high - low)


async def show(wanted: str) -> None:
    """Count and print the rows whose names have a text in them."""
    compileall.compile_path(quiet=2)  # or a first run would compile what it imports
    print("thousand instructions of the processor")
    known: dict[Work, float] = {}  # the same work stands in several rows
    for number, row in enumerate(ROWS):
        if wanted not in row.name:
            continue
        contestants = row.contestants()
        for client, work in contestants.items():
            if work not in known:
                known[work] = await difference(number, client)
        our, other = map(known.__getitem__, row.work.values())
        told = "".join(f"{known[work] / 1000:>12,.1f} {client:<17}" for client, work in row.work.items())
        peer = f"{known[contestants[PEER]] / 1000:>14,.1f} {PEER}" if PEER in contestants else ""
        print(f"{row.name + ', a ' + row.unit:<42}{told}{our / other:>8.3f} x{peer}", flush=True)


def main() -> None:
    """Count and print; or do the work of one row, to be counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="count only the rows whose names have this in them")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        gc.freeze()  # collections then look at what the work makes, and not at the modules
        asyncio.run(ROWS[options.row].contestants()[options.client](options.url, options.times))
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("there is no valgrind on the PATH: install it with the packages of the system, and run again")
    asyncio.run(show(options.only))


if __name__ == "__main__":
    main()
