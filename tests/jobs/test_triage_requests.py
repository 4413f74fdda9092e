"""A triage makes hardly more requests than cannot be avoided, and says how many and how long: in virtual time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scenes import all_cases

from benchmarks.requests import ME, SHARES, Row, Service, measure, now, run_in_virtual_time
from casemgmt_async import CaseSession, Event, RequestStarted
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import Budget, JobControl, Progress, State, apply_triage, parse_rules, plan_triage, run_triage
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.runs import select_run
from casemgmt_async.jobs.journal.sqlite_store import SQLiteStore
from casemgmt_async.jobs.journal.triage_queries import planned_groups
from casemgmt_async.jobs.triage.estimate import count_work

SLOW = "all=60/10s:*"
"""A limit that a few hundred requests meet several times."""


@pytest.mark.parametrize("share", SHARES)
def test_a_triage_makes_few_requests_that_could_be_avoided(share: str) -> None:
    """One tells whose state it is, and one case of the rule with two changes goes first; no page is read in vain."""
    row = run_in_virtual_time(measure(400, share))
    assert row.run.requests <= row.bare.requests + 1 + 2
    assert row.later.requests <= row.bare_later.requests + 2 + 2
    assert row.estimate.requests == pytest.approx(row.apply.requests, abs=2)


def test_under_a_rate_limit_a_triage_takes_hardly_longer_than_its_unavoidable_requests() -> None:
    """The waits for the limit are the same, and the estimate knows them."""
    row: Row = run_in_virtual_time(measure(600, "nearly all", "all=14/10s:*"))
    assert row.run.seconds <= row.bare.seconds * 1.1
    assert row.later.seconds <= row.bare_later.seconds * 1.1
    assert row.estimate.seconds == pytest.approx(row.apply.seconds, rel=0.15)


@pytest.mark.parametrize("limits", [None, SLOW])
@pytest.mark.parametrize("actions", [{"due_date": "2030-01-01"}, {"priority": "P5", "archive": True}])
def test_an_estimate_is_near_what_apply_takes(limits: str | None, actions: dict[str, Any]) -> None:
    """With and without a rate limit, one by one and in bulk, by keys and by the pages of projects."""

    async def compare() -> tuple[float, float]:
        async with Service(300, limits) as service:
            plan = await plan_triage(
                service.session, all_cases(**actions), state=service.state, control=service.control()
            )
            result, cost = await service.cost(
                lambda: apply_triage(service.session, state=service.state, control=service.control())
            )
            assert result.succeeded
            return plan.seconds, cost.seconds

    estimated, taken = run_in_virtual_time(compare())
    assert estimated == pytest.approx(taken, rel=0.15, abs=0.5)


def test_an_archived_case_is_not_searched_by_its_key() -> None:
    """No search would find it: that the pages of its project are without it shows the same."""

    async def run() -> tuple[Any, int]:
        async with Service(400, None) as service:
            rules = all_cases(archive=True)
            result, cost = await service.cost(
                lambda: run_triage(service.session, rules, state=service.state, control=service.control())
            )
            return result, cost.requests

    result, requests = run_in_virtual_time(run())
    assert result.states == {State.DONE: 400}
    assert requests <= 1 + 4 + 4 + 3, "whose it is, pages, bulk updates, pages of the projects"


async def test_what_is_planned_is_counted_by_how_it_is_read_back(tmp_path: Path) -> None:
    """Cases that a search shows after a bulk update, those that it does not, and the projects of these."""
    rules = parse_rules(
        {
            "rules": [
                {"name": "first", "match": {"priority": "P1"}, "actions": {"archive": True}},
                {"name": "then", "match": {"priority": ["P2", "P3", "P4"]}, "actions": {"priority": "P5"}},
            ]
        }
    )
    async with (
        Emulator(cases=60, seed=1) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        found = emulator.store.tables.cases
        urgent = [case for case in found if case.priority == "P1" and case.archived_at is None]
        others = [case for case in found if case.priority in {"P2", "P3", "P4"} and case.archived_at is None]
        await plan_triage(session, rules, state=tmp_path / "state.db")
    async with Journal(tmp_path / "state.db", kind="triage", read_only=True) as book:
        await select_run(book)
        work = await count_work(book, await planned_groups(book), len(urgent) + len(others))
    projects = {case.project_id for case in urgent}
    assert (work.shown, work.hidden, work.projects) == (len(others), len(urgent), len(projects))
    assert len({work.shown, work.hidden, work.projects}) == 3


def test_where_searches_find_no_keys_the_pages_of_the_projects_are_read() -> None:
    """The first search that finds nothing is the last of its kind, and the result is the same."""

    async def run() -> tuple[Any, int]:
        async with Service(400, None, switches=Switches(dead_facets={"*"})) as service:
            service.session.add_listener(asked.append)
            result, cost = await service.cost(
                lambda: run_triage(
                    service.session, all_cases(priority="P5"), state=service.state, control=service.control()
                )
            )
            assert all(case.priority == "P5" for case in service.emulator.store.tables.cases)
            return result, cost.requests

    asked: list[Event] = []
    result, requests = run_in_virtual_time(run())
    assert result.states.keys() == {State.DONE}
    assert requests <= 1 + 4 + 4 + 1 + 9, "whose it is, pages, bulk updates, one search, pages of the projects"
    assert sum(isinstance(event, RequestStarted) and "filter=key" in event.url for event in asked) == 1


def test_a_listing_goes_on_after_a_long_rate_limit_where_it_was() -> None:
    """A window is longer than a call may wait, and no page is read twice."""

    async def run() -> tuple[int, float]:
        async with Service(500, "all=3/600s:*") as service:
            service.session.add_listener(asked.append)
            control = JobControl(clock=now, budget=Budget(concurrency=1))
            plan, cost = await service.cost(
                lambda: plan_triage(service.session, all_cases(priority="P5"), state=service.state, control=control)
            )
            return plan.cases, cost.seconds

    asked: list[Event] = []
    walked, seconds = run_in_virtual_time(run())
    assert (walked, seconds > 600) == (500, True)
    urls = [event.url for event in asked if isinstance(event, RequestStarted) and "page%5Bnumber" in event.url]
    assert [url for url, count in Counter(urls).items() if count > 1] == []
    assert len(urls) == 5


def test_progress_tells_the_time_left_while_the_rate_limit_holds_it_up_and_while_confirming() -> None:
    """From the second window of the limit on, the time left is near what it then takes."""
    told: list[tuple[float, Progress]] = []

    async def run() -> float:
        async with Service(400, SLOW) as service:
            control = JobControl(clock=now, on_progress=lambda progress: told.append((now(), progress)))
            rules = all_cases(due_date="2030-01-01", priority="P5")
            result = await run_triage(service.session, rules, state=service.state, control=control)
            assert result.succeeded
            return now()

    ended = run_in_virtual_time(run())
    changing = [(moment, progress) for moment, progress in told if progress.phase == "changing"]
    confirming = [(moment, progress) for moment, progress in told if progress.phase == "verifying"]
    took = changing[-1][0] - changing[0][0]
    assert sum(before.held == 0 < after.held for (_, before), (_, after) in pairwise(changing)) >= 4
    known = [(moment, progress.eta) for moment, progress in changing if moment - changing[0][0] > 20]
    assert all(eta is not None for _, eta in known)
    assert max(abs(moment + (eta or 0.0) - changing[-1][0]) for moment, eta in known) <= 0.15 * took
    assert [progress.done for _, progress in confirming] == sorted(progress.done for _, progress in confirming)
    assert confirming[-1][1].done == confirming[-1][1].total
    assert confirming[-1][0] <= ended


def test_the_journal_is_asked_for_cases_and_not_for_each_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """To apply a plan in bulk, each case is read once; what several steps need to know is counted and read once."""
    read: list[int] = []
    select = SQLiteStore.select

    def counted(*given: Any) -> list[tuple[Any, ...]]:
        rows = select(*given)
        read.append(len(rows))
        return rows

    async def run() -> int:
        async with Service(400, None) as service:
            rules = all_cases(priority="P5", assign=ME, status="In Progress")
            plan = await plan_triage(service.session, rules, state=service.state, control=service.control())
            monkeypatch.setattr(SQLiteStore, "select", counted)
            result = await apply_triage(service.session, state=service.state, control=service.control())
            assert result.states == {State.DONE: plan.operations}
            return plan.operations

    operations = run_in_virtual_time(run())
    assert operations > 1_000
    assert sum(read) <= 400 + 100
    assert len(read) <= 50, "no query for each bulk update"
