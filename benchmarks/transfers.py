"""Requests and memory of a backfill, and exports merged round after round in DuckDB and pandas.

python -m benchmarks.transfers requests --rows 20000
python -m benchmarks.transfers memory --rows 1000000
python -m benchmarks.transfers rounds --rounds 200
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import BackfillResult, Budget, JobControl, State, backfill_cases, export_cases

WHERE = {"project": "SEC", "type": "Standard"}


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows from a generator."""
    for number in range(count):
        yield {"key": f"OLD-{number}", "title": f"row {number}", "description": "x" * 200, "priority": "P3"}


def session_on(base_url: str) -> CaseSession:
    """Open a session on an emulator."""
    return CaseSession(base_url=base_url, api_key="k", app_key="k")


# Requests with lost answers


async def count_requests(count: int, faults: str | None) -> BackfillResult:
    """Create cases from rows while answers are lost; nothing may be doubled, lost or unknown."""
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(cases=30, faults=faults, log_size=0) as emulator, session_on(emulator.base_url) as session:
            result = await backfill_cases(
                session, rows(count), job="requests", journal=Path(folder) / "job.db", settle=0, **WHERE
            )
            assert result.states == {State.DONE: 2 * count}, result.states
            made = [case.title for case in emulator.store.tables.cases if case.title.startswith("row ")]
            assert len(made) == len(set(made)) == count
            return result


def show_requests(count: int) -> None:
    """Print how many requests it takes without faults and with 1 % of the creates' answers lost."""
    for name, faults in (("no faults", None), ("1 % lost", "create_case@0.5%: drop-after-effect\n" * 2)):
        started = time.perf_counter()
        result = asyncio.run(count_requests(count, faults))
        took = time.perf_counter() - started
        each = result.requests / count
        print(f"{name:<10} {count:,} rows: {result.requests:,} requests, {each:.4f} a row, {took:.0f} s")


# Memory


def show_memory(counts: list[int], operations: int) -> None:
    """Print the peak memory of the process that backfills, for several numbers of rows."""
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.transfers", "child", "--rows", str(count)]
        done = subprocess.run([*command, "--operations", str(operations)], capture_output=True, text=True, check=True)
        print(done.stdout.strip())


def be_child(count: int, operations: int) -> None:
    """Backfill from a generator, and print the peak memory of this process; the emulator is another one."""
    command = [sys.executable, "-m", "casemgmt_async.cli", "emulator", "--cases", "30", "--port", "0"]
    pipe = subprocess.PIPE
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=pipe, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            word = next(word for line in emulator.stdout for word in line.split() if "http://" in word)
            url = "http://" + word.strip("'\"`").split("http://")[1]
            started = time.perf_counter()
            result = asyncio.run(backfill(url, count, operations, Path(folder)))
            took = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{count:,} rows, {result.created:,} created: peak {peak:.0f} MB, {took:.0f} s")
        finally:
            emulator.terminate()


async def backfill(url: str, count: int, operations: int, folder: Path) -> BackfillResult:
    """Import all rows, and create as many cases as the budget allows."""
    control = JobControl(budget=Budget(max_operations=operations, concurrency=16))
    async with session_on(url) as session:
        where = {**WHERE, "journal": folder / "job.db", "rejects": folder / "bad.jsonl"}
        return await backfill_cases(session, rows(count), job="memory", control=control, **where)


# Exports, round after round

ACTORS = "search_cases@40%: touch=2\nsearch_cases@20%: archive=1\nsearch_cases@20%: close=1\nsearch_cases@30%: insert=1"


class DuckDB:
    """A table of cases in DuckDB."""

    def __init__(self) -> None:
        import duckdb  # noqa: PLC0415 - for the rounds only

        self.connection = duckdb.connect()
        self.connection.execute("CREATE TABLE cases (id VARCHAR PRIMARY KEY, raw JSON)")

    def merge(self, path: Path) -> None:
        """Merge one export."""
        fields = "json ->> 'id' AS id, json ->> 'deleted' AS deleted, json AS raw"
        source = f"SELECT {fields} FROM read_ndjson_objects('{path}')"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE delta AS {source}")
        self.connection.execute("DELETE FROM cases WHERE id IN (SELECT id FROM delta)")
        self.connection.execute("INSERT INTO cases SELECT id, raw FROM delta WHERE deleted IS NULL")

    def cases(self) -> dict[str, Any]:
        """Return the rows of the table."""
        return {id_: json.loads(raw) for id_, raw in self.connection.execute("SELECT id, raw FROM cases").fetchall()}


