"""A plan changes nothing; applying it makes the cases what the rules say, once, in few requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import ME, all_cases, comments, routes

from casemgmt_async import CaseSession
from casemgmt_async.emulator import Emulator, Switches
from casemgmt_async.jobs import (
    Budget,
    JobControl,
    Journal,
    RunState,
    State,
    apply_triage,
    list_runs,
    parse_rules,
    plan_triage,
    read_report,
    run_triage,
)

EVERYTHING = {
    "priority": "P4",
    "attributes": {"triaged": ["yes"]},
    "custom_attributes": {"severity": "low"},
    "due_date": "2030-01-02",
    "assign": ME,
    "comment": "Seen by triage.",
    "status": "In Progress",
}


async def test_a_plan_changes_nothing_and_says_what_it_would_do(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """The table has rule, action and count; not one request was a change."""
    before = emulator.snapshot()
    plan = await plan_triage(session, all_cases(assign=ME, archive=True), state=journal)

    assert [(row.rule, row.action, row.operations) for row in plan.rows] == [
        ("all", f"assign {ME}", 40),
        ("all", "archive", 40),
    ]
    assert (plan.cases, plan.matched, plan.operations) == (40, 40, 80)
    assert plan.requests == 10
    assert plan.basis == "the measured speed"
    assert "bulk_update_cases" not in routes(emulator)
    assert all(entry.method == "GET" for entry in emulator.log)
    assert emulator.snapshot() == before


async def test_an_estimate_says_what_it_rests_on(journal: Path) -> None:
    """Where the answers tell a limit, it is named."""
    async with (
        Emulator(cases=5, limits="searching=100/10s:search_cases") as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        plan = await plan_triage(session, all_cases(comment="x"), state=journal)
        swept = await plan_triage(session, all_cases(comment="x"), state=journal, complete=True)
    assert plan.basis == swept.basis == "the rate limit searching of 100 requests in 10 s"


async def test_applying_makes_the_cases_what_the_rules_say(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Every kind of action is done to every case, once, and its attributes of before are still there."""
    kept = {case.id: case.attributes for case in emulator.store.tables.cases}
    project = next(iter(emulator.store.tables.projects))
    await plan_triage(session, all_cases(**EVERYTHING, project=project, archive=True), state=journal)
    result = await apply_triage(session, state=journal)

    assert result.succeeded
    assert result.states.keys() == {State.DONE}
    for case in emulator.store.tables.cases:
        assert (case.priority, case.assignee, case.status) == ("P4", ME, "IN_PROGRESS")
        assert (case.due_date, case.project_id) == ("2030-01-02", project)
        assert case.attributes == {**kept[case.id], "triaged": ["yes"]}
        assert case.custom_attributes["severity"]["value"] == "low"
        assert case.archived_at is not None
    assert comments(emulator, "Seen by triage.") == 40
    assert routes(emulator)["archive_case"] == 1, "one case goes first"
    assert routes(emulator)["update_priority"] <= 1


