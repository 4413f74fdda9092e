"""The journal keeps what it was given, belongs to one job at a time, and says in one line why it cannot be used."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemgmt_async.jobs import (
    ForeignJournalError,
    Journal,
    JournalDamagedError,
    JournalError,
    JournalFullError,
    JournalLockedError,
    State,
)
from casemgmt_async.jobs import journal as journal_package
from casemgmt_async.jobs.journal import Outcome, insert_operations, insert_subjects
from casemgmt_async.jobs.journal.journal import ranges
from casemgmt_async.jobs.journal.schema import SCHEMA, SCHEMAS, VERSION

HOLD = """
import asyncio, sys
from casemgmt_async.jobs import Journal
async def main():
    async with Journal(sys.argv[1], kind="triage"):
        print("held", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


async def fill(journal: Journal, count: int) -> None:
    """Plan one operation for each of some cases."""
    await journal.write(
        insert_subjects(
            [
                (number, f"case {number}", f"K-{number}", f"case {number}", None, None, None)
                for number in range(1, count + 1)
            ]
        ),
        insert_operations([(number, "rule", 3, "priority", '"P4"') for number in range(1, count + 1)]),
    )


async def test_operations_go_from_planned_through_sending_to_their_end(anywhere: str | Path) -> None:
    """Every step is in the file when its await returns, and is there after it was opened again."""
    async with Journal(anywhere, kind="triage") as book:
        await fill(book, 5)
        operations = await book.operations()
        await book.sending(operation.number for operation in operations[:4])
        await book.end(
            [Outcome([1], State.DONE, "made"), Outcome([2], State.REJECTED, error="no"), Outcome([3], State.UNKNOWN)]
        )

    async with Journal(anywhere, kind="triage") as book:
        assert [each.state for each in await book.operations()] == ["done", "rejected", "unknown", "sending", "planned"]
        assert await book.read("SELECT result, error FROM operations WHERE number < 3") == [
            ("made", None),
            (None, "no"),
        ]
        assert (await book.counts())[State.SENDING] == 1
        assert operations[0].value == "P4"


@given(numbers=st.lists(st.integers(1, 60), unique=True))
def test_runs_hold_the_numbers_and_no_others(numbers: list[int]) -> None:
    """Together they are the numbers, in order, and no two of them could be one."""
    found = ranges(numbers)
    assert [number for first, last in found for number in range(first, last + 1)] == sorted(numbers)
    assert all(later[0] > before[1] + 1 for before, later in pairwise(found))


async def test_the_operations_of_a_row_are_found_without_reading_all(journal: Path) -> None:
    """A row that is refused has its other operations skipped; a hundred thousand such rows are no hundred thousand
    readings of the whole table."""
    statements = (
        "SELECT number FROM operations WHERE subject = 7 AND state = 'planned'",
        "UPDATE operations SET state = 'skipped' WHERE subject = 7 AND number <> 3",
        "SELECT DISTINCT subject FROM operations WHERE subject > 7 ORDER BY subject LIMIT 500",
    )
    async with Journal(journal, kind="backfill") as book:
        for statement in statements:
            steps = [step for *_, step in await book.read(f"EXPLAIN QUERY PLAN {statement}")]
            assert [step.partition(" (")[0] for step in steps] in (
                ["SEARCH operations USING INDEX operations_of_subject"],
                ["SEARCH operations USING COVERING INDEX operations_of_subject"],
            ), steps


async def test_what_is_committed_survives_the_file_being_copied_away_at_once(journal: Path, tmp_path: Path) -> None:
    """A copy taken right after an await, as a crash would leave it, holds what was awaited."""
    async with Journal(journal, kind="triage") as book:
        await fill(book, 3)
        await book.sending([1, 2, 3])
        for suffix in ("", "-wal"):
            shutil.copy(f"{journal}{suffix}", f"{tmp_path / 'copy.db'}{suffix}")

    async with Journal(tmp_path / "copy.db", kind="triage") as copy:
        assert (await copy.counts()) == {State.SENDING: 3}


async def test_writers_that_wait_together_share_a_transaction(anywhere: str | Path) -> None:
    """While one commit is on its way to the disk, a hundred writers gather, and the next commit is for all of them."""
    commits: list[str] = []
    gate = threading.Event()
    gate.set()

    def checkpoint(step: str) -> None:
        commits.append(step)
        gate.wait(30)

    async with Journal(anywhere, kind="triage", on_step=checkpoint) as book:
        commits.clear()
        gate.clear()
        writers = [asyncio.ensure_future(book.put(**{f"fact {number}": number})) for number in range(100)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*writers)
        assert commits.count("committed") <= 3

    async with Journal(anywhere, kind="triage") as book:
        assert all(book.meta[f"fact {number}"] == number for number in range(100))


async def test_a_check_does_not_wait_for_what_is_being_written(anywhere: str | Path) -> None:
    """It stands before each request, so a slow disk must not hold up the event loop."""
    begun, gate = threading.Event(), threading.Event()
    steps: list[str] = []
    gate.set()

    def checkpoint(step: str) -> None:
        steps.append(step)
        begun.set()
        gate.wait(10)

    async with Journal(anywhere, kind="triage", on_step=checkpoint) as book:
        begun.clear()
        gate.clear()
        steps.clear()
        writing = asyncio.create_task(book.put(fact=1))
        await asyncio.to_thread(begun.wait, 30)
        book.check()
        assert steps == ["commit"]
        gate.set()
        await writing


async def test_a_cancelled_writer_leaves_a_whole_journal(anywhere: str | Path) -> None:
    """Cancelling whoever waits neither loses the others' writes nor hangs the close."""
    async with Journal(anywhere, kind="triage") as book:
        writers = [asyncio.ensure_future(book.put(**{f"fact {number}": number})) for number in range(20)]
        await asyncio.sleep(0)
        for writer in writers[::2]:
            writer.cancel()
        done = await asyncio.gather(*writers, return_exceptions=True)

    assert [type(each) for each in done[1::2]] == [type(None)] * 10
    async with Journal(anywhere, kind="triage") as book:
        assert all(book.meta[f"fact {number}"] == number for number in range(1, 20, 2))


def test_a_second_process_gets_one_line_and_the_lock_goes_with_the_process(anywhere: str | Path) -> None:
    """Another process that is at work is named; when it is killed, the journal is free."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(anywhere)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        who = rf"another job is at work on it \(.*process {holder.pid}.*\); wait for it or stop it"
        with pytest.raises(JournalLockedError, match=who) as caught:
            asyncio.run(open_and_close(anywhere))
        asyncio.run(open_and_close(anywhere, read_only=True))
    finally:
        holder.kill()
        holder.communicate()

    asyncio.run(open_and_close(anywhere))
    assert "\n" not in str(caught.value)
    assert not Path(f"{anywhere}.lock").exists()


async def open_and_close(path: str | Path, kind: str = "triage", *, read_only: bool = False) -> None:
    async with Journal(path, kind=kind, read_only=read_only):
        pass


async def test_a_file_that_is_no_journal_is_recognised_and_left_alone(journal: Path) -> None:
    """Text, another program's database, and a newer layout: each is named, none is touched."""
    journal.write_text("these are notes, and not a journal\n" * 50)
    with pytest.raises(ForeignJournalError, match="this is not a journal; give another path"):
        await open_and_close(journal)
    assert journal.read_text().startswith("these are notes")

    other = journal.with_name("other.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(ForeignJournalError, match="another program's database"):
        await open_and_close(other)

    newer = journal.with_name("newer.db")
    await open_and_close(newer)
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ForeignJournalError, match=f"layout 99, and .* knows {VERSION}; use the version that wrote it"):
        await open_and_close(newer)


def test_another_layout_has_another_version() -> None:
    """A program must not write into tables that it takes for others: where the tables change, change both here."""
    tables = json.dumps([SCHEMA, sorted(SCHEMAS.items())])
    assert (VERSION, hashlib.sha256(tables.encode()).hexdigest()[:16]) == (4, "0b6b3dfd05a13bd7")


async def test_the_journal_of_another_kind_of_job_is_refused(anywhere: str | Path) -> None:
    """An export does not write into the plan of a triage."""
    await open_and_close(anywhere)
    with pytest.raises(ForeignJournalError, match="a job of the kind triage, not export"):
        await open_and_close(anywhere, kind="export")


async def test_a_missing_journal_and_a_missing_folder_are_named(journal: Path) -> None:
    """Reading what is not there makes nothing, and a path into nowhere is one line."""
    with pytest.raises(JournalError, match="there is no such file"):
        await open_and_close(journal, read_only=True)
    assert not journal.exists()
    with pytest.raises(JournalError, match="cannot be opened: No such file or directory"):
        await open_and_close(journal.parent / "nowhere" / "job.db")


async def test_a_damaged_journal_is_one_line_that_says_what_to_do(journal: Path) -> None:
    """Pages overwritten with rubbish are found when the file is opened."""
    async with Journal(journal, kind="triage") as book:
        await fill(book, 2_000)
    whole = bytearray(journal.read_bytes())
    for page in range(3, len(whole) // 4096, 2):
        whole[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    journal.write_bytes(whole)

    with pytest.raises(
        JournalDamagedError, match="the file is damaged; restore a copy, or start with a new journal"
    ) as caught:
        await open_and_close(journal)
    assert "\n" not in str(caught.value)


async def test_a_full_disk_is_one_line_and_loses_nothing(journal: Path) -> None:
    """What was written before stays, later writes say the same at once, and with room again it goes on."""
    async with Journal(journal, kind="triage") as book:
        await fill(book, 10)
        ((pages,),) = await book.read("PRAGMA page_count")
        await book.read(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalFullError, match="the disk is full; free some space and run again; it resumes here"):
            await book.put(much="x" * 100_000)
        with pytest.raises(JournalFullError, match="the disk is full"):
            await book.put(little="x")
        assert len(await book.operations()) == 10

    async with Journal(journal, kind="triage") as book:
        await book.put(much="x" * 100_000)
        assert len(await book.operations()) == 10
        assert "little" not in book.meta


async def test_whatever_goes_wrong_in_the_thread_reaches_whoever_waits(anywhere: str | Path) -> None:
    """A failure that nobody foresaw ends the wait with an error and leaves what was written."""
    steps = iter(["fine"])

    def checkpoint(step: str) -> None:
        if step == "commit":
            next(steps)

    async with Journal(anywhere, kind="triage", on_step=checkpoint) as book:
        with pytest.raises(JournalError, match="StopIteration"):
            await fill(book, 3)
        assert await book.operations() == []


@pytest.mark.parametrize("name", ["OR REPLACE", "INSERT OR", " IS ?", "ROWID", "PRAGMA", "strftime"])
def test_queries_say_nothing_that_only_sqlite_understands(name: str) -> None:
    """The schema and the store in SQLite aside: those are translated or have a twin."""
    own = {"schema.py", "sqlite_store.py", "postgres_store.py"}
    files = [file for file in Path(journal_package.__file__).parent.glob("*.py") if file.name not in own]
    assert [file.name for file in files if name in file.read_text()] == []