class Pandas:
    """A frame of cases in pandas."""

    def __init__(self) -> None:
        import pandas  # noqa: PLC0415 - for the rounds only

        self.pandas = pandas
        self.frame = pandas.DataFrame({"raw": pandas.Series(dtype=object)})

    def merge(self, path: Path) -> None:
        """Merge one export."""
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        delta = self.pandas.DataFrame({"raw": lines}, index=[line["id"] for line in lines], dtype=object)
        kept = self.frame.drop(self.frame.index.intersection(delta.index))
        self.frame = self.pandas.concat([kept, delta[[("deleted" not in line) for line in lines]]])

    def cases(self) -> dict[str, Any]:
        """Return the rows of the frame."""
        return self.frame["raw"].to_dict()


def alive(emulator: Emulator) -> dict[str, Any]:
    """Every case that is not archived, as the emulator sends it."""
    store = emulator.store
    return {
        case.id: json.loads(store.cases.json(case.serial)) for case in store.tables.cases if case.archived_at is None
    }


def modified(case: dict[str, Any]) -> str:
    """When a case was changed last."""
    return case["attributes"].get("modified_at") or case["attributes"]["created_at"]


def judge_busy(known: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check an export made during changes: it must have each case that existed throughout, in a state that it had."""
    missing = [id_ for id_ in before.keys() & after.keys() if id_ not in known]
    assert not missing, f"{len(missing)} cases that were there throughout are missing"
    for id_, case in known.items():
        if id_ in before and id_ in after:
            assert modified(before[id_]) <= modified(case) <= modified(after[id_]), f"{id_} is older than it was before"


async def merge_rounds(count: int, cases: int, stores: list[Any], seed: int = 0) -> int:
    """Export and merge round after round; returns how many lines were written in all."""
    lot, written = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Emulator(cases=cases, seed=seed, log_size=0) as emulator, session_on(emulator.base_url) as session:
            for number in range(count):
                before = alive(emulator)
                emulator.set_actors(ACTORS)
                busy = await export_cases(session, folder, since="last")
                emulator.set_actors(None)
                for store in stores:
                    store.merge(busy.output)
                    judge_busy(store.cases(), before, alive(emulator))
                change(emulator, lot)
                quiet = await export_cases(session, folder, since="last")
                for store in stores:
                    store.merge(quiet.output)
                    assert store.cases() == alive(emulator), f"round {number}: {type(store).__name__} differs"
                written += busy.written + quiet.written
                for path in folder.glob("cases-*"):
                    path.unlink()
    return written


def change(emulator: Emulator, lot: random.Random) -> None:
    """Bring back a case that is archived, move one, and let another leave."""
    archived = [case for case in emulator.store.tables.cases if case.archived_at is not None]
    if archived:
        emulator.store.cases.change(lot.choice(archived), archived_at=None)
    here = [case for case in emulator.store.tables.cases if case.archived_at is None]
    emulator.store.cases.move(lot.choice(here), lot.choice(list(emulator.store.tables.projects)))
    emulator.store.cases.archive(lot.choice(here).id)


def show_rounds(count: int) -> None:
    """Print the results of the rounds; raises AssertionError for the first that differs."""
    started = time.perf_counter()
    written = asyncio.run(merge_rounds(count, 250, [DuckDB(), Pandas()]))
    took = time.perf_counter() - started
    print(f"{count} rounds, {2 * count} exports, {written:,} cases written: equal each time, {took:.0f} s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["requests", "memory", "rounds", "child"])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--operations", type=int, default=10**9, help="creates that are sent at most, for memory")
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    if options.what == "requests":
        show_requests(options.rows)
    elif options.what == "memory":
        show_memory([10_000, options.rows], options.operations)
    elif options.what == "rounds":
        show_rounds(options.rounds)
    else:
        be_child(options.rows, options.operations)


if __name__ == "__main__":
    main()
