"""Workers on procrastinate share a backfill: every row is one case, whoever dies, and links come last."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
import pytest

import casemgmt_async.integrations.procrastinate as procrastinate_module
from casemgmt_async import CaseSession, ConfigurationError, InvalidArgumentError
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.procrastinate import (
    defer_shards,
    opened_app,
    register_tasks,
    retry_stalled,
    run_worker,
)
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    JobError,
    Journal,
    JournalConnectionError,
    JournalLockedError,
    State,
    backfill_cases,
    preview_backfill,
    read_report,
    split_backfill,
)
from casemgmt_async.jobs.backfill.shards import run_shard
from casemgmt_async.jobs.journal import JournalURL, postgres_store

STANDARD = "00000000-0000-0000-0000-000000000001"
SHARDS = 3


class DiedError(Exception):
    """The worker is gone."""


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows that are linked in a ring."""
    return [
        {
            "key": f"OLD-{number}",
            "title": f"row {number}",
            "comments": [f"comment on {number}"],
            "links": [{"relationship": "BLOCKS", "to": f"OLD-{(number + 1) % count}"}],
            **more,
        }
        for number in range(count)
    ]


@pytest.fixture
async def emulator() -> Any:
    async with Emulator(cases=20, seed=7) as running:
        yield running


@pytest.fixture
def open_session(emulator: Emulator) -> Callable[[], CaseSession]:
    return partial(CaseSession, base_url=emulator.base_url, api_key="k", app_key="k")


@pytest.fixture
def split(
    emulator: Emulator, open_session: Callable[[], CaseSession], postgres_url: str, tmp_path: Path
) -> Callable[..., Any]:
    """Deal rows out to three shards, and put them into the queue."""

    async def run(given: list[dict[str, Any]], **options: Any) -> Any:
        project = next(iter(emulator.store.tables.projects))
        options = {"job": "move", "journal": postgres_url, "shards": SHARDS, "settle": 0, **options}
        options.setdefault("rejects", tmp_path / "rejects.jsonl")
        async with open_session() as session:
            work = await split_backfill(session, given, project=project, type=STANDARD, **options)
        async with opened_app(work.journal) as app:
            await defer_shards(app, work)
        return work

    return run


def whole(emulator: Emulator, count: int) -> None:
    """Each row is one case, with its comment once, and its link."""
    tables = emulator.store.tables
    titles = Counter(case.title for case in tables.cases if case.title.startswith("row "))
    assert titles == Counter({f"row {number}": 1 for number in range(count)})
    said = Counter(cell.message for cell in tables.cells.values() if (cell.message or "").startswith("comment on "))
    assert said == Counter({f"comment on {number}": 1 for number in range(count)})
    assert len(tables.links) == count


async def no_sleep(_: float) -> None:
    """Go on at once."""


def restarting(patched: pytest.MonkeyPatch, times: int) -> list[Any]:
    """Let PostgreSQL be away so many times, and no journal be opened while another one is; gives the connections."""
    opened: list[Any] = []
    tries: list[int] = []
    connect = postgres_store.connect

    def connect_alone(address: Any) -> Any:
        tries.append(len(opened))
        if len(tries) <= times:
            raise psycopg.OperationalError("the database system is starting up")
        assert all(connection.closed for connection in opened)
        opened.append(connect(address))
        return opened[-1]

    patched.setattr(postgres_store, "connect", connect_alone)
    return opened


