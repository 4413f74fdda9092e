"""Requests and memory of exports and backfills, and exports merged round after round in DuckDB and pandas.

python -m benchmarks.transfers                        requests, beside what cannot be avoided
python -m benchmarks.transfers lost --rows 20000      requests with 1 % of the creates' answers lost
python -m benchmarks.transfers memory --rows 300000   peak memory while so many cases are created
python -m benchmarks.transfers known --rows 1000000   peak memory where most rows have a case or are rejected
python -m benchmarks.transfers rounds --rounds 200    merges compared with the emulator's state
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator
from casemgmt_async.jobs import BackfillResult, Budget, JobControl, State, backfill_cases, export_cases, read_report
from casemgmt_async.jobs.backfill.markers import CaseNumber, Marker, job_word, token

WHERE = {"project": "SEC", "type": "Standard"}


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows from a generator."""
    for number in range(count):
        yield {"key": f"OLD-{number}", "title": f"row {number}", "description": "x" * 200, "priority": "P3"}


def session_on(base_url: str) -> CaseSession:
    """Open a session on an emulator."""
    return CaseSession(base_url=base_url, api_key="k", app_key="k")


# Requests beside what cannot be avoided


async def export_requests(count: int) -> tuple[int, int]:
    """Export so many cases; returns the requests and the pages."""
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(cases=count, log_size=0) as emulator, session_on(emulator.base_url) as session:
            result = await export_cases(session, Path(folder) / "cases.jsonl")
            assert result.written == count
            return result.requests, -(-count // 100)


async def backfill_requests(count: int) -> tuple[int, int]:
    """Backfill rows with comments, attributes and links; returns the requests, and the creates with their steps."""
    given = list(rows(count))
    for number, row in enumerate(given):
        row["comments"] = ["moved here"] if number % 2 else []
        row["attributes"] = {"team": ["core"]} if number % 5 == 0 else {}
        row["links"] = [{"relationship": "BLOCKS", "to": f"OLD-{number - 1}"}] if number % 10 == 5 else []
    steps = sum(len(row["comments"]) + bool(row["attributes"]) + len(row["links"]) for row in given)
    with tempfile.TemporaryDirectory() as folder:
        async with Emulator(cases=30, log_size=0) as emulator, session_on(emulator.base_url) as session:
            result = await backfill_cases(session, given, job="requests", journal=Path(folder) / "job.db", **WHERE)
            assert result.created == count
            assert result.succeeded
            return result.requests, count + steps


def show_tables() -> None:
    """Print both tables."""
    for name, least, count, sizes in (
        ("export", "pages", export_requests, (1_000, 5_000, 20_000)),
        ("backfill", "creates and steps", backfill_requests, (100, 1_000, 5_000)),
    ):
        print(f"{name:<10}{'requests':>10}{least:>20}{'ratio':>8}")
        for size in sizes:
            sent, needed = asyncio.run(count(size))
            print(f"{size:<10,}{sent:>10,}{needed:>20,}{sent / needed:>8.3f}")


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


def known_rows(count: int) -> Iterator[dict[str, Any]]:
    """Rows of which every twentieth cannot be used."""
    for row in rows(count):
        del row["priority"]  # a step, for which the case would be read
        yield row | ({"title": ""} if row["key"].endswith(("19", "39", "59", "79", "99")) else {})


async def serve(count: int) -> None:
    """Run an emulator until this process is ended; all usable rows but the newest hundredth have a case in it."""
    async with Emulator(cases=30, log_size=0) as emulator:
        for row in itertools.islice(known_rows(count), count - count // 100):
            if row["title"]:
                marker = Marker(job_word("memory"), CaseNumber(WHERE["project"], 0), token("memory", row["key"]))
                text = f"{row['description']}\n\n{marker}"
                emulator.store.cases.create(row["title"], WHERE["project"], description=text)
        emulator.store.effects.clear()
        print(emulator.base_url, flush=True)
        await asyncio.Event().wait()


def show_memory(counts: list[int], *, known: bool) -> None:
    """Print the peak memory of the process that backfills, for several numbers of rows."""
    for count in counts:
        command = [sys.executable, "-m", "benchmarks.transfers", "child", "--rows", str(count)]
        subprocess.run([*command, *["--known"] * known], check=True)


def be_child(count: int, *, known: bool) -> None:
    """Backfill from a generator, and print the peak memory of this process; the emulator is another one."""
    command = [sys.executable, "-m", "benchmarks.transfers", "serve", "--rows", str(count if known else 0)]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE) as emulator:
        try:
            assert emulator.stdout is not None
            url = emulator.stdout.readline().decode().strip()
            started = time.perf_counter()
            result = asyncio.run(backfill(url, known_rows(count) if known else rows(count), Path(folder)))
            took = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            counts = f"{result.created:,} created, {result.found:,} found, {result.bad_rows:,} rejected"
            print(
                f"{count:,} rows, {counts}, {result.requests:,} requests: peak {peak:.0f} MB, {took:.0f} s", flush=True
            )
        finally:
            emulator.terminate()


async def backfill(url: str, given: Iterator[dict[str, Any]], folder: Path) -> BackfillResult:
    """Import all rows, then read what a report shows; both count for the peak."""
    control = JobControl(budget=Budget(concurrency=16))
    async with session_on(url) as session:
        where = {**WHERE, "journal": folder / "job.db", "rejects": folder / "bad.jsonl"}
        result = await backfill_cases(session, given, job="memory", control=control, **where)
    await read_report(folder / "job.db")
    return result


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


@contextmanager
def versions(emulator: Emulator) -> Iterator[dict[str, set[str]]]:
    """Collect all states that cases have while requests are answered, by id."""
    seen: dict[str, set[str]] = defaultdict(set)
    answer = emulator.answer

    def look() -> None:
        for id_, case in alive(emulator).items():
            seen[id_].add(json.dumps(case, sort_keys=True))

    def answer_and_look(request: Any) -> Any:
        look()
        return answer(request)

    emulator.answer = answer_and_look  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        emulator.answer = answer  # type: ignore[method-assign]
        look()


def judge_busy(known: dict[str, Any], before: dict[str, Any], after: dict[str, Any], seen: dict[str, set[str]]) -> None:
    """Check an export made during changes: it must have each case that existed throughout, as it was at some moment."""
    missing = [id_ for id_ in before.keys() & after.keys() if id_ not in known]
    assert not missing, f"{len(missing)} cases that were there throughout are missing"
    for id_, case in known.items():
        assert json.dumps(case, sort_keys=True) in seen[id_], f"{id_} is in a state that it had at no moment"


async def merge_rounds(count: int, cases: int, stores: list[Any], seed: int = 0) -> int:
    """Export and merge round after round; returns how many lines were written in all."""
    lot, written = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Emulator(cases=cases, seed=seed, log_size=0) as emulator, session_on(emulator.base_url) as session:
            for number in range(count):
                before = alive(emulator)
                emulator.set_actors(ACTORS)
                with versions(emulator) as seen:
                    busy = await export_cases(session, folder, since="last")
                emulator.set_actors(None)
                for store in stores:
                    store.merge(busy.output)
                    judge_busy(store.cases(), before, alive(emulator), seen)
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
    actions = ["requests", "lost", "memory", "known", "rounds", "child", "serve"]
    parser.add_argument("what", nargs="?", default="requests", choices=actions)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--known", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    match options.what:
        case "requests":
            show_tables()
        case "lost":
            show_requests(options.rows)
        case "memory" | "known":
            show_memory([10_000, options.rows], known=options.what == "known")
        case "rounds":
            show_rounds(options.rounds)
        case "child":
            be_child(options.rows, known=options.known)
        case _:
            asyncio.run(serve(options.rows))


if __name__ == "__main__":
    main()