async def test_ten_thousand_operations_take_few_requests(journal: Path) -> None:
    """Three bulk actions over a thousand cases, read back: some dozens of requests, and the saving is told."""
    async with (
        Emulator(cases=1_000, seed=1) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        emulator.add_status("Declined", "closed")
        rules = parse_rules(
            {
                "rules": [
                    {"name": "r", "match": "all", "actions": {"priority": "P5", "assign": ME, "status": "Declined"}}
                ]
            }
        )
        plan = await plan_triage(session, rules, state=journal)
        before = emulator.requests
        result = await apply_triage(session, state=journal)
        spent = emulator.requests - before
        assert all(case.status == "DECLINED" for case in emulator.store.tables.cases)
    assert result.succeeded
    assert result.unbatched_requests == plan.operations > 2_800
    assert spent <= result.requests < 100
    assert plan.requests == pytest.approx(spent, abs=30)


async def test_what_is_so_already_costs_nothing(emulator: Emulator, session: CaseSession, journal: Path) -> None:
    """A second triage with the same rules plans no operation but the comments."""
    rules = all_cases(priority="P4", assign=ME)
    await run_triage(session, rules, state=journal)
    plan = await plan_triage(session, rules, state=journal.with_name("second.db"))
    assert (plan.operations, plan.unchanged) == (0, 80)


async def test_a_case_changed_since_the_plan_is_skipped_unless_told_otherwise(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """Somebody else's change after the plan keeps the job away from that case, and is reported."""
    await plan_triage(session, all_cases(priority="P4", comment="x"), state=journal)
    changed = emulator.store.tables.cases[3].id
    emulator.store.cases.touch(changed)
    async with Journal(journal, kind="any", read_only=True) as book:
        planned = [operation.name for operation in await book.operations()]
    result = await apply_triage(session, state=journal)

    assert result.states[State.SKIPPED] == planned.count(changed)
    assert comments(emulator, "x") == 39
    report = await read_report(journal)
    assert {failure.reason for failure in report.failures} == {"the case was changed since the plan"}
    assert result.succeeded

    again = journal.with_name("again.db")
    await plan_triage(session, all_cases(comment="y"), state=again)
    emulator.store.cases.touch(changed)
    assert (await apply_triage(session, state=again, even_if_changed=True)).states == {State.DONE: 40}


async def test_a_closed_case_that_left_the_filter_is_found_changed(
    emulator: Emulator, session: CaseSession, journal: Path
) -> None:
    """What is no longer on the pages of the plan's search is still read before anything is done to it."""
    rules = parse_rules(
        {"filter": "status:open", "rules": [{"name": "r", "match": "all", "actions": {"comment": "x"}, "once": True}]}
    )
    plan = await plan_triage(session, rules, state=journal)
    chosen = [case.id for case in emulator.store.tables.cases if case.status == "OPEN"][:2]
    emulator.store.cases.close(chosen[0])
    emulator.store.cases.archive(chosen[1])
    result = await apply_triage(session, state=journal)
    assert result.states == {State.DONE: plan.operations - 2, State.SKIPPED: 2}


async def test_budgets_and_stops_leave_the_rest_for_the_next_run(
    session: CaseSession, emulator: Emulator, journal: Path
) -> None:
    """After so many operations, after its time, or when asked, it ends in order, and the same call goes on."""
    rules = all_cases(priority="P4", comment="Seen.")
    total = (await plan_triage(session, rules, state=journal)).operations

    first = await apply_triage(session, state=journal, control=JobControl(budget=Budget(max_operations=15)))
    assert first.states == {State.DONE: 15, State.PLANNED: total - 15}
    assert first.stopped == "its budget of 15 operations is used up"
    assert first.succeeded

    late = await apply_triage(session, state=journal, control=JobControl(budget=Budget(max_time=1e-9)))
    assert late.states == first.states
    assert late.stopped == "its time of 1e-09 s is used up"

    ended: list[str] = []

    def stop_after_five(step: str) -> None:
        if step == "ended":
            ended.append(step)
            if len(ended) == 5:
                asked.request_stop()

    asked = JobControl(on_step=stop_after_five)
    stopped = await apply_triage(session, state=journal, control=asked)
    assert stopped.interrupted
    assert not stopped.succeeded
    assert 15 < stopped.states[State.DONE] < total

    last = await apply_triage(session, state=journal)
    assert last.states == {State.DONE: total}
    assert comments(emulator, "Seen.") == 40


async def test_a_plan_that_was_not_applied_is_replaced(session: CaseSession, emulator: Emulator, journal: Path) -> None:
    """Editing rules never blocks: the next plan takes the place of the last, and says so."""
    first = await plan_triage(session, all_cases(comment="x"), state=journal)
    second = await plan_triage(session, all_cases(comment="y"), state=journal)
    assert (first.run, first.replaces) == (1, None)
    assert (second.run, second.replaces) == (2, 1)
    assert (await apply_triage(session, state=journal)).states == {State.DONE: 40}
    assert (comments(emulator, "x"), comments(emulator, "y")) == (0, 40)
    assert [run.state for run in await list_runs(journal)] == [RunState.REPLACED, RunState.ENDED]


async def test_facets_and_index_that_cannot_be_trusted_cost_requests_and_nothing_else(journal: Path) -> None:
    """Where search shows nothing new for an hour, the cases are read one by one, and the result is the same."""
    async with (
        Emulator(cases=12, seed=3, switches=Switches(archived_visible=True)) as emulator,
        CaseSession(base_url=emulator.base_url, api_key="k", app_key="k") as session,
    ):
        result = await run_triage(session, all_cases(archive=True, priority="P1"), state=journal)
        assert result.succeeded
        assert all(case.archived_at and case.priority == "P1" for case in emulator.store.tables.cases)
