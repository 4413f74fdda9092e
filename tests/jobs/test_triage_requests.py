"""A triage makes hardly more requests than cannot be avoided, and says how many and how long: in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scenes import all_cases

from benchmarks.requests import LATENCY, ME, SHARES, Row, Service, measure, now, run_in_virtual_time
from casemgmt_async import Case, CaseSession, Event, RequestStarted, cases
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    Progress,
    State,
    apply_triage,
    list_runs,
    parse_rules,
    plan_triage,
    run_triage,
)
from casemgmt_async.jobs.journal import Journal
from casemgmt_async.jobs.journal.runs import select_run
from casemgmt_async.jobs.journal.sqlite_store import SQLiteStore
from casemgmt_async.jobs.journal.triage_queries import planned_groups
from casemgmt_async.jobs.triage.estimate import count_work
from casemgmt_async.jobs.triage.known_cases import AHEAD, KeySearches

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


@pytest.mark.parametrize("share", SHARES)
def test_a_short_triage_waits_for_few_answers_more_than_it_has_to(share: str) -> None:
    """Two for the case that goes first, and one for the first of many searches for keys.

    The service is asked for the organisation of the state while the first cases are read.
    """
    row = run_in_virtual_time(measure(400, share))
    answers = 3 if share == "nearly all" else 2
    assert row.run.seconds <= row.bare.seconds + answers * LATENCY + 0.01
    assert row.later.seconds <= row.bare_later.seconds + answers * LATENCY + 0.01
    assert row.estimate.seconds == pytest.approx(row.apply.seconds, rel=0.15)


@pytest.mark.parametrize("limits", [None, SLOW])
@pytest.mark.parametrize("actions", [{"due_date": "2030-01-01"}, {"priority": "P5", "archive": True}])
@pytest.mark.parametrize("count", [40, 300])
def test_an_estimate_is_near_what_apply_takes(limits: str | None, actions: dict[str, Any], count: int) -> None:
    """With and without a rate limit, one by one and in bulk, by keys and by the pages of projects.

    A single page tells the pace as well as several.
    """

    async def compare() -> tuple[float, float]:
        async with Service(count, limits) as service:
            plan = await plan_triage(
                service.session, all_cases(**actions), state=service.state, control=service.control()
            )
            result, cost = await service.cost(
                lambda: apply_triage(service.session, state=service.state, control=service.control())
            )
            assert result.succeeded
            return plan.seconds, cost.seconds

    estimated, taken = run_in_virtual_time(compare())
    assert estimated == pytest.approx(taken, rel=0.15, abs=0.5 if count > 100 else 0.25)


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


def key_searches(
    count: int, *, dead: bool = False, ahead: int = 0, refused: int | None = None
) -> tuple[list[float], list[float]]:
    """Look `count` cases up twice; gives when the searches of each time were started, in answers waited for.

    `ahead` cases were looked up before they were wanted. With `dead`, searches find no keys. The service refuses the
    search with the number `refused`.
    """
    started: list[float] = []

    async def see(found: Sequence[Case]) -> list[str]:
        return [case.id for case in found]

    async def run() -> tuple[list[float], list[float]]:
        async with Service(count, None, switches=Switches(dead_facets={"*"} if dead else ())) as service:
            await cases.search_cases(service.session)  # the first request to a service goes alone
            service.emulator.set_faults(None if refused is None else f"search_cases#{refused}: status=400")
            keys = {case.id: case.key for case in service.emulator.store.tables.cases}
            searches = KeySearches(service.session, service.control())
            service.session.add_listener(
                lambda event: started.append(now()) if isinstance(event, RequestStarted) else None
            )
            times: list[list[float]] = []
            for early in (ahead, 0):
                begun, already = now(), len(started)
                await searches.look_ahead(list(keys.values())[:early])
                await searches.read(keys, see)
                times.append([round((each - begun) / LATENCY) for each in started[already:]])
            return times[0], times[1]

    return run_in_virtual_time(run())


def test_a_few_searches_for_keys_are_made_at_once_and_of_many_the_first_alone() -> None:
    """Once a search has found its keys, the later ones of the job do not wait for one."""
    assert key_searches(300) == ([0, 0, 0], [0, 0, 0])
    assert key_searches(301) == ([0, 1, 1, 1], [0, 0, 0, 0])


def test_where_searches_find_no_keys_each_reading_tries_no_more_than_the_first_of_them() -> None:
    assert key_searches(301, dead=True) == ([0], [0])
    assert key_searches(300, dead=True) == ([0, 0, 0], [0, 0, 0])


def test_a_search_that_fails_is_the_last_even_if_others_that_are_in_flight_succeed() -> None:
    """Eight at a time: the second of twelve is refused, the next seven are under way, and the others are not made."""
    assert key_searches(1_200, refused=2)[0] == [0, *[1] * 8]


def test_searches_that_were_made_ahead_are_not_made_again() -> None:
    """Their answers serve the first reading alone."""
    assert key_searches(250, ahead=250) == ([0, 0, 0], [0, 0, 0])
    assert key_searches(350, ahead=AHEAD) == ([0, 1, 1, 1], [0, 0, 0, 0])
    assert key_searches(250, ahead=2) == ([0, 0, 0], [0, 0, 0]), "two cases are not searched for"


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
    """To apply a plan in bulk, each case is read once, and the first once more to look them up early.

    What several steps need to know is counted and read once.
    """
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
    assert sum(read) <= 400 + AHEAD + 100
    assert len(read) <= 50, "no query for each bulk update"


def first_cases_of(rules: dict[str, Any], count: int) -> tuple[list[tuple[float, str]], int]:
    """Run rules over seeded cases; gives the changes sent one by one, with when they started, and all changes done."""
    sent: list[tuple[float, str]] = []

    def note(event: Event) -> None:
        if isinstance(event, RequestStarted) and event.route.method != "GET" and "bulk" not in event.route.name:
            sent.append((now(), event.url))

    async def run() -> int:
        async with Service(count, None) as service:
            service.session.add_listener(note)
            result = await run_triage(
                service.session, parse_rules(rules), state=service.state, control=service.control()
            )
            assert result.succeeded
            return result.states[State.DONE]

    done = run_in_virtual_time(run())
    return [(round((moment - sent[0][0]) / LATENCY), url) for moment, url in sent], done


def test_the_first_cases_of_several_rules_go_at_the_same_time() -> None:
    """Two answers and not six are waited for, and one more, since the first request of an operation goes alone."""
    actions = {"assign": ME, "due_date": "2030-01-01"}
    rules = [
        {"name": f"rule {each}", "match": {"priority": f"P{each}", "assignee": "none"}, "actions": actions}
        for each in (1, 2, 3)
    ]
    sent, _ = first_cases_of({"rules": rules}, 200)
    assert [moment for moment, _ in sent][:6] == [0, 1, 1, 1, 2, 2]


def test_a_case_that_goes_first_for_two_rules_gets_each_change_once() -> None:
    rules = [
        {"name": "one", "match": "all", "actions": {"assign": ME, "due_date": "2030-01-01"}, "continue": True},
        {"name": "two", "match": "all", "actions": {"comment": "Seen.", "priority": "P5"}, "once": True},
    ]
    sent, done = first_cases_of({"rules": rules}, 40)
    urls = [url for _, url in sent]
    assert len(urls) == len(set(urls))
    assert done > 3 * 30


def test_a_run_begins_before_its_first_case_is_read() -> None:
    """Whatever others do after that belongs to the next run."""

    async def run() -> tuple[float, float]:
        started: list[float] = []
        async with Service(30, None) as service:
            service.session.add_listener(
                lambda event: started.append(now()) if isinstance(event, RequestStarted) else None
            )
            await plan_triage(service.session, all_cases(priority="P5"), state=service.state, control=service.control())
            (made,) = await list_runs(service.state)
            return made.begun, started[0]

    begun, first_request = run_in_virtual_time(run())
    assert begun <= first_request


def test_the_journal_is_asked_nothing_about_operations_that_were_never_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that nobody has begun to apply says itself how it stands; its operations are counted once, at the end."""
    asked: list[str] = []
    select = SQLiteStore.select

    def noted(*given: Any) -> list[tuple[Any, ...]]:
        asked.append(given[2])
        return select(*given)

    async def run() -> None:
        async with Service(400, None) as service:
            monkeypatch.setattr(SQLiteStore, "select", noted)
            plan = await plan_triage(
                service.session, all_cases(priority="P5"), state=service.state, control=service.control()
            )
            planning = [sql for sql in asked if "FROM operations WHERE" in sql]
            assert planning == []
            result = await apply_triage(service.session, state=service.state, control=service.control())
            assert result.states == {State.DONE: plan.operations}

    run_in_virtual_time(run())
    spans, counts = [sql for sql in asked if "FROM operations WHERE" in sql]
    assert "json_group_array" in spans
    assert "count(*)" in counts
