"""Workers share the changes of a triage: each is made once, and its state is as if one process had made them all."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

import casemgmt_async.integrations.procrastinate as procrastinate_module
import casemgmt_async.jobs.shards as shards_module
from casemgmt_async import CaseSession, ConfigurationError, InvalidArgumentError, cases
from casemgmt_async.cli.worker import is_unexpected
from casemgmt_async.emulator import Emulator
from casemgmt_async.integrations.procrastinate import defer_shards, opened_app, run_worker, wait_for_shards
from casemgmt_async.jobs import (
    JobControl,
    JobError,
    Journal,
    JournalConnectionError,
    JournalLockedError,
    RunState,
    ShardedTriage,
    State,
    apply_triage,
    list_runs,
    parse_rules,
    plan_triage,
    read_report,
    run_triage,
    split_triage,
)
from casemgmt_async.jobs.journal import JournalURL, postgres_store
from casemgmt_async.jobs.journal.runs import read_memory
from casemgmt_async.jobs.shards import Standing
from casemgmt_async.jobs.triage.shards import finish_shards, triage_shard

SHARDS = 3
RULES = parse_rules(
    {
        "name": "shared",
        "rules": [
            {
                "name": "note",
                "match": {"priority": ["P1", "P2"]},
                "actions": {"comment": "noted {key}", "attributes": {"seen": ["yes"]}},
                "once": True,
            },
            {"name": "raise", "match": {"priority": "P4"}, "actions": {"priority": "P3"}},
            {
                "name": "shelve",
                "match": {"priority": "P5"},
                "actions": {"comment": "shelved {key}", "status": "Closed", "archive": True},
            },
        ],
    }
)


class DiedError(Exception):
    """The worker is gone."""


def standing(emulator: Emulator) -> Any:
    """What the cases are like, with their comments."""
    tables = emulator.store.tables
    return sorted(
        (
            case.key,
            case.priority,
            case.status,
            case.archived_at is not None,
            sorted(case.attributes.items()),
            [tables.cells[cell].message for cell in case.comments],
        )
        for case in tables.cases
    )


def changed(emulator: Emulator) -> Counter[str]:
    """How many cases have what the last action of each rule makes of them."""
    found = Counter(note=0, shelve=0)
    for case in emulator.store.tables.cases:
        found["note"] += "seen" in case.attributes
        found["shelve"] += case.priority == "P5" and case.archived_at is not None
    found["raise"] = 11 - sum(case.priority == "P4" for case in emulator.store.tables.cases)
    return found


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often for what waits in the queue, so that no test waits for the next look."""
    monkeypatch.setattr(procrastinate_module, "POLL", 0.05)
    monkeypatch.setattr(shards_module, "POLL", 0.05)


@pytest.fixture
async def emulator() -> Any:
    async with Emulator(cases=90, seed=7, limits="changes=1000/60s: comment_case") as running:
        yield running