async def test_workers_share_a_backfill_and_make_links_between_shards(
    emulator: Emulator,
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One result over all shards, also while PostgreSQL restarts, with one connection at a time.

    The same rows again change nothing, and a bad row is written beside them.
    """
    work = await split(rows(24))
    assert not any(case.title.startswith("row ") for case in emulator.store.tables.cases)
    before = await work.result(JobControl())
    assert before.stopped == "its shards are not done yet"
    assert before.remaining == 24 * 3
    await asyncio.gather(
        *(run_worker(postgres_url, open_session=open_session, until_empty=True, concurrency=2) for _ in range(2))
    )
    whole(emulator, 24)
    control = JobControl(sleep=no_sleep)
    with monkeypatch.context() as patched:
        opened = restarting(patched, 2)
        await work.wait(control)
        result = await work.result(control)
    assert len(opened) > SHARDS
    assert result.succeeded
    assert (result.created, result.items, result.states) == (24, 24, {State.DONE: 72})

    again = await split([*rows(24), {"title": "no key"}])
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    result = await again.result(JobControl())
    assert (result.created, result.unchanged, result.bad_rows) == (0, 24, 1)
    assert result.output == tmp_path / "rejects.jsonl"
    assert json.loads(result.output.read_text("utf-8"))["title"] == "no key"
    whole(emulator, 24)


async def test_one_report_has_all_shards_while_workers_are_at_work_and_afterwards(
    split: Callable[..., Any], open_session: Any, postgres_url: str, tmp_path: Path
) -> None:
    """States, rows, failures, bad rows and outcomes; what shards have in common counts once."""
    work = await split([*rows(9), {"title": "no key"}])
    async with open_session() as session:
        await run_shard(session, work.journal, 0)
    first = await read_report(work.journal)
    assert (sum(first.states.values()), first.items, first.journal) == (27, 9, work.journal)
    assert 0 < first.states[State.DONE] < 18
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    report = await read_report(f"{postgres_url}#move")
    assert (report.kind, report.states) == ("backfill", {State.DONE: 27})
    assert {(row.action, row.states[State.DONE]) for row in report.rows} == {("create", 9), ("comment", 9), ("link", 9)}
    assert len(report.operations) == len({(each.key, each.change) for each in report.operations}) == 27
    assert [reason for _, _, reason in report.bad_rows] == ["key is missing"]
    assert "OLD" in report.html()
    await report.write_outcomes(tmp_path / "outcomes.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text("utf-8").splitlines()]
    assert Counter(line["action"] for line in lines) == {"create": 9, "comment": 9, "link": 9}
    assert len({line["case"] for line in lines}) == 9


async def test_a_job_keeps_to_shards_or_to_none(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """A journal of its own beside the shards would make cases of the same rows at the same time."""
    await split(rows(3))
    project = next(iter(emulator.store.tables.projects))
    given: dict[str, Any] = {"project": project, "type": STANDARD, "journal": postgres_url}
    async with open_session() as session:
        with pytest.raises(JobError, match="this job is in 3 shards; continue it with that number"):
            await backfill_cases(session, rows(3), job="move", **given)
        await backfill_cases(session, rows(3), job="whole", **given)
    with pytest.raises(JobError, match="this job was started without shards; continue it without them"):
        await split(rows(3), job="whole")


async def test_the_shards_of_a_dead_worker_go_on_elsewhere(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """Its connection ends in the middle of a shard, and its job is taken back when it gives no sign of life."""
    work = await split(rows(24))
    seen: list[str] = []

    def die(step: str) -> None:
        seen.append(step)
        if seen.count("sent") == 3:
            raise DiedError

    async with opened_app(postgres_url) as app:
        await app.job_manager.fetch_job(["casemgmt"], await app.job_manager.register_worker())
        with pytest.raises(DiedError):
            async with open_session() as session:
                await run_shard(session, work.journal, 0, control=JobControl(on_step=die))
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        assert await retry_stalled(app) == 1
        assert await retry_stalled(app) == 0
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    whole(emulator, 24)


async def test_a_worker_ends_with_its_queue_and_not_while_a_shard_waits_to_be_tried_again(
    emulator: Emulator,
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where nothing is due at the moment, as after a try that failed."""
    monkeypatch.setattr(procrastinate_module, "POLL", 0.05)
    await split(rows(6))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '0.3 seconds'")
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    whole(emulator, 6)


async def test_a_worker_waits_for_a_server_that_is_away_and_says_so_once(
    emulator: Emulator,
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await split(rows(3))
    check, tries = procrastinate_module.check_server, []

    async def away_at_first(address: JournalURL) -> None:
        tries.append(address)
        if len(tries) <= 3:
            raise JournalConnectionError("the database system is starting up")
        await check(address)

    monkeypatch.setattr(procrastinate_module, "check_server", away_at_first)
    monkeypatch.setattr(procrastinate_module, "RECONNECT", 0.0)
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    whole(emulator, 3)
    assert [record.message for record in caplog.records if record.name == procrastinate_module.__name__] == [
        "PostgreSQL cannot be reached, trying again: the database system is starting up",
        "PostgreSQL can be reached again",
    ]


async def test_a_worker_that_is_asked_to_stop_puts_its_shard_back(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    await split(rows(24))
    stop = asyncio.Event()

    def control() -> JobControl:
        return JobControl(budget=Budget(concurrency=1), on_step=lambda step: stop.set() if step == "sent" else None)

    await run_worker(postgres_url, open_session=open_session, control=control, stop=stop)
    made = sum(case.title.startswith("row ") for case in emulator.store.tables.cases)
    assert 0 < made < 24
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        states = connection.execute("SELECT status::text FROM procrastinate_jobs").fetchall()
        assert states == [("todo",)] * SHARDS
        connection.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    whole(emulator, 24)


async def test_tasks_of_an_application_of_ones_own_keep_the_password_out_of_the_queue(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    work = await split(rows(6))
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=postgres_url))
    register_tasks(app, journals=postgres_url, open_session=open_session)
    async with app.open_async():
        await app.run_worker_async(queues=["casemgmt"], wait=False, install_signal_handlers=False)
    whole(emulator, 6)
    assert (await work.result(JobControl())).succeeded
    with psycopg.connect(postgres_url) as connection:
        assert not connection.execute("SELECT 1 FROM procrastinate_jobs WHERE args::text LIKE '%://%'").fetchall()


async def test_rejected_rows_are_written_at_the_end_and_what_somebody_has_edited_stays(
    split: Callable[..., Any], open_session: Any, postgres_url: str, tmp_path: Path
) -> None:
    """Also where a worker still has a shard open that is done."""
    target = tmp_path / "rejects.jsonl"

    async def rejected(title: str) -> Path:
        job = await split([*rows(4), {"title": title}])
        assert (await job.result(JobControl())).output is None, "the shards are not done yet"
        await run_worker(postgres_url, open_session=open_session, until_empty=True)
        async with Journal(job.journal.shard(0), kind="backfill") as still_open:

            async def sleep(_: float) -> None:
                await still_open.__aexit__()

            result = await job.result(JobControl(sleep=sleep))
        assert result.bad_rows == 1
        assert title in result.output.read_text("utf-8")
        return Path(result.output)

    assert await rejected("first") == target
    assert await rejected("second") == target, "nobody has edited it"
    target.write_text(target.read_text("utf-8").replace("second", "corrected"), "utf-8")
    assert await rejected("third") == tmp_path / "rejects-2.jsonl"
    assert "corrected" in target.read_text("utf-8")


async def test_a_preview_knows_what_is_in_the_shards(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    await split(rows(4))
    await run_worker(postgres_url, open_session=open_session, until_empty=True)
    edited = [{**row, "priority": "P1"} if row["key"] == "OLD-2" else row for row in rows(4)]
    before = emulator.store.tables.cases[-1].modified_at, len(emulator.store.tables.cases)
    project = next(iter(emulator.store.tables.projects))
    async with open_session() as session:
        seen = await preview_backfill(
            session,
            [*edited[:3], {"key": "OLD-9", "title": "another"}],
            job="move",
            journal=f"{postgres_url}#move",
            project=project,
            type=STANDARD,
            update=True,
        )
    assert (seen.create, seen.update, seen.unchanged, seen.removed, seen.found) == (1, 1, 2, 1, 0)
    assert [case["key"] for case in seen.cases] == ["OLD-9"]
    assert (emulator.store.tables.cases[-1].modified_at, len(emulator.store.tables.cases)) == before


async def test_rows_are_dealt_out_with_care(split: Callable[..., Any], postgres_url: str, tmp_path: Any) -> None:
    """Not to another number of shards, not while a worker is at work, not into a file."""
    work = await split(rows(3))
    with pytest.raises(JobError, match="it has 3 shards; give that number"):
        await split(rows(3), shards=4)
    async with Journal(work.journal.shard(1), kind="backfill"):
        with pytest.raises(JournalLockedError, match="another job is at work"):
            await split(rows(3))
    with pytest.raises(InvalidArgumentError, match="shards need a journal in PostgreSQL"):
        await split(rows(3), journal=tmp_path / "job.db")
    with pytest.raises(InvalidArgumentError, match="between 1 and 256"):
        await split(rows(3), shards=0)
    with pytest.raises(ConfigurationError, match="give a URL"):
        await run_worker("job.db")
