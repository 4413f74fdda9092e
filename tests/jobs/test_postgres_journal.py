"""Whole jobs with their journals in PostgreSQL, and what becomes of them when the connection is lost."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from scenes import all_cases, comments
from servers import PgBouncer

from casemgmt_async import CaseSession, ConfigurationError, cases
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.budgets.postgres import PostgresBudget
from casemgmt_async.jobs import (
    ForeignJournalError,
    JobControl,
    Journal,
    JournalConnectionError,
    JournalError,
    State,
    apply_triage,
    backfill_cases,
    export_cases,
    list_runs,
    plan_triage,
    preview_backfill,
    read_report,
    run_triage,
)
from casemgmt_async.jobs.journal import copy_journal, journal_address, postgres_store
from casemgmt_async.jobs.journal.export_queries import insert_items, items

STANDARD = "00000000-0000-0000-0000-000000000001"


def terminate(url: str) -> None:
    """End all connections to a database, as a restart of the server does."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def rows(count: int) -> list[dict[str, Any]]:
    """Rows with comments and links."""
    return [
        {
            "key": f"OLD-{number}",
            "title": f"row {number}\0" if number == 3 else f"row {number}",
            "comments": [f"comment on {number}"],
            "links": [{"relationship": "BLOCKS", "to": f"OLD-{(number + 1) % count}"}],
        }
        for number in range(count)
    ]


async def test_a_triage_remembers_in_postgresql_what_it_did(
    emulator: Emulator, session: CaseSession, postgres_url: str, tmp_path: Path
) -> None:
    """Plan, dry run, apply, again: the second run finds that everything is done."""
    rules, state = all_cases(comment="x"), f"{postgres_url}#hourly"
    shown = await plan_triage(session, rules, state=state, dry_run=True)
    assert len(shown.changes) == 40
    with pytest.raises(JournalError, match="no such journal"):
        await list_runs(state)
    await plan_triage(session, rules, state=state)
    again = await plan_triage(session, rules, state=state, dry_run=True)
    assert len(again.changes) == 40
    done = await apply_triage(session, state=state)
    assert done.states == {State.DONE: 40}
    assert (await run_triage(session, rules, state=state)).states == {}
    assert comments(emulator, "x") == 40
    assert [run.state for run in await list_runs(state)] == ["ended", "ended"]
    report = await read_report(state, run=1)
    report.write_html(tmp_path / "report.html")
    assert report.states == {State.DONE: 40}


async def test_a_backfill_and_its_preview_go_by_the_journal_in_postgresql(
    emulator: Emulator, session: CaseSession, postgres_url: str
) -> None:
    """The journal is named after the job; a character that PostgreSQL does not store stops nothing."""
    given: dict[str, Any] = {
        "job": "old tracker",
        "journal": postgres_url,
        "project": next(iter(emulator.store.tables.projects)),
        "type": STANDARD,
    }
    assert (await preview_backfill(session, rows(6), **given)).create == 6
    result = await backfill_cases(session, rows(6), settle=0, **given)
    assert result.succeeded
    assert (result.created, str(result.journal)[-12:]) == (6, "#old tracker")
    assert (await preview_backfill(session, rows(6), **given)).unchanged == 6
    assert (await backfill_cases(session, rows(6), settle=0, **given)).created == 0


async def test_an_incremental_export_goes_by_journal_and_state_in_postgresql(
    emulator: Emulator, session: CaseSession, postgres_url: str, tmp_path: Path
) -> None:
    """The second export has what changed, and the journal of a complete export is gone."""
    given: dict[str, Any] = {"journal": postgres_url, "state": f"{postgres_url}#warehouse", "since": "last"}
    first = await export_cases(session, tmp_path / "one.jsonl", **given)
    await cases.update_case_title(session, emulator.store.tables.cases[3].id, title="another")
    second = await export_cases(session, tmp_path / "two.jsonl", **given)
    assert (first.written, second.written) == (40, 1)
    assert json.loads((tmp_path / "two.jsonl").read_text())["attributes"]["title"] == "another"
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'casemgmt%'").fetchall()
    assert found == [("casemgmt_warehouse",)]


async def test_nothing_is_sent_after_the_connection_is_lost_and_the_next_run_goes_on(
    emulator: Emulator, session: CaseSession, postgres_url: str
) -> None:
    """The server is restarted while creates are in flight: the job ends with one line, and the next loses nothing."""
    sent: list[int] = []

    def step(name: str) -> None:
        if name == "sent" and not sent:
            terminate(postgres_url)
            sent.append(emulator.requests)

    given: dict[str, Any] = {
        "job": "j",
        "journal": postgres_url,
        "project": next(iter(emulator.store.tables.projects)),
        "type": STANDARD,
        "settle": 0,
    }
    with pytest.raises(JournalConnectionError, match=r"the connection to PostgreSQL was lost, .*run again") as caught:
        await backfill_cases(session, rows(30), control=JobControl(on_step=step), **given)
    assert "\n" not in str(caught.value)
    assert emulator.requests - sent[0] <= 8  # those that had passed the check

    result = await backfill_cases(session, rows(30), **given)
    assert result.succeeded
    assert not emulator.ledger.doubled("create_case")
    assert sum(case.title.startswith("row ") for case in emulator.store.tables.cases) == 30
    assert comments(emulator, "comment on 7") == 1
    assert len(emulator.store.tables.links) == 30