@pytest.fixture
def open_session(emulator: Emulator) -> Callable[[], CaseSession]:
    return partial(CaseSession, base_url=emulator.base_url, api_key="k", app_key="k")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What one process makes of the same cases: their standing, the states, and what the triage remembers."""
    state = tmp_path_factory.mktemp("calm") / "calm.db"

    async def run() -> Any:
        async with (
            Emulator(cases=90, seed=7) as calm,
            CaseSession(base_url=calm.base_url, api_key="k", app_key="k") as session,
        ):
            result = await run_triage(session, RULES, state=state)
            assert result.succeeded
            async with Journal(state, kind="triage", read_only=True) as book:
                return standing(calm), dict(result.states), set(await read_memory(book))

    return asyncio.run(run())


@pytest.fixture
def split(open_session: Callable[[], CaseSession], postgres_url: str) -> Callable[..., Any]:
    """Plan, and divide the changes into shards."""

    async def run(**options: Any) -> ShardedTriage:
        options = {"state": postgres_url, "shards": SHARDS, "settle": 0, **options}
        async with open_session() as session:
            return await split_triage(session, RULES, **options)

    return run


async def work(open_session: Any, url: str, job: ShardedTriage) -> None:
    """Put shards into the queue, and work on them until it is empty."""
    async with opened_app(url) as app:
        await defer_shards(app, job)
    await asyncio.gather(*(run_worker(url, open_session=open_session, until_empty=True) for _ in range(2)))


async def memory_of(url: str) -> set[tuple[str, str]]:
    async with Journal(url, kind="triage", read_only=True) as book:
        return set(await read_memory(book))


async def test_workers_share_a_triage_and_its_state_is_as_of_one_process(
    emulator: Emulator, expected: Any, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """One result, one report, one memory; and a second run finds nothing to do."""
    job = await split()
    before = await job.result(JobControl())
    assert (before.stopped, before.remaining > 50) == ("its shards are not done yet", True)
    assert await job.standing() == Standing(before.states[State.DONE], sum(before.states.values()), is_over=False)
    assert changed(emulator) == {"note": 1, "raise": 1, "shelve": 1}, "one case of each rule goes all the way first"
    await work(open_session, postgres_url, job)
    control = JobControl()
    await job.wait(control)
    result = await job.result(control)
    assert (standing(emulator), dict(result.states), await memory_of(postgres_url)) == expected
    assert result.succeeded
    whole = sum(result.states.values())
    assert await job.standing() == Standing(whole, whole, is_over=True)
    assert result.stopped is None
    assert result.requests == emulator.requests
    (run,) = await list_runs(postgres_url)
    assert run.state is RunState.ENDED
    report = await read_report(f"{postgres_url}#triage")
    assert report.states == result.states

    again = await split()
    assert (await again.result(JobControl())).states == {}
    assert standing(emulator) == expected[0]


async def test_shards_whose_workers_die_go_on_elsewhere(
    emulator: Emulator, expected: Any, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """Before a request, after it, after a bulk update, after an outcome is written down: nothing is done twice."""
    job = await split(chunk=5)
    for number, (step, nth) in enumerate([("sending", 2), ("sent", 4), ("bulk sent", 1), ("ended", 3)]):
        seen: list[str] = []

        def die(now: str, seen: list[str] = seen, last: tuple[str, int] = (step, nth)) -> None:
            seen.append(now)
            if seen.count(last[0]) == last[1]:
                raise DiedError

        async with open_session() as session:
            with pytest.raises(DiedError):
                await triage_shard(session, job.journal, number % SHARDS, JobControl(on_step=die))
    assert not await job.steps[0].is_done(job.journal, SHARDS)
    await work(open_session, postgres_url, job)
    states = dict((await job.result(JobControl())).states)
    assert (standing(emulator), states, await memory_of(postgres_url)) == expected


async def test_only_one_process_is_at_work_on_a_shard_or_on_the_whole(
    emulator: Emulator,
    expected: Any,
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Shards are locked apart; a job on the whole waits for all of them, and the same call finds the run at work."""
    monkeypatch.setattr(postgres_store, "TRIES", 1)
    job = await split()
    async with open_session() as session:
        async with Journal(postgres_url, kind="triage", part=1):
            with pytest.raises(JournalLockedError, match="another job is at work"):
                await triage_shard(session, job.journal, 1)
            with pytest.raises(JournalLockedError):
                await plan_triage(session, RULES, state=postgres_url)
            with pytest.raises(JournalLockedError):
                await apply_triage(session, state=postgres_url)
            assert await triage_shard(session, job.journal, 0)
            joined = await split(shards=2)
            assert (joined.run, joined.shards) == (job.run, SHARDS)
        async with Journal(postgres_url, kind="triage"):
            with pytest.raises(JournalLockedError):
                await triage_shard(session, job.journal, 1)
        divided_anew = await split(shards=2)
        assert (divided_anew.run, divided_anew.shards) == (job.run, 2)
        assert await triage_shard(session, job.journal, 2), "a shard of the earlier division has nothing to do"
    await work(open_session, postgres_url, divided_anew)
    assert (
        standing(emulator),
        dict((await job.result(JobControl())).states),
        await memory_of(postgres_url),
    ) == expected


async def test_one_process_can_take_over_what_waits_for_workers(
    emulator: Emulator, expected: Any, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """It does what is left of all shards; the workers then find nothing to do."""
    job = await split()
    async with opened_app(postgres_url) as app:
        await defer_shards(app, job)
    async with open_session() as session:
        for number in range(SHARDS - 1):
            assert await triage_shard(session, job.journal, number)
        assert changed(emulator)["shelve"] == 1, "archiving, which takes pages to read back, is left to the last step"
        assert changed(emulator)["note"] > 1
        stopped = JobControl()
        stopped.request_stop()
        assert not await triage_shard(session, job.journal, SHARDS - 1, stopped)
        assert not await job.steps[0].is_done(job.journal, SHARDS), "a worker that was stopped has not done its shard"
        assert (await apply_triage(session, state=postgres_url)).succeeded
        sent = emulator.requests
        await run_worker(postgres_url, open_session=open_session, until_empty=True)
        assert emulator.requests == sent
    result = await job.result(JobControl())
    assert (standing(emulator), dict(result.states), await memory_of(postgres_url)) == expected
    assert result.stopped is None


async def test_workers_leave_a_run_alone_whose_place_a_later_plan_has_taken(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    job = await split()
    async with open_session() as session:
        await plan_triage(session, RULES, state=postgres_url)
        sent = emulator.requests
        assert all([await triage_shard(session, job.journal, number) for number in range(SHARDS)])
        assert await finish_shards(session, job.journal)
    assert emulator.requests == sent
    control = JobControl()
    await job.wait(control)
    assert (await job.result(control)).stopped == "a later plan has taken its place"


async def test_a_case_that_was_changed_since_the_plan_is_skipped_by_its_worker(
    emulator: Emulator,
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also when it was changed after the shards were made; workers have the keys, and share the rate limit."""
    job = await split()
    async with Journal(postgres_url, kind="triage", read_only=True) as book:
        rows = await book.operations("o.state = 'planned' AND o.action = 'priority'")
    (case,) = [each for each in emulator.store.tables.cases if each.id == rows[-1].case_id]
    async with open_session() as session:
        await cases.update_case_title(session, case.id, title="somebody else was here")
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    await work(None, postgres_url, job)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT sum(used) > 0 FROM casemgmt_budget").fetchone() == (True,)
    result = await job.result(JobControl())
    assert (case.priority, result.states[State.SKIPPED]) == ("P4", 1)


async def test_nobody_waits_for_ever_for_a_database_that_is_away(tmp_path: Path) -> None:
    async def no_sleep(_: float) -> None:
        """Go on at once."""

    nowhere = JournalURL(f"postgresql:///triage?host={tmp_path}", "hourly")
    with pytest.raises(JournalConnectionError, match="cannot connect"):
        await ShardedTriage(nowhere, shards=1, run=1).wait(JobControl(sleep=no_sleep))


async def test_a_rule_that_is_refused_stops_before_workers_have_it(
    emulator: Emulator, split: Callable[..., Any], open_session: Any, postgres_url: str
) -> None:
    """Three refusals of a kind stop it for all shards; the other rules go on."""
    emulator.set_faults("update_priority: status=403")
    job = await split()
    refused = Counter(entry.route for entry in emulator.log)["update_priority"]
    await work(open_session, postgres_url, job)
    assert Counter(entry.route for entry in emulator.log)["update_priority"] == refused == 3
    states = (await job.result(JobControl())).states
    assert (states[State.REJECTED], states[State.SKIPPED]) == (3, 8)
    assert (changed(emulator)["raise"], changed(emulator)["shelve"]) == (0, 12)


async def test_whoever_waits_learns_that_workers_have_given_up(
    split: Callable[..., Any],
    open_session: Any,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For an error that another try cannot mend, which the worker logs; after it was mended, the same shards go on.

    The command `worker` leaves out the traceback that procrastinate logs as well.
    """
    monkeypatch.setattr(procrastinate_module, "LOOK", 0.05)

    def refused() -> CaseSession:
        raise ConfigurationError("no keys")

    job = await split()
    async with opened_app(postgres_url) as app:
        await defer_shards(app, job)
        waiting = asyncio.ensure_future(wait_for_shards(app, job, JobControl()))
        await run_worker(postgres_url, open_session=refused, until_empty=True)
        with pytest.raises(JobError, match="workers have given up what is left of this triage"):
            await waiting
        logged = [record for record in caplog.records if record.levelno == logging.ERROR and is_unexpected(record)]
        name, count = job.journal.name, job.shards
        assert sorted(record.message for record in logged) == [
            f"triage {name}, shard {shard} of {count}: given up: no keys" for shard in range(count)
        ]
        await work(open_session, postgres_url, job)
        await wait_for_shards(app, job, JobControl())
    assert (await job.result(JobControl())).succeeded


async def test_a_stop_before_the_changes_leaves_the_plan(
    split: Callable[..., Any], emulator: Emulator, tmp_path: Any
) -> None:
    with pytest.raises(JobError, match="nothing was given to workers because the plan was not confirmed"):
        await split(confirm=lambda plan: False)
    assert not any(entry.route == "comment_case" for entry in emulator.log)
    with pytest.raises(InvalidArgumentError, match="shards need a journal in PostgreSQL"):
        await split(state=tmp_path / "triage.db")


async def test_rules_of_shards_that_waited_for_a_worker_come_round_with_those_of_the_others(
    emulator: Emulator, open_session: Callable[[], CaseSession], postgres_url: str
) -> None:
    """What they did counts from the command that divided the run, and not from its plan."""
    begun = emulator.clock()

    def at(seconds: float) -> JobControl:
        return JobControl(clock=lambda: begun + seconds)

    async with open_session() as session:
        await plan_triage(session, RULES, state=postgres_url, control=at(0))
        job = await split_triage(session, state=postgres_url, shards=SHARDS, control=at(1_000))
        for number in range(job.shards):
            await triage_shard(session, job.journal, number, at(2_000 * (number + 1)))
    async with Journal(job.journal, kind="triage", read_only=True) as book:
        remembered = await read_memory(book)
    assert {round(each.done_at - begun) for each in remembered.values()} == {1_000}