async def test_a_request_is_not_sent_by_an_owner_whose_connection_is_lost(
    emulator: Emulator, session: CaseSession, postgres_url: str
) -> None:
    """The check before each request needs no statement, and the journal is free for another job at once."""
    async with Journal(f"{postgres_url}#j", kind="triage") as book:
        book.check()
        terminate(postgres_url)
        before = emulator.requests
        with pytest.raises(JournalConnectionError, match="nothing more was sent"):
            await JobControl().run(session, cases.search_cases(session), guard=book.check)
        assert emulator.requests == before
        async with Journal(f"{postgres_url}#j", kind="triage") as other:
            other.check()
        with pytest.raises(JournalConnectionError):
            await book.put(a=1)


async def test_a_pool_by_transaction_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server process than the one with the lock answers; or one that holds the lock for somebody else."""
    async with Journal(f"{postgres_url}#j", kind="triage") as book:
        store: Any = book._store
        store._backend += 1
        with pytest.raises(JournalError, match="pooled by transaction, so that no lock can be held; give the address"):
            await book.put(a=1)
    async with Journal(f"{postgres_url}#j", kind="triage") as book:
        shared: Any = book._store
        assert "a" not in book.meta
        monkeypatch.setattr(postgres_store, "connect", lambda _: shared._connection)
        monkeypatch.setattr(shared._connection, "close", lambda: None)
        with pytest.raises(JournalError, match="pooled by transaction"):
            async with Journal(f"{postgres_url}#j", kind="triage"):
                pass
        monkeypatch.undo()
        await book.put(a=1)


async def test_a_real_pool_by_transaction_is_refused_before_a_second_job_can_write(postgres_url: str) -> None:
    """With one connection for all, the second job meets the lock of the first as its own; with two, the first job
    meets another connection than its own as soon as somebody else has that one. A shared budget needs neither.
    """
    with tempfile.TemporaryDirectory(prefix="casemgmt-") as folder:
        Path(folder).chmod(0o755)
        with PgBouncer(Path(folder), postgres_url, 1) as pool:
            async with Journal(f"{pool.url}#j", kind="triage") as book:
                await book.put(a=1)
                for part in (None, 0):
                    with pytest.raises(JournalError, match="pooled by transaction, so that no lock can be held"):
                        async with Journal(f"{pool.url}#j", kind="triage", part=part):
                            pass
        with PgBouncer(Path(folder), postgres_url, 2) as pool:
            async with Journal(f"{pool.url}#k", kind="triage") as book:
                await book.put(a=1)
                with psycopg.connect(pool.url) as other:
                    other.execute("SELECT 1")  # in a transaction, with the connection of the job
                    with pytest.raises(JournalError, match="pooled by transaction, so that no lock can be held"):
                        await book.put(a=2)
            async with PostgresBudget(pool.url) as one, PostgresBudget(pool.url) as two:
                window: dict[str, Any] = {"window": 1, "period": 10.0, "limit": 5, "used": 0, "want": 4}
                assert (await one.take("b", **window), await two.take("b", **window)) == (4, 1)


async def test_places_sort_by_their_bytes_in_both(anywhere: str | Path) -> None:
    """Whatever the language of the database is."""
    places = ["B", "a", "Z-1", "z_1", "É", "10", "9"]
    async with Journal(anywhere, kind="export") as book:
        await book.write(insert_items("case", [(place, b"\0") for place in places]))
        await book.write(insert_items("case", [("a", b"newer")]))
        found = await items(book, "case", "", 99)
    assert [place for place, _ in found] == sorted(places, key=str.encode)
    assert dict(found)["a"] == b"newer"


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        (None, "is not a journal"),
        ("casemgmt journal 43617365 layout 99", "layout 99, and .*; use the version that wrote it"),
    ],
)
async def test_a_schema_that_is_no_journal_is_left_alone(postgres_url: str, comment: str | None, why: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA casemgmt_theirs")
        connection.execute(f"COMMENT ON SCHEMA casemgmt_theirs IS '{comment or 'ours'}'")
    with pytest.raises(ForeignJournalError, match=why):
        async with Journal(f"{postgres_url}#theirs", kind="triage"):
            pass


async def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    url = "postgresql://me:secret@127.0.0.1:1/db?password=hidden&sslmode=disable#job"
    with pytest.raises(
        JournalConnectionError, match=r"me@127\.0\.0\.1:1/db.*#job: cannot connect: .*check the URL"
    ) as said:
        async with Journal(url, kind="triage"):
            pass
    assert "\n" not in str(said.value)
    for secret in ("secret", "hidden"):
        assert secret not in str(said.value) + repr(journal_address(url))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://host/db#job", "mysql:// is not known; give a path or postgresql://"),
        (f"postgresql://host/db#{'n' * 49}", "its name must have at most 48 bytes"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_before_any_connection(url: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        Journal(url, kind="triage")


async def test_a_report_needs_the_name_of_a_journal() -> None:
    with pytest.raises(ConfigurationError, match="add its name after #, as in postgresql://host/db#triage"):
        await read_report("postgresql://host/db")


def test_the_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "casemgmt_async.jobs.journal.postgres_store", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'casemgmt-async\[postgres\]'"):
        Journal("postgresql://host/db#job", kind="triage")


async def test_a_copy_says_whether_there_was_a_journal(postgres_url: str, tmp_path: Path) -> None:
    """As of one moment, in a file that is a journal itself."""
    address = journal_address(postgres_url)
    assert not await asyncio.to_thread(copy_journal, address, tmp_path / "none.db", "triage")
    async with Journal(postgres_url, kind="triage") as book:
        await book.put(fact=1)
    assert await asyncio.to_thread(copy_journal, address, tmp_path / "copy.db", "triage")
    async with Journal(tmp_path / "copy.db", kind="triage", read_only=True) as copied:
        assert copied.meta["fact"] == 1
